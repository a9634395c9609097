/* alexnet train: telling people apart by what a layer of AlexNet says to their photographs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alexnet/alexnet.h"
#include "alexnet/head.h"
#include "common/commands.h"
#include "common/recognition.h"

static const cli_program PROGRAM = {
    .name = "alexnet train",
    .summary =
        "Learns to tell people apart by what a layer of AlexNet says to their photographs: two "
        "linear layers with a ReLU between them, trained with Adam. The features are computed once "
        "and kept. Splits, options and results are as in faces train; --sweep tries one layer "
        "after another, --finetune trains the last convolutions, too. Ctrl-C leaves a checkpoint, "
        "from which the same command goes on with --resume.",
};

static const char *const CONTROLS[] = {"none", "permute-images", NULL};

static const char *const SWEPT[] = {"conv1.pool", "conv2.pool", "conv3.relu",
                                    "conv4.relu", "conv5.relu", "conv5.pool"};

enum { SWEEP = sizeof(SWEPT) / sizeof(SWEPT[0]) };

typedef struct settings {
    recognition_settings all; /* all.run has the context of AlexNet and the features */
    const char *weights, *layer, *cache;
    int64_t hidden, finetune;
    double dropout;
    int input;
    bool no_flip, sweep;
    alexnet alexnet;
    people people;
    feature_set features;
    head_shape shape;
    tn_tensor *mean; /* of the features in the run */
    double scale;
    tn_tensor *whole; /* what all steps of the run learn from, if that is always the same */
    char network[96];
    const char *layers[NET_STEPS + 1]; /* the names of steps, "" for those that have none */
} settings;

static settings *settings_of(const recognition *g)
{
    return g->payload;
}

/* ---- what recognition asks for --------------------------------------------------------------- */

/* Of the training photographs alone: the mean of each feature, and 1 / the root of the mean square
 * of what is left of them all. Convolutions that are learned on get features as they are. */
static bool measure(const recognition *g)
{
    settings *s = settings_of(g);
    const split *parts = &g->split;
    double squares = 0, count = (double)parts->count[PART_TRAIN];
    s->scale = 1;
    s->mean = tn_zeros(g->ctx, TN_F32, 1, &s->features.numel);
    if (!s->mean || s->finetune > 0 || s->all.preset == PRESET_STUDY)
        return s->mean != NULL;
    float *mean = tn_data_mut(s->mean);
    for (int64_t i = 0; i < parts->count[PART_TRAIN]; i++) {
        const float *x = s->features.values + parts->photos[PART_TRAIN][i] * s->features.numel;
        for (int64_t k = 0; k < s->features.numel; k++) {
            mean[k] += x[k] / (float)count;
            squares += (double)x[k] * x[k];
        }
    }
    for (int64_t k = 0; k < s->features.numel; k++)
        squares -= count * (double)mean[k] * mean[k];
    if (squares > 0)
        s->scale = sqrt(count * (double)s->features.numel / squares);
    return true;
}

static tn_tensor *gather(const recognition *g, tn_ctx *ctx, const int64_t *photos, int64_t count,
                         const float *random)
{
    const settings *s = settings_of(g);
    const feature_set *f = &s->features;
    int64_t shape[4];
    memcpy(shape, f->shape, sizeof(shape));
    shape[0] = count;
    tn_tensor *x = tn_empty(ctx, TN_F32, f->ndim, shape);
    float *to = x ? tn_data_mut(x) : NULL, scale = (float)s->scale;
    const float *mean = tn_data_f32(s->mean);
    for (int64_t i = 0; x && i < count; i++) {
        bool mirrored = random && random[i] < 0.5F;
        const float *from = f->values + (photos[i] + (mirrored ? f->count : 0)) * f->numel;
        for (int64_t k = 0; k < f->numel; k++)
            *to++ = scale * (from[k] - mean[k]);
    }
    return x;
}

/* All training photographs at once, always the same, are put together once, unless processes share
 * them. */
static tn_module *make(recognition *g)
{
    settings *s = settings_of(g);
    s->whole = NULL;
    if (!measure(g))
        return NULL;
    if (g->settings->training.batch == 0 && s->no_flip &&
        !training_is_shared(&g->settings->training))
        s->whole = gather(g, g->ctx, g->split.photos[PART_TRAIN], g->split.count[PART_TRAIN], NULL);
    return head_make(g->ctx, &s->alexnet, &s->shape);
}

