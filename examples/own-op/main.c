/* own-op - an activation, a loss and a layer that libtensor does not have, declared in a program.
 *
 * The activation is one formula and its derivative; the loss uses the general form, tn_record with
 * a backward function; the layer is a module with a parameter of its own. Before they are trained
 * their gradients are checked against differences: do that first when you write an operator. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <tn/tn.h>

/* ---- an activation: snake(x) = x + sin^2 x, good at periodic functions ------------------------
 * (Ziyin, Hartwig, Ueda: Neural networks fail to learn periodic functions, NeurIPS 2020) */

TN_UNARY(snake, TN_SAVE_X, x + sin(x) * sin(x), dy * (1 + sin(2 * x)));

static tn_tensor *snake(tn_ctx *ctx, const tn_tensor *x)
{
    return tn_unary(ctx, &snake_op, x, NULL);
}

/* ---- a loss: mean of ln cosh(d), d = prediction - target; quadratic near 0, linear far away */

TN_FORMULA1(ln_cosh, d, fabs(d) + log1p(exp(-2 * fabs(d))) - (real)0.69314718055994531);
TN_FORMULA2(slope, d, dy, dy * tanh(d) * c[0]); /* c[0]: 1 / number of elements */

static void loss_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    const tn_tensor *operands[] = {tn_saved(node, 0), dy};
    tn_tensor *dx = tn_map(ctx, "ln_cosh_loss", &slope, tn_node_data(node), operands);
    tn_add_grad(ctx, node, 0, dx);
    if (tn_wants_grad(node, 1))
        tn_add_grad(ctx, node, 1, tn_neg(ctx, dx));
}

static const tn_op loss_op = {.name = "ln_cosh_loss", .backward = loss_backward};

static tn_tensor *ln_cosh_loss(tn_ctx *ctx, const tn_tensor *prediction, const tn_tensor *target)
{
    if (!tn_check_float(ctx, "ln_cosh_loss", "input", prediction) ||
        !tn_check_float(ctx, "ln_cosh_loss", "target", target))
        return NULL;
    bool before = tn_set_grad_enabled(ctx, false);
    tn_tensor *d = tn_sub(ctx, prediction, target);
    double c[TN_MAX_CONSTANTS] = {1 / (double)tn_numel(d)};
    tn_tensor *y = tn_map(ctx, "ln_cosh_loss", &ln_cosh, NULL, (const tn_tensor *[]){d});
    y = tn_mean(ctx, y, (tn_reduce_opts){0});
    tn_set_grad_enabled(ctx, before);
    return tn_record(
        ctx, &loss_op, y,
        (tn_record_args){
            .inputs = {prediction, target}, .saved = {d}, .data = c, .size = sizeof c});
}

/* ---- a layer: snake(a x) / a, where each feature learns its own frequency a ------------------ */

static tn_tensor *snake_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    const tn_tensor *a = tn_parameter_named(self, "a");
    return tn_div(ctx, snake(ctx, tn_mul(ctx, x, a)), a);
}

static const tn_module_type snake_type = {.name = "Snake", .forward = snake_forward};

static tn_module *snake_layer(tn_ctx *ctx, int64_t features)
{
    tn_module *self = tn_module_new(ctx, &snake_type, 0);
    tn_tensor *a = tn_empty(ctx, TN_F32, TN_SHAPE(features));
    tn_uniform_(ctx, a, 0.5, 4);
    tn_add_parameter(ctx, self, "a", a);
    return self;
}

/* ---- checking the gradients ------------------------------------------------------------------ */

static tn_tensor *call_snake(tn_ctx *ctx, tn_tensor *const *inputs, void *payload)
{
    (void)payload;
    return snake(ctx, inputs[0]);
}

static tn_tensor *call_loss(tn_ctx *ctx, tn_tensor *const *inputs, void *payload)
{
    (void)payload;
    return ln_cosh_loss(ctx, inputs[0], inputs[1]);
}

/* The inputs are the parameters of the layer, which is given in `payload`, and what goes into
 * it. */
static tn_tensor *call_layer(tn_ctx *ctx, tn_tensor *const *inputs, void *payload)
{
    return tn_forward(ctx, payload, inputs[1]);
}

