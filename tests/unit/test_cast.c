/* cast(x, dtype), clone(x) and contiguous(x). */
#include "common/ops.h"

OP(cast_same, tn_cast(ctx, in[0], tn_dtype_of(in[0])))
OP(clone, tn_clone(ctx, in[0]))
OP(contiguous, tn_contiguous(ctx, in[0]))

static const op_case cases[] = {
    {"cast", cast_same, "[3,4]", false},        {"cast", cast_same, "[]", false},
    {"cast", cast_same, "[0,2]", false},        {"clone", clone, "[]", false},
    {"clone", clone, "[2,3,4]", false},         {"clone", clone, "[1,2,1,2,1,2,1,2]", false},
    {"contiguous", contiguous, "[3,4]", false}, {"contiguous", contiguous, "[0,2]", false}};

static const double lows[] = {0, 0, -0x1p63, INT32_MIN, 0, 0};
static const double highs[] = {0, 0, 0x1p63, INT32_MAX, UINT8_MAX, 1};

/* The value as a double; i64's largest is 2^63 then. */
static double naive_cast(double x, tn_dtype to)
{
    if (to == TN_F64)
        return x;
    if (to == TN_F32)
        return (double)(float)x;
    if (to == TN_BOOL)
        return x != 0;
    return isnan(x) ? 0 : fmin(fmax(trunc(x), lows[to]), highs[to]);
}

START_TEST(test_values)
{
    static const double values[] = {
        0,        -0.0,          0.25,       -0.75,         1,
        -1,       1.75,          -2.5,       127,           128,
        255.5,    256,           300,        -1e-9,         1e9,
        -1e9,     3e9,           -3e9,       1e18,          -1e18,
        1e19,     -1e19,         1e30,       -1e30,         NAN,
        INFINITY, -INFINITY,     2147483647, -2147483648.0, 254.9,
        255,      255.9,         -0.9,       0x1p31 - 128,  -0x1p31 - 256,
        0x1p63,   0x1p63 - 1024, -0x1p63,    -1.5e9};
    int64_t n = (int64_t)(sizeof values / sizeof *values);
    tn_tensor *start = tn_from_data(ctx, TN_F64, 1, &n, values);
    for (int from = 0; from < TN_DTYPES; from++)
        for (int to = 0; to < TN_DTYPES; to++) {
            tn_tensor *x = tn_cast(ctx, start, (tn_dtype)from), *y = tn_cast(ctx, x, (tn_dtype)to);
            ck_assert_int_eq(tn_dtype_of(y), to);
            for (int64_t i = 0; i < n; i++) {
                double a = naive_cast(values[i], (tn_dtype)from), b = naive_cast(a, (tn_dtype)to);
                ck_assert_msg(element_of(y, i) == b || (isnan(b) && isnan(element_of(y, i))),
                              "%.17g as %s as %s is %.17g, not %.17g", values[i],
                              tn_dtype_name((tn_dtype)from), tn_dtype_name((tn_dtype)to),
                              element_of(y, i), b);
            }
        }
}
END_TEST

/* Sizes around vectors and blocks, numbers side by side and with gaps. Values lie in the range of
 * every type, or outside of the narrow ones. */
START_TEST(test_sizes)
{
    static const double values[] = {1, 0, 200, 255, 256, -1, 7, 40000, NAN, -300, 2, 254};
    for (int64_t n = 1; n <= 600; n += n < 70 ? 1 : n < 250 ? 90 : n < 260 ? 1 : 127)
        for (int run = 0; run < TN_DTYPES * TN_DTYPES * 2; run++) {
            tn_dtype from = (tn_dtype)(run / 2 % TN_DTYPES), to = (tn_dtype)(run / 2 / TN_DTYPES);
            tn_scope scope = tn_scope_begin(ctx);
            tn_tensor *all = tn_zeros(ctx, from, TN_SHAPE(n, run % 2 + 1));
            tn_tensor *x = tn_select(ctx, all, 1, 0);
            for (int64_t i = 0; i < n; i++)
                tn_fill_(ctx, tn_select(ctx, x, 0, i), values[i % 12]);
            tn_tensor *y = tn_cast(ctx, x, to);
            ck_assert_int_eq(tn_size(y, 0), n);
            for (int64_t i = 0; i < n; i++) {
                double want = naive_cast(naive_cast(values[i % 12], from), to);
                double got = element_of(y, i);
                ck_assert_msg(got == want || (isnan(got) && isnan(want)),
                              "%d of %d: %s as %s is %g, not %g", (int)i, (int)n,
                              tn_dtype_name(from), tn_dtype_name(to), got, want);
            }
            tn_scope_end(ctx, scope);
        }
}
END_TEST

