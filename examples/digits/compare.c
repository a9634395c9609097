/* digits compare: gradient descent with and without momentum, from the same start. */
#include "digits/digits.h"

#include <math.h>
#include <stdlib.h>

#include "common/progress.h"
#include "digits/models.h"
#include "digits/sets.h"

enum { VANILLA, MOMENTUM, METHODS };
enum { MOST_LOSSES = 20 };

static const cli_program PROGRAM = {
    .name = "digits compare",
    .summary = "Softmax regression on all images at once, by plain (vanilla) gradient descent and "
               "with momentum in weights and biases, from the same start: how many iterations "
               "each needs to reach given losses. Writes compare.csv, reach.csv, metrics.json and "
               "the picture compare.",
};

typedef struct comparison {
    digit_images digits;
    double lr, momentum, std;
    int64_t iterations;
    const char *losses;
    double wanted[MOST_LOSSES];
    int wanted_count;
    double *loss[METHODS]; /* after 0, 1 .. iterations steps */
    double seconds[METHODS];
    progress shown;
} comparison;

/* ---- descending ------------------------------------------------------------------------------ */

/* One step more than is asked for: each step tells the loss before it. */
static bool descend(const run *s, comparison *c, int method, const tn_tensor *x)
{
    tn_manual_seed(s->ctx, (uint64_t)s->seed);
    tn_module *net = softmax_net(s->ctx, c->std);
    tn_sgd_opts opts = {.lr = c->lr, .momentum = method == MOMENTUM ? c->momentum : 0};
    tn_optim *opt = tn_sgd(s->ctx, net, opts);
    double start = seconds_now();
    for (int64_t i = 0; i <= c->iterations; i++) {
        double loss = c->loss[method][i] = digit_step(s->ctx, net, opt, x, c->digits.labels);
        if (!tn_ok(s->ctx))
            return run_library_failed(s);
        if (!isfinite(loss)) {
            cli_error(s->program,
                      "the loss is not finite after %lld iterations %s; try a --lr "
                      "below %g",
                      (long long)i, method == MOMENTUM ? "with momentum" : "without momentum",
                      c->lr);
            return false;
        }
        progress_update(&c->shown, method * c->iterations + i, "loss %.5g", loss);
    }
    c->seconds[method] = seconds_now() - start;
    tn_optim_free(opt);
    tn_module_free(net);
    return true;
}

/* The first iteration after which the loss is `wanted` or less; NaN if there is none. */
static double reached(const comparison *c, int method, double wanted)
{
    for (int64_t i = 0; i <= c->iterations; i++)
        if (c->loss[method][i] <= wanted)
            return (double)i;
    return NAN;
}

/* How many times fewer iterations momentum needs; NaN if either does not get there. */
static double speed_up(const comparison *c, double wanted)
{
    double vanilla = reached(c, VANILLA, wanted), momentum = reached(c, MOMENTUM, wanted);
    return vanilla == momentum ? 1 : vanilla / momentum;
}

/* ---- results --------------------------------------------------------------------------------- */

static bool write_losses(const run *s, const comparison *c)
{
    report r;
    if (!run_open(s, &r, "compare.csv"))
        return false;
    fputs("iteration,vanilla,momentum\n", r.file);
    for (int64_t i = 0; i <= c->iterations; i++)
        csv_row(&r, (double[]){(double)i, c->loss[VANILLA][i], c->loss[MOMENTUM][i]}, 3);
    return run_close(s, &r);
}

static bool write_reached(const run *s, const comparison *c)
{
    report r;
    if (!run_open(s, &r, "reach.csv"))
        return false;
    fputs("loss,vanilla,momentum,speed_up\n", r.file);
    for (int i = 0; i < c->wanted_count; i++)
        csv_row(&r,
                (double[]){c->wanted[i], reached(c, VANILLA, c->wanted[i]),
                           reached(c, MOMENTUM, c->wanted[i]), speed_up(c, c->wanted[i])},
                4);
    return run_close(s, &r);
}

static bool write_metrics(const run *s, const comparison *c)
{
    report r;
    if (!run_open_metrics(s, &r))
        return false;
    double last = c->loss[VANILLA][c->iterations];
    json_number(&r, "start_loss", c->loss[VANILLA][0]);
    json_number(&r, "vanilla_loss", last);
    json_number(&r, "momentum_loss", c->loss[MOMENTUM][c->iterations]);
    json_number(&r, "momentum_iterations_to_vanilla_loss", reached(c, MOMENTUM, last));
    json_number(&r, "speed_up", speed_up(c, last));
    json_number(&r, "vanilla_seconds", c->seconds[VANILLA]);
    json_number(&r, "momentum_seconds", c->seconds[MOMENTUM]);
    json_integer(&r, "iterations", c->iterations);
    json_number(&r, "lr", c->lr);
    json_number(&r, "momentum", c->momentum);
    json_number(&r, "init_std", c->std);
    digits_put(&r, s, &c->digits);
    return run_close_metrics(s, &r);
}

