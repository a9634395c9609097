/* batch_norm(x, w, b):  y = w h + b,  h = (x - mean) / sqrt(var + eps), for each channel;
 *     dw = sum h dy,  db = sum dy,
 *     dx = w / sqrt(var + eps) (dy - mean of dy - h mean of h dy) in training, where mean and var
 *     come from the batch; w / sqrt(var + eps) dy in evaluation. */
#include <math.h>
#include <tn/op.h>
#include <tn/ops.h>
#include "base/integers.h"
#include "base/isa.h"
#include "base/options.h"
#include "base/threads.h"
#include "kernels/args.h"
#include "kernels/kernels.h"
#include "ops/in_place.h"
#include "tensor/change.h"
#include "tensor/copy.h"
#include "tensor/dtype.h"
#include "tensor/tensor.h"

typedef struct norm_data {
    bool training;
    double momentum, eps;
} norm_data;

typedef struct norm_args {
    const tn__kernels *k;
    norm_data data;
    tn_dtype dtype;
    int64_t channels, n, size; /* x [n, channels, size] */
    const char *x, *dy, *weight, *bias;
    double *mean, *invstd; /* saved */
    double *var;           /* unbiased, of the batch; NULL: nobody learns it */
    const tn_tensor *running_mean, *running_var;
    char *y, *dx, *dw, *db;
    bool relu; /* of y */
} norm_args;

static double number(const norm_args *a, const char *values, int64_t channel, double otherwise)
{
    size_t size = tn_dtype_size(a->dtype);
    return values ? tn__load_f64(a->dtype, values + channel * (int64_t)size) : otherwise;
}

static double element(const tn_tensor *t, int64_t i)
{
    return tn__load_f64(t->dtype, tn__at(t, i));
}

static double invstd_of(double var, double eps)
{
    return 1 / sqrt(var + eps);
}

static void update(const tn_ctx *ctx, const norm_args *a, const tn_tensor *running,
                   const double *values)
{
    double momentum = a->data.momentum;
    tn__count_change(ctx, running);
    for (int64_t i = 0; i < a->channels; i++) {
        void *p = tn__at(running, i);
        double old = tn__load_f64(a->dtype, p);
        tn__store_f64(a->dtype, p, (1 - momentum) * old + momentum * values[i]);
    }
}

static void set_moments(const norm_args *a, int64_t channel, double mean, double var)
{
    double count = (double)(a->n * a->size);
    if (a->var)
        a->var[channel] = var * (count / (count - 1));
    a->mean[channel] = mean;
    a->invstd[channel] = invstd_of(var, a->data.eps);
}

static void choose_moments(const norm_args *a, const tn__channel *c, int64_t channel, const char *x)
{
    double mean, var;
    if (a->data.training) {
        a->k->batch_norm_moments(c, x, &mean, &var);
    } else {
        mean = element(a->running_mean, channel);
        var = element(a->running_var, channel);
    }
    set_moments(a, channel, mean, var);
}

/* Rows without elements are not walked. */
static tn__channel channel_of(const norm_args *a)
{
    return (tn__channel){
        .n = a->size > 0 ? a->n : 0, .size = a->size, .stride = a->channels * a->size};
}

/* Rows of y go through ReLU while they are in the cache. */
static void relu_of_rows(const norm_args *a, int64_t size, char *y)
{
    int64_t stride = a->channels * a->size * (int64_t)tn_dtype_size(a->dtype);
    for (int64_t i = 0; a->relu && i < a->n; i++)
        a->k->relu(size, y + i * stride);
}

/* ---- channel by channel ---------------------------------------------------------------------- */

static void forward_range(int64_t begin, int64_t end, void *payload)
{
    const norm_args *a = payload;
    tn__channel c = channel_of(a);
    for (int64_t i = begin; i < end; i++) {
        int64_t at = i * a->size * (int64_t)tn_dtype_size(a->dtype);
        choose_moments(a, &c, i, a->x + at);
        a->k->batch_norm(&c, a->mean[i], a->invstd[i] * number(a, a->weight, i, 1),
                         number(a, a->bias, i, 0), a->x + at, a->y + at);
        relu_of_rows(a, a->size, a->y + at);
    }
}

