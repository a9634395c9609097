/* The operators at +-infinity, -0, NaN, denormals, the largest and the smallest numbers: values and
 * gradients are the mathematical limits, or PyTorch's where there is none. Each row runs in both
 * types, with contiguous operands and with ones that have gaps, which take other loops; `make
 * check` repeats them for each instruction set. */
#include "common/check_tn.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const tn_dtype dtypes[] = {TN_F32, TN_F64};
static tn_dtype dtype;
static bool gaps;

/* The largest number of the type, its smallest normal one, and one below that. */
#define HUGEST (dtype == TN_F32 ? (double)FLT_MAX : DBL_MAX)
#define SMALLEST (dtype == TN_F32 ? (double)FLT_MIN : DBL_MIN)
#define DENORMAL (SMALLEST / 8)
#define EPSILON (dtype == TN_F32 ? (double)FLT_EPSILON : DBL_EPSILON)

enum { LENGTH = 37 }; /* vectors and what is left of them */

/* LENGTH times the same number; every other element of a longer tensor, if they have gaps. */
static tn_tensor *repeated(double value)
{
    if (!gaps)
        return tn_full(ctx, dtype, TN_SHAPE(LENGTH), value);
    tn_tensor *t = tn_full(ctx, dtype, TN_SHAPE(2 * LENGTH), 0.25);
    t = tn_slice(ctx, t, 0, 1, 2 * LENGTH, 2);
    tn_fill_(ctx, t, value);
    return t;
}

static double rounded(double x)
{
    return dtype == TN_F32 ? (double)(float)x : x;
}

/* The same number, to some units in the last place of the type; NaN is NaN. */
static bool is_near(double got, double want)
{
    want = rounded(want);
    if (isnan(want) || isnan(got) || isinf(want) || isinf(got) || want == 0)
        return (isnan(want) && isnan(got)) || got == want;
    return fabs(got - want) <= fmax(8 * EPSILON * fabs(want), SMALLEST * EPSILON);
}

static void check_all(const tn_tensor *t, double want, const char *name, const char *what,
                      const double *x)
{
    ck_assert_msg(t != NULL, "%s: %s", name, tn_error(ctx));
    for (int64_t i = 0; i < tn_numel(t); i++)
        if (!is_near(element_of(t, i), want))
            ck_abort_msg("%s(%g, %g), %s%s: %s is %.9g, not %.9g", name, x[0], x[1],
                         tn_dtype_name(dtype), gaps ? " with gaps" : "", what, element_of(t, i),
                         rounded(want));
}

#define FOR_EACH_KIND                       \
    for (int kind_ = 0; kind_ < 4; kind_++) \
        if (dtype = dtypes[kind_ / 2], gaps = kind_ % 2, true)

/* ---- one operand ------------------------------------------------------------------------------
 */

#define UNARY(id, call)                \
    static tn_tensor *id(tn_tensor *x) \
    {                                  \
        return call;                   \
    }

UNARY(neg, tn_neg(ctx, x))
UNARY(absolute, tn_abs(ctx, x))
UNARY(square, tn_square(ctx, x))
UNARY(square_root, tn_sqrt(ctx, x))
UNARY(exponential, tn_exp(ctx, x))
UNARY(logarithm, tn_log(ctx, x))
UNARY(add_1, tn_add_scalar(ctx, x, 1))
UNARY(mul_2, tn_mul_scalar(ctx, x, 2))
UNARY(pow_0, tn_pow_scalar(ctx, x, 0))
UNARY(pow_1, tn_pow_scalar(ctx, x, 1))
UNARY(pow_2, tn_pow_scalar(ctx, x, 2))
UNARY(pow_half, tn_pow_scalar(ctx, x, 0.5))
UNARY(pow_minus, tn_pow_scalar(ctx, x, -1))
UNARY(pow_infinite, tn_pow_scalar(ctx, x, INFINITY))
UNARY(clamp, tn_clamp(ctx, x, -1, 1))
UNARY(clamp_open, tn_clamp(ctx, x, -INFINITY, INFINITY))
UNARY(relu, tn_relu(ctx, x))
UNARY(sigmoid, tn_sigmoid(ctx, x))
UNARY(tangent, tn_tanh(ctx, x))
UNARY(gelu, tn_gelu(ctx, x))
UNARY(leaky, tn_leaky_relu(ctx, x, 0.5))
UNARY(leaky_0, tn_leaky_relu(ctx, x, 0))
UNARY(softplus, tn_softplus(ctx, x))
UNARY(kept, tn_dropout(ctx, x, 0, true))
UNARY(dropped, tn_dropout(ctx, x, 1, true))
UNARY(plain, tn_contiguous(ctx, x))

