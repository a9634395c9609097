#include "digits/train.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/figure.h"
#include "common/stats.h"

static const train_record *last_record(const train_run *run)
{
    return &run->history[run->records - 1];
}

static bool failed(const cli_program *program, const train_run *run, const char *name)
{
    cli_error(program, "%s/%s cannot be written: %s", run->settings.out, name, strerror(errno));
    return false;
}

/* ---- what the runs say together -------------------------------------------------------------- */

enum {
    SECONDS = 1,
    LOSS,
    VALIDATION_LOSS,
    TEST_LOSS,
    TRAIN_ACCURACY,
    VALIDATION_ACCURACY,
    TEST_ACCURACY
};

/* One value of the records of all runs. To be freed; NULL if memory is short. */
static double *values_of(const train_run *run, const train_record *results, int value)
{
    double *values = malloc((size_t)run->settings.runs * sizeof(*values)), all[RECORD_VALUES];
    for (int64_t i = 0; values && i < run->settings.runs; i++) {
        record_values(&results[i], all);
        values[i] = all[value];
    }
    return values;
}

static interval interval_of(const train_run *run, const train_record *results, int value)
{
    double *values = values_of(run, results, value);
    interval found = {NAN, NAN, NAN};
    if (values)
        found = mean_interval(values, (int)run->settings.runs);
    free(values);
    return found;
}

/* ---- metrics.json, runs.csv and history.csv -------------------------------------------------- */

/* The last run writes what all of them say. */
static int64_t first_seed(const train_run *run)
{
    return run->settings.seed - run->settings.runs + 1;
}

static void put_settings(report *r, const train_run *run)
{
    const train_settings *s = &run->settings;
    json_string(r, "model", MODEL_NAMES[s->model]);
    json_string(r, "data", s->data);
    json_integer(r, "train_images", run->sets.train.count);
    json_integer(r, "validation_images", run->sets.validation.count);
    json_integer(r, "test_images", run->sets.test.count);
    json_integer(r, "iterations", s->iterations);
    json_integer(r, "batch", s->batch);
    json_string(r, "optimizer", TRAIN_OPTIMIZERS[s->optimizer]);
    json_number(r, "lr", s->lr);
    json_string(r, "schedule", TRAIN_SCHEDULES[s->schedule]);
    json_number(r, "momentum", s->momentum);
    json_number(r, "weight_decay", s->weight_decay);
    json_string(r, "reduction", TRAIN_REDUCTIONS[s->reduction]);
    json_number(r, "init_std", s->init_std);
    json_number(r, "validation", s->validation);
    json_integer(r, "seed", first_seed(run));
    json_integer(r, "runs", s->runs);
    json_integer(r, "threads", tn_threads(run->ctx));
    json_string(r, "isa", tn_isa(run->ctx));
    json_string(r, "libtensor", tn_version());
}

static void put_results(report *r, const train_run *run, const train_record *results,
                        const double *test_accuracies)
{
    interval test = interval_of(run, results, TEST_ACCURACY);
    json_number(r, "train_accuracy", interval_of(run, results, TRAIN_ACCURACY).mean);
    json_number(r, "validation_accuracy", interval_of(run, results, VALIDATION_ACCURACY).mean);
    json_number(r, "test_accuracy", test.mean);
    if (run->settings.runs > 1) {
        json_number(r, "test_accuracy_low", test.low);
        json_number(r, "test_accuracy_high", test.high);
        json_numbers(r, "test_accuracies", test_accuracies, (int)run->settings.runs);
    }
    json_number(r, "loss", interval_of(run, results, LOSS).mean);
    json_number(r, "validation_loss", interval_of(run, results, VALIDATION_LOSS).mean);
    json_number(r, "test_loss", interval_of(run, results, TEST_LOSS).mean);
    json_number(r, "seconds", interval_of(run, results, SECONDS).mean);
}

static bool write_metrics(const cli_program *program, const train_run *run,
                          const train_record *results)
{
    double *test_accuracies = values_of(run, results, TEST_ACCURACY);
    report r;
    if (!test_accuracies || !report_open(&r, run->settings.out, "metrics.json")) {
        free(test_accuracies);
        return failed(program, run, "metrics.json");
    }
    json_begin(&r);
    put_results(&r, run, results, test_accuracies);
    put_settings(&r, run);
    json_end(&r);
    free(test_accuracies);
    return report_close(&r) || failed(program, run, "metrics.json");
}

