/* The allocator: alignment, the cache of freed blocks, statistics, and failure. */
#include "base/asan.h"
#include "common/check_tn.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if defined(TN__ASAN)
/* What is in the cache cannot be touched, under any compiler's sanitizer. */
START_TEST(cached_blocks_are_poisoned)
{
    char *block = tn__alloc(ctx, 100);
    ck_assert(!__asan_address_is_poisoned(block));
    tn__free(ctx, block);
    ck_assert(__asan_address_is_poisoned(block));
    ck_assert(__asan_address_is_poisoned(block + 99));
    ck_assert_ptr_eq(tn__alloc(ctx, 100), block);
    ck_assert(!__asan_address_is_poisoned(block + 99));
    tn__free(ctx, block);
}
END_TEST
#endif

START_TEST(every_block_is_aligned)
{
    for (size_t size = 0; size < 5000; size += 37) {
        char *p = tn__alloc(ctx, size);
        ck_assert_uint_eq((uintptr_t)p % 64, 0);
        memset(p, 1, size);
        tn__free(ctx, p);
    }
    for (int dtype = 0; dtype < TN_DTYPES; dtype++) {
        tn_tensor *t = tn_empty(ctx, (tn_dtype)dtype, TN_SHAPE(3));
        ck_assert_uint_eq((uintptr_t)tn_data(t) % 64, 0);
    }
}
END_TEST

/* The bytes of a class hold what was asked for and waste at most an eighth, or 64 bytes. */
START_TEST(sizes_are_rounded_little)
{
    for (size_t size = 0; size < (size_t)1 << 24; size += size / 17 + 1) {
        int64_t before = tn_memory(ctx).live_bytes;
        void *p = tn__alloc(ctx, size);
        int64_t used = tn_memory(ctx).live_bytes - before;
        ck_assert_int_ge(used, (int64_t)size);
        ck_assert_int_le(used, (int64_t)(size + size / 8 + 64));
        tn__free(ctx, p);
        ck_assert_int_eq(tn_memory(ctx).live_bytes, before);
    }
}
END_TEST

START_TEST(freed_blocks_are_used_again)
{
    void *a = tn__alloc(ctx, 1000), *b = tn__alloc(ctx, 1000);
    int64_t calls = memory.calls;
    tn__free(ctx, a);
    tn__free(ctx, b);
    ck_assert_ptr_eq(tn__alloc(ctx, 990), b);
    ck_assert_ptr_eq(tn__alloc(ctx, 1000), a);
    ck_assert_int_eq(memory.calls, calls);
    tn__free(ctx, a);
    void *c = tn__alloc(ctx, 3000);
    ck_assert_ptr_ne(c, a);
    ck_assert_int_eq(memory.calls, calls + 1);
    tn__free(ctx, b);
    tn__free(ctx, c);
}
END_TEST

START_TEST(statistics)
{
    tn_memory_stats s0 = tn_memory(ctx);
    ck_assert_int_eq(s0.tensors, 0);
    ck_assert_int_eq(s0.nodes, 0);
    ck_assert_int_eq(s0.allocations, memory.calls);
    void *p = tn__alloc(ctx, 6400);
    tn_memory_stats s1 = tn_memory(ctx);
    ck_assert_int_eq(s1.live_bytes, s0.live_bytes + 6656);
    ck_assert_int_eq(s1.allocations, s0.allocations + 1);
    ck_assert_int_eq(s1.cached_bytes, s0.cached_bytes);
    tn__free(ctx, p);
    tn_memory_stats s2 = tn_memory(ctx);
    ck_assert_int_eq(s2.live_bytes, s0.live_bytes);
    ck_assert_int_eq(s2.cached_bytes, s0.cached_bytes + 6656);
    ck_assert_int_eq(s2.peak_bytes, s1.live_bytes);
}
END_TEST

START_TEST(peak)
{
    void *a = tn__alloc(ctx, 64000), *b = tn__alloc(ctx, 64);
    tn__free(ctx, a);
    int64_t live = tn_memory(ctx).live_bytes;
    ck_assert_int_ge(tn_memory(ctx).peak_bytes, live + 64000);
    tn_memory_reset_peak(ctx);
    ck_assert_int_eq(tn_memory(ctx).peak_bytes, live);
    a = tn__alloc(ctx, 128);
    ck_assert_int_eq(tn_memory(ctx).peak_bytes, live + 128);
    tn__free(ctx, a);
    ck_assert_int_eq(tn_memory(ctx).peak_bytes, live + 128);
    tn__free(ctx, b);
}
END_TEST

