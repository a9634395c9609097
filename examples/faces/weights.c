/* faces weights: what the hidden units see that matter most for each person. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/run.h"
#include "common/text.h"
#include "faces/face_net.h"
#include "faces/faces.h"

enum { MOST_UNITS = 5, CELL = 128, BORDER = 2, LABELS = 100, HEADING = 24, EDGE = 16 };
enum { MOST_NAME = 100 }; /* characters in the picture */
enum { TOGETHER, POSITIVE, NEGATIVE, KINDS };

static const char *const KIND_NAMES[KINDS] = {"together", "positive", "negative"};

static const cli_program PROGRAM = {
    .name = "faces weights",
    .summary =
        "Shows, for each person, the hidden units that add most to the answer: the weight to that "
        "person times the mean activation over the person's photographs. Their input weights are "
        "drawn as pictures beside the mean photograph of the person: red, green and blue together "
        "(grey is 0), and what is positive and negative apart (black is 0). Writes weights.png "
        "with "
        "all of them and the names, the pictures by themselves in units/, units.csv and "
        "metrics.json.",
};

/* How much a hidden unit adds to the answer for a person. */
typedef struct unit_share {
    int unit;
    double weight, activation, share;
} unit_share;

typedef struct settings {
    run run;
    const char *data, *model;
    int64_t units;
    face_net face;
    people people;
    double *activation; /* mean of the hidden units, [persons, hidden] */
    unit_share *best;   /* [persons, units] */
} settings;

/* ---- which units ----------------------------------------------------------------------------- */

/* The person of the folder with the name that the model knows, or -1. */
static int person_named(const people *p, const char *name)
{
    for (int i = 0; i < p->persons; i++)
        if (strcmp(p->names[i], name) == 0)
            return i;
    return -1;
}

/* Adds what the hidden units say to a photograph: max(0, W x + b). */
static void add_activation(const settings *s, const float *x, double *sum)
{
    const tn_tensor *weight = tn_parameter_named(s->face.net, "0.weight");
    const float *w = tn_data_f32(weight);
    const float *b = tn_data_f32(tn_parameter_named(s->face.net, "0.bias"));
    int64_t inputs = tn_size(weight, 1);
    for (int unit = 0; unit < s->face.hidden; unit++) {
        double value = b[unit];
        for (int64_t i = 0; i < inputs; i++)
            value += (double)*w++ * x[i];
        sum[unit] += fmax(value, 0);
    }
}

/* The mean over all photographs of a person. */
static bool find_activations(settings *s, int person, float *x)
{
    int in_folder = person_named(&s->people, s->face.names[person]), count = 0;
    double *sum = s->activation + person * s->face.hidden;
    for (int64_t i = 0; i < s->people.count; i++) {
        if (s->people.photos[i].person != in_folder)
            continue;
        face_net_input(&s->face, people_pixels(&s->people, i), (face_move){0}, x);
        add_activation(s, x, sum);
        count++;
    }
    if (count == 0) {
        cli_error(&PROGRAM, "%s: no photographs of %s, whom %s knows", s->data,
                  s->face.names[person], s->model);
        return false;
    }
    for (int unit = 0; unit < s->face.hidden; unit++)
        sum[unit] /= count;
    return true;
}

static int by_share(const void *a, const void *b)
{
    double x = ((const unit_share *)a)->share, y = ((const unit_share *)b)->share;
    return (x < y) - (x > y);
}

static void choose_units(settings *s, int person, unit_share *all)
{
    const char *name = tn_parameter_named(s->face.net, "2.weight") ? "2.weight" : "3.weight";
    const float *weight = tn_data_f32(tn_parameter_named(s->face.net, name));
    for (int unit = 0; unit < s->face.hidden; unit++) {
        int at = person * s->face.hidden + unit;
        all[unit] =
            (unit_share){unit, weight[at], s->activation[at], weight[at] * s->activation[at]};
    }
    qsort(all, (size_t)s->face.hidden, sizeof(*all), by_share);
    memcpy(s->best + person * s->units, all, (size_t)s->units * sizeof(*all));
}

