/* Every small convolution and pooling against loops that follow the definitions: sizes, kernels,
 * strides, paddings, dilations, groups and modes, all with all. Elements are integers that
 * leave sums and averages exact in both types, whatever the order of summation. */
#include <math.h>
#include <stdio.h>
#include "common/check_tn.h"
#include "common/conv2d.h"

RUNS_WITH_EACH_ISA;

#define MOST 1024 /* elements of an array here */
#define MAX_AXES 1024

/* One direction of a window, and how many of them fit. */
typedef struct axis {
    int64_t size, kernel, stride, padding, dilation, out;
} axis;

/* The largest values of an axis; adaptive pooling has its own. */
typedef struct bounds {
    int64_t size, kernel, stride, padding, dilation;
} bounds;

typedef struct numbers {
    int64_t n;
    double at[MOST];
} numbers;

static axis axes[MAX_AXES];
static int n_axes;

/* ---- what is compared ------------------------------------------------------------------------ */

/* Check's own assertions tell its process of each that held, which is most of the time of a test
 * that makes a million; so this and ck_abort_msg. */
#define NEEDS(condition)              \
    do {                              \
        if (!(condition))             \
            ck_abort_msg(#condition); \
    } while (0)

/* Multiples of `unit` from -4 to 4 times it, the same for the same seed. */
static void fill(numbers *a, int64_t n, uint32_t seed, double unit)
{
    NEEDS(n <= MOST);
    a->n = n;
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525 + 1013904223;
        a->at[i] = unit * ((double)((seed >> 16) % 9) - 4);
    }
}

static void clear(numbers *a, int64_t n)
{
    NEEDS(n <= MOST);
    a->n = n;
    for (int64_t i = 0; i < n; i++)
        a->at[i] = 0;
}

static tn_tensor *tensor(tn_dtype dtype, int ndim, const int64_t *shape, const numbers *a)
{
    tn_tensor *t = tn_zeros(ctx, dtype, ndim, shape);
    NEEDS(tn_numel(t) == a->n);
    for (int64_t i = 0; i < a->n; i++)
        tn__store_f64(dtype, (char *)tn__ptr(t) + i * (int64_t)tn_dtype_size(dtype), a->at[i]);
    return t;
}

static void compare_near(const tn_tensor *got, const numbers *want, double limit, const char *text,
                         const char *name)
{
    if (!got)
        ck_abort_msg("%s: no %s: %s", text, name, tn_error(ctx));
    if (tn_numel(got) != want->n)
        ck_abort_msg("%s: %s has %lld elements, not %lld", text, name, (long long)tn_numel(got),
                     (long long)want->n);
    int64_t size = (int64_t)tn_dtype_size(tn_dtype_of(got));
    for (int64_t i = 0; i < want->n; i++) {
        double value = tn__load_f64(tn_dtype_of(got), (char *)tn__ptr(got) + i * size);
        if (value != want->at[i] && !(fabs(value - want->at[i]) <= limit))
            ck_abort_msg("%s: %s[%lld] is %.17g, not %.17g", text, name, (long long)i, value,
                         want->at[i]);
    }
}

static void compare(const tn_tensor *got, const numbers *want, const char *text, const char *name)
{
    compare_near(got, want, 0, text, name);
}

/* ---- axes ------------------------------------------------------------------------------------ */

/* Windows fit by the definition: one begins at every multiple of the stride, as long as it ends in
 * the padded row. With `ceil_mode` one more may hang over the end, by less than a stride, if it
 * begins before the padding on the right. */
static int64_t windows(const axis *a, bool ceil_mode)
{
    int64_t span = (a->kernel - 1) * a->dilation + 1, length = a->size + 2 * a->padding, n = 0;
    while (n * a->stride + span <= length)
        n++;
    int64_t end = (n - 1) * a->stride + span, over = n * a->stride + span - length;
    bool more = (n == 0 || end < length) && over < a->stride;
    return n + (ceil_mode && more && n * a->stride < a->size + a->padding);
}

/* All axes within the bounds that have a window; a kernel of one element has no dilation. Pooling
 * pads by half of the kernel at most. */
