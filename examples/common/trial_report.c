#include "common/trial.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/names.h"

enum { MOST_DRAWN = 30, MOST_NAME = 100 }; /* persons, and letters of a name, in a picture */

static bool unwritten(const trial *t, const char *name)
{
    cli_error(t->task->program, "%s/%s cannot be written: %s", t->settings->out, name,
              strerror(errno));
    return false;
}

static const char *kind_of(const people *p)
{
    return p->generated ? "generated faces" : "photographs";
}

static bool draw(const trial *t, const figure *f)
{
    figure_result result = figure_draw(t->settings->out, f);
    if (result == FIGURE_FAILED)
        return unwritten(t, f->name);
    if (result == FIGURE_NOT_DRAWN && !t->settings->quiet)
        printf("%s not drawn: with gnuplot installed, (cd %s && gnuplot %s.gp) draws it\n", f->name,
               t->settings->out, f->name);
    return true;
}

/* ---- of the first run ------------------------------------------------------------------------ */

enum { RECORD_VALUES = 2 + 2 * SPLIT_PARTS };

static const char RECORD_NAMES[] = "epoch,seconds,train_loss,validation_loss,test_loss,"
                                   "train_accuracy,validation_accuracy,test_accuracy";

static void record_values(const trial_record *record, double *values)
{
    values[0] = (double)record->epoch;
    values[1] = record->seconds;
    for (int part = 0; part < SPLIT_PARTS; part++) {
        values[2 + part] = record->loss[part];
        values[2 + SPLIT_PARTS + part] = record->accuracy[part];
    }
}

static bool write_history(const trial *t)
{
    double values[RECORD_VALUES];
    report r;
    if (!report_open(&r, t->settings->out, "history.csv"))
        return unwritten(t, "history.csv");
    fprintf(r.file, "%s\n", RECORD_NAMES);
    for (int64_t i = 0; i < t->records; i++) {
        record_values(&t->history[i], values);
        csv_row(&r, values, RECORD_VALUES);
    }
    return report_close(&r) || unwritten(t, "history.csv");
}

/* The photographs of groups that have more than one, by group. */
static void put_duplicates(report *r, const people *p)
{
    for (int64_t group = 0; group < p->count; group++) {
        int64_t members = 0;
        for (int64_t i = 0; p->photos[group].group == group && i < p->count; i++)
            members += p->photos[i].group == group;
        for (int64_t i = 0; members > 1 && i < p->count; i++) {
            if (p->photos[i].group != group)
                continue;
            fprintf(r->file, "%lld,", (long long)group);
            csv_text(r, p->photos[i].file);
            fprintf(r->file, ",%d\n", look_distance(p->photos[i].look, p->photos[group].look));
        }
    }
}

static bool write_duplicates(const trial *t)
{
    report r;
    if (!report_open(&r, t->settings->out, "duplicates.csv"))
        return unwritten(t, "duplicates.csv");
    fputs("group,file,bits\n", r.file);
    put_duplicates(&r, t->people);
    return report_close(&r) || unwritten(t, "duplicates.csv");
}

static bool write_lost(const trial *t)
{
    report r;
    if (!report_open(&r, t->settings->out, "lost.csv"))
        return unwritten(t, "lost.csv");
    fputs("file,reason\n", r.file);
    for (int64_t i = 0; i < t->people->losses; i++) {
        csv_text(&r, t->people->lost[i].file);
        fputc(',', r.file);
        csv_text(&r, t->people->lost[i].why.text);
        fputc('\n', r.file);
    }
    return report_close(&r) || unwritten(t, "lost.csv");
}

