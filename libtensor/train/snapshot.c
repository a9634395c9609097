/* snapshot.c - a copy of a module's state, to go back to. */
#include <tn/train.h>
#include "base/memory.h"
#include "base/object.h"
#include "dict/dict.h"
#include "nn/nn.h"
#include "tensor/copy.h"
#include "tensor/shape.h"
#include "tensor/tensor.h"

struct tn_snapshot {
    tn__object object;
    tn_ctx *ctx;
    tn_module *module;
    tn_dict *copies; /* NULL: nothing was taken */
};

static void free_object(tn__object *object)
{
    tn_snapshot_free((tn_snapshot *)(void *)object);
}

void tn_snapshot_free(tn_snapshot *snapshot)
{
    if (!snapshot)
        return;
    tn__object_remove(&snapshot->object);
    tn_dict_free(snapshot->copies);
    tn__free(snapshot->ctx, snapshot);
}

tn_snapshot *tn_snapshot_new(tn_ctx *ctx, tn_module *module)
{
    if (tn_ok(ctx) && !module)
        tn_fail(ctx, TN_ERR_ARGUMENT, "snapshot: the module is NULL");
    tn_snapshot *s = tn_ok(ctx) ? tn__alloc_zeroed(ctx, sizeof *s) : NULL;
    if (!s)
        return NULL;
    tn__object_add(ctx, &s->object, free_object);
    s->ctx = ctx;
    s->module = module;
    return s;
}

/* ---- there and back -------------------------------------------------------------------------- */

/* May the copies be written over? Views that the program has of them would change, too. */
static bool fits(const tn_dict *copies, const tn_dict *state)
{
    bool same = tn_dict_count(copies) == tn_dict_count(state);
    for (int64_t i = 0; same && i < tn_dict_count(state); i++) {
        const tn_tensor *t = tn_dict_at(state, i),
                        *copy = tn_dict_get(copies, tn_dict_name(state, i));
        same =
            copy && copy->dtype == t->dtype && tn__same_shape(copy, t) && copy->storage->refs == 1;
    }
    return same;
}

/* Nobody else has the elements of copies that fit, so that no change of them is counted. */
static void copy_all(tn_ctx *ctx, const tn_dict *copies, const tn_dict *state)
{
    for (int64_t i = 0; i < tn_dict_count(state); i++)
        tn__copy(ctx, tn_dict_get(copies, tn_dict_name(state, i)), tn_dict_at(state, i));
}

/* A context frees its objects from the last to the first: the snapshot goes before the copies. */
static void replace(tn_snapshot *s, tn_dict *copies)
{
    tn_dict_free(s->copies);
    s->copies = copies;
    tn__object_remove(&s->object);
    tn__object_add(s->ctx, &s->object, free_object);
}

tn_status tn_snapshot_take(tn_snapshot *snapshot)
{
    if (!snapshot)
        return TN_ERR_ARGUMENT;
    tn_ctx *ctx = snapshot->ctx;
    tn_dict *state = tn_state_dict(ctx, snapshot->module);
    if (!state)
        return tn_error_status(ctx);
    if (snapshot->copies && fits(snapshot->copies, state)) {
        copy_all(ctx, snapshot->copies, state);
    } else {
        tn_dict *copies = tn_dict_clone(state);
        if (copies)
            replace(snapshot, copies);
    }
    tn_dict_free(state);
    return tn_error_status(ctx);
}

tn_status tn_snapshot_restore(tn_snapshot *snapshot)
{
    if (!snapshot)
        return TN_ERR_ARGUMENT;
    tn_ctx *ctx = snapshot->ctx;
    if (tn_ok(ctx) && !snapshot->copies)
        return tn_fail(ctx, TN_ERR_STATE, "snapshot_restore: nothing was taken");
    tn__state_load load;
    if (tn__state_begin(&load, ctx, "snapshot_restore", snapshot->module, snapshot->copies,
                        (tn_load_opts){0}))
        tn__state_apply(&load);
    tn__state_end(&load);
    return tn_error_status(ctx);
}

/* ---- state ----------------------------------------------------------------------------------- */

tn_dict *tn_snapshot_state_dict(const tn_snapshot *snapshot)
{
    if (!snapshot)
        return NULL;
    return snapshot->copies ? tn_dict_select(snapshot->copies, NULL) : tn_dict_new(snapshot->ctx);
}

static bool fits_module(const tn_snapshot *s, const char *what, const tn_dict *dict)
{
    tn__state_load load;
    bool fit = tn__state_begin(&load, s->ctx, what, s->module, dict, (tn_load_opts){0});
    tn__state_end(&load);
    return fit;
}

tn_status tn_snapshot_load_state_dict(tn_snapshot *snapshot, const tn_dict *dict)
{
    const char *what = "snapshot_load_state_dict";
    if (!snapshot)
        return TN_ERR_ARGUMENT;
    tn_ctx *ctx = snapshot->ctx;
    if (!tn__check_dict(ctx, what, dict))
        return tn_error_status(ctx);
    if (tn_dict_count(dict) == 0) {
        replace(snapshot, NULL);
        return TN_OK;
    }
    tn_dict *copies = fits_module(snapshot, what, dict) ? tn_dict_clone(dict) : NULL;
    if (copies)
        replace(snapshot, copies);
    return tn_error_status(ctx);
}
