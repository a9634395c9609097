/* features.c - what a layer of AlexNet gives for photographs: computed, kept in files, and read. */
#include "alexnet/features.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/commands.h"
#include "common/processes.h"
#include "common/progress.h"

const char *const FEATURE_INPUTS[] = {"227", "224", NULL};

enum { SHORTER_SIDE = 256 };

cli_option feature_data_option(const char **data)
{
    static const char HELP[] =
        "folder with photographs: NAME/ANY.jpg, or NAME1.jpg, NAME2.jpg, ...";
    return (cli_option){.name = "data",
                        .type = CLI_STRING,
                        .value = data,
                        .argument = "DIR",
                        .help = HELP,
                        .needed = "where the photographs are"};
}

cli_option feature_input_option(int *input)
{
    static const char HELP[] =
        "227: the square in the middle of a photograph, scaled to 227 x 227 pixels; 224, as in "
        "torchvision: the shorter side scaled to 256, and then the 224 x 224 in the middle";
    return (cli_option){.name = "input",
                        .type = CLI_CHOICE,
                        .value = input,
                        .choices = FEATURE_INPUTS,
                        .help = HELP};
}

/* ---- inputs ---------------------------------------------------------------------------------- */

int feature_side(int input)
{
    return input == INPUT_227 ? 227 : 224;
}

/* torchvision.transforms: Resize(256) keeps the proportions, CenterCrop(224). */
static bool resize_and_crop(const image *photo, image *square)
{
    int shorter = photo->width < photo->height ? photo->width : photo->height;
    int width = (int)((int64_t)SHORTER_SIDE * photo->width / shorter);
    int height = (int)((int64_t)SHORTER_SIDE * photo->height / shorter);
    image resized;
    if (!image_resize(photo, width, height, &resized))
        return false;
    bool made =
        image_crop(&resized, (width - 224 + 1) / 2, (height - 224 + 1) / 2, 224, 224, square);
    image_free(&resized);
    return made;
}

bool feature_pixels(const image *photo, int input, bool mirrored, float *pixels)
{
    static const float mean[] = {0.485F, 0.456F, 0.406F}, deviation[] = {0.229F, 0.224F, 0.225F};
    int side = feature_side(input);
    image square;
    if (input == INPUT_224 ? !resize_and_crop(photo, &square) : !image_square(photo, side, &square))
        return false;
    for (int c = 0; c < 3; c++) {
        for (int i = 0; i < side * side; i++) {
            int from = mirrored ? i / side * side + side - 1 - i % side : i;
            float value = (float)square.pixels[3 * from + c] / 255.0F;
            *pixels++ = (value - mean[c]) / deviation[c];
        }
    }
    image_free(&square);
    return true;
}

/* Reads photographs first .. first + count - 1 into x, mirrored or not. */
static bool read_batch(const cli_program *program, const people *p, const feature_opts *opts,
                       int64_t first, int64_t count, bool mirrored, tn_tensor *x)
{
    int64_t numel = tn_numel(x) / count, failed = -1;
    float *pixels = tn_data_mut(x);
    photo_error why = {.text = ""};
#pragma omp parallel for schedule(dynamic) num_threads(opts->threads)
    for (int64_t i = 0; i < count; i++) {
        image photo;
        photo_error error = {.text = "memory is short"};
        bool read = photo_read(path_join(p->dir, p->photos[first + i].file).s, &photo, &error) &&
                    feature_pixels(&photo, opts->input, mirrored, pixels + i * numel);
        image_free(&photo);
#pragma omp critical
        if (!read) {
            failed = first + i;
            why = error;
        }
    }
    if (failed >= 0)
        cli_error(program, "%s/%s: %s", p->dir, p->photos[failed].file, why.text);
    return failed < 0;
}

/* ---- batches that are kept ------------------------------------------------------------------- */

/* Photographs in the batch that begins with `first`. */
static int64_t in_batch(const people *p, int64_t first)
{
    return p->count - first < FEATURE_BATCH ? p->count - first : FEATURE_BATCH;
}

path features_name(const alexnet *a, const people *p, const feature_opts *opts, int64_t first)
{
    char text[128 + (FEATURE_BATCH + 1) * sizeof(sha256)];
    path name = {""};
    size_t size = sizeof(sha256);
    memcpy(text, &a->hash, sizeof(sha256));
    size += (size_t)snprintf(text + size, 128, "%s %s %d", NET_NAMES[opts->step],
                             FEATURE_INPUTS[opts->input], opts->mirrored);
    for (int64_t i = first; i < first + in_batch(p, first); i++) {
        memcpy(text + size, &p->photos[i].hash, sizeof(sha256));
        size += sizeof(sha256);
    }
    sha256 key = sha256_of(text, size);
    if (key.hex[0])
        snprintf(name.s, sizeof(name.s), "%.32s.npz", key.hex);
    return name;
}

static tn_tensor *compute_batch(const cli_program *program, tn_ctx *ctx, const alexnet *a,
                                const people *p, const feature_opts *opts, int64_t first,
                                bool mirrored)
{
    int64_t count = in_batch(p, first);
    int64_t side = feature_side(opts->input);
    tn_tensor *x = tn_empty(ctx, TN_F32, 4, (const int64_t[]){count, 3, side, side}), *y = NULL;
    if (x && read_batch(program, p, opts, first, count, mirrored, x))
        y = alexnet_run(ctx, a, 0, opts->step, x);
    tn_free(x);
    return y;
}

