/* The functions of <tn/train.h>, given what does not fit. */
#include "common/files.h"
#include "rows/refusals.h"

#include <math.h>
#include <string.h>

/* Made in `own` while that could, though it may have an error since. */
static tn_confusion *confusion;
static tn_snapshot *empty, *taken;
static tn_history *history;

static tn_status begin_making(void)
{
    tn_status status = tn_error_status(own);
    tn_clear_error(own);
    return status;
}

static void end_making(tn_status status)
{
    if (status != TN_OK)
        tn_fail(own, status, "stop");
    memory.calls = 0;
}

static tn_confusion *counts(void)
{
    tn_status status = begin_making();
    confusion = tn_confusion_new(own, 3);
    end_making(status);
    return confusion;
}

static tn_snapshot *nothing(void)
{
    tn_status status = begin_making();
    empty = tn_snapshot_new(own, net);
    end_making(status);
    return empty;
}

static tn_snapshot *something(void)
{
    tn_status status = begin_making();
    taken = tn_snapshot_new(own, net);
    tn_snapshot_take(taken);
    end_making(status);
    return taken;
}

static tn_history *table(void)
{
    tn_status status = begin_making();
    history = tn_history_new(own, TN_NAMES("a", "b"));
    end_making(status);
    return history;
}

static void metric_rows(void)
{
    tn_running_mean mean = {0};
    HOLDS(tn_running_mean_add, (tn_running_mean_add(NULL, 1, 1), true));
    HOLDS(tn_running_mean_value, isnan(tn_running_mean_value(&mean)));
    REFUSES(tn_count_topk, TN_ERR_ARGUMENT, "count_topk: scores is NULL",
            tn_count_topk(ctx, NULL, T("i64[2]"), 1));
    REFUSES(tn_count_topk, TN_ERR_ARGUMENT, "count_topk: targets is NULL",
            tn_count_topk(ctx, T("f32[2,3]"), NULL, 1));
    REFUSES(tn_count_topk, TN_ERR_DTYPE, "count_topk: targets are bool, not i64, i32 or u8",
            tn_count_topk(ctx, T("f32[2,3]"), T("bool[2]"), 1));
    REFUSES(tn_count_topk, TN_ERR_SHAPE,
            "count_topk: scores [2,3] and targets [3]; expected [n,classes] and [n]",
            tn_count_topk(ctx, T("f32[2,3]"), T("i64[3]"), 1));
    REFUSES(tn_count_topk, TN_ERR_SHAPE,
            "count_topk: scores [2] and targets [2]; expected [n,classes] and [n]",
            tn_count_topk(ctx, T("f32[2]"), T("i64[2]"), 1));
    REFUSES(tn_count_topk, TN_ERR_SHAPE,
            "count_topk: scores [2,3] and targets [2,1]; expected [n,classes] and [n]",
            tn_count_topk(ctx, T("f32[2,3]"), T("i64[2,1]"), 1));
    REFUSES(tn_count_topk, TN_ERR_ARGUMENT, "count_topk: k is 0, not 1 to 3",
            tn_count_topk(ctx, T("f32[2,3]"), T("i64[2]"), 0));
    REFUSES(tn_count_topk, TN_ERR_ARGUMENT, "count_topk: k is 4, not 1 to 3",
            tn_count_topk(ctx, T("f32[2,3]"), T("i64[2]"), 4));
    REFUSES(tn_count_topk, TN_ERR_ARGUMENT, "count_topk: targets[0] is 3, with 3 classes",
            tn_count_topk(ctx, T("f32[2,3]"), T_OF("i64[2]", 3), 1));
    REFUSES(tn_count_topk, TN_ERR_ARGUMENT, "count_topk: targets[0] is -1, with 3 classes",
            tn_count_topk(ctx, T("f32[2,3]"), T_OF("i64[2]", -1), 1));
    WORKS(tn_count_topk, tn_count_topk(ctx, T("f32[2,3]"), T("i64[2]"), 1));
}

