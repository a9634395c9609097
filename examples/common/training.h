/* training.h - training networks: what all programs that do it share. A program brings the network,
 * its optimiser and the data; from here come the loop of rounds and evaluations, early stopping
 * with the best network kept, several runs that differ in their seeds, going on after a Ctrl-C, and
 * the results as files. */
#ifndef EXAMPLES_TRAINING_H
#define EXAMPLES_TRAINING_H

#include "common/parts.h"
#include "common/processes.h"
#include "common/run.h"
#include "common/sha256.h"
#include "common/stats.h"

enum { SCHEDULE_CONSTANT, SCHEDULE_COSINE };
enum { KEEP_BEST, KEEP_LAST };

extern const char *const SCHEDULES[]; /* "constant", "cosine" */
extern const char *const KEEPS[];     /* "best", "last" */

/* How long and how fast is learned. A round is what is counted: a step of the optimiser, or an
 * epoch. */
typedef struct training_settings {
    int64_t rounds, eval_every; /* rounds at most; from one evaluation to the next */
    int64_t batch;              /* samples in a step; 0: all of them */
    int64_t micro_batches;      /* of it, if several processes share it; 0: it is whole */
    int64_t patience;           /* rounds without a better network before it ends; 0: all */
    int64_t runs;               /* with the seeds S, S + 1, .. */
    double lr, weight_decay;
    int schedule, keep;
    bool resume; /* go on from the checkpoint in the folder for results */
    bool part;   /* of a larger work, which forgets the checkpoint of a finished training */
} training_settings;

/* How the network does after some rounds. Losses are means over the samples of a part; the
 * training loss is their sum if the loss that is learned is a sum. */
typedef struct training_record {
    int64_t round;
    double seconds;                      /* in rounds; evaluations are not counted */
    double loss[PARTS], accuracy[PARTS]; /* NaN for an empty part */
} training_record;

/* A training_record as numbers, in the order of history.csv. */
enum { RECORD_ROUND, RECORD_SECONDS, RECORD_LOSS, RECORD_ACCURACY = RECORD_LOSS + PARTS };
enum { RECORD_VALUES = RECORD_ACCURACY + PARTS };

/* Of all runs that are finished: the network that was kept, and the last one. */
typedef struct training_results {
    training_record *kept, *last;
    int64_t runs;
} training_results;

typedef struct training training;

/* A setting that a run which goes on must share with its checkpoint. */
typedef struct training_setting {
    const char *name; /* of the option */
    double value;
    const char *const *choices; /* NULL: a number */
} training_setting;

enum { TRAINING_MOST_SETTINGS = 32 };

/* What a program brings. Functions that return false have written a line on standard error. */
typedef struct training_task {
    const char *round; /* "iteration", "epoch" */
    const char *loss;  /* of the training samples, as files name it */

    /* Makes all that a run has of its own: count, net, opt, loss. Then the processes that share
     * the training come together. */
    bool (*make)(training *t);

    /* Makes the loaders, each with options of processes_share(t->share, ...): that of the training
     * samples, and those of evaluations. May be NULL without any. */
    bool (*make_loader)(training *t);

    /* A round: training_step once or more often; training_shared_step if there is a share. */
    void (*learn)(training *t);

    /* The next batch of a part as it is evaluated, `first` samples of which were given; false
     * behind the last one. */
    bool (*next)(training *t, data_part p, int64_t first, tn_batch *batch);

    /* Looks at the network that is kept. May be NULL. */
    bool (*finish)(training *t);

    /* Writes the files of the first run; and the files of all runs, after the last one. */
    bool (*write_run)(training *t);
    bool (*write_results)(training *t, const training_results *results); /* may be NULL */

    /* The fields of metrics.json behind the results, and a few lines on standard output. */
    void (*put)(report *to, const training *t, const training_results *results);
    void (*print)(const training *t, const training_results *results);

    /* What a run that goes on must share with its checkpoint: settings, of which it lists some and
     * returns how many, and the data, by a hash. */
    int (*settings)(const training *t, training_setting *list);
    sha256 (*data)(const training *t);

    /* Add what the program has counted in finished runs to a checkpoint, and take it back; false
     * if it is not there. Both may be NULL. */
    void (*save)(const training *t, tn_dict *extra);
    bool (*load)(training *t, const tn_dict *extra);

    /* Frees what `make` took besides the context. May be NULL. */
    void (*end)(training *t);
} training_task;

