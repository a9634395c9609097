/* The functions of <tn/autograd.h>, given what does not fit. */
#include "rows/refusals.h"

static tn_tensor *sum_of_squares(tn_ctx *unused, tn_tensor *const *inputs, void *payload)
{
    (void)unused, (void)payload;
    return tn_sum(ctx, tn_square(ctx, inputs[0]), (tn_reduce_opts){0});
}

static bool deliver(tn_ctx *unused, const tn_tensor *grad, void *payload)
{
    (void)unused, (void)grad, (void)payload;
    return true;
}

static void hook_rows(void)
{
    REFUSES(tn_on_grad, TN_ERR_ARGUMENT, "on_grad: leaf is NULL",
            tn_on_grad(ctx, NULL, deliver, NULL));
    REFUSES(tn_on_grad, TN_ERR_STATE, "on_grad: a tensor of shape [2,3] requires no gradient",
            tn_on_grad(ctx, x, deliver, NULL));
    REFUSES(tn_on_grad, TN_ERR_STATE,
            "on_grad: a tensor of shape [2] that square made is not a leaf",
            tn_on_grad(ctx, y, deliver, NULL));
    WORKS(tn_on_grad, tn_on_grad(ctx, p, deliver, NULL));
    HOLDS(tn_on_grad, tn_on_grad(ctx, NULL, NULL, NULL) == TN_OK);
    HOLDS(tn_get_grad_hook, !tn_get_grad_hook(NULL, NULL) && !tn_get_grad_hook(y, NULL));
}

static void autograd_rows(void)
{
    REFUSES(tn_set_requires_grad, TN_ERR_ARGUMENT, "set_requires_grad: tensor is NULL",
            tn_set_requires_grad(ctx, NULL, true));
    REFUSES(tn_set_requires_grad, TN_ERR_DTYPE,
            "set_requires_grad: tensor is i64 but must be f32 or f64; tn_cast converts",
            tn_set_requires_grad(ctx, ints, true));
    REFUSES(tn_set_requires_grad, TN_ERR_STATE,
            "set_requires_grad: a tensor of shape [2] that square made is not a leaf; tn_detach "
            "makes one of it",
            tn_set_requires_grad(ctx, y, false));
    REFUSES(tn_set_requires_grad, TN_ERR_STATE,
            "set_requires_grad: a tensor of shape [2] belongs to another context",
            tn_set_requires_grad(ctx, T("f32[2]"), true));
    WORKS(tn_set_requires_grad, tn_set_requires_grad(ctx, x, true));
    HOLDS(tn_requires_grad, !tn_requires_grad(NULL));
    HOLDS(tn_grad, tn_grad(NULL) == NULL && tn_grad(p) == NULL && tn_grad(x) == NULL);
    HOLDS(tn_clear_grad, (tn_clear_grad(NULL), tn_clear_grad(x), true));
    REFUSES(tn_backward, TN_ERR_ARGUMENT, "backward: loss is NULL", tn_backward(ctx, NULL));
    REFUSES(tn_backward, TN_ERR_SHAPE,
            "backward: the loss has shape [2], not one element; reduce it, or give a gradient to "
            "tn_backward_with",
            tn_backward(ctx, y));
    REFUSES(tn_backward, TN_ERR_STATE, "backward: a tensor of shape [] requires no gradient",
            tn_backward(ctx, T("f32[]")));
    WORKS(tn_backward, tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0})));
    REFUSES(tn_backward_with, TN_ERR_ARGUMENT, "backward: loss is NULL",
            tn_backward_with(ctx, NULL, T("f64[2]")));
    REFUSES(tn_backward_with, TN_ERR_ARGUMENT, "backward: grad is NULL",
            tn_backward_with(ctx, y, NULL));
    REFUSES(tn_backward_with, TN_ERR_SHAPE, "backward: a tensor of shape [2] and a gradient of [1]",
            tn_backward_with(ctx, y, T("f64[1]")));
    REFUSES(tn_backward_with, TN_ERR_DTYPE,
            "backward: the tensor is f64 but its gradient is f32; tn_cast converts",
            tn_backward_with(ctx, y, T("f32[2]")));
    REFUSES(tn_backward_with, TN_ERR_STATE,
            "backward: a tensor of shape [2,3] requires no gradient",
            tn_backward_with(ctx, x, T("f32[2,3]")));
    WORKS(tn_backward_with, tn_backward_with(ctx, y, T("f64[2]")));
    HOLDS(tn_set_grad_enabled, !tn_set_grad_enabled(NULL, true));
    HOLDS(tn_is_grad_enabled, !tn_is_grad_enabled(NULL));
    REFUSES(tn_detach, TN_ERR_ARGUMENT, "detach: input is NULL", tn_detach(ctx, NULL));
    WORKS(tn_detach, tn_detach(ctx, y));
}

