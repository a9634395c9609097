/* digits backprop-cost: a gradient weight by weight, and by backpropagation. */
#include "digits/digits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/progress.h"
#include "digits/chain.h"
#include "digits/sets.h"

enum { SEPARATE, BACKPROP, METHODS };
enum { MOST_WIDTHS = 8, MEASUREMENTS = 3 };

static const double LEAST_SECONDS = 0.002; /* that a measurement takes */
static const double TOLERANCE = 1e-10;     /* of derivatives, relative to the largest one */

/* The power of K with which all separate derivatives grow in the end, for 1 to 4 hidden layers:
 * K^2 weights, times a constant, K or K^2 for each. */
static const int LIMITS[CHAIN_HIDDEN] = {2, 3, 4, 4};

static const cli_program PROGRAM = {
    .name = "digits backprop-cost",
    .summary =
        "What the gradient of the cross-entropy of one image costs, in multiply-adds and seconds, "
        "in networks of 1 to 4 hidden layers of K units (tanh) on the image reduced to K pixels: "
        "by backpropagation, and when the derivative of each weight is computed by itself. By "
        "itself means: the activations are known, and what a change of the weight does to its "
        "unit is carried forward through the layers after it to the loss, with K multiply-adds "
        "in the next hidden layer and K^2 in each one after that. Both are plain loops on one "
        "thread, and are compared with tn_backward. Writes cost.csv, growth.csv, metrics.json and "
        "the picture cost.",
};

typedef struct cost {
    int64_t weights, sampled; /* derivatives that were computed by themselves, of so many */
    double adds[METHODS], seconds[METHODS];
} cost;

typedef struct study {
    digit_images digits;
    const char *text; /* of --widths */
    int64_t sample;
    int width[MOST_WIDTHS], widths;
    cost costs[CHAIN_HIDDEN][MOST_WIDTHS];
    double measured[CHAIN_HIDDEN][METHODS], predicted[CHAIN_HIDDEN][METHODS]; /* powers of K */
    double library_error, separate_error;
} study;

/* ---- the networks ---------------------------------------------------------------------------- */

static tn_module *make_net(tn_ctx *ctx, int hidden, int width)
{
    tn_module *parts[2 * CHAIN_HIDDEN + 1];
    int count = 0;
    for (int l = 0; l < hidden; l++) {
        parts[count++] = tn_nn_linear(ctx, width, width);
        parts[count++] = tn_nn_tanh(ctx);
    }
    parts[count++] = tn_nn_linear(ctx, width, MNIST_CLASSES);
    tn_module *net = tn_sequential_of(ctx, count, parts);
    tn_module_to(ctx, net, TN_F64);
    return net;
}

/* The first image as averages over `width` windows, in as square a pattern as there is:
 * [1, width]. */
static tn_tensor *reduce_image(const run *s, const study *t, int width)
{
    tn_ctx *ctx = s->ctx;
    int rows = (int)sqrt(width);
    while (width % rows != 0)
        rows--;
    tn_tensor *first = tn_cast(ctx, tn_narrow(ctx, t->digits.images, 0, 0, 1), TN_F64);
    tn_tensor *image = tn_reshape(ctx, first, TN_SHAPE(1, 1, MNIST_SIDE, MNIST_SIDE));
    image = tn_adaptive_avg_pool2d(ctx, tn_mul_scalar(ctx, image, 1.0 / 255.0), rows, width / rows);
    return tn_reshape(ctx, image, TN_SHAPE(1, width));
}

/* The chain computes with the weights of the net itself. */
static bool make_chain(const run *s, const study *t, const tn_module *net, const tn_tensor *x,
                       chain *c)
{
    int width = (int)tn_size(x, 1), layers = (int)tn_parameter_count(net) / 2;
    int size[CHAIN_LAYERS + 1];
    for (int l = 0; l < layers; l++)
        size[l] = width;
    size[layers] = MNIST_CLASSES;
    if (!chain_make(c, layers, size))
        return run_short_of_memory(s);
    for (int l = 0; l < layers; l++) {
        c->weight[l] = tn_data_f64(tn_parameter(net, 2 * l, NULL, 0));
        c->bias[l] = tn_data_f64(tn_parameter(net, 2 * l + 1, NULL, 0));
    }
    c->label = ((const uint8_t *)tn_data(t->digits.labels))[0];
    memcpy(c->a[0], tn_data_f64(x), (size_t)width * sizeof(double));
    return true;
}

