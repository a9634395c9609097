/* elements.c - elements chosen by indices along a dimension, and the gradients of those. */
#include <stdatomic.h>
#include <string.h>
#include "base/integers.h"
#include "base/isa.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"
#include "ops/shared/elements.h"
#include "tensor/broadcast.h"
#include "tensor/copy.h"
#include "tensor/dtype.h"
#include "tensor/iter.h"
#include "tensor/reduce.h"
#include "tensor/rows.h"

typedef struct gather_args {
    const tn__kernels *k; /* of floats */
    tn_dtype dtype;
    int64_t step; /* of x along the dimension */
    int64_t n;    /* numbers of a short row, */
    int64_t s[3]; /* and their strides */
    atomic_bool *crowded;
} gather_args;

/* Strides that are constants make loops that are twice as fast. */
#define GATHER_LOOP(type, to, from, x)                                                       \
    for (int64_t i = 0; i < n; i++) {                                                        \
        ((type *)p[0])[i * (to)] = ((const type *)p[2])[i * (x) + index[i * (from)] * step]; \
    }

#define GATHER(type)                         \
    if (s[0] == 1 && s[1] == 1 && s[2] == 0) \
        GATHER_LOOP(type, 1, 1, 0)           \
    else                                     \
        GATHER_LOOP(type, s[0], s[1], s[2])

static void gather_row(int64_t n, void *const *p, const int64_t *s, void *payload)
{
    const gather_args *args = payload;
    const int64_t *index = p[1], step = args->step;
    size_t size = tn_dtype_size(args->dtype);
    if (s[0] == 1 && s[1] == 0 && s[2] == 1)
        memcpy(p[0], (const char *)p[2] + index[0] * step * (int64_t)size, (size_t)n * size);
    else if (size == 8)
        GATHER(uint64_t)
    else if (size == 4)
        GATHER(uint32_t)
    else
        GATHER(uint8_t)
}

/* Rows of so few numbers that a call for each would take longer than they do. */
enum { SHORT_ROW = 32 };

static bool has_short_rows(const tn__iter *it)
{
    int inner = it->ndim - 1;
    return inner > 0 && it->shape[inner] > 0 && it->shape[inner] <= SHORT_ROW;
}

static tn__iter rows_of(const tn__iter *it, gather_args *args)
{
    tn__iter rows = tn__iter_of_rows(it);
    args->n = it->shape[rows.ndim];
    for (int j = 0; j < 3; j++)
        args->s[j] = it->strides[j][rows.ndim];
    return rows;
}

#define EACH_ROW(LOOP, type)                                                                \
    for (int64_t r = 0; r < rows; r++) {                                                    \
        void *const p[] = {(type *)all[0] + r * steps[0], (int64_t *)all[1] + r * steps[1], \
                           (type *)all[2] + r * steps[2]};                                  \
        const int64_t *index = p[1];                                                        \
        LOOP                                                                                \
    }

#define GATHER_ROWS(type) EACH_ROW(GATHER(type), type)

static void gather_rows(int64_t rows, void *const *all, const int64_t *steps, void *payload)
{
    const gather_args *args = payload;
    const int64_t *s = args->s;
    int64_t n = args->n, step = args->step;
    int64_t size = (int64_t)tn_dtype_size(args->dtype);
    if (s[0] == 1 && s[1] == 0 && s[2] == 1 && steps[2] == 0)
        tn__copy_rows(
            rows, n * size,
            (tn__row_list){
                .first = all[2], .step = step * size, .index = all[1], .index_step = steps[1]},
            (tn__row_list){.first = all[0], .step = steps[0] * size});
    else if (size == 8)
        GATHER_ROWS(uint64_t)
    else if (size == 4)
        GATHER_ROWS(uint32_t)
    else
        GATHER_ROWS(uint8_t)
}

#define SCATTER_LOOP(type, to, at, from)                                                       \
    for (int64_t i = 0; i < n; i++) {                                                          \
        ((type *)p[0])[i * (to) + index[i * (at)] * step] += ((const type *)p[2])[i * (from)]; \
    }

