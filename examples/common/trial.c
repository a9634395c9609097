#include "common/trial.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/progress.h"

enum { EVALUATIONS = 250, IN_EVALUATION = 64 };

static const char *const SCHEDULES[] = {"constant", "cosine", NULL};
static const char *const KEEPS[] = {"best", "last", NULL};

trial_settings trial_defaults(const char *out)
{
    return (trial_settings){
        .out = out, .test_per_class = 20, .near = 24, .validation = 0.2, .seed = 1, .runs = 1};
}

int trial_options(trial_settings *s, const trial_task *task, cli_option *options)
{
    const cli_option all[] = {
        {"split", CLI_STRING, &s->split, "FILE",
         .help =
             "take the split from such a file, split.csv of another run, instead of drawing it"},
        {"test-per-class", CLI_INT, &s->test_per_class, "N", .min = 1, .max = 1e6,
         .help = "photographs of each person that test"},
        {"validation", CLI_DOUBLE, &s->validation, "FRACTION", .max = 0.9,
         .help = "part of the others that chooses when to stop and which network to keep"},
        {"train", CLI_INT, &s->train, "N", .max = INFINITY,
         .help = "learn from N photographs alone; 0: from all that are left"},
        {"near", CLI_INT, &s->near, "BITS", .min = -1, .max = LOOK_BITS,
         .help = "photographs whose difference hashes of 256 bits differ by so much at most are "
                 "near-duplicates, which stay in one part; -1: look for none"},
        {"epochs", CLI_INT, &s->epochs, "N", .min = 1, .max = 1e6,
         .help = "passes over the training photographs, at most"},
        {"batch", CLI_INT, &s->batch, "B", .max = 1e6,
         .help = "photographs in a step; 0: all of them"},
        {"lr", CLI_DOUBLE, &s->lr, "A", .max = INFINITY, .above_min = true,
         .help = "learning rate of Adam"},
        {"schedule", CLI_CHOICE, &s->schedule, "constant|cosine", .choices = SCHEDULES,
         .help = "the learning rate stays, or falls to 0 along a cosine"},
        {"weight-decay", CLI_DOUBLE, &s->weight_decay, "D", .max = 1000,
         .help = "each step takes A D of every weight away (AdamW)"},
        {"label-smoothing", CLI_DOUBLE, &s->label_smoothing, "E", .max = 0.9,
         .help = "learn probabilities with E shared out among all persons, not 1 for one"},
        {"patience", CLI_INT, &s->patience, "N", .max = 1e6,
         .help = "stop after N epochs without a smaller validation loss; 0: never"},
        {"keep", CLI_CHOICE, &s->keep, "best|last", .choices = KEEPS,
         .help = "the network with the smallest validation loss, or the last one"},
        {"eval-every", CLI_INT, &s->eval_every, "N", .min = 1, .max = 1e6,
         .help = "epochs from one evaluation to the next", .shown_default = "a 250th of all"},
        {"balance", CLI_FLAG, &s->balance,
         .help = "weight the loss of each person by 1 / the number of photographs"},
        {"control", CLI_CHOICE, &s->control, "none|permute", .choices = task->controls,
         .help =
             "deal the labels out at random before training: what is then recognised is chance"},
        {"seed", CLI_INT, &s->seed, "S", .max = INFINITY,
         .help = "of the random numbers: split, start, order"},
        {"runs", CLI_INT, &s->runs, "N", .min = 1, .max = 1000,
         .help =
             "train N times, with seeds S, S + 1, ..., each with a split of its own, and report "
             "the mean with its 95 % confidence interval; the pictures are of the first, the "
             "confusion matrix of all"},
        {"threads", CLI_INT, &s->threads, "N", .max = 1024,
         .help = "0: as many as there are cores"},
        {"out", CLI_STRING, &s->out, "DIR", .help = "folder for the results"},
        {"quiet", CLI_FLAG, &s->quiet, .help = "show neither progress nor summary"},
    };
    memcpy(options, all, sizeof(all));
    return (int)(sizeof(all) / sizeof(all[0]));
}

