/* dict.c - dictionaries: named tensors in the order in which they were first set. */
#include <string.h>
#include "base/index.h"
#include "base/memory.h"
#include "base/object.h"
#include "dict/dict.h"
#include "tensor/copy.h"
#include "tensor/scope.h"
#include "tensor/tensor.h"
#include "tensor/view.h"

typedef struct entry {
    char *name;
    tn_tensor *t;
} entry;

struct tn_dict {
    tn__object object;
    entry *entries;
    int64_t count, capacity;
    tn__index index;
};

static void free_dict(tn__object *object)
{
    tn_dict *dict = (tn_dict *)object;
    tn_ctx *ctx = object->ctx;
    tn__object_remove(object);
    for (int64_t i = 0; i < dict->count; i++) {
        tn__release(dict->entries[i].t);
        tn__free(ctx, dict->entries[i].name);
    }
    tn__free(ctx, dict->entries);
    tn__index_free(ctx, &dict->index);
    tn__free(ctx, dict);
}

tn_dict *tn_dict_new(tn_ctx *ctx)
{
    if (!tn_ok(ctx))
        return NULL;
    tn_dict *dict = tn__alloc_zeroed(ctx, sizeof *dict);
    if (dict)
        tn__object_add(ctx, &dict->object, free_dict);
    return dict;
}

void tn_dict_free(tn_dict *dict)
{
    if (dict)
        free_dict(&dict->object);
}

tn_ctx *tn__dict_ctx(const tn_dict *dict)
{
    return dict->object.ctx;
}

bool tn__check_dict(tn_ctx *ctx, const char *what, const tn_dict *dict)
{
    if (tn_ok(ctx) && !dict)
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: the dictionary is NULL", what);
    return tn_ok(ctx);
}

static entry *find(const tn_dict *dict, const char *name, uint64_t hash)
{
    int64_t i = tn__index_find(&dict->index, dict->entries, sizeof(entry), name, hash);
    return i >= 0 ? &dict->entries[i] : NULL;
}

static bool append(tn_dict *dict, const char *name, uint64_t hash, tn_tensor *t)
{
    tn_ctx *ctx = dict->object.ctx;
    int64_t i = dict->count;
    if (!tn__reserve(ctx, &dict->entries, &dict->capacity, i + 1, sizeof(entry)) ||
        !tn__index_reserve(ctx, &dict->index, i + 1))
        return false;
    dict->entries[i] = (entry){tn__strdup(ctx, name), t};
    if (!dict->entries[i].name)
        return false;
    tn__index_add(&dict->index, hash, i);
    dict->count++;
    return true;
}

tn_status tn_dict_set(tn_dict *dict, const char *name, const tn_tensor *t)
{
    if (!dict)
        return TN_ERR_ARGUMENT;
    tn_ctx *ctx = dict->object.ctx;
    if (!tn_check_input(ctx, "dict_set", "input", t))
        return tn_error_status(ctx);
    if (!name)
        return tn_fail(ctx, TN_ERR_ARGUMENT, "dict_set: name is NULL");
    tn_tensor *alias = tn__alias(ctx, t);
    if (!alias)
        return tn_error_status(ctx);
    uint64_t hash = tn__hash(ctx, name);
    entry *old = find(dict, name, hash);
    if (old) {
        tn__release(old->t);
        old->t = alias;
    } else if (!append(dict, name, hash, alias)) {
        tn__release(alias);
    }
    return tn_error_status(ctx);
}

int64_t tn_dict_count(const tn_dict *dict)
{
    return dict ? dict->count : 0;
}

static bool is_index(const tn_dict *dict, int64_t i)
{
    return dict && i >= 0 && i < dict->count;
}

const char *tn_dict_name(const tn_dict *dict, int64_t i)
{
    return is_index(dict, i) ? dict->entries[i].name : NULL;
}

tn_tensor *tn_dict_at(const tn_dict *dict, int64_t i)
{
    return is_index(dict, i) ? dict->entries[i].t : NULL;
}

tn_tensor *tn_dict_get(const tn_dict *dict, const char *name)
{
    if (!dict || !name)
        return NULL;
    const entry *found = find(dict, name, tn__hash(dict->object.ctx, name));
    return found ? found->t : NULL;
}

void tn__dict_swap(tn_dict *a, tn_dict *b)
{
    tn_dict old_a = *a, old_b = *b;
    *a = old_b;
    a->object = old_a.object;
    *b = old_a;
    b->object = old_b.object;
}

/* ---- prefixes -------------------------------------------------------------------------------- */

tn_status tn__dict_set_in(tn_dict *dict, const char *prefix, const char *name, const tn_tensor *t)
{
    tn_ctx *ctx = dict->object.ctx;
    char *text = tn_ok(ctx) ? tn__concat(ctx, prefix, name, "") : NULL;
    if (text)
        tn_dict_set(dict, text, t);
    tn__free(ctx, text);
    return tn_error_status(ctx);
}

/* In a copy, so that nothing has changed if it fails. */
tn_status tn_dict_update(tn_dict *dict, const char *prefix, const tn_dict *from)
{
    if (!dict)
        return TN_ERR_ARGUMENT;
    tn_ctx *ctx = dict->object.ctx;
    if (tn_ok(ctx) && !from)
        tn_fail(ctx, TN_ERR_ARGUMENT, "dict_update: from is NULL");
    int64_t count = from ? from->count : 0;
    tn_dict *copy = tn_dict_select(dict, NULL);
    for (int64_t i = 0; copy && tn_ok(ctx) && i < count; i++)
        tn__dict_set_in(copy, prefix ? prefix : "", from->entries[i].name, from->entries[i].t);
    if (copy && tn_ok(ctx))
        tn__dict_swap(dict, copy);
    tn_dict_free(copy);
    return tn_error_status(ctx);
}

tn_dict *tn_dict_select(const tn_dict *dict, const char *prefix)
{
    tn_dict *chosen = dict ? tn_dict_new(dict->object.ctx) : NULL;
    size_t length = prefix ? strlen(prefix) : 0;
    for (int64_t i = 0; chosen && i < dict->count; i++)
        if (strncmp(dict->entries[i].name, prefix ? prefix : "", length) == 0)
            tn_dict_set(chosen, dict->entries[i].name + length, dict->entries[i].t);
    if (!chosen || tn_ok(dict->object.ctx))
        return chosen;
    tn_dict_free(chosen);
    return NULL;
}

/* Selects all tensors, and then puts a copy in the place of each view. */
tn_dict *tn_dict_clone(const tn_dict *dict)
{
    tn_dict *copy = tn_dict_select(dict, NULL);
    for (int64_t i = 0; copy && tn_ok(dict->object.ctx) && i < copy->count; i++) {
        tn_tensor *t = tn__copied(dict->object.ctx, "dict_clone", copy->entries[i].t);
        if (t)
            tn_dict_set(copy, copy->entries[i].name, t);
        tn_free(t);
    }
    if (!copy || tn_ok(dict->object.ctx))
        return copy;
    tn_dict_free(copy);
    return NULL;
}
