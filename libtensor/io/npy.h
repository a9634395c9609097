/* npy.h - NumPy's arrays. */
#ifndef TN_IO_NPY_H
#define TN_IO_NPY_H

#include "io/output.h"
#include "io/stream.h"

tn_tensor *tn__read_npy(tn__stream *s);
int64_t tn__npy_size(const tn_tensor *t);
bool tn__write_npy(tn__output *out, const tn_tensor *t);

#endif
