/* observer.h - who looks at the tape while it is written and walked (inspect/). */
#ifndef TN_AUTOGRAD_OBSERVER_H
#define TN_AUTOGRAD_OBSERVER_H

#include <tn/op.h>

/* The tape calls these at every event. Returning false, after recording an error, rejects the
 * result or gradient. */
typedef struct tn__observer {
    void (*begins)(tn_ctx *ctx, const tn_op *op); /* a call of an operator */
    bool (*made)(tn_ctx *ctx, const tn_op *op, const tn_tensor *y, const tn_record_args *args);

    int64_t (*backward_begins)(tn_ctx *ctx); /* returns what backward_ends is given as `start` */
    void (*backward_ends)(tn_ctx *ctx, const tn_op *op, int64_t start);

    /* dx, the gradient of input i, is to be added. NULL: nobody wants to see it. */
    bool (*passed)(tn_ctx *ctx, const tn_node *node, int i, const tn_tensor *dx);
} tn__observer;

#endif
