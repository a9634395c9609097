/* accumulate.c - adding up gradients.
 *
 * What arrives at the output of a node is passed on soon, and is added where it is. What arrives at
 * a leaf is gathered beside its gradient, and delivered when the whole backward pass has succeeded:
 * all leaves get theirs, or none. */
#include <string.h>
#include <tn/op.h>
#include "autograd/accumulate.h"
#include "autograd/tape.h"
#include "base/isa.h"
#include "kernels/kernels.h"
#include "tensor/broadcast.h"
#include "tensor/change.h"
#include "tensor/copy.h"
#include "tensor/iter.h"
#include "tensor/reduce.h"
#include "tensor/scope.h"
#include "tensor/shape.h"
#include "tensor/tensor.h"
#include "tensor/view.h"

/* True if nothing but g refers to its elements, and they are laid out plainly. */
static bool is_own(const tn_tensor *g)
{
    return atomic_load(&g->storage->refs) == 1 && !g->storage->borrowed && tn_is_contiguous(g);
}

/* Keeps the first gradient as it is, which a leaf may do until the node has passed. */
static tn_tensor *first_gradient(tn_ctx *ctx, const tn__var *var, const tn_tensor *g)
{
    if (!var->node && !ctx->tape->passing)
        g = tn__copied(ctx, "backward", g);
    return g ? tn__alias(ctx, g) : NULL;
}

/* More gradients than this are not added one after another: the sum would lose digits. */
#define FEW 64

/* The next addition needs no memory then. */
static bool prepare_addition(tn_ctx *ctx, tn__gathered *to)
{
    if (to->lost || to->additions < FEW)
        return true;
    to->lost = tn_zeros(ctx, to->sum->dtype, to->sum->ndim, to->sum->shape);
    if (to->lost)
        tn__disown(to->lost);
    return to->lost;
}

static void add_in_place(tn_ctx *ctx, tn__gathered *to, const tn_tensor *plain)
{
    const tn__kernels *k = tn__kernels_of(ctx, to->sum->dtype);
    tn__count_change(ctx, to->sum);
    if (to->lost)
        k->add_to_changed(tn_numel(to->sum), tn__ptr(plain), tn__ptr(to->lost), tn__ptr(to->sum));
    else
        k->add_to(tn_numel(to->sum), tn__ptr(plain), tn__ptr(to->sum));
    to->additions++;
}

typedef struct sum_args {
    const tn__kernels *k;
    tn_dtype dtype;
} sum_args;

#define SUM_LOOP(type)                                                       \
    for (int64_t i = 0; i < n; i++) {                                        \
        ((type *)p[0])[i * s[0]] =                                           \
            ((const type *)p[1])[i * s[1]] + ((const type *)p[2])[i * s[2]]; \
    }

/* p[0] = p[1] + p[2]; p[1] may be p[0]. */
static void sum_row(int64_t n, void *const *p, const int64_t *s, void *payload)
{
    const sum_args *args = payload;
    if (s[0] == 1 && s[1] == 1 && s[2] == 1) {
        if (p[1] != p[0])
            memcpy(p[0], p[1], (size_t)n * tn_dtype_size(args->dtype));
        args->k->add_to(n, p[2], p[0]);
    } else if (args->dtype == TN_F32) {
        SUM_LOOP(float)
    } else {
        SUM_LOOP(double)
    }
}

/* a + b, of one shape. */
static tn_tensor *sum_of(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b)
{
    tn_tensor *sum = tn__new(ctx, "backward", a->dtype, a->ndim, a->shape);
    if (!sum)
        return NULL;
    tn__iter it = tn__iter_new(a->ndim, a->shape, 3, (const tn_tensor *[]){sum, a, b});
    tn__iter_run(ctx, &it, sum_row, &(sum_args){tn__kernels_of(ctx, a->dtype), a->dtype});
    return sum;
}

/* What both gradients repeat is added once, and repeated by their sum. */
static tn_tensor *sum_of_repeated(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b)
{
    const tn_tensor *once = tn__once(ctx, a, b), *other = once ? tn__within(ctx, b, once) : NULL;
    tn_tensor *sum = other ? sum_of(ctx, once, other) : NULL;
    return !sum || tn__same_shape(sum, a) ? sum : tn__broadcast_to(ctx, sum, a->ndim, a->shape);
}

/* A new tensor takes the place of the sum, unless memory was short for it (NULL). */
static void replace_sum(tn__gathered *to, tn_tensor *by)
{
    if (!by)
        return;
    tn__disown(by);
    tn__release(to->sum);
    to->sum = by;
}

