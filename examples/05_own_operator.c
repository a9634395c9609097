/* 05_own_operator.c - introduces operators of one's own, and checking their gradients.
 *
 * An activation is declared by a formula and its derivative, a loss by functions forward and back.
 * Both are equals of the library's own: their gradients are checked, and a network learns by them.
 *
 * Run it in the root of the repository:  make lessons && build/bin/05_own_operator
 *
 * It prints:
 *
 *     snake: the gradient is right
 *     ln_cosh_loss: the gradient is right
 *     mistake: the gradient is 0.55 and should be 0.01
 *     step   0: loss 180.23
 *     step 300: loss 0.02 */
#include <math.h>
#include <stdio.h>
#include <tn/formula.h>
#include <tn/tn.h>

/* snake(x) = x + sin^2 x, an activation for periodic functions (Ziyin, Hartwig, Ueda: Neural
 * networks fail to learn periodic functions, NeurIPS 2020), and the gradient of x from dy, the
 * gradient of the result. The macro, of formula.h, writes the loops; TN_SAVE_X keeps x for the
 * derivative. */
TN_UNARY(snake, TN_SAVE_X, x + sin(x) * sin(x), dy * (1 + sin(2 * x)));

/* The same with a mistake in the derivative. */
TN_UNARY(mistake, TN_SAVE_X, x + sin(x) * sin(x), dy * (1 + sin(x)));

/* A module makes a layer of the operator, for tn_sequential. Its parameters, if it had some, would
 * be in `self`. */
static tn_tensor *snake_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    (void)self;
    return tn_unary(ctx, &snake_op, x, NULL);
}

static const tn_module_type snake_type = {.name = "Snake", .forward = snake_forward};

/* The loss: sum of ln cosh d, d = prediction - target, quadratic near 0 and linear far away. The
 * gradient of the prediction is dy tanh d, and the gradient of the target its negative. */
static void ln_cosh_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    tn_tensor *gradient = tn_mul(ctx, dy, tn_tanh(ctx, tn_saved(node, 0)));
    tn_add_grad(ctx, node, 0, gradient);
    if (tn_wants_grad(node, 1))
        tn_add_grad(ctx, node, 1, tn_neg(ctx, gradient));
}

static const tn_op ln_cosh_op = {.name = "ln_cosh_loss", .backward = ln_cosh_backward};

/* ln cosh d = softplus(2 d) - d - ln 2. The steps are not recorded: the operator is, as a whole. */
static tn_tensor *ln_cosh_loss(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b)
{
    bool before = tn_set_grad_enabled(ctx, false);
    tn_tensor *d = tn_sub(ctx, a, b);
    tn_tensor *y = tn_sub(ctx, tn_softplus(ctx, tn_mul_scalar(ctx, d, 2)), d);
    y = tn_sum(ctx, tn_add_scalar(ctx, y, -log(2)), (tn_reduce_opts){0});
    tn_set_grad_enabled(ctx, before);
    return tn_record(ctx, &ln_cosh_op, y, (tn_record_args){.inputs = {a, b}, .saved = {d}});
}

/* What is checked is a function of tensors: an activation, or else the loss. */
static tn_tensor *call(tn_ctx *ctx, tn_tensor *const *inputs, void *activation)
{
    if (activation)
        return tn_unary(ctx, activation, inputs[0], NULL);
    return ln_cosh_loss(ctx, inputs[0], inputs[1]);
}

/* Compares gradients with differences (f(x + e) - f(x - e)) / 2 e, in double. */
static void check(tn_ctx *ctx, const char *name, const tn_unary_op *op)
{
    tn_tensor *inputs[] = {tn_randn(ctx, TN_F64, TN_SHAPE(5)), tn_randn(ctx, TN_F64, TN_SHAPE(5))};
    tn_set_requires_grad(ctx, inputs[0], true);
    tn_set_requires_grad(ctx, inputs[1], true);
    tn_gradcheck_report r;
    if (tn_gradcheck(ctx, call, (void *)op, 2, inputs, (tn_gradcheck_opts){0}, &r) == TN_OK)
        printf("%s: the gradient is right\n", name);
    if (tn_error_status(ctx) == TN_ERR_GRADIENT) {
        printf("%s: the gradient is %.2f and should be %.2f\n", name, r.analytic, r.numeric);
        tn_clear_error(ctx);
    }
}

/* Learns the curve y = sin 2x + x / 2. */
static void train(tn_ctx *ctx)
{
    tn_tensor *x = tn_reshape(ctx, tn_arange(ctx, TN_F32, -6, 6, 0.125), TN_SHAPE(-1, 1));
    tn_tensor *y = tn_mul_scalar(ctx, x, 0.5);
    for (int64_t i = 0; i < tn_numel(y); i++)
        ((float *)tn_data_mut(y))[i] += sinf(2 * tn_data_f32(x)[i]);
    tn_module *snake = tn_module_new(ctx, &snake_type, 0);
    tn_module *net = tn_sequential(ctx, tn_nn_linear(ctx, 1, 32), snake, tn_nn_linear(ctx, 32, 1));
    tn_optim *opt = tn_adam(ctx, net, (tn_adam_opts){.lr = 0.01});
    for (int step = 0; step <= 300; step++) {
        tn_scope scope = tn_scope_begin(ctx);
        tn_tensor *loss = ln_cosh_loss(ctx, tn_forward(ctx, net, x), y);
        tn_zero_grad(opt);
        tn_backward(ctx, loss);
        if (tn_step(opt) == TN_OK && step % 300 == 0)
            printf("step %3d: loss %.2f\n", step, tn_item(ctx, loss));
        tn_scope_end(ctx, scope);
    }
}

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(&(tn_ctx_opts){.seed = 2});
    check(ctx, "snake", &snake_op);
    check(ctx, "ln_cosh_loss", NULL);
    check(ctx, "mistake", &mistake_op);
    train(ctx);
    int failed = !tn_ok(ctx) || fflush(stdout) != 0 || ferror(stdout);
    if (!tn_ok(ctx))
        fprintf(stderr, "%s\n", tn_error(ctx));
    else if (failed)
        perror("standard output");
    tn_ctx_free(ctx);
    return failed;
}
