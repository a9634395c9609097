/* digits train: learning to tell the digits apart, on all images at once or on mini-batches. */
#include "digits/train.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/commands.h"
#include "common/progress.h"
#include "digits/digits.h"
#include "digits/setup.h"

enum { REDUCTION_MEAN, REDUCTION_SUM };
const char *const TRAIN_REDUCTIONS[] = {"mean", "sum", NULL};
const char *const TRAIN_OPTIMIZERS[] = {"sgd", "adam", NULL};
const char *const TRAIN_SCHEDULES[] = {"constant", "cosine", NULL};

enum { EVALUATIONS = 50, UNSET = -1, EXIT_INTERRUPTED = 130 };

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
    cli_option options[] = {
        {"data", CLI_STRING, &s->data, "PATH",
         .help = "folder with MNIST as IDX files or as mnist_all.mat, or such a .mat file",
         .shown_default = "data/mnist if the full set is there, else examples/data/mnist"},
        {"train", CLI_INT, &s->use, "N", .max = INFINITY,
         .help = "use only the first N training images; 0: all of them"},
        {"validation", CLI_DOUBLE, &s->validation, "FRACTION", .max = 0.9,
         .help = "part of the training images that is drawn at random and held out"},
        {"model", CLI_CHOICE, &s->model, "softmax|mlp|cnn", .choices = MODEL_NAMES,
         .help = "784-10, 784-300-10, or two convolutions with pooling and a linear layer"},
        {"iterations", CLI_INT, &s->iterations, "N", .min = 1, .max = 1e9,
         .help = "steps of gradient descent", .shown_default = "softmax: 300"},
        {"epochs", CLI_INT, &s->epochs, "N", .min = 1, .max = 1e6,
         .help = "passes over the training images, instead of --iterations",
         .shown_default = "mlp: 15, cnn: 8"},
        {"batch", CLI_INT, &s->batch, "B", .max = INFINITY,
         .help = "images in a step; 0: all of them", .shown_default = "softmax: 0, others: 100"},
        {"optimizer", CLI_CHOICE, &s->optimizer, "sgd|adam", .choices = TRAIN_OPTIMIZERS,
         .help = "how gradients become steps", .shown_default = "softmax: sgd, others: adam"},
        {"lr", CLI_DOUBLE, &s->lr, "A", .max = INFINITY, .above_min = true, .help = "learning rate",
         .shown_default =
             "softmax: 0.5, others: 0.002; for sgd with --reduction sum divided by the "
             "images in a step"},
        {"schedule", CLI_CHOICE, &s->schedule, "constant|cosine", .choices = TRAIN_SCHEDULES,
         .help = "the learning rate stays, or falls to 0 along a cosine",
         .shown_default = "softmax: constant, others: cosine"},
        {"momentum", CLI_DOUBLE, &s->momentum, "M", .max = 0.9999,
         .help = "of sgd: v = M v + gradient; weight -= A v"},
        {"weight-decay", CLI_DOUBLE, &s->weight_decay, "D", .max = 1,
         .help = "adds D weight to the gradient"},
        {"reduction", CLI_CHOICE, &s->reduction, "sum|mean", .choices = TRAIN_REDUCTIONS,
         .help = "of the losses of the images"},
        {"init-std", CLI_DOUBLE, &s->init_std, "S", .max = 1000,
         .help = "weights and biases start from N(0, S^2); 0: as PyTorch starts them"},
        {"seed", CLI_INT, &s->seed, "S", .max = INFINITY, .help = "of the random numbers"},
        {"runs", CLI_INT, &s->runs, "N", .min = 1, .max = 1000,
         .help = "train N times, with seeds S, S + 1, ..., and report the mean with its 95 % "
                 "confidence interval; the pictures are of the first"},
        {"threads", CLI_INT, &s->threads, "N", .max = 1024,
         .help = "0: as many as there are cores"},
        {"eval-every", CLI_INT, &s->eval_every, "N", .min = 1, .max = INFINITY,
         .help = "iterations from one evaluation to the next",
         .shown_default = "an epoch, or a 50th of all"},
        {"out", CLI_STRING, &s->out, "DIR", .help = "folder for the results"},
        {"resume", CLI_FLAG, &s->resume, .help = "go on from the checkpoint in DIR"},
        {"quiet", CLI_FLAG, &s->quiet, .help = "show neither progress nor summary"},
        {.name = NULL},
    };
    return cli_parse(&PROGRAM, options, argc, argv);
}

