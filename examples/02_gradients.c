/* 02_gradients.c - introduces gradients: what records them, where they add up, and descent.
 *
 * Run it in the root of the repository:  make lessons && build/bin/02_gradients
 *
 * It prints:
 *
 *     y = x1^2 + x2^2 + x3^2 is 14
 *     its gradient at (1, -2, 3):
 *     tensor([ 2., -4.,  6.], f32)
 *     after a second backward:
 *     tensor([ 4., -8., 12.], f32)
 *     computed with recording off, y requires a gradient: no
 *
 *     step   0: loss 4.3984, y = 0.00 x +0.00
 *     step  25: loss 0.0909, y = 2.48 x -1.04
 *     step  50: loss 0.0030, y = 2.91 x -1.01
 *     step  75: loss 0.0001, y = 2.98 x -1.00
 *     step 100: loss 0.0000, y = 3.00 x -1.00
 *     tensors left over by the steps: 0 */
#include <stdio.h>
#include <tn/tn.h>

static void show(tn_ctx *ctx, const char *what, const tn_tensor *t)
{
    printf("%s:\n", what);
    tn_print(ctx, t);
}

/* The sum of the squares of x, whose gradient is 2 x. */
static tn_tensor *sum_of_squares(tn_ctx *ctx, const tn_tensor *x)
{
    return tn_sum(ctx, tn_square(ctx, x), (tn_reduce_opts){0});
}

static void gradient(tn_ctx *ctx)
{
    const float numbers[] = {1, -2, 3};
    tn_tensor *x = tn_from_data(ctx, TN_F32, TN_SHAPE(3), numbers);

    /* Operators that meet x from now on are recorded, and tn_backward walks the record from its
     * end: the gradient of y with respect to x is then in tn_grad(x). */
    tn_set_requires_grad(ctx, x, true);
    tn_tensor *y = sum_of_squares(ctx, x);
    tn_backward(ctx, y);
    printf("y = x1^2 + x2^2 + x3^2 is %g\n", tn_item(ctx, y));
    show(ctx, "its gradient at (1, -2, 3)", tn_grad(x));

    /* Gradients add up until they are cleared. */
    tn_backward(ctx, sum_of_squares(ctx, x));
    show(ctx, "after a second backward", tn_grad(x));
    tn_clear_grad(x);

    /* Nothing is recorded while recording is off: for evaluation, and for changing x itself. */
    bool before = tn_set_grad_enabled(ctx, false);
    y = sum_of_squares(ctx, x);
    tn_set_grad_enabled(ctx, before);
    printf("computed with recording off, y requires a gradient: %s\n\n",
           tn_requires_grad(y) ? "yes" : "no");
}

/* p = p - rate * gradient */
static void descend(tn_ctx *ctx, tn_tensor *p, double rate)
{
    bool before = tn_set_grad_enabled(ctx, false);
    tn_copy_(ctx, p, tn_sub(ctx, p, tn_mul_scalar(ctx, tn_grad(p), rate)));
    tn_set_grad_enabled(ctx, before);
    tn_clear_grad(p);
}

/* Finds the line through points of y = 3 x - 1 by gradient descent on the mean squared error. */
static void fit_a_line(tn_ctx *ctx)
{
    tn_tensor *x = tn_reshape(ctx, tn_arange(ctx, TN_F32, -1, 1, 0.125), TN_SHAPE(-1, 1));
    tn_tensor *y = tn_add_scalar(ctx, tn_mul_scalar(ctx, x, 3), -1);
    tn_tensor *slope = tn_zeros(ctx, TN_F32, TN_SHAPE(1, 1));
    tn_tensor *offset = tn_zeros(ctx, TN_F32, TN_SHAPE(1));
    tn_set_requires_grad(ctx, slope, true);
    tn_set_requires_grad(ctx, offset, true);
    int64_t tensors = tn_memory(ctx).tensors;
    for (int step = 0; step <= 100; step++) {
        /* What is made inside of a scope is freed at its end, and the next step takes the same
         * memory again. Without it the tensors of all steps would stay until the context goes. */
        tn_scope scope = tn_scope_begin(ctx);
        tn_tensor *line = tn_linear(ctx, x, slope, offset); /* x slope^T + offset */
        tn_tensor *loss = tn_mse_loss(ctx, line, y, (tn_mse_loss_opts){0});
        tn_backward(ctx, loss);
        if (step % 25 == 0)
            printf("step %3d: loss %.4f, y = %.2f x %+.2f\n", step, tn_item(ctx, loss),
                   tn_item(ctx, slope), tn_item(ctx, offset));
        descend(ctx, slope, 0.1);
        descend(ctx, offset, 0.1);
        tn_scope_end(ctx, scope);
    }
    printf("tensors left over by the steps: %d\n", (int)(tn_memory(ctx).tensors - tensors));
}

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    gradient(ctx);
    fit_a_line(ctx);

    int failed = tn_error_status(ctx) != TN_OK;
    if (failed)
        fprintf(stderr, "%s\n", tn_error(ctx));
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("standard output");
        failed = 1;
    }
    tn_ctx_free(ctx);
    return failed;
}
