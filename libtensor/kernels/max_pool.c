/* max_pool.c - the largest element under a window, plane by plane. */
#include <string.h>
#include "kernels/pool.h"

#if defined(TN_REAL_f32)
#define IN_VECTOR (TN_VECTOR_BYTES / 4)
#else
#define IN_VECTOR (TN_VECTOR_BYTES / 8)
#endif
typedef lane_int places __attribute__((vector_size(TN_VECTOR_BYTES)));
typedef uint16_t narrows __attribute__((vector_size(2 * IN_VECTOR)));
typedef int32_t wides __attribute__((vector_size(4 * IN_VECTOR)));

/* Of numbers 0 .. IN_VECTOR - 1 and of those from the last of these on, every other one. */
#if IN_VECTOR == 8
#define EVERY_OTHER 0, 2, 4, 6, 9, 11, 13, 15
#elif IN_VECTOR == 4
#define EVERY_OTHER 0, 2, 5, 7
#else
#define EVERY_OTHER 0, 3
#endif

/* Windows of one row, and where they look for their elements. */
typedef struct row_of_windows {
    const tn__window *w;
    const real *x;   /* the plane, */
    int64_t left;    /* and how many numbers there are from its beginning on */
    range h;         /* rows of the plane */
    int64_t columns; /* of the kernel */
    real *y;
    int64_t first;    /* of the windows, among those of all planes, */
    int64_t windows;  /* which are so many */
    uint16_t *narrow; /* where their maxima are, in numbers of two bytes */
    int32_t *wide;    /* or four; or nobody asks */
} row_of_windows;

static inline void put_index(const row_of_windows *r, int64_t window, int64_t best)
{
    if (r->narrow)
        r->narrow[r->first + window] = (uint16_t)best;
    else if (r->wide)
        r->wide[r->first + window] = (int32_t)best;
}

/* One window. A NaN is largest; -1 if dilation leaves nothing but padding. */
static int64_t largest(const row_of_windows *r, int64_t window)
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
    return best;
}

/* x[0], x[stride], x[2 stride] ... */
__attribute__((always_inline)) static inline vec every(int64_t stride, const real *x)
{
    if (stride == 1)
        return load(x);
    if (stride == 2)
        return SHUFFLE(places, load(x), load(x + IN_VECTOR - 1), EVERY_OTHER);
    vec v = {0};
    for (int i = 0; i < IN_VECTOR; i++)
        v[i] = x[i * stride];
    return v;
}

/* 0, stride, 2 stride ... */
__attribute__((always_inline)) static inline places places_apart(int64_t stride)
{
    places p = {0};
    for (int i = 0; i < IN_VECTOR; i++)
        p[i] = (lane_int)(i * stride);
    return p;
}

static inline places choose(places taken, places a, places b)
{
    return (taken & a) | (~taken & b);
}

static inline void put_vector(const row_of_windows *r, int64_t window, vec most, places best)
{
    store(r->y + window, most);
    if (r->narrow) {
        narrows n = __builtin_convertvector(best, narrows);
        memcpy(r->narrow + r->first + window, &n, sizeof n);
    } else if (r->wide) {
        wides n = __builtin_convertvector(best, wides);
        memcpy(r->wide + r->first + window, &n, sizeof n);
    }
}

/* The largest so far of each of a vector of windows, and where it is, counted from its window's
 * first element. */
typedef struct largest_so_far {
    vec value;
    places at;
} largest_so_far;

static inline void take(vec value, int64_t at, largest_so_far *most)
{
    places more = (value > most->value) | (value != value);
    most->value = (vec)choose(more, (places)value, (places)most->value);
    most->at = choose(more, (places){0} + (lane_int)at, most->at);
}

/* Does a vector of windows lie among those of all planes? What it puts behind its row is put there
 * again by the rows that follow. */
static inline bool is_whole(const row_of_windows *r, int64_t window)
{
    return r->first + window + IN_VECTOR <= r->windows;
}

/* A vector of windows that meet no padding at their sides, of which `count` are wanted: element by
 * element of the windows, without branches that nobody could predict. */
