/* optim.h - optimisers, as torch.optim defines them.
 *
 * An optimiser refers to the parameters of a module, which must outlive it; its own state belongs
 * to it. It lives until tn_optim_free, or goes with the context. */
#ifndef TN_OPTIM_H
#define TN_OPTIM_H

#include <tn/nn.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tn_optim tn_optim;

/* d = grad + weight_decay p;  v = momentum v + (1 - dampening) d (v = d in the first step);
 * p -= lr v, or lr (d + momentum v) with nesterov. torch.optim.SGD. */
typedef struct tn_sgd_opts {
    double lr; /* 0: 1e-3 */
    double momentum;
    double dampening;
    double weight_decay;
    bool nesterov; /* needs momentum > 0 and dampening 0 */
} tn_sgd_opts;

TN_API tn_optim *tn_sgd(tn_ctx *ctx, tn_module *module, tn_sgd_opts opts);

/* The same for a list of leaves that require a gradient. */
TN_API tn_optim *tn_sgd_of(tn_ctx *ctx, tn_tensor *const *params, int64_t count, tn_sgd_opts opts);

/* Changes every parameter that has a gradient. Nothing happens while an error is recorded: the
 * status of that error is returned, so checking this call checks the whole step. */
TN_API tn_status tn_step(tn_optim *opt);

/* Clears the gradients of the parameters. */
TN_API void tn_zero_grad(tn_optim *opt);

TN_API double tn_lr(const tn_optim *opt);
TN_API tn_status tn_set_lr(tn_optim *opt, double lr); /* >= 0 and finite */

TN_API void tn_optim_free(tn_optim *opt);

#ifdef __cplusplus
}
#endif

#endif
