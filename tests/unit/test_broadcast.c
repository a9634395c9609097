/* Shapes that broadcast to each other. */
#include "common/check_tn.h"

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

int main(void)
{
    Suite *suite = suite_create("broadcast");
    TCase *tc = tn_case(suite, "broadcast");
    tcase_add_test(tc, broadcast_shapes);
    tcase_add_test(tc, broadcasts_to);
    return tn_run(suite);
}
