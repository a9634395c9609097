/* The functions of <tn/vector_math.h> beside those of the C library, which compute in double for
 * float and in long double for double. glibc says that its long double functions are wrong by 5
 * units of 2^-64 at most, which is 0.003 of ours; the processor's long double is what they need.
 *
 * `test_vector_math --all` takes every float there is, many more doubles, and prints the largest
 * errors. */
#include <float.h>
#include <stdio.h>
#include "common/check_tn.h"

#include <tn/formula.h>

RUNS_WITH_EACH_ISA;

enum { BLOCK = 4096, BLOCKS_F32 = 200, BLOCKS_F64 = 80, MORE = 20, CUTS = 4, AROUND = 100 };

static bool all;

/* The references are the C library's own. */
#define REFERENCE(name)                            \
    static double name##_wide(double x)            \
    {                                              \
        return (name)(x);                          \
    }                                              \
    static long double name##_wider(long double x) \
    {                                              \
        return (name##l)(x);                       \
    }                                              \
    TN_FORMULA1(name##_formula, x, name(x))

REFERENCE(exp);
REFERENCE(expm1);
REFERENCE(log);
REFERENCE(log1p);
REFERENCE(tanh);
REFERENCE(erf);
REFERENCE(erfc);
REFERENCE(sin);
REFERENCE(cos);

static double sigmoid_wide(double x)
{
    return 1 / (1 + (exp)(-x));
}

static long double sigmoid_wider(long double x)
{
    return 1 / (1 + expl(-x));
}

TN_FORMULA1(sigmoid_formula, x, TN_SIGMOID(x));

/* The square is rounded, so its upper half is squared alone, which is exact. */
static long double gaussian_wider(long double x)
{
    if (fabsl(x) > 100)
        return 0;
    long double h = (long double)(float)x;
    return expl(-h * h) * expl(-(x - h) * (x + h));
}

static double gaussian_wide(double x)
{
    return (double)gaussian_wider((long double)x);
}

TN_FORMULA1(gaussian_formula, x, TN_GAUSSIAN(x));

typedef struct function {
    const char *name;
    const tn_formula *formula;
    double (*wide)(double x);
    long double (*wider)(long double x);
    double bound;             /* in units of the last place */
    double first[2], last[2]; /* where it is neither constant nor infinite, for float and double */
    double cuts[CUTS];        /* where the computation changes */
} function;

#define NAMED(name) #name, &name##_formula, name##_wide, name##_wider

static const function functions[] = {
    {NAMED(exp), 2, {-104, -746}, {89, 710}, {0.34657, 1.03972}},
    {NAMED(expm1), 2, {-20, -40}, {89, 710}, {0.34657, -0.34657, 1.03972, 0x1p-25}},
    {NAMED(log), 2, {0, 0}, {4, 4}, {0.70711, 1, 1.41421, 0x1p-126}},
    {NAMED(log1p), 2, {-1, -1}, {4, 4}, {-0.29289, 0.41421, 1.82843}},
    {NAMED(tanh), 2, {-10, -20}, {10, 20}, {0.55, -0.55, 0.34657}},
    {NAMED(sigmoid), 2, {-104, -746}, {18, 38}, {0.34657, -0.34657}},
    {NAMED(sin), 2, {-50, -100}, {50, 100}, {0.5, 0.785398, 1.570796, 3.141593}},
    {NAMED(cos), 2, {-50, -100}, {50, 100}, {0.5, 0.785398, 1.570796, 4.712389}},
    {NAMED(gaussian), 2, {-10.2, -27.3}, {10.2, 27.3}, {0.5887, 1.0197, 8}},
    {NAMED(erf), 2, {-4, -6}, {4, 6}, {1, -1, 0.58870, 3.9}},
    {NAMED(erfc), 8, {-4, -6}, {10.1, 27.3}, {1, -1, 0.0455867, 14.83000509411627}},
};

/* How far `got` is from `want` in units of the last place of numbers of `digits` bits from 2^lowest
 * on. Infinity counts as 2^most, the number after the largest; the signs of zeros and NaN must be
 * right. */
static double error_of(double got, long double want, int digits, int lowest, int most)
{
    long double end = ldexpl(1, most);
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got) ? 0 : INFINITY;
    if (want == 0 || got == 0)
        if (!signbit(want) != !signbit(got))
            return INFINITY;
    if (isinf(want) && isinf(got))
        return (want > 0) == (got > 0) ? 0 : INFINITY;
    long double most_of_want = fabsl(want) > end ? copysignl(end, want) : want;
    long double most_of_got = isinf(got) ? copysignl(end, got) : got;
    int exponent;
    frexpl(most_of_want, &exponent);
    exponent = exponent < lowest ? lowest : exponent > most ? most : exponent;
    return (double)fabsl(most_of_got - most_of_want) / (double)ldexpl(1, exponent - digits);
}

static uint64_t random_bits(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state ^ *state >> 29;
}

static double between(uint64_t *state, double first, double last)
{
    return first + (last - first) * (double)(random_bits(state) >> 11) * 0x1p-53;
}

typedef struct worst {
    double error, x, got;
    long double want;
} worst;

static void note(worst *w, double error, double x, double got, long double want)
{
    if (error > w->error || isnan(error))
        *w = (worst){error, x, got, want};
}

static void check_f32(const function *f, const float *x, worst *w)
{
    float y[BLOCK];
    f->formula->loops[TN_F32][ctx->isa](BLOCK, (void *[]){y, (void *)(uintptr_t)x},
                                        (double[TN_MAX_CONSTANTS]){0});
    for (int i = 0; i < BLOCK; i++) {
        double want = f->wide((double)x[i]);
        note(w, error_of((double)y[i], want, FLT_MANT_DIG, FLT_MIN_EXP, FLT_MAX_EXP), (double)x[i],
             (double)y[i], want);
    }
}

static void check_f64(const function *f, const double *x, worst *w)
{
    double y[BLOCK];
    f->formula->loops[TN_F64][ctx->isa](BLOCK, (void *[]){y, (void *)(uintptr_t)x},
                                        (double[TN_MAX_CONSTANTS]){0});
    for (int i = 0; i < BLOCK; i++) {
        long double want = f->wider((long double)x[i]);
        note(w, error_of(y[i], want, DBL_MANT_DIG, DBL_MIN_EXP, DBL_MAX_EXP), x[i], y[i], want);
    }
}

static const double specials[] = {0,
                                  -0.0,
                                  INFINITY,
                                  -INFINITY,
                                  NAN,
                                  1,
                                  -1,
                                  2,
                                  -2,
                                  0.5,
                                  -0.5,
                                  0x1p-149,
                                  -0x1p-149,
                                  0x1p-126,
                                  -0x1p-126,
                                  0x1p-1074,
                                  -0x1p-1074,
                                  0x1p-1022,
                                  -0x1p-1022,
                                  FLT_MAX,
                                  -FLT_MAX,
                                  DBL_MAX,
                                  -DBL_MAX,
                                  0x1.fffffep-127,
                                  0x1.fffffffffffffp-1023,
                                  88.722839,
                                  88.722840,
                                  -103.97208,
                                  -103.97209,
                                  -87.33655,
                                  709.782712893384,
                                  709.782712893385,
                                  -745.133219101941,
                                  -745.133219101942,
                                  -708.3964185322641,
                                  -0.99999994,
                                  6381956970095103 * 0x1p797,
                                  16367173 * 0x1p72,
                                  1e22,
                                  -1.0000001,
                                  0x1p24,
                                  0x1p53,
                                  0x1p-25,
                                  0x1p-54};

enum { SPECIALS = sizeof specials / sizeof *specials };

/* The special values, and those around each cut. */
static void few_f32(const function *f, float *x)
{
    for (int i = 0; i < BLOCK; i++)
        x[i] = (float)specials[i % SPECIALS];
    for (int cut = 0, i = SPECIALS; cut < CUTS; cut++) {
        float at = (float)f->cuts[cut];
        for (int k = 0; k < AROUND; k++)
            at = nextafterf(at, -INFINITY);
        for (int k = 0; k < 2 * AROUND; k++, at = nextafterf(at, INFINITY))
            x[i++] = at;
    }
}

static void few_f64(const function *f, double *x)
{
    for (int i = 0; i < BLOCK; i++)
        x[i] = specials[i % SPECIALS];
    for (int cut = 0, i = SPECIALS; cut < CUTS; cut++) {
        double at = f->cuts[cut];
        for (int k = 0; k < AROUND; k++)
            at = nextafter(at, -INFINITY);
        for (int k = 0; k < 2 * AROUND; k++, at = nextafter(at, INFINITY))
            x[i++] = at;
    }
}

/* Any number there is; one where the function is neither constant nor infinite; one that is
 * smaller. */
static double any(uint64_t *state, uint64_t kind, double first, double last, int dtype)
{
    uint64_t bits = random_bits(state);
    uint32_t upper = (uint32_t)(bits >> 32);
    float single;
    double number;
    memcpy(&single, &upper, sizeof single);
    memcpy(&number, &bits, sizeof number);
    if (kind % 3 == 0)
        return dtype == TN_F32 ? (double)single : number;
    double inside = between(state, first, last);
    return kind % 3 == 1 ? inside : inside * ldexp(1, -(int)(bits % 12));
}

static void check(const function *f, worst found[2])
{
    uint64_t state = 1;
    static float single[BLOCK];
    static double number[BLOCK];
    few_f32(f, single);
    check_f32(f, single, &found[TN_F32]);
    few_f64(f, number);
    check_f64(f, number, &found[TN_F64]);
    for (uint64_t start = 0; all && start < (uint64_t)1 << 32; start += BLOCK) {
        for (uint32_t i = 0; i < BLOCK; i++)
            memcpy(&single[i], &(uint32_t){(uint32_t)start + i}, sizeof single[i]);
        check_f32(f, single, &found[TN_F32]);
    }
    for (uint64_t block = 0; block < BLOCKS_F32; block++) {
        for (int i = 0; i < BLOCK; i++)
            single[i] = (float)any(&state, block, f->first[0], f->last[0], TN_F32);
        check_f32(f, single, &found[TN_F32]);
    }
    for (uint64_t block = 0; block < (uint64_t)(all ? MORE * BLOCKS_F64 : BLOCKS_F64); block++) {
        for (int i = 0; i < BLOCK; i++)
            number[i] = any(&state, block, f->first[1], f->last[1], TN_F64);
        check_f64(f, number, &found[TN_F64]);
    }
}

START_TEST(accuracy)
{
    const function *f = &functions[_i];
    worst found[2] = {{0}};
    check(f, found);
    for (int dtype = 0; dtype < 2; dtype++) {
        const worst *w = &found[dtype];
        if (all)
            printf("%-8s %-8s %s %6.3f at %.17g\n", tn_isa(ctx), f->name, dtype ? "f64" : "f32",
                   w->error, w->x);
        ck_assert_msg(w->error <= f->bound, "%s(%a) = %a, not %La: %g units of the last place",
                      f->name, w->x, w->got, w->want, w->error);
    }
}
END_TEST

TN_FORMULA2(pow_formula, x, y, pow(x, y));

/* x and y for a power: special values; any numbers; those with powers that are neither 0 nor
 * infinite, every other y whole; x near 1. */
static void power_arguments(uint64_t *state, int block, double largest, double *x, double *y)
{
    for (int i = 0; i < BLOCK; i++) {
        double exponent = between(state, -largest, largest);
        x[i] =
            block % 3 == 1 ? any(state, 0, 0, 0, TN_F64) : exp(between(state, -largest, largest));
        if (block % 3 == 2)
            x[i] = between(state, 0.5, 2);
        y[i] = exponent / fabs(log(fabs(x[i])));
        if (i % 2)
            y[i] = rint(y[i]);
        if (block == 0) {
            x[i] = specials[i % SPECIALS];
            y[i] = specials[i / SPECIALS % SPECIALS];
        }
    }
}

static void check_power(tn_dtype dtype, const double *x, const double *y, worst *w)
{
    static float single[3][BLOCK];
    static double number[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
        single[1][i] = (float)x[i];
        single[2][i] = (float)y[i];
    }
    tn_loop loop = pow_formula.loops[dtype][ctx->isa];
    void *of_double[] = {number, (void *)(uintptr_t)x, (void *)(uintptr_t)y};
    void *of_float[] = {single[0], single[1], single[2]};
    loop(BLOCK, dtype ? of_double : of_float, (double[TN_MAX_CONSTANTS]){0});
    for (int i = 0; i < BLOCK; i++) {
        double a = (double)single[1][i], b = (double)single[2][i];
        if (dtype)
            note(w,
                 error_of(number[i], powl((long double)x[i], (long double)y[i]), DBL_MANT_DIG,
                          DBL_MIN_EXP, DBL_MAX_EXP),
                 x[i], y[i], 0);
        else
            note(
                w,
                error_of((double)single[0][i], (pow)(a, b), FLT_MANT_DIG, FLT_MIN_EXP, FLT_MAX_EXP),
                a, b, 0);
    }
}

START_TEST(powers)
{
    static double x[BLOCK], y[BLOCK];
    worst found[2] = {{0}};
    uint64_t state = 1;
    for (int dtype = 0; dtype < 2; dtype++)
        for (int block = 0; block < (all ? 100 : 1) * BLOCKS_F64; block++) {
            power_arguments(&state, block, dtype ? 745 : 104, x, y);
            check_power((tn_dtype)dtype, x, y, &found[dtype]);
        }
    for (int dtype = 0; dtype < 2; dtype++) {
        const worst *w = &found[dtype];
        if (all)
            printf("%-8s %-8s %s %6.3f at %.17g, %.17g\n", tn_isa(ctx), "pow",
                   dtype ? "f64" : "f32", w->error, w->x, w->got);
        ck_assert_msg(w->error <= 2, "pow(%a, %a): %g units of the last place", w->x, w->got,
                      w->error);
    }
}
END_TEST

/* Whole numbers and long double keep the functions of <tgmath.h>. */
START_TEST(other_types)
{
    ck_assert_double_eq_tol(exp(1), 2.718281828459045, 1e-15);
    ck_assert_int_eq(sizeof exp(1.0f), sizeof(float));
    ck_assert_int_eq(sizeof exp(1), sizeof(double));
    ck_assert_int_eq(sizeof exp(1.0L), sizeof(long double));
    ck_assert(exp(1.0L) == expl(1.0L));
    double complex z = exp(3.141592653589793 * I);
    ck_assert_double_eq_tol(creal(z), -1, 1e-15);
}
END_TEST

int main(int argc, char **argv)
{
    all = argc > 1 && strcmp(argv[1], "--all") == 0;
    Suite *suite = suite_create("vector_math");
    TCase *tc = tn_case(suite, "vector_math");
    if (all)
        tcase_set_timeout(tc, 0);
    tcase_add_loop_test(tc, accuracy, 0, (int)(sizeof functions / sizeof *functions));
    tcase_add_test(tc, powers);
    tcase_add_test(tc, other_types);
    return tn_run(suite);
}
