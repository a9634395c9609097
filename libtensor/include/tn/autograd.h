/* autograd.h - reverse-mode automatic differentiation, and checking it.
 *
 * An eager tape: while gradients are enabled, an operator that meets an input which requires one
 * records itself; tn_backward walks the record from the end. Gradients add up in the leaves until
 * they are cleared. */
#ifndef TN_AUTOGRAD_H
#define TN_AUTOGRAD_H

#include <tn/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- gradients ------------------------------------------------------------------------------- */

/* Makes a leaf (a tensor that no operator made) ask for a gradient, or not. TN_F32 and TN_F64
 * only. TN_ERR_STATE for a tensor that an operator made, or of another context. */
TN_API tn_status tn_set_requires_grad(tn_ctx *ctx, tn_tensor *t, bool requires_grad);

/* Does t ask for a gradient, or does what it was made from? False for NULL. */
TN_API bool tn_requires_grad(const tn_tensor *t);

/* The gradient that a leaf has gathered, of its shape and dtype; NULL while there is none.
 * It belongs to `t` and stays until it is cleared. It has no record: gradients of gradients are not
 * supported yet. TN_ERR_STATE in tn_backward of what operators made of it, and in an operator that
 * would record it as an input; tn_detach makes a constant of it, and so does disabling gradients
 * (tn_set_grad_enabled) while something is computed from it. */
TN_API tn_tensor *tn_grad(const tn_tensor *t);

/* Drops the gradient, so that the next backward begins anew. NULL is allowed. */
TN_API void tn_clear_grad(tn_tensor *t);

/* Adds d(loss)/d(leaf) to the gradient of every leaf below `loss`, which has one element, or to
 * none if it fails. The record is used up in either case: a second backward through it is
 * TN_ERR_STATE, and so is one through a tensor that was changed in place after it had been
 * saved, and one within an operator's backward function. */
TN_API tn_status tn_backward(tn_ctx *ctx, const tn_tensor *loss);

/* The same for any tensor, from the gradient `grad` of its shape and dtype (a vector-Jacobian
 * product; torch.Tensor.backward(gradient)). */
TN_API tn_status tn_backward_with(tn_ctx *ctx, const tn_tensor *t, const tn_tensor *grad);

/* What tn_on_grad calls: `grad` is what the running backward adds to the gradient of a leaf, of its
 * shape and dtype, with any strides; `payload` is the program's own. False keeps it from being
 * added: the hook has used it. */
typedef bool (*tn_grad_hook)(tn_ctx *ctx, const tn_tensor *grad, void *payload);

/* Calls `hook` in each tn_backward that reaches the leaf, once, as soon as all of it is there,
 * while the gradients of earlier operators are still to come. The hook may compute: nothing is
 * recorded then, and what it makes is freed when it returns. An error that it records is that of
 * the backward; tn_backward inside of it is TN_ERR_STATE. What hooks have used before a backward
 * fails, they have used. TN_ERR_STATE for a tensor that is no leaf that requires a gradient; a
 * leaf that stops to require one, as tn_freeze makes it, loses its hook. NULL takes the hook away.
 * Both work while an error is recorded, too, so that a hook can be put back that another one has
 * stood for. torch.Tensor.register_hook. */
TN_API tn_status tn_on_grad(tn_ctx *ctx, tn_tensor *leaf, tn_grad_hook hook, void *payload);

/* The hook of a tensor, and its payload in *payload unless that is NULL; NULL where there is none,
 * and for NULL. */
TN_API tn_grad_hook tn_get_grad_hook(const tn_tensor *leaf, void **payload);

/* Enables or disables recording and returns what was set before, so that calls nest:
 *
 *     bool before = tn_set_grad_enabled(ctx, false);
 *     ...
 *     tn_set_grad_enabled(ctx, before); */
TN_API bool tn_set_grad_enabled(tn_ctx *ctx, bool enabled);

/* Is recording enabled? False for NULL. */
TN_API bool tn_is_grad_enabled(const tn_ctx *ctx);

/* A view of `t` that no gradient flows through. */
TN_API tn_tensor *tn_detach(tn_ctx *ctx, const tn_tensor *t);

