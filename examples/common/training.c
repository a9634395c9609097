/* training.c - the loop of training: rounds, evaluations, early stopping and several runs. */
#include "common/training.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "common/commands.h"
#include "common/progress.h"

const char *const SCHEDULES[] = {"constant", "cosine", NULL};
const char *const KEEPS[] = {"best", "last", NULL};

/* ---- evaluating ------------------------------------------------------------------------------ */

/* Of one batch after another, or of their parts, whichever process has evaluated them: the sum of
 * the losses, the samples, and how many are recognised. */
enum { LOST, SAMPLES, RECOGNISED, NUMBERS };

typedef struct scores {
    double *numbers;
    int64_t count, room;
} scores;

/* Those of this batch, at its place; NULL with the error in ctx. */
static double *scores_of(tn_ctx *ctx, scores *all, const tn_batch *batch)
{
    int64_t at = NUMBERS * (batch->number * batch->parts + batch->part);
    all->count = NUMBERS * (batch->number + 1) * batch->parts;
    if (all->count > all->room) {
        int64_t room = 2 * all->count;
        double *numbers = realloc(all->numbers, (size_t)room * sizeof(*numbers));
        if (!numbers) {
            tn_fail(ctx, TN_ERR_MEMORY, "out of memory for the scores of %lld batches",
                    (long long)room / NUMBERS);
            return NULL;
        }
        for (int64_t i = all->room; i < room; i++)
            numbers[i] = 0;
        *all = (scores){numbers, all->count, room};
    }
    return all->numbers + at;
}

static void score(training *t, const tn_batch *batch, double *to, training_answers answered)
{
    tn_ctx *ctx = t->run.ctx;
    tn_tensor *logits = tn_forward(ctx, t->net, batch->x);
    tn_tensor *answers = tn_argmax(ctx, logits, 1);
    tn_cross_entropy_opts sum = {.reduction = TN_REDUCE_SUM};
    to[LOST] = tn_item(ctx, tn_cross_entropy(ctx, logits, batch->y, sum));
    to[SAMPLES] = (double)tn_size(batch->y, 0);
    to[RECOGNISED] = (double)tn_count_equal(ctx, answers, batch->y);
    if (answered && answers)
        answered(t, answers, batch->y);
}

static void score_all(training *t, data_part p, scores *all, training_answers answered)
{
    tn_ctx *ctx = t->run.ctx;
    int64_t first = 0;
    bool more = t->count[p] > 0;
    while (more && tn_ok(ctx)) {
        tn_scope scope = tn_scope_begin(ctx);
        tn_batch batch;
        more = t->task->next(t, p, first, &batch);
        double *to = more ? scores_of(ctx, all, &batch) : NULL;
        if (to && tn_size(batch.y, 0) > 0) {
            score(t, &batch, to, answered);
            first += tn_size(batch.y, 0);
        }
        tn_scope_end(ctx, scope);
    }
}

/* In the order of the samples: the same bits for any number of processes. */
static void take_scores(const scores *all, data_part p, training_record *record)
{
    tn_running_mean loss = {0}, right = {0};
    for (const double *of = all->numbers; of && of < all->numbers + all->count; of += NUMBERS)
        if (of[SAMPLES] > 0) {
            tn_running_mean_add(&loss, of[LOST] / of[SAMPLES], of[SAMPLES]);
            tn_running_mean_add(&right, of[RECOGNISED] / of[SAMPLES], of[SAMPLES]);
        }
    record->loss[p] = tn_running_mean_value(&loss);
    record->accuracy[p] = tn_running_mean_value(&right);
}

void training_evaluate(training *t, data_part p, training_record *record, training_answers answered)
{
    tn_ctx *ctx = t->run.ctx;
    scores all = {0};
    bool enabled = tn_set_grad_enabled(ctx, false);
    tn_train(t->net, false);
    score_all(t, p, &all, answered);
    processes_sum(t->share, all.count, all.numbers);
    tn_train(t->net, true);
    tn_set_grad_enabled(ctx, enabled);
    take_scores(&all, p, record);
    free(all.numbers);
}

