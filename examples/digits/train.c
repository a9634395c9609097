/* digits train: softmax regression by gradient descent, on all images at once or on mini-batches.
 */
#include "digits/train.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/progress.h"
#include "digits/digits.h"
#include "digits/setup.h"

enum { REDUCTION_MEAN, REDUCTION_SUM };
const char *const TRAIN_REDUCTIONS[] = {"mean", "sum", NULL};

enum { ITERATIONS = 300, EVALUATIONS = 50 };
static const double DEFAULT_LR = 0.5;

static const cli_program PROGRAM = {
    .name = "digits train",
    .summary =
        "Softmax regression on MNIST: one linear layer from 784 pixels to 10 digits, trained "
        "by gradient descent on the cross-entropy. Writes metrics.json, history.csv and the "
        "learning curve.",
};

typedef struct trainer {
    tn_ctx *ctx;
    train_run run;
    path found; /* where the digits are, if --data does not say */
    tn_module *net;
    tn_optim *opt;
    tn_loader *loader;
    tn_batch batch;
    double seconds; /* spent in steps */
} trainer;

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
        {"iterations", CLI_INT, &s->iterations, "N", .min = 1, .max = 1e9,
         .help = "steps of gradient descent", .shown_default = "300"},
        {"epochs", CLI_INT, &s->epochs, "N", .min = 1, .max = 1e6, .shown_default = "",
         .help = "passes over the training images, instead of --iterations"},
        {"batch", CLI_INT, &s->batch, "B", .max = INFINITY,
         .help = "images in a step; 0: all of them"},
        {"lr", CLI_DOUBLE, &s->lr, "A", .max = INFINITY, .above_min = true, .help = "learning rate",
         .shown_default = "0.5; for --reduction sum divided by the images in a step"},
        {"momentum", CLI_DOUBLE, &s->momentum, "M", .max = 0.9999,
         .help = "v = M v + gradient; weight -= A v"},
        {"reduction", CLI_CHOICE, &s->reduction, "sum|mean", .choices = TRAIN_REDUCTIONS,
         .help = "of the losses of the images"},
        {"init-std", CLI_DOUBLE, &s->init_std, "S", .max = 1000,
         .help = "weights and biases start from N(0, S^2); 0: as PyTorch starts them"},
        {"seed", CLI_INT, &s->seed, "S", .max = INFINITY, .help = "of the random numbers"},
        {"threads", CLI_INT, &s->threads, "N", .max = 1024,
         .help = "0: as many as there are cores"},
        {"eval-every", CLI_INT, &s->eval_every, "N", .min = 1, .max = INFINITY,
         .help = "iterations from one evaluation to the next", .shown_default = "a 50th of all"},
        {"out", CLI_STRING, &s->out, "DIR", .help = "folder for the results"},
        {"quiet", CLI_FLAG, &s->quiet, .help = "show neither progress nor summary"},
        {.name = NULL},
    };
    return cli_parse(&PROGRAM, options, argc, argv);
}

/* ---- before training ------------------------------------------------------------------------- */

static bool library_failed(const trainer *t)
{
    cli_error(&PROGRAM, "%s", tn_error(t->ctx));
    return false;
}

/* What the settings leave open depends on how many images there are. */
static bool complete_settings(trainer *t)
{
    train_settings *s = &t->run.settings;
    int64_t images = t->run.sets.train.count;
    if (images == 0) {
        cli_error(&PROGRAM, "--validation %g leaves no image for training", s->validation);
        return false;
    }
    if (s->batch > images) {
        cli_error(&PROGRAM, "--batch %lld: there are only %lld training images",
                  (long long)s->batch, (long long)images);
        return false;
    }
    int64_t in_step = s->batch > 0 ? s->batch : images;
    if (s->lr == 0)
        s->lr = s->reduction == REDUCTION_SUM ? DEFAULT_LR / (double)in_step : DEFAULT_LR;
    if (s->epochs > 0 && s->iterations > 0) {
        cli_error(&PROGRAM, "--epochs and --iterations both say how long to train; give one");
        return false;
    }
    if (s->epochs == 0 && s->iterations == 0)
        s->iterations = ITERATIONS;
    if (s->epochs > 0)
        s->iterations = s->epochs * ((images + in_step - 1) / in_step);
    if (s->eval_every == 0)
        s->eval_every = (s->iterations + EVALUATIONS - 1) / EVALUATIONS;
    return true;
}

/* The network is made before the images are split, so that it starts alike with and without
 * validation. */
static bool prepare(trainer *t)
{
    train_settings *s = &t->run.settings;
    mnist digits;
    s->data = digits_source(&PROGRAM, s->data, &t->found);
    if (!s->data || !digits_load(&PROGRAM, t->ctx, s->data, s->use, &digits))
        return false;
    t->net = softmax_net(t->ctx, s->init_std);
    int64_t use = s->use > 0 ? s->use : tn_size(digits.train_labels, 0);
    int64_t validation = llround(s->validation * (double)use);
    if (!digit_sets_make(t->ctx, &digits, use, validation, &t->run.sets))
        return library_failed(t);
    if (!complete_settings(t))
        return false;
    tn_loader_opts opts = {.batch_size = s->batch, .shuffle = s->batch > 0, .scale = 1.0 / 255.0};
    t->loader = tn_loader_new(t->ctx, t->run.sets.train.images, t->run.sets.train.labels, opts);
    t->opt = tn_sgd(t->ctx, t->net, (tn_sgd_opts){.lr = s->lr, .momentum = s->momentum});
    if (!tn_ok(t->ctx))
        return library_failed(t);
    int64_t records = s->iterations / s->eval_every + 2;
    t->run.history = calloc((size_t)records, sizeof(*t->run.history));
    if (!t->run.history)
        cli_error(&PROGRAM, "no memory for %lld evaluations", (long long)records);
    return t->run.history != NULL;
}

