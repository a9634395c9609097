/* pool.c - the average element under a window, plane by plane. */
#include "kernels/pairs.h"
#include "kernels/pool.h"

#define SMALL 64 /* elements of a window that is averaged beside others */
#define LINE 512 /* elements of a row that get the gradients of windows side by side */

/* How much of the window is in the plane and its padding. */
static int64_t padded_length(int64_t o, int64_t kernel, int64_t stride, int64_t padding,
                             int64_t size)
{
    int64_t begin = o * stride - padding, end = begin + kernel;
    return (end < size + padding ? end : size + padding) - begin;
}

/* How windows lie on planes, and what their sums are divided by. */
typedef struct averaging {
    const tn__window *w;
    bool adaptive, exclude_padding;
    int64_t divisor; /* 0: the number of elements in the window */
} averaging;

/* What one window covers, and what its sum is divided by. */
typedef struct cover {
    range h, v;
    double divisor;
} cover;

/* The windows of adaptive pooling: out parts that cover the plane, and may overlap by one. */
static cover adaptive_cover(const tn__window *w, int64_t row, int64_t col)
{
    cover c = {.h = {row * w->h / w->out_h, ((row + 1) * w->h + w->out_h - 1) / w->out_h},
               .v = {col * w->w / w->out_w, ((col + 1) * w->w + w->out_w - 1) / w->out_w}};
    c.divisor = (double)((c.h.end - c.h.begin) * (c.v.end - c.v.begin));
    return c;
}

__attribute__((always_inline)) static inline cover cover_of(const averaging *a, int64_t row,
                                                            int64_t col)
{
    const tn__window *w = a->w;
    int64_t divisor = a->divisor;
    if (a->adaptive)
        return adaptive_cover(w, row, col);
    cover c = {.h = window_range(row, w->kernel_h, w->stride_h, w->padding_h, 1, w->h),
               .v = window_range(col, w->kernel_w, w->stride_w, w->padding_w, 1, w->w)};
    if (divisor == 0 && a->exclude_padding)
        divisor = (c.h.end - c.h.begin) * (c.v.end - c.v.begin);
    else if (divisor == 0)
        divisor = padded_length(row, w->kernel_h, w->stride_h, w->padding_h, w->h) *
                  padded_length(col, w->kernel_w, w->stride_w, w->padding_w, w->w);
    c.divisor = (double)divisor;
    return c;
}

/* The numbers of a vector as doubles. */
typedef double doubles __attribute__((vector_size(8 * TN_VECTOR_BYTES / sizeof(real))));

/* Numbers side by side, in double but for the first two sums, as a vector takes longer to convert
 * than to add: four vectors become one. Those sums may overflow. */
static inline double sum_run(int64_t n, const real *x)
{
    doubles sum = {0};
    quad rest = {0};
    double last = 0;
    int64_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        vec left = load(x + i) + load(x + i + LANES);
        vec right = load(x + i + 2 * LANES) + load(x + i + 3 * LANES);
        sum += __builtin_convertvector(left + right, doubles);
    }
    for (; i + 4 <= n; i += 4)
        rest += AS_QUAD(x + i);
    for (; i < n; i++)
        last += x[i];
    for (int64_t j = 0; j < LANES; j++)
        rest[j % 4] += sum[j];
    return ((rest[0] + rest[2]) + (rest[1] + rest[3])) + last;
}

/* In double, four columns side by side; whole rows are one run. */
static inline double sum_block(int64_t rows, int64_t cols, int64_t ldx, const real *x)
{
    double lanes[4] = {0}, sum = 0;
    double run = cols == ldx ? sum_run(rows * cols, x) : NAN;
    if (isfinite(run))
        return run;
    for (int64_t i = 0; i < rows; i++, x += ldx) {
        int64_t j = 0;
        for (; j + 4 <= cols; j += 4)
            for (int k = 0; k < 4; k++)
                lanes[k] += x[j + k];
        for (; j < cols; j++)
            sum += x[j];
    }
    return sum + ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]));
}

