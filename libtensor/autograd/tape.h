/* tape.h - the record of operators.
 *
 * A tensor that requires a gradient has a tn__var. The var of a result owns the node that made it,
 * and the node owns the vars of its inputs, so a part of the graph lives as long as any of its
 * results. The tape lists the nodes in the order of recording, which is a topological order; it
 * owns none of them. */
#ifndef TN_AUTOGRAD_TAPE_H
#define TN_AUTOGRAD_TAPE_H

#include <tn/autograd.h>
#include <tn/op.h>
#include "autograd/observer.h"
#include "tensor/tensor.h"

/* A sum of gradients. */
typedef struct tn__gathered {
    tn_tensor *sum;  /* NULL: nothing yet */
    tn_tensor *lost; /* what rounding took from the sum, to be added with the next one; NULL while
                      * there are few */
    int64_t additions;
} tn__gathered;

/* What the tape knows of a tensor that requires a gradient. Views of a leaf have their own. */
struct tn__var {
    tn__var_head head;
    tn_ctx *ctx;
    tn_node *node; /* that made it; NULL for a leaf */
    tn__gathered grad;
    tn__gathered arriving; /* at a leaf: what the running backward pass has brought */
    tn_tensor *moved;      /* at a leaf: a copy of grad.sum, which takes its place on delivery */
    tn__var *next_reached;
    tn_grad_hook hook; /* of a leaf; NULL: none */
    void *payload;
    uint64_t wave;    /* the last pass with hooks below whose root it was; in that one, */
    int64_t position; /* of the node that brings a leaf its last gradient; -1: hook was called */
    tn_dtype dtype;
    int ndim;
    int64_t shape[TN_MAX_DIMS];
};

struct tn_node {
    const tn_op *op;
    tn__var *output;  /* owns this node */
    int64_t position; /* on the tape */
    bool done;        /* backward has passed */
    int n_inputs;
    int n_saved;
    tn__var *inputs[TN_MAX_INPUTS]; /* NULL: wants no gradient */
    tn_tensor *saved[TN_MAX_SAVED];
    uint32_t versions[TN_MAX_SAVED];
    void *data;
    tn_node *next_dead;
};

struct tn__tape {
    tn_node **nodes; /* in the order of recording; NULL where a node has died */
    int64_t count, capacity;
    tn_node *dead; /* being freed */
    bool freeing;
    const tn_node *passing;       /* its backward runs; NULL: none does */
    tn__var *reached;             /* leaves that the running pass has brought gradients */
    const tn__observer *observer; /* NULL: nobody looks */
    int64_t hooks;                /* leaves that have one */
    uint64_t wave;                /* passes while there were hooks */
    bool in_hook;
};

void tn__tape_close(tn_ctx *ctx);

/* A var of t's dtype and shape without a node, as a leaf has it. */
tn__var *tn__var_new(tn_ctx *ctx, const tn_tensor *t);

/* A node on the tape, which keeps what it is given. To be freed by tn__node_free until it has an
 * output, which owns it then. */
tn_node *tn__node_new(tn_ctx *ctx, const tn_op *op, const tn_record_args *args);
void tn__node_free(tn_ctx *ctx, tn_node *node);

/* hook.c: finds the node that brings each leaf below root its last gradient; then calls the hooks
 * of the leaves for which `node` was that one; calls the hook of a leaf that is complete, if
 * any. */
void tn__find_last(tn_ctx *ctx, tn__var *root);
void tn__call_hooks(tn_ctx *ctx, const tn_node *node);
void tn__call_hook(tn_ctx *ctx, tn__var *leaf);

/* Why no gradient flows through t, to stand behind its shape in a message; NULL if one does. */
const char *tn__without_gradient(const tn_ctx *ctx, const tn_tensor *t);

/* Frees what a node has saved; frees a sum of gradients. */
void tn__release_saved(tn_node *node);
void tn__drop_gathered(tn__gathered *gathered);

#endif
