/* The operators at +-infinity, -0, NaN, denormals, the largest and the smallest numbers: values and
 * gradients are the mathematical limits, or PyTorch's where there is none. Each row runs in both
 * types, with contiguous operands and with ones that have gaps, which take other loops; `make
 * check` repeats them for each instruction set. An operator of ops.h without a row fails the
 * test. */
#include "common/check_tn.h"
#include "common/functions.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

RUNS_WITH_EACH_ISA;

/* The kind that the rows run in. */
static tn_dtype dtype;
static bool gaps;
static double epsilon;

/* The largest number of the type, its smallest normal one, and one below that; how far down e^x is
 * a denormal number, and that number. */
static double big, tiny, den, low, e_low;

static void begin_kind(tn_dtype type, bool with_gaps)
{
    bool single = type == TN_F32;
    dtype = type;
    gaps = with_gaps;
    epsilon = single ? (double)FLT_EPSILON : DBL_EPSILON;
    big = single ? (double)FLT_MAX : DBL_MAX;
    tiny = single ? (double)FLT_MIN : DBL_MIN;
    den = tiny / 8;
    low = single ? -100 : -740;
    e_low = exp(low);
}

#define INF ((double)INFINITY)
#define THIRD (1 / 3.0)

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
    return fabs(got - want) <= fmax(8 * epsilon * fabs(want), tiny * epsilon);
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

/* The row of neg is one of tn_neg. */
static void see(const char *name)
{
    char function[64];
    snprintf(function, sizeof function, "tn_%s", name);
    ck_assert_msg(see_function(function, 1), "there is no %s", function);
}

/* Each row of the table `rows`, its result having the gradient dy. */
#define CHECK_ROWS(check, dy)                                 \
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) { \
        check(&rows[i], dy);                                  \
    }

/* ---- one operand ----------------------------------------------------------------------------- */

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
UNARY(pow_infinite, tn_pow_scalar(ctx, x, INF))
UNARY(pow_minus_infinite, tn_pow_scalar(ctx, x, -INF))
UNARY(clamp, tn_clamp(ctx, x, -1, 1))
UNARY(clamp_open, tn_clamp(ctx, x, -INF, INF))
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
UNARY(copied, tn_clone(ctx, x))
UNARY(converted, tn_cast(ctx, x, dtype == TN_F32 ? TN_F64 : TN_F32))
UNARY(truncated, tn_cast(ctx, x, TN_I64))
UNARY(is_true, tn_cast(ctx, x, TN_BOOL))

typedef struct unary_row {
    const char *name;
    tn_tensor *(*fn)(tn_tensor *x);
    double x, y, dx;
} unary_row;

static void check_unary(const unary_row *r, double dy)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *x = leaf(repeated(r->x)), *y = r->fn(x);
    const double operands[] = {r->x, 0};
    see(r->name);
    check_all(y, r->y, r->name, "y", operands);
    if (tn_requires_grad(y)) {
        tn_backward_with(ctx, y, tn_cast(ctx, repeated(dy), tn_dtype_of(y)));
        check_all(tn_grad(x), r->dx, r->name, "dx", operands);
    }
    tn_scope_end(ctx, scope);
}

static void arithmetic_rows(void)
{
    const unary_row rows[] = {
        {"neg", neg, INF, -INF, -1},
        {"neg", neg, NAN, NAN, -1},
        {"neg", neg, den, -den, -1},
        {"abs", absolute, -INF, INF, -1},
        {"abs", absolute, -0.0, 0, 0},
        {"abs", absolute, NAN, NAN, 0},
        {"abs", absolute, -den, den, -1},
        {"square", square, -INF, INF, -INF},
        {"square", square, NAN, NAN, NAN},
        {"square", square, big, INF, INF},
        {"square", square, tiny, 0, 2 * tiny},
        {"sqrt", square_root, INF, INF, 0},
        {"sqrt", square_root, 0, 0, INF},
        {"sqrt", square_root, -1, NAN, NAN},
        {"sqrt", square_root, NAN, NAN, NAN},
        {"sqrt", square_root, tiny, sqrt(tiny), 0.5 / sqrt(tiny)},
        {"sqrt", square_root, den, sqrt(den), 0.5 / sqrt(den)},
        {"sqrt", square_root, big, sqrt(big), 0.5 / sqrt(big)},
        {"add_scalar", add_1, -INF, -INF, 1},
        {"add_scalar", add_1, NAN, NAN, 1},
        {"add_scalar", add_1, big, big, 1},
        {"add_scalar", add_1, den, 1, 1},
        {"mul_scalar", mul_2, -INF, -INF, 2},
        {"mul_scalar", mul_2, NAN, NAN, 2},
        {"mul_scalar", mul_2, big, INF, 2},
        {"mul_scalar", mul_2, den, 2 * den, 2},
    };
    CHECK_ROWS(check_unary, 1)
}

