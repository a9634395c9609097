/* bits.c - a hash of the bits of what operators compute and of their gradients, for float and
 * double, a line for each; and of the numbers of a net in training, by each optimiser. Two builds
 * of the library that print the same compute the same. */
#include <stdio.h>
#include <tn/tn.h>

static uint64_t hash_of(const tn_tensor *t)
{
    uint64_t hash = 14695981039346656037u;
    const unsigned char *p = tn_data(t);
    size_t size = t ? (size_t)tn_numel(t) * tn_dtype_size(tn_dtype_of(t)) : 0;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ p[i]) * 1099511628211u;
    return hash;
}

/* y, and the gradients of y^2 with respect to a and b. */
static void show(tn_ctx *ctx, const char *name, tn_tensor *y, tn_tensor *a, tn_tensor *b)
{
    tn_backward(ctx, tn_sum(ctx, tn_mul(ctx, y, y), (tn_reduce_opts){0}));
    printf("%s %016llx %016llx %016llx\n", name, (unsigned long long)hash_of(tn_contiguous(ctx, y)),
           (unsigned long long)hash_of(tn_grad(a)), (unsigned long long)hash_of(tn_grad(b)));
    tn_clear_grad(a);
    tn_clear_grad(b);
}

static tn_tensor *leaf(tn_ctx *ctx, tn_dtype dtype, int ndim, const int64_t *shape)
{
    tn_tensor *t = tn_randn(ctx, dtype, ndim, shape);
    tn_set_requires_grad(ctx, t, true);
    return t;
}

static tn_tensor *positive(tn_ctx *ctx, tn_tensor *x)
{
    return tn_add_scalar(ctx, tn_square(ctx, x), 0.5);
}

static void elements(tn_ctx *ctx, tn_dtype dtype)
{
    tn_tensor *a = leaf(ctx, dtype, TN_SHAPE(37, 53)), *b = leaf(ctx, dtype, TN_SHAPE(37, 53));
    show(ctx, "arithmetic", tn_div(ctx, tn_sub(ctx, tn_mul(ctx, a, b), b), positive(ctx, a)), a, b);
    show(ctx, "roots", tn_sqrt(ctx, positive(ctx, a)), a, b);
    show(ctx, "powers", tn_pow_scalar(ctx, positive(ctx, a), 2.3), a, b);
    show(ctx, "exp", tn_exp(ctx, a), a, b);
    show(ctx, "log", tn_log(ctx, positive(ctx, a)), a, b);
    show(ctx, "tanh", tn_tanh(ctx, a), a, b);
    show(ctx, "sigmoid", tn_sigmoid(ctx, a), a, b);
    show(ctx, "gelu", tn_gelu(ctx, a), a, b);
    show(ctx, "softplus", tn_softplus(ctx, a), a, b);
    show(ctx, "relu", tn_relu(ctx, a), a, b);
    show(ctx, "softmax", tn_softmax(ctx, a, 1), a, b);
    show(ctx, "softmax of columns", tn_log_softmax(ctx, a, 0), a, b);
    show(ctx, "sums", tn_sum(ctx, a, TN_DIMS(0)), a, b);
    show(ctx, "variance", tn_var(ctx, a, (tn_var_opts){0}), a, b);
    show(ctx, "maxima", tn_max(ctx, a, 1, false, NULL), a, b);
    show(ctx, "mse_loss", tn_mse_loss(ctx, a, b, (tn_mse_loss_opts){0}), a, b);
}

static void products(tn_ctx *ctx, tn_dtype dtype)
{
    tn_tensor *a = leaf(ctx, dtype, TN_SHAPE(61, 301)), *b = leaf(ctx, dtype, TN_SHAPE(301, 75));
    tn_tensor *thin = leaf(ctx, dtype, TN_SHAPE(301, 7)), *w = leaf(ctx, dtype, TN_SHAPE(10, 301));
    show(ctx, "matmul", tn_matmul(ctx, a, b), a, b);
    show(ctx, "a thin product", tn_matmul(ctx, a, thin), a, thin);
    show(ctx, "linear", tn_linear(ctx, a, w, NULL), a, w);
}

/* Each by another method: transforms, windows read in place, channel by channel, a product. */
static void windows(tn_ctx *ctx, tn_dtype dtype)
{
    static const int64_t kernels[] = {3, 5, 3, 1};
    static const tn_conv2d_opts opts[] = {
        {.padding = 1}, {.stride = 2}, {.padding = 1, .groups = 32}, {0}};
    tn_tensor *x = leaf(ctx, dtype, TN_SHAPE(2, 32, 21, 19));
    for (int i = 0; i < 4; i++) {
        int64_t in = opts[i].groups ? 1 : 32, size = kernels[i];
        tn_tensor *w = leaf(ctx, dtype, TN_SHAPE(32, in, size, size));
        show(ctx, "conv2d", tn_conv2d(ctx, x, w, NULL, opts[i]), x, w);
    }
    show(ctx, "max_pool2d", tn_max_pool2d(ctx, x, 3, (tn_pool2d_opts){.stride = 2}), x, NULL);
    show(ctx, "avg_pool2d", tn_avg_pool2d(ctx, x, 3, (tn_pool2d_opts){.stride = 2}), x, NULL);
}

static tn_optim *optimiser(tn_ctx *ctx, tn_module *net, int which)
{
    return which == 0   ? tn_sgd(ctx, net, (tn_sgd_opts){.lr = 0.05, .momentum = 0.9})
           : which == 1 ? tn_adam(ctx, net, (tn_adam_opts){.lr = 0.01})
                        : tn_rmsprop(ctx, net, (tn_rmsprop_opts){.lr = 0.001});
}

static void training(tn_ctx *ctx, int which)
{
    tn_module *net =
        tn_sequential(ctx, tn_nn_conv2d(ctx, 3, 16, 3, (tn_conv2d_opts){.padding = 1}),
                      tn_nn_batch_norm2d(ctx, 16, (tn_batch_norm_opts){0}), tn_nn_relu(ctx),
                      tn_nn_max_pool2d(ctx, 2, (tn_pool2d_opts){0}), tn_nn_dropout(ctx, 0.2),
                      tn_nn_flatten(ctx), tn_nn_linear(ctx, 16 * 8 * 8, 10));
    tn_optim *opt = optimiser(ctx, net, which);
    tn_tensor *x = tn_randn(ctx, TN_F32, TN_SHAPE(8, 3, 16, 16));
    tn_tensor *y = tn_argmax(ctx, tn_randn(ctx, TN_F32, TN_SHAPE(8, 10)), 1);
    for (int i = 0; i < 5; i++) {
        tn_tensor *loss =
            tn_cross_entropy(ctx, tn_forward(ctx, net, x), y, (tn_cross_entropy_opts){0});
        tn_zero_grad(opt);
        tn_backward(ctx, loss);
        tn_step(opt);
    }
    printf("training %d", which);
    for (int64_t i = 0; i < tn_parameter_count(net); i++)
        printf(" %016llx", (unsigned long long)hash_of(tn_parameter(net, i, NULL, 0)));
    printf("\n");
}

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(&(tn_ctx_opts){.seed = 1});
    for (int i = 0; i < 2; i++) {
        tn_dtype dtype = i == 0 ? TN_F32 : TN_F64;
        elements(ctx, dtype);
        products(ctx, dtype);
        windows(ctx, dtype);
    }
    for (int i = 0; i < 3; i++)
        training(ctx, i);
    fprintf(stderr, "%s", tn_error(ctx));
    bool ok = tn_error_status(ctx) == TN_OK;
    tn_ctx_free(ctx);
    return ok ? 0 : 1;
}