static training_record evaluate(training *t)
{
    training_record record = {.round = t->round, .seconds = round(1e6 * t->seconds) / 1e6};
    for (int p = 0; p < PARTS; p++)
        training_evaluate(t, (data_part)p, &record, NULL);
    if (t->loss.reduction == TN_REDUCE_SUM)
        record.loss[PART_TRAIN] *= (double)t->count[PART_TRAIN];
    return record;
}

/* ---- the network that does best -------------------------------------------------------------- */

static bool keeps_best(const training *t)
{
    return t->settings.keep == KEEP_BEST && t->count[PART_VALIDATION] > 0;
}

/* How well the network does on the validation samples: how many are recognised and, among networks
 * that recognise as many, a part of 1 that is larger when the loss is smaller. */
static double merit(const training *t, const training_record *record)
{
    double recognised = record->accuracy[PART_VALIDATION] * (double)t->count[PART_VALIDATION];
    return round(recognised) + 1 / (1 + record->loss[PART_VALIDATION]);
}

static bool is_better(training *t, const training_record *record)
{
    return tn_early_stopping_step(&t->stopping, merit(t, record));
}

/* Its patience is counted in evaluations. It takes those of a run that goes on again. */
static void make_stopping(training *t)
{
    int64_t every = t->settings.eval_every;
    int64_t patience = (t->settings.patience + every - 1) / every;
    t->stopping = (tn_early_stopping){.patience = patience, .maximize = true};
    for (int64_t i = 0; i < tn_history_rows(t->history); i++) {
        training_record record = training_row(t, i);
        is_better(t, &record);
    }
}

/* Records how the network does. False when it has been getting no better for too long. */
static bool look(training *t)
{
    double values[RECORD_VALUES];
    t->last = evaluate(t);
    training_values(&t->last, values);
    tn_history_add(t->history, RECORD_VALUES, values);
    if (!keeps_best(t)) {
        t->kept = t->last;
        return true;
    }
    if (is_better(t, &t->last) || tn_history_rows(t->history) == 1) {
        tn_snapshot_take(t->best);
        t->kept = t->last;
    }
    return !tn_early_stopping_over(&t->stopping);
}

/* ---- the loop -------------------------------------------------------------------------------- */

void training_schedule(training *t, int64_t steps)
{
    if (t->settings.schedule == SCHEDULE_COSINE)
        t->schedule = tn_cosine_annealing_lr(t->run.ctx, t->opt, steps, 0);
}

static void take_step(training *t)
{
    tn_step(t->opt);
    if (t->schedule)
        tn_schedule_step(t->schedule);
}

void training_step(training *t, const tn_tensor *x, const tn_tensor *y)
{
    tn_ctx *ctx = t->run.ctx;
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *loss = tn_cross_entropy(ctx, tn_forward(ctx, t->net, x), y, t->loss);
    tn_zero_grad(t->opt);
    tn_backward(ctx, loss);
    take_step(t);
    t->step_loss = tn_item(ctx, loss);
    tn_scope_end(ctx, scope);
}

static tn_tensor *loss_of(void *payload, const tn_batch *batch)
{
    training *t = payload;
    tn_ctx *ctx = t->run.ctx;
    return tn_cross_entropy(ctx, tn_forward(ctx, t->net, batch->x), batch->y, t->loss);
}

bool training_shared_step(training *t)
{
    tn_zero_grad(t->opt);
    if (!processes_backward(t->share, t->run.ctx, t->loader, loss_of, t, &t->step_loss))
        return false;
    take_step(t);
    return tn_ok(t->run.ctx);
}

static void do_round(training *t)
{
    double start = seconds_now();
    t->task->learn(t);
    t->seconds += seconds_now() - start;
    t->round++;
}

/* `round` is the last one whose loss was finite. */
static bool diverged(const training *t, int64_t round)
{
    cli_error(t->run.program, "the loss is not finite after %lld %ss; try a --lr below %g",
              (long long)round, t->task->round, t->settings.lr);
    return false;
}

