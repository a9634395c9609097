/* Tensors that are used after they were freed: an error value in every build, and a report of the
 * address sanitizer or of valgrind where one of these looks. */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/check_tn.h"

/* ---- a program's own sanitizer --------------------------------------------------------------- */

#if !defined(TN__ASAN)
/* The functions that the address sanitizer brings when only the program is compiled with it. */
static struct {
    const volatile void *block;
    size_t size;
} forbidden, permitted;

void __asan_poison_memory_region(void const volatile *block, size_t size);
void __asan_unpoison_memory_region(void const volatile *block, size_t size);

void __asan_poison_memory_region(void const volatile *block, size_t size)
{
    forbidden.block = block;
    forbidden.size = size;
}

void __asan_unpoison_memory_region(void const volatile *block, size_t size)
{
    permitted.block = block;
    permitted.size = size;
}

START_TEST(sanitizer_of_the_program)
{
    char *block = tn__alloc(ctx, 100);
    tn__free(ctx, block);
    ck_assert(forbidden.block == block);
    ck_assert_uint_ge(forbidden.size, 100);
    permitted.block = NULL;
    ck_assert_ptr_eq(tn__alloc(ctx, 100), block);
    ck_assert(permitted.block == block);
    ck_assert_uint_eq(permitted.size, forbidden.size);
    tn__free(ctx, block);
    permitted.block = NULL;
    tn_empty_cache(ctx);
    ck_assert(permitted.block != NULL);
}
END_TEST
#endif

/* ---- uses ------------------------------------------------------------------------------------ */

#define FREED " was freed: its scope has ended, or tn_free was called"

/* What is used with it, made before so that its memory is not used again. */
static struct {
    tn_tensor *one, *row, *class, *leaf;
    tn_dict *dict;
    tn_module *net;
} with;

typedef struct use {
    const char *error;
    void (*run)(tn_ctx *c, tn_tensor *t);
} use;

#define USE(id, ...)                              \
    static void use_##id(tn_ctx *c, tn_tensor *t) \
    {                                             \
        __VA_ARGS__;                              \
    }
USE(item, tn_item(c, t))
USE(at, tn_at(c, t, (const int64_t[]){0}))
USE(neg, tn_neg(c, t))
USE(add, tn_add(c, with.one, t))
USE(cat, tn_cat(c, TN_TENSORS(with.one, t), 0))
USE(matmul, tn_matmul(c, t, t))
USE(reshape, tn_reshape(c, t, TN_SHAPE(1)))
USE(copy, tn_copy_(c, t, with.one))
USE(detach, tn_detach(c, t))
USE(backward, tn_backward(c, t))
USE(leaf, tn_set_requires_grad(c, t, true))
USE(print, tn_print(c, t))
USE(keep, tn_scope_keep(c, tn_scope_begin(c), t))
USE(set, (void)c, tn_dict_set(with.dict, "t", t))
USE(save, tn_save_npy(c, t, "t.npy"))
USE(forward, tn_forward(c, with.net, t))

USE(bias, tn_linear(c, with.row, with.row, t))
USE(class_weight, tn_cross_entropy(c, with.row, with.class, (tn_cross_entropy_opts){.weight = t}))
USE(running, tn_batch_norm(c, with.row, t, t, NULL, NULL, (tn_batch_norm_opts){0}))
USE(loader, tn_loader_new(c, t, NULL, (tn_loader_opts){0}))
USE(labels, tn_loader_new(c, with.one, t, (tn_loader_opts){0}))
USE(fields, tn_loader_of(c, TN_TENSORS(with.one, t), (tn_loader_opts){0}))
USE(weights, tn_loader_new(c, with.one, NULL, (tn_loader_opts){.weights = t}))
USE(strata, tn_loader_new(c, with.one, NULL, (tn_loader_opts){.stratify = t}))
USE(optim, tn_sgd_of(c, 1, &t, (tn_sgd_opts){.lr = 1}))
USE(parameter, tn_add_parameter(c, with.net, "t", t))
USE(gradient, tn_backward_with(c, with.leaf, t))
USE(init, tn_init_xavier_uniform_(c, t, 1))
USE(uniform, tn_uniform_(c, t, 0, 1))
USE(summary, tn_summary_of(c, with.net, TN_TENSORS(t), (tn_summary_opts){0}, NULL, 0))