static void list_axes(bounds most, bool pooling, bool ceil_mode)
{
    n_axes = 0;
    for (int64_t size = 1; size <= most.size; size++)
        for (int64_t kernel = 1; kernel <= most.kernel; kernel++)
            for (int64_t stride = 1; stride <= most.stride; stride++)
                for (int64_t padding = 0; padding <= most.padding; padding++)
                    for (int64_t dilation = 1; dilation <= most.dilation; dilation++) {
                        axis a = {size, kernel, stride, padding, dilation, 0};
                        a.out = windows(&a, ceil_mode);
                        bool wide = pooling && padding > kernel / 2;
                        if (a.out > 0 && !wide && (kernel > 1 || dilation == 1))
                            axes[n_axes++] = a;
                    }
    ck_assert_int_le(n_axes, MAX_AXES);
}

/* Element i of window o; -1 in the padding. */
static int64_t met(const axis *a, int64_t o, int64_t i)
{
    int64_t at = o * a->stride + i * a->dilation - a->padding;
    return at >= 0 && at < a->size ? at : -1;
}

/* ---- convolution ----------------------------------------------------------------------------- */

typedef struct images {
    int64_t n, groups, c, o; /* images, groups, channels of each group of x and of y */
} images;

typedef struct conv {
    images s;
    axis h, w;
    tn_dtype dtype;
} conv;

static numbers x, w, b, dy, y, dx, dw, db;

static const char *conv_text(const conv *c)
{
    static char text[256];
    const axis *h = &c->h, *v = &c->w;
    snprintf(text, sizeof text,
             "conv2d %s [%d,%d,%d,%d] groups %d, out %d, kernel %d,%d stride %d,%d padding %d,%d "
             "dilation %d,%d",
             tn_dtype_name(c->dtype), (int)c->s.n, (int)(c->s.c * c->s.groups), (int)h->size,
             (int)v->size, (int)c->s.groups, (int)(c->s.o * c->s.groups), (int)h->kernel,
             (int)v->kernel, (int)h->stride, (int)v->stride, (int)h->padding, (int)v->padding,
             (int)h->dilation, (int)v->dilation);
    return text;
}

/* What element `at` of y, in output `o` (of all groups) of image n, is made of. */
static void naive_point(const conv *c, int64_t n, int64_t o, int64_t row, int64_t col, int64_t at)
{
    const images *s = &c->s;
    int64_t taps = c->h.kernel * c->w.kernel, group = o / s->o;
    y.at[at] = b.at[o];
    db.at[o] += dy.at[at];
    for (int64_t k = 0; k < s->c * taps; k++) {
        int64_t channel = (n * s->groups + group) * s->c + k / taps;
        int64_t i = met(&c->h, row, k % taps / c->w.kernel);
        int64_t j = met(&c->w, col, k % c->w.kernel);
        if (i < 0 || j < 0)
            continue;
        int64_t from = (channel * c->h.size + i) * c->w.size + j, weight = o * s->c * taps + k;
        y.at[at] += x.at[from] * w.at[weight];
        dx.at[from] += dy.at[at] * w.at[weight];
        dw.at[weight] += dy.at[at] * x.at[from];
    }
}

static void naive_conv(const conv *c)
{
    const images *s = &c->s;
    int64_t out = s->o * s->groups, points = c->h.out * c->w.out;
    fill(&x, s->n * s->groups * s->c * c->h.size * c->w.size, 1, 1);
    fill(&w, out * s->c * c->h.kernel * c->w.kernel, 2, 1);
    fill(&b, out, 3, 1);
    fill(&dy, s->n * out * points, 4, 1);
    clear(&y, dy.n);
    clear(&dx, x.n);
    clear(&dw, w.n);
    clear(&db, b.n);
    for (int64_t at = 0; at < y.n; at++)
        naive_point(c, at / points / out, at / points % out, at % points / c->w.out, at % c->w.out,
                    at);
}

/* By each method, also where another one is taken; no product is above 16, and no element of
 * y and dx has more of them than w has elements, or of dw than dy has. */
