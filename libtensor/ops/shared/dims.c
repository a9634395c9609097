/* dims.c - the dimensions that a reduction is over. */
#include "ops/shared/dims.h"
#include "tensor/shape.h"

bool tn__reduced_dims(tn_ctx *ctx, const char *what, const tn_tensor *x, tn_reduce_opts opts,
                      bool *reduce)
{
    reduce[0] = false; /* there may be no dimension, and it be listed */
    for (int i = 0; i < x->ndim; i++)
        reduce[i] = opts.ndims == 0;
    if (opts.ndims < 0 || (opts.ndims > 0 && !opts.dims)) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: %d dimensions to reduce%s", what, opts.ndims,
                opts.dims ? "" : ", but dims is NULL");
        return false;
    }
    for (int i = 0; i < opts.ndims; i++) {
        int dim = tn__dim_of(ctx, what, opts.dims[i], x);
        if (dim < 0)
            return false;
        if (reduce[dim]) {
            tn_fail(ctx, TN_ERR_ARGUMENT, "%s: dimension %d is listed twice", what, dim);
            return false;
        }
        reduce[dim] = true;
    }
    return true;
}