START_TEST(tensors_and_views_are_counted)
{
    tn_tensor *x = tn_zeros(ctx, TN_F32, TN_SHAPE(1000));
    int64_t live = tn_memory(ctx).live_bytes;
    tn_tensor *view = tn_reshape(ctx, x, TN_SHAPE(10, 100));
    ck_assert_int_eq(tn_memory(ctx).tensors, 2);
    ck_assert_int_lt(tn_memory(ctx).live_bytes, live + 1000);
    tn_free(x);
    ck_assert_int_ge(tn_memory(ctx).live_bytes, 4000);
    tn_free(view);
    ck_assert_int_eq(tn_memory(ctx).tensors, 0);
    ck_assert_int_lt(tn_memory(ctx).live_bytes, live - 4000);
}
END_TEST

START_TEST(empty_cache_gives_back)
{
    tn_empty_cache(ctx);
    int64_t blocks = memory.blocks;
    void *p[20];
    for (size_t i = 0; i < 20; i++)
        p[i] = tn__alloc(ctx, i * i * 100);
    for (size_t i = 0; i < 20; i += 2)
        tn__free(ctx, p[i]);
    ck_assert_int_eq(memory.blocks, blocks + 20);
    tn_empty_cache(ctx);
    ck_assert_int_eq(memory.blocks, blocks + 10);
    ck_assert_int_eq(tn_memory(ctx).cached_bytes, 0);
    for (size_t i = 1; i < 20; i += 2)
        tn__free(ctx, p[i]);
    tn_empty_cache(ctx);
    ck_assert_int_eq(memory.blocks, blocks);
}
END_TEST

/* Before memory is said to be short, what is cached is given back. */
START_TEST(cache_is_given_back_when_memory_is_short)
{
    tn__free(ctx, tn__alloc(ctx, 10000));
    ck_assert_int_gt(tn_memory(ctx).cached_bytes, 0);
    memory.fail_at = memory.calls + 1;
    void *p = tn__alloc(ctx, 20000);
    ck_assert_ptr_nonnull(p);
    ck_assert_int_eq(memory.failed, 1);
    ck_assert_int_eq(tn_memory(ctx).cached_bytes, 0);
    tn__free(ctx, p);
}
END_TEST

START_TEST(failure)
{
    tn_empty_cache(ctx);
    memory.fail_at = memory.calls + 1;
    int64_t live = tn_memory(ctx).live_bytes;
    ck_assert_ptr_null(tn__alloc(ctx, 12345));
    ck_assert_int_eq(tn_memory(ctx).live_bytes, live);
    ck_tn_error(TN_ERR_MEMORY, "out of memory: no 12345 bytes");
}
END_TEST

START_TEST(sizes_that_do_not_fit)
{
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 63, SIZE_MAX / 2, PTRDIFF_MAX / 2 + 1};
    int64_t calls = memory.calls;
    for (int i = 0; i < 4; i++) {
        ck_assert_ptr_null(tn__alloc(ctx, sizes[i]));
        ck_assert_int_eq(tn_error_status(ctx), TN_ERR_MEMORY);
        tn_clear_error(ctx);
    }
    ck_assert_ptr_null(tn_empty(ctx, TN_F32, TN_SHAPE(INT64_MAX)));
    ck_tn_error(TN_ERR_MEMORY, "empty: [9223372036854775807] of f32 does not fit 63 bits");
    ck_assert_ptr_null(tn_zeros(ctx, TN_F64, TN_SHAPE((int64_t)1 << 31, (int64_t)1 << 31)));
    ck_tn_error(TN_ERR_MEMORY, "zeros: [2147483648,2147483648] of f64 does not fit 63 bits");
    ck_assert_ptr_null(tn_empty(ctx, TN_F32, TN_SHAPE(0, (int64_t)1 << 40, (int64_t)1 << 40)));
    ck_assert_int_eq(tn_error_status(ctx), TN_ERR_MEMORY);
    tn_clear_error(ctx);
    ck_assert_ptr_null(tn_empty(ctx, TN_U8, TN_SHAPE(INT64_MAX)));
    ck_tn_error(TN_ERR_MEMORY, "empty: out of memory: no 9223372036854775807 bytes for "
                               "[9223372036854775807] of u8");
    ck_assert_int_eq(memory.calls, calls);
}
END_TEST

START_TEST(growing)
{
    int64_t *array = NULL, capacity = 0;
    for (int64_t i = 0; i < 1000; i++) {
        ck_assert(tn__reserve(ctx, &array, &capacity, i + 1, sizeof *array));
        ck_assert_int_gt(capacity, i);
        array[i] = i;
    }
    for (int64_t i = 0; i < 1000; i++)
        ck_assert_int_eq(array[i], i);
    int64_t before = capacity;
    ck_assert(!tn__reserve(ctx, &array, &capacity, INT64_MAX, sizeof *array));
    ck_assert_int_eq(tn_error_status(ctx), TN_ERR_MEMORY);
    tn_clear_error(ctx);
    tn_empty_cache(ctx);
    memory.fail_at = memory.calls + 1;
    memory.for_good = true;
    ck_assert(!tn__reserve(ctx, &array, &capacity, 100000, sizeof *array));
    ck_assert_int_eq(capacity, before);
    ck_assert_int_eq(array[999], 999);
    tn_clear_error(ctx);
    tn__free(ctx, array);
}
END_TEST

