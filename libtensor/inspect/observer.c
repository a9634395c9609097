/* observer.c - the observer of the tape: the search for numbers that are not finite, and the
 * profile, each where it is enabled. */
#include <tn/autograd.h>
#include <tn/op.h>
#include "autograd/observer.h"
#include "autograd/tape.h"
#include "inspect/inspect.h"

static void begins(tn_ctx *ctx, const tn_op *op)
{
    if (ctx->inspect->profiling)
        tn__profile_begin(ctx, op);
}

static bool made(tn_ctx *ctx, const tn_op *op, const tn_tensor *y, const tn_record_args *args)
{
    if (ctx->inspect->profiling && !tn__profile_end(ctx, op, y, args))
        return false;
    return !ctx->inspect->anomaly || tn__check_result(ctx, op, y, args);
}

static int64_t backward_begins(tn_ctx *ctx)
{
    return ctx->inspect->profiling ? tn__now() : 0;
}

static void backward_ends(tn_ctx *ctx, const tn_op *op, int64_t start)
{
    if (start && ctx->inspect->profiling)
        tn__profile_backward(ctx, op, start);
}

/* Gradients are looked at for numbers that are not finite, and not for the profile. */
static const tn__observer observer = {.begins = begins,
                                      .made = made,
                                      .backward_begins = backward_begins,
                                      .backward_ends = backward_ends,
                                      .passed = tn__check_gradient};
static const tn__observer profiler = {.begins = begins,
                                      .made = made,
                                      .backward_begins = backward_begins,
                                      .backward_ends = backward_ends};

static void observe(tn_ctx *ctx)
{
    ctx->tape->observer = ctx->inspect->anomaly     ? &observer
                          : ctx->inspect->profiling ? &profiler
                                                    : NULL;
}

bool tn_detect_anomaly(tn_ctx *ctx, bool enabled)
{
    if (!ctx)
        return false;
    bool before = ctx->inspect->anomaly;
    ctx->inspect->anomaly = enabled;
    observe(ctx);
    return before;
}

tn_status tn_profile(tn_ctx *ctx, bool enable)
{
    if (!ctx)
        return TN_ERR_ARGUMENT;
    if (!enable || (tn_ok(ctx) && tn__profile_restart(ctx)))
        ctx->inspect->profiling = enable;
    observe(ctx);
    return ctx->status;
}

void tn__inspect_close(tn_ctx *ctx)
{
    tn__profile_free(ctx);
}
