/* kernels.h - the machine room's list: loops on raw, contiguous arrays of a real type.
 *
 * The table of a scalar type and an instruction set holds one pointer for each line of the list, so
 * that callers need to know neither. Rows are row-major; a backward kernel overwrites its result.
 */
#ifndef TN_KERNELS_H
#define TN_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct tn__cross_entropy {
    int64_t classes;
    const int64_t *target; /* [rows] */
    const void *weight;    /* [classes], or NULL */
    double smoothing;
    int64_t ignore;
} tn__cross_entropy;

typedef struct tn__sgd {
    double lr, momentum, dampening, weight_decay;
    bool nesterov;
    bool first; /* v is not there yet */
} tn__sgd;

/* K(result, name, parameters) */
#define TN__KERNELS(K)                                                                             \
    /* y += x */                                                                                   \
    K(void, add_to, (int64_t n, const void *x, void *y))                                           \
    /* y = scale x, from bytes */                                                                  \
    K(void, scale_u8, (int64_t n, const uint8_t *x, double scale, void *y))                        \
    /* y[0] = sum_i x[i];  y[j] = sum_i x[i][j], x [n, cols] with rows ldx apart; pairwise */      \
    K(void, sum, (int64_t n, const void *x, void *y))                                              \
    K(void, sum_rows, (int64_t n, int64_t cols, const void *x, int64_t ldx, void *y))              \
    /* the first largest of x[i * stride]; NaN is largest */                                       \
    K(int64_t, argmax, (int64_t n, const void *x, int64_t stride))                                 \
    /* softmax and its logarithm over rows of n, and dx from y and dy */                           \
    K(void, softmax, (int64_t rows, int64_t n, const void *x, void *y))                            \
    K(void, softmax_backward, (int64_t rows, int64_t n, const void *y, const void *dy, void *dx))  \
    K(void, log_softmax, (int64_t rows, int64_t n, const void *x, void *y))                        \
    K(void, log_softmax_backward,                                                                  \
      (int64_t rows, int64_t n, const void *y, const void *dy, void *dx))                          \
    /* rows begin .. end: loss and log-sum-exp of each;  dx from dy of each, scaled */             \
    K(void, cross_entropy,                                                                         \
      (const tn__cross_entropy *e, int64_t begin, int64_t end, const void *x, void *loss,          \
       void *lse))                                                                                 \
    K(void, cross_entropy_backward,                                                                \
      (const tn__cross_entropy *e, int64_t begin, int64_t end, const void *x, const void *lse,     \
       const void *dy, bool one_dy, double scale, void *dx))                                       \
    /* y [m, n] = x [m, k] w^T + bias, w [n, k], bias [n] or NULL; n is small */                   \
    K(void, thin_linear,                                                                           \
      (int64_t m, int64_t n, int64_t k, const void *x, const void *w, const void *bias, void *y))  \
    /* w [n, begin .. end of k] = dy^T x, dy [m, n], x [m, k]; n is small */                       \
    K(void, thin_outer,                                                                            \
      (int64_t m, int64_t n, int64_t k, const void *dy, const void *x, int64_t begin, int64_t end, \
       void *w))                                                                                   \
    /* one step of SGD; v is NULL without momentum */                                              \
    K(void, sgd_step, (const tn__sgd *o, int64_t n, const void *g, void *v, void *p))

#define TN__KERNEL_POINTER(result, name, parameters) result(*name) parameters;

typedef struct tn__kernels {
    TN__KERNELS(TN__KERNEL_POINTER)
} tn__kernels;

extern const tn__kernels tn__table_f32_baseline, tn__table_f64_baseline;
extern const tn__kernels tn__table_f32_v3, tn__table_f64_v3;
extern const tn__kernels tn__table_f32_v4, tn__table_f64_v4;

#endif
