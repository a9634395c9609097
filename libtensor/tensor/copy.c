/* copy.c - filling in values and copying elements, of any strides. */
#include <string.h>
#include "base/integers.h"
#include "base/isa.h"
#include "base/threads.h"
#include "kernels/args.h"
#include "kernels/kernels.h"
#include "tensor/copy.h"
#include "tensor/dtype.h"
#include "tensor/iter.h"
#include "tensor/rows.h"
#include "tensor/view.h"

/* Sets n elements to the bits that `value` points to, by a loop over numbers of that size. Zeros
 * are the work of memset, which need not read the memory that it overwrites. */
static void repeat(tn_ctx *ctx, int64_t n, size_t size, const void *value, void *to)
{
    bool is_zero = size == 4   ? *(const uint32_t *)value == 0
                   : size == 8 ? *(const uint64_t *)value == 0
                               : false;
    if (size == 1 || is_zero)
        memset(to, *(const unsigned char *)value, (size_t)n * size);
    else
        tn__kernels_of_size(ctx, (int64_t)size)->fill(n, value, to);
}

/* Rows of fewer numbers that have gaps between them are gone through by one call for many. */
enum { FEW = 16 };

static bool has_few(const tn__iter *it)
{
    int64_t n = it->shape[it->ndim - 1];
    return it->ndim > 1 && n > 0 && n < FEW;
}

typedef struct fill_args {
    tn_ctx *ctx;
    size_t size;
    char value[8];
    int64_t few, step; /* numbers of each row, and from one to the next */
} fill_args;

#define FILL_LOOP(type)                             \
    {                                               \
        type value;                                 \
        memcpy(&value, args->value, sizeof value);  \
        for (int64_t i = 0; i < n; i++)             \
            ((type *)p[0])[i * strides[0]] = value; \
    }

#define FILL_ROWS(type)                                                 \
    {                                                                   \
        type value, *to = p[0];                                         \
        memcpy(&value, args->value, sizeof value);                      \
        for (int64_t r = 0, row = strides[0]; r < rows; r++, to += row) \
            for (int64_t i = 0; i < few; i++)                           \
                to[i * step] = value;                                   \
    }

static void fill_rows(int64_t rows, void *const *p, const int64_t *strides, void *payload)
{
    const fill_args *args = payload;
    const int64_t few = args->few, step = args->step;
    if (args->size == 8)
        FILL_ROWS(uint64_t)
    else if (args->size == 4)
        FILL_ROWS(uint32_t)
    else
        FILL_ROWS(uint8_t)
}

static void fill_row(int64_t n, void *const *p, const int64_t *strides, void *payload)
{
    const fill_args *args = payload;
    if (strides[0] == 1)
        repeat(args->ctx, n, args->size, args->value, p[0]);
    else if (args->size == 8)
        FILL_LOOP(uint64_t)
    else if (args->size == 4)
        FILL_LOOP(uint32_t)
    else
        FILL_LOOP(uint8_t)
}

void tn__fill(const tn_tensor *t, double value)
{
    tn__iter it = tn__iter_as_it_lies(t->ndim, t->shape, 1, &t);
    fill_args args = {.ctx = t->ctx, .size = tn_dtype_size(t->dtype)};
    tn__store_f64(t->dtype, args.value, value);
    int inner = it.ndim - 1;
    if (!has_few(&it)) {
        tn__iter_run(t->ctx, &it, fill_row, &args);
        return;
    }
    tn__iter rows = tn__iter_of_rows(&it);
    args.few = it.shape[inner];
    args.step = it.strides[0][inner];
    tn__iter_run(t->ctx, &rows, fill_rows, &args);
}

/* Bytes that are written may be anything, as far as a compiler knows: what leads to them is read
 * beforehand. */
#define COPY_LOOP(type)                                        \
    {                                                          \
        type *to = p[0];                                       \
        const type *from = p[1];                               \
        const int64_t step_to = strides[0], step = strides[1]; \
        for (int64_t i = 0; i < n; i++)                        \
            to[i * step_to] = from[i * step];                  \
    }

typedef struct copy_args {
    tn_ctx *ctx;
    size_t size;
} copy_args;

