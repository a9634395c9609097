/* io.h - files of numbers.
 *
 * Every reader checks each length in a file against the file's size before it allocates anything,
 * and reports TN_ERR_FILE (the system's reason) or TN_ERR_FORMAT (what is wrong, and where) with
 * the path. Tensors belong to the innermost scope, unless a dictionary owns them. Numbers are
 * converted to the byte order of the machine.
 *
 * Every writer writes a temporary file beside the target, waits until it is on the disk, and gives
 * it the target's name: at any moment there is the old file or the new one, whole. On failure the
 * status is TN_ERR_FILE with the system's reason and the path, the temporary file is removed and
 * the old one is as it was. Symbolic links are followed, to files that are not there yet, too; the
 * permissions of the old file are kept, and its owner where the system allows. The signal of a
 * limit on the size of files (SIGXFSZ) is held back. Tensors may have any strides.
 *
 * What is not a regular file is refused by readers and writers, and none of them waits for it: a
 * pipe, a socket, a device, a folder.
 *
 * Each reader has a form whose name ends in _from, which takes a source in place of a path: memory,
 * or a function of the program. The checks are the same, and the errors, with the source's name.
 * Each writer has a form whose name ends in _to, which takes a sink: memory that grows, or a
 * function. The bytes are the same. */
#ifndef TN_IO_H
#define TN_IO_H

#include <tn/dict.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- sources --------------------------------------------------------------------------------- */

/* Bytes that a reader takes from memory, or from a function where data is NULL. They must stay as
 * they are, and where they are, until the reader returns; of memory there is no copy. */
typedef struct tn_source {
    const void *data; /* `size` bytes; any alignment */
    int64_t size;     /* how many there are in all, for a function, too */

    /* Puts up to `size` bytes, at least one, of those at `offset` into `out` and returns how many;
     * asked for again where they are fewer. Offsets may go back. A negative number is a failure:
     * TN_ERR_FILE, with the number in the message, unless the function has recorded an error of its
     * own (tn_fail). 0, and more than were asked for, are TN_ERR_FORMAT. */
    int64_t (*read)(void *payload, int64_t offset, void *out, int64_t size);
    void *payload;    /* handed to read */
    const char *name; /* in messages, as the path of a file is; NULL: "memory", "a function" */
} tn_source;

/* A source of memory: tn_load_dict_from(ctx, TN_MEMORY(bytes, sizeof bytes)). */
#define TN_MEMORY(data, size) (TN_STRUCT_(tn_source){(data), TN_INT64_(size), NULL, NULL, NULL})

/* ---- sinks ----------------------------------------------------------------------------------- */

/* Memory that a writer fills. */
typedef struct tn_bytes tn_bytes;

/* Memory of 0 bytes. It lives until tn_bytes_free, or goes with the context. */
TN_API tn_bytes *tn_bytes_new(tn_ctx *ctx);

/* Frees the memory. NULL is allowed. */
TN_API void tn_bytes_free(tn_bytes *bytes);

/* What the last writer that succeeded has written, which belongs to `bytes` and stays until the
 * next one succeeds. NULL if there is nothing, or for NULL. */
TN_API const void *tn_bytes_data(const tn_bytes *bytes);

/* How many there are; 0 for NULL. */
TN_API int64_t tn_bytes_size(const tn_bytes *bytes);

/* What a writer gives its bytes to: memory, or a function where bytes is NULL. */
typedef struct tn_sink {
    tn_bytes *bytes; /* of this context; on failure they stay as they were */

    /* Takes the next of the file's bytes, up to `size`, at least one, and returns how many; given
     * the rest where they are fewer. They come in order, in pieces of any size, and are the
     * library's. A negative number is a failure: TN_ERR_FILE, with the number in the message,
     * unless the function has recorded an error of its own (tn_fail). So are 0, and more than were
     * given. After a failure nothing comes; what was taken before is a part of a file. */
    int64_t (*write)(void *payload, const void *data, int64_t size);
    void *payload;    /* handed to write */
    const char *name; /* in messages, as the path of a file is; NULL: "memory", "a function" */
} tn_sink;

/* A sink of memory: tn_save_dict_to(ctx, dict, TN_BYTES(bytes)). */
#define TN_BYTES(bytes) (TN_STRUCT_(tn_sink){(bytes), NULL, NULL, NULL})

/* ---- IDX -------------------------------------------------------------------------------------
 * The format of MNIST (LeCun, Cortes, Burges: The MNIST database), plain or compressed by gzip,
 * as the contents say. Unsigned bytes become TN_U8, signed bytes and 16-bit
 * and 32-bit integers TN_I32, floats TN_F32, doubles TN_F64. */
TN_API tn_tensor *tn_load_idx(tn_ctx *ctx, const char *path);

/* The same from a source. */
TN_API tn_tensor *tn_load_idx_from(tn_ctx *ctx, tn_source source);

/* ---- MATLAB ---------------------------------------------------------------------------------- */

typedef struct tn_mat_opts {
    const char *const *names; /* which to read, ended by NULL; NULL: all */
} tn_mat_opts;

/* Level 5 MAT-files (MathWorks: MAT-File Format), compressed or not, of either byte order: every
 * numeric, logical and char array that is real and full, under its name, with MATLAB's dimensions;
 * element (i, j) is element [i, j]. double -> TN_F64, single -> TN_F32, (u)int8 .. int64 -> the
 * smallest of TN_U8, TN_I32, TN_I64 that holds them, logical -> TN_BOOL; uint64 beyond 2^63 - 1 is
 * TN_ERR_FORMAT. Arrays of other kinds (cells, structures, sparse, complex) are TN_ERR_FORMAT by
 * name, unless `names` leaves them out. */
