/* window.h - windows that slide over planes. */
#ifndef TN_OPS_SHARED_WINDOW_H
#define TN_OPS_SHARED_WINDOW_H

#include <tn/ops.h>
#include "kernels/window.h"
#include "tensor/tensor.h"

/* The value of an option in one direction: `one` if it is set, else `both` if that is set, else the
 * default `otherwise`. */
int64_t tn__option(int64_t one, int64_t both, int64_t otherwise);

/* Fills in the sizes of x [..., h, w] and of the result; false with TN_ERR_ARGUMENT for options out
 * of range, and with TN_ERR_SHAPE if the kernel is larger than x with its padding. */
bool tn__slide(tn_ctx *ctx, const char *what, const tn_tensor *x, tn__window *w, bool ceil_mode);

/* Checks that x is [n, channels, h, w] or [channels, h, w] and not too large. */
bool tn__check_planes(tn_ctx *ctx, const char *what, const tn_tensor *x);

/* The window of pooling, checked with x; false with the error. */
bool tn__pool_window(tn_ctx *ctx, const char *what, const tn_tensor *x, int64_t kernel_size,
                     const tn_pool2d_opts *opts, tn__window *w);

/* A new tensor in the shape of x, but with planes of the result's size. */
tn_tensor *tn__new_planes(tn_ctx *ctx, const char *what, const tn_tensor *x, tn_dtype dtype,
                          const tn__window *w);

/* How many planes x has. */
int64_t tn__planes_of(const tn_tensor *x);

/* The number of windows that an element of x is in, at most. */
double tn__windows_over(const tn__window *w);

/* Zeros as large as dx, for what rounding takes from it, if an element of it is the sum of more
 * than some hundred windows; otherwise, or with an error, NULL. To be freed by tn__free. */
char *tn__new_lost(tn_ctx *ctx, const tn_tensor *dx, double windows);

#endif
