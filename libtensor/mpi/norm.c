/* norm.c - batch normalisation by the statistics of the whole batch, of which each micro-batch has
 * a part:
 *     y = w h + b,  h = (x - mean) / sqrt(var + eps),  dw = sum h dy,  db = sum dy,
 *     dx = w / sqrt(var + eps) (dy - mean of dy - h mean of h dy),
 * where mean and var, and the means of dy and h dy, are of all micro-batches. */
#include <math.h>
#include <tn/op.h>
#include "mpi/group.h"

/* ---- the module ------------------------------------------------------------------------------ */

/* In evaluation it is a BatchNorm2d; in training tn_mpi_forward runs it, between its neighbours. */
static tn_tensor *norm_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    const tn__norm *norm = tn_module_state(self);
    if (!tn_is_training(self))
        return tn__check_norm(ctx, norm, x)
                   ? tn_batch_norm(ctx, x, norm->mean, norm->var, norm->weight, norm->bias,
                                   (tn_batch_norm_opts){.eps = norm->opts.eps})
                   : NULL;
    tn_fail(ctx, TN_ERR_STATE,
            "SyncBatchNorm: in training tn_mpi_forward runs it, where it stands in a tn_sequential "
            "that was given to tn_mpi_new");
    return NULL;
}

/* An array, which no other text may share the address of. */
static const char norm_name[] = "SyncBatchNorm";
static const tn_module_type norm_type = {.name = norm_name, .forward = norm_forward};

const tn__norm *tn__norm_of(const tn_module *module)
{
    bool is_norm = module && tn_module_name(module) == norm_name;
    return is_norm && tn_is_training(module) ? tn_module_state(module) : NULL;
}

int64_t tn__norm_channels(const tn__norm *norm)
{
    return tn_size(norm->weight, 0);
}

static tn_tensor *full(tn_ctx *ctx, int64_t channels, double value)
{
    return tn_full(ctx, TN_F32, TN_SHAPE(channels), value);
}

static void add_tensors(tn_ctx *ctx, tn_module *self, tn__norm *norm, int64_t channels)
{
    norm->weight = tn_add_parameter(ctx, self, "weight", full(ctx, channels, 1));
    norm->bias = tn_add_parameter(ctx, self, "bias", full(ctx, channels, 0));
    norm->mean = tn_add_buffer(ctx, self, "running_mean", full(ctx, channels, 0));
    norm->var = tn_add_buffer(ctx, self, "running_var", full(ctx, channels, 1));
    norm->batches =
        tn_add_buffer(ctx, self, "num_batches_tracked", tn_zeros(ctx, TN_I64, TN_SCALAR));
}

tn_module *tn_mpi_sync_batch_norm2d(tn_ctx *ctx, int64_t channels, tn_batch_norm_opts opts)
{
    if (!tn_ok(ctx))
        return NULL;
    if (channels < 1) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "SyncBatchNorm: %lld channels", (long long)channels);
        return NULL;
    }
    tn_module *self = tn_module_new(ctx, &norm_type, sizeof(tn__norm));
    if (!self)
        return NULL;
    tn__norm *norm = tn_module_state(self);
    norm->opts = opts;
    tn_scope scope = tn_scope_begin(ctx);
    add_tensors(ctx, self, norm, channels);
    tn_scope_end(ctx, scope);
    if (tn_ok(ctx))
        return self;
    tn_module_free(self);
    return NULL;
}

static double option(double value, double otherwise)
{
    return value == 0 ? otherwise : value == (double)TN_ZERO ? 0 : value;
}

static double eps_of(const tn__norm *norm)
{
    return option(norm->opts.eps, 1e-5);
}

static double momentum_of(const tn__norm *norm)
{
    return option(norm->opts.momentum, 0.1);
}

bool tn__check_norm(tn_ctx *ctx, const tn__norm *norm, const tn_tensor *x)
{
    if (!tn_check_float(ctx, "SyncBatchNorm", "input", x) ||
        !tn_check_same_dtype(ctx, "SyncBatchNorm", "input", x, "weight", norm->weight))
        return false;
    if (tn_ndim(x) != 4 || tn_size(x, 1) != tn__norm_channels(norm))
        tn_fail(ctx, TN_ERR_SHAPE, "SyncBatchNorm: input %s; expected [n,%lld,h,w]",
                TN_SHAPE_TEXT(x), (long long)tn__norm_channels(norm));
    if (!(eps_of(norm) >= 0) || !(momentum_of(norm) >= 0))
        tn_fail(ctx, TN_ERR_ARGUMENT, "SyncBatchNorm: momentum %g and eps %g", momentum_of(norm),
                eps_of(norm));
    return tn_ok(ctx);
}

/* ---- sums of one channel --------------------------------------------------------------------- */

enum { SIDES = 4, LONGEST = 512 }; /* sums side by side, of so many numbers at most */