/* Pairwise from BLOCK elements on: by rows, and within a row. */
static double sum_pairs(int64_t rows, int64_t cols, int64_t ldx, const real *x)
{
    if (rows * cols <= BLOCK)
        return sum_block(rows, cols, ldx, x);
    int64_t top = rows / 2, left = cols / 2;
    if (rows > 1)
        return sum_pairs(top, cols, ldx, x) + sum_pairs(rows - top, cols, ldx, x + top * ldx);
    return sum_pairs(1, left, ldx, x) + sum_pairs(1, cols - left, ldx, x + left);
}

static real average(const tn__window *w, const cover *c, const real *x)
{
    int64_t rows = c->h.end - c->h.begin, cols = c->v.end - c->v.begin;
    x += c->h.begin * w->w + c->v.begin;
    double sum =
        rows * cols <= BLOCK ? sum_block(rows, cols, w->w, x) : sum_pairs(rows, cols, w->w, x);
    return (real)(sum / c->divisor);
}

static void spread(const tn__window *w, const cover *c, real dy, real *dx, real *lost)
{
    real part = dy / (real)c->divisor;
    for (int64_t i = c->h.begin; i < c->h.end; i++)
        if (lost)
            for (int64_t j = c->v.begin; j < c->v.end; j++)
                add(part, i * w->w + j, dx, lost);
        else
            for (int64_t j = c->v.begin; j < c->v.end; j++)
                dx[i * w->w + j] += part;
}

/* Windows begin .. end of a row, no more than BLOCK, which meet no padding at their sides: element
 * by element of the windows, so that their sums are vectors. */
__attribute__((always_inline)) static inline void average_each(const tn__window *w, const cover *c,
                                                               int64_t begin, int64_t end,
                                                               int64_t stride, const real *x,
                                                               real *restrict y)
{
    double sums[BLOCK] = {0};
    for (int64_t i = c->h.begin; i < c->h.end; i++)
        for (int64_t j = 0; j < w->kernel_w; j++) {
            const real *from = x + i * w->w + j - w->padding_w + begin * stride;
            for (int64_t k = 0; k < end - begin; k++)
                sums[k] += from[k * stride];
        }
    for (int64_t k = 0; k < end - begin; k++)
        y[begin + k] = (real)(sums[k] / c->divisor);
}

/* Those windows of a row; the inner ones of a row have one divisor. */
__attribute__((always_inline)) static inline void average_inner(const averaging *a, int64_t row,
                                                                range inner, const real *x, real *y)
{
    cover c = cover_of(a, row, inner.begin);
    for (int64_t i = inner.begin; i < inner.end; i += BLOCK) {
        int64_t end = inner.end - i < BLOCK ? inner.end : i + BLOCK;
        if (a->w->stride_w == 1)
            average_each(a->w, &c, i, end, 1, x, y);
        else if (a->w->stride_w == 2)
            average_each(a->w, &c, i, end, 2, x, y);
        else
            average_each(a->w, &c, i, end, a->w->stride_w, x, y);
    }
}

/* Small windows are taken side by side where no padding is near. */
static range side_by_side(const averaging *a)
{
    range none = {0, 0};
    if (a->adaptive || a->w->kernel_h * a->w->kernel_w > SMALL)
        return none;
    range inner = inner_windows(a->w);
    return inner.end - inner.begin >= LANES ? inner : none;
}

/* Inlined into each kernel, where the kind of averaging is constant. */
__attribute__((always_inline)) static inline void average_planes(const averaging *a, int64_t planes,
                                                                 const real *x, real *y)
{
    const tn__window *w = a->w;
    range inner = side_by_side(a);
    for (int64_t plane = 0; plane < planes; plane++, x += w->h * w->w)
        for (int64_t row = 0; row < w->out_h; row++, y += w->out_w) {
            if (inner.begin < inner.end)
                average_inner(a, row, inner, x, y);
            for (int64_t col = 0; col < w->out_w; col++) {
                if (col >= inner.begin && col < inner.end)
                    continue;
                cover c = cover_of(a, row, col);
                y[col] = average(w, &c, x);
            }
        }
}

/* The way back of those: what a row of dx gets of the windows is the same for each row under
 * them. */
