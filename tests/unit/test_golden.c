/* The operators, optimisers and networks against PyTorch: tests/golden (make_golden.py and
 * make_more.py say what the files hold), in f64 and f32, from inputs in three layouts.
 *
 * An operator costs one line here, in OPERATORS, LAYERS, OPTIMIZERS or SCHEDULES. Cases whose
 * operator has none are counted and listed. */
#include "common/ops.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#ifndef TN_TEST_GOLDEN
#define TN_TEST_GOLDEN "tests/golden"
#endif

#define MAX_CASES 1000
#define MAX_LINE 2048

typedef struct golden {
    char line[MAX_LINE];
    const char *name, *op, *attrs; /* parts of the line */
    tn_dict *arrays;
    tn_dtype dtype; /* of floats, and how inputs lie, in this run */
    layout how;
} golden;

static golden cases[MAX_CASES];
static int n_cases;

/* ---- attributes: "key=value key=value" ------------------------------------------------------- */

static const char *text_of(const golden *g, const char *key)
{
    size_t length = strlen(key);
    for (const char *p = g->attrs; p; p = strchr(p, ' ')) {
        p += *p == ' ';
        if (strncmp(p, key, length) == 0 && p[length] == '=')
            return p + length + 1;
    }
    return NULL;
}

static bool is(const golden *g, const char *key, const char *value)
{
    const char *text = text_of(g, key);
    return text && strncmp(text, value, strcspn(text, " ")) == 0;
}

static int64_t whole(const golden *g, const char *key, int64_t otherwise)
{
    const char *text = text_of(g, key);
    return text ? strtoll(text, NULL, 10) : otherwise;
}

static double number(const golden *g, const char *key)
{
    const char *text = text_of(g, key);
    return text ? strtod(text, NULL) : 0;
}

/* The same for an option: 0, its default, if there is none, and TN_ZERO for zero. */
static int64_t whole_option(const golden *g, const char *key)
{
    int64_t value = whole(g, key, 0);
    return value == 0 && text_of(g, key) ? TN_ZERO : value;
}

static double real_option(const golden *g, const char *key)
{
    double value = number(g, key);
    return value == 0 && text_of(g, key) ? TN_ZERO : value;
}

/* "1,2,3": how many, and the numbers. */
static int numbers(const golden *g, const char *key, double *out)
{
    int n = 0;
    const char *text = text_of(g, key);
    while (text && *text && *text != ' ') {
        char *end;
        out[n++] = strtod(text, &end);
        ck_assert_ptr_ne(end, text);
        text = *end == ',' ? end + 1 : end;
    }
    return n;
}

typedef struct list {
    int n, ints[16];
    int64_t sizes[16];
} list;

static list list_of(const golden *g, const char *key)
{
    double values[16];
    list l = {.n = numbers(g, key, values)};
    for (int i = 0; i < l.n; i++) {
        l.sizes[i] = (int64_t)values[i];
        l.ints[i] = (int)values[i];
    }
    return l;
}

/* The numbers of an attribute as a vector. */
static array vector_of(const golden *g, const char *key)
{
    double values[16];
    int64_t n = numbers(g, key, values);
    array a = array_new(1, &n);
    memcpy(a.data, values, (size_t)n * sizeof *values);
    return a;
}

/* ---- operators ------------------------------------------------------------------------------- */

static int dim_of(const golden *g)
{
    return (int)whole(g, "dim", 0);
}

static tn_tensor *reduced(tn_tensor *(*fn)(tn_ctx *, const tn_tensor *, tn_reduce_opts),
                          const golden *g, const tn_tensor *x)
{
    list dims = list_of(g, text_of(g, "dims") ? "dims" : "dim");
    return fn(ctx, x,
              (tn_reduce_opts){
                  .dims = dims.ints, .ndims = dims.n, .keepdim = whole(g, "keepdim", 0) != 0});
}

static tn_tensor *shaped(tn_tensor *(*fn)(tn_ctx *, const tn_tensor *, int, const int64_t *),
                         const golden *g, const tn_tensor *x)
{
    list shape = list_of(g, "shape");
    return fn(ctx, x, shape.n, shape.sizes);
}

static tn_tensor *permuted(const golden *g, const tn_tensor *x)
{
    list dims = list_of(g, "dims");
    return tn_permute(ctx, x, dims.ints);
}

static tn_tensor *product(const golden *g, tn_tensor *a, tn_tensor *b)
{
    if (whole(g, "transpose0", 0))
        a = tn_transpose(ctx, a, 0, 1);
    if (whole(g, "transpose1", 0))
        b = tn_transpose(ctx, b, 0, 1);
    return tn_matmul(ctx, a, b);
}

static tn_reduction reduction_of(const golden *g)
{
    return is(g, "reduction", "none")  ? TN_REDUCE_NONE
           : is(g, "reduction", "sum") ? TN_REDUCE_SUM
                                       : TN_REDUCE_MEAN;
}

/* The weights of this name, or NULL. */
static tn_tensor *weight_of(const golden *g, const char *key)
{
    array a = vector_of(g, key);
    return a.numel ? tensor_of(&a, g->dtype, g->how) : NULL;
}