static void copy_row(int64_t n, void *const *p, const int64_t *strides, void *payload)
{
    const copy_args *args = payload;
    size_t size = args->size;
    if (strides[0] == 1 && strides[1] == 1)
        memcpy(p[0], p[1], (size_t)n * size);
    else if (strides[0] == 1 && strides[1] == 0)
        repeat(args->ctx, n, size, p[1], p[0]);
    else if (size == 8)
        COPY_LOOP(uint64_t)
    else if (size == 4)
        COPY_LOOP(uint32_t)
    else
        COPY_LOOP(uint8_t)
}

/* ---- the other way round --------------------------------------------------------------------- */

/* Numbers that stand side by side in the result and in the source along different dimensions are
 * copied as matrices that are transposed, in strips of rows for the threads. */
enum { STRIP_BYTES = 64, LEAST = 8 };

typedef struct walk_args {
    const tn__kernels *k;
    const tn__iter *it;
    int across; /* the dimension along which the source's numbers stand side by side */
    int64_t strip, strips;
    const void *payload; /* of a cast */
} walk_args;

/* -1 if there is no such dimension, or too little of it. */
static int dim_across(const tn__iter *it)
{
    int inner = it->ndim - 1;
    bool is_row = it->strides[0][inner] == 1 && it->strides[1][inner] > 1;
    if (!is_row || it->shape[inner] < LEAST)
        return -1;
    for (int i = 0; i < inner; i++)
        if (it->strides[1][i] == 1 && it->shape[i] >= LEAST)
            return i;
    return -1;
}

/* Rows of the result, as many as `rows`, and where their numbers stand in the source. */
typedef struct strip {
    int64_t rows;
    char *to;
    const char *from;
} strip;

static strip strip_at(const walk_args *a, int64_t number)
{
    const tn__iter *it = a->it;
    int inner = it->ndim - 1, across = a->across;
    int64_t first = number % a->strips * a->strip, rest = number / a->strips;
    int64_t to = first * it->strides[0][across], from = first;
    for (int i = inner - 1; i >= 0; i--)
        if (i != across) {
            to += rest % it->shape[i] * it->strides[0][i];
            from += rest % it->shape[i] * it->strides[1][i];
            rest /= it->shape[i];
        }
    return (strip){tn__min(it->shape[across] - first, a->strip),
                   it->data[0] + to * (int64_t)it->size[0],
                   it->data[1] + from * (int64_t)it->size[1]};
}

/* y [rows, cols], rows ldy numbers apart, from columns of the source. */
static void turn_block(const walk_args *a, int64_t rows, int64_t cols, const char *x, char *y,
                       int64_t ldy)
{
    const tn__iter *it = a->it;
    int64_t ldx = it->strides[1][it->ndim - 1];
    (it->size[1] == 1 ? a->k->transpose_bytes : a->k->transpose)(rows, cols, x, ldx, y, ldy);
}

static void turn_strips(int64_t begin, int64_t end, void *payload)
{
    const walk_args *a = payload;
    const tn__iter *it = a->it;
    for (int64_t i = begin; i < end; i++) {
        strip s = strip_at(a, i);
        turn_block(a, s.rows, it->shape[it->ndim - 1], s.from, s.to, it->strides[0][a->across]);
    }
}

/* Calls `fn` for all strips of the result, on the threads. */
static void turn(tn_ctx *ctx, const tn__iter *it, int across, const void *payload, tn__range_fn fn)
{
    int inner = it->ndim - 1;
    int64_t most = STRIP_BYTES / (int64_t)it->size[1];
    walk_args args = {.k = tn__kernels_of_size(ctx, (int64_t)it->size[1]),
                      .it = it,
                      .across = across,
                      .strip = most,
                      .strips = tn__divide_up(it->shape[across], most),
                      .payload = payload};
    int64_t count = args.strips;
    for (int i = 0; i < inner; i++)
        count *= i == across ? 1 : it->shape[i];
    double cost = (double)most * (double)it->shape[inner];
    tn__parallel(ctx, count, tn__grain(TN__GRAIN_ELEMENTS, cost), fn, &args);
}

/* ---- short rows ------------------------------------------------------------------------------ */

enum { SHORT_ROW = 128 }; /* longer ones are copied or filled each by itself */

/* Of numbers that stand side by side, with gaps between the rows or not, or of one number in all
 * rows. */
static bool has_short_pieces(const tn__iter *it)
{
    int inner = it->ndim - 1;
    if (inner == 0 || it->shape[inner] == 0 || it->shape[inner] > SHORT_ROW)
        return false;
    const int64_t *from = it->strides[1];
    return it->strides[0][inner] == 1 &&
           (from[inner] == 1 || (from[inner] == 0 && from[inner - 1] == 0));
}