/* dw and db of a channel, from sum dy and sum dy (x - mean). */
static void store_sums(const norm_args *a, int64_t channel, double sum, double product)
{
    int64_t at = channel * (int64_t)tn_dtype_size(a->dtype);
    if (a->dw)
        tn__store_f64(a->dtype, a->dw + at, a->invstd[channel] * product);
    if (a->db)
        tn__store_f64(a->dtype, a->db + at, sum);
}

static void backward_range(int64_t begin, int64_t end, void *payload)
{
    const norm_args *a = payload;
    tn__channel c = channel_of(a);
    int64_t size = (int64_t)tn_dtype_size(a->dtype);
    double share = a->data.training ? 1 / (double)(a->n * a->size) : 0;
    for (int64_t i = begin; i < end; i++) {
        int64_t at = i * a->size * size;
        double sums[2], s = a->invstd[i];
        a->k->batch_norm_sums(&c, a->mean[i], a->x + at, a->dy + at, sums);
        if (a->dx)
            a->k->batch_norm_backward(
                &c, a->mean[i], s * number(a, a->weight, i, 1), share > 0 ? share * sums[0] : 0,
                share > 0 ? share * s * s * sums[1] : 0, a->x + at, a->dy + at, a->dx + at);
        store_sums(a, i, sums[0], sums[1]);
    }
}

/* ---- channels side by side: x [n, channels] -------------------------------------------------- */

/* `count` channels from number `first` on, their scales in `scale`. */
static tn__channels channels_of(const norm_args *a, int64_t first, int64_t count, double *scale)
{
    for (int64_t j = 0; j < count; j++)
        scale[j] = a->invstd[first + j] * number(a, a->weight, first + j, 1);
    return (tn__channels){
        .n = a->n, .count = count, .stride = a->channels, .mean = a->mean + first, .scale = scale};
}

/* What overflowed is computed again, by the kernel that takes one channel. */
static void moments_of_columns(const norm_args *a, int64_t first, int64_t count)
{
    double mean[TN__CHANNELS], var[TN__CHANNELS];
    tn__channel c = channel_of(a);
    tn__channels all = {.n = a->n, .count = count, .stride = a->channels};
    int64_t size = (int64_t)tn_dtype_size(a->dtype);
    if (a->data.training)
        a->k->batch_norm_columns_moments(&all, a->x + first * size, mean, var);
    for (int64_t j = 0; j < count; j++)
        if (a->data.training && isfinite(var[j]))
            set_moments(a, first + j, mean[j], var[j]);
        else
            choose_moments(a, &c, first + j, a->x + (first + j) * size);
}

static void forward_columns(int64_t begin, int64_t end, void *payload)
{
    const norm_args *a = payload;
    for (int64_t i = begin; i < end; i += TN__CHANNELS) {
        int64_t count = tn__min(end - i, TN__CHANNELS), at = i * (int64_t)tn_dtype_size(a->dtype);
        double scale[TN__CHANNELS], shift[TN__CHANNELS];
        moments_of_columns(a, i, count);
        tn__channels c = channels_of(a, i, count, scale);
        for (int64_t j = 0; j < count; j++)
            shift[j] = number(a, a->bias, i + j, 0);
        c.shift = shift;
        a->k->batch_norm_columns(&c, a->x + at, a->y + at);
        relu_of_rows(a, count, a->y + at);
    }
}

static void backward_columns(int64_t begin, int64_t end, void *payload)
{
    const norm_args *a = payload;
    double share = a->data.training ? 1 / (double)a->n : 0;
    for (int64_t i = begin; i < end; i += TN__CHANNELS) {
        int64_t count = tn__min(end - i, TN__CHANNELS), at = i * (int64_t)tn_dtype_size(a->dtype);
        double scale[TN__CHANNELS], sums[TN__CHANNELS], products[TN__CHANNELS];
        tn__channels c = channels_of(a, i, count, scale);
        a->k->batch_norm_columns_sums(&c, a->x + at, a->dy + at, sums, products);
        for (int64_t j = 0; j < count; j++) {
            double s = a->invstd[i + j];
            store_sums(a, i + j, sums[j], products[j]);
            sums[j] = share > 0 ? share * sums[j] : 0;
            products[j] = share > 0 ? share * s * s * products[j] : 0;
        }
        c.shift = sums;
        c.slope = products;
        if (a->dx)
            a->k->batch_norm_columns_backward(&c, a->x + at, a->dy + at, a->dx + at);
    }
}

/* ---- the operator ---------------------------------------------------------------------------- */

