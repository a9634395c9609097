/* calls_objects.c - calls of nn.h, optim.h, data.h, dict.h and io.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "calls.h"

/* ---- modules --------------------------------------------------------------------------------- */

static tn_tensor *forward_square(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    return tn_mul(ctx, tn_square(ctx, x), tn_parameter(self, 0, NULL, 0));
}

static int64_t multiply_adds_of_square(const tn_module *self, const tn_tensor *x,
                                       const tn_tensor *y)
{
    (void)self, (void)x;
    return tn_numel(y);
}

static const tn_module_type square_type = {"Square", forward_square, multiply_adds_of_square};

static tn_module *layer(machine *m)
{
    uint8_t kind = take(m);
    int64_t a = size_of(m), b = size_of(m);
    switch (kind % 14) {
    case 0:
        return tn_nn_linear(m->ctx, a, b);
    case 1:
        return tn_nn_linear_nobias(m->ctx, a, b);
    case 2:
        return tn_nn_conv2d(m->ctx, a, b, 1 + take(m) % 3, (tn_conv2d_opts){.padding = option(m)});
    case 3:
        return tn_nn_conv2d_nobias(m->ctx, a, b, option(m),
                                   (tn_conv2d_opts){.groups = option(m), .kernel_w = option(m)});
    case 4:
        return tn_nn_batch_norm2d(m->ctx, a, (tn_batch_norm_opts){0});
    case 5:
        return tn_nn_max_pool2d(m->ctx, a, (tn_pool2d_opts){.stride = option(m)});
    case 6:
        return tn_nn_avg_pool2d(m->ctx, a, (tn_pool2d_opts){.padding = option(m)});
    case 7:
        return tn_nn_adaptive_avg_pool2d(m->ctx, a, b);
    case 8:
        return tn_nn_dropout(m->ctx, number(m));
    case 9:
        return tn_nn_flatten(m->ctx);
    case 10:
        return (take(m) % 2 ? tn_nn_relu : tn_nn_gelu)(m->ctx);
    case 11:
        return (take(m) % 2 ? tn_nn_sigmoid : tn_nn_tanh)(m->ctx);
    case 12:
        return tn_nn_leaky_relu(m->ctx, number(m));
    default:
        return tn_module_new(m->ctx, &square_type, take(m) % 9);
    }
}

/* What a place held is freed, with the optimisers, which may refer to it. */
static void put_module(machine *m, tn_module *module)
{
    int at = take(m) % OBJECTS;
    done(m, module != NULL);
    if (!module)
        return;
    free_optims(&m->sides[0]);
    free_optims(&m->sides[1]);
    tn_module_free(m->s->modules[at]);
    m->s->modules[at] = module;
}

static void call_layer(machine *m)
{
    put_module(m, layer(m));
}

/* Some of the children are those that are there, which are taken over whatever happens. */
static void call_sequential(machine *m)
{
    tn_module *children[3];
    int count = 1 + take(m) % 3;
    free_optims(&m->sides[0]);
    free_optims(&m->sides[1]);
    for (int i = 0; i < count; i++) {
        tn_module **at = &m->s->modules[take(m) % OBJECTS];
        children[i] = take(m) % 2 ? *at : layer(m);
        if (children[i] == *at)
            *at = NULL;
    }
    put_module(m, tn_sequential_of(m->ctx, count, children));
}

/* A network that some of the inputs fit. */
static void call_net(machine *m)
{
    int64_t in = 1 + take(m) % 4;
    uint8_t kind = take(m);
    tn_ctx *ctx = m->ctx;
    put_module(m, kind % 2 ? tn_sequential(ctx, tn_nn_linear(ctx, in, 3), tn_nn_tanh(ctx),
                                           tn_nn_linear(ctx, 3, 2))
                           : tn_sequential(ctx,
                                           tn_nn_conv2d(ctx, in, 2, 1 + kind / 2 % 3,
                                                        (tn_conv2d_opts){.padding = 1}),
                                           tn_nn_batch_norm2d(ctx, 2, (tn_batch_norm_opts){0}),
                                           tn_nn_relu(ctx), tn_nn_flatten(ctx)));
}

