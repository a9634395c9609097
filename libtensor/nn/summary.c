/* summary.c - the layers of a network as a table: shapes, parameters, multiply-adds.
 *
 * The network runs once, on zeros or on examples, and each module is noted when its pass ends. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <tn/autograd.h>
#include "base/error.h"
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

/* What the network runs on: examples, or zeros of a shape. */
typedef struct example {
    int64_t count;
    const tn_tensor *const *inputs;
    tn_summary_opts opts;
} example;

static void forward(tn_ctx *ctx, tn_module *module, const example *e)
{
    if (!e->opts.forward)
        tn_forward(ctx, module, e->inputs[0]);
    else if (!e->opts.forward(ctx, e->inputs, e->opts.payload) && tn_ok(ctx))
        tn_fail(ctx, TN_ERR_ARGUMENT, "summary: the function returned NULL");
}

/* Forms of the weights are not kept, for the network runs only once. */
static bool run(tn_ctx *ctx, summary *s, tn_module *module, const example *e)
{
    int64_t most_prepared = ctx->memory->most_prepared;
    bool before = tn_set_grad_enabled(ctx, false);
    tn_rng_state rng = tn_get_rng_state(ctx);
    tn_scope scope = tn_scope_begin(ctx);
    ctx->memory->most_prepared = 0;
    tn__set_watch(module, &s->watch);
    if (tn_ok(ctx))
        forward(ctx, module, e);
    tn__set_watch(module, NULL);
    ctx->memory->most_prepared = most_prepared;
    if (scope.depth >= 0)
        tn_scope_end(ctx, scope);
    tn_set_rng_state(ctx, rng);
    tn_set_grad_enabled(ctx, before);
    return tn_ok(ctx);
}

static bool check_example(tn_ctx *ctx, const tn_module *module, const example *e)
{
    if (!tn_ok(ctx))
        return false;
    if (!module)
        tn_fail(ctx, TN_ERR_ARGUMENT, "summary: the module is NULL");
    else if (e->count < 0)
        tn_fail(ctx, TN_ERR_ARGUMENT, "summary: %lld inputs", (long long)e->count);
    else if (e->count != 1 && !e->opts.forward)
        tn_fail(ctx, TN_ERR_ARGUMENT,
                "summary: %lld inputs, of which a module takes 1; the option forward takes others",
                (long long)e->count);
    else if (e->count > 0 && !e->inputs)
        tn_fail(ctx, TN_ERR_ARGUMENT, "summary: inputs is NULL");
    for (int64_t i = 0; tn_ok(ctx) && i < e->count; i++) {
        char name[40];
        snprintf(name, sizeof name, "input %lld", (long long)i);
        tn_check_input(ctx, "summary", name, e->inputs[i]);
    }
    return tn_ok(ctx);
}

int64_t tn_summary_of(tn_ctx *ctx, tn_module *module, int64_t count, const tn_tensor *const *inputs,
                      tn_summary_opts opts, char *buffer, size_t size)
{
    const example e = {count, inputs, opts};
    if (!check_example(ctx, module, &e))
        return tn_error_status(ctx);
    summary s = {.watch.after = note, .ctx = ctx, .root = module};
    tn__text text = {.buffer = buffer, .size = buffer ? size : 0};
    if (run(ctx, &s, module, &e))
        write_table(&s, &text);
    tn__free(ctx, s.rows);
    return tn_ok(ctx) ? text.length : tn_error_status(ctx);
}

tn_status tn_print_summary_of(tn_ctx *ctx, tn_module *module, int64_t count,
                              const tn_tensor *const *inputs, tn_summary_opts opts)
{
    int64_t length = tn_summary_of(ctx, module, count, inputs, opts, NULL, 0);
    char *text = length >= 0 ? tn__alloc(ctx, (size_t)length + 1) : NULL;
    if (!text)
        return tn_error_status(ctx);
    tn_summary_of(ctx, module, count, inputs, opts, text, (size_t)length + 1);
    bool written = !tn_ok(ctx) || fputs(text, stdout) >= 0;
    tn__free(ctx, text);
    return written ? tn_error_status(ctx)
                   : tn_fail(ctx, TN_ERR_FILE, "print_summary: standard output cannot be written");
}

/* ---- of a shape ------------------------------------------------------------------------------ */

static tn_tensor *zeros(tn_ctx *ctx, const tn_module *module, int ndim, const int64_t *shape)
{
    const tn_tensor *first = tn_parameter(module, 0, NULL, 0);
    if (!module)
        tn_fail(ctx, TN_ERR_ARGUMENT, "summary: the module is NULL");
    return tn_zeros(ctx, first ? tn_dtype_of(first) : TN_F32, ndim, shape);
}

/* A network that begins with integers refuses zeros of the dtype of its parameters: then the error
 * names the function that takes an example. */
static tn_text advice_of(const tn_tensor *x, const char *other)
{
    tn_text text;
    snprintf(text.s, sizeof text.s, "it ran on zeros of %s, %s takes another input",
             tn_dtype_name(tn_dtype_of(x)), other);
    return text;
}

int64_t tn_summary(tn_ctx *ctx, tn_module *module, int ndim, const int64_t *shape, char *buffer,
                   size_t size)
{
    int64_t length = TN_ERR_ARGUMENT;
    tn_scope scope = tn_scope_begin(ctx);
    const tn_tensor *x = zeros(ctx, module, ndim, shape);
    if (x) {
        tn_text advice = advice_of(x, "tn_summary_of");
        ctx->failure->advice = advice.s;
        length = tn_summary_of(ctx, module, 1, &x, (tn_summary_opts){0}, buffer, size);
        ctx->failure->advice = NULL;
    }
    if (scope.depth >= 0)
        tn_scope_end(ctx, scope);
    return tn_ok(ctx) ? length : tn_error_status(ctx);
}

tn_status tn_print_summary(tn_ctx *ctx, tn_module *module, int ndim, const int64_t *shape)
{
    tn_scope scope = tn_scope_begin(ctx);
    const tn_tensor *x = zeros(ctx, module, ndim, shape);
    if (x) {
        tn_text advice = advice_of(x, "tn_print_summary_of");
        ctx->failure->advice = advice.s;
        tn_print_summary_of(ctx, module, 1, &x, (tn_summary_opts){0});
        ctx->failure->advice = NULL;
    }
    if (scope.depth >= 0)
        tn_scope_end(ctx, scope);
    return tn_error_status(ctx);
}
