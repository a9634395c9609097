/* state.c - what is loaded into a network, its optimiser, schedules and loader: files, and
 * dictionaries that were changed. All of it is taken over, or nothing; and training can go on. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "fuzz.h"

typedef struct training {
    tn_ctx *ctx;
    tn_module *net;
    tn_optim *opt;
    tn_schedule *schedules[2];
    bool is_plateau[2];
    tn_loader *loader;
    tn_dict *extra;
} training;

/* ---- the bytes, one after the other ---------------------------------------------------------- */

typedef struct bytes {
    const uint8_t *data;
    size_t size;
} bytes;

static uint8_t next(bytes *b)
{
    if (b->size == 0)
        return 0;
    b->size--;
    return *b->data++;
}

/* ---- a training ------------------------------------------------------------------------------ */

static tn_module *make_net(tn_ctx *ctx)
{
    return tn_sequential(ctx, tn_nn_conv2d(ctx, 1, 2, 1, (tn_conv2d_opts){0}),
                         tn_nn_batch_norm2d(ctx, 2, (tn_batch_norm_opts){0}), tn_nn_flatten(ctx),
                         tn_nn_linear(ctx, 8, 2));
}

static tn_optim *make_optim(tn_ctx *ctx, tn_module *net, int kind)
{
    switch (kind % 5) {
    case 0:
        return tn_sgd(ctx, net, (tn_sgd_opts){.momentum = 0.5, .nesterov = true});
    case 1:
        return tn_adam(ctx, net, (tn_adam_opts){.weight_decay = 0.1});
    case 2:
        return tn_adamw(ctx, net, (tn_adamw_opts){.lr = 0.01});
    case 3:
        return tn_rmsprop(ctx, net, (tn_rmsprop_opts){.centered = true, .momentum = 0.5});
    default:
        return tn_sgd(ctx, net, (tn_sgd_opts){.lr = 0.1});
    }
}

static tn_schedule *make_schedule(tn_ctx *ctx, tn_optim *opt, int kind)
{
    switch (kind % 5) {
    case 0:
        return tn_step_lr(ctx, opt, 2, 0.5);
    case 1:
        return tn_exponential_lr(ctx, opt, 0.9);
    case 2:
        return tn_cosine_annealing_lr(ctx, opt, 10, 0);
    case 3:
        return tn_linear_lr(ctx, opt, 0.5, 1, 3);
    default:
        return tn_reduce_lr_on_plateau(ctx, opt, (tn_plateau_opts){.patience = 1});
    }
}

static void make_training(training *t, tn_ctx *ctx, uint8_t kind)
{
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(5, 1, 2, 2));
    tn_tensor *y = tn_zeros(ctx, TN_I64, TN_SHAPE(5));
    const int kinds[2] = {kind / 5, kind / 25};
    *t = (training){.ctx = ctx, .net = make_net(ctx)};
    t->opt = make_optim(ctx, t->net, kind);
    tn_add_group_of(t->opt, 1, (tn_tensor *[]){tn_parameter(t->net, 0, NULL, 0)},
                    (tn_group_opts){.lr = 0.5});
    for (int i = 0; i < 2; i++) {
        t->schedules[i] = make_schedule(ctx, t->opt, kinds[i]);
        t->is_plateau[i] = kinds[i] % 5 == 4;
    }
    t->loader = tn_loader_new(ctx, x, y, (tn_loader_opts){.batch_size = 2, .shuffle = kind & 128});
    t->extra = tn_dict_new(ctx);
    tn_dict_set(t->extra, "epoch", tn_scalar(ctx, TN_I64, 1));
}

static void step_schedule(const training *t, int i, double loss)
{
    if (t->is_plateau[i])
        tn_schedule_step_with(t->schedules[i], loss);
    else
        tn_schedule_step(t->schedules[i]);
}

/* A step; what has been loaded may make it fail, with an error. */
static void train(training *t, int steps)
{
    tn_batch batch;
    for (int i = 0; i < steps; i++) {
        tn_scope scope = tn_scope_begin(t->ctx);
        if (!tn_loader_next(t->loader, &batch) && !tn_loader_next(t->loader, &batch)) {
            tn_scope_end(t->ctx, scope);
            return;
        }
        tn_tensor *loss = tn_cross_entropy(t->ctx, tn_forward(t->ctx, t->net, batch.x), batch.y,
                                           (tn_cross_entropy_opts){0});
        tn_zero_grad(t->opt);
        tn_backward(t->ctx, loss);
        tn_clip_grad_norm(t->opt, 1);
        tn_step(t->opt);
        for (int s = 0; s < 2; s++)
            step_schedule(t, s, loss ? tn_item(t->ctx, loss) : 0);
        tn_scope_end(t->ctx, scope);
    }
}

static tn_checkpoint parts_of(const training *t)
{
    return (tn_checkpoint){.module = t->net,
                           .optim = t->opt,
                           .schedules = {t->schedules[0], t->schedules[1]},
                           .loader = t->loader,
                           .extra = t->extra};
}

/* ---- its state ------------------------------------------------------------------------------- */

