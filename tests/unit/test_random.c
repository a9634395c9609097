/* Random numbers: their streams, distributions, and saved state. */
#include "common/check_tn.h"

#include <math.h>
#include <string.h>

RUNS_WITH_EACH_ISA;

/* Seed and position are the key and the counter; a float is the upper 24 bits of a word. */
START_TEST(streams_are_philox)
{
    uint32_t out[4], counter[4] = {0x89abcdef, 0x01234567, 0, 0}, key[2] = {0x9abcdef0, 0x12345678};
    tn_set_rng_state(ctx, (tn_rng_state){0x123456789abcdef0, 0x0123456789abcdef});
    tn_tensor *t = tn_rand(ctx, TN_F32, TN_SHAPE(4));
    tn__philox(counter, key, out);
    for (int i = 0; i < 4; i++)
        ck_assert_double_eq(tn_data_f32(t)[i], (out[i] >> 8) / 16777216.0);
    ck_assert_uint_eq(tn_get_rng_state(ctx).position, 0x0123456789abcdf0);
}
END_TEST

/* Of a block, where the counter carries and where it begins again. */
START_TEST(blocks_follow_each_other)
{
    const uint64_t positions[] = {0, 0xFFFFFF00, 0xFFFFFFFFFFFFFFF0};
    tn_rng_state state = {0x123456789abcdef0, positions[_i]};
    tn_set_rng_state(ctx, state);
    tn_tensor *f = tn_rand(ctx, TN_F32, TN_SHAPE(2003));
    tn_set_rng_state(ctx, state);
    tn_tensor *d = tn_rand(ctx, TN_F64, TN_SHAPE(1003));
    for (int64_t i = 0; i < 501; i++) {
        uint32_t word[4];
        tn__random_block(state, (uint64_t)i, word);
        for (int64_t j = 0; j < 4 && 4 * i + j < 2003; j++)
            ck_assert_double_eq(tn_data_f32(f)[4 * i + j], (word[j] >> 8) * 0x1p-24);
        for (int64_t j = 0; j < 2; j++)
            ck_assert_double_eq(tn_data_f64(d)[2 * i + j],
                                word[2 * j] * 0x1p-32 + (word[2 * j + 1] >> 11) * 0x1p-53);
    }
}
END_TEST

/* A sum of the bits of numbers, in which their order counts. */
static uint64_t sum_of_bits(const tn_tensor *t)
{
    uint64_t sum = 0;
    for (int64_t i = 0; i < tn_numel(t); i++) {
        double x = tn_at(ctx, t, &i);
        uint64_t bits;
        memcpy(&bits, &x, sizeof bits);
        sum = 6364136223846793005 * sum + bits;
    }
    return sum;
}

/* A seed is the same numbers on every machine, in every build. */
START_TEST(machines_do_not_matter)
{
    const uint64_t expected[] = {14063523234049949696u, 16471814107310037017u};
    tn_manual_seed(ctx, 20);
    tn_tensor *t = tn_empty(ctx, (tn_dtype)_i, TN_SHAPE(10000));
    ck_assert_int_eq(tn_normal_(ctx, t, 0.3, 0.7), TN_OK);
    uint64_t sum = sum_of_bits(t);
    ck_assert_int_eq(tn_uniform_(ctx, t, -0.1, 0.7), TN_OK);
    ck_assert_uint_eq(sum + sum_of_bits(t), expected[_i]);
}
END_TEST

static tn_tensor *drawn(int kind, tn_dtype dtype, int64_t n)
{
    tn_tensor *t = tn_empty(ctx, dtype, 1, &n);
    tn_status status = kind == 0   ? tn_uniform_(ctx, t, -2, 5)
                       : kind == 1 ? tn_normal_(ctx, t, 3, 2)
                                   : tn_bernoulli_(ctx, t, 0.3);
    ck_assert_int_eq(status, TN_OK);
    return t;
}

