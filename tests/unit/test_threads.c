/* Threads: ranges are covered once, contexts run side by side, counts give the same bits. */
#define _DEFAULT_SOURCE /* usleep */
#include "common/check_tn.h"
#include "common/files.h"

#include <dirent.h>
#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

RUNS_WITH_EACH_ISA;

START_TEST(setting)
{
    ck_assert_int_eq(tn_threads(ctx), 2);
    ck_assert_int_eq(tn_set_threads(ctx, 7), TN_OK);
    ck_assert_int_eq(tn_threads(ctx), 7);
    ck_assert_int_eq(tn_set_threads(ctx, 0), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "set_threads: 0 is not between 1 and 1024");
    ck_assert_int_eq(tn_set_threads(ctx, 1025), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "set_threads: 1025 is not between 1 and 1024");
    ck_assert_int_eq(tn_threads(ctx), 7);
    ck_assert_int_ge(tn__default_threads(), 1);
}
END_TEST

static void mark(int64_t begin, int64_t end, void *payload)
{
    for (int64_t i = begin; i < end; i++)
        ((int *)payload)[i]++;
}

START_TEST(ranges_are_covered_once)
{
    static const int64_t sizes[] = {0, 1, 2, 3, 7, 100, 1000};
    for (int threads = 1; threads <= 9; threads++)
        for (int i = 0; i < 7; i++)
            for (int64_t grain = 0; grain < 20; grain += 3) {
                int count[1000] = {0}, wrong = 0;
                tn_set_threads(ctx, threads);
                tn__parallel(ctx, sizes[i], grain, mark, count);
                for (int64_t j = 0; j < 1000; j++)
                    wrong += count[j] != (j < sizes[i]);
                ck_assert_int_eq(wrong, 0);
            }
}
END_TEST

typedef struct marks {
    atomic_int count[100], outside, done;
    int64_t n, workers;
} marks;

static void mark_share(int64_t worker, int64_t begin, int64_t end, void *payload)
{
    marks *s = payload;
    for (int64_t i = begin; i < end; i++)
        atomic_fetch_add(&s->count[i], 1);
    atomic_fetch_add(&s->outside, worker < 0 || worker >= s->workers || begin >= end);
}

/* By no more workers than are wanted, however many threads there are. */
START_TEST(shares_are_covered_once)
{
    static const int64_t sizes[] = {0, 1, 3, 8, 57, 100};
    for (int threads = 1; threads <= 4; threads++)
        for (int64_t workers = 1; workers <= 7; workers++)
            for (int i = 0; i < 6; i++) {
                marks s = {.n = sizes[i], .workers = workers};
                int wrong = 0;
                tn_set_threads(ctx, threads);
                tn__share(ctx, s.n, workers, mark_share, &s);
                for (int64_t j = 0; j < 100; j++)
                    wrong += atomic_load(&s.count[j]) != (j < s.n);
                ck_assert_int_eq(wrong, 0);
                ck_assert_int_eq(atomic_load(&s.outside), 0);
            }
}
END_TEST

/* Who has the first piece waits until all others are done, for ten seconds at most. */
static void wait_for_others(int64_t worker, int64_t begin, int64_t end, void *payload)
{
    marks *s = payload;
    (void)worker;
    for (int i = 0; begin == 0 && i < 10000 && atomic_load(&s->done) < s->n - end; i++)
        usleep(1000);
    if (begin == 0)
        atomic_store(&s->outside, (int)(s->n - end) - atomic_load(&s->done));
    atomic_fetch_add(&s->done, (int)(end - begin));
}

START_TEST(late_workers_are_helped)
{
    marks s = {.n = 100, .workers = 2};
    tn_set_threads(ctx, 2);
    tn__share(ctx, s.n, s.workers, wait_for_others, &s);
    ck_assert_int_eq(atomic_load(&s.outside), 0);
    ck_assert_int_eq(atomic_load(&s.done), 100);
}
END_TEST

