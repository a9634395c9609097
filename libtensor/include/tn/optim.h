/* optim.h - optimisers, schedules and limits of gradients, as torch.optim defines them.
 *
 * An optimiser refers to the parameters of a module, which must outlive it; its own state belongs
 * to it. It lives until tn_optim_free, or goes with the context. Options that are 0 mean the
 * default, and TN_ZERO is zero; those out of range are TN_ERR_ARGUMENT. A step in the steady state
 * of training makes no call of the allocator. */
#ifndef TN_OPTIM_H
#define TN_OPTIM_H

#include <tn/nn.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- optimisers ------------------------------------------------------------------------------ */

/* An optimiser of one of the kinds below. */
typedef struct tn_optim tn_optim;

/* Options of tn_sgd (torch.optim.SGD). A step is
 *
 *     d = grad + weight_decay p
 *     v = momentum v + (1 - dampening) d      (v = d in the first step)
 *     p -= lr v, or lr (d + momentum v) with nesterov */
typedef struct tn_sgd_opts {
    double lr; /* 0: 1e-3; TN_ZERO: 0 */
    double momentum;
    double dampening;
    double weight_decay;
    bool nesterov; /* needs momentum > 0 and dampening 0 */
} tn_sgd_opts;

/* The optimiser of a module's parameters. Frozen ones, which require no gradient, are left alone as
 * long as they are frozen. */
TN_API tn_optim *tn_sgd(tn_ctx *ctx, tn_module *module, tn_sgd_opts opts);

/* The same for a list of leaves that require a gradient. Here and in what follows, parameters that
 * are not contiguous are TN_ERR_ARGUMENT. */
TN_API tn_optim *tn_sgd_of(tn_ctx *ctx, int64_t count, tn_tensor *const *params, tn_sgd_opts opts);

/* Options of tn_adam (torch.optim.Adam). Step t = 1, 2... is
 *
 *     d = grad + weight_decay p
 *     m = beta1 m + (1 - beta1) d
 *     v = beta2 v + (1 - beta2) d^2
 *     p -= lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps) */
typedef struct tn_adam_opts {
    double lr;    /* 0: 1e-3; TN_ZERO: 0 */
    double beta1; /* 0: 0.9; TN_ZERO: 0 */
    double beta2; /* 0: 0.999; TN_ZERO: 0 */
    double eps;   /* 0: 1e-8; TN_ZERO: 0 */
    double weight_decay;
} tn_adam_opts;

/* The optimiser of a module's parameters, as tn_sgd. */
TN_API tn_optim *tn_adam(tn_ctx *ctx, tn_module *module, tn_adam_opts opts);

/* The same for a list of leaves, as tn_sgd_of. */
TN_API tn_optim *tn_adam_of(tn_ctx *ctx, int64_t count, tn_tensor *const *params,
                            tn_adam_opts opts);

/* Options of tn_adamw (torch.optim.AdamW). A step is that of tn_adam with d = grad, and
 * p *= 1 - lr weight_decay first. */
typedef struct tn_adamw_opts {
    double lr;           /* 0: 1e-3; TN_ZERO: 0 */
    double beta1;        /* 0: 0.9; TN_ZERO: 0 */
    double beta2;        /* 0: 0.999; TN_ZERO: 0 */
    double eps;          /* 0: 1e-8; TN_ZERO: 0 */
    double weight_decay; /* 0: 1e-2; TN_ZERO: 0 */
} tn_adamw_opts;

/* The optimiser of a module's parameters, as tn_sgd. */
TN_API tn_optim *tn_adamw(tn_ctx *ctx, tn_module *module, tn_adamw_opts opts);

/* The same for a list of leaves, as tn_sgd_of. */
TN_API tn_optim *tn_adamw_of(tn_ctx *ctx, int64_t count, tn_tensor *const *params,
                             tn_adamw_opts opts);

/* Options of tn_rmsprop (torch.optim.RMSprop). A step is
 *
 *     d = grad + weight_decay p
 *     v = alpha v + (1 - alpha) d^2
 *     s = d / (sqrt(v) + eps)
 *     b = momentum b + s
 *     p -= lr b
 *
 * With centered, a = alpha a + (1 - alpha) d and s = d / (sqrt(v - a^2) + eps), the root of what
 * rounding makes negative being 0. */
