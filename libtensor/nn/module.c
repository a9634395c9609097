/* module.c - modules: parameters, buffers and children by name, in the order they were added. */
#include <stdio.h>
#include <string.h>
#include <tn/autograd.h>
#include "autograd/tape.h"
#include "base/index.h"
#include "base/memory.h"
#include "base/object.h"
#include "dict/dict.h"
#include "nn/nn.h"
#include "tensor/dtype.h"
#include "tensor/scope.h"
#include "tensor/tensor.h"

typedef struct entry {
    char *name;
    tn_tensor *tensor; /* a parameter or a buffer, */
    bool is_buffer;
    tn_module *child; /* or a child */
} entry;

struct tn_module {
    tn__object object;
    const tn_module_type *type;
    tn_module *parent;
    entry *entries;
    int64_t n_entries, capacity;
    tn__index index; /* of their names */
    void *state;
    tn_rng_state rng; /* when it was made */
    bool evaluating;
    tn__watch *watch; /* called after forward; NULL mostly */
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
    tn__release(e->tensor);
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
    tn__index_free(ctx, &module->index);
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
void tn__module_discard(tn_ctx *ctx, tn_module *module, tn_module *const *children, int64_t count)
{
    tn_module mark = {0};
    for (int64_t i = 0; i < count; i++)
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
    module->rng = tn_get_rng_state(ctx);
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

static entry *append(tn_ctx *ctx, tn_module *module, const char *name, uint64_t hash)
{
    int64_t i = module->n_entries;
    if (!tn__reserve(ctx, &module->entries, &module->capacity, i + 1, sizeof(entry)) ||
        !tn__index_reserve(ctx, &module->index, i + 1))
        return NULL;
    module->entries[i] = (entry){.name = tn__strdup(ctx, name)};
    if (!module->entries[i].name)
        return NULL;
    tn__index_add(&module->index, hash, i);
    module->n_entries++;
    return &module->entries[i];
}

/* Adds an entry and takes a copy of its name; NULL with an error if the name will not do. */
static entry *add_entry(tn_ctx *ctx, tn_module *module, const char *what, const char *name)
{
    if (!module || !name || !name[0] || strchr(name, '.') || module->object.ctx != ctx) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: %s", what,
                !module                     ? "the module is NULL"
                : module->object.ctx != ctx ? "the module belongs to another context"
                                            : "a name is a text without dots");
        return NULL;
    }
    uint64_t hash = tn__hash(ctx, name);
    if (tn__index_find(&module->index, module->entries, sizeof(entry), name, hash) < 0)
        return append(ctx, module, name, hash);
    tn_fail(ctx, TN_ERR_ARGUMENT, "%s: %s has a %s already", what, module->type->name, name);
    return NULL;
}

/* Takes t out of its scope and makes it an entry. */
static tn_tensor *add_tensor(tn_ctx *ctx, tn_module *module, const char *what, const char *name,
                             tn_tensor *t, bool is_buffer)
{
    if (t->scope < 0 || t->ctx != ctx) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: %s belongs to %s", what, name ? name : "the tensor",
                t->ctx != ctx ? "another context" : "something else already");
        return NULL;
    }
    entry *e = add_entry(ctx, module, what, name);
    if (!e)
        return NULL;
    tn__disown(t);
    e->tensor = t;
    e->is_buffer = is_buffer;
    return t;
}

static void drop_var(tn_tensor *t)
{
    tn__var_release(t->var);
    t->var = NULL;
}

tn_tensor *tn_add_parameter(tn_ctx *ctx, tn_module *module, const char *name, tn_tensor *t)
{
    bool required = tn_requires_grad(t);
    if (!tn_check_float(ctx, "add_parameter", "tensor", t) ||
        tn_set_requires_grad(ctx, t, true) != TN_OK)
        return NULL;
    tn_tensor *added = add_tensor(ctx, module, "add_parameter", name, t, false);
    if (!added && !required)
        drop_var(t);
    return added;
}

