/* norms.c - SyncBatchNorm: statistics of the whole batch, with the same bits for any number of
 * processes, and those of batch_norm on one big batch to rounding. */
#include <math.h>
#include <string.h>
#include <tn/autograd.h>
#include "mpi/cases.h"

typedef tn_module *(*norm_fn)(tn_ctx *ctx, int64_t channels, tn_batch_norm_opts opts);

/* Two norms, one of them deeper inside, one of each micro-batch, and dropout before and behind them
 * if p is above 0. */
static tn_module *network(tn_ctx *ctx, norm_fn norm, double p)
{
    tn_conv2d_opts stride = {.stride = 2};
    tn_batch_norm_opts opts = {.momentum = 0.3};
    return tn_sequential(ctx,
                         tn_sequential(ctx, tn_nn_conv2d(ctx, 1, 3, 5, stride),
                                       tn_nn_dropout(ctx, p), norm(ctx, 3, opts), tn_nn_relu(ctx),
                                       tn_nn_batch_norm2d(ctx, 3, opts)),
                         tn_nn_conv2d(ctx, 3, 4, 3, stride), norm(ctx, 4, opts), tn_nn_relu(ctx),
                         tn_nn_dropout(ctx, p), tn_nn_flatten(ctx), tn_nn_linear(ctx, 100, 10));
}

static void take_steps(training *t, int64_t steps)
{
    for (int64_t i = 0; i < steps && learn_batch(t, sync_loss); i++) {
        tn_step(t->optim);
        tn_zero_grad(t->optim);
        tn_schedule_step(t->schedule);
    }
    CHECK(tn_ok(t->ctx));
}

/* 75 samples in batches of 32: the last has 11, for 12 micro-batches of which one is empty. */
static uint64_t train(tn_mpi_opts opts)
{
    tn_ctx *ctx = context();
    tn_module *net = network(ctx, tn_mpi_sync_batch_norm2d, 0.2);
    training t = begin(ctx, net, digits_of(ctx, 75),
                       (tn_loader_opts){.batch_size = 32, .shuffle = true}, opts);
    int64_t tensors = tn_memory(ctx).tensors;
    take_steps(&t, 1);
    CHECK(tn_memory(ctx).tensors < tensors + 64);
    tensors = tn_memory(ctx).tensors;
    take_steps(&t, 6);
    CHECK(tn_memory(ctx).tensors == tensors);
    CHECK(*tn_data_i64(tn_buffer_named(net, "2.num_batches_tracked")) == 7);
    CHECK(*tn_data_i64(tn_buffer_named(net, "0.4.num_batches_tracked")) == 7);
    CHECK(*tn_data_f32(tn_buffer_named(net, "0.4.running_mean")) != 0);
    uint64_t bits = digest(ctx, net);
    end(&t);
    return bits;
}

static void same_bits(void)
{
    uint64_t bits = train((tn_mpi_opts){.micro_batches = 12});
    same("sync", bits);
    same("sync-8", train((tn_mpi_opts){0}));
    same("sync-7", train((tn_mpi_opts){.micro_batches = 7}));
    tn_mpi_opts small = {.micro_batches = 12, .bucket_bytes = 999, .no_overlap = true};
    CHECK(train(small) == bits);
    same(NULL, train((tn_mpi_opts){.micro_batches = 8, .allreduce = true}));
}

/* ---- beside one process ---------------------------------------------------------------------- */

/* The samples are a parameter, so that the gradient of x is one that is looked at. */
static tn_tensor *forward_samples(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    return tn_index_select(ctx, tn_parameter(self, 0, NULL, 0), 0, x);
}

static tn_module *samples(tn_ctx *ctx, int64_t n)
{
    static const tn_module_type type = {.name = "Samples", .forward = forward_samples};
    tn_module *self = tn_module_new(ctx, &type, 0);
    tn_tensor *x = tn_add_scalar(ctx, tn_randn(ctx, TN_F32, TN_SHAPE(n, 3, 4, 5)), 7);
    tn_add_parameter(ctx, self, "x", x);
    return self;
}

