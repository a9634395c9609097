/* train.h - pieces of training loops: means, metrics, early stopping, snapshots, progress, tables.
 *
 * A loop is written by hand, and takes of these what it needs: none knows of another. Means, early
 * stopping and progress are plain structs of the program's; what is made by a function lives until
 * it is freed, or goes with the context. Nothing is printed but what tn_progress_show draws on the
 * terminal that it is given. */
#ifndef TN_TRAIN_H
#define TN_TRAIN_H

#include <tn/io.h>
#include <tn/nn.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- means ----------------------------------------------------------------------------------- */

/* The mean of numbers that come one by one, each with a weight: the losses of batches, which count
 * by their sizes. (tn_running_mean){0} is that of none. Both sums are compensated: a million
 * losses have the rounding error of a few. torchmetrics.MeanMetric. */
typedef struct tn_running_mean {
    double sum, weight;       /* of all values times their weights, and of the weights */
    double lost, lost_weight; /* what rounding took from them */
} tn_running_mean;

/* Adds a value. */
TN_API void tn_running_mean_add(tn_running_mean *mean, double value, double weight);

/* The mean; NaN if the weights are 0. */
TN_API double tn_running_mean_value(const tn_running_mean *mean);

/* ---- metrics --------------------------------------------------------------------------------- */

/* How many rows of the scores [n, classes] have their target [n], of TN_I64, TN_I32 or TN_U8, among
 * their k largest; of equal scores the first ones, NaN before all others, as in tn_topk. Divided by
 * n it is the top-k accuracy. -1 on failure. */
TN_API int64_t tn_count_topk(tn_ctx *ctx, const tn_tensor *scores, const tn_tensor *targets,
                             int64_t k);

/* Counts of what was answered where. */
typedef struct tn_confusion tn_confusion;

/* Counts for so many classes, all 0. sklearn.metrics.confusion_matrix. */
TN_API tn_confusion *tn_confusion_new(tn_ctx *ctx, int64_t classes);

/* Counts the answers, such as tn_argmax(ctx, scores, 1), and their targets: one shape, and TN_I64,
 * TN_I32 or TN_U8. TN_ERR_ARGUMENT, and nothing is counted, if one is no class. */
TN_API tn_status tn_confusion_add(tn_confusion *confusion, const tn_tensor *answers,
                                  const tn_tensor *targets);

/* How often `answer` was given where `target` is right; 0 out of range. */
TN_API int64_t tn_confusion_at(const tn_confusion *confusion, int64_t target, int64_t answer);

/* All counts as TN_I64 [classes, classes], a row for each target. */
TN_API tn_tensor *tn_confusion_matrix(const tn_confusion *confusion);

/* The share of answers that are right; NaN if there are none. */
TN_API double tn_confusion_accuracy(const tn_confusion *confusion);

/* How well a class is recognised, or all of them. */
typedef struct tn_class_scores {
    double precision; /* of the answers that name it, how many are right */
    double recall;    /* of its samples, how many were recognised */
    double f1;        /* 2 precision recall / (precision + recall) */
    int64_t support;  /* its samples */
    int64_t answers;  /* that name it */
} tn_class_scores;

/* The scores of a class. What would be 0 / 0 is 0, as in scikit-learn and torchmetrics; `support`
 * and `answers` tell a class that never came from one that was never right. */
TN_API tn_class_scores tn_confusion_class(const tn_confusion *confusion, int64_t number);

/* The means of the scores of the classes that came, as a target or as an answer, and the sums of
 * their counts; zeros if none did. average="macro" of scikit-learn and torchmetrics. */
TN_API tn_class_scores tn_confusion_macro(const tn_confusion *confusion);

/* Sets all counts to 0, for the next epoch. */
TN_API void tn_confusion_clear(tn_confusion *confusion);

/* Frees the counts. NULL is allowed. */
TN_API void tn_confusion_free(tn_confusion *confusion);

/* ---- early stopping -------------------------------------------------------------------------- */

/* Watches a metric, such as the validation loss, for when it gets no better:
 *
 *     tn_early_stopping stopping = {.patience = 3};
 *     while (!tn_early_stopping_over(&stopping)) {
 *         ...
 *         if (tn_early_stopping_step(&stopping, loss))
 *             tn_snapshot_take(best);
 *     }
 *     tn_snapshot_restore(best); */
typedef struct tn_early_stopping {
    int64_t patience; /* steps in a row without a better one, after which it is over; 0: never */
    double min_delta; /* better is below best - min_delta, or above best + min_delta */
    bool maximize;    /* more is better */

    int64_t steps, best_step; /* how many there were; the number of the best, from 1, or 0 */
    double best;              /* its metric */
} tn_early_stopping;

/* Takes the next metric. True if it is the best so far; NaN never is. */
TN_API bool tn_early_stopping_step(tn_early_stopping *stopping, double metric);

/* Is its patience at an end? */
TN_API bool tn_early_stopping_over(const tn_early_stopping *stopping);

/* What it knows, as a dictionary to be freed, or to go with the context. */
TN_API tn_dict *tn_early_stopping_state_dict(tn_ctx *ctx, const tn_early_stopping *stopping);

