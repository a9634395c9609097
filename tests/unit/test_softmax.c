/* softmax(x) and log_softmax(x). */
#include <stdio.h>
#include "common/ops.h"

OP(softmax_first, tn_softmax(ctx, in[0], 0))
OP(softmax_middle, tn_softmax(ctx, in[0], 1))
OP(softmax_last, tn_softmax(ctx, in[0], -1))
OP(log_softmax_first, tn_log_softmax(ctx, in[0], 0))
OP(log_softmax_middle, tn_log_softmax(ctx, in[0], 1))
OP(log_softmax_last, tn_log_softmax(ctx, in[0], -1))

static const op_case cases[] = {{"softmax dim=0", softmax_first, "[]", false},
                                {"softmax dim=0", softmax_first, "[3,4]", false},
                                {"softmax dim=1", softmax_middle, "[2,5,3]", false},
                                {"softmax dim=-1", softmax_last, "[3,4]", false},
                                {"softmax dim=-1", softmax_last, "[2,17]", false},
                                {"softmax dim=-1", softmax_last, "[0,3]", false},
                                {"log_softmax dim=0", log_softmax_first, "[]", false},
                                {"log_softmax dim=0", log_softmax_first, "[3,4]", false},
                                {"log_softmax dim=1", log_softmax_middle, "[2,5,3]", false},
                                {"log_softmax dim=-1", log_softmax_last, "[3,4]", false},
                                {"log_softmax dim=-1", log_softmax_last, "[2,17]", false},
                                {"log_softmax dim=-1", log_softmax_last, "[0,3]", false}};

/* ln sum e^x over a dimension, which stays with size 1. */
static array naive_lse(const array *x, int dim)
{
    int64_t index[TN_MAX_DIMS] = {0};
    array sum = *x;
    sum.shape[dim] = 1;
    sum = array_new(sum.ndim, sum.shape);
    for (int64_t i = 0; i < x->numel; i++, next_index(x->ndim, x->shape, index))
        *array_at(&sum, x->ndim, index) += exp(x->data[i]);
    for (int64_t i = 0; i < sum.numel; i++)
        sum.data[i] = log(sum.data[i]);
    return sum;
}

/* p = e^ln_p and, from the gradients g, y (g - sum y g) and g - p sum g. */
static void check_dim(const array *x, int dim)
{
    int64_t index[TN_MAX_DIMS] = {0};
    array lse = naive_lse(x, dim), g = array_new(x->ndim, x->shape);
    array p = array_new(x->ndim, x->shape), ln_p = array_new(x->ndim, x->shape);
    array sum_g = array_new(x->ndim, lse.shape), sum_pg = array_new(x->ndim, lse.shape);
    array d = array_new(x->ndim, x->shape), ln_d = array_new(x->ndim, x->shape);
    for (int64_t i = 0; i < x->numel; i++, next_index(x->ndim, x->shape, index)) {
        ln_p.data[i] = x->data[i] - *array_at(&lse, x->ndim, index);
        p.data[i] = exp(ln_p.data[i]);
        g.data[i] = (double)(random_bits() % 17) / 8 - 1;
        *array_at(&sum_g, x->ndim, index) += g.data[i];
        *array_at(&sum_pg, x->ndim, index) += p.data[i] * g.data[i];
    }
    for (int64_t i = 0; i < x->numel; i++, next_index(x->ndim, x->shape, index)) {
        d.data[i] = p.data[i] * (g.data[i] - *array_at(&sum_pg, x->ndim, index));
        ln_d.data[i] = g.data[i] - p.data[i] * *array_at(&sum_g, x->ndim, index);
    }
    for (int run = 0; run < 6; run++) {
        tn_scope scope = tn_scope_begin(ctx);
        tn_dtype dtype = run % 2 ? TN_F32 : TN_F64;
        tn_tensor *t = leaf_of(x, dtype, (layout)(run / 2)), *dy = tensor_of(&g, dtype, PLAIN);
        tn_tensor *y = tn_softmax(ctx, t, dim), *z = tn_log_softmax(ctx, t, dim - x->ndim);
        check_array(y, &p, tolerance(dtype), "softmax of %s along %d", TN_SHAPE_TEXT(t), dim);
        check_array(z, &ln_p, tolerance(dtype), "log_softmax of %s, %d", TN_SHAPE_TEXT(t), dim);
        tn_backward_with(ctx, y, dy);
        check_array(tn_grad(t), &d, tolerance(dtype), "softmax's gradient of %s along %d",
                    TN_SHAPE_TEXT(t), dim);
        tn_clear_grad(t);
        tn_backward_with(ctx, z, dy);
        check_array(tn_grad(t), &ln_d, tolerance(dtype), "log_softmax's gradient of %s along %d",
                    TN_SHAPE_TEXT(t), dim);
        tn_scope_end(ctx, scope);
    }
}

