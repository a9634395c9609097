/* iter.c - walking broadcast, strided operands together. */
#include "base/threads.h"
#include "tensor/broadcast.h"
#include "tensor/iter.h"

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

tn__iter tn__iter_new(int ndim, const int64_t *shape, int n, const tn_tensor *const *operands)
{
    tn__iter it = {.n = n};
    for (int j = 0; j < n; j++) {
        it.data[j] = tn__ptr(operands[j]);
        it.size[j] = tn_dtype_size(operands[j]->dtype);
    }
    for (int i = 0; i < ndim; i++) {
        if (shape[i] == 1)
            continue;
        int last = it.ndim;
        it.shape[last] = shape[i];
        for (int j = 0; j < n; j++)
            it.strides[j][last] = tn__broadcast_stride(operands[j], i, ndim);
        if (last == 0 || !can_join(&it, last - 1, last)) {
            it.ndim++;
            continue;
        }
        it.shape[last - 1] *= shape[i];
        for (int j = 0; j < n; j++)
            it.strides[j][last - 1] = it.strides[j][last];
    }
    if (it.ndim == 0)
        it.shape[it.ndim++] = 1;
    return it;
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
    int64_t rows, length = it->shape[it->ndim - 1];
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