/* A host may round upward, or flush denormal numbers, from some moment on: helpers that were
 * started before do the same, so that bits do not depend on who computes a part. */
static void note_rounding(int64_t begin, int64_t end, void *payload)
{
    volatile float one = 1, little = 0x1p-30f, smallest = 0x1p-149f;
    volatile float up = one + little, down = -one - little, tiny = smallest * 0.75f;
    for (int64_t i = begin; i < end; i++)
        ((int *)payload)[i] = (up > 1) + 2 * (down < -1) + 4 * (tiny > 0);
    usleep(2000);
}

static void round_by_helpers(int mode, int flushing)
{
    int modes[4];
    fesetround(mode);
#if defined(__SSE__)
    __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | (flushing ? 0x8040u : 0));
#endif
    tn__parallel(ctx, 4, 1, note_rounding, modes);
    int own;
    note_rounding(0, 1, &own);
#if defined(__SSE__)
    __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() & ~0x8040u);
#endif
    fesetround(FE_TONEAREST);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(modes[i], own);
}

START_TEST(helpers_round_as_their_caller)
{
    static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO, FE_TONEAREST};
    tn_set_threads(ctx, 4);
    for (int i = 0; i < 5; i++)
        for (int flushing = 0; flushing < 2; flushing++)
            round_by_helpers(modes[i], flushing);
}
END_TEST

/* A range within a range, and one inside of the program's own parallel loop. */
static void mark_again(int64_t begin, int64_t end, void *payload)
{
    for (int64_t i = begin; i < end; i++)
        tn__parallel(ctx, 50, 3, mark, (int *)payload + 50 * i);
}

START_TEST(ranges_within_ranges)
{
    int count[1000] = {0}, wrong = 0;
    atomic_int done = 0;
    tn_set_threads(ctx, 4);
    tn__parallel(ctx, 20, 1, mark_again, count);
#pragma omp parallel num_threads(2)
#pragma omp single
    {
        tn__parallel(ctx, 1000, 7, mark, count);
        atomic_store(&done, 1);
    }
    ck_assert_int_eq(atomic_load(&done), 1);
    for (int i = 0; i < 1000; i++)
        wrong += count[i] != 2;
    ck_assert_int_eq(wrong, 0);
}
END_TEST

/* Parts of a range that is as long as any: no product of the sizes is too large. */
static void note_end(int64_t begin, int64_t end, void *payload)
{
    (void)begin;
    if (end == INT64_MAX)
        atomic_fetch_add((atomic_int *)payload, 1);
}

START_TEST(long_ranges)
{
    atomic_int ends = 0;
    tn_set_threads(ctx, 1024);
    tn__parallel(ctx, INT64_MAX, INT64_MAX / 3, note_end, &ends);
    tn_set_threads(ctx, 3);
    tn__parallel(ctx, INT64_MAX, 1, note_end, &ends);
    ck_assert_int_eq(ends, 2);
}
END_TEST

/* ---- helpers that come late, and rounds without number --------------------------------------- */

static int gate[2];
static atomic_int at_gate;

static void stay_at_gate(int number)
{
    char byte;
    (void)number;
    atomic_store(&at_gate, 1);
    while (read(gate[0], &byte, 1) < 0)
        continue;
}

/* The signals of a fault reach helpers, too: this one is inside of a handler as the rounds pass. */
START_TEST(nobody_waits_for_the_late)
{
    int count[2] = {0};
    ck_assert_int_eq(pipe(gate), 0);
    ck_assert_ptr_ne(signal(SIGTRAP, stay_at_gate), SIG_ERR);
    tn__parallel(ctx, 2, 1, mark, count);
    ck_assert_int_eq(ctx->pool->n_helpers, 1);
    usleep(50000);
    ck_assert_int_eq(pthread_kill(ctx->pool->helpers[0], SIGTRAP), 0);
    while (!atomic_load(&at_gate))
        usleep(1000);
    for (int round = 0; round < 100; round++)
        tn__parallel(ctx, 2, 1, mark, count);
    ck_assert_int_eq(count[0], 101);
    ck_assert_int_eq(count[1], 101);
    ck_assert_int_eq(write(gate[1], "", 1), 1);
}
END_TEST