static void call_add(machine *m)
{
    static const char *const names[] = {"weight", "0", "x", "", "a.b", "bias"};
    const char *name = names[take(m) % 6];
    tn_module *module = some_module(m);
    slot *at = &m->s->slots[take(m) % SLOTS];
    tn_module **child = &m->s->modules[take(m) % OBJECTS];
    uint8_t kind = take(m) % 3;
    if (kind == 0) {
        bool added = tn_add_child(m->ctx, module, name, *child) == TN_OK;
        done(m, added);
        if (added)
            *child = NULL;
    } else if (!at->pinned) {
        tn_tensor *t = (kind == 1 ? tn_add_parameter : tn_add_buffer)(m->ctx, module, name, at->t);
        done(m, t != NULL);
        if (t)
            *at = (slot){0};
    }
}

static void call_forward(machine *m)
{
    tn_module *module = some_module(m);
    keep(m, tn_forward(m->ctx, module, small(m)));
}

/* What is found by its number is found by its name. */
static void check_names(const tn_module *module)
{
    char name[400];
    const tn_tensor *t;
    int64_t numel = 0;
    for (int64_t i = 0; (t = tn_parameter(module, i, name, sizeof name)); i++) {
        FUZZ_CHECK(tn_parameter_named(module, name) == t, "no parameter %s", name);
        numel += tn_numel(t);
    }
    FUZZ_CHECK(tn_parameter_numel(module) == numel, "%lld numbers", (long long)numel);
    for (int64_t i = 0; (t = tn_buffer(module, i, name, sizeof name)); i++)
        FUZZ_CHECK(tn_buffer_named(module, name) == t, "no buffer %s", name);
    for (int i = 0; tn_child(module, i); i++)
        FUZZ_CHECK(tn_module_name(tn_child(module, i))[0], "a child without a type");
}

static void call_parameter(machine *m)
{
    char name[24];
    const tn_module *module = some_module(m);
    int64_t count = tn_parameter_count(module) + tn_buffer_count(module);
    check_names(module);
    tn_tensor *t = tn_parameter(module, take(m) % 4, name, take(m) % sizeof name);
    FUZZ_CHECK(!t || count > 0, "a parameter of none");
    t = t ? t : tn_buffer(module, take(m) % 3, name, sizeof name);
    if (t)
        keep(m, tn_detach(m->ctx, take(m) % 2 && tn_grad(t) ? tn_grad(t) : t));
}

static void call_module_free(machine *m)
{
    tn_module **at = &m->s->modules[take(m) % OBJECTS];
    free_optims(&m->sides[0]);
    free_optims(&m->sides[1]);
    tn_module_free(*at);
    *at = NULL;
    done_void(m);
}

static void call_mode(machine *m)
{
    tn_module *module = some_module(m);
    switch (take(m) % 4) {
    case 0:
        tn_train(module, take(m) % 2);
        FUZZ_CHECK(module || !tn_is_training(module), "nothing is training");
        done_void(m);
        break;
    case 1:
        done(m, tn_freeze(m->ctx, module, take(m) % 2) == TN_OK);
        break;
    default:
        done(m, tn_module_to(m->ctx, module, dtype(m)) == TN_OK);
    }
}

static void call_init(machine *m)
{
    tn_module *module = some_module(m);
    tn_tensor *t = take(m) % 2 ? own(m) : tn_parameter(module, take(m) % 3, NULL, 0);
    uint8_t kind = take(m);
    tn_init_opts opts = {.nonlinearity = (tn_nonlinearity)(kind / 4 % 6),
                         .fan_out = kind & 128,
                         .gain = flag(m) ? number(m) : 0};
    done(m, (kind % 4 == 0   ? tn_init_kaiming_uniform_(m->ctx, t, opts)
             : kind % 4 == 1 ? tn_init_kaiming_normal_(m->ctx, t, opts)
             : kind % 4 == 2 ? tn_init_xavier_uniform_(m->ctx, t, number(m))
                             : tn_init_xavier_normal_(m->ctx, t, number(m))) == TN_OK);
}