/* The network with the persons that it knows, and whatever the program adds. */
static bool write_model(const trial *t)
{
    tn_scope scope = tn_scope_begin(t->ctx);
    tn_dict *dict = tn_dict_new(t->ctx), *state = tn_state_dict(t->ctx, t->net);
    tn_dict_update(dict, "net.", state);
    tn_dict_set(dict, "persons", names_pack(t->ctx, t->people->names, t->people->persons));
    if (t->task->save)
        t->task->save(t, dict);
    tn_save_dict(t->ctx, dict, path_join(t->settings->out, "model.safetensors").s);
    tn_dict_free(state);
    tn_dict_free(dict);
    tn_scope_end(t->ctx, scope);
    if (!tn_ok(t->ctx))
        cli_error(t->task->program, "%s", tn_error(t->ctx));
    return tn_ok(t->ctx);
}

/* A column of history.csv as a line. */
static void add_column(char *plot, size_t size, int column, double factor, int kind,
                       const char *name)
{
    size_t length = strlen(plot);
    snprintf(plot + length, size - length,
             "%s'history.csv' skip 1 using 1:(%g*$%d) with lines linetype %d title '%s'",
             length > 0 ? ", " : "plot ", factor, column, kind, name);
}

static void add_columns(const trial *t, char *plot, size_t size, int column, double factor)
{
    add_column(plot, size, column, factor, 1, "training");
    if (t->split.count[SPLIT_VALIDATION] > 0)
        add_column(plot, size, column + 1, factor, 2, "validation");
    add_column(plot, size, column + 2, factor, 3, "test");
}

/* A dashed line marks the network that is kept. */
static bool draw_curve(const trial *t)
{
    char commands[4096], losses[1024] = "", accuracies[1024] = "";
    double epochs = (double)t->history[t->records - 1].epoch, kept = (double)t->kept.epoch;
    add_columns(t, losses, sizeof(losses), 3, 1);
    add_columns(t, accuracies, sizeof(accuracies), 3 + SPLIT_PARTS, 100);
    snprintf(commands, sizeof(commands),
             "set multiplot layout 1,2 title '%s%s on %s'\n"
             "set rmargin 4\n"
             "set xlabel 'epoch'\n"
             "set xrange [0:%g]\n"
             "set arrow 1 from %g,graph 0 to %g,graph 1 nohead dashtype 2 linecolor '#808080'\n"
             "set ylabel 'loss (nats), mean'\n"
             "set yrange [0:*]\n"
             "set key top right\n"
             "%s\n"
             "set ylabel 'recognised (%%)'\n"
             "set yrange [0:100]\n"
             "set key bottom right\n"
             "%s\n"
             "unset multiplot\n"
             "unset arrow 1\n"
             "set yrange [*:*]",
             t->task->network, t->settings->control ? ", control: labels permuted," : "",
             kind_of(t->people), epochs, kept, kept, losses, accuracies);
    return draw(t, &(figure){"curve", 800, 400, commands});
}

bool trial_write_run(const trial *t)
{
    if (!split_write(t->people, &t->split, t->settings->out, "split.csv"))
        return unwritten(t, "split.csv");
    return write_history(t) && write_duplicates(t) && write_lost(t) && write_model(t) &&
           draw_curve(t);
}

/* ---- of all runs ----------------------------------------------------------------------------- */

/* The interval of one value of the records; and all of these, if `values` is not NULL. */
static interval interval_of(const trial_results *results, int value, double *values)
{
    double all[RECORD_VALUES], *chosen = malloc((size_t)results->runs * sizeof(*chosen));
    interval found = {NAN, NAN, NAN};
    for (int64_t i = 0; chosen && i < results->runs; i++) {
        record_values(&results->kept[i], all);
        chosen[i] = all[value];
        if (values)
            values[i] = chosen[i];
    }
    if (chosen)
        found = mean_interval(chosen, (int)results->runs);
    free(chosen);
    return found;
}

static interval loss_of(const trial_results *results, split_part part)
{
    return interval_of(results, 2 + (int)part, NULL);
}

interval trial_accuracy(const trial_results *results, split_part part)
{
    return interval_of(results, 2 + SPLIT_PARTS + (int)part, NULL);
}