static tn_tensor *cross_entropy(const golden *g, const tn_tensor *x, const tn_tensor *target)
{
    return tn_cross_entropy(
        ctx, x, target,
        (tn_cross_entropy_opts){.reduction = reduction_of(g),
                                .label_smoothing = number(g, "label_smoothing"),
                                .weight = weight_of(g, "weight"),
                                .ignore_index = whole_option(g, "ignore_index")});
}

static tn_tensor *nll_loss(const golden *g, const tn_tensor *x, const tn_tensor *target)
{
    return tn_nll_loss(ctx, x, target,
                       (tn_nll_loss_opts){.reduction = reduction_of(g),
                                          .weight = weight_of(g, "weight"),
                                          .ignore_index = whole_option(g, "ignore_index")});
}

static tn_bce_opts bce_opts(const golden *g)
{
    return (tn_bce_opts){.reduction = reduction_of(g),
                         .weight = weight_of(g, "weight"),
                         .pos_weight = weight_of(g, "pos_weight")};
}

static tn_tensor *variance(const golden *g, const tn_tensor *x)
{
    list dims = list_of(g, "dims");
    return tn_var(ctx, x,
                  (tn_var_opts){.dims = dims.ints,
                                .ndims = dims.n,
                                .keepdim = whole(g, "keepdim", 0) != 0,
                                .correction = whole_option(g, "correction")});
}

/* max and min: the values or the indices. */
static tn_tensor *extreme(tn_tensor *(*fn)(tn_ctx *, const tn_tensor *, int, bool, tn_tensor **),
                          const golden *g, const tn_tensor *x, bool indices)
{
    tn_tensor *at, *y = fn(ctx, x, dim_of(g), whole(g, "keepdim", 0) != 0, &at);
    return indices ? at : y;
}

static tn_tensor *topk(const golden *g, const tn_tensor *x, bool indices)
{
    tn_tensor *at;
    tn_tensor *y = tn_topk(ctx, x, whole(g, "k", 0), dim_of(g), whole(g, "largest", 1) != 0, &at);
    return indices ? at : y;
}

/* Those that are given, up to the first NULL. */
static tn_tensor *joined(tn_tensor *(*fn)(tn_ctx *, int64_t, const tn_tensor *const *, int),
                         const golden *g, tn_tensor *const *in)
{
    int n = 0;
    while (in[n])
        n++;
    return fn(ctx, n, (const tn_tensor *const *)in, dim_of(g));
}

static tn_tensor *padded(const golden *g, const tn_tensor *x)
{
    list pad = list_of(g, "pad");
    return tn_pad(ctx, x, pad.n, pad.sizes, number(g, "value"));
}

static tn_tensor *conv2d(const golden *g, tn_tensor *const *in)
{
    list stride = list_of(g, "stride"), padding = list_of(g, "padding");
    list dilation = list_of(g, "dilation");
    return tn_conv2d(ctx, in[0], in[1], in[2],
                     (tn_conv2d_opts){.stride_h = stride.sizes[0],
                                      .stride_w = stride.sizes[1],
                                      .padding_h = padding.sizes[0],
                                      .padding_w = padding.sizes[1],
                                      .dilation_h = dilation.sizes[0],
                                      .dilation_w = dilation.sizes[1],
                                      .groups = whole(g, "groups", 1)});
}

static tn_pool2d_opts pool_opts(const golden *g)
{
    list kernel = list_of(g, "kernel_size"), stride = list_of(g, "stride");
    list padding = list_of(g, "padding"), dilation = list_of(g, "dilation");
    return (tn_pool2d_opts){.kernel_h = kernel.sizes[0],
                            .kernel_w = kernel.sizes[1],
                            .stride_h = stride.sizes[0],
                            .stride_w = stride.sizes[1],
                            .padding_h = padding.sizes[0],
                            .padding_w = padding.sizes[1],
                            .dilation_h = dilation.sizes[0],
                            .dilation_w = dilation.sizes[1],
                            .ceil_mode = whole(g, "ceil_mode", 0) != 0,
                            .exclude_padding = whole(g, "count_include_pad", 1) == 0,
                            .divisor = whole(g, "divisor_override", 0)};
}

static tn_tensor *adaptive(const golden *g, const tn_tensor *x)
{
    list size = list_of(g, "output_size");
    return tn_adaptive_avg_pool2d(ctx, x, size.sizes[0], size.sizes[1]);
}

static tn_tensor *batch_norm(const golden *g, tn_tensor *const *in)
{
    array start[] = {vector_of(g, "running_mean"), vector_of(g, "running_var")};
    array after[] = {vector_of(g, "running_mean_after"), vector_of(g, "running_var_after")};
    tn_tensor *mean = tensor_of(&start[0], g->dtype, g->how);
    tn_tensor *var = tensor_of(&start[1], g->dtype, g->how);
    tn_tensor *y = tn_batch_norm(ctx, in[0], mean, var, in[1], in[2],
                                 (tn_batch_norm_opts){.training = whole(g, "training", 0) != 0,
                                                      .momentum = real_option(g, "momentum"),
                                                      .eps = real_option(g, "eps")});
    check_array(mean, &after[0], g->dtype == TN_F64 ? 1e-9 : 1e-4, "%s: running mean", g->name);
    check_array(var, &after[1], g->dtype == TN_F64 ? 1e-9 : 1e-4, "%s: running var", g->name);
    return y;
}