static const use uses[] = {
    {"item: tensor" FREED, use_item},
    {"at: tensor" FREED, use_at},
    {"neg: input" FREED, use_neg},
    {"add: other" FREED, use_add},
    {"cat: tensor 1" FREED, use_cat},
    {"matmul: input" FREED, use_matmul},
    {"reshape: input" FREED, use_reshape},
    {"copy_: dst" FREED, use_copy},
    {"detach: input" FREED, use_detach},
    {"backward: loss" FREED, use_backward},
    {"set_requires_grad: tensor" FREED, use_leaf},
    {"print: tensor" FREED, use_print},
    {"scope_keep: tensor" FREED, use_keep},
    {"dict_set: input" FREED, use_set},
    {"save_npy: tensor" FREED, use_save},
    {"Linear: input" FREED, use_forward},
    {"linear: bias" FREED, use_bias},
    {"cross_entropy: weight" FREED, use_class_weight},
    {"batch_norm: running_mean" FREED, use_running},
    {"loader: x" FREED, use_loader},
    {"loader: y" FREED, use_labels},
    {"loader: tensor 1" FREED, use_fields},
    {"loader: weights" FREED, use_weights},
    {"loader: stratify" FREED, use_strata},
    {"add_parameter: tensor" FREED, use_parameter},
    {"backward: grad" FREED, use_gradient},
    {"init_xavier_uniform_: tensor" FREED, use_init},
    {"uniform_: tensor" FREED, use_uniform},
    {"summary: input 0" FREED, use_summary},
    {"sgd: a parameter" FREED, use_optim},
};
enum { USES = sizeof uses / sizeof *uses, LOOKING = USES - 1 }; /* before they take memory */

static void make_others(tn_ctx *c)
{
    with.one = tn_ones(c, TN_F64, TN_SHAPE(1));
    with.row = tn_ones(c, TN_F64, TN_SHAPE(1, 1));
    with.class = tn_zeros(c, TN_I64, TN_SHAPE(1));
    with.leaf = tn_ones(c, TN_F64, TN_SHAPE(1));
    tn_set_requires_grad(c, with.leaf, true);
    with.dict = tn_dict_new(c);
    with.net = tn_nn_linear(c, 1, 1);
}

static tn_tensor *freed(tn_ctx *c)
{
    tn_scope scope = tn_scope_begin(c);
    tn_tensor *t = tn_ones(c, TN_F64, TN_SHAPE(1));
    tn_scope_end(c, scope);
    return t;
}

static tn_ctx *poisoning(void)
{
    tn_ctx *c = tn_ctx_new(&(tn_ctx_opts){.poison_freed = true, .threads = 1});
    ck_assert_ptr_nonnull(c);
    return c;
}

/* Runs in a child, which a tool may end; standard error is the tool's. */
static bool says(tn_ctx *c, const use *u, tn_tensor *t)
{
    int null = open("/dev/null", O_WRONLY);
    int errors = dup(STDERR_FILENO);
    dup2(null, STDERR_FILENO);
    u->run(c, t);
    dup2(errors, STDERR_FILENO);
    if (strcmp(tn_error(c), u->error) != 0)
        fprintf(stderr, "%s, not %s\n", tn_error(c), u->error);
    return tn_error_status(c) == TN_ERR_STATE && strcmp(tn_error(c), u->error) == 0;
}

static void check_use(tn_ctx *c, const use *u, tn_tensor *t)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        leave_child(says(c, u, t) ? 0 : 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(is_watched() ? status != 0 : status == 0, "%s: status %d", u->error, status);
}

START_TEST(after_the_scope)
{
    make_others(ctx);
    check_use(ctx, &uses[_i], freed(ctx));
}
END_TEST

/* However many tensors were made since, of those that the context keeps apart. */
START_TEST(after_others)
{
    tn_ctx *c = poisoning();
    make_others(c);
    tn_tensor *t = freed(c);
    for (int i = 0; i < 60000; i++)
        ck_assert_ptr_ne(freed(c), t);
    for (int i = 0; i < USES; i++)
        check_use(c, &uses[i], t);
    tn_ctx_free(c);
}
END_TEST

