/* Products in more threads than BLAS has room for, in a short address space, and of vectors. */
#include "common/check_tn.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tensor/blas.h"

/* ---- more threads in products than BLAS has room for ----------------------------------------- */

#define MANY 300

typedef struct multiplier {
    pthread_t thread;
    pthread_barrier_t *start;
    bool keep_blas_threads;
    const tn_tensor *a;
    int products;
    double expected;
    int right;
} multiplier;

static double product_in(tn_ctx *c, const tn_tensor *a)
{
    tn_scope scope = tn_scope_begin(c);
    tn_tensor *y = tn_matmul(c, a, a);
    double sum = y ? tn_item(c, tn_sum(c, y, (tn_reduce_opts){0})) : NAN;
    tn_scope_end(c, scope);
    return sum;
}

/* A new context for each product, too: creation is beside use. */
static void *multiply(void *payload)
{
    multiplier *m = payload;
    pthread_barrier_wait(m->start);
    for (int i = 0; i < m->products; i++) {
        tn_ctx *own = tn_ctx_new(
            &(tn_ctx_opts){.threads = 1, .keep_blas_threads = m->keep_blas_threads && i == 0});
        m->right += own && product_in(own, m->a) == m->expected;
        tn_ctx_free(own);
    }
    return NULL;
}

static void check_multipliers(int count, int64_t size, int products)
{
    static multiplier multipliers[MANY];
    pthread_barrier_t start;
    tn_set_threads(ctx, 1);
    tn_tensor *a = tn_randn(ctx, TN_F32, TN_SHAPE(size, size));
    double expected = product_in(ctx, a);
    ck_assert_int_eq(pthread_barrier_init(&start, NULL, (unsigned)count), 0);
    for (int i = 0; i < count; i++) {
        multipliers[i] = (multiplier){.start = &start,
                                      .a = a,
                                      .products = products,
                                      .keep_blas_threads = i % 2 == 1,
                                      .expected = expected};
        ck_assert_int_eq(pthread_create(&multipliers[i].thread, NULL, multiply, &multipliers[i]),
                         0);
    }
    int right = 0;
    for (int i = 0; i < count; i++) {
        pthread_join(multipliers[i].thread, NULL);
        right += multipliers[i].right;
    }
    pthread_barrier_destroy(&start);
    ck_assert_int_eq(right, count * products);
}

/* OpenBLAS has room for 128 callers; beyond it prints a warning, and ends at 640. */
START_TEST(hundreds_of_threads)
{
    FILE *printed = tmpfile();
    int before = dup(STDERR_FILENO);
    ck_assert_ptr_nonnull(printed);
    ck_assert_int_ge(dup2(fileno(printed), STDERR_FILENO), 0);
    check_multipliers(MANY, 440, 1);
    dup2(before, STDERR_FILENO);
    ck_assert_int_eq(lseek(fileno(printed), 0, SEEK_END), 0);
    close(before);
    fclose(printed);
}
END_TEST

START_TEST(creation_beside_use)
{
    check_multipliers(4, 100, 40);
}
END_TEST

/* ---- a short address space ------------------------------------------------------------------- */

/* A product needs 128 MB of addresses for OpenBLAS, once. */
static const char *const shortages[] = {"matmul", "linear", "conv2d"};

#define SHORTAGES ((int)(sizeof shortages / sizeof *shortages))

/* The gradient of a convolution's weight, by a method that multiplies matrices. */
static tn_tensor *grad_of_weight(tn_ctx *c)
{
    tn_tensor *x = tn_ones(c, TN_F32, TN_SHAPE(1, 2, 16, 16));
    tn_tensor *w = tn_ones(c, TN_F32, TN_SHAPE(128, 2, 1, 1));
    tn_set_requires_grad(c, w, true);
    tn_tensor *y = tn_conv2d(c, x, w, NULL, (tn_conv2d_opts){0});
    return tn_backward(c, tn_sum(c, y, (tn_reduce_opts){0})) == TN_OK ? tn_grad(w) : NULL;
}

static tn_tensor *product_of(tn_ctx *c, const char *what, const tn_tensor *a)
{
    if (strcmp(what, "matmul") == 0)
        return tn_matmul(c, a, a);
    if (strcmp(what, "linear") == 0)
        return tn_linear(c, a, a, NULL);
    return grad_of_weight(c);
}

static bool leave_addresses(size_t bytes)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    bool known = file && fscanf(file, "%ld", &pages) == 1;
    if (file)
        fclose(file);
    rlim_t limit = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + bytes;
    return known && setrlimit(RLIMIT_AS, &(struct rlimit){limit, RLIM_INFINITY}) == 0;
}

/* In a program of its own, 0 if OpenBLAS has picked the kernels that it was asked for; on other
 * processors it has other names for them. */
static int run_core(void)
{
    tn_ctx *c = tn_ctx_new(NULL);
#if defined(__x86_64__)
    bool right = strcmp(tn_blas_core(c), "Prescott") == 0;
#else
    bool right = tn_blas_core(c) != NULL;
#endif
    tn_ctx_free(c);
    return right ? 0 : 6;
}

/* In a program of its own, which has multiplied nothing yet: 0 if the product is an error that says
 * so, and is right when there is room. */
static int run_short(const char *what)
{
    tn_ctx *c = tn_ctx_new(&(tn_ctx_opts){.threads = 2});
    tn_tensor *a = tn_ones(c, TN_F32, TN_SHAPE(64, 64));
    if (!a || !leave_addresses((size_t)64 << 20))
        return 2;
    for (int i = 0; i < 2; i++) {
        if (product_of(c, what, a) || tn_error_status(c) != TN_ERR_MEMORY ||
            strncmp(tn_error(c), "out of memory: ", 15) != 0)
            return 3;
        tn_clear_error(c);
    }
    if (!leave_addresses((size_t)200 << 20) || !product_of(c, what, a))
        return 4;
    tn_set_threads(c, 8);
    bool right = product_of(c, what, a) != NULL;
    tn_ctx_free(c);
    return right ? 0 : 5;
}

