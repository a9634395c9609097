/* sampler.c - which samples an epoch has, and in which order. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/philox.h"
#include "data/data.h"
#include "tensor/dtype.h"
#include "tensor/random.h"
#include "tensor/tensor.h"

/* Samples without elements, and labels that are expanded, may be more than memory has bytes. */
static int64_t *new_integers(tn_ctx *ctx, int64_t count)
{
    return tn__alloc(ctx, count < PTRDIFF_MAX / 16 ? (size_t)count * 8 : PTRDIFF_MAX);
}

/* Uniform on [0, 1), from one block of the stream. */
static double uniform(tn_ctx *ctx)
{
    return (double)tn__random_below(ctx, (uint64_t)1 << 53) * 0x1p-53;
}

/* ---- weights --------------------------------------------------------------------------------- */

static bool check_weights(tn_ctx *ctx, int64_t n, const tn_tensor *weights)
{
    if (weights->ndim != 1 || weights->shape[0] != n)
        tn_fail(ctx, TN_ERR_SHAPE, "loader: weights %s of %lld samples", TN_SHAPE_TEXT(weights),
                (long long)n);
    else if (!tn__is_float(weights->dtype))
        tn_fail(ctx, TN_ERR_DTYPE, "loader: weights are %s, neither f32 nor f64",
                tn_dtype_name(weights->dtype));
    return tn_ok(ctx);
}

static double weight_at(const tn_tensor *weights, int64_t i)
{
    return tn__load_f64(weights->dtype, tn__at(weights, i));
}

/* Sums of the first 1, 2, .. n weights. A number drawn below the last of them falls to the sample
 * whose sum is the first above it, so never to one without weight. */
static void add_up(tn__sampler *s, tn_ctx *ctx, const tn_tensor *weights)
{
    long double sum = 0;
    for (int64_t i = 0; i < s->n; i++) {
        double weight = weight_at(weights, i);
        if (!(weight >= 0) || !isfinite(weight)) {
            tn_fail(ctx, TN_ERR_ARGUMENT, "loader: weights[%lld] is %g", (long long)i, weight);
            return;
        }
        sum += weight;
        s->cumulative[i] = (double)sum;
    }
    if (!(sum > 0) || !isfinite(s->cumulative[s->n - 1]))
        tn_fail(ctx, TN_ERR_ARGUMENT, "loader: the sum of the weights is %g",
                s->cumulative[s->n - 1]);
}

static void open_weights(tn__sampler *s, tn_ctx *ctx, const tn_tensor *weights)
{
    if (!check_weights(ctx, s->n, weights))
        return;
    s->cumulative = tn__alloc(ctx, (size_t)s->n * sizeof *s->cumulative);
    if (s->cumulative)
        add_up(s, ctx, weights);
}

