/* Memory stays flat in long trainings: what is live and what is cached in 1,000 steps, and what the
 * system counts, too, in the 100,000 of `make soak`. */
#include "common/check_tn.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WARM_UP = 100, TEST_STEPS = 1000, SOAK_STEPS = 100000 };

typedef struct training {
    tn_module *net;
    tn_optim *opt;
    tn_schedule *schedule;
    tn_loader *loader;
} training;

static training training_new(void)
{
    tn_tensor *x = tn_randn(ctx, TN_F32, TN_SHAPE(10, 1, 6, 6));
    tn_tensor *y = tn_zeros(ctx, TN_I64, TN_SHAPE(10));
    training t = {
        .net = tn_sequential(ctx, tn_nn_conv2d(ctx, 1, 2, 3, (tn_conv2d_opts){0}),
                             tn_nn_batch_norm2d(ctx, 2, (tn_batch_norm_opts){0}), tn_nn_relu(ctx),
                             tn_nn_flatten(ctx), tn_nn_dropout(ctx, 0.2), tn_nn_linear(ctx, 32, 3)),
        .loader = tn_loader_new(ctx, x, y, (tn_loader_opts){.batch_size = 4, .shuffle = true})};
    t.opt = tn_adamw(ctx, t.net, (tn_adamw_opts){.lr = 1e-3});
    t.schedule = tn_cosine_annealing_lr(ctx, t.opt, 1000, 0);
    ck_tn_ok();
    return t;
}

static void step(const training *t)
{
    tn_batch batch;
    while (!tn_loader_next(t->loader, &batch))
        ck_tn_ok();
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *logits = tn_forward(ctx, t->net, batch.x);
    tn_zero_grad(t->opt);
    tn_backward(ctx, tn_cross_entropy(ctx, logits, batch.y, (tn_cross_entropy_opts){0}));
    tn_clip_grad_norm(t->opt, 1);
    ck_assert_int_eq(tn_step(t->opt), TN_OK);
    ck_assert_int_eq(tn_schedule_step(t->schedule), TN_OK);
    tn_scope_end(ctx, scope);
}

/* What happens now and then: a state goes out and comes back, and a call fails half-way. */
static void interlude(const training *t)
{
    tn_dict *state = tn_optim_state_dict(t->opt);
    ck_assert_int_eq(tn_optim_load_state_dict(t->opt, state), TN_OK);
    tn_dict_free(state);
    tn_scope scope = tn_scope_begin(ctx);
    tn_forward(ctx, t->net, tn_zeros(ctx, TN_F32, TN_SHAPE(2, 1, 7, 7)));
    ck_assert_int_eq(tn_error_status(ctx), TN_ERR_SHAPE);
    tn_clear_error(ctx);
    tn_scope_end(ctx, scope);
}

static void steps(const training *t, int64_t count)
{
    for (int64_t i = 1; i <= count; i++) {
        step(t);
        if (i % 50 == 0)
            interlude(t);
    }
}

/* The memory of the process that is in use; 0 where /proc does not tell. */
static int64_t resident_bytes(void)
{
    long long size = 0, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%lld %lld", &size, &pages) != 2)
        pages = 0;
    if (file)
        fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

/* The system's count moves by some pages, more under tools that watch memory; a leak of 3 bytes in
 * each step shows in 100,000 of them. */
static void soak(int64_t count)
{
    training t = training_new();
    steps(&t, WARM_UP);
    tn_memory_stats before = tn_memory(ctx);
    int64_t resident = resident_bytes();
    steps(&t, count);
    tn_memory_stats after = tn_memory(ctx);
    int64_t grown = resident_bytes() - resident;
    printf("%lld steps: live %lld then %lld bytes, cached %lld then %lld, resident %+lld, calls of "
           "the allocator %lld\n",
           (long long)count, (long long)before.live_bytes, (long long)after.live_bytes,
           (long long)before.cached_bytes, (long long)after.cached_bytes, (long long)grown,
           (long long)(after.allocations - before.allocations));
    ck_assert_int_eq(after.live_bytes, before.live_bytes);
    ck_assert_int_eq(after.cached_bytes, before.cached_bytes);
    ck_assert_int_eq(after.tensors, before.tensors);
    ck_assert_int_eq(after.nodes, before.nodes);
    ck_assert_int_eq(after.allocations, before.allocations);
    if (count == SOAK_STEPS)
        ck_assert_int_le(grown, 256 * 1024);
}

START_TEST(some_steps)
{
    soak(TEST_STEPS);
}
END_TEST

START_TEST(many_steps)
{
    soak(SOAK_STEPS);
}
END_TEST

int main(int argc, char **argv)
{
    bool all = argc > 1 && strcmp(argv[1], "--soak") == 0;
    Suite *suite = suite_create("soak");
    tcase_add_test(tn_case(suite, "steps"), all ? many_steps : some_steps);
    return tn_run(suite);
}