static void exponential_rows(void)
{
    const unary_row rows[] = {
        {"exp", exponential, INF, INF, INF},
        {"exp", exponential, -INF, 0, 0},
        {"exp", exponential, NAN, NAN, NAN},
        {"exp", exponential, low, e_low, e_low},
        {"exp", exponential, big, INF, INF},
        {"exp", exponential, -big, 0, 0},
        {"exp", exponential, den, 1, 1},
        {"log", logarithm, INF, INF, 0},
        {"log", logarithm, 0, -INF, INF},
        {"log", logarithm, -0.0, -INF, -INF},
        {"log", logarithm, -1, NAN, -1},
        {"log", logarithm, NAN, NAN, NAN},
        {"log", logarithm, den, log(den), INF},
        {"log", logarithm, tiny, log(tiny), 1 / tiny},
        {"log", logarithm, big, log(big), 1 / big},
    };
    CHECK_ROWS(check_unary, 1)
}

static void power_rows(void)
{
    const unary_row rows[] = {
        {"pow_scalar", pow_0, INF, 1, 0},
        {"pow_scalar", pow_0, NAN, 1, 0},
        {"pow_scalar", pow_0, 0, 1, 0},
        {"pow_scalar", pow_1, INF, INF, 1},
        {"pow_scalar", pow_1, NAN, NAN, 1},
        {"pow_scalar", pow_1, den, den, 1},
        {"pow_scalar", pow_2, -INF, INF, -INF},
        {"pow_scalar", pow_2, 0, 0, 0},
        {"pow_scalar", pow_2, big, INF, INF},
        {"pow_scalar", pow_2, tiny, 0, 2 * tiny},
        {"pow_scalar", pow_half, 0, 0, INF},
        {"pow_scalar", pow_half, INF, INF, 0},
        {"pow_scalar", pow_half, -1, NAN, NAN},
        {"pow_scalar", pow_minus, INF, 0, 0},
        {"pow_scalar", pow_minus, 0, INF, -INF},
        {"pow_scalar", pow_minus, -0.0, -INF, -INF},
        {"pow_scalar", pow_minus, NAN, NAN, NAN},
        {"pow_scalar", pow_infinite, 0.5, 0, 0},
        {"pow_scalar", pow_infinite, 2, INF, INF},
        {"pow_scalar", pow_infinite, 0, 0, 0},
        {"pow_scalar", pow_infinite, NAN, NAN, NAN},
        {"pow_scalar", pow_minus_infinite, 2, 0, 0},
        {"pow_scalar", pow_minus_infinite, -2, 0, 0},
        {"pow_scalar", pow_minus_infinite, INF, 0, 0},
        {"pow_scalar", pow_minus_infinite, 0.5, INF, -INF},
        {"pow_scalar", pow_minus_infinite, NAN, NAN, NAN},
    };
    CHECK_ROWS(check_unary, 1)
}

static void activation_rows(void)
{
    const unary_row rows[] = {
        {"clamp", clamp, INF, 1, 0},
        {"clamp", clamp, -INF, -1, 0},
        {"clamp", clamp, NAN, NAN, 0},
        {"clamp", clamp, 1, 1, 1},
        {"clamp", clamp, den, den, 1},
        {"clamp", clamp, -big, -1, 0},
        {"clamp", clamp_open, INF, INF, 1},
        {"clamp", clamp_open, -INF, -INF, 1},
        {"clamp", clamp_open, NAN, NAN, 0},
        {"relu", relu, INF, INF, 1},
        {"relu", relu, -INF, 0, 0},
        {"relu", relu, -0.0, 0, 0},
        {"relu", relu, NAN, NAN, 1},
        {"relu", relu, den, den, 1},
        {"relu", relu, -den, 0, 0},
        {"leaky_relu", leaky, INF, INF, 1},
        {"leaky_relu", leaky, -INF, -INF, 0.5},
        {"leaky_relu", leaky, NAN, NAN, 0.5},
        {"leaky_relu", leaky, -den, -den / 2, 0.5},
        {"leaky_relu", leaky_0, -INF, NAN, 0},
        {"leaky_relu", leaky_0, NAN, NAN, 0},
        {"dropout", kept, INF, INF, 1},
        {"dropout", kept, NAN, NAN, 1},
        {"dropout", dropped, INF, 0, 0},
        {"dropout", dropped, NAN, 0, 0},
    };
    CHECK_ROWS(check_unary, 1)
}