static bool make_out(const trainer *t)
{
    if (make_directories(t->run.settings.out))
        return true;
    cli_error(&PROGRAM, "%s: no results can be written there: %s", t->run.settings.out,
              strerror(errno));
    return false;
}

/* ---- training -------------------------------------------------------------------------------- */

/* All images are one batch that is made once; mini-batches go on from epoch to epoch. */
static bool next_batch(trainer *t)
{
    if (t->run.settings.batch == 0 && t->batch.x)
        return true;
    return tn_loader_next(t->loader, &t->batch) || tn_loader_next(t->loader, &t->batch);
}

/* One step of gradient descent. Returns the loss before it. */
static double step(trainer *t)
{
    bool sum = t->run.settings.reduction == REDUCTION_SUM;
    tn_cross_entropy_opts opts = {.reduction = sum ? TN_REDUCE_SUM : TN_REDUCE_MEAN};
    double start = seconds_now();
    if (!next_batch(t))
        return NAN;
    tn_scope scope = tn_scope_begin(t->ctx);
    tn_tensor *logits = tn_forward(t->ctx, t->net, t->batch.x);
    tn_tensor *loss = tn_cross_entropy(t->ctx, logits, t->batch.y, opts);
    tn_zero_grad(t->opt);
    tn_backward(t->ctx, loss);
    tn_step(t->opt);
    double value = tn_item(t->ctx, loss);
    tn_scope_end(t->ctx, scope);
    t->seconds += seconds_now() - start;
    return value;
}

static void evaluate(trainer *t, int64_t iteration)
{
    train_run *run = &t->run;
    digit_score train = digit_set_score(t->ctx, t->net, &run->sets.train);
    bool sum = run->settings.reduction == REDUCTION_SUM;
    run->history[run->records++] = (train_record){
        .iteration = iteration,
        .seconds = round(1e6 * t->seconds) / 1e6,
        .loss = sum ? train.loss : train.loss / (double)run->sets.train.count,
        .train_accuracy = train.accuracy,
        .validation_accuracy = digit_set_score(t->ctx, t->net, &run->sets.validation).accuracy,
        .test_accuracy = digit_set_score(t->ctx, t->net, &run->sets.test).accuracy,
    };
}

static bool diverged(int64_t iteration, double lr)
{
    cli_error(&PROGRAM, "the loss is not finite after %lld iterations; try a --lr below %g",
              (long long)iteration, lr);
    return false;
}

static bool iterate(trainer *t, progress *shown)
{
    const train_settings *s = &t->run.settings;
    evaluate(t, 0);
    for (int64_t i = 1; i <= s->iterations; i++) {
        double loss = step(t);
        if (!tn_ok(t->ctx))
            return library_failed(t);
        if (!isfinite(loss))
            return diverged(i - 1, s->lr);
        if (i % s->eval_every == 0 || i == s->iterations)
            evaluate(t, i);
        progress_update(shown, i, "loss %.5g  test %.2f %%", loss,
                        100 * t->run.history[t->run.records - 1].test_accuracy);
    }
    if (!tn_ok(t->ctx))
        return library_failed(t);
    double last = t->run.history[t->run.records - 1].loss;
    return isfinite(last) || diverged(s->iterations, s->lr);
}

static int train(trainer *t)
{
    const train_settings *s = &t->run.settings;
    if (!prepare(t) || !make_out(t))
        return CLI_EXIT_USAGE;
    progress shown = progress_begin("iteration", s->iterations, s->quiet);
    bool trained = iterate(t, &shown);
    progress_end(&shown);
    if (!trained || !train_write_results(&PROGRAM, t->ctx, &t->run))
        return CLI_EXIT_FAILURE;
    if (!s->quiet)
        train_print_summary(&t->run);
    return 0;
}

int digits_train(int argc, char **argv)
{
    trainer t = {0};
    train_settings *s = &t.run.settings;
    *s = (train_settings){.out = "out/digits/train", .seed = 1};
    cli_result parsed = parse(s, argc, argv);
    if (parsed != CLI_RUN)
        return parsed == CLI_HELP ? 0 : CLI_EXIT_USAGE;
    t.ctx = tn_ctx_new(&(tn_ctx_opts){.seed = (uint64_t)s->seed, .threads = (int)s->threads});
    if (!t.ctx) {
        cli_error(&PROGRAM, "memory is short");
        return CLI_EXIT_FAILURE;
    }
    int status = train(&t);
    free(t.run.history);
    tn_ctx_free(t.ctx);
    return status;
}
