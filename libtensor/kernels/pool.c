/* pool.c - the largest or the average element under a window, plane by plane. */
#include "kernels/real.h"

/* Rows or columns begin .. end of the plane under window number o, those in the padding left out;
 * `step` apart. */
typedef struct range {
    int64_t begin, end;
} range;

static range window_range(int64_t o, int64_t kernel, int64_t stride, int64_t padding,
                          int64_t dilation, int64_t size)
{
    range r = {o * stride - padding, o * stride - padding + (kernel - 1) * dilation + 1};
    if (r.begin < 0)
        r.begin += (-r.begin + dilation - 1) / dilation * dilation;
    r.end = r.end < size ? r.end : size;
    return r;
}

/* A NaN is largest; -1 if dilation leaves nothing but padding under the window. */
static int32_t largest(const tn__window *w, range h, range v, const real *x)
{
    if (h.begin >= h.end || v.begin >= v.end)
        return -1;
    int64_t best = h.begin * w->w + v.begin;
    for (int64_t i = h.begin; i < h.end; i += w->dilation_h)
        for (int64_t j = v.begin; j < v.end; j += w->dilation_w) {
            real value = x[i * w->w + j];
            if (value > x[best] || isnan(value))
                best = i * w->w + j;
        }
    return (int32_t)best;
}

void KERNEL(max_pool2d)(const tn__window *w, int64_t planes, const void *px, void *py,
                        int32_t *index)
{
    const real *x = px;
    real *y = py;
    for (int64_t plane = 0; plane < planes; plane++, x += w->h * w->w)
        for (int64_t row = 0; row < w->out_h; row++) {
            range h =
                window_range(row, w->kernel_h, w->stride_h, w->padding_h, w->dilation_h, w->h);
            for (int64_t col = 0; col < w->out_w; col++) {
                range v =
                    window_range(col, w->kernel_w, w->stride_w, w->padding_w, w->dilation_w, w->w);
                int32_t best = largest(w, h, v, x);
                *y++ = best < 0 ? (real)-INFINITY : x[best];
                if (index)
                    *index++ = best;
            }
        }
}

static void zero(int64_t n, real *x)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = 0;
}

void KERNEL(max_pool2d_backward)(const tn__window *w, int64_t planes, const int32_t *index,
                                 const void *pdy, void *pdx)
{
    const real *dy = pdy;
    real *dx = pdx;
    int64_t out = w->out_h * w->out_w;
    zero(planes * w->h * w->w, dx);
    for (int64_t plane = 0; plane < planes; plane++, index += out, dy += out, dx += w->h * w->w)
        for (int64_t i = 0; i < out; i++)
            if (index[i] >= 0)
                dx[index[i]] += dy[i];
}

/* How much of the window is in the plane and its padding. */
static int64_t padded_length(int64_t o, int64_t kernel, int64_t stride, int64_t padding,
                             int64_t size)
{
    int64_t begin = o * stride - padding, end = begin + kernel;
    return (end < size + padding ? end : size + padding) - begin;
}

/* What one window covers, and what its sum is divided by. */
typedef struct cover {
    range h, v;
    real divisor;
} cover;

static cover cover_of(const tn__window *w, bool exclude_padding, int64_t divisor, int64_t row,
                      int64_t col)
{
    cover c = {.h = window_range(row, w->kernel_h, w->stride_h, w->padding_h, 1, w->h),
               .v = window_range(col, w->kernel_w, w->stride_w, w->padding_w, 1, w->w)};
    if (divisor == 0 && exclude_padding)
        divisor = (c.h.end - c.h.begin) * (c.v.end - c.v.begin);
    else if (divisor == 0)
        divisor = padded_length(row, w->kernel_h, w->stride_h, w->padding_h, w->h) *
                  padded_length(col, w->kernel_w, w->stride_w, w->padding_w, w->w);
    c.divisor = (real)divisor;
    return c;
}

/* The windows of adaptive pooling: out parts that cover the plane, and may overlap by one. */
static cover adaptive_cover(const tn__window *w, int64_t row, int64_t col)
{
    cover c = {.h = {row * w->h / w->out_h, ((row + 1) * w->h + w->out_h - 1) / w->out_h},
               .v = {col * w->w / w->out_w, ((col + 1) * w->w + w->out_w - 1) / w->out_w}};
    c.divisor = (real)((c.h.end - c.h.begin) * (c.v.end - c.v.begin));
    return c;
}

static real average(const tn__window *w, const cover *c, const real *x)
{
    real sum = 0;
    for (int64_t i = c->h.begin; i < c->h.end; i++)
        for (int64_t j = c->v.begin; j < c->v.end; j++)
            sum += x[i * w->w + j];
    return sum / c->divisor;
}

static void spread(const tn__window *w, const cover *c, real dy, real *dx)
{
    real part = dy / c->divisor;
    for (int64_t i = c->h.begin; i < c->h.end; i++)
        for (int64_t j = c->v.begin; j < c->v.end; j++)
            dx[i * w->w + j] += part;
}

void KERNEL(avg_pool2d)(const tn__window *w, int64_t planes, bool exclude_padding, int64_t divisor,
                        const void *px, void *py)
{
    const real *x = px;
    real *y = py;
    for (int64_t plane = 0; plane < planes; plane++, x += w->h * w->w)
        for (int64_t row = 0; row < w->out_h; row++)
            for (int64_t col = 0; col < w->out_w; col++) {
                cover c = cover_of(w, exclude_padding, divisor, row, col);
                *y++ = average(w, &c, x);
            }
}

void KERNEL(avg_pool2d_backward)(const tn__window *w, int64_t planes, bool exclude_padding,
                                 int64_t divisor, const void *pdy, void *pdx)
{
    const real *dy = pdy;
    real *dx = pdx;
    zero(planes * w->h * w->w, dx);
    for (int64_t plane = 0; plane < planes; plane++, dx += w->h * w->w)
        for (int64_t row = 0; row < w->out_h; row++)
            for (int64_t col = 0; col < w->out_w; col++) {
                cover c = cover_of(w, exclude_padding, divisor, row, col);
                spread(w, &c, *dy++, dx);
            }
}

void KERNEL(adaptive_avg_pool2d)(const tn__window *w, int64_t planes, const void *px, void *py)
{
    const real *x = px;
    real *y = py;
    for (int64_t plane = 0; plane < planes; plane++, x += w->h * w->w)
        for (int64_t row = 0; row < w->out_h; row++)
            for (int64_t col = 0; col < w->out_w; col++) {
                cover c = adaptive_cover(w, row, col);
                *y++ = average(w, &c, x);
            }
}

void KERNEL(adaptive_avg_pool2d_backward)(const tn__window *w, int64_t planes, const void *pdy,
                                          void *pdx)
{
    const real *dy = pdy;
    real *dx = pdx;
    zero(planes * w->h * w->w, dx);
    for (int64_t plane = 0; plane < planes; plane++, dx += w->h * w->w)
        for (int64_t row = 0; row < w->out_h; row++)
            for (int64_t col = 0; col < w->out_w; col++) {
                cover c = adaptive_cover(w, row, col);
                spread(w, &c, *dy++, dx);
            }
}