static void check_methods(const char *text, const tn_tensor *tx, const tn_tensor *tw,
                          const tn_tensor *tb, const tn_tensor *tdy, const tn_conv2d_opts *opts)
{
    for (int i = 0; i < CONV2D_METHODS; i++) {
        const tn__conv2d_method *m = conv2d_methods[i];
        double unit = conv2d_is_exact(m) ? 0 : 16 * conv2d_rounding(tn_dtype_of(tx));
        conv2d_products got = conv2d_by(m, tx, tw, tb, tdy, opts);
        if (got.y)
            compare_near(got.y, &y, unit * (double)w.n, text, m->name);
        if (got.dx)
            compare_near(got.dx, &dx, unit * (double)w.n, text, m->name);
        if (got.dw)
            compare_near(got.dw, &dw, unit * (double)dy.n, text, m->name);
    }
}

static void check_conv(const conv *c)
{
    const images *s = &c->s;
    int64_t out = s->o * s->groups;
    const char *text = conv_text(c);
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *tx =
        leaf(tensor(c->dtype, TN_SHAPE(s->n, s->groups * s->c, c->h.size, c->w.size), &x));
    tn_tensor *tw = leaf(tensor(c->dtype, TN_SHAPE(out, s->c, c->h.kernel, c->w.kernel), &w));
    tn_tensor *tb = leaf(tensor(c->dtype, TN_SHAPE(out), &b));
    tn_tensor *tdy = tensor(c->dtype, TN_SHAPE(s->n, out, c->h.out, c->w.out), &dy);
    tn_conv2d_opts opts = {.stride_h = c->h.stride,
                           .stride_w = c->w.stride,
                           .padding_h = c->h.padding,
                           .padding_w = c->w.padding,
                           .dilation_h = c->h.dilation,
                           .dilation_w = c->w.dilation,
                           .groups = s->groups};
    tn_tensor *ty = tn_conv2d(ctx, tx, tw, tb, opts);
    compare(ty, &y, text, "y");
    tn_backward_with(ctx, ty, tdy);
    compare(tn_grad(tx), &dx, text, "dx");
    compare(tn_grad(tw), &dw, text, "dw");
    compare(tn_grad(tb), &db, text, "db");
    check_methods(text, tx, tw, tb, tdy, &opts);
    tn_scope_end(ctx, scope);
}

static void check_both(const images *s, const axis *h, const axis *v)
{
    conv c = {*s, *h, *v, TN_F64};
    naive_conv(&c);
    check_conv(&c);
    c.dtype = TN_F32;
    check_conv(&c);
}

/* Every pair of small axes with every number of images, groups and channels, 0 of them too. */
START_TEST(test_conv2d_images)
{
    list_axes((bounds){3, 2, 2, 1, 2}, false, false);
    for (int h = 0; h < n_axes; h++)
        for (int v = 0; v < n_axes; v++) {
            for (int64_t k = 0; k < 16; k++)
                check_both(&(images){k % 2 + 1, k / 2 % 2 + 1, k / 4 % 2 + 1, k / 8 + 1}, &axes[h],
                           &axes[v]);
            for (int64_t k = 0; (h + v) % 7 == 0 && k < 7; k++)
                check_both(&(images){(k & 1) * 2, 2, k & 2, k >> 1 & 2}, &axes[h], &axes[v]);
        }
}
END_TEST

/* Every pair of larger ones, with these images and channels and the two types in turn. */
START_TEST(test_conv2d_axes)
{
    static const images of[] = {{1, 1, 2, 1}, {2, 1, 1, 2}, {1, 2, 1, 1}, {1, 1, 1, 2},
                                {1, 1, 2, 2}, {2, 2, 2, 1}, {3, 1, 1, 1}};
    list_axes((bounds){5, 3, 3, 2, 2}, false, false);
    for (int h = 0; h < n_axes; h++)
        for (int v = 0; v < n_axes; v++) {
            conv c = {of[(h + v) % 7], axes[h], axes[v], (h + v) % 2 ? TN_F64 : TN_F32};
            naive_conv(&c);
            check_conv(&c);
        }
}
END_TEST

/* ---- pooling --------------------------------------------------------------------------------- */

#define PLANES 2
#define UNIT 3600 /* a multiple of all numbers of elements that windows have */

typedef struct pool {
    axis h, w;
    bool ceil_mode, exclude_padding;
    int64_t divisor;
    tn_dtype dtype;
} pool;