/* ---- measuring ------------------------------------------------------------------------------- */

/* What is timed: derivatives of a layer, or one backpropagation. */
typedef struct job {
    chain *c;
    int layer;
    int64_t count;
    double error;
} job;

/* Seconds of one call: the least of some measurements, since other work on the machine only adds to
 * them. */
static double time_calls(void (*call)(job *), job *j)
{
    double least = INFINITY;
    int64_t times = 1;
    for (int measured = 0; measured < MEASUREMENTS;) {
        double start = seconds_now();
        for (int64_t i = 0; i < times; i++)
            call(j);
        double seconds = seconds_now() - start;
        least = fmin(least, seconds / (double)times);
        if (seconds >= LEAST_SECONDS)
            measured++;
        else
            times *= 2;
    }
    return least;
}

static void backpropagate(job *j)
{
    chain_backpropagate(j->c);
}

/* Computes `count` derivatives of the layer, evenly spread over its weights, and finds the largest
 * difference from backpropagation. */
static void derive(job *j)
{
    chain *c = j->c;
    int64_t weights = chain_weights(c, j->layer), in = c->size[j->layer];
    j->error = 0;
    for (int64_t k = 0; k < j->count; k++) {
        int64_t at = k * weights / j->count;
        double d = chain_derivative(c, j->layer, (int)(at / in), (int)(at % in));
        j->error = fmax(j->error, fabs(d - c->gradient[j->layer][at]));
    }
}

static double largest(const double *x, int64_t count)
{
    double result = 0;
    for (int64_t i = 0; i < count; i++)
        result = fmax(result, fabs(x[i]));
    return result;
}

/* The largest difference between the gradients of the chain and of the net, which tn_backward has
 * computed. */
static double compare_gradients(const chain *c, const tn_module *net)
{
    double worst = 0;
    for (int l = 0; l < c->layers; l++) {
        const double *g = tn_data_f64(tn_grad(tn_parameter(net, 2 * l, NULL, 0)));
        for (int64_t i = 0; i < chain_weights(c, l); i++)
            worst = fmax(worst, fabs(g[i] - c->gradient[l][i]));
    }
    return worst;
}

static void measure_chain(study *t, chain *c, const tn_module *net, cost *found)
{
    double scale = 0;
    found->seconds[BACKPROP] = time_calls(backpropagate, &(job){.c = c});
    found->adds[BACKPROP] = chain_backpropagation_cost(c);
    found->adds[SEPARATE] = chain_derivatives_cost(c);
    for (int l = 0; l < c->layers; l++)
        scale = fmax(scale, largest(c->gradient[l], chain_weights(c, l)));
    for (int l = 0; l < c->layers; l++) {
        int64_t weights = chain_weights(c, l), count = weights < t->sample ? weights : t->sample;
        found->weights += weights;
        found->sampled += count;
        job j = {.c = c, .layer = l, .count = count};
        double seconds = time_calls(derive, &j);
        found->seconds[SEPARATE] += seconds * (double)weights / (double)count;
        t->separate_error = fmax(t->separate_error, j.error / scale);
    }
    t->library_error = fmax(t->library_error, compare_gradients(c, net) / scale);
}