/* Half of the photographs are mirrored while they are learned. */
static tn_tensor *inputs(const recognition *g, tn_ctx *ctx, const int64_t *photos, int64_t count,
                         bool vary)
{
    const settings *s = settings_of(g);
    if (s->whole && photos == g->split.photos[PART_TRAIN] && count == tn_size(s->whole, 0))
        return s->whole;
    if (!vary || s->no_flip)
        return gather(g, ctx, photos, count, NULL);
    tn_tensor *random = tn_rand(ctx, TN_F32, 1, &count);
    return random ? gather(g, ctx, photos, count, tn_data_f32(random)) : NULL;
}

static tn_status save(const recognition *g, tn_dict *dict)
{
    const settings *s = settings_of(g);
    return head_save(g->ctx, &s->alexnet, &s->shape, s->mean, s->scale, dict);
}

static void put(report *to, const recognition *g)
{
    const settings *s = settings_of(g);
    json_string(to, "weights", s->alexnet.random ? "random" : s->weights);
    json_string(to, "weights_sha256", s->alexnet.hash.hex);
    json_string(to, "layer", NET_NAMES[s->shape.step]);
    json_integer(to, "finetune", s->finetune);
    json_string(to, "input", FEATURE_INPUTS[s->input]);
    json_integer(to, "features", s->features.numel);
    json_integer(to, "hidden", s->hidden);
    json_number(to, "dropout", s->dropout);
    json_integer(to, "flip", !s->no_flip);
}

static int list_settings(const recognition *g, training_setting *list)
{
    const settings *s = settings_of(g);
    const training_setting own[] = {
        {"layer", s->shape.last, s->layers}, {"finetune", (double)s->finetune, NULL},
        {"input", s->input, FEATURE_INPUTS}, {"hidden", (double)s->hidden, NULL},
        {"dropout", s->dropout, NULL},       {"no-flip", s->no_flip, NULL}};
    memcpy(list, own, sizeof(own));
    return (int)(sizeof(own) / sizeof(own[0]));
}

/* ---- one layer ------------------------------------------------------------------------------- */

/* Finds the step behind which learning begins: a layer, or with --finetune what comes before the
 * last convolutions. */
static bool choose_steps(settings *s, const char *layer)
{
    s->shape.last = alexnet_step(&PROGRAM, &s->alexnet, layer);
    s->shape.step = s->shape.last;
    if (s->shape.last < 0 || s->finetune == 0)
        return s->shape.last >= 0;
    int convolutions = 0;
    while (convolutions < NET_CONVOLUTIONS &&
           alexnet_convolution(convolutions + 1) <= s->shape.last)
        convolutions++;
    if (s->shape.last > alexnet_convolution(5) + 2 || s->finetune >= convolutions) {
        cli_error(&PROGRAM, "--finetune %lld: %s has %d convolutions before it, one of which stays",
                  (long long)s->finetune, layer, convolutions);
        return false;
    }
    s->shape.step = alexnet_convolution(convolutions - (int)s->finetune + 1) - 1;
    return true;
}

static void describe(settings *s)
{
    char learned[48] = "";
    if (s->finetune > 0)
        snprintf(learned, sizeof(learned), " with %lld convolution%s", (long long)s->finetune,
                 s->finetune > 1 ? "s" : "");
    snprintf(s->network, sizeof(s->network), "%s of AlexNet%s%s, %lld hidden units",
             NET_NAMES[s->shape.last], s->alexnet.random ? " (random weights)" : "", learned,
             (long long)s->hidden);
    for (int step = 0; step < NET_STEPS; step++)
        s->layers[step] = NET_NAMES[step] ? NET_NAMES[step] : "";
}

static void set_shape(settings *s)
{
    const feature_set *f = &s->features;
    s->shape.input = s->input;
    s->shape.hidden = s->hidden;
    s->shape.dropout = s->dropout;
    s->shape.persons = s->people.persons;
    for (int i = 0; i < 3; i++)
        s->shape.in[i] = i + 1 < f->ndim ? f->shape[i + 1] : 1;
}

/* Whether a layer has a checkpoint. */
static bool sweep_is_stopped(const settings *s)
{
    bool stopped = false;
    for (int i = 0; i < SWEEP; i++) {
        path out = path_join(s->all.run.out, SWEPT[i]);
        stopped |= training_is_stopped(&(run){.out = out.s});
    }
    return stopped;
}

static void forget_sweep(const settings *s)
{
    for (int i = 0; i < SWEEP; i++) {
        path out = path_join(s->all.run.out, SWEPT[i]);
        training_forget(&(run){.out = out.s});
    }
}

/* A sweep goes on with what there is, or begins where there is nothing. */
static bool may_sweep(const settings *s)
{
    path layers = path_join(s->all.run.out, "*");
    bool stopped = sweep_is_stopped(s), resume = s->all.training.resume;
    if (resume && !stopped)
        training_say_ended(&s->all.run);
    else if (!resume && stopped)
        training_say_stopped(&(run){.program = &PROGRAM, .out = layers.s});
    return resume == stopped;
}