/* The second gradient goes beside the first where somebody else refers to that, or where elements
 * of it share memory. Of many gradients the sum is written out, to be added to in place. */
static void replace_by_sum(tn_ctx *ctx, tn__gathered *to, const tn_tensor *g)
{
    bool many = to->additions >= FEW;
    tn_tensor *sum = many ? sum_of(ctx, to->sum, g) : sum_of_repeated(ctx, to->sum, g);
    replace_sum(to, sum);
    to->additions++;
}

/* The others are added in place. */
static void accumulate_more(tn_ctx *ctx, tn__gathered *to, const tn_tensor *g)
{
    if (!is_own(to->sum)) {
        replace_by_sum(ctx, to, g);
        return;
    }
    const tn_tensor *plain = tn__contiguous(ctx, g);
    if (plain && prepare_addition(ctx, to))
        add_in_place(ctx, to, plain);
}

static void reach(tn_ctx *ctx, tn__var *leaf)
{
    tn__var_retain(leaf);
    leaf->next_reached = ctx->tape->reached;
    ctx->tape->reached = leaf;
}

static tn__gathered *gathered_of(tn__var *var)
{
    return var->node ? &var->grad : &var->arriving;
}

void tn__accumulate(tn_ctx *ctx, tn__var *var, const tn_tensor *g)
{
    tn__gathered *to = gathered_of(var);
    if (to->sum) {
        accumulate_more(ctx, to, g);
        return;
    }
    to->sum = first_gradient(ctx, var, g);
    if (to->sum && !var->node)
        reach(ctx, var);
}

/* Does somebody look at every gradient that is passed on? */
static bool is_shown(const tn_ctx *ctx)
{
    return ctx->tape->observer && ctx->tape->observer->passed;
}

void tn_add_grad(tn_ctx *ctx, tn_node *node, int i, const tn_tensor *dx)
{
    if (!dx || !tn_ok(ctx))
        return;
    if (!node || i < 0 || i >= TN_MAX_INPUTS) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "backward: %s has no input %d",
                node ? node->op->name : "an operator", i);
        return;
    }
    if (!tn_wants_grad(node, i))
        return;
    tn__var *var = node->inputs[i];
    if (dx->dtype != var->dtype) {
        tn_fail(ctx, TN_ERR_DTYPE, "backward: %s gave a gradient of %s for input %d of %s",
                node->op->name, tn_dtype_name(dx->dtype), i, tn_dtype_name(var->dtype));
        return;
    }
    dx = tn__sum_to(ctx, dx, var->ndim, var->shape);
    if (!dx)
        return;
    if (dx->ndim != var->ndim ||
        memcmp(dx->shape, var->shape, (size_t)dx->ndim * sizeof(int64_t)) != 0)
        tn_fail(ctx, TN_ERR_SHAPE, "backward: %s gave a gradient %s for input %d of shape %s",
                node->op->name, TN_SHAPE_TEXT(dx), i, tn_shape_text(var->ndim, var->shape).s);
    else if (!is_shown(ctx) || ctx->tape->observer->passed(ctx, node, i, dx))
        tn__accumulate(ctx, var, dx);
}

/* Are the elements of g at least half of those that live as long as it? */
static bool is_most(const tn_tensor *g)
{
    return 2 * tn_numel(g) * (int64_t)tn_dtype_size(g->dtype) >= g->storage->bytes;
}

/* The owner of a leaf may change its gradient in place, and keep it for long. Without elements
 * every tensor is contiguous, and may be one that is expanded. */
static void settle(tn_ctx *ctx, tn__gathered *to)
{
    if (!is_own(to->sum) || !is_most(to->sum) || tn_numel(to->sum) == 0)
        replace_sum(to, tn__copied(ctx, "backward", to->sum));
}

void tn__settle(tn_ctx *ctx, const tn_node *node)
{
    for (int i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] && node->inputs[i]->arriving.sum)
            settle(ctx, &node->inputs[i]->arriving);
}

/* ---- parts ----------------------------------------------------------------------------------- */

/* p[0] += p[1], and what rounding takes from it is kept in p[2], number by number where they are no
 * neighbours. */
