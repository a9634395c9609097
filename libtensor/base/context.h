/* context.h - what a context is made of: values that every room reads, and a part for each room
 * that keeps something in it, whose type that room alone knows. context/context.c puts them
 * together. */
#ifndef TN_BASE_CONTEXT_H
#define TN_BASE_CONTEXT_H

#include <tn/context.h>
#include "base/siphash.h"

typedef struct tn__failure tn__failure; /* base/error.h */
typedef struct tn__memory tn__memory;   /* base/memory.h */
typedef struct tn__pool tn__pool;       /* base/threads.h */
typedef struct tn__object tn__object;   /* base/object.h */
typedef struct tn__kernels tn__kernels; /* kernels/kernels.h */
typedef struct tn__scopes tn__scopes;   /* tensor/scope.h */
typedef struct tn__tape tn__tape;       /* autograd/tape.h */
typedef struct tn__inspect tn__inspect; /* inspect/inspect.h */
typedef struct tn__kept tn__kept;       /* nn/forward.c */

struct tn_ctx {
    tn_status status;  /* of the first error */
    bool grad_enabled; /* what requires a gradient is recorded, and not changed in place */
    int threads;       /* that a call may use */
    int isa;
    bool direct_conv;              /* tn_ctx_opts */
    const tn__kernels *kernels[2]; /* for TN_F32 and TN_F64 */
    tn_rng_state rng;
    tn__hash_key hash_key; /* of names */
    tn__object *objects;
    int64_t loaders; /* that were made */
    tn__kept *kept;  /* buffers as they were before the forward passes that run */
    int passes;      /* how many of them run, one inside the other */

    tn__failure *failure;
    tn__memory *memory;
    tn__pool *pool;
    tn__scopes *scopes;
    tn__tape *tape;
    tn__inspect *inspect;
};

#endif
