/* ops.c - times single operators: ops THREADS. Each line of standard input asks for one
 * measurement: what (forward, backward, or sum: backward of the result's sum), the milliseconds
 * that it may take, an operator, and its arguments as in tests/bench/ops.tsv. The answer is the
 * median and the least time of a call in microseconds, or "none" where there is no gradient. The
 * numbers are made up. "rate" times what the machine can do (rates.h); "size" answers with the
 * floating-point operations of the products in a forward pass, and the bytes that it reads and
 * writes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tn/tn.h>
#include "bench/questions.h"
#include "bench/timing.h"

enum { MOST_TENSORS = 5, MOST_CALLS = 4096 };

/* The arguments of a call. */
typedef struct arguments {
    tn_ctx *ctx;
    tn_tensor *tensors[MOST_TENSORS];
    tn_dtype dtype; /* of the tensors that follow it */
    int count, dim, dims[TN_MAX_DIMS], ndims;
    int64_t sizes[TN_MAX_DIMS];
    int n_sizes;
    int64_t kernel, stride, padding, dilation, groups;
} arguments;

typedef struct timed {
    const char *name;
    tn_tensor *(*run)(const arguments *a);
} timed;

/* Versions without a program of their own take the reduction bare. */
#ifndef MSE_OPTIONS
#define MSE_OPTIONS ((tn_mse_loss_opts){0})
#endif

#define CTX a->ctx
#define X a->tensors[0]
#define Y a->tensors[1]
#define Z a->tensors[2]

static tn_reduce_opts over(const arguments *a)
{
    return (tn_reduce_opts){.dims = a->dims, .ndims = a->ndims};
}

static tn_pool2d_opts pool(const arguments *a)
{
    return (tn_pool2d_opts){.stride = a->stride, .padding = a->padding};
}

static tn_conv2d_opts conv(const arguments *a)
{
    return (tn_conv2d_opts){
        .stride = a->stride, .padding = a->padding, .dilation = a->dilation, .groups = a->groups};
}

static tn_var_opts var_over(const arguments *a)
{
    return (tn_var_opts){.dims = a->dims, .ndims = a->ndims};
}

/* K(operator, call) */
#define OPERATORS(K)                                                                               \
    K(add, tn_add(CTX, X, Y))                                                                      \
    K(sub, tn_sub(CTX, X, Y))                                                                      \
    K(mul, tn_mul(CTX, X, Y))                                                                      \
    K(div, tn_div(CTX, X, Y))                                                                      \
    K(neg, tn_neg(CTX, X))                                                                         \
    K(abs, tn_abs(CTX, X))                                                                         \
    K(square, tn_square(CTX, X))                                                                   \
    K(sqrt, tn_sqrt(CTX, X))                                                                       \
    K(exp, tn_exp(CTX, X))                                                                         \
    K(log, tn_log(CTX, X))                                                                         \
    K(add_scalar, tn_add_scalar(CTX, X, 2))                                                        \
    K(mul_scalar, tn_mul_scalar(CTX, X, 2))                                                        \
    K(pow_scalar, tn_pow_scalar(CTX, X, 1.5))                                                      \
    K(clamp, tn_clamp(CTX, X, 0.25, 0.75))                                                         \
    K(relu, tn_relu(CTX, X))                                                                       \
    K(sigmoid, tn_sigmoid(CTX, X))                                                                 \
    K(tanh, tn_tanh(CTX, X))                                                                       \
    K(gelu, tn_gelu(CTX, X))                                                                       \
    K(leaky_relu, tn_leaky_relu(CTX, X, 0.01))                                                     \
    K(softplus, tn_softplus(CTX, X))                                                               \
    K(arange, tn_arange(CTX, a->dtype, 0, (double)a->sizes[0], 1))                                 \
    K(rand, tn_rand(CTX, a->dtype, a->n_sizes, a->sizes))                                          \
    K(randn, tn_randn(CTX, a->dtype, a->n_sizes, a->sizes))                                        \
    K(dropout, tn_dropout(CTX, X, 0.5, true))                                                      \
    K(lt, tn_lt(CTX, X, Y))                                                                        \
    K(where, tn_where(CTX, X, Y, Z))                                                               \
    K(sum, tn_sum(CTX, X, over(a)))                                                                \
    K(mean, tn_mean(CTX, X, over(a)))                                                              \
    K(var, tn_var(CTX, X, var_over(a)))                                                            \
    K(max, tn_max(CTX, X, a->dim, false, NULL))                                                    \
    K(amax, tn_amax(CTX, X, over(a)))                                                              \
    K(argmax, tn_argmax(CTX, X, a->dim))                                                           \
    K(topk, tn_topk(CTX, X, a->n_sizes ? a->sizes[0] : 5, a->dim, true, NULL))                     \
    K(softmax, tn_softmax(CTX, X, a->dim))                                                         \
    K(log_softmax, tn_log_softmax(CTX, X, a->dim))                                                 \
    K(matmul, tn_matmul(CTX, X, Y))                                                                \
    K(linear, tn_linear(CTX, X, Y, Z))                                                             \
    K(conv2d, tn_conv2d(CTX, X, Y, Z, conv(a)))                                                    \
    K(max_pool2d, tn_max_pool2d(CTX, X, a->kernel, pool(a)))                                       \
    K(avg_pool2d, tn_avg_pool2d(CTX, X, a->kernel, pool(a)))                                       \
    K(adaptive_avg_pool2d, tn_adaptive_avg_pool2d(CTX, X, a->sizes[0], a->sizes[1]))               \
    K(batch_norm, tn_batch_norm(CTX, X, NULL, NULL, Y, Z, (tn_batch_norm_opts){.training = true})) \
    K(cross_entropy, tn_cross_entropy(CTX, X, Y, (tn_cross_entropy_opts){0}))                      \
    K(nll_loss, tn_nll_loss(CTX, X, Y, (tn_nll_loss_opts){0}))                                     \
    K(mse_loss, tn_mse_loss(CTX, X, Y, MSE_OPTIONS))                                               \
    K(binary_cross_entropy_with_logits,                                                            \
      tn_binary_cross_entropy_with_logits(CTX, X, Y, (tn_bce_opts){0}))                            \
    K(reshape, tn_reshape(CTX, X, a->n_sizes, a->sizes))                                           \
    K(transpose, tn_contiguous(CTX, tn_transpose(CTX, X, a->dims[0], a->dims[1])))                 \
    K(permute, tn_contiguous(CTX, tn_permute(CTX, X, a->dims)))                                    \
    K(narrow, tn_contiguous(CTX, tn_narrow(CTX, X, a->dim, a->sizes[0], a->sizes[1])))             \
    K(expand, tn_contiguous(CTX, tn_expand(CTX, X, a->n_sizes, a->sizes)))                         \
    K(cat, tn_cat(CTX, a->count, (const tn_tensor *const *)a->tensors, a->dim))                    \
    K(stack, tn_stack(CTX, a->count, (const tn_tensor *const *)a->tensors, a->dim))                \
    K(index_select, tn_index_select(CTX, X, a->dim, Y))                                            \
    K(gather, tn_gather(CTX, X, a->dim, Y))                                                        \
    K(pad, tn_pad(CTX, X, a->n_sizes, a->sizes, 0))                                                \
    K(cast, tn_cast(CTX, X, a->dtype == TN_F32 ? TN_F64 : TN_F32))

