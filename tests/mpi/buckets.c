/* buckets.c - gradients are sent in the order in which backward makes them, which the first step
 * shows, and that changes no bits. */
#include <tn/autograd.h>
#include <tn/op.h>
#include "mpi/cases.h"
#include "mpi/group.h"

enum { LAYERS = 4 };

/* How many buckets are on their way when backward comes to the first layer, in the last micro-batch
 * of the step. */
static struct {
    tn_mpi *mpi;
    int64_t posted;
} seen;

static void look(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    seen.posted = seen.mpi ? seen.mpi->posted : 0;
    tn_add_grad(ctx, node, 0, dy);
}

/* The layers run from the last child to the first, so that gradients come in the order of the
 * parameters, and not in the reverse one. */
static tn_tensor *forward_reversed(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    static const tn_op op = {.name = "look", .backward = look};
    tn_tensor *first = tn_tanh(ctx, tn_forward(ctx, tn_child(self, LAYERS - 1), x));
    tn_tensor *y = tn_record(ctx, &op, tn_clone(ctx, tn_detach(ctx, first)),
                             (tn_record_args){.inputs = {first}});
    for (int i = LAYERS - 2; i >= 0; i--)
        y = tn_tanh(ctx, tn_forward(ctx, tn_child(self, i), y));
    return y;
}

static tn_module *reversed(tn_ctx *ctx)
{
    static const tn_module_type type = {.name = "Reversed", .forward = forward_reversed};
    tn_module *net = tn_module_new(ctx, &type, 0);
    const char *names[LAYERS] = {"a", "b", "c", "d"};
    for (int i = 0; i < LAYERS; i++)
        tn_add_child(ctx, net, names[i], tn_nn_linear(ctx, i == LAYERS - 1 ? 784 : 10, 10));
    return tn_sequential(ctx, tn_nn_flatten(ctx), net);
}

static training begin_reversed(tn_mpi_opts opts)
{
    tn_ctx *ctx = context();
    return begin(ctx, reversed(ctx), digits_of(ctx, 64),
                 (tn_loader_opts){.batch_size = 16, .shuffle = true}, opts);
}

/* A bucket for each of the layers' 110 numbers and 2 counts: in the first step all wait for the
 * first layer, which comes last; in the second three are sent before it, beside that of the
 * loss. */
static void in_the_order_of_backward(void)
{
    training t = begin_reversed(
        (tn_mpi_opts){.micro_batches = 4, .first_bucket_bytes = 112 * 4, .bucket_bytes = 112 * 4});
    seen.mpi = t.mpi;
    CHECK(run(&t, 1) == 1);
    CHECK(seen.posted == 1);
    CHECK(run(&t, 1) == 1);
    CHECK(seen.posted == 4);
    CHECK(t.mpi->leaves[8].param == tn_parameter_named(t.net, "1.d.weight") ||
          t.mpi->leaves[8].param == tn_parameter_named(t.net, "1.d.bias"));
    same("order", digest(t.ctx, t.net));

    /* What is frozen makes another order necessary, which is seen anew. */
    tn_freeze(t.ctx, tn_child(tn_child(t.net, 1), 0), true);
    CHECK(run(&t, 1) == 1 && run(&t, 1) == 1);
    CHECK(seen.posted == 3);
    CHECK(t.mpi->leaves[7].wanted == false && t.mpi->leaves[8].wanted == false);
    same("order-frozen", digest(t.ctx, t.net));
    seen.mpi = NULL;
    end(&t);
}

/* A step of any order and any cuts has the same bits. */
static void no_bits(void)
{
    uint64_t first = 0;
    for (int64_t bytes = 300; bytes < 100000; bytes *= 13) {
        training t = begin_reversed((tn_mpi_opts){
            .micro_batches = 5, .first_bucket_bytes = bytes, .bucket_bytes = 3 * bytes});
        CHECK(run(&t, 3) == 3);
        uint64_t bits = digest(t.ctx, t.net);
        first = first ? first : bits;
        CHECK(bits == first);
        end(&t);
    }
    same("order-cuts", first);
}

/* a(x) + b(x), computed in another order by every other process: the same bits. */
static tn_tensor *forward_either(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    tn_tensor *y[2];
    for (int i = 0; i < 2; i++)
        y[(i + rank) % 2] = tn_forward(ctx, tn_child(self, (i + rank) % 2), x);
    return tn_add(ctx, y[0], y[1]);
}

/* Gradients come in orders that differ between processes, and all take that of process 0. */
static void of_process_0(void)
{
    static const tn_module_type type = {.name = "Either", .forward = forward_either};
    tn_ctx *ctx = context();
    tn_module *net = tn_module_new(ctx, &type, 0);
    tn_add_child(ctx, net, "a", tn_nn_linear(ctx, 784, 10));
    tn_add_child(ctx, net, "b", tn_nn_linear(ctx, 784, 10));
    training t = begin(ctx, tn_sequential(ctx, tn_nn_flatten(ctx), net), digits_of(ctx, 64),
                       (tn_loader_opts){.batch_size = 16}, (tn_mpi_opts){.micro_batches = 4});
    CHECK(run(&t, 3) == 3 && tn_ok(ctx));
    CHECK(t.mpi->order[0] >= 2 && t.mpi->order[1] >= 2);
    same("order-either", digest(ctx, t.net));
    end(&t);
}

void buckets(void)
{
    in_the_order_of_backward();
    no_bits();
    of_process_0();
}