typedef struct tn_rmsprop_opts {
    double lr;    /* 0: 1e-2; TN_ZERO: 0 */
    double alpha; /* 0: 0.99; TN_ZERO: 0 */
    double eps;   /* 0: 1e-8; TN_ZERO: 0 */
    double weight_decay;
    double momentum;
    bool centered;
} tn_rmsprop_opts;

/* The optimiser of a module's parameters, as tn_sgd. */
TN_API tn_optim *tn_rmsprop(tn_ctx *ctx, tn_module *module, tn_rmsprop_opts opts);

/* The same for a list of leaves, as tn_sgd_of. */
TN_API tn_optim *tn_rmsprop_of(tn_ctx *ctx, int64_t count, tn_tensor *const *params,
                               tn_rmsprop_opts opts);

/* Changes every parameter that has a gradient, or none: TN_ERR_MEMORY, or TN_ERR_STATE for one that
 * was converted or freed. Nothing happens while an error is recorded: the status of that error is
 * returned, so checking this call checks the whole step. */
TN_API tn_status tn_step(tn_optim *opt);

/* Clears the gradients of the parameters. TN_ERR_STATE is recorded if one of them was freed. */
TN_API void tn_zero_grad(tn_optim *opt);

/* Frees the optimiser and its state; its schedules must be gone. NULL is allowed. */
TN_API void tn_optim_free(tn_optim *opt);

/* ---- groups -----------------------------------------------------------------------------------
 *
 * The parameters that an optimiser is made with are its group 0. A group has a learning rate and a
 * weight decay of its own:
 *
 *     tn_add_group(opt, head, (tn_group_opts){.lr = 1e-2, .weight_decay = TN_ZERO}); */

/* What a group has of its own. */
typedef struct tn_group_opts {
    double lr;           /* 0: what the optimiser was made with; TN_ZERO: 0 */
    double weight_decay; /* the same */
} tn_group_opts;

/* Makes a new group of the parameters of a module. Those that the optimiser has already leave
 * their group and keep their state; others are added. Returns the group's number, or the status of
 * an error, which leaves everything as it was. */
TN_API int64_t tn_add_group(tn_optim *opt, tn_module *module, tn_group_opts opts);

/* Makes a new group of a list of leaves that require a gradient, in the same way. */
TN_API int64_t tn_add_group_of(tn_optim *opt, int64_t count, tn_tensor *const *params,
                               tn_group_opts opts);

/* How many groups there are, at least 1; 0 for NULL. */
TN_API int64_t tn_group_count(const tn_optim *opt);

/* What the optimiser has gathered, under PyTorch's names ("state.0.exp_avg", "param_groups.0.lr"),
 * parameters being numbered in the order in which they were added; moments are views. A dictionary
 * to be freed, or to go with the context. torch.optim.Optimizer.state_dict. */
TN_API tn_dict *tn_optim_state_dict(const tn_optim *opt);

/* Puts the optimiser into that state: rates and weight decays of groups, moments, counts of steps.
 * It must be of the same kind, with the same other options, parameters and groups, or nothing
 * changes and the status is TN_ERR_FORMAT. */
TN_API tn_status tn_optim_load_state_dict(tn_optim *opt, const tn_dict *dict);

/* The learning rate of group 0; 0 for NULL. */
TN_API double tn_lr(const tn_optim *opt);

/* Sets the learning rate of group 0: >= 0 and finite, or TN_ERR_ARGUMENT. */
TN_API tn_status tn_set_lr(tn_optim *opt, double lr);

/* The learning rate of any group; 0 for one that is not there. */
TN_API double tn_group_lr(const tn_optim *opt, int64_t group);

/* Sets the learning rate of any group. TN_ERR_ARGUMENT for one that is not there, too. */
TN_API tn_status tn_set_group_lr(tn_optim *opt, int64_t group, double lr);

/* ---- limits -----------------------------------------------------------------------------------
 * Between tn_backward and tn_step. Parameters without a gradient count for nothing; TN_ERR_STATE if
 * one was freed. */

/* Scales the gradients of all parameters by max_norm / (norm + 1e-6) if that is below 1; norm is
 * the root of the sum of all squares. Returns the norm before, which is to be looked at: if it is
 * infinite, finite gradients become 0 and others NaN; if it is NaN, all become NaN. NaN with
 * TN_ERR_ARGUMENT if max_norm is negative or NaN. torch.nn.utils.clip_grad_norm_. */