tn_tensor *tn_add_buffer(tn_ctx *ctx, tn_module *module, const char *name, tn_tensor *t)
{
    if (!tn_check_input(ctx, "add_buffer", "tensor", t))
        return NULL;
    if (t->var) {
        tn_fail(ctx, TN_ERR_STATE, "add_buffer: %s requires a gradient",
                name ? name : "the tensor");
        return NULL;
    }
    return add_tensor(ctx, module, "add_buffer", name, t, true);
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
    const char *reason = !child                     ? "is NULL"
                         : child->parent            ? "is part of a module already"
                         : child->object.ctx != ctx ? "belongs to another context"
                         : contains(child, module)  ? "contains the module"
                                                    : NULL;
    if (reason)
        return tn_fail(ctx, TN_ERR_ARGUMENT, "add_child: child %s of %s %s", name ? name : "NULL",
                       module ? module->type->name : "NULL", reason);
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

tn_module *tn__next_child(const tn_module *module, int64_t *at)
{
    while (*at < module->n_entries) {
        tn_module *child = module->entries[(*at)++].child;
        if (child)
            return child;
    }
    return NULL;
}

void tn__set_watch(tn_module *module, tn__watch *watch)
{
    module->watch = watch;
    for (int64_t i = 0; i < module->n_entries; i++)
        if (module->entries[i].child)
            tn__set_watch(module->entries[i].child, watch);
}

tn__watch *tn__get_watch(const tn_module *module)
{
    return module->watch;
}

void tn__full_name(const tn_module *root, const tn_module *module, char *name, size_t size)
{
    const tn_module *parent = module->parent;
    if (module == root || !parent) {
        snprintf(name, size, "%s", "");
        return;
    }
    tn__full_name(root, parent, name, size);
    size_t used = strlen(name);
    for (int64_t i = 0; i < parent->n_entries; i++)
        if (parent->entries[i].child == module)
            snprintf(name + used, size - used, "%s%s", used ? "." : "", parent->entries[i].name);
}

const tn_module_type *tn__module_type(const tn_module *module)
{
    return module->type;
}

tn_rng_state tn__module_rng(const tn_module *module)
{
    return module->rng;
}

/* ---- training and evaluation ----------------------------------------------------------------- */

void tn_train(tn_module *module, bool training)
{
    if (!module)
        return;
    module->evaluating = !training;
    for (int64_t i = 0; i < module->n_entries; i++)
        tn_train(module->entries[i].child, training);
}

/* A module that is watched runs as in evaluation. */
bool tn_is_training(const tn_module *module)
{
    return module && !module->evaluating && !module->watch;
}

/* ---- parameters and buffers ------------------------------------------------------------------ */

static bool holds(const entry *e, bool buffers)
{
    return e->tensor && e->is_buffer == buffers;
}

/* A module's own tensors come before its children's, as in PyTorch. */
static tn_tensor *find(const tn_module *module, bool buffers, int64_t *i, char *name, size_t size)
{
    for (int64_t j = 0; j < module->n_entries; j++) {
        const entry *e = &module->entries[j];
        if (holds(e, buffers) && (*i)-- == 0) {
            snprintf(name, size, "%s", e->name);
            return e->tensor;
        }
    }
    for (int64_t j = 0; j < module->n_entries; j++) {
        const entry *e = &module->entries[j];
        if (!e->child)
            continue;
        int length = snprintf(name, size, "%s.", e->name);
        size_t used = (size_t)length < size ? (size_t)length : size;
        tn_tensor *t = find(e->child, buffers, i, size ? name + used : NULL, size - used);
        if (t)
            return t;
    }
    return NULL;
}

static int64_t count(const tn_module *module, bool buffers)
{
    int64_t n = 0;
    for (int64_t i = 0; module && i < module->n_entries; i++)
        n += holds(&module->entries[i], buffers) + count(module->entries[i].child, buffers);
    return n;
}

static tn_tensor *named(const tn_module *module, bool buffers, const char *name)
{
    const char *dot = name ? strchr(name, '.') : NULL;
    for (int64_t i = 0; module && name && i < module->n_entries; i++) {
        const entry *e = &module->entries[i];
        if (!dot && holds(e, buffers) && strcmp(e->name, name) == 0)
            return e->tensor;
        if (dot && e->child && strlen(e->name) == (size_t)(dot - name) &&
            strncmp(e->name, name, (size_t)(dot - name)) == 0)
            return named(e->child, buffers, dot + 1);
    }
    return NULL;
}

tn_tensor *tn_parameter(const tn_module *module, int64_t i, char *name, size_t size)
{
    return module && i >= 0 ? find(module, false, &i, name, name ? size : 0) : NULL;
}

tn_tensor *tn_buffer(const tn_module *module, int64_t i, char *name, size_t size)
{
    return module && i >= 0 ? find(module, true, &i, name, name ? size : 0) : NULL;
}

/* What is called for each tensor, with the name so far: `used` bytes of it. */
typedef struct walk {
    bool buffers;
    tn__visit visit;
    void *payload;
    char name[TN__NAME_SIZE];
} walk;

static void walk_over(walk *w, const tn_module *module, size_t used)
{
    for (int64_t i = 0; i < module->n_entries; i++) {
        const entry *e = &module->entries[i];
        if (!holds(e, w->buffers))
            continue;
        snprintf(w->name + used, sizeof w->name - used, "%s", e->name);
        w->visit(w->payload, e->tensor, w->name);
    }
    for (int64_t i = 0; i < module->n_entries; i++) {
        const entry *e = &module->entries[i];
        if (!e->child)
            continue;
        snprintf(w->name + used, sizeof w->name - used, "%s.", e->name);
        walk_over(w, e->child, used + strlen(w->name + used));
    }
}

void tn__each_tensor(const tn_module *module, bool buffers, tn__visit visit, void *payload)
{
    walk w = {.buffers = buffers, .visit = visit, .payload = payload};
    if (module)
        walk_over(&w, module, 0);
}

static void put_in_list(void *payload, tn_tensor *t, const char *name)
{
    tn_tensor ***next = payload;
    (void)name;
    *(*next)++ = t;
}

int64_t tn__list_tensors(const tn_module *module, bool buffers, tn_tensor **list)
{
    tn_tensor **next = list;
    tn__each_tensor(module, buffers, put_in_list, &next);
    return next - list;
}

tn_tensor *tn__next_buffer(const tn_module *module, int64_t *at)
{
    while (*at < module->n_entries) {
        const entry *e = &module->entries[(*at)++];
        if (holds(e, true))
            return e->tensor;
    }
    return NULL;
}

int64_t tn_parameter_count(const tn_module *module)
{
    return count(module, false);
}

int64_t tn_buffer_count(const tn_module *module)
{
    return count(module, true);
}

tn_tensor *tn_parameter_named(const tn_module *module, const char *name)
{
    return named(module, false, name);
}

tn_tensor *tn_buffer_named(const tn_module *module, const char *name)
{
    return named(module, true, name);
}

static void add_own_state(tn_dict *dict, const char *prefix, const tn_module *module, bool buffers)
{
    for (int64_t i = 0; i < module->n_entries; i++)
        if (holds(&module->entries[i], buffers))
            tn__dict_set_in(dict, prefix, module->entries[i].name, module->entries[i].tensor);
}

void tn__add_state(tn_dict *dict, const char *prefix, const tn_module *module)
{
    tn_ctx *ctx = tn__dict_ctx(dict);
    add_own_state(dict, prefix, module, false);
    add_own_state(dict, prefix, module, true);
    for (int64_t i = 0; tn_ok(ctx) && i < module->n_entries; i++) {
        const entry *e = &module->entries[i];
        char *inner = e->child ? tn__concat(ctx, prefix, e->name, ".") : NULL;
        if (inner)
            tn__add_state(dict, inner, e->child);
        tn__free(ctx, inner);
    }
}

int64_t tn__own_numel(const tn_module *module)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < module->n_entries; i++)
        if (holds(&module->entries[i], false))
            sum += tn_numel(module->entries[i].tensor);
    return sum;
}

