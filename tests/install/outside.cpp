// outside.cpp - the program of outside.c in C++11 and later, which prints the same numbers; before
// that, whether lists of each kind reach the calls that they stand in.
#include <cstdio>
#include <vector>
#include <tn/tn.h>

extern "C" tn_tensor *swish(tn_ctx *ctx, const tn_tensor *x); // swish.c

static tn_tensor *swish_forward(tn_ctx *ctx, tn_module *, const tn_tensor *x)
{
    return swish(ctx, x);
}

static const tn_module_type swish_type = {"Swish", swish_forward, nullptr};

static tn_tensor *make_images(tn_ctx *ctx, tn_tensor **labels)
{
    tn_tensor *rows = tn_randn(ctx, TN_F32, TN_SHAPE(60, 1, 4, 1));
    tn_tensor *columns = tn_randn(ctx, TN_F32, TN_SHAPE(60, 1, 1, 4));
    tn_tensor *images = tn_add(ctx, rows, columns);
    *labels = tn_argmax(ctx, tn_mean(ctx, images, TN_DIMS(1, -2)), 1);
    return images;
}

static tn_module *make_net(tn_ctx *ctx)
{
    return tn_sequential(ctx, tn_nn_conv2d(ctx, 1, 8, 3, TN_OPTS(tn_conv2d_opts, .padding = 1)),
                         tn_module_new(ctx, &swish_type, 0),
                         tn_nn_max_pool2d(ctx, 2, TN_OPTS(tn_pool2d_opts, .stride = 1)),
                         tn_nn_flatten(ctx), tn_nn_linear(ctx, 72, 4));
}

static double step(tn_ctx *ctx, tn_module *net, tn_optim *opt, tn_batch batch)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *loss = tn_cross_entropy(ctx, tn_forward(ctx, net, batch.x), batch.y, {});
    tn_zero_grad(opt);
    tn_backward(ctx, loss);
    tn_step(opt);
    double value = tn_item(ctx, loss);
    tn_scope_end(ctx, scope);
    return value;
}

static double train_epoch(tn_ctx *ctx, tn_module *net, tn_optim *opt, tn_loader *loader)
{
    double total = 0;
    tn_batch batch;
    while (tn_loader_next(loader, &batch))
        total += step(ctx, net, opt, batch) / static_cast<double>(tn_loader_batches(loader));
    return total;
}

static bool has_shape(const tn_tensor *t, int ndim, const int64_t *shape)
{
    bool same = t && tn_ndim(t) == ndim;
    for (int i = 0; same && i < ndim; i++)
        same = tn_shape(t)[i] == shape[i];
    return same;
}

static int next(int *count)
{
    return ++*count;
}

// Elements of every type of integer, in order and once; tensors; an expression in each list, and
// lists in each expression.
static bool lists_arrive(tn_ctx *ctx)
{
    std::vector<float> values(6, 1.5f);
    int count = 1;
    const short two = 2;
    tn_tensor *a = tn_from_data(ctx, TN_F32, TN_SHAPE(values.size() / two, two), values.data());
    tn_tensor *b = tn_zeros(ctx, TN_F32, TN_SHAPE(next(&count), next(&count), next(&count)));
    tn_tensor *c = tn_cat(
        ctx, TN_TENSORS(a, tn_sum(ctx, a, TN_OPTS(tn_reduce_opts, .dims = &count, .ndims = 0)), a),
        0);
    bool refused = !c && tn_error_status(ctx) == TN_ERR_SHAPE;
    tn_clear_error(ctx);
    c = tn_cat(ctx, TN_TENSORS(a, tn_sum(ctx, a, TN_KEEPDIMS(0)), a), 0);
    tn_tensor *sum = tn_sum(ctx, c, count == 4 ? TN_DIMS(0, 1) : TN_DIMS(0));
    return refused && has_shape(a, TN_SHAPE(3, 2)) && has_shape(b, TN_SHAPE(2, 3, 4)) &&
           has_shape(c, TN_SHAPE(7ll, 2u)) && has_shape(sum, TN_SCALAR) &&
           !(tn_item(ctx, sum) < 27) && !(tn_item(ctx, sum) > 27);
}

