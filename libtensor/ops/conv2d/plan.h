/* plan.h - what conv2d and its methods know of one call, and what a method is. */
#ifndef TN_OPS_CONV2D_PLAN_H
#define TN_OPS_CONV2D_PLAN_H

#include <tn/ops.h>
#include <tn/tensor.h>
#include "base/context.h"
#include "kernels/window.h"
#include "tensor/prepared.h"

/* The facts of one call. tn__conv2d_plan_new makes them, conv2d.c fills in the addresses, and
 * nothing changes afterwards. Every array is contiguous; one that the call does not have is
 * NULL. */
typedef struct tn__conv2d_plan {
    tn_ctx *ctx;
    const tn__kernels *kernels;
    tn_dtype dtype;
    int64_t element_size;

    tn__window window; /* sizes of the planes of x and of y, kernel, stride, padding, dilation */
    int64_t images;
    int64_t groups;        /* of channels: those of y see their own group of x alone */
    int64_t in_channels;   /* of x, in each group */
    int64_t out_channels;  /* of y, in each group */
    int64_t in_points;     /* h w: elements of a plane of x, */
    int64_t out_points;    /* out_h out_w: of a plane of y, */
    int64_t kernel_points; /* kernel_h kernel_w: and of a plane of the kernel */
    int64_t depth;         /* in_channels kernel_points: products that make one element of y */
    int64_t workers;       /* how many of the context's threads have work */

    const char *x;      /* [images, groups in_channels, h, w] */
    const char *weight; /* [groups out_channels, in_channels, kernel_h, kernel_w] */
    const char *bias;   /* [groups out_channels] */
    const char *dy;     /* [images, groups out_channels, out_h, out_w] */
    char *y, *dx, *dw;  /* like dy, x and weight */

    const double *norm; /* mean, scale, shift of each channel of y (tn__norm_numbers), or NULL: */
    bool relu;          /* y becomes scale (y - mean) + shift, then max(y, 0) */

    tn__form form; /* of the weight as the method prepares it, which adds layout[1]; kept where
                    * nothing is recorded */
} tn__conv2d_plan;

/* What the options say of the window, and the weight; tn__slide fills in the rest. */
tn__window tn__conv2d_window(const tn_tensor *weight, const tn_conv2d_opts *opts);

/* x: [n, channels, h, w] or [channels, h, w], of n = 1. The window is filled in by tn__slide. */
tn__conv2d_plan tn__conv2d_plan_new(tn_ctx *ctx, const tn__window *window, int64_t groups,
                                    const tn_tensor *x, const tn_tensor *weight);

/* Where the call asks for it, the norm and ReLU of n numbers of y that are complete, of channel o
 * of all groups. */
void tn__conv2d_end(const tn__conv2d_plan *plan, int64_t o, int64_t n, char *y);

/* The convolution in steps of one that makes dx from dy by the kernels turned by half a turn: dy in
 * the place of x, padded by what is left of the kernel, which is negative where x was padded by
 * more. */
tn__conv2d_plan tn__conv2d_turned(const tn__conv2d_plan *plan);

/* ---- methods ---------------------------------------------------------------------------------
 * A method is one way to compute the three products. Its file defines one of these structs, named
 * tn__conv2d_ and its name. Its functions overwrite the result, which has elements, and record an
 * error in the context where they fail. What `forward` makes of the weight it asks for by the form
 * (tn__prepare), for it may be there already. Which of them is taken depends on sizes alone, never
 * on a clock, so that the bits of the result do not change from run to run. */

typedef enum tn__conv2d_product {
    TN__CONV2D_FORWARD,     /* y from x, weight and bias */
    TN__CONV2D_GRAD_INPUT,  /* dx from dy and weight */
    TN__CONV2D_GRAD_WEIGHT, /* dw from dy and x */
} tn__conv2d_product;

typedef struct tn__conv2d_method {
    const char *name;
    bool (*applies)(const tn__conv2d_plan *plan, tn__conv2d_product product);
    bool (*pays)(const tn__conv2d_plan *plan, tn__conv2d_product product); /* NULL: always */
    bool mixes; /* elements of the result, whose errors spread: not with tn_ctx_opts.direct_conv */
    void (*forward)(const tn__conv2d_plan *plan);
    void (*grad_input)(const tn__conv2d_plan *plan);
    void (*grad_weight)(const tn__conv2d_plan *plan);
} tn__conv2d_method;

#endif
