/* index.c - where a name is in an array: a hash table of the array's numbers (open addressing,
 * linear probing; FNV-1a by Fowler, Noll, Vo). */
#include <string.h>
#include "core/core.h"

static uint64_t hash(const char *name)
{
    uint64_t h = 0xcbf29ce484222325U;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 0x100000001b3U;
    return h;
}

static const char *name_of(const void *array, size_t size, int64_t number)
{
    const char *name;
    memcpy(&name, (const char *)array + (size_t)number * size, sizeof name);
    return name;
}

/* Where in the table `name` is, or would be. */
static int64_t *place_of(const tn__index *index, const void *array, size_t size, const char *name)
{
    uint64_t mask = (uint64_t)index->size - 1, i = hash(name) & mask;
    while (index->table[i] && strcmp(name_of(array, size, index->table[i] - 1), name) != 0)
        i = (i + 1) & mask;
    return &index->table[i];
}

int64_t tn__index_find(const tn__index *index, const void *array, size_t size, const char *name)
{
    return index->size ? *place_of(index, array, size, name) - 1 : -1;
}

/* Half of the table at least stays free. */
bool tn__index_reserve(tn_ctx *ctx, tn__index *index, const void *array, size_t size, int64_t count)
{
    tn__index bigger = {.size = index->size ? index->size : 16};
    while (bigger.size < 2 * count)
        bigger.size *= 2;
    if (bigger.size == index->size)
        return true;
    bigger.table = tn__alloc_zeroed(ctx, (size_t)bigger.size * sizeof *bigger.table);
    if (!bigger.table)
        return false;
    for (int64_t i = 0; i < index->size; i++)
        if (index->table[i])
            tn__index_add(&bigger, array, size, index->table[i] - 1);
    tn__index_free(ctx, index);
    *index = bigger;
    return true;
}

void tn__index_add(tn__index *index, const void *array, size_t size, int64_t number)
{
    *place_of(index, array, size, name_of(array, size, number)) = number + 1;
}

void tn__index_free(tn_ctx *ctx, tn__index *index)
{
    tn__free(ctx, index->table);
    *index = (tn__index){0};
}
