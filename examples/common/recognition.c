/* recognition.c - trains a network to tell people apart: splits, labels, batches and answers. */
#include "common/recognition.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVALUATIONS = 250, IN_EVALUATION = 64 };

const char *const PRESET_NAMES[] = {"none", "study", NULL};

recognition_settings recognition_defaults(const cli_program *program, const char *out)
{
    return (recognition_settings){.run = {.program = program, .out = out, .seed = 1},
                                  .training.runs = 1,
                                  .drawn = {.test_per_class = 20, .validation = 0.2},
                                  .near = 24};
}

int recognition_options(recognition_settings *s, const char *const *controls, cli_option *options)
{
    training_settings *t = &s->training;
    const cli_option all[RECOGNITION_OPTIONS] = {
        {"split", CLI_STRING, &s->split, "FILE",
         .help =
             "take the split from such a file, split.csv of another run, instead of drawing it"},
        {"test-per-class", CLI_INT, &s->drawn.test_per_class, "N", .min = 1, .max = 1e6,
         .help = "photographs of each person that test"},
        {"validation", CLI_DOUBLE, &s->drawn.validation, "FRACTION", .max = 0.9,
         .help = "part of the others that says which network is best; 0: the last one is kept"},
        {"train", CLI_INT, &s->drawn.train, "N", .max = INFINITY,
         .help = "learn from N photographs alone; 0: from all that are left"},
        {"near", CLI_INT, &s->near, "BITS", .min = -1, .max = LOOK_BITS,
         .help = "photographs whose difference hashes of 256 bits differ by so much at most are "
                 "near-duplicates, which stay in one part; -1: look for none"},
        {"epochs", CLI_INT, &t->rounds, "N", .min = 1, .max = 1e6,
         .help = "passes over the training photographs, at most"},
        {"batch", CLI_INT, &t->batch, "B", .max = 1e6,
         .help = "photographs in a step; 0: all of them"},
        training_micro_batches_option(t),
        {"lr", CLI_DOUBLE, &t->lr, "A", .max = INFINITY, .above_min = true,
         .help = "learning rate of Adam"},
        {"schedule", CLI_CHOICE, &t->schedule, .choices = SCHEDULES,
         .help = "the learning rate stays, or falls to 0 along a cosine"},
        {"weight-decay", CLI_DOUBLE, &t->weight_decay, "D", .max = 1000,
         .help = "each step takes A D of every weight away (AdamW)"},
        {"label-smoothing", CLI_DOUBLE, &s->label_smoothing, "E", .max = 0.9,
         .help = "learn probabilities with E shared out among all persons, not 1 for one"},
        {"patience", CLI_INT, &t->patience, "N", .max = 1e6,
         .help = "with --keep best: stop after N epochs without a better network; 0: never"},
        {"keep", CLI_CHOICE, &t->keep, .choices = KEEPS,
         .help =
             "best: the network that recognises most validation photographs, and of two with as "
             "many the one whose loss on them is smaller; last: the last one"},
        {"eval-every", CLI_INT, &t->eval_every, "N", .min = 1, .max = 1e6,
         .help = "epochs from one evaluation to the next", .shown_default = "a 250th of all"},
        {"balance", CLI_FLAG, &s->balance,
         .help =
             "weight the loss of each person by 1 / the number of photographs; not in a program "
             "of `make mpi-examples`"},
        {"control", CLI_CHOICE, &s->control, .choices = controls,
         .help =
             "deal the labels out at random before training: what is then recognised is chance"},
        run_seed_option(&s->run, "of the random numbers: split, start, order"),
        {"runs", CLI_INT, &t->runs, "N", .min = 1, .max = 1000,
         .help = "train N times, with seeds S, S + 1, ..., each with a split of its own unless "
                 "--split gives one, and report the mean with its 95 % confidence interval; the "
                 "pictures are of the first, the confusion matrix of all"},
        run_threads_option(&s->run),
        run_out_option(&s->run),
        {"resume", CLI_FLAG, &t->resume,
         .help = "go on from the checkpoint that Ctrl-C left in DIR"},
        run_quiet_option(&s->run, "show neither progress nor summary"),
    };
    memcpy(options, all, sizeof(all));
    return RECOGNITION_OPTIONS;
}

/* ---- before training ------------------------------------------------------------------------- */

static bool make_split(training *t)
{
    recognition *g = t->payload;
    const recognition_settings *s = g->settings;
    if (s->split)
        return split_read(t->run.program, g->people, s->split, &g->split);
    return split_make(t->run.program, g->ctx, g->people, s->drawn, &g->split);
}