static bool keep_batch(const cli_program *program, tn_ctx *ctx, const alexnet *a, const people *p,
                       const feature_opts *opts, int64_t first, const char *file)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_dict *dict = tn_dict_new(ctx);
    tn_tensor *features = compute_batch(program, ctx, a, p, opts, first, false);
    bool made = features && tn_dict_set(dict, "features", features) == TN_OK;
    if (made && opts->mirrored) {
        tn_tensor *mirrored = compute_batch(program, ctx, a, p, opts, first, true);
        made = mirrored && tn_dict_set(dict, "mirrored", mirrored) == TN_OK;
    }
    made = made && tn_save_dict(ctx, dict, file) == TN_OK;
    if (!tn_ok(ctx))
        cli_error(program, "%s", tn_error(ctx));
    tn_dict_free(dict);
    tn_scope_end(ctx, scope);
    return made;
}

static bool make_cache(const cli_program *program, const feature_opts *opts)
{
    if (!processes_first() || make_directories(opts->cache))
        return true;
    cli_error(program, "%s: no features can be kept there: %s", opts->cache, strerror(errno));
    return false;
}

/* The batches of this process that are missing. */
static bool compute_missing(const cli_program *program, tn_ctx *ctx, const alexnet *a,
                            const people *p, const feature_opts *opts, feature_counts *counts)
{
    progress shown = progress_begin("photograph", p->count, opts->quiet);
    bool enabled = tn_set_grad_enabled(ctx, false), able = true;
    for (int64_t first = 0; able && !interrupted && first < p->count; first += FEATURE_BATCH) {
        if (!processes_own(first / FEATURE_BATCH))
            continue;
        path file = path_join(opts->cache, features_name(a, p, opts, first).s);
        bool there = file_exists(file.s);
        able = there || keep_batch(program, ctx, a, p, opts, first, file.s);
        counts->kept += there;
        counts->computed += able && !there;
        progress_update(&shown, first + in_batch(p, first), "%s", NET_NAMES[opts->step]);
    }
    tn_set_grad_enabled(ctx, enabled);
    progress_end(&shown);
    return able;
}

/* Whether this process sees what the others have kept. */
static bool check_there(const cli_program *program, const alexnet *a, const people *p,
                        const feature_opts *opts)
{
    for (int64_t first = 0; first < p->count; first += FEATURE_BATCH) {
        path file = path_join(opts->cache, features_name(a, p, opts, first).s);
        if (file_exists(file.s))
            continue;
        cli_error(program, "%s is not there; processes need one folder, and the same photographs",
                  file.s);
        return false;
    }
    return true;
}

bool features_compute(const cli_program *program, tn_ctx *ctx, const alexnet *a, const people *p,
                      const feature_opts *opts, feature_counts *counts)
{
    feature_counts own = {0};
    if (!processes_all(make_cache(program, opts)))
        return false;
    watch_interrupts();
    bool able = compute_missing(program, ctx, a, p, opts, &own);
    interrupt_too(processes_most(interrupted));
    unwatch_interrupts();
    if (!processes_all(able))
        return false;
    *counts = (feature_counts){processes_total(own.kept), processes_total(own.computed)};
    if (!interrupted)
        return processes_all(check_there(program, a, p, opts));
    cli_error(program, "stopped; what was computed is in %s, and %s goes on", opts->cache,
              opts->again);
    return false;
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* Memory for all, once it is known how large the features of one are. */
static bool make_room(feature_set *f, const tn_tensor *features, const people *p, bool mirrored)
{
    f->count = p->count;
    f->numel = tn_numel(features) / tn_size(features, 0);
    f->ndim = tn_ndim(features);
    memcpy(f->shape, tn_shape(features), (size_t)f->ndim * sizeof(*f->shape));
    f->shape[0] = 1;
    f->values = malloc((size_t)(f->count * f->numel) * (mirrored ? 2 : 1) * sizeof(*f->values));
    return f->values != NULL;
}

static bool fits(const feature_set *f, const tn_tensor *t, int64_t count)
{
    return t && tn_dtype_of(t) == TN_F32 && tn_ndim(t) > 1 && tn_ndim(t) <= 4 &&
           tn_size(t, 0) == count && (!f->values || tn_numel(t) == count * f->numel);
}

static bool read_file(const cli_program *program, tn_ctx *ctx, const char *file, const people *p,
                      bool mirrored, int64_t first, feature_set *f)
{
    int64_t count = in_batch(p, first);
    tn_dict *dict = tn_load_dict(ctx, file);
    if (!dict) {
        cli_error(program, "%s", tn_error(ctx));
        return false;
    }
    tn_tensor *t[] = {tn_dict_get(dict, "features"),
                      mirrored ? tn_dict_get(dict, "mirrored") : NULL};
    bool read = fits(f, t[0], count) && (f->values || make_room(f, t[0], p, mirrored)) &&
                (!mirrored || fits(f, t[1], count));
    for (int i = 0; read && i < 1 + mirrored; i++)
        memcpy(f->values + (i * f->count + first) * f->numel, tn_data(t[i]),
               (size_t)(count * f->numel) * sizeof(*f->values));
    tn_dict_free(dict);
    if (!read)
        cli_error(program, "%s: these are no features of alexnet (remove the file)", file);
    return read;
}

bool features_load(const cli_program *program, tn_ctx *ctx, const alexnet *a, const people *p,
                   const feature_opts *opts, feature_set *f)
{
    feature_counts counts;
    *f = (feature_set){.values = NULL};
    bool read = features_compute(program, ctx, a, p, opts, &counts);
    for (int64_t first = 0; read && first < p->count; first += FEATURE_BATCH) {
        path file = path_join(opts->cache, features_name(a, p, opts, first).s);
        read = read_file(program, ctx, file.s, p, opts->mirrored, first, f);
    }
    return processes_all(read);
}

void features_free(feature_set *f)
{
    free(f->values);
    f->values = NULL;
}
