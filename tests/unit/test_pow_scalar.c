/* pow_scalar(x, p) = x^p. */
#include <float.h>
#include "common/ops.h"

OP(pow_scalar_of, tn_pow_scalar(ctx, in[0], 2.5))

OP(cube_of, tn_pow_scalar(ctx, in[0], 3))
OP(inverse_of, tn_pow_scalar(ctx, in[0], -1))

static const op_case cases[] = {UNARY_CASES("pow_scalar", pow_scalar_of, true),
                                {"pow_scalar 3", cube_of, "[3,4]", false},
                                {"pow_scalar -1", inverse_of, "[3,4]", false}};

static double y(const double *x)
{
    return pow(x[0], 2.5);
}

static double dx(const double *x, int i)
{
    (void)i;
    return 2.5 * pow(x[0], 1.5);
}

static const elementwise op = {"pow_scalar", pow_scalar_of, 1, y, dx, true};

START_TEST(test_values)
{
    check_elementwise(&op);
}
END_TEST

static void check_power(double p, double x, double want, double slope)
{
    tn_tensor *t = LEAF(x), *y = tn_pow_scalar(ctx, t, p);
    ck_tn_close(y, 1e-15, want);
    tn_backward(ctx, y);
    ck_tn_close(tn_grad(t), 1e-15, slope);
}

/* As PyTorch: the gradient of x^0 is 0 everywhere. */
START_TEST(test_powers)
{
    check_power(0, 3, 1, 0);
    check_power(0, 0, 1, 0);
    check_power(0, NAN, 1, 0);
    check_power(1, 0, 0, 1);
    check_power(1, -2, -2, 1);
    check_power(2, -3, 9, -6);
    check_power(3, -2, -8, 12);
    check_power(-1, -2, -0.5, -0.25);
    check_power(-1, 0, INFINITY, -INFINITY);
    check_power(0.5, 4, 2, 0.25);
    check_power(0.5, 0, 0, INFINITY);
    check_power(0.5, -1, NAN, NAN);
    check_power(2, INFINITY, INFINITY, INFINITY);
}
END_TEST

/* How many units of the last place two numbers are apart; infinitely many, if only one of them is
 * a number, or signs differ. */
static double ulps(double got, double want, tn_dtype dtype)
{
    if (isnan(want) || isinf(want) || got == want)
        return (isnan(got) && isnan(want)) || (got == want && !signbit(got) == !signbit(want))
                   ? 0
                   : INFINITY;
    int digits = dtype == TN_F32 ? FLT_MANT_DIG : DBL_MANT_DIG;
    int least = dtype == TN_F32 ? FLT_MIN_EXP : DBL_MIN_EXP;
    int exponent = want == 0 || ilogb(want) < least ? least : ilogb(want) + 1;
    return fabs(got - want) / ldexp(1, exponent - digits);
}

/* Numbers of every size and both signs, and those at the ends. */
static array numbers_of(tn_dtype dtype)
{
    static const double ends[] = {0, -0.0, INFINITY, -INFINITY, NAN, 1, -1, -2, -0.7, 4, -3e30};
    int low = dtype == TN_F32 ? -149 : -1074, high = dtype == TN_F32 ? 127 : 1023;
    array x = array_zeros("[4000]");
    for (int i = 0; i < 4000; i++) {
        double size = ldexp(1 + (double)(random_bits() >> 11) / 0x1p53, low + i % (high - low + 1));
        x.data[i] = i < (int)(sizeof ends / sizeof *ends) ? ends[i] : i % 2 ? size : -size;
        x.data[i] = dtype == TN_F32 ? (float)x.data[i] : x.data[i];
    }
    return x;
}

/* The powers that need no logarithm. The gradient is rounded twice more. */
static void check_beside_pow(double p, tn_dtype dtype)
{
    array x = numbers_of(dtype);
    tn_tensor *leaf = leaf_of(&x, dtype, PLAIN), *power = tn_pow_scalar(ctx, leaf, p);
    tn_backward(ctx, tn_sum(ctx, power, (tn_reduce_opts){0}));
    array y = array_of(power), dx = array_of(tn_grad(leaf));
    for (int64_t i = 0; i < x.numel; i++) {
        double want = pow(x.data[i], p), slope = p * pow(x.data[i], p - 1);
        bool narrow = dtype == TN_F32;
        ck_assert_double_le(ulps(y.data[i], narrow ? (float)want : want, dtype), 2);
        ck_assert_double_le(ulps(dx.data[i], narrow ? (float)slope : slope, dtype), 3);
    }
}

