/* nn.h - modules: layers that own parameters, networks made of them, initialisers.
 *
 * A module belongs to the context, not to a scope: it lives until tn_module_free, or goes with the
 * context. A module given to another one as a child belongs to that one. Parameters require a
 * gradient, are TN_F32 unless the module is converted, and carry PyTorch's state-dict names:
 * "0.weight", "features.3.bias". A failing constructor returns NULL and records the error. */
#ifndef TN_NN_H
#define TN_NN_H

#include <tn/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tn_module tn_module;

/* x [..., in] -> [..., out], y = x weight^T + bias; weight and bias uniform on
 * [-1/sqrt(in), 1/sqrt(in)), as torch.nn.Linear. */
TN_API tn_module *tn_nn_linear(tn_ctx *ctx, int64_t in, int64_t out);
TN_API tn_module *tn_nn_linear_nobias(tn_ctx *ctx, int64_t in, int64_t out);

TN_API tn_module *tn_nn_relu(tn_ctx *ctx);

/* Runs its children in order; takes them over, on failure too. Children are named "0", "1", ...
 * tn_sequential(ctx, a, b, c) is the convenient form of tn_sequential_of. */
TN_API tn_module *tn_sequential_of(tn_ctx *ctx, tn_module *const *children, int count);
#define tn_sequential(ctx, ...)                              \
    tn_sequential_of(ctx, (tn_module *const[]){__VA_ARGS__}, \
                     (int)(sizeof((tn_module *const[]){__VA_ARGS__}) / sizeof(tn_module *)))

TN_API tn_tensor *tn_forward(tn_ctx *ctx, tn_module *module, const tn_tensor *x);

/* Frees the module, its children and its parameters. NULL is allowed. */
TN_API void tn_module_free(tn_module *module);

/* ---- parameters -------------------------------------------------------------------------------
 */

/* How many parameters the module and its children have, and number i of them in the order of
 * PyTorch's named_parameters(): its tensor (belongs to the module) and its name. The name is
 * written to `name`, cut to `size`; the call returns NULL for an i out of range. */
TN_API int64_t tn_parameter_count(const tn_module *module);
TN_API tn_tensor *tn_parameter(const tn_module *module, int64_t i, char *name, size_t size);

/* The parameter of that name, or NULL (nothing is recorded). */
TN_API tn_tensor *tn_parameter_named(const tn_module *module, const char *name);

/* The numbers in all parameters. */
TN_API int64_t tn_parameter_numel(const tn_module *module);

/* Converts every parameter to TN_F32 or TN_F64. Gradients are cleared. Make optimisers after it. */
TN_API tn_status tn_module_to(tn_ctx *ctx, tn_module *module, tn_dtype dtype);

/* ---- a module of one's own --------------------------------------------------------------------
 */

typedef struct tn_module_type {
    const char *name; /* "Linear" */
    tn_tensor *(*forward)(tn_ctx *ctx, tn_module *self, const tn_tensor *x);
} tn_module_type;

/* A module of `type`, which must outlive it, with `size` bytes of zeroed state of its own. */
TN_API tn_module *tn_module_new(tn_ctx *ctx, const tn_module_type *type, size_t size);
TN_API void *tn_module_state(const tn_module *module);

/* Gives the module a parameter: takes `t` out of its scope and makes it require a gradient; the
 * module owns it. Returns t, or NULL. Names have no dots. */
TN_API tn_tensor *tn_add_parameter(tn_ctx *ctx, tn_module *module, const char *name, tn_tensor *t);

/* Gives the module a child, which it owns from then on. */
TN_API tn_status tn_add_child(tn_ctx *ctx, tn_module *module, const char *name, tn_module *child);

/* Child number i in the order they were added, or NULL. */
TN_API tn_module *tn_child(const tn_module *module, int i);

TN_API const char *tn_module_name(const tn_module *module); /* of its type */

/* ---- drawing ----------------------------------------------------------------------------------
 */

/* Writes the part of the tape that made `t`, from the leaves to t, as a graph for Graphviz (dot
 * -Tsvg) into `buffer`, cut to `size` bytes with the terminating zero; `buffer` may be NULL if
 * `size` is 0. A box is an operator with its step on the tape and the shape and dtype of its
 * result; an ellipse is a leaf, with its name if it is a parameter of `module`, which may be NULL.
 * What requires no gradient is not on the tape, and so not in the graph. Returns the length of the
 * whole text, as snprintf does; TN_ERR_STATE if t requires no gradient, or the status of another
 * error. */
TN_API int64_t tn_graph_dot(tn_ctx *ctx, const tn_tensor *t, const tn_module *module, char *buffer,
                            size_t size);

#ifdef __cplusplus
}
#endif

#endif
