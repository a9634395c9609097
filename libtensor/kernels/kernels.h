/* kernels.h - the machine room's list: loops on raw, contiguous arrays of a real type.
 *
 * The table of a scalar type and an instruction set holds one pointer for each line of the list, so
 * that callers need to know neither. Rows are row-major; a backward kernel overwrites its
 * result. */
#ifndef TN_KERNELS_H
#define TN_KERNELS_H

#include <stdbool.h>
#include <stdint.h>
#include "kernels/args.h"
#include "kernels/arrays.h"
#include "kernels/window.h"

/* K(result, name, parameters) */
#define TN__KERNELS(K)                                                                             \
    TN__ARRAY_KERNELS(K)                                                                           \
    /* softmax and its logarithm over rows of n, and dx from y and dy */                           \
    K(void, softmax, (int64_t rows, int64_t n, bool log, const void *x, void *y))                  \
    K(void, softmax_backward,                                                                      \
      (int64_t rows, int64_t n, bool log, const void *y, const void *dy, void *dx))                \
    /* the same of rows of up to TN__SHORT_ROW;  m and log sum e^(x - m) of rows ldx apart */      \
    K(void, softmax_short, (int64_t rows, int64_t n, bool log, const void *x, void *y))            \
    K(void, log_sum_exp, (int64_t rows, int64_t n, const void *x, int64_t ldx, void *lse))         \
    K(void, log_sum_exp_short, (int64_t rows, int64_t n, const void *x, int64_t ldx, void *lse))   \
    /* softmax and its logarithm down columns, of n rows that are ld numbers apart */              \
    K(void, softmax_columns,                                                                       \
      (int64_t n, int64_t cols, int64_t ld, bool log, const void *x, void *y))                     \
    K(void, softmax_columns_backward,                                                              \
      (int64_t n, int64_t cols, int64_t ld, bool log, const void *y, const void *dy, void *dx))    \
    /* rows begin .. end: loss from m and log sum of each;  dx from dy of each, scaled */          \
    K(void, cross_entropy,                                                                         \
      (const tn__cross_entropy *e, int64_t begin, int64_t end, const void *x, const void *lse,     \
       void *loss))                                                                                \
    K(void, cross_entropy_backward,                                                                \
      (const tn__cross_entropy *e, int64_t begin, int64_t end, const void *x, const void *lse,     \
       const void *dy, bool one_dy, double scale, void *dx))                                       \
    /* the tiles in which C = or += A B is summed;  panels of B from rows or columns of x, and */  \
    /* tiles of A from columns of x */                                                             \
    K(tn__tile_size, product_tile, (void))                                                         \
    K(void, product, (const tn__product_block *x))                                                 \
    K(void, pack_rows, (int64_t k, int64_t n, const void *x, int64_t ldx, void *panels))           \
    K(void, pack_columns, (int64_t k, int64_t n, const void *x, int64_t ldx, void *panels))        \
    K(void, pack_tiles, (int64_t k, int64_t m, const void *x, int64_t ldx, void *tiles))           \
    /* loss of each row, classes `step` apart;  dx of the targets from dy, steps apart, scaled */  \
    K(void, nll_loss,                                                                              \
      (const tn__cross_entropy *e, int64_t n, const void *x, int64_t step, void *loss))            \
    K(void, nll_loss_backward,                                                                     \
      (const tn__cross_entropy *e, int64_t n, const void *dy, int64_t step_dy, double scale,       \
       void *dx))                                                                                  \
    /* the same for one panel and an A that lies in pieces;  y[i step] = x[i] */                   \
    K(void, direct, (const tn__direct *x))                                                         \
    K(void, spread, (int64_t n, const void *x, int64_t step, void *y))                             \
    /* y [m, n] = x [m, k] w^T + bias, w [n, k], bias [n] or NULL; n <= TN__THIN */                \
    K(void, thin_linear,                                                                           \
      (int64_t m, int64_t n, int64_t k, const void *x, const void *w, const void *bias, void *y))  \
    /* w [n, begin .. end of k] = dy^T x, dy [m, n], x [m, k]; n <= TN__THIN */                    \
    K(void, thin_outer,                                                                            \
      (int64_t m, int64_t n, int64_t k, const void *dy, const void *x, int64_t begin, int64_t end, \
       void *w))                                                                                   \
    /* the most outputs with which thin_outer reads x twice at most */                             \
    K(int64_t, thin_outputs, (void))                                                               \
    /* a row of tiles of x transformed, of dy, and back to y;  rows of a panel of kernels, and */  \
    /* back to w [channels, r, r]; with space for tn__winograd_space numbers */                    \
    K(void, winograd_input, (const tn__winograd_row *t, const void *x, void *space, void *v))      \
    K(void, winograd_output_back,                                                                  \
      (const tn__winograd_row *t, const void *dy, void *space, void *m))                           \
    K(void, winograd_output,                                                                       \
      (const tn__winograd_row *t, const void *m, const void *bias, void *space, void *y))          \
    K(void, winograd_weight, (const tn__winograd_panel *t, const void *w, void *u))                \
    K(void, winograd_weight_back,                                                                  \
      (tn__winograd_kind kind, int64_t channels, const void *u, int64_t element, void *w))         \
    /* planes of x as padded rows from row `first` of the padding on;  x from all padded rows */   \
    K(void, pad_planes,                                                                            \
      (const tn__window *w, int64_t planes, int64_t first, int64_t rows, const void *x, void *p))  \
    K(void, unpad_planes,                                                                          \
      (const tn__window *w, int64_t planes, int64_t rows, const void *p, void *x))                 \
    /* the matrix of windows from padded rows, with slack;  padded rows += the matrix */           \
    K(void, im2col, (const tn__window *w, const tn__columns *c, const void *p, void *matrix))      \
    K(void, col2im, (const tn__window *w, const tn__columns *c, const void *matrix, void *p))      \
    /* planes of y from one padded plane; taps[k]: where element k of the kernel first meets it */ \
    K(void, depthwise,                                                                             \
      (const tn__window *w, const int64_t *taps, int64_t outputs, const void *p,                   \
       const void *weight, const void *bias, void *y))                                             \
    /* padded rows += dx of a plane of dy;  dw += that of a plane, and what rounding takes */      \
    K(void, depthwise_input,                                                                       \
      (const tn__window *w, const int64_t *taps, const void *dy, const void *weight, void *p))     \
    K(void, depthwise_weight,                                                                      \
      (const tn__window *w, const int64_t *taps, const void *p, const void *dy, void *dw,          \
       void *lost))                                                                                \
    /* planes of maxima and where they were, if `index` is not NULL;  dx from that */              \
    K(void, max_pool2d,                                                                            \
      (const tn__window *w, int64_t planes, const void *x, void *y, void *index))                  \
    K(void, max_pool2d_backward,                                                                   \
      (const tn__window *w, int64_t planes, const void *index, const void *dy, void *dx,           \
       void *lost))                                                                                \
    /* planes of sums divided by `divisor`, or by the number of elements if that is 0, with or */  \
    /* without the padding;  dx from that. Backward kernels have a plane of zeros for what */      \
    /* rounding takes from dx, or NULL where it may be lost */                                     \
    K(void, avg_pool2d,                                                                            \
      (const tn__window *w, int64_t planes, bool exclude_padding, int64_t divisor, const void *x,  \
       void *y))                                                                                   \
    K(void, avg_pool2d_backward,                                                                   \
      (const tn__window *w, int64_t planes, bool exclude_padding, int64_t divisor, const void *dy, \
       void *dx, void *lost))                                                                      \
    K(void, adaptive_avg_pool2d, (const tn__window *w, int64_t planes, const void *x, void *y))    \
    K(void, adaptive_avg_pool2d_backward,                                                          \
      (const tn__window *w, int64_t planes, const void *dy, void *dx, void *lost))                 \
    /* mean and biased variance of a channel;  sums of dy and dy (x - mean) */                     \
    K(void, batch_norm_moments, (const tn__channel *c, const void *x, double *mean, double *var))  \
    K(void, batch_norm_sums,                                                                       \
      (const tn__channel *c, double mean, const void *x, const void *dy, double sums[2]))          \
    /* y = scale (x - mean) + shift, or of n numbers y;  dx = scale (dy - a - b (x - mean)) */     \
    K(void, batch_norm,                                                                            \
      (const tn__channel *c, double mean, double scale, double shift, const void *x, void *y))     \
    K(void, norm_in_place, (int64_t n, double mean, double scale, double shift, void *y))          \
    K(void, batch_norm_backward,                                                                   \
      (const tn__channel *c, double mean, double scale, double a, double b, const void *x,         \
       const void *dy, void *dx))                                                                  \
    /* the same of several channels, each of which has one number in a row */                      \
    K(void, batch_norm_columns_moments,                                                            \
      (const tn__channels *c, const void *x, double *mean, double *var))                           \
    K(void, batch_norm_columns_sums,                                                               \
      (const tn__channels *c, const void *x, const void *dy, double *sums, double *products))      \
    K(void, batch_norm_columns, (const tn__channels *c, const void *x, void *y))                   \
    K(void, batch_norm_columns_backward,                                                           \
      (const tn__channels *c, const void *x, const void *dy, void *dx))                            \
    /* one step of SGD; v is NULL without momentum */                                              \
    K(void, sgd_step, (const tn__sgd *o, int64_t n, const void *g, void *v, void *p))              \
    /* one step of Adam and AdamW; m and v: means of g and of g^2 */                               \
    K(void, adam_step, (const tn__adam *o, int64_t n, const void *g, void *m, void *v, void *p))   \
    /* one step of RMSprop; v and mean: means of g^2 and of g; mean and buf may be NULL */         \
    K(void, rmsprop_step,                                                                          \
      (const tn__rmsprop *o, int64_t n, const void *g, void *v, void *mean, void *buf, void *p))   \
    /* the sum of x^2, gathered in double;  x *= scale;  x = min(max(x, -limit), limit) */         \
    K(double, sum_squares, (int64_t n, const void *x))                                             \
    K(void, scale_by, (int64_t n, double scale, void *x))                                          \
    K(void, clip, (int64_t n, double limit, void *x))

#define TN__KERNEL_POINTER(result, name, parameters) result(*name) parameters;

typedef struct tn__kernels {
    TN__KERNELS(TN__KERNEL_POINTER)
} tn__kernels;

extern const tn__kernels tn__table_f32_baseline, tn__table_f64_baseline;
extern const tn__kernels tn__table_f32_v3, tn__table_f64_v3;
extern const tn__kernels tn__table_f32_v4, tn__table_f64_v4;

#endif
