/* pool.h - what the pooling operators share: each plane is pooled by itself, by a kernel of the
 * operator's, and the threads share the planes. */
#ifndef TN_OPS_SHARED_POOL_H
#define TN_OPS_SHARED_POOL_H

#include <tn/op.h>
#include "base/context.h"
#include "kernels/kernels.h"
#include "kernels/window.h"

/* What a node keeps of a call. */
typedef struct tn__pool_data {
    tn__window window;
    bool exclude_padding; /* of avg_pool2d, */
    int64_t divisor;      /* as in its options */
} tn__pool_data;

/* `planes` planes, one after another. Arrays that the operator does not have are NULL. */
typedef struct tn__pool_planes {
    const tn__kernels *kernels;
    const tn__pool_data *data;
    int64_t planes;
    const char *x, *dy;
    char *y, *dx;
    char *lost;  /* what rounding took from dx; NULL where it may be lost */
    char *index; /* where the maxima were: tn__index_bytes each */
} tn__pool_planes;

/* How an operator pools: y, and index if it has one, from x; dx from dy, and index. */
typedef struct tn__pooling {
    const char *name;
    bool has_index;
    void (*forward)(const tn__pool_planes *p);
    void (*backward)(const tn__pool_planes *p);
    double (*work)(const tn__window *w);         /* elements that a plane makes it pass over */
    double (*windows_over)(const tn__window *w); /* an element of x, at most */
} tn__pooling;

/* The elements under all windows of a plane. */
double tn__elements_under(const tn__window *w);

/* y of x, recorded; NULL with an error. The window is filled in and checked. */
tn_tensor *tn__pool_forward(tn_ctx *ctx, const tn_op *op, const tn__pooling *how,
                            const tn_tensor *x, const tn__pool_data *data);

/* Gives the node its gradient. */
void tn__pool_backward(tn_ctx *ctx, const tn__pooling *how, tn_node *node, const tn_tensor *dy);

#endif
