/* state_dict.c - a module's parameters and buffers as a dictionary, and back. */
#include <stdlib.h>
#include <string.h>
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "dict/dict.h"
#include "nn/nn.h"
#include "tensor/change.h"
#include "tensor/copy.h"
#include "tensor/shape.h"
#include "tensor/tensor.h"

tn_dict *tn_state_dict(tn_ctx *ctx, const tn_module *module)
{
    if (tn_ok(ctx) && !module)
        tn_fail(ctx, TN_ERR_ARGUMENT, "state_dict: the module is NULL");
    tn_dict *dict = tn_dict_new(ctx);
    if (!dict)
        return NULL;
    tn__add_state(dict, "", module);
    if (tn_ok(ctx))
        return dict;
    tn_dict_free(dict);
    return NULL;
}

/* ---- comparing ------------------------------------------------------------------------------- */

/* The names that one list of an error message shows. */
#define MAX_SHOWN 4

static bool fits(const tn_tensor *t, const tn_tensor *other)
{
    return t->dtype == other->dtype && tn__same_shape(t, other);
}

/* Batch norms of PyTorch before 0.4.1 did not count their batches: a dictionary that has their mean
 * without the count misses nothing, and the count stays as it is. */
static bool is_newer_count(const tn__state_load *load, const char *name)
{
    static const char count[] = "num_batches_tracked", mean[] = "running_mean";
    size_t length = strlen(name), prefix = length - (sizeof count - 1);
    if (length < sizeof count - 1 || strcmp(name + prefix, count) != 0 ||
        (prefix > 0 && name[prefix - 1] != '.'))
        return false;
    char *other = tn__strdup(tn__dict_ctx(load->dict), name);
    if (other)
        memcpy(other + prefix, mean, sizeof mean);
    bool found = other && tn_dict_get(load->state, other) && tn_dict_get(load->dict, other);
    tn__free(tn__dict_ctx(load->dict), other);
    return found;
}

static void compare(const tn__state_load *load, const tn_load_report *report)
{
    for (int64_t i = 0; i < tn_dict_count(load->state); i++) {
        const char *name = tn_dict_name(load->state, i);
        const tn_tensor *t = tn_dict_at(load->state, i), *other = tn_dict_get(load->dict, name);
        if (!other && !is_newer_count(load, name))
            tn_dict_set(report->missing, name, t);
        else if (other && !fits(t, other))
            tn_dict_set(report->mismatched, name, other);
    }
    for (int64_t i = 0; i < tn_dict_count(load->dict); i++) {
        const char *name = tn_dict_name(load->dict, i);
        if (!tn_dict_get(load->state, name))
            tn_dict_set(report->unexpected, name, tn_dict_at(load->dict, i));
    }
}

/* "; missing 0.weight, 0.bias and 3 more" */
static void list_names(tn__text *text, const char *title, const tn_dict *dict)
{
    int64_t count = tn_dict_count(dict);
    for (int64_t i = 0; i < count && i < MAX_SHOWN; i++)
        tn__append(text, "%s%.60s", i ? ", " : title, tn_dict_name(dict, i));
    if (count > MAX_SHOWN)
        tn__append(text, " and %lld more", (long long)(count - MAX_SHOWN));
}

static void list_mismatched(tn__text *text, const tn_dict *dict, const tn_dict *state)
{
    int64_t count = tn_dict_count(dict);
    for (int64_t i = 0; i < count && i < MAX_SHOWN; i++) {
        const char *name = tn_dict_name(dict, i);
        const tn_tensor *t = tn_dict_at(dict, i), *here = tn_dict_get(state, name);
        tn__append(text, "%s%.60s is %s %s", i ? ", " : "; ", name, tn_dtype_name(t->dtype),
                   TN_SHAPE_TEXT(t));
        tn__append(text, " but %s %s here", tn_dtype_name(here->dtype), TN_SHAPE_TEXT(here));
    }
    if (count > MAX_SHOWN)
        tn__append(text, " and %lld more", (long long)(count - MAX_SHOWN));
}

static bool has_other_shape(const tn_dict *dict, const tn_dict *state)
{
    for (int64_t i = 0; i < tn_dict_count(dict); i++)
        if (!tn__same_shape(tn_dict_at(dict, i), tn_dict_get(state, tn_dict_name(dict, i))))
            return true;
    return false;
}

/* The first two bytes of the lists are "; ". */
static bool fail(tn_ctx *ctx, const char *what, const tn__state_load *load, const tn_load_report *r,
                 tn_load_opts opts)
{
    char lists[TN_ERROR_SIZE] = "";
    tn__text text = {lists, sizeof lists, 0};
    bool names = !opts.lenient && (tn_dict_count(r->missing) || tn_dict_count(r->unexpected));
    list_mismatched(&text, r->mismatched, load->state);
    if (names) {
        list_names(&text, "; missing ", r->missing);
        list_names(&text, "; unexpected ", r->unexpected);
    }
    if (names && opts.prefix && tn_dict_count(load->dict) == 0)
        tn__append(&text, "; no name begins with %.60s", opts.prefix);
    tn_fail(ctx, names || has_other_shape(r->mismatched, load->state) ? TN_ERR_SHAPE : TN_ERR_DTYPE,
            "%s: %s", what, lists + 2);
    return false;
}