static void gradcheck_rows(void)
{
    REFUSES(tn_gradcheck, TN_ERR_ARGUMENT, "gradcheck: the function is NULL",
            tn_gradcheck(ctx, NULL, NULL, 1, &p, (tn_gradcheck_opts){0}, NULL));
    REFUSES(tn_gradcheck, TN_ERR_ARGUMENT, "gradcheck: inputs is NULL",
            tn_gradcheck(ctx, sum_of_squares, NULL, 1, NULL, (tn_gradcheck_opts){0}, NULL));
    REFUSES(tn_gradcheck, TN_ERR_ARGUMENT, "gradcheck: none of -1 inputs requires a gradient",
            tn_gradcheck(ctx, sum_of_squares, NULL, -1, &p, (tn_gradcheck_opts){0}, NULL));
    REFUSES(tn_gradcheck, TN_ERR_ARGUMENT, "gradcheck: an input is NULL",
            tn_gradcheck(ctx, sum_of_squares, NULL, 1, &(tn_tensor *){NULL}, (tn_gradcheck_opts){0},
                         NULL));
    REFUSES(tn_gradcheck, TN_ERR_ARGUMENT, "gradcheck: none of 1 inputs requires a gradient",
            tn_gradcheck(ctx, sum_of_squares, NULL, 1, &x, (tn_gradcheck_opts){0}, NULL));
    REFUSES(tn_gradcheck, TN_ERR_DTYPE, "gradcheck: input 0 is f32; differences need f64",
            tn_gradcheck(ctx, sum_of_squares, NULL, 1,
                         &(tn_tensor *){tn_parameter(net, 0, NULL, 0)}, (tn_gradcheck_opts){0},
                         NULL));
    REFUSES(tn_gradcheck, TN_ERR_ARGUMENT, "gradcheck: eps -1",
            tn_gradcheck(ctx, sum_of_squares, NULL, 1, &p, (tn_gradcheck_opts){.eps = -1}, NULL));
    REFUSES(tn_gradcheck, TN_ERR_ARGUMENT, "gradcheck: rtol -1",
            tn_gradcheck(ctx, sum_of_squares, NULL, 1, &p, (tn_gradcheck_opts){.rtol = -1}, NULL));
    WORKS(tn_gradcheck,
          tn_gradcheck(ctx, sum_of_squares, NULL, 1, &p, (tn_gradcheck_opts){0}, NULL));
}

static void inspect_rows(void)
{
    HOLDS(tn_detect_anomaly, !tn_detect_anomaly(NULL, true));
    WORKS(tn_profile, tn_profile(ctx, true));
    HOLDS(tn_profile, tn_profile(NULL, true) == TN_ERR_ARGUMENT);
    HOLDS(tn_profile_report, tn_profile_report(NULL, NULL, 0) > 0);
    HOLDS(tn_profile_report, tn_profile_report(own, NULL, 0) > 0);
}

static void all_rows(void)
{
    autograd_rows();
    hook_rows();
    gradcheck_rows();
    inspect_rows();
}

int main(void)
{
    return run_refusals("autograd.h", all_rows);
}