typedef struct meeting {
    pthread_t main;
    atomic_int begun;
    int ended;
} meeting;

static void meet(int64_t begin, int64_t end, void *payload)
{
    meeting *m = payload;
    (void)begin;
    (void)end;
    while (pthread_equal(pthread_self(), m->main) && !atomic_load(&m->begun))
        usleep(100);
    if (!pthread_equal(pthread_self(), m->main)) {
        atomic_store(&m->begun, 1);
        usleep(20000);
        m->ended++;
    }
}

/* How often a thread looks again before it sleeps. */
static const int spins[] = {0, 50000};

START_TEST(who_has_begun_is_waited_for)
{
    meeting m = {.main = pthread_self()};
    ctx->pool->spins = spins[_i];
    for (int round = 1; round <= 5; round++) {
        atomic_store(&m.begun, 0);
        tn__parallel(ctx, 2, 1, meet, &m);
        ck_assert_int_eq(m.ended, round);
    }
}
END_TEST

/* Any number of threads from 2 to 8 and of parts, in contexts that come and go. */
static int wrong_rounds(tn_ctx *own, int rounds)
{
    int wrong = 0;
    for (int round = 0; round < rounds; round++) {
        int count[16] = {0}, items = 2 + round * 7 % 15;
        if (round % 16 == 0)
            tn_set_threads(own, 2 + round / 16 * 5 % 7);
        tn__parallel(own, items, 1, mark, count);
        for (int i = 0; i < 16; i++)
            wrong += count[i] != (i < items);
    }
    return wrong;
}

static void check_rounds(int contexts, int rounds, int spin)
{
    for (int i = 0; i < contexts; i++) {
        tn_ctx *own = tn_ctx_new(&(tn_ctx_opts){.threads = 2});
        own->pool->spins = spin;
        ck_assert_int_eq(wrong_rounds(own, rounds), 0);
        tn_ctx_free(own);
    }
}

START_TEST(some_rounds)
{
    check_rounds(20, 500, spins[_i]);
}
END_TEST

/* A wake-up that is lost once in a million would show as a test that does not end. */
START_TEST(ten_million_rounds)
{
    check_rounds(1000, 10000, spins[0]);
}
END_TEST

/* ---- the same bits --------------------------------------------------------------------------- */

typedef tn_tensor *(*job)(tn_dtype dtype);

static tn_tensor *elementwise(tn_dtype dtype)
{
    tn_tensor *a = tn_randn(ctx, dtype, TN_SHAPE(301, 207));
    tn_tensor *b = tn_randn(ctx, dtype, TN_SHAPE(207)), *c = tn_randn(ctx, dtype, TN_SHAPE(301, 1));
    return tn_exp(ctx,
                  tn_mul(ctx, tn_add(ctx, tn_transpose(ctx, a, 0, 1), tn_transpose(ctx, c, 0, 1)),
                         tn_reshape(ctx, b, TN_SHAPE(207, 1))));
}

static tn_tensor *thin_linear(tn_dtype dtype)
{
    tn_tensor *x = tn_randn(ctx, dtype, TN_SHAPE(1003, 203));
    return tn_linear(ctx, x, tn_randn(ctx, dtype, TN_SHAPE(10, 203)),
                     tn_randn(ctx, dtype, TN_SHAPE(10)));
}

static tn_tensor *thin_gradient(tn_dtype dtype)
{
    tn_tensor *x = tn_randn(ctx, dtype, TN_SHAPE(503, 403));
    tn_tensor *w = leaf(tn_randn(ctx, dtype, TN_SHAPE(10, 403)));
    tn_tensor *y = tn_linear(ctx, x, w, NULL);
    ck_assert_int_eq(tn_backward(ctx, tn_sum(ctx, tn_square(ctx, y), (tn_reduce_opts){0})), TN_OK);
    return tn_grad(w);
}

