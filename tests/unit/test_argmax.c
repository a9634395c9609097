/* argmax(x, dim). */
#include <stdio.h>
#include <string.h>
#include "base/integers.h"
#include "common/ops.h"

static array naive_argmax(const array *x, int dim)
{
    int64_t index[TN_MAX_DIMS] = {0}, best[TN_MAX_DIMS];
    array y = *x;
    y.shape[dim] = 1;
    y = array_new(y.ndim, y.shape);
    for (int64_t i = 0; i < x->numel; i++, next_index(x->ndim, x->shape, index)) {
        double *at = array_at(&y, x->ndim, index);
        memcpy(best, index, sizeof best);
        best[dim] = (int64_t)*at;
        double largest = *array_at(x, x->ndim, best);
        if (x->data[i] > largest || (isnan(x->data[i]) && !isnan(largest)))
            *at = (double)index[dim];
    }
    for (int i = dim; i < y.ndim - 1; i++)
        y.shape[i] = y.shape[i + 1];
    y.ndim--;
    y.shape[y.ndim] = 0;
    return y;
}

static void check_argmax(const array *x, int dim)
{
    array want = naive_argmax(x, dim);
    for (int dtype = 0; dtype < TN_DTYPES; dtype++)
        for (int how = PLAIN; how <= SLICED; how++) {
            tn_tensor *t = tensor_of(x, (tn_dtype)dtype, (layout)how);
            array rounded = array_of(t);
            want = naive_argmax(&rounded, dim);
            tn_tensor *y = tn_argmax(ctx, t, dim - x->ndim * (how % 2));
            ck_assert_int_eq(tn_dtype_of(y), TN_I64);
            check_array(y, &want, 0, "argmax of %s %s along %d", tn_dtype_name((tn_dtype)dtype),
                        TN_SHAPE_TEXT(t), dim);
            tn_free(y);
        }
}

/* Few different values, so that there are ties. */
START_TEST(test_values)
{
    static const char *const shapes[] = {
        "[1]", "[7]", "[3,4]", "[0,3]", "[2,3,4]", "[5,1,6]", "[2,1,2,1,2,1,2,3]", "[3,40013]"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        array x = array_zeros(shapes[i]);
        for (int64_t j = 0; j < x.numel; j++)
            x.data[j] = (double)(random_bits() % 5) - 1.5;
        for (int dim = 0; dim < x.ndim; dim++)
            if (x.shape[dim] > 0)
                check_argmax(&x, dim);
    }
}
END_TEST

START_TEST(test_sizes)
{
    for (int n = 1; n <= 67; n++) {
        char text[16];
        snprintf(text, sizeof text, "[2,%d]", n);
        array x = array_random(text);
        check_argmax(&x, 1);
    }
}
END_TEST

START_TEST(test_special_values)
{
    array x = array_new(2, (const int64_t[]){5, 3});
    static const double values[] = {1,        NAN,       2,         NAN,       1,
                                    NAN,      -INFINITY, -INFINITY, -INFINITY, 1,
                                    INFINITY, INFINITY,  INFINITY,  0,         NAN};
    memcpy(x.data, values, sizeof values);
    tn_tensor *t = tensor_of(&x, TN_F32, PLAIN);
    ck_tn_equal(tn_argmax(ctx, t, 1), 1, 0, 0, 1, 2);
    ck_tn_equal(tn_argmax(ctx, tensor_of(&x, TN_F64, TRANSPOSED), 0), 1, 0, 1);
}
END_TEST

/* Column j of n integers has its largest at place (at + j) % n, and once more behind that; all
 * others are `base` or less. */
static void check_place(tn_dtype dtype, int64_t n, int64_t cols, int64_t at, int64_t base)
{
    tn_tensor *x = tn_zeros(ctx, TN_I64, TN_SHAPE(n, cols));
    int64_t *p = tn_data_mut(x);
    for (int64_t j = 0; j < n * cols; j++)
        p[j] = base - (dtype == TN_BOOL ? 0 : (j * 7 % 3));
    for (int64_t j = 0; j < cols; j++)
        for (int64_t i = (at + j) % n; i < n; i += tn__max(1, n / 3))
            p[i * cols + j] = base + 1;
    x = cols == 1 ? tn_reshape(ctx, x, TN_SHAPE(n)) : x;
    x = tn_cast(ctx, x, dtype);
    const int64_t *found = tn_data(tn_argmax(ctx, x, 0));
    const int64_t *best = tn_data(tn_cast(ctx, tn_amax(ctx, x, TN_DIMS(0)), TN_I64));
    tn_tensor *wide = tn_cast(ctx, x, TN_I64);
    for (int64_t j = 0; j < n * cols; j++)
        ((int64_t *)tn_data_mut(wide))[j] *= -1;
    const int64_t *least = tn_data(tn_argmin(ctx, wide, 0));
    for (int64_t j = 0; j < cols; j++) {
        ck_assert_int_eq(found[j], (at + j) % n);
        ck_assert_int_eq(best[j], base + 1);
        ck_assert_int_eq(least[j], (at + j) % n);
    }
}

START_TEST(test_places_of_integers)
{
    static const int64_t sizes[] = {1, 2, 9, 63, 64, 65, 128, 130, 200}, cols[] = {1, 3, 8, 19, 70};
    for (int i = 0; i < 9 * 5; i++)
        for (int64_t at = 0; at < sizes[i / 5]; at += 1 + at / 8) {
            tn_scope scope = tn_scope_begin(ctx);
            check_place(TN_U8, sizes[i / 5], cols[i % 5], at, 254);
            check_place(TN_BOOL, sizes[i / 5], cols[i % 5], at, 0);
            check_place(TN_I32, sizes[i / 5], cols[i % 5], at, INT32_MAX - 1);
            check_place(TN_I32, sizes[i / 5], cols[i % 5], at, -1000);
            check_place(TN_I64, sizes[i / 5], cols[i % 5], at, INT64_MAX - 1);
            check_place(TN_I64, sizes[i / 5], cols[i % 5], at, -(INT64_C(1) << 53));
            tn_scope_end(ctx, scope);
        }
}
END_TEST

START_TEST(test_no_gradient)
{
    ck_assert(!tn_requires_grad(tn_argmax(ctx, LEAF(1, 2), 0)));
}
END_TEST

START_TEST(test_errors)
{
    tn_tensor *x = tn_zeros(ctx, TN_F32, TN_SHAPE(2, 0));
    check_fails(tn_argmax(ctx, NULL, 0), TN_ERR_ARGUMENT, "argmax: input is NULL");
    check_fails(tn_argmax(ctx, x, 2), TN_ERR_ARGUMENT,
                "argmax: dimension 2 is outside a tensor of 2 dimensions");
    check_fails(tn_argmax(ctx, x, -1), TN_ERR_SHAPE,
                "argmax: dimension 1 of [2,0] has no elements");
    ck_tn_shape(tn_argmax(ctx, x, 0), "[0]");
    ck_assert_ptr_null(tn_argmax(NULL, x, 0));
}
END_TEST

OP_TESTS_NO_GRAD("argmax", test_values, test_sizes, test_special_values, test_places_of_integers,
                 test_no_gradient, test_errors)