static bool library_failed(const trial *t)
{
    cli_error(t->task->program, "%s", tn_error(t->ctx));
    return false;
}

/* ---- before training ------------------------------------------------------------------------- */

static bool make_split(trial *t)
{
    const trial_settings *s = t->settings;
    if (s->split)
        return split_read(t->task->program, t->people, s->split, &t->split);
    split_opts opts = {s->test_per_class, s->validation, s->train};
    return split_make(t->task->program, t->ctx, t->people, opts, &t->split);
}

/* For a control: the labels of what is learned and validated, dealt out anew among it. */
static bool permute_labels(trial *t)
{
    const split *s = &t->split;
    int64_t count = s->count[SPLIT_TRAIN] + s->count[SPLIT_VALIDATION], k = 0;
    tn_tensor *order = tn_randperm(t->ctx, count);
    int64_t *photos = malloc((size_t)count * sizeof(*photos));
    bool able = order && photos;
    for (int part = SPLIT_TRAIN; able && part <= SPLIT_VALIDATION; part++)
        for (int64_t i = 0; i < s->count[part]; i++)
            photos[k++] = s->photos[part][i];
    for (int64_t i = 0; able && i < count; i++)
        t->labels[photos[i]] = t->people->photos[photos[tn_data_i64(order)[i]]].person;
    free(photos);
    return able;
}

static bool make_labels(trial *t)
{
    const people *p = t->people;
    t->labels = malloc((size_t)p->count * sizeof(*t->labels));
    for (int64_t i = 0; t->labels && i < p->count; i++)
        t->labels[i] = p->photos[i].person;
    if (t->labels && (t->settings->control == CONTROL_NONE || permute_labels(t)))
        return true;
    cli_error(t->task->program, "memory is short");
    return false;
}

/* Person k with n_k of n photographs among K counts n / (K n_k), so that all count the same
 * together, and the mean stays 1. */
static bool make_weight(trial *t)
{
    int persons = t->people->persons;
    t->weight = tn_zeros(t->ctx, TN_F32, 1, (const int64_t[]){persons});
    float *weight = t->weight ? tn_data_mut(t->weight) : NULL;
    for (int k = 0; weight && k < persons; k++) {
        int64_t count = split_count(t->people, &t->split, SPLIT_TRAIN, k);
        if (count > 0)
            weight[k] = (float)t->split.count[SPLIT_TRAIN] / (float)(persons * count);
    }
    return weight != NULL;
}

static int64_t batches_of(const trial *t)
{
    int64_t count = t->split.count[SPLIT_TRAIN], batch = t->settings->batch;
    return batch == 0 ? 1 : (count + batch - 1) / batch;
}

static bool make_optimizer(trial *t)
{
    const trial_settings *s = t->settings;
    t->opt =
        tn_adamw(t->ctx, t->net,
                 (tn_adamw_opts){.lr = s->lr,
                                 .weight_decay = s->weight_decay > 0 ? s->weight_decay : TN_ZERO});
    if (s->schedule == SCHEDULE_COSINE)
        t->schedule = tn_cosine_annealing_lr(t->ctx, t->opt, s->epochs * batches_of(t), 0);
    return tn_ok(t->ctx);
}

/* A dictionary with a copy of each tensor of the network. */
static bool make_best(trial *t)
{
    tn_dict *state = tn_state_dict(t->ctx, t->net);
    t->best = tn_dict_new(t->ctx);
    for (int64_t i = 0; i < tn_dict_count(state) && tn_ok(t->ctx); i++) {
        tn_tensor *copy = tn_clone(t->ctx, tn_detach(t->ctx, tn_dict_at(state, i)));
        tn_dict_set(t->best, tn_dict_name(state, i), copy);
    }
    tn_dict_free(state);
    return tn_ok(t->ctx);
}