static tn_dtype dtype_of(const golden *g)
{
    for (int i = 0; i < TN_DTYPES; i++)
        if (is(g, "dtype", tn_dtype_name((tn_dtype)i)))
            return (tn_dtype)i;
    return (tn_dtype)-1;
}

/* X(name, expression in ctx, the inputs in[0], in[1]..., NULL where there are no more, and the
 * attributes of g) */
#define OPERATORS(X)                                                                              \
    X(add, tn_add(ctx, in[0], in[1]))                                                             \
    X(sub, tn_sub(ctx, in[0], in[1]))                                                             \
    X(mul, tn_mul(ctx, in[0], in[1]))                                                             \
    X(div, tn_div(ctx, in[0], in[1]))                                                             \
    X(neg, tn_neg(ctx, in[0]))                                                                    \
    X(square, tn_square(ctx, in[0]))                                                              \
    X(exp, tn_exp(ctx, in[0]))                                                                    \
    X(log, tn_log(ctx, in[0]))                                                                    \
    X(relu, tn_relu(ctx, in[0]))                                                                  \
    X(add_scalar, tn_add_scalar(ctx, in[0], number(g, "s")))                                      \
    X(mul_scalar, tn_mul_scalar(ctx, in[0], number(g, "s")))                                      \
    X(sum, reduced(tn_sum, g, in[0]))                                                             \
    X(mean, reduced(tn_mean, g, in[0]))                                                           \
    X(argmax, tn_argmax(ctx, in[0], dim_of(g)))                                                   \
    X(softmax, tn_softmax(ctx, in[0], dim_of(g)))                                                 \
    X(log_softmax, tn_log_softmax(ctx, in[0], dim_of(g)))                                         \
    X(matmul, product(g, in[0], in[1]))                                                           \
    X(linear, tn_linear(ctx, in[0], in[1], in[2]))                                                \
    X(cross_entropy, cross_entropy(g, in[0], in[1]))                                              \
    X(reshape, shaped(tn_reshape, g, in[0]))                                                      \
    X(expand, shaped(tn_expand, g, in[0]))                                                        \
    X(flatten,                                                                                    \
      tn_flatten(ctx, in[0], (int)whole(g, "start_dim", 0), (int)whole(g, "end_dim", -1)))        \
    X(permute, permuted(g, in[0]))                                                                \
    X(transpose, tn_transpose(ctx, in[0], (int)whole(g, "dim0", 0), (int)whole(g, "dim1", 0)))    \
    X(slice, tn_slice(ctx, in[0], dim_of(g), whole(g, "start", 0), whole(g, "end", INT64_MAX),    \
                      whole(g, "step", 1)))                                                       \
    X(narrow, tn_narrow(ctx, in[0], dim_of(g), whole(g, "start", 0), whole(g, "length", 0)))      \
    X(select, tn_select(ctx, in[0], dim_of(g), whole(g, "index", 0)))                             \
    X(squeeze, tn_squeeze(ctx, in[0], dim_of(g)))                                                 \
    X(unsqueeze, tn_unsqueeze(ctx, in[0], dim_of(g)))                                             \
    X(contiguous, tn_contiguous(ctx, in[0]))                                                      \
    X(clone, tn_clone(ctx, in[0]))                                                                \
    X(cast, tn_cast(ctx, in[0], dtype_of(g)))                                                     \
    X(abs, tn_abs(ctx, in[0]))                                                                    \
    X(sqrt, tn_sqrt(ctx, in[0]))                                                                  \
    X(pow_scalar, tn_pow_scalar(ctx, in[0], number(g, "p")))                                      \
    X(clamp, tn_clamp(ctx, in[0], number(g, "low"), number(g, "high")))                           \
    X(leaky_relu, tn_leaky_relu(ctx, in[0], number(g, "negative_slope")))                         \
    X(sigmoid, tn_sigmoid(ctx, in[0]))                                                            \
    X(tanh, tn_tanh(ctx, in[0]))                                                                  \
    X(gelu, tn_gelu(ctx, in[0]))                                                                  \
    X(dropout, tn_dropout(ctx, in[0], number(g, "p"), whole(g, "training", 0) != 0))              \
    X(eq, tn_eq(ctx, in[0], in[1]))                                                               \
    X(ne, tn_ne(ctx, in[0], in[1]))                                                               \
    X(lt, tn_lt(ctx, in[0], in[1]))                                                               \
    X(le, tn_le(ctx, in[0], in[1]))                                                               \
    X(gt, tn_gt(ctx, in[0], in[1]))                                                               \
    X(ge, tn_ge(ctx, in[0], in[1]))                                                               \
    X(where, tn_where(ctx, in[0], in[1], in[2]))                                                  \
    X(max, extreme(tn_max, g, in[0], false))                                                      \
    X(max_indices, extreme(tn_max, g, in[0], true))                                               \
    X(min, extreme(tn_min, g, in[0], false))                                                      \
    X(min_indices, extreme(tn_min, g, in[0], true))                                               \
    X(amax, reduced(tn_amax, g, in[0]))                                                           \
    X(amin, reduced(tn_amin, g, in[0]))                                                           \
    X(var, variance(g, in[0]))                                                                    \
    X(topk, topk(g, in[0], false))                                                                \
    X(topk_indices, topk(g, in[0], true))                                                         \
    X(cat, joined(tn_cat, g, in))                                                                 \
    X(stack, joined(tn_stack, g, in))                                                             \
    X(index_select, tn_index_select(ctx, in[0], dim_of(g), in[1]))                                \
    X(gather, tn_gather(ctx, in[0], dim_of(g), in[1]))                                            \
    X(pad, padded(g, in[0]))                                                                      \
    X(nll_loss, nll_loss(g, in[0], in[1]))                                                        \
    X(mse_loss, tn_mse_loss(ctx, in[0], in[1], (tn_mse_loss_opts){.reduction = reduction_of(g)})) \
    X(binary_cross_entropy_with_logits,                                                           \
      tn_binary_cross_entropy_with_logits(ctx, in[0], in[1], bce_opts(g)))                        \
    X(conv2d, conv2d(g, in))                                                                      \
    X(max_pool2d, tn_max_pool2d(ctx, in[0], 0, pool_opts(g)))                                     \
    X(avg_pool2d, tn_avg_pool2d(ctx, in[0], 0, pool_opts(g)))                                     \
    X(adaptive_avg_pool2d, adaptive(g, in[0]))                                                    \
    X(batch_norm, batch_norm(g, in))

