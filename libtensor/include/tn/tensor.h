/* tensor.h - strided tensors: making, asking, reading, changing in place, printing.
 *
 * A tensor is a view (shape, strides in elements, offset; outermost dimension first) of a storage
 * that views share. It belongs to the scope in which it was made (context.h); a function that
 * returns a tensor returns a new one of the innermost scope unless it says otherwise. Dimensions
 * may be given as negative numbers that count from the end. On failure these functions return NULL
 * (or the status) and record TN_ERR_ARGUMENT for a NULL or an index out of range, TN_ERR_SHAPE,
 * TN_ERR_DTYPE or TN_ERR_MEMORY. Views and everything else that gradients flow through: ops.h. */
#ifndef TN_TENSOR_H
#define TN_TENSOR_H

#include <tn/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- data types ------------------------------------------------------------------------------ */

/* What the elements of a tensor are. */
typedef enum tn_dtype {
    TN_F32 = 0, /* float */
    TN_F64 = 1, /* double */
    TN_I64 = 2, /* int64_t */
    TN_I32 = 3, /* int32_t */
    TN_U8 = 4,  /* uint8_t */
    TN_BOOL = 5 /* uint8_t, 0 or 1 */
} tn_dtype;

#define TN_DTYPES 6   /* the types are 0 .. TN_DTYPES - 1 */
#define TN_MAX_DIMS 8 /* the most dimensions that a tensor has */

/* A number of dimensions and a shape, as the functions below take them:
 * tn_zeros(ctx, TN_F32, TN_SHAPE(2, 3)). A tensor of no dimensions has TN_SCALAR. */
#define TN_SHAPE(...) TN_LIST_(int64_t, __VA_ARGS__)
#define TN_SCALAR 0, NULL

TN_API const char *tn_dtype_name(tn_dtype dtype); /* "f32" */
TN_API size_t tn_dtype_size(tn_dtype dtype);      /* bytes of an element; 0 if unknown */

/* ---- making tensors -------------------------------------------------------------------------- */

/* A contiguous tensor whose elements are not set yet. */
TN_API tn_tensor *tn_empty(tn_ctx *ctx, tn_dtype dtype, int ndim, const int64_t *shape);

/* A tensor of zeros. */
TN_API tn_tensor *tn_zeros(tn_ctx *ctx, tn_dtype dtype, int ndim, const int64_t *shape);

/* A tensor of ones. */
TN_API tn_tensor *tn_ones(tn_ctx *ctx, tn_dtype dtype, int ndim, const int64_t *shape);

/* A tensor whose elements are all `value`, converted to the dtype as by tn_cast. */
TN_API tn_tensor *tn_full(tn_ctx *ctx, tn_dtype dtype, int ndim, const int64_t *shape,
                          double value);

/* A tensor of one number, without dimensions. */
TN_API tn_tensor *tn_scalar(tn_ctx *ctx, tn_dtype dtype, double value);

/* [start, start + step, ...), as numpy.arange: ceil((end - start) / step) elements. */
TN_API tn_tensor *tn_arange(tn_ctx *ctx, tn_dtype dtype, double start, double end, double step);

/* Copies `data`, which holds the elements in row-major order. */
TN_API tn_tensor *tn_from_data(tn_ctx *ctx, tn_dtype dtype, int ndim, const int64_t *shape,
                               const void *data);

/* A tensor over memory that the caller owns, without a copy. When nothing refers to it any more,
 * `release` (may be NULL) is called with `data` and `payload`; on failure it is not called. As
 * weights it is read at every call (ops.h). */
TN_API tn_tensor *tn_from_blob(tn_ctx *ctx, tn_dtype dtype, int ndim, const int64_t *shape,
                               void *data, void (*release)(void *data, void *payload),
                               void *payload);

/* Numbers uniform on [0, 1) from the context's random stream, TN_F32 or TN_F64. A seed gives the
 * same numbers, to the last bit, with any number of threads and every instruction set; this holds
 * for the functions below as well. */
TN_API tn_tensor *tn_rand(tn_ctx *ctx, tn_dtype dtype, int ndim, const int64_t *shape);

/* Standard normal numbers from the context's random stream, TN_F32 or TN_F64 (Box and Muller, "A
 * note on the generation of random normal deviates", 1958). */
TN_API tn_tensor *tn_randn(tn_ctx *ctx, tn_dtype dtype, int ndim, const int64_t *shape);

/* The numbers 0 .. n-1 in random order, TN_I64 [n] (Fisher and Yates). */
TN_API tn_tensor *tn_randperm(tn_ctx *ctx, int64_t n);

/* Frees a tensor before its scope ends. Views of it stay valid. NULL is allowed; tensors that a
 * module, an optimiser or a dictionary owns are left alone. */
TN_API void tn_free(tn_tensor *tensor);

/* ---- asking ----------------------------------------------------------------------------------
 * A NULL tensor has no dimensions, no elements, dtype TN_F32 and no data. */

