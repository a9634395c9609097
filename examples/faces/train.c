/* faces train: telling people apart by their photographs with one hidden layer. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/trial.h"
#include "faces/face_net.h"
#include "faces/faces.h"

static const cli_program PROGRAM = {
    .name = "faces train",
    .summary =
        "Learns to tell people apart by their photographs: a network with one hidden layer, "
        "trained with Adam on the cross-entropy. Photographs are drawn for training, for "
        "validation and for the test, near-duplicates in one part. Writes metrics.json, "
        "history.csv, split.csv, duplicates.csv, lost.csv, confusion.csv, people.csv, the learning "
        "curve and the confusion matrix as pictures, and the network as model.safetensors.",
};

static const char *const CONTROLS[] = {"none", "permute", NULL};

enum { NORMALIZE_PIXEL, NORMALIZE_CHANNEL, NORMALIZE_NONE };
static const char *const NORMALIZATIONS[] = {"pixel", "channel", "none", NULL};

enum { PRESET_NONE, PRESET_STUDY };
static const char *const PRESETS[] = {"none", "study", NULL};

typedef struct settings {
    trial_settings trial;
    int64_t side, hidden, shift;
    double dropout;
    int normalize, preset;
    bool no_flip;
    face_net face; /* of the run: its net, mean and deviation */
    char network[64];
} settings;

static settings *settings_of(const trial *t)
{
    return t->payload;
}

/* ---- normalisation --------------------------------------------------------------------------- */

/* The mean and the standard deviation, of each pixel or of each colour, over the training
 * photographs alone; a pixel that is always the same is divided by one grey level. */