/* A channel of n planes of `size` numbers, `stride` apart; g is dy, or NULL where it is x itself.
 * With d = x - shift, the sums are those of g (or d) and of g d (or d d). */
typedef struct channel {
    tn_dtype dtype;
    int64_t size, stride;
    const void *x, *g;
    double shift;
} channel;

static inline double number(tn_dtype dtype, const void *p, int64_t i)
{
    return dtype == TN_F32 ? (double)((const float *)p)[i] : ((const double *)p)[i];
}

static inline void set_number(tn_dtype dtype, void *p, int64_t i, double value)
{
    if (dtype == TN_F32)
        ((float *)p)[i] = (float)value;
    else
        ((double *)p)[i] = value;
}

/* The numbers from `low` to `high` of one plane. */
static inline void add_numbers(const channel *c, tn_dtype dtype, int64_t low, int64_t high,
                               double sums[2])
{
    double first[SIDES] = {0}, second[SIDES] = {0};
    for (int64_t i = low; i < high; i++) {
        double d = number(dtype, c->x, i) - c->shift, g = c->g ? number(dtype, c->g, i) : d;
        first[i % SIDES] += g;
        second[i % SIDES] += g * d;
    }
    sums[0] = (first[0] + first[1]) + (first[2] + first[3]);
    sums[1] = (second[0] + second[1]) + (second[2] + second[3]);
}

typedef void (*add_fn)(const channel *c, int64_t low, int64_t high, double sums[2]);

/* Both halves, which `add` makes. */
static void add_halves(add_fn add, const channel *c, int64_t low, int64_t high, double sums[2])
{
    double more[2];
    int64_t middle = low + (high - low) / 2;
    add(c, low, middle, sums);
    add(c, middle, high, more);
    sums[0] += more[0];
    sums[1] += more[1];
}

/* Pairwise, over parts of a plane. */
static void add_plane(const channel *c, int64_t low, int64_t high, double sums[2])
{
    if (high - low <= LONGEST && c->dtype == TN_F32) {
        add_numbers(c, TN_F32, low, high, sums);
    } else if (high - low <= LONGEST) {
        add_numbers(c, TN_F64, low, high, sums);
    } else {
        add_halves(add_plane, c, low, high, sums);
    }
}

/* Pairwise, over planes. */
static void add_planes(const channel *c, int64_t low, int64_t high, double sums[2])
{
    if (high - low > 1) {
        add_halves(add_planes, c, low, high, sums);
    } else if (high > low) {
        add_plane(c, low * c->stride, low * c->stride + c->size, sums);
    } else {
        sums[0] = sums[1] = 0;
    }
}

static channel channel_of(const tn_tensor *x, const tn_tensor *g, int64_t i, double shift)
{
    int64_t size = tn_size(x, 2) * tn_size(x, 3);
    size_t at = (size_t)(i * size) * tn_dtype_size(tn_dtype_of(x));
    return (channel){.dtype = tn_dtype_of(x),
                     .size = size,
                     .stride = tn_size(x, 1) * size,
                     .x = (const char *)tn_data(x) + at,
                     .g = g ? (const char *)tn_data(g) + at : NULL,
                     .shift = shift};
}

/* ---- moments --------------------------------------------------------------------------------- */

/* The mean comes first, so that differences d from it do not cancel. The mean of d says how far it
 * is off, and corrects both (Chan, Golub and LeVeque, "Algorithms for computing the sample
 * variance", 1983). */
void tn__take_moments(const tn_tensor *x, tn__moments *m)
{
    int64_t n = tn_size(x, 0), channels = tn_size(x, 1);
    double count = (double)(n * tn_size(x, 2) * tn_size(x, 3));
    m[0] = count;
    for (int64_t i = 0; i < channels; i++) {
        double sums[2];
        channel c = channel_of(x, NULL, i, 0);
        add_planes(&c, 0, n, sums);
        c.shift = count > 0 ? sums[0] / count : 0;
        add_planes(&c, 0, n, sums);
        double off = count > 0 ? sums[0] / count : 0;
        m[1 + i] = c.shift + off;
        m[1 + channels + i] = sums[1] - off * sums[0];
    }
}

/* By the same authors: with d the difference of the means of n and k values, the mean moves by
 * d k / (n + k), and the sums of squares grow by d^2 n k / (n + k). */
void tn__join_moments(int64_t count, double *a, const double *b)
{
    int64_t channels = (count - 1) / 2;
    double n = a[0], k = b[0], share = k > 0 ? k / (n + k) : 0;
    a[0] += k;
    for (int64_t i = 1; i <= channels; i++) {
        double d = b[i] - a[i];
        a[i] += n > 0 || k == 0 ? d * share : d;
        a[i + channels] += b[i + channels] + d * d * n * share;
    }
}