static void twice(tn_ctx *c, tn_tensor *t)
{
    tn_free(t);
    tn_free(t);
    tn_item(c, t);
}

START_TEST(freed_twice)
{
    check_use(ctx, &(use){"item: tensor" FREED, twice}, tn_ones(ctx, TN_F64, TN_SCALAR));
}
END_TEST

static tn_status leave_freed(tn_ctx *c, int64_t count, tn_tensor **tensors, void *payload)
{
    (void)count;
    (void)payload;
    tensors[0] = freed(c);
    return TN_OK;
}

static void transform(tn_ctx *c, tn_tensor *t)
{
    (void)t;
    tn_batch b;
    tn_loader_next(tn_loader_new(c, with.one, NULL, (tn_loader_opts){.transform = leave_freed}),
                   &b);
}

/* What a transform leaves is in a context of the loader's, which poisons as the program's does. */
START_TEST(left_by_a_transform)
{
    tn_ctx *c = poisoning();
    make_others(c);
    check_use(c, &(use){"loader_next: transform: tensor 0 was freed", transform}, NULL);
    tn_ctx_free(c);
}
END_TEST

/* ---- optimisers ------------------------------------------------------------------------------ */

static struct {
    tn_tensor *params[2];
    tn_optim *opt;
    tn_dict *state;
} training;

static void step(tn_ctx *c, tn_tensor *t)
{
    (void)t;
    tn_step(training.opt);
    if (*tn_data_f32(training.params[0]) != 3)
        tn_clear_error(c);
}

static void clip_norm(tn_ctx *c, tn_tensor *t)
{
    (void)t;
    if (!isnan(tn_clip_grad_norm(training.opt, 1)))
        tn_clear_error(c);
}

static void clip_value(tn_ctx *c, tn_tensor *t)
{
    (void)c, (void)t;
    tn_clip_grad_value(training.opt, 1);
}

static void zero_grad(tn_ctx *c, tn_tensor *t)
{
    (void)c, (void)t;
    tn_zero_grad(training.opt);
}

static void load_state(tn_ctx *c, tn_tensor *t)
{
    (void)c, (void)t;
    tn_optim_load_state_dict(training.opt, training.state);
}

static const use of_optimisers[] = {
    {"sgd: parameter 1" FREED, step},
    {"clip_grad_norm: parameter 1" FREED, clip_norm},
    {"clip_grad_value: parameter 1" FREED, clip_value},
    {"zero_grad: parameter 1" FREED, zero_grad},
    {"optim_load_state_dict: parameter 1" FREED, load_state},
};

/* The second of two parameters goes with its scope; a step leaves the first one as it was. */
START_TEST(parameters_of_an_optimiser)
{
    tn_ctx *c = poisoning();
    tn_tensor **w = training.params;
    w[0] = tn_full(c, TN_F32, TN_SHAPE(2), 3);
    tn_set_requires_grad(c, w[0], true);
    tn_scope scope = tn_scope_begin(c);
    w[1] = tn_ones(c, TN_F32, TN_SHAPE(2));
    tn_set_requires_grad(c, w[1], true);
    training.opt = tn_sgd_of(c, 2, w, (tn_sgd_opts){.lr = 1, .momentum = 0.5});
    training.state = tn_optim_state_dict(training.opt);
    tn_backward(c, tn_sum(c, tn_add(c, w[0], w[1]), (tn_reduce_opts){0}));
    ck_assert_str_eq(tn_error(c), "");
    tn_scope_end(c, scope);
    check_use(c, &of_optimisers[_i], NULL);
    tn_ctx_free(c);
}
END_TEST

/* ---- what asks without a context ------------------------------------------------------------- */

static void ask(tn_ctx *c, tn_tensor *t)
{
    bool nothing = !tn_data(t) && !tn_data_f64(t) && !tn_data_mut(t) && !tn_shape(t) &&
                   !tn_strides(t) && tn_numel(t) == 0 && tn_ndim(t) == 0 && tn_size(t, 0) == 0 &&
                   !tn_requires_grad(t) && !tn_grad(t);
    tn_clear_grad(t);
    if (nothing)
        tn_item(c, t);
}

