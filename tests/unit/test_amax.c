/* amax(x) and amin(x), over any dimensions. */
#include "common/ops.h"

OP(amax_all, tn_amax(ctx, in[0], (tn_reduce_opts){0}))
OP(amax_first, tn_amax(ctx, in[0], TN_DIMS(0)))
OP(amax_last_kept, tn_amax(ctx, in[0], TN_KEEPDIMS(-1)))
OP(amax_two, tn_amax(ctx, in[0], TN_DIMS(0, 2)))
OP(amin_all, tn_amin(ctx, in[0], (tn_reduce_opts){0}))
OP(amin_two_kept, tn_amin(ctx, in[0], TN_KEEPDIMS(2, 0)))

static const op_case cases[] = {{"amax", amax_all, "[]", false},
                                {"amax", amax_all, "[3,4]", false},
                                {"amax", amax_all, "[2,1,2,1,2,1,2,2]", false},
                                {"amax dim=0", amax_first, "[3,4]", false},
                                {"amax dim=0", amax_first, "[3,0]", false},
                                {"amax dim=-1 keepdim", amax_last_kept, "[3,4]", false},
                                {"amax dims=0,2", amax_two, "[3,4,2]", false},
                                {"amin", amin_all, "[3,4]", false},
                                {"amin dims=0,2 keepdim", amin_two_kept, "[3,4,2]", false}};

/* Over the dimensions whose bits are set, kept with size 1. */
static array naive_extreme(const array *x, unsigned dims, bool smallest)
{
    int64_t shape[TN_MAX_DIMS], index[TN_MAX_DIMS] = {0};
    for (int i = 0; i < x->ndim; i++)
        shape[i] = dims >> i & 1 ? 1 : x->shape[i];
    array y = array_new(x->ndim, shape);
    for (int64_t i = 0; i < y.numel; i++)
        y.data[i] = smallest ? INFINITY : -INFINITY;
    for (int64_t i = 0; i < x->numel; i++, next_index(x->ndim, x->shape, index)) {
        double *at = array_at(&y, x->ndim, index);
        *at = isnan(*at) || isnan(x->data[i]) ? NAN
              : smallest                      ? fmin(*at, x->data[i])
                                              : fmax(*at, x->data[i]);
    }
    return y;
}

static void check_dims(const array *x, unsigned dims, tn_dtype dtype, layout how)
{
    int list[TN_MAX_DIMS], n = 0;
    for (int i = x->ndim - 1; i >= 0; i--)
        if (dims >> i & 1) {
            list[n] = n % 2 ? i : i - x->ndim;
            n++;
        }
    tn_tensor *t = tensor_of(x, dtype, how);
    array rounded = array_of(t);
    for (int smallest = 0; smallest < 2; smallest++) {
        array kept = naive_extreme(&rounded, dims, smallest), dropped = kept;
        dropped.ndim = 0;
        for (int i = 0; i < TN_MAX_DIMS; i++)
            dropped.shape[i] = 0;
        for (int i = 0; i < x->ndim; i++)
            if (!(dims >> i & 1))
                dropped.shape[dropped.ndim++] = x->shape[i];
        tn_reduce_opts opts = {.dims = list, .ndims = n};
        tn_tensor *y = (smallest ? tn_amin : tn_amax)(ctx, t, opts);
        ck_assert_int_eq(tn_dtype_of(y), dtype);
        check_array(y, &dropped, 0, "am%s of %s over bits %u", smallest ? "in" : "ax",
                    TN_SHAPE_TEXT(t), dims);
        opts.keepdim = true;
        check_array((smallest ? tn_amin : tn_amax)(ctx, t, opts), &kept, 0, "am%s of %s, kept",
                    smallest ? "in" : "ax", TN_SHAPE_TEXT(t));
    }
}

START_TEST(test_every_set_of_dimensions)
{
    static const char *const shapes[] = {"[5]",   "[1]",       "[3,4]",   "[2,3,1,4]",
                                         "[1,1]", "[3,2,4,2]", "[3,401]", "[2,1,2,1,2,1,2,2]"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        array x = array_random(shapes[i]);
        for (int64_t j = 0; j < x.numel; j++)
            x.data[j] *= 10;
        for (unsigned dims = 1; dims < 1U << x.ndim; dims++)
            for (int run = 0; run < TN_DTYPES * 3; run++) {
                tn_scope scope = tn_scope_begin(ctx);
                check_dims(&x, dims, (tn_dtype)(run / 3), (layout)(run % 3));
                tn_scope_end(ctx, scope);
            }
    }
}
END_TEST

