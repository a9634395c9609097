/* error.c - the first error of a context. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/error.h"
#include "base/utf8.h"

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
    return ctx ? ctx->failure->text : "the context is NULL";
}

tn_status tn_error_status(const tn_ctx *ctx)
{
    return ctx ? ctx->status : TN_ERR_ARGUMENT;
}

int64_t tn_error_count(const tn_ctx *ctx)
{
    return ctx ? (int64_t)ctx->failure->count : 0;
}

void tn_clear_error(tn_ctx *ctx)
{
    if (!ctx || ctx->failure->in_hook)
        return;
    ctx->status = TN_OK;
    ctx->failure->text[0] = '\0';
}

void tn_on_error(tn_ctx *ctx, tn_error_hook hook, void *payload)
{
    if (!ctx)
        return;
    ctx->failure->hook = hook;
    ctx->failure->hook_payload = payload;
}

static bool is_control(int32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

/* Names in a file can hold any byte, but a message is one line of UTF-8, which terminals show and
 * do not obey; it may be cut within a character. */
static void make_printable(char *text)
{
    char *to = text;
    int32_t code;
    for (int64_t left = (int64_t)strlen(text); left > 0;) {
        int n = tn__decode_utf8((const unsigned char *)text, left, &code);
        if (n == 0 || is_control(code))
            *to++ = '?';
        else
            to = (char *)memmove(to, text, (size_t)n) + n;
        n = n ? n : 1;
        text += n;
        left -= n;
    }
    *to = '\0';
}

static void add_advice(tn__failure *failure)
{
    size_t used = strlen(failure->text);
    snprintf(failure->text + used, sizeof failure->text - used, "; %s", failure->advice);
}

tn_status tn_fail(tn_ctx *ctx, tn_status status, const char *format, ...)
{
    if (!ctx)
        return TN_ERR_ARGUMENT;
    if (ctx->status != TN_OK)
        return ctx->status;
    tn__failure *failure = ctx->failure;
    va_list args;
    va_start(args, format);
    vsnprintf(failure->text, sizeof failure->text, format, args);
    va_end(args);
    if (status == TN_ERR_DTYPE && failure->advice)
        add_advice(failure);
    make_printable(failure->text);
    status = status < 0 ? status : TN_ERR_ARGUMENT;
    ctx->status = status;
    failure->count++;
    if (failure->hook) {
        failure->in_hook = true;
        failure->hook(status, failure->text, failure->hook_payload);
        failure->in_hook = false;
    }
    return status;
}

void tn__out_of_memory(tn_ctx *ctx, size_t size)
{
    tn_fail(ctx, TN_ERR_MEMORY, "out of memory: no %zu bytes", size);
}
