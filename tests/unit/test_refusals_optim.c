/* The functions of <tn/optim.h>, given what does not fit. */
#include "rows/refusals.h"

#include <math.h>

/* An optimiser of a module, and of a list. */
#define OPTIM_ROWS(function, function_of, name, opts)                                   \
    REFUSES(function, TN_ERR_ARGUMENT, name ": the module is NULL",                     \
            function(ctx, NULL, (opts){0}));                                            \
    REFUSES(function, TN_ERR_ARGUMENT, name ": the module has no parameters",           \
            function(ctx, spare(), (opts){0}));                                         \
    REFUSES(function, TN_ERR_ARGUMENT, name ": learning rate -1",                       \
            function(ctx, net, (opts){.lr = -1}));                                      \
    REFUSES(function, TN_ERR_ARGUMENT, name ": learning rate nan",                      \
            function(ctx, net, (opts){.lr = NAN}));                                     \
    REFUSES(function, TN_ERR_ARGUMENT, name ": weight decay -1",                        \
            function(ctx, net, (opts){.weight_decay = -1}));                            \
    WORKS(function, function(ctx, net, (opts){0}));                                     \
    REFUSES(function_of, TN_ERR_ARGUMENT, name ": no parameters",                       \
            function_of(ctx, 1, NULL, (opts){0}));                                      \
    REFUSES(function_of, TN_ERR_ARGUMENT, name ": no parameters",                       \
            function_of(ctx, 0, &p, (opts){0}));                                        \
    REFUSES(function_of, TN_ERR_ARGUMENT, name ": no parameters",                       \
            function_of(ctx, -1, &p, (opts){0}));                                       \
    REFUSES(function_of, TN_ERR_ARGUMENT, name ": a parameter is NULL",                 \
            function_of(ctx, 1, &(tn_tensor *){NULL}, (opts){0}));                      \
    REFUSES(function_of, TN_ERR_STATE,                                                  \
            name ": parameter 0 of shape [2,3] is not a leaf that requires a gradient", \
            function_of(ctx, 1, &x, (opts){0}));                                        \
    REFUSES(function_of, TN_ERR_STATE,                                                  \
            name ": parameter 0 of shape [2] is not a leaf that requires a gradient",   \
            function_of(ctx, 1, &y, (opts){0}));                                        \
    REFUSES(function_of, TN_ERR_DTYPE,                                                  \
            name ": a parameter is i64 but must be f32 or f64; tn_cast converts",       \
            function_of(ctx, 1, &(tn_tensor *){T("i64[2]")}, (opts){0}));               \
    WORKS(function_of, function_of(ctx, 1, &p, (opts){0}))

static void optim_rows(void)
{
    OPTIM_ROWS(tn_sgd, tn_sgd_of, "sgd", tn_sgd_opts);
    REFUSES(tn_sgd, TN_ERR_ARGUMENT, "sgd: momentum -1",
            tn_sgd(ctx, net, (tn_sgd_opts){.momentum = -1}));
    REFUSES(tn_sgd, TN_ERR_ARGUMENT,
            "sgd: nesterov needs momentum above 0 and no dampening, not 0 and 0",
            tn_sgd(ctx, net, (tn_sgd_opts){.nesterov = true}));
    OPTIM_ROWS(tn_adam, tn_adam_of, "adam", tn_adam_opts);
    REFUSES(tn_adam, TN_ERR_ARGUMENT, "adam: beta1 1",
            tn_adam(ctx, net, (tn_adam_opts){.beta1 = 1}));
    REFUSES(tn_adam, TN_ERR_ARGUMENT, "adam: beta2 -1",
            tn_adam(ctx, net, (tn_adam_opts){.beta2 = -1}));
    REFUSES(tn_adam, TN_ERR_ARGUMENT, "adam: eps -1", tn_adam(ctx, net, (tn_adam_opts){.eps = -1}));
    OPTIM_ROWS(tn_adamw, tn_adamw_of, "adamw", tn_adamw_opts);
    OPTIM_ROWS(tn_rmsprop, tn_rmsprop_of, "rmsprop", tn_rmsprop_opts);
    REFUSES(tn_rmsprop, TN_ERR_ARGUMENT, "rmsprop: alpha -1",
            tn_rmsprop(ctx, net, (tn_rmsprop_opts){.alpha = -1}));
}