static const char *pool_text(const pool *p, const char *name)
{
    static char text[256];
    const axis *h = &p->h, *v = &p->w;
    snprintf(text, sizeof text,
             "%s %s [1,%d,%d,%d] kernel %d,%d stride %d,%d padding %d,%d dilation %d,%d%s%s "
             "divisor %d",
             name, tn_dtype_name(p->dtype), PLANES, (int)h->size, (int)v->size, (int)h->kernel,
             (int)v->kernel, (int)h->stride, (int)v->stride, (int)h->padding, (int)v->padding,
             (int)h->dilation, (int)v->dilation, p->ceil_mode ? " ceil" : "",
             p->exclude_padding ? " without padding" : "", (int)p->divisor);
    return text;
}

/* The element of x that window (row, col) of a plane takes: the first of the largest; -1: none. */
static int64_t naive_largest(const pool *p, int64_t plane, int64_t row, int64_t col)
{
    int64_t best = -1;
    for (int64_t i = 0; i < p->h.kernel; i++)
        for (int64_t j = 0; j < p->w.kernel; j++) {
            int64_t r = met(&p->h, row, i), c = met(&p->w, col, j);
            int64_t at = (plane * p->h.size + r) * p->w.size + c;
            if (r >= 0 && c >= 0 && (best < 0 || x.at[at] > x.at[best]))
                best = at;
        }
    return best;
}

static void naive_max(const pool *p, int64_t at)
{
    int64_t points = p->h.out * p->w.out;
    int64_t best = naive_largest(p, at / points, at % points / p->w.out, at % p->w.out);
    y.at[at] = best < 0 ? -INFINITY : x.at[best];
    if (best >= 0)
        dx.at[best] += dy.at[at];
}

/* How many elements of window o are in [-margin, size + margin). */
static int64_t covered(const axis *a, int64_t o, int64_t margin)
{
    int64_t n = 0;
    for (int64_t i = 0; i < a->kernel; i++) {
        int64_t at = o * a->stride + i - a->padding;
        n += at >= -margin && at < a->size + margin;
    }
    return n;
}

static void naive_average(const pool *p, int64_t at)
{
    int64_t points = p->h.out * p->w.out, plane = at / points;
    int64_t row = at % points / p->w.out, col = at % p->w.out, divisor = p->divisor;
    if (divisor == 0)
        divisor = covered(&p->h, row, p->exclude_padding ? 0 : p->h.padding) *
                  covered(&p->w, col, p->exclude_padding ? 0 : p->w.padding);
    for (int64_t i = 0; i < p->h.kernel; i++)
        for (int64_t j = 0; j < p->w.kernel; j++) {
            int64_t r = met(&p->h, row, i), c = met(&p->w, col, j);
            if (r < 0 || c < 0)
                continue;
            int64_t from = (plane * p->h.size + r) * p->w.size + c;
            y.at[at] += x.at[from];
            dx.at[from] += dy.at[at] / (double)divisor;
        }
    y.at[at] /= (double)divisor;
}

static void naive_pool(const pool *p, void (*naive)(const pool *p, int64_t at))
{
    fill(&x, PLANES * p->h.size * p->w.size, 5, UNIT);
    fill(&dy, PLANES * p->h.out * p->w.out, 6, UNIT);
    clear(&y, dy.n);
    clear(&dx, x.n);
    for (int64_t at = 0; at < y.n; at++)
        naive(p, at);
}

typedef tn_tensor *(*pool_fn)(tn_ctx *ctx, const tn_tensor *x, int64_t kernel_size,
                              tn_pool2d_opts opts);

static void check_pool(const pool *p, pool_fn fn, const char *name)
{
    const char *text = pool_text(p, name);
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *tx = leaf(tensor(p->dtype, TN_SHAPE(1, PLANES, p->h.size, p->w.size), &x));
    tn_tensor *ty = fn(ctx, tx, 1,
                       (tn_pool2d_opts){.kernel_h = p->h.kernel,
                                        .kernel_w = p->w.kernel,
                                        .stride_h = p->h.stride,
                                        .stride_w = p->w.stride,
                                        .padding_h = p->h.padding,
                                        .padding_w = p->w.padding,
                                        .dilation_h = p->h.dilation,
                                        .dilation_w = p->w.dilation,
                                        .ceil_mode = p->ceil_mode,
                                        .exclude_padding = p->exclude_padding,
                                        .divisor = p->divisor});
    compare(ty, &y, text, "y");
    tn_backward_with(ctx, ty, tensor(p->dtype, TN_SHAPE(1, PLANES, p->h.out, p->w.out), &dy));
    compare(tn_grad(tx), &dx, text, "dx");
    tn_scope_end(ctx, scope);
}