static void sigmoid_rows(void)
{
    const unary_row rows[] = {
        {"sigmoid", sigmoid, INF, 1, 0},
        {"sigmoid", sigmoid, -INF, 0, 0},
        {"sigmoid", sigmoid, NAN, NAN, NAN},
        {"sigmoid", sigmoid, low, e_low, e_low},
        {"sigmoid", sigmoid, big, 1, 0},
        {"sigmoid", sigmoid, -big, 0, 0},
        {"sigmoid", sigmoid, den, 0.5, 0.25},
        {"tanh", tangent, INF, 1, 0},
        {"tanh", tangent, -INF, -1, 0},
        {"tanh", tangent, NAN, NAN, NAN},
        {"tanh", tangent, den, den, 1},
        {"tanh", tangent, -big, -1, 0},
        {"gelu", gelu, INF, INF, 1},
        {"gelu", gelu, -INF, 0, 0},
        {"gelu", gelu, NAN, NAN, NAN},
        {"gelu", gelu, big, big, 1},
        {"gelu", gelu, -big, 0, 0},
        {"gelu", gelu, den, den / 2, 0.5},
        {"gelu", gelu, -0.0, 0, 0.5},
        {"gelu", gelu, -1000, 0, 0},
        {"gelu", gelu, 1000, 1000, 1},
        {"softplus", softplus, INF, INF, 1},
        {"softplus", softplus, -INF, 0, 0},
        {"softplus", softplus, NAN, NAN, NAN},
        {"softplus", softplus, low, e_low, e_low},
        {"softplus", softplus, big, big, 1},
        {"softplus", softplus, -big, 0, 0},
        {"softplus", softplus, den, log(2), 0.5},
    };
    CHECK_ROWS(check_unary, 1)
}

static void copy_rows(void)
{
    double most = dtype == TN_F64 ? INF : big, least = dtype == TN_F64 ? 0 : den;
    const unary_row rows[] = {
        {"contiguous", plain, -INF, -INF, 1},
        {"contiguous", plain, NAN, NAN, 1},
        {"clone", copied, INF, INF, 1},
        {"clone", copied, NAN, NAN, 1},
        {"clone", copied, -den, -den, 1},
        {"cast", converted, INF, INF, 1},
        {"cast", converted, NAN, NAN, 1},
        {"cast", converted, big, most, 1},
        {"cast", converted, den, least, 1},
        {"cast", truncated, INF, (double)INT64_MAX, 0},
        {"cast", truncated, -big, (double)INT64_MIN, 0},
        {"cast", truncated, NAN, 0, 0},
        {"cast", truncated, den, 0, 0},
        {"cast", is_true, NAN, 1, 0},
        {"cast", is_true, den, 1, 0},
        {"cast", is_true, -0.0, 0, 0},
    };
    CHECK_ROWS(check_unary, 1)
}

/* What is constant passes no gradient on, however large. */
static void infinite_gradients(void)
{
    const unary_row rows[] = {
        {"neg", neg, 1, -1, -INF},         {"clamp", clamp, 2, 1, 0},
        {"clamp", clamp, 0.5, 0.5, INF},   {"relu", relu, -1, 0, 0},
        {"relu", relu, 1, 1, INF},         {"leaky_relu", leaky, -1, -0.5, INF},
        {"dropout", dropped, 1, 0, 0},     {"pow_scalar", pow_0, 2, 1, 0},
        {"sigmoid", sigmoid, 0, 0.5, INF}, {"cast", converted, 1, 1, INF},
    };
    CHECK_ROWS(check_unary, INF)
}

/* ---- two operands ---------------------------------------------------------------------------- */

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
BINARY(squared_error, tn_mse_loss(ctx, a, b, (tn_mse_loss_opts){.reduction = TN_REDUCE_SUM}))
BINARY(bce,
       tn_binary_cross_entropy_with_logits(ctx, a, b, (tn_bce_opts){.reduction = TN_REDUCE_NONE}))

typedef struct binary_row {
    const char *name;
    tn_tensor *(*fn)(tn_tensor *a, tn_tensor *b);
    double a, b, y, da, db;
} binary_row;

/* A result without dimensions is a sum of LENGTH terms. */
static void check_binary(const binary_row *r, double dy)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *a = leaf(repeated(r->a)), *b = leaf(repeated(r->b)), *y = r->fn(a, b);
    const double operands[] = {r->a, r->b};
    see(r->name);
    check_all(y, tn_ndim(y) == 0 ? LENGTH * r->y : r->y, r->name, "y", operands);
    tn_backward_with(ctx, y, tn_ndim(y) == 0 ? tn_scalar(ctx, dtype, dy) : repeated(dy));
    check_all(tn_grad(a), r->da, r->name, "da", operands);
    check_all(tn_grad(b), r->db, r->name, "db", operands);
    tn_scope_end(ctx, scope);
}