START_TEST(threads_do_not_matter)
{
    for (int dtype = TN_F32; dtype <= TN_F64; dtype++) {
        tn_manual_seed(ctx, 5);
        tn_set_threads(ctx, 1);
        tn_tensor *one = drawn(_i, (tn_dtype)dtype, 100003);
        tn_rng_state state = tn_get_rng_state(ctx);
        for (int threads = 2; threads <= 7; threads++) {
            tn_manual_seed(ctx, 5);
            tn_set_threads(ctx, threads);
            check_same_bits(drawn(_i, (tn_dtype)dtype, 100003), one);
            ck_assert_uint_eq(tn_get_rng_state(ctx).position, state.position);
        }
    }
}
END_TEST

START_TEST(state_is_saved_and_restored)
{
    tn_rand(ctx, TN_F32, TN_SHAPE(7));
    tn_rng_state state = tn_get_rng_state(ctx);
    tn_tensor *a = tn_randn(ctx, TN_F64, TN_SHAPE(11)), *p = tn_randperm(ctx, 50);
    tn_tensor *b = tn_randn(ctx, TN_F64, TN_SHAPE(11));
    ck_assert(tn_at(ctx, a, (int64_t[]){3}) != tn_at(ctx, b, (int64_t[]){3}));
    tn_set_rng_state(ctx, state);
    check_same_bits(tn_randn(ctx, TN_F64, TN_SHAPE(11)), a);
    check_same_bits(tn_randperm(ctx, 50), p);
    check_same_bits(tn_randn(ctx, TN_F64, TN_SHAPE(11)), b);
    tn_manual_seed(ctx, 99);
    ck_assert_uint_eq(tn_get_rng_state(ctx).seed, 99);
    ck_assert_uint_eq(tn_get_rng_state(ctx).position, 0);
}
END_TEST

START_TEST(seeds_differ)
{
    tn_tensor *first = tn_rand(ctx, TN_F64, TN_SHAPE(100));
    tn_manual_seed(ctx, 2);
    tn_tensor *second = tn_rand(ctx, TN_F64, TN_SHAPE(100));
    for (int i = 0; i < 100; i++)
        ck_assert(tn_data_f64(first)[i] != tn_data_f64(second)[i]);
}
END_TEST

/* The mean of (x - centre)^power. */
static double moment(const tn_tensor *t, double centre, int power)
{
    double sum = 0;
    for (int64_t i = 0; i < tn_numel(t); i++)
        sum += pow(tn_at(ctx, t, &i) - centre, power);
    return sum / (double)tn_numel(t);
}

START_TEST(moments_of_uniform)
{
    tn_tensor *t = drawn(0, (tn_dtype)_i, 200000);
    ck_assert_double_eq_tol(moment(t, 0, 1), 1.5, 0.02);
    ck_assert_double_eq_tol(moment(t, 1.5, 2), 49 / 12.0, 0.04);
    ck_assert_double_eq_tol(moment(t, 1.5, 3), 0, 0.2);
    double low = 9, high = -9;
    for (int64_t i = 0; i < tn_numel(t); i++) {
        low = fmin(low, tn_at(ctx, t, &i));
        high = fmax(high, tn_at(ctx, t, &i));
    }
    ck_assert(low >= -2 && low < -1.999 && high < 5 && high > 4.999);
}
END_TEST

START_TEST(moments_of_normal)
{
    tn_tensor *t = drawn(1, (tn_dtype)_i, 200000);
    ck_assert_double_eq_tol(moment(t, 0, 1), 3, 0.02);
    ck_assert_double_eq_tol(moment(t, 3, 2), 4, 0.06);
    ck_assert_double_eq_tol(moment(t, 3, 3), 0, 0.3);
    ck_assert_double_eq_tol(moment(t, 3, 4), 48, 1.5);
    int64_t within = 0, far = 0;
    for (int64_t i = 0; i < tn_numel(t); i++) {
        double z = (tn_at(ctx, t, &i) - 3) / 2;
        within += fabs(z) < 1;
        far += fabs(z) > 3;
    }
    ck_assert_double_eq_tol((double)within / 200000, 0.6827, 0.005);
    ck_assert_double_eq_tol((double)far / 200000, 0.0027, 0.0008);
}
END_TEST

