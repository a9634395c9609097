/* tensor.h - what a tensor is, and making one. */
#ifndef TN_TENSOR_TENSOR_H
#define TN_TENSOR_TENSOR_H

#include <stdatomic.h>
#include <tn/tensor.h>
#include "base/context.h"

typedef struct tn__kept_form tn__kept_form; /* prepared.c */

typedef struct tn__storage {
    atomic_int refs;  /* views share a storage, across contexts too */
    uint32_t version; /* counts changes in place */
    tn_ctx *ctx;
    void *data;
    int64_t bytes;                              /* of the data, unless it is the caller's */
    void (*release)(void *data, void *payload); /* of a blob */
    void *payload;
    bool borrowed;                     /* the data is the caller's */
    bool exposed;                      /* the program may write to it, and nobody would know */
    _Atomic(tn__kept_form *) prepared; /* what was made of the data (prepared.h), */
    tn__kept_form *outdated;           /* and of the data before it was changed */
} tn__storage;

/* What the tape knows of a tensor that requires a gradient: autograd/tape.h has the struct. It
 * begins with this head, which is all that copying and freeing tensors needs to know. */
typedef struct tn__var tn__var;

typedef struct tn__var_head {
    atomic_int refs; /* views of a leaf may share one, across contexts too */
    void (*free)(tn__var *var);
} tn__var_head;

static inline void tn__var_retain(tn__var *var)
{
    if (var)
        atomic_fetch_add(&((tn__var_head *)(void *)var)->refs, 1);
}

static inline void tn__var_release(tn__var *var)
{
    if (var && atomic_fetch_sub(&((tn__var_head *)(void *)var)->refs, 1) == 1)
        ((tn__var_head *)(void *)var)->free(var);
}

struct tn_tensor {
    tn_ctx *ctx;
    tn__storage *storage;
    tn__var *var; /* NULL: requires no gradient */
    tn_dtype dtype;
    int ndim;       /* -1, as 0xff everywhere is, too: it was freed */
    int64_t offset; /* in elements */
    int64_t shape[TN_MAX_DIMS];
    int64_t strides[TN_MAX_DIMS];
    int64_t scope;    /* that owns it; -1: something else does */
    bool is_gradient; /* of a leaf, or made of one by operators: it has no record of its own */
    tn_tensor *prev, *next;
};

/* False for NULL and for a tensor that was freed and whose memory has not been used again. */
static inline bool tn__is_live(const tn_tensor *t)
{
    return t && t->ndim >= 0;
}

/* The address of the first element. */
static inline void *tn__ptr(const tn_tensor *t)
{
    return (char *)t->storage->data + (size_t)t->offset * tn_dtype_size(t->dtype);
}

/* The address of what the first dimension has in place i. */
static inline void *tn__at(const tn_tensor *t, int64_t i)
{
    return (char *)tn__ptr(t) + i * t->strides[0] * (int64_t)tn_dtype_size(t->dtype);
}

/* New room for elements; gives one reference back. */
tn__storage *tn__storage_new(tn_ctx *ctx, void *data);
void tn__storage_release(tn__storage *storage);

/* A contiguous tensor of the innermost scope, not initialised (new.c). */
tn_tensor *tn__new(tn_ctx *ctx, const char *what, tn_dtype dtype, int ndim, const int64_t *shape);

/* A view of t's storage in the innermost scope, without a gradient. */
tn_tensor *tn__view(tn_ctx *ctx, const tn_tensor *t, int ndim, const int64_t *shape,
                    const int64_t *strides, int64_t offset);

#endif
