/* sink.h - where a writer puts its bytes: a path, or a sink of the program. */
#ifndef TN_IO_SINK_H
#define TN_IO_SINK_H

#include <tn/io.h>

typedef struct tn__target {
    const char *path;    /* or the name of the sink, for messages */
    const tn_sink *sink; /* NULL: a file at the path */
} tn__target;

tn__target tn__at_path(const char *path);
tn__target tn__in_sink(const tn_sink *sink);

/* Does the path end so, or the name that the program gave the sink? */
bool tn__target_ends_in(tn__target target, const char *ending);

/* A sink without a name, which says nothing of a format. */
bool tn__target_is_nameless(tn__target target);

/* False, with an error recorded, unless there is something that takes the bytes. */
bool tn__check_sink(tn_ctx *ctx, const char *what, const tn_sink *sink);

/* Hands all of these over, the next after the `offset` before them, to sink->write; false, with an
 * error recorded, if it does not take them. */
bool tn__sink_write(tn_ctx *ctx, const char *what, const tn_sink *sink, int64_t offset,
                    const unsigned char *data, int64_t size);

/* Takes `data` over, which is of the context, in place of what is there. */
void tn__bytes_become(tn_bytes *bytes, unsigned char *data, int64_t size);

#endif
