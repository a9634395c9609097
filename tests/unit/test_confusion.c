/* Counts of answers by their targets, and the scores of classes. */
#include "common/check_tn.h"

#include <math.h>
#include <tn/train.h>

static tn_tensor *integers(tn_dtype dtype, int64_t n, const int64_t *values)
{
    return tn_cast(ctx, tn_from_data(ctx, TN_I64, TN_SHAPE(n), values), dtype);
}

/* Of five classes, 3 never comes at all, 4 is answered without a reason, and 2 is never answered.
 *
 *     from sklearn.metrics import precision_recall_fscore_support
 *     t, a = [0, 0, 0, 1, 1, 2, 0, 1], [0, 1, 0, 1, 1, 0, 4, 4]
 *     precision_recall_fscore_support(t, a, zero_division=0) */
static const int64_t targets[] = {0, 0, 0, 1, 1, 2, 0, 1}, answers[] = {0, 1, 0, 1, 1, 0, 4, 4};

static tn_confusion *counted(tn_dtype a, tn_dtype b)
{
    tn_confusion *c = tn_confusion_new(ctx, 5);
    tn_confusion_add(c, integers(a, 8, answers), integers(b, 8, targets));
    return c;
}

static void check_scores(tn_class_scores s, double precision, double recall, double f1,
                         int64_t support, int64_t named)
{
    ck_assert_double_eq_tol(s.precision, precision, 1e-15);
    ck_assert_double_eq_tol(s.recall, recall, 1e-15);
    ck_assert_double_eq_tol(s.f1, f1, 1e-15);
    ck_assert_int_eq(s.support, support);
    ck_assert_int_eq(s.answers, named);
}

START_TEST(scores)
{
    static const tn_dtype dtypes[] = {TN_I64, TN_I32, TN_U8};
    tn_confusion *c = counted(dtypes[_i % 3], dtypes[_i / 3]);
    check_scores(tn_confusion_class(c, 0), 2 / 3.0, 0.5, 4 / 7.0, 4, 3);
    check_scores(tn_confusion_class(c, 1), 2 / 3.0, 2 / 3.0, 2 / 3.0, 3, 3);
    check_scores(tn_confusion_class(c, 2), 0, 0, 0, 1, 0);
    check_scores(tn_confusion_class(c, 3), 0, 0, 0, 0, 0);
    check_scores(tn_confusion_class(c, 4), 0, 0, 0, 0, 2);
    check_scores(tn_confusion_class(c, 5), 0, 0, 0, 0, 0);
    check_scores(tn_confusion_class(c, -1), 0, 0, 0, 0, 0);
    check_scores(tn_confusion_macro(c), 1 / 3.0, 7 / 24.0, 13 / 42.0, 8, 8);
    ck_assert_double_eq(tn_confusion_accuracy(c), 0.5);
    ck_tn_shape(tn_confusion_matrix(c), "[5,5]");
    ck_tn_equal(tn_confusion_matrix(c), 2, 1, 0, 0, 1, 0, 2, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                0, 0, 0, 0, 0);
    ck_assert_int_eq(tn_confusion_at(c, 0, 4), 1);
    ck_assert_int_eq(tn_confusion_at(c, 4, 0), 0);
    ck_assert_int_eq(tn_confusion_at(c, 0, 5), 0);
    ck_assert_int_eq(tn_confusion_at(c, -1, 0), 0);
}
END_TEST

START_TEST(adds_up_and_clears)
{
    tn_confusion *c = counted(TN_I64, TN_I64);
    tn_confusion_add(c, integers(TN_I64, 8, answers), integers(TN_U8, 8, targets));
    ck_assert_int_eq(tn_confusion_at(c, 0, 0), 4);
    tn_confusion_clear(c);
    check_scores(tn_confusion_macro(c), 0, 0, 0, 0, 0);
    ck_assert(isnan(tn_confusion_accuracy(c)));
    ck_assert(isnan(tn_confusion_accuracy(NULL)));
}
END_TEST

/* Any shape and strides, and none; one that is wrong, and nothing is counted. */
START_TEST(shapes)
{
    tn_confusion *c = tn_confusion_new(ctx, 3);
    int64_t numbers[] = {0, 1, 2, 2, 1, 0};
    tn_tensor *a = tn_from_data(ctx, TN_I64, TN_SHAPE(2, 3), numbers);
    tn_tensor *b = tn_transpose(ctx, tn_from_data(ctx, TN_I64, TN_SHAPE(3, 2), numbers), 0, 1);
    tn_confusion_add(c, a, b);
    ck_tn_equal(tn_confusion_matrix(c), 2, 0, 0, 0, 0, 2, 0, 2, 0);
    tn_confusion_add(c, tn_scalar(ctx, TN_I64, 2), tn_scalar(ctx, TN_I64, 2));
    tn_confusion_add(c, tn_zeros(ctx, TN_I64, TN_SHAPE(0)), tn_zeros(ctx, TN_I64, TN_SHAPE(0)));
    ck_tn_ok();
    ck_assert_int_eq(tn_confusion_at(c, 2, 2), 1);
    numbers[5] = 3;
    a = tn_from_data(ctx, TN_I64, TN_SHAPE(2, 3), numbers);
    ck_assert_int_eq(tn_confusion_add(c, a, b), TN_ERR_ARGUMENT);
    tn_clear_error(ctx);
    ck_assert_int_eq(tn_confusion_add(c, b, a), TN_ERR_ARGUMENT);
    tn_clear_error(ctx);
    tn_confusion_add(c, tn_scalar(ctx, TN_I64, 3), tn_scalar(ctx, TN_I64, 0));
    ck_tn_error(TN_ERR_ARGUMENT, "confusion_add: answers have 3, with 3 classes");
    tn_confusion_add(c, tn_scalar(ctx, TN_I64, 0), tn_scalar(ctx, TN_I64, -1));
    ck_tn_error(TN_ERR_ARGUMENT, "confusion_add: targets have -1, with 3 classes");
    ck_tn_equal(tn_confusion_matrix(c), 2, 0, 0, 0, 0, 2, 0, 2, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("confusion");
    TCase *tc = tn_case(suite, "confusion");
    tcase_add_loop_test(tc, scores, 0, 9);
    tcase_add_test(tc, adds_up_and_clears);
    tcase_add_test(tc, shapes);
    return tn_run(suite);
}
