/* digits train: learning to tell the digits apart, on all images at once or on mini-batches. */
#include "digits/train.h"

#include <math.h>
#include <stdlib.h>

#include "digits/digits.h"

const char *const REDUCTIONS[] = {"mean", "sum", NULL};
const char *const OPTIMIZERS[] = {"sgd", "adam", NULL};

enum { EVALUATIONS = 50, UNSET = -1 };

static const cli_program PROGRAM = {
    .name = "digits train",
    .summary =
        "Learns to tell the digits of MNIST apart: by softmax regression, one linear layer from "
        "784 pixels to 10 digits trained by gradient descent on the cross-entropy, or by a larger "
        "network. Writes metrics.json, history.csv, the learning curve, the weights of softmax "
        "regression as pictures, and the network as model.safetensors. Ctrl-C leaves a checkpoint, "
        "from which the same command goes on with --resume.",
};

static cli_result parse(train_settings *s, int argc, char **argv)
{
    training_settings *t = &s->training;
    const cli_option options[] = {
        digit_data_option(&s->source),
        digit_train_option(&s->source),
        {"validation", CLI_DOUBLE, &s->validation, "FRACTION", .max = 0.9,
         .help = "part of the training images that is drawn at random and held out"},
        {"model", CLI_CHOICE, &s->model, .choices = MODEL_NAMES,
         .help = "784-10, 784-300-10, or two convolutions with pooling and a linear layer"},
        {"iterations", CLI_INT, &t->rounds, "N", .min = 1, .max = 1e9,
         .help = "steps of gradient descent", .shown_default = "softmax: 300"},
        {"epochs", CLI_INT, &s->epochs, "N", .min = 1, .max = 1e6,
         .help = "passes over the training images, instead of --iterations",
         .shown_default = "mlp: 15, cnn: 8"},
        {"batch", CLI_INT, &t->batch, "B", .max = INFINITY,
         .help = "images in a step; 0: all of them", .shown_default = "softmax: 0, others: 100"},
        training_micro_batches_option(t),
        {"optimizer", CLI_CHOICE, &s->optimizer, .choices = OPTIMIZERS,
         .help = "how gradients become steps", .shown_default = "softmax: sgd, others: adam"},
        {"lr", CLI_DOUBLE, &t->lr, "A", .max = INFINITY, .above_min = true, .help = "learning rate",
         .shown_default =
             "softmax: 0.5, others: 0.002; with the optimizer that is not the model's own, sgd: "
             "0.1, adam: 0.001; for sgd with --reduction sum divided by the images in a step"},
        {"schedule", CLI_CHOICE, &t->schedule, .choices = SCHEDULES,
         .help = "the learning rate stays, or falls to 0 along a cosine",
         .shown_default = "softmax: constant, others: cosine"},
        {"momentum", CLI_DOUBLE, &s->momentum, "M", .max = 0.9999,
         .help = "of sgd: v = M v + gradient; weight -= A v"},
        {"weight-decay", CLI_DOUBLE, &t->weight_decay, "D", .max = 1,
         .help = "adds D weight to the gradient"},
        {"reduction", CLI_CHOICE, &s->reduction, .choices = REDUCTIONS,
         .help = "of the losses of the images"},
        {"init-std", CLI_DOUBLE, &s->init_std, "S", .max = 1000,
         .help = "weights and biases start from N(0, S^2); 0: as PyTorch starts them"},
        run_seed_option(&s->run, "of the random numbers"),
        {"runs", CLI_INT, &t->runs, "N", .min = 1, .max = 1000,
         .help = "train N times, with seeds S, S + 1, ..., and report the mean with its 95 % "
                 "confidence interval; the pictures are of the first"},
        run_threads_option(&s->run),
        {"eval-every", CLI_INT, &t->eval_every, "N", .min = 1, .max = INFINITY,
         .help = "iterations from one evaluation to the next",
         .shown_default = "an epoch, or a 50th of all"},
        run_out_option(&s->run),
        {"resume", CLI_FLAG, &t->resume, .help = "go on from the checkpoint in DIR"},
        run_quiet_option(&s->run, "show neither progress nor summary"),
        {.name = NULL},
    };
    return cli_parse(&PROGRAM, options, argc, argv);
}

/* ---- before training ------------------------------------------------------------------------- */