static bool write_history(const cli_program *program, const train_run *run)
{
    double values[RECORD_VALUES];
    report r;
    if (!report_open(&r, run->settings.out, "history.csv"))
        return failed(program, run, "history.csv");
    fputs("iteration,seconds,loss,validation_loss,test_loss,train_accuracy,"
          "validation_accuracy,test_accuracy\n",
          r.file);
    for (int64_t i = 0; i < run->records; i++) {
        record_values(&run->history[i], values);
        csv_row(&r, values, RECORD_VALUES);
    }
    return report_close(&r) || failed(program, run, "history.csv");
}

/* The seed of each run and how it ended. */
static bool write_runs(const cli_program *program, const train_run *run,
                       const train_record *results)
{
    double values[RECORD_VALUES + 1];
    report r;
    if (!report_open(&r, run->settings.out, "runs.csv"))
        return failed(program, run, "runs.csv");
    fputs("seed,iteration,seconds,loss,validation_loss,test_loss,train_accuracy,"
          "validation_accuracy,test_accuracy\n",
          r.file);
    for (int64_t i = 0; i < run->settings.runs; i++) {
        values[0] = (double)(first_seed(run) + i);
        record_values(&results[i], values + 1);
        csv_row(&r, values, RECORD_VALUES + 1);
    }
    return report_close(&r) || failed(program, run, "runs.csv");
}

bool train_write_results(const cli_program *program, const train_run *run,
                         const train_record *results)
{
    return (run->settings.runs == 1 || write_runs(program, run, results)) &&
           write_metrics(program, run, results);
}

