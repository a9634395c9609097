/* max_pool.c - the largest element under a window, plane by plane. */
#include "kernels/pool.h"

#if defined(TN_REAL_f32)
typedef int32_t place;
#define IN_VECTOR (TN_VECTOR_BYTES / 4)
#else
typedef int64_t place;
#define IN_VECTOR (TN_VECTOR_BYTES / 8)
#endif
typedef place places __attribute__((vector_size(TN_VECTOR_BYTES)));

/* Of numbers 0 .. IN_VECTOR - 1 and of those from the last of these on, every other one. */
#if IN_VECTOR == 8
#define EVERY_OTHER 0, 2, 4, 6, 9, 11, 13, 15
#elif IN_VECTOR == 4
#define EVERY_OTHER 0, 2, 5, 7
#else
#define EVERY_OTHER 0, 3
#endif

#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (places){__VA_ARGS__})
#endif

/* Windows of one row, and where they look for their elements. */
typedef struct row_of_windows {
    const tn__window *w;
    const real *x;   /* the plane, */
    int64_t left;    /* and how many numbers there are from its beginning on */
    range h;         /* rows of the plane */
    int64_t columns; /* of the kernel */
    real *y;
    int32_t *index;
} row_of_windows;

/* One window. A NaN is largest; -1 if dilation leaves nothing but padding. */
static int32_t largest(const row_of_windows *r, int64_t window)
{
    const tn__window *w = r->w;
    range v = window_range(window, w->kernel_w, w->stride_w, w->padding_w, w->dilation_w, w->w);
    if (r->h.begin >= r->h.end || v.begin >= v.end)
        return -1;
    int64_t best = r->h.begin * w->w + v.begin;
    for (int64_t i = r->h.begin; i < r->h.end; i += w->dilation_h)
        for (int64_t j = v.begin; j < v.end; j += w->dilation_w) {
            real value = r->x[i * w->w + j];
            if (value > r->x[best] || isnan(value))
                best = i * w->w + j;
        }
    return (int32_t)best;
}

/* x[0], x[stride], x[2 stride] ... */
__attribute__((always_inline)) static inline vec every(int64_t stride, const real *x)
{
    if (stride == 1)
        return load(x);
    if (stride == 2)
        return SHUFFLE(load(x), load(x + IN_VECTOR - 1), EVERY_OTHER);
    vec v;
    for (int i = 0; i < IN_VECTOR; i++)
        v[i] = x[i * stride];
    return v;
}

static inline places choose(places taken, places a, places b)
{
    return (taken & a) | (~taken & b);
}

/* A vector of windows that meet no padding at their sides, of which `count` are wanted: element by
 * element of the windows, without branches that nobody could predict. */
__attribute__((always_inline)) static inline void
largest_of_some(const row_of_windows *r, int64_t window, int64_t count, int64_t stride)
{
    const tn__window *w = r->w;
    int64_t at = window * stride - w->padding_w, first = r->h.begin * w->w + at;
    places step;
    for (int i = 0; i < IN_VECTOR; i++)
        step[i] = (place)(i * stride);
    vec most = every(stride, r->x + first);
    places best = step + (place)first;
    for (int64_t row = r->h.begin; row < r->h.end; row += w->dilation_h)
        for (int64_t j = 0; j < r->columns; j++) {
            first = row * w->w + at + j * w->dilation_w;
            vec value = every(stride, r->x + first);
            places more = (value > most) | (value != value);
            most = (vec)choose(more, (places)value, (places)most);
            best = choose(more, step + (place)first, best);
        }
    for (int i = 0; i < IN_VECTOR && i < count; i++) {
        r->y[window + i] = most[i];
        r->index[window + i] = (int32_t)best[i];
    }
}

/* Does a vector of windows read numbers alone that there are, be they of the next row or plane? */
static inline bool has_room(const row_of_windows *r, int64_t window)
{
    const tn__window *w = r->w;
    int64_t column = (window + IN_VECTOR - 1) * w->stride_w - w->padding_w;
    return (r->h.end - 1) * w->w + column + (r->columns - 1) * w->dilation_w < r->left;
}

/* Windows begin .. end; the last ones of many may be those before them once more. */
__attribute__((always_inline)) static inline void largest_of_each(const row_of_windows *r,
                                                                  range windows, int64_t stride)
{
    int64_t n = windows.end - windows.begin, last = windows.end - IN_VECTOR;
    if (n < IN_VECTOR)
        largest_of_some(r, windows.begin, n, stride);
    for (int64_t i = windows.begin; n >= IN_VECTOR && i < windows.end; i += IN_VECTOR) {
        i = i < last ? i : last;
        largest_of_some(r, i, IN_VECTOR, stride);
    }
}

static void largest_of_row(const row_of_windows *r, range inner)
{
    int64_t n = inner.end - inner.begin;
    if (r->h.begin >= r->h.end || n == 0 || (n < IN_VECTOR && !has_room(r, inner.begin)))
        inner.end = inner.begin;
    else if (r->w->stride_w == 1)
        largest_of_each(r, inner, 1);
    else if (r->w->stride_w == 2)
        largest_of_each(r, inner, 2);
    else
        largest_of_each(r, inner, r->w->stride_w);
    for (int64_t i = 0; i < r->w->out_w; i++) {
        if (i >= inner.begin && i < inner.end)
            continue;
        r->index[i] = largest(r, i);
        r->y[i] = r->index[i] < 0 ? (real)-INFINITY : r->x[r->index[i]];
    }
}

void KERNEL(max_pool2d)(const tn__window *w, int64_t planes, const void *px, void *py,
                        int32_t *index)
{
    range inner = inner_windows(w);
    row_of_windows r = {.w = w, .x = px, .y = py, .index = index, .left = planes * w->h * w->w};
    r.columns = w->kernel_w < w->w ? w->kernel_w : w->w; /* of a kernel that fits a row */
    for (; r.left > 0; r.x += w->h * w->w, r.left -= w->h * w->w)
        for (int64_t row = 0; row < w->out_h; row++, r.y += w->out_w, r.index += w->out_w) {
            r.h = window_range(row, w->kernel_h, w->stride_h, w->padding_h, w->dilation_h, w->h);
            largest_of_row(&r, inner);
        }
}

void KERNEL(max_pool2d_backward)(const tn__window *w, int64_t planes, const int32_t *index,
                                 const void *pdy, void *pdx, void *plost)
{
    const real *dy = pdy;
    real *dx = pdx, *lost = plost;
    int64_t out = w->out_h * w->out_w, size = w->h * w->w;
    zero(planes * size, dx);
    for (int64_t plane = 0; plane < planes; plane++, index += out, dy += out, dx += size) {
        for (int64_t i = 0; i < out; i++)
            if (index[i] >= 0)
                add(dy[i], index[i], dx, lost);
        forget(size, lost);
    }
}