void record_values(const train_record *record, double *values)
{
    const double all[RECORD_VALUES] = {
        (double)record->iteration,   record->seconds,      record->loss,
        record->validation_loss,     record->test_loss,    record->train_accuracy,
        record->validation_accuracy, record->test_accuracy};
    memcpy(values, all, sizeof(all));
}

train_record record_of(const double *v)
{
    return (train_record){(int64_t)v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]};
}

/* ---- before training ------------------------------------------------------------------------- */

static bool library_failed(const train_run *run)
{
    cli_error(&PROGRAM, "%s", tn_error(run->ctx));
    return false;
}

static bool check_settings(const train_settings *s)
{
    const char *wrong = NULL;
    if (s->epochs > 0 && s->iterations > 0)
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
    if (s->optimizer == UNSET)
        s->optimizer = (int)model->optimizer;
    if (s->schedule == UNSET)
        s->schedule = (int)model->schedule;
    if (s->batch == UNSET)
        s->batch = model->batch;
    if (s->epochs == 0 && s->iterations == 0) {
        s->epochs = model->epochs;
        s->iterations = model->iterations;
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

/* What depends on how many images there are. */
static bool complete_settings(train_run *run)
{
    train_settings *s = &run->settings;
    int64_t images = run->sets.train.count;
    if (images == 0) {
        cli_error(&PROGRAM, "--validation %g leaves no image for training", s->validation);
        return false;
    }
    if (s->batch > images) {
        cli_error(&PROGRAM, "--batch %lld: there are only %lld training images",
                  (long long)s->batch, (long long)images);
        return false;
    }
    int64_t in_step = s->batch > 0 ? s->batch : images, in_epoch = (images + in_step - 1) / in_step;
    if (s->lr == 0)
        s->lr = default_lr(s, in_step);
    if (s->epochs > 0)
        s->iterations = s->epochs * in_epoch;
    if (s->eval_every == 0)
        s->eval_every = s->epochs > 0 ? (s->epochs + EVALUATIONS - 1) / EVALUATIONS * in_epoch
                                      : (s->iterations + EVALUATIONS - 1) / EVALUATIONS;
    return true;
}

static void make_optimizer(train_run *run)
{
    const train_settings *s = &run->settings;
    if (s->optimizer == OPTIMIZER_ADAM)
        run->opt = tn_adam(run->ctx, run->net,
                           (tn_adam_opts){.lr = s->lr, .weight_decay = s->weight_decay});
    else
        run->opt = tn_sgd(
            run->ctx, run->net,
            (tn_sgd_opts){.lr = s->lr, .momentum = s->momentum, .weight_decay = s->weight_decay});
    if (s->schedule == SCHEDULE_COSINE)
        run->schedule = tn_cosine_annealing_lr(run->ctx, run->opt, s->iterations, 0);
}

/* The network is made before the images are split, so that it starts alike with and without
 * validation. */
static bool prepare(train_run *run)
{
    train_settings *s = &run->settings;
    mnist digits;
    s->data = digits_source(&PROGRAM, s->data, &run->found);
    if (!s->data || !digits_load(&PROGRAM, run->ctx, s->data, s->use, &digits))
        return false;
    run->net = digit_net(run->ctx, &DIGIT_MODELS[s->model], s->init_std);
    int64_t use = s->use > 0 ? s->use : tn_size(digits.train_labels, 0);
    int64_t validation = llround(s->validation * (double)use);
    if (!digit_sets_make(run->ctx, &digits, use, validation, &run->sets))
        return library_failed(run);
    if (!complete_settings(run))
        return false;
    tn_loader_opts opts = {.batch_size = s->batch, .shuffle = s->batch > 0, .scale = 1.0 / 255.0};
    run->loader = tn_loader_new(run->ctx, run->sets.train.images, run->sets.train.labels, opts);
    make_optimizer(run);
    if (!tn_ok(run->ctx))
        return library_failed(run);
    int64_t records = s->iterations / s->eval_every + 2;
    run->history = calloc((size_t)records, sizeof(*run->history));
    if (!run->history)
        cli_error(&PROGRAM, "no memory for %lld evaluations", (long long)records);
    return run->history != NULL;
}

static bool make_out(const train_settings *s)
{
    if (make_directories(s->out))
        return true;
    cli_error(&PROGRAM, "%s: no results can be written there: %s", s->out, strerror(errno));
    return false;
}

/* ---- training -------------------------------------------------------------------------------- */

/* All images are one batch that is made once; mini-batches go on from epoch to epoch. */
static bool next_batch(train_run *run)
{
    if (run->settings.batch == 0 && run->batch.x)
        return true;
    return tn_loader_next(run->loader, &run->batch) || tn_loader_next(run->loader, &run->batch);
}

/* One step of gradient descent. Returns the loss before it. */
static double step(train_run *run)
{
    bool sum = run->settings.reduction == REDUCTION_SUM;
    tn_cross_entropy_opts opts = {.reduction = sum ? TN_REDUCE_SUM : TN_REDUCE_MEAN};
    double start = seconds_now();
    if (!next_batch(run))
        return NAN;
    tn_scope scope = tn_scope_begin(run->ctx);
    tn_tensor *logits = tn_forward(run->ctx, run->net, run->batch.x);
    tn_tensor *loss = tn_cross_entropy(run->ctx, logits, run->batch.y, opts);
    tn_zero_grad(run->opt);
    tn_backward(run->ctx, loss);
    tn_step(run->opt);
    if (run->schedule)
        tn_schedule_step(run->schedule);
    double value = tn_item(run->ctx, loss);
    tn_scope_end(run->ctx, scope);
    run->seconds += seconds_now() - start;
    run->iteration++;
    return value;
}

static digit_score score_of(const train_run *run, const digit_set *set)
{
    digit_score score = digit_set_score(run->ctx, run->net, set);
    score.loss /= (double)set->count;
    return score;
}

static void evaluate(train_run *run)
{
    digit_score train = score_of(run, &run->sets.train);
    digit_score validation = score_of(run, &run->sets.validation);
    digit_score test = score_of(run, &run->sets.test);
    bool sum = run->settings.reduction == REDUCTION_SUM;
    run->history[run->records++] = (train_record){
        .iteration = run->iteration,
        .seconds = round(1e6 * run->seconds) / 1e6,
        .loss = sum ? train.loss * (double)run->sets.train.count : train.loss,
        .validation_loss = validation.loss,
        .test_loss = test.loss,
        .train_accuracy = train.accuracy,
        .validation_accuracy = validation.accuracy,
        .test_accuracy = test.accuracy,
    };
}

static bool diverged(int64_t iteration, double lr)
{
    cli_error(&PROGRAM, "the loss is not finite after %lld iterations; try a --lr below %g",
              (long long)iteration, lr);
    return false;
}

/* Steps and evaluations up to the end, or to an interruption. */
static bool iterate(train_run *run, progress *shown)
{
    const train_settings *s = &run->settings;
    if (run->records == 0)
        evaluate(run);
    while (run->iteration < s->iterations && !interrupted) {
        double loss = step(run);
        if (!tn_ok(run->ctx))
            return library_failed(run);
        if (!isfinite(loss))
            return diverged(run->iteration - 1, s->lr);
        if (run->iteration % s->eval_every == 0 || run->iteration == s->iterations)
            evaluate(run);
        progress_update(shown, run->iteration, "loss %.5g  test %.2f %%", loss,
                        100 * run->history[run->records - 1].test_accuracy);
    }
    if (!tn_ok(run->ctx))
        return library_failed(run);
    double last = run->history[run->records - 1].loss;
    return isfinite(last) || diverged(run->iteration, s->lr);
}

static int stop(const train_run *run, const train_record *results, int64_t number)
{
    if (!train_save(&PROGRAM, run, results, number))
        return CLI_EXIT_FAILURE;
    cli_error(&PROGRAM, "stopped at iteration %lld of %lld; with --resume the same command goes on",
              (long long)run->iteration, (long long)run->settings.iterations);
    return EXIT_INTERRUPTED;
}

/* The results of the first run are written when it ends, those of all together after the last. */
static int finish(const train_run *run, train_record *results, int64_t number)
{
    const train_settings *s = &run->settings;
    results[number] = run->history[run->records - 1];
    if (number == 0 && !train_write_run(&PROGRAM, run))
        return CLI_EXIT_FAILURE;
    if (number < s->runs - 1)
        return 0;
    if (!train_write_results(&PROGRAM, run, results))
        return CLI_EXIT_FAILURE;
    train_forget(s);
    if (!s->quiet)
        train_print_summary(run, results);
    return 0;
}

/* Run `number` of those with different seeds. */
static int train(train_run *run, train_record *results, int64_t number)
{
    const train_settings *s = &run->settings;
    if (!prepare(run) || !make_out(s) || (s->resume && !train_load(&PROGRAM, run)))
        return CLI_EXIT_USAGE;
    char label[64] = "iteration";
    if (s->runs > 1)
        snprintf(label, sizeof(label), "run %lld of %lld, iteration", (long long)number + 1,
                 (long long)s->runs);
    progress shown = progress_begin(label, s->iterations, s->quiet);
    bool trained = iterate(run, &shown);
    progress_end(&shown);
    if (!trained)
        return CLI_EXIT_FAILURE;
    return run->iteration < s->iterations ? stop(run, results, number)
                                          : finish(run, results, number);
}

static int train_seed(const train_settings *given, train_record *results, int64_t number)
{
    train_run run = {.settings = *given};
    run.settings.seed += number;
    run.ctx = tn_ctx_new(
        &(tn_ctx_opts){.seed = (uint64_t)run.settings.seed, .threads = (int)given->threads});
    if (!run.ctx) {
        cli_error(&PROGRAM, "memory is short");
        return CLI_EXIT_FAILURE;
    }
    int status = train(&run, results, number);
    free(run.history);
    tn_ctx_free(run.ctx);
    return status;
}

static int train_all(train_settings *s, train_record *results)
{
    int64_t done = 0;
    if (s->resume && !train_read_results(&PROGRAM, s, results, &done))
        return CLI_EXIT_USAGE;
    int status = 0;
    for (int64_t i = done; i < s->runs && status == 0; i++) {
        status = train_seed(s, results, i);
        s->resume = false;
    }
    return status;
}

int digits_train(int argc, char **argv)
{
    train_settings s = {.out = "out/digits/train",
                        .validation = 0.1,
                        .seed = 1,
                        .runs = 1,
                        .batch = UNSET,
                        .optimizer = UNSET,
                        .schedule = UNSET};
    cli_result parsed = parse(&s, argc, argv);
    if (parsed == CLI_HELP)
        return 0;
    if (parsed == CLI_WRONG)
        return CLI_EXIT_USAGE;
    set_defaults(&s);
    if (!check_settings(&s))
        return CLI_EXIT_USAGE;
    train_record *results = calloc((size_t)s.runs, sizeof(*results));
    if (!results) {
        cli_error(&PROGRAM, "memory is short");
        return CLI_EXIT_FAILURE;
    }
    watch_interrupts();
    int status = train_all(&s, results);
    free(results);
    return status;
}
