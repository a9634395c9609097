#include "digits/train.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/figure.h"
#include "common/report.h"

static const train_record *last_record(const train_run *run)
{
    return &run->history[run->records - 1];
}

static bool failed(const cli_program *program, const train_run *run, const char *name)
{
    cli_error(program, "%s/%s cannot be written: %s", run->settings.out, name, strerror(errno));
    return false;
}

/* ---- metrics.json and history.csv ------------------------------------------------------------ */

static void put_settings(report *r, const tn_ctx *ctx, const train_run *run)
{
    const train_settings *s = &run->settings;
    json_string(r, "model", "softmax");
    json_string(r, "data", s->data);
    json_integer(r, "train_images", run->sets.train.count);
    json_integer(r, "validation_images", run->sets.validation.count);
    json_integer(r, "test_images", run->sets.test.count);
    json_integer(r, "iterations", s->iterations);
    json_integer(r, "batch", s->batch);
    json_number(r, "lr", s->lr);
    json_number(r, "momentum", s->momentum);
    json_string(r, "reduction", TRAIN_REDUCTIONS[s->reduction]);
    json_number(r, "init_std", s->init_std);
    json_number(r, "validation", s->validation);
    json_integer(r, "seed", s->seed);
    json_integer(r, "threads", tn_threads(ctx));
    json_string(r, "isa", tn_isa(ctx));
    json_string(r, "libtensor", tn_version());
}

static bool write_metrics(const cli_program *program, const tn_ctx *ctx, const train_run *run)
{
    const train_record *last = last_record(run);
    report r;
    if (!report_open(&r, run->settings.out, "metrics.json"))
        return failed(program, run, "metrics.json");
    json_begin(&r);
    json_number(&r, "train_accuracy", last->train_accuracy);
    json_number(&r, "validation_accuracy", last->validation_accuracy);
    json_number(&r, "test_accuracy", last->test_accuracy);
    json_number(&r, "loss", last->loss);
    json_number(&r, "seconds", last->seconds);
    put_settings(&r, ctx, run);
    json_end(&r);
    return report_close(&r) || failed(program, run, "metrics.json");
}

static bool write_history(const cli_program *program, const train_run *run)
{
    report r;
    if (!report_open(&r, run->settings.out, "history.csv"))
        return failed(program, run, "history.csv");
    fputs("iteration,seconds,loss,train_accuracy,validation_accuracy,test_accuracy\n", r.file);
    for (int64_t i = 0; i < run->records; i++) {
        const train_record *h = &run->history[i];
        csv_row(&r,
                (double[]){(double)h->iteration, h->seconds, h->loss, h->train_accuracy,
                           h->validation_accuracy, h->test_accuracy},
                6);
    }
    return report_close(&r) || failed(program, run, "history.csv");
}

/* ---- the learning curve ---------------------------------------------------------------------- */

/* The accuracy, in per cent, from which on the picture shows how the curves end. */
static double accuracy_floor(const train_run *run)
{
    double end = 100 * last_record(run)->test_accuracy;
    return fmax(0, 5 * floor((end - 15) / 5));
}

/* The least of 1, 2, 5, 10, 20, .. that divides `range` into five parts at most. */
static double tick_step(double range)
{
    double step = 1;
    for (int i = 0; range / step > 5; i++)
        step *= i % 3 == 1 ? 2.5 : 2;
    return step;
}

/* The curve in a column of history.csv, with a line and eight points. */
static void add_accuracy(char *plot, size_t size, const train_run *run, int column, int kind,
                         const char *name)
{
    size_t length = strlen(plot);
    snprintf(plot + length, size - length,
             "%s'history.csv' skip 1 using 1:(100*$%d) with linespoints linetype %d pointtype %d "
             "pointsize 0.8 pointinterval %lld title '%s'",
             length > 0 ? ", " : "plot ", column, kind, 3 + 2 * kind,
             (long long)run->records / 8 + 1, name);
}

static bool draw_curve(const cli_program *program, const train_run *run)
{
    char commands[2048], accuracies[1024] = "";
    add_accuracy(accuracies, sizeof(accuracies), run, 4, 1, "training");
    if (run->sets.validation.count > 0)
        add_accuracy(accuracies, sizeof(accuracies), run, 5, 2, "validation");
    add_accuracy(accuracies, sizeof(accuracies), run, 6, 3, "test");
    double iterations = (double)run->settings.iterations;
    snprintf(commands, sizeof(commands),
             "set multiplot layout 1,2\n"
             "set rmargin 4\n"
             "set xlabel 'iteration'\n"
             "set xrange [0:%g]\n"
             "set xtics %g\n"
             "set title 'loss on the training images, %s'\n"
             "set ylabel 'cross-entropy (nats)'\n"
             "set logscale y\n"
             "plot 'history.csv' skip 1 using 1:3 with lines linetype 1 notitle\n"
             "unset logscale y\n"
             "set title 'accuracy'\n"
             "set ylabel 'images recognised (%%)'\n"
             "set yrange [%g:100]\n"
             "set key bottom right\n"
             "%s\n"
             "unset multiplot\n"
             "set yrange [*:*]",
             iterations, tick_step(iterations), TRAIN_REDUCTIONS[run->settings.reduction],
             accuracy_floor(run), accuracies);
    figure curve = {.name = "curve", .width = 800, .height = 400, .commands = commands};
    figure_result result = figure_draw(run->settings.out, &curve);
    if (result == FIGURE_FAILED)
        return failed(program, run, "curve.gp");
    if (result == FIGURE_NOT_DRAWN && !run->settings.quiet)
        printf("curve not drawn: with gnuplot installed, (cd %s && gnuplot curve.gp) draws it\n",
               run->settings.out);
    return true;
}

bool train_write_results(const cli_program *program, const tn_ctx *ctx, const train_run *run)
{
    return write_metrics(program, ctx, run) && write_history(program, run) &&
           draw_curve(program, run);
}

/* ---- summary --------------------------------------------------------------------------------- */

static void print_accuracy(const char *name, double accuracy, int64_t count)
{
    if (count == 0)
        return;
    long long wrong = llround((1 - accuracy) * (double)count);
    printf("  %-20s %6.2f %%   %lld of %lld wrong\n", name, 100 * accuracy, wrong,
           (long long)count);
}

void train_print_summary(const train_run *run)
{
    const train_record *last = last_record(run);
    const digit_sets *sets = &run->sets;
    printf("softmax regression on %s: %lld iterations on %lld images in %.2f s\n",
           run->settings.data, (long long)last->iteration, (long long)sets->train.count,
           last->seconds);
    printf("  %-20s %8.6g   %s over the training images\n", "loss", last->loss,
           TRAIN_REDUCTIONS[run->settings.reduction]);
    print_accuracy("training accuracy", last->train_accuracy, sets->train.count);
    print_accuracy("validation accuracy", last->validation_accuracy, sets->validation.count);
    print_accuracy("test accuracy", last->test_accuracy, sets->test.count);
    printf("results in %s\n", run->settings.out);
}
