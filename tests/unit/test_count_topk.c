/* Rows whose target is among their largest scores. */
#include "common/check_tn.h"

#include <math.h>
#include <tn/train.h>

/* The same by tn_topk. */
static int64_t counted(const tn_tensor *scores, const tn_tensor *targets, int64_t k)
{
    tn_tensor *indices;
    int64_t count = 0;
    tn_topk(ctx, scores, k, 1, true, &indices);
    for (int64_t i = 0; i < tn_size(targets, 0); i++)
        for (int64_t j = 0; j < k; j++)
            count += element_of(indices, i * k + j) == element_of(targets, i);
    return count;
}

/* Few numbers, so that many are equal, some of them NaN, infinite or of either zero. */
static tn_tensor *scores_of(tn_dtype dtype, int64_t n, int64_t classes)
{
    static const double few[] = {1, 0, -0.0, 2, NAN, INFINITY, -INFINITY, 1};
    tn_tensor *t = tn_empty(ctx, dtype, TN_SHAPE(n, classes));
    for (int64_t i = 0; i < n * classes; i++)
        tn__store_f64(dtype, (char *)tn_data_mut(t) + (size_t)i * tn_dtype_size(dtype),
                      few[tn__random_below(ctx, 8)]);
    return t;
}

START_TEST(as_topk_has_it)
{
    static const tn_dtype integers[] = {TN_I64, TN_I32, TN_U8};
    tn_dtype dtype = _i % 2 ? TN_F64 : TN_F32;
    for (int64_t classes = 1; classes <= 6; classes++) {
        tn_tensor *scores = scores_of(dtype, 40, classes);
        tn_tensor *targets = tn_empty(ctx, TN_I64, TN_SHAPE(40));
        for (int64_t i = 0; i < 40; i++)
            ((int64_t *)tn_data_mut(targets))[i] =
                (int64_t)tn__random_below(ctx, (uint64_t)classes);
        targets = tn_cast(ctx, targets, integers[_i / 2]);
        for (int64_t k = 1; k <= classes; k++)
            ck_assert_int_eq(tn_count_topk(ctx, scores, targets, k), counted(scores, targets, k));
    }
}
END_TEST

START_TEST(of_any_strides)
{
    const int64_t wanted[] = {2, 9, 0, 9, 1};
    tn_tensor *scores = tn_reshape(ctx, F64(1, 9, 7, 3, 5, 4, 2, 2, 8), TN_SHAPE(3, 3));
    tn_tensor *targets = tn_slice(ctx, tn_from_data(ctx, TN_I64, TN_SHAPE(5), wanted), 0, 0, 5, 2);
    tn_tensor *turned = tn_transpose(ctx, scores, 0, 1);
    ck_assert_int_eq(tn_count_topk(ctx, scores, targets, 1), 0);
    ck_assert_int_eq(tn_count_topk(ctx, scores, targets, 2), 1);
    ck_assert_int_eq(tn_count_topk(ctx, scores, targets, 3), 3);
    ck_assert_int_eq(tn_count_topk(ctx, turned, targets, 1), counted(turned, targets, 1));
    ck_assert_int_eq(tn_count_topk(ctx, tn_zeros(ctx, TN_F32, TN_SHAPE(0, 3)),
                                   tn_zeros(ctx, TN_I64, TN_SHAPE(0)), 2),
                     0);
}
END_TEST

START_TEST(leaves_nothing)
{
    tn_tensor *scores = tn_transpose(ctx, tn_zeros(ctx, TN_F32, TN_SHAPE(3, 4)), 0, 1);
    tn_tensor *targets = tn_zeros(ctx, TN_I64, TN_SHAPE(4));
    int64_t live = tn_memory(ctx).live_bytes;
    tn_count_topk(ctx, scores, targets, 2);
    ck_assert_int_eq(tn_memory(ctx).live_bytes, live);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("count_topk");
    TCase *tc = tn_case(suite, "count_topk");
    tcase_add_loop_test(tc, as_topk_has_it, 0, 6);
    tcase_add_test(tc, of_any_strides);
    tcase_add_test(tc, leaves_nothing);
    return tn_run(suite);
}