/* cos 2 pi v and sin 2 pi v, from the angle that is left of v less quarters. */
static void turn(double v, long double *cosine, long double *sine)
{
    int quarters = (int)lrint(4 * v);
    long double angle = 6.283185307179586476925286766559L * (v - quarters / 4.0);
    long double c = cosl(angle), s = sinl(angle);
    *cosine = (const long double[]){c, -s, -c, s}[quarters % 4];
    *sine = (const long double[]){s, c, -s, -c}[quarters % 4];
}

/* Pairs are sqrt(-2 ln(1 - u)) times cosine and sine of 2 pi v (Box and Muller), to a few units of
 * the last place of double; float's are double's, rounded. */
START_TEST(normal_numbers_are_exact)
{
    long double units = _i == TN_F32 ? 0x1.0001p-24L : 0x1.2p-51L;
    tn_rng_state state = tn_get_rng_state(ctx);
    tn_tensor *t = tn_randn(ctx, (tn_dtype)_i, TN_SHAPE(200000));
    tn_set_rng_state(ctx, state);
    tn_tensor *u = tn_rand(ctx, (tn_dtype)_i, TN_SHAPE(200000));
    for (int64_t i = 0; i < tn_numel(t); i += 2) {
        long double expected[2], radius = sqrtl(-2 * log1pl(-tn_at(ctx, u, &i)));
        turn(tn_at(ctx, u, (int64_t[]){i + 1}), &expected[0], &expected[1]);
        for (int64_t j = 0; j < 2; j++) {
            double x = tn_at(ctx, t, (int64_t[]){i + j});
            long double y = radius * expected[j];
            ck_assert_msg(fabsl(x - y) <= units * fabsl(y), "number %d is %.17g, not %.20Lg",
                          (int)(i + j), x, y);
        }
    }
}
END_TEST

START_TEST(bernoulli)
{
    tn_tensor *t = drawn(2, (tn_dtype)_i, 100000);
    double mean = moment(t, 0, 1);
    ck_assert_double_eq_tol(mean, 0.3, 0.006);
    ck_assert_double_eq(moment(t, 0, 2), mean);
    tn_bernoulli_(ctx, t, 0);
    ck_assert_double_eq(moment(t, 0, 1), 0);
    tn_bernoulli_(ctx, t, 1);
    ck_assert_double_eq(moment(t, 0, 1), 1);
}
END_TEST

/* A number that is drawn is below p, not p itself. */
START_TEST(bernoulli_excludes_p)
{
    tn_rng_state state = tn_get_rng_state(ctx);
    tn_tensor *u = tn_rand(ctx, TN_F32, TN_SHAPE(1)), *t = F64(7);
    tn_set_rng_state(ctx, state);
    ck_assert_int_eq(tn_bernoulli_(ctx, t, tn_item(ctx, u)), TN_OK);
    ck_tn_equal(t, 0);
    tn_set_rng_state(ctx, state);
    tn_bernoulli_(ctx, t, nextafter(tn_item(ctx, u), 1));
    ck_tn_equal(t, 1);
}
END_TEST

/* Rounding does not reach the upper end, which is not part of the interval. */
START_TEST(uniform_excludes_its_end)
{
    double step = _i == TN_F32 ? 0x1p-23 : 0x1p-52;
    tn_tensor *t = tn_empty(ctx, (tn_dtype)_i, TN_SHAPE(10000));
    for (double width = 1; width <= 8; width++)
        for (int sign = -1; sign <= 1; sign += 2) {
            double low = sign > 0 ? 1 : -1 - width * step, high = low + width * step;
            ck_assert_int_eq(tn_uniform_(ctx, t, low, high), TN_OK);
            for (int64_t i = 0; i < tn_numel(t); i++) {
                double x = tn_at(ctx, t, &i);
                ck_assert(x >= low && x < high);
            }
        }
    ck_assert_int_eq(tn_uniform_(ctx, t, 3, 3), TN_OK);
    ck_assert_double_eq(moment(t, 3, 2), 0);
}
END_TEST