static bool check_settings(const train_settings *s)
{
    const char *wrong = NULL;
    if (s->epochs > 0 && s->training.rounds > 0)
        wrong = "--epochs and --iterations both say how long to train; give one";
    else if (s->momentum > 0 && s->optimizer == OPTIMIZER_ADAM)
        wrong = "--momentum is for --optimizer sgd";
    if (wrong)
        cli_error(&PROGRAM, "%s", wrong);
    return !wrong;
}

/* What depends on the model alone. */
static void set_defaults(train_settings *s)
{
    const digit_model *model = &DIGIT_MODELS[s->model];
    training_settings *t = &s->training;
    if (s->optimizer == UNSET)
        s->optimizer = (int)model->optimizer;
    if (t->schedule == UNSET)
        t->schedule = model->schedule;
    if (t->batch == UNSET)
        t->batch = model->batch;
    if (s->epochs == 0 && t->rounds == 0) {
        s->epochs = model->epochs;
        t->rounds = model->iterations;
    }
}

static double default_lr(const train_settings *s, int64_t in_step)
{
    static const double rates[] = {[OPTIMIZER_SGD] = 0.1, [OPTIMIZER_ADAM] = 1e-3};
    const digit_model *model = &DIGIT_MODELS[s->model];
    double lr = s->optimizer == (int)model->optimizer ? model->lr : rates[s->optimizer];
    bool scaled = s->reduction == REDUCTION_SUM && s->optimizer == OPTIMIZER_SGD;
    return scaled ? lr / (double)in_step : lr;
}

static bool check_count(const train_settings *s, int64_t images)
{
    if (images == 0)
        cli_error(&PROGRAM, "--validation %g leaves no image for training", s->validation);
    else if (s->training.batch > images)
        cli_error(&PROGRAM, "--batch %lld: there are only %lld training images",
                  (long long)s->training.batch, (long long)images);
    return images > 0 && s->training.batch <= images;
}

/* What depends on how many images there are. */
static void complete_settings(training *t, const train_settings *given)
{
    training_settings *s = &t->settings;
    int64_t images = t->count[PART_TRAIN], in_step = s->batch > 0 ? s->batch : images;
    int64_t in_epoch = (images + in_step - 1) / in_step;
    if (s->lr == 0)
        s->lr = default_lr(given, in_step);
    if (given->epochs > 0)
        s->rounds = given->epochs * in_epoch;
    if (s->eval_every == 0)
        s->eval_every = given->epochs > 0
                            ? (given->epochs + EVALUATIONS - 1) / EVALUATIONS * in_epoch
                            : (s->rounds + EVALUATIONS - 1) / EVALUATIONS;
}

/* The network is made before the images are split, so that it starts alike with and without
 * validation. */
static bool make_sets(training *t)
{
    train_run *own = t->payload;
    train_settings *s = &own->settings;
    mnist digits;
    if (!digits_load(&t->run, &s->source, &digits))
        return false;
    t->net = digit_net(t->run.ctx, &DIGIT_MODELS[s->model], s->init_std);
    int64_t use = s->source.use > 0 ? s->source.use : tn_size(digits.train_labels, 0);
    int64_t validation = llround(s->validation * (double)use);
    if (!digit_sets_make(t->run.ctx, &digits, use, validation, &own->sets))
        return run_library_failed(&t->run);
    for (int part = 0; part < PARTS; part++)
        t->count[part] = own->sets.part[part].count;
    return check_count(s, t->count[PART_TRAIN]);
}

static void make_optimizer(training *t, const train_settings *given)
{
    const training_settings *s = &t->settings;
    tn_adam_opts adam = {.lr = s->lr, .weight_decay = s->weight_decay};
    tn_sgd_opts sgd = {.lr = s->lr, .momentum = given->momentum, .weight_decay = s->weight_decay};
    t->opt = given->optimizer == OPTIMIZER_ADAM ? tn_adam(t->run.ctx, t->net, adam)
                                                : tn_sgd(t->run.ctx, t->net, sgd);
    training_schedule(t, s->rounds);
}

static bool make(training *t)
{
    train_run *own = t->payload;
    if (!make_sets(t))
        return false;
    complete_settings(t, &own->settings);
    t->loss.reduction = own->settings.reduction == REDUCTION_SUM ? TN_REDUCE_SUM : TN_REDUCE_MEAN;
    own->batch = (tn_batch){.x = NULL};
    make_optimizer(t, &own->settings);
    return tn_ok(t->run.ctx) || run_library_failed(&t->run);
}