static void copy_pieces(int64_t rows, void *const *p, const int64_t *strides, void *payload)
{
    const walk_args *a = payload;
    int inner = a->it->ndim - 1;
    int64_t size = (int64_t)a->it->size[0], n = a->it->shape[inner];
    char same[SHORT_ROW * sizeof(double)];
    bool is_one = a->it->strides[1][inner] == 0;
    for (int64_t i = 0; is_one && i < n; i++)
        memcpy(same + i * size, p[1], (size_t)size);
    tn__copy_rows(rows, n * size,
                  (tn__row_list){.first = is_one ? same : p[1], .step = strides[1] * size},
                  (tn__row_list){.first = p[0], .step = strides[0] * size});
}

static void copy_each(tn_ctx *ctx, const tn__iter *it)
{
    tn__iter rows = tn__iter_of_rows(it);
    walk_args args = {.it = it};
    tn__iter_run(ctx, &rows, copy_pieces, &args);
}

/* Each of one number. */

static bool has_short_rows(const tn__iter *it)
{
    return it->ndim == 2 && it->size[0] >= 4 && it->shape[1] <= SHORT_ROW &&
           it->strides[0][1] == 1 && it->strides[0][0] == it->shape[1] && it->strides[1][1] == 0;
}

static void fill_short_rows(int64_t begin, int64_t end, void *payload)
{
    const walk_args *a = payload;
    const tn__iter *it = a->it;
    int64_t n = it->shape[1], step = it->strides[1][0], size = (int64_t)it->size[0];
    a->k->fill_rows(end - begin, n, it->data[1] + begin * step * size, step,
                    it->data[0] + begin * n * size);
}

static void repeat_each(tn_ctx *ctx, const tn__iter *it)
{
    walk_args args = {.k = tn__kernels_of_size(ctx, (int64_t)it->size[0]), .it = it};
    tn__parallel(ctx, it->shape[0], tn__grain(TN__GRAIN_ELEMENTS, (double)it->shape[1]),
                 fill_short_rows, &args);
}

/* Others, with gaps between the numbers. */

#define COPY_ROWS(type)                                  \
    for (int64_t r = 0; r < rows; r++) {                 \
        type *to = (type *)p[0] + r * row_to;            \
        const type *from = (const type *)p[1] + r * row; \
        for (int64_t i = 0; i < few; i++)                \
            to[i * step_to] = from[i * step];            \
    }

static void copy_few(int64_t rows, void *const *p, const int64_t *strides, void *payload)
{
    const tn__iter *it = ((const walk_args *)payload)->it;
    const int inner = it->ndim - 1;
    const int64_t few = it->shape[inner], row_to = strides[0], row = strides[1];
    const int64_t step_to = it->strides[0][inner], step = it->strides[1][inner];
    if (it->size[0] == 8)
        COPY_ROWS(uint64_t)
    else if (it->size[0] == 4)
        COPY_ROWS(uint32_t)
    else
        COPY_ROWS(uint8_t)
}

static void copy_rows(tn_ctx *ctx, const tn__iter *it)
{
    copy_args args = {.ctx = ctx, .size = it->size[0]};
    if (!has_few(it)) {
        tn__iter_run(ctx, it, copy_row, &args);
        return;
    }
    tn__iter rows = tn__iter_of_rows(it);
    walk_args few = {.it = it};
    tn__iter_run(ctx, &rows, copy_few, &few);
}

void tn__copy(tn_ctx *ctx, const tn_tensor *dst, const tn_tensor *src)
{
    tn__iter it = tn__iter_as_it_lies(dst->ndim, dst->shape, 2, (const tn_tensor *[]){dst, src});
    int across = dim_across(&it);
    if (across >= 0)
        turn(ctx, &it, across, NULL, turn_strips);
    else if (has_short_rows(&it))
        repeat_each(ctx, &it);
    else if (has_short_pieces(&it))
        copy_each(ctx, &it);
    else
        copy_rows(ctx, &it);
}

tn_tensor *tn__copied(tn_ctx *ctx, const char *what, const tn_tensor *t)
{
    tn_tensor *copy = tn__new(ctx, what, t->dtype, t->ndim, t->shape);
    if (copy)
        tn__copy(ctx, copy, t);
    return copy;
}