int64_t tn_parameter_numel(const tn_module *module)
{
    int64_t sum = module ? tn__own_numel(module) : 0;
    for (int64_t i = 0; module && i < module->n_entries; i++)
        sum += tn_parameter_numel(module->entries[i].child);
    return sum;
}

/* All or none of them: those that were frozen are noted. */
static void thaw(tn_ctx *ctx, const tn_module *module)
{
    int64_t thawed = 0;
    tn_tensor **list = tn__alloc(ctx, (size_t)tn_parameter_count(module) * sizeof *list);
    int64_t count = list ? tn__list_tensors(module, false, list) : 0;
    for (int64_t i = 0; tn_ok(ctx) && i < count; i++)
        if (!list[i]->var && tn_set_requires_grad(ctx, list[i], true) == TN_OK)
            list[thawed++] = list[i];
    while (!tn_ok(ctx) && thawed > 0)
        drop_var(list[--thawed]);
    tn__free(ctx, list);
}

static void freeze(void *payload, tn_tensor *t, const char *name)
{
    (void)payload, (void)name;
    drop_var(t);
}

tn_status tn_freeze(tn_ctx *ctx, tn_module *module, bool frozen)
{
    if (!tn_ok(ctx))
        return tn_error_status(ctx);
    if (!module)
        return tn_fail(ctx, TN_ERR_ARGUMENT, "freeze: the module is NULL");
    if (frozen)
        tn__each_tensor(module, false, freeze, NULL);
    else
        thaw(ctx, module);
    return tn_error_status(ctx);
}