static void call_describe(machine *m)
{
    int64_t shape[TN_MAX_DIMS];
    char text[400];
    tn_module *module = some_module(m);
    size_t size = take(m);
    if (take(m) % 2) {
        done(m, tn_graph_dot(m->ctx, any(m), module, text, size) >= 0);
        return;
    }
    if (take(m) % 2) {
        done(m, tn_summary_of(m->ctx, module, TN_TENSORS(any(m)), (tn_summary_opts){0}, text,
                              size) >= 0);
        return;
    }
    int ndim = take(m) % 2 ? shape_of(m, shape) : 2;
    if (ndim == 2)
        shape[0] = 1, shape[1] = 1 + take(m) % 4;
    done(m, tn_summary(m->ctx, module, ndim, shape, text, size) >= 0);
}

/* ---- optimisers ------------------------------------------------------------------------------ */

/* What an optimiser of tensors refers to must outlive it: tensors of no scope are pinned. */
static tn_tensor *pin(machine *m)
{
    for (int i = 0, at = take(m) % SLOTS; i < SLOTS / 2; i++, at = (at + 1) % SLOTS) {
        slot *s = &m->s->slots[at];
        if (s->t && s->depth == 0 && tn_requires_grad(s->t)) {
            s->pinned = true;
            return s->t;
        }
    }
    return NULL;
}

static int count_pinned(const side *s)
{
    int count = 0;
    for (int i = 0; i < SLOTS; i++)
        count += s->slots[i].pinned;
    return count;
}

static tn_optim *optim_of_list(machine *m, int kind)
{
    tn_tensor *list[2] = {pin(m), take(m) % 2 ? pin(m) : NULL};
    int64_t count = list[1] ? 2 : 1;
    return kind == 0   ? tn_sgd_of(m->ctx, count, list, (tn_sgd_opts){.momentum = 0.5})
           : kind == 1 ? tn_adam_of(m->ctx, count, list, (tn_adam_opts){.lr = number(m)})
           : kind == 2 ? tn_adamw_of(m->ctx, count, list, (tn_adamw_opts){.lr = number(m)})
                       : tn_rmsprop_of(m->ctx, count, list, (tn_rmsprop_opts){.momentum = 0.1});
}

static void call_optim(machine *m)
{
    uint8_t byte = take(m);
    int kind = byte % 4;
    int at = take(m) % OBJECTS;
    tn_module *module = some_module(m);
    double a = number(m), b = flag(m) ? number(m) : 0;
    if (m->s->optims[at] || count_pinned(m->s) > SLOTS / 2) {
        free_optims(m->s);
        done_void(m);
        return;
    }
    tn_optim *opt = byte & 4    ? optim_of_list(m, kind)
                    : kind == 0 ? tn_sgd(m->ctx, module, (tn_sgd_opts){a, b, 0, 0, byte & 8})
                    : kind == 1 ? tn_adam(m->ctx, module, (tn_adam_opts){.lr = a, .beta1 = b})
                    : kind == 2
                        ? tn_adamw(m->ctx, module, (tn_adamw_opts){.lr = a, .beta2 = b})
                        : tn_rmsprop(m->ctx, module, (tn_rmsprop_opts){a, b, 0, 0, b, byte & 8});
    done(m, opt != NULL);
    m->s->optims[at] = opt;
}

static tn_optim *some_optim(machine *m)
{
    return m->s->optims[first_place(m->s->optims, take(m))];
}

