/* module.c - modules: parameters and children by name, in the order they were added. */
#include <stdio.h>
#include <string.h>
#include "core/core.h"
#include "nn/nn.h"

typedef struct entry {
    char *name;
    tn_tensor *parameter; /* one of the two */
    tn_module *child;
} entry;

struct tn_module {
    tn__object object;
    const tn_module_type *type;
    tn_module *parent;
    entry *entries;
    int64_t n_entries, capacity;
    void *state;
};

static void free_object(tn__object *object)
{
    tn_module *module = (tn_module *)(void *)object;
    while (module->parent) /* the root frees its children */
        module = module->parent;
    tn_module_free(module);
}

static void free_entry(tn_ctx *ctx, entry *e)
{
    tn__free(ctx, e->name);
    tn__release(e->parameter);
    if (e->child)
        e->child->parent = NULL;
    tn_module_free(e->child);
}

static void leave_parent(tn_module *module)
{
    tn_module *parent = module->parent;
    for (int64_t i = 0; parent && i < parent->n_entries; i++)
        if (parent->entries[i].child == module)
            parent->entries[i].child = NULL;
}

void tn_module_free(tn_module *module)
{
    if (!module)
        return;
    tn_ctx *ctx = module->object.ctx;
    leave_parent(module);
    tn__object_remove(&module->object);
    for (int64_t i = 0; i < module->n_entries; i++)
        free_entry(ctx, &module->entries[i]);
    tn__free(ctx, module->entries);
    tn__free(ctx, module->state);
    tn__free(ctx, module);
}

static tn_module *find_child(const tn_ctx *ctx, const tn_module *parent)
{
    for (tn__object *o = ctx->objects; o; o = o->next)
        if (o->free == free_object && ((tn_module *)(void *)o)->parent == parent)
            return (tn_module *)(void *)o;
    return NULL;
}

/* The modules are marked before any is freed, as they may be listed twice or contain each other. */
void tn__module_discard(tn_ctx *ctx, tn_module *module, tn_module *const *children, int count)
{
    tn_module mark = {0};
    for (int i = 0; i < count; i++)
        if (children[i] && !children[i]->parent)
            children[i]->parent = &mark;
    tn_module_free(module);
    for (tn_module *child; (child = find_child(ctx, &mark));)
        tn_module_free(child);
}

tn_module *tn_module_new(tn_ctx *ctx, const tn_module_type *type, size_t size)
{
    if (!tn_ok(ctx))
        return NULL;
    if (!type || !type->name || !type->forward) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "module_new: the type has no name or no forward");
        return NULL;
    }
    tn_module *module = tn__alloc_zeroed(ctx, sizeof *module);
    if (!module)
        return NULL;
    tn__object_add(ctx, &module->object, free_object);
    module->type = type;
    module->state = size ? tn__alloc_zeroed(ctx, size) : NULL;
    if (size && !module->state) {
        tn_module_free(module);
        return NULL;
    }
    return module;
}

void *tn_module_state(const tn_module *module)
{
    return module ? module->state : NULL;
}

const char *tn_module_name(const tn_module *module)
{
    return module ? module->type->name : "";
}

/* Adds an entry and takes a copy of its name; NULL with an error if the name will not do. */
static entry *add_entry(tn_ctx *ctx, tn_module *module, const char *what, const char *name)
{
    if (!module || !name || !name[0] || strchr(name, '.')) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: %s", what,
                !module ? "the module is NULL" : "a name is a text without dots");
        return NULL;
    }
    for (int64_t i = 0; i < module->n_entries; i++)
        if (strcmp(module->entries[i].name, name) == 0) {
            tn_fail(ctx, TN_ERR_ARGUMENT, "%s: %s has a %s already", what, module->type->name,
                    name);
            return NULL;
        }
    if (!tn__reserve(ctx, &module->entries, &module->capacity, module->n_entries + 1,
                     sizeof *module->entries))
        return NULL;
    entry *e = &module->entries[module->n_entries];
    *e = (entry){.name = tn__strdup(ctx, name)};
    if (!e->name)
        return NULL;
    module->n_entries++;
    return e;
}

tn_tensor *tn_add_parameter(tn_ctx *ctx, tn_module *module, const char *name, tn_tensor *t)
{
    if (!tn_check_float(ctx, "add_parameter", "tensor", t) ||
        tn_set_requires_grad(ctx, t, true) != TN_OK)
        return NULL;
    if (t->scope < 0) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "add_parameter: %s belongs to something else already",
                name ? name : "the tensor");
        return NULL;
    }
    entry *e = add_entry(ctx, module, "add_parameter", name);
    if (!e)
        return NULL;
    tn__disown(t);
    e->parameter = t;
    return t;
}

static bool contains(const tn_module *outer, const tn_module *module)
{
    while (module && module != outer)
        module = module->parent;
    return module != NULL;
}