static bool find_units(settings *s)
{
    size_t persons = (size_t)s->face.persons, hidden = (size_t)s->face.hidden;
    s->activation = calloc(persons * hidden, sizeof(*s->activation));
    s->best = calloc(persons * (size_t)s->units, sizeof(*s->best));
    unit_share *all = malloc(hidden * sizeof(*all));
    float *x = malloc(3 * (size_t)s->face.side * (size_t)s->face.side * sizeof(*x));
    bool able = s->activation && s->best && all && x;
    if (!able)
        cli_error(&PROGRAM, "memory is short");
    for (int person = 0; able && person < s->face.persons; person++) {
        able = find_activations(s, person, x);
        if (able)
            choose_units(s, person, all);
    }
    free(all);
    free(x);
    return able;
}

/* ---- pictures -------------------------------------------------------------------------------- */

static int zoom_of(const settings *s)
{
    return s->face.side < CELL ? CELL / s->face.side : 1;
}

/* A weight between -limit and limit as a shade. */
static uint8_t shade_of(double weight, double limit, int kind)
{
    double part = weight / limit;
    if (kind == TOGETHER)
        return (uint8_t)lround(127.5 + 127.5 * part);
    return (uint8_t)lround(255 * fmax(kind == POSITIVE ? part : -part, 0));
}

/* The input weights of a unit; the largest one has the full colour. */
static bool draw_unit(const settings *s, int unit, int kind, image *picture)
{
    int pixels = s->face.side * s->face.side;
    const float *w = tn_data_f32(tn_parameter_named(s->face.net, "0.weight"));
    double limit = 1e-30;
    w += (int64_t)unit * 3 * pixels;
    for (int i = 0; i < 3 * pixels; i++)
        limit = fmax(limit, fabsf(w[i]));
    if (!image_make(picture, s->face.side, s->face.side, 3, 0))
        return false;
    for (int i = 0; i < 3 * pixels; i++)
        picture->pixels[i % pixels * 3 + i / pixels] = shade_of(w[i], limit, kind);
    return true;
}

static bool draw_mean(const settings *s, int person, image *picture)
{
    int pixels = s->face.side * s->face.side;
    int in_folder = person_named(&s->people, s->face.names[person]);
    if (!image_make(picture, s->face.side, s->face.side, 3, 0))
        return false;
    for (int i = 0; i < 3 * pixels; i++) {
        int64_t sum = 0, count = 0;
        for (int64_t k = 0; k < s->people.count; k++) {
            if (s->people.photos[k].person == in_folder) {
                sum += people_pixels(&s->people, k)[i];
                count++;
            }
        }
        picture->pixels[i % pixels * 3 + i / pixels] = (uint8_t)((sum + count / 2) / count);
    }
    return true;
}

/* Puts a picture in its place on the sheet, and writes it as units/NAME.png. */
static bool place(const settings *s, image *sheet, int row, int column, image *picture,
                  const char *name)
{
    int zoom = zoom_of(s), size = s->face.side * zoom + BORDER;
    char file[512];
    image large;
    image_put(sheet, column * size, row * size, picture, zoom);
    bool made = image_make(&large, s->face.side * zoom, s->face.side * zoom, 3, 0);
    if (made)
        image_put(&large, 0, 0, picture, zoom);
    image_free(picture);
    snprintf(file, sizeof(file), "%s.png", name);
    bool written = made && image_write_png(&large, path_join(s->run.out, "units").s, file);
    image_free(&large);
    return written || run_unwritten(&s->run, file);
}

