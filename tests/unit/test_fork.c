/* A program that forks: calls work in the parent and in the child. */
#define _GNU_SOURCE /* pthread_setattr_default_np */
#include "common/check_tn.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child that hangs is ended by its alarm. */
#define NUMBERS 4

static double first_of(tn_ctx *c, tn_tensor *t)
{
    tn_tensor *sum = tn_sum(c, t, (tn_reduce_opts){0});
    return sum ? tn_item(c, sum) : -1;
}

/* What a program does: products, convolutions and sums, each with work for several threads. */
static void work(tn_ctx *c, double numbers[NUMBERS])
{
    tn_scope scope = tn_scope_begin(c);
    tn_manual_seed(c, 5);
    tn_tensor *a = tn_randn(c, TN_F32, TN_SHAPE(300, 300)),
              *x = tn_randn(c, TN_F32, TN_SHAPE(8, 3, 40, 40));
    tn_tensor *w = tn_randn(c, TN_F32, TN_SHAPE(16, 3, 3, 3));
    numbers[0] = first_of(c, tn_matmul(c, a, tn_transpose(c, a, 0, 1)));
    numbers[1] = first_of(c, tn_conv2d(c, x, w, NULL, (tn_conv2d_opts){0}));
    numbers[2] = first_of(c, tn_exp(c, tn_expand(c, a, TN_SHAPE(3, 300, 300))));
    numbers[3] = first_of(c, tn_softmax(c, a, -1));
    tn_scope_end(c, scope);
}

static bool works(tn_ctx *c, const double expected[NUMBERS])
{
    double numbers[NUMBERS] = {0};
    work(c, numbers);
    return memcmp(numbers, expected, sizeof numbers) == 0 && tn_error_status(c) == TN_OK;
}

static bool works_anew(const double expected[NUMBERS])
{
    tn_ctx *c = tn_ctx_new(&(tn_ctx_opts){.threads = tn_threads(ctx)});
    bool right = c && works(c, expected);
    tn_ctx_free(c);
    return right;
}

/* Whether `test` is true in a child, and in time. */
typedef bool (*child_fn)(const double expected[NUMBERS]);

static bool in_child(child_fn test, const double expected[NUMBERS])
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGALRM, SIG_DFL);
        alarm(PATIENCE / 2);
        look_for_no_leaks();
        leave_child(test(expected) ? 0 : 1);
    }
    ck_assert_int_gt(child, 0);
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool old_context(const double expected[NUMBERS])
{
    return works(ctx, expected);
}

static bool both_contexts(const double expected[NUMBERS])
{
    return works(ctx, expected) && works_anew(expected) && works(ctx, expected);
}

static bool grandchild(const double expected[NUMBERS])
{
    return in_child(both_contexts, expected) && both_contexts(expected) &&
           in_child(both_contexts, expected);
}

/* The old context goes, with all that it was given before. */
static bool freed(const double expected[NUMBERS])
{
    tn_ctx *old = ctx;
    ctx = tn_ctx_new(&(tn_ctx_opts){.threads = 2});
    tn_ctx_free(old);
    return ctx && works(ctx, expected);
}

/* It has new helpers, and ends them. */
static bool used_and_freed(const double expected[NUMBERS])
{
    return works(ctx, expected) && freed(expected);
}

static const child_fn children[] = {old_context, works_anew, both_contexts,
                                    grandchild,  freed,      used_and_freed};

#define CHILDREN ((int)(sizeof children / sizeof *children))

START_TEST(after_a_call)
{
    double expected[NUMBERS];
    work(ctx, expected);
    ck_assert(in_child(children[_i], expected));
    ck_assert(works(ctx, expected));
}
END_TEST

/* The bits depend on the number of threads alone, not on which process they are in. */
START_TEST(with_any_number_of_threads)
{
    for (int threads = 1; threads <= 5; threads++) {
        double expected[NUMBERS];
        tn_set_threads(ctx, threads);
        work(ctx, expected);
        ck_assert(in_child(both_contexts, expected));
    }
}
END_TEST

START_TEST(before_the_first_call)
{
    double expected[NUMBERS];
    tn_ctx *other = tn_ctx_new(&(tn_ctx_opts){.threads = 2});
    work(other, expected);
    tn_ctx_free(other);
    ck_assert(in_child(both_contexts, expected));
}
END_TEST

