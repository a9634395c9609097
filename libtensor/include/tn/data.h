/* data.h - batches of a dataset. */
#ifndef TN_DATA_H
#define TN_DATA_H

#include <tn/dict.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What gives the samples of a dataset in batches. */
typedef struct tn_loader tn_loader;

#define TN_MAX_FIELDS 8 /* tensors of a sample: images, labels, masks... */

/* Changes a batch before the program gets it, such as mirroring some of the images: changes the
 * `count` tensors in place, or puts others in their places, which may have other shapes. All that
 * it makes belongs to `ctx`, a context of the loader's own with one thread, where nothing is
 * recorded; the loader frees it. The random stream of `ctx` begins anew for each batch, at a place
 * that follows from the program's random stream and the number of the batch: the same numbers come
 * with any number of threads, with and without prefetch, and after a checkpoint. A negative status,
 * or an error in `ctx`, becomes the error of tn_loader_next. */
typedef tn_status (*tn_transform_fn)(tn_ctx *ctx, int64_t count, tn_tensor **tensors,
                                     void *payload);

/* At most one of shuffle, weights and stratify may be set. Tensors among the options are only read
 * while the loader is made. */
typedef struct tn_loader_opts {
    int64_t batch_size; /* 0: everything at once */
    bool shuffle;       /* a new order each epoch, from the context's random stream */
    bool drop_last;     /* leave out the last batch if it is smaller */
    double scale;       /* not 0: x is converted to TN_F32 and multiplied by this (1/255) */

    /* [n], floats >= 0: an epoch draws samples with replacement, each as often as its weight says.
     * WeightedRandomSampler; tn_balanced_weights makes all classes equally frequent. */
    const tn_tensor *weights;
    int64_t num_samples; /* drawn in an epoch, with weights; 0: n */

    /* [n], integers from 0 on, such as y: a new order each epoch, in which every batch has the
     * classes in the proportion of the whole, as nearly as whole samples allow. */
    const tn_tensor *stratify;

    tn_transform_fn transform; /* NULL: none */
    void *payload;             /* of transform */
    int64_t prefetch;          /* batches that a thread makes ahead, at most; see below */

    /* Each batch is given in so many parts, one after another, as if they were batches: a transform
     * has a random stream for each part, and `prefetch` counts parts. Part i of n samples has those
     * from floor(i n / parts) to floor((i + 1) n / parts); one without samples is given as well,
     * with tensors [0, ...]. For gradients that are added up, and for several processes that share
     * a batch, of which each takes the `part_count` parts from `first_part` on. */
    int64_t parts;      /* 0: 1 */
    int64_t first_part; /* from 0 */
    int64_t part_count; /* 0: all from first_part on */
} tn_loader_opts;

/* What tn_loader_next fills in. */
typedef struct tn_batch {
    tn_tensor *x;   /* [size, ...] */
    tn_tensor *y;   /* [size, ...], or NULL */
    int64_t size;   /* samples in this batch, or in this part of it */
    int64_t number; /* of the batch in its epoch, from 0 */
    int64_t part;   /* of the batch, from 0; the first part that is given is first_part */
    int64_t parts;  /* of the batch, at least 1 */
    int64_t whole;  /* samples in all its parts */

    int64_t count; /* tensors of the batch, of which x and y are the first two */
    tn_tensor *tensors[TN_MAX_FIELDS];
} tn_batch;

/* Batches of samples x[i], y[i] along the first dimension; x and y of any dtypes, y may be NULL.
 * The loader shares their storage where they are contiguous: changes to them are seen. It lives
 * until tn_loader_free or goes with the context. TN_ERR_SHAPE if x and y have different numbers of
 * samples, or none. */
TN_API tn_loader *tn_loader_new(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *y,
                                tn_loader_opts opts);

