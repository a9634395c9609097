/* shape.h - shapes and strides. */
#ifndef TN_TENSOR_SHAPE_H
#define TN_TENSOR_SHAPE_H

#include "tensor/tensor.h"

bool tn__same_shape(const tn_tensor *a, const tn_tensor *b);
void tn__contiguous_strides(int ndim, const int64_t *shape, int64_t *strides);

/* False with an error if a tensor cannot have so many dimensions, or shape is NULL for some. */
bool tn__check_dims(tn_ctx *ctx, const char *what, int ndim, const int64_t *shape);
bool tn__check_shape(tn_ctx *ctx, const char *what, tn_dtype dtype, int ndim, const int64_t *shape);

/* The product of the sizes; -1 if it, times `size`, does not fit 63 bits. */
int64_t tn__numel_of(int ndim, const int64_t *shape, size_t size);

/* `dim`, counted from the end if negative, in [0, ndim); -1 with an error otherwise. */
int tn__dim(tn_ctx *ctx, const char *what, int dim, int ndim);

/* The same for x, where 0 and -1 are dimension 0 of a tensor that has none, as in PyTorch. */
int tn__dim_of(tn_ctx *ctx, const char *what, int dim, const tn_tensor *x);

/* False if t is expanded, so that several elements are one number in memory. */
bool tn__has_own_elements(const tn_tensor *t);

#endif
