/* reduce.c - reductions over sets of dimensions, of what lies in memory. */
#include <string.h>
#include "base/integers.h"
#include "base/isa.h"
#include "base/threads.h"
#include "kernels/kernels.h"
#include "tensor/broadcast.h"
#include "tensor/copy.h"
#include "tensor/reduce.h"

/* ---- axes and steps -------------------------------------------------------------------------- */

/* The dimensions of t, those with the largest strides first. */
static void order_of(const tn_tensor *t, int *order)
{
    for (int i = 0; i < t->ndim; i++) {
        int at = i;
        for (; at > 0 && t->strides[order[at - 1]] < t->strides[i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

static bool is_repeated(const tn_tensor *t, int dim)
{
    return t->shape[dim] > 1 && t->strides[dim] == 0;
}

/* Adds an axis after the others, or joins it to the last one. */
static void append(tn__axes *a, int64_t size, int64_t stride, bool reduce)
{
    int last = a->ndim - 1;
    bool joins = last >= 0 && a->reduce[last] == reduce && a->strides[last] == stride * size;
    if (joins)
        a->shape[last] *= size;
    else
        a->shape[++last] = size;
    a->strides[last] = stride;
    a->reduce[last] = reduce;
    a->ndim = last + 1;
}

static bool any_reduced(const tn__axes *a)
{
    bool any = false;
    for (int i = 0; i < a->ndim; i++)
        any = any || a->reduce[i];
    return any;
}

/* The axes of a contiguous copy. */
static const tn_tensor *copied(tn_ctx *ctx, const tn_tensor *t, tn__axes *a)
{
    const tn_tensor *view = tn__view(ctx, t, a->ndim, a->shape, a->strides, t->offset);
    const tn_tensor *copy = tn__contiguous(ctx, view);
    tn__axes before = *a;
    a->ndim = 0;
    for (int i = 0; copy && i < before.ndim; i++)
        append(a, copy->shape[i], copy->strides[i], before.reduce[i]);
    return copy;
}

const tn_tensor *tn__axes_of(tn_ctx *ctx, const tn_tensor *t, const bool *reduce, tn__axes *a)
{
    int order[TN_MAX_DIMS];
    order_of(t, order);
    a->ndim = 0;
    for (int i = 0; i < t->ndim; i++) {
        int dim = order[i];
        if (t->shape[dim] != 1 && t->strides[dim] != 0)
            append(a, t->shape[dim], t->strides[dim], reduce[dim]);
    }
    int last = a->ndim - 1;
    if (last >= 0 && !a->reduce[last] && a->strides[last] != 1)
        t = copied(ctx, t, a);
    if (!any_reduced(a)) {
        memmove(a->shape + 1, a->shape, (size_t)a->ndim * sizeof *a->shape);
        memmove(a->strides + 1, a->strides, (size_t)a->ndim * sizeof *a->strides);
        a->reduce[a->ndim++] = false;
        a->shape[0] = a->strides[0] = 1;
        a->reduce[0] = true;
    }
    return t;
}

/* What is left after axis `gone`: contiguous. */
static void leave(tn__axes *a, int gone)
{
    tn__axes before = *a;
    int64_t step = 1;
    for (int i = before.ndim - 1; i >= 0; i--) {
        before.strides[i] = step;
        step *= i == gone ? 1 : before.shape[i];
    }
    a->ndim = 0;
    for (int i = 0; i < before.ndim; i++)
        if (i != gone)
            append(a, before.shape[i], before.strides[i], before.reduce[i]);
}

bool tn__next_step(tn__axes *a, tn__step *s)
{
    int last = a->ndim - 1, i = last;
    while (i >= 0 && !a->reduce[i])
        i--;
    if (i < 0)
        return false;
    *s = (tn__step){.count = 1, .n = a->shape[i], .step = a->strides[i], .cols = 1};
    s->parts = s->pieces = 1;
    if (i != last)
        s->cols = a->shape[last];
    for (int j = 0; j < a->ndim; j++)
        if (j != i && j != last) {
            s->outer.shape[s->outer.ndim] = a->shape[j];
            s->outer.strides[s->outer.ndim++] = a->strides[j];
            s->count *= a->shape[j];
        }
    leave(a, i);
    return true;
}

/* From so many slabs on, threads have enough of them. */
#define MANY_SLABS 64
/* Sums of columns do not depend on what stands beside them, where there are more than this. */
#define COLUMNS 64
#define LEAST_COLUMNS 1024 /* of a piece */
#define LEAST_TERMS 32     /* of a part */
#define MOST_PARTS 32      /* whose results take little memory, and are added one after another */

tn__step tn__cut_step(const tn__step *s)
{
    tn__step cut = *s;
    double work = (double)s->n * (double)s->cols;
    if (s->count >= MANY_SLABS || work < 2 * TN__GRAIN_SUMMED)
        return cut;
    int64_t parts = tn__min(s->n / LEAST_TERMS, MOST_PARTS);
    parts = tn__min(parts, (int64_t)(2 * work / TN__GRAIN_SUMMED));
    cut.parts = tn__max(parts, 1);
    cut.pieces = tn__max(s->cols / LEAST_COLUMNS, 1);
    return cut;
}

tn__step tn__rest_of(const tn__step *s)
{
    return (tn__step){.outer = {.ndim = 1, .shape = {s->count}, .strides = {s->parts * s->cols}},
                      .count = s->count,
                      .n = s->parts,
                      .step = s->cols,
                      .cols = s->cols,
                      .parts = 1,
                      .pieces = 1};
}

typedef struct step_args {
    const tn__step *s;
    const char *x;
    int64_t size; /* of an element */
    tn__slab_fn fn;
    void *payload;
} step_args;

/* Where slab `number` begins. */
static int64_t slab_offset(const tn__axes *outer, int64_t number)
{
    int64_t offset = 0;
    for (int i = outer->ndim - 1; i > 0; i--) {
        offset += number % outer->shape[i] * outer->strides[i];
        number /= outer->shape[i];
    }
    return outer->ndim > 0 ? offset + number * outer->strides[0] : 0;
}

static int64_t column_of(const tn__step *s, int64_t piece)
{
    return piece < s->pieces ? tn__cut(s->cols / COLUMNS, s->pieces, piece) * COLUMNS : s->cols;
}

/* Piece `number` of all parts of all slabs; `cut` is a copy of the step, whose sizes change. */
static void run_piece(const step_args *a, tn__step *cut, int64_t number)
{
    const tn__step *s = a->s;
    int64_t piece = number % s->pieces, row = number / s->pieces;
    int64_t part = row % s->parts, column = column_of(s, piece), first, end;
    tn__cut_out(s->n, s->parts, part, &first, &end);
    cut->n = end - first;
    cut->cols = column_of(s, piece + 1) - column;
    int64_t offset = slab_offset(&s->outer, row / s->parts) + first * s->step + column;
    a->fn(cut, a->x + offset * a->size, row * s->cols + column, a->payload);
}

static void run_slabs(int64_t begin, int64_t end, void *payload)
{
    const step_args *a = payload;
    tn__step cut = *a->s;
    if (cut.parts * cut.pieces > 1)
        for (int64_t i = begin; i < end; i++)
            run_piece(a, &cut, i);
    else
        for (int64_t i = begin; i < end; i++)
            a->fn(a->s, a->x + slab_offset(&a->s->outer, i) * a->size, i * cut.cols, a->payload);
}

void tn__run_step(tn_ctx *ctx, const tn__step *s, const tn_tensor *x, tn__slab_fn fn, void *payload)
{
    step_args args = {.s = s,
                      .x = tn__ptr(x),
                      .size = (int64_t)tn_dtype_size(x->dtype),
                      .fn = fn,
                      .payload = payload};
    int64_t pieces = s->parts * s->pieces;
    double work = (double)s->n * (double)s->cols / (double)pieces;
    tn__parallel(ctx, s->count * pieces, tn__grain(TN__GRAIN_SUMMED, work), run_slabs, &args);
}

bool tn__has_lines(const tn__step *s)
{
    return s->parts == 1 && s->cols == 1 && s->step == 1 && s->outer.ndim == 1;
}

void tn__kept_shape(const tn_tensor *t, const bool *reduce, int64_t *shape)
{
    for (int i = 0; i < t->ndim; i++)
        shape[i] = reduce[i] ? 1 : t->shape[i];
}

tn_tensor *tn__reduced(tn_ctx *ctx, const tn_tensor *y, const tn_tensor *t, const bool *reduce)
{
    int order[TN_MAX_DIMS];
    int64_t shape[TN_MAX_DIMS], strides[TN_MAX_DIMS], step = 1;
    order_of(t, order);
    tn__kept_shape(t, reduce, shape);
    for (int i = t->ndim - 1; i >= 0; i--) {
        int dim = order[i];
        bool once = reduce[dim] || is_repeated(t, dim);
        strides[dim] = once ? 0 : step;
        step *= once ? 1 : t->shape[dim];
    }
    return tn__contiguous(ctx, tn__view(ctx, y, t->ndim, shape, strides, y->offset));
}

/* ---- sums ------------------------------------------------------------------------------------ */

typedef struct sum_args {
    const tn__kernels *k;
    int64_t size;
    char *y;
} sum_args;

static void sum_slab(const tn__step *s, const char *x, int64_t to, void *payload)
{
    const sum_args *a = payload;
    char *y = a->y + to * a->size;
    if (s->cols == 1 && s->step == 1)
        a->k->sum(s->n, x, y);
    else
        a->k->sum_rows(s->n, s->cols, x, s->step, y);
}

typedef struct lines_args {
    const tn__step *s;
    const tn__kernels *k;
    int64_t size, stride; /* of an element; from line to line */
    const char *x;
    char *y;
} lines_args;

static void sum_lines(int64_t begin, int64_t end, void *payload)
{
    const lines_args *a = payload;
    a->k->sum_lines(end - begin, a->s->n, a->x + begin * a->stride * a->size, a->stride,
                    a->y + begin * a->size);
}

#define LEAST_LINE 64 /* numbers that a line takes the time of, besides its own */

tn_tensor *tn__sum_step(tn_ctx *ctx, const tn_tensor *x, const tn__step *s)
{
    tn__step cut = tn__cut_step(s), rest = tn__rest_of(&cut);
    tn_tensor *y = tn__new(ctx, "sum", x->dtype, 1, (int64_t[]){tn__results(&cut)});
    if (!y)
        return NULL;
    const tn__kernels *k = tn__kernels_of(ctx, x->dtype);
    int64_t size = (int64_t)tn_dtype_size(x->dtype);
    if (tn__has_lines(&cut)) {
        lines_args args = {&cut, k, size, cut.outer.strides[0], tn__ptr(x), tn__ptr(y)};
        double cost = (double)cut.n + LEAST_LINE;
        tn__parallel(ctx, cut.count, tn__grain(TN__GRAIN_SUMMED, cost), sum_lines, &args);
        return y;
    }
    sum_args args = {.k = k, .size = size, .y = tn__ptr(y)};
    tn__run_step(ctx, &cut, x, sum_slab, &args);
    return cut.parts > 1 ? tn__sum_step(ctx, y, &rest) : y;
}

/* What is repeated is added once, and the sum is multiplied. */
static double times(const tn_tensor *t, const bool *reduce)
{
    double count = 1;
    for (int i = 0; i < t->ndim; i++)
        count *= reduce[i] && is_repeated(t, i) ? (double)t->shape[i] : 1;
    return count;
}

/* A sum over no elements: zeros. */
static tn_tensor *no_sums(tn_ctx *ctx, const tn_tensor *t, const bool *reduce)
{
    int64_t shape[TN_MAX_DIMS];
    tn__kept_shape(t, reduce, shape);
    return tn_zeros(ctx, t->dtype, t->ndim, shape);
}

tn_tensor *tn__sum_dims(tn_ctx *ctx, const tn_tensor *t, const bool *reduce)
{
    if (tn_numel(t) == 0)
        return no_sums(ctx, t, reduce);
    tn__axes axes;
    const tn_tensor *x = tn__axes_of(ctx, t, reduce, &axes);
    tn_tensor *y = NULL;
    for (tn__step s; x && tn__next_step(&axes, &s); x = y)
        y = tn__sum_step(ctx, x, &s);
    double factor = times(t, reduce);
    if (y && factor != 1)
        tn__kernels_of(ctx, y->dtype)->scale_by(tn_numel(y), factor, tn__ptr(y));
    return y ? tn__reduced(ctx, y, t, reduce) : NULL;
}

/* ---- dimensions ------------------------------------------------------------------------------ */

static tn_tensor *drop_leading(tn_ctx *ctx, const tn_tensor *t, int count)
{
    return t ? tn__view(ctx, t, t->ndim - count, t->shape + count, t->strides + count, t->offset)
             : NULL;
}

const tn_tensor *tn__sum_to(tn_ctx *ctx, const tn_tensor *t, int ndim, const int64_t *shape)
{
    bool reduce[TN_MAX_DIMS] = {false}, any = false;
    int extra = t->ndim - ndim;
    if (extra < 0)
        return t;
    for (int i = 0; i < t->ndim; i++) {
        reduce[i] = i < extra || (shape[i - extra] == 1 && t->shape[i] != 1);
        any = any || reduce[i];
    }
    return any ? drop_leading(ctx, tn__sum_dims(ctx, t, reduce), extra) : t;
}

void tn__shape_once(const tn_tensor *t, const tn_tensor *u, int64_t *shape)
{
    for (int i = 0; i < t->ndim; i++) {
        int64_t size = is_repeated(t, i) ? 1 : t->shape[i];
        shape[i] = size != 1 ? size : is_repeated(u, i) ? 1 : u->shape[i];
    }
}

static bool has_shape(const tn_tensor *t, const int64_t *shape)
{
    return memcmp(t->shape, shape, (size_t)t->ndim * sizeof *shape) == 0;
}

/* t with other sizes and the same strides. */
static const tn_tensor *resized(tn_ctx *ctx, const tn_tensor *t, const int64_t *shape)
{
    return has_shape(t, shape) ? t : tn__view(ctx, t, t->ndim, shape, t->strides, t->offset);
}

const tn_tensor *tn__once(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *u)
{
    int64_t shape[TN_MAX_DIMS];
    tn__shape_once(x, u, shape);
    return resized(ctx, x, shape);
}

const tn_tensor *tn__within(tn_ctx *ctx, const tn_tensor *t, const tn_tensor *x)
{
    int64_t shape[TN_MAX_DIMS] = {0};
    for (int i = 0; t && i < t->ndim; i++)
        shape[i] = t->shape[i] < x->shape[i] ? t->shape[i] : x->shape[i];
    return t ? resized(ctx, t, shape) : NULL;
}

const tn_tensor *tn__as_large(tn_ctx *ctx, const tn_tensor *dx, const tn_tensor *x)
{
    return !dx || has_shape(dx, x->shape) ? dx : tn__broadcast_to(ctx, dx, x->ndim, x->shape);
}

tn_tensor *tn__repeat(tn_ctx *ctx, tn_tensor *y, const int64_t *shape)
{
    if (!y || has_shape(y, shape))
        return y;
    return tn__contiguous(ctx, tn__broadcast_to(ctx, y, y->ndim, shape));
}

double tn__count_reduced(const tn_tensor *x, const bool *reduce)
{
    double n = 1;
    for (int i = 0; i < x->ndim; i++)
        n *= reduce[i] ? (double)x->shape[i] : 1;
    return n;
}
