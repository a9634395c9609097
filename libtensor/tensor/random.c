/* random.c - random numbers of a context.
 *
 * Block number i of a stream is a function of i and the seed alone (base/philox.c), so threads can
 * fill parts of a tensor and the numbers are the same. Every call starts at a new block. */
#include <math.h>
#include "base/integers.h"
#include "base/philox.h"
#include "base/threads.h"
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

/* Uniform on [0, 1): the upper 24 bits. */
static double unit24(uint32_t word)
{
    return (word >> 8) * 0x1p-24;
}

/* Uniform on [0, 1): the upper 53 bits of two words. */
static double unit53(uint32_t high, uint32_t low)
{
    return (double)((((uint64_t)high << 32) | low) >> 11) * 0x1p-53;
}

/* Two standard normal numbers from two uniform ones (Box and Muller 1958). */
static void box_muller(double u, double v, double out[2])
{
    double radius = sqrt(-2 * log1p(-u)), angle = 6.283185307179586 * v;
    out[0] = radius * cos(angle);
    out[1] = radius * sin(angle);
}

typedef struct random_args {
    tn_rng_state rng;
    tn_dtype dtype;
    bool normal;
    double a, b; /* low and width, or mean and standard deviation */
    double high; /* of the interval */
    double p;    /* not NaN: 1 with probability p, 0 otherwise */
    char *out;
    int64_t n;
} random_args;

static int per_block(const random_args *args)
{
    return args->dtype == TN_F32 || !isnan(args->p) ? 4 : 2;
}

static void block_values(const random_args *args, int64_t i, double values[4])
{
    uint32_t word[4];
    tn__random_block(args->rng, (uint64_t)i, word);
    if (per_block(args) == 4)
        for (int j = 0; j < 4; j++)
            values[j] = unit24(word[j]);
    else
        for (int j = 0; j < 2; j++)
            values[j] = unit53(word[2 * j], word[2 * j + 1]);
    if (args->normal)
        for (int j = 0; j < per_block(args); j += 2)
            box_muller(values[j], values[j + 1], values + j);
}

/* Rounding can reach the upper end of the interval, which does not belong to it. */
static double transform(const random_args *args, double value)
{
    if (!isnan(args->p))
        return value < args->p;
    double x = args->a + args->b * value;
    if (args->normal)
        return x;
    if (args->dtype == TN_F64)
        return x < args->high ? x : nextafter(args->high, args->a);
    float high = (float)args->high;
    return (float)x < high ? x : (double)nextafterf(high, (float)args->a);
}

static void fill_blocks(int64_t begin, int64_t end, void *payload)
{
    const random_args *args = payload;
    int count = per_block(args);
    size_t size = tn_dtype_size(args->dtype);
    for (int64_t i = begin; i < end; i++) {
        double values[4];
        block_values(args, i, values);
        for (int j = 0; j < count && i * count + j < args->n; j++)
            tn__store_f64(args->dtype, args->out + (size_t)(i * count + j) * size,
                          transform(args, values[j]));
    }
}

/* Numbers are drawn in row-major order, whatever the strides. */
static tn_status fill_random(tn_ctx *ctx, tn_tensor *t, random_args args)
{
    tn_scope scope = tn_scope_begin(ctx);
    bool plain = tn_is_contiguous(t);
    tn_tensor *out = plain ? t : tn__new(ctx, "random", t->dtype, t->ndim, t->shape);
    if (tn_ok(ctx)) {
        tn__count_change(ctx, t);
        args.rng = ctx->rng;
        args.dtype = t->dtype;
        args.out = tn__ptr(out);
        args.n = tn_numel(t);
        int64_t blocks = tn__divide_up(args.n, per_block(&args));
        tn__parallel(ctx, blocks, TN__GRAIN_RANDOM, fill_blocks, &args);
        ctx->rng.position += (uint64_t)blocks;
        if (!plain)
            tn__copy(ctx, t, out);
    }
    tn_scope_end(ctx, scope);
    return tn_error_status(ctx);
}

tn_status tn_uniform_(tn_ctx *ctx, tn_tensor *t, double low, double high)
{
    if (!tn_check_float(ctx, "uniform_", "tensor", t))
        return tn_error_status(ctx);
    if (!(low <= high) || !isfinite(high - low))
        return tn_fail(ctx, TN_ERR_ARGUMENT, "uniform_: no interval from %g to %g", low, high);
    if (!tn__check_change(ctx, "uniform_", t))
        return tn_error_status(ctx);
    return fill_random(ctx, t, (random_args){.a = low, .b = high - low, .high = high, .p = NAN});
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
    return fill_random(ctx, t, (random_args){.normal = true, .a = mean, .b = std, .p = NAN});
}

tn_status tn_bernoulli_(tn_ctx *ctx, tn_tensor *t, double p)
{
    if (!tn_check_input(ctx, "bernoulli_", "tensor", t))
        return tn_error_status(ctx);
    if (!(p >= 0 && p <= 1))
        return tn_fail(ctx, TN_ERR_ARGUMENT, "bernoulli_: p = %g is not between 0 and 1", p);
    if (!tn__check_change(ctx, "bernoulli_", t))
        return tn_error_status(ctx);
    return fill_random(ctx, t, (random_args){.p = p});
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

/* The upper half of a 128-bit product; the lower half is rejected where it would favour some
 * (Lemire, "Fast random integer generation in an interval", 2019). */
uint64_t tn__random_below(tn_ctx *ctx, uint64_t bound)
{
    for (;;) {
        uint32_t word[4];
        tn__random_block(ctx->rng, 0, word);
        ctx->rng.position++;
        uint64_t x = ((uint64_t)word[1] << 32) | word[0];
        uint64_t lower, upper = upper_half(x, bound, &lower);
        if (lower >= -bound % bound)
            return upper;
    }
}

void tn__random_permutation(tn_ctx *ctx, int64_t n, int64_t *out)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t j = (int64_t)tn__random_below(ctx, (uint64_t)i + 1);
        out[i] = out[j];
        out[j] = i;
    }
}

tn_tensor *tn_randperm(tn_ctx *ctx, int64_t n)
{
    tn_tensor *t = tn__new(ctx, "randperm", TN_I64, 1, &n);
    if (t)
        tn__random_permutation(ctx, n, tn__ptr(t));
    return t;
}
