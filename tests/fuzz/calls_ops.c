/* calls_ops.c - calls of the operators, the library's and the program's. */
#include <tn/formula.h>
#include "calls.h"

TN_UNARY(swish, TN_SAVE_X, x / (1 + exp(-x)),
         dy * (1 + x * (1 - 1 / (1 + exp(-x)))) / (1 + exp(-x)));
TN_BINARY(ratio, TN_SAVE_AB, a / (1 + b * b), dy / (1 + b * b),
          dy * a * -2 * b / ((1 + b * b) * (1 + b * b)));

TN_FORMULA2(product_y, a, b, c[0] * a * b);

/* The product times three, as an operator with a backward function of its own. */
static void product_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    for (int i = 0; i < 2; i++) {
        const tn_tensor *factors[] = {dy, tn_saved(node, 1 - i)};
        if (!tn_wants_grad(node, i))
            continue;
        for (int k = 0; k < tn_input_ndim(node, i); k++)
            FUZZ_CHECK(tn_input_shape(node, i)[k] >= 0, "dimension %d of input %d", k, i);
        tn_add_grad(ctx, node, i, tn_map(ctx, "dproduct", &product_y, tn_node_data(node), factors));
    }
}

static const tn_op product_op = {.name = "product", .backward = product_backward};

static tn_tensor *product(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b)
{
    static const double three[TN_MAX_CONSTANTS] = {3};
    const tn_tensor *inputs[] = {a, b};
    tn_begin(ctx, &product_op);
    if (!tn_check_float(ctx, "product", "a", a) ||
        !tn_check_same_dtype(ctx, "product", "a", a, "b", b))
        return NULL;
    tn_tensor *y = tn_map(ctx, "product", &product_y, three, inputs);
    bool will = tn_will_record(ctx, 2, inputs);
    y = tn_record(
        ctx, &product_op, y,
        (tn_record_args){.inputs = {a, b}, .saved = {a, b}, .data = three, .size = sizeof three});
    FUZZ_CHECK(!y || tn_requires_grad(y) == will, "product is recorded where it should not be");
    return y;
}

static tn_tensor *swish(tn_ctx *ctx, const tn_tensor *x)
{
    return tn_unary(ctx, &swish_op, x, NULL);
}

static tn_tensor *ratio(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b)
{
    return tn_binary(ctx, &ratio_op, a, b);
}

/* ---- element by element ---------------------------------------------------------------------- */

static void call_unary(machine *m)
{
    static tn_tensor *(*const fns[])(tn_ctx *, const tn_tensor *) = {
        tn_neg,  tn_abs,  tn_square,   tn_sqrt,       tn_exp,   tn_log,    tn_relu, tn_sigmoid,
        tn_tanh, tn_gelu, tn_softplus, tn_contiguous, tn_clone, tn_detach, swish};
    uint8_t which = take(m);
    keep(m, fns[which % (sizeof fns / sizeof *fns)](m->ctx, small(m)));
}

static void call_bounded(machine *m)
{
    static tn_tensor *(*const fns[])(tn_ctx *, const tn_tensor *) = {tn_sigmoid, tn_tanh};
    tn_tensor *x = keep(m, tn_clamp(m->ctx, small(m), -10, 1000));
    tn_tensor *y = x ? keep(m, fns[take(m) % 2](m->ctx, x)) : NULL;
    tn_tensor *flat = y ? tn_reshape(m->ctx, y, 1, (const int64_t[]){-1}) : NULL;
    for (int64_t i = 0; i < tn_numel(flat); i++)
        FUZZ_CHECK(!(fabs(tn_at(m->ctx, flat, &i)) > 1), "element %lld is beyond 1", (long long)i);
    tn_free(flat);
    done_void(m);
}

static void call_with_number(machine *m)
{
    const tn_tensor *x = small(m);
    uint8_t which = take(m);
    double a = number(m);
    switch (which % 6) {
    case 0:
        keep(m, tn_add_scalar(m->ctx, x, a));
        break;
    case 1:
        keep(m, tn_mul_scalar(m->ctx, x, a));
        break;
    case 2:
        keep(m, tn_pow_scalar(m->ctx, x, a));
        break;
    case 3:
        keep(m, tn_clamp(m->ctx, x, a, number(m)));
        break;
    case 4:
        keep(m, tn_leaky_relu(m->ctx, x, a));
        break;
    default:
        keep(m, tn_dropout(m->ctx, x, a, which & 128));
    }
}

