/* tape.c - recording operators, and walking the record backward.
 *
 * A tensor that requires a gradient has a tn__var. The var of a result owns the node that made it,
 * and the node owns the vars of its inputs; so a part of the graph lives as long as some result of
 * it does. The tape lists the nodes in the order of recording, which is a topological order, and
 * owns none. */
#include <string.h>
#include "core/core.h"

/* ---- vars and nodes -------------------------------------------------------------------------- */

tn__var *tn__var_new(tn_ctx *ctx, const tn_tensor *t)
{
    tn__var *var = tn__alloc_zeroed(ctx, sizeof *var);
    if (!var)
        return NULL;
    var->refs = 1;
    var->ctx = ctx;
    var->dtype = t->dtype;
    var->ndim = t->ndim;
    memcpy(var->shape, t->shape, sizeof var->shape);
    return var;
}

void tn__var_retain(tn__var *var)
{
    if (var)
        atomic_fetch_add(&var->refs, 1);
}

static void drop(tn__gathered *g)
{
    tn__release(g->sum);
    tn__release(g->lost);
    *g = (tn__gathered){0};
}

static void release_saved(tn_node *node)
{
    for (int i = 0; i < node->n_saved; i++) {
        tn__release(node->saved[i]);
        node->saved[i] = NULL;
    }
}

static void leave_tape(tn_ctx *ctx, const tn_node *node)
{
    ctx->tape[node->position] = NULL;
    while (ctx->n_tape > 0 && !ctx->tape[ctx->n_tape - 1])
        ctx->n_tape--;
}

static void node_free(tn_ctx *ctx, tn_node *node)
{
    if (node->position >= 0)
        leave_tape(ctx, node);
    release_saved(node);
    for (int i = 0; i < node->n_inputs; i++)
        tn__var_release(node->inputs[i]);
    ctx->memory.stats.nodes--;
    tn__free(ctx, node->data);
    tn__free(ctx, node);
}

/* Freeing a node may release the last reference to the next one of a long chain, so nodes queue up
 * here instead of calling each other. */
static void bury(tn_ctx *ctx, tn_node *node)
{
    node->next_dead = ctx->dead;
    ctx->dead = node;
    if (ctx->freeing)
        return;
    ctx->freeing = true;
    while (ctx->dead) {
        tn_node *dead = ctx->dead;
        ctx->dead = dead->next_dead;
        node_free(ctx, dead);
    }
    ctx->freeing = false;
}

void tn__var_release(tn__var *var)
{
    if (!var || atomic_fetch_sub(&var->refs, 1) > 1)
        return;
    tn_ctx *ctx = var->ctx;
    drop(&var->grad);
    if (var->node)
        bury(ctx, var->node);
    tn__free(ctx, var);
}

/* ---- recording ------------------------------------------------------------------------------- */

bool tn_will_record(const tn_ctx *ctx, int count, const tn_tensor *const *inputs)
{
    for (int i = 0; inputs && tn_ok(ctx) && ctx->grad_enabled && i < count; i++)
        if (inputs[i] && inputs[i]->var)
            return true;
    return false;
}

static bool compact_tape(tn_ctx *ctx)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < ctx->n_tape; i++)
        if (ctx->tape[i]) {
            ctx->tape[kept] = ctx->tape[i];
            ctx->tape[kept]->position = kept;
            kept++;
        }
    ctx->n_tape = kept;
    return tn__reserve(ctx, &ctx->tape, &ctx->tape_capacity, 2 * kept + 1, sizeof *ctx->tape);
}

static bool append_to_tape(tn_ctx *ctx, tn_node *node)
{
    if (ctx->n_tape == ctx->tape_capacity && !compact_tape(ctx))
        return false;
    node->position = ctx->n_tape;
    ctx->tape[ctx->n_tape++] = node;
    return true;
}

