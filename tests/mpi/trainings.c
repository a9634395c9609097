/* trainings.c - the same bits for any number of processes, and those of one batch to rounding. */
#include <math.h>
#include <string.h>
#include "mpi/cases.h"

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* 203 samples in batches of 32, so that the last has 11 for the 12 micro-batches: one is empty. */
static const tn_loader_opts shuffled = {.batch_size = 32, .shuffle = true};

static uint64_t train_cnn(tn_mpi_opts opts, int64_t steps, double *loss)
{
    tn_ctx *ctx = context();
    training t = begin(ctx, cnn(ctx), digits_of(ctx, 203), shuffled, opts);
    CHECK(run(&t, steps) == steps);
    CHECK(tn_ok(ctx));
    uint64_t bits = digest(ctx, t.net);
    *loss = tn_mpi_loss(t.mpi);
    CHECK(*tn_data_i64(tn_buffer_named(t.net, "1.num_batches_tracked")) == steps);
    end(&t);
    return bits;
}

/* Neither the number of processes nor the size of buckets, nor when they are sent, matters. */
static void same_bits(void)
{
    double loss, other;
    uint64_t bits = train_cnn((tn_mpi_opts){.micro_batches = 12}, 50, &loss);
    same("cnn", bits);
    same("loss", bits_of(loss));
    CHECK(loss < 1.5);
    uint64_t few = train_cnn((tn_mpi_opts){.micro_batches = 12}, 4, &loss);
    tn_mpi_opts small = {.micro_batches = 12, .first_bucket_bytes = 40, .bucket_bytes = 900};
    CHECK(train_cnn(small, 4, &other) == few && other == loss);
    small.no_overlap = true;
    CHECK(train_cnn(small, 4, &other) == few && other == loss);
    same("few", few);
    same("odd", train_cnn((tn_mpi_opts){.micro_batches = 7}, 4, &loss));
    same("default", train_cnn((tn_mpi_opts){0}, 4, &loss));
    same(NULL, train_cnn((tn_mpi_opts){.micro_batches = 12, .allreduce = true}, 4, &other));
    CHECK(fabs(other - loss) < 0.5);
}

/* ---- beside one process without MPI ---------------------------------------------------------- */

static void train_plainly(tn_ctx *ctx, tn_module *net, digits data, int64_t batch_size,
                          int64_t steps)
{
    tn_optim *optim = tn_adam(ctx, net, (tn_adam_opts){.lr = 2e-3});
    tn_schedule *schedule = tn_step_lr(ctx, optim, 7, 0.5);
    tn_loader *loader =
        tn_loader_new(ctx, data.x, data.y, (tn_loader_opts){.batch_size = batch_size});
    tn_batch batch;
    for (int64_t done = 0; done < steps;) {
        if (!tn_loader_next(loader, &batch))
            continue;
        tn_scope scope = tn_scope_begin(ctx);
        tn_backward(ctx, loss_of(ctx, net, &batch));
        tn_scope_end(ctx, scope);
        tn_clip_grad_norm(optim, 1);
        tn_step(optim);
        tn_zero_grad(optim);
        tn_schedule_step(schedule);
        done++;
    }
}

/* The largest difference of parameters, in parts of the largest one. */
static double distance(const tn_module *a, const tn_module *b)
{
    double worst = 0, largest = 0;
    for (int64_t i = 0; i < tn_parameter_count(a); i++) {
        const double *x = tn_data_f64(tn_parameter(a, i, NULL, 0));
        const double *y = tn_data_f64(tn_parameter(b, i, NULL, 0));
        for (int64_t k = 0; k < tn_numel(tn_parameter(a, i, NULL, 0)); k++) {
            worst = fmax(worst, fabs(x[k] - y[k]));
            largest = fmax(largest, fabs(x[k]));
        }
    }
    return worst / largest;
}

/* Twenty steps multiply rounding errors of 1e-16, by Adam's quotients mostly. */
static void one_big_batch(int64_t batch_size, tn_mpi_opts opts)
{
    tn_ctx *ctx = context();
    digits data = digits_of(ctx, 70);
    tn_module *net = mlp(ctx, TN_F64), *plain = mlp(ctx, TN_F64);
    training t = begin(ctx, net, data, (tn_loader_opts){.batch_size = batch_size}, opts);
    tn_dict *state = tn_state_dict(ctx, net);
    tn_load_state_dict(ctx, plain, state, (tn_load_opts){0});
    tn_dict_free(state);
    CHECK(run(&t, 20) == 20);
    train_plainly(ctx, plain, data, batch_size, 20);
    CHECK(tn_ok(ctx));
    CHECK(distance(net, plain) < 1e-9);
    end(&t);
}

/* ---- step by step ---------------------------------------------------------------------------- */

static tn_module *normed(tn_ctx *ctx)
{
    return tn_sequential(ctx, tn_nn_conv2d(ctx, 1, 4, 5, (tn_conv2d_opts){.stride = 3}),
                         tn_nn_batch_norm2d(ctx, 4, (tn_batch_norm_opts){0}), tn_nn_relu(ctx),
                         tn_nn_flatten(ctx), tn_nn_linear(ctx, 256, 10));
}

