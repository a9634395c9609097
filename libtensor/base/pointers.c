/* pointers.c - a list of pointers with a table of hashes, open to the next free entry. */
#include "base/memory.h"
#include "base/pointers.h"

/* The entry of the table where it is, or would be. Multiplication by 2^64 / phi carries every bit
 * up (Knuth). */
static int64_t *entry_of(const tn__pointers *list, const void *pointer)
{
    uint64_t hash = (uint64_t)(uintptr_t)pointer * 0x9e3779b97f4a7c15U;
    int64_t i = (int64_t)(hash >> 32) & (list->size - 1);
    while (list->table[i] && list->items[list->table[i] - 1] != pointer)
        i = (i + 1) & (list->size - 1);
    return &list->table[i];
}

int64_t tn__place_of(const tn__pointers *list, const void *pointer)
{
    return list->size ? *entry_of(list, pointer) - 1 : -1;
}

/* Enters the pointers in the order of the list, so that the last ones can be taken out again. */
static bool grow(tn_ctx *ctx, tn__pointers *list)
{
    int64_t size = list->size ? 2 * list->size : 16;
    int64_t *table = tn__alloc_zeroed(ctx, (size_t)size * sizeof *table);
    if (!table)
        return false;
    tn__free(ctx, list->table);
    list->table = table;
    list->size = size;
    for (int64_t i = 0; i < list->count; i++)
        *entry_of(list, list->items[i]) = i + 1;
    return true;
}

bool tn__add_pointer(tn_ctx *ctx, tn__pointers *list, const void *pointer)
{
    if (!tn__reserve(ctx, &list->items, &list->capacity, list->count + 1, sizeof *list->items) ||
        (2 * list->count >= list->size && !grow(ctx, list)))
        return false;
    *entry_of(list, pointer) = list->count + 1;
    list->items[list->count++] = pointer;
    return true;
}

/* Only searches for pointers that were added later pass over an entry, and those are gone by
 * now. */
void tn__cut_pointers(tn__pointers *list, int64_t count)
{
    while (list->count > count)
        *entry_of(list, list->items[--list->count]) = 0;
}

void tn__free_pointers(tn_ctx *ctx, tn__pointers *list)
{
    tn__free(ctx, list->items);
    tn__free(ctx, list->table);
    *list = (tn__pointers){0};
}