static bool draw_person(const settings *s, int person, image *sheet)
{
    image picture;
    char name[400];
    snprintf(name, sizeof(name), "%.300s_mean", s->face.names[person]);
    if (!draw_mean(s, person, &picture) || !place(s, sheet, person, 0, &picture, name))
        return false;
    for (int k = 0; k < s->units; k++) {
        int unit = s->best[person * s->units + k].unit;
        for (int kind = 0; kind < KINDS; kind++) {
            snprintf(name, sizeof(name), "%.300s_%d_unit%d_%s", s->face.names[person], k + 1, unit,
                     KIND_NAMES[kind]);
            if (!draw_unit(s, unit, kind, &picture) ||
                !place(s, sheet, person, 1 + KINDS * k + kind, &picture, name))
                return false;
        }
    }
    return true;
}

static bool write_sheet(const settings *s)
{
    int size = s->face.side * zoom_of(s) + BORDER;
    image sheet;
    bool made = image_make(&sheet, (int)(1 + KINDS * s->units) * size - BORDER,
                           s->face.persons * size - BORDER, 3, 255);
    for (int person = 0; made && person < s->face.persons; person++)
        made = draw_person(s, person, &sheet);
    bool written = made && image_write_png(&sheet, s->run.out, "sheet.png");
    image_free(&sheet);
    return written || run_unwritten(&s->run, "sheet.png");
}

/* ---- the picture with names ------------------------------------------------------------------ */

/* Names to the left of the rows, units and kinds above the pictures. */
static void put_labels(FILE *to, const settings *s, int size)
{
    for (int person = 0; person < s->face.persons; person++) {
        double y = (s->face.persons - person - 0.5) * size;
        fprintf(to, "set label '");
        figure_put_text(to, s->face.names[person], MOST_NAME, false);
        fprintf(to, "' at -8,%g right noenhanced\n", y);
        for (int k = 0; k < s->units; k++) {
            const unit_share *best = &s->best[person * s->units + k];
            fprintf(to,
                    "set label 'unit %d: %+.1f' at %d,%d left front textcolor rgb 'white' "
                    "font ',9'\n",
                    best->unit, best->share, (1 + KINDS * k) * size + 4,
                    (s->face.persons - person) * size - 12);
        }
    }
    fprintf(to, "set label 'mean face' at %d,%d center\n", size / 2, s->face.persons * size + 12);
    for (int column = 0; column < KINDS * s->units; column++)
        fprintf(to, "set label '%s' at %d,%d center\n", KIND_NAMES[column % KINDS],
                (1 + column) * size + size / 2, s->face.persons * size + 12);
}

/* Pixels of the names, so that the longest is whole. */
static int labels_width(const settings *s)
{
    int widest = LABELS;
    for (int person = 0; person < s->face.persons; person++) {
        int width = EDGE + figure_text_width(s->face.names[person], MOST_NAME);
        widest = width > widest ? width : widest;
    }
    return widest;
}

static bool draw_figure(const settings *s)
{
    int labels = labels_width(s);
    int size = s->face.side * zoom_of(s) + BORDER;
    int width = (int)(1 + KINDS * s->units) * size, height = s->face.persons * size;
    char *commands = NULL;
    size_t length = 0;
    FILE *to = open_memstream(&commands, &length);
    if (!to)
        return run_unwritten(&s->run, "weights.gp");
    fprintf(to,
            "unset border\nunset tics\nunset grid\nunset key\n"
            "set title 'what the hidden units see that matter most for each person%s'\n"
            "set lmargin at screen %g\nset rmargin at screen 1\nset bmargin at screen 0\n"
            "set tmargin at screen %g\nset xrange [0:%d]\nset yrange [0:%d]\n",
            s->people.generated ? " (generated faces)" : "", (double)labels / (width + labels),
            (double)height / (height + 2 * HEADING), width, height);
    put_labels(to, s, size);
    fprintf(to, "plot 'sheet.png' binary filetype=png dx=1 dy=1 with rgbimage\nunset label");
    figure picture = {"weights", width + labels, height + 2 * HEADING, NULL};
    if (fclose(to) == 0)
        picture.commands = commands;
    bool drawn =
        picture.commands ? run_draw(&s->run, &picture) : run_unwritten(&s->run, "weights.gp");
    free(commands);
    return drawn;
}