static void confusion_rows(void)
{
    REFUSES(tn_confusion_new, TN_ERR_ARGUMENT, "confusion: 0 classes", tn_confusion_new(ctx, 0));
    REFUSES(tn_confusion_new, TN_ERR_ARGUMENT, "confusion: 1073741825 classes",
            tn_confusion_new(ctx, ((int64_t)1 << 30) + 1));
    WORKS(tn_confusion_new, tn_confusion_new(ctx, 2));
    HOLDS(tn_confusion_add, tn_confusion_add(NULL, T("i64[2]"), T("i64[2]")) == TN_ERR_ARGUMENT);
    REFUSES(tn_confusion_add, TN_ERR_ARGUMENT, "confusion_add: answers is NULL",
            tn_confusion_add(counts(), NULL, T("i64[2]")));
    REFUSES(tn_confusion_add, TN_ERR_ARGUMENT, "confusion_add: targets is NULL",
            tn_confusion_add(counts(), T("i64[2]"), NULL));
    REFUSES(tn_confusion_add, TN_ERR_DTYPE, "confusion_add: answers are f32, not i64, i32 or u8",
            tn_confusion_add(counts(), T("f32[2]"), T("i64[2]")));
    REFUSES(tn_confusion_add, TN_ERR_DTYPE, "confusion_add: targets are bool, not i64, i32 or u8",
            tn_confusion_add(counts(), T("i64[2]"), T("bool[2]")));
    REFUSES(tn_confusion_add, TN_ERR_SHAPE, "confusion_add: answers [2] and targets [2,1] differ",
            tn_confusion_add(counts(), T("i64[2]"), T("i64[2,1]")));
    REFUSES(tn_confusion_add, TN_ERR_ARGUMENT, "confusion_add: answers have 3, with 3 classes",
            tn_confusion_add(counts(), T_OF("i64[2]", 3), T("i64[2]")));
    REFUSES(tn_confusion_add, TN_ERR_ARGUMENT, "confusion_add: targets have -1, with 3 classes",
            tn_confusion_add(counts(), T("i64[2]"), T_OF("i64[2]", -1)));
    WORKS(tn_confusion_add, tn_confusion_add(counts(), T("i64[2]"), T("u8[2]")));
    HOLDS(tn_confusion_at, tn_confusion_at(NULL, 0, 0) == 0);
    HOLDS(tn_confusion_matrix, !tn_confusion_matrix(NULL));
    WORKS(tn_confusion_matrix, shaped("[3,3]", tn_confusion_matrix(counts())));
    HOLDS(tn_confusion_accuracy, isnan(tn_confusion_accuracy(NULL)));
    HOLDS(tn_confusion_class, tn_confusion_class(NULL, 0).support == 0);
    HOLDS(tn_confusion_macro, tn_confusion_macro(NULL).support == 0);
    HOLDS(tn_confusion_clear, (tn_confusion_clear(NULL), true));
    HOLDS(tn_confusion_free, (tn_confusion_free(NULL), true));
}

static void stopping_rows(void)
{
    tn_early_stopping stopping = {0};
    HOLDS(tn_early_stopping_step, !tn_early_stopping_step(NULL, 1));
    HOLDS(tn_early_stopping_over, !tn_early_stopping_over(NULL));
    REFUSES(tn_early_stopping_state_dict, TN_ERR_ARGUMENT, "early_stopping_state_dict: it is NULL",
            tn_early_stopping_state_dict(ctx, NULL));
    WORKS(tn_early_stopping_state_dict, tn_early_stopping_state_dict(ctx, &stopping));
    REFUSES(tn_early_stopping_load_state_dict, TN_ERR_ARGUMENT,
            "early_stopping_load_state_dict: it is NULL",
            tn_early_stopping_load_state_dict(ctx, NULL, dict));
    REFUSES(tn_early_stopping_load_state_dict, TN_ERR_ARGUMENT,
            "early_stopping_load_state_dict: the dictionary is NULL",
            tn_early_stopping_load_state_dict(ctx, &stopping, NULL));
    REFUSES(tn_early_stopping_load_state_dict, TN_ERR_FORMAT,
            "early_stopping_load_state_dict: steps is missing",
            tn_early_stopping_load_state_dict(ctx, &stopping, dict));
    tn_ctx *other = tn_ctx_new(NULL);
    tn_dict *state = tn_early_stopping_state_dict(other, &stopping);
    WORKS(tn_early_stopping_load_state_dict,
          tn_early_stopping_load_state_dict(ctx, &stopping, state));
    tn_ctx_free(other);
}