typedef struct unary_row {
    const char *name;
    tn_tensor *(*fn)(tn_tensor *x);
    double x, y, dx;
} unary_row;

static void check_unary(const unary_row *r)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *x = leaf(repeated(r->x)), *y = r->fn(x);
    const double operands[] = {r->x, 0};
    check_all(y, r->y, r->name, "y", operands);
    tn_backward_with(ctx, y, repeated(1));
    check_all(tn_grad(x), r->dx, r->name, "dx", operands);
    tn_scope_end(ctx, scope);
}

START_TEST(one_operand)
{
    FOR_EACH_KIND
    {
        double inf = INFINITY, nan = NAN, big = HUGEST, tiny = SMALLEST, den = DENORMAL;
        /* as far down as e^x is a denormal number */
        double low = dtype == TN_F32 ? -100 : -740, e_low = exp(low);
        const unary_row rows[] = {
            {"neg", neg, inf, -inf, -1},
            {"neg", neg, nan, nan, -1},
            {"neg", neg, den, -den, -1},
            {"abs", absolute, -inf, inf, -1},
            {"abs", absolute, -0.0, 0, 0},
            {"abs", absolute, nan, nan, 0},
            {"abs", absolute, -den, den, -1},
            {"square", square, -inf, inf, -inf},
            {"square", square, nan, nan, nan},
            {"square", square, big, inf, inf},
            {"square", square, tiny, 0, 2 * tiny},
            {"sqrt", square_root, inf, inf, 0},
            {"sqrt", square_root, 0, 0, inf},
            {"sqrt", square_root, -1, nan, nan},
            {"sqrt", square_root, nan, nan, nan},
            {"sqrt", square_root, tiny, sqrt(tiny), 0.5 / sqrt(tiny)},
            {"sqrt", square_root, den, sqrt(den), 0.5 / sqrt(den)},
            {"sqrt", square_root, big, sqrt(big), 0.5 / sqrt(big)},
            {"exp", exponential, inf, inf, inf},
            {"exp", exponential, -inf, 0, 0},
            {"exp", exponential, nan, nan, nan},
            {"exp", exponential, low, e_low, e_low},
            {"exp", exponential, big, inf, inf},
            {"exp", exponential, -big, 0, 0},
            {"exp", exponential, den, 1, 1},
            {"log", logarithm, inf, inf, 0},
            {"log", logarithm, 0, -inf, inf},
            {"log", logarithm, -0.0, -inf, -inf},
            {"log", logarithm, -1, nan, -1},
            {"log", logarithm, nan, nan, nan},
            {"log", logarithm, den, log(den), inf},
            {"log", logarithm, tiny, log(tiny), 1 / tiny},
            {"log", logarithm, big, log(big), 1 / big},
            {"add_scalar", add_1, -inf, -inf, 1},
            {"add_scalar", add_1, nan, nan, 1},
            {"add_scalar", add_1, big, big, 1},
            {"add_scalar", add_1, den, 1, 1},
            {"mul_scalar", mul_2, -inf, -inf, 2},
            {"mul_scalar", mul_2, nan, nan, 2},
            {"mul_scalar", mul_2, big, inf, 2},
            {"mul_scalar", mul_2, den, 2 * den, 2},
            {"pow_scalar", pow_0, inf, 1, 0},
            {"pow_scalar", pow_0, nan, 1, 0},
            {"pow_scalar", pow_0, 0, 1, 0},
            {"pow_scalar", pow_1, inf, inf, 1},
            {"pow_scalar", pow_1, nan, nan, 1},
            {"pow_scalar", pow_1, den, den, 1},
            {"pow_scalar", pow_2, -inf, inf, -inf},
            {"pow_scalar", pow_2, 0, 0, 0},
            {"pow_scalar", pow_2, big, inf, inf},
            {"pow_scalar", pow_2, tiny, 0, 2 * tiny},
            {"pow_scalar", pow_half, 0, 0, inf},
            {"pow_scalar", pow_half, inf, inf, 0},
            {"pow_scalar", pow_half, -1, nan, nan},
            {"pow_scalar", pow_minus, inf, 0, 0},
            {"pow_scalar", pow_minus, 0, inf, -inf},
            {"pow_scalar", pow_minus, -0.0, -inf, -inf},
            {"pow_scalar", pow_minus, nan, nan, nan},
            {"pow_scalar", pow_infinite, 0.5, 0, 0},
            {"pow_scalar", pow_infinite, 2, inf, inf},
            {"pow_scalar", pow_infinite, 0, 0, 0},
            {"clamp", clamp, inf, 1, 0},
            {"clamp", clamp, -inf, -1, 0},
            {"clamp", clamp, nan, nan, 0},
            {"clamp", clamp, 1, 1, 1},
            {"clamp", clamp, den, den, 1},
            {"clamp", clamp, -big, -1, 0},
            {"clamp", clamp_open, inf, inf, 1},
            {"clamp", clamp_open, -inf, -inf, 1},
            {"clamp", clamp_open, nan, nan, 0},
            {"relu", relu, inf, inf, 1},
            {"relu", relu, -inf, 0, 0},
            {"relu", relu, -0.0, 0, 0},
            {"relu", relu, nan, nan, 1},
            {"relu", relu, den, den, 1},
            {"relu", relu, -den, 0, 0},
            {"sigmoid", sigmoid, inf, 1, 0},
            {"sigmoid", sigmoid, -inf, 0, 0},
            {"sigmoid", sigmoid, nan, nan, nan},
            {"sigmoid", sigmoid, low, e_low, e_low},
            {"sigmoid", sigmoid, big, 1, 0},
            {"sigmoid", sigmoid, -big, 0, 0},
            {"sigmoid", sigmoid, den, 0.5, 0.25},
            {"tanh", tangent, inf, 1, 0},
            {"tanh", tangent, -inf, -1, 0},
            {"tanh", tangent, nan, nan, nan},
            {"tanh", tangent, den, den, 1},
            {"tanh", tangent, -big, -1, 0},
            {"gelu", gelu, inf, inf, 1},
            {"gelu", gelu, -inf, 0, 0},
            {"gelu", gelu, nan, nan, nan},
            {"gelu", gelu, big, big, 1},
            {"gelu", gelu, -big, 0, 0},
            {"gelu", gelu, den, den / 2, 0.5},
            {"gelu", gelu, -0.0, 0, 0.5},
            {"gelu", gelu, -1000, 0, 0},
            {"gelu", gelu, 1000, 1000, 1},
            {"leaky_relu", leaky, inf, inf, 1},
            {"leaky_relu", leaky, -inf, -inf, 0.5},
            {"leaky_relu", leaky, nan, nan, 0.5},
            {"leaky_relu", leaky, -den, -den / 2, 0.5},
            {"leaky_relu", leaky_0, -inf, nan, 0},
            {"leaky_relu", leaky_0, nan, nan, 0},
            {"softplus", softplus, inf, inf, 1},
            {"softplus", softplus, -inf, 0, 0},
            {"softplus", softplus, nan, nan, nan},
            {"softplus", softplus, low, e_low, e_low},
            {"softplus", softplus, big, big, 1},
            {"softplus", softplus, -big, 0, 0},
            {"softplus", softplus, den, log(2), 0.5},
            {"dropout", kept, inf, inf, 1},
            {"dropout", kept, nan, nan, 1},
            {"dropout", dropped, inf, 0, 0},
            {"dropout", dropped, nan, 0, 0},
            {"contiguous", plain, -inf, -inf, 1},
            {"contiguous", plain, nan, nan, 1},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            check_unary(&rows[i]);
    }
}
END_TEST

/* ---- two operands -----------------------------------------------------------------------------
 */

#define BINARY(id, call)                             \
    static tn_tensor *id(tn_tensor *a, tn_tensor *b) \
    {                                                \
        return call;                                 \
    }

BINARY(add, tn_add(ctx, a, b))
BINARY(sub, tn_sub(ctx, a, b))
BINARY(mul, tn_mul(ctx, a, b))
BINARY(quotient, tn_div(ctx, a, b))
BINARY(where_a, tn_where(ctx, tn_ones(ctx, TN_BOOL, TN_SHAPE(LENGTH)), a, b))
BINARY(squared_error, tn_mse_loss(ctx, a, b, TN_REDUCE_SUM))
BINARY(bce,
       tn_binary_cross_entropy_with_logits(ctx, a, b, (tn_bce_opts){.reduction = TN_REDUCE_NONE}))

typedef struct binary_row {
    const char *name;
    tn_tensor *(*fn)(tn_tensor *a, tn_tensor *b);
    double a, b, y, da, db;
} binary_row;

/* A result without dimensions is a sum of LENGTH terms. */
static void check_binary(const binary_row *r)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *a = leaf(repeated(r->a)), *b = leaf(repeated(r->b)), *y = r->fn(a, b);
    const double operands[] = {r->a, r->b};
    check_all(y, tn_ndim(y) == 0 ? LENGTH * r->y : r->y, r->name, "y", operands);
    tn_backward_with(ctx, y, tn_ndim(y) == 0 ? tn_scalar(ctx, dtype, 1) : repeated(1));
    check_all(tn_grad(a), r->da, r->name, "da", operands);
    check_all(tn_grad(b), r->db, r->name, "db", operands);
    tn_scope_end(ctx, scope);
}

