/* check_tn.c - the context of a test, its allocator, and the assertions. */
#include "common/check_tn.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#if !defined(RUNNING_ON_VALGRIND)
#define RUNNING_ON_VALGRIND 0
#endif

#ifdef TN_COVERAGE
void __gcov_dump(void); /* what the compiler does as a program exits */
#endif

tn_ctx *ctx;
counting memory;

/* A loader calls the allocator from a thread of its own, too. */
static pthread_mutex_t counting_lock = PTHREAD_MUTEX_INITIALIZER;

static void *count_block(counting *c, size_t size, size_t alignment)
{
    c->calls++;
    if (c->fail_at && (c->for_good ? c->calls >= c->fail_at : c->calls == c->fail_at)) {
        c->failed++;
        return NULL;
    }
    if (c->largest && size > c->largest)
        return NULL;
    void *p = aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    if (!p)
        ck_abort_msg("no memory for %zu bytes", size);
    c->blocks++;
    c->bytes += (int64_t)size;
    return p;
}

static void *counting_alloc(void *payload, size_t size, size_t alignment)
{
    pthread_mutex_lock(&counting_lock);
    void *p = count_block(payload, size, alignment);
    pthread_mutex_unlock(&counting_lock);
    return p;
}

static void counting_free(void *payload, void *p, size_t size)
{
    counting *c = payload;
    pthread_mutex_lock(&counting_lock);
    c->blocks--;
    c->bytes -= (int64_t)size;
    pthread_mutex_unlock(&counting_lock);
    free(p);
}

tn_allocator counting_allocator(counting *payload)
{
    return (tn_allocator){.alloc = counting_alloc, .free = counting_free, .payload = payload};
}

#undef _mark_point

void mark_line(const char *file, int line)
{
    static _Thread_local struct {
        const char *file;
        int line;
    } written[8];
    static _Thread_local unsigned next;
    for (int i = 0; i < 8; i++)
        if (written[i].line == line && written[i].file == file)
            return;
    written[next].file = file;
    written[next].line = line;
    next = (next + 1) % 8;
    _mark_point(file, line);
}

static void setup(void)
{
    memory = (counting){0};
    ctx = tn_ctx_new(
        &(tn_ctx_opts){.seed = 1, .threads = 2, .allocator = counting_allocator(&memory)});
    ck_assert_ptr_nonnull(ctx);
}

static void teardown(void)
{
    ck_tn_ok();
    tn_ctx_free(ctx);
    ck_assert_int_eq(memory.blocks, 0);
    ck_assert_int_eq(memory.bytes, 0);
}

TCase *tn_case(Suite *suite, const char *name)
{
    TCase *tc = tcase_create(name);
    tcase_set_timeout(tc, PATIENCE);
    tcase_add_checked_fixture(tc, setup, teardown);
    suite_add_tcase(suite, tc);
    return tc;
}

bool is_watched(void)
{
#if defined(TN__ASAN)
    return true;
#else
    return RUNNING_ON_VALGRIND;
#endif
}

int tn_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    setvbuf(stdout, NULL, _IOLBF, 0); /* what a test prints before it fails is shown */
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

double effort(clock_t since)
{
    enum { SIZE = 1 << 20, TIMES = 16 };
    clock_t now = clock();
    void *bytes = calloc(1, SIZE);
    uint64_t hash = 0;
    for (int i = 0; i < TIMES; i++)
        hash += tn__siphash((tn__hash_key){{hash}}, bytes, SIZE);
    free(bytes);
    clock_t hashing = clock() - now;
    return hash == 0 ? 0 : TIMES * (double)(now - since) / (double)hashing;
}

const char *this_program(void)
{
    static char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    ck_assert(length > 0);
    path[length] = '\0';
    return path;
}

void look_for_no_leaks(void)
{
#if defined(VALGRIND_CLO_CHANGE)
    VALGRIND_CLO_CHANGE("--leak-check=no");
#endif
}

void leave_child(int status)
{
#ifdef TN_COVERAGE
    __gcov_dump();
#endif
    _exit(status);
}

double element_of(const tn_tensor *t, int64_t i)
{
    int64_t index[TN_MAX_DIMS];
    for (int dim = tn_ndim(t) - 1; dim >= 0; dim--) {
        index[dim] = i % tn_size(t, dim);
        i /= tn_size(t, dim);
    }
    return tn_at(ctx, t, index);
}

tn_tensor *whole_numbers(tn_dtype dtype, int ndim, const int64_t *shape, int most, uint32_t seed)
{
    tn_tensor *t = tn_empty(ctx, dtype, ndim, shape);
    for (int64_t i = 0; i < tn_numel(t); i++) {
        seed = seed * 1664525 + 1013904223;
        tn__store_f64(dtype, (char *)tn__ptr(t) + (size_t)i * tn_dtype_size(dtype),
                      (double)((seed >> 16) % (2 * (uint32_t)most + 1)) - most);
    }
    return t;
}

void check_elements(const char *file, int line, const tn_tensor *t, double tolerance,
                    const double *expected, int64_t count)
{
    ck_assert_msg(t != NULL, "%s:%d: no tensor: %s", file, line, tn_error(ctx));
    ck_assert_msg(tn_numel(t) == count, "%s:%d: shape %s", file, line, TN_SHAPE_TEXT(t));
    for (int64_t i = 0; i < count; i++) {
        double value = element_of(t, i), limit = tolerance * fmax(1, fabs(expected[i]));
        bool same = value == expected[i] || (isnan(value) && isnan(expected[i]));
        if (!same && !(fabs(value - expected[i]) <= limit))
            ck_abort_msg("%s:%d: element %lld is %.17g, not %.17g", file, line, (long long)i, value,
                         expected[i]);
    }
}

void check_same_bits(const tn_tensor *a, const tn_tensor *b)
{
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_nonnull(b);
    ck_assert_str_eq(TN_SHAPE_TEXT(a), TN_SHAPE_TEXT(b));
    ck_assert_int_eq(tn_dtype_of(a), tn_dtype_of(b));
    ck_assert(tn_is_contiguous(a) && tn_is_contiguous(b));
    size_t size = (size_t)tn_numel(a) * tn_dtype_size(tn_dtype_of(a));
    ck_assert_msg(size == 0 || memcmp(tn_data(a), tn_data(b), size) == 0,
                  "tensors of shape %s differ", TN_SHAPE_TEXT(a));
}

tn_tensor *leaf(tn_tensor *t)
{
    ck_assert_int_eq(tn_set_requires_grad(ctx, t, true), TN_OK);
    return t;
}

void fail_each_allocation(attempt_fn run, void *payload)
{
    tn_status status = TN_ERR_MEMORY;
    int64_t k = 0;
    while (status != TN_OK) {
        tn_empty_cache(ctx);
        tn_memory_stats before = tn_memory(ctx);
        memory.for_good = true;
        memory.fail_at = memory.calls + ++k;
        status = run(payload);
        memory.fail_at = 0;
        ck_assert_msg(status == TN_OK || status == TN_ERR_MEMORY, "%lld: %s", (long long)k,
                      tn_error(ctx));
        ck_assert_int_eq(tn_error_status(ctx), status);
        tn_clear_error(ctx);
        ck_assert_int_eq(tn_memory(ctx).live_bytes, before.live_bytes);
        ck_assert_int_eq(tn_memory(ctx).tensors, before.tensors);
    }
    ck_assert_int_gt(k, 1);
}

tn_tensor *sum_of(const tn_tensor *t)
{
    return tn_sum(ctx, t, (tn_reduce_opts){0});
}
