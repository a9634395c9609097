/* alexnet filters: what the first layer looks for, and what layers say to a photograph. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alexnet/alexnet.h"
#include "alexnet/features.h"
#include "common/run.h"
#include "common/text.h"

enum { COLUMNS = 8, FILTERS = 64, FILTER_SIDE = 11, ZOOM = 6, BORDER = 2, MOST_MAPS = 64 };
enum { MAP_SIZE = 80, HEAD = 32, FOOT = 48 }; /* HEAD and FOOT are around a sheet */

static const cli_program PROGRAM = {
    .name = "alexnet filters",
    .summary = "Draws the 64 filters of the first convolution on one sheet, filters.png, each from "
               "its least weight (black) to its largest (full); and for a photograph the first 64 "
               "channels of some layers, LAYER.png, each from 0 (black) to its largest value. The "
               "sheets without titles and scales are filters_sheet.png and LAYER_sheet.png.",
};

typedef struct settings {
    run run;
    const char *weights, *photo, *layers;
    int input;
    alexnet alexnet;
} settings;

/* ---- sheets ---------------------------------------------------------------------------------- */

/* A sheet and what stands around it. */
typedef struct sheet {
    image picture;
    char name[64], title[256], least[64], largest[64]; /* what black and full colour mean */
} sheet;

/* Quotes of the title are doubled for gnuplot. The points of no place bring the scale along. */
static void put_figure(FILE *to, const sheet *s, int width, int height)
{
    double bottom = (double)FOOT / height, top = 1 - (double)HEAD / height;
    double side = 0.5 * (width - s->picture.width) / width;
    fputs("unset border\nunset tics\nunset grid\nunset key\nset title '", to);
    figure_put_text(to, s->title, (int)sizeof(s->title), false);
    fprintf(to,
            "' offset 0,-0.7 noenhanced\n"
            "set lmargin at screen %g\nset rmargin at screen %g\n"
            "set bmargin at screen %g\nset tmargin at screen %g\n"
            "set xrange [0:%d]\nset yrange [0:%d]\n"
            "set palette gray\nset cbrange [0:1]\n"
            "set colorbox horizontal user origin screen 0.3,%g size screen 0.4,%g\n"
            "set cbtics scale 0 offset 0,0.5 ('%s' 0, '%s' 1)\n"
            "plot '%s_sheet.png' binary filetype=png dx=1 dy=1 with rgbimage, "
            "'+' using (NaN):(NaN):(0) with points palette",
            side, 1 - side, bottom, top, s->picture.width, s->picture.height, 0.55 * bottom,
            0.25 * bottom, s->least, s->largest, s->name);
}

/* NAME_sheet.png, and with the title and the scale NAME.png. */
static bool write_sheet(const run *r, const sheet *s)
{
    char file[80];
    char *commands = NULL;
    size_t length = 0;
    int title = figure_text_width(s->title, (int)sizeof(s->title));
    int width = title > s->picture.width ? title : s->picture.width;
    int height = s->picture.height + HEAD + FOOT;
    figure drawing = {s->name, width, height, NULL};
    snprintf(file, sizeof(file), "%s_sheet.png", s->name);
    if (!image_write_png(&s->picture, r->out, file))
        return run_unwritten(r, file);
    FILE *to = open_memstream(&commands, &length);
    if (to) {
        put_figure(to, s, width, height);
        if (fclose(to) == 0)
            drawing.commands = commands;
    }
    bool drawn = drawing.commands ? run_draw(r, &drawing) : run_short_of_memory(r);
    free(commands);
    return drawn;
}

/* ---- filters --------------------------------------------------------------------------------- */

/* The planes of a filter as a picture. */
static void draw_filter(const float *w, image *picture)
{
    enum { PIXELS = FILTER_SIDE * FILTER_SIDE };
    float low = w[0], high = w[0];
    for (int i = 1; i < 3 * PIXELS; i++) {
        low = fminf(low, w[i]);
        high = fmaxf(high, w[i]);
    }
    float range = high > low ? high - low : 1;
    for (int i = 0; i < 3 * PIXELS; i++)
        picture->pixels[3 * (i % PIXELS) + i / PIXELS] =
            (uint8_t)lroundf(255 * (w[i] - low) / range);
}