/* A summary is asked for by a sweep, of which the layer is a part. */
static int train_layer(settings *s, const char *layer, const char *out, training_summary *summary)
{
    const recognition_task task = {.network = s->network,
                                   .controls = CONTROLS,
                                   .make = make,
                                   .inputs = inputs,
                                   .save = save,
                                   .put = put,
                                   .settings = list_settings,
                                   .source = s->alexnet.hash.hex};
    recognition_settings of_layer = s->all;
    of_layer.run.out = out;
    of_layer.training.part = summary != NULL;
    if (summary && !training_is_stopped(&of_layer.run))
        of_layer.training.resume = false;
    if (!choose_steps(s, layer))
        return CLI_EXIT_USAGE;
    feature_opts opts = {.step = s->shape.step,
                         .input = s->input,
                         .mirrored = !s->no_flip,
                         .cache = s->cache,
                         .threads = tn_threads(s->all.run.ctx),
                         .quiet = s->all.run.quiet,
                         .again = summary && sweep_is_stopped(s) ? "with --resume the same command"
                                                                 : "the same command"};
    if (!features_load(&PROGRAM, s->all.run.ctx, &s->alexnet, &s->people, &opts, &s->features))
        return interrupted ? interrupted_status() : CLI_EXIT_FAILURE;
    set_shape(s);
    describe(s);
    int status = recognition_run(&task, &of_layer, &s->people, s, summary);
    features_free(&s->features);
    return status;
}

/* ---- one layer after another ----------------------------------------------------------------- */

static bool write_sweep(const settings *s, const training_summary *found)
{
    report to;
    if (!run_open(&s->all.run, &to, "sweep.csv"))
        return false;
    fputs("layer,validation,test,test_low,test_high\n", to.file);
    for (int i = 0; i < SWEEP; i++) {
        fprintf(to.file, "%s,", SWEPT[i]);
        csv_row(&to,
                (double[]){found[i].validation.mean, found[i].test.mean, found[i].test.low,
                           found[i].test.high},
                4);
    }
    return run_close(&s->all.run, &to);
}

static bool write_metrics(const settings *s, const training_summary *found, int best)
{
    report to;
    if (!run_open_metrics(&s->all.run, &to))
        return false;
    json_string(&to, "best_layer", SWEPT[best]);
    json_number(&to, "validation_accuracy", found[best].validation.mean);
    json_number(&to, "test_accuracy", found[best].test.mean);
    json_number(&to, "test_accuracy_low", found[best].test.low);
    json_number(&to, "test_accuracy_high", found[best].test.high);
    json_integer(&to, "runs", s->all.training.runs);
    json_string(&to, "kind", people_kind(&s->people));
    json_string(&to, "weights", s->alexnet.random ? "random" : s->weights);
    return run_close_metrics(&s->all.run, &to);
}

static bool draw_sweep(const settings *s)
{
    char commands[1024];
    snprintf(commands, sizeof(commands),
             "set title 'what is recognised from each layer of AlexNet%s: %s'\n"
             "set ylabel 'recognised (%%)'\n"
             "set xrange [-0.5:%d.5]\n"
             "set key bottom right\n"
             "plot 'sweep.csv' skip 1 using 0:(100*$3):(100*$4):(100*$5):xtic(1) with yerrorbars "
             "linetype 1 pointtype 7 title 'test, with its 95 %% interval', "
             "'' skip 1 using 0:(100*$2) with points linetype 2 pointtype 5 title 'validation'",
             s->alexnet.random ? " with random weights" : "", people_kind(&s->people), SWEEP - 1);
    return run_draw(&s->all.run, &(figure){"sweep", 700, 400, commands});
}

/* For a signal that came when a layer was finished. */
static int stop_before(const char *layer)
{
    cli_error(&PROGRAM, "stopped before %s; with --resume the same command goes on", layer);
    return interrupted_status();
}