tn_tensor *tn__contiguous(tn_ctx *ctx, const tn_tensor *t)
{
    if (!t)
        return NULL;
    if (tn_is_contiguous(t))
        return tn__view(ctx, t, t->ndim, t->shape, NULL, t->offset);
    return tn__copied(ctx, "contiguous", t);
}

tn_tensor *tn__rows(tn_ctx *ctx, const tn_tensor *t)
{
    int64_t cols = tn_size(t, -1), rows = 1;
    for (int i = 0; i < t->ndim - 1; i++)
        rows *= t->shape[i];
    return tn__reshaped(ctx, tn__contiguous(ctx, t), 2, (int64_t[]){rows, cols});
}

/* ---- other types ----------------------------------------------------------------------------- */

typedef struct cast_args {
    copy_args copy; /* of the source */
    tn_dtype to, from;
} cast_args;

_Static_assert((int)TN__F32 == (int)TN_F32 && (int)TN__I64 == (int)TN_I64 &&
                   (int)TN__U8 == (int)TN_U8 && (int)TN__BOOL == (int)TN_BOOL,
               "kernels know the dtypes by their numbers");

/* n numbers side by side. */
static void cast_line(const cast_args *a, int64_t n, const void *x, void *y)
{
    const tn_ctx *ctx = a->copy.ctx;
    tn__type to = (tn__type)a->to, from = (tn__type)a->from;
    if (tn__is_float(a->from))
        tn__kernels_of(ctx, a->from)->cast_to(n, x, to, y);
    else if (tn__is_float(a->to))
        tn__kernels_of(ctx, a->to)->cast_from(n, from, x, y);
    else
        tn__kernels_of(ctx, TN_F64)->cast_integers(n, from, x, to, y);
}

/* The result is contiguous; elements with gaps between them are brought together first. */
static void cast_row(int64_t n, void *const *p, const int64_t *strides, void *payload)
{
    const cast_args *a = payload;
    enum { BLOCK = 256 };
    uint64_t together[BLOCK];
    int64_t length = n, to = (int64_t)tn_dtype_size(a->to), from = (int64_t)a->copy.size;
    if (strides[1] == 1)
        cast_line(a, n, p[1], p[0]);
    for (int64_t i = 0; strides[1] != 1 && i < n; i += length) {
        length = tn__min(n - i, BLOCK);
        void *const pair[] = {together, (char *)p[1] + i * strides[1] * from};
        copy_row(length, pair, (const int64_t[]){1, strides[1]}, payload);
        cast_line(a, length, together, (char *)p[0] + i * to);
    }
}

/* Columns of the source are turned into rows, a block of them at a time. */
static void cast_strips(int64_t begin, int64_t end, void *payload)
{
    const walk_args *a = payload;
    const tn__iter *it = a->it;
    enum { BLOCK = 256 };
    _Alignas(64) char rows[STRIP_BYTES * BLOCK];
    int64_t to = (int64_t)it->size[0], from = (int64_t)it->size[1], n = it->shape[it->ndim - 1];
    for (int64_t i = begin; i < end; i++) {
        strip s = strip_at(a, i);
        for (int64_t j = 0, cols; j < n; j += cols) {
            cols = tn__min(n - j, BLOCK);
            turn_block(a, s.rows, cols, s.from + j * it->strides[1][it->ndim - 1] * from, rows,
                       cols);
            bool is_one_line = it->strides[0][a->across] == cols;
            int64_t lines = is_one_line ? 1 : s.rows, length = s.rows / lines * cols;
            for (int64_t r = 0; r < lines; r++)
                cast_line(a->payload, length, rows + r * cols * from,
                          s.to + (r * it->strides[0][a->across] + j) * to);
        }
    }
}

tn_tensor *tn__converted(tn_ctx *ctx, const char *what, const tn_tensor *t, tn_dtype dtype)
{
    if (dtype == t->dtype)
        return tn__copied(ctx, what, t);
    tn_tensor *y = tn__new(ctx, what, dtype, t->ndim, t->shape);
    if (!y)
        return NULL;
    cast_args args = {
        .copy = {.ctx = ctx, .size = tn_dtype_size(t->dtype)}, .to = dtype, .from = t->dtype};
    tn__iter it = tn__iter_new(y->ndim, y->shape, 2, (const tn_tensor *[]){y, t});
    int across = dim_across(&it);
    if (across >= 0)
        turn(ctx, &it, across, &args, cast_strips);
    else
        tn__iter_run_joined(ctx, &it, cast_row, &args);
    return y;
}