static tn_tensor *softmaxes(tn_dtype dtype)
{
    tn_tensor *x = tn_randn(ctx, dtype, TN_SHAPE(1001, 33));
    return tn_add(ctx, tn_softmax(ctx, x, 1), tn_log_softmax(ctx, x, 1));
}

static tn_tensor *losses(tn_dtype dtype)
{
    tn_tensor *x = leaf(tn_randn(ctx, dtype, TN_SHAPE(3001, 10)));
    tn_tensor *t = tn_cast(ctx, tn_rand(ctx, TN_F32, TN_SHAPE(3001)), TN_I64);
    tn_tensor *loss = tn_cross_entropy(ctx, x, t, (tn_cross_entropy_opts){0});
    ck_assert_int_eq(tn_backward(ctx, loss), TN_OK);
    return tn_grad(x);
}

static tn_tensor *products(tn_dtype dtype)
{
    tn_tensor *a = tn_randn(ctx, dtype, TN_SHAPE(301, 203));
    return tn_matmul(ctx, a, tn_randn(ctx, dtype, TN_SHAPE(203, 177)));
}

static tn_tensor *wide_gradient(tn_dtype dtype)
{
    tn_tensor *x = tn_randn(ctx, dtype, TN_SHAPE(303, 203));
    tn_tensor *w = leaf(tn_randn(ctx, dtype, TN_SHAPE(100, 203)));
    tn_tensor *y = tn_linear(ctx, x, w, tn_randn(ctx, dtype, TN_SHAPE(100)));
    ck_assert_int_eq(tn_backward(ctx, tn_mean(ctx, tn_square(ctx, y), (tn_reduce_opts){0})), TN_OK);
    return tn_grad(w);
}

static tn_tensor *sums(tn_dtype dtype)
{
    tn_tensor *x = tn_randn(ctx, dtype, TN_SHAPE(50, 401, 53));
    return tn_add(ctx, tn_sum(ctx, x, TN_KEEPDIMS(1)), tn_sum(ctx, x, (tn_reduce_opts){0}));
}

/* Of few slabs: of columns, which are cut where there are few terms, and of one line. */
static tn_tensor *sums_in_parts(tn_dtype dtype)
{
    tn_tensor *wide = tn_randn(ctx, dtype, TN_SHAPE(33, 9001));
    tn_tensor *high = tn_randn(ctx, dtype, TN_SHAPE(2, 4500, 20));
    tn_tensor *all = tn_sum(ctx, tn_reshape(ctx, high, TN_SHAPE(180000)), (tn_reduce_opts){0});
    return tn_add(ctx, tn_sum(ctx, wide, TN_DIMS(0)),
                  tn_add(ctx, tn_sum(ctx, high, TN_DIMS(0, 1, 2)), all));
}

static tn_tensor *flat(const tn_tensor *t)
{
    return tn_reshape(ctx, tn_detach(ctx, t), TN_SHAPE(-1));
}

/* Of many images and few channels: y, dx and dw. */
static tn_tensor *convolutions(tn_dtype dtype)
{
    tn_tensor *x = leaf(tn_randn(ctx, dtype, TN_SHAPE(47, 12, 23, 23)));
    tn_tensor *w = leaf(tn_randn(ctx, dtype, TN_SHAPE(13, 12, 3, 3)));
    tn_tensor *y = tn_conv2d(ctx, x, w, NULL, (tn_conv2d_opts){.dilation = 2});
    ck_assert_int_eq(tn_backward(ctx, tn_mean(ctx, tn_square(ctx, y), (tn_reduce_opts){0})), TN_OK);
    const tn_tensor *all[] = {flat(y), flat(tn_grad(x)), flat(tn_grad(w))};
    return tn_cat(ctx, 3, all, 0);
}

/* The first ones do not depend on the number of threads either. */
static const job jobs[] = {elementwise, thin_linear,   thin_gradient, softmaxes, losses,
                           sums,        sums_in_parts, convolutions,  products,  wide_gradient};