#define DEFINE_OPERATOR(name, ...)                                      \
    static tn_tensor *run_##name(const golden *g, tn_tensor *const *in) \
    {                                                                   \
        (void)g;                                                        \
        return __VA_ARGS__;                                             \
    }
OPERATORS(DEFINE_OPERATOR)

typedef tn_tensor *(*operator_fn)(const golden *g, tn_tensor *const *in);
#define LIST_OPERATOR(name, ...) {#name, run_##name},
static const struct {
    const char *name;
    operator_fn fn;
} operators[] = {OPERATORS(LIST_OPERATOR)};
#define N_OPERATORS (int)(sizeof operators / sizeof *operators)

static operator_fn operator_of(const char *name)
{
    for (int i = 0; i < N_OPERATORS; i++)
        if (strcmp(operators[i].name, name) == 0)
            return operators[i].fn;
    return NULL;
}

/* ---- layers and optimisers ------------------------------------------------------------------- */

/* A number that is given by name, "stride=2", in the parentheses that begin at `text`. */
static int64_t option(const char *text, const char *name)
{
    size_t length = strlen(name);
    for (const char *p = text; *p && *p != '|' && *p != ' ' && *p != ')'; p++)
        if ((*p == '(' || *p == ',') && strncmp(p + 1, name, length) == 0 && p[length + 1] == '=')
            return strtoll(p + length + 2, NULL, 10);
    return 0;
}

static tn_conv2d_opts conv_opts(const char *text)
{
    return (tn_conv2d_opts){.stride = option(text, "stride"), .padding = option(text, "padding")};
}

/* X(name, expression in ctx and the numbers a[0], a[1]... in the parentheses after the name, which
 * begin at `text`) */
#define LAYERS(X)                                                                                 \
    X(Linear, tn_nn_linear(ctx, (int64_t)a[0], (int64_t)a[1]))                                    \
    X(ReLU, tn_nn_relu(ctx))                                                                      \
    X(Conv2d, tn_nn_conv2d(ctx, (int64_t)a[0], (int64_t)a[1], (int64_t)a[2], conv_opts(text)))    \
    X(MaxPool2d, tn_nn_max_pool2d(ctx, (int64_t)a[0], (tn_pool2d_opts){.stride = (int64_t)a[1]})) \
    X(AdaptiveAvgPool2d, tn_nn_adaptive_avg_pool2d(ctx, (int64_t)a[0], (int64_t)a[0]))            \
    X(Flatten, tn_nn_flatten(ctx))

#define DEFINE_LAYER(name, ...)                                       \
    static tn_module *layer_##name(const char *text, const double *a) \
    {                                                                 \
        (void)text, (void)a;                                          \
        return __VA_ARGS__;                                           \
    }
LAYERS(DEFINE_LAYER)

typedef tn_module *(*layer_fn)(const char *text, const double *a);
#define LIST_LAYER(name, ...) {#name, layer_##name},
static const struct {
    const char *name;
    layer_fn fn;
} layers[] = {LAYERS(LIST_LAYER)};

static layer_fn layer_of(const char *text)
{
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        if (strncmp(text, layers[i].name, strlen(layers[i].name)) == 0 &&
            !isalnum((unsigned char)text[strlen(layers[i].name)]))
            return layers[i].fn;
    return NULL;
}

