/* Iteration over tensors of any strides: each element once, dimensions joined. */
#include "common/check_tn.h"
#include "common/layouts.h"

#include <string.h>

/* Neighbours that are laid out alike are one dimension. */
START_TEST(dimensions_are_joined)
{
    tn_tensor *t = tn_zeros(ctx, TN_F32, TN_SHAPE(2, 1, 3, 4)), *all[2] = {t, t};
    const tn_tensor *const *operands = (const tn_tensor *const *)all;
    tn__iter it = tn__iter_new(4, tn_shape(t), 2, operands);
    ck_assert_int_eq(it.ndim, 1);
    ck_assert_int_eq(it.shape[0], 24);
    all[1] = tn_zeros(ctx, TN_F32, TN_SHAPE(2, 1, 1, 1));
    it = tn__iter_new(4, tn_shape(t), 2, operands);
    ck_assert_int_eq(it.ndim, 2);
    ck_assert_int_eq(it.shape[1], 12);
    ck_assert_int_eq(it.strides[1][1], 0);
    all[1] = tn_scalar(ctx, TN_F32, 1);
    it = tn__iter_new(4, tn_shape(t), 2, operands);
    ck_assert_int_eq(it.ndim, 1);
    all[1] = tn_transpose(ctx, tn_zeros(ctx, TN_F32, TN_SHAPE(2, 1, 4, 3)), 2, 3);
    it = tn__iter_new(4, tn_shape(t), 2, operands);
    ck_assert_int_eq(it.ndim, 3);
    it = tn__iter_new(0, NULL, 1, (const tn_tensor *[]){tn_scalar(ctx, TN_F32, 1)});
    ck_assert_int_eq(it.ndim, 1);
    ck_assert_int_eq(it.shape[0], 1);
}
END_TEST

/* In the order of the first operand's strides, whatever those of the others are. */
START_TEST(dimensions_come_as_they_lie)
{
    tn_tensor *t = tn_zeros(ctx, TN_F32, TN_SHAPE(2, 3, 4)),
              *u = tn_zeros(ctx, TN_F64, TN_SHAPE(3));
    const int order[] = {2, 0, 1};
    tn_tensor *turned = tn_permute(ctx, t, order); /* [4, 2, 3] with strides 1, 12, 4 */
    tn__iter it = tn__iter_as_it_lies(3, tn_shape(turned), 2, (const tn_tensor *[]){turned, u});
    ck_assert_int_eq(it.ndim, 3);
    static const int64_t want[3][3] = {{2, 12, 0}, {3, 4, 1}, {4, 1, 0}};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(it.shape[i], want[i][0]);
        ck_assert_int_eq(it.strides[0][i], want[i][1]);
        ck_assert_int_eq(it.strides[1][i], want[i][2]);
    }
    it = tn__iter_as_it_lies(3, tn_shape(turned), 1, (const tn_tensor *[]){turned});
    ck_assert_int_eq(it.ndim, 1);
    ck_assert_int_eq(it.shape[0], 24);
    ck_assert_int_eq(it.strides[0][0], 1);
    it = tn__iter_as_it_lies(0, NULL, 1, (const tn_tensor *[]){tn_scalar(ctx, TN_F32, 1)});
    ck_assert_int_eq(it.shape[0], 1);
}
END_TEST

/* 5 * 2^62 is 2^62 in 64 bits, but these are not neighbours. Without elements, strides may be
 * any. */
START_TEST(strides_that_overflow_are_not_joined)
{
    const int64_t shape[] = {0, 5, 5}, strides[] = {1, INT64_C(1) << 62, INT64_C(1) << 62};
    tn_tensor *t = tn_zeros(ctx, TN_F32, TN_SHAPE(0));
    tn_tensor *view = tn__view(ctx, t, 3, shape, strides, 0);
    ck_assert_int_eq(tn__iter_new(3, shape, 1, (const tn_tensor *[]){view}).ndim, 3);
    ck_tn_shape(tn_neg(ctx, view), "[0,5,5]");
}
END_TEST

/* As many dimensions as there can be, none of which are neighbours. */
START_TEST(most_dimensions)
{
    static const int order[] = {6, 1, 4, 7, 2, 5, 0, 3};
    static const int64_t shape[] = {2, 3, 4, 5, 6, 7, 8, 9};
    tn_tensor *t = tn_permute(ctx, tn_zeros(ctx, TN_U8, 8, shape), order);
    tn__iter it = tn__iter_new(8, tn_shape(t), 1, (const tn_tensor *[]){t});
    tn__iter sorted = tn__iter_as_it_lies(8, tn_shape(t), 1, (const tn_tensor *[]){t});
    ck_assert_int_eq(it.ndim, 8);
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(it.shape[i], shape[order[i]]);
        ck_assert_int_eq(it.strides[0][i], tn_strides(t)[i]);
    }
    ck_assert_int_eq(sorted.ndim, 1);
    ck_assert_int_eq(sorted.shape[0], tn_numel(t));
}
END_TEST

static void visit(int64_t n, void *const *p, const int64_t *strides, void *payload)
{
    (void)payload;
    for (int64_t i = 0; i < n; i++)
        ((uint8_t *)p[0])[i * strides[0]]++;
}

/* Every element is visited once, and nothing between them, however rows are spread over threads. */
static void check_visits(tn_tensor *whole, tn_tensor *part)
{
    memset(tn_data_mut(whole), 0, (size_t)tn_numel(whole));
    tn__iter it = tn__iter_new(tn_ndim(part), tn_shape(part), 1, (const tn_tensor *[]){part});
    tn__iter_run(ctx, &it, visit, NULL);
    int64_t visited = 0, wrong = 0, n = tn_numel(whole);
    const uint8_t *p = tn_data(whole);
    for (int64_t i = 0; i < n; i++) {
        wrong += p[i] > 1;
        visited += p[i];
    }
    ck_assert_int_eq(visited, tn_numel(part));
    it = tn__iter_new(tn_ndim(part), tn_shape(part), 1, (const tn_tensor *[]){part});
    tn__iter_run_serial(&it, visit, NULL);
    for (int64_t i = 0; i < n; i++)
        wrong += p[i] != 0 && p[i] != 2;
    ck_assert_int_eq(wrong, 0);
}

START_TEST(every_element_is_visited_once)
{
    static const int64_t shapes[][2] = {{1, 100000}, {2, 50001},  {3, 40000}, {50001, 2},
                                        {9, 17000},  {120, 1003}, {0, 5},     {5, 0}};
    tn_set_threads(ctx, _i);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        tn_scope scope = tn_scope_begin(ctx);
        tn_tensor *t = tn_empty(ctx, TN_U8, 2, shapes[i]);
        check_visits(t, t);
        check_visits(t, tn_transpose(ctx, t, 0, 1));
        check_visits(t, tn_slice(ctx, t, 0, 0, INT64_MAX, 2));
        check_visits(t, tn_slice(ctx, t, 1, 1, INT64_MAX, 3));
        tn_scope_end(ctx, scope);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("iter");
    TCase *tc = tn_case(suite, "iter");
    tcase_add_test(tc, dimensions_are_joined);
    tcase_add_test(tc, dimensions_come_as_they_lie);
    tcase_add_test(tc, most_dimensions);
    tcase_add_test(tc, strides_that_overflow_are_not_joined);
    tcase_add_loop_test(tc, every_element_is_visited_once, 1, 6);
    return tn_run(suite);
}
