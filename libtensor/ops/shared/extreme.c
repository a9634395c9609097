/* extreme.c - the largest or smallest elements over some dimensions, and where they are. */
#include "base/integers.h"
#include "base/isa.h"
#include "base/threads.h"
#include "kernels/args.h"
#include "kernels/kernels.h"
#include "ops/shared/extreme.h"
#include "tensor/dtype.h"
#include "tensor/reduce.h"

typedef struct extreme_args {
    const tn__kernels *k; /* of numbers as wide, but for bytes */
    int64_t size;         /* of a number */
    bool is_float, smallest;
    char *y;
    int64_t *at; /* NULL: not wanted */
} extreme_args;

/* Of x [n, cols], rows `step` apart, as results from number `to` on. */
static void find(const extreme_args *e, int64_t n, int64_t cols, const char *x, int64_t step,
                 int64_t to)
{
    char *y = e->y + to * e->size;
    int64_t *at = e->at ? e->at + to : NULL;
    if (!e->is_float)
        e->k->extreme_integers(n, cols, x, step, e->size == 1, e->smallest, y, at);
    else if (cols == 1 && step == 1)
        e->k->extreme(n, x, e->smallest, y, at);
    else
        e->k->extreme_rows(n, cols, x, step, e->smallest, y, at);
}

static void slab(const tn__step *s, const char *x, int64_t to, void *payload)
{
    find(payload, s->n, s->cols, x, s->step, to);
}

enum { SHORT_LINE = 64, LINES = 64 }; /* numbers of a line, and lines at a time */

typedef struct lines_args {
    const extreme_args *e;
    const char *x;
    int64_t n, stride; /* of a line; from line to line */
} lines_args;

/* Short lines are turned, so that vectors compare many of them side by side. */
static void turn_lines(int64_t begin, int64_t end, void *payload)
{
    _Alignas(64) char turned[SHORT_LINE * LINES * sizeof(double)];
    const lines_args *a = payload;
    const extreme_args *e = a->e;
    for (int64_t i = begin; i < end; i += LINES) {
        int64_t lines = tn__min(end - i, LINES);
        (e->size == 1 ? e->k->transpose_bytes : e->k->transpose)(
            a->n, lines, a->x + i * a->stride * e->size, a->stride, turned, lines);
        find(e, a->n, lines, turned, lines, i);
    }
}

static void best_of_lines(int64_t begin, int64_t end, void *payload)
{
    const lines_args *a = payload;
    const extreme_args *e = a->e;
    e->k->extreme_lines(end - begin, a->n, a->x + begin * a->stride * e->size, a->stride,
                        e->smallest, e->y + begin * e->size);
}

static void run(tn_ctx *ctx, const tn__step *s, const tn_tensor *x, extreme_args *e)
{
    bool short_lines = s->n > 1 && s->n <= SHORT_LINE;
    bool long_lines = s->n > SHORT_LINE && e->is_float && !e->at;
    if ((short_lines || long_lines) && tn__has_lines(s)) {
        lines_args args = {e, tn__ptr(x), s->n, s->outer.strides[0]};
        tn__parallel(ctx, s->count, tn__grain(TN__GRAIN_SUMMED, (double)s->n),
                     short_lines ? turn_lines : best_of_lines, &args);
    } else {
        tn__run_step(ctx, s, x, slab, e);
    }
}

_Static_assert(SHORT_LINE >= TN__LINE, "longer lines have vectors");

/* Indices of the best of all parts, from those within each and from which part is the best. */
static void join(const tn__step *s, const tn_tensor *within, const tn_tensor *best)
{
    const int64_t *at = tn__ptr(within);
    int64_t *y = tn__ptr(best);
    for (int64_t i = 0; i < s->count * s->cols; i++) {
        int64_t row = i / s->cols * s->parts + y[i];
        y[i] = tn__cut(s->n, s->parts, y[i]) + at[row * s->cols + i % s->cols];
    }
}

static tn_tensor *extreme_step(tn_ctx *ctx, const char *what, const tn_tensor *x, const tn__step *s,
                               bool smallest, tn_tensor **at)
{
    tn__step cut = tn__cut_step(s), rest = tn__rest_of(&cut);
    const int64_t shape[] = {tn__results(&cut)};
    tn_tensor *y = tn__new(ctx, what, x->dtype, 1, shape), *which = NULL;
    if (at)
        *at = y ? tn__new(ctx, what, TN_I64, 1, shape) : NULL;
    if (!tn_ok(ctx))
        return NULL;
    int64_t size = (int64_t)tn_dtype_size(x->dtype);
    extreme_args args = {.k = tn__kernels_of_size(ctx, size),
                         .size = size,
                         .is_float = tn__is_float(x->dtype),
                         .smallest = smallest,
                         .y = tn__ptr(y),
                         .at = at ? tn__ptr(*at) : NULL};
    run(ctx, &cut, x, &args);
    if (cut.parts == 1)
        return y;
    y = extreme_step(ctx, what, y, &rest, smallest, at ? &which : NULL);
    if (y && at) {
        join(&cut, *at, which);
        *at = which;
    }
    return y;
}

static bool check_sizes(tn_ctx *ctx, const char *what, const tn_tensor *x, const bool *reduce)
{
    for (int i = 0; i < x->ndim; i++)
        if (reduce[i] && x->shape[i] == 0) {
            tn_fail(ctx, TN_ERR_SHAPE, "%s: dimension %d of %s has no elements", what, i,
                    TN_SHAPE_TEXT(x));
            return false;
        }
    return true;
}

/* Where x has no elements, the results have none either. */
static tn_tensor *none(tn_ctx *ctx, const char *what, const tn_tensor *x, const bool *reduce,
                       tn_tensor **at)
{
    int64_t shape[TN_MAX_DIMS];
    tn__kept_shape(x, reduce, shape);
    if (at)
        *at = tn__new(ctx, what, TN_I64, x->ndim, shape);
    tn_tensor *y = tn__new(ctx, what, x->dtype, x->ndim, shape);
    return tn_ok(ctx) ? y : NULL;
}

/* What x repeats is looked at once. */
tn_tensor *tn__extreme(tn_ctx *ctx, const char *what, const tn_tensor *x, const bool *reduce,
                       bool smallest, tn_tensor **at)
{
    if (!check_sizes(ctx, what, x, reduce))
        return NULL;
    if (tn_numel(x) == 0)
        return none(ctx, what, x, reduce, at);
    tn__axes axes;
    const tn_tensor *all = tn__axes_of(ctx, x, reduce, &axes);
    tn_tensor *y = NULL;
    for (tn__step s; all && tn__next_step(&axes, &s); all = y)
        y = extreme_step(ctx, what, all, &s, smallest, at);
    if (y && at)
        *at = tn__reduced(ctx, *at, x, reduce);
    y = y ? tn__reduced(ctx, y, x, reduce) : NULL;
    return tn_ok(ctx) ? y : NULL;
}