static void call_binary(machine *m)
{
    static tn_tensor *(*const fns[])(tn_ctx *, const tn_tensor *, const tn_tensor *) = {
        tn_add, tn_sub, tn_mul, tn_div, tn_matmul, tn_eq,   tn_ne,
        tn_lt,  tn_le,  tn_gt,  tn_ge,  ratio,     product, tn_mul};
    const tn_tensor *a = small(m), *b = small(m);
    keep(m, fns[take(m) % (sizeof fns / sizeof *fns)](m->ctx, a, b));
}

static void call_where(machine *m)
{
    const tn_tensor *a = small(m), *b = small(m);
    tn_tensor *condition = take(m) % 8 ? keep(m, tn_gt(m->ctx, a, b)) : small(m);
    keep(m, tn_where(m->ctx, condition, a, b));
}

/* ---- reductions ------------------------------------------------------------------------------ */

static void call_reduce(machine *m)
{
    static tn_tensor *(*const fns[])(tn_ctx *, const tn_tensor *,
                                     tn_reduce_opts) = {tn_sum, tn_mean, tn_amax, tn_amin};
    const tn_tensor *x = small(m);
    int dims[3] = {dim(m), dim(m), dim(m)};
    uint8_t byte = take(m);
    tn_reduce_opts opts = {.dims = dims, .ndims = byte % 4, .keepdim = byte & 4};
    keep(m, fns[byte / 8 % 4](m->ctx, x, opts));
}

static void call_var(machine *m)
{
    const tn_tensor *x = small(m);
    int dims[2] = {dim(m), dim(m)};
    uint8_t byte = take(m);
    keep(m, tn_var(m->ctx, x,
                   (tn_var_opts){.dims = dims,
                                 .ndims = byte % 3,
                                 .keepdim = byte & 4,
                                 .correction = byte & 16 ? option(m) : 0}));
}

static void call_extreme(machine *m)
{
    const tn_tensor *x = small(m);
    int along = dim(m);
    uint8_t byte = take(m);
    tn_tensor *indices = NULL, *y = NULL;
    tn_tensor **wanted = byte & 8 ? &indices : NULL;
    switch (byte % 5) {
    case 0:
        y = tn_max(m->ctx, x, along, byte & 16, wanted);
        break;
    case 1:
        y = tn_min(m->ctx, x, along, byte & 16, wanted);
        break;
    case 2:
        y = tn_topk(m->ctx, x, size_of(m), along, byte & 16, wanted);
        break;
    case 3:
        y = tn_argmax(m->ctx, x, along);
        break;
    default:
        y = tn_argmin(m->ctx, x, along);
    }
    FUZZ_CHECK(y || !indices, "indices without a result");
    keep(m, y);
    if (indices)
        keep(m, indices);
}

static void call_count_equal(machine *m)
{
    const tn_tensor *a = small(m);
    done(m, tn_count_equal(m->ctx, a, small(m)) >= 0);
}

static void call_softmax(machine *m)
{
    const tn_tensor *x = small(m);
    int along = dim(m);
    keep(m, (take(m) % 2 ? tn_softmax : tn_log_softmax)(m->ctx, x, along));
}

/* ---- layers ---------------------------------------------------------------------------------- */

/* A tensor that has what fits, now and then. */
static tn_tensor *fitting(machine *m, const tn_tensor *x, int ndim, const int64_t *shape)
{
    if (take(m) % 8 == 0)
        return small(m);
    return keep(m, matrix(m, tn_dtype_of(x), ndim, shape));
}

static void call_linear(machine *m)
{
    const tn_tensor *x = small(m);
    int64_t out = size_of(m);
    const tn_tensor *weight =
        fitting(m, x, 2, (const int64_t[]){out, tn_size(x, tn_ndim(x) ? -1 : 0)});
    const tn_tensor *bias = take(m) % 2 ? fitting(m, x, 1, &out) : NULL;
    keep(m, tn_linear(m->ctx, x, weight, bias));
}

/* Images, if there are none. */
static const tn_tensor *images(machine *m)
{
    const tn_tensor *x = small(m);
    const int64_t shape[4] = {1 + take(m) % 2, 1 + take(m) % 4, size_of(m), size_of(m)};
    tn_dtype type = take(m) % 2 ? TN_F32 : TN_F64;
    return x && tn_ndim(x) >= 3 ? x : keep(m, tn_rand(m->ctx, type, 4, shape));
}

static tn_conv2d_opts conv_opts(machine *m, int64_t channels)
{
    uint8_t byte = take(m);
    tn_conv2d_opts opts = {.groups = byte % 4 == 0 ? channels : byte % 4 == 1 ? option(m) : 0};
    if (byte & 16)
        opts.stride = option(m), opts.stride_w = option(m);
    if (byte & 32)
        opts.padding = option(m), opts.padding_h = option(m);
    if (byte & 64)
        opts.dilation = option(m), opts.dilation_h = option(m);
    return opts;
}