static int last_given(const tn_tensor *const *tensors, int count)
{
    while (count > 0 && !tensors[count - 1])
        count--;
    return count;
}

static bool save(tn_ctx *ctx, tn_node *node, const tn_record_args *args)
{
    node->n_saved = last_given(args->saved, TN_MAX_SAVED);
    for (int i = 0; i < node->n_saved; i++) {
        if (!args->saved[i])
            continue;
        node->saved[i] = tn__alias(ctx, args->saved[i], false);
        if (!node->saved[i])
            return false;
        node->versions[i] = node->saved[i]->storage->version;
    }
    if (args->size) {
        node->data = tn__alloc(ctx, args->size);
        if (!node->data)
            return false;
        memcpy(node->data, args->data, args->size);
    }
    return true;
}

static tn_node *node_new(tn_ctx *ctx, const tn_op *op, const tn_record_args *args)
{
    tn_node *node = tn__alloc_zeroed(ctx, sizeof *node);
    if (!node)
        return NULL;
    ctx->memory.stats.nodes++;
    node->op = op;
    node->position = -1;
    node->n_inputs = last_given(args->inputs, TN_MAX_INPUTS);
    for (int i = 0; i < node->n_inputs; i++) {
        node->inputs[i] = args->inputs[i] ? args->inputs[i]->var : NULL;
        tn__var_retain(node->inputs[i]);
    }
    if (save(ctx, node, args) && append_to_tape(ctx, node))
        return node;
    node_free(ctx, node);
    return NULL;
}

/* Gradients are gathered in the memory of the context that records. */
static bool check_record(tn_ctx *ctx, const tn_op *op, const tn_tensor *y,
                         const tn_record_args *args)
{
    const char *name = op && op->name ? op->name : "record";
    if (!op || !op->name || !op->backward || (args->size && !args->data))
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: %s", name,
                op && op->name && op->backward ? "size without data"
                                               : "the operator has no name or no backward");
    else if (y->var)
        tn_fail(ctx, TN_ERR_STATE, "%s: the result of shape %s requires a gradient already", name,
                TN_SHAPE_TEXT(y));
    else
        tn_check_float(ctx, name, "the result", y);
    for (int i = 0; tn_ok(ctx) && i < TN_MAX_INPUTS; i++)
        if (args->inputs[i] && args->inputs[i]->var && args->inputs[i]->var->ctx != ctx)
            tn_fail(ctx, TN_ERR_STATE,
                    "%s: input %d of shape %s requires a gradient in another context; detach it or "
                    "disable gradients",
                    name, i, TN_SHAPE_TEXT(args->inputs[i]));
    return tn_ok(ctx);
}

tn_tensor *tn_record(tn_ctx *ctx, const tn_op *op, tn_tensor *y, tn_record_args args)
{
    if (!y || !tn_ok(ctx))
        return NULL;
    if (ctx->profiling && !tn__profile_end(ctx, op, y, &args))
        return NULL;
    if (ctx->detect_anomaly && !tn__check_result(ctx, op, y, &args))
        return NULL;
    if (!tn_will_record(ctx, TN_MAX_INPUTS, args.inputs))
        return y;
    if (!check_record(ctx, op, y, &args))
        return NULL;
    tn_node *node = node_new(ctx, op, &args);
    if (!node)
        return NULL;
    y->var = tn__var_new(ctx, y);
    if (!y->var) {
        node_free(ctx, node);
        return NULL;
    }
    y->var->node = node;
    node->output = y->var;
    return y;
}

bool tn_set_grad_enabled(tn_ctx *ctx, bool enabled)
{
    if (!ctx)
        return false;
    bool before = ctx->grad_enabled;
    ctx->grad_enabled = enabled;
    return before;
}

bool tn_is_grad_enabled(const tn_ctx *ctx)
{
    return ctx && ctx->grad_enabled;
}

/* ---- leaves ---------------------------------------------------------------------------------- */