static void call_step(machine *m)
{
    tn_optim *opt = some_optim(m);
    if (!opt)
        return;
    for (int64_t i = 0; i < tn_group_count(opt); i++)
        FUZZ_CHECK(tn_group_lr(opt, i) >= 0 && (i > 0 || tn_group_lr(opt, i) <= tn_lr(opt)),
                   "group %lld has the rate %g", (long long)i, tn_group_lr(opt, i));
    switch (take(m) % 8) {
    case 0:
        tn_zero_grad(opt);
        done_void(m);
        break;
    case 1:
        tn_clip_grad_norm(opt, number(m));
        done_void(m);
        break;
    case 2:
        done(m, tn_clip_grad_value(opt, number(m)) == TN_OK);
        break;
    case 3:
        done(m, tn_set_group_lr(opt, option(m), number(m)) == TN_OK);
        break;
    case 4:
        done(m, tn_add_group(opt, some_module(m), (tn_group_opts){.lr = number(m)}) >= 0);
        break;
    case 5: {
        tn_tensor *t = pin(m);
        done(m, tn_add_group_of(opt, 1, &t, (tn_group_opts){.weight_decay = TN_ZERO}) >= 0);
        break;
    }
    case 6:
        done(m, tn_set_lr(opt, number(m)) == TN_OK);
        break;
    default:
        done(m, tn_step(opt) == TN_OK);
    }
}

/* A step of training as programs write it. */
static void call_train(machine *m)
{
    tn_module *module = some_module(m);
    tn_optim *opt = some_optim(m);
    tn_batch batch = {.x = small(m)};
    if (!opt || m->in_error)
        return;
    tn_scope scope = tn_scope_begin(m->ctx);
    if (take(m) % 2 && m->s->loaders[0])
        tn_loader_next(m->s->loaders[0], &batch);
    tn_tensor *y = tn_forward(m->ctx, module, batch.x);
    tn_tensor *loss = tn_mean(m->ctx, tn_square(m->ctx, y), (tn_reduce_opts){0});
    tn_zero_grad(opt);
    tn_backward(m->ctx, loss);
    tn_step(opt);
    end_scope(m, scope);
}

static void call_schedule(machine *m)
{
    tn_optim *opt = some_optim(m);
    int at = take(m) % OBJECTS;
    uint8_t kind = take(m);
    double a = number(m), b = number(m);
    int64_t n = option(m);
    tn_ctx *ctx = m->ctx;
    if (!opt)
        return;
    tn_schedule *schedule =
        kind % 5 == 0   ? tn_step_lr(ctx, opt, n, a)
        : kind % 5 == 1 ? tn_exponential_lr(ctx, opt, a)
        : kind % 5 == 2 ? tn_cosine_annealing_lr(ctx, opt, n, a)
        : kind % 5 == 3
            ? tn_linear_lr(ctx, opt, a, b, n)
            : tn_reduce_lr_on_plateau(ctx, opt, (tn_plateau_opts){.factor = a, .patience = n});
    done(m, schedule != NULL);
    if (!schedule)
        return;
    tn_schedule_free(m->s->schedules[at]);
    m->s->schedules[at] = schedule;
}

static void call_schedule_step(machine *m)
{
    tn_schedule *schedule = m->s->schedules[take(m) % OBJECTS];
    if (schedule)
        done(m, (take(m) % 2 ? tn_schedule_step(schedule)
                             : tn_schedule_step_with(schedule, number(m))) == TN_OK);
}

/* ---- loaders --------------------------------------------------------------------------------- */