static void snapshot_rows(void)
{
    REFUSES(tn_snapshot_new, TN_ERR_ARGUMENT, "snapshot: the module is NULL",
            tn_snapshot_new(ctx, NULL));
    WORKS(tn_snapshot_new, tn_snapshot_new(ctx, net));
    HOLDS(tn_snapshot_take, tn_snapshot_take(NULL) == TN_ERR_ARGUMENT);
    WORKS(tn_snapshot_take, tn_snapshot_take(nothing()));
    HOLDS(tn_snapshot_restore, tn_snapshot_restore(NULL) == TN_ERR_ARGUMENT);
    REFUSES(tn_snapshot_restore, TN_ERR_STATE, "snapshot_restore: nothing was taken",
            tn_snapshot_restore(nothing()));
    WORKS(tn_snapshot_restore, tn_snapshot_restore(something()));
    HOLDS(tn_snapshot_state_dict, !tn_snapshot_state_dict(NULL));
    WORKS(tn_snapshot_state_dict, tn_snapshot_state_dict(nothing()));
    WORKS(tn_snapshot_state_dict, tn_snapshot_state_dict(something()));
    HOLDS(tn_snapshot_load_state_dict, tn_snapshot_load_state_dict(NULL, dict) == TN_ERR_ARGUMENT);
    REFUSES(tn_snapshot_load_state_dict, TN_ERR_ARGUMENT,
            "snapshot_load_state_dict: the dictionary is NULL",
            tn_snapshot_load_state_dict(nothing(), NULL));
    REFUSES(tn_snapshot_load_state_dict, TN_ERR_SHAPE,
            "snapshot_load_state_dict: missing weight, bias; unexpected a",
            tn_snapshot_load_state_dict(nothing(), dict));
    WORKS(tn_snapshot_load_state_dict, tn_snapshot_load_state_dict(nothing(), net_state));
    HOLDS(tn_snapshot_free, (tn_snapshot_free(NULL), true));
}

static void progress_rows(void)
{
    char text[8];
    HOLDS(tn_progress_begin, strcmp(tn_progress_begin(NULL, 0, 1).label, "") == 0);
    HOLDS(tn_progress_text, tn_progress_text(NULL, 0, NULL, text, sizeof text) == 0);
    HOLDS(tn_progress_show, (tn_progress_show(NULL, 0, NULL, 2), true));
    HOLDS(tn_progress_end, (tn_progress_end(NULL, 2), true));
}

