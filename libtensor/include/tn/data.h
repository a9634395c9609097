/* data.h - batches of a dataset. */
#ifndef TN_DATA_H
#define TN_DATA_H

#include <tn/dict.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What gives the samples of a dataset in batches. */
typedef struct tn_loader tn_loader;

typedef struct tn_loader_opts {
    int64_t batch_size; /* 0: everything at once */
    bool shuffle;       /* a new order each epoch, from the context's random stream */
    bool drop_last;     /* leave out the last batch if it is smaller */
    double scale;       /* not 0: x is converted to TN_F32 and multiplied by this (1/255) */
} tn_loader_opts;

/* What tn_loader_next fills in. */
typedef struct tn_batch {
    tn_tensor *x;   /* [size, ...] */
    tn_tensor *y;   /* [size, ...], or NULL */
    int64_t size;   /* samples in this batch */
    int64_t number; /* of the batch in its epoch, from 0 */
} tn_batch;

/* Batches of samples x[i], y[i] along the first dimension; x and y of any dtypes, y may be NULL.
 * The loader shares their storage where they are contiguous: changes to them are seen. It lives
 * until tn_loader_free or goes with the context. TN_ERR_SHAPE if x and y have different numbers of
 * samples, or none. */
TN_API tn_loader *tn_loader_new(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *y,
                                tn_loader_opts opts);

/* The next batch. False at the end of an epoch (the next call begins another) and on error.
 * The tensors belong to the loader and are filled anew by the next call, without allocation. */
TN_API bool tn_loader_next(tn_loader *loader, tn_batch *batch);

TN_API int64_t tn_loader_batches(const tn_loader *loader); /* in an epoch */

/* Where the loader is: the order of the epoch and the number of batches that it has given. A
 * dictionary to be freed, or to go with the context. */
TN_API tn_dict *tn_loader_state_dict(const tn_loader *loader);

/* Goes there: the next batch is the one that would have come next. The loader must be of as many
 * samples, with the same options, or nothing changes and the status is TN_ERR_FORMAT. The samples
 * themselves are not part of the state, nor is the random stream, from which the orders of later
 * epochs come. */
TN_API tn_status tn_loader_load_state_dict(tn_loader *loader, const tn_dict *dict);

/* Frees the loader with the tensors of its batch. NULL is allowed. */
TN_API void tn_loader_free(tn_loader *loader);

#ifdef __cplusplus
}
#endif

#endif
