/* summary.c - the layers of a network as a table: shapes, parameters, multiply-adds.
 *
 * The network runs once, on zeros, and each module is noted when its forward pass ends. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <tn/autograd.h>
#include "base/memory.h"
#include "base/text.h"
#include "nn/nn.h"
#include "tensor/tensor.h"

enum { NAME_SIZE = 128 };

typedef struct row {
    char name[NAME_SIZE];
    const char *type;
    tn_text shape;
    int64_t parameters, multiply_adds;
} row;

typedef struct summary {
    tn__watch watch;
    tn_ctx *ctx;
    const tn_module *root;
    row *rows;
    int64_t n_rows, capacity;
} summary;

/* What has children and no parameters of its own is the sum of its parts. */
static void note(tn__watch *watch, const tn_module *module, const tn_tensor *x, const tn_tensor *y)
{
    summary *s = (summary *)(void *)watch;
    const tn_module_type *type = tn__module_type(module);
    int64_t parameters = tn__own_numel(module);
    if (tn_child(module, 0) && parameters == 0 && !type->multiply_adds)
        return;
    if (!tn__reserve(s->ctx, &s->rows, &s->capacity, s->n_rows + 1, sizeof *s->rows))
        return;
    row *r = &s->rows[s->n_rows++];
    *r = (row){.type = type->name,
               .shape = tn_shape_text(tn_ndim(y), tn_shape(y)),
               .parameters = parameters,
               .multiply_adds = type->multiply_adds ? type->multiply_adds(module, x, y) : 0};
    tn__full_name(s->root, module, r->name, sizeof r->name);
}

static int wider(int width, const char *text)
{
    return (int)strlen(text) > width ? (int)strlen(text) : width;
}

static void write_table(const summary *s, tn__text *text)
{
    int name = 5, type = 4, shape = 6;
    int64_t multiply_adds = 0;
    for (int64_t i = 0; i < s->n_rows; i++) {
        name = wider(name, s->rows[i].name);
        type = wider(type, s->rows[i].type);
        shape = wider(shape, s->rows[i].shape.s);
        multiply_adds += s->rows[i].multiply_adds;
    }
    tn__append(text, "%-*s  %-*s  %-*s %12s %15s\n", name, "layer", type, "type", shape, "output",
               "parameters", "multiply-adds");
    for (int64_t i = 0; i < s->n_rows; i++) {
        const row *r = &s->rows[i];
        tn__append(text, "%-*s  %-*s  %-*s %12" PRId64 " %15" PRId64 "\n", name, r->name, type,
                   r->type, shape, r->shape.s, r->parameters, r->multiply_adds);
    }
    tn__append(text, "%-*s %12" PRId64 " %15" PRId64 "\n", name + type + shape + 4, "total",
               tn_parameter_numel(s->root), multiply_adds);
}

/* Forms of the weights are not kept, for the network runs only once. */
static bool run(tn_ctx *ctx, summary *s, tn_module *module, int ndim, const int64_t *shape)
{
    int64_t most_prepared = ctx->memory->most_prepared;
    tn_tensor *first = tn_parameter(module, 0, NULL, 0);
    bool before = tn_set_grad_enabled(ctx, false);
    tn_rng_state rng = tn_get_rng_state(ctx);
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *x = tn_zeros(ctx, first ? tn_dtype_of(first) : TN_F32, ndim, shape);
    if (x) {
        ctx->memory->most_prepared = 0;
        tn__set_watch(module, &s->watch);
        tn_forward(ctx, module, x);
        tn__set_watch(module, NULL);
        ctx->memory->most_prepared = most_prepared;
    }
    if (scope.depth >= 0)
        tn_scope_end(ctx, scope);
    tn_set_rng_state(ctx, rng);
    tn_set_grad_enabled(ctx, before);
    return tn_ok(ctx);
}

int64_t tn_summary(tn_ctx *ctx, tn_module *module, int ndim, const int64_t *shape, char *buffer,
                   size_t size)
{
    if (!tn_ok(ctx))
        return tn_error_status(ctx);
    if (!module)
        return tn_fail(ctx, TN_ERR_ARGUMENT, "summary: the module is NULL");
    summary s = {.watch.after = note, .ctx = ctx, .root = module};
    tn__text text = {.buffer = buffer, .size = buffer ? size : 0};
    if (run(ctx, &s, module, ndim, shape))
        write_table(&s, &text);
    tn__free(ctx, s.rows);
    return tn_ok(ctx) ? text.length : tn_error_status(ctx);
}

tn_status tn_print_summary(tn_ctx *ctx, tn_module *module, int ndim, const int64_t *shape)
{
    int64_t length = tn_summary(ctx, module, ndim, shape, NULL, 0);
    char *text = length >= 0 ? tn__alloc(ctx, (size_t)length + 1) : NULL;
    if (!text)
        return tn_error_status(ctx);
    tn_summary(ctx, module, ndim, shape, text, (size_t)length + 1);
    bool written = !tn_ok(ctx) || fputs(text, stdout) >= 0;
    tn__free(ctx, text);
    return written ? tn_error_status(ctx)
                   : tn_fail(ctx, TN_ERR_FILE, "print_summary: standard output cannot be written");
}