static bool measure(const run *s, study *t, int hidden, int width, cost *found)
{
    chain c;
    tn_scope scope = tn_scope_begin(s->ctx);
    tn_module *net = make_net(s->ctx, hidden, width);
    tn_tensor *x = reduce_image(s, t, width);
    tn_tensor *label = tn_narrow(s->ctx, t->digits.labels, 0, 0, 1);
    tn_backward(s->ctx, tn_cross_entropy(s->ctx, tn_forward(s->ctx, net, x), label,
                                         (tn_cross_entropy_opts){0}));
    bool good = tn_ok(s->ctx) || run_library_failed(s);
    good = good && make_chain(s, t, net, x, &c);
    if (good) {
        measure_chain(t, &c, net, found);
        chain_free(&c);
    }
    tn_module_free(net);
    tn_scope_end(s->ctx, scope);
    return good;
}

/* ---- growth ---------------------------------------------------------------------------------- */

/* The slope of the line through (ln x, ln y) with the least squares. */
static double fit_power(int count, const double *x, const double *y)
{
    double mx = 0, my = 0, xx = 0, xy = 0;
    for (int i = 0; i < count; i++) {
        mx += log(x[i]) / count;
        my += log(y[i]) / count;
    }
    for (int i = 0; i < count; i++) {
        xx += (log(x[i]) - mx) * (log(x[i]) - mx);
        xy += (log(x[i]) - mx) * (log(y[i]) - my);
    }
    return xy / xx;
}

static void fit(study *t)
{
    double width[MOST_WIDTHS], seconds[MOST_WIDTHS], adds[MOST_WIDTHS];
    for (int hidden = 0; hidden < CHAIN_HIDDEN; hidden++) {
        for (int method = 0; method < METHODS; method++) {
            for (int i = 0; i < t->widths; i++) {
                width[i] = t->width[i];
                seconds[i] = t->costs[hidden][i].seconds[method];
                adds[i] = t->costs[hidden][i].adds[method];
            }
            t->measured[hidden][method] = fit_power(t->widths, width, seconds);
            t->predicted[hidden][method] = fit_power(t->widths, width, adds);
        }
    }
}

/* ---- files ----------------------------------------------------------------------------------- */

static bool write_costs(const run *s, const study *t)
{
    report r;
    if (!run_open(s, &r, "cost.csv"))
        return false;
    fputs("hidden_layers,width,weights,sampled,separate_multiply_adds,backprop_multiply_adds,"
          "separate_seconds,backprop_seconds\n",
          r.file);
    for (int hidden = 0; hidden < CHAIN_HIDDEN; hidden++) {
        for (int i = 0; i < t->widths; i++) {
            const cost *c = &t->costs[hidden][i];
            csv_row(&r,
                    (double[]){hidden + 1, t->width[i], (double)c->weights, (double)c->sampled,
                               c->adds[SEPARATE], c->adds[BACKPROP], c->seconds[SEPARATE],
                               c->seconds[BACKPROP]},
                    8);
        }
    }
    return run_close(s, &r);
}

static bool write_growth(const run *s, const study *t)
{
    report r;
    if (!run_open(s, &r, "growth.csv"))
        return false;
    fputs("hidden_layers,separate_measured,separate_predicted,separate_limit,backprop_measured,"
          "backprop_predicted,backprop_limit\n",
          r.file);
    for (int h = 0; h < CHAIN_HIDDEN; h++)
        csv_row(&r,
                (double[]){h + 1, t->measured[h][SEPARATE], t->predicted[h][SEPARATE], LIMITS[h],
                           t->measured[h][BACKPROP], t->predicted[h][BACKPROP], 2},
                7);
    return run_close(s, &r);
}

static bool write_metrics(const run *s, const study *t)
{
    report r;
    char name[64];
    const cost *last = &t->costs[CHAIN_HIDDEN - 1][t->widths - 1];
    if (!run_open_metrics(s, &r))
        return false;
    json_number(&r, "library_error", t->library_error);
    json_number(&r, "separate_error", t->separate_error);
    for (int h = 0; h < CHAIN_HIDDEN; h++) {
        snprintf(name, sizeof(name), "separate_power_%d", h + 1);
        json_number(&r, name, t->measured[h][SEPARATE]);
        snprintf(name, sizeof(name), "backprop_power_%d", h + 1);
        json_number(&r, name, t->measured[h][BACKPROP]);
    }
    json_number(&r, "largest_ratio_of_multiply_adds", last->adds[SEPARATE] / last->adds[BACKPROP]);
    json_number(&r, "largest_ratio_of_seconds", last->seconds[SEPARATE] / last->seconds[BACKPROP]);
    json_integer(&r, "sample", t->sample);
    json_string(&r, "widths", t->text);
    digits_put(&r, s, &t->digits);
    return run_close_metrics(s, &r);
}