static void step(tn_tensor *running, int64_t i, double momentum, double value)
{
    double old = number(tn_dtype_of(running), tn_data(running), i);
    set_number(tn_dtype_of(running), tn_data_mut(running), i,
               (1 - momentum) * old + momentum * value);
}

void tn__learn_moments(tn_ctx *ctx, const tn__norm *norm, tn__moments *m)
{
    int64_t channels = tn__norm_channels(norm);
    double momentum = momentum_of(norm), *squares = m + 1 + channels;
    if (m[0] < 2)
        tn_fail(ctx, TN_ERR_SHAPE, "SyncBatchNorm: training on %g values per channel", m[0]);
    if (!tn_ok(ctx))
        return;
    for (int64_t i = 0; i < channels; i++) {
        step(norm->mean, i, momentum, m[1 + i]);
        step(norm->var, i, momentum, squares[i] / (m[0] - 1));
        squares[i] = 1 / sqrt(squares[i] / m[0] + eps_of(norm));
    }
    int64_t *batches = tn_data_mut(norm->batches);
    if (*batches < INT64_MAX)
        ++*batches;
}

/* ---- forward and backward -------------------------------------------------------------------- */

/* y = scale (x - mean) + shift */
static inline void scale_channel(const channel *c, tn_dtype dtype, int64_t n, double scale,
                                 double shift, void *y)
{
    for (int64_t row = 0; row < n; row++)
        for (int64_t i = row * c->stride; i < row * c->stride + c->size; i++)
            set_number(dtype, y, i, scale * (number(dtype, c->x, i) - c->shift) + shift);
}

static char *channel_at(tn_tensor *t, int64_t i)
{
    int64_t size = tn_size(t, 2) * tn_size(t, 3);
    return (char *)tn_data_mut(t) + (size_t)(i * size) * tn_dtype_size(tn_dtype_of(t));
}

static double scale_of(const tn__norm *norm, const tn__moments *m, int64_t i)
{
    double weight = number(tn_dtype_of(norm->weight), tn_data(norm->weight), i);
    return m[1 + tn__norm_channels(norm) + i] * weight;
}

void tn__normalise(const tn__norm *norm, const tn__moments *m, const tn_tensor *x, tn_tensor *y)
{
    for (int64_t i = 0; i < tn_size(x, 1); i++) {
        channel c = channel_of(x, NULL, i, m[1 + i]);
        double shift = number(c.dtype, tn_data(norm->bias), i);
        if (c.dtype == TN_F32)
            scale_channel(&c, TN_F32, tn_size(x, 0), scale_of(norm, m, i), shift, channel_at(y, i));
        else
            scale_channel(&c, TN_F64, tn_size(x, 0), scale_of(norm, m, i), shift, channel_at(y, i));
    }
}

void tn__sum_gradients(const tn__moments *m, const tn_tensor *x, const tn_tensor *dy, double *sums)
{
    int64_t channels = tn_size(x, 1);
    for (int64_t i = 0; i < channels; i++) {
        double both[2];
        channel c = channel_of(x, dy, i, m[1 + i]);
        add_planes(&c, 0, tn_size(x, 0), both);
        sums[i] = both[0];
        sums[channels + i] = both[1];
    }
}

/* dx = scale (dy - a - b (x - mean)) */
static inline void pass_channel(const channel *c, tn_dtype dtype, int64_t n, double scale, double a,
                                double b, void *dx)
{
    for (int64_t row = 0; row < n; row++)
        for (int64_t i = row * c->stride; i < row * c->stride + c->size; i++)
            set_number(dtype, dx, i,
                       scale *
                           (number(dtype, c->g, i) - a - b * (number(dtype, c->x, i) - c->shift)));
}

void tn__norm_backward(const tn__norm *norm, const tn__moments *m, const double *sums,
                       const tn_tensor *x, const tn_tensor *dy, tn_tensor *dx)
{
    int64_t n = tn_size(x, 0), channels = tn_size(x, 1);
    for (int64_t i = 0; i < channels; i++) {
        channel c = channel_of(x, dy, i, m[1 + i]);
        double s = m[1 + channels + i], scale = scale_of(norm, m, i);
        double a = sums[i] / m[0], b = s * s * (sums[channels + i] / m[0]);
        if (c.dtype == TN_F32)
            pass_channel(&c, TN_F32, n, scale, a, b, channel_at(dx, i));
        else
            pass_channel(&c, TN_F64, n, scale, a, b, channel_at(dx, i));
    }
}

void tn__share_gradients(const tn__norm *norm, const tn__moments *m, const double *sums, void *dw,
                         void *db)
{
    int64_t channels = tn__norm_channels(norm);
    tn_dtype dtype = tn_dtype_of(norm->weight);
    for (int64_t i = 0; i < channels; i++) {
        set_number(dtype, dw, i, m[1 + channels + i] * sums[channels + i]);
        set_number(dtype, db, i, sums[i]);
    }
}