/* The dtype of the elements. */
TN_API tn_dtype tn_dtype_of(const tn_tensor *t);

/* The number of dimensions, and the sizes. */
TN_API int tn_ndim(const tn_tensor *t);
TN_API const int64_t *tn_shape(const tn_tensor *t);   /* [ndim], belongs to the tensor */
TN_API const int64_t *tn_strides(const tn_tensor *t); /* [ndim], in elements */
TN_API int64_t tn_size(const tn_tensor *t, int dim);  /* of one dimension; 0 if there is none */

/* The number of elements, the product of the sizes: 1 without dimensions. */
TN_API int64_t tn_numel(const tn_tensor *t);
TN_API bool tn_is_contiguous(const tn_tensor *t); /* row-major without gaps */

/* The first element; the others follow in row-major order if tn_is_contiguous. Not to be written
 * to: see tn_data_mut. */
TN_API const void *tn_data(const tn_tensor *t);
TN_API const float *tn_data_f32(const tn_tensor *t);   /* NULL unless TN_F32 */
TN_API const double *tn_data_f64(const tn_tensor *t);  /* NULL unless TN_F64 */
TN_API const int64_t *tn_data_i64(const tn_tensor *t); /* NULL unless TN_I64 */

/* The first element, to be written to. It counts as a change in place: backward refuses a saved
 * tensor that was changed. The address may be kept, and written to as long as the elements are
 * there; as weights they are read at every call then (ops.h), so tn_copy_ is the better way to fill
 * a parameter. */
TN_API void *tn_data_mut(tn_tensor *t);

/* The only element of a tensor that has one, of any dtype, as a double.
 * NaN, with an error in `ctx`, otherwise. */
TN_API double tn_item(tn_ctx *ctx, const tn_tensor *t);

/* The element at index[0 .. ndim-1], as a double. */
TN_API double tn_at(tn_ctx *ctx, const tn_tensor *t, const int64_t *index);

/* ---- checking ------------------------------------------------------------------------------- */

/* True if t is there. `what` names the operator and `name` its argument, for the error that is
 * recorded otherwise. */
TN_API bool tn_check_input(tn_ctx *ctx, const char *what, const char *name, const tn_tensor *t);

/* True if t is there, of TN_F32 or TN_F64; otherwise the error is recorded. */
TN_API bool tn_check_float(tn_ctx *ctx, const char *what, const char *name, const tn_tensor *t);

/* True if b is there, of the dtype of a; otherwise the error is recorded. */
TN_API bool tn_check_same_dtype(tn_ctx *ctx, const char *what, const char *name_a,
                                const tn_tensor *a, const char *name_b, const tn_tensor *b);

/* The shape of t as text, for messages: "[8,3,32,32]". */
#define TN_SHAPE_TEXT(t) (tn_tensor_shape_text(t).s)
static inline tn_text tn_tensor_shape_text(const tn_tensor *t)
{
    return tn_shape_text(tn_ndim(t), tn_shape(t));
}

/* ---- changing in place ------------------------------------------------------------------------
 * No gradient flows through these. While gradients are enabled a tensor that requires one is
 * refused with TN_ERR_STATE; wrap the change in tn_set_grad_enabled(ctx, false). An expanded
 * tensor, whose elements share memory, is refused with TN_ERR_ARGUMENT. */

/* Every element becomes `value`, converted to the dtype as by tn_cast. */
TN_API tn_status tn_fill_(tn_ctx *ctx, tn_tensor *t, double value);

/* dst[...] = src[...], src broadcast to dst's shape; dtypes must be the same. */
TN_API tn_status tn_copy_(tn_ctx *ctx, tn_tensor *dst, const tn_tensor *src);

/* Numbers uniform on [low, high) from the context's random stream. TN_F32 and TN_F64. */
TN_API tn_status tn_uniform_(tn_ctx *ctx, tn_tensor *t, double low, double high);

/* Normal numbers from the context's random stream. TN_F32 and TN_F64; std >= 0. */
TN_API tn_status tn_normal_(tn_ctx *ctx, tn_tensor *t, double mean, double std);

/* 1 with probability p and 0 otherwise, from the context's random stream. Every dtype. */
TN_API tn_status tn_bernoulli_(tn_ctx *ctx, tn_tensor *t, double p);

/* ---- showing --------------------------------------------------------------------------------- */

/* Writes the tensor as numpy.array2string(separator=', ') does into `buffer`, cut to `size` bytes
 * with the terminating zero, and returns the length of the whole text, as snprintf does. */
TN_API int64_t tn_format(const tn_tensor *t, char *buffer, size_t size);

/* Prints "tensor(...)" and a line break on standard output, as PyTorch's words and NumPy's numbers:
 *
 *     tensor([[1. , 2.5],
 *             [0. , 1. ]], f32) */
TN_API tn_status tn_print(tn_ctx *ctx, const tn_tensor *t);

#ifdef __cplusplus
}
#endif

#endif