static tn_sgd_opts sgd_opts(const golden *g)
{
    return (tn_sgd_opts){.lr = real_option(g, "lr"),
                         .momentum = real_option(g, "momentum"),
                         .dampening = real_option(g, "dampening"),
                         .weight_decay = real_option(g, "weight_decay"),
                         .nesterov = whole(g, "nesterov", 0) != 0};
}

static double second(const golden *g, const char *key)
{
    double values[16] = {0};
    numbers(g, key, values);
    return values[1];
}

static tn_adam_opts adam_opts(const golden *g)
{
    return (tn_adam_opts){.lr = real_option(g, "lr"),
                          .beta1 = number(g, "betas"),
                          .beta2 = second(g, "betas"),
                          .eps = real_option(g, "eps"),
                          .weight_decay = real_option(g, "weight_decay")};
}

static tn_adamw_opts adamw_opts(const golden *g)
{
    return (tn_adamw_opts){.lr = real_option(g, "lr"),
                           .beta1 = number(g, "betas"),
                           .beta2 = second(g, "betas"),
                           .eps = real_option(g, "eps"),
                           .weight_decay = real_option(g, "weight_decay")};
}

static tn_rmsprop_opts rmsprop_opts(const golden *g)
{
    return (tn_rmsprop_opts){.lr = real_option(g, "lr"),
                             .alpha = real_option(g, "alpha"),
                             .eps = real_option(g, "eps"),
                             .weight_decay = real_option(g, "weight_decay"),
                             .momentum = real_option(g, "momentum"),
                             .centered = whole(g, "centered", 0) != 0};
}

/* X(name, expression in ctx, g and `params`, `count`) */
#define OPTIMIZERS(X)                                        \
    X(sgd, tn_sgd_of(ctx, count, params, sgd_opts(g)))       \
    X(adam, tn_adam_of(ctx, count, params, adam_opts(g)))    \
    X(adamw, tn_adamw_of(ctx, count, params, adamw_opts(g))) \
    X(rmsprop, tn_rmsprop_of(ctx, count, params, rmsprop_opts(g)))

#define DEFINE_OPTIMIZER(name, ...)                                                         \
    static tn_optim *optim_##name(const golden *g, tn_tensor *const *params, int64_t count) \
    {                                                                                       \
        return __VA_ARGS__;                                                                 \
    }
OPTIMIZERS(DEFINE_OPTIMIZER)

typedef tn_optim *(*optim_fn)(const golden *g, tn_tensor *const *params, int64_t count);
#define LIST_OPTIMIZER(name, ...) {#name, optim_##name},
static const struct {
    const char *name;
    optim_fn fn;
} optimizers[] = {OPTIMIZERS(LIST_OPTIMIZER)};

static optim_fn optim_of(const char *name)
{
    for (size_t i = 0; name && i < sizeof optimizers / sizeof *optimizers; i++)
        if (strlen(optimizers[i].name) == strcspn(name, " ") &&
            strncmp(optimizers[i].name, name, strcspn(name, " ")) == 0)
            return optimizers[i].fn;
    return NULL;
}

static tn_plateau_opts plateau_opts(const golden *g)
{
    return (tn_plateau_opts){.factor = real_option(g, "factor"),
                             .patience = whole_option(g, "patience"),
                             .threshold = real_option(g, "threshold"),
                             .absolute = is(g, "threshold_mode", "abs"),
                             .maximize = is(g, "mode", "max"),
                             .cooldown = whole(g, "cooldown", 0),
                             .min_lr = real_option(g, "min_lr"),
                             .eps = real_option(g, "eps")};
}

static tn_schedule *cosine(const golden *g, tn_optim *opt)
{
    return tn_cosine_annealing_lr(ctx, opt, whole(g, "T_max", 0), number(g, "eta_min"));
}

static tn_schedule *linear(const golden *g, tn_optim *opt)
{
    return tn_linear_lr(ctx, opt, number(g, "start_factor"), number(g, "end_factor"),
                        whole(g, "total_iters", 0));
}

/* X(name, expressions in ctx, g and `opt`: a schedule, and one more or NULL) */
#define SCHEDULES(X)                                                                  \
    X(step, tn_step_lr(ctx, opt, whole(g, "step_size", 0), number(g, "gamma")), NULL) \
    X(exponential, tn_exponential_lr(ctx, opt, number(g, "gamma")), NULL)             \
    X(cosine, cosine(g, opt), NULL)                                                   \
    X(linear, linear(g, opt), NULL)                                                   \
    X(linear_cosine, linear(g, opt), cosine(g, opt))                                  \
    X(plateau, tn_reduce_lr_on_plateau(ctx, opt, plateau_opts(g)), NULL)

#define DEFINE_SCHEDULE(name, one, other)                                        \
    static void schedule_##name(const golden *g, tn_optim *opt, tn_schedule **s) \
    {                                                                            \
        s[0] = one;                                                              \
        s[1] = other;                                                            \
    }
SCHEDULES(DEFINE_SCHEDULE)

typedef void (*schedule_fn)(const golden *g, tn_optim *opt, tn_schedule **s);
#define LIST_SCHEDULE(name, one, other) {#name, schedule_##name},
static const struct {
    const char *name;
    schedule_fn fn;
} schedules[] = {SCHEDULES(LIST_SCHEDULE)};