static void check(tn_ctx *ctx, const char *name, tn_gradcheck_fn fn, void *payload,
                  tn_tensor *const *inputs, int count)
{
    tn_gradcheck_report report = {0};
    if (tn_gradcheck(ctx, fn, payload, count, inputs, (tn_gradcheck_opts){0}, &report) == TN_OK)
        printf("%-13s %3lld derivatives right, largest relative error %.1e\n", name,
               (long long)report.checked, report.worst);
}

static void check_gradients(tn_ctx *ctx)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *x = tn_randn(ctx, TN_F64, TN_SHAPE(5, 3));
    tn_tensor *target = tn_randn(ctx, TN_F64, TN_SHAPE(5, 3));
    tn_module *layer = snake_layer(ctx, 3);
    tn_module_to(ctx, layer, TN_F64);
    tn_set_requires_grad(ctx, x, true);
    tn_set_requires_grad(ctx, target, true);
    check(ctx, "snake", call_snake, NULL, &x, 1);
    check(ctx, "ln_cosh_loss", call_loss, NULL, (tn_tensor *[]){x, target}, 2);
    check(ctx, "Snake", call_layer, layer, (tn_tensor *[]){tn_parameter_named(layer, "a"), x}, 2);
    tn_module_free(layer);
    tn_scope_end(ctx, scope);
}

/* ---- training -------------------------------------------------------------------------------- */

/* One step of gradient descent; the loss before it. */
static double learn(tn_ctx *ctx, tn_module *net, tn_optim *opt, const tn_tensor *x,
                    const tn_tensor *y)
{
    tn_scope step = tn_scope_begin(ctx);
    tn_tensor *loss = ln_cosh_loss(ctx, tn_forward(ctx, net, x), y);
    double value = tn_item(ctx, loss);
    tn_zero_grad(opt);
    tn_backward(ctx, loss);
    tn_step(opt);
    tn_scope_end(ctx, step);
    return value;
}

/* Learns a wave; returns the last loss, NaN after an error. */
static double train(tn_ctx *ctx)
{
    enum { POINTS = 128, STEPS = 500 };
    float x[POINTS], y[POINTS];
    for (int i = 0; i < POINTS; i++) {
        x[i] = 12.0F * (float)i / POINTS - 6;
        y[i] = sinf(x[i]) + 0.5F * sinf(3 * x[i]);
    }
    tn_tensor *inputs = tn_from_data(ctx, TN_F32, TN_SHAPE(POINTS, 1), x);
    tn_tensor *targets = tn_from_data(ctx, TN_F32, TN_SHAPE(POINTS, 1), y);
    tn_module *net = tn_sequential(ctx, tn_nn_linear(ctx, 1, 32), snake_layer(ctx, 32),
                                   tn_nn_linear(ctx, 32, 1));
    tn_optim *opt = tn_adam(ctx, net, (tn_adam_opts){.lr = 0.02});
    double loss = NAN;
    for (int i = 1; i <= STEPS; i++) {
        loss = learn(ctx, net, opt, inputs, targets);
        if (i == 1 || i % 100 == 0)
            printf("step %3d: loss %.5f\n", i, loss);
    }
    return loss;
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        bool help = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0;
        fprintf(help ? stdout : stderr,
                "usage: own-op\n\n"
                "Checks the gradients of an activation, a loss and a layer that are declared in\n"
                "examples/own-op/main.c, then learns a wave with them. The exit status is 0 if\n"
                "the gradients are right and the wave was learnt, 1 if not.\n");
        return help ? 0 : 2;
    }
    tn_ctx *ctx = tn_ctx_new(&(tn_ctx_opts){.seed = 1});
    if (!ctx)
        return 1;
    check_gradients(ctx);
    bool learnt = train(ctx) < 0.01;
    if (tn_error_status(ctx) != TN_OK)
        fprintf(stderr, "own-op: %s\n", tn_error(ctx));
    else if (!learnt)
        fprintf(stderr, "own-op: the wave was not learnt\n");
    bool failed = tn_error_status(ctx) != TN_OK || !learnt;
    tn_ctx_free(ctx);
    return failed;
}
