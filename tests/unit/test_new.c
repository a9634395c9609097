/* Tensors over memory of the program. */
#include "common/check_tn.h"

static void release(void *data, void *payload)
{
    ck_assert_ptr_nonnull(data);
    ++*(int *)payload;
}

START_TEST(blob_is_shared_and_released_once)
{
    float data[] = {1, 2, 3, 4};
    int released = 0;
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *t = tn_from_blob(ctx, TN_F32, TN_SHAPE(2, 2), data, release, &released);
    ck_assert_ptr_eq(tn_data(t), data);
    tn_tensor *view = tn_transpose(ctx, t, 0, 1);
    data[1] = 7;
    ck_tn_equal(view, 1, 3, 7, 4);
    tn_fill_(ctx, tn_select(ctx, t, 0, 1), 5);
    ck_assert_float_eq(data[3], 5);
    tn_free(t);
    ck_assert_int_eq(released, 0);
    ck_tn_equal(view, 1, 5, 7, 5);
    tn_scope_end(ctx, scope);
    ck_assert_int_eq(released, 1);
    tn_from_blob(ctx, TN_F32, TN_SHAPE(4), data, NULL, NULL);
}
END_TEST

START_TEST(blob_is_not_released_on_failure)
{
    double data[4] = {0};
    int released = 0;
    ck_assert_ptr_null(tn_from_blob(ctx, TN_F64, TN_SHAPE(4), NULL, release, &released));
    ck_tn_error(TN_ERR_ARGUMENT, "from_blob: data is NULL");
    ck_assert_ptr_null(
        tn_from_blob(ctx, TN_F64, TN_SHAPE(3), (char *)data + 4, release, &released));
    ck_tn_error(TN_ERR_ARGUMENT, "from_blob: data is not aligned to its elements");
    ck_assert_ptr_null(tn_from_blob(ctx, TN_F64, TN_SHAPE(-4), data, release, &released));
    ck_tn_error(TN_ERR_SHAPE, "from_blob: shape [-4] has a negative size");
    tn_empty_cache(ctx);
    memory.for_good = true;
    for (int64_t k = 1; k <= 2; k++) {
        memory.fail_at = memory.calls + k;
        ck_assert_ptr_null(tn_from_blob(ctx, TN_F64, TN_SHAPE(4), data, release, &released));
        ck_assert_int_eq(tn_error_status(ctx), TN_ERR_MEMORY);
        tn_clear_error(ctx);
        tn_empty_cache(ctx);
    }
    memory.fail_at = 0;
    tn_tensor *t = tn_from_blob(ctx, TN_F64, TN_SHAPE(4), data, release, &released);
    ck_assert_ptr_nonnull(t);
    ck_assert_int_eq(released, 0);
    tn_free(t);
    ck_assert_int_eq(released, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("new");
    TCase *tc = tn_case(suite, "new");
    tcase_add_test(tc, blob_is_shared_and_released_once);
    tcase_add_test(tc, blob_is_not_released_on_failure);
    return tn_run(suite);
}