static norm_args arguments(tn_ctx *ctx, const norm_data *data, const tn_tensor *x,
                           const tn_tensor *weight, const tn_tensor *saved)
{
    norm_args a = {.k = tn__kernels_of(ctx, x->dtype),
                   .data = *data,
                   .dtype = x->dtype,
                   .channels = x->shape[1],
                   .n = x->shape[0],
                   .size = 1,
                   .x = tn__ptr(x),
                   .weight = weight ? tn__ptr(weight) : NULL,
                   .mean = tn__ptr(saved),
                   .invstd = (double *)tn__ptr(saved) + x->shape[1]};
    for (int i = 2; i < x->ndim; i++)
        a.size *= x->shape[i];
    return a;
}

static void run_channels(tn_ctx *ctx, norm_args *a, tn__range_fn fn)
{
    tn__parallel(ctx, a->channels, tn__grain(TN__GRAIN_ELEMENTS, (double)a->n * (double)a->size),
                 fn, a);
}

static tn_tensor *wanted(tn_ctx *ctx, const tn_node *node, int i, const tn_tensor *x, char **data)
{
    if (!tn_wants_grad(node, i))
        return NULL;
    tn_tensor *t =
        tn__new(ctx, "batch_norm", x->dtype, tn_input_ndim(node, i), tn_input_shape(node, i));
    *data = t ? tn__ptr(t) : NULL;
    return t;
}

static void batch_norm_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    const tn_tensor *x = tn_saved(node, 0), *plain = tn__contiguous(ctx, dy);
    norm_args a = arguments(ctx, tn_node_data(node), x, tn_saved(node, 2), tn_saved(node, 1));
    tn_tensor *dx = wanted(ctx, node, 0, x, &a.dx);
    tn_tensor *dw = wanted(ctx, node, 1, x, &a.dw), *db = wanted(ctx, node, 2, x, &a.db);
    if (!tn_ok(ctx))
        return;
    a.dy = tn__ptr(plain);
    run_channels(ctx, &a, a.size == 1 ? backward_columns : backward_range);
    tn_add_grad(ctx, node, 0, dx);
    tn_add_grad(ctx, node, 1, dw);
    tn_add_grad(ctx, node, 2, db);
}

static const tn_op batch_norm_op = {.name = "batch_norm", .backward = batch_norm_backward};

/* A vector that was left out is NULL. */
static bool check_vector(tn_ctx *ctx, const char *name, const tn_tensor *x, const tn_tensor *t)
{
    if (!t)
        return true;
    if (!tn_check_same_dtype(ctx, "batch_norm", "input", x, name, t))
        return false;
    if (t->ndim == 1 && t->shape[0] == x->shape[1])
        return true;
    tn_fail(ctx, TN_ERR_SHAPE, "batch_norm: input %s has %lld channels but %s is %s",
            TN_SHAPE_TEXT(x), (long long)x->shape[1], name, TN_SHAPE_TEXT(t));
    return false;
}

static bool check_options(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *running_mean,
                          const tn_tensor *running_var, const norm_data *data)
{
    if (!(data->eps >= 0) || !(data->momentum >= 0)) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "batch_norm: momentum %g and eps %g", data->momentum,
                data->eps);
        return false;
    }
    if ((!running_mean || !running_var) && (!data->training || running_mean || running_var)) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "batch_norm: running_%s is NULL",
                running_mean ? "var" : "mean");
        return false;
    }
    int64_t values = tn_numel(x);
    if (data->training && values > 0 && values == x->shape[1]) {
        tn_fail(ctx, TN_ERR_SHAPE,
                "batch_norm: training on input %s, which has one value per channel",
                TN_SHAPE_TEXT(x));
        return false;
    }
    return true;
}

static bool check_arguments(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *running_mean,
                            const tn_tensor *running_var, const tn_tensor *weight,
                            const tn_tensor *bias)
{
    if (!tn_check_float(ctx, "batch_norm", "input", x))
        return false;
    if (x->ndim < 2) {
        tn_fail(ctx, TN_ERR_SHAPE, "batch_norm: input %s; expected [n,channels,...]",
                TN_SHAPE_TEXT(x));
        return false;
    }
    return check_vector(ctx, "running_mean", x, running_mean) &&
           check_vector(ctx, "running_var", x, running_var) &&
           check_vector(ctx, "weight", x, weight) && check_vector(ctx, "bias", x, bias);
}