#define FREE_OF_THREADS 8
#define JOBS ((int)(sizeof jobs / sizeof *jobs))

static tn_tensor *result(job work, tn_dtype dtype, int threads)
{
    tn_manual_seed(ctx, 3);
    tn_set_threads(ctx, threads);
    tn_tensor *t = work(dtype);
    ck_assert_msg(t != NULL, "%s", tn_error(ctx));
    return t;
}

START_TEST(runs_agree)
{
    for (int threads = 1; threads <= 3; threads++)
        for (int dtype = TN_F32; dtype <= TN_F64; dtype++) {
            tn_tensor *first = result(jobs[_i], (tn_dtype)dtype, threads);
            for (int run = 0; run < 2; run++)
                check_same_bits(result(jobs[_i], (tn_dtype)dtype, threads), first);
        }
}
END_TEST

START_TEST(thread_counts_agree)
{
    for (int dtype = TN_F32; dtype <= TN_F64; dtype++) {
        tn_tensor *one = result(jobs[_i], (tn_dtype)dtype, 1);
        for (int threads = 2; threads <= 5; threads++)
            check_same_bits(result(jobs[_i], (tn_dtype)dtype, threads), one);
    }
}
END_TEST

/* ---- several contexts, one set of weights ---------------------------------------------------- */

typedef struct server {
    tn_module *net;
    const tn_tensor *x;
    const float *expected;
    int wrong;
} server;

/* In a thread of its own; the assertions of Check are for the main one. */
static void *serve(void *payload)
{
    server *s = payload;
    tn_ctx *own = tn_ctx_new(&(tn_ctx_opts){.threads = 2});
    tn_set_grad_enabled(own, false);
    for (int i = 0; i < 50; i++) {
        tn_scope scope = tn_scope_begin(own);
        tn_tensor *y = tn_softmax(own, tn_forward(own, s->net, s->x), -1);
        for (int64_t j = 0; y && j < tn_numel(y); j++)
            s->wrong += tn_data_f32(y)[j] != s->expected[j];
        s->wrong += !y;
        tn_scope_end(own, scope);
    }
    tn_ctx_free(own);
    return NULL;
}

START_TEST(contexts_share_weights)
{
    tn_module *net =
        tn_sequential(ctx, tn_nn_linear(ctx, 30, 40), tn_nn_relu(ctx), tn_nn_linear(ctx, 40, 10));
    tn_tensor *x = tn_randn(ctx, TN_F32, TN_SHAPE(16, 30));
    bool before = tn_set_grad_enabled(ctx, false);
    tn_tensor *y = tn_softmax(ctx, tn_forward(ctx, net, x), -1);
    tn_set_grad_enabled(ctx, before);
    server servers[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        servers[i] = (server){.net = net, .x = x, .expected = tn_data_f32(y)};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, serve, &servers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(servers[i].wrong, 0);
    }
}
END_TEST

/* What a reader of a shared dictionary does: looks names up, makes views, has errors of its own. */
typedef struct reader {
    const tn_dict *dict;
    int wrong, hooks;
} reader;

static void count_error(tn_status status, const char *message, void *payload)
{
    reader *r = payload;
    (void)message;
    r->hooks += status == TN_ERR_SHAPE;
}

static void *look_up(void *payload)
{
    reader *r = payload;
    tn_ctx *own = tn_ctx_new(&(tn_ctx_opts){.seed = 7, .threads = 1});
    tn_on_error(own, count_error, r);
    for (int i = 0; i < 20; i++) {
        tn_tensor *t = tn_dict_get(r->dict, i % 2 ? "b" : "a");
        tn_tensor *view = t ? tn_narrow(own, t, 0, 1, 2) : NULL;
        r->wrong += !view || tn_at(own, view, (int64_t[]){1}) != 3 + i % 2;
        tn_free(view);
        r->wrong += tn_reshape(own, t, TN_SHAPE(2)) != NULL;
        tn_clear_error(own);
        tn_manual_seed(own, 7);
        r->wrong += tn_item(own, tn_rand(own, TN_F64, TN_SHAPE(1))) !=
                    tn_item(own, (tn_manual_seed(own, 7), tn_rand(own, TN_F64, TN_SHAPE(1))));
    }
    tn_ctx_free(own);
    return NULL;
}

