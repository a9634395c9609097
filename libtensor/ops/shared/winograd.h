/* winograd.h - convolutions of 3 x 3 by Winograd's method. */
#ifndef TN_OPS_SHARED_WINOGRAD_H
#define TN_OPS_SHARED_WINOGRAD_H

#include <tn/tensor.h>
#include "kernels/window.h"

/* n images of c channels, windows of 3 x 3 in steps of 1, o channels of y; all contiguous. */
typedef struct tn__winograd_args {
    tn_ctx *ctx;
    tn_dtype dtype;
    tn__window w;
    int64_t n, c, o;
    bool turned; /* weight is [c, o, 3, 3], to be turned by half a turn */
    const char *x, *weight, *bias, *dy;
    char *y, *dw;
} tn__winograd_args;

/* Whether the method applies and pays. */
bool tn__winograd_fits(const tn__winograd_args *a);

/* y = x * weight + bias (NULL: none); dw [o, c, 3, 3] from x and dy. An error is in the context. */
void tn__winograd_forward(const tn__winograd_args *a);

void tn__winograd_weight_grad(const tn__winograd_args *a);

#endif