static bool prepare(trial *t)
{
    if (!make_split(t) || !make_labels(t))
        return false;
    t->net = t->task->make(t);
    if (!t->net || !make_optimizer(t) || !make_best(t) || (t->settings->balance && !make_weight(t)))
        return library_failed(t);
    t->history =
        calloc((size_t)(t->settings->epochs / t->settings->eval_every + 3), sizeof(*t->history));
    if (!t->history)
        cli_error(t->task->program, "memory is short");
    return t->history != NULL;
}

/* ---- evaluating ------------------------------------------------------------------------------ */

static tn_tensor *labels_of(const trial *t, const int64_t *photos, int64_t count)
{
    tn_tensor *labels = tn_empty(t->ctx, TN_I64, 1, &count);
    int64_t *label = labels ? tn_data_mut(labels) : NULL;
    for (int64_t i = 0; label && i < count; i++)
        label[i] = t->labels[photos[i]];
    return labels;
}

/* Adds the photographs to a table of who was taken for whom. */
static void count_answers(const trial *t, const int64_t *photos, const tn_tensor *answers,
                          int64_t *confusion)
{
    for (int64_t i = 0; answers && i < tn_numel(answers); i++)
        confusion[t->people->photos[photos[i]].person * t->people->persons +
                  tn_data_i64(answers)[i]]++;
}

/* The loss and the accuracy over a part, in evaluation; its answers are added to `confusion` if
 * that is not NULL. */
static void evaluate_part(trial *t, split_part part, trial_record *record, int64_t *confusion)
{
    int64_t count = t->split.count[part], right = 0;
    double loss = 0;
    for (int64_t first = 0; first < count && tn_ok(t->ctx); first += IN_EVALUATION) {
        tn_scope scope = tn_scope_begin(t->ctx);
        const int64_t *photos = t->split.photos[part] + first;
        int64_t some = count - first < IN_EVALUATION ? count - first : IN_EVALUATION;
        tn_tensor *logits = tn_forward(t->ctx, t->net, t->task->inputs(t, photos, some, false));
        tn_tensor *labels = labels_of(t, photos, some), *answers = tn_argmax(t->ctx, logits, 1);
        tn_cross_entropy_opts sum = {.reduction = TN_REDUCE_SUM};
        loss += tn_item(t->ctx, tn_cross_entropy(t->ctx, logits, labels, sum));
        right += tn_count_equal(t->ctx, answers, labels);
        if (confusion)
            count_answers(t, photos, answers, confusion);
        tn_scope_end(t->ctx, scope);
    }
    record->loss[part] = count > 0 ? loss / (double)count : NAN;
    record->accuracy[part] = count > 0 ? (double)right / (double)count : NAN;
}

static trial_record evaluate(trial *t, int64_t epoch, int64_t *confusion)
{
    trial_record record = {.epoch = epoch, .seconds = round(1e6 * t->seconds) / 1e6};
    bool enabled = tn_set_grad_enabled(t->ctx, false);
    tn_train(t->net, false);
    for (int part = 0; part < SPLIT_PARTS; part++)
        evaluate_part(t, (split_part)part, &record, part == SPLIT_TEST ? confusion : NULL);
    tn_train(t->net, true);
    tn_set_grad_enabled(t->ctx, enabled);
    return record;
}

/* ---- training -------------------------------------------------------------------------------- */

/* Copies the network to `best`, or back. */
static void copy_best(trial *t, bool back)
{
    tn_dict *state = tn_state_dict(t->ctx, t->net);
    bool enabled = tn_set_grad_enabled(t->ctx, false);
    for (int64_t i = 0; i < tn_dict_count(state); i++) {
        tn_tensor *ours = tn_dict_at(state, i), *best = tn_dict_at(t->best, i);
        tn_copy_(t->ctx, back ? ours : best, back ? best : ours);
    }
    tn_set_grad_enabled(t->ctx, enabled);
    tn_dict_free(state);
}

