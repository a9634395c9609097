/* conv2d.h - the products of conv2d by each of its methods. */
#ifndef TN_TESTS_CONV2D_H
#define TN_TESTS_CONV2D_H

#include "common/check_tn.h"
#include "ops/conv2d/methods.h"

#define CONV2D_ONE(name) +1
enum { CONV2D_METHODS = 0 TN__CONV2D_METHODS(CONV2D_ONE) };
extern const tn__conv2d_method *const conv2d_methods[CONV2D_METHODS];

/* Of integers, is the result exact? Tiles of 6 multiply by fractions that binary numbers round:
 * then it is off by less than conv2d_rounding times the sum of the absolute products. */
bool conv2d_is_exact(const tn__conv2d_method *m);
double conv2d_rounding(tn_dtype dtype);

/* Each is NULL where the method does not apply, or dy has no element. */
typedef struct conv2d_products {
    tn_tensor *y, *dx, *dw;
} conv2d_products;

/* Of contiguous tensors; b may be NULL. */
conv2d_products conv2d_by(const tn__conv2d_method *m, const tn_tensor *x, const tn_tensor *w,
                          const tn_tensor *b, const tn_tensor *dy, const tn_conv2d_opts *opts);
tn__conv2d_plan conv2d_plan(const tn_tensor *x, const tn_tensor *w, const tn_conv2d_opts *opts);

#endif
