/* The functions of <tn/optim.h> while memory runs out. */
#include "rows/allocations.h"

#define OPTIM_ROWS(function, function_of, opts)      \
    CALLS(function, "", function(ctx, spare, opts)); \
    CALLS(function_of, "f32[2] f64[3]", function_of(ctx, 2, in, opts))

/* Thaws a frozen layer, which gets its moments in the step. */
static tn_optim *frozen_optim(void)
{
    tn_freeze(ctx, tn_child(net, 2), true);
    tn_optim *o = tn_adam(ctx, net, (tn_adam_opts){.lr = 0.5});
    tn_freeze(ctx, tn_child(net, 2), false);
    for (int64_t i = 2; i < 4; i++)
        tn_backward(ctx, tn_sum(ctx, tn_parameter(net, i, NULL, 0), (tn_reduce_opts){0}));
    return o;
}

/* Made before the allocator fails, once. */
static tn_optim *made(tn_optim **o)
{
    int64_t at = memory.fail_at;
    memory.fail_at = 0;
    tn_scope_end(ctx, scope);
    if (!*o)
        *o = frozen_optim();
    arm();
    memory.fail_at = at;
    return *o;
}

static void optim_rows(void)
{
    OPTIM_ROWS(tn_sgd, tn_sgd_of, ((tn_sgd_opts){.momentum = 0.5}));
    OPTIM_ROWS(tn_adam, tn_adam_of, ((tn_adam_opts){0}));
    OPTIM_ROWS(tn_adamw, tn_adamw_of, ((tn_adamw_opts){0}));
    OPTIM_ROWS(tn_rmsprop, tn_rmsprop_of, ((tn_rmsprop_opts){.momentum = 0.5, .centered = true}));
    ASKS(tn_step, "", tn_step(opt));
    CALLS(tn_step, "", tn_step(made(&thawed)));
    ASKS(tn_zero_grad, "", (tn_zero_grad(opt), 0));
    ASKS(tn_optim_free, "", (tn_optim_free(NULL), 0));
    CALLS(tn_add_group, "", tn_add_group(opt, spare, (tn_group_opts){0}));
    CALLS(tn_add_group_of, "f32[2] f64[3] f32[1]",
          tn_add_group_of(opt, 4, (tn_tensor *[]){in[0], p, in[1], in[2]}, (tn_group_opts){0}));
    ASKS(tn_group_count, "", tn_group_count(opt));
    CALLS(tn_optim_state_dict, "", tn_optim_state_dict(opt));
    CALLS(tn_optim_load_state_dict, "", tn_optim_load_state_dict(opt, opt_state));
    ASKS(tn_lr, "", tn_lr(opt));
    ASKS(tn_set_lr, "", tn_set_lr(opt, 0.5));
    ASKS(tn_group_lr, "", tn_group_lr(opt, 1));
    ASKS(tn_set_group_lr, "", tn_set_group_lr(opt, 1, 0.5));
    ASKS(tn_clip_grad_norm, "", tn_clip_grad_norm(opt, 0.5));
    ASKS(tn_clip_grad_value, "", tn_clip_grad_value(opt, 0.5));
}

static void schedule_rows(void)
{
    CALLS(tn_step_lr, "", tn_step_lr(ctx, plain_opt, 5, 0.5));
    CALLS(tn_exponential_lr, "", tn_exponential_lr(ctx, plain_opt, 0.5));
    CALLS(tn_cosine_annealing_lr, "", tn_cosine_annealing_lr(ctx, plain_opt, 5, 0));
    CALLS(tn_linear_lr, "", tn_linear_lr(ctx, plain_opt, 0.1, 1, 5));
    CALLS(tn_reduce_lr_on_plateau, "",
          tn_reduce_lr_on_plateau(ctx, plain_opt, (tn_plateau_opts){0}));
    ASKS(tn_schedule_step, "", tn_schedule_step(schedule));
    ASKS(tn_schedule_step_with, "", tn_schedule_step_with(plateau, 2));
    CALLS(tn_schedule_state_dict, "", tn_schedule_state_dict(schedule));
    ASKS(tn_schedule_load_state_dict, "", tn_schedule_load_state_dict(schedule, schedule_state));
    ASKS(tn_schedule_free, "", (tn_schedule_free(NULL), 0));
}

/* ---- whole steps ----------------------------------------------------------------------------- */

static tn_optim *any_optim(int which, tn_module *m)
{
    switch (which) {
    case 0:
        return tn_sgd(ctx, m, (tn_sgd_opts){.lr = 0.1, .momentum = 0.9});
    case 1:
        return tn_adam(ctx, m, (tn_adam_opts){.lr = 0.1});
    case 2:
        return tn_adamw(ctx, m, (tn_adamw_opts){.lr = 0.1});
    default:
        return tn_rmsprop(ctx, m, (tn_rmsprop_opts){.lr = 0.1, .momentum = 0.9});
    }
}

/* Makes an optimiser and a step. */
static tn_status step(tn_module *m, const tn_tensor *input, int which)
{
    tn_tensor *target = tn_zeros(ctx, TN_I64, TN_SHAPE(tn_size(input, 0)));
    tn_optim *o = any_optim(which, m);
    tn_tensor *loss =
        tn_cross_entropy(ctx, tn_forward(ctx, m, input), target, (tn_cross_entropy_opts){0});
    tn_zero_grad(o);
    tn_backward(ctx, loss);
    tn_clip_grad_norm(o, 0.5);
    tn_status result = o ? tn_step(o) : tn_error_status(ctx);
    tn_optim_free(o);
    return result;
}

static void step_rows(void)
{
    for (int i = 0; i < 4; i++) {
        STEPS("a step of an mlp", step(net, x, i));
        STEPS("a step of a small cnn", step(cnn, images, i));
    }
}

static void all_rows(void)
{
    optim_rows();
    schedule_rows();
    step_rows();
}

int main(void)
{
    return run_allocations("optim.h", all_rows);
}
