/* recognition_report.c - what is written and printed of a network that tells people apart. */
#include "common/recognition.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/names.h"
#include "common/text.h"

enum { MOST_DRAWN = 30, MOST_NAME = 100 }; /* persons, and letters of a name, in a picture */
enum { CELL = 60, EDGE = 16, AXIS = 48, HEAD = 64 };        /* pixels of the matrix and around it */
enum { LEAST_COLUMN = 6, SCORES = 24, MOST_COLUMNS = 120 }; /* of the table that is printed */

/* ---- of the first run ------------------------------------------------------------------------ */

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

static bool write_duplicates(const run *r, const people *p)
{
    report to;
    if (!run_open(r, &to, "duplicates.csv"))
        return false;
    fputs("group,file,bits\n", to.file);
    put_duplicates(&to, p);
    return run_close(r, &to);
}

static bool write_lost(const run *r, const people *p)
{
    report to;
    if (!run_open(r, &to, "lost.csv"))
        return false;
    fputs("file,reason\n", to.file);
    for (int64_t i = 0; i < p->losses; i++) {
        csv_text(&to, p->lost[i].file);
        fputc(',', to.file);
        csv_text(&to, p->lost[i].why.text);
        fputc('\n', to.file);
    }
    return run_close(r, &to);
}

/* The network with the persons that it knows, and whatever the program adds. */
static bool write_model(const training *t)
{
    const recognition *g = t->payload;
    tn_scope scope = tn_scope_begin(g->ctx);
    tn_dict *dict = tn_dict_new(g->ctx), *state = tn_state_dict(g->ctx, t->net);
    tn_dict_update(dict, "net.", state);
    tn_dict_set(dict, "persons", names_pack(g->ctx, g->people->names, g->people->persons));
    g->task->save(g, dict);
    tn_save_dict(g->ctx, dict, path_join(t->run.out, "model.safetensors").s);
    tn_dict_free(state);
    tn_dict_free(dict);
    tn_scope_end(g->ctx, scope);
    return tn_ok(g->ctx) || run_library_failed(&t->run);
}

/* A dashed line marks the network that is kept. */
static bool draw_curve(const training *t)
{
    const recognition *g = t->payload;
    char commands[4096], losses[1024] = "", accuracies[1024] = "";
    double epochs = (double)t->last.round, kept = (double)t->kept.round;
    training_plot(t, losses, sizeof(losses), 1 + RECORD_LOSS, 1, 1, false);
    training_plot(t, accuracies, sizeof(accuracies), 1 + RECORD_ACCURACY, 100, 100, false);
    size_t used = strlen(losses);
    snprintf(losses + used, sizeof(losses) - used,
             ", NaN with lines dashtype 2 linewidth 1 linecolor '#808080' title 'kept: epoch %g'",
             kept);
    snprintf(commands, sizeof(commands),
             "set multiplot layout 1,2 title '%s%s on %s'\n"
             "set rmargin 4\n"
             "set xlabel 'epoch'\n"
             "set xrange [0:%g]\n"
             "set arrow 1 from %g,graph 0 to %g,graph 1 nohead dashtype 2 linewidth 1 "
             "linecolor '#808080'\n"
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
             g->task->network, g->settings->control ? ", control: labels permuted," : "",
             people_kind(g->people), epochs, kept, kept, losses, accuracies);
    return run_draw(&t->run, &(figure){"curve", 800, 400, commands});
}

bool recognition_write_run(training *t)
{
    const recognition *g = t->payload;
    const people *p = g->people;
    if (!split_write(p, &g->split, t->run.out, "split.csv"))
        return run_unwritten(&t->run, "split.csv");
    return write_duplicates(&t->run, p) && write_lost(&t->run, p) && write_model(t) &&
           draw_curve(t);
}

/* ---- metrics.json ---------------------------------------------------------------------------- */

/* Epochs trained, on the average of the runs. */
static double trained_epochs(const training_results *results)
{
    double epochs = 0;
    for (int64_t i = 0; i < results->runs; i++)
        epochs += (double)results->last[i].round / (double)results->runs;
    return epochs;
}