static void call_conv2d(machine *m)
{
    const tn_tensor *x = images(m);
    int64_t channels = tn_size(x, -3), out = 1 + take(m) % 5, kernel = 1 + take(m) % 4;
    tn_conv2d_opts opts = conv_opts(m, channels);
    out *= opts.groups > 0 && opts.groups < 8 ? opts.groups : 1;
    const int64_t shape[4] = {out, opts.groups > 0 ? channels / opts.groups : channels, kernel,
                              take(m) % 3 ? kernel : size_of(m)};
    const tn_tensor *weight = fitting(m, x, 4, shape);
    const tn_tensor *bias = take(m) % 2 ? fitting(m, x, 1, &out) : NULL;
    keep(m, tn_conv2d(m->ctx, x, weight, bias, opts));
}

static tn_pool2d_opts pool_opts(machine *m)
{
    uint8_t byte = take(m);
    tn_pool2d_opts opts = {.ceil_mode = byte & 1, .exclude_padding = byte & 2};
    if (byte & 4)
        opts.kernel_h = option(m), opts.kernel_w = option(m);
    if (byte & 8)
        opts.stride = option(m), opts.stride_h = option(m);
    if (byte & 16)
        opts.padding = option(m), opts.padding_w = option(m);
    if (byte & 32)
        opts.dilation = option(m), opts.dilation_w = option(m);
    if (byte & 64)
        opts.divisor = option(m);
    return opts;
}

static void call_pool2d(machine *m)
{
    const tn_tensor *x = images(m);
    int64_t kernel = option(m);
    tn_pool2d_opts opts = pool_opts(m);
    switch (take(m) % 3) {
    case 0:
        keep(m, tn_max_pool2d(m->ctx, x, kernel, opts));
        break;
    case 1:
        keep(m, tn_avg_pool2d(m->ctx, x, kernel, opts));
        break;
    default:
        keep(m, tn_adaptive_avg_pool2d(m->ctx, x, kernel, size_of(m)));
    }
}

static void call_batch_norm(machine *m)
{
    const tn_tensor *x = images(m);
    int64_t channels = tn_size(x, 1);
    tn_tensor *of_channels[4];
    for (int i = 0; i < 4; i++)
        of_channels[i] = flag(m) ? NULL : fitting(m, x, 1, &channels);
    tn_batch_norm_opts opts = {.training = take(m) % 2, .momentum = flag(m) ? (double)TN_ZERO : 0};
    if (flag(m))
        opts.eps = number(m), opts.momentum = number(m);
    keep(m, tn_batch_norm(m->ctx, x, of_channels[0], of_channels[1], of_channels[2], of_channels[3],
                          opts));
}

/* ---- losses ---------------------------------------------------------------------------------- */

static tn_tensor *labels(machine *m, const tn_tensor *x)
{
    const int64_t shape[1] = {tn_size(x, 0)};
    if (take(m) % 4 == 0)
        return small(m);
    return keep(m, tn_full(m->ctx, take(m) % 2 ? TN_I64 : TN_U8, tn_ndim(x) == 2, shape,
                           (double)(take(m) % 3)));
}

static void call_class_loss(machine *m)
{
    const tn_tensor *x = small(m);
    const tn_tensor *target = labels(m, x);
    int64_t classes = tn_size(x, tn_ndim(x) ? -1 : 0);
    tn_reduction reduction = (tn_reduction)(take(m) % 4);
    const tn_tensor *weight = flag(m) ? fitting(m, x, 1, &classes) : NULL;
    int64_t ignored = option(m);
    if (take(m) % 2)
        keep(m, tn_nll_loss(m->ctx, x, target, (tn_nll_loss_opts){reduction, weight, ignored}));
    else
        keep(m, tn_cross_entropy(
                    m->ctx, x, target,
                    (tn_cross_entropy_opts){reduction, flag(m) ? number(m) : 0, weight, ignored}));
}

static void call_loss(machine *m)
{
    const tn_tensor *x = small(m), *target = small(m);
    tn_reduction reduction = (tn_reduction)(take(m) % 4);
    if (take(m) % 2) {
        keep(m,
             tn_mse_loss(m->ctx, x, target, (tn_mse_loss_opts){reduction, .broadcast = flag(m)}));
        return;
    }
    target = take(m) % 2 ? x : target;
    keep(m, tn_binary_cross_entropy_with_logits(
                m->ctx, x, target,
                (tn_bce_opts){reduction, flag(m) ? small(m) : NULL, flag(m) ? small(m) : NULL}));
}