static int64_t first_above(const double *cumulative, int64_t n, double value)
{
    int64_t low = 0, high = n - 1;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (cumulative[middle] > value)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* A product that rounding brings up to the whole sum belongs to no sample. */
static void draw_weighted(tn__sampler *s, tn_ctx *ctx)
{
    double sum = s->cumulative[s->n - 1];
    for (int64_t i = 0; i < s->drawn; i++) {
        double value = sum;
        while (!(value < sum))
            value = uniform(ctx) * sum;
        s->order[i] = first_above(s->cumulative, s->n, value);
    }
}

/* ---- classes --------------------------------------------------------------------------------- */

static bool check_labels(tn_ctx *ctx, const char *what, const tn_tensor *labels)
{
    if (!tn__is_index(labels->dtype))
        tn_fail(ctx, TN_ERR_DTYPE, "%s %s, not i64, i32 or u8", what, tn_dtype_name(labels->dtype));
    else if (labels->ndim != 1)
        tn_fail(ctx, TN_ERR_SHAPE, "%s %s; expected one dimension", what, TN_SHAPE_TEXT(labels));
    return tn_ok(ctx);
}

static int64_t label_at(const tn_tensor *labels, int64_t i)
{
    return tn__load_i64(labels->dtype, tn__at(labels, i));
}

static int compare_labels(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Copies labels, which must be numbers of classes. */
static bool read_labels(tn_ctx *ctx, const char *what, const tn_tensor *labels, int64_t *to)
{
    for (int64_t i = 0; i < labels->shape[0]; i++) {
        to[i] = label_at(labels, i);
        if (to[i] < 0 || to[i] >= INT32_MAX) {
            tn_fail(ctx, TN_ERR_ARGUMENT, "%s %lld in place %lld, which is not from 0 to 2^31 - 2",
                    what, (long long)to[i], (long long)i);
            return false;
        }
    }
    return true;
}

/* The labels that occur, and how many samples have each: what follows takes memory and time by the
 * number of samples, however large a label is. */
static bool find_classes(tn__classes *c, tn_ctx *ctx, const char *what, const tn_tensor *labels)
{
    int64_t n = labels->shape[0];
    c->labels = new_integers(ctx, n);
    c->sizes = c->labels ? new_integers(ctx, n) : NULL;
    if (!c->sizes || !read_labels(ctx, what, labels, c->labels))
        return false;
    qsort(c->labels, (size_t)n, sizeof *c->labels, compare_labels);
    for (int64_t i = 0; i < n; i++) {
        if (i == 0 || c->labels[i] != c->labels[c->count - 1]) {
            c->labels[c->count] = c->labels[i];
            c->sizes[c->count++] = 0;
        }
        c->sizes[c->count - 1]++;
    }
    return true;
}

static void free_classes(tn__classes *c, tn_ctx *ctx)
{
    tn__free(ctx, c->labels);
    tn__free(ctx, c->sizes);
}

/* The number of sample i's label among those that occur. */
static int64_t class_of(const tn__classes *c, const tn_tensor *labels, int64_t i)
{
    int64_t label = label_at(labels, i), low = 0, high = c->count - 1;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (c->labels[middle] < label)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

tn_tensor *tn_balanced_weights(tn_ctx *ctx, const tn_tensor *labels)
{
    static const char *const what = "balanced_weights: labels are";
    if (!tn_check_input(ctx, "balanced_weights", "labels", labels) ||
        !check_labels(ctx, what, labels))
        return NULL;
    int64_t n = labels->shape[0];
    tn__classes c = {0};
    bool found = find_classes(&c, ctx, what, labels);
    tn_tensor *weights = found ? tn__new(ctx, "balanced_weights", TN_F64, 1, &n) : NULL;
    for (int64_t i = 0; weights && i < n; i++)
        ((double *)tn__ptr(weights))[i] =
            (double)n / ((double)c.count * (double)c.sizes[class_of(&c, labels, i)]);
    free_classes(&c, ctx);
    return weights;
}

/* ---- strata ---------------------------------------------------------------------------------- */

static void open_strata(tn__sampler *s, tn_ctx *ctx, const tn_tensor *labels)
{
    static const char *const what = "loader: stratify is";
    if (!check_labels(ctx, what, labels))
        return;
    if (labels->shape[0] != s->n)
        tn_fail(ctx, TN_ERR_SHAPE, "loader: stratify is %s of %lld samples", TN_SHAPE_TEXT(labels),
                (long long)s->n);
    if (!tn_ok(ctx) || !find_classes(&s->classes, ctx, what, labels))
        return;
    size_t of_samples = (size_t)s->n * sizeof(int64_t), of_classes = (size_t)s->classes.count * 8;
    s->class_of = tn__alloc(ctx, of_samples);
    s->shuffled = tn__alloc(ctx, of_samples);
    s->starts = tn__alloc(ctx, of_samples + sizeof(int64_t));
    s->seen = tn__alloc(ctx, of_classes);
    s->shifts = tn__alloc(ctx, of_classes);
    for (int64_t i = 0; tn_ok(ctx) && i < s->n; i++)
        s->class_of[i] = class_of(&s->classes, labels, i);
}

/* Of the n_c samples of class c, in a random order, number j goes to the place (j + u_c) / n_c of
 * the epoch, which is [0, 1), u_c being a random number of the class. So each part of the epoch has
 * n_c times its length of them, to within one. */
static int64_t place_of(tn__sampler *s, int64_t sample)
{
    int64_t c = s->class_of[sample];
    double place = ((double)s->seen[c]++ + s->shifts[c]) / (double)s->classes.sizes[c];
    int64_t at = (int64_t)(place * (double)s->n);
    return at < s->n ? at : s->n - 1;
}

/* Each label from 0 on has a block of the stream, whether it occurs or not: that of the largest one
 * is the last that an epoch takes. */
static void draw_shifts(tn__sampler *s, tn_ctx *ctx)
{
    uint64_t begin = ctx->rng.position;
    for (int64_t c = 0; c < s->classes.count; c++) {
        ctx->rng.position = begin + (uint64_t)s->classes.labels[c];
        s->shifts[c] = uniform(ctx);
    }
}

/* Sorts by places, of which there are n: counts how many samples come before each, then puts each
 * sample behind those that it has already. */
static void draw_strata(tn__sampler *s, tn_ctx *ctx)
{
    size_t of_classes = (size_t)s->classes.count * sizeof *s->seen;
    tn__random_permutation(ctx, s->n, s->shuffled);
    draw_shifts(s, ctx);
    memset(s->starts, 0, (size_t)(s->n + 1) * sizeof *s->starts);
    memset(s->seen, 0, of_classes);
    for (int64_t i = 0; i < s->n; i++)
        s->starts[place_of(s, s->shuffled[i]) + 1]++;
    for (int64_t i = 0; i < s->n; i++)
        s->starts[i + 1] += s->starts[i];
    memset(s->seen, 0, of_classes);
    for (int64_t i = 0; i < s->n; i++)
        s->order[s->starts[place_of(s, s->shuffled[i])]++] = s->shuffled[i];
}

/* ---- a sampler ------------------------------------------------------------------------------- */

bool tn__sampler_open(tn__sampler *s, tn_ctx *ctx, int64_t n, const tn_loader_opts *opts)
{
    s->kind = opts->shuffle    ? TN__SHUFFLED
              : opts->weights  ? TN__WEIGHTED
              : opts->stratify ? TN__STRATIFIED
                               : TN__IN_ORDER;
    s->n = n;
    s->drawn = opts->num_samples ? opts->num_samples : n;
    if (s->kind != TN__IN_ORDER)
        s->order = new_integers(ctx, s->drawn);
    if (s->order && opts->weights)
        open_weights(s, ctx, opts->weights);
    if (s->order && opts->stratify)
        open_strata(s, ctx, opts->stratify);
    return tn_ok(ctx);
}

void tn__sampler_close(tn__sampler *s, tn_ctx *ctx)
{
    void *const all[] = {s->order,  s->cumulative, s->class_of, s->shuffled,
                         s->starts, s->seen,       s->shifts};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        tn__free(ctx, all[i]);
    free_classes(&s->classes, ctx);
}

void tn__sampler_draw(tn__sampler *s, tn_ctx *ctx)
{
    if (s->kind == TN__SHUFFLED)
        tn__random_permutation(ctx, s->n, s->order);
    else if (s->kind == TN__WEIGHTED)
        draw_weighted(s, ctx);
    else if (s->kind == TN__STRATIFIED)
        draw_strata(s, ctx);
}