/* ---- gradient check --------------------------------------------------------------------------
 *
 * Compares the gradients that tn_backward computes with signed central differences
 *     (f(x + eps) - f(x - eps)) / 2 eps
 * in float64. The output, of any shape, is projected on random vectors, so f is the scalar
 * sum(v * fn(inputs)) (as autograd's test_util and torch.autograd.gradcheck's fast mode do). */

/* A function to be checked; `payload` is what tn_gradcheck was given. */
typedef tn_tensor *(*tn_gradcheck_fn)(tn_ctx *ctx, tn_tensor *const *inputs, void *payload);

/* How closely tn_gradcheck looks. */
typedef struct tn_gradcheck_opts {
    double eps;          /* step, scaled by max(1, |x|); 0: 1e-5 */
    double rtol;         /* accepted |analytic - numeric| / scale; 0: 1e-6; TN_ZERO: 0 */
    int64_t samples;     /* coordinates tried per input, drawn at random; 0: every one */
    int64_t projections; /* random vectors; 0: 2 */
} tn_gradcheck_opts;

/* What tn_gradcheck found. */
typedef struct tn_gradcheck_report {
    int64_t checked;  /* comparisons: coordinates times projections */
    double worst;     /* largest relative error: |analytic - numeric| divided by the scale, the
                         largest |gradient| of the input or 1e-3, whichever is larger */
    int64_t input;    /* where it was: which input, */
    int64_t element;  /* which element of it in row-major order, */
    int64_t index[8]; /* and its coordinates */
    double analytic;  /* the value that backward gave there */
    double numeric;   /* the value of the central difference */
} tn_gradcheck_report;

/* Checks fn at `inputs`, `count` leaves. The TN_F64 ones that require a gradient are checked: they
 * are moved a little, and put back. `fn` must be a function of its inputs: one that draws random
 * numbers gets the same ones in every call. Gradients of the inputs are cleared. `report` may be
 * NULL. TN_OK, TN_ERR_GRADIENT with the worst coordinate in the message, TN_ERR_DTYPE for an input
 * that is float32, TN_ERR_ARGUMENT if nothing requires a gradient, or what fn failed with. */
TN_API tn_status tn_gradcheck(tn_ctx *ctx, tn_gradcheck_fn fn, void *payload, int64_t count,
                              tn_tensor *const *inputs, tn_gradcheck_opts opts,
                              tn_gradcheck_report *report);

/* ---- looking inside ---------------------------------------------------------------------------
 * Both are off at first, and cost nothing then. tn_graph_dot (nn.h) draws the record. */

/* Makes the first NaN or infinity the error TN_ERR_NUMBER, with a text that names the operator, its
 * step on the tape, forward or backward, the shape, how many there are and where the first one is,
 * and the ranges of what it was made from:
 *     log: step 1 on the tape, forward: 1 of 3 elements of the result [3] are not finite, the first
 *     is -inf at [0]; input 0 [3] from 0 to 2
 * Looks at every result that an operator records or would record, and at every gradient that it
 * passes on in tn_backward, which costs about as much again as a simple operator. The result is
 * not returned and the gradient not added. Where an operator is made of others, the message names
 * the inner one. Returns what was set before. */
TN_API bool tn_detect_anomaly(tn_ctx *ctx, bool enabled);

/* Starts counting anew, or stops; what was counted stays for the report. TN_ERR_MEMORY. */
TN_API tn_status tn_profile(tn_ctx *ctx, bool enable);

/* Writes a table of what was counted, a line for each operator that was used and one of sums, the
 * most time first, into `buffer`, cut to `size` bytes with the terminating zero; `buffer` may be
 * NULL if `size` is 0. Returns the length of the whole text, as snprintf does.
 *
 *     operator                 calls   forward ms  backward ms          bytes
 *     linear                      20        1.204        2.110          81920
 *
 * A call of an operator is counted when it records its result, or would record it if something
 * required a gradient; functions that have none, such as tn_argmax, do not appear. Forward is wall
 * time from tn_begin (op.h) to that point, without the operators inside it, which have lines of
 * their own; 0 for an operator that does not call it. Backward is wall time in the operator's
 * backward function with everything that it calls. Bytes are the elements of results that are no
 * views. Neither the optimiser's steps nor reading data is part of it. */
TN_API int64_t tn_profile_report(tn_ctx *ctx, char *buffer, size_t size);

#ifdef __cplusplus
}
#endif

#endif
