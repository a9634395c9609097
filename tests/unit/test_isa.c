/* Kernels of all instruction sets agree, and the environment can ask for less. */
#include "common/check_tn.h"

#include <math.h>
#include <string.h>

static const char *const names[TN_ISAS] = {"baseline", "v3", "v4"};

/* A context under TN_ISA=value, or without it. */
static tn_ctx *under(const char *value)
{
    if (value)
        setenv("TN_ISA", value, 1);
    else
        unsetenv("TN_ISA");
    tn_ctx *c = tn_ctx_new(&(tn_ctx_opts){.seed = 1, .threads = 2});
    ck_assert_ptr_nonnull(c);
    unsetenv("TN_ISA");
    return c;
}

static int best(void)
{
    tn_ctx *c = under(NULL);
    int isa = c->isa;
    tn_ctx_free(c);
    return isa;
}

static void check_isa(const char *value, int isa)
{
    tn_ctx *c = under(value);
    ck_assert_str_eq(tn_isa(c), names[isa]);
    for (int dtype = TN_F32; dtype <= TN_F64; dtype++)
        ck_assert_ptr_eq(tn__kernels_of(c, (tn_dtype)dtype),
                         tn__kernel_table((tn_dtype)dtype, isa));
    tn_ctx_free(c);
}

START_TEST(environment_asks_for_less)
{
    int isa = best();
    for (int i = 0; i < TN_ISAS; i++)
        check_isa(names[i], i < isa ? i : isa);
    check_isa(NULL, isa);
    check_isa("", isa);
    check_isa("v5", isa);
    check_isa("V3", isa);
}
END_TEST

/* A step of everything that has kernels; what it comes to. */
static void work(tn_ctx *c, tn_dtype dtype, double *out, int64_t *count)
{
    tn_tensor *x = tn_randn(c, dtype, TN_SHAPE(67, 83));
    tn_tensor *w = tn_randn(c, dtype, TN_SHAPE(10, 83)), *b = tn_randn(c, dtype, TN_SHAPE(10));
    tn_set_requires_grad(c, w, true);
    tn_set_requires_grad(c, b, true);
    tn_tensor *t = tn_arange(c, TN_I32, 0, 67, 1);
    t = tn_cast(c, tn_mul_scalar(c, tn_cast(c, t, TN_F32), 0.14), TN_I32);
    tn_tensor *y = tn_linear(c, x, w, b);
    tn_tensor *loss = tn_cross_entropy(c, y, t, (tn_cross_entropy_opts){0});
    loss = tn_add(
        c, loss,
        tn_mean(c, tn_mul(c, tn_softmax(c, y, 0), tn_log_softmax(c, y, 1)), (tn_reduce_opts){0}));
    ck_assert_int_eq(tn_backward(c, loss), TN_OK);
    tn_tensor *params[] = {w, b};
    tn_optim *opt = tn_sgd_of(c, 2, params, (tn_sgd_opts){.lr = 0.1, .momentum = 0.9});
    ck_assert_int_eq(tn_step(opt), TN_OK);
    *count = 0;
    out[(*count)++] = tn_item(c, loss);
    for (int64_t i = 0; i < 10; i++)
        out[(*count)++] = tn_at(c, b, (int64_t[]){i});
    for (int64_t i = 0; i < 830; i++)
        out[(*count)++] = tn_at(c, w, (int64_t[]){i / 83, i % 83});
}

START_TEST(instruction_sets_agree)
{
    double tolerance = _i == TN_F32 ? 2e-5 : 1e-13;
    double expected[1000], got[1000];
    int64_t count;
    int isas = best() + 1;
    for (int i = 0; i < isas; i++) {
        tn_ctx *c = under(names[i]);
        work(c, (tn_dtype)_i, i ? got : expected, &count);
        tn_ctx_free(c);
        for (int64_t j = 0; i && j < count; j++)
            ck_assert_msg(fabs(got[j] - expected[j]) <= tolerance * fmax(1, fabs(expected[j])),
                          "%s: number %lld is %.17g, not %.17g", names[i], (long long)j, got[j],
                          expected[j]);
    }
    ck_assert(isfinite(expected[0]));
}
END_TEST

/* The random stream is the same everywhere, bit for bit. */
START_TEST(random_numbers_agree)
{
    int isas = best() + 1;
    for (int i = 1; i < isas; i++) {
        tn_ctx *a = under("baseline"), *b = under(names[i]);
        for (int64_t n = 1; n < 70000; n = 3 * n + 5) {
            tn_tensor *x = tn_empty(a, (tn_dtype)_i, 1, &n), *y = tn_empty(b, (tn_dtype)_i, 1, &n);
            tn_normal_(a, x, 0.3, 0.7);
            tn_normal_(b, y, 0.3, 0.7);
            check_same_bits(y, x);
            tn_uniform_(a, x, -0.1, 0.7);
            tn_uniform_(b, y, -0.1, 0.7);
            check_same_bits(y, x);
            tn_bernoulli_(a, x, 0.3);
            tn_bernoulli_(b, y, 0.3);
            check_same_bits(y, x);
        }
        tn_ctx_free(a);
        tn_ctx_free(b);
    }
}
END_TEST

/* Every table is full. */
START_TEST(tables_are_full)
{
    for (int isa = 0; isa <= best(); isa++)
        for (int dtype = TN_F32; dtype <= TN_F64; dtype++) {
            void *entries[sizeof(tn__kernels) / sizeof(void *)];
            memcpy(entries, tn__kernel_table((tn_dtype)dtype, isa), sizeof entries);
            for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
                ck_assert_ptr_nonnull(entries[i]);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("isa");
    TCase *tc = tn_case(suite, "isa");
    tcase_add_test(tc, environment_asks_for_less);
    tcase_add_loop_test(tc, instruction_sets_agree, TN_F32, TN_F64 + 1);
    tcase_add_loop_test(tc, random_numbers_agree, TN_F32, TN_F64 + 1);
    tcase_add_test(tc, tables_are_full);
    return tn_run(suite);
}
