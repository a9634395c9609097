/* prepared.h - weights as a method takes them, packed or transformed, kept beside their elements.
 *
 * In training weights change with each step. Where nothing is recorded they stay as they are, and
 * what was made of them is worth keeping:
 *
 *     tn__prepared w;
 *     if (!tn__prepare(ctx, &form, bytes, &w))
 *         return;
 *     if (!w.ready)
 *         ... fill w.data ...
 *     ... multiply by w.data ...
 *     tn__prepared_done(ctx, &w);
 *
 * The forms of a tensor are a list of its storage. They go with the storage, and as soon as
 * anything in it changes (change.c). Only the context that owns the storage adds to the list, from
 * whose memory they are, and nobody takes anything out while the tensor may be read: so other
 * contexts read the list at the same time, and prepare for themselves what is not in it. A storage
 * that the program has an address of to write to (tn_data_mut, tn_from_blob) keeps nothing, for
 * nobody would know of the change. */
#ifndef TN_TENSOR_PREPARED_H
#define TN_TENSOR_PREPARED_H

#include "kernels/kernels.h"
#include "tensor/tensor.h"

/* One of the forms of a tensor: the same numbers in the same order for the same form. */
typedef struct tn__form {
    const tn_tensor *of; /* contiguous; NULL: the form is not kept */
    const void *method;  /* that takes it: any address that is the method's alone */
    const tn__kernels *kernels;
    int64_t layout[2]; /* what it depends on besides these and the shape */
} tn__form;

typedef struct tn__prepared {
    char *data; /* aligned to 64 */
    bool ready; /* the numbers are there */
    tn__form form;
    tn__kept_form *fresh; /* what is to be kept or freed */
} tn__prepared;

/* The form, or memory of so many bytes for it; false with TN_ERR_MEMORY. The second, on the same
 * thread, keeps memory that has been filled, unless an error is recorded, or frees it. */
bool tn__prepare(tn_ctx *ctx, const tn__form *form, size_t bytes, tn__prepared *p);
void tn__prepared_done(tn_ctx *ctx, const tn__prepared *p);

/* Is the form there, or will memory of so many bytes for it be kept? */
bool tn__is_kept(const tn_ctx *ctx, const tn__form *form, size_t bytes);

/* What the storage keeps is no longer true. Nobody reads it at that time. The memory is freed now,
 * if ctx, which may be NULL, owns it, or later. */
void tn__forget_prepared(const tn_ctx *ctx, tn__storage *storage);

/* Frees all of it, with the storage. */
void tn__free_prepared(tn__storage *storage);

#endif