/* For a control: the labels of what is learned and validated, dealt out anew among it. */
static bool permute_labels(recognition *g)
{
    const split *s = &g->split;
    int64_t count = s->count[PART_TRAIN] + s->count[PART_VALIDATION], k = 0;
    tn_tensor *order = tn_randperm(g->ctx, count);
    int64_t *photos = malloc((size_t)count * sizeof(*photos));
    bool able = order && photos;
    for (int part = PART_TRAIN; able && part <= PART_VALIDATION; part++)
        for (int64_t i = 0; i < s->count[part]; i++)
            photos[k++] = s->photos[part][i];
    for (int64_t i = 0; able && i < count; i++)
        g->labels[photos[i]] = g->people->photos[photos[tn_data_i64(order)[i]]].person;
    free(photos);
    return able;
}

static bool make_labels(training *t)
{
    recognition *g = t->payload;
    const people *p = g->people;
    g->labels = malloc((size_t)p->count * sizeof(*g->labels));
    for (int64_t i = 0; g->labels && i < p->count; i++)
        g->labels[i] = p->photos[i].person;
    return (g->labels && (g->settings->control == CONTROL_NONE || permute_labels(g))) ||
           run_short_of_memory(&t->run);
}

/* Person k with n_k of n photographs among K counts n / (K n_k), so that all count the same
 * together, and the mean stays 1. */
static tn_tensor *make_weight(const recognition *g)
{
    int persons = g->people->persons;
    tn_tensor *weight = tn_zeros(g->ctx, TN_F32, 1, (const int64_t[]){persons});
    float *values = weight ? tn_data_mut(weight) : NULL;
    for (int k = 0; values && k < persons; k++) {
        int64_t count = split_count(g->people, &g->split, PART_TRAIN, k);
        if (count > 0)
            values[k] = (float)g->split.count[PART_TRAIN] / (float)(persons * count);
    }
    return weight;
}

static int64_t batches_of(const training *t)
{
    int64_t count = t->count[PART_TRAIN], batch = t->settings.batch;
    return batch == 0 ? 1 : (count + batch - 1) / batch;
}

static void make_optimizer(training *t)
{
    const training_settings *s = &t->settings;
    tn_adamw_opts opts = {.lr = s->lr,
                          .weight_decay = s->weight_decay > 0 ? s->weight_decay : TN_ZERO};
    t->opt = tn_adamw(t->run.ctx, t->net, opts);
    training_schedule(t, s->rounds * batches_of(t));
}

static bool make(training *t)
{
    recognition *g = t->payload;
    g->ctx = t->run.ctx;
    if (!make_split(t) || !make_labels(t))
        return false;
    memcpy(t->count, g->split.count, sizeof(t->count));
    if (t->count[PART_TRAIN] == 0) {
        cli_error(t->run.program, "--validation %g leaves no photograph for training",
                  g->settings->drawn.validation);
        return false;
    }
    t->net = g->task->make(g);
    if (!t->net)
        return run_library_failed(&t->run);
    make_optimizer(t);
    t->loss.label_smoothing = g->settings->label_smoothing;
    if (g->settings->balance)
        t->loss.weight = make_weight(g);
    if (!tn_ok(g->ctx))
        return run_library_failed(&t->run);
    if (t->number == 0 && !t->run.quiet)
        split_print(g->people, &g->split);
    return true;
}

static void end(training *t)
{
    recognition *g = t->payload;
    split_free(&g->split);
    free(g->labels);
    g->labels = NULL;
}

/* ---- photographs as batches ------------------------------------------------------------------ */

static tn_tensor *labels_of(const recognition *g, tn_ctx *ctx, const int64_t *photos, int64_t count)
{
    tn_tensor *labels = tn_empty(ctx, TN_I64, 1, &count);
    int64_t *label = labels ? tn_data_mut(labels) : NULL;
    for (int64_t i = 0; label && i < count; i++)
        label[i] = g->labels[photos[i]];
    return labels;
}

/* Batches of processes that share them come as numbers of photographs, in both tensors. */
static tn_status look_up(const recognition *g, tn_ctx *ctx, tn_tensor **tensors, bool vary)
{
    const int64_t *photos = tn_data_i64(tensors[0]);
    int64_t count = tn_numel(tensors[0]);
    tensors[1] = labels_of(g, ctx, photos, count);
    tensors[0] = g->task->inputs(g, ctx, photos, count, vary);
    return tn_error_status(ctx);
}

static tn_status look_up_to_learn(tn_ctx *ctx, int64_t count, tn_tensor **tensors, void *payload)
{
    (void)count;
    return look_up(payload, ctx, tensors, true);
}

static tn_status look_up_to_evaluate(tn_ctx *ctx, int64_t count, tn_tensor **tensors, void *payload)
{
    (void)count;
    return look_up(payload, ctx, tensors, false);
}

