/* dict.c - dictionaries: named tensors in the order in which they were first set. */
#include <string.h>
#include "io/io.h"

typedef struct entry {
    char *name;
    tn_tensor *t;
} entry;

struct tn_dict {
    tn__object object;
    entry *entries;
    int64_t count, capacity;
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

static entry *find(const tn_dict *dict, const char *name)
{
    for (int64_t i = 0; dict && name && i < dict->count; i++)
        if (strcmp(dict->entries[i].name, name) == 0)
            return &dict->entries[i];
    return NULL;
}

static bool append(tn_dict *dict, const char *name, tn_tensor *t)
{
    tn_ctx *ctx = dict->object.ctx;
    char *copy = tn__strdup(ctx, name);
    if (!copy ||
        !tn__reserve(ctx, &dict->entries, &dict->capacity, dict->count + 1, sizeof(entry))) {
        tn__free(ctx, copy);
        return false;
    }
    dict->entries[dict->count++] = (entry){copy, t};
    return true;
}

tn_status tn_dict_set(tn_dict *dict, const char *name, const tn_tensor *t)
{
    if (!dict)
        return TN_ERR_ARGUMENT;
    tn_ctx *ctx = dict->object.ctx;
    if (!tn__check(ctx, "dict_set", t))
        return tn_error_status(ctx);
    if (!name)
        return tn_fail(ctx, TN_ERR_ARGUMENT, "dict_set: name is NULL");
    tn_tensor *alias = tn__alias(ctx, t, false);
    if (!alias)
        return tn_error_status(ctx);
    entry *old = find(dict, name);
    if (old) {
        tn__release(old->t);
        old->t = alias;
    } else if (!append(dict, name, alias)) {
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
    const entry *found = find(dict, name);
    return found ? found->t : NULL;
}
