/* rates.c - times the library's product, and plain loops over memory. */
#include "bench/rates.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/timing.h"

typedef struct buffers {
    tn_ctx *ctx;
    tn_tensor *a, *b;
    uint64_t *from, *to;
} buffers;

static void product(const buffers *b)
{
    tn_scope scope = tn_scope_begin(b->ctx);
    tn_matmul(b->ctx, b->a, b->b);
    tn_scope_end(b->ctx, scope);
}

enum { WORDS = RATE_BYTES / sizeof(uint64_t), PIECE = 8192, PLACES = 4 };

/* The sum is kept where the compiler cannot know that nobody reads it. */
static volatile uint64_t kept;

typedef uint64_t words __attribute__((vector_size(32)));

/* PLACES at once: the processor fetches ahead from each, and one alone does not keep memory busy.
 * Each has a sum of its own, in vectors: one sum would wait for its last addition. */
static uint64_t read_pieces(const uint64_t *p)
{
    words sums[PLACES] = {{0}}, all = {0};
    for (int i = 0; i < PIECE; i += 8)
#pragma GCC unroll 4
        for (int place = 0; place < PLACES; place++) {
            const words *line = (const words *)(p + place * PIECE + i);
            sums[place] += line[0] + line[1];
        }
    for (int place = 0; place < PLACES; place++)
        all += sums[place];
    return all[0] + all[1] + all[2] + all[3];
}

static void reading(const buffers *b)
{
    uint64_t sum = 0;
#pragma omp parallel for num_threads(tn_threads(b->ctx)) reduction(+ : sum)
    for (int i = 0; i < WORDS; i += PLACES * PIECE)
        sum += read_pieces(b->from + i);
    kept = sum;
}

static void copying(const buffers *b)
{
#pragma omp parallel for num_threads(tn_threads(b->ctx))
    for (int i = 0; i < WORDS; i += PIECE)
        memcpy(b->to + i, b->from + i, PIECE * sizeof(uint64_t));
}

static void time_calls(void (*run)(const buffers *), const buffers *b, double seconds)
{
    enum { MOST_CALLS = 1024 };
    double times[MOST_CALLS];
    int n = 0;
    run(b);
    for (double end = now() + seconds; n < MOST_CALLS && (n == 0 || now() < end); n++) {
        moment start = start_timing();
        run(b);
        times[n] = seconds_since(start, tn_threads(b->ctx));
    }
    print_times(times, n);
}

static bool time_memory(buffers *b, void (*run)(const buffers *), double seconds)
{
    b->from = malloc(RATE_BYTES);
    b->to = malloc(RATE_BYTES);
    bool made = b->from && b->to;
    if (made) {
        memset(b->from, 1, RATE_BYTES);
        time_calls(run, b, seconds);
    }
    free(b->from);
    free(b->to);
    return made;
}

bool answer_rate(tn_ctx *ctx, const char *name, double seconds)
{
    buffers b = {.ctx = ctx};
    if (strcmp(name, "reading") == 0)
        return time_memory(&b, reading, seconds);
    if (strcmp(name, "copying") == 0)
        return time_memory(&b, copying, seconds);
    if (strcmp(name, "sgemm") != 0)
        return false;
    tn_set_grad_enabled(ctx, false);
    b.a = tn_rand(ctx, TN_F32, TN_SHAPE(RATE_SIDE, RATE_SIDE));
    b.b = tn_rand(ctx, TN_F32, TN_SHAPE(RATE_SIDE, RATE_SIDE));
    time_calls(product, &b, seconds);
    return true;
}