static tn_module *small(tn_ctx *ctx, norm_fn norm, int64_t n)
{
    tn_module *net = tn_sequential(
        ctx, samples(ctx, n), norm(ctx, 3, (tn_batch_norm_opts){.eps = 1e-3}), tn_nn_tanh(ctx),
        tn_nn_conv2d(ctx, 3, 2, 3, (tn_conv2d_opts){0}), norm(ctx, 2, (tn_batch_norm_opts){0}));
    tn_module_to(ctx, net, TN_F64);
    return net;
}

static tn_tensor *mean_square(tn_ctx *ctx, const tn_tensor *y)
{
    tn_tensor *cubes = tn_mul(ctx, y, tn_square(ctx, y));
    return tn_mean(ctx, tn_tanh(ctx, tn_add_scalar(ctx, cubes, 1)), (tn_reduce_opts){0});
}

static double worst_difference(const tn_tensor *a, const tn_tensor *b)
{
    double worst = 0, largest = 0;
    for (int64_t i = 0; i < tn_numel(a); i++) {
        double x = tn_data_f64(a)[i], y = tn_data_f64(b)[i];
        worst = fmax(worst, fabs(x - y));
        largest = fmax(largest, fabs(y));
    }
    return worst / largest;
}

/* All gradients (of x, weight, bias and a convolution) and running statistics of a step over n
 * samples are those of batch_norm on all of them: each is a sum of at most 400 products, of values
 * that are about 7 and rounded to 1e-16. The bias of a convolution before a norm has the gradient
 * 0, so that its share is compared with 1. */
static void one_big_batch(int64_t n, int64_t micro_batches)
{
    tn_ctx *ctx = context();
    tn_module *net = small(ctx, tn_mpi_sync_batch_norm2d, n);
    tn_module *plain = small(ctx, tn_nn_batch_norm2d, n);
    tn_tensor *index = tn_arange(ctx, TN_I64, 0, (double)n, 1);
    training t = begin(ctx, net, (digits){index, index}, (tn_loader_opts){0},
                       (tn_mpi_opts){.micro_batches = micro_batches});
    tn_dict *state = tn_state_dict(ctx, net);
    CHECK(tn_load_state_dict(ctx, plain, state, (tn_load_opts){0}) == TN_OK);
    tn_dict_free(state);
    tn_batch batch;
    CHECK(tn_mpi_step(t.mpi, t.loader));
    while (tn_mpi_next(t.mpi, &batch))
        tn_mpi_backward(t.mpi, mean_square(ctx, tn_mpi_forward(t.mpi)));
    tn_backward(ctx, mean_square(ctx, tn_forward(ctx, plain, index)));
    CHECK(tn_ok(ctx));
    for (int64_t i = 0; i < tn_parameter_count(net); i++) {
        char name[64];
        tn_tensor *a = tn_parameter(net, i, name, sizeof name),
                  *b = tn_parameter(plain, i, NULL, 0);
        if (strcmp(name, "3.bias") != 0)
            CHECK(worst_difference(tn_grad(a), tn_grad(b)) < 1e-12);
        else
            CHECK(fabs(tn_data_f64(tn_grad(a))[0] - tn_data_f64(tn_grad(b))[0]) < 1e-14);
    }
    for (int64_t i = 0; i < tn_buffer_count(net); i++)
        if (tn_dtype_of(tn_buffer(net, i, NULL, 0)) == TN_F64)
            CHECK(worst_difference(tn_buffer(net, i, NULL, 0), tn_buffer(plain, i, NULL, 0)) <
                  1e-12);
    CHECK(tn_item(ctx, tn_buffer_named(net, "1.num_batches_tracked")) == 1);
    end(&t);
}