/* One run. */
struct training {
    const training_task *task;
    training_settings settings;
    run run; /* with the seed and the context of this one */
    void *payload;
    int64_t number;       /* 0 for the first run */
    int64_t count[PARTS]; /* samples */
    tn_module *net;
    tn_optim *opt;
    tn_schedule *schedule; /* NULL: a constant rate */
    tn_loader *loader;     /* of the training samples; NULL: the program draws them */
    process_share *share;  /* of this process; NULL: batches are whole */
    tn_cross_entropy_opts loss;
    double step_loss;           /* of the last step */
    tn_early_stopping stopping; /* of what it does on the validation samples */
    tn_snapshot *best;          /* the network that does best on the validation samples */
    tn_history *history;        /* a row for each evaluation */
    training_record last, kept; /* of the last one, and of the network that is kept */
    int64_t round;              /* rounds done */
    double seconds;             /* spent in rounds */
};

/* What all runs say of the accuracy. */
typedef struct training_summary {
    interval validation, test;
} training_summary;

/* Trains as often as the settings say; results go to r->out, and into the summary if it is not
 * NULL. Returns the exit status. */
int training_run(const training_task *task, const run *r, const training_settings *s, void *payload,
                 training_summary *summary);

/* For `make`: lets the rate fall to 0 along a cosine in so many steps, if the settings say so. */
void training_schedule(training *t, int64_t steps);

/* One step of the optimiser on a batch. */
void training_step(training *t, const tn_tensor *x, const tn_tensor *y);

/* One step of all processes on the loader's next batch, for a share that is not NULL. False at the
 * end of an epoch, without a step, and on failure. */
bool training_shared_step(training *t);

/* The option --micro-batches, and whether batches are cut so that processes can share them. */
cli_option training_micro_batches_option(training_settings *s);
bool training_is_shared(const training_settings *s);

/* What is done with the answers [n] to samples of a part, beside the right ones. */
typedef void (*training_answers)(training *t, const tn_tensor *answers, const tn_tensor *targets);

/* Evaluates the network on a part: its loss and accuracy go into the record. Tells `answered` the
 * answers, if that is not NULL. */
void training_evaluate(training *t, data_part p, training_record *record,
                       training_answers answered);

/* ---- results (training_report.c) ------------------------------------------------------------- */

void training_values(const training_record *record, double *values);
training_record training_record_of(const double *values);

/* The names of these numbers, and those of a row of the history. */
void training_names(const training *t, const char **names);
training_record training_row(const training *t, int64_t row);

/* history.csv; runs.csv, if there are several runs, and metrics.json. */
bool training_write_history(const training *t);
bool training_write_results(const training *t, const training_results *results);

/* One value of the networks that were kept, over all runs; and the seconds of a run. */
interval training_interval(const training_results *results, int value);
double training_seconds(const training_results *results);

/* The fields of metrics.json that say how often and by what it was computed. */
void training_put_runs(report *to, const training *t);

/* Adds a column of history.csv times a factor as a line of a plot for each part that has samples;
 * `column` belongs to the training samples. With eight points on each if `points`. */
void training_plot(const training *t, char *plot, size_t size, int column, double train_factor,
                   double factor, bool points);

/* Prints a line with the accuracy of each part that is not empty, with its interval if there are
 * several runs; or else, if `wrong`, with how many of the samples are wrong. */
void training_print_accuracies(const training *t, const training_results *results, bool wrong);

/* ---- checkpoints (training_state.c) ---------------------------------------------------------- */

/* Writes the state of the run, and the results of those before it, to
 * OUT/checkpoint.safetensors. */
bool training_save(const training *t, const training_results *results);

/* Reads the results of the runs that were finished; `t` tells the task, its settings and its
 * payload. */
bool training_load_results(const training *t, training_results *results);

/* Puts a run that was made with the same settings into the state of the checkpoint. */
bool training_load(training *t);

/* Whether there is a checkpoint in a folder for results, as the first process sees it, for all of
 * them; and the first one removes it, if there is one. */
bool training_is_stopped(const run *r);
void training_forget(const run *r);

/* Says that the folder has nothing to go on with: a training that has ended, or none. */
void training_say_ended(const run *r);

/* Says how to go on with what is in the folder, which a training that begins anew would lose, or
 * to begin anew. */
void training_say_stopped(const run *r);

#endif
