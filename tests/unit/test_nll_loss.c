/* nll_loss(input, target), with weights, ignored targets and reductions. */
#include "common/ops.h"

static tn_tensor *loss(tn_tensor *const *in, tn_nll_loss_opts opts)
{
    return tn_nll_loss(ctx, in[0], in[1], opts);
}

/* Weights of 0.25, 1.25, 2.25 and 3.25. */
static tn_tensor *weighted(tn_tensor *const *in, tn_nll_loss_opts opts)
{
    opts.weight = tn_arange(ctx, tn_dtype_of(in[0]), 0.25, 4, 1);
    return loss(in, opts);
}

OP(mean, loss(in, (tn_nll_loss_opts){0}))
OP(sum, loss(in, (tn_nll_loss_opts){.reduction = TN_REDUCE_SUM}))
OP(each, loss(in, (tn_nll_loss_opts){.reduction = TN_REDUCE_NONE}))
OP(ignoring, loss(in, (tn_nll_loss_opts){.ignore_index = 1}))
OP(ignoring_0, loss(in, (tn_nll_loss_opts){.ignore_index = TN_ZERO}))
OP(weights, weighted(in, (tn_nll_loss_opts){0}))
OP(everything, weighted(in, (tn_nll_loss_opts){.ignore_index = 2, .reduction = TN_REDUCE_NONE}))

static const op_case cases[] = {{"nll_loss", mean, "[6,4] [6]<4", false},
                                {"nll_loss", mean, "[5] []<5", false},
                                {"nll_loss", mean, "[3,1] [3]<1", false},
                                {"nll_loss sum", sum, "[6,4] [6]<4", false},
                                {"nll_loss none", each, "[6,4] [6]<4", false},
                                {"nll_loss none", each, "[5] []<5", false},
                                {"nll_loss none", each, "[0,4] [0]<4", false},
                                {"nll_loss ignore_index=1", ignoring, "[9,3] [9]<3", false},
                                {"nll_loss ignore_index=0", ignoring_0, "[9,3] [9]<3", false},
                                {"nll_loss weights", weights, "[6,4] [6]<4", false},
                                {"nll_loss everything", everything, "[9,4] [9]<4", false}};

static void check_losses(int64_t n, int64_t classes, int64_t ignore, tn_dtype dtype, layout how)
{
    array x = array_new(2, (int64_t[]){n, classes}), target = array_new(1, &n);
    array w = array_new(1, &classes), losses = array_new(1, &n), dx = array_new(2, x.shape);
    array sum = array_zeros("[]"), mean = array_zeros("[]");
    double total = 0;
    for (int64_t i = 0; i < x.numel; i++)
        x.data[i] = -(double)(random_bits() % 1000) / 256;
    for (int64_t i = 0; i < classes; i++)
        w.data[i] = (double)(1 + random_bits() % 9) / 4;
    for (int64_t i = 0; i < n; i++) {
        int64_t t = (int64_t)(random_bits() % (uint64_t)classes);
        target.data[i] = (double)t;
        if (t == ignore)
            continue;
        losses.data[i] = -w.data[t] * x.data[i * classes + t];
        dx.data[i * classes + t] = -w.data[t];
        total += w.data[t];
        *sum.data += losses.data[i];
    }
    *mean.data = *sum.data / total;
    tn_tensor *logits = leaf_of(&x, dtype, how), *t = tensor_of(&target, TN_I64, how);
    tn_nll_loss_opts opts = {
        .reduction = TN_REDUCE_NONE, .weight = tensor_of(&w, dtype, how), .ignore_index = ignore};
    check_array(tn_nll_loss(ctx, logits, t, opts), &losses, tolerance(dtype), "losses");
    opts.reduction = TN_REDUCE_MEAN;
    check_array(tn_nll_loss(ctx, logits, t, opts), &mean, tolerance(dtype), "mean");
    opts.reduction = TN_REDUCE_SUM;
    tn_tensor *y = tn_nll_loss(ctx, logits, t, opts);
    check_array(y, &sum, tolerance(dtype), "sum");
    tn_backward(ctx, y);
    check_array(tn_grad(logits), &dx, tolerance(dtype), "gradient");
}

START_TEST(test_values)
{
    for (int run = 0; run < 60; run++) {
        tn_scope scope = tn_scope_begin(ctx);
        check_losses(5 + run, 2 + run % 7, run % 2 ? -100 : 1, run % 4 < 2 ? TN_F32 : TN_F64,
                     (layout)(run % 3));
        tn_scope_end(ctx, scope);
    }
}
END_TEST

