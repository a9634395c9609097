/* eq, ne, lt, le, gt and ge of a and b. */
#include <stdio.h>
#include "common/ops.h"

typedef tn_tensor *(*compare_fn)(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b);

static const struct {
    const char *name;
    compare_fn fn;
    bool less, equal, greater; /* the result where a < b, a = b, a > b */
} operators[] = {{"eq", tn_eq, false, true, false}, {"ne", tn_ne, true, false, true},
                 {"lt", tn_lt, true, false, false}, {"le", tn_le, true, true, false},
                 {"gt", tn_gt, false, false, true}, {"ge", tn_ge, false, true, true}};
#define N_OPERATORS (int)(sizeof operators / sizeof *operators)

static bool expected(int op, double a, double b)
{
    if (isnan(a) || isnan(b))
        return operators[op].fn == tn_ne;
    return a < b ? operators[op].less : a > b ? operators[op].greater : operators[op].equal;
}

static void check_compare(const array *a, const array *b, tn_dtype dtype, layout how)
{
    tn_tensor *ta = tensor_of(a, dtype, how), *tb = tensor_of(b, dtype, how);
    array rounded_a = array_of(ta), rounded_b = array_of(tb), want = array_broadcast(a, b);
    for (int op = 0; op < N_OPERATORS; op++) {
        int64_t index[TN_MAX_DIMS] = {0};
        for (int64_t i = 0; i < want.numel; i++, next_index(want.ndim, want.shape, index))
            want.data[i] = expected(op, *array_at(&rounded_a, want.ndim, index),
                                    *array_at(&rounded_b, want.ndim, index));
        tn_tensor *y = operators[op].fn(ctx, ta, tb);
        ck_assert_int_eq(tn_dtype_of(y), TN_BOOL);
        check_array(y, &want, 0, "%s of %s %s and %s, %s", operators[op].name, tn_dtype_name(dtype),
                    TN_SHAPE_TEXT(ta), TN_SHAPE_TEXT(tb), layout_name(how));
    }
}

/* Few different values, so that some are equal. */
static array few_values(const char *shape)
{
    array a = array_zeros(shape);
    for (int64_t i = 0; i < a.numel; i++)
        a.data[i] = (double)(random_bits() % 5) - 1.5;
    return a;
}

START_TEST(test_values)
{
    static const char *const shapes[][2] = {{"[]", "[]"},
                                            {"[5]", "[]"},
                                            {"[0]", "[1]"},
                                            {"[2,3,4]", "[4]"},
                                            {"[2,1,4]", "[3,1]"},
                                            {"[3,0,2]", "[3,1,2]"},
                                            {"[67,3]", "[67,3]"},
                                            {"[3,16411]", "[3,16411]"},
                                            {"[2,1,2,1,2,1,2,3]", "[1,2,1,2,1,2,1,3]"}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        array a = few_values(shapes[i][0]), b = few_values(shapes[i][1]);
        for (int run = 0; run < TN_DTYPES * 3; run++) {
            tn_scope scope = tn_scope_begin(ctx);
            check_compare(&a, &b, (tn_dtype)(run / 3), (layout)(run % 3));
            tn_scope_end(ctx, scope);
        }
    }
}
END_TEST

START_TEST(test_special_values)
{
    static double values[] = {NAN, INFINITY, -INFINITY, 0, -0.0, 1};
    array a = {.ndim = 2, .shape = {6, 1}, .numel = 6, .data = values};
    array b = {.ndim = 1, .shape = {6}, .numel = 6, .data = values};
    check_compare(&a, &b, TN_F32, PLAIN);
    check_compare(&a, &b, TN_F64, SLICED);
}
END_TEST

/* These are one number as doubles. */
START_TEST(test_large_integers)
{
    tn_tensor *a = tn_from_data(ctx, TN_I64, TN_SHAPE(1), (int64_t[]){INT64_MAX});
    tn_tensor *b = tn_from_data(ctx, TN_I64, TN_SHAPE(1), (int64_t[]){INT64_MAX - 1});
    ck_tn_equal(tn_eq(ctx, a, b), 0);
    ck_tn_equal(tn_gt(ctx, a, b), 1);
    ck_tn_equal(tn_lt(ctx, a, b), 0);
}
END_TEST

START_TEST(test_no_gradient)
{
    tn_tensor *x = LEAF(1, 2);
    for (int op = 0; op < N_OPERATORS; op++)
        ck_assert(!tn_requires_grad(operators[op].fn(ctx, x, x)));
}
END_TEST

static void check_message(int op, const tn_tensor *a, const tn_tensor *b, tn_status status,
                          const char *message)
{
    char text[256];
    snprintf(text, sizeof text, "%s: %s", operators[op].name, message);
    check_fails(operators[op].fn(ctx, a, b), status, text);
}

START_TEST(test_errors)
{
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(2, 3)),
              *i64 = tn_ones(ctx, TN_I64, TN_SHAPE(2, 3));
    for (int op = 0; op < N_OPERATORS; op++) {
        check_message(op, NULL, x, TN_ERR_ARGUMENT, "input is NULL");
        check_message(op, x, NULL, TN_ERR_ARGUMENT, "other is NULL");
        check_message(op, x, i64, TN_ERR_DTYPE, "input is f32 but other is i64; tn_cast converts");
        check_message(op, x, tn_ones(ctx, TN_F32, TN_SHAPE(2)), TN_ERR_SHAPE,
                      "shapes [2,3] and [2] do not broadcast");
        ck_assert_ptr_null(operators[op].fn(NULL, x, x));
    }
}
END_TEST

OP_TESTS_NO_GRAD("compare", test_values, test_special_values, test_large_integers, test_no_gradient,
                 test_errors)