static bool draw(const run *s, const comparison *c)
{
    char commands[2048];
    snprintf(commands, sizeof(commands),
             "set title 'softmax regression on %lld images, all in each step, learning rate %g'\n"
             "set xlabel 'iteration'\n"
             "set ylabel 'mean cross-entropy of the training images (nats)'\n"
             "set xrange [0:%lld]\n"
             "set logscale y\n"
             "set autoscale yfix\n"
             "set offsets 0, 0, graph 0.05, graph 0.05\n"
             "set ytics (20, 10, 5, 2, 1, 0.7, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1, 0.05, 0.02)\n"
             "set key top right\n"
             "plot 'compare.csv' skip 1 using 1:2 with lines linetype 1 title 'vanilla', "
             "'' skip 1 using 1:3 with lines linetype 2 title 'momentum %g', "
             "'reach.csv' skip 1 using 2:1 with points linetype 1 pointtype 7 notitle, "
             "'' skip 1 using 3:1 with points linetype 2 pointtype 7 notitle, "
             "NaN with points linetype 7 pointtype 7 title 'losses of the table'\n"
             "unset logscale y",
             (long long)c->digits.count, c->lr, (long long)c->iterations, c->momentum);
    return run_draw(s, &(figure){"compare", 800, 500, commands});
}

static void print_count(double count)
{
    if (isfinite(count))
        printf(" %12.0f", count);
    else
        printf(" %12s", "not reached");
}

static void print(const run *s, const comparison *c)
{
    double last = c->loss[VANILLA][c->iterations];
    printf("iterations until the loss of %lld images is reached, from %.4g on, learning rate %g:\n"
           "  %8s %12s %12s %9s\n",
           (long long)c->digits.count, c->loss[VANILLA][0], c->lr, "loss", "vanilla", "momentum",
           "speed-up");
    for (int i = 0; i < c->wanted_count; i++) {
        double ratio = speed_up(c, c->wanted[i]);
        printf("  %8.4g", c->wanted[i]);
        print_count(reached(c, VANILLA, c->wanted[i]));
        print_count(reached(c, MOMENTUM, c->wanted[i]));
        if (isfinite(ratio))
            printf(" %9.2f", ratio);
        putchar('\n');
    }
    printf("after %lld iterations: vanilla %.5g in %.1f s, momentum %.5g in %.1f s\n",
           (long long)c->iterations, last, c->seconds[VANILLA], c->loss[MOMENTUM][c->iterations],
           c->seconds[MOMENTUM]);
    if (isfinite(speed_up(c, last)))
        printf("momentum %g is where vanilla ends after %.0f iterations, %.2f times fewer; along "
               "a valley it can be 1 / (1 - %g) = %.4g times as fast\n",
               c->momentum, reached(c, MOMENTUM, last), speed_up(c, last), c->momentum,
               1 / (1 - c->momentum));
    printf("results in %s\n", s->out);
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool read_losses(const run *s, comparison *c)
{
    if (!cli_numbers(s->program, "losses", c->losses, c->wanted, MOST_LOSSES, &c->wanted_count))
        return false;
    for (int i = 0; i < c->wanted_count; i++) {
        if (c->wanted[i] <= 0) {
            cli_error(s->program, "--losses needs numbers above 0, not '%s'", c->losses);
            return false;
        }
    }
    return true;
}

static bool make_room(const run *s, comparison *c)
{
    for (int method = 0; method < METHODS; method++) {
        c->loss[method] = calloc((size_t)c->iterations + 1, sizeof(double));
        if (!c->loss[method]) {
            cli_error(s->program, "no memory for %lld iterations", (long long)c->iterations);
            return false;
        }
    }
    return true;
}

static bool descend_both(const run *s, comparison *c)
{
    tn_tensor *x = digit_inputs(s->ctx, &c->digits, TN_F32);
    c->shown = progress_begin("iteration", METHODS * c->iterations, s->quiet);
    bool good = descend(s, c, VANILLA, x) && descend(s, c, MOMENTUM, x);
    progress_end(&c->shown);
    return good;
}

static int work(run *s, void *payload)
{
    comparison *c = payload;
    if (!read_losses(s, c) || !make_room(s, c) || !run_make_out(s))
        return CLI_EXIT_USAGE;
    if (!descend_both(s, c))
        return CLI_EXIT_FAILURE;
    if (!write_losses(s, c) || !write_reached(s, c) || !write_metrics(s, c) || !draw(s, c))
        return CLI_EXIT_FAILURE;
    if (!s->quiet)
        print(s, c);
    return 0;
}

int digits_compare(int argc, char **argv)
{
    comparison c = {
        .lr = 0.5, .momentum = 0.9, .iterations = 300, .losses = "1,0.7,0.5,0.4,0.35,0.3"};
    run s = {.program = &PROGRAM, .out = "out/digits/compare", .seed = 1};
    const cli_option options[] = {
        {"iterations", CLI_INT, &c.iterations, "N", .min = 1, .max = 1e7,
         .help = "steps of gradient descent"},
        {"lr", CLI_DOUBLE, &c.lr, "A", .max = INFINITY, .above_min = true,
         .help = "learning rate of both"},
        {"momentum", CLI_DOUBLE, &c.momentum, "M", .max = 0.9999, .above_min = true,
         .help = "v = M v + gradient; weight -= A v"},
        {"losses", CLI_STRING, &c.losses, "L1,L2..", .help = "losses to be reached, at most 20"},
        {"init-std", CLI_DOUBLE, &c.std, "S", .max = 1000,
         .help = "weights and biases start from N(0, S^2); 0: as PyTorch starts them"},
        {.name = NULL},
    };
    int status = digits_run(&s, &c.digits, options, argc, argv, work, &c);
    for (int method = 0; method < METHODS; method++)
        free(c.loss[method]);
    return status;
}
