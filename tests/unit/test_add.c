/* add(a, b) = a + b. */
#include "common/ops.h"

OP(add_of, tn_add(ctx, in[0], in[1]))

static const op_case cases[] = {BINARY_CASES("add", add_of)};

static double y(const double *x)
{
    return x[0] + x[1];
}

static double dx(const double *x, int i)
{
    (void)x, (void)i;
    return 1;
}

static const elementwise op = {"add", add_of, 2, y, dx, false};

START_TEST(test_values)
{
    check_elementwise(&op);
}
END_TEST

START_TEST(test_one_tensor_twice)
{
    tn_tensor *x = LEAF(2, -3);
    tn_backward(ctx, tn_sum(ctx, tn_add(ctx, x, x), (tn_reduce_opts){0}));
    ck_tn_close(tn_grad(x), 1e-15, 2, 2);
}
END_TEST

/* Both inputs have dy for their gradient, which is there already. */
START_TEST(test_backward_copies_nothing)
{
    enum { N = 100000, BYTES = 4 * N };
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(N));
    tn_set_requires_grad(ctx, x, true);
    tn_tensor *y = tn_add(ctx, tn_mul_scalar(ctx, x, 2), tn_mul_scalar(ctx, x, 3));
    tn_tensor *dy = tn_ones(ctx, TN_F32, TN_SHAPE(N));
    int64_t before = tn_memory(ctx).live_bytes;
    tn_memory_reset_peak(ctx);
    ck_assert_int_eq(tn_backward_with(ctx, y, dy), TN_OK);
    int64_t most = tn_memory(ctx).peak_bytes - before;
    ck_assert_msg(most < 2 * BYTES + BYTES / 4, "%lld bytes",
                  (long long)most); /* dx and its parts */
    ck_assert(tn_data_f32(tn_grad(x))[N - 1] == 5);
}
END_TEST

START_TEST(test_errors)
{
    check_elementwise_errors(&op);
}
END_TEST

OP_TESTS("add", cases, test_values, test_one_tensor_twice, test_backward_copies_nothing,
         test_errors)
