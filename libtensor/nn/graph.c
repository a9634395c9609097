/* graph.c - the tape below a tensor as a graph for Graphviz. */
#include <stdio.h>
#include <tn/op.h>
#include "autograd/tape.h"
#include "base/memory.h"
#include "base/pointers.h"
#include "base/text.h"
#include "nn/nn.h"

typedef struct graph {
    tn_ctx *ctx;
    tn__text text;
    bool *wanted;        /* [n_tape]: the nodes below the tensor */
    tn__pointers leaves; /* the vars of leaves that have been written */
    tn__pointers named;  /* the vars of parameters */
    char **names;        /* the names of these parameters */
    int64_t names_capacity;
} graph;

/* Writes s inside a quoted string of the dot language. */
static void write_escaped(graph *g, const char *s)
{
    for (; *s; s++)
        tn__append(&g->text, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s == '\n' ? ' ' : *s);
}

static void write_label(graph *g, const tn__var *var, const char *style)
{
    tn__append(&g->text, "\\n%s %s\"%s];\n", tn_shape_text(var->ndim, var->shape).s,
               tn_dtype_name(var->dtype), style);
}

static void write_leaf(graph *g, const tn__var *var)
{
    int64_t place = tn__place_of(&g->named, var);
    tn__append(&g->text, "    leaf%lld [label=\"", (long long)g->leaves.count);
    write_escaped(g, place < 0 ? "leaf" : g->names[place]);
    write_label(g, var, ", shape=ellipse");
}

/* The number of a leaf, which is written the first time; -1 if memory is short. */
static int64_t leaf_number(graph *g, const tn__var *var)
{
    int64_t place = tn__place_of(&g->leaves, var);
    if (place >= 0)
        return place;
    write_leaf(g, var);
    return tn__add_pointer(g->ctx, &g->leaves, var) ? g->leaves.count - 1 : -1;
}

static bool is_step(const graph *g, const tn__var *var)
{
    return var->node && var->ctx == g->ctx; /* each context has a tape of its own */
}

static void write_node(graph *g, const tn_node *node)
{
    long long to = (long long)node->position;
    tn__append(&g->text, "    step%lld [label=\"%lld: ", to, to);
    write_escaped(g, node->op->name);
    write_label(g, node->output, "");
    for (int i = 0; i < node->n_inputs && tn_ok(g->ctx); i++) {
        const tn__var *var = node->inputs[i];
        if (var && is_step(g, var)) {
            g->wanted[var->node->position] = true;
            tn__append(&g->text, "    step%lld -> step%lld;\n", (long long)var->node->position, to);
        } else if (var) {
            int64_t leaf = leaf_number(g, var);
            tn__append(&g->text, "    leaf%lld -> step%lld;\n", (long long)leaf, to);
        }
    }
}

/* A node comes after those that it uses, so one walk from the end meets all of them. */
static void write_graph(graph *g, const tn__var *root)
{
    tn__append(&g->text, "digraph tape {\n    node [shape=box];\n");
    if (is_step(g, root))
        g->wanted[root->node->position] = true;
    else
        leaf_number(g, root);
    for (int64_t i = g->ctx->tape->count - 1; i >= 0 && tn_ok(g->ctx); i--)
        if (g->wanted[i])
            write_node(g, g->ctx->tape->nodes[i]);
    tn__append(&g->text, "}\n");
}

static void put_name(void *payload, tn_tensor *t, const char *name)
{
    graph *g = payload;
    int64_t i = g->named.count;
    if (!t->var || !tn_ok(g->ctx) ||
        !tn__reserve(g->ctx, &g->names, &g->names_capacity, i + 1, sizeof *g->names))
        return;
    g->names[i] = tn__strdup(g->ctx, name);
    if (g->names[i] && !tn__add_pointer(g->ctx, &g->named, t->var))
        tn__free(g->ctx, g->names[i]);
}

static void free_graph(graph *g)
{
    for (int64_t i = 0; i < g->named.count; i++)
        tn__free(g->ctx, g->names[i]);
    tn__free(g->ctx, g->names);
    tn__free_pointers(g->ctx, &g->named);
    tn__free_pointers(g->ctx, &g->leaves);
    tn__free(g->ctx, g->wanted);
}

int64_t tn_graph_dot(tn_ctx *ctx, const tn_tensor *t, const tn_module *module, char *buffer,
                     size_t size)
{
    if (!tn_check_input(ctx, "graph_dot", "tensor", t))
        return tn_error_status(ctx);
    if (!t->var)
        return tn_fail(ctx, TN_ERR_STATE, "graph_dot: a tensor of shape %s %s", TN_SHAPE_TEXT(t),
                       tn__without_gradient(ctx, t));
    graph g = {.ctx = ctx,
               .text = {.buffer = buffer, .size = buffer ? size : 0},
               .wanted = tn__alloc_zeroed(ctx, (size_t)ctx->tape->count * sizeof *g.wanted)};
    if (g.wanted)
        tn__each_tensor(module, false, put_name, &g);
    if (tn_ok(ctx))
        write_graph(&g, t->var);
    free_graph(&g);
    return tn_ok(ctx) ? g.text.length : tn_error_status(ctx);
}