/* ---- fork while other threads are inside calls ----------------------------------------------- */

typedef struct worker {
    pthread_t thread;
    atomic_bool *stop;
    const double *expected;
    bool right;
} worker;

static void *keep_working(void *payload)
{
    worker *w = payload;
    tn_ctx *own = tn_ctx_new(&(tn_ctx_opts){.threads = 2});
    for (w->right = true; w->right && !atomic_load(w->stop);)
        w->right = works(own, w->expected);
    tn_ctx_free(own);
    return NULL;
}

START_TEST(beside_calls)
{
    double expected[NUMBERS];
    atomic_bool stop = false;
    worker workers[3];
    work(ctx, expected);
    for (int i = 0; i < 3; i++) {
        workers[i] = (worker){.stop = &stop, .expected = expected};
        ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, keep_working, &workers[i]), 0);
    }
    int wrong = 0;
    for (int i = 0; i < 10; i++)
        wrong += !in_child(both_contexts, expected);
    atomic_store(&stop, true);
    for (int i = 0; i < 3; i++) {
        pthread_join(workers[i].thread, NULL);
        wrong += !workers[i].right;
    }
    ck_assert_int_eq(wrong, 0);
}
END_TEST

/* Products of other threads that end from the call of fork to when nothing multiplies any more. */
static atomic_int products, at_rest;

static void note_rest(void)
{
    atomic_store(&at_rest, atomic_load(&products));
}

/* In place of that of the C library: one that takes its time to wake up. */
int sem_wait(sem_t *semaphore)
{
    while (sem_trywait(semaphore) != 0)
        usleep(2000);
    return 0;
}

static void *keep_multiplying(void *payload)
{
    tn_ctx *own = tn_ctx_new(&(tn_ctx_opts){.threads = 1});
    tn_tensor *a = tn_ones(own, TN_F32, TN_SHAPE(300, 300));
    while (!atomic_load((atomic_bool *)payload)) {
        tn_free(tn_matmul(own, a, a));
        atomic_fetch_add(&products, 1);
    }
    tn_ctx_free(own);
    return NULL;
}

/* Whether fork waits for more than the products that the two threads are at. */
static bool fork_is_late(void)
{
    int before = atomic_load(&products);
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    return at_rest - before > 2;
}

/* Four are forgiven: this thread may lose the processor just before it forks. Six to ten are late
 * where those who leave the gate enter at once. */
START_TEST(fork_has_its_turn)
{
    atomic_bool stop = false;
    int late = 0;
    pthread_t multipliers[2];
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&multipliers[i], NULL, keep_multiplying, &stop), 0);
    while (atomic_load(&products) < 30)
        usleep(1000);
    for (int i = 0; i < 10; i++)
        late += fork_is_late();
    atomic_store(&stop, true);
    for (int i = 0; i < 2; i++)
        pthread_join(multipliers[i], NULL);
    ck_assert_int_le(late, 4);
}
END_TEST

/* ---- a system that gives no threads ---------------------------------------------------------- */

/* Threads get stacks of 2^60 bytes, which no system has. */
static bool without_threads(const double expected[NUMBERS])
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, (size_t)1 << 60);
    return pthread_setattr_default_np(&attr) == 0 && both_contexts(expected);
}

START_TEST(no_threads_to_be_had)
{
    double expected[NUMBERS];
    tn_set_threads(ctx, 4);
    work(ctx, expected);
    ck_assert(in_child(without_threads, expected));
}
END_TEST

static void do_nothing(int64_t begin, int64_t end, void *payload)
{
    (void)begin;
    (void)end;
    (void)payload;
}

/* After a call with work for two threads. */
static int helpers_of(tn_ctx *c)
{
    tn__parallel(c, 2, 1, do_nothing, NULL);
    return c->pool->n_helpers;
}

/* A system that gave none is not asked in every call, but again when the program sets a number. */
static bool asks_again(const double expected[NUMBERS])
{
    pthread_attr_t before, huge;
    (void)expected;
    pthread_getattr_default_np(&before);
    pthread_getattr_default_np(&huge);
    pthread_attr_setstacksize(&huge, (size_t)1 << 60);
    pthread_setattr_default_np(&huge);
    bool none = helpers_of(ctx) == 0;
    pthread_setattr_default_np(&before);
    bool still_none = helpers_of(ctx) == 0;
    return none && still_none && tn_set_threads(ctx, 2) == TN_OK && helpers_of(ctx) == 1;
}