static void put_photos(report *to, const recognition *g)
{
    json_string(to, "network", g->task->network);
    json_string(to, "data", g->settings->data);
    json_string(to, "kind", people_kind(g->people));
    json_integer(to, "persons", g->people->persons);
    json_integer(to, "photographs", g->people->count);
    json_integer(to, "lost_photographs", g->people->losses);
    json_integer(to, "duplicate_groups", people_groups(g->people));
    json_integer(to, "near", g->settings->near);
    json_integer(to, "train_photographs", g->split.count[PART_TRAIN]);
    json_integer(to, "validation_photographs", g->split.count[PART_VALIDATION]);
    json_integer(to, "test_photographs", g->split.count[PART_TEST]);
    json_string(to, "split", g->settings->split ? g->settings->split : "drawn");
    json_string(to, "control", g->task->controls[g->settings->control]);
}

void recognition_put(report *to, const training *t, const training_results *results)
{
    const recognition *g = t->payload;
    const training_settings *s = &t->settings;
    json_number(to, "kept_epoch", training_interval(results, RECORD_ROUND).mean);
    json_number(to, "trained_epochs", trained_epochs(results));
    put_photos(to, g);
    json_integer(to, "epochs", s->rounds);
    json_integer(to, "batch", s->batch);
    json_number(to, "lr", s->lr);
    json_string(to, "schedule", SCHEDULES[s->schedule]);
    json_number(to, "weight_decay", s->weight_decay);
    json_number(to, "label_smoothing", g->settings->label_smoothing);
    json_integer(to, "patience", s->patience);
    json_string(to, "keep", KEEPS[s->keep]);
    json_integer(to, "balance", g->settings->balance);
    training_put_runs(to, t);
    g->task->put(to, g);
}

/* ---- who was taken for whom ------------------------------------------------------------------ */

static int64_t confused(const recognition *g, int person, int answer)
{
    return g->confusion[person * g->people->persons + answer];
}

/* Of the answers that named a person, how many were right; of the photographs of a person, how many
 * were recognised. NaN where there are none. */
typedef struct person_score {
    double precision, recall;
    int64_t photographs;
} person_score;

static person_score score_of(const recognition *g, int person)
{
    int64_t there = 0, named = 0, right = confused(g, person, person);
    for (int other = 0; other < g->people->persons; other++) {
        there += confused(g, person, other);
        named += confused(g, other, person);
    }
    return (person_score){(double)right / (double)named, (double)right / (double)there, there};
}

static bool write_confusion(const run *r, const recognition *g)
{
    const people *p = g->people;
    report to;
    if (!run_open(r, &to, "confusion.csv"))
        return false;
    fputs("person,answer,photographs,fraction\n", to.file);
    for (int cell = 0; cell < p->persons * p->persons; cell++) {
        int person = cell / p->persons, answer = cell % p->persons;
        double count = (double)confused(g, person, answer);
        double there = (double)score_of(g, person).photographs;
        csv_text(&to, p->names[person]);
        fputc(',', to.file);
        csv_text(&to, p->names[answer]);
        fputc(',', to.file);
        csv_row(&to, (double[]){count, count / there}, 2);
    }
    return run_close(r, &to);
}

static bool write_people(const run *r, const recognition *g)
{
    report to;
    if (!run_open(r, &to, "people.csv"))
        return false;
    fputs("person,precision,recall,tested\n", to.file);
    for (int i = 0; i < g->people->persons; i++) {
        person_score score = score_of(g, i);
        csv_text(&to, g->people->names[i]);
        fputc(',', to.file);
        csv_row(&to, (double[]){score.precision, score.recall, (double)score.photographs}, 3);
    }
    return run_close(r, &to);
}