static void free_report(tn_load_report *report)
{
    tn_dict_free(report->missing);
    tn_dict_free(report->unexpected);
    tn_dict_free(report->mismatched);
    *report = (tn_load_report){0};
}

static bool check(const tn__state_load *load, tn_ctx *ctx, const char *what, tn_load_opts opts)
{
    tn_load_report r = {tn_dict_new(ctx), tn_dict_new(ctx), tn_dict_new(ctx)};
    if (r.mismatched)
        compare(load, &r);
    bool ok = tn_ok(ctx);
    if (ok && (tn_dict_count(r.mismatched) ||
               (!opts.lenient && (tn_dict_count(r.missing) || tn_dict_count(r.unexpected)))))
        ok = fail(ctx, what, load, &r, opts);
    if (opts.report && tn_error_status(ctx) != TN_ERR_MEMORY)
        *opts.report = r;
    else
        free_report(&r);
    return ok;
}

/* ---- copying --------------------------------------------------------------------------------- */

static int compare_addresses(const void *a, const void *b)
{
    const tn__storage *const *p = a, *const *q = b;
    return (*p > *q) - (*p < *q);
}

/* The storages of the module's tensors by their addresses, to be freed. */
static const tn__storage **sort_storages(const tn__state_load *load, tn_ctx *ctx)
{
    int64_t count = tn_dict_count(load->state);
    const tn__storage **storages = tn__alloc(ctx, (size_t)(count + 1) * sizeof *storages);
    for (int64_t i = 0; storages && i < count; i++)
        storages[i] = tn_dict_at(load->state, i)->storage;
    if (storages)
        qsort(storages, (size_t)count, sizeof *storages, compare_addresses);
    return storages;
}

/* What lies in the module's own memory is copied before any of it changes. */
static void separate(const tn__state_load *load, tn_ctx *ctx)
{
    int64_t count = tn_dict_count(load->state);
    const tn__storage **storages = sort_storages(load, ctx);
    for (int64_t i = 0; storages && i < count; i++) {
        const char *name = tn_dict_name(load->state, i);
        const tn_tensor *t = tn_dict_get(load->dict, name);
        if (!t ||
            !bsearch(&t->storage, storages, (size_t)count, sizeof *storages, compare_addresses))
            continue;
        tn_tensor *copy = tn__new(ctx, "load_state_dict", t->dtype, t->ndim, t->shape);
        if (copy) {
            tn__copy(ctx, copy, t);
            tn_dict_set(load->dict, name, copy);
        }
        tn_free(copy);
    }
    tn__free(ctx, storages);
}

static bool check_arguments(tn_ctx *ctx, const char *what, const tn_module *module,
                            const tn_dict *dict)
{
    if (tn_ok(ctx) && (!module || !dict))
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: the %s is NULL", what, module ? "dictionary" : "module");
    return tn_ok(ctx);
}

bool tn__state_begin(tn__state_load *load, tn_ctx *ctx, const char *what, const tn_module *module,
                     const tn_dict *dict, tn_load_opts opts)
{
    *load = (tn__state_load){0};
    if (opts.report)
        *opts.report = (tn_load_report){0};
    if (!check_arguments(ctx, what, module, dict))
        return false;
    load->state = tn_state_dict(ctx, module);
    load->dict = tn_dict_select(dict, opts.prefix);
    if (!load->dict || !check(load, ctx, what, opts))
        return false;
    separate(load, ctx);
    return tn_ok(ctx);
}

void tn__state_apply(const tn__state_load *load)
{
    for (int64_t i = 0; i < tn_dict_count(load->state); i++) {
        tn_tensor *t = tn_dict_at(load->state, i);
        const tn_tensor *from = tn_dict_get(load->dict, tn_dict_name(load->state, i));
        if (!from)
            continue;
        tn__count_change(t->ctx, t);
        tn__copy(t->ctx, t, from);
    }
}

void tn__state_end(tn__state_load *load)
{
    tn_dict_free(load->state);
    tn_dict_free(load->dict);
}

tn_status tn_load_state_dict(tn_ctx *ctx, tn_module *module, const tn_dict *dict, tn_load_opts opts)
{
    tn__state_load load;
    if (tn__state_begin(&load, ctx, "load_state_dict", module, dict, opts))
        tn__state_apply(&load);
    tn__state_end(&load);
    return tn_error_status(ctx);
}
