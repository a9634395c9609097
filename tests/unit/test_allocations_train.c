/* The functions of <tn/train.h> while memory runs out. */
#include "common/files.h"
#include "rows/allocations.h"

#include <math.h>

/* What a row works on, made anew in each world, before the allocator fails. */
static tn_confusion *confusion;
static tn_snapshot *empty, *taken;
static tn_history *history;

/* Objects of a context that is gone are forgotten. */
static void make(void)
{
    static int64_t world;
    int64_t at = memory.fail_at;
    memory.fail_at = 0;
    tn_scope_end(ctx, scope);
    if (world != worlds) {
        world = worlds;
        confusion = tn_confusion_new(ctx, 3);
        empty = tn_snapshot_new(ctx, net);
        taken = tn_snapshot_new(ctx, net);
        tn_snapshot_take(taken);
        history = tn_history_new(ctx, TN_NAMES("a", "b"));
        for (int i = 0; i < 4; i++)
            tn_history_add(history, TN_VALUES(i, 2 * i));
    }
    arm();
    memory.fail_at = at;
}

#define ON(object) (make(), object)

/* The answers are made where they are to be freed. */
static tn_status add_flipped(void)
{
    make();
    return tn_confusion_add(confusion, flipped(0), in[1]);
}

static void metric_rows(void)
{
    tn_class_scores s;
    tn_running_mean mean = {0};
    ASKS(tn_running_mean_add, "", (tn_running_mean_add(&mean, 1, 1), 0));
    ASKS(tn_running_mean_value, "", tn_running_mean_value(&mean));
    CALLS(tn_count_topk, "f32[3,3] i64[3]", tn_count_topk(ctx, flipped(0), in[1], 2));
    CALLS(tn_confusion_new, "", tn_confusion_new(ctx, 3) ? 0 : -1);
    CALLS(tn_confusion_add, "i64[2,3] i64[3,2]", add_flipped());
    ASKS(tn_confusion_at, "", tn_confusion_at(ON(confusion), 0, 0));
    CALLS(tn_confusion_matrix, "", tn_confusion_matrix(ON(confusion)));
    ASKS(tn_confusion_accuracy, "", isnan(tn_confusion_accuracy(ON(confusion))) ? 0.0 : 1.0);
    ASKS(tn_confusion_class, "", (s = tn_confusion_class(ON(confusion), 0), s.f1));
    ASKS(tn_confusion_macro, "", (s = tn_confusion_macro(ON(confusion)), s.f1));
    ASKS(tn_confusion_clear, "", (tn_confusion_clear(ON(confusion)), 0));
    ASKS(tn_confusion_free, "", (tn_confusion_free(NULL), 0));
}

static void stopping_rows(void)
{
    tn_early_stopping stopping = {.patience = 2};
    ASKS(tn_early_stopping_step, "", (tn_early_stopping_step(&stopping, 1), 0));
    ASKS(tn_early_stopping_over, "", (tn_early_stopping_over(&stopping), 0));
    CALLS(tn_early_stopping_state_dict, "", tn_early_stopping_state_dict(ctx, &stopping));
    tn_ctx *other = tn_ctx_new(NULL);
    tn_dict *state = tn_early_stopping_state_dict(other, &stopping);
    ASKS(tn_early_stopping_load_state_dict, "",
         tn_early_stopping_load_state_dict(ctx, &stopping, state));
    tn_ctx_free(other);
}

static void snapshot_rows(void)
{
    CALLS(tn_snapshot_new, "", tn_snapshot_new(ctx, net) ? 0 : -1);
    CALLS(tn_snapshot_take, "", tn_snapshot_take(ON(taken)));
    CALLS(tn_snapshot_restore, "", tn_snapshot_restore(ON(taken)));
    CALLS(tn_snapshot_take, "", tn_snapshot_take(ON(empty)));
    CALLS(tn_snapshot_load_state_dict, "", tn_snapshot_load_state_dict(ON(empty), net_state));
    CALLS(tn_snapshot_load_state_dict, "", tn_snapshot_load_state_dict(ON(taken), net_state));
    CALLS(tn_snapshot_state_dict, "", tn_snapshot_state_dict(ON(taken)));
    ASKS(tn_snapshot_free, "", (tn_snapshot_free(NULL), 0));
}

static void other_rows(void)
{
    tn_progress progress = {0};
    ASKS(tn_progress_begin, "", (progress = tn_progress_begin("epoch", 0, 2), 0));
    ASKS(tn_progress_text, "", tn_progress_text(&progress, 0, NULL, NULL, 0));
    ASKS(tn_progress_show, "", (tn_progress_show(&progress, 0, NULL, -1), 0));
    ASKS(tn_progress_end, "", (tn_progress_end(&progress, -1), 0));
    CALLS(tn_history_new, "", tn_history_new(ctx, TN_NAMES("a", "b")) ? 0 : -1);
    CALLS(tn_history_add, "", tn_history_add(ON(history), TN_VALUES(1, 2)));
    ASKS(tn_history_rows, "", tn_history_rows(ON(history)));
    ASKS(tn_history_at, "", tn_history_at(ON(history), 1, 1));
    CALLS(tn_history_save, "", tn_history_save(ON(history), folder_path("x.csv")));
    CALLS(tn_history_save, "", tn_history_save(ON(history), folder_path("x.jsonl")));
    CALLS(tn_history_save_to, "",
          (make(), TO_MEMORY(tn_history_save_to(history, TN_BYTES(filled)))));
    CALLS(tn_history_state_dict, "", tn_history_state_dict(ON(history)));
    tn_ctx *other = tn_ctx_new(NULL);
    tn_history *longer = tn_history_new(other, TN_NAMES("a", "b"));
    for (int i = 0; i < 9; i++)
        tn_history_add(longer, TN_VALUES(i, 2 * i));
    tn_dict *state = tn_history_state_dict(longer);
    CALLS(tn_history_load_state_dict, "", tn_history_load_state_dict(ON(history), state));
    tn_ctx_free(other);
    ASKS(tn_history_free, "", (tn_history_free(NULL), 0));
}

static void train_rows(void)
{
    metric_rows();
    stopping_rows();
    snapshot_rows();
    make_folder();
    other_rows();
    remove_folder();
}

int main(void)
{
    return run_allocations("train.h", train_rows);
}
