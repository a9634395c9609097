/* memory.c - the allocator of a context, with a cache of freed blocks by size.
 *
 * Sizes are rounded up to eight classes per doubling, so at most an eighth is wasted; a freed block
 * goes to the list of its class and is the first to be used again. A large one also serves sizes
 * down to half of its own, so that layers whose results differ in size take turns in the same
 * memory. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "base/asan.h"
#include "base/error.h"
#include "base/integers.h"
#include "base/memory.h"

/* Requests to valgrind; some nanoseconds each, where it does not run. */
#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#endif
#endif

#if defined(TN_DEBUG)
enum { DEBUG = 1 };
#else
enum { DEBUG = 0 };
#endif

/* Freed blocks are filled with 0xff, a NaN in every float type, where that is wanted. Tools that
 * watch memory report who touches them. */
static void forbid(const tn__memory *m, void *memory, size_t size)
{
    if (DEBUG || m->poison)
        memset(memory, 0xff, size);
#if defined(TN__ASAN)
    ASAN_POISON_MEMORY_REGION(memory, size);
#elif defined(__GNUC__)
    if (__asan_poison_memory_region)
        __asan_poison_memory_region(memory, size);
#endif
#if defined(RUNNING_ON_VALGRIND)
    if (m->is_on_valgrind)
        VALGRIND_MAKE_MEM_NOACCESS(memory, size);
#endif
}

static void permit(const tn__memory *m, void *memory, size_t size)
{
#if defined(TN__ASAN)
    ASAN_UNPOISON_MEMORY_REGION(memory, size);
#elif defined(__GNUC__)
    if (__asan_unpoison_memory_region)
        __asan_unpoison_memory_region(memory, size);
#endif
#if defined(RUNNING_ON_VALGRIND)
    if (m->is_on_valgrind)
        VALGRIND_MAKE_MEM_DEFINED(memory, size);
#endif
    (void)m, (void)memory, (void)size;
}

/* With -DTN_EXACT_BLOCKS a block has the size that was asked for, and goes back to the allocator as
 * soon as it is freed: what is behind the allocator sees every use beyond its end or after that. */
#if defined(TN_EXACT_BLOCKS)
enum { EXACT_BLOCKS = 1 };
#else
enum { EXACT_BLOCKS = 0 };
#endif

enum { CLASSES_PER_DOUBLING = 8, LARGE = 1 << 20, MOST_RETIRED = 1 << 16 };

/* In front of every block, as long as the alignment. */
struct tn__block {
    tn__block *next; /* in the cache, or of those that are retired */
    size_t size;     /* that the caller may use: a whole class */
    int bin;
};

static_assert(sizeof(struct tn__block) <= TN_ALIGNMENT, "a block's header fits its alignment");