static void show(const training *t, progress *shown)
{
    data_part p = t->count[PART_VALIDATION] > 0 ? PART_VALIDATION : PART_TEST;
    progress_update(shown, t->round, "loss %.5g  %s %.2f %%", t->step_loss,
                    p == PART_TEST ? "test" : "validation", 100 * t->last.accuracy[p]);
}

/* False when a process was interrupted, or has failed. */
static bool goes_on(const training *t)
{
    enum { FAILED = INT_MAX };
    int event = processes_most(tn_ok(t->run.ctx) ? interrupted : FAILED);
    if (event != FAILED)
        interrupt_too(event);
    return event == 0;
}

/* Rounds and evaluations up to the end, or to an interruption. */
static bool iterate(training *t, progress *shown, bool *ended)
{
    const training_settings *s = &t->settings;
    bool more = tn_history_rows(t->history) > 0 || look(t);
    while (t->round < s->rounds && more && goes_on(t)) {
        do_round(t);
        if (tn_ok(t->run.ctx) && !isfinite(t->step_loss))
            return diverged(t, t->round - 1);
        if (t->round % s->eval_every == 0 || t->round == s->rounds)
            more = look(t);
        show(t, shown);
    }
    *ended = !more || t->round == s->rounds;
    if (!tn_ok(t->run.ctx))
        return run_library_failed(&t->run);
    if (!isfinite(t->last.loss[PART_TRAIN]))
        return diverged(t, t->round);
    if (*ended && keeps_best(t) && tn_snapshot_restore(t->best) != TN_OK)
        return run_library_failed(&t->run);
    return true;
}

/* ---- runs ------------------------------------------------------------------------------------ */

static int stop(const training *t, const training_results *results)
{
    if (!processes_all(!processes_first() || training_save(t, results)))
        return CLI_EXIT_FAILURE;
    cli_error(t->run.program, "stopped at %s %lld of %lld; with --resume the same command goes on",
              t->task->round, (long long)t->round, (long long)t->settings.rounds);
    return interrupted_status();
}

/* The results of the first run are written when it ends, the results of all after the last. */
static bool write_files(training *t, const training_results *results)
{
    const training_task *task = t->task;
    if (t->number == 0 && (!training_write_history(t) || !task->write_run(t)))
        return false;
    if (results->runs < t->settings.runs)
        return true;
    if (task->write_results && !task->write_results(t, results))
        return false;
    if (!training_write_results(t, results))
        return false;
    if (t->settings.part)
        return training_save(t, results);
    training_forget(&t->run);
    return true;
}

static int finish(training *t, training_results *results)
{
    const training_task *task = t->task;
    results->kept[t->number] = t->kept;
    results->last[t->number] = t->last;
    results->runs = t->number + 1;
    bool well = !task->finish || task->finish(t);
    if (!processes_all(well && (!processes_first() || write_files(t, results))))
        return CLI_EXIT_FAILURE;
    if (results->runs == t->settings.runs && !t->run.quiet)
        task->print(t, results);
    return 0;
}

static bool make_pieces(training *t)
{
    const char *names[RECORD_VALUES];
    training_names(t, names);
    t->history = tn_history_new(t->run.ctx, RECORD_VALUES, names);
    t->best = tn_snapshot_new(t->run.ctx, t->net);
    return tn_ok(t->run.ctx) || run_library_failed(&t->run);
}

/* Processes that learn from different data would learn nothing that makes sense. */
static bool check_alike(const training *t)
{
    if (processes_count() == 1 || processes_alike(t->task->data(t).hex))
        return true;
    cli_error(t->run.program, "its data are not those of process 0");
    return false;
}

/* All that a run has, in this order: loaders depend on who shares them, and may be loaded. */
static bool prepare(training *t)
{
    const training_task *task = t->task;
    if (!processes_all(task->make(t) && run_make_out(&t->run) && make_pieces(t)) ||
        !processes_all(check_alike(t)))
        return false;
    if (!processes_join(t->run.ctx, t->net, t->settings.micro_batches, t->loss.reduction,
                        &t->share))
        return run_library_failed(&t->run);
    return processes_all((!task->make_loader || task->make_loader(t)) &&
                         (!t->settings.resume || training_load(t)));
}