START_TEST(threads_are_asked_for_again)
{
    double unused[NUMBERS] = {0};
    ck_assert(in_child(asks_again, unused));
}
END_TEST

/* Whatever another thread held at the fork: the child begins with locks of its own. */
START_TEST(with_the_lock_held)
{
    double expected[NUMBERS];
    work(ctx, expected);
    ck_assert_int_eq(helpers_of(ctx), 1);
    pthread_mutex_lock(&ctx->pool->lock);
    bool right = in_child(both_contexts, expected);
    pthread_mutex_unlock(&ctx->pool->lock);
    ck_assert(right);
}
END_TEST

/* The program's handlers run in the program's threads: helpers let signals pass. */
typedef struct masks {
    pthread_t main;
    atomic_int begun, helpers, open, closed;
} masks;

/* Each part waits for the other one, so that no thread takes both. */
static void note_mask(int64_t begin, int64_t end, void *payload)
{
    masks *m = payload;
    sigset_t set;
    (void)begin;
    (void)end;
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    atomic_fetch_add(&m->begun, 1);
    while (atomic_load(&m->begun) < 2)
        usleep(1000);
    if (pthread_equal(pthread_self(), m->main)) {
        atomic_fetch_add(&m->open, !sigismember(&set, SIGINT));
        return;
    }
    atomic_fetch_add(&m->helpers, 1);
    atomic_fetch_add(&m->closed, sigismember(&set, SIGINT) && !sigismember(&set, SIGSEGV));
}

START_TEST(signals_pass_helpers)
{
    masks m = {.main = pthread_self()};
    tn__parallel(ctx, 2, 1, note_mask, &m);
    ck_assert_int_eq(m.helpers, 1);
    ck_assert_int_eq(m.closed, 1);
    ck_assert_int_eq(m.open, 1);
}
END_TEST

/* Ways to start a program that run no handlers of forks: the helpers are none of its business. */
static pid_t spawn(void)
{
    pid_t child = -1;
    char *const arguments[] = {"true", NULL};
    return posix_spawnp(&child, "true", NULL, NULL, arguments, arguments + 1) == 0 ? child : -1;
}

static pid_t vfork_and_exec(void)
{
    pid_t child = vfork();
    if (child == 0) {
        execlp("true", "true", (char *)NULL);
        _exit(127);
    }
    return child;
}

static pid_t fork_and_exec(void)
{
    pid_t child = fork();
    if (child == 0) {
        execlp("true", "true", (char *)NULL);
        _exit(127);
    }
    return child;
}

static pid_t (*const starts[])(void) = {spawn, vfork_and_exec, fork_and_exec};

/* The context goes on with the threads that it has. */
START_TEST(programs_are_started)
{
    double expected[NUMBERS];
    tn_set_threads(ctx, 4);
    work(ctx, expected);
    int helpers = ctx->pool->n_helpers, status = -1;
    unsigned process = ctx->pool->process;
    ck_assert_int_eq(helpers, 3);
    for (int i = 0; i < 5; i++) {
        pid_t child = starts[_i]();
        ck_assert_int_gt(child, 0);
        ck_assert(works(ctx, expected));
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 0);
    }
    ck_assert_int_eq(ctx->pool->n_helpers, helpers);
    ck_assert_uint_eq(ctx->pool->process, process);
}
END_TEST

int main(void)
{
    /* Before those of the library, so that note_rest comes after what the library does. */
    pthread_atfork(note_rest, NULL, NULL);
    Suite *suite = suite_create("fork");
    TCase *tc = tn_case(suite, "fork");
    tcase_add_loop_test(tc, after_a_call, 0, CHILDREN);
    tcase_add_test(tc, with_any_number_of_threads);
    tcase_add_test(tc, before_the_first_call);
    tcase_add_loop_test(tc, programs_are_started, 0, sizeof starts / sizeof *starts);
    tcase_add_test(tc, beside_calls);
    tcase_add_test(tc, fork_has_its_turn);
    tcase_add_test(tc, no_threads_to_be_had);
    tcase_add_test(tc, threads_are_asked_for_again);
    tcase_add_test(tc, with_the_lock_held);
    tcase_add_test(tc, signals_pass_helpers);
    return tn_run(suite);
}
