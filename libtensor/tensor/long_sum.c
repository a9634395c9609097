/* long_sum.c - matrices that are sums of many matrices, without an error that grows with their
 * number (kernels/long_sum.c has the formulas). */
#include "base/memory.h"
#include "tensor/long_sum.h"
#include "tensor/tensor.h"

bool tn__long_sum_alloc(tn_ctx *ctx, tn__long_sum *s)
{
    size_t size = (size_t)s->rows * (size_t)s->cols * tn_dtype_size(s->dtype);
    s->part = tn__alloc(ctx, size);
    s->lost = tn__alloc_zeroed(ctx, size);
    return s->part && s->lost;
}

void tn__long_sum_free(tn_ctx *ctx, tn__long_sum *s)
{
    tn__free(ctx, s->part);
    tn__free(ctx, s->lost);
}

void tn__long_sum_add(const tn__long_sum *s, int64_t begin, int64_t end)
{
    int64_t size = (int64_t)tn_dtype_size(s->dtype);
    for (int64_t i = 0; i < s->rows; i++) {
        int64_t at = (i * s->cols + begin) * size;
        s->k->add_part(end - begin, s->part + at, s->to + (i * s->ld + begin) * size, s->lost + at);
    }
}
