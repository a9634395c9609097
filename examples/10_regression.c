/* 10_regression.c - introduces regression, with a picture as the result.
 *
 * A network learns a curve from 100 noisy points. The program draws the points in black, the true
 * curve in grey and what was learnt in red, into regression.svg, which every browser shows.
 *
 * Run it in the root of the repository:  make lessons && build/bin/10_regression
 *
 * It prints:
 *
 *     step    0: root mean square error 0.78
 *     step  500: root mean square error 0.20
 *     step 1000: root mean square error 0.20
 *     without the noise: 0.07 */
#include <math.h>
#include <stdio.h>
#include <tn/tn.h>

#define PICTURE "regression.svg"

enum { POINTS = 100, STEPS = 1000, WIDTH = 640, HEIGHT = 400 };

/* The curve, for x from -1 to 1. */
static double curve(double x)
{
    return sin(5 * x) * (1 - x / 3);
}

static tn_tensor *curve_at(tn_ctx *ctx, const tn_tensor *x)
{
    tn_tensor *y = tn_clone(ctx, x);
    float *elements = tn_data_mut(y);
    for (int64_t i = 0; i < tn_numel(y); i++)
        elements[i] = (float)curve(elements[i]);
    return y;
}

/* Learns y from x, all points at once, in steps that get shorter. */
static void train(tn_ctx *ctx, tn_module *net, const tn_tensor *x, const tn_tensor *y)
{
    tn_optim *opt = tn_adam(ctx, net, (tn_adam_opts){.lr = 1e-2});
    tn_schedule *schedule = tn_cosine_annealing_lr(ctx, opt, STEPS, 0);
    for (int step = 0; step <= STEPS; step++) {
        tn_scope scope = tn_scope_begin(ctx);
        tn_tensor *loss = tn_mse_loss(ctx, tn_forward(ctx, net, x), y, (tn_mse_loss_opts){0});
        tn_zero_grad(opt);
        tn_backward(ctx, loss);
        if (tn_step(opt) == TN_OK && step % 500 == 0)
            printf("step %4d: root mean square error %.2f\n", step, sqrt(tn_item(ctx, loss)));
        tn_schedule_step(schedule);
        tn_scope_end(ctx, scope);
    }
}

/* Where x and y are in the picture, where y goes down. */
static double across(double x)
{
    return WIDTH * (x + 1) / 2;
}

static double down(double y)
{
    return HEIGHT * (2 - y) / 4;
}

static void draw_line(FILE *file, const char *style, const tn_tensor *x, const tn_tensor *y)
{
    fprintf(file, "<polyline fill='none' %s points='", style);
    for (int64_t i = 0; i < tn_numel(x); i++)
        fprintf(file, "%.1f,%.1f ", across(tn_data_f32(x)[i]), down(tn_data_f32(y)[i]));
    fprintf(file, "'/>\n");
}

/* Returns false if the picture could not be written. */
static bool draw(const tn_tensor *x, const tn_tensor *y, const tn_tensor *grid,
                 const tn_tensor *truth, const tn_tensor *learnt)
{
    FILE *file = fopen(PICTURE, "w");
    if (!file)
        return false;
    fprintf(file, "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d'>\n", WIDTH, HEIGHT);
    draw_line(file, "stroke='silver' stroke-width='6'", grid, truth);
    for (int64_t i = 0; i < tn_numel(x); i++)
        fprintf(file, "<circle cx='%.1f' cy='%.1f' r='3'/>\n", across(tn_data_f32(x)[i]),
                down(tn_data_f32(y)[i]));
    draw_line(file, "stroke='crimson' stroke-width='2'", grid, learnt);
    fprintf(file, "</svg>\n");
    bool written = !ferror(file);
    return fclose(file) == 0 && written;
}

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(&(tn_ctx_opts){.seed = 2});
    tn_tensor *x = tn_empty(ctx, TN_F32, TN_SHAPE(POINTS, 1));
    tn_uniform_(ctx, x, -1, 1);
    tn_tensor *noise = tn_mul_scalar(ctx, tn_randn(ctx, TN_F32, TN_SHAPE(POINTS, 1)), 0.2);
    tn_tensor *y = tn_add(ctx, curve_at(ctx, x), noise);
    tn_module *net =
        tn_sequential(ctx, tn_nn_linear(ctx, 1, 32), tn_nn_tanh(ctx), tn_nn_linear(ctx, 32, 32),
                      tn_nn_tanh(ctx), tn_nn_linear(ctx, 32, 1));
    train(ctx, net, x, y);
    /* What was learnt beside the truth, which the points, with their noise, do not tell. */
    tn_set_grad_enabled(ctx, false);
    tn_tensor *grid = tn_reshape(ctx, tn_arange(ctx, TN_F32, -1, 1, 0.01), TN_SHAPE(-1, 1));
    tn_tensor *truth = curve_at(ctx, grid), *learnt = tn_forward(ctx, net, grid);
    tn_tensor *error = tn_sqrt(ctx, tn_mse_loss(ctx, learnt, truth, (tn_mse_loss_opts){0}));
    if (tn_ok(ctx))
        printf("without the noise: %.2f\n", tn_item(ctx, error));
    int failed = 1;
    if (tn_error_status(ctx) != TN_OK)
        fprintf(stderr, "%s\n", tn_error(ctx));
    else if (!draw(x, y, grid, truth, learnt))
        perror(PICTURE);
    else if (fflush(stdout) != 0 || ferror(stdout))
        perror("standard output");
    else
        failed = 0;
    tn_ctx_free(ctx);
    return failed;
}