static schedule_fn schedule_of(const char *name)
{
    for (size_t i = 0; i < sizeof schedules / sizeof *schedules; i++)
        if (strcmp(schedules[i].name, name) == 0)
            return schedules[i].fn;
    return NULL;
}

/* ---- arrays of a case ------------------------------------------------------------------------ */

static double rtol(const golden *g)
{
    return g->dtype == TN_F64 ? 1e-9 : 1e-4;
}

static bool has(const golden *g, const char *format, const char *key)
{
    char name[64];
    snprintf(name, sizeof name, format, key);
    return tn_dict_get(g->arrays, name) != NULL;
}

static array array_named(const golden *g, const char *format, const char *key)
{
    char name[64];
    snprintf(name, sizeof name, format, key);
    tn_tensor *t = tn_dict_get(g->arrays, name);
    ck_assert_msg(t != NULL, "%s has no array %s", g->name, name);
    return array_of(t);
}

/* Floats become g->dtype, and are leaves that require a gradient. */
static tn_tensor *tensor_named(const golden *g, const char *format, const char *key)
{
    char name[64];
    array a = array_named(g, format, key);
    snprintf(name, sizeof name, format, key);
    tn_dtype dtype = tn_dtype_of(tn_dict_get(g->arrays, name));
    if (dtype == TN_F32 || dtype == TN_F64)
        return leaf_of(&a, g->dtype, g->how);
    return tensor_of(&a, dtype, g->how);
}

static tn_tensor *constant_named(const golden *g, const char *format, const char *key)
{
    return tn_detach(ctx, tensor_named(g, format, key));
}

#define CHECK(g, t, format, key)                                                                  \
    do {                                                                                          \
        array want_ = array_named(g, format, key);                                                \
        check_array(t, &want_, rtol(g), "%s %s: " format, (g)->name, layout_name((g)->how), key); \
    } while (0)

/* ---- running a case -------------------------------------------------------------------------- */

static const char *const digits[] = {"0", "1", "2", "3", "4", "5"};

static void run_operator(const golden *g)
{
    tn_tensor *in[8] = {NULL};
    int n = 0;
    for (; n < 6 && has(g, "in%s", digits[n]); n++)
        in[n] = tensor_named(g, "in%s", digits[n]);
    tn_tensor *y = operator_of(g->op)(g, in);
    CHECK(g, y, "%s", "out");
    if (!has(g, "%s", "gout"))
        return;
    array gout = array_named(g, "%s", "gout");
    tn_backward_with(ctx, y, tensor_of(&gout, tn_dtype_of(y), PLAIN));
    for (int i = 0; i < n; i++)
        if (has(g, "gin%s", digits[i]))
            CHECK(g, tn_grad(in[i]), "gin%s", digits[i]);
}

/* p after each step from the gradients g: the gradient of sum(p g) is g. */
static void run_optimizer(const golden *g)
{
    golden plain = *g;
    plain.how = PLAIN;
    tn_tensor *p = tensor_named(&plain, "%s", "p0"), *grads = constant_named(g, "%s", "g");
    array want = array_named(g, "%s", "p");
    tn_tensor *steps = tensor_of(&want, TN_F64, PLAIN);
    tn_optim *opt = optim_of(g->op + strlen("optim_"))(g, &p, 1);
    ck_assert_msg(opt != NULL, "%s", tn_error(ctx));
    for (int64_t i = 0; i < tn_size(grads, 0); i++) {
        tn_tensor *product = tn_mul(ctx, p, tn_select(ctx, grads, 0, i));
        tn_backward(ctx, tn_sum(ctx, product, (tn_reduce_opts){0}));
        ck_assert_int_eq(tn_step(opt), TN_OK);
        tn_zero_grad(opt);
        array expected = array_of(tn_select(ctx, steps, 0, i));
        check_array(p, &expected, rtol(g), "%s: step %d", g->name, (int)i);
    }
}

/* The gradient of sum(p g) is g. */
static void set_gradients(tn_tensor *const *params, int count, tn_tensor *const *grads, int64_t i)
{
    for (int j = 0; j < count; j++) {
        tn_tensor *g = i < 0 ? grads[j] : tn_select(ctx, grads[j], 0, i);
        tn_clear_grad(params[j]);
        tn_backward(ctx, tn_sum(ctx, tn_mul(ctx, params[j], g), (tn_reduce_opts){0}));
    }
}

/* Two groups, and a limit of the norm, as make_more.py says. */
static void run_groups(const golden *g)
{
    golden plain = *g;
    plain.how = PLAIN;
    tn_tensor *p[2], *grads[2], *want[2];
    for (int i = 0; i < 2; i++) {
        p[i] = tensor_named(&plain, "a%s", digits[i]);
        grads[i] = constant_named(g, "g%s", digits[i]);
        array a = array_named(g, "p%s", digits[i]);
        want[i] = tensor_of(&a, TN_F64, PLAIN);
    }
    tn_optim *opt = optim_of(text_of(g, "optim"))(g, p, 1);
    int64_t group =
        tn_add_group_of(opt, 1, &p[1],
                        (tn_group_opts){.lr = real_option(g, "lr1"),
                                        .weight_decay = real_option(g, "weight_decay1")});
    ck_assert_int_eq(group, 1);
    for (int64_t i = 0; i < tn_size(grads[0], 0); i++) {
        set_gradients(p, 2, grads, i);
        if (number(g, "max_norm") > 0)
            tn_clip_grad_norm(opt, number(g, "max_norm"));
        ck_assert_int_eq(tn_step(opt), TN_OK);
        for (int j = 0; j < 2; j++) {
            array expected = array_of(tn_select(ctx, want[j], 0, i));
            check_array(p[j], &expected, rtol(g), "%s: group %d, step %d", g->name, j, (int)i);
        }
    }
}