tn_status tn_add_child(tn_ctx *ctx, tn_module *module, const char *name, tn_module *child)
{
    if (!tn_ok(ctx))
        return tn_error_status(ctx);
    if (!child || child->parent)
        return tn_fail(ctx, TN_ERR_ARGUMENT, "add_child: the child is %s",
                       child ? "part of a module already" : "NULL");
    if (contains(child, module))
        return tn_fail(ctx, TN_ERR_ARGUMENT, "add_child: the child contains the module");
    entry *e = add_entry(ctx, module, "add_child", name);
    if (!e)
        return tn_error_status(ctx);
    e->child = child;
    child->parent = module;
    return TN_OK;
}

tn_module *tn_child(const tn_module *module, int i)
{
    for (int64_t j = 0; module && j < module->n_entries; j++)
        if (module->entries[j].child && i-- == 0)
            return module->entries[j].child;
    return NULL;
}

tn_tensor *tn_forward(tn_ctx *ctx, tn_module *module, const tn_tensor *x)
{
    if (!tn_ok(ctx))
        return NULL;
    if (!module) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "forward: the module is NULL");
        return NULL;
    }
    if (!tn_check_input(ctx, module->type->name, "input", x))
        return NULL;
    return module->type->forward(ctx, module, x);
}

/* ---- parameters -------------------------------------------------------------------------------
 */

/* A module's own parameters come before those of its children, as in PyTorch. */
static tn_tensor *find(const tn_module *module, int64_t *i, char *name, size_t size)
{
    for (int64_t j = 0; j < module->n_entries; j++) {
        const entry *e = &module->entries[j];
        if (e->parameter && (*i)-- == 0) {
            snprintf(name, size, "%s", e->name);
            return e->parameter;
        }
    }
    for (int64_t j = 0; j < module->n_entries; j++) {
        const entry *e = &module->entries[j];
        if (!e->child)
            continue;
        int length = snprintf(name, size, "%s.", e->name);
        size_t used = (size_t)length < size ? (size_t)length : size;
        tn_tensor *t = find(e->child, i, size ? name + used : NULL, size - used);
        if (t)
            return t;
    }
    return NULL;
}

tn_tensor *tn_parameter(const tn_module *module, int64_t i, char *name, size_t size)
{
    return module && i >= 0 ? find(module, &i, name, name ? size : 0) : NULL;
}

int64_t tn_parameter_count(const tn_module *module)
{
    int64_t count = 0;
    for (int64_t i = 0; module && i < module->n_entries; i++)
        count += module->entries[i].parameter ? 1 : tn_parameter_count(module->entries[i].child);
    return count;
}

tn_tensor *tn_parameter_named(const tn_module *module, const char *name)
{
    const char *dot = name ? strchr(name, '.') : NULL;
    for (int64_t i = 0; module && name && i < module->n_entries; i++) {
        const entry *e = &module->entries[i];
        if (!dot && e->parameter && strcmp(e->name, name) == 0)
            return e->parameter;
        if (dot && e->child && strlen(e->name) == (size_t)(dot - name) &&
            strncmp(e->name, name, (size_t)(dot - name)) == 0)
            return tn_parameter_named(e->child, dot + 1);
    }
    return NULL;
}

int64_t tn_parameter_numel(const tn_module *module)
{
    int64_t sum = 0;
    for (int64_t i = 0; module && i < module->n_entries; i++)
        sum += module->entries[i].parameter ? tn_numel(module->entries[i].parameter)
                                            : tn_parameter_numel(module->entries[i].child);
    return sum;
}

/* The tensor object stays, so that whoever refers to it sees the conversion; one that is frozen
 * stays frozen. */
static void convert(tn_ctx *ctx, tn_tensor *t, tn_dtype dtype)
{
    tn_tensor *plain = tn_detach(ctx, t);
    tn_tensor *y = plain ? tn_cast(ctx, plain, dtype) : NULL;
    tn__var *var = y && t->var ? tn__var_new(ctx, y) : NULL;
    if (!tn_ok(ctx))
        return;
    tn__var_release(t->var);
    t->var = var;
    t->dtype = dtype;
    t->offset = 0;
    memcpy(t->strides, y->strides, sizeof t->strides);
    tn__storage *storage = t->storage;
    t->storage = y->storage;
    y->storage = storage;
}

tn_status tn_module_to(tn_ctx *ctx, tn_module *module, tn_dtype dtype)
{
    if (!tn_ok(ctx))
        return tn_error_status(ctx);
    if (!module || !tn__is_float(dtype))
        return tn_fail(ctx, module ? TN_ERR_DTYPE : TN_ERR_ARGUMENT, "module_to: %s",
                       module ? "parameters are f32 or f64" : "the module is NULL");
    tn_scope scope = tn_scope_begin(ctx);
    int64_t count = tn_parameter_count(module);
    for (int64_t i = 0; tn_ok(ctx) && i < count; i++) {
        tn_tensor *t = tn_parameter(module, i, NULL, 0);
        if (t->dtype != dtype)
            convert(ctx, t, dtype);
        else
            tn_clear_grad(t);
    }
    tn_scope_end(ctx, scope);
    return tn_error_status(ctx);
}