tn_status tn_set_requires_grad(tn_ctx *ctx, tn_tensor *t, bool requires_grad)
{
    if (!tn_check_input(ctx, "set_requires_grad", "tensor", t))
        return tn_error_status(ctx);
    if (t->ctx != ctx)
        return tn_fail(ctx, TN_ERR_STATE,
                       "set_requires_grad: a tensor of shape %s belongs to another context",
                       TN_SHAPE_TEXT(t));
    if (t->var && t->var->node)
        return tn_fail(ctx, TN_ERR_STATE,
                       "set_requires_grad: a tensor of shape %s that %s made is not a leaf; "
                       "tn_detach makes one of it",
                       TN_SHAPE_TEXT(t), t->var->node->op->name);
    if (!requires_grad) {
        tn__var_release(t->var);
        t->var = NULL;
    } else if (tn_check_float(ctx, "set_requires_grad", "tensor", t) && !t->var) {
        t->var = tn__var_new(ctx, t);
    }
    return tn_error_status(ctx);
}

bool tn_requires_grad(const tn_tensor *t)
{
    return t && t->var;
}

tn_tensor *tn_grad(const tn_tensor *t)
{
    return t && t->var && !t->var->node ? t->var->grad.sum : NULL;
}

void tn_clear_grad(tn_tensor *t)
{
    if (t && t->var)
        drop(&t->var->grad);
}

tn_tensor *tn_detach(tn_ctx *ctx, const tn_tensor *t)
{
    if (!tn_check_input(ctx, "detach", "input", t))
        return NULL;
    return tn__view(ctx, t, t->ndim, t->shape, t->strides, t->offset);
}

/* ---- backward -------------------------------------------------------------------------------- */

bool tn_wants_grad(const tn_node *node, int i)
{
    return node && i >= 0 && i < node->n_inputs && node->inputs[i];
}

const tn_tensor *tn_saved(const tn_node *node, int i)
{
    return node && i >= 0 && i < node->n_saved ? node->saved[i] : NULL;
}

const void *tn_node_data(const tn_node *node)
{
    return node ? node->data : NULL;
}

int tn_input_ndim(const tn_node *node, int i)
{
    return tn_wants_grad(node, i) ? node->inputs[i]->ndim : 0;
}

const int64_t *tn_input_shape(const tn_node *node, int i)
{
    return tn_wants_grad(node, i) ? node->inputs[i]->shape : NULL;
}

/* True if nobody but `holders` objects refers to g's elements, and they are laid out plainly. */
static bool is_own(const tn_tensor *g, int holders)
{
    return atomic_load(&g->storage->refs) == holders && !g->storage->borrowed &&
           tn_is_contiguous(g);
}

/* The first gradient is kept as it is where that is safe; that of a leaf, which its owner may
 * change in place, gets elements of its own. */
static tn_tensor *first_gradient(tn_ctx *ctx, const tn__var *var, const tn_tensor *g)
{
    if (!var->node && !is_own(g, 1)) {
        tn_tensor *copy = tn__new(ctx, "backward", g->dtype, g->ndim, g->shape);
        if (copy)
            tn__copy(ctx, copy, g);
        g = copy;
    }
    return g ? tn__alias(ctx, g, false) : NULL;
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
    if (to->lost)
        k->add_to_changed(tn_numel(to->sum), tn__ptr(plain), tn__ptr(to->lost), tn__ptr(to->sum));
    else
        k->add_to(tn_numel(to->sum), tn__ptr(plain), tn__ptr(to->sum));
    to->additions++;
}

/* What both gradients repeat is added once, and repeated by their sum. */
static tn_tensor *sum_of_repeated(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b)
{
    const tn_tensor *once = tn__once(ctx, a, b);
    tn_tensor *sum = once ? tn_add(ctx, once, tn__within(ctx, b, once)) : NULL;
    return !sum || tn__same_shape(sum, a) ? sum : tn__broadcast_to(ctx, sum, a->ndim, a->shape);
}