static bool write_filters(const settings *s)
{
    const float *w = tn_data_f32(tn_parameter_named(s->alexnet.net, "features.0.weight"));
    int cell = FILTER_SIDE * ZOOM + BORDER, side = COLUMNS * cell + BORDER;
    sheet all = {.name = "filters", .least = "least", .largest = "largest weight of each"};
    image filter = {.pixels = NULL};
    snprintf(all.title, sizeof(all.title), "conv1, %d filters of %d x %d pixels%s", FILTERS,
             FILTER_SIDE, FILTER_SIDE, s->alexnet.random ? ", random weights" : "");
    bool made = image_make(&all.picture, side, side, 3, 255) &&
                image_make(&filter, FILTER_SIDE, FILTER_SIDE, 3, 0);
    for (int i = 0; made && i < FILTERS; i++) {
        draw_filter(w + i * 3 * FILTER_SIDE * FILTER_SIDE, &filter);
        image_put(&all.picture, BORDER + i % COLUMNS * cell, BORDER + i / COLUMNS * cell, &filter,
                  ZOOM);
    }
    bool written = made ? write_sheet(&s->run, &all) : run_short_of_memory(&s->run);
    image_free(&all.picture);
    image_free(&filter);
    return written;
}

/* ---- activations ----------------------------------------------------------------------------- */

/* One channel, enlarged or reduced, and its largest value. */
static bool draw_map(const float *values, int height, int width, image *map, float *high)
{
    image small;
    *high = 0;
    if (!image_make(&small, width, height, 1, 0))
        return false;
    for (int i = 0; i < width * height; i++)
        *high = fmaxf(*high, values[i]);
    for (int i = 0; i < width * height; i++)
        small.pixels[i] = (uint8_t)lroundf(255 * fmaxf(values[i], 0) / (*high > 0 ? *high : 1));
    bool made = image_resize(&small, MAP_SIZE, MAP_SIZE, map);
    image_free(&small);
    return made;
}

/* Up to 64 channels of [1, channels, height, width]; the range of their largest values. */
static bool draw_maps(const tn_tensor *y, int channels, image *picture, float *low, float *high)
{
    int height = (int)tn_size(y, 2), width = (int)tn_size(y, 3), cell = MAP_SIZE + BORDER;
    image map;
    bool made = image_make(picture, COLUMNS * cell + BORDER,
                           (channels + COLUMNS - 1) / COLUMNS * cell + BORDER, 1, 255);
    for (int i = 0; made && i < channels; i++) {
        float largest;
        made =
            draw_map(tn_data_f32(y) + (int64_t)i * height * width, height, width, &map, &largest);
        *low = i == 0 ? largest : fminf(*low, largest);
        *high = i == 0 ? largest : fmaxf(*high, largest);
        if (made) {
            image_put(picture, BORDER + i % COLUMNS * cell, BORDER + i / COLUMNS * cell, &map, 1);
            image_free(&map);
        }
    }
    return made;
}

static bool write_maps(const settings *s, const char *layer, const tn_tensor *y)
{
    int channels = (int)(tn_size(y, 1) < MOST_MAPS ? tn_size(y, 1) : MOST_MAPS);
    float low = 0, high = 0;
    sheet maps = {.least = "0"};
    const char *slash = strrchr(s->photo, '/');
    char photo[128];
    text_show(slash ? slash + 1 : s->photo, photo, sizeof(photo));
    snprintf(maps.name, sizeof(maps.name), "%s", layer);
    snprintf(maps.title, sizeof(maps.title), "%s of %s, %d of %lld maps of %lld x %lld%s", layer,
             photo, channels, (long long)tn_size(y, 1), (long long)tn_size(y, 2),
             (long long)tn_size(y, 3), s->alexnet.random ? ", random weights" : "");
    bool made = draw_maps(y, channels, &maps.picture, &low, &high);
    snprintf(maps.largest, sizeof(maps.largest), "largest of each, %.3g to %.3g", low, high);
    bool written = made ? write_sheet(&s->run, &maps) : run_short_of_memory(&s->run);
    image_free(&maps.picture);
    return written;
}