#define SCATTER(type)                             \
    if (s[0] == 0 && s[1] == 1 && s[2] == 1)      \
        SCATTER_LOOP(type, 0, 1, 1)               \
    else if (s[0] == 1 && s[1] == 1 && s[2] == 1) \
        SCATTER_LOOP(type, 1, 1, 1)               \
    else                                          \
        SCATTER_LOOP(type, s[0], s[1], s[2])

#define SCATTER_ROWS(type) EACH_ROW(SCATTER(type), type)

static void scatter_rows(int64_t rows, void *const *all, const int64_t *steps, void *payload)
{
    const gather_args *args = payload;
    const int64_t *s = args->s;
    int64_t n = args->n, step = args->step;
    if (args->dtype == TN_F32)
        SCATTER_ROWS(float)
    else
        SCATTER_ROWS(double)
}

/* The same number to each of n elements side by side, by way of some copies of it. */
static void add_number(const gather_args *args, int64_t n, const void *number, char *to)
{
    enum { COPIES = 256 };
    double copies[COPIES];
    args->k->fill(tn__min(n, COPIES), number, copies);
    for (int64_t i = 0; i < n; i += COPIES)
        args->k->add_to(tn__min(n - i, COPIES), copies,
                        to + i * (int64_t)tn_dtype_size(args->dtype));
}

static void scatter_row(int64_t n, void *const *p, const int64_t *s, void *payload)
{
    const gather_args *args = payload;
    const int64_t *index = p[1], step = args->step;
    char *to = (char *)p[0] + index[0] * step * (int64_t)tn_dtype_size(args->dtype);
    if (s[0] == 1 && s[1] == 0 && s[2] == 1)
        args->k->add_to(n, p[2], to);
    else if (s[0] == 1 && s[1] == 0 && s[2] == 0)
        add_number(args, n, p[2], to);
    else if (args->dtype == TN_F32)
        SCATTER(float)
    else
        SCATTER(double)
}

/* More terms than this are not added to one element one after another. */
#define FEW 128

/* The rounding error of each addition (Knuth's two-sum) is added with the next term. It is NaN
 * where the sum is infinite. */
#define EXACT_LOOP(type)                                          \
    for (int64_t i = 0; i < n; i++) {                             \
        int64_t at = index[i * s[1]] * step;                      \
        type *to = (type *)p[0] + i * s[0] + at;                  \
        type *lost = (type *)p[3] + i * s[3] + at;                \
        type a = *to, b = ((const type *)p[2])[i * s[2]] + *lost; \
        type sum = a + b, part = sum - a;                         \
        type off = (a - (sum - part)) + (b - part);               \
        *to = sum;                                                \
        *lost = off == off ? off : 0;                             \
    }

static void scatter_exactly_row(int64_t n, void *const *p, const int64_t *s, void *payload)
{
    const gather_args *args = payload;
    const int64_t *index = p[1], step = args->step;
    if (args->dtype == TN_F32)
        EXACT_LOOP(float)
    else
        EXACT_LOOP(double)
}

#define COUNT_LOOP(to, at)                                                          \
    for (int64_t i = 0; i < n; i++) {                                               \
        uint8_t *place = first + i * (to) + index[i * (at)] * step, count = *place; \
        count = (uint8_t)(count + (count <= FEW));                                  \
        most = count > most ? count : most;                                         \
        *place = count;                                                             \
    }

/* Counts the terms of each element, up to one more than FEW. */
static inline void count_row(int64_t n, void *const *p, const int64_t *s, void *payload)
{
    const gather_args *args = payload;
    const int64_t *index = p[1], step = args->step, to = s[0], from = s[1];
    uint8_t *first = p[0], most = 0;
    if (to == 0 && from == 1)
        COUNT_LOOP(0, 1)
    else if (to == 1 && from == 1)
        COUNT_LOOP(1, 1)
    else
        COUNT_LOOP(to, from)
    if (most > FEW)
        atomic_store(args->crowded, true);
}

static void count_rows(int64_t rows, void *const *all, const int64_t *steps, void *payload)
{
    const gather_args *args = payload;
    for (int64_t r = 0; r < rows; r++) {
        void *const p[] = {(uint8_t *)all[0] + r * steps[0], (int64_t *)all[1] + r * steps[1]};
        count_row(args->n, p, args->s, payload);
    }
}

