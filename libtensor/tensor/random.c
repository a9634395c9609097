/* random.c - random numbers of a context.
 *
 * Block number i of a stream is a function of i and the seed alone (base/philox.c), so threads can
 * fill parts of a tensor and the numbers are the same. Every call starts at a new block. */
#include <math.h>
#include "base/integers.h"
#include "base/isa.h"
#include "base/philox.h"
#include "base/threads.h"
#include "kernels/args.h"
#include "kernels/kernels.h"
#include "tensor/change.h"
#include "tensor/copy.h"
#include "tensor/dtype.h"
#include "tensor/random.h"
#include "tensor/tensor.h"

void tn_manual_seed(tn_ctx *ctx, uint64_t seed)
{
    if (ctx)
        ctx->rng = (tn_rng_state){.seed = seed};
}

tn_rng_state tn_get_rng_state(const tn_ctx *ctx)
{
    return ctx ? ctx->rng : (tn_rng_state){0};
}

void tn_set_rng_state(tn_ctx *ctx, tn_rng_state state)
{
    if (ctx)
        ctx->rng = state;
}

/* ---- distributions: a block gives four numbers of float precision or two of double ----------- */

typedef struct random_args {
    const tn__kernels *kernels;
    tn__draw draw;
    tn_dtype dtype;
    char *out;
    int64_t n;
} random_args;

/* Zeros and ones of a type without a fraction. */
static void draw_whole(const random_args *args, int64_t block, int64_t n, char *out)
{
    enum { NUMBERS = 1024 };
    float drawn[NUMBERS];
    for (int64_t i = 0; i < n; i += NUMBERS) {
        int64_t length = tn__min(n - i, NUMBERS);
        args->kernels->random(&args->draw, block + i / args->draw.per_block, length, drawn);
        args->kernels->cast_to(length, drawn, (tn__type)args->dtype,
                               out + (size_t)i * tn_dtype_size(args->dtype));
    }
}

static void fill_blocks(int64_t begin, int64_t end, void *payload)
{
    const random_args *args = payload;
    int64_t first = begin * args->draw.per_block;
    int64_t n = tn__min(end * args->draw.per_block, args->n) - first;
    char *out = args->out + (size_t)first * tn_dtype_size(args->dtype);
    if (tn__is_float(args->dtype))
        args->kernels->random(&args->draw, begin, n, out);
    else
        draw_whole(args, begin, n, out);
}

/* Numbers are drawn in row-major order, whatever the strides. */
static tn_status fill_random(tn_ctx *ctx, tn_tensor *t, tn__draw draw)
{
    tn_scope scope = tn_scope_begin(ctx);
    bool plain = tn_is_contiguous(t);
    tn_tensor *out = plain ? t : tn__new(ctx, "random", t->dtype, t->ndim, t->shape);
    if (tn_ok(ctx)) {
        tn__count_change(ctx, t);
        draw.seed = ctx->rng.seed;
        draw.position = ctx->rng.position;
        draw.per_block = t->dtype == TN_F64 && draw.distribution != TN__BERNOULLI ? 2 : 4;
        random_args args = {.kernels = tn__kernels_of(ctx, t->dtype == TN_F64 ? TN_F64 : TN_F32),
                            .draw = draw,
                            .dtype = t->dtype,
                            .out = tn__ptr(out),
                            .n = tn_numel(t)};
        int64_t blocks = tn__divide_up(args.n, draw.per_block);
        tn__parallel(ctx, blocks, TN__GRAIN_RANDOM, fill_blocks, &args);
        ctx->rng.position += (uint64_t)blocks;
        if (!plain)
            tn__copy(ctx, t, out);
    }
    tn_scope_end(ctx, scope);
    return tn_error_status(ctx);
}

/* The largest number of the type below `high`, towards `low`. */
static double below(tn_dtype dtype, double high, double low)
{
    return dtype == TN_F64 ? nextafter(high, low) : (double)nextafterf((float)high, (float)low);
}

tn_status tn_uniform_(tn_ctx *ctx, tn_tensor *t, double low, double high)
{
    if (!tn_check_float(ctx, "uniform_", "tensor", t))
        return tn_error_status(ctx);
    if (!(low <= high) || !isfinite(high - low))
        return tn_fail(ctx, TN_ERR_ARGUMENT, "uniform_: no interval from %g to %g", low, high);
    if (!tn__check_change(ctx, "uniform_", t))
        return tn_error_status(ctx);
    return fill_random(ctx, t,
                       (tn__draw){.distribution = TN__UNIFORM,
                                  .a = low,
                                  .b = high - low,
                                  .high = high,
                                  .last = below(t->dtype, high, low)});
}