START_TEST(contexts_share_a_dictionary)
{
    reader readers[4];
    pthread_t threads[4];
    tn_dict *dict = tn_dict_new(ctx);
    ck_assert_int_eq(tn_dict_set(dict, "a", F64(1, 2, 3)), TN_OK);
    ck_assert_int_eq(tn_dict_set(dict, "b", F64(2, 3, 4)), TN_OK);
    for (int i = 0; i < 4; i++) {
        readers[i] = (reader){.dict = dict};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, look_up, &readers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(readers[i].wrong, 0);
        ck_assert_int_eq(readers[i].hooks, 20);
    }
}
END_TEST

/* Two contexts train at once, each with everything of its own, and come to the same result. */
static void *train(void *payload)
{
    tn_ctx *own = tn_ctx_new(&(tn_ctx_opts){.seed = 4, .threads = 2});
    tn_module *net =
        tn_sequential(own, tn_nn_linear(own, 20, 30), tn_nn_relu(own), tn_nn_linear(own, 30, 1));
    tn_optim *opt = tn_sgd(own, net, (tn_sgd_opts){.lr = 0.01, .momentum = 0.9});
    for (int i = 0; i < 30; i++) {
        tn_scope scope = tn_scope_begin(own);
        tn_tensor *y = tn_forward(own, net, tn_randn(own, TN_F32, TN_SHAPE(32, 20)));
        tn_zero_grad(opt);
        tn_backward(own, tn_mean(own, tn_square(own, y), (tn_reduce_opts){0}));
        tn_step(opt);
        tn_scope_end(own, scope);
    }
    *(double *)payload = tn_ok(own) ? tn_data_f32(tn_parameter(net, 0, NULL, 0))[7] : -1e9;
    tn_ctx_free(own);
    return NULL;
}