START_TEST(two_operands)
{
    FOR_EACH_KIND
    {
        double inf = INFINITY, nan = NAN, big = HUGEST, tiny = SMALLEST, den = DENORMAL;
        double low = dtype == TN_F32 ? -100 : -740, e_low = exp(low);
        const binary_row rows[] = {
            {"add", add, inf, 1, inf, 1, 1},
            {"add", add, inf, -inf, nan, 1, 1},
            {"add", add, big, big, inf, 1, 1},
            {"add", add, den, den, 2 * den, 1, 1},
            {"sub", sub, inf, inf, nan, 1, -1},
            {"sub", sub, big, -big, inf, 1, -1},
            {"sub", sub, tiny, den, tiny - den, 1, -1},
            {"mul", mul, inf, 0, nan, 0, inf},
            {"mul", mul, big, 2, inf, 2, big},
            {"mul", mul, tiny, tiny, 0, tiny, tiny},
            {"mul", mul, den, 2, 2 * den, 2, den},
            {"mul", mul, nan, 1, nan, 1, nan},
            {"div", quotient, 1, 0, inf, inf, -inf},
            {"div", quotient, 1, -0.0, -inf, -inf, -inf},
            {"div", quotient, 0, 0, nan, inf, nan},
            {"div", quotient, 1, inf, 0, 0, 0},
            {"div", quotient, inf, inf, nan, 0, nan},
            {"div", quotient, big, big, 1, 1 / big, -1 / big},
            {"div", quotient, den, den, 1, inf, -inf},
            {"where", where_a, inf, nan, inf, 1, 0},
            {"where", where_a, nan, inf, nan, 1, 0},
            {"where", where_a, -0.0, inf, 0, 1, 0},
            {"mse_loss", squared_error, inf, 0, inf, inf, -inf},
            {"mse_loss", squared_error, inf, inf, nan, nan, nan},
            {"mse_loss", squared_error, den, 0, 0, 2 * den, -2 * den},
            {"binary_cross_entropy_with_logits", bce, inf, 1, 0, 0, -inf},
            {"binary_cross_entropy_with_logits", bce, -inf, 0, 0, 0, inf},
            {"binary_cross_entropy_with_logits", bce, inf, 0, inf, 1, -inf},
            {"binary_cross_entropy_with_logits", bce, -inf, 1, inf, -1, inf},
            {"binary_cross_entropy_with_logits", bce, nan, 1, nan, nan, nan},
            {"binary_cross_entropy_with_logits", bce, low, 0, e_low, e_low, -low},
            {"binary_cross_entropy_with_logits", bce, -low, 1, e_low, -e_low, low},
            {"binary_cross_entropy_with_logits", bce, big, 1, 0, 0, -big},
            {"binary_cross_entropy_with_logits", bce, -big, 1, big, -1, big},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            check_binary(&rows[i]);
    }
}
END_TEST

/* ---- several elements together -----------------------------------------------------------------
 */

#define CLASS0 (tn_zeros(ctx, TN_I64, TN_SCALAR))

UNARY(sum, tn_sum(ctx, x, (tn_reduce_opts){0}))
UNARY(mean, tn_mean(ctx, x, (tn_reduce_opts){0}))
UNARY(variance, tn_var(ctx, x, (tn_var_opts){0}))
UNARY(largest, tn_max(ctx, x, 0, true, NULL))
UNARY(smallest, tn_min(ctx, x, 0, true, NULL))
UNARY(shared_largest, tn_amax(ctx, x, (tn_reduce_opts){0}))
UNARY(shared_smallest, tn_amin(ctx, x, (tn_reduce_opts){0}))
UNARY(best, tn_topk(ctx, x, 1, 0, true, NULL))
UNARY(softmax, tn_softmax(ctx, x, 0))
UNARY(log_softmax, tn_log_softmax(ctx, x, 0))
UNARY(cross_entropy, tn_cross_entropy(ctx, x, CLASS0, (tn_cross_entropy_opts){0}))
UNARY(nll, tn_nll_loss(ctx, x, CLASS0, (tn_nll_loss_opts){0}))

#define ROW3 (tn_reshape(ctx, x, TN_SHAPE(1, 1, 3)))
#define OF_ROW ((tn_pool2d_opts){.kernel_h = 1, .kernel_w = 3})
#define THREE_ONES(...) (tn_ones(ctx, dtype, TN_SHAPE(__VA_ARGS__)))

UNARY(product, tn_matmul(ctx, x, THREE_ONES(3)))
UNARY(linear, tn_linear(ctx, x, THREE_ONES(1, 3), NULL))
UNARY(convolution, tn_conv2d(ctx, ROW3, THREE_ONES(1, 1, 1, 3), NULL, (tn_conv2d_opts){0}))
UNARY(max_pool, tn_max_pool2d(ctx, ROW3, 3, OF_ROW))
UNARY(avg_pool, tn_avg_pool2d(ctx, ROW3, 3, OF_ROW))
UNARY(adaptive_pool, tn_adaptive_avg_pool2d(ctx, ROW3, 1, 1))

/* y: one number, or three. */
typedef struct group_row {
    const char *name;
    tn_tensor *(*fn)(tn_tensor *x);
    double x[3], y[3], dx[3];
} group_row;

static void check_group(const group_row *r)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *x = tn_full(ctx, dtype, TN_SHAPE(gaps ? 6 : 3), 0.25);
    x = tn_slice(ctx, x, 0, 0, 6, gaps ? 2 : 1);
    for (int64_t i = 0; i < 3; i++)
        tn_fill_(ctx, tn_select(ctx, x, 0, i), r->x[i]);
    x = leaf(tn_detach(ctx, x));
    tn_tensor *y = r->fn(x);
    ck_assert_msg(y != NULL, "%s: %s", r->name, tn_error(ctx));
    for (int64_t i = 0; i < tn_numel(y); i++)
        check_all(
            tn_reshape(ctx, tn_select(ctx, tn_reshape(ctx, y, TN_SHAPE(-1)), 0, i), TN_SCALAR),
            r->y[i], r->name, "y", r->x);
    tn_backward_with(ctx, y, tn_ones(ctx, dtype, tn_ndim(y), tn_shape(y)));
    for (int64_t i = 0; i < 3; i++)
        check_all(tn_select(ctx, tn_grad(x), 0, i), r->dx[i], r->name, "dx", r->x);
    tn_scope_end(ctx, scope);
}

