/* faces train: telling people apart by their photographs with one hidden layer. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/recognition.h"
#include "faces/face_net.h"
#include "faces/faces.h"

static const cli_program PROGRAM = {
    .name = "faces train",
    .summary =
        "Learns to tell people apart by their photographs: a network with one hidden layer, "
        "trained with Adam on the cross-entropy. Photographs are drawn for training, for "
        "validation and for the test, near-duplicates in one part. Writes metrics.json, "
        "history.csv, split.csv, duplicates.csv, lost.csv, confusion.csv, people.csv, the learning "
        "curve and the confusion matrix as pictures, and the network as model.safetensors. Ctrl-C "
        "leaves a checkpoint, from which the same command goes on with --resume.",
};

static const char *const CONTROLS[] = {"none", "permute", NULL};

enum { NORMALIZE_PIXEL, NORMALIZE_CHANNEL, NORMALIZE_NONE };
static const char *const NORMALIZATIONS[] = {"pixel", "channel", "none", NULL};

typedef struct settings {
    recognition_settings all;
    int64_t side, hidden, shift;
    double dropout;
    int normalize;
    bool no_flip;
    face_net face; /* of the run: its net, mean and deviation */
    char network[64];
} settings;

static settings *settings_of(const recognition *g)
{
    return g->payload;
}

/* ---- normalisation --------------------------------------------------------------------------- */

/* The mean and the standard deviation, of each pixel or of each colour, over the training
 * photographs alone; a pixel that is always the same is divided by one grey level. */
static void measure(const recognition *g, int64_t pixels, float *mean, float *deviation)
{
    const split *s = &g->split;
    const settings *own = settings_of(g);
    int64_t spread = own->normalize == NORMALIZE_CHANNEL ? own->side * own->side : 1;
    for (int64_t first = 0; first < pixels; first += spread) {
        double sum = 0, squares = 0, count = (double)(s->count[PART_TRAIN] * spread);
        for (int64_t i = 0; i < s->count[PART_TRAIN]; i++) {
            const uint8_t *photo = people_pixels(g->people, s->photos[PART_TRAIN][i]) + first;
            for (int64_t k = 0; k < spread; k++) {
                sum += photo[k];
                squares += (double)photo[k] * photo[k];
            }
        }
        double average = sum / count;
        double variance = fmax(squares / count - average * average, 1);
        for (int64_t k = 0; k < spread; k++) {
            mean[first + k] = (float)average;
            deviation[first + k] = (float)sqrt(variance);
        }
    }
}

/* Without normalisation the inputs are the pixels in [0, 1], as in the study. */
static bool make_normalization(recognition *g)
{
    settings *s = settings_of(g);
    const int64_t shape[] = {3, s->side, s->side};
    s->face.mean = tn_zeros(g->ctx, TN_F32, 3, shape);
    s->face.deviation = tn_full(g->ctx, TN_F32, 3, shape, 255);
    if (s->face.deviation && s->normalize != NORMALIZE_NONE)
        measure(g, tn_numel(s->face.mean), tn_data_mut(s->face.mean),
                tn_data_mut(s->face.deviation));
    return s->face.deviation != NULL;
}

/* ---- what recognition asks for --------------------------------------------------------------- */

static tn_module *make(recognition *g)
{
    settings *s = settings_of(g);
    if (!make_normalization(g))
        return NULL;
    return face_net_make(g->ctx, (int)s->side, s->hidden, s->dropout, g->people->persons);
}

/* A random number r in [0, 1) becomes one of -shift .. shift. */
static int shift_of(const settings *s, float r)
{
    return (int)(r * (float)(2 * s->shift + 1)) - (int)s->shift;
}

static tn_tensor *inputs(const recognition *g, tn_ctx *ctx, const int64_t *photos, int64_t count,
                         bool vary)
{
    const settings *s = settings_of(g);
    int64_t numbers = 3 * s->side * s->side;
    bool varied = vary && (s->shift > 0 || !s->no_flip);
    tn_tensor *x = tn_empty(ctx, TN_F32, 2, (const int64_t[]){count, numbers});
    tn_tensor *random = varied ? tn_rand(ctx, TN_F32, 2, (const int64_t[]){count, 3}) : NULL;
    if (!x || (varied && !random))
        return NULL;
    float *to = tn_data_mut(x);
    const float *r = tn_data_f32(random);
    for (int64_t i = 0; i < count; i++) {
        face_move move = {0};
        if (varied)
            move = (face_move){shift_of(s, r[3 * i]), shift_of(s, r[3 * i + 1]),
                               !s->no_flip && r[3 * i + 2] < 0.5F};
        face_net_input(&s->face, people_pixels(g->people, photos[i]), move, to + i * numbers);
    }
    return x;
}

static tn_status save(const recognition *g, tn_dict *dict)
{
    const settings *s = settings_of(g);
    tn_dict_set(dict, "mean", s->face.mean);
    return tn_dict_set(dict, "deviation", s->face.deviation);
}

