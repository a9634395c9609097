/* iter.c - walking broadcast, strided operands together. */
#include "base/integers.h"
#include "base/threads.h"
#include "tensor/broadcast.h"
#include "tensor/iter.h"
#include "tensor/rows.h"

/* Where there are no elements, strides can be so large that the product overflows. */
static bool can_join(const tn__iter *it, int outer, int inner)
{
    int64_t step;
    for (int j = 0; j < it->n; j++)
        if (__builtin_mul_overflow(it->strides[j][inner], it->shape[inner], &step) ||
            it->strides[j][outer] != step)
            return false;
    return true;
}

static tn__iter iter_of(int ndim, const int *order, const int64_t *shape, int n,
                        const tn_tensor *const *operands)
{
    tn__iter it = {.n = n, .work = 1};
    for (int j = 0; j < n; j++) {
        it.data[j] = tn__ptr(operands[j]);
        it.size[j] = tn_dtype_size(operands[j]->dtype);
    }
    for (int i = 0; i < ndim; i++) {
        int dim = order[i], last = it.ndim;
        if (shape[dim] == 1)
            continue;
        it.shape[last] = shape[dim];
        for (int j = 0; j < n; j++)
            it.strides[j][last] = tn__broadcast_stride(operands[j], dim, ndim);
        if (last == 0 || !can_join(&it, last - 1, last)) {
            it.ndim++;
            continue;
        }
        it.shape[last - 1] *= shape[dim];
        for (int j = 0; j < n; j++)
            it.strides[j][last - 1] = it.strides[j][last];
    }
    if (it.ndim == 0)
        it.shape[it.ndim++] = 1;
    return it;
}

tn__iter tn__iter_new(int ndim, const int64_t *shape, int n, const tn_tensor *const *operands)
{
    static const int order[TN_MAX_DIMS] = {0, 1, 2, 3, 4, 5, 6, 7};
    return iter_of(ndim, order, shape, n, operands);
}

tn__iter tn__iter_as_it_lies(int ndim, const int64_t *shape, int n,
                             const tn_tensor *const *operands)
{
    int order[TN_MAX_DIMS];
    for (int i = 0; i < ndim; i++) {
        int64_t stride = tn__broadcast_stride(operands[0], i, ndim);
        int to = i;
        for (; to > 0 && tn__broadcast_stride(operands[0], order[to - 1], ndim) < stride; to--)
            order[to] = order[to - 1];
        order[to] = i;
    }
    return iter_of(ndim, order, shape, n, operands);
}

typedef struct run_args {
    const tn__iter *it;
    tn__row_fn fn;
    void *payload;
    int64_t strides[TN__MAX_OPERANDS]; /* of the rows */
    int64_t pieces;                    /* that each row is cut into */
} run_args;

/* Where walking is: at a row, of which each operand has its address. */
typedef struct place {
    int64_t index[TN_MAX_DIMS];
    void *p[TN__MAX_OPERANDS];
} place;

/* Row `number`: its coordinates are the digits of the number. */
static place row_at(const tn__iter *it, int64_t number)
{
    place at;
    for (int j = 0; j < it->n; j++)
        at.p[j] = it->data[j];
    for (int i = it->ndim - 2; i >= 0; i--) {
        at.index[i] = number % it->shape[i];
        number /= it->shape[i];
        for (int j = 0; j < it->n; j++)
            at.p[j] = (char *)at.p[j] + at.index[i] * it->strides[j][i] * (int64_t)it->size[j];
    }
    return at;
}

/* The row after it, or the first one after the last: short rows have no time for divisions. */
static void step(const tn__iter *it, place *at)
{
    for (int i = it->ndim - 2; i >= 0; i--) {
        bool is_last = at->index[i] == it->shape[i] - 1;
        int64_t rows = is_last ? -at->index[i] : 1;
        for (int j = 0; j < it->n; j++)
            at->p[j] = (char *)at->p[j] + rows * it->strides[j][i] * (int64_t)it->size[j];
        at->index[i] += rows;
        if (!is_last)
            return;
    }
}

static void run_rows(int64_t begin, int64_t end, void *payload)
{
    const run_args *args = payload;
    const tn__iter *it = args->it;
    int64_t length = it->shape[it->ndim - 1];
    place at = row_at(it, begin);
    for (int64_t i = begin; i < end; i++, step(it, &at))
        args->fn(length, at.p, args->strides, args->payload);
}

/* Pieces of rows, one row after another. */
static void run_pieces(int64_t begin, int64_t end, void *payload)
{
    const run_args *args = payload;
    const tn__iter *it = args->it;
    int inner = it->ndim - 1;
    for (int64_t i = begin; i < end; i++) {
        int64_t first, last;
        tn__cut_out(it->shape[inner], args->pieces, i % args->pieces, &first, &last);
        place at = row_at(it, i / args->pieces);
        for (int j = 0; j < it->n; j++)
            at.p[j] = (char *)at.p[j] + first * it->strides[j][inner] * (int64_t)it->size[j];
        args->fn(last - first, at.p, args->strides, args->payload);
    }
}