START_TEST(test_large_integers)
{
    int64_t values[] = {INT64_MAX, INT64_MIN, (INT64_C(1) << 53) + (1 << 29) + 1, -1};
    tn_tensor *x = tn_from_data(ctx, TN_I64, TN_SHAPE(4), values);
    for (int i = 0; i < 4; i++) {
        ck_assert_float_eq(tn_data_f32(tn_cast(ctx, x, TN_F32))[i], (float)values[i]);
        ck_assert_double_eq(tn_data_f64(tn_cast(ctx, x, TN_F64))[i], (double)values[i]);
        ck_assert_int_eq(tn_data_i64(tn_clone(ctx, x))[i], values[i]);
    }
    ck_tn_equal(tn_cast(ctx, x, TN_I32), INT32_MAX, INT32_MIN, INT32_MAX, -1);
    ck_tn_equal(tn_cast(ctx, x, TN_U8), 255, 0, 255, 0);
    ck_tn_equal(tn_cast(ctx, x, TN_BOOL), 1, 1, 1, 1);
}
END_TEST

START_TEST(test_layouts)
{
    array x = array_random("[5,1,7]");
    for (int64_t i = 0; i < x.numel; i++)
        x.data[i] = (double)i;
    for (int from = 0; from < TN_DTYPES; from++)
        for (int run = 0; run < 3 * TN_BOOL; run++) {
            tn_dtype to = (tn_dtype)(run / 3);
            tn_tensor *t = tensor_of(&x, (tn_dtype)from, (layout)(run % 3));
            array want = array_of(t);
            check_array(tn_cast(ctx, t, to), &want, 0, "cast");
            check_array(tn_clone(ctx, t), &want, 0, "clone");
            check_array(tn_contiguous(ctx, t), &want, 0, "contiguous");
            ck_assert(tn_is_contiguous(tn_contiguous(ctx, t)));
            ck_assert(tn_is_contiguous(tn_cast(ctx, t, to)));
        }
}
END_TEST

/* A gradient arrives in the type of the input. */
START_TEST(test_gradients_between_types)
{
    tn_tensor *a = leaf(tn_from_data(ctx, TN_F32, TN_SHAPE(2), (float[]){1, 2})), *b = LEAF(3, 4);
    tn_tensor *y = tn_mul(ctx, tn_cast(ctx, a, TN_F64), b);
    tn_tensor *z = tn_cast(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}), TN_F32);
    ck_assert_int_eq(tn_backward(ctx, z), TN_OK);
    ck_assert_int_eq(tn_dtype_of(tn_grad(a)), TN_F32);
    ck_assert_int_eq(tn_dtype_of(tn_grad(b)), TN_F64);
    ck_tn_equal(tn_grad(a), 3, 4);
    ck_tn_equal(tn_grad(b), 1, 2);
    ck_assert(!tn_requires_grad(tn_cast(ctx, a, TN_I64)));
}
END_TEST

START_TEST(test_memory_of_results)
{
    tn_tensor *x = F64(1, 2, 3, 4, 5, 6), *odd = tn_slice(ctx, x, 0, 0, 6, 2);
    ck_assert_ptr_eq(tn_data(tn_contiguous(ctx, x)), tn_data(x));
    ck_assert_ptr_ne(tn_data(tn_contiguous(ctx, odd)), tn_data(odd));
    ck_assert_ptr_ne(tn_data(tn_clone(ctx, x)), tn_data(x));
    ck_assert_ptr_ne(tn_data(tn_cast(ctx, x, TN_F64)), tn_data(x));
}
END_TEST

START_TEST(test_errors)
{
    tn_tensor *x = tn_zeros(ctx, TN_F32, TN_SHAPE(2));
    check_fails(tn_cast(ctx, NULL, TN_F32), TN_ERR_ARGUMENT, "cast: input is NULL");
    check_fails(tn_cast(ctx, x, (tn_dtype)6), TN_ERR_DTYPE, "cast: 6 is no dtype");
    check_fails(tn_cast(ctx, x, (tn_dtype)-1), TN_ERR_DTYPE, "cast: -1 is no dtype");
    check_fails(tn_clone(ctx, NULL), TN_ERR_ARGUMENT, "clone: input is NULL");
    check_fails(tn_contiguous(ctx, NULL), TN_ERR_ARGUMENT, "contiguous: input is NULL");
    ck_assert_ptr_null(tn_cast(NULL, x, TN_F64));
}
END_TEST

OP_TESTS("cast", cases, test_values, test_sizes, test_large_integers, test_layouts,
         test_gradients_between_types, test_memory_of_results, test_errors)
