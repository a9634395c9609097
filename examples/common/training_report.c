/* training_report.c - what is written and printed of every training. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/training.h"

static const char *const NAMES[] = {"training", "validation", "test"};

void training_values(const training_record *record, double *values)
{
    values[RECORD_ROUND] = (double)record->round;
    values[RECORD_SECONDS] = record->seconds;
    memcpy(values + RECORD_LOSS, record->loss, sizeof(record->loss));
    memcpy(values + RECORD_ACCURACY, record->accuracy, sizeof(record->accuracy));
}

training_record training_record_of(const double *values)
{
    training_record record = {.round = (int64_t)values[RECORD_ROUND],
                              .seconds = values[RECORD_SECONDS]};
    memcpy(record.loss, values + RECORD_LOSS, sizeof(record.loss));
    memcpy(record.accuracy, values + RECORD_ACCURACY, sizeof(record.accuracy));
    return record;
}

void training_names(const training *t, const char **names)
{
    const char *const all[RECORD_VALUES] = {t->task->round,        "seconds",      t->task->loss,
                                            "validation_loss",     "test_loss",    "train_accuracy",
                                            "validation_accuracy", "test_accuracy"};
    memcpy(names, all, sizeof(all));
}

training_record training_row(const training *t, int64_t row)
{
    double values[RECORD_VALUES];
    for (int i = 0; i < RECORD_VALUES; i++)
        values[i] = tn_history_at(t->history, row, i);
    return training_record_of(values);
}

/* ---- what the runs say together -------------------------------------------------------------- */

/* One value of the networks that were kept, of each run. To be freed; NULL if memory is short. */
static double *values_of(const training_results *results, int value)
{
    double *values = malloc((size_t)results->runs * sizeof(*values)), all[RECORD_VALUES];
    for (int64_t i = 0; values && i < results->runs; i++) {
        training_values(&results->kept[i], all);
        values[i] = all[value];
    }
    return values;
}

interval training_interval(const training_results *results, int value)
{
    double *values = values_of(results, value);
    interval found = {NAN, NAN, NAN};
    if (values)
        found = mean_interval(values, (int)results->runs);
    free(values);
    return found;
}

double training_seconds(const training_results *results)
{
    double seconds = 0;
    for (int64_t i = 0; i < results->runs; i++)
        seconds += results->last[i].seconds / (double)results->runs;
    return seconds;
}

/* ---- files ----------------------------------------------------------------------------------- */

bool training_write_history(const training *t)
{
    return tn_history_save(t->history, path_join(t->run.out, "history.csv").s) == TN_OK ||
           run_library_failed(&t->run);
}

static int64_t first_seed(const training *t)
{
    return t->run.seed - t->number;
}

/* The seed of each run and the network that it kept. */
static bool write_runs(const training *t, const training_results *results)
{
    const char *names[RECORD_VALUES];
    double values[1 + RECORD_VALUES];
    report to;
    if (!run_open(&t->run, &to, "runs.csv"))
        return false;
    training_names(t, names);
    fputs("seed", to.file);
    for (int i = 0; i < RECORD_VALUES; i++)
        fprintf(to.file, ",%s", names[i]);
    fputc('\n', to.file);
    for (int64_t i = 0; i < results->runs; i++) {
        values[0] = (double)(first_seed(t) + i);
        training_values(&results->kept[i], values + 1);
        csv_row(&to, values, 1 + RECORD_VALUES);
    }
    return run_close(&t->run, &to);
}

static void put_mean(report *to, const char *name, const training_results *results, int value)
{
    json_number(to, name, training_interval(results, value).mean);
}

/* The accuracy of the test by run, if there are several. */
static void put_test(report *to, const training_results *results)
{
    interval test = training_interval(results, RECORD_ACCURACY + PART_TEST);
    double *each = values_of(results, RECORD_ACCURACY + PART_TEST);
    if (each && results->runs > 1) {
        json_number(to, "test_accuracy_low", test.low);
        json_number(to, "test_accuracy_high", test.high);
        json_numbers(to, "test_accuracies", each, (int)results->runs);
    }
    free(each);
}

static bool write_metrics(const training *t, const training_results *results)
{
    report to;
    if (!run_open_metrics(&t->run, &to))
        return false;
    put_mean(&to, "train_accuracy", results, RECORD_ACCURACY + PART_TRAIN);
    put_mean(&to, "validation_accuracy", results, RECORD_ACCURACY + PART_VALIDATION);
    put_mean(&to, "test_accuracy", results, RECORD_ACCURACY + PART_TEST);
    put_test(&to, results);
    put_mean(&to, t->task->loss, results, RECORD_LOSS + PART_TRAIN);
    put_mean(&to, "validation_loss", results, RECORD_LOSS + PART_VALIDATION);
    put_mean(&to, "test_loss", results, RECORD_LOSS + PART_TEST);
    json_number(&to, "seconds", training_seconds(results));
    t->task->put(&to, t, results);
    return run_close_metrics(&t->run, &to);
}

bool training_write_results(const training *t, const training_results *results)
{
    return (results->runs == 1 || write_runs(t, results)) && write_metrics(t, results);
}

void training_put_runs(report *to, const training *t)
{
    json_integer(to, "seed", first_seed(t));
    json_integer(to, "runs", t->settings.runs);
    run_put_machine(to, &t->run);
}

/* ---- pictures and summary -------------------------------------------------------------------- */

void training_plot(const training *t, char *plot, size_t size, int column, double train_factor,
                   double factor, bool points)
{
    for (int p = 0; p < PARTS; p++) {
        size_t length = strlen(plot);
        char marks[80] = "";
        if (points)
            snprintf(marks, sizeof(marks), " pointtype %d pointsize 0.8 pointinterval %lld",
                     5 + 2 * p, (long long)tn_history_rows(t->history) / 8 + 1);
        if (t->count[p] > 0)
            snprintf(plot + length, size - length,
                     "%s'history.csv' skip 1 using 1:(%.9g*$%d) with %s linetype %d%s title '%s'",
                     length > 0 ? ", " : "plot ", p == PART_TRAIN ? train_factor : factor,
                     column + p, points ? "linespoints" : "lines", p + 1, marks, NAMES[p]);
    }
}

static void print_accuracy(const char *name, interval accuracy, int64_t count)
{
    char label[32];
    snprintf(label, sizeof(label), "%s accuracy", name);
    printf("  %-20s %6.2f %%", label, 100 * accuracy.mean);
    if (isfinite(accuracy.low))
        printf("   95 %% interval %.2f to %.2f %%", 100 * accuracy.low, 100 * accuracy.high);
    else if (count > 0)
        printf("   %lld of %lld wrong", llround((1 - accuracy.mean) * (double)count),
               (long long)count);
    putchar('\n');
}

void training_print_accuracies(const training *t, const training_results *results, bool wrong)
{
    for (int p = 0; p < PARTS; p++)
        if (t->count[p] > 0)
            print_accuracy(NAMES[p], training_interval(results, RECORD_ACCURACY + p),
                           wrong ? t->count[p] : 0);
}