/* ---- conversion ------------------------------------------------------------------------------ */

/* A tensor of a module and what it becomes; y is NULL if it stays. */
typedef struct conversion {
    tn_tensor *t, *y;
    tn__var *var; /* NULL: it is frozen, and stays so */
} conversion;

static void prepare(tn_ctx *ctx, conversion *c, tn_dtype dtype)
{
    const tn_tensor *t = c->t;
    if (t->dtype == dtype || !tn__is_float(t->dtype))
        return;
    const tn_tensor *plain = tn_detach(ctx, t);
    c->y = plain ? tn_cast(ctx, plain, dtype) : NULL;
    c->var = c->y && t->var ? tn__var_new(ctx, c->y) : NULL;
}

/* The tensor object stays, so that whoever refers to it sees the conversion. */
static void convert(const conversion *c)
{
    tn_tensor *t = c->t, *y = c->y;
    tn__storage *storage = t->storage;
    tn__var_release(t->var);
    t->var = c->var;
    t->dtype = y->dtype;
    t->offset = 0;
    memcpy(t->strides, y->strides, sizeof t->strides);
    t->storage = y->storage;
    y->storage = storage;
}

static void put_conversion(void *payload, tn_tensor *t, const char *name)
{
    conversion **next = payload;
    (void)name;
    (*next)++->t = t;
}

/* Everything that can fail comes before the first change. */
static void convert_all(tn_ctx *ctx, conversion *list, const tn_module *module, tn_dtype dtype)
{
    conversion *next = list;
    tn__each_tensor(module, false, put_conversion, &next);
    tn__each_tensor(module, true, put_conversion, &next);
    int64_t count = next - list;
    for (int64_t i = 0; tn_ok(ctx) && i < count; i++)
        prepare(ctx, &list[i], dtype);
    for (int64_t i = 0; i < count; i++)
        if (!tn_ok(ctx))
            tn__var_release(list[i].var);
        else if (list[i].y)
            convert(&list[i]);
        else
            tn_clear_grad(list[i].t);
}

tn_status tn_module_to(tn_ctx *ctx, tn_module *module, tn_dtype dtype)
{
    if (!tn_ok(ctx))
        return tn_error_status(ctx);
    if (!module || module->object.ctx != ctx)
        return tn_fail(ctx, TN_ERR_ARGUMENT, "module_to: the module %s",
                       module ? "belongs to another context" : "is NULL");
    if (!tn__is_float(dtype))
        return tn_fail(ctx, TN_ERR_DTYPE, "module_to: parameters are f32 or f64");
    tn_scope scope = tn_scope_begin(ctx);
    int64_t count = tn_parameter_count(module) + tn_buffer_count(module);
    conversion *list = tn__alloc_zeroed(ctx, (size_t)count * sizeof *list);
    if (list)
        convert_all(ctx, list, module, dtype);
    tn__free(ctx, list);
    tn_scope_end(ctx, scope);
    return tn_error_status(ctx);
}
