/* index.c - where a name is in an array: a hash table of the array's numbers (open addressing,
 * linear probing). Each name is hashed once: its hash stays in the table. */
#include <string.h>
#include "base/index.h"
#include "base/memory.h"
#include "base/siphash.h"

uint64_t tn__hash(const tn_ctx *ctx, const char *name)
{
    return tn__siphash(ctx->hash_key, name, strlen(name));
}

static const char *name_of(const void *array, size_t size, int64_t number)
{
    const char *name;
    memcpy(&name, (const char *)array + (size_t)number * size, sizeof name);
    return name;
}

int64_t tn__index_find(const tn__index *index, const void *array, size_t size, const char *name,
                       uint64_t hash)
{
    uint64_t mask = (uint64_t)index->size - 1;
    if (index->size == 0)
        return -1;
    for (uint64_t i = hash & mask; index->table[i].number; i = (i + 1) & mask) {
        int64_t number = index->table[i].number - 1;
        if (index->table[i].hash == hash && strcmp(name_of(array, size, number), name) == 0)
            return number;
    }
    return -1;
}

/* Half of the table at least stays free. */
bool tn__index_reserve(tn_ctx *ctx, tn__index *index, int64_t count)
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
        if (index->table[i].number)
            tn__index_add(&bigger, index->table[i].hash, index->table[i].number - 1);
    tn__index_free(ctx, index);
    *index = bigger;
    return true;
}

void tn__index_add(tn__index *index, uint64_t hash, int64_t number)
{
    uint64_t mask = (uint64_t)index->size - 1, i = hash & mask;
    while (index->table[i].number)
        i = (i + 1) & mask;
    index->table[i] = (tn__place){hash, number + 1};
}

void tn__index_free(tn_ctx *ctx, tn__index *index)
{
    tn__free(ctx, index->table);
    *index = (tn__index){0};
}