static tn_loader *load_part(training *t, data_part part, tn_loader_opts opts)
{
    recognition *g = t->payload;
    opts.payload = g;
    if (t->count[part] == 0)
        return NULL;
    tn_tensor *photos =
        tn_from_data(g->ctx, TN_I64, TN_SHAPE(t->count[part]), g->split.photos[part]);
    return tn_loader_new(g->ctx, photos, photos, processes_share(t->share, opts));
}

/* For several processes. */
static bool make_loader(training *t)
{
    recognition *g = t->payload;
    int64_t batch = t->settings.batch;
    tn_loader_opts learned = {
        .batch_size = batch, .shuffle = batch > 0, .transform = look_up_to_learn};
    tn_loader_opts evaluated = {.batch_size = IN_EVALUATION, .transform = look_up_to_evaluate};
    if (!t->share)
        return true;
    t->loader = load_part(t, PART_TRAIN, learned);
    for (int part = 0; part < PARTS; part++)
        g->loader[part] = load_part(t, (data_part)part, evaluated);
    return tn_ok(g->ctx) || run_library_failed(&t->run);
}

static bool next(training *t, data_part part, int64_t first, tn_batch *batch)
{
    const recognition *g = t->payload;
    const int64_t *photos = g->split.photos[part] + first;
    int64_t left = t->count[part] - first, some = left < IN_EVALUATION ? left : IN_EVALUATION;
    if (t->share)
        return tn_loader_next(g->loader[part], batch);
    if (left == 0)
        return false;
    *batch = (tn_batch){.number = first / IN_EVALUATION, .parts = 1};
    batch->x = g->task->inputs(g, g->ctx, photos, some, false);
    batch->y = labels_of(g, g->ctx, photos, some);
    return batch->x && batch->y;
}

static void step(training *t, const int64_t *photos, int64_t count)
{
    const recognition *g = t->payload;
    tn_scope scope = tn_scope_begin(g->ctx);
    tn_tensor *x = g->task->inputs(g, g->ctx, photos, count, true);
    training_step(t, x, labels_of(g, g->ctx, photos, count));
    tn_scope_end(g->ctx, scope);
}

/* Steps over all training photographs in a random order. */
static void learn_batches(training *t, int64_t batch)
{
    const recognition *g = t->payload;
    int64_t count = t->count[PART_TRAIN], *photos = g->split.photos[PART_TRAIN];
    tn_scope scope = tn_scope_begin(g->ctx);
    const int64_t *order = tn_data_i64(tn_randperm(g->ctx, count));
    tn_tensor *shuffled = tn_empty(g->ctx, TN_I64, 1, &count);
    int64_t *next = shuffled ? tn_data_mut(shuffled) : NULL;
    for (int64_t i = 0; order && next && i < count; i++)
        next[i] = photos[order[i]];
    for (int64_t i = 0; next && i < count && tn_ok(g->ctx); i += batch)
        step(t, next + i, batch < count - i ? batch : count - i);
    tn_scope_end(g->ctx, scope);
}

static void learn(training *t)
{
    const recognition *g = t->payload;
    if (t->share)
        while (training_shared_step(t))
            continue;
    else if (t->settings.batch == 0)
        step(t, g->split.photos[PART_TRAIN], t->count[PART_TRAIN]);
    else
        learn_batches(t, t->settings.batch);
}

/* ---- what the kept network does with the test photographs ------------------------------------ */

static int64_t cells_of(const recognition *g)
{
    return (int64_t)g->people->persons * g->people->persons;
}

static void count_answers(training *t, const tn_tensor *answers, const tn_tensor *targets)
{
    const recognition *g = t->payload;
    tn_confusion_add(g->of_run, answers, targets);
}

/* Adds those of this run, of all processes, to those of all runs. */
static bool finish(training *t)
{
    recognition *g = t->payload;
    int persons = g->people->persons;
    training_record record;
    g->of_run = tn_confusion_new(g->ctx, persons);
    training_evaluate(t, PART_TEST, &record, count_answers);
    tn_tensor *counts = tn_cast(g->ctx, tn_confusion_matrix(g->of_run), TN_F64);
    double *count = tn_ok(g->ctx) ? tn_data_mut(counts) : NULL;
    if (!processes_sum(t->share, cells_of(g), count) || !tn_ok(g->ctx))
        return run_library_failed(&t->run);
    for (int64_t i = 0; i < cells_of(g); i++)
        g->confusion[i] += (int64_t)count[i];
    return true;
}

/* ---- going on -------------------------------------------------------------------------------- */