TN_API tn_dict *tn_load_mat(tn_ctx *ctx, const char *path, tn_mat_opts opts);

/* The same from a source. */
TN_API tn_dict *tn_load_mat_from(tn_ctx *ctx, tn_source source, tn_mat_opts opts);

/* ---- NumPy -----------------------------------------------------------------------------------
 * .npy, versions 1 to 3, C and Fortran order, either byte order; .npz, stored or deflated, ZIP64
 * included (NumPy: numpy.lib.format). float16 is widened to TN_F32; (u)int8 .. uint64 as above. */

/* The array of an .npy file. */
TN_API tn_tensor *tn_load_npy(tn_ctx *ctx, const char *path);

/* The same from a source. */
TN_API tn_tensor *tn_load_npy_from(tn_ctx *ctx, tn_source source);

/* Every array of an archive, under its name without ".npy". What else is in the archive,
 * arrays of text among it, is passed over. */
TN_API tn_dict *tn_load_npz(tn_ctx *ctx, const char *path);

/* The same from a source. */
TN_API tn_dict *tn_load_npz_from(tn_ctx *ctx, tn_source source);

typedef struct tn_npz_opts {
    bool compress; /* deflate, as numpy.savez_compressed */
} tn_npz_opts;

/* Writes version 1 of .npy in C order, as numpy.save does. */
TN_API tn_status tn_save_npy(tn_ctx *ctx, const tn_tensor *t, const char *path);

/* The same to a sink. */
TN_API tn_status tn_save_npy_to(tn_ctx *ctx, const tn_tensor *t, tn_sink sink);

/* Writes an archive, as numpy.savez does, or numpy.savez_compressed. */
TN_API tn_status tn_save_npz(tn_ctx *ctx, const tn_dict *dict, const char *path, tn_npz_opts opts);

/* The same to a sink. A header says the CRC-32 and the size of what follows, so for a function each
 * array is gone through twice, and deflated twice if `compress`. */
TN_API tn_status tn_save_npz_to(tn_ctx *ctx, const tn_dict *dict, tn_sink sink, tn_npz_opts opts);

/* ---- safetensors -----------------------------------------------------------------------------
 * Hugging Face: safetensors. F16 and BF16 are widened to TN_F32, other types are as NumPy's; those
 * of 8 bits of float are TN_ERR_FORMAT. Names are UTF-8. Metadata, which is text, is passed
 * over. */
TN_API tn_dict *tn_load_safetensors(tn_ctx *ctx, const char *path);

/* The same from a source. */
TN_API tn_dict *tn_load_safetensors_from(tn_ctx *ctx, tn_source source);

typedef struct tn_safetensors_opts {
    const char *const *metadata; /* key, value, key, value, ..., NULL; or NULL */
} tn_safetensors_opts;

/* Writes a file of named tensors, the widest elements first, so that each part is aligned. */
TN_API tn_status tn_save_safetensors(tn_ctx *ctx, const tn_dict *dict, const char *path,
                                     tn_safetensors_opts opts);

/* The same to a sink. */
TN_API tn_status tn_save_safetensors_to(tn_ctx *ctx, const tn_dict *dict, tn_sink sink,
                                        tn_safetensors_opts opts);

/* ---- PyTorch ----------------------------------------------------------------------------------
 * What torch.save wrote, in the format since PyTorch 1.6 and in the one before: the tensors and
 * parameters in dictionaries, lists and tuples, up to 64 of them in each other. Their names are the
 * keys (text and integers), joined by dots: "model.features.0.weight", "losses.3"; a tensor alone
 * has the name "". F16 and BF16 are widened to TN_F32, other types are as NumPy's. Tensors that
 * share a storage still do, with the strides that they had. None requires a gradient.
 *
 * A pickle is a program, but this reader runs nothing. Other values (numbers, text, NumPy's
 * numbers, objects of any class) are opaque and passed over, unless a tensor is a part of them or
 * under a key that is no name: that is TN_ERR_FORMAT, with the name of the class. So is a file that
 * refers to tensors of other kinds, or to what runs programs. Save model.state_dict(), not the
 * model. */
TN_API tn_dict *tn_load_pth(tn_ctx *ctx, const char *path);

/* The same from a source. */
TN_API tn_dict *tn_load_pth_from(tn_ctx *ctx, tn_source source);

/* ---- any of these ---------------------------------------------------------------------------- */

/* Reads .npz, safetensors, or PyTorch's files: the contents tell the format. */
TN_API tn_dict *tn_load_dict(tn_ctx *ctx, const char *path);

/* The same from a source. */
TN_API tn_dict *tn_load_dict_from(tn_ctx *ctx, tn_source source);

/* Writes .npz or safetensors, as the path ends in ".npz" or ".safetensors"; other endings are
 * TN_ERR_ARGUMENT. */
TN_API tn_status tn_save_dict(tn_ctx *ctx, const tn_dict *dict, const char *path);

/* The same to a sink: its name tells the format, as a path does, and without one it is
 * safetensors. */
TN_API tn_status tn_save_dict_to(tn_ctx *ctx, const tn_dict *dict, tn_sink sink);

#ifdef __cplusplus
}
#endif

#endif