static bool draw(const cli_program *program, const train_run *run, const figure *f)
{
    figure_result result = figure_draw(run->settings.out, f);
    if (result == FIGURE_FAILED)
        return failed(program, run, f->name);
    if (result == FIGURE_NOT_DRAWN && !run->settings.quiet)
        printf("%s not drawn: with gnuplot installed, (cd %s && gnuplot %s.gp) draws it\n", f->name,
               run->settings.out, f->name);
    return true;
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

/* A column of history.csv times `factor`, as a line with eight points. */
static void add_column(char *plot, size_t size, const train_run *run, int column, double factor,
                       int kind, const char *name)
{
    size_t length = strlen(plot);
    snprintf(plot + length, size - length,
             "%s'history.csv' skip 1 using 1:(%.9g*$%d) with linespoints linetype %d pointtype %d "
             "pointsize 0.8 pointinterval %lld title '%s'",
             length > 0 ? ", " : "plot ", factor, column, kind, 3 + 2 * kind,
             (long long)run->records / 8 + 1, name);
}

/* What is drawn of the three sets; `column` is that of the training images. */
static void add_sets(char *plot, size_t size, const train_run *run, int column, double train_factor,
                     double factor)
{
    add_column(plot, size, run, column, train_factor, 1, "training");
    if (run->sets.validation.count > 0)
        add_column(plot, size, run, column + 1, factor, 2, "validation");
    add_column(plot, size, run, column + 2, factor, 3, "test");
}

static bool draw_curve(const cli_program *program, const train_run *run)
{
    char commands[4096], losses[1024] = "", accuracies[1024] = "";
    double iterations = (double)run->settings.iterations;
    double mean = run->settings.reduction == 0 ? 1 : 1 / (double)run->sets.train.count;
    add_sets(losses, sizeof(losses), run, 1 + LOSS, mean, 1);
    add_sets(accuracies, sizeof(accuracies), run, 1 + TRAIN_ACCURACY, 100, 100);
    snprintf(commands, sizeof(commands),
             "set multiplot layout 1,2\n"
             "set rmargin 4\n"
             "set xlabel 'iteration'\n"
             "set xrange [0:%g]\n"
             "set xtics %g\n"
             "set title 'loss, mean over the images'\n"
             "set ylabel 'cross-entropy (nats)'\n"
             "set logscale y\n"
             "set key top right\n"
             "%s\n"
             "unset logscale y\n"
             "set title 'accuracy'\n"
             "set ylabel 'images recognised (%%)'\n"
             "set yrange [%g:100]\n"
             "set key bottom right\n"
             "%s\n"
             "unset multiplot\n"
             "set yrange [*:*]",
             iterations, tick_step(iterations), losses, accuracy_floor(run), accuracies);
    return draw(program, run, &(figure){"curve", 800, 400, commands});
}

/* ---- the weights of softmax regression ------------------------------------------------------- */

static bool write_weights(const cli_program *program, const train_run *run)
{
    tn_tensor *weight = tn_cast(run->ctx, tn_parameter(run->net, 0, NULL, 0), TN_F64);
    const double *values = tn_data_f64(weight);
    report r;
    if (!values || !report_open(&r, run->settings.out, "weights.csv"))
        return failed(program, run, "weights.csv");
    fputs("digit,row,column,weight\n", r.file);
    for (int i = 0; i < MNIST_CLASSES * DIGIT_PIXELS; i++) {
        int pixel = i % DIGIT_PIXELS;
        csv_row(&r, (double[]){i / DIGIT_PIXELS, pixel / MNIST_SIDE, pixel % MNIST_SIDE, values[i]},
                4);
    }
    return report_close(&r) || failed(program, run, "weights.csv");
}

/* Ten pictures with one scale, on which 0 is white. */
static bool draw_weights(const cli_program *program, const train_run *run)
{
    const char *commands =
        "stats 'weights.csv' skip 1 using 4 nooutput\n"
        "limit = abs(STATS_min) > abs(STATS_max) ? abs(STATS_min) : abs(STATS_max)\n"
        "set palette defined (-1 '#0072B2', 0 'white', 1 '#D55E00')\n"
        "set cbrange [-limit:limit]\n"
        "set multiplot layout 2,5 margins 0.02,0.87,0.04,0.84 spacing 0.02,0.1 "
        "title 'weight of each pixel, by digit'\n"
        "unset tics\n"
        "unset grid\n"
        "set border 15\n"
        "set size ratio 1\n"
        "set xrange [-0.5:27.5]\n"
        "set yrange [27.5:-0.5]\n"
        "unset colorbox\n"
        "do for [digit=0:9] {\n"
        "    set title sprintf('%d', digit) offset 0,-0.5\n"
        "    if (digit == 9) {\n"
        "        set colorbox user origin screen 0.9,0.06 size screen 0.02,0.76\n"
        "        set cbtics\n"
        "    }\n"
        "    plot 'weights.csv' skip 1 every ::784*digit::784*digit+783 using 3:2:4 with image "
        "notitle\n"
        "}\n"
        "unset multiplot\n"
        "unset title\n"
        "set tics\n"
        "set xrange [*:*]\n"
        "set yrange [*:*]";
    return draw(program, run, &(figure){"weights", 800, 380, commands});
}

bool train_write_run(const cli_program *program, const train_run *run)
{
    if (!write_history(program, run) || !draw_curve(program, run))
        return false;
    if (tn_save(run->ctx, run->net, path_join(run->settings.out, "model.safetensors").s) != TN_OK) {
        cli_error(program, "%s", tn_error(run->ctx));
        return false;
    }
    return run->settings.model != MODEL_SOFTMAX ||
           (write_weights(program, run) && draw_weights(program, run));
}

/* ---- summary --------------------------------------------------------------------------------- */

static void print_accuracy(const char *name, interval accuracy, int64_t count)
{
    if (count == 0)
        return;
    printf("  %-20s %6.2f %%", name, 100 * accuracy.mean);
    if (isfinite(accuracy.low))
        printf("   95 %% interval %.2f to %.2f %%\n", 100 * accuracy.low, 100 * accuracy.high);
    else
        printf("   %lld of %lld wrong\n", llround((1 - accuracy.mean) * (double)count),
               (long long)count);
}

void train_print_summary(const train_run *run, const train_record *results)
{
    const train_settings *s = &run->settings;
    const digit_sets *sets = &run->sets;
    printf("%s on %s: %lld iterations on %lld images in %.2f s", DIGIT_MODELS[s->model].title,
           s->data, (long long)s->iterations, (long long)sets->train.count,
           interval_of(run, results, SECONDS).mean);
    if (s->runs > 1)
        printf(", mean of %lld runs", (long long)s->runs);
    printf("\n  %-20s %8.6g   %s over the training images\n", "loss",
           interval_of(run, results, LOSS).mean, TRAIN_REDUCTIONS[s->reduction]);
    print_accuracy("training accuracy", interval_of(run, results, TRAIN_ACCURACY),
                   sets->train.count);
    print_accuracy("validation accuracy", interval_of(run, results, VALIDATION_ACCURACY),
                   sets->validation.count);
    print_accuracy("test accuracy", interval_of(run, results, TEST_ACCURACY), sets->test.count);
    printf("results in %s\n", s->out);
}