static void binary_rows(void)
{
    const binary_row rows[] = {
        {"add", add, INF, 1, INF, 1, 1},
        {"add", add, INF, -INF, NAN, 1, 1},
        {"add", add, big, big, INF, 1, 1},
        {"add", add, den, den, 2 * den, 1, 1},
        {"sub", sub, INF, INF, NAN, 1, -1},
        {"sub", sub, big, -big, INF, 1, -1},
        {"sub", sub, tiny, den, tiny - den, 1, -1},
        {"mul", mul, INF, 0, NAN, 0, INF},
        {"mul", mul, big, 2, INF, 2, big},
        {"mul", mul, tiny, tiny, 0, tiny, tiny},
        {"mul", mul, den, 2, 2 * den, 2, den},
        {"mul", mul, NAN, 1, NAN, 1, NAN},
        {"div", quotient, 1, 0, INF, INF, -INF},
        {"div", quotient, 1, -0.0, -INF, -INF, -INF},
        {"div", quotient, 0, 0, NAN, INF, NAN},
        {"div", quotient, 1, INF, 0, 0, 0},
        {"div", quotient, INF, INF, NAN, 0, NAN},
        {"div", quotient, big, big, 1, 1 / big, -1 / big},
        {"div", quotient, den, den, 1, INF, -INF},
        {"where", where_a, INF, NAN, INF, 1, 0},
        {"where", where_a, NAN, INF, NAN, 1, 0},
        {"where", where_a, -0.0, INF, 0, 1, 0},
    };
    CHECK_ROWS(check_binary, 1)
}

static void loss_rows(void)
{
    const binary_row rows[] = {
        {"mse_loss", squared_error, INF, 0, INF, INF, -INF},
        {"mse_loss", squared_error, INF, INF, NAN, NAN, NAN},
        {"mse_loss", squared_error, den, 0, 0, 2 * den, -2 * den},
        {"binary_cross_entropy_with_logits", bce, INF, 1, 0, 0, -INF},
        {"binary_cross_entropy_with_logits", bce, -INF, 0, 0, 0, INF},
        {"binary_cross_entropy_with_logits", bce, INF, 0, INF, 1, -INF},
        {"binary_cross_entropy_with_logits", bce, -INF, 1, INF, -1, INF},
        {"binary_cross_entropy_with_logits", bce, NAN, 1, NAN, NAN, NAN},
        {"binary_cross_entropy_with_logits", bce, low, 0, e_low, e_low, -low},
        {"binary_cross_entropy_with_logits", bce, -low, 1, e_low, -e_low, low},
        {"binary_cross_entropy_with_logits", bce, big, 1, 0, 0, -big},
        {"binary_cross_entropy_with_logits", bce, -big, 1, big, -1, big},
    };
    CHECK_ROWS(check_binary, 1)
}

static void infinite_gradients_of_two(void)
{
    const binary_row rows[] = {
        {"add", add, 1, 2, 3, INF, INF},
        {"sub", sub, 1, 2, -1, INF, -INF},
        {"where", where_a, 1, 2, 1, INF, 0},
    };
    CHECK_ROWS(check_binary, INF)
}

/* ---- comparisons ----------------------------------------------------------------------------- */

typedef tn_tensor *(*comparison)(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b);

/* eq, ne, lt, le, gt, ge: y[i] as a digit of 0 and 1. */
typedef struct comparison_row {
    double a, b;
    const char *y;
} comparison_row;

static void check_comparisons(const comparison_row *r, double dy)
{
    static const comparison fns[] = {tn_eq, tn_ne, tn_lt, tn_le, tn_gt, tn_ge};
    static const char *const names[] = {"eq", "ne", "lt", "le", "gt", "ge"};
    const double operands[] = {r->a, r->b};
    (void)dy;
    for (int i = 0; i < 6; i++) {
        tn_scope scope = tn_scope_begin(ctx);
        see(names[i]);
        check_all(fns[i](ctx, repeated(r->a), repeated(r->b)), r->y[i] - '0', names[i], "y",
                  operands);
        tn_scope_end(ctx, scope);
    }
}