#define DEFINE(name, call)                           \
    static tn_tensor *run_##name(const arguments *a) \
    {                                                \
        return call;                                 \
    }
OPERATORS(DEFINE)

#define ROW(name, call) {#name, run_##name},
static const timed operators[] = {OPERATORS(ROW){NULL, NULL}};

/* ---- the arguments of a line ----------------------------------------------------------------- */

/* Numbers with commas between them; returns how many there are. */
static int numbers(const char *text, int64_t *to)
{
    int n = 0;
    for (char *end; n < TN_MAX_DIMS; text = end + 1) {
        to[n] = strtoll(text, &end, 10);
        if (end == text)
            return n;
        n++;
        if (*end != ',')
            return n;
    }
    return n;
}

/* Numbers in 0 .. 1, which are in the domain of every operator. */
static tn_tensor *floats(arguments *a, const char *text, bool requires_grad)
{
    int64_t shape[TN_MAX_DIMS];
    tn_tensor *t = tn_rand(a->ctx, a->dtype, numbers(text, shape), shape);
    tn_set_requires_grad(a->ctx, t, requires_grad);
    return t;
}

/* Whole numbers below the first of the list, in a tensor of the sizes that follow it. */
static tn_tensor *indices(arguments *a, const char *text)
{
    int64_t list[TN_MAX_DIMS];
    int n = numbers(text, list);
    tn_tensor *t = tn_rand(a->ctx, TN_F64, n - 1, list + 1);
    return tn_cast(a->ctx, tn_mul_scalar(a->ctx, t, (double)list[0] - 0.001),
                   a->dtype >= TN_I64 ? a->dtype : TN_I64);
}

static tn_tensor *flags(arguments *a, const char *text)
{
    int64_t shape[TN_MAX_DIMS];
    tn_tensor *t = tn_rand(a->ctx, TN_F64, numbers(text, shape), shape);
    return tn_cast(a->ctx, tn_cast(a->ctx, tn_mul_scalar(a->ctx, t, 1.999), TN_U8), TN_BOOL);
}

static void take_number(arguments *a, const char *key, const char *value)
{
    const struct {
        const char *key;
        int64_t *to;
    } known[] = {{"kernel", &a->kernel},
                 {"stride", &a->stride},
                 {"padding", &a->padding},
                 {"dilation", &a->dilation},
                 {"groups", &a->groups}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(key, known[i].key) == 0 && numbers(value, known[i].to) == 1)
            return;
    fail(key, "unknown, or not one number");
}

static tn_dtype dtype_named(const char *name)
{
    for (int i = 0; i < TN_DTYPES; i++)
        if (strcmp(name, tn_dtype_name((tn_dtype)i)) == 0)
            return (tn_dtype)i;
    fail(name, "no dtype");
}