/* The second gradient goes beside the first where somebody else refers to that, or where elements of
 * it share memory. Of many gradients the sum is written out, to be added to in place. */
static void replace_by_sum(tn_ctx *ctx, tn__gathered *to, const tn_tensor *g)
{
    bool many = to->additions >= FEW;
    tn_tensor *sum = many ? tn_add(ctx, to->sum, g) : sum_of_repeated(ctx, to->sum, g);
    if (!sum)
        return;
    tn__disown(sum);
    tn__release(to->sum);
    to->sum = sum;
    to->additions++;
}

/* The others are added in place. */
static void accumulate_more(tn_ctx *ctx, tn__gathered *to, const tn_tensor *g)
{
    if (!is_own(to->sum, 1)) {
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
    leaf->next_reached = ctx->reached;
    ctx->reached = leaf;
}

void tn__accumulate(tn_ctx *ctx, tn__var *var, const tn_tensor *g)
{
    tn__gathered *to = var->node ? &var->grad : &var->arriving;
    if (to->sum) {
        accumulate_more(ctx, to, g);
        return;
    }
    to->sum = first_gradient(ctx, var, g);
    if (to->sum && !var->node)
        reach(ctx, var);
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
    else if (!ctx->detect_anomaly || tn__check_gradient(ctx, node, i, dx))
        tn__accumulate(ctx, var, dx);
}

static bool check_saved(tn_ctx *ctx, const tn_node *node)
{
    for (int i = 0; i < node->n_saved; i++) {
        const tn_tensor *t = node->saved[i];
        if (t && t->storage->version != node->versions[i]) {
            tn_fail(ctx, TN_ERR_STATE,
                    "backward: a tensor of shape %s that %s saved was changed in place since "
                    "(version %u, now %u)",
                    TN_SHAPE_TEXT(t), node->op->name, node->versions[i], t->storage->version);
            return false;
        }
    }
    return true;
}

/* Passes one node: its output's gradient goes to its inputs, and is released. */
static void pass(tn_ctx *ctx, tn_node *node)
{
    if (node->done) {
        tn_fail(ctx, TN_ERR_STATE,
                "backward: the record of %s was used up by an earlier backward; run the forward "
                "pass again",
                node->op->name);
        return;
    }
    if (!check_saved(ctx, node))
        return;
    tn_scope scope = tn_scope_begin(ctx);
    int64_t start = ctx->profiling ? tn__now() : 0;
    ctx->passing = node;
    node->op->backward(ctx, node, node->output->grad.sum);
    ctx->passing = NULL;
    if (start && ctx->profiling)
        tn__profile_backward(ctx, node->op, start);
    tn_scope_end(ctx, scope);
    drop(&node->output->grad);
    release_saved(node);
    node->done = true;
}

/* ---- what arrives at the leaves counts when the whole pass has succeeded --------------------- */

/* A gradient that somebody else refers to is not changed in place: it goes on in new elements. */
static void prepare(tn_ctx *ctx, tn__var *leaf)
{
    tn__gathered *grad = &leaf->grad;
    if (!grad->sum || !prepare_addition(ctx, grad) || is_own(grad->sum, 1))
        return;
    leaf->moved = tn__new(ctx, "backward", grad->sum->dtype, grad->sum->ndim, grad->sum->shape);
    if (!leaf->moved)
        return;
    tn__disown(leaf->moved);
    tn__copy(ctx, leaf->moved, grad->sum);
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

static void deliver(tn_ctx *ctx, tn__var *leaf)
{
    if (!leaf->grad.sum) {
        leaf->grad.sum = leaf->arriving.sum;
        leaf->arriving.sum = NULL;
        return;
    }
    if (leaf->moved)
        replace_elements(leaf->grad.sum, leaf->moved);
    add_in_place(ctx, &leaf->grad, leaf->arriving.sum);
}

/* Memory may run out in the first loop and not in the second, so leaves get all or nothing. */
static void deliver_all(tn_ctx *ctx)
{
    for (tn__var *leaf = ctx->reached; leaf && tn_ok(ctx); leaf = leaf->next_reached)
        prepare(ctx, leaf);
    while (ctx->reached) {
        tn__var *leaf = ctx->reached;
        ctx->reached = leaf->next_reached;
        if (tn_ok(ctx))
            deliver(ctx, leaf);
        drop(&leaf->arriving);
        tn__release(leaf->moved);
        leaf->moved = NULL;
        tn__var_release(leaf);
    }
}

static void drop_pending(tn_ctx *ctx)
{
    for (int64_t i = 0; i < ctx->n_tape; i++)
        if (ctx->tape[i])
            drop(&ctx->tape[i]->output->grad);
}

static void seed(tn_ctx *ctx, tn__var *var, const tn_tensor *grad)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *first = tn__new(ctx, "backward", grad->dtype, grad->ndim, grad->shape);
    if (first) {
        tn__copy(ctx, first, grad);
        tn__accumulate(ctx, var, first);
    }
    tn_scope_end(ctx, scope);
}

static tn_status run_backward(tn_ctx *ctx, tn__var *root, const tn_tensor *grad)
{
    bool before = tn_set_grad_enabled(ctx, false);
    int64_t last = root->node ? root->node->position : -1;
    if (root->node && root->node->done)
        pass(ctx, root->node);
    else
        seed(ctx, root, grad);
    for (int64_t i = last; i >= 0 && tn_ok(ctx); i--)
        if (ctx->tape[i] && ctx->tape[i]->output->grad.sum)
            pass(ctx, ctx->tape[i]);
    if (!tn_ok(ctx))
        drop_pending(ctx);
    deliver_all(ctx);
    tn_set_grad_enabled(ctx, before);
    return ctx->status;
}

static bool check_root(tn_ctx *ctx, const tn_tensor *t)
{
    if (!tn_check_input(ctx, "backward", "loss", t))
        return false;
    if (ctx->passing)
        tn_fail(ctx, TN_ERR_STATE, "backward: inside of the backward function of %s",
                ctx->passing->op->name);
    else if (!t->var || t->var->ctx != ctx)
        tn_fail(ctx, TN_ERR_STATE, "backward: a tensor of shape %s requires %s", TN_SHAPE_TEXT(t),
                t->var ? "its gradient in another context" : "no gradient");
    return tn_ok(ctx);
}

tn_status tn_backward(tn_ctx *ctx, const tn_tensor *loss)
{
    if (!check_root(ctx, loss))
        return tn_error_status(ctx);
    if (tn_numel(loss) != 1)
        return tn_fail(ctx, TN_ERR_SHAPE,
                       "backward: the loss has shape %s, not one element; reduce it, or give a "
                       "gradient to tn_backward_with",
                       TN_SHAPE_TEXT(loss));
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *one = tn_full(ctx, loss->dtype, loss->ndim, loss->shape, 1);
    if (one)
        run_backward(ctx, loss->var, one);
    tn_scope_end(ctx, scope);
    return ctx->status;
}

tn_status tn_backward_with(tn_ctx *ctx, const tn_tensor *t, const tn_tensor *grad)
{
    if (!check_root(ctx, t) || !tn_check_input(ctx, "backward", "grad", grad) ||
        !tn_check_same_dtype(ctx, "backward", "the tensor", t, "its gradient", grad))
        return tn_error_status(ctx);
    if (!tn__same_shape(t, grad))
        return tn_fail(ctx, TN_ERR_SHAPE, "backward: a tensor of shape %s and a gradient of %s",
                       TN_SHAPE_TEXT(t), TN_SHAPE_TEXT(grad));
    return run_backward(ctx, t->var, grad);
}
