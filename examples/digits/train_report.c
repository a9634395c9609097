/* train_report.c - writes, draws and prints the results of `digits train`. */
#include "digits/train.h"

#include <math.h>
#include <stdio.h>

/* ---- metrics.json ---------------------------------------------------------------------------- */

void train_put(report *to, const training *t, const training_results *results)
{
    const train_run *own = t->payload;
    const train_settings *s = &own->settings;
    (void)results;
    json_string(to, "model", MODEL_NAMES[s->model]);
    json_string(to, "data", s->source.data);
    json_integer(to, "train_images", t->count[PART_TRAIN]);
    json_integer(to, "validation_images", t->count[PART_VALIDATION]);
    json_integer(to, "test_images", t->count[PART_TEST]);
    json_integer(to, "iterations", t->settings.rounds);
    json_integer(to, "batch", t->settings.batch);
    json_string(to, "optimizer", OPTIMIZERS[s->optimizer]);
    json_number(to, "lr", t->settings.lr);
    json_string(to, "schedule", SCHEDULES[t->settings.schedule]);
    json_number(to, "momentum", s->momentum);
    json_number(to, "weight_decay", t->settings.weight_decay);
    json_string(to, "reduction", REDUCTIONS[s->reduction]);
    json_number(to, "init_std", s->init_std);
    json_number(to, "validation", s->validation);
    training_put_runs(to, t);
}

/* ---- the learning curve ---------------------------------------------------------------------- */

/* The accuracy, in per cent, from which on the picture shows how the curves end. */
static double accuracy_floor(const training *t)
{
    double end = 100 * t->last.accuracy[PART_TEST];
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

static bool draw_curve(const training *t)
{
    const train_run *own = t->payload;
    char commands[4096], losses[1024] = "", accuracies[1024] = "";
    double iterations = (double)t->settings.rounds;
    bool sum = own->settings.reduction == REDUCTION_SUM;
    double mean = sum ? 1 / (double)t->count[PART_TRAIN] : 1;
    training_plot(t, losses, sizeof(losses), 1 + RECORD_LOSS, mean, 1, true);
    training_plot(t, accuracies, sizeof(accuracies), 1 + RECORD_ACCURACY, 100, 100, true);
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
             iterations, tick_step(iterations), losses, accuracy_floor(t), accuracies);
    return run_draw(&t->run, &(figure){"curve", 800, 400, commands});
}

/* ---- the weights of softmax regression ------------------------------------------------------- */

static bool write_weights(const training *t)
{
    tn_tensor *weight = tn_cast(t->run.ctx, tn_parameter(t->net, 0, NULL, 0), TN_F64);
    const double *values = tn_data_f64(weight);
    report to;
    if (!values)
        return run_library_failed(&t->run);
    if (!run_open(&t->run, &to, "weights.csv"))
        return false;
    fputs("digit,row,column,weight\n", to.file);
    for (int i = 0; i < MNIST_CLASSES * DIGIT_PIXELS; i++) {
        int pixel = i % DIGIT_PIXELS;
        csv_row(&to,
                (double[]){i / DIGIT_PIXELS, pixel / MNIST_SIDE, pixel % MNIST_SIDE, values[i]}, 4);
    }
    return run_close(&t->run, &to);
}

/* Ten pictures with one scale, on which 0 is white. */
static bool draw_weights(const training *t)
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
    return run_draw(&t->run, &(figure){"weights", 800, 380, commands});
}

bool train_write_run(training *t)
{
    const train_run *own = t->payload;
    path model = path_join(t->run.out, "model.safetensors");
    if (!draw_curve(t))
        return false;
    if (tn_save(t->run.ctx, t->net, model.s) != TN_OK)
        return run_library_failed(&t->run);
    return own->settings.model != MODEL_SOFTMAX || (write_weights(t) && draw_weights(t));
}

/* ---- summary --------------------------------------------------------------------------------- */

void train_print(const training *t, const training_results *results)
{
    const train_run *own = t->payload;
    const train_settings *s = &own->settings;
    printf("%s on %s: %lld iterations on %lld images in %.2f s", DIGIT_MODELS[s->model].title,
           s->source.data, (long long)t->settings.rounds, (long long)t->count[PART_TRAIN],
           training_seconds(results));
    if (results->runs > 1)
        printf(", mean of %lld runs", (long long)results->runs);
    printf("\n  %-20s %8.6g   %s over the training images\n", "loss",
           training_interval(results, RECORD_LOSS).mean, REDUCTIONS[s->reduction]);
    training_print_accuracies(t, results, true);
    printf("results in %s\n", t->run.out);
}