static void put(tn_dict *all, const char *prefix, tn_dict *part)
{
    tn_dict_update(all, prefix, part);
    tn_dict_free(part);
}

/* Module, optimiser, schedules and loader have the numbers 0 to 4. */
enum { ALL = 5 };

/* All that loading may change, as views. */
static tn_dict *state_of(const training *t)
{
    tn_dict *all = tn_dict_new(t->ctx);
    tn_rng_state rng = tn_get_rng_state(t->ctx);
    put(all, "model.", tn_state_dict(t->ctx, t->net));
    put(all, "optim.", tn_optim_state_dict(t->opt));
    put(all, "schedules.0.", tn_schedule_state_dict(t->schedules[0]));
    put(all, "schedules.1.", tn_schedule_state_dict(t->schedules[1]));
    put(all, "loader.", tn_loader_state_dict(t->loader));
    tn_dict_update(all, "extra.", t->extra);
    tn_tensor *position = tn_scalar(t->ctx, TN_I64, (double)rng.position);
    tn_dict_set(all, "rng", position);
    tn_free(position);
    FUZZ_CHECK(tn_ok(t->ctx), "%s", tn_error(t->ctx));
    return all;
}

static tn_dict *part_of(const training *t, int which)
{
    switch (which) {
    case 0:
        return tn_state_dict(t->ctx, t->net);
    case 1:
        return tn_optim_state_dict(t->opt);
    case 2:
    case 3:
        return tn_schedule_state_dict(t->schedules[which - 2]);
    case 4:
        return tn_loader_state_dict(t->loader);
    default:
        return state_of(t);
    }
}

static tn_dict *copy_of(tn_ctx *ctx, const tn_dict *dict)
{
    tn_dict *copy = tn_dict_new(ctx);
    for (int64_t i = 0; i < tn_dict_count(dict); i++) {
        tn_tensor *t = tn_clone(ctx, tn_dict_at(dict, i));
        tn_dict_set(copy, tn_dict_name(dict, i), t);
        tn_free(t);
    }
    return copy;
}

/* A number made of all names and elements of a part. */
static uint32_t fingerprint(const training *t, int which)
{
    uint32_t hash = 0;
    tn_dict *state = part_of(t, which);
    for (int64_t i = 0; i < tn_dict_count(state); i++) {
        const tn_tensor *entry = tn_dict_at(state, i);
        const char *name = tn_dict_name(state, i);
        FUZZ_CHECK(tn_is_contiguous(entry), "%s has gaps", name);
        size_t size = (size_t)tn_numel(entry) * tn_dtype_size(tn_dtype_of(entry));
        hash = 31 * hash + fuzz_hash((const uint8_t *)name, strlen(name));
        hash = 31 * hash + (size ? fuzz_hash(tn_data(entry), size) : 0);
    }
    tn_dict_free(state);
    return hash;
}