static void put(report *to, const recognition *g)
{
    const settings *s = settings_of(g);
    json_integer(to, "size", s->side);
    json_integer(to, "hidden", s->hidden);
    json_number(to, "dropout", s->dropout);
    json_string(to, "normalize", NORMALIZATIONS[s->normalize]);
    json_integer(to, "shift", s->shift);
    json_integer(to, "flip", !s->no_flip);
}

static int list_settings(const recognition *g, training_setting *list)
{
    const settings *s = settings_of(g);
    const training_setting own[] = {
        {"size", (double)s->side, NULL},   {"hidden", (double)s->hidden, NULL},
        {"dropout", s->dropout, NULL},     {"normalize", s->normalize, NORMALIZATIONS},
        {"shift", (double)s->shift, NULL}, {"no-flip", s->no_flip, NULL}};
    memcpy(list, own, sizeof(own));
    return (int)(sizeof(own) / sizeof(own[0]));
}

/* ---- the command ----------------------------------------------------------------------------- */

static cli_result parse(settings *s, int argc, char **argv)
{
    cli_option options[RECOGNITION_OPTIONS + 9] = {
        {"data", CLI_STRING, &s->all.data, "DIR",
         .help = "folder with photographs: NAME/ANY.jpg, or NAME1.jpg, NAME2.jpg, ... (or .jpeg, "
                 ".png)",
         .needed = "where the photographs are (faces download fetches some, faces generate draws "
                   "some)"},
        {"preset", CLI_CHOICE, &s->all.preset, .choices = PRESET_NAMES,
         .help = "study: the setting of the 2018 study in place of the defaults: 200 photographs, "
                 "all in each of 5000 steps, learning rate 0.0001, pixels as they are"},
        {"size", CLI_INT, &s->side, "PIXELS", .min = 8, .max = FACE_MOST_SIDE,
         .help = "width and height to which photographs are brought"},
        {"hidden", CLI_INT, &s->hidden, "N", .min = 1, .max = 1e5, .help = "hidden units"},
        {"dropout", CLI_DOUBLE, &s->dropout, "P", .max = 0.99,
         .help = "part of the hidden units that each step leaves out"},
        {"normalize", CLI_CHOICE, &s->normalize, .choices = NORMALIZATIONS,
         .help = "inputs have mean 0 and deviation 1 over the training photographs, by pixel or by "
                 "colour, or are as they are"},
        {"shift", CLI_INT, &s->shift, "PIXELS", .max = 64,
         .help = "move photographs at random by so much at most while training"},
        {"no-flip", CLI_FLAG, &s->no_flip,
         .help = "do not mirror half of the photographs while training"},
    };
    recognition_options(&s->all, CONTROLS, options + 8);
    return cli_parse(&PROGRAM, options, argc, argv);
}

static settings defaults(void)
{
    settings s = {.all = recognition_defaults(&PROGRAM, "out/faces/train"),
                  .side = 32,
                  .hidden = 20,
                  .shift = 1,
                  .dropout = 0.2,
                  .normalize = NORMALIZE_PIXEL};
    s.all.drawn.validation = 0.1;
    s.all.label_smoothing = 0.1;
    s.all.training = (training_settings){.rounds = 400,
                                         .eval_every = 5,
                                         .batch = 32,
                                         .patience = 200,
                                         .runs = 1,
                                         .lr = 1e-3,
                                         .weight_decay = 1,
                                         .schedule = SCHEDULE_COSINE};
    return s;
}

/* Parts 8 and 9: 3072-20-6, pixels in [0, 1], Adam on 200 of the 450 training photographs. */
static settings study(void)
{
    settings s = {.all = recognition_defaults(&PROGRAM, "out/faces/study"),
                  .side = 32,
                  .hidden = 20,
                  .normalize = NORMALIZE_NONE,
                  .no_flip = true};
    s.all.preset = PRESET_STUDY;
    s.all.drawn.train = 200;
    s.all.training = (training_settings){.rounds = 5000, .runs = 1, .lr = 1e-4, .keep = KEEP_LAST};
    return s;
}

static int train(settings *s, people *p)
{
    const recognition_task task = {.network = s->network,
                                   .controls = CONTROLS,
                                   .make = make,
                                   .inputs = inputs,
                                   .save = save,
                                   .put = put,
                                   .settings = list_settings,
                                   .source = ""};
    people_opts opts = {(int)s->side, s->all.near, (int)s->all.run.threads, s->all.run.quiet};
    if (!processes_all(people_load(&PROGRAM, s->all.data, opts, p)))
        return CLI_EXIT_USAGE;
    s->face.side = (int)s->side;
    snprintf(s->network, sizeof(s->network), "%lld-%lld-%d with ReLU",
             (long long)(3 * s->side * s->side), (long long)s->hidden, p->persons);
    return recognition_run(&task, &s->all, p, s, NULL);
}

int faces_train(int argc, char **argv)
{
    settings s = defaults();
    people p = {.dir = NULL};
    cli_result parsed = parse(&s, argc, argv);
    if (parsed == CLI_RUN && s.all.preset == PRESET_STUDY) {
        s = study();
        parsed = parse(&s, argc, argv); /* wherever --preset stands, the other options count */
    }
    int status = parsed == CLI_RUN ? train(&s, &p) : (int)parsed;
    people_free(&p);
    return status;
}