__attribute__((always_inline)) static inline void spread_each(const tn__window *w, const cover *c,
                                                              int64_t begin, int64_t end,
                                                              int64_t stride, const real *dy,
                                                              real *restrict dx)
{
    real parts[LINE], line[LINE];
    int64_t windows = end - begin, n = (windows - 1) * stride + w->kernel_w;
    zero(n, line);
    for (int64_t k = 0; k < windows; k++)
        parts[k] = dy[begin + k] / (real)c->divisor;
    for (int64_t j = 0; j < w->kernel_w; j++)
        for (int64_t k = 0; k < windows; k++)
            line[j + k * stride] += parts[k];
    for (int64_t i = c->h.begin; i < c->h.end; i++) {
        real *to = dx + i * w->w + begin * stride - w->padding_w;
        for (int64_t j = 0; j < n; j++)
            to[j] += line[j];
    }
}

__attribute__((always_inline)) static inline void
spread_inner(const averaging *a, int64_t row, range inner, const real *dy, real *dx)
{
    const tn__window *w = a->w;
    cover c = cover_of(a, row, inner.begin);
    int64_t most = (LINE - w->kernel_w) / w->stride_w + 1;
    for (int64_t i = inner.begin; i < inner.end; i += most) {
        int64_t end = inner.end - i < most ? inner.end : i + most;
        if (w->stride_w == 1)
            spread_each(w, &c, i, end, 1, dy, dx);
        else if (w->stride_w == 2)
            spread_each(w, &c, i, end, 2, dy, dx);
        else
            spread_each(w, &c, i, end, w->stride_w, dy, dx);
    }
}

__attribute__((always_inline)) static inline void
spread_planes(const averaging *a, int64_t planes, const real *dy, real *dx, real *lost)
{
    const tn__window *w = a->w;
    int64_t size = w->h * w->w;
    range inner = side_by_side(a);
    if (lost)
        inner.end = inner.begin; /* whose sums are not exact */
    zero(planes * size, dx);
    for (int64_t plane = 0; plane < planes; plane++, dx += size) {
        for (int64_t row = 0; row < w->out_h; row++, dy += w->out_w) {
            if (inner.begin < inner.end)
                spread_inner(a, row, inner, dy, dx);
            for (int64_t col = 0; col < w->out_w; col++) {
                if (col >= inner.begin && col < inner.end)
                    continue;
                cover c = cover_of(a, row, col);
                spread(w, &c, dy[col], dx, lost);
            }
        }
        forget(size, lost);
    }
}

void KERNEL(avg_pool2d)(const tn__window *w, int64_t planes, bool exclude_padding, int64_t divisor,
                        const void *x, void *y)
{
    averaging a = {.w = w, .exclude_padding = exclude_padding, .divisor = divisor};
    average_planes(&a, planes, x, y);
}

void KERNEL(avg_pool2d_backward)(const tn__window *w, int64_t planes, bool exclude_padding,
                                 int64_t divisor, const void *dy, void *dx, void *lost)
{
    averaging a = {.w = w, .exclude_padding = exclude_padding, .divisor = divisor};
    spread_planes(&a, planes, dy, dx, lost);
}

/* Where a plane is one window, that is the same for all. */
static void average_whole(const tn__window *w, int64_t planes, const real *x, real *y)
{
    cover whole = adaptive_cover(w, 0, 0);
    for (int64_t plane = 0; plane < planes; plane++, x += w->h * w->w)
        y[plane] = average(w, &whole, x);
}

void KERNEL(adaptive_avg_pool2d)(const tn__window *w, int64_t planes, const void *x, void *y)
{
    averaging a = {.w = w, .adaptive = true};
    if (w->out_h == 1 && w->out_w == 1)
        average_whole(w, planes, x, y);
    else
        average_planes(&a, planes, x, y);
}

void KERNEL(adaptive_avg_pool2d_backward)(const tn__window *w, int64_t planes, const void *dy,
                                          void *dx, void *lost)
{
    averaging a = {.w = w, .adaptive = true};
    spread_planes(&a, planes, dy, dx, lost);
}