START_TEST(contexts_train_side_by_side)
{
    double results[3] = {0};
    pthread_t threads[2];
    train(&results[2]);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, train, &results[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    ck_assert_double_eq(results[0], results[2]);
    ck_assert_double_eq(results[1], results[2]);
    ck_assert_double_ge(results[0], -1);
}
END_TEST

/* ---- helpers that wait ----------------------------------------------------------------------- */

/* Whether a thread of this process, but for the one that asks, runs or is ready to. */
static bool is_somebody_busy(void)
{
    bool busy = false;
    DIR *threads = opendir("/proc/self/task");
    ck_assert_ptr_nonnull(threads);
    for (struct dirent *entry; (entry = readdir(threads));) {
        char path[320], state = 'S';
        snprintf(path, sizeof path, "/proc/self/task/%s/stat", entry->d_name);
        FILE *file = entry->d_name[0] != '.' ? fopen(path, "r") : NULL;
        if (file && atoi(entry->d_name) != getpid())
            ck_assert_int_eq(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
        if (file)
            fclose(file);
        busy = busy || state == 'R';
    }
    closedir(threads);
    return busy;
}

/* Spinning ends after some milliseconds; then helpers are asleep each time that one looks. */
START_TEST(helpers_sleep_between_calls)
{
    int count[1000] = {0}, quiet = 0;
    tn__parallel(ctx, 1000, 1, mark, count);
    ck_assert_int_eq(ctx->pool->n_helpers, 1);
    while (quiet < 20) {
        usleep(2000);
        quiet = is_somebody_busy() ? 0 : quiet + 1;
    }
}
END_TEST

/* OpenMP's variable, in both cases. */
START_TEST(policy_of_waiting)
{
    static const char *const policies[] = {"passive", "PASSIVE", "active", NULL};
    const char *before = getenv("OMP_WAIT_POLICY");
    char *kept = before ? strdup(before) : NULL;
    for (int i = 0; i < 4; i++) {
        policies[i] ? setenv("OMP_WAIT_POLICY", policies[i], 1) : unsetenv("OMP_WAIT_POLICY");
        tn_ctx *other = tn_ctx_new(NULL);
        ck_assert_int_eq(other->pool->spins > 0, i >= 2);
        tn_ctx_free(other);
    }
    kept ? setenv("OMP_WAIT_POLICY", kept, 1) : unsetenv("OMP_WAIT_POLICY");
    free(kept);
}
END_TEST

static const char *const files[] = {"deflated.npz", "types.safetensors", "torch/state_dict_zip.pth",
                                    "torch/state_dict_legacy.pth"};

enum { FILES = sizeof files / sizeof *files };

/* Threads that read and write files, some of them the same. */
typedef struct file_user {
    int number, wrong;
    char own[256]; /* file */
} file_user;

/* Paths, which are made before there are threads. */
static char inputs[FILES][256], common[256];

static void *read_and_write(void *payload)
{
    file_user *u = payload;
    tn_ctx *own = tn_ctx_new(NULL);
    for (int i = 0; i < 2 * FILES; i++) {
        tn_dict *dict = tn_load_dict(own, inputs[(u->number + i) % FILES]);
        int64_t count = tn_dict_count(dict);
        u->wrong += !dict || tn_save_dict(own, dict, u->own) != TN_OK ||
                    tn_save_dict(own, dict, common) != TN_OK;
        tn_dict_free(dict);
        dict = tn_load_dict(own, u->own);
        u->wrong += tn_dict_count(dict) != count;
        tn_dict_free(dict);
        dict = tn_load_dict(own, common); /* that of another, or of this one */
        u->wrong += !dict;
        tn_dict_free(dict);
    }
    tn_ctx_free(own);
    return NULL;
}

START_TEST(contexts_use_files)
{
    file_user users[4];
    pthread_t threads[4];
    make_folder();
    snprintf(common, sizeof common, "%s", folder_path("common.npz"));
    for (int i = 0; i < FILES; i++)
        snprintf(inputs[i], sizeof inputs[i], "%s", data_path(files[i]));
    for (int i = 0; i < 4; i++) {
        users[i] = (file_user){.number = i};
        snprintf(users[i].own, sizeof users[i].own, "%.240s.%d.npz", folder_path("x"), i);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_and_write, &users[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(users[i].wrong, 0);
    }
    remove_folder();
}
END_TEST

/* An allocator that several contexts share. It notes calls from threads that use no context. */
static _Thread_local bool uses_context;
static atomic_int blocks_out, from_helpers;

static void *shared_alloc(void *payload, size_t size, size_t alignment)
{
    (void)payload;
    atomic_fetch_add(&blocks_out, 1);
    atomic_fetch_add(&from_helpers, !uses_context);
    return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

static void shared_free(void *payload, void *block, size_t size)
{
    (void)payload, (void)size;
    atomic_fetch_sub(&blocks_out, 1);
    atomic_fetch_add(&from_helpers, !uses_context);
    free(block);
}

static void *train_with_shared_allocator(void *payload)
{
    uses_context = true;
    tn_ctx *own = tn_ctx_new(
        &(tn_ctx_opts){.threads = 3, .allocator = {.alloc = shared_alloc, .free = shared_free}});
    tn_module *net = tn_sequential(own, tn_nn_conv2d(own, 3, 8, 3, (tn_conv2d_opts){0}),
                                   tn_nn_batch_norm2d(own, 8, (tn_batch_norm_opts){0}),
                                   tn_nn_max_pool2d(own, 2, (tn_pool2d_opts){0}),
                                   tn_nn_flatten(own), tn_nn_linear(own, 8 * 15 * 15, 10));
    tn_optim *opt = tn_adam(own, net, (tn_adam_opts){0});
    tn_tensor *x = tn_rand(own, TN_F32, TN_SHAPE(8, 3, 32, 32));
    tn_tensor *classes = tn_zeros(own, TN_I64, TN_SHAPE(8));
    for (int i = 0; i < 3; i++) {
        tn_tensor *y = tn_forward(own, net, x);
        tn_zero_grad(opt);
        tn_backward(own, tn_cross_entropy(own, y, classes, (tn_cross_entropy_opts){0}));
        tn_step(opt);
        tn_empty_cache(own);
    }
    *(bool *)payload = tn_ok(own);
    tn_ctx_free(own);
    return NULL;
}

START_TEST(contexts_share_an_allocator)
{
    bool right[3] = {false};
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, train_with_shared_allocator, &right[i]),
                         0);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        ck_assert(right[i]);
    }
    ck_assert_int_eq(blocks_out, 0);
    ck_assert_int_eq(from_helpers, 0);
}
END_TEST

/* Views of shared data: each thread frees those of its own context, and the data stay. */
static void *view_and_free(void *payload)
{
    const tn_tensor *shared = payload;
    tn_ctx *own = tn_ctx_new(&(tn_ctx_opts){.threads = 1});
    bool right = true;
    for (int i = 0; i < 200; i++) {
        tn_tensor *view = tn_narrow(own, shared, 0, i % 4, 2);
        tn_tensor *of_view = tn_select(own, view, 0, 1);
        tn_free(view);
        right = right && of_view && tn_at(own, of_view, NULL) == i % 4 + 1;
        tn_free(of_view);
    }
    tn_ctx_free(own);
    return right ? payload : NULL;
}

START_TEST(views_are_freed_where_they_are_made)
{
    pthread_t threads[4];
    tn_tensor *shared = F64(0, 1, 2, 3, 4);
    int64_t live = tn_memory(ctx).live_bytes;
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, view_and_free, shared), 0);
    for (int i = 0; i < 4; i++) {
        void *right;
        pthread_join(threads[i], &right);
        ck_assert_ptr_eq(right, shared);
    }
    ck_assert_int_eq(tn_memory(ctx).live_bytes, live);
    ck_tn_equal(shared, 0, 1, 2, 3, 4);
}
END_TEST

