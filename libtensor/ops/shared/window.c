/* window.c - what convolution and pooling share: the sizes of windows that slide over planes. */
#include <limits.h>
#include <math.h>
#include <string.h>
#include "base/memory.h"
#include "base/options.h"
#include "ops/shared/window.h"

int64_t tn__option(int64_t one, int64_t both, int64_t otherwise)
{
    return tn__int_option(one ? one : both, otherwise);
}

/* Sizes and options up to INT_MAX leave room for every product and sum of two of them. */
static bool in_range(int64_t value, int64_t least)
{
    return value >= least && value <= INT_MAX;
}

static bool check_options(tn_ctx *ctx, const char *what, const tn__window *w)
{
    const struct {
        const char *name;
        int64_t h, w, least;
    } options[] = {{"kernel", w->kernel_h, w->kernel_w, 1},
                   {"stride", w->stride_h, w->stride_w, 1},
                   {"padding", w->padding_h, w->padding_w, 0},
                   {"dilation", w->dilation_h, w->dilation_w, 1}};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (!in_range(options[i].h, options[i].least) ||
            !in_range(options[i].w, options[i].least)) {
            tn_fail(ctx, TN_ERR_ARGUMENT, "%s: %s [%lld,%lld] is not between %lld and %d", what,
                    options[i].name, (long long)options[i].h, (long long)options[i].w,
                    (long long)options[i].least, INT_MAX);
            return false;
        }
    return true;
}

bool tn__check_planes(tn_ctx *ctx, const char *what, const tn_tensor *x)
{
    if (x->ndim != 3 && x->ndim != 4) {
        tn_fail(ctx, TN_ERR_SHAPE, "%s: input %s; expected [n,channels,h,w] or [channels,h,w]",
                what, TN_SHAPE_TEXT(x));
        return false;
    }
    if (tn_size(x, -2) > INT_MAX || tn_size(x, -1) > INT_MAX ||
        tn_size(x, -2) * tn_size(x, -1) > INT_MAX) {
        tn_fail(ctx, TN_ERR_SHAPE, "%s: input %s has planes of more than %d elements", what,
                TN_SHAPE_TEXT(x), INT_MAX);
        return false;
    }
    return true;
}

tn_tensor *tn__new_planes(tn_ctx *ctx, const char *what, const tn_tensor *x, tn_dtype dtype,
                          const tn__window *w)
{
    int64_t shape[TN_MAX_DIMS];
    memcpy(shape, x->shape, sizeof shape);
    shape[x->ndim - 2] = w->out_h;
    shape[x->ndim - 1] = w->out_w;
    return tn__new(ctx, what, dtype, x->ndim, shape);
}

int64_t tn__planes_of(const tn_tensor *x)
{
    int64_t planes = 1;
    for (int i = 0; i < x->ndim - 2; i++)
        planes *= x->shape[i];
    return planes;
}

double tn__windows_over(const tn__window *w)
{
    return ceil((double)w->kernel_h / (double)w->stride_h) *
           ceil((double)w->kernel_w / (double)w->stride_w);
}

#define MANY 256 /* windows, whose gradients are added one after another */

char *tn__new_lost(tn_ctx *ctx, const tn_tensor *dx, double windows)
{
    size_t bytes = (size_t)tn_numel(dx) * tn_dtype_size(dx->dtype);
    return windows > MANY && bytes > 0 ? tn__alloc_zeroed(ctx, bytes) : NULL;
}

/* How many windows fit. With `ceil_mode` one more may hang over the end, if it begins inside. */
static int64_t count(int64_t size, int64_t kernel, int64_t stride, int64_t padding,
                     int64_t dilation, bool ceil_mode)
{
    int64_t room = size + 2 * padding - dilation * (kernel - 1) - 1;
    if (room < 0 && !(ceil_mode && room > -stride))
        return 0;
    int64_t n = (room + (ceil_mode ? stride - 1 : 0)) / stride + 1;
    return ceil_mode && (n - 1) * stride >= size + padding ? n - 1 : n;
}

bool tn__slide(tn_ctx *ctx, const char *what, const tn_tensor *x, tn__window *w, bool ceil_mode)
{
    w->h = tn_size(x, -2);
    w->w = tn_size(x, -1);
    if (!check_options(ctx, what, w))
        return false;
    w->out_h = count(w->h, w->kernel_h, w->stride_h, w->padding_h, w->dilation_h, ceil_mode);
    w->out_w = count(w->w, w->kernel_w, w->stride_w, w->padding_w, w->dilation_w, ceil_mode);
    if (w->h < 1 || w->w < 1 || w->out_h < 1 || w->out_w < 1) {
        tn_fail(ctx, TN_ERR_SHAPE,
                "%s: kernel [%lld,%lld] with dilation [%lld,%lld] does not fit input %s with "
                "padding [%lld,%lld]",
                what, (long long)w->kernel_h, (long long)w->kernel_w, (long long)w->dilation_h,
                (long long)w->dilation_w, TN_SHAPE_TEXT(x), (long long)w->padding_h,
                (long long)w->padding_w);
        return false;
    }
    return true;
}

bool tn__pool_window(tn_ctx *ctx, const char *what, const tn_tensor *x, int64_t kernel_size,
                     const tn_pool2d_opts *opts, tn__window *w)
{
    *w = (tn__window){.kernel_h = tn__option(opts->kernel_h, kernel_size, 0),
                      .kernel_w = tn__option(opts->kernel_w, kernel_size, 0),
                      .padding_h = tn__option(opts->padding_h, opts->padding, 0),
                      .padding_w = tn__option(opts->padding_w, opts->padding, 0),
                      .dilation_h = tn__option(opts->dilation_h, opts->dilation, 1),
                      .dilation_w = tn__option(opts->dilation_w, opts->dilation, 1)};
    w->stride_h = tn__option(opts->stride_h, opts->stride, w->kernel_h);
    w->stride_w = tn__option(opts->stride_w, opts->stride, w->kernel_w);
    if (!tn__check_planes(ctx, what, x) || !tn__slide(ctx, what, x, w, opts->ceil_mode))
        return false;
    if (w->padding_h > w->kernel_h / 2 || w->padding_w > w->kernel_w / 2) {
        tn_fail(ctx, TN_ERR_ARGUMENT,
                "%s: padding [%lld,%lld] is more than half of kernel [%lld,%lld]", what,
                (long long)w->padding_h, (long long)w->padding_w, (long long)w->kernel_h,
                (long long)w->kernel_w);
        return false;
    }
    return true;
}