/* Lines that are longer than the short ones, about as many as a vector has numbers; with gaps
 * between them, too. */
START_TEST(test_lines)
{
    static const int64_t counts[] = {1, 2, 7, 8, 9, 15, 16, 17, 33},
                         sizes[] = {65, 66, 79, 128, 201};
    for (int i = 0; i < 9 * 5; i++) {
        tn_scope scope = tn_scope_begin(ctx);
        array x = array_new(2, (const int64_t[]){counts[i / 5], sizes[i % 5]});
        for (int64_t j = 0; j < x.numel; j++)
            x.data[j] = (double)(random_bits() % 1000) - 500;
        x.data[x.numel / 2] = NAN;
        for (int how = PLAIN; how <= SLICED; how++) {
            check_dims(&x, 2, TN_F32, (layout)how);
            check_dims(&x, 2, TN_F64, (layout)how);
        }
        tn_tensor *wide = tn_randn(ctx, TN_F32, TN_SHAPE(counts[i / 5], sizes[i % 5] + 7));
        tn_tensor *part = tn_narrow(ctx, wide, 1, 3, sizes[i % 5]);
        tn_tensor *y = tn_amax(ctx, part, TN_DIMS(1));
        tn_tensor *want = tn_amax(ctx, tn_contiguous(ctx, part), TN_DIMS(1));
        ck_assert_mem_eq(tn_data(y), tn_data(want), (size_t)tn_numel(y) * sizeof(float));
        tn_scope_end(ctx, scope);
    }
}
END_TEST

/* As PyTorch: equal elements share the gradient; that of NaN is NaN. */
START_TEST(test_gradient_of_ties)
{
    tn_tensor *x = LEAF(1, 3, 3, 1, 1, 3);
    tn_tensor *y = tn_amax(ctx, tn_reshape(ctx, x, TN_SHAPE(2, 3)), TN_DIMS(1));
    ck_tn_equal(y, 3, 3);
    tn_backward_with(ctx, y, F64(5, 7));
    ck_tn_equal(tn_grad(x), 0, 2.5, 2.5, 0, 0, 7);
    tn_clear_grad(x);
    tn_backward(ctx, tn_amin(ctx, x, (tn_reduce_opts){0}));
    ck_tn_close(tn_grad(x), 1e-15, 1 / 3.0, 0, 0, 1 / 3.0, 1 / 3.0, 0);
    tn_tensor *nan = LEAF(1, NAN);
    y = tn_amax(ctx, nan, TN_DIMS(0));
    ck_tn_equal(y, NAN);
    tn_backward(ctx, y);
    ck_tn_equal(tn_grad(nan), NAN, NAN);
}
END_TEST

START_TEST(test_result_has_its_own_memory)
{
    tn_tensor *scalar = tn_scalar(ctx, TN_F64, 3), *one = F64(3);
    tn_fill_(ctx, tn_amax(ctx, scalar, (tn_reduce_opts){0}), 5);
    tn_fill_(ctx, tn_amin(ctx, one, TN_KEEPDIMS(0)), 5);
    ck_tn_equal(scalar, 3);
    ck_tn_equal(one, 3);
}
END_TEST

START_TEST(test_errors)
{
    tn_reduce_opts all = {0};
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(2, 0, 3));
    check_fails(tn_amax(ctx, NULL, all), TN_ERR_ARGUMENT, "amax: input is NULL");
    check_fails(tn_amin(ctx, NULL, all), TN_ERR_ARGUMENT, "amin: input is NULL");
    check_fails(tn_amax(ctx, x, all), TN_ERR_SHAPE, "amax: dimension 1 of [2,0,3] has no elements");
    check_fails(tn_amin(ctx, x, TN_DIMS(0, 1)), TN_ERR_SHAPE,
                "amin: dimension 1 of [2,0,3] has no elements");
    ck_tn_shape(tn_amin(ctx, x, TN_DIMS(0)), "[0,3]");
    ck_tn_shape(tn_amax(ctx, x, TN_KEEPDIMS(2, 0)), "[1,0,1]");
    check_fails(tn_amax(ctx, x, TN_DIMS(3)), TN_ERR_ARGUMENT,
                "amax: dimension 3 is outside a tensor of 3 dimensions");
    check_fails(tn_amin(ctx, x, TN_DIMS(2, -1)), TN_ERR_ARGUMENT,
                "amin: dimension 2 is listed twice");
    ck_assert_ptr_null(tn_amax(NULL, x, all));
}
END_TEST

OP_TESTS("amax", cases, test_every_set_of_dimensions, test_lines, test_gradient_of_ties,
         test_result_has_its_own_memory, test_errors)
