/* op.h - declaring an operator, in the library or in a program that uses it, on equal terms.
 *
 * An operator is a function that computes a tensor and records how to differentiate it. If it is
 * one expression for each element, <tn/formula.h> writes it from that and from its derivative;
 * tn_record with a backward function is the general form. docs/adding-an-op.md shows both. */
#ifndef TN_OP_H
#define TN_OP_H

#include <tn/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the tape -------------------------------------------------------------------------------- */

#define TN_MAX_INPUTS 8 /* of an operator */
#define TN_MAX_SAVED 6  /* tensors, for its backward */

/* A call of an operator on the tape. */
typedef struct tn_node tn_node;

/* What the tape knows of an operator. `backward` gets dy, the gradient of the output, and passes
 * the gradients of the inputs to tn_add_grad. Recording is disabled while it runs, and the tensors
 * that it makes are freed when it returns. It records errors in the context. Declare it static
 * const. */
typedef struct tn_op {
    const char *name;
    void (*backward)(tn_ctx *ctx, tn_node *node, const tn_tensor *dy);
} tn_op;

/* What a call hands to the tape. */
typedef struct tn_record_args {
    const tn_tensor *inputs[TN_MAX_INPUTS]; /* in argument order; NULL: an argument left out */
    const tn_tensor *saved[TN_MAX_SAVED];   /* for backward; changing one in place is noticed */
    const void *data;                       /* `size` bytes that are copied into the node */
    size_t size;
} tn_record_args;

/* Says that a call of `op` begins: the first line of an operator. tn_profile measures the time from
 * here to tn_record; without it nothing happens. */
TN_API void tn_begin(tn_ctx *ctx, const tn_op *op);

/* Records that `op` made y from the inputs, if gradients are enabled and an input requires one.
 * Returns y, or NULL if y is NULL or memory is short. */
TN_API tn_tensor *tn_record(tn_ctx *ctx, const tn_op *op, tn_tensor *y, tn_record_args args);

/* True if a call of tn_record with these inputs would record: whether saving is worth the work. */
TN_API bool tn_will_record(const tn_ctx *ctx, int64_t count, const tn_tensor *const *inputs);

/* In backward: is the gradient of input i wanted? */
TN_API bool tn_wants_grad(const tn_node *node, int i);

/* In backward: tensor i of `saved`, which belongs to the node. */
TN_API const tn_tensor *tn_saved(const tn_node *node, int i);

/* In backward: the copy of `data`. */
TN_API const void *tn_node_data(const tn_node *node);

/* In backward: the number of dimensions of input i, and its shape. */
TN_API int tn_input_ndim(const tn_node *node, int i);
TN_API const int64_t *tn_input_shape(const tn_node *node, int i); /* [ndim], of the node */

/* In backward: adds dx to the gradient of input i. Where the input was broadcast, dx is summed to
 * its shape. Does nothing if the gradient is not wanted or dx is NULL. A dx is not to be written to
 * any more in this backward pass. It becomes the gradient itself where nobody else refers to its
 * elements when the backward function has returned, and these are contiguous and at least half of
 * what was allocated with them. */
TN_API void tn_add_grad(tn_ctx *ctx, tn_node *node, int i, const tn_tensor *dx);

/* ---- formulas --------------------------------------------------------------------------------
 *
 * A formula is one C expression, computed for every element of broadcast, strided operands. The
 * macros of <tn/formula.h> make a tn_formula, tn_unary_op or tn_binary_op of it. */

#define TN_ISAS 3          /* instruction sets that a formula is compiled for */
#define TN_MAX_OPERANDS 4  /* of a formula, the result among them */
#define TN_MAX_CONSTANTS 4 /* of a formula */

/* y[i] from elements i of the operands p[1], p[2]...; p[0] is y; c: constants. */
typedef void (*tn_loop)(int64_t n, void *const *p, const double *c);

/* A formula, compiled for both scalar types and each instruction set. */
typedef struct tn_formula {
    const char *name;
    int operands;
    tn_loop loops[2][TN_ISAS]; /* [TN_F32 or TN_F64][instruction set] */
    const char *text;          /* the expression as it was written, or NULL */
} tn_formula;

/* A new tensor of the broadcast shape, each element the formula of the operands'. `what` names the
 * operator in messages. Gradients do not flow. */
TN_API tn_tensor *tn_map(tn_ctx *ctx, const char *what, const tn_formula *formula, const double *c,
                         const tn_tensor *const *operands);

/* What an operator keeps for its backward. The derivatives may use nothing else: in place of
 * what was not kept they find dy. Of a derivative whose text is "dy", dy is passed on itself. */
typedef enum tn_keep {
    TN_SAVE_NOTHING = 0,
    TN_SAVE_X = 1,
    TN_SAVE_Y = 2,
    TN_SAVE_XY = 3,
    TN_SAVE_A = 1, /* of a binary operator */
    TN_SAVE_B = 2,
    TN_SAVE_AB = 3
} tn_keep;

/* An operator of one input, and its derivative. */
typedef struct tn_unary_op {
    tn_op op;
    tn_keep save;
    tn_formula y;  /* of x */
    tn_formula dx; /* of x, y, dy */
} tn_unary_op;

/* An operator of two inputs, and its derivatives. */
typedef struct tn_binary_op {
    tn_op op;
    tn_keep save;
    tn_formula y;  /* of a, b */
    tn_formula da; /* of a, b, dy */
    tn_formula db; /* of a, b, dy */
} tn_binary_op;

/* y = f(x), recorded. `c`: TN_MAX_CONSTANTS constants, or NULL. */
TN_API tn_tensor *tn_unary(tn_ctx *ctx, const tn_unary_op *op, const tn_tensor *x, const double *c);

/* y = f(a, b), recorded; shapes broadcast. */
TN_API tn_tensor *tn_binary(tn_ctx *ctx, const tn_binary_op *op, const tn_tensor *a,
                            const tn_tensor *b);

/* The backward of a tn_unary_op; TN_UNARY sets it. */
TN_API void tn_unary_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy);

/* The backward of a tn_binary_op; TN_BINARY sets it. */
TN_API void tn_binary_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy);

#ifdef __cplusplus
}
#endif

#endif