static void call_loader(machine *m)
{
    const tn_tensor *x = small(m), *y = flag(m) ? small(m) : NULL;
    tn_loader_opts opts = {.batch_size = option(m),
                           .shuffle = flag(m),
                           .drop_last = flag(m),
                           .scale = flag(m) ? number(m) : 0};
    uint8_t kind = take(m) % 8;
    opts.weights = kind == 1 ? small(m) : NULL;
    opts.num_samples = kind == 1 ? option(m) : 0;
    opts.stratify = kind == 2 ? small(m) : NULL;
    opts.prefetch = kind == 3 ? option(m) : 0;
    KEEP_OBJECT(m, m->s->loaders,
                kind == 4 ? tn_loader_of(m->ctx, TN_TENSORS(x, small(m), x), opts)
                          : tn_loader_new(m->ctx, x, y, opts),
                tn_loader_free);
}

static void call_next(machine *m)
{
    tn_loader *loader = m->s->loaders[take(m) % OBJECTS];
    tn_batch batch;
    bool is_next = tn_loader_next(loader, &batch);
    FUZZ_CHECK(!is_next || tn_loader_batches(loader) > 0, "a batch of none");
    FUZZ_CHECK(!is_next || tn_ok(m->ctx), "a batch with an error");
    done_void(m);
    if (!is_next)
        return;
    FUZZ_CHECK(tn_size(batch.x, 0) == batch.size, "a batch of %lld is %s", (long long)batch.size,
               TN_SHAPE_TEXT(batch.x));
    keep(m, tn_clone(m->ctx, take(m) % 2 && batch.y ? batch.y : batch.x));
}

/* ---- dictionaries ---------------------------------------------------------------------------- */

static const char *name_of(machine *m)
{
    static const char *const names[] = {"a", "weight", "0.weight",    "0.bias", "2.weight",
                                        "",  "lr",     "caf\xc3\xa9", "a/b"};
    return names[take(m) % (sizeof names / sizeof *names)];
}

static tn_dict *some_dict(machine *m)
{
    return m->s->dicts[first_place(m->s->dicts, take(m))];
}

static void put_dict(machine *m, tn_dict *dict)
{
    if (dict)
        fuzz_check_dict(m->ctx, dict);
    KEEP_OBJECT(m, m->s->dicts, dict, tn_dict_free);
}

/* The part under a prefix, or a copy of it all, which shares nothing with it. */
static void put_part(machine *m, const tn_dict *dict, const char *prefix)
{
    if (take(m) % 2) {
        put_dict(m, tn_dict_select(dict, prefix));
        return;
    }
    tn_dict *copy = tn_dict_clone(dict);
    if (copy)
        fuzz_check_same(m->ctx, copy, dict);
    for (int64_t i = 0; i < tn_dict_count(copy); i++) {
        const void *data = tn_data(tn_dict_at(copy, i));
        FUZZ_CHECK(!data || data != tn_data(tn_dict_at(dict, i)), "entry %lld is no copy",
                   (long long)i);
    }
    put_dict(m, copy);
}

static void call_dict(machine *m)
{
    tn_dict *dict = some_dict(m);
    uint8_t kind = take(m) % 4;
    if (!dict || kind == 0)
        put_dict(m, tn_dict_new(m->ctx));
    else if (kind == 1)
        put_part(m, dict, name_of(m));
    else if (kind == 2)
        done(m, tn_dict_update(dict, name_of(m), some_dict(m)) == TN_OK);
    else
        done(m, tn_dict_set(dict, name_of(m), small(m)) == TN_OK);
}

static void call_dict_get(machine *m)
{
    tn_dict *dict = some_dict(m);
    tn_tensor *t = take(m) % 2 ? tn_dict_get(dict, name_of(m)) : tn_dict_at(dict, take(m) % 8 - 1);
    if (t)
        keep(m, tn_detach(m->ctx, t));
}

static void call_state_dict(machine *m)
{
    uint8_t kind = take(m) % 4;
    int at = take(m) % OBJECTS;
    const tn_module *module = some_module(m);
    const tn_optim *opt = some_optim(m);
    if (kind == 0)
        put_dict(m, tn_state_dict(m->ctx, module));
    else if (kind == 1 && opt)
        put_dict(m, tn_optim_state_dict(opt));
    else if (kind == 2 && m->s->schedules[at])
        put_dict(m, tn_schedule_state_dict(m->s->schedules[at]));
    else if (m->s->loaders[at])
        put_dict(m, tn_loader_state_dict(m->s->loaders[at]));
}

