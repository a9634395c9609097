/* index.h - where a name is in an array of structs of `size` bytes, whose first member is their
 * name. */
#ifndef TN_BASE_INDEX_H
#define TN_BASE_INDEX_H

#include "base/context.h"

typedef struct tn__place {
    uint64_t hash;
    int64_t number; /* in the array, from 1; 0 where there is none */
} tn__place;

typedef struct tn__index {
    tn__place *table;
    int64_t size; /* a power of two, or 0 */
} tn__index;

/* The hash of a name, under the key of the context. */
uint64_t tn__hash(const tn_ctx *ctx, const char *name);

/* The number that has been added under that name; -1 if there is none. */
int64_t tn__index_find(const tn__index *index, const void *array, size_t size, const char *name,
                       uint64_t hash);

/* tn__index_reserve makes room for `count` names. Adding one that is not there cannot fail then. */
bool tn__index_reserve(tn_ctx *ctx, tn__index *index, int64_t count);
void tn__index_add(tn__index *index, uint64_t hash, int64_t number);
void tn__index_free(tn_ctx *ctx, tn__index *index);

#endif