/* x seen in the shape of `index`, every element the first along `dim`. */
static tn_tensor *firsts_along(tn_ctx *ctx, const tn_tensor *x, int dim, const tn_tensor *index)
{
    int64_t strides[TN_MAX_DIMS];
    memcpy(strides, x->strides, sizeof strides);
    strides[dim] = 0;
    return tn__view(ctx, x, x->ndim, index->shape, strides, x->offset);
}

tn_tensor *tn__gather(tn_ctx *ctx, const char *what, const tn_tensor *x, int dim,
                      const tn_tensor *index)
{
    tn_tensor *y = tn__new(ctx, what, x->dtype, index->ndim, index->shape);
    tn_tensor *firsts = y ? firsts_along(ctx, x, dim, index) : NULL;
    if (!firsts)
        return NULL;
    tn__iter it = tn__iter_new(y->ndim, y->shape, 3, (const tn_tensor *[]){y, index, firsts});
    gather_args args = {.dtype = x->dtype, .step = x->strides[dim]};
    if (has_short_rows(&it)) {
        it = rows_of(&it, &args);
        tn__iter_run(ctx, &it, gather_rows, &args);
    } else {
        tn__iter_run(ctx, &it, gather_row, &args);
    }
    tn_free(firsts);
    return y;
}

/* One call for a range of the dimension `split`, in which all parts differ. */
typedef struct scatter_args {
    gather_args row;
    tn__row_fn fn, short_fn; /* of a row, and of short rows, or NULL */
    const tn_tensor *operands[TN__MAX_OPERANDS];
    int n, split;
} scatter_args;

static void scatter_range(int64_t begin, int64_t end, void *payload)
{
    const scatter_args *a = payload;
    gather_args row = a->row;
    tn_tensor parts[TN__MAX_OPERANDS];
    const tn_tensor *operands[TN__MAX_OPERANDS];
    for (int j = 0; j < a->n; j++) {
        parts[j] = *a->operands[j];
        parts[j].shape[a->split] = end - begin;
        parts[j].offset += begin * parts[j].strides[a->split];
        operands[j] = &parts[j];
    }
    tn__iter it = tn__iter_new(parts[0].ndim, parts[0].shape, a->n, operands);
    if (a->short_fn && has_short_rows(&it)) {
        it = rows_of(&it, &row);
        tn__iter_run_serial(&it, a->short_fn, &row);
    } else {
        tn__iter_run_serial(&it, a->fn, &row);
    }
}

/* The largest dimension but for `dim`: what is added to one element stays with one thread, and in
 * order. -1 if there is none. */
static int dim_to_split(const tn_tensor *index, int dim)
{
    int split = -1;
    for (int i = 0; i < index->ndim; i++)
        if (i != dim && (split < 0 || index->shape[i] > index->shape[split]))
            split = i;
    return split;
}

static void scatter(tn_ctx *ctx, scatter_args *a, int dim)
{
    const tn_tensor *index = a->operands[1];
    a->split = dim_to_split(index, dim);
    if (tn_numel(index) == 0)
        return;
    if (a->split < 0) {
        a->split = dim;
        scatter_range(0, index->shape[dim], a);
        return;
    }
    int64_t n = index->shape[a->split];
    double cost = (double)tn_numel(index) / (double)n;
    tn__parallel(ctx, n, tn__grain(TN__GRAIN_ELEMENTS, cost), scatter_range, a);
}

/* Does an element of dx get more than a few terms? Indices that are repeated along another
 * dimension are counted once. */
static bool is_crowded(tn_ctx *ctx, const tn_tensor *dx, int dim, const tn_tensor *index)
{
    if (tn_numel(index) == 0 || index->shape[dim] <= FEW)
        return false;
    if (index->strides[dim] == 0)
        return true;
    int64_t shape[TN_MAX_DIMS];
    tn__shape_once(index, index, shape);
    shape[dim] = dx->shape[dim];
    const tn_tensor *once = tn__once(ctx, index, index);
    tn_tensor *counts = once ? tn_zeros(ctx, TN_U8, index->ndim, shape) : NULL;
    tn_tensor *firsts = counts ? firsts_along(ctx, counts, dim, once) : NULL;
    if (!firsts)
        return false;
    atomic_bool crowded = false;
    scatter_args args = {.row = {.step = counts->strides[dim], .crowded = &crowded},
                         .fn = count_row,
                         .short_fn = count_rows,
                         .operands = {firsts, once},
                         .n = 2};
    scatter(ctx, &args, dim);
    tn_free(firsts);
    tn_free(counts);
    return crowded;
}