START_TEST(questions_get_nothing)
{
    check_use(ctx, &(use){"item: tensor" FREED, ask}, freed(ctx));
}
END_TEST

/* Elements that are read through an address from before are NaN. */
static const double *address;

static void read_address(tn_ctx *c, tn_tensor *t)
{
    if (isnan(*address))
        tn_item(c, t);
}

START_TEST(elements_are_poisoned)
{
    tn_ctx *c = poisoning();
    tn_scope scope = tn_scope_begin(c);
    tn_tensor *t = tn_ones(c, TN_F64, TN_SHAPE(1));
    address = tn_data_f64(t);
    tn_scope_end(c, scope);
    check_use(c, &(use){"item: tensor" FREED, read_address}, t);
    tn_ctx_free(c);
}
END_TEST

/* ---- nothing else is different --------------------------------------------------------------- */

static tn_tensor *train(tn_ctx *c)
{
    tn_module *net = tn_sequential(c, tn_nn_conv2d(c, 1, 4, 3, (tn_conv2d_opts){0}), tn_nn_relu(c),
                                   tn_nn_flatten(c), tn_nn_dropout(c, 0.5), tn_nn_linear(c, 64, 3));
    tn_tensor *x = tn_randn(c, TN_F32, TN_SHAPE(8, 1, 6, 6));
    tn_tensor *t = tn_zeros(c, TN_I64, TN_SHAPE(8));
    tn_optim *opt = tn_adam(c, net, (tn_adam_opts){0});
    for (int i = 0; i < 20; i++) {
        tn_scope scope = tn_scope_begin(c);
        tn_zero_grad(opt);
        tn_backward(c, tn_cross_entropy(c, tn_forward(c, net, x), t, (tn_cross_entropy_opts){0}));
        ck_assert_int_eq(tn_step(opt), TN_OK);
        tn_scope_end(c, scope);
    }
    return tn_parameter_named(net, "0.weight");
}

START_TEST(training_has_the_same_bits)
{
    tn_ctx *plain = tn_ctx_new(&(tn_ctx_opts){.threads = 1}), *c = poisoning();
    check_same_bits(train(plain), train(c));
    tn_ctx_free(c);
    tn_ctx_free(plain);
}
END_TEST

/* Tensors that are kept apart do not pile up, and go with the context. */
START_TEST(memory_is_bounded)
{
    counting own = {0};
    tn_ctx *c = tn_ctx_new(
        &(tn_ctx_opts){.poison_freed = true, .threads = 1, .allocator = counting_allocator(&own)});
    for (int i = 0; i < 70000; i++)
        freed(c);
    int64_t bytes = own.bytes, live = tn_memory(c).live_bytes, calls = own.calls;
    for (int i = 0; i < 1000; i++)
        freed(c);
    ck_assert_int_eq(own.bytes, bytes);
    ck_assert_int_eq(own.calls, calls);
    ck_assert_int_eq(tn_memory(c).live_bytes, live);
    ck_assert_int_lt(bytes, 32 << 20);
    tn_ctx_free(c);
    ck_assert_int_eq(own.blocks, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("freed");
    TCase *tc = tn_case(suite, "freed");
#if !defined(TN__ASAN)
    tcase_add_test(tc, sanitizer_of_the_program);
#endif
    tcase_add_loop_test(tc, after_the_scope, 0, LOOKING);
    tcase_add_test(tc, after_others);
    tcase_add_test(tc, freed_twice);
    tcase_add_test(tc, left_by_a_transform);
    tcase_add_loop_test(tc, parameters_of_an_optimiser, 0,
                        sizeof of_optimisers / sizeof *of_optimisers);
    tcase_add_test(tc, questions_get_nothing);
    tcase_add_test(tc, elements_are_poisoned);
    tcase_add_test(tc, training_has_the_same_bits);
    tcase_add_test(tc, memory_is_bounded);
    return tn_run(suite);
}