static int train(training *t, training_results *results)
{
    const training_settings *s = &t->settings;
    char label[64];
    if (!prepare(t))
        return CLI_EXIT_USAGE;
    make_stopping(t);
    if (s->runs > 1)
        snprintf(label, sizeof(label), "run %lld of %lld, %s", (long long)t->number + 1,
                 (long long)s->runs, t->task->round);
    else
        snprintf(label, sizeof(label), "%s", t->task->round);
    progress shown = progress_begin(label, s->rounds, t->run.quiet);
    bool ended = false, trained = iterate(t, &shown, &ended);
    progress_end(&shown);
    if (!processes_all(trained))
        return CLI_EXIT_FAILURE;
    return ended ? finish(t, results) : stop(t, results);
}

typedef struct one_run {
    training training;
    training_results *results;
} one_run;

static int train_one(run *r, void *payload)
{
    one_run *one = payload;
    training *t = &one->training;
    t->run = *r;
    int status = train(t, one->results);
    processes_leave(t->share);
    if (t->task->end)
        t->task->end(t);
    return status;
}

static int train_all(const training_task *task, const run *r, const training_settings *s,
                     void *payload, training_results *results)
{
    int status = 0;
    const training of_all = {.task = task, .settings = *s, .payload = payload, .run = *r};
    if (!s->resume && training_is_stopped(r)) {
        training_say_stopped(r);
        return CLI_EXIT_USAGE;
    }
    if (s->resume && !processes_all(training_load_results(&of_all, results)))
        return CLI_EXIT_USAGE;
    int64_t done = results->runs;
    for (int64_t i = done; i < s->runs && status == 0; i++) {
        run of_seed = *r;
        of_seed.seed += i;
        one_run one = {{.task = task, .settings = *s, .payload = payload, .number = i}, results};
        one.training.settings.resume = s->resume && i == done;
        status = run_in_context(&of_seed, train_one, &one);
    }
    return status;
}

cli_option training_micro_batches_option(training_settings *s)
{
    return (cli_option){
        .name = "micro-batches",
        .type = CLI_INT,
        .value = &s->micro_batches,
        .argument = "V",
        .min = 1,
        .max = 1e6,
        .help = "in a program of `make mpi-examples`: parts of a batch that its processes share "
                "out; what is learned depends on V, not on how many processes there are",
        .shown_default = "8 there"};
}

bool training_is_shared(const training_settings *s)
{
    return processes_micro_batches(s->micro_batches) > 0;
}

/* A batch is cut for several processes, or not at all. */
static bool complete(const run *r, training_settings *s)
{
    int64_t given = s->micro_batches;
    s->micro_batches = processes_micro_batches(given);
    if (given > 0 && s->micro_batches == 0)
        cli_error(r->program, "--micro-batches is for the programs of `make mpi-examples`");
    return given == 0 || s->micro_batches > 0;
}

int training_run(const training_task *task, const run *r, const training_settings *given,
                 void *payload, training_summary *summary)
{
    training_settings of_all = *given, *s = &of_all;
    if (!complete(r, s))
        return CLI_EXIT_USAGE;
    size_t runs = (size_t)s->runs;
    int status = CLI_EXIT_FAILURE;
    training_results results = {.kept = calloc(runs, sizeof(*results.kept)),
                                .last = calloc(runs, sizeof(*results.last))};
    watch_interrupts();
    if (!results.kept || !results.last)
        run_short_of_memory(r);
    if (processes_all(results.kept && results.last))
        status = train_all(task, r, s, payload, &results);
    unwatch_interrupts();
    if (summary && status == 0)
        *summary =
            (training_summary){training_interval(&results, RECORD_ACCURACY + PART_VALIDATION),
                               training_interval(&results, RECORD_ACCURACY + PART_TEST)};
    free(results.kept);
    free(results.last);
    return status;
}