/* Crowded elements have one beside them for what rounding takes. */
tn_tensor *tn__scatter_add(tn_ctx *ctx, const char *what, int ndim, const int64_t *shape, int dim,
                           const tn_tensor *index, bool they_differ, const tn_tensor *dy)
{
    tn_tensor *dx = tn__new(ctx, what, dy->dtype, ndim, shape);
    if (!dx)
        return NULL;
    tn__fill(dx, 0);
    bool crowded = !they_differ && is_crowded(ctx, dx, dim, index);
    tn_tensor *lost = crowded ? tn_zeros(ctx, dx->dtype, ndim, shape) : NULL;
    tn_tensor *firsts = firsts_along(ctx, dx, dim, index);
    tn_tensor *firsts_lost = lost ? firsts_along(ctx, lost, dim, index) : NULL;
    if (!tn_ok(ctx))
        return NULL;
    scatter_args args = {
        .row = {.k = tn__kernels_of(ctx, dx->dtype), .dtype = dx->dtype, .step = dx->strides[dim]},
        .fn = crowded ? scatter_exactly_row : scatter_row,
        .short_fn = crowded ? NULL : scatter_rows,
        .operands = {firsts, index, dy, firsts_lost},
        .n = crowded ? 4 : 3};
    scatter(ctx, &args, dim);
    tn_free(firsts);
    return dx;
}

const tn_tensor *tn__plain_i64(tn_ctx *ctx, const tn_tensor *t)
{
    return t ? tn__contiguous(ctx, t->dtype == TN_I64 ? t : tn__converted(ctx, "index", t, TN_I64))
             : NULL;
}

typedef struct check_args {
    const int64_t *index;
    uint64_t last;
    atomic_bool wrong;
} check_args;

/* An index is negative, or above the last one: the highest bit of i or of last - i is set. */
#define WRONG_BIT(i) ((uint64_t)(i) | (a->last - (uint64_t)(i)))

/* Several indices side by side, which fill vectors. */
static void check_range(int64_t begin, int64_t end, void *payload)
{
    enum { SIDES = 8 };
    check_args *a = payload;
    uint64_t sides[SIDES] = {0}, bits = 0;
    int64_t i = begin;
    for (; i + SIDES <= end; i += SIDES)
        for (int j = 0; j < SIDES; j++)
            sides[j] |= WRONG_BIT(a->index[i + j]);
    for (; i < end; i++)
        bits |= WRONG_BIT(a->index[i]);
    for (int j = 0; j < SIDES; j++)
        bits |= sides[j];
    if (bits >> 63)
        atomic_store(&a->wrong, true);
}

static bool check_indices(tn_ctx *ctx, const char *what, const tn_tensor *x, int dim,
                          const tn_tensor *plain)
{
    int64_t size = x->shape[dim], n = tn_numel(plain);
    check_args args = {.index = tn__ptr(plain), .last = (uint64_t)size - 1};
    tn__parallel(ctx, n, TN__GRAIN_ELEMENTS, check_range, &args);
    if (!args.wrong)
        return true;
    int64_t i = 0;
    while (i < n && args.index[i] >= 0 && args.index[i] < size)
        i++;
    tn_fail(ctx, TN_ERR_ARGUMENT, "%s: index %lld is outside dimension %d of %s", what,
            (long long)args.index[i], dim, TN_SHAPE_TEXT(x));
    return false;
}

const tn_tensor *tn__indices(tn_ctx *ctx, const char *what, const tn_tensor *x, int dim,
                             const tn_tensor *index)
{
    if (!tn__is_index(index->dtype)) {
        tn_fail(ctx, TN_ERR_DTYPE, "%s: index is %s but must be i64, i32 or u8", what,
                tn_dtype_name(index->dtype));
        return NULL;
    }
    const tn_tensor *plain = tn__plain_i64(ctx, tn__once(ctx, index, index));
    if (!plain || !check_indices(ctx, what, x, dim, plain))
        return NULL;
    return tn__broadcast_to(ctx, plain, index->ndim, index->shape);
}
