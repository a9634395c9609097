/* methods.h - the methods of conv2d, a row each. */
#ifndef TN_OPS_CONV2D_METHODS_H
#define TN_OPS_CONV2D_METHODS_H

#include "ops/conv2d/plan.h"

/* The best first. The last one applies to everything and pays. */
#define TN__CONV2D_METHODS(ROW) \
    ROW(winograd_4_3)           \
    ROW(winograd_2_5)           \
    ROW(winograd_2_3)           \
    ROW(winograd_phases)        \
    ROW(outer)                  \
    ROW(depthwise)              \
    ROW(direct)                 \
    ROW(im2col)

#define TN__CONV2D_DECLARE(name) extern const tn__conv2d_method tn__conv2d_##name;
TN__CONV2D_METHODS(TN__CONV2D_DECLARE)

/* The first of them that applies and pays. */
const tn__conv2d_method *tn__conv2d_method_of(const tn__conv2d_plan *plan,
                                              tn__conv2d_product product);

#endif