static bool show_layer(const settings *s, const image *photo, const char *layer)
{
    int step = alexnet_step(&PROGRAM, &s->alexnet, layer);
    int64_t side = feature_side(s->input);
    if (step < 0)
        return false;
    tn_scope scope = tn_scope_begin(s->run.ctx);
    tn_tensor *x = tn_empty(s->run.ctx, TN_F32, 4, (const int64_t[]){1, 3, side, side}), *y = NULL;
    if (x && feature_pixels(photo, s->input, false, tn_data_mut(x)))
        y = alexnet_run(s->run.ctx, &s->alexnet, 0, step, x);
    bool shown = y && tn_ndim(y) == 4 && write_maps(s, layer, y);
    if (y && tn_ndim(y) != 4)
        cli_error(&PROGRAM, "%s has no pictures: its output is flat", layer);
    else if (!y)
        cli_error(&PROGRAM, "%s", tn_ok(s->run.ctx) ? "memory is short" : tn_error(s->run.ctx));
    tn_scope_end(s->run.ctx, scope);
    return shown;
}

/* The layers have commas between them. */
static bool show_layers(const settings *s)
{
    photo_error error;
    image photo;
    char layer[32];
    if (!photo_read(s->photo, &photo, &error)) {
        cli_error(&PROGRAM, "%s: %s", s->photo, error.text);
        return false;
    }
    bool able = true;
    for (const char *at = s->layers; able && *at;) {
        size_t length = strcspn(at, ",");
        snprintf(layer, sizeof(layer), "%.*s", (int)(length < 31 ? length : 31), at);
        able = show_layer(s, &photo, layer);
        at += length + (at[length] == ',');
    }
    image_free(&photo);
    return able;
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool write_metrics(const settings *s)
{
    report to;
    if (!run_open_metrics(&s->run, &to))
        return false;
    json_integer(&to, "filters", FILTERS);
    json_string(&to, "weights", s->alexnet.random ? "random" : s->weights);
    json_string(&to, "weights_sha256", s->alexnet.hash.hex);
    json_string(&to, "photograph", s->photo ? s->photo : "");
    json_string(&to, "layers", s->photo ? s->layers : "");
    json_string(&to, "libtensor", tn_version());
    return run_close_metrics(&s->run, &to);
}

static int show(run *r, void *payload)
{
    settings *s = payload;
    if (!alexnet_load(&PROGRAM, r->ctx, s->weights, r->seed, &s->alexnet) || !run_make_out(r))
        return CLI_EXIT_USAGE;
    tn_set_grad_enabled(r->ctx, false);
    if (!write_filters(s) || (s->photo && !show_layers(s)) || !write_metrics(s))
        return CLI_EXIT_FAILURE;
    if (!r->quiet)
        printf("the filters of %s\nresults in %s\n",
               s->alexnet.random ? "random weights" : s->weights, r->out);
    return 0;
}

int alexnet_filters(int argc, char **argv)
{
    settings s = {.run = {.program = &PROGRAM, .out = "out/alexnet/filters", .seed = 1},
                  .layers = "conv1.relu,conv2.relu,conv3.relu,conv4.relu,conv5.relu"};
    const cli_option options[] = {
        alexnet_weights_option(&s.weights),
        {"image", CLI_STRING, &s.photo, "FILE", .help = "a photograph to show to the layers"},
        {"layers", CLI_STRING, &s.layers, "NAMES", .help = "with commas between them"},
        feature_input_option(&s.input),
        {"seed", CLI_INT, &s.run.seed, "S", .max = 1e9, .help = "of random weights"},
        run_out_option(&s.run),
        run_quiet_option(&s.run, "say nothing"),
        {.name = NULL},
    };
    return run_command(&s.run, options, argc, argv, show, &s);
}