/* Epochs trained, and seconds in training steps, on the average of the runs. */
static void find_effort(const trial_results *results, double *epochs, double *seconds)
{
    *epochs = *seconds = 0;
    for (int64_t i = 0; i < results->runs; i++) {
        *epochs += (double)results->last[i].epoch / (double)results->runs;
        *seconds += results->last[i].seconds / (double)results->runs;
    }
}

static void put_results(report *r, const trial_results *results, double *test_accuracies)
{
    interval test = interval_of(results, 2 + SPLIT_PARTS + SPLIT_TEST, test_accuracies);
    double epochs, seconds;
    find_effort(results, &epochs, &seconds);
    json_number(r, "train_accuracy", trial_accuracy(results, SPLIT_TRAIN).mean);
    json_number(r, "validation_accuracy", trial_accuracy(results, SPLIT_VALIDATION).mean);
    json_number(r, "test_accuracy", test.mean);
    if (results->runs > 1) {
        json_number(r, "test_accuracy_low", test.low);
        json_number(r, "test_accuracy_high", test.high);
        json_numbers(r, "test_accuracies", test_accuracies, (int)results->runs);
    }
    json_number(r, "train_loss", loss_of(results, SPLIT_TRAIN).mean);
    json_number(r, "validation_loss", loss_of(results, SPLIT_VALIDATION).mean);
    json_number(r, "test_loss", loss_of(results, SPLIT_TEST).mean);
    json_number(r, "seconds", seconds);
    json_number(r, "kept_epoch", interval_of(results, 0, NULL).mean);
    json_number(r, "trained_epochs", epochs);
}

static void put_settings(report *r, const trial *t)
{
    const trial_settings *s = t->settings;
    json_string(r, "network", t->task->network);
    json_string(r, "data", s->data);
    json_string(r, "kind", kind_of(t->people));
    json_integer(r, "persons", t->people->persons);
    json_integer(r, "photographs", t->people->count);
    json_integer(r, "lost_photographs", t->people->losses);
    json_integer(r, "duplicate_groups", people_groups(t->people));
    json_integer(r, "near", s->near);
    json_integer(r, "train_photographs", t->split.count[SPLIT_TRAIN]);
    json_integer(r, "validation_photographs", t->split.count[SPLIT_VALIDATION]);
    json_integer(r, "test_photographs", t->split.count[SPLIT_TEST]);
    json_string(r, "split", s->split ? s->split : "drawn");
    json_string(r, "control", t->task->controls[s->control]);
    json_integer(r, "epochs", s->epochs);
    json_integer(r, "batch", s->batch);
    json_number(r, "lr", s->lr);
    json_string(r, "schedule", s->schedule ? "cosine" : "constant");
    json_number(r, "weight_decay", s->weight_decay);
    json_number(r, "label_smoothing", s->label_smoothing);
    json_integer(r, "patience", s->patience);
    json_string(r, "keep", s->keep == KEEP_BEST ? "best" : "last");
    json_integer(r, "balance", s->balance);
    json_integer(r, "seed", s->seed);
    json_integer(r, "runs", s->runs);
    json_integer(r, "threads", tn_threads(t->ctx));
    json_string(r, "isa", tn_isa(t->ctx));
    json_string(r, "libtensor", tn_version());
}

static bool write_metrics(const trial *t, const trial_results *results)
{
    double *test_accuracies = malloc((size_t)results->runs * sizeof(*test_accuracies));
    report r;
    if (!test_accuracies || !report_open(&r, t->settings->out, "metrics.json")) {
        free(test_accuracies);
        return unwritten(t, "metrics.json");
    }
    json_begin(&r);
    put_results(&r, results, test_accuracies);
    put_settings(&r, t);
    if (t->task->put)
        t->task->put(&r, t);
    json_end(&r);
    free(test_accuracies);
    return report_close(&r) || unwritten(t, "metrics.json");
}

