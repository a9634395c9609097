/* What a host may do to the threads that call: give them a small stack, or let exceptions of
 * floating-point numbers end the process. */
#define _GNU_SOURCE
#include <fenv.h>
#include <pthread.h>
#include <sys/mman.h>
#include "base/asan.h"
#include "common/check_tn.h"
#include "common/files.h"

RUNS_WITH_EACH_ISA;

/* Of the stack the memory of OpenBLAS for each thread takes 61 KB. The sanitizer gives arrays of
 * functions that are inlined room of their own, twice as much in all. */
#ifdef TN__ASAN
enum { SMALL_STACK = 256 << 10 };
#else
enum { SMALL_STACK = 128 << 10 };
#endif

/* So many bytes before the stack may not be touched. A function with a large array may reach far
 * beyond the end without touching what is next to it. */
enum { BEYOND = 1 << 20 };

static tn_module *make_net(tn_ctx *own)
{
    tn_conv2d_opts three = {.padding = 1}, five = {.padding = 2};
    return tn_sequential(own, tn_nn_conv2d(own, 3, 32, 3, three),
                         tn_nn_batch_norm2d(own, 32, (tn_batch_norm_opts){0}), tn_nn_relu(own),
                         tn_nn_max_pool2d(own, 2, (tn_pool2d_opts){0}),
                         tn_nn_conv2d(own, 32, 64, 3, three), tn_nn_gelu(own),
                         tn_nn_dropout(own, 0.3), tn_nn_conv2d(own, 64, 64, 5, five),
                         tn_nn_tanh(own), tn_nn_flatten(own), tn_nn_linear(own, 64 * 49, 10));
}

static void train(tn_ctx *own, tn_module *net)
{
    tn_optim *opt = tn_adam(own, net, (tn_adam_opts){0});
    tn_tensor *x = tn_randn(own, TN_F32, TN_SHAPE(3, 3, 14, 14));
    tn_tensor *y = tn_zeros(own, TN_I64, TN_SHAPE(3));
    for (int i = 0; i < 3; i++) {
        tn_scope step = tn_scope_begin(own);
        tn_tensor *loss =
            tn_cross_entropy(own, tn_forward(own, net, x), y, (tn_cross_entropy_opts){0});
        tn_zero_grad(opt);
        tn_backward(own, loss);
        tn_step(opt);
        tn_scope_end(own, step);
    }
}

/* Operators whose vectors have lanes to spare: 7 x 13 numbers from 1 on. */
static void compute(tn_ctx *own, tn_dtype dtype)
{
    tn_tensor *z = tn_randn(own, dtype, TN_SHAPE(7, 13));
    tn_tensor *p = tn_add_scalar(own, tn_abs(own, z), 1);
    tn_exp(own, z);
    tn_log(own, p);
    tn_sqrt(own, p);
    tn_tanh(own, z);
    tn_sigmoid(own, z);
    tn_div(own, z, p);
    tn_pow_scalar(own, p, 1.7);
    for (int dim = 0; dim < 2; dim++) {
        tn_softmax(own, z, dim);
        tn_log_softmax(own, z, dim);
        tn_amax(own, z, TN_DIMS(dim));
        tn_mean(own, z, TN_DIMS(dim));
    }
    tn_var(own, z, (tn_var_opts){0});
    tn_matmul(own, z, tn_transpose(own, p, 0, 1));
}

static void save_and_load(tn_ctx *own, tn_module *net)
{
    static const char *const names[] = {"net.npz", "net.safetensors"};
    for (int i = 0; i < 2; i++) {
        tn_save(own, net, folder_path(names[i]));
        tn_load(own, net, folder_path(names[i]), (tn_load_opts){0});
    }
    tn_free(tn_load_npy(own, data_path("fortran_big.npy")));
    tn_dict_free(tn_load_mat(own, data_path("types.mat"), (tn_mat_opts){0}));
    tn_dict_free(tn_load_pth(own, data_path("torch/alone.pth")));
}

/* Everything by this thread; what went wrong stays in the context. */
static tn_ctx *use_everything(void)
{
    tn_ctx *own = tn_ctx_new(&(tn_ctx_opts){.seed = 1, .threads = 1});
    tn_module *net = make_net(own);
    train(own, net);
    compute(own, TN_F32);
    compute(own, TN_F64);
    save_and_load(own, net);
    return own;
}

static void *work(void *unused)
{
    (void)unused;
    return use_everything();
}

START_TEST(small_stacks_are_enough)
{
    pthread_attr_t attr;
    pthread_t thread;
    void *own;
    char *room = mmap(NULL, BEYOND + SMALL_STACK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(room, MAP_FAILED);
    ck_assert_int_eq(mprotect(room + BEYOND, SMALL_STACK, PROT_READ | PROT_WRITE), 0);
    pthread_attr_init(&attr);
    ck_assert_int_eq(pthread_attr_setstack(&attr, room + BEYOND, SMALL_STACK), 0);
    ck_assert_int_eq(pthread_create(&thread, &attr, work, NULL), 0);
    pthread_join(thread, &own);
    pthread_attr_destroy(&attr);
    ck_assert_int_eq(munmap(room, BEYOND + SMALL_STACK), 0);
    ck_assert_str_eq(tn_error(own), "");
    tn_ctx_free(own);
}
END_TEST

/* Numbers of ordinary size divide by no zero, do not overflow and are no NaN, in lanes that are not
 * used either. */
START_TEST(traps_do_not_spring)
{
#ifdef __GLIBC__
    feenableexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW);
#endif
    tn_ctx *own = use_everything();
    ck_assert_str_eq(tn_error(own), "");
    tn_ctx_free(own);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host");
    TCase *tc = tn_case(suite, "host");
    tcase_add_checked_fixture(tc, make_folder, remove_folder);
    tcase_add_test(tc, small_stacks_are_enough);
    tcase_add_test(tc, traps_do_not_spring);
    return tn_run(suite);
}
