/* nn.h - what the files of this room share beyond <tn/nn.h>. */
#ifndef TN_NN_ROOM_H
#define TN_NN_ROOM_H

#include <tn/nn.h>
#include "ops/in_place.h"

/* Frees the module and each of the `count` intended children that has no parent yet. The module and
 * the children may be NULL. */
void tn__module_discard(tn_ctx *ctx, tn_module *module, tn_module *const *children, int64_t count);

/* self, if no error is recorded; otherwise frees it, puts the random stream back to where it was
 * when the module was made, and returns NULL. For constructors. */
tn_module *tn__module_done(tn_ctx *ctx, tn_module *self);

/* Gives `self` a parameter or a buffer full of `value`; NULL with nothing left in the scope. */
tn_tensor *tn__add_full(tn_ctx *ctx, tn_module *self, bool is_buffer, const char *name,
                        tn_dtype dtype, int ndim, const int64_t *shape, double value);

/* A parameter that is uniform on [-1/sqrt(fan_in), 1/sqrt(fan_in)): reset_parameters() of
 * torch.nn.Linear and of the convolutions. */
tn_tensor *tn__add_uniform(tn_ctx *ctx, tn_module *self, const char *name, int ndim,
                           const int64_t *shape, double fan_in);

/* What follows a module and is made with its result: a BatchNorm2d, a ReLU, or these in turn. */
typedef struct tn__tail {
    const tn_module *norm; /* or NULL */
    bool relu;
} tn__tail;

/* A module with its tail, as tn_forward runs a module (forward.c). */
typedef tn_tensor *(*tn__tailed_fn)(tn_ctx *ctx, tn_module *self, const tn_tensor *x,
                                    const tn__tail *tail);
tn_tensor *tn__forward_tailed(tn_ctx *ctx, tn_module *module, tn__tailed_fn forward,
                              const tn__tail *tail, const tn_tensor *x);

/* The function that does so for x with the same bits and the same record; NULL where there is none.
 * A file that has such modules asks for its own type alone. Others than Conv2d take ReLU alone. */
tn__tailed_fn tn__conv2d_tailed(tn_ctx *ctx, const tn_module *module, const tn__tail *tail,
                                const tn_tensor *x);
tn__tailed_fn tn__linear_then_relu(const tn_module *module);
tn__tailed_fn tn__batch_norm2d_then_relu(const tn_module *module);
tn__tailed_fn tn__max_pool2d_then_relu(const tn_module *module);
bool tn__is_batch_norm2d(const tn_module *module);
bool tn__is_relu(const tn_module *module);

/* A MaxPool2d that gives the same numbers before the ReLU in front of it, since each of its windows
 * meets the plane: what ReLU would not see is the -infinity of one that does not. */
bool tn__may_precede_relu(const tn_module *module);

/* What a BatchNorm2d normalises by, which is the batch where opts.training says so. */
void tn__batch_norm2d_norm(const tn_module *module, tn__norm *norm);

/* What is called after the forward pass of a module and of those inside it, which run as in
 * evaluation meanwhile. */
typedef struct tn__watch {
    void (*after)(struct tn__watch *watch, const tn_module *module, const tn_tensor *x,
                  const tn_tensor *y);
} tn__watch;

void tn__set_watch(tn_module *module, tn__watch *watch); /* or NULL */
tn__watch *tn__get_watch(const tn_module *module);

/* "features.0" of a module inside root, cut to size > 0; "" of root itself. */
void tn__full_name(const tn_module *root, const tn_module *module, char *name, size_t size);

/* tn_load_state_dict in three parts, for those who load more than a module: everything that can
 * fail, with errors that begin with `what`; the copying; freeing, which comes last in any case. */
typedef struct tn__state_load {
    tn_dict *state; /* the module's */
    tn_dict *dict;  /* what it becomes */
} tn__state_load;

bool tn__state_begin(tn__state_load *load, tn_ctx *ctx, const char *what, const tn_module *module,
                     const tn_dict *dict, tn_load_opts opts);
void tn__state_apply(const tn__state_load *load);
void tn__state_end(tn__state_load *load);

/* Adds the module's own parameters and buffers, then its children's. */
void tn__add_state(tn_dict *dict, const char *prefix, const tn_module *module);

/* Calls `visit` for every parameter, or every buffer, in the order of tn_parameter and tn_buffer;
 * `name` is cut to TN__NAME_SIZE. Takes linear time; tn_parameter(i) for each i would take
 * quadratic time. */
enum { TN__NAME_SIZE = 256 };
typedef void (*tn__visit)(void *payload, tn_tensor *t, const char *name);
void tn__each_tensor(const tn_module *module, bool buffers, tn__visit visit, void *payload);

/* Writes them to `list`, which has room for all, and returns how many they are. */
int64_t tn__list_tensors(const tn_module *module, bool buffers, tn_tensor **list);

/* The next buffer of the module itself, or its next child, from entry *at on, which moves past it;
 * NULL after the last. */
tn_tensor *tn__next_buffer(const tn_module *module, int64_t *at);
tn_module *tn__next_child(const tn_module *module, int64_t *at);

const tn_module_type *tn__module_type(const tn_module *module);
tn_rng_state tn__module_rng(const tn_module *module);

/* The numbers in the parameters of the module itself. */
int64_t tn__own_numel(const tn_module *module);

#endif
