/* scope.h - who owns a tensor: a scope, or somebody else who releases it. */
#ifndef TN_TENSOR_SCOPE_H
#define TN_TENSOR_SCOPE_H

#include "tensor/tensor.h"

/* A scope: its tensors, in the order they were made. */
typedef struct tn__list {
    tn_tensor *first, *last;
    uint64_t id;
} tn__list;

struct tn__scopes {
    tn__list *open; /* [0] is the one around all others */
    int64_t count, capacity;
    int64_t held; /* so many, from the outermost on, stay open: a backward runs in them */
    uint64_t next_id;
};

/* The scope around all others; false if memory is short. Closing frees what is left in any. */
bool tn__scopes_open(tn_ctx *ctx);
void tn__scopes_close(tn_ctx *ctx);

/* Ends `scope`; t, if it is of this scope, moves to the one around it with its place on the tape.
 * Returns t. */
tn_tensor *tn__scope_return(tn_ctx *ctx, tn_scope scope, tn_tensor *t);

/* Ends `scope` and those inside it; their tensors belong to the one around it. */
void tn__scope_merge(tn_ctx *ctx, tn_scope scope);

/* Begins a scope in which the program's own code runs: that ends neither this one nor those around
 * it, until tn__scope_let_go, to which *held goes, has ended it. */
tn_scope tn__scope_hold(tn_ctx *ctx, int64_t *held);
void tn__scope_let_go(tn_ctx *ctx, tn_scope scope, int64_t held);

/* Gives t, which nobody owns, to the innermost scope; takes t out of the scope that owns it: the
 * caller owns it then, and frees it by tn__release. */
void tn__own(tn_tensor *t);
void tn__disown(tn_tensor *t);
void tn__release(tn_tensor *t);

#endif