static run_args arguments(const tn__iter *it, tn__row_fn fn, void *payload, int64_t *rows)
{
    run_args args = {.it = it, .fn = fn, .payload = payload, .pieces = 1};
    *rows = it->shape[it->ndim - 1] > 0;
    for (int i = 0; i < it->ndim - 1; i++)
        *rows *= it->shape[i];
    for (int j = 0; j < it->n; j++)
        args.strides[j] = it->strides[j][it->ndim - 1];
    return args;
}

void tn__iter_run(tn_ctx *ctx, const tn__iter *it, tn__row_fn fn, void *payload)
{
    int64_t rows, length = it->shape[it->ndim - 1] * it->work;
    run_args args = arguments(it, fn, payload, &rows);
    if (rows < ctx->threads && length > TN__GRAIN_ELEMENTS) {
        args.pieces = length / TN__GRAIN_ELEMENTS + 1;
        tn__parallel(ctx, rows * args.pieces, 1, run_pieces, &args);
    } else {
        tn__parallel(ctx, rows, TN__GRAIN_ELEMENTS / (length + 1) + 1, run_rows, &args);
    }
}

void tn__iter_run_serial(const tn__iter *it, tn__row_fn fn, void *payload)
{
    int64_t rows;
    run_args args = arguments(it, fn, payload, &rows);
    if (rows > 0)
        run_rows(0, rows, &args);
}

/* ---- short rows ------------------------------------------------------------------------------ */

enum { BLOCK_BYTES = 8192, FEWEST_ROWS = 6 }; /* of a block, and rows that it has */

typedef struct joined_args {
    tn_ctx *ctx;
    const tn__iter *it;
    tn__row_fn fn;
    void *payload;
} joined_args;

tn__iter tn__iter_of_rows(const tn__iter *it)
{
    tn__iter rows = *it;
    rows.ndim--;
    rows.work *= it->shape[rows.ndim];
    return rows;
}

/* Numbers that a block has of each operand. */
static int64_t block_of(const tn__iter *it)
{
    size_t size = 1;
    for (int j = 1; j < it->n; j++)
        size = it->size[j] > size ? it->size[j] : size;
    return BLOCK_BYTES / (int64_t)size;
}

/* Rows of numbers that stand side by side or are all the same. */
static bool has_short_rows(const tn__iter *it)
{
    int inner = it->ndim - 1;
    int64_t n = it->shape[inner];
    if (inner == 0 || n == 0 || n > block_of(it) / FEWEST_ROWS)
        return false;
    for (int j = 0; j < it->n; j++)
        if (it->strides[j][inner] != 0 && it->strides[j][inner] != 1)
            return false;
    return true;
}

/* Rows of operand j side by side: where they are, or in the block. */
static char *rows_of(const joined_args *a, int j, int64_t rows, tn__row_list from, char *block)
{
    int inner = a->it->ndim - 1;
    int64_t n = a->it->shape[inner], size = (int64_t)a->it->size[j];
    if (a->it->strides[j][inner] == 0)
        tn__repeat_rows(a->ctx, rows, n, size, from, block);
    else if (from.step != n * size)
        tn__copy_rows(rows, n * size, from, (tn__row_list){.first = block, .step = n * size});
    else
        return from.first;
    return block;
}

/* What is the same in all rows is copied once: the first block has as many as any. */
static void run_joined(int64_t rows, void *const *p, const int64_t *strides, void *payload)
{
    static const int64_t ones[TN__MAX_OPERANDS] = {1, 1, 1, 1, 1};
    _Alignas(64) char blocks[TN__MAX_OPERANDS - 1][BLOCK_BYTES];
    const joined_args *a = payload;
    const tn__iter *it = a->it;
    int64_t n = it->shape[it->ndim - 1], most = block_of(it) / n;
    for (int64_t i = 0; i < rows; i += most) {
        int64_t count = tn__min(rows - i, most);
        void *at[TN__MAX_OPERANDS] = {(char *)p[0] + i * n * (int64_t)it->size[0]};
        for (int j = 1; j < it->n; j++) {
            int64_t step = strides[j] * (int64_t)it->size[j];
            at[j] = blocks[j - 1];
            if (i == 0 || step != 0)
                at[j] =
                    rows_of(a, j, count,
                            (tn__row_list){.first = (char *)p[j] + i * step, .step = step}, at[j]);
        }
        a->fn(count * n, at, ones, a->payload);
    }
}

void tn__iter_run_joined(tn_ctx *ctx, const tn__iter *it, tn__row_fn fn, void *payload)
{
    if (!has_short_rows(it)) {
        tn__iter_run(ctx, it, fn, payload);
        return;
    }
    joined_args args = {ctx, it, fn, payload};
    tn__iter rows = tn__iter_of_rows(it);
    tn__iter_run(ctx, &rows, run_joined, &args);
}
