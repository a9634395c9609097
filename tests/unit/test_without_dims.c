/* Tensors without dimensions: each function that takes the number of a dimension takes 0 and -1 for
 * them, as PyTorch does, or refuses them, as it does too. Other numbers are refused. */
#include "common/check_tn.h"

#include <stdio.h>
#include <string.h>

static tn_tensor *scalar(void)
{
    return leaf(tn_scalar(ctx, TN_F64, 5));
}

static tn_tensor *zeros_of(int ndim, const int64_t *shape)
{
    return tn_zeros(ctx, TN_I64, ndim, shape);
}

/* ---- those that take them -------------------------------------------------------------------- */

#define TAKES(id, call)                                               \
    static tn_tensor *id(const tn_tensor *x, int dim, tn_tensor **at) \
    {                                                                 \
        (void)dim, (void)at;                                          \
        return call;                                                  \
    }

TAKES(max, tn_max(ctx, x, dim, false, at))
TAKES(max_kept, tn_max(ctx, x, dim, true, at))
TAKES(min, tn_min(ctx, x, dim, false, at))
TAKES(argmax, tn_argmax(ctx, x, dim))
TAKES(argmin, tn_argmin(ctx, x, dim))
TAKES(topk, tn_topk(ctx, x, 1, dim, true, at))
TAKES(sum, tn_sum(ctx, x, TN_DIMS(dim)))
TAKES(sum_kept, tn_sum(ctx, x, TN_KEEPDIMS(dim)))
TAKES(mean, tn_mean(ctx, x, TN_DIMS(dim)))
TAKES(variance, tn_var(ctx, x, (tn_var_opts){.dims = &dim, .ndims = 1, .correction = TN_ZERO}))
TAKES(amax, tn_amax(ctx, x, TN_DIMS(dim)))
TAKES(amin, tn_amin(ctx, x, TN_DIMS(dim)))
TAKES(softmax, tn_softmax(ctx, x, dim))
TAKES(log_softmax, tn_log_softmax(ctx, x, dim))
TAKES(transpose, tn_transpose(ctx, x, 0, dim))
TAKES(transpose_back, tn_transpose(ctx, x, dim, -1))
TAKES(squeeze, tn_squeeze(ctx, x, dim))
TAKES(unsqueeze, tn_unsqueeze(ctx, x, dim))
TAKES(flatten, tn_flatten(ctx, x, 0, dim))
TAKES(flatten_from, tn_flatten(ctx, x, dim, -1))
TAKES(stack, tn_stack(ctx, TN_TENSORS(x, x), dim))
TAKES(index_select, tn_index_select(ctx, x, dim, zeros_of(TN_SHAPE(1))))
TAKES(index_select_one, tn_index_select(ctx, x, dim, zeros_of(TN_SCALAR)))
TAKES(gather, tn_gather(ctx, x, dim, zeros_of(TN_SCALAR)))
TAKES(gather_many, tn_gather(ctx, x, dim, zeros_of(TN_SHAPE(3))))
TAKES(gather_one, tn_gather(ctx, tn_unsqueeze(ctx, x, 0), dim, zeros_of(TN_SCALAR)))

/* y of x = 5, and dx for dy = 1. */
static const struct {
    const char *name;
    tn_tensor *(*fn)(const tn_tensor *x, int dim, tn_tensor **at);
    const char *shape;
    double y, dx;
} taken[] = {
    {"max", max, "[]", 5, 1},
    {"max", max_kept, "[]", 5, 1},
    {"min", min, "[]", 5, 1},
    {"argmax", argmax, "[]", 0, 0},
    {"argmin", argmin, "[]", 0, 0},
    {"topk", topk, "[]", 5, 1},
    {"sum", sum, "[]", 5, 1},
    {"sum", sum_kept, "[]", 5, 1},
    {"mean", mean, "[]", 5, 1},
    {"var", variance, "[]", 0, 0},
    {"amax", amax, "[]", 5, 1},
    {"amin", amin, "[]", 5, 1},
    {"softmax", softmax, "[]", 1, 0},
    {"log_softmax", log_softmax, "[]", 0, 0},
    {"transpose", transpose, "[]", 5, 1},
    {"transpose", transpose_back, "[]", 5, 1},
    {"squeeze", squeeze, "[]", 5, 1},
    {"unsqueeze", unsqueeze, "[1]", 5, 1},
    {"flatten", flatten, "[1]", 5, 1},
    {"flatten", flatten_from, "[1]", 5, 1},
    {"stack", stack, "[2]", 5, 2},
    {"index_select", index_select, "[]", 5, 1},
    {"index_select", index_select_one, "[]", 5, 1},
    {"gather", gather, "[]", 5, 1},
    {"gather", gather_many, "[3]", 5, 3},
    {"gather", gather_one, "[]", 5, 1},
};
enum { TAKEN = sizeof taken / sizeof *taken };