TN_API double tn_clip_grad_norm(tn_optim *opt, double max_norm);

/* Limits every element to [-clip_value, clip_value]; NaN stays. torch.nn.utils.clip_grad_value_. */
TN_API tn_status tn_clip_grad_value(tn_optim *opt, double clip_value);

/* ---- schedules --------------------------------------------------------------------------------
 *
 * A schedule changes the learning rates of all groups of an optimiser, which must outlive it, each
 * time it is stepped; once per epoch or per batch, after tn_step. Several may be stepped together:
 * each one scales what it finds, so a warm-up and a decay multiply. It lives until
 * tn_schedule_free, or goes with the context. Below, t counts the steps made and lr_0 is the rate
 * before the optimiser's first schedule. */

/* A schedule of one of the kinds below. */
typedef struct tn_schedule tn_schedule;

/* lr_0 gamma^floor(t / step_size); gamma 0 means 0.1, and TN_ZERO 0. StepLR. */
TN_API tn_schedule *tn_step_lr(tn_ctx *ctx, tn_optim *opt, int64_t step_size, double gamma);

/* lr_0 gamma^t. ExponentialLR. */
TN_API tn_schedule *tn_exponential_lr(tn_ctx *ctx, tn_optim *opt, double gamma);

/* eta_min + (lr_0 - eta_min) (1 + cos(pi t / t_max)) / 2. CosineAnnealingLR (Loshchilov, Hutter:
 * SGDR, ICLR 2017, without the restarts). */
TN_API tn_schedule *tn_cosine_annealing_lr(tn_ctx *ctx, tn_optim *opt, int64_t t_max,
                                           double eta_min);

/* lr_0 f, f going from start_factor, in (0, 1], to end_factor, in [0, 1], in total_iters equal
 * steps: a warm-up, or a decay. Making it sets the rate for t = 0. LinearLR. */
TN_API tn_schedule *tn_linear_lr(tn_ctx *ctx, tn_optim *opt, double start_factor, double end_factor,
                                 int64_t total_iters);

/* Multiplies the rate by `factor` once the metric has not improved for more than `patience` steps
 * in a row, and then ignores it for `cooldown` steps. Better is below best (1 - threshold), or best
 * - threshold if absolute; with maximize above best (1 + threshold) or best + threshold; NaN is
 * never better. ReduceLROnPlateau. */
typedef struct tn_plateau_opts {
    double factor;    /* below 1; 0: 0.1; TN_ZERO: 0 */
    int64_t patience; /* 0: 10; TN_ZERO: 0 */
    double threshold; /* 0: 1e-4; TN_ZERO: 0 */
    bool absolute;
    bool maximize;
    int64_t cooldown;
    double min_lr;
    double eps; /* changes up to this are not made; 0: 1e-8; TN_ZERO: 0 */
} tn_plateau_opts;

/* The schedule of an optimiser, to be stepped by tn_schedule_step_with. */
TN_API tn_schedule *tn_reduce_lr_on_plateau(tn_ctx *ctx, tn_optim *opt, tn_plateau_opts opts);

/* One step. TN_ERR_ARGUMENT for a plateau, which needs the metric. */
TN_API tn_status tn_schedule_step(tn_schedule *schedule);

/* One step of a plateau, which takes the metric, a loss for instance. TN_ERR_ARGUMENT for a
 * schedule of another kind. */
TN_API tn_status tn_schedule_step_with(tn_schedule *schedule, double metric);

/* The state of a schedule, as a dictionary to be freed, or to go with the context. The rates
 * themselves are in the optimiser's state. */
TN_API tn_dict *tn_schedule_state_dict(const tn_schedule *schedule);

/* Puts the schedule into that state. It must be of the same kind with the same options, or
 * nothing changes and the status is TN_ERR_FORMAT. */
TN_API tn_status tn_schedule_load_state_dict(tn_schedule *schedule, const tn_dict *dict);

/* Frees the schedule; the optimiser keeps the rates that it has. NULL is allowed. */
TN_API void tn_schedule_free(tn_schedule *schedule);

#ifdef __cplusplus
}
#endif

#endif
