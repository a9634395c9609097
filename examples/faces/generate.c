/* faces generate: drawn faces to learn from, where there are no photographs. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>
#include <tn/tn.h>

#include "common/cli.h"
#include "common/progress.h"
#include "common/report.h"
#include "faces/drawn_face.h"
#include "faces/faces.h"

enum { ON_SHEET = 10, SHEET_BORDER = 2 };

static const cli_program PROGRAM = {
    .name = "faces generate",
    .summary = "Draws faces by formulas, to try everything without photographs: persons who differ "
               "in their features, each with pose, light, expression, background and noise at "
               "random. Writes DIR/generated-1/0001.png and so on; whatever is learned from them "
               "is named as generated. A picture depends on the seed, the person and its number "
               "alone.",
};

typedef struct settings {
    int64_t people, images, size, seed, threads;
    const char *out, *sheet;
    bool quiet;
    face_traits *who; /* [people] */
    face_mood *mood;  /* [people, images] */
    image drawn;      /* the sheet */
} settings;

/* Each person has streams of random numbers: number 0 for the person, i + 1 for picture i. */
static uint64_t stream_of(const settings *s, int64_t person, int64_t number)
{
    return ((uint64_t)s->seed << 40) + ((uint64_t)person << 24) + (uint64_t)number;
}

static bool make_random(settings *s, tn_ctx *ctx)
{
    for (int64_t i = 0; i < s->people * (s->images + 1) && tn_ok(ctx); i++) {
        int64_t person = i / (s->images + 1), number = i % (s->images + 1);
        tn_scope scope = tn_scope_begin(ctx);
        tn_manual_seed(ctx, stream_of(s, person, number));
        if (number == 0) {
            const float *u = tn_data_f32(tn_rand(ctx, TN_F32, 1, (const int64_t[]){FACE_TRAITS}));
            s->who[person] = u ? face_traits_of((int)person, u) : (face_traits){0};
        } else {
            const float *n = tn_data_f32(tn_randn(ctx, TN_F32, 1, (const int64_t[]){FACE_MOODS}));
            s->mood[person * s->images + number - 1] = n ? face_mood_of(n) : (face_mood){0};
        }
        tn_scope_end(ctx, scope);
    }
    return tn_ok(ctx);
}

/* The faces are made of numbers that are drawn beforehand, so that many can be drawn at a time. */
static bool make_faces(settings *s)
{
    tn_ctx *ctx = tn_ctx_new(&(tn_ctx_opts){.threads = 1});
    s->who = calloc((size_t)s->people, sizeof(*s->who));
    s->mood = calloc((size_t)(s->people * s->images), sizeof(*s->mood));
    bool made = ctx && s->who && s->mood && make_random(s, ctx);
    tn_ctx_free(ctx);
    if (!made)
        cli_error(&PROGRAM, "memory is short");
    return made;
}

static path folder_of(const settings *s, int64_t person)
{
    char name[64];
    snprintf(name, sizeof(name), "generated-%lld", (long long)person + 1);
    return path_join(s->out, name);
}

/* False with errno. */
static bool draw_picture(const settings *s, int64_t person, int64_t number)
{
    char name[32];
    image picture;
    int size = (int)s->size;
    if (!image_make(&picture, size, size, 3, 0)) {
        errno = ENOMEM;
        return false;
    }
    face_draw(&s->who[person], &s->mood[person * s->images + number],
              stream_of(s, person, number + 1), &picture);
    snprintf(name, sizeof(name), "%04lld.png", (long long)number + 1);
    if (s->drawn.pixels && number < ON_SHEET)
        image_put((image *)&s->drawn, SHEET_BORDER + (int)number * (size + SHEET_BORDER),
                  SHEET_BORDER + (int)person * (size + SHEET_BORDER), &picture, 1);
    bool written = image_write_png(&picture, folder_of(s, person).s, name);
    int reason = errno;
    image_free(&picture);
    errno = reason;
    return written;
}

