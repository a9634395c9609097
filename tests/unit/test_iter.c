#include "common/check_tn.h"
#include "common/layouts.h"

#include <string.h>

/* Pairs of shapes and what they broadcast to; NULL: they do not. */
static const struct {
    int ndim_a;
    int64_t a[4];
    int ndim_b;
    int64_t b[4];
    const char *shape;
} pairs[] = {
    {0, {0}, 0, {0}, "[]"},
    {0, {0}, 2, {2, 3}, "[2,3]"},
    {1, {3}, 2, {2, 3}, "[2,3]"},
    {1, {1}, 1, {7}, "[7]"},
    {2, {2, 1}, 2, {1, 3}, "[2,3]"},
    {3, {4, 1, 3}, 2, {5, 1}, "[4,5,3]"},
    {4, {8, 1, 6, 1}, 3, {7, 1, 5}, "[8,7,6,5]"},
    {1, {0}, 1, {1}, "[0]"},
    {2, {2, 0}, 0, {0}, "[2,0]"},
    {2, {0, 3}, 2, {1, 1}, "[0,3]"},
    {1, {2}, 1, {3}, NULL},
    {1, {0}, 1, {2}, NULL},
    {2, {2, 3}, 1, {2}, NULL},
    {3, {2, 1, 3}, 2, {2, 2}, NULL},
};

static void check_pair(int ndim_a, const int64_t *a, int ndim_b, const int64_t *b,
                       const char *expected)
{
    int ndim;
    int64_t shape[TN_MAX_DIMS];
    bool fits = tn__broadcast(ctx, "op", ndim_a, a, ndim_b, b, &ndim, shape);
    ck_assert_int_eq(fits, expected != NULL);
    if (fits)
        ck_assert_str_eq(tn_shape_text(ndim, shape).s, expected);
    else
        ck_assert_int_eq(tn_error_status(ctx), TN_ERR_SHAPE);
    tn_clear_error(ctx);
    tn_tensor *sum = tn_add(ctx, tn_ones(ctx, TN_F32, ndim_a, a), tn_ones(ctx, TN_F32, ndim_b, b));
    ck_assert_int_eq(sum != NULL, expected != NULL);
    if (sum)
        ck_tn_shape(sum, expected);
    tn_clear_error(ctx);
}

START_TEST(broadcast_shapes)
{
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        check_pair(pairs[i].ndim_a, pairs[i].a, pairs[i].ndim_b, pairs[i].b, pairs[i].shape);
        check_pair(pairs[i].ndim_b, pairs[i].b, pairs[i].ndim_a, pairs[i].a, pairs[i].shape);
    }
    ck_assert(!tn__broadcast(ctx, "op", TN_SHAPE(2, 3), TN_SHAPE(4), &(int){0}, (int64_t[8]){0}));
    ck_tn_error(TN_ERR_SHAPE, "op: shapes [2,3] and [4] do not broadcast");
}
END_TEST

START_TEST(broadcasts_to)
{
    tn_tensor *t = tn_zeros(ctx, TN_F32, TN_SHAPE(3, 1));
    ck_assert(tn__broadcasts_to(t, TN_SHAPE(3, 1)));
    ck_assert(tn__broadcasts_to(t, TN_SHAPE(3, 5)));
    ck_assert(tn__broadcasts_to(t, TN_SHAPE(2, 3, 5)));
    ck_assert(tn__broadcasts_to(t, TN_SHAPE(3, 0)));
    ck_assert(!tn__broadcasts_to(t, TN_SHAPE(3)));
    ck_assert(!tn__broadcasts_to(t, TN_SHAPE(1, 5)));
    ck_assert(!tn__broadcasts_to(t, TN_SHAPE(4, 5)));
    tn_tensor *view = tn__broadcast_to(ctx, t, TN_SHAPE(2, 3, 5));
    ck_assert_mem_eq(tn_strides(view), ((int64_t[]){0, 1, 0}), 24);
}
END_TEST

/* Through the loops of two operands, into strided memory. */
START_TEST(every_pair_of_copies)
{
    for (int a = 0; a < LAYOUTS; a += 8)
        for (int b = 0; b < LAYOUTS; b++) {
            tn_scope scope = tn_scope_begin(ctx);
            tn_tensor *dst = numbered(a, 0), *src = numbered(b, 100);
            ck_assert_int_eq(tn_copy_(ctx, dst, src), TN_OK);
            int wrong = 0;
            for (int64_t n = 0; n < 24; n++) {
                int64_t i = n / 12, j = n / 3 % 4, k = n % 3;
                wrong += naive_at(dst, i, j, k) != naive_at(src, i, j, k);
            }
            ck_assert_int_eq(wrong, 0);
            tn_scope_end(ctx, scope);
        }
}
END_TEST

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
    tcase_add_test(tc, broadcast_shapes);
    tcase_add_test(tc, broadcasts_to);
    tcase_add_test(tc, every_pair_of_copies);
    tcase_add_test(tc, dimensions_are_joined);
    tcase_add_test(tc, strides_that_overflow_are_not_joined);
    tcase_add_loop_test(tc, every_element_is_visited_once, 1, 6);
    return tn_run(suite);
}
