/* tn_format against NumPy's words, and tn_print. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tn/tn.h>
#include <unistd.h>

/* Made by tests/data/make_print.py, which says what the words mean. */
typedef struct print_case {
    const char *dtype, *shape, *view, *values, *text;
} print_case;

#include "data/print_cases.h"

#define N_CASES ((int)(sizeof(CASES) / sizeof(CASES[0])))

static tn_ctx *ctx;

static void setup(void)
{
    ctx = tn_ctx_new(NULL);
}

static void teardown(void)
{
    tn_ctx_free(ctx);
}

static tn_dtype dtype_named(const char *name)
{
    int dtype = 0;
    while (dtype < TN_DTYPES && strcmp(tn_dtype_name((tn_dtype)dtype), name) != 0)
        dtype++;
    return (tn_dtype)dtype;
}

static void store(tn_tensor *t, int64_t i, double real, long long integer)
{
    void *data = tn_data_mut(t);
    switch (tn_dtype_of(t)) {
    case TN_F32:
        ((float *)data)[i] = (float)real;
        break;
    case TN_F64:
        ((double *)data)[i] = real;
        break;
    case TN_I64:
        ((int64_t *)data)[i] = integer;
        break;
    case TN_I32:
        ((int32_t *)data)[i] = (int32_t)integer;
        break;
    case TN_U8:
    case TN_BOOL:
        ((uint8_t *)data)[i] = (uint8_t)integer;
        break;
    }
}

static void fill(tn_tensor *t, const char *values)
{
    double factor, modulus, offset;
    if (sscanf(values, "arange %lf %lf %lf", &factor, &modulus, &offset) == 3) {
        for (int64_t i = 0; i < tn_numel(t); i++) {
            double x = fmod((double)i * factor, modulus) + offset;
            store(t, i, x, (long long)x);
        }
        return;
    }
    char *end = (char *)values;
    bool real = tn_dtype_of(t) <= TN_F64;
    for (int64_t i = 0; i < tn_numel(t); i++)
        if (real)
            store(t, i, strtod(end, &end), 0);
        else
            store(t, i, 0, strtoll(end, &end, 10));
}

static tn_tensor *base_of(const print_case *c)
{
    int64_t shape[TN_MAX_DIMS];
    int ndim = 0;
    for (const char *at = c->shape; *at;) {
        char *end;
        shape[ndim++] = strtoll(at, &end, 10);
        at = end;
    }
    tn_tensor *t = tn_empty(ctx, dtype_named(c->dtype), ndim, shape);
    ck_assert_ptr_nonnull(t);
    fill(t, c->values);
    return t;
}

static tn_tensor *reversed(const tn_tensor *t)
{
    int dims[TN_MAX_DIMS];
    for (int i = 0; i < tn_ndim(t); i++)
        dims[i] = tn_ndim(t) - 1 - i;
    return tn_permute(ctx, t, dims);
}

static tn_tensor *view_of(tn_tensor *t, const char *view)
{
    int dim, number, used;
    char kind;
    while (sscanf(view, " %c%n", &kind, &used) == 1) {
        view += used;
        if (kind == 't') {
            t = reversed(t);
            continue;
        }
        ck_assert_int_eq(sscanf(view, "%d %d%n", &dim, &number, &used), 2);
        view += used;
        t = kind == 's' ? tn_slice(ctx, t, dim, 0, INT64_MAX, number)
                        : tn_select(ctx, t, dim, number);
    }
    return t;
}

START_TEST(test_as_numpy)
{
    const print_case *c = &CASES[_i];
    tn_tensor *t = view_of(base_of(c), c->view);
    char text[16384];
    int64_t length = tn_format(t, text, sizeof(text));
    ck_assert_msg(strcmp(text, c->text) == 0, "%s [%s] %s\n%.1000s\nNumPy:\n%.1000s", c->dtype,
                  c->shape, c->view, text, c->text);
    ck_assert_int_eq(length, (int64_t)strlen(c->text));
}
END_TEST

START_TEST(test_cut)
{
    const float data[] = {1, 2.5F, 0, 1};
    const char *whole = "[[1. , 2.5],\n [0. , 1. ]]";
    tn_tensor *t = tn_from_data(ctx, TN_F32, TN_SHAPE(2, 2), data);
    size_t length = strlen(whole);
    ck_assert_int_eq(tn_format(t, NULL, 0), (int64_t)length);
    for (size_t size = 1; size <= length + 2; size++) {
        char text[64];
        memset(text, '#', sizeof(text));
        ck_assert_int_eq(tn_format(t, text, size), (int64_t)length);
        size_t kept = size - 1 < length ? size - 1 : length;
        ck_assert_int_eq(strncmp(text, whole, kept), 0);
        ck_assert_int_eq(text[kept], '\0');
        ck_assert_int_eq(text[size], '#');
    }
}
END_TEST