START_TEST(test_values)
{
    static const char *const shapes[] = {
        "[1]",         "[0]",        "[5]",       "[3,4]",
        "[0,3]",       "[3,0]",      "[2,3,1,4]", "[2,1,2,1,2,1,2,3]",
        "[4000,5]",    "[5,4000]",   "[3,16]",    "[600,31]",
        "[2,3,1,130]", "[2,257,17]", "[20000,16]"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        array x = array_random(shapes[i]);
        for (int64_t j = 0; j < x.numel; j++)
            x.data[j] *= 8;
        for (int dim = 0; dim < x.ndim; dim++)
            check_dim(&x, dim);
    }
    for (int n = 1; n <= 67; n++) {
        char text[16];
        snprintf(text, sizeof text, "[3,%d]", n);
        array x = array_random(text);
        check_dim(&x, 1);
    }
}
END_TEST

/* e^x over the whole range of float, and of double's normal numbers: exact to a few units in the
 * last place, which below the normal numbers is the smallest of all. */
START_TEST(test_exponential)
{
    for (int dtype = TN_F32; dtype <= TN_F64; dtype++)
        for (double x = 0; x > -708; x -= 0.37) {
            double values[] = {0, dtype == TN_F32 ? (double)(float)x : x};
            tn_tensor *t =
                tn_cast(ctx, tn_from_data(ctx, TN_F64, TN_SHAPE(2), values), (tn_dtype)dtype);
            tn_tensor *y = tn_softmax(ctx, t, 0);
            double e = exp(values[1]), got = element_of(y, 1), want = e / (1 + e);
            double error = dtype ? want * 1e-15 : fmax(want * 5e-7, 0x1p-149);
            ck_assert_msg(fabs(got - want) <= error, "e^%.17g: %.17g, not %.17g", values[1], got,
                          want);
            tn_free(y);
        }
}
END_TEST

START_TEST(test_extreme_logits_are_finite)
{
    for (int dtype = TN_F32; dtype <= TN_F64; dtype++) {
        double values[] = {1e4, -1e4, 1e30, -1e30, 1e30, -1e30};
        tn_tensor *x =
            tn_cast(ctx, tn_from_data(ctx, TN_F64, TN_SHAPE(3, 2), values), (tn_dtype)dtype);
        ck_tn_equal(tn_softmax(ctx, x, 1), 1, 0, 1, 0, 1, 0);
        ck_tn_close(tn_log_softmax(ctx, x, 1), 1e-6, 0, -2e4, 0, -2e30, 0, -2e30);
        ck_tn_close(tn_softmax(ctx, tn_narrow(ctx, x, 0, 1, 2), 0), 1e-7, 0.5, 0.5, 0.5, 0.5);
        ck_tn_close(tn_log_softmax(ctx, tn_narrow(ctx, x, 0, 1, 2), 0), 1e-7, -log(2), -log(2),
                    -log(2), -log(2));
    }
}
END_TEST

