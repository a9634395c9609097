/* winograd.h - y of kernels of 3 x 3 in steps of one by Winograd's method, in tiles of 4 x 4, for
 * methods that make such a convolution of another one. */
#ifndef TN_OPS_CONV2D_WINOGRAD_H
#define TN_OPS_CONV2D_WINOGRAD_H

#include "ops/conv2d/plan.h"

/* Does the method apply to such a plan? What does it take then, in multiply-adds? */
bool tn__winograd_applies(const tn__conv2d_plan *plan);
double tn__winograd_cost(const tn__conv2d_plan *plan);

/* The bytes of the transformed weight, aligned to 64; transforms it; makes y by it, of any number
 * of images. */
int64_t tn__winograd_bytes(const tn__conv2d_plan *plan);
void tn__winograd_transform(const tn__conv2d_plan *plan, char *u);
void tn__winograd_convolve(const tn__conv2d_plan *plan, char *u);

#endif
