/* dropout(x, p, training). */
#include "common/ops.h"

/* The same elements are dropped in each call. */
static tn_tensor *dropped(const tn_tensor *x, double p)
{
    tn_manual_seed(ctx, 7);
    return tn_dropout(ctx, x, p, true);
}

OP(some, dropped(in[0], 0.375))
OP(all, dropped(in[0], 1))
OP(none, dropped(in[0], 0))
OP(evaluation, tn_dropout(ctx, in[0], 0.375, false))

static const op_case cases[] = {UNARY_CASES("dropout", some, false),
                                {"dropout p=1", all, "[3,4]", false},
                                {"dropout p=0", none, "[3,4]", false},
                                {"dropout evaluation", evaluation, "[]", false},
                                {"dropout evaluation", evaluation, "[2,3,4]", false}};

/* Every element is 0 or x / (1 - p), by the stream of Bernoulli numbers. */
START_TEST(test_values)
{
    static const char *const shapes[] = {"[]", "[0]", "[7]", "[3,5,2]", "[40013]", "[3,16411]"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int run = 0; run < 6; run++) {
            tn_scope scope = tn_scope_begin(ctx);
            tn_dtype dtype = run % 2 ? TN_F32 : TN_F64;
            array x = array_random(shapes[i]), y = array_new(x.ndim, x.shape);
            tn_tensor *mask = tn_empty(ctx, TN_BOOL, x.ndim, x.shape);
            tn_manual_seed(ctx, 7);
            tn_bernoulli_(ctx, mask, 0.75);
            array kept = array_of(mask), dx = array_new(x.ndim, x.shape);
            for (int64_t j = 0; j < x.numel; j++) {
                dx.data[j] = kept.data[j] != 0 ? 1 / 0.75 : 0;
                y.data[j] = x.data[j] * dx.data[j];
            }
            tn_tensor *t = leaf_of(&x, dtype, (layout)(run / 2)), *got = dropped(t, 0.25);
            check_array(got, &y, tolerance(dtype), "dropout of %s", shapes[i]);
            tn_backward(ctx, tn_sum(ctx, got, (tn_reduce_opts){0}));
            check_array(tn_grad(t), &dx, tolerance(dtype), "gradient of %s", shapes[i]);
            tn_scope_end(ctx, scope);
        }
}
END_TEST

/* Within five standard deviations, for a seed that is fixed. */
START_TEST(test_how_many_are_dropped)
{
    double n = 100000;
    tn_tensor *x = tn_ones(ctx, TN_F64, TN_SHAPE(100000));
    for (double p = 0.125; p < 1; p += 0.125) {
        tn_tensor *y = tn_dropout(ctx, x, p, true);
        double kept = tn_item(ctx, tn_sum(ctx, y, (tn_reduce_opts){0})) * (1 - p);
        ck_assert_double_le(fabs(kept - n * (1 - p)), 5 * sqrt(n * p * (1 - p)));
    }
}
END_TEST

START_TEST(test_any_number_of_threads)
{
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(300, 401));
    tn_set_threads(ctx, 1);
    tn_tensor *one = dropped(x, 0.5);
    for (int threads = 2; threads <= 8; threads += 3) {
        tn_set_threads(ctx, threads);
        check_same_bits(dropped(x, 0.5), one);
    }
}
END_TEST

/* A new mask in each call, the same after the state of the stream was set back. */
START_TEST(test_stream)
{
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(64));
    tn_rng_state state = tn_get_rng_state(ctx);
    tn_tensor *a = tn_dropout(ctx, x, 0.5, true), *b = tn_dropout(ctx, x, 0.5, true);
    ck_assert_int_gt(tn_count_equal(ctx, tn_eq(ctx, a, b), tn_zeros(ctx, TN_BOOL, TN_SHAPE(64))),
                     0);
    tn_set_rng_state(ctx, state);
    check_same_bits(tn_dropout(ctx, x, 0.5, true), a);
    state = tn_get_rng_state(ctx);
    tn_dropout(ctx, x, 0.5, false);
    ck_assert_uint_eq(tn_get_rng_state(ctx).position, state.position);
}
END_TEST

START_TEST(test_evaluation)
{
    tn_tensor *x = LEAF(1, NAN, -3), *y = tn_dropout(ctx, x, 1, false);
    ck_assert_ptr_eq(tn_data(y), tn_data(x));
    tn_backward_with(ctx, y, F64(1, 2, 3));
    ck_tn_equal(tn_grad(x), 1, 2, 3);
}
END_TEST

START_TEST(test_everything_is_dropped)
{
    tn_tensor *x = LEAF(1, 2, -3), *y = tn_dropout(ctx, x, 1, true);
    ck_tn_equal(y, 0, 0, 0);
    tn_backward_with(ctx, y, F64(1, 2, 3));
    ck_tn_equal(tn_grad(x), 0, 0, 0);
}
END_TEST

START_TEST(test_errors)
{
    tn_tensor *x = F64(1, 2), *i64 = tn_ones(ctx, TN_I64, TN_SHAPE(2));
    check_fails(tn_dropout(ctx, NULL, 0.5, true), TN_ERR_ARGUMENT, "dropout: input is NULL");
    check_fails(tn_dropout(ctx, NULL, 0.5, false), TN_ERR_ARGUMENT, "dropout: input is NULL");
    check_fails(tn_dropout(ctx, i64, 0.5, true), TN_ERR_DTYPE,
                "dropout: input is i64 but must be f32 or f64; tn_cast converts");
    check_fails(tn_dropout(ctx, x, 1.5, true), TN_ERR_ARGUMENT,
                "dropout: p = 1.5 is not between 0 and 1");
    check_fails(tn_dropout(ctx, x, -0.5, false), TN_ERR_ARGUMENT,
                "dropout: p = -0.5 is not between 0 and 1");
    check_fails(tn_dropout(ctx, x, NAN, true), TN_ERR_ARGUMENT,
                "dropout: p = nan is not between 0 and 1");
    ck_assert_ptr_null(tn_dropout(NULL, x, 0.5, true));
}
END_TEST

/* Where it fails, neither the mask nor the result is left. */
static tn_status drop_half(void *x)
{
    tn_scope scope = tn_scope_begin(ctx);
    int64_t tensors = tn_memory(ctx).tensors;
    tn_tensor *y = tn_dropout(ctx, x, 0.5, true);
    ck_assert(y || tn_memory(ctx).tensors == tensors);
    tn_scope_end(ctx, scope);
    return tn_error_status(ctx);
}

START_TEST(test_memory_that_runs_out)
{
    tn_tensor *x = LEAF(1, 2, 3, 4);
    drop_half(x); /* the tape has room from now on */
    fail_each_allocation(drop_half, x);
}
END_TEST

OP_TESTS("dropout", cases, test_values, test_how_many_are_dropped, test_any_number_of_threads,
         test_stream, test_evaluation, test_everything_is_dropped, test_errors,
         test_memory_that_runs_out)