static int list_settings(const training *t, training_setting *list)
{
    const recognition *g = t->payload;
    const recognition_settings *s = g->settings;
    const training_settings *all = &t->settings;
    const training_setting settings[] = {
        {"test-per-class", (double)s->drawn.test_per_class, NULL},
        {"validation", s->drawn.validation, NULL},
        {"train", (double)s->drawn.train, NULL},
        {"near", (double)s->near, NULL},
        {"epochs", (double)all->rounds, NULL},
        {"batch", (double)all->batch, NULL},
        {"micro-batches", (double)all->micro_batches, NULL},
        {"lr", all->lr, NULL},
        {"schedule", all->schedule, SCHEDULES},
        {"weight-decay", all->weight_decay, NULL},
        {"label-smoothing", s->label_smoothing, NULL},
        {"patience", (double)all->patience, NULL},
        {"keep", all->keep, KEEPS},
        {"eval-every", (double)all->eval_every, NULL},
        {"balance", s->balance, NULL},
        {"control", s->control, g->task->controls},
        {"seed", (double)s->run.seed, NULL},
        {"runs", (double)all->runs, NULL},
        {"threads", tn_threads(t->run.ctx), NULL},
    };
    memcpy(list, settings, sizeof(settings));
    int count = (int)(sizeof(settings) / sizeof(settings[0]));
    return count + g->task->settings(g, list + count);
}

/* Of all photographs with their names, of the file with the split and of what the network is put
 * on. */
static sha256 hash_data(const training *t)
{
    const recognition *g = t->payload;
    sha256 drawn = {""}, hash = {""};
    char *text = NULL;
    size_t size = 0;
    if (g->settings->split && !sha256_of_file(g->settings->split, &drawn))
        return hash;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        return hash;
    fprintf(to, "%s\n%s\n", g->task->source, drawn.hex);
    for (int64_t i = 0; i < g->people->count; i++)
        fprintf(to, "%s %s\n", g->people->photos[i].hash.hex, g->people->photos[i].file);
    if (fclose(to) == 0)
        hash = sha256_of(text, size);
    free(text);
    return hash;
}

static void save(const training *t, tn_dict *extra)
{
    const recognition *g = t->payload;
    tn_dict_set(extra, "confusion",
                tn_from_data(t->run.ctx, TN_I64, TN_SHAPE(cells_of(g)), g->confusion));
}

static bool load(training *t, const tn_dict *extra)
{
    recognition *g = t->payload;
    const tn_tensor *saved = tn_dict_get(extra, "confusion");
    const int64_t *counts = tn_data_i64(saved);
    if (!counts || tn_numel(saved) != cells_of(g))
        return false;
    memcpy(g->confusion, counts, (size_t)cells_of(g) * sizeof(*counts));
    return true;
}

static const training_task TASK = {.round = "epoch",
                                   .loss = "train_loss",
                                   .make = make,
                                   .make_loader = make_loader,
                                   .learn = learn,
                                   .next = next,
                                   .finish = finish,
                                   .write_run = recognition_write_run,
                                   .write_results = recognition_write_results,
                                   .put = recognition_put,
                                   .print = recognition_print,
                                   .settings = list_settings,
                                   .data = hash_data,
                                   .save = save,
                                   .load = load,
                                   .end = end};

/* The weights of --balance are divided by their sum over a batch, of which a micro-batch knows its
 * own part alone. */
static bool check(const recognition_settings *s, const people *p)
{
    bool shared = training_is_shared(&s->training);
    if (p->persons < 2)
        cli_error(s->run.program, "%s: photographs of %s alone; at least two persons are needed",
                  p->dir, p->names[0]);
    else if (s->balance && shared)
        cli_error(s->run.program, "--balance needs whole batches; the programs of `make "
                                  "mpi-examples` cut them into micro-batches");
    return p->persons >= 2 && !(s->balance && shared);
}

int recognition_run(const recognition_task *task, const recognition_settings *s, const people *p,
                    void *payload, training_summary *summary)
{
    training_settings of_runs = s->training;
    recognition g = {.task = task, .settings = s, .people = p, .payload = payload};
    if (!processes_all(check(s, p) && run_make_out(&s->run)))
        return CLI_EXIT_USAGE;
    g.confusion = calloc((size_t)cells_of(&g), sizeof(*g.confusion));
    if (!g.confusion)
        run_short_of_memory(&s->run);
    if (!processes_all(g.confusion != NULL)) {
        free(g.confusion);
        return CLI_EXIT_FAILURE;
    }
    if (of_runs.eval_every == 0)
        of_runs.eval_every = (of_runs.rounds + EVALUATIONS - 1) / EVALUATIONS;
    if (!s->run.quiet)
        recognition_print_photos(p, s->near);
    int status = training_run(&TASK, &s->run, &of_runs, &g, summary);
    free(g.confusion);
    return status;
}