static void measure(const trial *t, int64_t pixels, float *mean, float *deviation)
{
    const split *s = &t->split;
    const settings *own = settings_of(t);
    int64_t spread = own->normalize == NORMALIZE_CHANNEL ? own->side * own->side : 1;
    for (int64_t first = 0; first < pixels; first += spread) {
        double sum = 0, squares = 0, count = (double)(s->count[SPLIT_TRAIN] * spread);
        for (int64_t i = 0; i < s->count[SPLIT_TRAIN]; i++) {
            const uint8_t *photo = people_pixels(t->people, s->photos[SPLIT_TRAIN][i]) + first;
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
static bool make_normalization(trial *t)
{
    settings *s = settings_of(t);
    const int64_t shape[] = {3, s->side, s->side};
    s->face.mean = tn_zeros(t->ctx, TN_F32, 3, shape);
    s->face.deviation = tn_full(t->ctx, TN_F32, 3, shape, 255);
    if (s->face.deviation && s->normalize != NORMALIZE_NONE)
        measure(t, tn_numel(s->face.mean), tn_data_mut(s->face.mean),
                tn_data_mut(s->face.deviation));
    return s->face.deviation != NULL;
}

/* ---- what a trial asks for ------------------------------------------------------------------- */

static tn_module *make(trial *t)
{
    settings *s = settings_of(t);
    if (!make_normalization(t))
        return NULL;
    return face_net_make(t->ctx, (int)s->side, s->hidden, s->dropout, t->people->persons);
}

/* A random number r in [0, 1) becomes one of -shift .. shift. */
static int shift_of(const settings *s, float r)
{
    return (int)(r * (float)(2 * s->shift + 1)) - (int)s->shift;
}

static tn_tensor *inputs(const trial *t, const int64_t *photos, int64_t count, bool vary)
{
    const settings *s = settings_of(t);
    int64_t numbers = 3 * s->side * s->side;
    bool varied = vary && (s->shift > 0 || !s->no_flip);
    tn_tensor *x = tn_empty(t->ctx, TN_F32, 2, (const int64_t[]){count, numbers});
    tn_tensor *random = varied ? tn_rand(t->ctx, TN_F32, 2, (const int64_t[]){count, 3}) : NULL;
    if (!x || (varied && !random))
        return NULL;
    float *to = tn_data_mut(x);
    const float *r = tn_data_f32(random);
    for (int64_t i = 0; i < count; i++) {
        face_move move = {0};
        if (varied)
            move = (face_move){shift_of(s, r[3 * i]), shift_of(s, r[3 * i + 1]),
                               !s->no_flip && r[3 * i + 2] < 0.5F};
        face_net_input(&s->face, people_pixels(t->people, photos[i]), move, to + i * numbers);
    }
    return x;
}

static tn_status save(const trial *t, tn_dict *dict)
{
    const settings *s = settings_of(t);
    tn_dict_set(dict, "mean", s->face.mean);
    return tn_dict_set(dict, "deviation", s->face.deviation);
}

static void put(report *r, const trial *t)
{
    const settings *s = settings_of(t);
    json_integer(r, "size", s->side);
    json_integer(r, "hidden", s->hidden);
    json_number(r, "dropout", s->dropout);
    json_string(r, "normalize", NORMALIZATIONS[s->normalize]);
    json_integer(r, "shift", s->shift);
    json_integer(r, "flip", !s->no_flip);
}

/* ---- the command ----------------------------------------------------------------------------- */

static cli_result parse(settings *s, const trial_task *task, int argc, char **argv)
{
    cli_option options[TRIAL_OPTIONS + 10] = {
        {"data", CLI_STRING, &s->trial.data, "DIR",
         .help = "folder with photographs: NAME/ANY.jpg, or NAME1.jpg, NAME2.jpg, ... (or .jpeg, "
                 ".png)"},
        {"preset", CLI_CHOICE, &s->preset, "none|study", .choices = PRESETS,
         .help = "study: the setting of the 2018 study in place of the defaults: 200 photographs, "
                 "all in each of 5000 steps, learning rate 0.0001, pixels as they are"},
        {"size", CLI_INT, &s->side, "PIXELS", .min = 8, .max = FACE_MOST_SIDE,
         .help = "width and height to which photographs are brought"},
        {"hidden", CLI_INT, &s->hidden, "N", .min = 1, .max = 1e5, .help = "hidden units"},
        {"dropout", CLI_DOUBLE, &s->dropout, "P", .max = 0.99,
         .help = "part of the hidden units that each step leaves out"},
        {"normalize", CLI_CHOICE, &s->normalize, "pixel|channel|none", .choices = NORMALIZATIONS,
         .help = "inputs have mean 0 and deviation 1 over the training photographs, by pixel or by "
                 "colour, or are as they are"},
        {"shift", CLI_INT, &s->shift, "PIXELS", .max = 64,
         .help = "move photographs at random by so much at most while training"},
        {"no-flip", CLI_FLAG, &s->no_flip,
         .help = "do not mirror half of the photographs while training"},
    };
    int count = 8;
    count += trial_options(&s->trial, task, options + count);
    options[count] = (cli_option){.name = NULL};
    return cli_parse(&PROGRAM, options, argc, argv);
}

static settings defaults(void)
{
    settings s = {.trial = trial_defaults("out/faces/train"),
                  .side = 32,
                  .hidden = 20,
                  .shift = 1,
                  .dropout = 0.2,
                  .normalize = NORMALIZE_PIXEL};
    s.trial.validation = 0.1;
    s.trial.epochs = 400;
    s.trial.batch = 32;
    s.trial.lr = 1e-3;
    s.trial.schedule = SCHEDULE_COSINE;
    s.trial.weight_decay = 1;
    s.trial.label_smoothing = 0.1;
    s.trial.patience = 200;
    s.trial.eval_every = 5;
    return s;
}

/* Parts 8 and 9: 3072-20-6, pixels in [0, 1], Adam on 200 of the 450 training photographs. */
static settings study(void)
{
    settings s = {.trial = trial_defaults("out/faces/study"),
                  .side = 32,
                  .hidden = 20,
                  .normalize = NORMALIZE_NONE,
                  .no_flip = true,
                  .preset = PRESET_STUDY};
    s.trial.validation = 0.2;
    s.trial.train = 200;
    s.trial.epochs = 5000;
    s.trial.lr = 1e-4;
    s.trial.keep = KEEP_LAST;
    return s;
}

/* A preset changes the defaults, wherever it stands among the options: they are parsed again. */
static cli_result parse_all(settings *s, const trial_task *task, int argc, char **argv)
{
    *s = defaults();
    cli_result parsed = parse(s, task, argc, argv);
    if (parsed != CLI_RUN || s->preset == PRESET_NONE)
        return parsed;
    *s = study();
    return parse(s, task, argc, argv);
}

int faces_train(int argc, char **argv)
{
    settings s;
    people p;
    trial_task task = {.program = &PROGRAM,
                       .network = s.network,
                       .controls = CONTROLS,
                       .make = make,
                       .inputs = inputs,
                       .save = save,
                       .put = put};
    cli_result parsed = parse_all(&s, &task, argc, argv);
    if (parsed != CLI_RUN)
        return parsed == CLI_HELP ? 0 : CLI_EXIT_USAGE;
    if (!s.trial.data) {
        cli_error(&PROGRAM, "--data DIR is missing: where the photographs are (faces download "
                            "fetches some, faces generate draws some)");
        return CLI_EXIT_USAGE;
    }
    people_opts opts = {(int)s.side, s.trial.near, (int)s.trial.threads, s.trial.quiet};
    int status = CLI_EXIT_USAGE;
    if (people_load(&PROGRAM, s.trial.data, opts, &p)) {
        s.face.side = (int)s.side;
        snprintf(s.network, sizeof(s.network), "%lld-%lld-%d with ReLU",
                 (long long)(3 * s.side * s.side), (long long)s.hidden, p.persons);
        status = trial_run(&task, &s.trial, &p, &s, NULL);
    }
    people_free(&p);
    return status;
}