/* One micro-batch is a step without MPI, bit for bit, running statistics included. */
static void one_micro_batch(void)
{
    tn_ctx *ctx = context();
    digits data = digits_of(ctx, 70);
    tn_module *net = normed(ctx), *plain = normed(ctx);
    training t = begin(ctx, net, data, (tn_loader_opts){.batch_size = 32},
                       (tn_mpi_opts){.micro_batches = 1});
    tn_dict *state = tn_state_dict(ctx, net);
    tn_load_state_dict(ctx, plain, state, (tn_load_opts){0});
    CHECK(run(&t, 9) == 9);
    train_plainly(ctx, plain, data, 32, 9);
    CHECK(tn_ok(ctx) && digest(ctx, net) == digest(ctx, plain));
    end(&t);
}

/* Running statistics go towards the mean of those of the micro-batches: with momentum 1, they are
 * it. Losses that are sums are added as they are. */
static void statistics_and_sums(void)
{
    tn_ctx *ctx = context();
    tn_module *norm = tn_nn_batch_norm2d(ctx, 1, (tn_batch_norm_opts){.momentum = 1});
    tn_tensor *x = tn_reshape(ctx, tn_arange(ctx, TN_F32, 0, 20, 1), TN_SHAPE(10, 1, 1, 2));
    tn_mpi *mpi = tn_mpi_new(ctx, MPI_COMM_WORLD, norm,
                             (tn_mpi_opts){.micro_batches = 4, .reduction = TN_REDUCE_SUM});
    tn_loader *loader = tn_loader_new(ctx, x, NULL, tn_mpi_share(mpi, (tn_loader_opts){0}));
    tn_batch batch;
    CHECK(tn_mpi_step(mpi, loader));
    while (tn_mpi_next(mpi, &batch)) {
        tn_tensor *y = tn_forward(ctx, norm, batch.x);
        tn_mpi_backward(mpi, tn_sum(ctx, tn_add_scalar(ctx, y, 1), (tn_reduce_opts){0}));
    }
    CHECK(tn_ok(ctx));
    CHECK(tn_item(ctx, tn_buffer_named(norm, "running_mean")) == 9.5);
    /* Parts of 2, 3, 2 and 3 samples, 4 or 6 numbers in a row: their variances are 5/3 and 7/2. */
    double var = (4 * 5.0 / 3 + 6 * 3.5) / 10;
    CHECK(fabs(tn_item(ctx, tn_buffer_named(norm, "running_var")) - var) < 1e-6);
    CHECK(tn_item(ctx, tn_buffer_named(norm, "num_batches_tracked")) == 1);
    CHECK(tn_item(ctx, tn_grad(tn_parameter_named(norm, "bias"))) == 20);
    CHECK(fabs(tn_mpi_loss(mpi) - 20) < 1e-5);
    tn_mpi_free(mpi);
    tn_ctx_free(ctx);
}

/* A mean that does not count samples alike, of targets that are ignored and classes with weights:
 * its sum, divided by what the whole batch counts, has the gradient of one big batch, which is
 * added to it. */
static void counted_targets(void)
{
    enum { N = 16, IGNORED = 6, COUNTED = (N - IGNORED) / 2 * (1 + 2) };
    tn_ctx *ctx = context();
    tn_module *net = tn_nn_linear(ctx, 4, 2);
    tn_tensor *x = tn_zeros(ctx, TN_F32, TN_SHAPE(N, 4)), *y = tn_zeros(ctx, TN_I64, TN_SHAPE(N));
    float *number = tn_data_mut(x);
    int64_t *target = tn_data_mut(y);
    for (int i = 0; i < 4 * N; i++)
        number[i] = (float)(i * 7 % 11 - 5) / 5;
    for (int i = 0; i < N; i++)
        target[i] = i < IGNORED ? -100 : i % 2;
    tn_cross_entropy_opts opts = {.weight = tn_arange(ctx, TN_F32, 1, 3, 1),
                                  .reduction = TN_REDUCE_SUM};
    tn_mpi *mpi = tn_mpi_new(ctx, MPI_COMM_WORLD, net,
                             (tn_mpi_opts){.micro_batches = 8, .reduction = TN_REDUCE_SUM});
    tn_loader *loader =
        tn_loader_new(ctx, x, y, tn_mpi_share(mpi, (tn_loader_opts){.batch_size = N}));
    tn_batch batch;
    CHECK(tn_mpi_step(mpi, loader));
    while (tn_mpi_next(mpi, &batch)) {
        tn_tensor *sum = tn_cross_entropy(ctx, tn_forward(ctx, net, batch.x), batch.y, opts);
        tn_mpi_backward(mpi, tn_mul_scalar(ctx, sum, 1.0 / COUNTED));
    }
    CHECK(tn_ok(ctx) && isfinite(tn_mpi_loss(mpi)));
    tn_mpi_free(mpi);

    tn_tensor *w = tn_parameter_named(net, "weight"), *shared = tn_clone(ctx, tn_grad(w));
    opts.reduction = TN_REDUCE_MEAN;
    tn_backward(ctx, tn_cross_entropy(ctx, tn_forward(ctx, net, x), y, opts));
    for (int i = 0; i < 8; i++)
        CHECK(fabsf(tn_data_f32(tn_grad(w))[i] - 2 * tn_data_f32(shared)[i]) < 1e-6F);
    tn_ctx_free(ctx);
}

void trainings(void)
{
    counted_targets();
    same_bits();
    one_big_batch(32, (tn_mpi_opts){.micro_batches = 4});
    one_big_batch(25, (tn_mpi_opts){.micro_batches = 12});
    one_big_batch(33, (tn_mpi_opts){.micro_batches = 5, .allreduce = true});
    if (size == 1)
        one_micro_batch();
    statistics_and_sums();
}

void some_trainings(void)
{
    double loss;
    same("default", train_cnn((tn_mpi_opts){0}, 4, &loss));
}