static void *system_alloc(void *payload, size_t size, size_t alignment)
{
    (void)payload;
    return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

static void system_free(void *payload, void *memory, size_t size)
{
    (void)payload;
    (void)size;
    free(memory);
}

const tn_allocator tn__system_allocator = {.alloc = system_alloc, .free = system_free};

/* Class 8 e + m holds sizes up to 2^e (1 + m/8), in units of 64 bytes. */
static int size_class(size_t size, size_t *rounded)
{
    size_t units = size / TN_ALIGNMENT + (size % TN_ALIGNMENT != 0);
    units = units ? units : 1;
    int e = 0;
    while (units >> e > 1)
        e++;
    size_t step = e > 3 ? ((size_t)1 << e) / CLASSES_PER_DOUBLING : 1;
    size_t base = (size_t)1 << e;
    size_t m = (units - base + step - 1) / step;
    *rounded = (base + m * step) * TN_ALIGNMENT;
    return CLASSES_PER_DOUBLING * e + (int)m;
}

static tn__block *block_of(void *memory)
{
    return (tn__block *)(void *)((char *)memory - TN_ALIGNMENT);
}

static void count_live(tn__memory *memory, int64_t bytes)
{
    memory->stats.live_bytes += bytes;
    if (memory->stats.live_bytes > memory->stats.peak_bytes)
        memory->stats.peak_bytes = memory->stats.live_bytes;
}

static tn__block *take_cached(tn__memory *memory, int bin)
{
    tn__block *block = memory->cache[bin];
    if (block) {
        memory->cache[bin] = block->next;
        memory->stats.cached_bytes -= (int64_t)block->size;
    }
    return block;
}

/* The smallest block that is cached and fits. */
static tn__block *find_cached(tn__memory *memory, int bin, size_t size)
{
    tn__block *block = NULL;
    int last = size >= LARGE && bin + CLASSES_PER_DOUBLING < TN_SIZE_CLASSES
                   ? bin + CLASSES_PER_DOUBLING
                   : bin;
    for (; !block && bin <= last; bin++)
        block = take_cached(memory, bin);
    return block;
}

static tn__block *new_block(tn__memory *memory, int bin, size_t size)
{
    memory->stats.allocations++;
    tn__block *block =
        memory->allocator.alloc(memory->allocator.payload, size + TN_ALIGNMENT, TN_ALIGNMENT);
    if (block)
        *block = (tn__block){.size = size, .bin = bin};
    return block;
}

void *tn__try_alloc(tn_ctx *ctx, size_t size)
{
    tn__memory *memory = ctx->memory;
    if (size > PTRDIFF_MAX / 2)
        return NULL;
    size_t rounded;
    int bin = size_class(size, &rounded);
    rounded = EXACT_BLOCKS ? size : rounded;
    tn__block *block = find_cached(memory, bin, rounded);
    if (!block)
        block = new_block(memory, bin, rounded);
    if (!block && memory->stats.cached_bytes) {
        tn_empty_cache(ctx);
        block = new_block(memory, bin, rounded);
    }
    if (!block)
        return NULL;
    permit(memory, (char *)block + TN_ALIGNMENT, block->size);
    count_live(memory, (int64_t)block->size);
    return (char *)block + TN_ALIGNMENT;
}

void *tn__alloc(tn_ctx *ctx, size_t size)
{
    void *memory = tn__try_alloc(ctx, size);
    if (!memory)
        tn__out_of_memory(ctx, size);
    return memory;
}

void *tn__alloc_zeroed(tn_ctx *ctx, size_t size)
{
    void *memory = tn__alloc(ctx, size);
    if (memory)
        memset(memory, 0, size);
    return memory;
}

void *tn__realloc(tn_ctx *ctx, void *memory, size_t size)
{
    size_t old = memory ? block_of(memory)->size : 0;
    if (memory && size <= old)
        return memory;
    void *bigger = tn__alloc(ctx, size);
    if (bigger && memory) {
        memcpy(bigger, memory, old);
        tn__free(ctx, memory);
    }
    return bigger;
}

static void give_back(tn__memory *memory, tn__block *block)
{
    permit(memory, (char *)block + TN_ALIGNMENT, block->size);
    memory->allocator.free(memory->allocator.payload, block, block->size + TN_ALIGNMENT);
}

static void put_in_cache(tn__memory *memory, tn__block *block)
{
    block->next = memory->cache[block->bin];
    memory->cache[block->bin] = block;
    memory->stats.cached_bytes += (int64_t)block->size;
}

void tn__free(tn_ctx *ctx, void *memory)
{
    if (!memory)
        return;
    tn__block *block = block_of(memory);
    ctx->memory->stats.live_bytes -= (int64_t)block->size;
    if (EXACT_BLOCKS) {
        give_back(ctx->memory, block);
        return;
    }
    forbid(ctx->memory, memory, block->size);
    put_in_cache(ctx->memory, block);
}

static tn__block *take_oldest(tn__memory *memory)
{
    tn__block *block = memory->oldest;
    memory->oldest = block->next;
    memory->retired--;
    return block;
}

void tn__retire(tn_ctx *ctx, void *memory)
{
    tn__memory *m = ctx->memory;
    if (!m->poison || EXACT_BLOCKS) {
        tn__free(ctx, memory);
        return;
    }
    tn__block *block = block_of(memory);
    m->stats.live_bytes -= (int64_t)block->size;
    forbid(m, memory, block->size);
    block->next = NULL;
    *(m->retired++ ? &m->newest->next : &m->oldest) = block;
    m->newest = block;
    if (m->retired > MOST_RETIRED)
        put_in_cache(m, take_oldest(m));
}

void tn__memory_open(tn_ctx *ctx, bool poison)
{
    ctx->memory->poison = poison;
#if defined(RUNNING_ON_VALGRIND)
    ctx->memory->is_on_valgrind = RUNNING_ON_VALGRIND;
#endif
}

void tn__memory_close(tn_ctx *ctx)
{
    while (ctx->memory->retired > 0)
        give_back(ctx->memory, take_oldest(ctx->memory));
    tn_empty_cache(ctx);
}

void tn_empty_cache(tn_ctx *ctx)
{
    if (!ctx)
        return;
    tn__memory *memory = ctx->memory;
    for (int bin = 0; memory->stats.cached_bytes > 0 && bin < TN_SIZE_CLASSES; bin++)
        for (tn__block *block; (block = take_cached(memory, bin));)
            give_back(memory, block);
}

bool tn__reserve(tn_ctx *ctx, void *array, int64_t *capacity, int64_t count, size_t size)
{
    if (count <= *capacity)
        return true;
    int64_t most = INT64_MAX / (int64_t)size, wanted = *capacity < 8 ? 8 : 2 * *capacity;
    while (wanted < count && wanted <= most)
        wanted *= 2;
    if (wanted > most) {
        tn__out_of_memory(ctx, SIZE_MAX);
        return false;
    }
    void *old;
    memcpy(&old, array, sizeof old);
    void *bigger = tn__realloc(ctx, old, tn__bytes(wanted * (int64_t)size));
    if (!bigger)
        return false;
    memcpy(array, &bigger, sizeof bigger);
    *capacity = wanted;
    return true;
}

char *tn__strdup(tn_ctx *ctx, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = tn__alloc(ctx, size);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}

char *tn__concat(tn_ctx *ctx, const char *a, const char *b, const char *c)
{
    size_t length_a = strlen(a), length_b = strlen(b), size_c = strlen(c) + 1;
    char *text = tn__alloc(ctx, length_a + length_b + size_c);
    if (!text)
        return NULL;
    memcpy(text, a, length_a);
    memcpy(text + length_a, b, length_b);
    memcpy(text + length_a + length_b, c, size_c);
    return text;
}

tn_memory_stats tn_memory(const tn_ctx *ctx)
{
    return ctx ? ctx->memory->stats : (tn_memory_stats){0};
}

void tn_memory_reset_peak(tn_ctx *ctx)
{
    if (ctx)
        ctx->memory->stats.peak_bytes = ctx->memory->stats.live_bytes;
}