/* The threads of OpenMP's own are a case by themselves: Helgrind does not see what orders them. */
int main(int argc, char **argv)
{
    bool soak = argc > 1 && strcmp(argv[1], "--soak") == 0;
    Suite *suite = suite_create("threads");
    TCase *tc = tn_case(suite, "threads");
    tcase_add_test(tc, setting);
    tcase_add_test(tc, ranges_are_covered_once);
    tcase_add_test(tc, shares_are_covered_once);
    tcase_add_test(tc, late_workers_are_helped);
    tcase_add_test(tc, long_ranges);
    tcase_add_test(tc, helpers_sleep_between_calls);
    tcase_add_test(tc, policy_of_waiting);
    tcase_add_test(tc, helpers_round_as_their_caller);
    tcase_add_test(tc, contexts_share_weights);
    tcase_add_test(tc, contexts_share_a_dictionary);
    tcase_add_test(tc, contexts_train_side_by_side);
    tcase_add_test(tc, contexts_use_files);
    tcase_add_test(tc, contexts_share_an_allocator);
    tcase_add_test(tc, views_are_freed_where_they_are_made);
    TCase *bits = tn_case(suite, "bits");
    tcase_add_loop_test(bits, runs_agree, 0, JOBS);
    tcase_add_loop_test(bits, thread_counts_agree, 0, FREE_OF_THREADS);
    TCase *openmp = tn_case(suite, "openmp");
    tcase_add_test(openmp, ranges_within_ranges);
    TCase *rounds = tn_case(suite, "rounds");
    tcase_add_test(rounds, nobody_waits_for_the_late);
    tcase_add_loop_test(rounds, who_has_begun_is_waited_for, 0, 2);
    tcase_add_loop_test(rounds, soak ? ten_million_rounds : some_rounds, 0, soak ? 1 : 2);
    return tn_run(suite);
}