static void comparison_rows(void)
{
    const comparison_row rows[] = {
        {NAN, NAN, "010000"},   {NAN, 1, "010000"},   {-INF, NAN, "010000"},  {0, -0.0, "100101"},
        {-0.0, 0, "100101"},    {INF, INF, "100101"}, {-INF, INF, "011100"},  {INF, big, "010011"},
        {-INF, -big, "011100"}, {den, 0, "010011"},   {-den, -0.0, "011100"}, {den, tiny, "011100"},
        {big, -big, "010011"},
    };
    CHECK_ROWS(check_comparisons, 0)
}

/* Of whole numbers: no way through floats, which would take these for equal. */
static void count_rows(void)
{
    const int64_t a[] = {INT64_MAX, INT64_MIN, 0}, b[] = {INT64_MAX - 1, INT64_MIN, 0};
    see("count_equal");
    ck_assert_int_eq(tn_count_equal(ctx, tn_from_data(ctx, TN_I64, TN_SHAPE(3), a),
                                    tn_from_data(ctx, TN_I64, TN_SHAPE(3), b)),
                     2);
}

/* ---- several elements together --------------------------------------------------------------- */

#define CLASS0 (tn_zeros(ctx, TN_I64, TN_SCALAR))

UNARY(sum, tn_sum(ctx, x, (tn_reduce_opts){0}))
UNARY(mean, tn_mean(ctx, x, (tn_reduce_opts){0}))
UNARY(variance, tn_var(ctx, x, (tn_var_opts){0}))
UNARY(largest, tn_max(ctx, x, 0, true, NULL))
UNARY(smallest, tn_min(ctx, x, 0, true, NULL))
UNARY(shared_largest, tn_amax(ctx, x, (tn_reduce_opts){0}))
UNARY(shared_smallest, tn_amin(ctx, x, (tn_reduce_opts){0}))
UNARY(best, tn_topk(ctx, x, 1, 0, true, NULL))
UNARY(at_largest, tn_argmax(ctx, x, 0))
UNARY(at_smallest, tn_argmin(ctx, x, 0))
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

#define CHANNEL (tn_reshape(ctx, x, TN_SHAPE(3, 1)))
#define ONE (tn_ones(ctx, dtype, TN_SHAPE(1)))
#define ZERO (tn_zeros(ctx, dtype, TN_SHAPE(1)))
#define OF_BATCH ((tn_batch_norm_opts){.training = true})
#define WITHOUT_EPS ((tn_batch_norm_opts){.eps = TN_ZERO})

UNARY(normalised, tn_batch_norm(ctx, CHANNEL, NULL, NULL, NULL, NULL, OF_BATCH))
UNARY(normalised_by_1, tn_batch_norm(ctx, CHANNEL, ZERO, ONE, NULL, NULL, WITHOUT_EPS))
UNARY(normalised_by_0, tn_batch_norm(ctx, CHANNEL, ZERO, ZERO, NULL, NULL, WITHOUT_EPS))

#define PART(i) (tn_select(ctx, x, 0, i))
#define INDICES(...) tn_from_data(ctx, TN_I64, TN_SHAPE(3), (const int64_t[]){__VA_ARGS__})

UNARY(reshaped, tn_reshape(ctx, x, TN_SHAPE(3, 1)))
UNARY(flattened, tn_flatten(ctx, tn_reshape(ctx, x, TN_SHAPE(3, 1)), 0, 1))
UNARY(permuted, tn_permute(ctx, tn_reshape(ctx, x, TN_SHAPE(1, 3)), (int[]){1, 0}))
UNARY(transposed, tn_transpose(ctx, tn_reshape(ctx, x, TN_SHAPE(1, 3)), 0, 1))
UNARY(sliced, tn_slice(ctx, x, 0, 0, 3, 2))
UNARY(narrowed, tn_narrow(ctx, x, 0, 1, 2))
UNARY(selected, tn_select(ctx, x, 0, 1))
UNARY(squeezed, tn_squeeze(ctx, tn_reshape(ctx, x, TN_SHAPE(1, 3)), 0))
UNARY(unsqueezed, tn_unsqueeze(ctx, x, 0))
UNARY(expanded, tn_expand(ctx, tn_select(ctx, x, 0, 0), TN_SHAPE(3)))
UNARY(joined, tn_cat(ctx, TN_TENSORS(tn_narrow(ctx, x, 0, 1, 2), tn_narrow(ctx, x, 0, 0, 1)), 0))
UNARY(stacked, tn_stack(ctx, TN_TENSORS(PART(2), PART(1), PART(0)), 0))
UNARY(indexed, tn_index_select(ctx, x, 0, INDICES(2, 2, 0)))
UNARY(gathered, tn_gather(ctx, x, 0, INDICES(1, 0, 1)))
UNARY(padded, tn_pad(ctx, x, TN_SHAPE(1, -1), -INF))

