/* hooks.c - a program's own hooks on parameters, beside those of the library. */
#include <string.h>
#include <tn/autograd.h>
#include "mpi/cases.h"

/* What a hook was told, and what it does with that. */
typedef struct heard {
    int64_t calls;
    bool takes, fails;
    float first, drawn; /* of the gradient; from the random stream */
} heard;

static bool hear(tn_ctx *ctx, const tn_tensor *grad, void *payload)
{
    heard *h = payload;
    h->calls++;
    h->first = *tn_data_f32(grad);
    h->drawn = *tn_data_f32(tn_rand(ctx, TN_F32, TN_SHAPE(1)));
    if (h->fails)
        tn_fail(ctx, TN_ERR_NUMBER, "too large");
    return !h->takes;
}

static uint64_t bits_of(float a, float b)
{
    uint32_t bits[2];
    memcpy(&bits[0], &a, sizeof a);
    memcpy(&bits[1], &b, sizeof b);
    return (uint64_t)bits[0] << 32 | bits[1];
}

static training begin_heard(tn_module *(*network)(tn_ctx *ctx))
{
    tn_ctx *ctx = context();
    return begin(ctx, network(ctx), digits_of(ctx, 64), (tn_loader_opts){.batch_size = 16},
                 (tn_mpi_opts){.micro_batches = 4});
}

/* Once in a step, with the sum over the batch; and it stays. */
static void each_step(tn_module *(*network)(tn_ctx *ctx), const char *name)
{
    training t = begin_heard(network);
    heard kept = {0}, taken = {.takes = true};
    tn_tensor *p = tn_parameter(t.net, 0, NULL, 0), *q = tn_parameter(t.net, 2, NULL, 0);
    tn_on_grad(t.ctx, p, hear, &kept);
    tn_on_grad(t.ctx, q, hear, &taken);
    CHECK(learn_batch(&t, sync_loss));
    CHECK(kept.calls == 1 && tn_grad(p) && kept.first == *tn_data_f32(tn_grad(p)));
    CHECK(taken.calls == 1 && !tn_grad(q) && taken.drawn != kept.drawn);
    same(name, bits_of(kept.first, kept.drawn));
    void *payload = NULL;
    CHECK(tn_get_grad_hook(p, &payload) == hear && payload == &kept);
    tn_on_grad(t.ctx, p, NULL, NULL);
    CHECK(learn_batch(&t, sync_loss) && kept.calls == 1 && taken.calls == 2);
    same(NULL, digest(t.ctx, t.net));
    end(&t);
}

/* Hooks are called as the module has its parameters, whichever gradient is there first. */
static bool take_place(tn_ctx *ctx, const tn_tensor *grad, void *payload)
{
    static int64_t calls;
    (void)ctx, (void)grad;
    *(int64_t *)payload = calls++;
    return true;
}

static void in_order(void)
{
    training t = begin_heard(cnn);
    int64_t place[16], n = 0;
    for (tn_tensor *p; (p = tn_parameter(t.net, n, NULL, 0)); n++)
        tn_on_grad(t.ctx, p, take_place, &place[n]);
    for (int i = 0; i < 2; i++) {
        CHECK(learn_batch(&t, sync_loss));
        for (int64_t k = 1; k < n; k++)
            CHECK(place[k] == place[k - 1] + 1);
    }
    end(&t);
}

static tn_tensor *loss_that_fails(const training *t, const tn_batch *batch)
{
    tn_tensor *loss = sync_loss(t, batch);
    if (rank == size - 1)
        tn_fail(t->ctx, TN_ERR_FILE, "disk full");
    return loss;
}

/* No hook hears of a step that has failed in one process, and an error of a hook is that of all. */
static void failing(void)
{
    training t = begin_heard(cnn);
    heard h = {0};
    tn_on_grad(t.ctx, tn_parameter(t.net, 0, NULL, 0), hear, &h);
    CHECK(!learn_batch(&t, loss_that_fails) && h.calls == 0);
    tn_clear_error(t.ctx);
    CHECK(learn_batch(&t, sync_loss) && h.calls == 1);
    h.fails = rank == size - 1;
    double loss = tn_mpi_loss(t.mpi);
    CHECK(!learn_batch(&t, sync_loss) && h.calls == 2 && tn_mpi_loss(t.mpi) == loss);
    CHECK_ERROR(t.ctx, TN_ERR_NUMBER, h.fails ? "too large" : "process %d: too large", size - 1);
    CHECK(!tn_grad(tn_parameter(t.net, 0, NULL, 0)));
    h.fails = false;
    CHECK(learn_batch(&t, sync_loss) && h.calls == 3);
    end(&t);
}

/* What is wanted of a step is said before it. */
static void frozen(void)
{
    tn_batch batch;
    training t = begin_heard(cnn);
    tn_tensor *p = tn_parameter(t.net, 0, NULL, 0);
    CHECK(tn_mpi_step(t.mpi, t.loader));
    tn_set_requires_grad(t.ctx, p, false);
    while (tn_mpi_next(t.mpi, &batch))
        tn_mpi_backward(t.mpi, sync_loss(&t, &batch));
    CHECK(strstr(tn_error(t.ctx), "of shape [6,1,5,5] was frozen within the step") != NULL);
    tn_clear_error(t.ctx);
    CHECK(learn_batch(&t, sync_loss) && !tn_grad(p));
    end(&t);
}

static tn_module *synced(tn_ctx *ctx)
{
    return tn_sequential(ctx, tn_nn_conv2d(ctx, 1, 2, 5, (tn_conv2d_opts){.stride = 3}),
                         tn_mpi_sync_batch_norm2d(ctx, 2, (tn_batch_norm_opts){0}),
                         tn_nn_flatten(ctx), tn_nn_linear(ctx, 128, 10));
}

void hooks(void)
{
    each_step(cnn, "hook");
    each_step(synced, "hook-synced");
    in_order();
    failing();
    frozen();
}