static void step_rows(void)
{
    HOLDS(tn_step, tn_step(NULL) == TN_ERR_ARGUMENT);
    WORKS(tn_step, tn_step(opt));
    HOLDS(tn_zero_grad, (tn_zero_grad(NULL), tn_zero_grad(opt), true));
    HOLDS(tn_optim_free, (tn_optim_free(NULL), true));
}

static void group_rows(void)
{
    HOLDS(tn_add_group, tn_add_group(NULL, net, (tn_group_opts){0}) == TN_ERR_ARGUMENT);
    REFUSES(tn_add_group, TN_ERR_ARGUMENT, "add_group: the module is NULL",
            tn_add_group(opt, NULL, (tn_group_opts){0}));
    REFUSES(tn_add_group, TN_ERR_ARGUMENT, "add_group: the module has no parameters",
            tn_add_group(opt, spare(), (tn_group_opts){0}));
    REFUSES(tn_add_group, TN_ERR_ARGUMENT, "add_group: learning rate -1",
            tn_add_group(opt, net, (tn_group_opts){.lr = -1}));
    WORKS(tn_add_group, tn_add_group(opt, net, (tn_group_opts){0}));
    HOLDS(tn_add_group_of, tn_add_group_of(NULL, 1, &p, (tn_group_opts){0}) == TN_ERR_ARGUMENT);
    REFUSES(tn_add_group_of, TN_ERR_ARGUMENT, "add_group: no parameters",
            tn_add_group_of(opt, 1, NULL, (tn_group_opts){0}));
    REFUSES(tn_add_group_of, TN_ERR_STATE,
            "sgd: parameter 0 of shape [2] is not a leaf that requires a gradient",
            tn_add_group_of(opt, 1, &y, (tn_group_opts){0}));
    REFUSES(tn_add_group_of, TN_ERR_ARGUMENT, "add_group: weight decay -1",
            tn_add_group_of(opt, 1, &p, (tn_group_opts){.weight_decay = -1}));
    WORKS(tn_add_group_of, tn_add_group_of(opt, 1, &p, (tn_group_opts){0}));
    HOLDS(tn_group_count, tn_group_count(NULL) == 0);
    HOLDS(tn_lr, tn_lr(NULL) == 0);
}

static void optim_state_rows(void)
{
    HOLDS(tn_optim_state_dict, !tn_optim_state_dict(NULL));
    WORKS(tn_optim_state_dict, tn_optim_state_dict(opt));
    HOLDS(tn_optim_load_state_dict, tn_optim_load_state_dict(NULL, dict) == TN_ERR_ARGUMENT);
    REFUSES(tn_optim_load_state_dict, TN_ERR_ARGUMENT,
            "optim_load_state_dict: the dictionary is NULL", tn_optim_load_state_dict(opt, NULL));
    REFUSES(tn_optim_load_state_dict, TN_ERR_FORMAT, "optim_load_state_dict: name is missing",
            tn_optim_load_state_dict(opt, dict));
    WORKS(tn_optim_load_state_dict, tn_optim_load_state_dict(opt, opt_state));
}

