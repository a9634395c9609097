/* ops.h - what several operators share. */
#ifndef TN_OPS_OPS_H
#define TN_OPS_OPS_H

#include "core/core.h"

/* ---- elements by index (argmax.c, gather.c) -------------------------------------------------- */

/* The index of the largest or smallest element along `dim`: the first of equal ones, a NaN before
 * all others. Of x's shape without `dim`, which is in range. */
tn_tensor *tn__argmax(tn_ctx *ctx, const char *what, const tn_tensor *x, int dim, bool smallest);

/* t as TN_I64, contiguous: a view of t, or a copy. */
const tn_tensor *tn__plain_i64(tn_ctx *ctx, const tn_tensor *t);

/* The same for indices; NULL with an error if it is not of an integer type, or an index is outside
 * dimension `dim` of x. */
const tn_tensor *tn__indices(tn_ctx *ctx, const char *what, const tn_tensor *x, int dim,
                             const tn_tensor *index);

/* y[i, j, k] = x[i, index[i, j, k], k], the indices along `dim`; of the shape of `index`, whose
 * other sizes are at most those of x. No gradient flows. */
tn_tensor *tn__gather(tn_ctx *ctx, const char *what, const tn_tensor *x, int dim,
                      const tn_tensor *index);

/* The gradient of that: zeros of `shape`, with dx[i, index[i, j, k], k] += dy[i, j, k]. */
tn_tensor *tn__scatter_add(tn_ctx *ctx, const char *what, int ndim, const int64_t *shape, int dim,
                           const tn_tensor *index, const tn_tensor *dy);

/* ---- lists (cat.c) --------------------------------------------------------------------------- */

/* Checks that there are tensors, that none is NULL, and that all have the dtype of the first. */
bool tn__check_list(tn_ctx *ctx, const char *what, int count, const tn_tensor *const *x);

/* ---- losses (loss.c) ------------------------------------------------------------------------- */

bool tn__check_reduction(tn_ctx *ctx, const char *what, tn_reduction reduction);

/* Checks x [n, classes] and target [n], or [classes] and [], and weight [classes] or NULL; `name`
 * is x's in messages. */
bool tn__check_classes(tn_ctx *ctx, const char *what, const char *name, const tn_tensor *x,
                       const tn_tensor *target, const tn_tensor *weight);

/* Checks that every target, contiguous and of TN_I64, is one of the classes or ignored, and adds up
 * their weights. */
bool tn__check_targets(tn_ctx *ctx, const char *what, const tn_tensor *target, int64_t classes,
                       int64_t ignore, const tn_tensor *weight, double *total);

/* The losses, contiguous, as they are with TN_REDUCE_NONE; otherwise their sum, times scale. */
tn_tensor *tn__reduce_losses(tn_ctx *ctx, const char *what, tn_tensor *losses,
                             tn_reduction reduction, double scale);

/* ---- windows that slide over planes (window.c) ----------------------------------------------- */

/* The value of an option: that of one direction, that of both, or the default. */
int64_t tn__option(int64_t one, int64_t both, int64_t otherwise);

/* Fills in the sizes of x [..., h, w] and of the result; false with TN_ERR_ARGUMENT for options out
 * of range, and with TN_ERR_SHAPE if the kernel is larger than x with its padding. */
bool tn__slide(tn_ctx *ctx, const char *what, const tn_tensor *x, tn__window *w, bool ceil_mode);

/* Checks that x is [n, channels, h, w] or [channels, h, w] and not too large. */
bool tn__check_planes(tn_ctx *ctx, const char *what, const tn_tensor *x);

/* The window of pooling, checked with x; false with the error. */
bool tn__pool_window(tn_ctx *ctx, const char *what, const tn_tensor *x, int64_t kernel_size,
                     const tn_pool2d_opts *opts, tn__window *w);

/* A new tensor of x's shape but for the planes, which are those of the result. */
tn_tensor *tn__new_planes(tn_ctx *ctx, const char *what, const tn_tensor *x, tn_dtype dtype,
                          const tn__window *w);

/* How many planes x has. */
int64_t tn__planes(const tn_tensor *x);

/* The number of windows that an element of x is in, at most. */
double tn__windows_over(const tn__window *w);

/* Zeros as large as dx, for what rounding takes from it, if an element of it is the sum of more
 * than some hundred windows; otherwise, or with an error, NULL. To be freed by tn__free. */
char *tn__new_lost(tn_ctx *ctx, const tn_tensor *dx, double windows);

/* ---- convolutions of 3 x 3 by Winograd's method (winograd.c) --------------------------------- */

/* n images of c channels, windows of 3 x 3 in steps of 1, o channels of y; all contiguous. */
typedef struct tn__winograd_args {
    tn_ctx *ctx;
    tn_dtype dtype;
    tn__window w;
    int64_t n, c, o;
    bool turned; /* weight is [c, o, 3, 3], to be turned by half a turn */
    const char *x, *weight, *bias, *dy;
    char *y, *dw;
} tn__winograd_args;

/* Whether the method applies and pays. */
bool tn__winograd_fits(const tn__winograd_args *a);

/* y = x * weight + bias (NULL: none); dw [o, c, 3, 3] from x and dy. An error is in the context. */
void tn__winograd_forward(const tn__winograd_args *a);
void tn__winograd_weight_grad(const tn__winograd_args *a);

#endif
