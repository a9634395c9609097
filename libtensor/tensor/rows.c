/* rows.c - rows of few bytes. */
#include <string.h>
#include "base/isa.h"
#include "kernels/kernels.h"
#include "tensor/rows.h"

static inline const char *row_of(const tn__row_list *list, int64_t i)
{
    return list->first + (list->index ? list->index[i * list->index_step] : i) * list->step;
}

/* Pieces of STEP bytes, of which the last may overlap the one before it: lengths that the compiler
 * knows take no call. */
#define COPY_PIECES(STEP)                                       \
    for (int64_t i = 0; i < rows; i++) {                        \
        const char *x = row_of(&from, i);                       \
        char *y = to.first + i * to.step;                       \
        for (int64_t j = 0; j < bytes - (STEP); j += (STEP))    \
            memcpy(y + j, x + j, (STEP));                       \
        memcpy(y + bytes - (STEP), x + bytes - (STEP), (STEP)); \
    }

void tn__copy_rows(int64_t rows, int64_t bytes, tn__row_list from, tn__row_list to)
{
    enum { LONG = 128 };
    if (bytes > LONG)
        for (int64_t i = 0; i < rows; i++)
            memcpy(to.first + i * to.step, row_of(&from, i), (size_t)bytes);
    else if (bytes >= 16)
        COPY_PIECES(16)
    else if (bytes >= 8)
        COPY_PIECES(8)
    else if (bytes >= 4)
        COPY_PIECES(4)
    else if (bytes > 0)
        COPY_PIECES(1)
}

void tn__repeat_rows(tn_ctx *ctx, int64_t rows, int64_t n, int64_t size, tn__row_list from,
                     char *to)
{
    if (size == 1)
        for (int64_t i = 0; i < rows; i++)
            memset(to + i * n, from.first[i * from.step], (size_t)n);
    else
        tn__kernels_of_size(ctx, size)->fill_rows(rows, n, from.first, from.step / size, to);
}
