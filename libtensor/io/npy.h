/* npy.h - NumPy's arrays. */
#ifndef TN_IO_NPY_H
#define TN_IO_NPY_H

#include <tn/context.h>
#include "io/output.h"
#include "io/stream.h"

#define TN__NPY_MAGIC 6 /* bytes */

/* Whether the stream begins as an array does: 1, 0, or -1 on error. Then it is behind the magic
 * string, where tn__read_npy begins. */
int tn__npy_begins(tn__stream *s);
/* NULL for an array of text, too, with its contents unread, if `is_text` is there to be told. */
tn_tensor *tn__read_npy(tn__stream *s, bool *is_text);
int64_t tn__npy_size(const tn_tensor *t);
bool tn__write_npy(tn__output *out, const tn_tensor *t);

#endif