/* All cores draw. Keeps the reason of a picture that could not be written. */
static bool draw_pictures(const settings *s)
{
    int64_t count = s->people * s->images, done = 0;
    int threads = s->threads > 0 ? (int)s->threads : omp_get_num_procs(), reason = 0;
    progress shown = progress_begin("face", count, s->quiet);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (int64_t i = 0; i < count; i++) {
        bool drawn = draw_picture(s, i / s->images, i % s->images);
        int why = errno;
#pragma omp critical
        {
            progress_update(&shown, ++done, "drawing");
            if (!drawn)
                reason = why;
        }
    }
    progress_end(&shown);
    if (reason)
        cli_error(&PROGRAM, "%s: not all faces could be written: %s", s->out, strerror(reason));
    return reason == 0;
}

static bool make_folders(const settings *s)
{
    for (int64_t person = 0; person < s->people; person++) {
        if (!make_directories(folder_of(s, person).s)) {
            cli_error(&PROGRAM, "%s: no faces can be written there: %s", folder_of(s, person).s,
                      strerror(errno));
            return false;
        }
    }
    return true;
}

static bool make_sheet(settings *s)
{
    int64_t cell = s->size + SHEET_BORDER, columns = s->images < ON_SHEET ? s->images : ON_SHEET;
    if (!s->sheet || image_make(&s->drawn, (int)(columns * cell) + SHEET_BORDER,
                                (int)(s->people * cell) + SHEET_BORDER, 3, 255))
        return true;
    cli_error(&PROGRAM, "no memory for the sheet");
    return false;
}

static bool write_sheet(const settings *s)
{
    if (!s->sheet || image_write_png(&s->drawn, *s->sheet == '/' ? "/" : ".", s->sheet))
        return true;
    cli_error(&PROGRAM, "%s cannot be written: %s", s->sheet, strerror(errno));
    return false;
}

static bool write_metrics(const settings *s)
{
    report to;
    bool written = report_open(&to, s->out, "metrics.json");
    if (written) {
        json_begin(&to);
        json_integer(&to, "persons", s->people);
        json_integer(&to, "images", s->images);
        json_integer(&to, "size", s->size);
        json_integer(&to, "seed", s->seed);
        json_string(&to, "libtensor", tn_version());
        json_end(&to);
        written = report_close(&to);
    }
    if (!written)
        cli_error(&PROGRAM, "%s/metrics.json cannot be written: %s", s->out, strerror(errno));
    return written;
}

static int generate(settings *s)
{
    if (!make_faces(s) || !make_sheet(s))
        return CLI_EXIT_FAILURE;
    if (!make_folders(s))
        return CLI_EXIT_USAGE;
    if (!draw_pictures(s) || !write_sheet(s) || !write_metrics(s))
        return CLI_EXIT_FAILURE;
    if (!s->quiet)
        printf("%lld generated faces of each of %lld persons, %lld x %lld pixels, in %s\n",
               (long long)s->images, (long long)s->people, (long long)s->size, (long long)s->size,
               s->out);
    return 0;
}

int faces_generate(int argc, char **argv)
{
    settings s = {.people = 6, .images = 110, .size = 32, .seed = 1, .out = "data/generated-faces"};
    cli_option options[] = {
        {"people", CLI_INT, &s.people, "N", .min = 1, .max = 100,
         .help = "persons; from the seventh on they are made up from the seed"},
        {"images", CLI_INT, &s.images, "N", .min = 1, .max = 9999, .help = "faces of each"},
        {"size", CLI_INT, &s.size, "PIXELS", .min = 8, .max = 512, .help = "width and height"},
        {"seed", CLI_INT, &s.seed, "S", .max = 1e6, .help = "of the random numbers"},
        {"threads", CLI_INT, &s.threads, "N", .max = 1024, .help = "0: as many as there are cores"},
        {"sheet", CLI_STRING, &s.sheet, "FILE",
         .help = "put ten faces of each on one picture, a PNG, too"},
        {"out", CLI_STRING, &s.out, "DIR", .help = "folder for the faces"},
        {"quiet", CLI_FLAG, &s.quiet, .help = "show neither progress nor summary"},
        {.name = NULL},
    };
    cli_result parsed = cli_parse(&PROGRAM, options, argc, argv);
    if (parsed != CLI_RUN)
        return (int)parsed;
    int status = generate(&s);
    image_free(&s.drawn);
    free(s.who);
    free(s.mood);
    return status;
}
