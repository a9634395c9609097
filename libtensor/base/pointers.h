/* pointers.h - a list of pointers, each there once, that knows the place of each. */
#ifndef TN_BASE_POINTERS_H
#define TN_BASE_POINTERS_H

#include "base/context.h"

/* Empty when it is full of zeros. */
typedef struct tn__pointers {
    const void **items; /* in the order of adding */
    int64_t count, capacity;
    int64_t *table; /* place + 1 of a pointer, by its hash; 0: free */
    int64_t size;   /* of the table: a power of 2, more than `count` */
} tn__pointers;

/* Its place; -1 if it is not there. */
int64_t tn__place_of(const tn__pointers *list, const void *pointer);

/* Adds one that is not there, at place `count`; false if memory is short. */
bool tn__add_pointer(tn_ctx *ctx, tn__pointers *list, const void *pointer);

/* Forgets those from place `count` on. */
void tn__cut_pointers(tn__pointers *list, int64_t count);

void tn__free_pointers(tn_ctx *ctx, tn__pointers *list);

#endif