START_TEST(several_elements)
{
    FOR_EACH_KIND
    {
        double inf = INFINITY, nan = NAN, big = HUGEST, den = DENORMAL, third = 1 / 3.0;
        const group_row rows[] = {
            {"sum", sum, {inf, 1, -big}, {inf}, {1, 1, 1}},
            {"sum", sum, {inf, -inf, 1}, {nan}, {1, 1, 1}},
            {"sum", sum, {den, den, den}, {3 * den}, {1, 1, 1}},
            {"mean", mean, {inf, 1, 1}, {inf}, {third, third, third}},
            {"mean", mean, {nan, 1, 1}, {nan}, {third, third, third}},
            {"var", variance, {inf, 1, 1}, {nan}, {nan, -inf, -inf}},
            {"var", variance, {nan, 1, 1}, {nan}, {nan, nan, nan}},
            {"max", largest, {-inf, inf, inf}, {inf}, {0, 1, 0}},
            {"max", largest, {1, nan, inf}, {nan}, {0, 1, 0}},
            {"max", largest, {-inf, -inf, -inf}, {-inf}, {1, 0, 0}},
            {"max", largest, {-den, den, 0}, {den}, {0, 1, 0}},
            {"min", smallest, {-inf, inf, -inf}, {-inf}, {1, 0, 0}},
            {"min", smallest, {1, nan, -inf}, {nan}, {0, 1, 0}},
            {"amax", shared_largest, {-inf, inf, inf}, {inf}, {0, 0.5, 0.5}},
            {"amax", shared_largest, {1, nan, inf}, {nan}, {nan, nan, nan}},
            {"amax", shared_largest, {-den, den, 0}, {den}, {0, 1, 0}},
            {"amin", shared_smallest, {-inf, inf, -inf}, {-inf}, {0.5, 0, 0.5}},
            {"amin", shared_smallest, {-den, den, 0}, {-den}, {1, 0, 0}},
            {"topk", best, {1, nan, inf}, {nan}, {0, 1, 0}},
            {"topk", best, {-inf, -big, -inf}, {-big}, {0, 1, 0}},
            {"softmax", softmax, {0, -inf, 0}, {0.5, 0, 0.5}, {0, 0, 0}},
            {"softmax", softmax, {-inf, -inf, -inf}, {nan, nan, nan}, {nan, nan, nan}},
            {"softmax", softmax, {inf, 0, 0}, {nan, nan, nan}, {nan, nan, nan}},
            {"softmax", softmax, {0, nan, 0}, {nan, nan, nan}, {nan, nan, nan}},
            {"softmax", softmax, {big, -big, 0}, {1, 0, 0}, {0, 0, 0}},
            {"softmax", softmax, {den, den, den}, {third, third, third}, {0, 0, 0}},
            {"log_softmax", log_softmax, {0, -inf, -inf}, {0, -inf, -inf}, {-2, 1, 1}},
            {"log_softmax", log_softmax, {0, nan, 0}, {nan, nan, nan}, {nan, nan, nan}},
            {"log_softmax", log_softmax, {big, 0, 0}, {0, -big, -big}, {-2, 1, 1}},
            {"cross_entropy", cross_entropy, {0, -inf, -inf}, {0}, {0, 0, 0}},
            {"cross_entropy", cross_entropy, {-inf, 0, -inf}, {inf}, {-1, 1, 0}},
            {"cross_entropy", cross_entropy, {inf, 0, 0}, {nan}, {nan, nan, nan}},
            {"cross_entropy", cross_entropy, {-big, 0, -big}, {big}, {-1, 1, 0}},
            {"nll_loss", nll, {-inf, 0, nan}, {inf}, {-1, 0, 0}},
            {"nll_loss", nll, {nan, 0, 0}, {nan}, {-1, 0, 0}},
            {"nll_loss", nll, {-den, 0, 0}, {den}, {-1, 0, 0}},
            {"matmul", product, {inf, 1, -big}, {inf}, {1, 1, 1}},
            {"matmul", product, {inf, -inf, 1}, {nan}, {1, 1, 1}},
            {"matmul", product, {den, den, 0}, {2 * den}, {1, 1, 1}},
            {"linear", linear, {inf, 1, -big}, {inf}, {1, 1, 1}},
            {"linear", linear, {inf, nan, 1}, {nan}, {1, 1, 1}},
            {"conv2d", convolution, {inf, 1, -big}, {inf}, {1, 1, 1}},
            {"conv2d", convolution, {inf, -inf, 1}, {nan}, {1, 1, 1}},
            {"max_pool2d", max_pool, {1, nan, inf}, {nan}, {0, 1, 0}},
            {"max_pool2d", max_pool, {-inf, -inf, -inf}, {-inf}, {1, 0, 0}},
            {"max_pool2d", max_pool, {-inf, -big, -inf}, {-big}, {0, 1, 0}},
            {"avg_pool2d", avg_pool, {inf, 1, 1}, {inf}, {third, third, third}},
            {"avg_pool2d", avg_pool, {inf, -inf, 1}, {nan}, {third, third, third}},
            {"adaptive_avg_pool2d", adaptive_pool, {-inf, 1, 1}, {-inf}, {third, third, third}},
            {"adaptive_avg_pool2d", adaptive_pool, {nan, 1, 1}, {nan}, {third, third, third}},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            check_group(&rows[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("limits");
    TCase *tc = tn_case(suite, "limits");
    tcase_add_test(tc, one_operand);
    tcase_add_test(tc, two_operands);
    tcase_add_test(tc, several_elements);
    return tn_run(suite);
}