// What is set, what is not, and the most options there may be.
static bool options_arrive(const tn_tensor *t)
{
    const tn_adam_opts adam = TN_OPTS(tn_adam_opts, .beta1 = TN_ZERO, .lr = 0.5);
    const tn_pool2d_opts pool =
        TN_OPTS(tn_pool2d_opts, .kernel_h = 1, .kernel_w = 2, .stride = 3, .stride_h = 4,
                .stride_w = 5, .padding = 6, .padding_h = 7, .padding_w = 8, .dilation = 9,
                .dilation_h = 10, .dilation_w = 11, .ceil_mode = true, .exclude_padding = true,
                .divisor = 14, .divisor = 15, .divisor = 16);
    const tn_record_args args = TN_OPTS(tn_record_args, .inputs[1] = t, .saved[0] = t, .size = 3);
    const bool arrays = !args.inputs[0] && args.inputs[1] == t && args.saved[0] == t &&
                        !args.saved[1] && !args.data && args.size == 3;
    return adam.beta1 < -1e18 && adam.lr > 0.4 && !(adam.eps > 0) && pool.kernel_h == 1 &&
           pool.dilation_w == 11 && pool.exclude_padding && pool.divisor == 16 && arrays;
}

// Options within options of the same type.
static bool options_nest(tn_ctx *ctx)
{
    tn_tensor *a = tn_ones(ctx, TN_F32, TN_SHAPE(2, 3));
    const tn_reduce_opts opts =
        TN_OPTS(tn_reduce_opts,
                .keepdim = tn_ndim(tn_sum(ctx, a, TN_OPTS(tn_reduce_opts, .keepdim = true))) == 2);
    return has_shape(tn_sum(ctx, a, opts), TN_SHAPE(1, 1));
}

// Bytes that are no file; their number is of another type than the library's.
static bool bytes_arrive(tn_ctx *ctx)
{
    const std::vector<char> bytes(3);
    const bool refused = !tn_load_npy_from(ctx, TN_MEMORY(bytes.data(), bytes.size())) &&
                         tn_error_status(ctx) == TN_ERR_FORMAT;
    tn_clear_error(ctx);
    return refused;
}

static bool is_context(tn_ctx *ctx)
{
    const bool made = tn_error_status(ctx) == TN_OK && ctx;
    tn_ctx_free(ctx);
    return made;
}

// The options of a context by a pointer, as in C, or in the call.
static bool contexts_are_made()
{
    const tn_ctx_opts opts = {};
    return is_context(tn_ctx_new(NULL)) && is_context(tn_ctx_new(nullptr)) &&
           is_context(tn_ctx_new(&opts)) && is_context(tn_ctx_new(opts)) &&
           is_context(tn_ctx_new({}));
}

// C++20 alone has such literals; g++ warns of the members that they leave out.
#if __cplusplus >= 202002L
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
static bool literals_arrive()
{
    tn_ctx *ctx = tn_ctx_new({.seed = 1, .threads = 1});
    tn_tensor *t = tn_zeros(ctx, TN_F32, TN_SHAPE(2, 3));
    tn_optim *opt = tn_sgd_of(ctx, 1, &t, {.lr = 0.5, .momentum = 0.9});
    tn_clear_error(ctx); // t requires no gradient
    const bool made = !opt && has_shape(tn_sum(ctx, t, {.keepdim = true}), TN_SHAPE(1, 1));
    return is_context(ctx) && made;
}
#pragma GCC diagnostic pop
#else
static bool literals_arrive()
{
    return true;
}
#endif

int main()
{
    tn_ctx *ctx = tn_ctx_new(TN_OPTS(tn_ctx_opts, .seed = 1, .threads = 1));
    if (!contexts_are_made() || !literals_arrive() || !lists_arrive(ctx) || !options_nest(ctx) ||
        !bytes_arrive(ctx) || !options_arrive(tn_zeros(ctx, TN_F32, TN_SCALAR))) {
        std::fprintf(stderr, "lists or options do not arrive: %s\n", tn_error(ctx));
        return 1;
    }
    tn_module *net = make_net(ctx);
    tn_optim *opt = tn_sgd(ctx, net, TN_OPTS(tn_sgd_opts, .lr = 0.1, .momentum = 0.9));
    tn_tensor *labels, *images = make_images(ctx, &labels);
    tn_loader *loader = tn_loader_new(ctx, images, labels,
                                      TN_OPTS(tn_loader_opts, .batch_size = 20, .shuffle = true));
    double first = train_epoch(ctx, net, opt, loader), last = first;
    for (int i = 0; i < 60; i++)
        last = train_epoch(ctx, net, opt, loader);
    if (tn_error_status(ctx) != TN_OK || !(last < first / 10)) {
        std::fprintf(stderr, "loss %g, then %g: %s\n", first, last, tn_error(ctx));
        return 1;
    }
    std::printf("loss fell from %.9g to %.9g (%s)\n", first, last, tn_version());
    tn_ctx_free(ctx);
    return 0;
}