static void run_clip(const golden *g)
{
    tn_tensor *grads[2], *p[2];
    for (int i = 0; i < 2; i++) {
        grads[i] = constant_named(g, "g%s", digits[i]);
        p[i] = leaf(tn_zeros(ctx, g->dtype, tn_ndim(grads[i]), tn_shape(grads[i])));
    }
    tn_optim *opt = tn_sgd_of(ctx, 2, p, (tn_sgd_opts){0});
    set_gradients(p, 2, grads, -1);
    if (strcmp(g->op, "clip_norm") == 0)
        CHECK(g, tn_scalar(ctx, TN_F64, tn_clip_grad_norm(opt, number(g, "limit"))), "%s", "norm");
    else
        ck_assert_int_eq(tn_clip_grad_value(opt, number(g, "limit")), TN_OK);
    for (int i = 0; i < 2; i++)
        CHECK(g, tn_grad(p[i]), "c%s", digits[i]);
}

/* The rates before each step; with a metric, they depend on it. */
static void run_schedule(const golden *g)
{
    tn_tensor *p = leaf(tn_zeros(ctx, g->dtype, TN_SHAPE(1)));
    tn_optim *opt = tn_sgd_of(ctx, 1, &p, (tn_sgd_opts){.lr = number(g, "lr")});
    array want = array_named(g, "%s", "lr"), metric = {0};
    if (has(g, "%s", "metric"))
        metric = array_named(g, "%s", "metric");
    tn_schedule *s[2];
    schedule_of(g->op + 3)(g, opt, s);
    ck_assert_msg(s[0] != NULL, "%s", tn_error(ctx));
    for (int64_t i = 0; i < want.numel; i++) {
        double lr = want.data[i];
        ck_assert_msg(fabs(tn_lr(opt) - lr) <= 1e-9 * lr + 1e-17, "%s: rate %d is %.17g, not %.17g",
                      g->name, (int)i, tn_lr(opt), lr);
        if (metric.data)
            ck_assert_int_eq(tn_schedule_step_with(s[0], metric.data[i]), TN_OK);
        else
            ck_assert_int_eq(tn_schedule_step(s[0]), TN_OK);
        if (s[1])
            ck_assert_int_eq(tn_schedule_step(s[1]), TN_OK);
    }
}

/* "Linear(12,7)|ReLU|Linear(7,3)" */
static tn_module *network_of(const golden *g)
{
    tn_module *modules[32];
    int n = 0;
    for (const char *text = text_of(g, "layers"); text; n++) {
        double a[16] = {0};
        int count = 0;
        size_t length = strcspn(text, "| ");
        const char *open = memchr(text, '(', length);
        for (const char *p = open; p && *p != ')'; p += 1 + strcspn(p + 1, ",)"))
            a[count++] = strtod(p + 1, NULL);
        modules[n] = layer_of(text)(open ? open : "", a);
        text = text[length] == '|' ? text + length + 1 : NULL;
    }
    tn_module *net = tn_sequential_of(ctx, n, modules);
    ck_assert_msg(tn_module_to(ctx, net, g->dtype) == TN_OK, "%s", tn_error(ctx));
    return net;
}

/* Are the parameters those of PyTorch's state dict, in its order? Sets their values. */
static int64_t start_parameters(const golden *g, const tn_module *net, tn_tensor **params)
{
    int64_t n = 0;
    bool before = tn_set_grad_enabled(ctx, false);
    for (int64_t i = 0; i < tn_dict_count(g->arrays); i++) {
        const char *key = tn_dict_name(g->arrays, i);
        char name[64] = "none";
        if (strncmp(key, "init.", 5) != 0)
            continue;
        params[n] = tn_parameter(net, n, name, sizeof name);
        ck_assert_str_eq(name, key + 5);
        ck_assert_ptr_eq(params[n], tn_parameter_named(net, name));
        ck_assert_int_eq(tn_copy_(ctx, params[n], constant_named(g, "init.%s", name)), TN_OK);
        n++;
    }
    ck_assert_int_eq(tn_parameter_count(net), n);
    tn_set_grad_enabled(ctx, before);
    return n;
}

static void check_parameters(const golden *g, const tn_module *net, bool first_gradients)
{
    char name[64];
    for (int64_t i = 0; i < tn_parameter_count(net); i++) {
        tn_tensor *p = tn_parameter(net, i, name, sizeof name);
        if (first_gradients)
            CHECK(g, tn_grad(p), "grad.%s", name);
        else
            CHECK(g, p, "final.%s", name);
    }
}