static void take(arguments *a, const char *key, const char *value)
{
    int64_t list[TN_MAX_DIMS];
    if (strcmp(key, "dtype") == 0)
        a->dtype = dtype_named(value);
    else if (strcmp(key, "x") == 0 && a->count < MOST_TENSORS)
        a->tensors[a->count++] = floats(a, value, true);
    else if (strcmp(key, "data") == 0 && a->count < MOST_TENSORS)
        a->tensors[a->count++] = floats(a, value, false);
    else if (strcmp(key, "below") == 0 && a->count < MOST_TENSORS)
        a->tensors[a->count++] = indices(a, value);
    else if (strcmp(key, "flags") == 0 && a->count < MOST_TENSORS)
        a->tensors[a->count++] = flags(a, value);
    else if (strcmp(key, "dim") == 0) {
        a->ndims = numbers(value, list);
        for (int i = 0; i < a->ndims; i++)
            a->dims[i] = (int)list[i];
        a->dim = a->dims[0];
    } else if (strcmp(key, "size") == 0) {
        a->n_sizes = numbers(value, a->sizes);
    } else {
        take_number(a, key, value);
    }
}

static arguments read_arguments(tn_ctx *ctx, char *text)
{
    arguments a = {.ctx = ctx};
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        char *value = strchr(word, '=');
        if (!value)
            fail(word, "an argument without a value");
        *value = '\0';
        take(&a, word, value + 1);
    }
    return a;
}

/* ---- measuring ------------------------------------------------------------------------------- */

typedef enum pass { FORWARD, BACKWARD, SUM } pass;

/* Seconds of one call; negative if there is no gradient. */
static double time_call(const timed *op, const arguments *a, pass what, const tn_tensor *dy)
{
    tn_scope scope = tn_scope_begin(a->ctx);
    tn_set_grad_enabled(a->ctx, what != FORWARD);
    moment start = start_timing();
    tn_tensor *y = op->run(a);
    double seconds = seconds_since(start, tn_threads(a->ctx));
    if (what != FORWARD && tn_requires_grad(y)) {
        const tn_tensor *root = what == SUM ? tn_sum(a->ctx, y, (tn_reduce_opts){0}) : y;
        start = start_timing();
        tn_backward_with(a->ctx, root, dy);
        seconds = seconds_since(start, tn_threads(a->ctx));
    } else if (what != FORWARD) {
        seconds = -1;
    }
    tn_scope_end(a->ctx, scope);
    for (int i = 0; i < a->count; i++)
        tn_clear_grad(a->tensors[i]);
    return seconds;
}

static tn_tensor *gradient_for(const timed *op, const arguments *a, pass what)
{
    tn_set_grad_enabled(a->ctx, false);
    const tn_tensor *y = op->run(a);
    int ndim = what == SUM ? 0 : tn_ndim(y);
    return tn_rand(a->ctx, tn_dtype_of(y) == TN_F64 ? TN_F64 : TN_F32, ndim, tn_shape(y));
}

static void measure(const timed *op, const arguments *a, pass what, double seconds)
{
    static double times[MOST_CALLS];
    int n = 0;
    const tn_tensor *dy = gradient_for(op, a, what);
    double first = time_call(op, a, what, dy), end = now() + seconds;
    while (first >= 0 && n < MOST_CALLS && (n == 0 || now() < end))
        times[n++] = time_call(op, a, what, dy);
    if (tn_error_status(a->ctx) != TN_OK)
        fail(op->name, tn_error(a->ctx));
    if (n > 0)
        print_times(times, n);
    else
        puts("none");
}

static double bytes_of(const tn_tensor *t)
{
    return (double)tn_numel(t) * (double)tn_dtype_size(tn_dtype_of(t));
}

/* How many products are summed in an element of the result. */
static double terms(const timed *op, const arguments *a)
{
    if (strcmp(op->name, "matmul") == 0 || strcmp(op->name, "linear") == 0)
        return (double)tn_size(X, -1);
    return strcmp(op->name, "conv2d") == 0 ? (double)(tn_numel(Y) / tn_size(Y, 0)) : 0;
}

static void answer_size(const timed *op, const arguments *a)
{
    tn_set_grad_enabled(a->ctx, false);
    const tn_tensor *y = op->run(a);
    double bytes = bytes_of(y);
    for (int i = 0; i < a->count; i++)
        bytes += bytes_of(a->tensors[i]);
    printf("%.0f %.0f\n", 2 * terms(op, a) * (double)tn_numel(y), bytes);
}

static const timed *operator_of(const char *name)
{
    const timed *op = operators;
    while (op->name && strcmp(op->name, name) != 0)
        op++;
    if (!op->name)
        fail(name, "no such operator");
    return op;
}

static void answer_about(tn_ctx *ctx, const char *what, double seconds, const char *name,
                         char *text)
{
    const timed *op = operator_of(name);
    arguments a = read_arguments(ctx, text);
    if (strcmp(what, "size") == 0)
        answer_size(op, &a);
    else
        measure(op, &a, *what == 'f' ? FORWARD : *what == 'b' ? BACKWARD : SUM, seconds);
}

int main(int argc, char **argv)
{
    return answer_questions(argc, argv, answer_about);
}
