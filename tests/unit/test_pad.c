/* pad(x, pad, value). */
#include "common/ops.h"

OP(pad_last, tn_pad(ctx, in[0], TN_SHAPE(1, 2), 0.5))
OP(pad_two, tn_pad(ctx, in[0], TN_SHAPE(2, 0, 1, 1), -3))
OP(pad_and_cut, tn_pad(ctx, in[0], TN_SHAPE(-1, 2, 1, -2), 0))
OP(pad_nothing, tn_pad(ctx, in[0], 0, NULL, 0))

static const op_case cases[] = {{"pad 1,2", pad_last, "[5]", false},
                                {"pad 1,2", pad_last, "[3,4]", false},
                                {"pad 1,2", pad_last, "[2,0]", false},
                                {"pad 2,0,1,1", pad_two, "[3,4]", false},
                                {"pad 2,0,1,1", pad_two, "[2,1,2,1,2,1,2,2]", false},
                                {"pad -1,2,1,-2", pad_and_cut, "[3,4]", false},
                                {"pad -1,2,1,-2", pad_and_cut, "[2,3,2]", false},
                                {"pad nothing", pad_nothing, "[]", false},
                                {"pad nothing", pad_nothing, "[3]", false}};

/* x [2, 3, 4] with `pad`: y[i] is x[i - before], or the value if that is outside. */
static array naive_pad(const array *x, int count, const int64_t *pad, double value)
{
    int64_t shape[TN_MAX_DIMS], index[TN_MAX_DIMS] = {0}, before[TN_MAX_DIMS] = {0};
    for (int i = 0; i < x->ndim; i++) {
        int at = 2 * (x->ndim - 1 - i);
        before[i] = at < count ? pad[at] : 0;
        shape[i] = x->shape[i] + (at < count ? pad[at] + pad[at + 1] : 0);
    }
    array y = array_new(x->ndim, shape);
    for (int64_t i = 0; i < y.numel; i++, next_index(y.ndim, y.shape, index)) {
        int64_t from[TN_MAX_DIMS];
        bool inside = true;
        for (int j = 0; j < x->ndim; j++) {
            from[j] = index[j] - before[j];
            inside = inside && from[j] >= 0 && from[j] < x->shape[j];
        }
        y.data[i] = inside ? *array_at(x, x->ndim, from) : value;
    }
    return y;
}

START_TEST(test_values)
{
    array x = array_random("[2,3,4]");
    for (int run = 0; run < 2000; run++) {
        tn_scope scope = tn_scope_begin(ctx);
        int64_t pad[6];
        int count = run % 4 * 2;
        for (int i = 0; i < count; i++)
            pad[i] = (int64_t)(random_bits() % 4) - 1;
        tn_tensor *t = tensor_of(&x, (tn_dtype)(run % TN_DTYPES), (layout)(run % 3));
        array rounded = array_of(t), want = naive_pad(&rounded, count, pad, 1);
        tn_tensor *y = tn_pad(ctx, t, count, pad, 1);
        ck_assert_int_eq(tn_dtype_of(y), run % TN_DTYPES);
        check_array(y, &want, 0, "pad %s", tn_shape_text(count, pad).s);
        tn_scope_end(ctx, scope);
    }
}
END_TEST

START_TEST(test_value)
{
    ck_tn_equal(tn_pad(ctx, F64(1, 2), TN_SHAPE(1, 2), -INFINITY), -INFINITY, 1, 2, -INFINITY,
                -INFINITY);
    ck_tn_equal(tn_pad(ctx, tn_ones(ctx, TN_I32, TN_SHAPE(1)), TN_SHAPE(1, 0), 7.5), 7, 1);
    ck_tn_equal(tn_pad(ctx, F64(1, 2), TN_SHAPE(-2, 1), 5), 5);
    ck_tn_shape(tn_pad(ctx, F64(1, 2), TN_SHAPE(-1, -1), 5), "[0]");
}
END_TEST

START_TEST(test_result_has_its_own_memory)
{
    tn_tensor *x = F64(1, 2);
    tn_fill_(ctx, tn_pad(ctx, x, 0, NULL, 0), 5);
    ck_tn_equal(x, 1, 2);
}
END_TEST

START_TEST(test_errors)
{
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(2, 3));
    check_fails(tn_pad(ctx, NULL, TN_SHAPE(1, 1), 0), TN_ERR_ARGUMENT, "pad: input is NULL");
    check_fails(tn_pad(ctx, x, TN_SHAPE(1, 1, 1), 0), TN_ERR_ARGUMENT,
                "pad: 3 numbers for [2,3]; expected two for a dimension");
    check_fails(tn_pad(ctx, x, TN_SHAPE(1, 1, 1, 1, 1, 1), 0), TN_ERR_ARGUMENT,
                "pad: 6 numbers for [2,3]; expected two for a dimension");
    check_fails(tn_pad(ctx, x, 2, NULL, 0), TN_ERR_ARGUMENT,
                "pad: 2 numbers at NULL for [2,3]; expected two for a dimension");
    check_fails(tn_pad(ctx, x, TN_SHAPE(-2, -2), 0), TN_ERR_SHAPE,
                "pad: -2 before and -2 after dimension 1 of [2,3]");
    check_fails(tn_pad(ctx, x, TN_SHAPE(0, 0, -3, 5), 0), TN_ERR_SHAPE,
                "pad: -3 before and 5 after dimension 0 of [2,3]");
    check_fails(tn_pad(ctx, x, TN_SHAPE(INT64_MAX, 1), 0), TN_ERR_SHAPE,
                "pad: 9223372036854775807 before and 1 after dimension 1 of [2,3]");
    check_fails(tn_pad(ctx, x, TN_SHAPE(INT64_MIN, INT64_MIN), 0), TN_ERR_SHAPE,
                "pad: -9223372036854775808 before and -9223372036854775808 after dimension 1 of "
                "[2,3]");
    ck_assert_ptr_null(tn_pad(NULL, x, TN_SHAPE(1, 1), 0));
}
END_TEST

OP_TESTS("pad", cases, test_values, test_value, test_result_has_its_own_memory, test_errors)