START_TEST(test_beside_pow)
{
    static const double powers[] = {-1, 0.5, 1.5, 2, 3};
    for (int i = 0; i < 5; i++) {
        check_beside_pow(powers[i], TN_F32);
        check_beside_pow(powers[i], TN_F64);
    }
}
END_TEST

/* Exponents that a float does not hold are not rounded to one: their parity, and their last digits
 * beside large logarithms. */
START_TEST(test_exponents_of_double)
{
    static const double powers[][2] = {{-1, 16777217},         {-1, 16777218}, {-10000, 1e9 - 1},
                                       {156.813, -16.849},     {1e30, 1.1},    {0.001, 12.3},
                                       {-1, 4503599895805953}, {1e-30, 0.1},   {2, 1e300},
                                       {0.5, 1e300},           {3, -17.3}};
    for (size_t i = 0; i < sizeof powers / sizeof *powers; i++) {
        float x = (float)powers[i][0];
        double p = powers[i][1];
        tn_tensor *t = leaf(tn_from_data(ctx, TN_F32, TN_SHAPE(1), &x));
        tn_tensor *y = tn_pow_scalar(ctx, t, p);
        double want = pow((double)x, p), slope = p * pow((double)x, p - 1);
        tn_backward(ctx, y);
        const float got = tn_data_f32(y)[0], dx = tn_data_f32(tn_grad(t))[0];
        ck_assert_msg(got == (float)want || fabs((double)got / want - 1) < 2e-7,
                      "%g^%.17g: %g, not %g", (double)x, p, (double)got, want);
        ck_assert_msg(dx == (float)slope || fabs((double)dx / slope - 1) < 4e-7,
                      "%g^%.17g: slope %g, not %g", (double)x, p, (double)dx, slope);
    }
}
END_TEST

/* Numbers on both sides of each selection that pow makes of its base: the ends, ones, numbers that
 * are below the normal ones of either type, and others of both signs. */
static const double bases[] = {0,     -0.0,  1,      -1,    INFINITY, -INFINITY, NAN,     0.5,
                               -0.5,  2,     -2,     1e-40, -1e-40,   5e-324,    -5e-324, 1.5,
                               -1.25, 3e-30, -3e-30, 7e30,  -7e30,    0.9,       -1.1,    1e300};
enum { BASES = sizeof bases / sizeof *bases };

/* The derivative: 0 where the power is the same for all numbers near x, as it is for an exponent
 * that no float reaches. */
static double slope_at(double x, double p)
{
    bool flat = p == 0 || (p > FLT_MAX && fabs(x) < 1) || (p < -FLT_MAX && fabs(x) > 1);
    return flat ? 0 : (double)(p * powl(x, p - 1));
}

static double rounded(double x, tn_dtype dtype)
{
    return dtype == TN_F32 ? (float)x : x;
}

static void check_selections(double p, tn_dtype dtype)
{
    tn_tensor *at = tn_cast(ctx, tn_from_data(ctx, TN_F64, TN_SHAPE(BASES), bases), dtype);
    tn_tensor *x = leaf(at), *y = tn_pow_scalar(ctx, x, p);
    tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
    for (int i = 0; i < BASES; i++) {
        double base = element_of(x, i), got = element_of(y, i), dx = element_of(tn_grad(x), i);
        double want = rounded((double)powl(base, p), dtype);
        double slope = rounded(slope_at(base, p), dtype);
        ck_assert_msg(ulps(got, want, dtype) <= 2, "%g^%.17g: %g, not %g", base, p, got, want);
        ck_assert_msg(ulps(dx, slope, dtype) <= 3, "%g^%.17g: slope %g, not %g", base, p, dx,
                      slope);
    }
}

/* Even, odd, broken, endless and no exponents, of both signs: those that a float holds, and those
 * that it does not. */
START_TEST(test_selections)
{
    static const double powers[] = {0,       1,     2.5,     -2.5,     4,         5,
                                    -4,      -5,    0x1p100, -0x1p100, INFINITY,  -INFINITY,
                                    NAN,     1e308, -1e308,  16777217, -16777217, 16777218,
                                    1e9 - 1, 12.3,  -17.3,   1e37,     -1e37,     0.1};
    for (size_t i = 0; i < sizeof powers / sizeof *powers; i++) {
        check_selections(powers[i], TN_F32);
        check_selections(powers[i], TN_F64);
    }
}
END_TEST

START_TEST(test_errors)
{
    check_elementwise_errors(&op);
}
END_TEST

OP_TESTS("pow_scalar", cases, test_values, test_powers, test_beside_pow, test_exponents_of_double,
         test_selections, test_errors)