/* ---- results --------------------------------------------------------------------------------- */

static bool write_units(const settings *s)
{
    report to;
    if (!run_open(&s->run, &to, "units.csv"))
        return false;
    fputs("person,rank,unit,output_weight,mean_activation,share\n", to.file);
    for (int person = 0; person < s->face.persons; person++) {
        for (int k = 0; k < s->units; k++) {
            const unit_share *best = &s->best[person * s->units + k];
            csv_text(&to, s->face.names[person]);
            fputc(',', to.file);
            csv_row(&to, (double[]){k + 1, best->unit, best->weight, best->activation, best->share},
                    5);
        }
    }
    return run_close(&s->run, &to);
}

static bool write_metrics(const settings *s)
{
    report to;
    if (!run_open_metrics(&s->run, &to))
        return false;
    json_string(&to, "model", s->model);
    json_string(&to, "data", s->data);
    json_string(&to, "kind", people_kind(&s->people));
    json_integer(&to, "photographs", s->people.count);
    json_integer(&to, "persons", s->face.persons);
    json_integer(&to, "hidden", s->face.hidden);
    json_integer(&to, "units", s->units);
    json_string(&to, "libtensor", tn_version());
    return run_close_metrics(&s->run, &to);
}

static void print_units(const settings *s)
{
    int width = people_name_width(&s->people);
    for (int person = 0; person < s->face.persons; person++) {
        printf("  ");
        text_print(s->face.names[person], width + 1);
        for (int k = 0; k < s->units; k++) {
            const unit_share *best = &s->best[person * s->units + k];
            printf("  unit %2d: %.2f x %.2f = %.2f", best->unit, best->weight, best->activation,
                   best->share);
        }
        putchar('\n');
    }
    printf("results in %s\n", s->run.out);
}

/* ---- the command ----------------------------------------------------------------------------- */

static int show_weights(run *r, void *payload)
{
    settings *s = payload;
    if (!face_net_load(&PROGRAM, r->ctx, s->model, &s->face))
        return CLI_EXIT_USAGE;
    if (s->units > s->face.hidden)
        s->units = s->face.hidden;
    people_opts opts = {s->face.side, -1, (int)r->threads, r->quiet};
    if (!people_load(&PROGRAM, s->data, opts, &s->people) || !find_units(s) || !run_make_out(r))
        return CLI_EXIT_USAGE;
    if (!make_directories(path_join(r->out, "units").s)) {
        run_unwritten(r, "units");
        return CLI_EXIT_USAGE;
    }
    if (!write_sheet(s) || !draw_figure(s) || !write_units(s) || !write_metrics(s))
        return CLI_EXIT_FAILURE;
    if (!r->quiet)
        print_units(s);
    return 0;
}

int faces_weights(int argc, char **argv)
{
    settings s = {.run = {.program = &PROGRAM, .out = "out/faces/weights"},
                  .model = "out/faces/train/model.safetensors",
                  .units = 2};
    const cli_option options[] = {
        {"data", CLI_STRING, &s.data, "DIR",
         .help = "folder with photographs of the persons that the model knows",
         .needed = "where the photographs are"},
        {"model", CLI_STRING, &s.model, "FILE", .help = "the network, from faces train"},
        {"units", CLI_INT, &s.units, "N", .min = 1, .max = MOST_UNITS,
         .help = "hidden units that are shown for each person"},
        run_threads_option(&s.run),
        run_out_option(&s.run),
        run_quiet_option(&s.run, "show neither progress nor what was found"),
        {.name = NULL},
    };
    int status = run_command(&s.run, options, argc, argv, show_weights, &s);
    free(s.activation);
    free(s.best);
    people_free(&s.people);
    face_net_free(&s.face);
    return status;
}
