/* optim.h - what optimisers have in common: groups of parameters, and a step for each parameter. */
#ifndef TN_OPTIM_ROOM_H
#define TN_OPTIM_ROOM_H

#include <tn/optim.h>
#include "base/object.h"
#include "base/pointers.h"
#include "dict/entries.h"
#include "tensor/tensor.h"

#define TN_MAX_MOMENTS 3

/* A parameter and what the optimiser keeps for it. */
typedef struct tn__slot {
    tn_tensor *param;
    tn_tensor *moments[TN_MAX_MOMENTS]; /* of its shape, 0 at first; NULL if not in use */
    int64_t steps;                      /* made so far */
    int64_t group;
    bool fresh; /* it got its moments for the step that is being prepared */
} tn__slot;

typedef struct tn__group {
    double lr;
    double weight_decay;
    double initial_lr; /* when it met its first schedule; negative before */
} tn__group;

struct tn_optim {
    tn__object object;
    tn_ctx *ctx;
    const char *name;
    tn__group defaults; /* of the first group, and of others where they say nothing */
    tn__group *groups;
    int64_t n_groups, groups_capacity;
    int moments;                              /* in use */
    const char *moment_names[TN_MAX_MOMENTS]; /* PyTorch's */
    int64_t count, capacity;
    tn__slot *slots;
    tn__pointers params; /* of the slots, in their order */
    void (*update)(tn_optim *opt, const tn__group *group, tn__slot *slot, const tn_tensor *grad);
    void *opts;
    const tn__field *fields; /* of the options that groups do not have */
    int n_fields;
};

/* An optimiser of the tensors given, or of a module's parameters; `opts` is copied. */
tn_optim *tn__optim_of(tn_ctx *ctx, const tn_optim *model, tn_tensor *const *params, int64_t count,
                       size_t opts_size);
tn_optim *tn__optim_of_module(tn_ctx *ctx, const tn_optim *model, tn_module *module,
                              size_t opts_size);

/* Gives the parameter its moments, full of 0, if it has none yet: all of them, or none. */
bool tn__make_moments(tn_optim *opt, tn__slot *slot);

/* False with TN_ERR_STATE if a parameter was freed, unless there is an error already. */
bool tn__check_params(const tn_optim *opt, const char *what);

/* tn_optim_load_state_dict and its kin for those who load more than one thing, see dict/entries.h:
 * called twice, `apply` the second time. Errors begin with `what`. */
bool tn__optim_load(tn_optim *opt, const char *what, const tn_dict *dict, bool apply);
bool tn__schedule_load(tn_schedule *schedule, const char *what, const tn_dict *dict, bool apply);

/* The address of moment number i; NULL if it is not in use. */
void *tn__moment(const tn__slot *slot, int i);

/* False with TN_ERR_ARGUMENT unless lo <= value < hi. */
bool tn__check_option(tn_ctx *ctx, const char *what, const char *option, double value, double lo,
                      double hi);

#endif