/* Puts it into that state; the first three members stay as they are. TN_ERR_FORMAT, and nothing
 * changes, if the dictionary has another. */
TN_API tn_status tn_early_stopping_load_state_dict(tn_ctx *ctx, tn_early_stopping *stopping,
                                                   const tn_dict *dict);

/* ---- snapshots ------------------------------------------------------------------------------- */

/* A copy in memory of a module's parameters and buffers, such as the best so far. */
typedef struct tn_snapshot tn_snapshot;

/* A snapshot of a module, which must outlive it; nothing is copied yet. */
TN_API tn_snapshot *tn_snapshot_new(tn_ctx *ctx, tn_module *module);

/* Copies what the module has now, into the same memory each time. */
TN_API tn_status tn_snapshot_take(tn_snapshot *snapshot);

/* Gives the module what it had. TN_ERR_STATE if nothing was taken; TN_ERR_SHAPE or TN_ERR_DTYPE, as
 * of tn_load_state_dict, if the module has become another since. */
TN_API tn_status tn_snapshot_restore(tn_snapshot *snapshot);

/* The copies under the names of tn_state_dict, none if nothing was taken: views, in a dictionary to
 * be freed, or to go with the context. */
TN_API tn_dict *tn_snapshot_state_dict(const tn_snapshot *snapshot);

/* Takes the copies from a dictionary, which must fit the module, or be empty. */
TN_API tn_status tn_snapshot_load_state_dict(tn_snapshot *snapshot, const tn_dict *dict);

/* Frees the copies. NULL is allowed. */
TN_API void tn_snapshot_free(tn_snapshot *snapshot);

/* ---- progress -------------------------------------------------------------------------------- */

/* How far a loop has come, and how long it will take. */
typedef struct tn_progress {
    const char *label;    /* "epoch" */
    int64_t first, total; /* steps that were done when it began; that there are */
    double start, drawn;  /* seconds of a clock; `drawn` is 0 while no line is there */
    int width;            /* of the line that is there */
} tn_progress;

/* Begins now. `label` must stay. */
TN_API tn_progress tn_progress_begin(const char *label, int64_t first, int64_t total);

/* Writes "epoch 3/50  loss 0.21  2 min 05 s left", with `detail` in the middle if it is not NULL,
 * as snprintf does, and returns the length of the whole text. */
TN_API int64_t tn_progress_text(const tn_progress *progress, int64_t done, const char *detail,
                                char *text, size_t size);

/* Draws that line over the last one on a terminal, at most ten times a second, and cuts it to its
 * width. `descriptor` is 2 for the standard error. Does nothing if it is of no terminal, or if TERM
 * is "dumb" or not set: pipes and files stay clean. It takes carriage returns and spaces alone. */
TN_API void tn_progress_show(tn_progress *progress, int64_t done, const char *detail,
                             int descriptor);

/* Takes the line away, if there is one. */
TN_API void tn_progress_end(tn_progress *progress, int descriptor);

/* ---- histories ------------------------------------------------------------------------------- */

/* A table of numbers that grows by rows: epochs, losses, accuracies. */
typedef struct tn_history tn_history;

/* Names of columns and the numbers of a row, as a count and an array:
 *
 *     tn_history *history = tn_history_new(ctx, TN_NAMES("epoch", "loss"));
 *     tn_history_add(history, TN_VALUES(epoch, loss));
 *     tn_history_save(history, "history.csv"); */
#define TN_NAMES(...) TN_LIST_(const char *, __VA_ARGS__)
#define TN_VALUES(...) TN_LIST_(double, __VA_ARGS__)

/* An empty table with these columns, whose names are copied, differ and are UTF-8. */
TN_API tn_history *tn_history_new(tn_ctx *ctx, int64_t count, const char *const *names);

/* Adds a row, which has a number for each column. */
TN_API tn_status tn_history_add(tn_history *history, int64_t count, const double *values);

/* How many rows there are; 0 for NULL. */
TN_API int64_t tn_history_rows(const tn_history *history);

/* A number of the table; NaN out of range. */
TN_API double tn_history_at(const tn_history *history, int64_t row, int64_t column);

/* Writes the whole table, as io.h says of all files: whole or not at all. The ending of the path
 * tells the format: ".csv", with the names in the first line (RFC 4180), or ".jsonl", an object in
 * each line. Numbers have as many digits as it takes to read them back; those that are not finite
 * are nan, inf and -inf in CSV, and null in JSON. */
TN_API tn_status tn_history_save(const tn_history *history, const char *path);

/* The same to a sink: its name tells the format, and without one it is CSV. */
TN_API tn_status tn_history_save_to(const tn_history *history, tn_sink sink);

/* Each column under its name, TN_F64 [rows]. A dictionary to be freed or to go with the context. */
TN_API tn_dict *tn_history_state_dict(const tn_history *history);

/* Takes the rows from a dictionary that has these columns and no others, or nothing changes and the
 * status is TN_ERR_FORMAT. */
TN_API tn_status tn_history_load_state_dict(tn_history *history, const tn_dict *dict);

/* Frees the table. NULL is allowed. */
TN_API void tn_history_free(tn_history *history);

#ifdef __cplusplus
}
#endif

#endif
