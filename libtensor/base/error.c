/* error.c - the first error of a context, and the checks that record it. */
#include <stdio.h>
#include <string.h>
#include "core/core.h"

const char *tn_version(void)
{
    return TN_VERSION;
}

const char *tn_status_name(tn_status status)
{
    switch (status) {
    case TN_OK:
        return "TN_OK";
    case TN_ERR_ARGUMENT:
        return "TN_ERR_ARGUMENT";
    case TN_ERR_SHAPE:
        return "TN_ERR_SHAPE";
    case TN_ERR_DTYPE:
        return "TN_ERR_DTYPE";
    case TN_ERR_MEMORY:
        return "TN_ERR_MEMORY";
    case TN_ERR_STATE:
        return "TN_ERR_STATE";
    case TN_ERR_FILE:
        return "TN_ERR_FILE";
    case TN_ERR_FORMAT:
        return "TN_ERR_FORMAT";
    case TN_ERR_GRADIENT:
        return "TN_ERR_GRADIENT";
    case TN_ERR_NUMBER:
        return "TN_ERR_NUMBER";
    }
    return "unknown status";
}

bool tn_ok(const tn_ctx *ctx)
{
    return ctx && ctx->status == TN_OK;
}

const char *tn_error(const tn_ctx *ctx)
{
    return ctx ? ctx->error : "the context is NULL";
}

tn_status tn_error_status(const tn_ctx *ctx)
{
    return ctx ? ctx->status : TN_ERR_ARGUMENT;
}

void tn_clear_error(tn_ctx *ctx)
{
    if (!ctx)
        return;
    ctx->status = TN_OK;
    ctx->error[0] = '\0';
    if (ctx->profiling)
        tn__profile_forget(ctx);
}

void tn_on_error(tn_ctx *ctx, tn_error_hook hook, void *payload)
{
    if (!ctx)
        return;
    ctx->hook = hook;
    ctx->hook_payload = payload;
}

/* Names in a file can hold any byte, but a message is one line. */
static void make_printable(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

tn_status tn_fail(tn_ctx *ctx, tn_status status, const char *format, ...)
{
    if (!ctx)
        return TN_ERR_ARGUMENT;
    if (ctx->status != TN_OK)
        return ctx->status;
    va_list args;
    va_start(args, format);
    vsnprintf(ctx->error, sizeof ctx->error, format, args);
    va_end(args);
    make_printable(ctx->error);
    status = status < 0 ? status : TN_ERR_ARGUMENT;
    ctx->status = status;
    if (ctx->hook && !ctx->in_hook) {
        ctx->in_hook = true;
        ctx->hook(status, ctx->error, ctx->hook_payload);
        ctx->in_hook = false;
    }
    return status;
}

void tn__out_of_memory(tn_ctx *ctx, size_t size)
{
    tn_fail(ctx, TN_ERR_MEMORY, "out of memory: no %zu bytes", size);
}

tn_text tn_shape_text(int ndim, const int64_t *shape)
{
    tn_text text = {"["};
    size_t length = 1;
    for (int i = 0; shape && i < ndim && i < TN_MAX_DIMS; i++) {
        int n = snprintf(text.s + length, sizeof text.s - length, i ? ",%lld" : "%lld",
                         (long long)shape[i]);
        length += (size_t)n;
    }
    memcpy(text.s + length, "]", 2);
    return text;
}

bool tn_check_input(tn_ctx *ctx, const char *what, const char *name, const tn_tensor *t)
{
    if (!tn_ok(ctx))
        return false;
    if (!t)
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: %s is NULL", what, name);
    else if (ctx->profiling)
        tn__profile_begin(ctx, what);
    return t != NULL;
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