/* Numbers are drawn in row-major order, whatever the strides. */
START_TEST(layout_does_not_matter)
{
    tn_tensor *plain = tn_randn(ctx, (tn_dtype)_i, TN_SHAPE(5, 7));
    tn_manual_seed(ctx, 1);
    tn_tensor *wide = tn_zeros(ctx, (tn_dtype)_i, TN_SHAPE(7, 5, 2));
    tn_tensor *view = tn_transpose(ctx, tn_select(ctx, wide, 2, 1), 0, 1);
    ck_assert_int_eq(tn_normal_(ctx, view, 0, 1), TN_OK);
    check_same_bits(tn_clone(ctx, view), plain);
    ck_assert_double_eq(moment(tn_flatten(ctx, tn_select(ctx, wide, 2, 0), 0, -1), 0, 2), 0);
}
END_TEST

/* A shorter draw is the beginning of a longer one. */
START_TEST(odd_counts)
{
    for (int64_t n = 0; n < 12; n++) {
        tn_manual_seed(ctx, 1);
        tn_tensor *all = tn_randn(ctx, (tn_dtype)_i, TN_SHAPE(12));
        tn_manual_seed(ctx, 1);
        tn_tensor *some = tn_randn(ctx, (tn_dtype)_i, 1, &n);
        check_same_bits(some, tn_narrow(ctx, all, 0, 0, n));
    }
}
END_TEST

static void check_permutation(const int64_t *p, int64_t n)
{
    int64_t seen = 0;
    ck_assert_int_le(n, 62);
    for (int64_t i = 0; i < n; i++) {
        ck_assert(p[i] >= 0 && p[i] < n);
        seen |= (int64_t)1 << p[i];
    }
    ck_assert_int_eq(seen, ((int64_t)1 << n) - 1);
}

START_TEST(permutations)
{
    int64_t counts[24] = {0};
    for (int64_t n = 0; n < 60; n++)
        check_permutation(tn_data_i64(tn_randperm(ctx, n)), n);
    for (int i = 0; i < 24000; i++) {
        int64_t p[4];
        tn__random_permutation(ctx, 4, p);
        int64_t rank = 6 * p[0] + 2 * (p[1] - (p[1] > p[0])) + (p[2] > p[3]);
        counts[rank]++;
    }
    double chi2 = 0;
    for (int i = 0; i < 24; i++)
        chi2 += pow((double)counts[i] - 1000, 2) / 1000;
    ck_assert_double_lt(chi2, 60); /* 23 degrees of freedom: above with probability 4e-5 */
}
END_TEST

START_TEST(integers_below)
{
    double chi2 = 0;
    int64_t counts[10] = {0};
    for (int i = 0; i < 10000; i++) {
        uint64_t x = tn__random_below(ctx, 10);
        ck_assert_uint_lt(x, 10);
        counts[x]++;
        ck_assert_uint_lt(tn__random_below(ctx, ((uint64_t)1 << 63) + 1), ((uint64_t)1 << 63) + 1);
        ck_assert_uint_eq(tn__random_below(ctx, 1), 0);
    }
    for (int i = 0; i < 10; i++)
        chi2 += pow((double)counts[i] - 1000, 2) / 1000;
    ck_assert_double_lt(chi2, 40);
    int64_t multiples = 0;
    for (int i = 0; i < 10000; i++)
        multiples += tn__random_below(ctx, (uint64_t)3 << 62) % 3 == 0;
    ck_assert_double_eq_tol((double)multiples, 10000 / 3.0, 200);
}
END_TEST

/* The upper half of x (2^64 - 1) is x - 1, for an x that is the first two words of a block. */
START_TEST(integers_are_of_64_bits)
{
    uint32_t out[4], counter[4] = {7, 0, 0, 0}, key[2] = {1, 0};
    tn_set_rng_state(ctx, (tn_rng_state){1, 7});
    tn__philox(counter, key, out);
    ck_assert_uint_eq(tn__random_below(ctx, UINT64_MAX), ((uint64_t)out[1] << 32 | out[0]) - 1);
    ck_assert_uint_eq(tn_get_rng_state(ctx).position, 8);
}
END_TEST