/* The layer that does best on the validation photographs is the one to take. */
static int sweep(settings *s)
{
    training_summary found[SWEEP];
    int best = 0, status = 0;
    if (!may_sweep(s))
        return CLI_EXIT_USAGE;
    watch_interrupts();
    for (int i = 0; i < SWEEP && status == 0; i++) {
        path out = path_join(s->all.run.out, SWEPT[i]);
        status = train_layer(s, SWEPT[i], out.s, &found[i]);
        if (status == 0 && found[i].validation.mean > found[best].validation.mean)
            best = i;
        if (status == 0)
            interrupt_too(processes_most(interrupted));
        if (status == 0 && interrupted && i + 1 < SWEEP)
            status = stop_before(SWEPT[i + 1]);
    }
    unwatch_interrupts();
    if (status != 0)
        return status;
    if (!processes_all(!processes_first() ||
                       (write_sweep(s, found) && write_metrics(s, found, best) && draw_sweep(s))))
        return CLI_EXIT_FAILURE;
    forget_sweep(s);
    if (s->all.run.quiet)
        return 0;
    printf("\n  %-12s  %10s  %8s\n", "layer", "validation", "test");
    for (int i = 0; i < SWEEP; i++)
        printf("  %-12s  %8.2f %%  %6.2f %%%s\n", SWEPT[i], 100 * found[i].validation.mean,
               100 * found[i].test.mean, i == best ? "  best on validation" : "");
    printf("results in %s\n", s->all.run.out);
    return 0;
}

/* ---- the command ----------------------------------------------------------------------------- */

static cli_result parse(settings *s, int argc, char **argv)
{
    cli_option options[RECOGNITION_OPTIONS + 12] = {
        feature_data_option(&s->all.data),
        alexnet_weights_option(&s->weights),
        {"preset", CLI_CHOICE, &s->all.preset, .choices = PRESET_NAMES,
         .help = "study: the setting of the 2018 study, as far as it was right: conv5.relu, 20 "
                 "hidden units, all photographs in each of 200 steps of Adam, no mirroring"},
        {"layer", CLI_STRING, &s->layer, "NAME",
         .help = "whose output is learned from: conv1, conv1.relu, conv1.pool, ... conv5.pool, "
                 "avgpool, fc6, fc7"},
        {"sweep", CLI_FLAG, &s->sweep,
         .help = "learn from conv1.pool, conv2.pool, conv3.relu, conv4.relu, conv5.relu and "
                 "conv5.pool, one after another, instead of --layer"},
        {"finetune", CLI_INT, &s->finetune, "N", .max = 4,
         .help = "train the last N convolutions before the layer, too"},
        feature_input_option(&s->input),
        {"hidden", CLI_INT, &s->hidden, "N", .min = 1, .max = 1e5, .help = "hidden units"},
        {"dropout", CLI_DOUBLE, &s->dropout, "P", .max = 0.99,
         .help = "part of the features, and of the hidden units, that each step leaves out"},
        {"no-flip", CLI_FLAG, &s->no_flip,
         .help = "do not mirror half of the photographs while training"},
        {"cache", CLI_STRING, &s->cache, "DIR", .help = "folder for the features"},
    };
    recognition_options(&s->all, CONTROLS, options + 11);
    return cli_parse(&PROGRAM, options, argc, argv);
}

static settings defaults(void)
{
    settings s = {.all = recognition_defaults(&PROGRAM, "out/alexnet/train"),
                  .layer = "conv5.relu",
                  .cache = "out/alexnet/cache",
                  .hidden = 20,
                  .dropout = 0.2};
    s.all.drawn.validation = 0.1;
    s.all.label_smoothing = 0.1;
    s.all.training = (training_settings){.rounds = 60,
                                         .batch = 32,
                                         .runs = 1,
                                         .lr = 3e-4,
                                         .weight_decay = 0.1,
                                         .schedule = SCHEDULE_COSINE};
    return s;
}

static settings study(void)
{
    settings s = {.all = recognition_defaults(&PROGRAM, "out/alexnet/study"),
                  .layer = "conv5.relu",
                  .cache = "out/alexnet/cache",
                  .hidden = 20,
                  .no_flip = true};
    s.all.preset = PRESET_STUDY;
    s.all.training = (training_settings){
        .rounds = 200, .eval_every = 10, .runs = 1, .lr = 1e-3, .keep = KEEP_LAST};
    return s;
}

static int train(run *r, void *payload)
{
    settings *s = payload;
    people_opts opts = {0, s->all.near, (int)r->threads, r->quiet};
    if (!processes_all(alexnet_load(&PROGRAM, r->ctx, s->weights, r->seed, &s->alexnet) &&
                       people_load(&PROGRAM, s->all.data, opts, &s->people)))
        return CLI_EXIT_USAGE;
    return s->sweep ? sweep(s) : train_layer(s, s->layer, r->out, NULL);
}

int alexnet_train(int argc, char **argv)
{
    settings s = defaults();
    cli_result parsed = parse(&s, argc, argv);
    if (parsed == CLI_RUN && s.all.preset == PRESET_STUDY) {
        s = study();
        parsed = parse(&s, argc, argv); /* wherever --preset stands, the other options count */
    }
    int status = parsed == CLI_RUN ? run_in_context(&s.all.run, train, &s) : (int)parsed;
    people_free(&s.people);
    features_free(&s.features);
    return status;
}
