/* methods.c - the choice of a method. */
#include "ops/conv2d/methods.h"

#define ROW(name) &tn__conv2d_##name,

const tn__conv2d_method *tn__conv2d_method_of(const tn__conv2d_plan *plan,
                                              tn__conv2d_product product)
{
    static const tn__conv2d_method *const methods[] = {TN__CONV2D_METHODS(ROW)};
    int i = 0;
    while ((methods[i]->mixes && plan->ctx->direct_conv) || !methods[i]->applies(plan, product) ||
           (methods[i]->pays && !methods[i]->pays(plan, product)))
        i++;
    return methods[i];
}
