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

/* Piece `number` of all the rows: its coordinates are the digits of number / pieces. */
static void run_piece(const run_args *args, int64_t number)
{
    const tn__iter *it = args->it;
    int inner = it->ndim - 1;
    int64_t row = number, begin = 0, end = it->shape[inner];
    if (args->pieces > 1) {
        row = number / args->pieces;
        begin = tn__cut(end, args->pieces, number % args->pieces);
        end = tn__cut(end, args->pieces, number % args->pieces + 1);
    }
    void *p[TN__MAX_OPERANDS];
    for (int j = 0; j < it->n; j++)
        p[j] = it->data[j] + begin * it->strides[j][inner] * (int64_t)it->size[j];
    for (int i = inner - 1; i >= 0; i--) {
        int64_t index = row % it->shape[i];
        row /= it->shape[i];
        for (int j = 0; j < it->n; j++)
            p[j] = (char *)p[j] + index * it->strides[j][i] * (int64_t)it->size[j];
    }
    args->fn(end - begin, p, args->strides, args->payload);
}

static void run_range(int64_t begin, int64_t end, void *payload)
{
    for (int64_t i = begin; i < end; i++)
        run_piece(payload, i);
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
    if (rows < ctx->threads && length > TN__GRAIN_ELEMENTS)
        args.pieces = length / TN__GRAIN_ELEMENTS + 1;
    int64_t piece = length / args.pieces + 1;
    tn__parallel(ctx, rows * args.pieces, TN__GRAIN_ELEMENTS / piece + 1, run_range, &args);
}

void tn__iter_run_serial(const tn__iter *it, tn__row_fn fn, void *payload)
{
    int64_t rows;
    run_args args = arguments(it, fn, payload, &rows);
    run_range(0, rows, &args);
}
