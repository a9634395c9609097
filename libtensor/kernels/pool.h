/* pool.h - what the kernels of pooling share. */
#ifndef TN_KERNELS_POOL_H
#define TN_KERNELS_POOL_H

#include "kernels/real.h"

/* Rows or columns begin .. end of the plane under window number o, those in the padding left out;
 * `step` apart. */
typedef struct range {
    int64_t begin, end;
} range;

static inline range window_range(int64_t o, int64_t kernel, int64_t stride, int64_t padding,
                                 int64_t dilation, int64_t size)
{
    range r = {o * stride - padding, o * stride - padding + (kernel - 1) * dilation + 1};
    if (r.begin < 0)
        r.begin += (-r.begin + dilation - 1) / dilation * dilation;
    r.end = r.end < size ? r.end : size;
    return r;
}

/* The windows of a row that meet no padding at their sides: begin .. end. */
static inline range inner_windows(const tn__window *w)
{
    int64_t length = (w->kernel_w - 1) * w->dilation_w + 1;
    int64_t begin = (w->padding_w + w->stride_w - 1) / w->stride_w;
    int64_t room = w->w + w->padding_w - length;
    int64_t end = room < 0 ? 0 : room / w->stride_w + 1;
    end = end < w->out_w ? end : w->out_w;
    return (range){begin < end ? begin : end, end};
}

static inline void zero(int64_t n, real *x)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = 0;
}

/* x[i] += value; what rounding takes from it is kept in lost[i], if there is that plane. */
static inline void add(real value, int64_t i, real *x, real *lost)
{
    x[i] = lost ? add_exactly(x[i], value, lost + i) : x[i] + value;
}

/* Nothing of the next plane is lost yet. */
static inline void forget(int64_t n, real *lost)
{
    if (lost)
        zero(n, lost);
}

#endif
