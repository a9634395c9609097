/* list.c - lists of tensors. */
#include <stdio.h>
#include "ops/shared/list.h"

bool tn__check_list(tn_ctx *ctx, const char *what, int64_t count, const tn_tensor *const *x)
{
    if (!tn_ok(ctx))
        return false;
    if (count < 1 || !x) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: %lld tensors%s", what, (long long)count,
                x ? "" : " at NULL");
        return false;
    }
    for (int64_t i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "tensor %lld", (long long)i);
        if (!tn_check_same_dtype(ctx, what, "tensor 0", x[0], name, x[i]))
            return false;
    }
    return true;
}