static void run_network(const golden *g)
{
    tn_tensor *params[32], *x = constant_named(g, "%s", "x");
    tn_module *net = network_of(g);
    tn_optim *opt = optim_of(text_of(g, "optim"))(g, params, start_parameters(g, net, params));
    array losses = array_named(g, "%s", "loss");
    for (int64_t i = 0; i < losses.numel; i++) {
        tn_scope step = tn_scope_begin(ctx);
        tn_tensor *loss =
            tn_cross_entropy(ctx, tn_forward(ctx, net, x), constant_named(g, "%s", "target"),
                             (tn_cross_entropy_opts){0});
        array want = {.numel = 1, .data = &losses.data[i]};
        check_array(loss, &want, rtol(g), "%s: loss %d", g->name, (int)i);
        tn_zero_grad(opt);
        tn_backward(ctx, loss);
        if (i == 0)
            check_parameters(g, net, true);
        ck_assert_msg(tn_step(opt) == TN_OK, "%s", tn_error(ctx));
        tn_scope_end(ctx, step);
    }
    check_parameters(g, net, false);
}

/* What runs the case; NULL if the library has not all that it takes. */
typedef void (*run_fn)(const golden *g);

static run_fn runner_of(const golden *g)
{
    const char *layer = text_of(g, "layers");
    if (strncmp(g->op, "optim_", 6) == 0)
        return optim_of(g->op + 6) ? run_optimizer : NULL;
    if (strncmp(g->op, "lr_", 3) == 0)
        return schedule_of(g->op + 3) ? run_schedule : NULL;
    if (strcmp(g->op, "groups") == 0)
        return run_groups;
    if (strncmp(g->op, "clip_", 5) == 0)
        return run_clip;
    if (strcmp(g->op, "network") != 0)
        return operator_of(g->op) ? run_operator : NULL;
    for (; layer; layer = layer[strcspn(layer, "| ")] == '|' ? strchr(layer, '|') + 1 : NULL)
        if (!layer_of(layer))
            return NULL;
    return optim_of(text_of(g, "optim")) ? run_network : NULL;
}

START_TEST(test_case)
{
    golden g = cases[_i];
    char path[256];
    run_fn run = runner_of(&g);
    if (!run)
        return;
    snprintf(path, sizeof path, "%s/%s.npz", TN_TEST_GOLDEN, g.name);
    g.arrays = tn_load_npz(ctx, path);
    ck_assert_msg(g.arrays != NULL, "%s", tn_error(ctx));
    for (int how = PLAIN; how <= SLICED; how++)
        for (int dtype = TN_F32; dtype <= TN_F64; dtype++) {
            g.how = (layout)how;
            g.dtype = (tn_dtype)dtype;
            tn_scope scope = tn_scope_begin(ctx);
            run(&g);
            tn_scope_end(ctx, scope);
        }
}
END_TEST

/* ---- the tables of cases --------------------------------------------------------------------- */

static void read_table(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", TN_TEST_GOLDEN, name);
    FILE *file = fopen(path, "r");
    for (; file && n_cases < MAX_CASES && fgets(cases[n_cases].line, MAX_LINE, file); n_cases++) {
        golden *g = &cases[n_cases];
        g->name = strtok(g->line, "\t");
        g->op = strtok(NULL, "\t");
        g->attrs = strtok(NULL, "\n");
    }
    if (file)
        fclose(file);
    else
        fprintf(stderr, "no %s\n", path);
}

static const char *label_of(const golden *g)
{
    return strcmp(g->op, "network") == 0 ? g->name : g->op;
}

static bool is_first(int i)
{
    for (int j = 0; j < i; j++)
        if (strcmp(label_of(&cases[i]), label_of(&cases[j])) == 0)
            return false;
    return true;
}

/* Prints what is not run, once for each operator. */
static void print_missing(void)
{
    int missing = 0;
    for (int i = 0; i < n_cases; i++)
        missing += !runner_of(&cases[i]);
    printf("%d of %d golden cases run; not in this library yet: %d cases", n_cases - missing,
           n_cases, missing);
    for (int i = 0, listed = 0; i < n_cases; i++)
        if (!runner_of(&cases[i]) && is_first(i))
            printf("%s%s", listed++ ? ", " : ": ", label_of(&cases[i]));
    printf("\n");
    fflush(stdout);
}

START_TEST(test_every_operator_has_cases)
{
    for (int i = 0; i < N_OPERATORS; i++) {
        int found = 0;
        for (int j = 0; j < n_cases; j++)
            found += strcmp(cases[j].op, operators[i].name) == 0;
        ck_assert_msg(found > 0, "no golden case of %s", operators[i].name);
    }
}
END_TEST

int main(void)
{
    read_table("cases.tsv");
    read_table("more.tsv");
    print_missing();
    Suite *suite = suite_create("golden");
    TCase *tcase = op_tcase(suite, "golden");
    tcase_add_test(tcase, test_every_operator_has_cases);
    tcase_add_loop_test(tcase, test_case, 0, n_cases);
    return tn_run(suite);
}