static int status_of(const char *what)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGALRM, SIG_DFL);
        alarm(PATIENCE / 2);
        setenv("OPENBLAS_NUM_THREADS", "1", 1);
        setenv("OPENBLAS_CORETYPE", "Prescott", 1);
        execl(this_program(), "test_blas", what, (char *)NULL);
        _exit(127);
    }
    return waitpid(child, &status, 0) == child ? status : -1;
}

START_TEST(short_address_space)
{
    ck_assert_int_eq(status_of(shortages[_i]), 0);
}
END_TEST

START_TEST(core)
{
    ck_assert_int_eq(status_of("core"), 0);
}
END_TEST

/* ---- a row or a column ----------------------------------------------------------------------- */

enum { APART = 3 }; /* numbers between the end of a row and the next one */

/* Small whole numbers, whose sums are exact, as f32 or f64. */
static tn_tensor *small_integers(tn_dtype dtype, int64_t rows, int64_t cols)
{
    tn_tensor *t = tn_zeros(ctx, TN_I64, TN_SHAPE(rows, cols));
    int64_t *p = tn_data_mut(t);
    for (int64_t i = 0; i < rows * cols; i++)
        p[i] = (i * 31 + rows) % 13 - 6;
    return tn_cast(ctx, t, dtype);
}

static double number(const tn_tensor *t, bool trans, int64_t i, int64_t j)
{
    return tn_data_f64(t)[trans ? j * tn_size(t, 1) + i : i * tn_size(t, 1) + j];
}

/* Bits of `how`: A lies transposed, B, C is added to, it begins with a bias of columns, of rows. */
static void check_vector(tn_dtype dtype, int64_t m, int64_t n, int64_t k, int how)
{
    bool ta = how & 1, tb = how & 2, adds = how & 4;
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *a = small_integers(dtype, ta ? k : m, (ta ? m : k) + APART);
    tn_tensor *b = small_integers(dtype, tb ? n : k, (tb ? k : n) + APART);
    tn_tensor *c = small_integers(dtype, m, n + APART), *was = tn_clone(ctx, c);
    tn_tensor *bias = small_integers(dtype, 1, m + n);
    tn__gemm_args g = {.dtype = dtype,
                       .trans_a = ta,
                       .trans_b = tb,
                       .m = m,
                       .n = n,
                       .k = k,
                       .adds = adds,
                       .a = tn_data(a),
                       .b = tn_data(b),
                       .bias = !adds && how & 8 ? tn_data(bias) : NULL,
                       .row_bias = !adds && how & 16 ? tn_data(bias) : NULL,
                       .c = tn_data_mut(c),
                       .lda = tn_size(a, 1),
                       .ldb = tn_size(b, 1),
                       .ldc = n + APART};
    tn__blas_gemm(ctx, &g);
    ck_assert(tn_ok(ctx));
    tn_tensor **all[] = {&a, &b, &c, &was, &bias};
    for (int i = 0; i < 5; i++)
        *all[i] = tn_cast(ctx, *all[i], TN_F64);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n + APART; j++) {
            double want = number(was, false, i, j);
            if (j < n) {
                want = adds ? want : g.bias ? number(bias, false, 0, j) : 0;
                want += g.row_bias ? number(bias, false, 0, i) : 0;
                for (int64_t p = 0; p < k; p++)
                    want += number(a, ta, i, p) * number(b, tb, p, j);
            }
            ck_assert_msg(number(c, false, i, j) == want, "%d x %d x %d, %d: [%d, %d] is %g not %g",
                          (int)m, (int)n, (int)k, how, (int)i, (int)j, number(c, false, i, j),
                          want);
        }
    tn_scope_end(ctx, scope);
}

/* Sizes around the pieces of the result, and around blocks of the sums; what was there may be
 * NaN. */
START_TEST(rows_and_columns)
{
    static const int64_t sizes[] = {1, 5, 1024, 1025, 2050}, ks[] = {0, 1, 255, 257, 600};
    static const int hows[] = {0, 9, 6, 19, 5, 2, 17, 7, 10, 1, 11, 4, 16, 3, 8, 18};
    for (int i = 0; i < 5 * 5 * 4; i++) {
        check_vector(i % 2 ? TN_F32 : TN_F64, 1, sizes[i / 20], ks[i / 4 % 5], hows[i % 16]);
        check_vector(i % 2 ? TN_F64 : TN_F32, sizes[i / 20], 1, ks[i / 4 % 5], hows[i * 3 % 16]);
    }
    float nan = NAN, one = 1;
    tn__gemm_args g = {
        .m = 1, .n = 1, .k = 1, .a = &one, .b = &one, .c = &nan, .lda = 1, .ldb = 1, .ldc = 1};
    tn__blas_gemm(ctx, &g);
    ck_assert(nan == 1);
}
END_TEST

int main(int argc, char **argv)
{
    setenv("TN_ISA", "baseline", 1); /* whose products go to BLAS */
    if (argc == 2)
        return strcmp(argv[1], "core") == 0 ? run_core() : run_short(argv[1]);
    Suite *suite = suite_create("blas");
    TCase *tc = tn_case(suite, "blas");
    tcase_add_loop_test(tc, short_address_space, 0, SHORTAGES);
    tcase_add_test(tc, core);
    tcase_add_test(tc, rows_and_columns);
    tcase_add_test(tc, creation_beside_use);
    tcase_add_test(tc, hundreds_of_threads);
    return tn_run(suite);
}