__attribute__((always_inline)) static inline void largest_of_some(const row_of_windows *r,
                                                                  int64_t window, int64_t count,
                                                                  int64_t stride, int64_t columns)
{
    const tn__window *w = r->w;
    int64_t first = r->h.begin * w->w + window * stride - w->padding_w;
    const real *x = r->x + first;
    largest_so_far most = {every(stride, x), {0}};
    for (int64_t j = 1; j < columns; j++)
        take(every(stride, x + j * w->dilation_w), j * w->dilation_w, &most);
    for (int64_t i = w->dilation_h; i < r->h.end - r->h.begin; i += w->dilation_h)
        for (int64_t j = 0; j < columns; j++) {
            int64_t at = i * w->w + j * w->dilation_w;
            take(every(stride, x + at), at, &most);
        }
    places best = most.at + places_apart(stride) + (lane_int)first;
    if (count >= IN_VECTOR || is_whole(r, window))
        put_vector(r, window, most.value, best);
    else
        for (int i = 0; i < count; i++) {
            r->y[window + i] = most.value[i];
            put_index(r, window + i, best[i]);
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
__attribute__((always_inline)) static inline void
largest_of_each(const row_of_windows *r, range windows, int64_t stride, int64_t columns)
{
    int64_t n = windows.end - windows.begin, last = windows.end - IN_VECTOR;
    if (n < IN_VECTOR)
        largest_of_some(r, windows.begin, n, stride, columns);
    for (int64_t i = windows.begin; n >= IN_VECTOR && i < windows.end; i += IN_VECTOR) {
        i = i < last ? i : last;
        largest_of_some(r, i, IN_VECTOR, stride, columns);
    }
}

/* Those that there are most of have loops that are written out. */
static void largest_of_inner(const row_of_windows *r, range inner)
{
    int64_t stride = r->w->stride_w;
    if (stride == 2 && r->columns == 2)
        largest_of_each(r, inner, 2, 2);
    else if (stride == 2 && r->columns == 3)
        largest_of_each(r, inner, 2, 3);
    else if (stride == 2)
        largest_of_each(r, inner, 2, r->columns);
    else if (stride == 1)
        largest_of_each(r, inner, 1, r->columns);
    else
        largest_of_each(r, inner, stride, r->columns);
}

static void largest_one_by_one(const row_of_windows *r, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++) {
        int64_t best = largest(r, i);
        r->y[i] = best < 0 ? (real)-INFINITY : r->x[best];
        put_index(r, i, best);
    }
}

static void largest_of_row(const row_of_windows *r, range inner)
{
    int64_t n = inner.end - inner.begin;
    if (r->h.begin >= r->h.end || n == 0 || (n < IN_VECTOR && !has_room(r, inner.begin)))
        inner.end = inner.begin;
    else
        largest_of_inner(r, inner);
    largest_one_by_one(r, 0, inner.begin);
    largest_one_by_one(r, inner.end, r->w->out_w);
}

void KERNEL(max_pool2d)(const tn__window *w, int64_t planes, const void *px, void *py, void *index)
{
    range inner = inner_windows(w);
    row_of_windows r = {.w = w,
                        .x = px,
                        .y = py,
                        .left = planes * w->h * w->w,
                        .windows = planes * w->out_h * w->out_w};
    if (tn__index_bytes(w) == sizeof *r.narrow)
        r.narrow = index;
    else
        r.wide = index;
    r.columns = w->kernel_w < w->w ? w->kernel_w : w->w; /* of a kernel that fits a row */
    for (; r.left > 0; r.x += w->h * w->w, r.left -= w->h * w->w)
        for (int64_t row = 0; row < w->out_h; row++, r.y += w->out_w, r.first += w->out_w) {
            r.h = window_range(row, w->kernel_h, w->stride_h, w->padding_h, w->dilation_h, w->h);
            largest_of_row(&r, inner);
        }
}

/* Number i of them; -1 if there is none. */
static inline int64_t get_index(const uint16_t *narrow, const int32_t *wide, int64_t i)
{
    return wide ? wide[i] : narrow[i] == UINT16_MAX ? -1 : narrow[i];
}

void KERNEL(max_pool2d_backward)(const tn__window *w, int64_t planes, const void *index,
                                 const void *pdy, void *pdx, void *plost)
{
    const real *dy = pdy;
    real *dx = pdx, *lost = plost;
    int64_t out = w->out_h * w->out_w, size = w->h * w->w;
    const int32_t *wide = tn__index_bytes(w) == sizeof *wide ? index : NULL;
    for (int64_t plane = 0; plane < planes; plane++, dy += out, dx += size) {
        zero(size, dx);
        for (int64_t i = 0; i < out; i++) {
            int64_t at = get_index(index, wide, plane * out + i);
            if (at >= 0)
                add(dy[i], at, dx, lost);
        }
        forget(size, lost);
    }
}