/* y: one number, or as many as there are. */
typedef struct group_row {
    const char *name;
    tn_tensor *(*fn)(tn_tensor *x);
    double x[3], y[3], dx[3];
} group_row;

/* x[0], x[1]... with gaps between them, or without. */
static tn_tensor *three(const double *values)
{
    tn_tensor *x = tn_full(ctx, dtype, TN_SHAPE(gaps ? 6 : 3), 0.25);
    x = tn_slice(ctx, x, 0, 0, 6, gaps ? 2 : 1);
    for (int64_t i = 0; i < 3; i++)
        tn_fill_(ctx, tn_select(ctx, x, 0, i), values[i]);
    return leaf(tn_detach(ctx, x));
}

static tn_tensor *element(const tn_tensor *t, int64_t i)
{
    return tn_select(ctx, tn_reshape(ctx, t, TN_SHAPE(-1)), 0, i);
}

static void check_group(const group_row *r, double dy)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *x = three(r->x), *y = r->fn(x);
    see(r->name);
    ck_assert_msg(y != NULL, "%s: %s", r->name, tn_error(ctx));
    for (int64_t i = 0; i < tn_numel(y); i++)
        check_all(element(y, i), r->y[i], r->name, "y", r->x);
    if (tn_requires_grad(y)) {
        tn_backward_with(ctx, y, tn_full(ctx, dtype, tn_ndim(y), tn_shape(y), dy));
        for (int64_t i = 0; i < 3; i++)
            check_all(element(tn_grad(x), i), r->dx[i], r->name, "dx", r->x);
    }
    tn_scope_end(ctx, scope);
}

static void reduction_rows(void)
{
    const group_row rows[] = {
        {"sum", sum, {INF, 1, -big}, {INF}, {1, 1, 1}},
        {"sum", sum, {INF, -INF, 1}, {NAN}, {1, 1, 1}},
        {"sum", sum, {den, den, den}, {3 * den}, {1, 1, 1}},
        {"mean", mean, {INF, 1, 1}, {INF}, {THIRD, THIRD, THIRD}},
        {"mean", mean, {NAN, 1, 1}, {NAN}, {THIRD, THIRD, THIRD}},
        {"var", variance, {INF, 1, 1}, {NAN}, {NAN, -INF, -INF}},
        {"var", variance, {NAN, 1, 1}, {NAN}, {NAN, NAN, NAN}},
    };
    CHECK_ROWS(check_group, 1)
}

static void extreme_rows(void)
{
    const group_row rows[] = {
        {"max", largest, {-INF, INF, INF}, {INF}, {0, 1, 0}},
        {"max", largest, {1, NAN, INF}, {NAN}, {0, 1, 0}},
        {"max", largest, {-INF, -INF, -INF}, {-INF}, {1, 0, 0}},
        {"max", largest, {-den, den, 0}, {den}, {0, 1, 0}},
        {"min", smallest, {-INF, INF, -INF}, {-INF}, {1, 0, 0}},
        {"min", smallest, {1, NAN, -INF}, {NAN}, {0, 1, 0}},
        {"amax", shared_largest, {-INF, INF, INF}, {INF}, {0, 0.5, 0.5}},
        {"amax", shared_largest, {1, NAN, INF}, {NAN}, {NAN, NAN, NAN}},
        {"amax", shared_largest, {-den, den, 0}, {den}, {0, 1, 0}},
        {"amin", shared_smallest, {-INF, INF, -INF}, {-INF}, {0.5, 0, 0.5}},
        {"amin", shared_smallest, {1, NAN, -INF}, {NAN}, {NAN, NAN, NAN}},
        {"amin", shared_smallest, {-den, den, 0}, {-den}, {1, 0, 0}},
        {"argmax", at_largest, {1, NAN, INF}, {1}, {0}},
        {"argmax", at_largest, {-INF, INF, INF}, {1}, {0}},
        {"argmax", at_largest, {-0.0, 0, -den}, {0}, {0}},
        {"argmin", at_smallest, {-INF, NAN, NAN}, {1}, {0}},
        {"argmin", at_smallest, {big, INF, -INF}, {2}, {0}},
        {"argmin", at_smallest, {0, -0.0, den}, {0}, {0}},
        {"topk", best, {1, NAN, INF}, {NAN}, {0, 1, 0}},
        {"topk", best, {-INF, -big, -INF}, {-big}, {0, 1, 0}},
    };
    CHECK_ROWS(check_group, 1)
}