/* In evaluation it is a BatchNorm2d, and each takes the other's state. */
static void in_evaluation(void)
{
    tn_ctx *ctx = context();
    tn_module *net = network(ctx, tn_mpi_sync_batch_norm2d, 0.2);
    tn_module *plain = network(ctx, tn_nn_batch_norm2d, 0.2);
    digits data = digits_of(ctx, 60);
    training t = begin(ctx, net, data, (tn_loader_opts){.batch_size = 20},
                       (tn_mpi_opts){.micro_batches = 8});
    take_steps(&t, 2);
    tn_dict *state = tn_state_dict(ctx, net), *back = tn_state_dict(ctx, plain);
    CHECK(tn_load_state_dict(ctx, plain, state, (tn_load_opts){0}) == TN_OK);
    tn_train(net, false);
    tn_train(plain, false);
    tn_tensor *a = tn_forward(ctx, net, data.x), *b = tn_forward(ctx, plain, data.x);
    CHECK(tn_ok(ctx));
    CHECK(memcmp(tn_data(a), tn_data(b), sizeof(float) * (size_t)tn_numel(a)) == 0);
    CHECK(tn_load_state_dict(ctx, net, back, (tn_load_opts){0}) == TN_OK);
    /* What was trained with its statistics goes on with them as they are. */
    CHECK(tn_mpi_step(t.mpi, t.loader));
    tn_batch batch;
    uint64_t before = digest(ctx, net);
    while (tn_mpi_next(t.mpi, &batch))
        tn_mpi_backward(t.mpi, loss_of(ctx, net, &batch));
    tn_rng_state rng = tn_get_rng_state(ctx);
    tn_set_rng_state(ctx, (tn_rng_state){rng.seed, rng.position - 1});
    CHECK(digest(ctx, net) == before);
    end(&t);
}