/* The same for samples of 1 to TN_MAX_FIELDS tensors, which become batch.tensors; `scale` is of the
 * first:  tn_loader_of(ctx, TN_TENSORS(images, ages, labels), opts). TensorDataset. */
TN_API tn_loader *tn_loader_of(tn_ctx *ctx, int64_t count, const tn_tensor *const *tensors,
                               tn_loader_opts opts);

/* One tensor of a sample, such as {TN_F32, TN_SHAPE(3, 32, 32)} or {TN_I64, TN_SCALAR}. */
typedef struct tn_field {
    tn_dtype dtype;
    int ndim;
    const int64_t *shape;
} tn_field;

/* Samples that the program makes when they are asked for: read from files, drawn, computed. */
typedef struct tn_dataset {
    int64_t size; /* samples, at least 1 */
    int64_t count;
    tn_field fields[TN_MAX_FIELDS]; /* `count` of them */

    /* Writes the tensors of a sample, 0 to size - 1, to out[0], out[1]..., contiguous. What the
     * sample depends on is its number alone, if epochs shall have the same bits each time. Returns
     * TN_OK, or a negative status with a line of text in *error, which both become the error of
     * tn_loader_next: "loader_next: sample 7: 7.jpg is no photograph". */
    tn_status (*get)(int64_t sample, void *const *out, tn_text *error, void *payload);
    void *payload;
} tn_dataset;

/* Batches of such samples; `scale` must be 0. The shapes among the fields are copied. DataLoader of
 * a Dataset. */
TN_API tn_loader *tn_loader_from(tn_ctx *ctx, tn_dataset dataset, tn_loader_opts opts);

/* The next batch. False at the end of an epoch (the next call begins another) and on error, such as
 * one of a dataset's or transform's own; after tn_clear_error the same batch is tried again. The
 * tensors belong to the loader and are filled anew by the next call, without allocation.
 *
 * With `prefetch` a thread makes the next batches of the epoch while the program computes, and this
 * call waits for the batch and copies it. The batches, their bits, their errors, which come with
 * their batch, and the state are the same as without, even if the system gives no thread. The
 * thread calls `get` and `transform`, one call at a time, and the context's allocator, if
 * `transform` makes tensors; it reads x and y, which must not change before the epoch has ended. It
 * makes nothing between epochs and after an error. In the child of a fork it starts anew. */
TN_API bool tn_loader_next(tn_loader *loader, tn_batch *batch);

TN_API int64_t tn_loader_batches(const tn_loader *loader); /* in an epoch */

/* A number, from 1 on, that no other loader of its context has or had: a new one may lie at the
 * address of one that was freed. 0 for NULL. */
TN_API int64_t tn_loader_id(const tn_loader *loader);

/* A weight for each of the labels, [n] integers from 0 on: n / (classes * how many have the label),
 * where classes are those that occur. TN_F64 [n]; their sum is n. Scikit-learn's "balanced". */
TN_API tn_tensor *tn_balanced_weights(tn_ctx *ctx, const tn_tensor *labels);

/* Where the loader is: the order of the epoch, the number of batches that it has given, and where
 * the random streams of a transform begin. A dictionary to be freed, or to go with the context. */
TN_API tn_dict *tn_loader_state_dict(const tn_loader *loader);

/* Goes there: the next batch is the one that would have come next. The loader must be of as many
 * samples, with the same options, or nothing changes and the status is TN_ERR_FORMAT; between
 * batches the loader may be one of other parts of them, first_part and part_count. The samples
 * themselves are not part of the state, nor are their weights and strata, nor is the context's
 * random stream, from which the orders of later epochs come. `prefetch` may be another. */
TN_API tn_status tn_loader_load_state_dict(tn_loader *loader, const tn_dict *dict);

/* Frees the loader with the tensors of its batch, after the sample that the thread may be making.
 * NULL is allowed. */
TN_API void tn_loader_free(tn_loader *loader);

#ifdef __cplusplus
}
#endif

#endif