/* ---- shape ----------------------------------------------------------------------------------- */

static void call_reshape(machine *m)
{
    int64_t shape[TN_MAX_DIMS];
    const tn_tensor *x = any(m);
    int ndim = 1 + take(m) % 4;
    for (int i = 0; i < ndim; i++)
        shape[i] = take(m) % 2 ? tn_size(x, take(m) % 4) : size_of(m);
    if (take(m) % 2)
        shape[take(m) % ndim] = -1;
    keep(m, tn_reshape(m->ctx, x, ndim, shape));
}

static void call_permute(machine *m)
{
    const tn_tensor *x = any(m);
    int dims[TN_MAX_DIMS], first = take(m) % (tn_ndim(x) + 1);
    for (int i = 0; i < tn_ndim(x); i++)
        dims[i] = (i + first) % tn_ndim(x);
    if (flag(m))
        dims[take(m) % TN_MAX_DIMS] = dim(m);
    keep(m, tn_permute(m->ctx, x, dims));
}

static void call_part(machine *m)
{
    const tn_tensor *x = any(m);
    int along = dim(m);
    uint8_t which = take(m);
    int64_t a = take(m) % 4 ? take(m) % 4 : option(m), b = take(m) % 4 ? take(m) % 5 : option(m);
    switch (which % 6) {
    case 0:
        keep(m, tn_slice(m->ctx, x, along, a, b, 1 + take(m) % 3));
        break;
    case 1:
        keep(m, tn_slice(m->ctx, x, along, a, INT64_MAX, option(m)));
        break;
    case 2:
        keep(m, tn_narrow(m->ctx, x, along, a, b));
        break;
    case 3:
        keep(m, tn_select(m->ctx, x, along, a));
        break;
    case 4:
        keep(m, tn_transpose(m->ctx, x, along, dim(m)));
        break;
    default:
        keep(m, tn_flatten(m->ctx, x, along, dim(m)));
    }
}

static void call_squeeze(machine *m)
{
    const tn_tensor *x = any(m);
    int along = dim(m);
    keep(m, (take(m) % 2 ? tn_squeeze : tn_unsqueeze)(m->ctx, x, along));
}

static void call_expand(machine *m)
{
    int64_t shape[TN_MAX_DIMS];
    const tn_tensor *x = any(m);
    int more = take(m) % 3, ndim = tn_ndim(x) + more;
    ndim = ndim < TN_MAX_DIMS ? ndim : TN_MAX_DIMS;
    for (int i = 0; i < ndim; i++)
        shape[i] = i >= more && tn_size(x, i - more) != 1 && take(m) % 8 ? -1 : size_of(m);
    keep(m, tn_expand(m->ctx, x, ndim, shape));
}

static void call_join(machine *m)
{
    const tn_tensor *tensors[4];
    int count = take(m) % 8 == 0 ? 0 : 1 + take(m) % 4;
    tensors[0] = small(m);
    for (int i = 1; i < 4; i++)
        tensors[i] = take(m) % 2 ? tensors[0] : small(m);
    int along = dim(m);
    keep(m, (take(m) % 2 ? tn_cat : tn_stack)(m->ctx, count, tensors, along));
}

static void call_index(machine *m)
{
    const tn_tensor *x = small(m), *index = small(m);
    int along = dim(m);
    if (take(m) % 2)
        keep(m, tn_index_select(m->ctx, x, along, index));
    else
        keep(m, tn_gather(m->ctx, x, along,
                          take(m) % 2 ? keep(m, tn_argmax(m->ctx, x, along)) : index));
}

static void call_pad(machine *m)
{
    const tn_tensor *x = small(m);
    int64_t pad[6];
    for (int i = 0; i < 6; i++)
        pad[i] = take(m) % 4 ? take(m) % 3 - 1 : option(m);
    int count = take(m) % 7;
    keep(m, tn_pad(m->ctx, x, count, pad, number(m)));
}

static void call_cast(machine *m)
{
    const tn_tensor *x = small(m);
    keep(m, tn_cast(m->ctx, x, dtype(m)));
}

const call_fn op_calls[] = {
    call_unary,  call_unary,   call_with_number, call_binary,  call_binary,      call_where,
    call_reduce, call_reduce,  call_var,         call_extreme, call_count_equal, call_softmax,
    call_linear, call_conv2d,  call_conv2d,      call_pool2d,  call_batch_norm,  call_class_loss,
    call_loss,   call_reshape, call_permute,     call_part,    call_part,        call_squeeze,
    call_expand, call_join,    call_index,       call_pad,     call_cast,        call_bounded,
};
const int op_call_count = sizeof op_calls / sizeof *op_calls;