tn_status tn_normal_(tn_ctx *ctx, tn_tensor *t, double mean, double std)
{
    if (!tn_check_float(ctx, "normal_", "tensor", t))
        return tn_error_status(ctx);
    if (!(std >= 0) || !isfinite(mean) || !isfinite(std))
        return tn_fail(ctx, TN_ERR_ARGUMENT, "normal_: mean %g and standard deviation %g", mean,
                       std);
    if (!tn__check_change(ctx, "normal_", t))
        return tn_error_status(ctx);
    return fill_random(ctx, t, (tn__draw){.distribution = TN__NORMAL, .a = mean, .b = std});
}

tn_status tn_bernoulli_(tn_ctx *ctx, tn_tensor *t, double p)
{
    if (!tn_check_input(ctx, "bernoulli_", "tensor", t))
        return tn_error_status(ctx);
    if (!(p >= 0 && p <= 1))
        return tn_fail(ctx, TN_ERR_ARGUMENT, "bernoulli_: p = %g is not between 0 and 1", p);
    if (!tn__check_change(ctx, "bernoulli_", t))
        return tn_error_status(ctx);
    return fill_random(ctx, t, (tn__draw){.distribution = TN__BERNOULLI, .p = p});
}

static tn_tensor *new_float(tn_ctx *ctx, const char *what, tn_dtype dtype, int ndim,
                            const int64_t *shape)
{
    tn_tensor *t = tn__new(ctx, what, dtype, ndim, shape);
    if (!t || tn__is_float(dtype))
        return t;
    tn_fail(ctx, TN_ERR_DTYPE, "%s: %s is neither f32 nor f64", what, tn_dtype_name(dtype));
    return NULL;
}

tn_tensor *tn_rand(tn_ctx *ctx, tn_dtype dtype, int ndim, const int64_t *shape)
{
    tn_tensor *t = new_float(ctx, "rand", dtype, ndim, shape);
    return t && tn_uniform_(ctx, t, 0, 1) == TN_OK ? t : NULL;
}

tn_tensor *tn_randn(tn_ctx *ctx, tn_dtype dtype, int ndim, const int64_t *shape)
{
    tn_tensor *t = new_float(ctx, "randn", dtype, ndim, shape);
    return t && tn_normal_(ctx, t, 0, 1) == TN_OK ? t : NULL;
}

/* ---- integers -------------------------------------------------------------------------------- */

/* The upper 64 of the 128 bits of a b, and the lower ones. By halves, a = 2^32 a1 + a0, since not
 * every machine has an integer of 128 bits. */
static uint64_t upper_half(uint64_t a, uint64_t b, uint64_t *lower)
{
    uint64_t a0 = a & UINT32_MAX, a1 = a >> 32, b0 = b & UINT32_MAX, b1 = b >> 32;
    uint64_t middle = a1 * b0 + (a0 * b0 >> 32), other = a0 * b1 + (middle & UINT32_MAX);
    *lower = a * b;
    return a1 * b1 + (middle >> 32) + (other >> 32);
}

/* x becomes a number below `bound`, the upper half of their product; false where the lower half is
 * rejected, since it would favour some (Lemire, "Fast random integer generation in an interval",
 * 2019). */
static bool bring_below(uint64_t bound, uint64_t *x)
{
    uint64_t lower;
    *x = upper_half(*x, bound, &lower);
    return lower >= bound || lower >= -bound % bound;
}

uint64_t tn__random_below(tn_ctx *ctx, uint64_t bound)
{
    uint64_t x;
    do {
        uint32_t word[4];
        tn__random_block(ctx->rng, 0, word);
        ctx->rng.position++;
        x = ((uint64_t)word[1] << 32) | word[0];
    } while (!bring_below(bound, &x));
    return x;
}

/* As by tn__random_below, for which many blocks are made at once. */
void tn__random_permutation(tn_ctx *ctx, int64_t n, int64_t *out)
{
    enum { BLOCKS = 256 };
    uint64_t bits[BLOCKS];
    for (int64_t i = 0; i < n;) {
        int64_t blocks = tn__min(n - i, BLOCKS);
        tn__kernels_of(ctx, TN_F32)->random_bits(ctx->rng.seed, ctx->rng.position, blocks, bits);
        ctx->rng.position += (uint64_t)blocks;
        for (int64_t b = 0; b < blocks; b++)
            if (bring_below((uint64_t)i + 1, &bits[b])) {
                out[i] = out[bits[b]];
                out[bits[b]] = i++;
            }
    }
}

tn_tensor *tn_randperm(tn_ctx *ctx, int64_t n)
{
    tn_tensor *t = tn__new(ctx, "randperm", TN_I64, 1, &n);
    if (t)
        tn__random_permutation(ctx, n, tn__ptr(t));
    return t;
}
