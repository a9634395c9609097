/* mutant.c - a tn_add_grad that lies, to see whether the tests notice.
 *
 * In the build of `make mutants` the real function has another name, and this one stands between it
 * and every backward function. TN_MUTANT=op:input:kind breaks the gradient of one input of one
 * operator: its sign (sign), by a thousandth (scale), by leaving it out (drop), or by putting it in
 * place of what was gathered before (assign). TN_MUTANT_LOG=file appends "op:input" for each
 * gradient that passes, which is how the mutants are found. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tn/ops.h>
#include "autograd/tape.h"
#include "tensor/copy.h"

void tn__unmutated_add_grad(tn_ctx *ctx, tn_node *node, int i, const tn_tensor *dx);

static void write_log(const char *path, const char *name, int i)
{
    FILE *log = fopen(path, "a");
    if (!log)
        return;
    fprintf(log, "%s:%d\n", name, i);
    fclose(log);
}

/* The kind of mutant that input i of the operator is to be, or "". */
static const char *kind_of(const char *name, int i)
{
    const char *mutant = getenv("TN_MUTANT");
    char prefix[128];
    int length = snprintf(prefix, sizeof prefix, "%s:%d:", name, i);
    return mutant && strncmp(mutant, prefix, (size_t)length) == 0 ? mutant + length : "";
}

/* A leaf is reached once in a pass, and stays in the list of those: its sums become zeros. */
static void forget(tn__var *leaf)
{
    if (leaf->arriving.sum)
        tn__fill(leaf->arriving.sum, 0);
    if (leaf->grad.sum)
        tn__fill(leaf->grad.sum, 0);
}

void tn_add_grad(tn_ctx *ctx, tn_node *node, int i, const tn_tensor *dx)
{
    const char *log = getenv("TN_MUTANT_LOG"), *kind = kind_of(node->op->name, i);
    bool passes = dx && tn_ok(ctx) && tn_wants_grad(node, i);
    if (log && passes)
        write_log(log, node->op->name, i);
    if (passes && strcmp(kind, "sign") == 0)
        dx = tn_neg(ctx, dx);
    else if (passes && strcmp(kind, "scale") == 0)
        dx = tn_mul_scalar(ctx, dx, 1.001);
    else if (passes && strcmp(kind, "drop") == 0)
        return;
    if (passes && strcmp(kind, "assign") == 0) {
        tn__var *var = node->inputs[i];
        if (var->node)
            tn__drop_gathered(&var->grad);
        else
            forget(var);
    }
    tn__unmutated_add_grad(ctx, node, i, dx);
}