static bool write_runs(const trial *t, const trial_results *results)
{
    double values[RECORD_VALUES + 1];
    report r;
    if (!report_open(&r, t->settings->out, "runs.csv"))
        return unwritten(t, "runs.csv");
    fprintf(r.file, "seed,%s\n", RECORD_NAMES);
    for (int64_t i = 0; i < results->runs; i++) {
        values[0] = (double)(t->settings->seed + i);
        record_values(&results->kept[i], values + 1);
        csv_row(&r, values, RECORD_VALUES + 1);
    }
    return report_close(&r) || unwritten(t, "runs.csv");
}

/* ---- who was taken for whom ------------------------------------------------------------------ */

static int64_t confused(const trial *t, const trial_results *results, int person, int answer)
{
    return results->confusion[person * t->people->persons + answer];
}

/* Of the answers that named a person, how many were right; of the photographs of a person, how many
 * were recognised. NaN where there are none. */
typedef struct person_score {
    double precision, recall;
    int64_t photographs;
} person_score;

static person_score score_of(const trial *t, const trial_results *results, int person)
{
    int64_t there = 0, named = 0, right = confused(t, results, person, person);
    for (int other = 0; other < t->people->persons; other++) {
        there += confused(t, results, person, other);
        named += confused(t, results, other, person);
    }
    return (person_score){(double)right / (double)named, (double)right / (double)there, there};
}

static bool write_confusion(const trial *t, const trial_results *results)
{
    const people *p = t->people;
    report r;
    if (!report_open(&r, t->settings->out, "confusion.csv"))
        return unwritten(t, "confusion.csv");
    fputs("person,answer,photographs,fraction\n", r.file);
    for (int cell = 0; cell < p->persons * p->persons; cell++) {
        int person = cell / p->persons, answer = cell % p->persons;
        double count = (double)confused(t, results, person, answer);
        double there = (double)score_of(t, results, person).photographs;
        csv_text(&r, p->names[person]);
        fputc(',', r.file);
        csv_text(&r, p->names[answer]);
        fputc(',', r.file);
        csv_row(&r, (double[]){count, count / there}, 2);
    }
    return report_close(&r) || unwritten(t, "confusion.csv");
}

static bool write_people(const trial *t, const trial_results *results)
{
    report r;
    if (!report_open(&r, t->settings->out, "people.csv"))
        return unwritten(t, "people.csv");
    fputs("person,precision,recall,tested\n", r.file);
    for (int i = 0; i < t->people->persons; i++) {
        person_score score = score_of(t, results, i);
        csv_text(&r, t->people->names[i]);
        fputc(',', r.file);
        csv_row(&r, (double[]){score.precision, score.recall, (double)score.photographs}, 3);
    }
    return report_close(&r) || unwritten(t, "people.csv");
}

/* set xtics ('baldwin' 0, 'bracco' 1, ...): a quote in a name is doubled. */
static void add_names(char *commands, size_t size, const char *axis, const people *p)
{
    size_t at = strlen(commands);
    at += (size_t)snprintf(commands + at, size - at, "set %s scale 0 (", axis);
    for (int i = 0; i < p->persons; i++) {
        at += (size_t)snprintf(commands + at, size - at, "%s'", i > 0 ? ", " : "");
        for (const char *c = p->names[i]; *c && c < p->names[i] + MOST_NAME; c++) {
            commands[at++] = *c;
            if (*c == '\'')
                commands[at++] = *c;
        }
        at += (size_t)snprintf(commands + at, size - at, "' %d", i);
    }
    snprintf(commands + at, size - at, ")\n");
}