/* The running statistics will change, unless there is nothing to learn from. */
static bool learns(const norm_data *data, const tn_tensor *x, const tn_tensor *running_mean)
{
    return data->training && running_mean && tn_numel(x) > 0;
}

static norm_data data_of(const tn_batch_norm_opts *opts)
{
    return (norm_data){.training = opts->training,
                       .momentum = tn__real_option(opts->momentum, 0.1),
                       .eps = tn__real_option(opts->eps, 1e-5)};
}

/* The result is that of ReLU, if `relu` says so: the caller records it then. */
static tn_tensor *normalise(tn_ctx *ctx, const tn_tensor *x, tn_tensor *running_mean,
                            tn_tensor *running_var, const tn_tensor *weight, const tn_tensor *bias,
                            tn_batch_norm_opts opts, bool relu)
{
    tn_begin(ctx, &batch_norm_op);
    norm_data data = data_of(&opts);
    if (!check_arguments(ctx, x, running_mean, running_var, weight, bias) ||
        !check_options(ctx, x, running_mean, running_var, &data) ||
        (learns(&data, x, running_mean) && (!tn__check_change(ctx, "batch_norm", running_mean) ||
                                            !tn__check_change(ctx, "batch_norm", running_var))))
        return NULL;
    const tn_tensor *plain = tn__contiguous(ctx, x);
    const tn_tensor *w = weight ? tn__contiguous(ctx, weight) : NULL;
    const tn_tensor *b = bias ? tn__contiguous(ctx, bias) : NULL;
    tn_tensor *y = tn__new(ctx, "batch_norm", x->dtype, x->ndim, x->shape);
    bool learning = learns(&data, x, running_mean);
    tn_tensor *saved =
        tn__new(ctx, "batch_norm", TN_F64, 2, (int64_t[]){2 + learning, x->shape[1]});
    if (!tn_ok(ctx))
        return NULL;
    norm_args a = arguments(ctx, &data, plain, w, saved);
    a.bias = b ? tn__ptr(b) : NULL;
    a.var = learning ? a.invstd + x->shape[1] : NULL;
    a.running_mean = running_mean;
    a.running_var = running_var;
    a.y = tn__ptr(y);
    a.relu = relu;
    if (tn_numel(x) > 0)
        run_channels(ctx, &a, a.size == 1 ? forward_columns : forward_range);
    else
        tn__fill(saved, 0);
    y = tn_record(ctx, &batch_norm_op, y,
                  (tn_record_args){.inputs = {x, weight, bias},
                                   .saved = {plain, saved, w},
                                   .data = &data,
                                   .size = sizeof data});
    if (y && learning) {
        update(ctx, &a, running_mean, a.mean);
        update(ctx, &a, running_var, a.var);
    }
    return y;
}

tn_tensor *tn_batch_norm(tn_ctx *ctx, const tn_tensor *x, tn_tensor *running_mean,
                         tn_tensor *running_var, const tn_tensor *weight, const tn_tensor *bias,
                         tn_batch_norm_opts opts)
{
    return normalise(ctx, x, running_mean, running_var, weight, bias, opts, false);
}

tn_tensor *tn__batch_norm_relu(tn_ctx *ctx, const tn_tensor *x, tn_tensor *running_mean,
                               tn_tensor *running_var, const tn_tensor *weight,
                               const tn_tensor *bias, tn_batch_norm_opts opts)
{
    return tn__record_relu(ctx,
                           normalise(ctx, x, running_mean, running_var, weight, bias, opts, true));
}

/* ---- behind another operator ----------------------------------------------------------------- */

bool tn__norm_fits(const tn__norm *norm, tn_dtype dtype, int64_t channels)
{
    norm_data data = data_of(&norm->opts);
    return !data.training && data.eps >= 0 && data.momentum >= 0 && norm->mean->dtype == dtype &&
           norm->mean->shape[0] == channels;
}

void tn__norm_numbers(const tn__norm *norm, int64_t channels, double *numbers)
{
    norm_data data = data_of(&norm->opts);
    for (int64_t i = 0; i < channels; i++) {
        double invstd = invstd_of(element(norm->var, i), data.eps);
        numbers[i] = element(norm->mean, i);
        numbers[channels + i] = invstd * element(norm->weight, i);
        numbers[2 * channels + i] = element(norm->bias, i);
    }
}