static bool keeps_best(const trial *t)
{
    return t->settings->keep == KEEP_BEST && t->split.count[SPLIT_VALIDATION] > 0;
}

/* Whether the network does better on the validation photographs than the one that is kept: more are
 * recognised, or as many with a smaller loss. */
static bool is_better(const trial *t, const trial_record *record)
{
    double now = record->accuracy[SPLIT_VALIDATION], kept = t->kept.accuracy[SPLIT_VALIDATION];
    return t->records == 1 || now > kept ||
           (now == kept && record->loss[SPLIT_VALIDATION] < t->kept.loss[SPLIT_VALIDATION]);
}

/* Records how the network does. False when it has been getting no better for too long. */
static bool look(trial *t, int64_t epoch)
{
    trial_record record = evaluate(t, epoch, NULL);
    t->history[t->records++] = record;
    if (!keeps_best(t)) {
        t->kept = record;
        return true;
    }
    if (is_better(t, &record)) {
        t->kept = record;
        copy_best(t, false);
    }
    return t->settings->patience == 0 || epoch - t->kept.epoch < t->settings->patience;
}

static void step(trial *t, const int64_t *photos, int64_t count)
{
    tn_scope scope = tn_scope_begin(t->ctx);
    tn_tensor *logits = tn_forward(t->ctx, t->net, t->task->inputs(t, photos, count, true));
    tn_cross_entropy_opts opts = {.weight = t->weight,
                                  .label_smoothing = t->settings->label_smoothing};
    tn_tensor *loss = tn_cross_entropy(t->ctx, logits, labels_of(t, photos, count), opts);
    tn_zero_grad(t->opt);
    tn_backward(t->ctx, loss);
    tn_step(t->opt);
    if (t->schedule)
        tn_schedule_step(t->schedule);
    tn_scope_end(t->ctx, scope);
}

/* Steps over all training photographs in a random order. */
static void train_batches(trial *t, int64_t batch)
{
    int64_t count = t->split.count[SPLIT_TRAIN], *photos = t->split.photos[SPLIT_TRAIN];
    tn_scope scope = tn_scope_begin(t->ctx);
    const int64_t *order = tn_data_i64(tn_randperm(t->ctx, count));
    tn_tensor *shuffled = tn_empty(t->ctx, TN_I64, 1, &count);
    int64_t *next = shuffled ? tn_data_mut(shuffled) : NULL;
    for (int64_t i = 0; order && next && i < count; i++)
        next[i] = photos[order[i]];
    for (int64_t i = 0; next && i < count && tn_ok(t->ctx); i += batch)
        step(t, next + i, batch < count - i ? batch : count - i);
    tn_scope_end(t->ctx, scope);
}

static void train_epoch(trial *t)
{
    double start = seconds_now();
    if (t->settings->batch == 0)
        step(t, t->split.photos[SPLIT_TRAIN], t->split.count[SPLIT_TRAIN]);
    else
        train_batches(t, t->settings->batch);
    t->seconds += seconds_now() - start;
}

static bool train(trial *t, progress *shown)
{
    const trial_settings *s = t->settings;
    bool more = look(t, 0);
    for (int64_t epoch = 1; epoch <= s->epochs && more && tn_ok(t->ctx); epoch++) {
        train_epoch(t);
        if (epoch % s->eval_every == 0 || epoch == s->epochs)
            more = look(t, epoch);
        progress_update(shown, epoch, "validation %.1f %%",
                        100 * t->history[t->records - 1].accuracy[SPLIT_VALIDATION]);
    }
    if (!tn_ok(t->ctx))
        return library_failed(t);
    if (!isfinite(t->history[t->records - 1].loss[SPLIT_TRAIN])) {
        cli_error(t->task->program, "the loss is not finite after epoch %lld; try a --lr below %g",
                  (long long)t->history[t->records - 1].epoch, s->lr);
        return false;
    }
    if (keeps_best(t))
        copy_best(t, true);
    return true;
}

