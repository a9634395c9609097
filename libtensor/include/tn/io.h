/* io.h - files of numbers.
 *
 * Every reader checks each length in a file against the file's size before it allocates anything,
 * and reports TN_ERR_FILE (the system's reason) or TN_ERR_FORMAT (what is wrong, and where) with
 * the path. Tensors belong to the innermost scope, unless a dictionary owns them. Numbers are
 * converted to the byte order of the machine. */
#ifndef TN_IO_H
#define TN_IO_H

#include <tn/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- dictionaries: named tensors in order ---------------------------------------------------- */

typedef struct tn_dict tn_dict;

/* An empty dictionary. It lives until tn_dict_free, or goes with the context. */
TN_API tn_dict *tn_dict_new(tn_ctx *ctx);
TN_API void tn_dict_free(tn_dict *dict);

/* Sets `name` to a view of t that the dictionary owns; a name that is there already is replaced. */
TN_API tn_status tn_dict_set(tn_dict *dict, const char *name, const tn_tensor *t);

TN_API int64_t tn_dict_count(const tn_dict *dict);
TN_API const char *tn_dict_name(const tn_dict *dict, int64_t i);      /* NULL out of range */
TN_API tn_tensor *tn_dict_at(const tn_dict *dict, int64_t i);         /* NULL out of range */
TN_API tn_tensor *tn_dict_get(const tn_dict *dict, const char *name); /* NULL if not there */

/* ---- IDX -------------------------------------------------------------------------------------
 * The format of MNIST (LeCun, Cortes, Burges: The MNIST database), plain or compressed by gzip;
 * which of the two is seen from the contents. Unsigned bytes become TN_U8, signed bytes and 16-bit
 * and 32-bit integers TN_I32, floats TN_F32, doubles TN_F64. */
TN_API tn_tensor *tn_load_idx(tn_ctx *ctx, const char *path);

/* ---- MATLAB ----------------------------------------------------------------------------------
 * Level 5 MAT-files (MathWorks: MAT-File Format), compressed or not, of either byte order: every
 * numeric, logical and char array that is real and full, under its name, with MATLAB's dimensions;
 * element (i, j) is element [i, j]. double -> TN_F64, single -> TN_F32, (u)int8 .. int64 -> the
 * smallest of TN_U8, TN_I32, TN_I64 that holds them, logical -> TN_BOOL; uint64 beyond 2^63 - 1 is
 * TN_ERR_FORMAT. Arrays of other kinds (cells, structures, sparse, complex) are TN_ERR_FORMAT by
 * name, unless `names` leaves them out. `names`: which to read, ended by NULL; NULL means all. */
TN_API tn_dict *tn_load_mat(tn_ctx *ctx, const char *path, const char *const *names);

/* ---- NumPy ----------------------------------------------------------------------------------
 * .npy, versions 1 to 3, C and Fortran order, either byte order; .npz, stored or deflated, ZIP64
 * included (NumPy: numpy.lib.format). float16 is widened to TN_F32; (u)int8 .. uint64 as above.
 * In a dictionary the names have no ".npy". */
TN_API tn_tensor *tn_load_npy(tn_ctx *ctx, const char *path);
TN_API tn_dict *tn_load_npz(tn_ctx *ctx, const char *path);

#ifdef __cplusplus
}
#endif

#endif