/* set xtics ('baldwin' 0, 'bracco' 1, ...). */
static void put_names(FILE *to, const char *axis, const people *p)
{
    fprintf(to, "set %s scale 0 (", axis);
    for (int i = 0; i < p->persons; i++) {
        fputs(i > 0 ? ", '" : "'", to);
        figure_put_text(to, p->names[i], MOST_NAME, true);
        fprintf(to, "' %d", i);
    }
    fprintf(to, ")\n");
}

/* Counts and shares of all cells, row by row. */
static void put_cells(FILE *to, const recognition *g)
{
    int persons = g->people->persons, cells = persons * persons;
    fprintf(to, "array counts[%d] = [", cells);
    for (int cell = 0; cell < cells; cell++)
        fprintf(to, "%s%lld", cell > 0 ? ", " : "",
                (long long)confused(g, cell / persons, cell % persons));
    fprintf(to, "]\narray shares[%d] = [", cells);
    for (int cell = 0; cell < cells; cell++) {
        double there = (double)score_of(g, cell / persons).photographs;
        double share = (double)confused(g, cell / persons, cell % persons) / there;
        fputs(cell > 0 ? ", " : "", to);
        if (there > 0)
            fprintf(to, "%.4f", share);
        else
            fputs("NaN", to);
    }
    fputs("]\n", to);
}

/* A matrix with names to its left and, aslant, below it. What the axes are stands at the edges, for
 * gnuplot would put it where it thinks that names end. */
typedef struct matrix_figure {
    char title[160];
    int left, side, bottom, width, height; /* pixels */
} matrix_figure;

static matrix_figure matrix_of(const training *t)
{
    const recognition *g = t->payload;
    const people *p = g->people;
    matrix_figure m = {.side = CELL * p->persons};
    int widest = 0;
    for (int i = 0; i < p->persons; i++) {
        int name = figure_text_width(p->names[i], MOST_NAME);
        widest = name > widest ? name : widest;
    }
    snprintf(m.title, sizeof(m.title), "%lld tests of %s%s",
             (long long)t->count[PART_TEST] * (long long)t->settings.runs, people_kind(p),
             g->settings->control ? ", control: labels permuted" : "");
    int title = figure_text_width(m.title, (int)sizeof(m.title)) + 2 * EDGE;
    m.left = AXIS + widest;
    m.bottom = AXIS + (int)(0.71 * widest) + EDGE;
    m.width = m.left + m.side + EDGE > title ? m.left + m.side + EDGE : title;
    m.height = HEAD + m.side + m.bottom;
    return m;
}

static void put_frame(FILE *to, const matrix_figure *m)
{
    double width = m->width, height = m->height;
    fprintf(to,
            "set label 1 \"who was taken for whom:\\n%s\" at screen 0.5,%g center\n"
            "set label 2 'person' at screen %g,%g center rotate\n"
            "set label 3 'answer' at screen %g,%g center\n"
            "set lmargin at screen %g\nset rmargin at screen %g\n"
            "set bmargin at screen %g\nset tmargin at screen %g\n",
            m->title, 1 - 24 / height, EDGE / width, (m->bottom + m->side / 2.0) / height,
            (m->left + m->side / 2.0) / width, EDGE / height, m->left / width,
            (m->left + m->side) / width, m->bottom / height, (m->bottom + m->side) / height);
}

/* Each row in parts of its sum, with the counts written in. */
static void put_confusion(FILE *to, const recognition *g)
{
    int persons = g->people->persons;
    fprintf(to,
            "set palette defined (0 'white', 1 '#0072B2')\n"
            "set cbrange [0:1]\n"
            "unset colorbox\n"
            "unset grid\n"
            "unset key\n"
            "set border 15\n"
            "set xrange [-0.5:%d.5]\n"
            "set yrange [%d.5:-0.5]\n"
            "set datafile separator whitespace\n"
            "set termoption noenhanced\n",
            persons - 1, persons - 1);
    put_names(to, "xtics rotate by 45 right", g->people);
    put_names(to, "ytics", g->people);
    put_cells(to, g);
    fprintf(to,
            "x(i) = int(i - 1) %% %d\n"
            "y(i) = int(i - 1) / %d\n"
            "plot shares using (x($1)):(y($1)):2 with image, "
            "counts using (x($1)):(y($1)):(sprintf('%%d', $2)):(shares[$1] > 0.5 ? 0xffffff : 0) "
            "with labels textcolor rgb variable",
            persons, persons);
}