static void add_exact_row(int64_t n, void *const *p, const int64_t *s, void *payload)
{
    const sum_args *args = payload;
    int64_t size = (int64_t)tn_dtype_size(args->dtype), step = s[0] == 1 && s[1] == 1 ? n : 1;
    for (int64_t i = 0; i < n; i += step)
        args->k->add_to_changed(step, (const char *)p[1] + i * s[1] * size,
                                (char *)p[2] + i * s[2] * size, (char *)p[0] + i * s[0] * size);
}

/* What is lost lies as the sum does. */
static void add_part(tn_ctx *ctx, tn__gathered *to, const tn_tensor *dy, tn__part_fn part,
                     const void *payload)
{
    tn_tensor *there = prepare_addition(ctx, to) ? part(ctx, to->sum, payload) : NULL;
    tn_tensor *lost = there && to->lost ? part(ctx, to->lost, payload) : NULL;
    sum_args args = {tn__kernels_of(ctx, dy->dtype), dy->dtype};
    if (tn_ok(ctx)) {
        tn__iter it = tn__iter_new(dy->ndim, dy->shape, 3,
                                   lost ? (const tn_tensor *[]){there, dy, lost}
                                        : (const tn_tensor *[]){there, there, dy});
        tn__count_change(ctx, to->sum);
        tn__iter_run(ctx, &it, lost ? add_exact_row : sum_row, &args);
        to->additions++;
    }
    tn_free(lost);
    tn_free(there);
}

/* The gradient of an input that has dy in a part of it. */
static tn_tensor *whole_of(tn_ctx *ctx, const tn_node *node, int i, const tn_tensor *dy,
                           tn__part_fn part, const void *payload)
{
    tn_tensor *dx = tn_zeros(ctx, dy->dtype, tn_input_ndim(node, i), tn_input_shape(node, i));
    tn_tensor *there = dx ? part(ctx, dx, payload) : NULL;
    if (!there)
        return NULL;
    tn__copy(ctx, there, dy);
    tn_free(there);
    return dx;
}

/* Who looks at gradients is shown whole ones. */
void tn__add_grad_of_part(tn_ctx *ctx, tn_node *node, int i, const tn_tensor *dy, tn__part_fn part,
                          const void *payload)
{
    if (!tn_wants_grad(node, i))
        return;
    tn__gathered *to = gathered_of(node->inputs[i]);
    if (to->sum && is_own(to->sum) && !is_shown(ctx))
        add_part(ctx, to, dy, part, payload);
    else
        tn_add_grad(ctx, node, i, whole_of(ctx, node, i, dy, part, payload));
}

/* ---- delivery -------------------------------------------------------------------------------- */

/* A gradient that somebody else refers to is not changed in place: it goes on in new elements. */
static void prepare(tn_ctx *ctx, tn__var *leaf)
{
    tn__gathered *grad = &leaf->grad;
    if (!leaf->arriving.sum || !grad->sum || !prepare_addition(ctx, grad) || is_own(grad->sum))
        return;
    leaf->moved = tn__copied(ctx, "backward", grad->sum);
    if (leaf->moved)
        tn__disown(leaf->moved);
}

/* The tensor stays, as its owner may hold it. */
static void replace_elements(tn_tensor *t, tn_tensor *by)
{
    tn__storage *storage = t->storage;
    t->storage = by->storage;
    t->offset = by->offset;
    memcpy(t->strides, by->strides, sizeof t->strides);
    by->storage = storage;
}

/* A hook may have used what was there. */
static void deliver(tn_ctx *ctx, tn__var *leaf)
{
    if (!leaf->arriving.sum)
        return;
    if (!leaf->grad.sum) {
        leaf->grad.sum = leaf->arriving.sum;
        leaf->grad.sum->is_gradient = true;
        leaf->arriving.sum = NULL;
        return;
    }
    if (leaf->moved)
        replace_elements(leaf->grad.sum, leaf->moved);
    add_in_place(ctx, &leaf->grad, leaf->arriving.sum);
}

/* Memory may run out in the first loop and not in the second, so leaves get all or nothing. */
void tn__deliver_all(tn_ctx *ctx)
{
    for (tn__var *leaf = ctx->tape->reached; leaf && tn_ok(ctx); leaf = leaf->next_reached)
        prepare(ctx, leaf);
    while (ctx->tape->reached) {
        tn__var *leaf = ctx->tape->reached;
        ctx->tape->reached = leaf->next_reached;
        if (tn_ok(ctx))
            deliver(ctx, leaf);
        tn__drop_gathered(&leaf->arriving);
        tn__release(leaf->moved);
        leaf->moved = NULL;
        tn__var_release(leaf);
    }
}