START_TEST(test_with_log_softmax_it_is_cross_entropy)
{
    array values = array_random("[6,4]");
    tn_tensor *a = leaf_of(&values, TN_F64, PLAIN), *b = leaf_of(&values, TN_F64, PLAIN);
    tn_tensor *t = tn_from_data(ctx, TN_I32, TN_SHAPE(6), (int32_t[]){0, 3, 2, 2, -100, 1});
    tn_tensor *y = tn_nll_loss(ctx, tn_log_softmax(ctx, a, 1), t, (tn_nll_loss_opts){0});
    tn_tensor *z = tn_cross_entropy(ctx, b, t, (tn_cross_entropy_opts){0});
    ck_tn_close(y, 1e-15, tn_item(ctx, z));
    tn_backward(ctx, y);
    tn_backward(ctx, z);
    array want = array_of(tn_grad(b));
    check_array(tn_grad(a), &want, 1e-14, "gradient");
}
END_TEST

START_TEST(test_nothing_counts)
{
    tn_tensor *x = leaf(tn_ones(ctx, TN_F64, TN_SHAPE(2, 3)));
    tn_tensor *t = tn_full(ctx, TN_I64, TN_SHAPE(2), -100);
    tn_nll_loss_opts opts = {.reduction = TN_REDUCE_SUM};
    ck_tn_equal(tn_nll_loss(ctx, x, t, opts), 0);
    opts.reduction = TN_REDUCE_MEAN;
    tn_tensor *mean = tn_nll_loss(ctx, x, t, opts);
    ck_tn_equal(mean, NAN);
    tn_backward(ctx, mean);
    ck_tn_equal(tn_grad(x), 0, 0, 0, 0, 0, 0);
    tn_tensor *none = tn_zeros(ctx, TN_F64, TN_SHAPE(0, 3));
    ck_tn_equal(tn_nll_loss(ctx, none, tn_zeros(ctx, TN_I64, TN_SHAPE(0)), opts), NAN);
}
END_TEST

START_TEST(test_errors)
{
    tn_nll_loss_opts none = {0};
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(2, 3)), *t = tn_full(ctx, TN_I64, TN_SHAPE(2), 3);
    check_fails(tn_nll_loss(ctx, NULL, t, none), TN_ERR_ARGUMENT, "nll_loss: input is NULL");
    check_fails(tn_nll_loss(ctx, tn_ones(ctx, TN_F32, TN_SHAPE(2, 3, 4)),
                            tn_zeros(ctx, TN_I64, TN_SHAPE(2, 3)), none),
                TN_ERR_SHAPE,
                "nll_loss: input [2,3,4] and target [2,3]; expected [n,classes] and [n], or "
                "[classes] and []");
    check_fails(tn_nll_loss(ctx, x, NULL, none), TN_ERR_ARGUMENT, "nll_loss: target is NULL");
    check_fails(tn_nll_loss(ctx, t, t, none), TN_ERR_DTYPE,
                "nll_loss: input is i64 but must be f32 or f64; tn_cast converts");
    check_fails(tn_nll_loss(ctx, x, x, none), TN_ERR_DTYPE,
                "nll_loss: target is f32 but must be i64, i32 or u8");
    check_fails(tn_nll_loss(ctx, x, tn_zeros(ctx, TN_I64, TN_SHAPE(3)), none), TN_ERR_SHAPE,
                "nll_loss: input [2,3] and target [3]; expected [n,classes] and [n], or [classes] "
                "and []");
    check_fails(tn_nll_loss(ctx, tn_ones(ctx, TN_F32, TN_SHAPE(2, 0)), t, none), TN_ERR_SHAPE,
                "nll_loss: input [2,0]: there are no classes");
    check_fails(tn_nll_loss(ctx, x, t, none), TN_ERR_ARGUMENT,
                "nll_loss: target[0] is 3, not one of 3 classes");
    tn_nll_loss_opts opts = {.weight = tn_ones(ctx, TN_F64, TN_SHAPE(3))};
    check_fails(tn_nll_loss(ctx, x, t, opts), TN_ERR_DTYPE,
                "nll_loss: input is f32 but weight is f64; tn_cast converts");
    opts.weight = tn_ones(ctx, TN_F32, TN_SHAPE(2));
    check_fails(tn_nll_loss(ctx, x, t, opts), TN_ERR_SHAPE,
                "nll_loss: weight [2] does not match input [2,3]");
    opts = (tn_nll_loss_opts){.reduction = (tn_reduction)3};
    check_fails(tn_nll_loss(ctx, x, t, opts), TN_ERR_ARGUMENT, "nll_loss: reduction 3");
    ck_assert_ptr_null(tn_nll_loss(NULL, x, t, none));
}
END_TEST

OP_TESTS("nll_loss", cases, test_values, test_with_log_softmax_it_is_cross_entropy,
         test_nothing_counts, test_errors)