/* The two types come in turn. */
START_TEST(test_max_pool2d)
{
    list_axes((bounds){5, 3, 3, 1, 2}, true, _i);
    for (int h = 0; h < n_axes; h++)
        for (int v = 0; v < n_axes; v++) {
            pool p = {.h = axes[h],
                      .w = axes[v],
                      .ceil_mode = _i,
                      .dtype = (h + v + _i) % 2 ? TN_F64 : TN_F32};
            naive_pool(&p, naive_max);
            check_pool(&p, tn_max_pool2d, "max_pool2d");
        }
}
END_TEST

START_TEST(test_avg_pool2d)
{
    list_axes((bounds){4, 4, 3, 2, 1}, true, _i);
    for (int h = 0; h < n_axes; h++)
        for (int v = 0; v < n_axes; v++)
            for (int mode = 0; mode < 3; mode++) {
                pool p = {.h = axes[h],
                          .w = axes[v],
                          .ceil_mode = _i,
                          .exclude_padding = mode == 1,
                          .divisor = mode == 2 ? 3 : 0,
                          .dtype = (h + v + mode) % 2 ? TN_F64 : TN_F32};
                naive_pool(&p, naive_average);
                check_pool(&p, tn_avg_pool2d, "avg_pool2d");
            }
}
END_TEST

/* ---- adaptive pooling ------------------------------------------------------------------------ */

/* Is row `at` of `size` in window o of `out`?  o size / out < at + 1 and at < (o + 1) size /
 * out. */
static bool in_window(int64_t at, int64_t size, int64_t o, int64_t out)
{
    return o * size < (at + 1) * out && at * out < (o + 1) * size;
}

static void naive_adaptive(const pool *p, int64_t at)
{
    int64_t plane = p->h.size * p->w.size, points = p->h.out * p->w.out, count = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < plane; i++) {
            int64_t from = at / points * plane + i;
            if (!in_window(i / p->w.size, p->h.size, at % points / p->w.out, p->h.out) ||
                !in_window(i % p->w.size, p->w.size, at % p->w.out, p->w.out))
                continue;
            if (pass == 0) {
                count++;
                y.at[at] += x.at[from];
            } else {
                dx.at[from] += dy.at[at] / (double)count;
            }
        }
    y.at[at] /= (double)count;
}

static tn_tensor *adaptive(tn_ctx *c, const tn_tensor *t, int64_t kernel_size, tn_pool2d_opts opts)
{
    (void)kernel_size;
    return tn_adaptive_avg_pool2d(c, t, opts.kernel_h, opts.kernel_w);
}

/* The number of windows goes by the place of the kernel's size. */
START_TEST(test_adaptive_avg_pool2d)
{
    for (int64_t k = 0; k < 6 * 6 * 7 * 7; k++) {
        int64_t out_h = k / 36 % 7 + 1, out_w = k / 252 + 1;
        pool p = {.h = {.size = k % 6 + 1, .kernel = out_h, .out = out_h},
                  .w = {.size = k / 6 % 6 + 1, .kernel = out_w, .out = out_w}};
        p.dtype = (k + k / 6 + k / 36 + k / 252) % 2 ? TN_F64 : TN_F32;
        naive_pool(&p, naive_adaptive);
        check_pool(&p, adaptive, "adaptive_avg_pool2d");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exhaustive_windows");
    TCase *tc = tn_case(suite, "exhaustive_windows");
    tcase_add_test(tc, test_conv2d_images);
    tcase_add_test(tc, test_conv2d_axes);
    tcase_add_loop_test(tc, test_max_pool2d, 0, 2);
    tcase_add_loop_test(tc, test_avg_pool2d, 0, 2);
    tcase_add_test(tc, test_adaptive_avg_pool2d);
    return tn_run(suite);
}