static void history_rows(void)
{
    REFUSES(tn_history_new, TN_ERR_ARGUMENT, "history: 0 columns, not 1 to 65536, without names",
            tn_history_new(ctx, 0, NULL));
    REFUSES(tn_history_new, TN_ERR_ARGUMENT, "history: 0 columns, not 1 to 65536",
            tn_history_new(ctx, 0, (const char *const[]){"a"}));
    REFUSES(tn_history_new, TN_ERR_ARGUMENT, "history: 65537 columns, not 1 to 65536",
            tn_history_new(ctx, 65537, (const char *const[]){"a"}));
    REFUSES(tn_history_new, TN_ERR_ARGUMENT, "history: 2 columns, not 1 to 65536, without names",
            tn_history_new(ctx, 2, NULL));
    REFUSES(tn_history_new, TN_ERR_ARGUMENT, "history: name 1 is NULL",
            tn_history_new(ctx, TN_NAMES("a", NULL)));
    REFUSES(tn_history_new, TN_ERR_ARGUMENT, "history: two columns are named 'a'",
            tn_history_new(ctx, TN_NAMES("a", "b", "a")));
    REFUSES(tn_history_new, TN_ERR_ARGUMENT, "history: name 1 is not UTF-8",
            tn_history_new(ctx, TN_NAMES("a", "\xff")));
    WORKS(tn_history_new, tn_history_new(ctx, TN_NAMES("a", "b")));
    HOLDS(tn_history_add, tn_history_add(NULL, TN_VALUES(1)) == TN_ERR_ARGUMENT);
    REFUSES(tn_history_add, TN_ERR_ARGUMENT, "history_add: 3 values for 2 columns",
            tn_history_add(table(), TN_VALUES(1, 2, 3)));
    REFUSES(tn_history_add, TN_ERR_ARGUMENT, "history_add: 2 values, NULL, for 2 columns",
            tn_history_add(table(), 2, NULL));
    WORKS(tn_history_add, tn_history_add(table(), TN_VALUES(1, 2)));
    HOLDS(tn_history_rows, tn_history_rows(NULL) == 0);
    HOLDS(tn_history_at, isnan(tn_history_at(NULL, 0, 0)));
    HOLDS(tn_history_save, tn_history_save(NULL, "h.csv") == TN_ERR_ARGUMENT);
    REFUSES(tn_history_save, TN_ERR_ARGUMENT, "history_save: path is NULL",
            tn_history_save(table(), NULL));
    REFUSES(tn_history_save, TN_ERR_ARGUMENT, "history_save: h.txt ends in neither .csv nor .jsonl",
            tn_history_save(table(), "h.txt"));
    REFUSES(tn_history_save, TN_ERR_ARGUMENT, "history_save:  ends in neither .csv nor .jsonl",
            tn_history_save(table(), ""));
    REFUSES(tn_history_save, TN_ERR_FILE, "history_save: no/such/h.csv: No such file or directory",
            tn_history_save(table(), "no/such/h.csv"));
    WORKS(tn_history_save, tn_history_save(table(), folder_path("h.csv")));
    HOLDS(tn_history_save_to, tn_history_save_to(NULL, (tn_sink){0}) == TN_ERR_ARGUMENT);
    REFUSES(tn_history_save_to, TN_ERR_ARGUMENT,
            "history_save_to: memory: a sink without bytes or write",
            tn_history_save_to(table(), (tn_sink){0}));
    REFUSES(tn_history_save_to, TN_ERR_ARGUMENT,
            "history_save_to: h.txt ends in neither .csv nor .jsonl",
            tn_history_save_to(table(), (tn_sink){.name = "h.txt"}));
    WORKS(tn_history_save_to, tn_history_save_to(table(), TN_BYTES(tn_bytes_new(own))));
    HOLDS(tn_history_state_dict, !tn_history_state_dict(NULL));
    WORKS(tn_history_state_dict, tn_history_state_dict(table()));
    HOLDS(tn_history_load_state_dict, tn_history_load_state_dict(NULL, dict) == TN_ERR_ARGUMENT);
    REFUSES(tn_history_load_state_dict, TN_ERR_ARGUMENT,
            "history_load_state_dict: the dictionary is NULL",
            tn_history_load_state_dict(table(), NULL));
    REFUSES(tn_history_load_state_dict, TN_ERR_FORMAT,
            "history_load_state_dict: a is f32 [2,3], but should be f64 [0]",
            tn_history_load_state_dict(table(), dict));
    tn_ctx *other = tn_ctx_new(NULL);
    tn_dict *state = tn_history_state_dict(tn_history_new(other, TN_NAMES("b", "a")));
    WORKS(tn_history_load_state_dict, tn_history_load_state_dict(table(), state));
    tn_ctx_free(other);
    HOLDS(tn_history_free, (tn_history_free(NULL), true));
}

static void train_rows(void)
{
    metric_rows();
    confusion_rows();
    stopping_rows();
    snapshot_rows();
    progress_rows();
    make_folder();
    history_rows();
    remove_folder();
}

int main(void)
{
    return run_refusals("train.h", train_rows);
}
