/* dtype.h - data types, and elements of any of them. */
#ifndef TN_TENSOR_DTYPE_H
#define TN_TENSOR_DTYPE_H

#include <tn/tensor.h>

bool tn__is_dtype(tn_dtype dtype);
bool tn__is_float(tn_dtype dtype);
bool tn__is_index(tn_dtype dtype); /* TN_I64, TN_I32 or TN_U8 */
/* One element as a double or an int64_t, and back. */
double tn__load_f64(tn_dtype dtype, const void *p);
int64_t tn__load_i64(tn_dtype dtype, const void *p);
void tn__store_f64(tn_dtype dtype, void *p, double value);
void tn__store_i64(tn_dtype dtype, void *p, int64_t value);

#endif