/* ---- runs ------------------------------------------------------------------------------------ */

/* What the kept network does with the test photographs. */
static bool keep_results(trial *t, trial_results *results, int64_t number)
{
    evaluate(t, t->kept.epoch, results->confusion);
    results->kept[number] = t->kept;
    results->last[number] = t->history[t->records - 1];
    results->runs = number + 1;
    return tn_ok(t->ctx) || library_failed(t);
}

static int run_trial(trial *t, trial_results *results, int64_t number)
{
    const trial_settings *s = t->settings;
    char label[64] = "epoch";
    if (!prepare(t))
        return CLI_EXIT_USAGE;
    if (number == 0 && !s->quiet)
        split_print(t->people, &t->split);
    if (s->runs > 1)
        snprintf(label, sizeof(label), "run %lld of %lld, epoch", (long long)number + 1,
                 (long long)s->runs);
    progress shown = progress_begin(label, s->epochs, s->quiet);
    bool trained = train(t, &shown);
    progress_end(&shown);
    if (!trained || !keep_results(t, results, number) || (number == 0 && !trial_write_run(t)))
        return CLI_EXIT_FAILURE;
    if (results->runs < s->runs)
        return 0;
    if (!trial_write_results(t, results))
        return CLI_EXIT_FAILURE;
    if (!s->quiet)
        trial_print_summary(t, results);
    return 0;
}

static int run_seed(const trial_task *task, const trial_settings *s, const people *p, void *payload,
                    trial_results *results, int64_t number)
{
    trial t = {.task = task, .settings = s, .people = p, .payload = payload};
    t.ctx = tn_ctx_new(
        &(tn_ctx_opts){.seed = (uint64_t)(s->seed + number), .threads = (int)s->threads});
    if (!t.ctx) {
        cli_error(task->program, "memory is short");
        return CLI_EXIT_FAILURE;
    }
    int status = run_trial(&t, results, number);
    split_free(&t.split);
    free(t.labels);
    free(t.history);
    tn_ctx_free(t.ctx);
    return status;
}

static bool check(const trial_task *task, const trial_settings *s, const people *p)
{
    if (p->persons < 2) {
        cli_error(task->program, "%s: photographs of %s alone; at least two persons are needed",
                  p->dir, p->names[0]);
        return false;
    }
    if (make_directories(s->out))
        return true;
    cli_error(task->program, "%s: no results can be written there: %s", s->out, strerror(errno));
    return false;
}

int trial_run(const trial_task *task, trial_settings *s, const people *p, void *payload,
              trial_summary *summary)
{
    size_t runs = (size_t)s->runs, cells = (size_t)p->persons * (size_t)p->persons;
    int status = 0;
    if (!check(task, s, p))
        return CLI_EXIT_USAGE;
    if (s->eval_every == 0)
        s->eval_every = (s->epochs + EVALUATIONS - 1) / EVALUATIONS;
    trial_results results = {.kept = calloc(runs, sizeof(*results.kept)),
                             .last = calloc(runs, sizeof(*results.last)),
                             .confusion = calloc(cells, sizeof(*results.confusion))};
    if (!results.kept || !results.last || !results.confusion) {
        cli_error(task->program, "memory is short");
        status = CLI_EXIT_FAILURE;
    }
    if (!s->quiet)
        trial_print_photos(p, s);
    for (int64_t i = 0; i < s->runs && status == 0; i++)
        status = run_seed(task, s, p, payload, &results, i);
    if (summary && status == 0)
        *summary = (trial_summary){trial_accuracy(&results, SPLIT_VALIDATION),
                                   trial_accuracy(&results, SPLIT_TEST)};
    free(results.kept);
    free(results.last);
    free(results.confusion);
    return status;
}
