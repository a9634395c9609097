/* memory.h - memory of a context: from its allocator, in blocks that are kept for reuse. */
#ifndef TN_BASE_MEMORY_H
#define TN_BASE_MEMORY_H

#include "base/context.h"

#define TN_ALIGNMENT 64

typedef struct tn__block tn__block;

/* Freed blocks by size class, eight classes to each doubling. */
extern const tn_allocator tn__system_allocator; /* aligned_alloc and free */
#define TN_SIZE_CLASSES (64 * 8)

struct tn__memory {
    tn_allocator allocator;
    tn__block *cache[TN_SIZE_CLASSES]; /* freed blocks by size class, eight to each doubling */
    tn_memory_stats stats;
    int64_t most_prepared; /* stats.prepared_bytes, at most */
    bool poison;           /* tn_ctx_opts.poison_freed */
    bool is_on_valgrind;   /* which is told what may be touched */
    tn__block *oldest, *newest;
    int64_t retired; /* blocks from the oldest to the newest, which tn__retire keeps apart */
};

/* `size` bytes aligned to 64, or NULL with TN_ERR_MEMORY recorded. Freed by tn__free. The second
 * records nothing; the third is zeroed; the fourth keeps the contents of `memory` (NULL allowed),
 * which stays valid on failure. */
void *tn__alloc(tn_ctx *ctx, size_t size);
void *tn__try_alloc(tn_ctx *ctx, size_t size);
void *tn__alloc_zeroed(tn_ctx *ctx, size_t size);
void *tn__realloc(tn_ctx *ctx, void *memory, size_t size);
void tn__free(tn_ctx *ctx, void *memory);

/* As tn__free. With poison_freed the memory is not used again before 65536 others are retired. */
void tn__retire(tn_ctx *ctx, void *memory);

/* Of memory that is zero but for its allocator. tn__memory_close gives all that is freed or retired
 * back to that. */
void tn__memory_open(tn_ctx *ctx, bool poison);
void tn__memory_close(tn_ctx *ctx);

/* An array that grows: makes room for `count` elements of `size` bytes in *array, whose capacity is
 * *capacity elements. */
bool tn__reserve(tn_ctx *ctx, void *array, int64_t *capacity, int64_t count, size_t size);
char *tn__strdup(tn_ctx *ctx, const char *text);
char *tn__concat(tn_ctx *ctx, const char *a, const char *b, const char *c);

#endif