static void rate_rows(void)
{
    HOLDS(tn_set_lr, tn_set_lr(NULL, 1) == TN_ERR_ARGUMENT);
    REFUSES(tn_set_lr, TN_ERR_ARGUMENT, "set_lr: learning rate -1", tn_set_lr(opt, -1));
    REFUSES(tn_set_lr, TN_ERR_ARGUMENT, "set_lr: learning rate inf", tn_set_lr(opt, INFINITY));
    WORKS(tn_set_lr, tn_set_lr(opt, 1));
    HOLDS(tn_group_lr,
          tn_group_lr(NULL, 0) == 0 && tn_group_lr(opt, 1) == 0 && tn_group_lr(opt, -1) == 0);
    HOLDS(tn_set_group_lr, tn_set_group_lr(NULL, 0, 1) == TN_ERR_ARGUMENT);
    REFUSES(tn_set_group_lr, TN_ERR_ARGUMENT, "set_lr: group 1 of 1", tn_set_group_lr(opt, 1, 1));
    REFUSES(tn_set_group_lr, TN_ERR_ARGUMENT, "set_lr: learning rate nan",
            tn_set_group_lr(opt, 0, NAN));
    WORKS(tn_set_group_lr, tn_set_group_lr(opt, 0, 1));
    HOLDS(tn_clip_grad_norm, isnan(tn_clip_grad_norm(NULL, 1)));
    REFUSES(tn_clip_grad_norm, TN_ERR_ARGUMENT, "clip_grad_norm: norm -1",
            tn_clip_grad_norm(opt, -1));
    REFUSES(tn_clip_grad_norm, TN_ERR_ARGUMENT, "clip_grad_norm: norm nan",
            tn_clip_grad_norm(opt, NAN));
    WORKS(tn_clip_grad_norm, tn_clip_grad_norm(opt, 1));
    HOLDS(tn_clip_grad_value, tn_clip_grad_value(NULL, 1) == TN_ERR_ARGUMENT);
    REFUSES(tn_clip_grad_value, TN_ERR_ARGUMENT, "clip_grad_value: value -1",
            tn_clip_grad_value(opt, -1));
    WORKS(tn_clip_grad_value, tn_clip_grad_value(opt, 1));
}

static void schedule_rows(void)
{
    REFUSES(tn_step_lr, TN_ERR_ARGUMENT, "step_lr: the optimiser is NULL",
            tn_step_lr(ctx, NULL, 5, 0.5));
    REFUSES(tn_step_lr, TN_ERR_ARGUMENT, "step_lr: step size 0", tn_step_lr(ctx, opt, 0, 0.5));
    REFUSES(tn_step_lr, TN_ERR_ARGUMENT, "step_lr: gamma -0.5", tn_step_lr(ctx, opt, 5, -0.5));
    WORKS(tn_step_lr, tn_step_lr(ctx, opt, 5, 0.5));
    REFUSES(tn_exponential_lr, TN_ERR_ARGUMENT, "exponential_lr: the optimiser is NULL",
            tn_exponential_lr(ctx, NULL, 0.5));
    REFUSES(tn_exponential_lr, TN_ERR_ARGUMENT, "exponential_lr: gamma nan",
            tn_exponential_lr(ctx, opt, NAN));
    WORKS(tn_exponential_lr, tn_exponential_lr(ctx, opt, 0.5));
    REFUSES(tn_cosine_annealing_lr, TN_ERR_ARGUMENT, "cosine_annealing_lr: the optimiser is NULL",
            tn_cosine_annealing_lr(ctx, NULL, 5, 0));
    REFUSES(tn_cosine_annealing_lr, TN_ERR_ARGUMENT, "cosine_annealing_lr: T_max 0",
            tn_cosine_annealing_lr(ctx, opt, 0, 0));
    REFUSES(tn_cosine_annealing_lr, TN_ERR_ARGUMENT, "cosine_annealing_lr: eta_min -1",
            tn_cosine_annealing_lr(ctx, opt, 5, -1));
    WORKS(tn_cosine_annealing_lr, tn_cosine_annealing_lr(ctx, opt, 5, 0));
    REFUSES(tn_linear_lr, TN_ERR_ARGUMENT, "linear_lr: the optimiser is NULL",
            tn_linear_lr(ctx, NULL, 0.1, 1, 5));
    REFUSES(tn_linear_lr, TN_ERR_ARGUMENT, "linear_lr: factors from 0 to 1",
            tn_linear_lr(ctx, opt, 0, 1, 5));
    REFUSES(tn_linear_lr, TN_ERR_ARGUMENT, "linear_lr: factors from 0.1 to 2",
            tn_linear_lr(ctx, opt, 0.1, 2, 5));
    REFUSES(tn_linear_lr, TN_ERR_ARGUMENT, "linear_lr: factors from 2 to 1",
            tn_linear_lr(ctx, opt, 2, 1, 5));
    REFUSES(tn_linear_lr, TN_ERR_ARGUMENT, "linear_lr: factors from 0.1 to -1",
            tn_linear_lr(ctx, opt, 0.1, -1, 5));
    REFUSES(tn_linear_lr, TN_ERR_ARGUMENT, "linear_lr: total_iters 0",
            tn_linear_lr(ctx, opt, 0.1, 1, 0));
    WORKS(tn_linear_lr, tn_linear_lr(ctx, opt, 0.1, 1, 5));
    REFUSES(tn_reduce_lr_on_plateau, TN_ERR_ARGUMENT, "reduce_lr_on_plateau: the optimiser is NULL",
            tn_reduce_lr_on_plateau(ctx, NULL, (tn_plateau_opts){0}));
    REFUSES(tn_reduce_lr_on_plateau, TN_ERR_ARGUMENT, "reduce_lr_on_plateau: factor 1",
            tn_reduce_lr_on_plateau(ctx, opt, (tn_plateau_opts){.factor = 1}));
    REFUSES(tn_reduce_lr_on_plateau, TN_ERR_ARGUMENT,
            "reduce_lr_on_plateau: patience -1, cooldown 0",
            tn_reduce_lr_on_plateau(ctx, opt, (tn_plateau_opts){.patience = -1}));
    REFUSES(tn_reduce_lr_on_plateau, TN_ERR_ARGUMENT,
            "reduce_lr_on_plateau: patience 10, cooldown -1",
            tn_reduce_lr_on_plateau(ctx, opt, (tn_plateau_opts){.cooldown = -1}));
    REFUSES(tn_reduce_lr_on_plateau, TN_ERR_ARGUMENT, "reduce_lr_on_plateau: min_lr -1",
            tn_reduce_lr_on_plateau(ctx, opt, (tn_plateau_opts){.min_lr = -1}));
    WORKS(tn_reduce_lr_on_plateau, tn_reduce_lr_on_plateau(ctx, opt, (tn_plateau_opts){0}));
}