/* Each row in parts of its sum, with the counts written in. */
static bool draw_confusion(const trial *t)
{
    const people *p = t->people;
    int persons = p->persons, side = 260 + 60 * persons;
    char commands[16384];
    if (persons > MOST_DRAWN)
        return true;
    snprintf(commands, sizeof(commands),
             "set title 'who was taken for whom: %lld tests of %s%s'\n"
             "set palette defined (0 'white', 1 '#0072B2')\n"
             "set cbrange [0:1]\n"
             "unset colorbox\n"
             "unset grid\n"
             "unset key\n"
             "set border 15\n"
             "set xlabel 'answer'\n"
             "set ylabel 'person'\n"
             "set size ratio 1\n"
             "set xrange [-0.5:%d.5]\n"
             "set yrange [%d.5:-0.5]\n",
             (long long)t->split.count[SPLIT_TEST] * (long long)t->settings->runs, kind_of(p),
             t->settings->control ? ", control: labels permuted" : "", persons - 1, persons - 1);
    add_names(commands, sizeof(commands), "xtics rotate by -30", p);
    add_names(commands, sizeof(commands), "ytics", p);
    size_t length = strlen(commands);
    snprintf(commands + length, sizeof(commands) - length,
             "x(i) = int(i) %% %d\n"
             "y(i) = int(i) / %d\n"
             "plot 'confusion.csv' skip 1 using (x($0)):(y($0)):4 with image, "
             "'' skip 1 using (x($0)):(y($0)):(sprintf('%%d', $3)):($4 > 0.5 ? 0xffffff : 0) "
             "with labels textcolor rgb variable",
             persons, persons);
    return draw(t, &(figure){"confusion", side, side, commands});
}

bool trial_write_results(const trial *t, const trial_results *results)
{
    return (results->runs == 1 || write_runs(t, results)) && write_confusion(t, results) &&
           write_people(t, results) && draw_confusion(t) && write_metrics(t, results);
}

/* ---- summary --------------------------------------------------------------------------------- */

void trial_print_photos(const people *p, const trial_settings *s)
{
    int64_t groups = people_groups(p);
    printf("%lld %s of %d persons in %s", (long long)p->count, kind_of(p), p->persons, p->dir);
    if (s->near >= 0)
        printf("; %lld group%s of near-duplicates", (long long)groups, groups == 1 ? "" : "s");
    putchar('\n');
}

static void print_accuracy(const char *name, interval accuracy)
{
    if (!isfinite(accuracy.mean))
        return;
    printf("  %-20s %6.2f %%", name, 100 * accuracy.mean);
    if (isfinite(accuracy.low))
        printf("   95 %% interval %.2f to %.2f %%", 100 * accuracy.low, 100 * accuracy.high);
    putchar('\n');
}

static void print_confusion(const trial *t, const trial_results *results)
{
    const people *p = t->people;
    int width = people_name_width(p);
    printf("  %-*s ", width, "taken for");
    for (int i = 0; i < p->persons; i++)
        printf(" %6.6s", p->names[i] + (p->generated ? strlen("generated-") : 0));
    printf("  precision  recall\n");
    for (int i = 0; i < p->persons; i++) {
        person_score score = score_of(t, results, i);
        printf("  %-*s ", width, p->names[i]);
        for (int j = 0; j < p->persons; j++)
            printf(" %6lld", (long long)confused(t, results, i, j));
        printf("  %7.1f %%  %4.1f %%\n", 100 * score.precision, 100 * score.recall);
    }
}

void trial_print_summary(const trial *t, const trial_results *results)
{
    const trial_settings *s = t->settings;
    double epochs, seconds;
    find_effort(results, &epochs, &seconds);
    printf("%s on %s of %s: %.0f epochs in %.2f s", t->task->network, kind_of(t->people), s->data,
           epochs, seconds);
    if (s->runs > 1)
        printf(", mean of %lld runs", (long long)s->runs);
    if (s->control)
        printf(" (control: the labels are permuted)");
    putchar('\n');
    print_accuracy("training accuracy", trial_accuracy(results, SPLIT_TRAIN));
    print_accuracy("validation accuracy", trial_accuracy(results, SPLIT_VALIDATION));
    print_accuracy("test accuracy", trial_accuracy(results, SPLIT_TEST));
    print_confusion(t, results);
    printf("results in %s\n", s->out);
}
