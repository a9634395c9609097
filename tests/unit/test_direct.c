/* Convolutions straight from the image beside those by the matrix of windows, which test_conv2d.c
 * holds against plain loops: strides, dilation, padding wider than the image, groups of several
 * panels of kernels, rows of several pieces, images that threads share. Of small integers, all sums
 * are exact. */
#include "common/conv2d.h"

RUNS_WITH_EACH_ISA;

typedef struct conv {
    int64_t x[4], w[4];
    tn_conv2d_opts opts;
} conv;

/* Of nothing, if the method does not apply. */
static int check_same(const tn_tensor *got, const tn_tensor *want, const char *what, int number)
{
    for (int64_t i = 0; got && i < tn_numel(want); i++)
        if (element_of(got, i) != element_of(want, i))
            ck_abort_msg("%s of case %d: element %lld of %s is %g, not %g", what, number,
                         (long long)i, TN_SHAPE_TEXT(want), element_of(got, i),
                         element_of(want, i));
    return got != NULL;
}

/* How many of the three products are made straight from the image. */
static int check_conv2d(const conv *c, tn_dtype dtype, int number)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *x = whole_numbers(dtype, 4, c->x, 3, 1), *w = whole_numbers(dtype, 4, c->w, 3, 2);
    tn_tensor *b = whole_numbers(dtype, 1, c->w, 3, 3);
    tn__window window = conv2d_plan(x, w, &c->opts).window;
    int64_t shape[] = {c->x[0], c->w[0], window.out_h, window.out_w};
    tn_tensor *dy = whole_numbers(dtype, 4, shape, 3, 4);
    conv2d_products want = conv2d_by(&tn__conv2d_im2col, x, w, b, dy, &c->opts);
    conv2d_products direct = conv2d_by(&tn__conv2d_direct, x, w, b, dy, &c->opts);
    conv2d_products outer = conv2d_by(&tn__conv2d_outer, x, w, b, dy, &c->opts);
    int made = check_same(direct.y, want.y, "y", number) +
               check_same(direct.dx, want.dx, "dx", number) +
               check_same(outer.dw, want.dw, "dw", number);
    tn_scope_end(ctx, scope);
    return made;
}

static const conv convs[] = {
    {{2, 3, 7, 6}, {4, 3, 3, 2}, {0}},
    {{2, 2, 9, 9},
     {3, 2, 5, 5},
     {.stride_h = 2, .stride_w = 3, .padding_h = 4, .padding_w = 1, .dilation_w = 2}},
    {{2, 6, 5, 5}, {9, 2, 3, 3}, {.padding = 1, .groups = 3}},
    {{1, 4, 6, 6}, {160, 2, 3, 3}, {.padding = 1, .groups = 2}},
    {{3, 3, 5, 1}, {2, 3, 2, 2}, {.stride = 2, .padding = 1}},
    {{3, 3, 1, 5}, {2, 3, 2, 2}, {.stride = 2, .padding = 1}},
    {{1, 3, 4, 4}, {5, 3, 3, 3}, {.padding = 7, .dilation_h = 2, .dilation_w = 3}},
    {{1, 2, 3, 300}, {18, 2, 3, 3}, {.padding = 1}},
    {{2, 18, 12, 12},
     {34, 9, 3, 3},
     {.stride_h = 2, .stride_w = 3, .padding_h = 1, .padding_w = 2, .dilation_h = 2, .groups = 2}},
    {{20, 24, 2, 2}, {16, 24, 3, 3}, {.padding = 1}},
    {{2, 9, 11, 31}, {33, 9, 4, 4}, {.stride = 4, .padding = 3}},
    {{2, 70, 5, 20}, {16, 70, 3, 3}, {.padding = 1}},
    {{2, 2, 9, 9}, {3, 2, 2, 2}, {.stride = 5}},
    {{2, 4, 9, 9}, {40, 2, 2, 2}, {.groups = 2}},
    {{1, 3, 9, 9}, {70, 3, 2, 2}, {0}},
    {{70, 1, 20, 20}, {16, 1, 5, 5}, {0}},
    {{67, 3, 16, 17}, {12, 3, 3, 3}, {.padding = 1}},
    {{300, 1, 24, 24}, {3, 1, 3, 3}, {0}},
    {{9, 2, 46, 45}, {34, 1, 3, 2}, {.padding_h = 2, .dilation_h = 2, .groups = 2}},
};

START_TEST(straight_from_the_image)
{
    int number = _i / 2;
    tn_set_threads(ctx, _i % 2 + 1);
    ck_assert_int_eq(check_conv2d(&convs[number], TN_F64, number), 3);
    ck_assert_int_eq(check_conv2d(&convs[number], TN_F32, number), 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("direct");
    TCase *tc = tn_case(suite, "direct");
    tcase_add_loop_test(tc, straight_from_the_image, 0, 2 * (int)(sizeof convs / sizeof *convs));
    return tn_run(suite);
}