/* A line through all points, and those that were measured: full marks of the colour. */
static void put_plots(const study *t, FILE *to)
{
    const char *separator = "plot ";
    for (int method = 0; method < METHODS; method++) {
        for (int h = 0; h < CHAIN_HIDDEN; h++) {
            fprintf(to,
                    "%s'cost.csv' skip 1 every ::%d::%d using 2:%d with linespoints linetype %d "
                    "dashtype %d pointtype %d title '%s, %d: K^{%.2f} (%.2f)'",
                    separator, h * t->widths, (h + 1) * t->widths - 1, 7 + method, h + 1,
                    method + 1, method == SEPARATE ? 7 : 5,
                    method == SEPARATE ? "each weight" : "backprop", h + 1, t->measured[h][method],
                    t->predicted[h][method]);
            separator = ", ";
        }
    }
}

/* White middles, so that what is only extrapolated does not look measured. */
static void put_extrapolated(const study *t, FILE *to)
{
    bool any = false;
    for (int h = 0; h < CHAIN_HIDDEN; h++)
        for (int i = 0; i < t->widths; i++)
            any = any || t->costs[h][i].sampled < t->costs[h][i].weights;
    if (!any)
        return;
    fputs(", 'cost.csv' skip 1 using 2:($4 < $3 ? $7 : NaN) with points linecolor rgb 'white' "
          "pointtype 7 pointsize 0.6 notitle, "
          "NaN with points linecolor rgb '#404040' pointtype 6 ",
          to);
    fprintf(to, "title 'extrapolated from %lld weights of a layer'", (long long)t->sample);
}

static bool draw(const run *s, const study *t)
{
    char *commands = NULL;
    size_t length = 0;
    figure picture = {"cost", 800, 560, NULL};
    FILE *to = open_memstream(&commands, &length);
    if (!to)
        return run_short_of_memory(s);
    fputs("set title 'what the gradient of one image costs'\n"
          "set xlabel 'units K of a layer'\n"
          "set ylabel 'time (s)'\n"
          "set logscale xy\n"
          "set logscale x 2\n"
          "set format y '10^{%T}'\n"
          "set offsets 0, 0, graph 0.15, 0\n"
          "set key inside left top Left reverse samplen 2 font ',9' spacing 1.1 "
          "title 'hidden layers: measured growth (predicted)' left\n",
          to);
    put_plots(t, to);
    put_extrapolated(t, to);
    fputs("\nset offsets\nunset logscale", to);
    if (fclose(to) == 0)
        picture.commands = commands;
    bool drawn = picture.commands ? run_draw(s, &picture) : run_short_of_memory(s);
    free(commands);
    return drawn;
}

/* ---- standard output ------------------------------------------------------------------------- */

static void print_costs(const study *t)
{
    bool extrapolated = false;
    printf("%6s %5s %8s | %-31s | %s\n", "hidden", "", "", "multiply-adds", "seconds");
    printf("%6s %5s %8s | %11s %10s %8s | %11s %10s %8s\n", "layers", "K", "weights", "each weight",
           "backprop", "ratio", "each weight", "backprop", "ratio");
    for (int h = 0; h < CHAIN_HIDDEN; h++) {
        for (int i = 0; i < t->widths; i++) {
            const cost *c = &t->costs[h][i];
            bool all = c->sampled == c->weights;
            extrapolated = extrapolated || !all;
            printf("%6d %5d %8lld | %11.3g %10.3g %8.3g | %10.2e%s %10.2e %8.3g\n", h + 1,
                   t->width[i], (long long)c->weights, c->adds[SEPARATE], c->adds[BACKPROP],
                   c->adds[SEPARATE] / c->adds[BACKPROP], c->seconds[SEPARATE], all ? " " : "*",
                   c->seconds[BACKPROP], c->seconds[SEPARATE] / c->seconds[BACKPROP]);
        }
    }
    if (extrapolated)
        printf("* extrapolated: measured for %lld weights of a layer, spread evenly over it, and "
               "scaled to all\n",
               (long long)t->sample);
}