/* e^x of it is infinite, and of no other element: it must be found wherever it is. */
START_TEST(test_largest_at_every_place)
{
    for (int64_t n = 1; n < 100; n++)
        for (int64_t at = 0; at < n; at++) {
            tn_scope scope = tn_scope_begin(ctx);
            tn_tensor *x = tn_zeros(ctx, TN_F32, TN_SHAPE(n));
            ((float *)tn__ptr(x))[at] = 1000;
            const float *y = tn_data_f32(tn_softmax(ctx, x, 0));
            const float *logs = tn_data_f32(tn_log_softmax(ctx, x, 0));
            for (int64_t i = 0; i < n; i++) {
                ck_assert_float_eq(y[i], i == at ? 1 : 0);
                ck_assert_float_eq(logs[i], i == at ? 0 : -1000);
            }
            tn_scope_end(ctx, scope);
        }
}
END_TEST

/* The same down columns, each of which has its largest logit elsewhere. */
START_TEST(test_largest_of_every_column)
{
    for (int64_t n = 1; n < 20; n++)
        for (int64_t columns = 2; columns < 90; columns += 7) {
            tn_scope scope = tn_scope_begin(ctx);
            tn_tensor *x = tn_zeros(ctx, TN_F32, TN_SHAPE(n, columns));
            for (int64_t j = 0; j < columns; j++)
                ((float *)tn__ptr(x))[j % n * columns + j] = 1000;
            const float *y = tn_data_f32(tn_softmax(ctx, x, 0));
            const float *logs = tn_data_f32(tn_log_softmax(ctx, x, 0));
            for (int64_t i = 0; i < n * columns; i++) {
                float largest = i % columns % n == i / columns;
                ck_assert_float_eq(y[i], largest);
                ck_assert_float_eq(logs[i], 1000 * largest - 1000);
            }
            tn_scope_end(ctx, scope);
        }
}
END_TEST

/* A row has the same bits alone and at any place beside others, of which some are short enough to
 * be done side by side. */
START_TEST(test_rows_of_any_company)
{
    for (int64_t n = 1; n <= 40; n++)
        for (int64_t rows = 1; rows <= 33; rows += 4) {
            tn_scope scope = tn_scope_begin(ctx);
            tn_tensor *x = tn_randn(ctx, n % 2 ? TN_F32 : TN_F64, TN_SHAPE(rows, n));
            tn_tensor *y = tn_softmax(ctx, x, 1), *logs = tn_log_softmax(ctx, x, 1);
            for (int64_t i = 0; i < rows; i++) {
                const tn_tensor *row = tn_select(ctx, x, 0, i);
                check_same_bits(tn_select(ctx, y, 0, i), tn_softmax(ctx, row, 0));
                check_same_bits(tn_select(ctx, logs, 0, i), tn_log_softmax(ctx, row, 0));
            }
            tn_scope_end(ctx, scope);
        }
}
END_TEST

START_TEST(test_errors)
{
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(2, 3)), *i = tn_ones(ctx, TN_I32, TN_SHAPE(2));
    check_fails(tn_softmax(ctx, NULL, 0), TN_ERR_ARGUMENT, "softmax: input is NULL");
    check_fails(tn_log_softmax(ctx, NULL, 0), TN_ERR_ARGUMENT, "log_softmax: input is NULL");
    check_fails(tn_softmax(ctx, i, 0), TN_ERR_DTYPE,
                "softmax: input is i32 but must be f32 or f64; tn_cast converts");
    check_fails(tn_log_softmax(ctx, x, 2), TN_ERR_ARGUMENT,
                "log_softmax: dimension 2 is outside a tensor of 2 dimensions");
    check_fails(tn_softmax(ctx, tn_scalar(ctx, TN_F32, 1), 1), TN_ERR_ARGUMENT,
                "softmax: dimension 1 is outside a tensor of 0 dimensions");
    ck_assert_ptr_null(tn_softmax(NULL, x, 0));
}
END_TEST

OP_TESTS("softmax", cases, test_values, test_exponential, test_extreme_logits_are_finite,
         test_largest_at_every_place, test_largest_of_every_column, test_rows_of_any_company,
         test_errors)