START_TEST(take_0_and_last)
{
    for (int dim = -1; dim <= 0; dim++) {
        tn_tensor *x = scalar(), *at = NULL;
        tn_tensor *y = taken[_i].fn(x, dim, &at);
        ck_assert_msg(y != NULL, "%s of dimension %d: %s", taken[_i].name, dim, tn_error(ctx));
        ck_tn_shape(y, taken[_i].shape);
        for (int64_t i = 0; i < tn_numel(y); i++)
            ck_assert_double_eq(element_of(y, i), taken[_i].y);
        if (at)
            ck_tn_shape(at, "[]");
        if (at)
            ck_assert_int_eq(tn_data_i64(at)[0], 0);
        if (!tn_requires_grad(y))
            continue;
        tn_backward_with(ctx, y, tn_ones(ctx, TN_F64, tn_ndim(y), tn_shape(y)));
        ck_tn_shape(tn_grad(x), "[]");
        ck_tn_equal(tn_grad(x), taken[_i].dx);
    }
}
END_TEST

/* One more than the last, and one before the first: of 0 dimensions, or of those of the result. */
START_TEST(refuse_other_dims)
{
    for (int dim = -2; dim <= 1; dim += 3) {
        tn_tensor *at, *y = taken[_i].fn(scalar(), dim, &at);
        char text[64];
        snprintf(text, sizeof text, "dimension %d is outside a tensor of ", dim);
        ck_assert_msg(y == NULL, "%s takes dimension %d", taken[_i].name, dim);
        ck_assert_msg(strstr(tn_error(ctx), text) != NULL, "%s", tn_error(ctx));
        ck_assert_int_eq(tn_error_status(ctx), TN_ERR_ARGUMENT);
        tn_clear_error(ctx);
    }
}
END_TEST

/* ---- those that do not ----------------------------------------------------------------------- */

START_TEST(refuse_scalars)
{
    tn_tensor *x = scalar();
    for (int dim = -1; dim <= 0; dim++) {
        ck_assert_ptr_null(tn_slice(ctx, x, dim, 0, 1, 1));
        tn_clear_error(ctx);
        ck_assert_ptr_null(tn_narrow(ctx, x, dim, 0, 1));
        tn_clear_error(ctx);
        ck_assert_ptr_null(tn_select(ctx, x, dim, 0));
        tn_clear_error(ctx);
        ck_assert_ptr_null(tn_cat(ctx, TN_TENSORS(x, x), dim));
        tn_clear_error(ctx);
    }
    ck_assert_ptr_null(tn_cat(ctx, TN_TENSORS(x, x), 0));
    ck_tn_error(TN_ERR_ARGUMENT, "cat: dimension 0 is outside a tensor of 0 dimensions");
}
END_TEST

/* What would not fit a result without dimensions. */
START_TEST(refuse_sizes)
{
    tn_tensor *x = scalar();
    ck_assert_ptr_null(tn_topk(ctx, x, 0, 0, true, NULL));
    ck_tn_error(TN_ERR_ARGUMENT, "topk: 0 elements of dimension 0 of []");
    ck_assert_ptr_null(tn_topk(ctx, x, 2, 0, true, NULL));
    ck_tn_error(TN_ERR_ARGUMENT, "topk: 2 elements of dimension 0 of []");
    ck_assert_ptr_null(tn_index_select(ctx, x, 0, zeros_of(TN_SHAPE(2))));
    ck_tn_error(TN_ERR_SHAPE, "index_select: index [2] selects 2 elements of []");
    ck_assert_ptr_null(tn_index_select(ctx, x, 0, zeros_of(TN_SHAPE(0))));
    ck_tn_error(TN_ERR_SHAPE, "index_select: index [0] selects 0 elements of []");
    ck_assert_ptr_null(tn_index_select(ctx, x, 0, tn_ones(ctx, TN_I64, TN_SCALAR)));
    ck_tn_error(TN_ERR_ARGUMENT, "index_select: index 1 is outside dimension 0 of [1]");
    ck_assert_ptr_null(tn_gather(ctx, x, 0, zeros_of(TN_SHAPE(1, 1))));
    ck_tn_error(TN_ERR_SHAPE, "gather: index [1,1] does not fit input []; sizes other than that of "
                              "dimension 0 must not be larger");
    ck_assert_ptr_null(tn_sum(ctx, x, TN_DIMS(0, -1)));
    ck_tn_error(TN_ERR_ARGUMENT, "sum: dimension 0 is listed twice");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("without dims");
    TCase *tc = tn_case(suite, "without dims");
    tcase_add_loop_test(tc, take_0_and_last, 0, TAKEN);
    tcase_add_loop_test(tc, refuse_other_dims, 0, TAKEN);
    tcase_add_test(tc, refuse_scalars);
    tcase_add_test(tc, refuse_sizes);
    return tn_run(suite);
}