static bool make_loader(training *t)
{
    train_run *own = t->payload;
    const digit_set *set = &own->sets.part[PART_TRAIN];
    int64_t batch = t->settings.batch;
    tn_loader_opts opts = {.batch_size = batch, .shuffle = batch > 0, .scale = 1.0 / 255.0};
    t->loader =
        tn_loader_new(t->run.ctx, set->images, set->labels, processes_share(t->share, opts));
    return digit_sets_load(t->run.ctx, &own->sets, t->share) || run_library_failed(&t->run);
}

/* ---- training -------------------------------------------------------------------------------- */

/* All images are one batch that is made once; mini-batches go on from epoch to epoch. */
static bool next_batch(training *t, tn_batch *batch)
{
    if (t->settings.batch == 0 && batch->x)
        return true;
    return tn_loader_next(t->loader, batch) || tn_loader_next(t->loader, batch);
}

static void learn(training *t)
{
    train_run *own = t->payload;
    if (t->share) {
        while (!training_shared_step(t) && tn_ok(t->run.ctx))
            continue;
        return;
    }
    if (next_batch(t, &own->batch))
        training_step(t, own->batch.x, own->batch.y);
}

/* The loader of a part begins again when it has come to the end. */
static bool next(training *t, data_part part, int64_t first, tn_batch *batch)
{
    const train_run *own = t->payload;
    (void)first;
    return tn_loader_next(own->sets.part[part].loader, batch);
}

/* ---- the command ----------------------------------------------------------------------------- */

static int list_settings(const training *t, training_setting *list)
{
    const train_run *own = t->payload;
    const train_settings *s = &own->settings;
    const training_settings *all = &t->settings;
    static const char *const unless_given[] = {"none", NULL};
    const training_setting settings[] = {{"model", s->model, MODEL_NAMES},
                                         {"train", (double)s->source.use, NULL},
                                         {"validation", s->validation, NULL},
                                         {"batch", (double)all->batch, NULL},
                                         {"micro-batches", (double)all->micro_batches, NULL},
                                         {"epochs", (double)s->epochs, unless_given},
                                         {"iterations", (double)all->rounds, NULL},
                                         {"optimizer", s->optimizer, OPTIMIZERS},
                                         {"lr", all->lr, NULL},
                                         {"schedule", all->schedule, SCHEDULES},
                                         {"momentum", s->momentum, NULL},
                                         {"weight-decay", all->weight_decay, NULL},
                                         {"reduction", s->reduction, REDUCTIONS},
                                         {"init-std", s->init_std, NULL},
                                         {"seed", (double)t->run.seed, NULL},
                                         {"runs", (double)all->runs, NULL},
                                         {"threads", tn_threads(t->run.ctx), NULL},
                                         {"eval-every", (double)all->eval_every, NULL}};
    int count = (int)(sizeof(settings) / sizeof(settings[0]));
    for (int i = 0; i < count; i++)
        list[i] = settings[i];
    return count;
}

/* Of the images and labels of all parts. */
static sha256 hash_data(const training *t)
{
    const train_run *own = t->payload;
    sha256 all[2 * PARTS] = {{""}};
    for (int part = 0; part < PARTS; part++) {
        const digit_set *set = &own->sets.part[part];
        if (set->count == 0)
            continue;
        all[2 * part] = sha256_of(tn_data(set->images), (size_t)tn_numel(set->images));
        all[2 * part + 1] = sha256_of(tn_data(set->labels), (size_t)tn_numel(set->labels));
    }
    return sha256_of(all, sizeof(all));
}

static const training_task TASK = {.round = "iteration",
                                   .loss = "loss",
                                   .make = make,
                                   .make_loader = make_loader,
                                   .learn = learn,
                                   .next = next,
                                   .write_run = train_write_run,
                                   .put = train_put,
                                   .print = train_print,
                                   .settings = list_settings,
                                   .data = hash_data};

int digits_train(int argc, char **argv)
{
    train_run own = {
        .settings = {.run = {.program = &PROGRAM, .out = "out/digits/train", .seed = 1},
                     .training = {.runs = 1, .batch = UNSET, .schedule = UNSET, .keep = KEEP_LAST},
                     .validation = 0.1,
                     .optimizer = UNSET}};
    train_settings *s = &own.settings;
    cli_result parsed = parse(s, argc, argv);
    if (parsed != CLI_RUN)
        return (int)parsed;
    set_defaults(s);
    if (!check_settings(s))
        return CLI_EXIT_USAGE;
    return training_run(&TASK, &s->run, &s->training, &own, NULL);
}