static void softmax_rows(void)
{
    const group_row rows[] = {
        {"softmax", softmax, {0, -INF, 0}, {0.5, 0, 0.5}, {0, 0, 0}},
        {"softmax", softmax, {-INF, -INF, -INF}, {NAN, NAN, NAN}, {NAN, NAN, NAN}},
        {"softmax", softmax, {INF, 0, 0}, {NAN, NAN, NAN}, {NAN, NAN, NAN}},
        {"softmax", softmax, {0, NAN, 0}, {NAN, NAN, NAN}, {NAN, NAN, NAN}},
        {"softmax", softmax, {big, -big, 0}, {1, 0, 0}, {0, 0, 0}},
        {"softmax", softmax, {den, den, den}, {THIRD, THIRD, THIRD}, {0, 0, 0}},
        {"log_softmax", log_softmax, {0, -INF, -INF}, {0, -INF, -INF}, {-2, 1, 1}},
        {"log_softmax", log_softmax, {0, NAN, 0}, {NAN, NAN, NAN}, {NAN, NAN, NAN}},
        {"log_softmax", log_softmax, {big, 0, 0}, {0, -big, -big}, {-2, 1, 1}},
    };
    CHECK_ROWS(check_group, 1)
}

static void class_rows(void)
{
    const group_row rows[] = {
        {"cross_entropy", cross_entropy, {0, -INF, -INF}, {0}, {0, 0, 0}},
        {"cross_entropy", cross_entropy, {-INF, 0, -INF}, {INF}, {-1, 1, 0}},
        {"cross_entropy", cross_entropy, {INF, 0, 0}, {NAN}, {NAN, NAN, NAN}},
        {"cross_entropy", cross_entropy, {-big, 0, -big}, {big}, {-1, 1, 0}},
        {"nll_loss", nll, {-INF, 0, NAN}, {INF}, {-1, 0, 0}},
        {"nll_loss", nll, {NAN, 0, 0}, {NAN}, {-1, 0, 0}},
        {"nll_loss", nll, {-den, 0, 0}, {den}, {-1, 0, 0}},
    };
    CHECK_ROWS(check_group, 1)
}

static void product_rows(void)
{
    const group_row rows[] = {
        {"matmul", product, {INF, 1, -big}, {INF}, {1, 1, 1}},
        {"matmul", product, {INF, -INF, 1}, {NAN}, {1, 1, 1}},
        {"matmul", product, {den, den, 0}, {2 * den}, {1, 1, 1}},
        {"linear", linear, {INF, 1, -big}, {INF}, {1, 1, 1}},
        {"linear", linear, {INF, NAN, 1}, {NAN}, {1, 1, 1}},
        {"conv2d", convolution, {INF, 1, -big}, {INF}, {1, 1, 1}},
        {"conv2d", convolution, {INF, -INF, 1}, {NAN}, {1, 1, 1}},
    };
    CHECK_ROWS(check_group, 1)
}

static void pooling_rows(void)
{
    const group_row rows[] = {
        {"max_pool2d", max_pool, {1, NAN, INF}, {NAN}, {0, 1, 0}},
        {"max_pool2d", max_pool, {-INF, -INF, -INF}, {-INF}, {1, 0, 0}},
        {"max_pool2d", max_pool, {-INF, -big, -INF}, {-big}, {0, 1, 0}},
        {"avg_pool2d", avg_pool, {INF, 1, 1}, {INF}, {THIRD, THIRD, THIRD}},
        {"avg_pool2d", avg_pool, {INF, -INF, 1}, {NAN}, {THIRD, THIRD, THIRD}},
        {"adaptive_avg_pool2d", adaptive_pool, {-INF, 1, 1}, {-INF}, {THIRD, THIRD, THIRD}},
        {"adaptive_avg_pool2d", adaptive_pool, {NAN, 1, 1}, {NAN}, {THIRD, THIRD, THIRD}},
    };
    CHECK_ROWS(check_group, 1)
}

static void batch_norm_rows(void)
{
    const group_row rows[] = {
        {"batch_norm", normalised, {INF, 1, 1}, {NAN, NAN, NAN}, {NAN, NAN, NAN}},
        {"batch_norm", normalised, {NAN, 1, 1}, {NAN, NAN, NAN}, {NAN, NAN, NAN}},
        {"batch_norm", normalised, {den, den, den}, {0, 0, 0}, {0, 0, 0}},
        {"batch_norm", normalised_by_1, {INF, NAN, -big}, {INF, NAN, -big}, {1, 1, 1}},
        {"batch_norm", normalised_by_1, {den, -den, tiny}, {den, -den, tiny}, {1, 1, 1}},
        {"batch_norm", normalised_by_0, {1, -1, 0}, {NAN, NAN, NAN}, {INF, INF, INF}},
    };
    CHECK_ROWS(check_group, 1)
}

