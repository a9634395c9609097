/* check.c - checks of the tensors that an operator is given. They record the error and change
 * nothing else. */
#include "tensor/dtype.h"
#include "tensor/tensor.h"

bool tn_check_input(tn_ctx *ctx, const char *what, const char *name, const tn_tensor *t)
{
    if (!tn_ok(ctx))
        return false;
    if (!t)
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: %s is NULL", what, name);
    else if (!tn__is_live(t))
        tn_fail(ctx, TN_ERR_STATE, "%s: %s was freed: its scope has ended, or tn_free was called",
                what, name);
    return tn__is_live(t);
}

bool tn_check_float(tn_ctx *ctx, const char *what, const char *name, const tn_tensor *t)
{
    if (!tn_check_input(ctx, what, name, t))
        return false;
    if (!tn__is_float(t->dtype))
        tn_fail(ctx, TN_ERR_DTYPE, "%s: %s is %s but must be f32 or f64; tn_cast converts", what,
                name, tn_dtype_name(t->dtype));
    return tn__is_float(t->dtype);
}

bool tn_check_same_dtype(tn_ctx *ctx, const char *what, const char *name_a, const tn_tensor *a,
                         const char *name_b, const tn_tensor *b)
{
    if (!tn_check_input(ctx, what, name_a, a) || !tn_check_input(ctx, what, name_b, b))
        return false;
    if (a->dtype == b->dtype)
        return true;
    tn_fail(ctx, TN_ERR_DTYPE, "%s: %s is %s but %s is %s; tn_cast converts", what, name_a,
            tn_dtype_name(a->dtype), name_b, tn_dtype_name(b->dtype));
    return false;
}