static void print(const run *s, const study *t)
{
    print_costs(t);
    printf("growth with K: the power fitted to the seconds, the one fitted to the multiply-adds, "
           "and its limit for large K\n");
    for (int h = 0; h < CHAIN_HIDDEN; h++)
        printf("  %d hidden: each weight by itself K^%.2f, predicted K^%.2f -> K^%d; "
               "backpropagation K^%.2f, predicted K^%.2f -> K^2\n",
               h + 1, t->measured[h][SEPARATE], t->predicted[h][SEPARATE], LIMITS[h],
               t->measured[h][BACKPROP], t->predicted[h][BACKPROP]);
    printf("derivatives agree with tn_backward within %.1e and with each other within %.1e of the "
           "largest\nresults in %s\n",
           t->library_error, t->separate_error, s->out);
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool read_widths(const run *s, study *t)
{
    double values[MOST_WIDTHS];
    if (!cli_numbers(s->program, "widths", t->text, values, MOST_WIDTHS, &t->widths))
        return false;
    for (int i = 0; i < t->widths; i++) {
        bool grows = i == 0 || values[i] > values[i - 1];
        if (values[i] != floor(values[i]) || values[i] < 2 || values[i] > DIGIT_PIXELS || !grows ||
            t->widths < 2) {
            cli_error(s->program,
                      "--widths needs 2 to %d growing whole numbers from 2 to %d, not '%s'",
                      MOST_WIDTHS, DIGIT_PIXELS, t->text);
            return false;
        }
        t->width[i] = (int)values[i];
    }
    return true;
}

static bool measure_all(const run *s, study *t)
{
    bool good = true;
    progress shown = progress_begin("network", (int64_t)CHAIN_HIDDEN * t->widths, s->quiet);
    for (int h = 0; h < CHAIN_HIDDEN && good; h++) {
        for (int i = 0; i < t->widths && good; i++) {
            progress_update(&shown, (int64_t)h * t->widths + i, "%d hidden of %d units", h + 1,
                            t->width[i]);
            good = measure(s, t, h + 1, t->width[i], &t->costs[h][i]);
        }
    }
    progress_end(&shown);
    return good;
}

static int work(run *s, void *payload)
{
    study *t = payload;
    if (!read_widths(s, t) || !run_make_out(s))
        return CLI_EXIT_USAGE;
    if (!measure_all(s, t))
        return CLI_EXIT_FAILURE;
    fit(t);
    if (!write_costs(s, t) || !write_growth(s, t) || !write_metrics(s, t) || !draw(s, t))
        return CLI_EXIT_FAILURE;
    if (!s->quiet)
        print(s, t);
    if (t->library_error < TOLERANCE && t->separate_error < TOLERANCE)
        return 0;
    cli_error(s->program, "the derivatives disagree by %.1e of the largest",
              fmax(t->library_error, t->separate_error));
    return CLI_EXIT_FAILURE;
}

int digits_backprop_cost(int argc, char **argv)
{
    study t = {.text = "16,32,64,128,256", .sample = 1000};
    run s = {.program = &PROGRAM, .out = "out/digits/backprop-cost", .seed = 1};
    const cli_option options[] = {
        {"widths", CLI_STRING, &t.text, "K1,K2..", .help = "units of a layer, at most 8 numbers"},
        {"sample", CLI_INT, &t.sample, "N", .min = 1, .max = 1e9,
         .help = "weights of a layer that are differentiated by themselves; the time of larger "
                 "layers is extrapolated"},
        {.name = NULL},
    };
    return digits_run(&s, &t.digits, options, argc, argv, work, &t);
}