/* Elements go where they belong, whatever they are. */
static void shape_rows(void)
{
    const group_row rows[] = {
        {"reshape", reshaped, {INF, NAN, -den}, {INF, NAN, -den}, {1, 1, 1}},
        {"flatten", flattened, {INF, NAN, -den}, {INF, NAN, -den}, {1, 1, 1}},
        {"permute", permuted, {-big, NAN, den}, {-big, NAN, den}, {1, 1, 1}},
        {"transpose", transposed, {-big, NAN, den}, {-big, NAN, den}, {1, 1, 1}},
        {"slice", sliced, {INF, NAN, den}, {INF, den}, {1, 0, 1}},
        {"narrow", narrowed, {INF, NAN, den}, {NAN, den}, {0, 1, 1}},
        {"select", selected, {INF, NAN, den}, {NAN}, {0, 1, 0}},
        {"squeeze", squeezed, {-INF, NAN, den}, {-INF, NAN, den}, {1, 1, 1}},
        {"unsqueeze", unsqueezed, {-INF, NAN, den}, {-INF, NAN, den}, {1, 1, 1}},
        {"expand", expanded, {INF, NAN, 1}, {INF, INF, INF}, {3, 0, 0}},
        {"cat", joined, {INF, NAN, big}, {NAN, big, INF}, {1, 1, 1}},
        {"stack", stacked, {INF, NAN, big}, {big, NAN, INF}, {1, 1, 1}},
        {"index_select", indexed, {INF, NAN, -den}, {-den, -den, INF}, {1, 0, 2}},
        {"gather", gathered, {INF, NAN, -den}, {NAN, INF, NAN}, {1, 2, 0}},
        {"pad", padded, {INF, NAN, -den}, {-INF, INF, NAN}, {1, 1, 0}},
    };
    CHECK_ROWS(check_group, 1)
}

static void infinite_gradients_of_groups(void)
{
    const group_row rows[] = {
        {"max", largest, {1, 2, 2}, {2}, {0, INF, 0}},
        {"min", smallest, {1, 1, 2}, {1}, {INF, 0, 0}},
        {"amax", shared_largest, {1, 2, 2}, {2}, {0, INF, INF}},
        {"amax", shared_largest, {1, NAN, 2}, {NAN}, {NAN, NAN, NAN}},
        {"amax", shared_largest, {-INF, 1, INF}, {INF}, {0, 0, INF}},
        {"amin", shared_smallest, {1, 1, 2}, {1}, {INF, INF, 0}},
        {"amin", shared_smallest, {-INF, -INF, 2}, {-INF}, {INF, INF, 0}},
        {"topk", best, {1, 3, 2}, {3}, {0, INF, 0}},
        {"sum", sum, {1, 2, 3}, {6}, {INF, INF, INF}},
        {"max_pool2d", max_pool, {1, 3, 2}, {3}, {0, INF, 0}},
        {"nll_loss", nll, {-1, 2, 3}, {1}, {-INF, 0, 0}},
        {"select", selected, {1, 2, 3}, {2}, {0, INF, 0}},
        {"slice", sliced, {1, 2, 3}, {1, 3}, {INF, 0, INF}},
        {"index_select", indexed, {1, 2, 3}, {3, 3, 1}, {INF, 0, INF}},
        {"gather", gathered, {1, 2, 3}, {2, 1, 2}, {INF, INF, 0}},
        {"pad", padded, {1, 2, 3}, {-INF, 1, 2}, {INF, INF, 0}},
        {"cat", joined, {1, 2, 3}, {2, 3, 1}, {INF, INF, INF}},
    };
    CHECK_ROWS(check_group, INF)
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void all_rows(void)
{
    arithmetic_rows();
    exponential_rows();
    power_rows();
    activation_rows();
    sigmoid_rows();
    copy_rows();
    infinite_gradients();
    binary_rows();
    loss_rows();
    infinite_gradients_of_two();
    comparison_rows();
    count_rows();
    reduction_rows();
    extreme_rows();
    softmax_rows();
    class_rows();
    product_rows();
    pooling_rows();
    batch_norm_rows();
    shape_rows();
    infinite_gradients_of_groups();
}

START_TEST(every_operator)
{
    list_functions("ops.h", "tn_");
    for (int kind = 0; kind < 4; kind++) {
        begin_kind(kind / 2 ? TN_F64 : TN_F32, kind % 2);
        all_rows();
    }
    ck_assert_int_eq(unseen_functions(1, ""), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("limits");
    TCase *tc = tn_case(suite, "limits");
    tcase_add_test(tc, every_operator);
    return tn_run(suite);
}
