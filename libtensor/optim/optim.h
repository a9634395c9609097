/* optim.h - what optimisers have in common: a list of parameters, and a step for each. */
#ifndef TN_OPTIM_ROOM_H
#define TN_OPTIM_ROOM_H

#include "core/core.h"
#include <tn/optim.h>

#define TN_MAX_MOMENTS 2

/* A parameter with the optimiser's state of it. */
typedef struct tn__slot {
    tn_tensor *param;
    tn_tensor *moments[TN_MAX_MOMENTS]; /* of its shape, 0 at first; NULL if not in use */
    int64_t steps;                      /* made so far */
} tn__slot;

struct tn_optim {
    tn__object object;
    tn_ctx *ctx;
    const char *name;
    double lr;
    int moments; /* in use */
    int64_t count;
    tn__slot *slots;
    void (*update)(tn_optim *opt, tn__slot *slot, const tn_tensor *grad);
    void *opts;
};

/* An optimiser of the tensors given, or of a module's parameters; `opts` is copied. */
tn_optim *tn__optim_of(tn_ctx *ctx, const tn_optim *model, tn_tensor *const *params, int64_t count,
                       size_t opts_size);
tn_optim *tn__optim_of_module(tn_ctx *ctx, const tn_optim *model, tn_module *module,
                              size_t opts_size);

#endif
