/* sink.c - memory and functions of the program that take what is written. */
#include "base/memory.h"
#include "base/object.h"
#include "base/text.h"
#include "io/sink.h"

/* ---- memory ---------------------------------------------------------------------------------- */

struct tn_bytes {
    tn__object object;
    unsigned char *data;
    int64_t size;
};

static void free_bytes(tn__object *object)
{
    tn_bytes *bytes = (tn_bytes *)(void *)object;
    tn_ctx *ctx = object->ctx;
    tn__object_remove(object);
    tn__free(ctx, bytes->data);
    tn__free(ctx, bytes);
}

tn_bytes *tn_bytes_new(tn_ctx *ctx)
{
    tn_bytes *bytes = tn_ok(ctx) ? tn__alloc_zeroed(ctx, sizeof *bytes) : NULL;
    if (bytes)
        tn__object_add(ctx, &bytes->object, free_bytes);
    return bytes;
}

void tn_bytes_free(tn_bytes *bytes)
{
    if (bytes)
        free_bytes(&bytes->object);
}

const void *tn_bytes_data(const tn_bytes *bytes)
{
    return bytes ? bytes->data : NULL;
}

int64_t tn_bytes_size(const tn_bytes *bytes)
{
    return bytes ? bytes->size : 0;
}

void tn__bytes_become(tn_bytes *bytes, unsigned char *data, int64_t size)
{
    tn__free(bytes->object.ctx, bytes->data);
    bytes->data = data;
    bytes->size = size;
}

/* ---- places ---------------------------------------------------------------------------------- */

tn__target tn__at_path(const char *path)
{
    return (tn__target){.path = path};
}

tn__target tn__in_sink(const tn_sink *sink)
{
    const char *kind = sink->bytes || !sink->write ? "memory" : "a function";
    return (tn__target){.path = sink->name ? sink->name : kind, .sink = sink};
}

bool tn__target_ends_in(tn__target target, const char *ending)
{
    return target.path && tn__ends_in(target.path, ending);
}

bool tn__target_is_nameless(tn__target target)
{
    return target.sink && !target.sink->name;
}

bool tn__check_sink(tn_ctx *ctx, const char *what, const tn_sink *sink)
{
    const char *name = tn__in_sink(sink).path;
    if (!sink->bytes && !sink->write)
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: %s: a sink without bytes or write", what, name);
    else if (sink->bytes && sink->bytes->object.ctx != ctx)
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: %s: bytes of another context", what, name);
    return tn_ok(ctx);
}

/* ---- a function ------------------------------------------------------------------------------ */

/* The program's function is not trusted with how many bytes it took. */
static bool check_taken(tn_ctx *ctx, const char *what, const tn_sink *sink, int64_t offset,
                        int64_t size, int64_t taken)
{
    const char *name = tn__in_sink(sink).path;
    if (!tn_ok(ctx))
        return false;
    if (taken > 0 && taken <= size)
        return true;
    if (taken < 0)
        tn_fail(ctx, TN_ERR_FILE, "%s: %s: writing at byte %lld failed with %lld", what, name,
                (long long)offset, (long long)taken);
    else
        tn_fail(ctx, TN_ERR_FILE, "%s: %s: writing at byte %lld took %lld of %lld bytes", what,
                name, (long long)offset, (long long)taken, (long long)size);
    return false;
}

bool tn__sink_write(tn_ctx *ctx, const char *what, const tn_sink *sink, int64_t offset,
                    const unsigned char *data, int64_t size)
{
    for (int64_t done = 0, n; done < size; done += n) {
        n = sink->write(sink->payload, data + done, size - done);
        if (!check_taken(ctx, what, sink, offset + done, size - done, n))
            return false;
    }
    return true;
}