/* After an error everything is as it was before. Then training goes on, for better or worse. */
static void check_loaded(training *t, const fuzz_memory *memory, tn_status status, int which,
                         uint32_t before)
{
    fuzz_check_status(t->ctx, memory, 0, status == TN_OK);
    FUZZ_CHECK(status == tn_error_status(t->ctx), "%s is returned, %s recorded",
               tn_status_name(status), tn_status_name(tn_error_status(t->ctx)));
    tn_clear_error(t->ctx);
    FUZZ_CHECK(status == TN_OK || fingerprint(t, which) == before, "%s, but something has changed",
               tn_status_name(status));
    train(t, 1);
    fuzz_check_status(t->ctx, memory, 0, tn_ok(t->ctx));
    tn_clear_error(t->ctx);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void load_file(const uint8_t *data, size_t size, bool checkpoint)
{
    fuzz_memory memory = {.limit = (4 << 20) + 4000 * (int64_t)size};
    tn_ctx *ctx = fuzz_context(&memory, 1);
    const char *path = fuzz_file(data, size);
    training t;
    make_training(&t, ctx, 1 + 5 * 0 + 25 * 4 + 128);
    uint32_t before = fingerprint(&t, ALL);
    uint32_t hash = fuzz_hash(data, size);
    if (hash % 4 == 0) {
        memory.fail_at = memory.calls + 1 + hash / 4 % 200;
        memory.for_good = hash & 1 << 20;
    }
    tn_status status = checkpoint
                           ? tn_load_checkpoint(ctx, parts_of(&t), path)
                           : tn_load(ctx, t.net, path, (tn_load_opts){.lenient = hash >> 28 & 1});
    memory.fail_at = 0;
    check_loaded(&t, &memory, status, ALL, before);
    fuzz_context_free(ctx, &memory);
}

void fuzz_checkpoint(const uint8_t *data, size_t size)
{
    load_file(data, size, true);
}

void fuzz_model(const uint8_t *data, size_t size)
{
    load_file(data, size, false);
}

size_t fuzz_save_checkpoint(uint8_t *out, size_t size)
{
    fuzz_memory memory = {.limit = INT64_MAX};
    tn_ctx *ctx = fuzz_context(&memory, 1);
    const char *path = fuzz_path("a.safetensors");
    training t;
    make_training(&t, ctx, 1 + 5 * 0 + 25 * 4 + 128);
    train(&t, 2);
    FUZZ_CHECK(tn_save_checkpoint(ctx, parts_of(&t), path) == TN_OK, "%s", tn_error(ctx));
    FILE *file = fopen(path, "rb");
    size_t used = file ? fread(out, 1, size, file) : 0;
    if (file)
        fclose(file);
    fuzz_context_free(ctx, &memory);
    return used;
}

/* ---- dictionaries ---------------------------------------------------------------------------- */

/* A number that a file may hold where another one is expected. */
static double odd_number(uint8_t byte)
{
    static const double numbers[] = {0,      1,       -1,       0.5,       2,   3,
                                     1e300,  -1e300,  INFINITY, -INFINITY, NAN, 0x1p53,
                                     0x1p63, -0x1p63, 4,        1e-320};
    return numbers[byte % 16];
}

/* An entry of another dtype, shape, layout or value. */
static tn_tensor *change(tn_ctx *ctx, const tn_tensor *t, bytes *b)
{
    int64_t shape[3] = {next(b) % 7, next(b) % 4, next(b) % 3};
    uint8_t kind = next(b), value = next(b);
    tn_tensor *copy = tn_clone(ctx, t), *flat = tn_reshape(ctx, copy, 1, (const int64_t[]){-1});
    switch (kind % 7) {
    case 0:
        return tn_full(ctx, (tn_dtype)(value % TN_DTYPES), kind / 7 % 4, shape, odd_number(value));
    case 1:
        return tn_cast(ctx, t, (tn_dtype)(value % TN_DTYPES));
    case 2:
        return tn_permute(ctx, tn_contiguous(ctx, tn_transpose(ctx, t, 0, -1)),
                          (const int[]){1, 0, 2, 3});
    case 3:
        return tn_slice(ctx, t, 0, 0, value % 4, 1 + kind / 7 % 2);
    case 4:
        return tn_expand(ctx, tn_full(ctx, tn_dtype_of(t), 0, NULL, odd_number(value)), tn_ndim(t),
                         tn_shape(t));
    default:
        if (tn_numel(t) > 0)
            tn_fill_(ctx, tn_narrow(ctx, flat, 0, kind % tn_numel(t), 1), odd_number(value));
        return copy;
    }
}

/* The state with the changes that the bytes describe: entries that are left out, renamed, another's
 * or changed. */
static tn_dict *changed_state(tn_ctx *ctx, const tn_dict *state, bytes *b)
{
    tn_dict *dict = tn_dict_select(state, NULL);
    for (int n = 0; b->size >= 2 && n < 8 && tn_dict_count(dict) > 0; n++) {
        int64_t i = next(b) % tn_dict_count(dict), other = i;
        uint8_t how = next(b);
        tn_dict *changed = tn_dict_new(ctx);
        if (how % 8 == 2)
            other = how / 8 % tn_dict_count(dict);
        tn_tensor *t = how % 8 > 2 ? change(ctx, tn_dict_at(dict, i), b) : tn_dict_at(dict, other);
        tn_clear_error(ctx);
        for (int64_t j = 0; j < tn_dict_count(dict); j++)
            if (j != i)
                tn_dict_set(changed, tn_dict_name(dict, j), tn_dict_at(dict, j));
            else if (how % 8 > 0 && t)
                tn_dict_set(changed, how % 8 == 1 ? "extra" : tn_dict_name(dict, j), t);
        tn_dict_free(dict);
        dict = changed;
    }
    return dict;
}

static tn_status load_part(training *t, const tn_dict *part, int which)
{
    switch (which) {
    case 0:
        return tn_load_state_dict(t->ctx, t->net, part, (tn_load_opts){0});
    case 1:
        return tn_optim_load_state_dict(t->opt, part);
    case 2:
    case 3:
        return tn_schedule_load_state_dict(t->schedules[which - 2], part);
    default:
        return tn_loader_load_state_dict(t->loader, part);
    }
}

void fuzz_state(const uint8_t *data, size_t size)
{
    fuzz_memory memory = {.limit = 8 << 20};
    tn_ctx *ctx = fuzz_context(&memory, 1);
    bytes b = {data, size};
    uint8_t kind = next(&b), steps = next(&b), fail = next(&b), which = next(&b) % 5;
    training t;
    make_training(&t, ctx, kind);
    train(&t, steps % 4);
    tn_dict *part = part_of(&t, which), *saved = copy_of(ctx, part);
    train(&t, steps / 4 % 2);
    uint32_t before = fingerprint(&t, which);
    part = changed_state(ctx, saved, &b);
    tn_clear_error(ctx);
    memory.fail_at = fail ? memory.calls + fail : 0;
    memory.for_good = steps & 128;
    tn_status status = load_part(&t, part, which);
    memory.fail_at = 0;
    check_loaded(&t, &memory, status, which, before);
    fuzz_context_free(ctx, &memory);
}