static bool draw_confusion(const training *t)
{
    const recognition *g = t->payload;
    char *commands = NULL;
    size_t length = 0;
    if (g->people->persons > MOST_DRAWN)
        return true;
    matrix_figure m = matrix_of(t);
    figure picture = {"confusion", m.width, m.height, NULL};
    FILE *to = open_memstream(&commands, &length);
    if (to) {
        put_frame(to, &m);
        put_confusion(to, g);
        if (fclose(to) == 0)
            picture.commands = commands;
    }
    bool drawn = picture.commands ? run_draw(&t->run, &picture) : run_short_of_memory(&t->run);
    free(commands);
    return drawn;
}

bool recognition_write_results(training *t, const training_results *results)
{
    const recognition *g = t->payload;
    (void)results;
    return write_confusion(&t->run, g) && write_people(&t->run, g) && draw_confusion(t);
}

/* ---- summary --------------------------------------------------------------------------------- */

void recognition_print_photos(const people *p, int64_t near)
{
    int64_t groups = people_groups(p);
    printf("%lld %s of %d persons in %s", (long long)p->count, people_kind(p), p->persons, p->dir);
    if (near >= 0)
        printf("; %lld group%s of near-duplicates", (long long)groups, groups == 1 ? "" : "s");
    putchar('\n');
}

/* "taken for" and names of columns; numbers, if the names would make lines too long. */
typedef struct confusion_table {
    int name, column; /* widths */
    bool numbered;
} confusion_table;

static confusion_table table_of(const people *p)
{
    int width = people_name_width(p), least = (int)strlen("taken for");
    confusion_table table = {.name = width > least ? width : least, .column = width};
    table.numbered = table.name + p->persons * (table.column + 1) + SCORES > MOST_COLUMNS;
    if (table.numbered || table.column < LEAST_COLUMN)
        table.column = LEAST_COLUMN;
    return table;
}

static void print_head(const people *p, const confusion_table *table)
{
    printf("  %s%-*s ", table->numbered ? "    " : "", table->name, "taken for");
    for (int i = 0; i < p->persons; i++) {
        int blank = table->column - text_width(p->names[i]);
        if (table->numbered)
            printf(" %*d", table->column, i + 1);
        else
            printf(" %*s%s", blank, "", p->names[i]);
    }
    printf("  precision   recall\n");
}

static void print_share(double share)
{
    if (isfinite(share))
        printf(" %7.1f %%", 100 * share);
    else
        printf(" %7s  ", "-");
}

static void print_confusion(const recognition *g)
{
    const people *p = g->people;
    confusion_table table = table_of(p);
    print_head(p, &table);
    for (int i = 0; i < p->persons; i++) {
        person_score score = score_of(g, i);
        printf("  ");
        if (table.numbered)
            printf("%3d ", i + 1);
        text_print(p->names[i], table.name + 1);
        for (int j = 0; j < p->persons; j++)
            printf(" %*lld", table.column, (long long)confused(g, i, j));
        printf("  ");
        print_share(score.precision);
        print_share(score.recall);
        putchar('\n');
    }
}

void recognition_print(const training *t, const training_results *results)
{
    const recognition *g = t->payload;
    printf("%s on %s of %s: %.0f epochs in %.2f s", g->task->network, people_kind(g->people),
           g->settings->data, trained_epochs(results), training_seconds(results));
    if (results->runs > 1)
        printf(", mean of %lld runs", (long long)results->runs);
    if (g->settings->control)
        printf(" (control: the labels are permuted)");
    putchar('\n');
    training_print_accuracies(t, results, false);
    print_confusion(g);
    printf("results in %s\n", t->run.out);
}