START_TEST(normal_without_deviation)
{
    tn_tensor *t = F64(1, 2);
    ck_assert_int_eq(tn_normal_(ctx, t, 3, 0), TN_OK);
    ck_tn_equal(t, 3, 3);
}
END_TEST

START_TEST(wrong_arguments)
{
    tn_tensor *t = F64(1), *i = tn_arange(ctx, TN_I64, 0, 3, 1);
    tn_rng_state before = tn_get_rng_state(ctx);
    tn_uniform_(ctx, t, 2, 1);
    ck_tn_error(TN_ERR_ARGUMENT, "uniform_: no interval from 2 to 1");
    tn_uniform_(ctx, t, 0, INFINITY);
    ck_tn_error(TN_ERR_ARGUMENT, "uniform_: no interval from 0 to inf");
    tn_uniform_(ctx, i, 0, 1);
    ck_tn_error(TN_ERR_DTYPE, "uniform_: tensor is i64 but must be f32 or f64; tn_cast converts");
    tn_normal_(ctx, t, 0, -1);
    ck_tn_error(TN_ERR_ARGUMENT, "normal_: mean 0 and standard deviation -1");
    tn_normal_(ctx, t, NAN, 1);
    ck_tn_error(TN_ERR_ARGUMENT, "normal_: mean nan and standard deviation 1");
    tn_normal_(ctx, t, 0, INFINITY);
    ck_tn_error(TN_ERR_ARGUMENT, "normal_: mean 0 and standard deviation inf");
    tn_normal_(ctx, i, 0, 1);
    ck_tn_error(TN_ERR_DTYPE, "normal_: tensor is i64 but must be f32 or f64; tn_cast converts");
    tn_bernoulli_(ctx, t, 1.5);
    ck_tn_error(TN_ERR_ARGUMENT, "bernoulli_: p = 1.5 is not between 0 and 1");
    tn_bernoulli_(ctx, NULL, 0.5);
    ck_tn_error(TN_ERR_ARGUMENT, "bernoulli_: tensor is NULL");
    ck_assert_ptr_null(tn_rand(ctx, TN_U8, TN_SHAPE(3)));
    ck_tn_error(TN_ERR_DTYPE, "rand: u8 is neither f32 nor f64");
    ck_assert_uint_eq(tn_get_rng_state(ctx).position, before.position);
    ck_tn_equal(t, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("random");
    TCase *tc = tn_case(suite, "random");
    tcase_add_test(tc, streams_are_philox);
    tcase_add_loop_test(tc, blocks_follow_each_other, 0, 3);
    tcase_add_loop_test(tc, machines_do_not_matter, TN_F32, TN_F64 + 1);
    tcase_add_loop_test(tc, threads_do_not_matter, 0, 3);
    tcase_add_test(tc, state_is_saved_and_restored);
    tcase_add_test(tc, seeds_differ);
    tcase_add_loop_test(tc, moments_of_uniform, TN_F32, TN_F64 + 1);
    tcase_add_loop_test(tc, moments_of_normal, TN_F32, TN_F64 + 1);
    tcase_add_loop_test(tc, normal_numbers_are_exact, TN_F32, TN_F64 + 1);
    tcase_add_loop_test(tc, bernoulli, 0, TN_DTYPES);
    tcase_add_test(tc, bernoulli_excludes_p);
    tcase_add_loop_test(tc, uniform_excludes_its_end, TN_F32, TN_F64 + 1);
    tcase_add_loop_test(tc, layout_does_not_matter, TN_F32, TN_F64 + 1);
    tcase_add_loop_test(tc, odd_counts, TN_F32, TN_F64 + 1);
    tcase_add_test(tc, permutations);
    tcase_add_test(tc, integers_below);
    tcase_add_test(tc, integers_are_of_64_bits);
    tcase_add_test(tc, normal_without_deviation);
    tcase_add_test(tc, wrong_arguments);
    return tn_run(suite);
}
