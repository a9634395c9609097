/* The functions of <tn/autograd.h> while memory runs out. */
#include "rows/allocations.h"

static tn_tensor *sum_of_squares(tn_ctx *unused, tn_tensor *const *inputs, void *payload)
{
    (void)unused, (void)payload;
    return tn_sum(ctx, tn_square(ctx, inputs[0]), (tn_reduce_opts){0});
}

/* Two leaves of which one has a gradient already, used twice, and a view of that gradient. */
static tn_tensor *shared_leaves(void)
{
    tn_tensor *product = tn_mul(ctx, in[0], in[1]);
    return tn_add(ctx, tn_mul(ctx, product, in[0]), tn_mul(ctx, in[1], in[1]));
}

static tn_tensor *with_view_of_gradient(void)
{
    tn_dict_set(dict, "a", tn_grad(in[0]));
    return shared_leaves();
}

static tn_tensor *watched(tn_tensor *y)
{
    tn_detect_anomaly(ctx, true);
    return y;
}

static tn_tensor *profiled(void)
{
    tn_profile(ctx, true);
    return tn_sqrt(ctx, in[0]);
}

static tn_status convert_profiled(void)
{
    tn_status profiling = tn_profile(ctx, true), converted = tn_module_to(ctx, spare, TN_F64);
    tn_profile(ctx, false);
    tn__profile_free(ctx);
    return profiling == TN_OK ? converted : profiling;
}

static bool look(tn_ctx *unused, const tn_tensor *grad, void *payload)
{
    (void)unused, (void)payload;
    return tn_sum(ctx, grad, (tn_reduce_opts){0}) != NULL;
}

static tn_tensor *with_hook(void)
{
    tn_on_grad(ctx, in[0], look, NULL);
    return shared_leaves();
}

static void autograd_rows(void)
{
    CALLS(tn_set_requires_grad, "", tn_set_requires_grad(ctx, x, true));
    ASKS(tn_requires_grad, "", tn_requires_grad(p));
    ASKS(tn_grad, "f32[2]", tn_grad(in[0]));
    ASKS(tn_clear_grad, "f32[2]", (tn_clear_grad(in[0]), 0));
    CALLS(tn_backward, "f32[1]", tn_backward(ctx, in[0]));
    GRADIENTS(tn_backward_with, "f32[3] f32[3]", shared_leaves());
    GRADIENTS(tn_backward_with, "f32[3] f32[3]", with_view_of_gradient());
    GRADIENTS(tn_backward_with, "f32[3]", in[0]);
    GRADIENTS(tn_detect_anomaly, "f32[3] f32[3]", watched(shared_leaves()));
    ASKS(tn_on_grad, "f32[2]", tn_on_grad(ctx, in[0], look, NULL));
    ASKS(tn_get_grad_hook, "f32[2]", tn_get_grad_hook(in[0], NULL) == look);
    GRADIENTS(tn_on_grad, "f32[3] f32[3]", with_hook());
    ASKS(tn_set_grad_enabled, "", tn_set_grad_enabled(ctx, true));
    ASKS(tn_is_grad_enabled, "", tn_is_grad_enabled(ctx));
    CALLS(tn_detach, "f32[2]", tn_detach(ctx, in[0]));
    CALLS(tn_gradcheck, "f64[2] f64[2]",
          tn_gradcheck(ctx, sum_of_squares, NULL, 1, in + 1, (tn_gradcheck_opts){.projections = 1},
                       NULL));
    GRADIENTS(tn_profile, "+f64[2]", profiled());
    CALLS(tn_profile, "", convert_profiled());
    ASKS(tn_profile_report, "", tn_profile_report(ctx, NULL, 0));
}

int main(void)
{
    return run_allocations("autograd.h", autograd_rows);
}