START_TEST(test_null_is_empty)
{
    char text[8];
    ck_assert_int_eq(tn_format(NULL, text, sizeof(text)), 2);
    ck_assert_str_eq(text, "[]");
}
END_TEST

/* What tn_print writes on standard output, in a buffer that lasts until the next call. */
static const char *printed(const tn_tensor *t)
{
    static char text[4096];
    FILE *file = tmpfile();
    fflush(stdout);
    int before = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    tn_status status = tn_print(ctx, t);
    fflush(stdout);
    dup2(before, STDOUT_FILENO);
    close(before);
    rewind(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    ck_assert_int_eq(status, TN_OK);
    return text;
}

START_TEST(test_print)
{
    const float data[] = {1, 2.5F, 0, 1};
    tn_tensor *t = tn_from_data(ctx, TN_F32, TN_SHAPE(2, 2), data);
    ck_assert_str_eq(printed(t), "tensor([[1. , 2.5],\n        [0. , 1. ]], f32)\n");
    ck_assert_str_eq(printed(tn_scalar(ctx, TN_BOOL, 1)), "tensor(True, bool)\n");
    ck_assert_str_eq(printed(tn_zeros(ctx, TN_I64, TN_SHAPE(0))), "tensor([], i64)\n");
    ck_assert_str_eq(printed(tn_zeros(ctx, TN_F64, TN_SHAPE(0, 3))),
                     "tensor([], size=(0, 3), f64)\n");
}
END_TEST

/* Exponents are for what is small or far from the rest, whatever the largest is. */
START_TEST(test_exponents)
{
    static const double numbers[][2] = {{1, 1e-5}, {1, 0.5}, {1, 1e-4}, {0, 1e-5}, {0, 0}};
    static const char *const texts[] = {"[1.e+00, 1.e-05]", "[1. , 0.5]", "[1.e+00, 1.e-04]",
                                        "[0.e+00, 1.e-05]", "[0., 0.]"};
    for (int i = 0; i < 5; i++) {
        char text[64];
        tn_format(tn_from_data(ctx, TN_F64, TN_SHAPE(2), numbers[i]), text, sizeof text);
        ck_assert_str_eq(text, texts[i]);
    }
}
END_TEST

START_TEST(test_print_gives_memory_back)
{
    tn_tensor *t = tn_zeros(ctx, TN_F64, TN_SHAPE(30, 30));
    int64_t before = tn_memory(ctx).live_bytes;
    printed(t);
    ck_assert_int_eq(tn_memory(ctx).live_bytes, before);
}
END_TEST

START_TEST(test_print_of_a_full_line)
{
    ck_assert_str_eq(printed(tn_zeros(ctx, TN_I32, TN_SHAPE(23))),
                     "tensor([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,\n"
                     "        0], i32)\n");
    ck_assert_str_eq(printed(tn_zeros(ctx, TN_I32, TN_SHAPE(22))),
                     "tensor([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],\n"
                     "       i32)\n");
    ck_assert_str_eq(printed(tn_zeros(ctx, TN_I32, TN_SHAPE(21))),
                     "tensor([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],\n"
                     "       i32)\n");
    ck_assert_str_eq(
        printed(tn_zeros(ctx, TN_U8, TN_SHAPE(21))),
        "tensor([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], u8)\n");
}
END_TEST

START_TEST(test_print_null)
{
    ck_assert_int_eq(tn_print(ctx, NULL), TN_ERR_ARGUMENT);
    ck_assert_str_eq(tn_error(ctx), "print: tensor is NULL");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("print");
    TCase *tcase = tcase_create("print");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, test_as_numpy, 0, N_CASES);
    tcase_add_test(tcase, test_cut);
    tcase_add_test(tcase, test_null_is_empty);
    tcase_add_test(tcase, test_print);
    tcase_add_test(tcase, test_exponents);
    tcase_add_test(tcase, test_print_gives_memory_back);
    tcase_add_test(tcase, test_print_of_a_full_line);
    tcase_add_test(tcase, test_print_null);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