static void schedule_step_rows(void)
{
    HOLDS(tn_schedule_step, tn_schedule_step(NULL) == TN_ERR_ARGUMENT);
    REFUSES(tn_schedule_step, TN_ERR_ARGUMENT,
            "reduce_lr_on_plateau: a step needs the metric; use tn_schedule_step_with",
            tn_schedule_step(plateau));
    WORKS(tn_schedule_step, tn_schedule_step(schedule));
    HOLDS(tn_schedule_step_with, tn_schedule_step_with(NULL, 1) == TN_ERR_ARGUMENT);
    REFUSES(tn_schedule_step_with, TN_ERR_ARGUMENT,
            "step_lr: it takes no metric; use tn_schedule_step",
            tn_schedule_step_with(schedule, 1));
    WORKS(tn_schedule_step_with, tn_schedule_step_with(plateau, NAN));
    HOLDS(tn_schedule_state_dict, !tn_schedule_state_dict(NULL));
    WORKS(tn_schedule_state_dict, tn_schedule_state_dict(schedule));
    HOLDS(tn_schedule_load_state_dict, tn_schedule_load_state_dict(NULL, dict) == TN_ERR_ARGUMENT);
    REFUSES(tn_schedule_load_state_dict, TN_ERR_ARGUMENT,
            "schedule_load_state_dict: the dictionary is NULL",
            tn_schedule_load_state_dict(schedule, NULL));
    REFUSES(tn_schedule_load_state_dict, TN_ERR_FORMAT,
            "schedule_load_state_dict: name is 'step_lr', but 'reduce_lr_on_plateau' here",
            tn_schedule_load_state_dict(plateau, schedule_state));
    WORKS(tn_schedule_load_state_dict, tn_schedule_load_state_dict(schedule, schedule_state));
    HOLDS(tn_schedule_free, (tn_schedule_free(NULL), true));
}

static void all_rows(void)
{
    optim_rows();
    step_rows();
    group_rows();
    optim_state_rows();
    rate_rows();
    schedule_rows();
    schedule_step_rows();
}

int main(void)
{
    return run_refusals("optim.h", all_rows);
}
