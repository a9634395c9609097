/* The gate in front of BLAS, with a BLAS of the test's own, which sees who comes in. Each test runs
 * in a child, where nobody has multiplied yet. */
#include "common/check_tn.h"

#include <cblas.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- a BLAS ---------------------------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static const char *config = "OpenBLAS 0.0 TEST MAX_THREADS=3";
static int inside, most_inside;   /* callers */
static int awaited;               /* callers that must have been inside at once before one leaves */
static int allowed;               /* callers that may be inside while BLAS is changed */
static int buffers, most_buffers; /* given out */
static int told;                  /* how often the number of threads was set */
static int faults;                /* what BLAS does not stand */
static void (*interrupt)(void);   /* called inside, once */
static long stay;                 /* of each caller inside, in nanoseconds */

static void sleep_for(long nanoseconds)
{
    if (nanoseconds > 0)
        nanosleep(&(struct timespec){nanoseconds / 1000000000, nanoseconds % 1000000000}, NULL);
}

static void count(int *number, int *most, int step)
{
    pthread_mutex_lock(&lock);
    *number += step;
    *most = *number > *most ? *number : *most;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void come_in(void)
{
    count(&inside, &most_inside, 1);
    pthread_mutex_lock(&lock);
    while (most_inside < awaited)
        pthread_cond_wait(&changed, &lock);
    void (*now)(void) = interrupt;
    interrupt = NULL;
    pthread_mutex_unlock(&lock);
    if (now)
        now();
    sleep_for(stay);
}

static void change(bool right)
{
    pthread_mutex_lock(&lock);
    faults += !right || inside > allowed;
    pthread_mutex_unlock(&lock);
}

/* Products of ones are all that the tests ask for. */
void cblas_sgemm(OPENBLAS_CONST enum CBLAS_ORDER order, OPENBLAS_CONST enum CBLAS_TRANSPOSE trans_a,
                 OPENBLAS_CONST enum CBLAS_TRANSPOSE trans_b, OPENBLAS_CONST blasint m,
                 OPENBLAS_CONST blasint n, OPENBLAS_CONST blasint k, OPENBLAS_CONST float alpha,
                 OPENBLAS_CONST float *a, OPENBLAS_CONST blasint lda, OPENBLAS_CONST float *b,
                 OPENBLAS_CONST blasint ldb, OPENBLAS_CONST float beta, float *c,
                 OPENBLAS_CONST blasint ldc)
{
    (void)order, (void)trans_a, (void)trans_b, (void)lda, (void)ldb, (void)beta;
    come_in();
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
            c[i * ldc + j] = alpha * (float)k * *a * *b;
    count(&inside, &most_inside, -1);
}

char *openblas_get_config(void);
void openblas_set_num_threads(int number);
void *blas_memory_alloc(int position);
void blas_memory_free(void *buffer);

char *openblas_get_config(void)
{
    static char text[64];
    return strcpy(text, config);
}

void openblas_set_num_threads(int number)
{
    change(number == 1);
    told++;
}

void *blas_memory_alloc(int position)
{
    change(position == 0);
    count(&buffers, &most_buffers, 1);
    return malloc(1);
}

void blas_memory_free(void *buffer)
{
    change(buffer != NULL);
    count(&buffers, &most_buffers, -1);
    free(buffer);
}

/* ---- what its callers do --------------------------------------------------------------------- */

static bool multiply(tn_ctx *c)
{
    tn_scope scope = tn_scope_begin(c);
    tn_tensor *a = tn_ones(c, TN_F32, TN_SHAPE(8, 8)), *y = tn_matmul(c, a, a);
    bool right = y && ((const float *)tn__ptr(y))[63] == 8;
    tn_scope_end(c, scope);
    return right;
}

/* A new context, which leaves the number of BLAS's threads alone. */
static bool multiply_anew(void)
{
    tn_ctx *c = tn_ctx_new(&(tn_ctx_opts){.threads = 1, .keep_blas_threads = true});
    bool right = c && multiply(c);
    tn_ctx_free(c);
    return right;
}

static void *call(void *payload)
{
    (void)payload;
    return multiply_anew() ? &lock : NULL;
}

/* How many of so many threads got the right product. */
static int multiply_at_once(int threads)
{
    pthread_t ids[32];
    int right = 0;
    for (int i = 0; i < threads; i++)
        pthread_create(&ids[i], NULL, call, NULL);
    for (int i = 0; i < threads; i++) {
        void *result = NULL;
        pthread_join(ids[i], &result);
        right += result != NULL;
    }
    return right;
}

static void open_and_close(void)
{
    tn_ctx_free(tn_ctx_new(&(tn_ctx_opts){.threads = 1}));
}

static long addresses_in_use(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    faults += !file || fscanf(file, "%ld", &pages) != 1;
    if (file)
        fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

/* A thread that stays inside BLAS for a while. */
static void linger(void)
{
    sleep_for(200000000);
}

static pthread_t linger_inside(void)
{
    pthread_t id;
    interrupt = linger;
    pthread_create(&id, NULL, call, NULL);
    pthread_mutex_lock(&lock);
    while (inside == 0)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    return id;
}

/* ---- tests, each true in a child ------------------------------------------------------------- */

/* The gate opens further each time that somebody finds it full. As many as BLAS has room for are
 * then inside at once, and never more. */
static bool fills_room(int room)
{
    stay = 2000000;
    for (int round = 0; most_buffers < room; round++) {
        int before = most_buffers;
        if (round == 200 || multiply_at_once(2 * room) != 2 * room)
            return false;
        if (most_buffers == before && stay < 1000000000)
            stay *= 2; /* where threads start slowly, few meet */
    }
    awaited = room;
    bool right = multiply_at_once(2 * room) == 2 * room;
    return right && most_inside == room && most_buffers == room && buffers == 0 && inside == 0;
}

static bool room_of_config(void)
{
    return fills_room(3);
}

static bool room_unknown(void)
{
    config = "OpenBLAS of another kind";
    return fills_room(16);
}

/* Room for a buffer is looked for, and left to BLAS. */
static bool one_buffer_for_one_caller(void)
{
    long before = addresses_in_use();
    for (int i = 0; i < 5; i++)
        if (!multiply_anew())
            return false;
    return most_inside == 1 && most_buffers == 1 && buffers == 0 &&
           addresses_in_use() - before < 64 << 20;
}

static bool told_once(void)
{
    bool kept = multiply_anew() && told == 0;
    open_and_close();
    bool set = told == 1;
    open_and_close();
    return kept && set && told == 1;
}

static bool told_at_rest(void)
{
    bool right = multiply_anew();
    pthread_t other = linger_inside();
    open_and_close();
    pthread_join(other, NULL);
    return right && told == 1;
}

/* In a handler of a signal, say, that came while this thread multiplied. */
static bool told_by_caller(void)
{
    allowed = 1;
    interrupt = open_and_close;
    return multiply_anew() && told == 1 && multiply_anew();
}

static void multiply_inside(void)
{
    faults += !multiply_anew();
}

static bool product_within_product(void)
{
    allowed = 1;
    interrupt = multiply_inside;
    return multiply_anew() && most_inside == 2 && buffers == 0 && multiply_at_once(4) == 4;
}

static bool child_finds_rest(void)
{
    int status = -1;
    bool right = multiply_anew();
    pthread_t other = linger_inside();
    pid_t child = fork();
    if (child == 0) {
        alarm(PATIENCE / 4);
        leave_child(inside == 0 && multiply_anew() && multiply_at_once(4) == 4 ? 0 : 1);
    }
    waitpid(child, &status, 0);
    pthread_join(other, NULL);
    return right && status == 0 && multiply_at_once(4) == 4;
}

static bool (*const tests[])(void) = {
    room_of_config, room_unknown,   one_buffer_for_one_caller, told_once,
    told_at_rest,   told_by_caller, product_within_product,    child_finds_rest};

#define TESTS ((int)(sizeof tests / sizeof *tests))

START_TEST(gate)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGALRM, SIG_DFL);
        alarm(PATIENCE / 2);
        leave_child(tests[_i]() && faults == 0 ? 0 : 1);
    }
    ck_assert_int_gt(child, 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
    setenv("TN_ISA", "baseline", 1); /* whose products go to BLAS */
    Suite *suite = suite_create("blas_gate");
    TCase *tc = tcase_create("blas_gate"); /* without a context: making one tells BLAS */
    tcase_set_timeout(tc, PATIENCE);
    tcase_add_loop_test(tc, gate, 0, TESTS);
    suite_add_tcase(suite, tc);
    return tn_run(suite);
}