/* Frozen layers below, and one that is frozen itself. */
static void frozen(void)
{
    tn_ctx *ctx = context();
    tn_module *net = network(ctx, tn_mpi_sync_batch_norm2d, 0);
    tn_freeze(ctx, tn_child(tn_child(net, 0), 0), true);
    tn_freeze(ctx, tn_child(net, 2), true);
    training t = begin(ctx, net, digits_of(ctx, 40), (tn_loader_opts){.batch_size = 20},
                       (tn_mpi_opts){.micro_batches = 4});
    take_steps(&t, 2);
    CHECK(tn_grad(tn_parameter_named(net, "2.weight")) == NULL);
    CHECK(tn_grad(tn_parameter_named(net, "0.0.weight")) == NULL);
    same("sync-frozen", digest(ctx, net));
    end(&t);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void refuses(void)
{
    tn_ctx *ctx = context();
    CHECK(!tn_mpi_sync_batch_norm2d(ctx, 0, (tn_batch_norm_opts){0}));
    CHECK_ERROR(ctx, TN_ERR_ARGUMENT, "SyncBatchNorm: 0 channels");
    CHECK(tn_mpi_forward(NULL) == NULL);
    tn_module *net = network(ctx, tn_mpi_sync_batch_norm2d, 0);
    training t = begin(ctx, net, digits_of(ctx, 40), (tn_loader_opts){.batch_size = 20},
                       (tn_mpi_opts){.micro_batches = 4});
    CHECK(tn_mpi_forward(t.mpi) == NULL);
    CHECK_ERROR(ctx, TN_ERR_STATE, "mpi_forward: there is no micro-batch");
    tn_forward(ctx, net, tn_zeros(ctx, TN_F32, TN_SHAPE(2, 1, 28, 28)));
    CHECK_ERROR(ctx, TN_ERR_STATE,
                "SyncBatchNorm: in training tn_mpi_forward runs it, where it stands in a "
                "tn_sequential that was given to tn_mpi_new");
    tn_batch batch;
    CHECK(tn_mpi_step(t.mpi, t.loader) && tn_mpi_next(t.mpi, &batch));
    tn_mpi_backward(t.mpi, tn_sum(ctx, tn_parameter(net, 0, NULL, 0), (tn_reduce_opts){0}));
    CHECK(!tn_mpi_next(t.mpi, &batch));
    CHECK(tn_error_status(ctx) == TN_ERR_STATE);
    CHECK(strstr(tn_error(ctx), "mpi_backward: tn_mpi_forward has not run micro-batch ") != NULL);
    tn_clear_error(ctx);
    take_steps(&t, 1);
    end(&t);
}

static void fails_to_step(tn_module *net, tn_tensor *x, int64_t batch_size, tn_status status,
                          const char *text, tn_ctx *ctx)
{
    training t =
        begin(ctx, net, (digits){x, tn_zeros(ctx, TN_I64, TN_SHAPE(tn_size(x, 0)))},
              (tn_loader_opts){.batch_size = batch_size}, (tn_mpi_opts){.micro_batches = 4});
    uint64_t before = digest(ctx, net);
    CHECK(!learn_batch(&t, sync_loss));
    CHECK(tn_error_status(ctx) == status && strstr(tn_error(ctx), text) != NULL);
    tn_clear_error(ctx);
    CHECK(digest(ctx, net) == before && tn_mpi_check(t.mpi) == TN_OK);
    end(&t);
}

static void of_shapes(void)
{
    tn_ctx *ctx = context();
    fails_to_step(tn_sequential(ctx, tn_mpi_sync_batch_norm2d(ctx, 2, (tn_batch_norm_opts){0})),
                  tn_zeros(ctx, TN_F32, TN_SHAPE(4, 2, 1, 1)), 1, TN_ERR_SHAPE,
                  "SyncBatchNorm: training on 1 values per channel", ctx);
    ctx = context();
    fails_to_step(tn_sequential(ctx, tn_mpi_sync_batch_norm2d(ctx, 2, (tn_batch_norm_opts){0})),
                  tn_zeros(ctx, TN_F32, TN_SHAPE(4, 3, 1, 1)), 4, TN_ERR_SHAPE,
                  "SyncBatchNorm: input [1,3,1,1]; expected [n,2,h,w]", ctx);
    ctx = context();
    fails_to_step(
        tn_sequential(ctx, tn_mpi_sync_batch_norm2d(ctx, 2, (tn_batch_norm_opts){.momentum = -1})),
        tn_zeros(ctx, TN_F32, TN_SHAPE(4, 2, 1, 1)), 4, TN_ERR_ARGUMENT,
        "SyncBatchNorm: momentum -1 and eps 1e-05", ctx);
}

static tn_tensor *forward_twice(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    const tn_tensor *const *weight = tn_module_state(self);
    return tn_mul(ctx, x, *weight);
}

/* A scale that two modules share. */
static tn_module *scale(tn_ctx *ctx, tn_tensor **weight)
{
    static const tn_module_type type = {.name = "Scale", .forward = forward_twice};
    tn_module *self = tn_module_new(ctx, &type, sizeof(tn_tensor *));
    if (!*weight)
        *weight = tn_add_parameter(ctx, self, "weight", tn_full(ctx, TN_F32, TN_SCALAR, 2));
    memcpy(tn_module_state(self), weight, sizeof *weight);
    return self;
}

static void on_both_sides(void)
{
    tn_ctx *ctx = context();
    tn_tensor *weight = NULL;
    tn_module *before = scale(ctx, &weight), *behind = scale(ctx, &weight);
    tn_module *norm = tn_mpi_sync_batch_norm2d(ctx, 2, (tn_batch_norm_opts){0});
    fails_to_step(tn_sequential(ctx, before, norm, behind, tn_nn_flatten(ctx)),
                  tn_randn(ctx, TN_F32, TN_SHAPE(8, 2, 1, 1)), 8, TN_ERR_STATE,
                  "mpi_backward: a parameter of shape [] is used before and behind a SyncBatchNorm",
                  ctx);
}

void norms(void)
{
    same_bits();
    one_big_batch(17, 4);
    one_big_batch(3, 4);
    one_big_batch(40, 12);
    in_evaluation();
    frozen();
    refuses();
    of_shapes();
    on_both_sides();
}

void some_norms(void)
{
    same("sync-8", train((tn_mpi_opts){0}));
}
