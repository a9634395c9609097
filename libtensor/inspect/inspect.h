/* inspect.h - looking inside: the part of a context that the observer of the tape keeps. */
#ifndef TN_INSPECT_INSPECT_H
#define TN_INSPECT_INSPECT_H

#include <tn/op.h>
#include "autograd/tape.h"

typedef struct tn__profile tn__profile;

struct tn__inspect {
    bool anomaly, profiling;
    tn__profile *profile; /* what was gathered; NULL before the first tn_profile */
};

void tn__inspect_close(tn_ctx *ctx);

/* True if every element is finite; otherwise the error that describes where the first other one
 * came from (anomaly.c). */
bool tn__check_result(tn_ctx *ctx, const tn_op *op, const tn_tensor *y, const tn_record_args *args);
bool tn__check_gradient(tn_ctx *ctx, const tn_node *node, int i, const tn_tensor *dx);

/* To be called while profiling: an operator begins, has a result, a backward that started at
 * `start` has ended. False if memory ran out (profile.c). */
void tn__profile_begin(tn_ctx *ctx, const tn_op *op);
bool tn__profile_end(tn_ctx *ctx, const tn_op *op, const tn_tensor *y, const tn_record_args *args);
void tn__profile_backward(tn_ctx *ctx, const tn_op *op, int64_t start);
bool tn__profile_restart(tn_ctx *ctx);
void tn__profile_free(tn_ctx *ctx);
int64_t tn__now(void); /* in nanoseconds, of a clock that is never set back */

#endif