START_TEST(zeroed_and_copied)
{
    char *p = tn__alloc(ctx, 300);
    memset(p, 7, 300);
    tn__free(ctx, p);
    p = tn__alloc_zeroed(ctx, 300);
    for (int i = 0; i < 300; i++)
        ck_assert_int_eq(p[i], 0);
    tn__free(ctx, p);
    char *text = tn__strdup(ctx, "0.weight");
    ck_assert_str_eq(text, "0.weight");
    tn__free(ctx, text);
    text = tn__concat(ctx, "0.", "weight", "s");
    ck_assert_str_eq(text, "0.weights");
    tn__free(ctx, text);
    tn__free(ctx, NULL);
}
END_TEST

/* A large block that is free serves sizes down to half of its own, and keeps its size. */
START_TEST(test_large_blocks_serve_smaller_sizes)
{
    void *large = tn__alloc(ctx, 8 << 20);
    tn__free(ctx, large);
    int64_t calls = memory.calls;
    void *smaller = tn__alloc(ctx, 5 << 20);
    ck_assert_ptr_eq(smaller, large);
    ck_assert_int_eq(tn_memory(ctx).cached_bytes, 0);
    tn__free(ctx, smaller);
    ck_assert_ptr_eq(tn__alloc(ctx, 8 << 20), large);
    tn__free(ctx, large);
    ck_assert_int_eq(memory.calls, calls);
    void *half = tn__alloc(ctx, 3 << 20);
    ck_assert_ptr_ne(half, large);
    tn__free(ctx, half);
    tn__free(ctx, tn__alloc(ctx, 700000));
    tn__free(ctx, tn__alloc(ctx, 500000));
    ck_assert_int_eq(memory.calls, calls + 3);
}
END_TEST

/* The allocator that a context has by default: its blocks hold what was asked for, and ask the
 * system for no more. */
START_TEST(blocks_of_the_system_do_not_overlap)
{
    unsigned char *blocks[200];
    for (size_t i = 0; i < 200; i++) {
        blocks[i] = tn__system_allocator.alloc(NULL, 37 * i + 1, 64);
        ck_assert_uint_eq((uintptr_t)blocks[i] % 64, 0);
        memset(blocks[i], (int)i, 37 * i + 1);
    }
    for (size_t i = 0; i < 200; i++) {
        for (size_t j = 0; j <= 37 * i; j++)
            ck_assert_uint_eq(blocks[i][j], i);
        tn__system_allocator.free(NULL, blocks[i], 37 * i + 1);
    }
}
END_TEST

static int64_t addresses_in_use(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%ld", &pages), 1);
    fclose(file);
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

/* The allocators of tools that watch memory keep for a while what is freed. */
START_TEST(the_system_is_asked_for_little_more)
{
    enum { SIZE = 50 << 20, MORE = 1 << 20 };
    int64_t before = addresses_in_use();
    for (int i = 0; i < 20; i++) {
        void *block = tn__system_allocator.alloc(NULL, SIZE, 64);
        ck_assert_ptr_nonnull(block);
        ck_assert_uint_ge(malloc_usable_size(block), SIZE);
        ck_assert_uint_lt(malloc_usable_size(block), SIZE + MORE);
        if (!is_watched())
            ck_assert_int_lt(addresses_in_use() - before, SIZE + MORE);
        tn__system_allocator.free(NULL, block, SIZE);
    }
    if (!is_watched())
        ck_assert_int_lt(addresses_in_use() - before, SIZE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memory");
    TCase *tc = tn_case(suite, "memory");
#if defined(TN__ASAN)
    tcase_add_test(tc, cached_blocks_are_poisoned);
#endif
    tcase_add_test(tc, every_block_is_aligned);
    tcase_add_test(tc, sizes_are_rounded_little);
    tcase_add_test(tc, freed_blocks_are_used_again);
    tcase_add_test(tc, statistics);
    tcase_add_test(tc, peak);
    tcase_add_test(tc, tensors_and_views_are_counted);
    tcase_add_test(tc, empty_cache_gives_back);
    tcase_add_test(tc, cache_is_given_back_when_memory_is_short);
    tcase_add_test(tc, failure);
    tcase_add_test(tc, sizes_that_do_not_fit);
    tcase_add_test(tc, growing);
    tcase_add_test(tc, zeroed_and_copied);
    tcase_add_test(tc, test_large_blocks_serve_smaller_sizes);
    tcase_add_test(tc, blocks_of_the_system_do_not_overlap);
    tcase_add_test(tc, the_system_is_asked_for_little_more);
    return tn_run(suite);
}