static void load_module(machine *m, tn_module *module, const tn_dict *dict)
{
    tn_load_report report = {0};
    tn_load_opts opts = {.lenient = take(m) % 2, .report = flag(m) ? &report : NULL};
    done(m, tn_load_state_dict(m->ctx, module, dict, opts) == TN_OK);
    tn_dict_free(report.missing);
    tn_dict_free(report.unexpected);
    tn_dict_free(report.mismatched);
}

static void call_load_state_dict(machine *m)
{
    uint8_t kind = take(m) % 4;
    int at = take(m) % OBJECTS;
    tn_module *module = some_module(m);
    tn_optim *opt = some_optim(m);
    const tn_dict *dict = some_dict(m);
    if (kind == 0)
        load_module(m, module, dict);
    else if (kind == 1 && opt)
        done(m, tn_optim_load_state_dict(opt, dict) == TN_OK);
    else if (kind == 2 && m->s->schedules[at])
        done(m, tn_schedule_load_state_dict(m->s->schedules[at], dict) == TN_OK);
    else if (m->s->loaders[at])
        done(m, tn_loader_load_state_dict(m->s->loaders[at], dict) == TN_OK);
}

/* ---- files ----------------------------------------------------------------------------------- */

static tn_checkpoint parts(machine *m)
{
    return (tn_checkpoint){.module = some_module(m),
                           .optim = some_optim(m),
                           .schedules = {m->s->schedules[0], m->s->schedules[1]},
                           .loader = m->s->loaders[0],
                           .extra = take(m) % 2 ? some_dict(m) : NULL};
}

static void call_save(machine *m)
{
    uint8_t kind = take(m) % 4;
    const char *path = fuzz_path(take(m) % 2 ? "a.npz" : "a.safetensors");
    tn_dict *dict = some_dict(m);
    m->saved = true;
    if (kind == 0)
        done(m, tn_save_npy(m->ctx, small(m), fuzz_path("a.npy")) == TN_OK);
    else if (kind == 1)
        done(m, tn_save(m->ctx, some_module(m), path) == TN_OK);
    else if (kind == 2)
        done(m, tn_save_checkpoint(m->ctx, parts(m), path) == TN_OK);
    else if (dict)
        done(m, (take(m) % 2 ? tn_save_dict(m->ctx, dict, path)
                             : tn_save_npz(m->ctx, dict, fuzz_path("a.npz"),
                                           (tn_npz_opts){.compress = true})) == TN_OK);
}

static void call_load(machine *m)
{
    uint8_t kind = take(m) % 4;
    const char *path = fuzz_path(take(m) % 2 ? "a.npz" : "a.safetensors");
    if (kind == 0)
        keep(m, tn_load_npy(m->ctx, fuzz_path("a.npy")));
    else if (kind == 1)
        done(m, tn_load(m->ctx, some_module(m), path, (tn_load_opts){.lenient = true}) == TN_OK);
    else if (kind == 2)
        done(m, tn_load_checkpoint(m->ctx, parts(m), path) == TN_OK);
    else
        put_dict(m, tn_load_dict(m->ctx, path));
}

const call_fn object_calls[] = {
    call_layer,         call_layer,       call_sequential, call_net,
    call_net,           call_add,         call_forward,    call_forward,
    call_parameter,     call_module_free, call_mode,       call_init,
    call_describe,      call_optim,       call_optim,      call_step,
    call_step,          call_train,       call_train,      call_schedule,
    call_schedule_step, call_loader,      call_next,       call_next,
    call_dict,          call_dict_get,    call_state_dict, call_load_state_dict,
    call_save,          call_load,
};
const int object_call_count = sizeof object_calls / sizeof *object_calls;
