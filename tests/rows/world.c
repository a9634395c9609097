/* world.c - makes the objects that the calls use, and a digest of all their values. */
#include "rows/world.h"
#include "common/files.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

tn_tensor *in[INPUTS];
int n_inputs;
int64_t worlds;
tn_tensor *x, *images, *pixels, *turned, *p;
tn_module *net, *cnn, *spare, *frozen;
tn_optim *opt, *plain_opt, *thawed;
tn_schedule *schedule, *plateau;
tn_loader *loader, *fresh_loader;
tn_dict *dict, *net_state, *opt_state, *schedule_state, *loader_state;
bool writing;
uint64_t digest;

double value_of(int input, int64_t i, bool positive)
{
    double value = 0.25 + fmod(0.618 * (double)(7 * input + i + 1), 1);
    return positive || i % 2 ? value : -value;
}

/* "f32[2,3]" is a leaf that requires a gradient, "=f32[2]" one that does not, "+f32[2]" one of
 * positive numbers, and integers are below 3. */
static tn_tensor *input_of(const char *type, int number)
{
    bool plain = *type == '=', positive = *type == '+' || plain;
    int64_t shape[TN_MAX_DIMS];
    int ndim = 0, dtype = 0;
    type += positive;
    while (strncmp(type, tn_dtype_name((tn_dtype)dtype), strcspn(type, "[")) != 0)
        dtype++;
    for (const char *at = strchr(type, '['); at[1] != ']' && *at != ']';
         at += strcspn(at + 1, ",]") + 1)
        shape[ndim++] = strtoll(at + 1, NULL, 10);
    tn_tensor *t = tn_zeros(ctx, (tn_dtype)dtype, ndim, shape);
    for (int64_t i = 0; i < tn_numel(t); i++) {
        char *to = (char *)tn_data_mut(t) + (size_t)i * tn_dtype_size((tn_dtype)dtype);
        if (tn__is_float((tn_dtype)dtype))
            tn__store_f64((tn_dtype)dtype, to, value_of(number, i, positive));
        else
            tn__store_i64((tn_dtype)dtype, to, (i + number) % 3);
    }
    return tn__is_float((tn_dtype)dtype) && !plain ? leaf(t) : t;
}

/* The first one has a gradient already. */
static void make_inputs(const char *types)
{
    n_inputs = 0;
    for (const char *at = types; *at; at += strcspn(at, " ") + (strchr(at, ' ') != NULL))
        in[n_inputs] = input_of(at, n_inputs), n_inputs++;
    if (n_inputs && tn_requires_grad(in[0]))
        tn_backward(ctx, tn_sum(ctx, in[0], (tn_reduce_opts){0}));
}

static void make_modules(void)
{
    net = tn_sequential(ctx, tn_nn_linear(ctx, 3, 4), tn_nn_relu(ctx), tn_nn_linear(ctx, 4, 2));
    cnn = tn_sequential(ctx, tn_nn_conv2d(ctx, 1, 2, 3, (tn_conv2d_opts){0}),
                        tn_nn_batch_norm2d(ctx, 2, (tn_batch_norm_opts){0}), tn_nn_relu(ctx),
                        tn_nn_max_pool2d(ctx, 2, (tn_pool2d_opts){0}), tn_nn_dropout(ctx, 0.5),
                        tn_nn_flatten(ctx), tn_nn_linear(ctx, 8, 3));
    spare = tn_nn_linear(ctx, 2, 2);
    frozen = tn_nn_linear(ctx, 2, 2);
    tn_freeze(ctx, frozen, true);
}

static void make_optimisers(void)
{
    p = leaf(F64(1, 2));
    opt = tn_adam(ctx, net, (tn_adam_opts){.lr = 0.125});
    tn_add_group_of(opt, 1, &p, (tn_group_opts){.lr = 0.25});
    thawed = NULL;
    plain_opt = tn_sgd(ctx, spare, (tn_sgd_opts){.lr = 0.5, .momentum = 0.5});
    schedule = tn_step_lr(ctx, opt, 1, 0.5);
    plateau = tn_reduce_lr_on_plateau(ctx, opt, (tn_plateau_opts){.patience = TN_ZERO});
    tn_scope scope = tn_scope_begin(ctx);
    tn_backward(ctx, tn_sum(ctx, tn_forward(ctx, net, x), (tn_reduce_opts){0}));
    tn_backward(ctx, tn_sum(ctx, p, (tn_reduce_opts){0}));
    tn_scope_end(ctx, scope);
    tn_step(opt);
    tn_schedule_step(schedule);
    tn_schedule_step_with(plateau, 1);
}

/* Lists of the context that grow stay so; here the tape gets room for all rows. */
static void make_room(void)
{
    tn_scope all = tn_scope_begin(ctx);
    for (int i = 0; i < 40; i++)
        tn_square(ctx, p);
    tn_scope_end(ctx, all);
}

void make_world(const char *types)
{
    worlds++;
    memory = (counting){0};
    ctx = tn_ctx_new(
        &(tn_ctx_opts){.seed = 1, .threads = 1, .allocator = counting_allocator(&memory)});
    make_inputs(types);
    x = input_of("=f32[4,3]", 1);
    images = input_of("=f32[2,1,6,6]", 2);
    pixels = input_of("u8[5,3]", 3);
    turned = tn_transpose(ctx, pixels, 0, 1);
    make_modules();
    make_optimisers();
    loader = tn_loader_new(ctx, pixels, NULL,
                           (tn_loader_opts){.batch_size = 2, .shuffle = true, .scale = 0.5});
    fresh_loader = NULL;
    dict = tn_dict_new(ctx);
    tn_dict_set(dict, "a", x);
    net_state = tn_state_dict(ctx, net);
    opt_state = tn_optim_state_dict(opt);
    schedule_state = tn_schedule_state_dict(schedule);
    loader_state = tn_loader_state_dict(loader);
    make_room();
    ck_tn_ok();
}

tn_tensor *flipped(int i)
{
    return tn_transpose(ctx, in[i], 0, 1);
}

tn_tensor *first_parameter(void)
{
    return tn_parameter(net, 0, NULL, 0);
}

/* ---- a number for all that can be seen of it ------------------------------------------------- */

/* Eight bytes at a time; a shift carries the high ones down. */
void mix(const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = 0;
        memcpy(&word, (const char *)bytes + i, size - i < 8 ? size - i : 8);
        digest = (digest ^ word) * 0x9e3779b97f4a7c15;
        digest ^= digest >> 29;
    }
}

void mix_number(double number)
{
    mix(&number, sizeof number);
}

static void mix_elements(const tn_tensor *t)
{
    mix_number(tn_ndim(t));
    mix_number(tn_dtype_of(t));
    mix(tn_shape(t), (size_t)tn_ndim(t) * sizeof(int64_t));
    if (tn_is_contiguous(t))
        mix(tn_data(t), (size_t)tn_numel(t) * tn_dtype_size(tn_dtype_of(t)));
    else
        for (int64_t i = 0; i < tn_numel(t); i++)
            mix_number(element_of(t, i));
}

void mix_tensor(const tn_tensor *t)
{
    mix_elements(t);
    mix_elements(tn_grad(t));
    mix_number(tn_requires_grad(t));
}

void mix_dict(const tn_dict *d)
{
    for (int64_t i = 0; i < tn_dict_count(d); i++) {
        mix(tn_dict_name(d, i), strlen(tn_dict_name(d, i)));
        mix_tensor(tn_dict_at(d, i));
    }
}

static void mix_parameters(const tn_module *m)
{
    char name[64];
    tn_tensor *t;
    for (int64_t i = 0; (t = tn_parameter(m, i, name, sizeof name)); i++) {
        mix(name, strlen(name));
        mix_tensor(t);
    }
}

void mix_module(const tn_module *m)
{
    char name[64];
    tn_tensor *t;
    mix(tn_module_name(m), strlen(tn_module_name(m)));
    mix_number(tn_is_training(m));
    mix_parameters(m);
    for (int64_t i = 0; (t = tn_buffer(m, i, name, sizeof name)); i++) {
        mix(name, strlen(name));
        mix_tensor(t);
    }
}

static void mix_state(tn_dict *state)
{
    ck_tn_ok();
    mix_dict(state);
    tn_dict_free(state);
}

void mix_optim(const tn_optim *o)
{
    if (o)
        mix_state(tn_optim_state_dict(o));
}

void mix_schedule(const tn_schedule *s)
{
    if (s)
        mix_state(tn_schedule_state_dict(s));
}

void mix_loader(const tn_loader *l)
{
    if (l)
        mix_state(tn_loader_state_dict(l));
}

static void mix_file(const char *path)
{
    size_t size;
    if (access(path, R_OK) != 0)
        return;
    unsigned char *bytes = read_bytes(path, &size);
    mix(bytes, size);
    free(bytes);
}

static void mix_folder(void)
{
    mix_file(folder_path("x.npy"));
    mix_file(folder_path("x.npz"));
    mix_file(folder_path("x.safetensors"));
    mix_number(files_in_folder());
}

static uint64_t version_of(const tn_tensor *t)
{
    return t ? t->storage->version : 0;
}

uint64_t digest_of_values(void)
{
    tn_tensor *t;
    digest = 1;
    for (int64_t i = 0; (t = tn_parameter(net, i, NULL, 0)); i++)
        mix_elements(t);
    for (int64_t i = 0; (t = tn_parameter(cnn, i, NULL, 0)); i++)
        mix_elements(t);
    mix_optim(opt);
    return digest;
}

uint64_t digest_of_gradients(void)
{
    digest = 1;
    for (int i = 0; i < n_inputs; i++)
        mix_elements(tn_grad(in[i]));
    return digest;
}

uint64_t digest_of_world(void)
{
    digest = 1;
    mix_optim(opt);
    mix_optim(plain_opt);
    tn_rng_state rng = tn_get_rng_state(ctx);
    mix(&rng, sizeof rng);
    mix_number(tn_is_grad_enabled(ctx));
    mix_number((double)ctx->scopes->count);
    for (int i = 0; i < n_inputs; i++) {
        mix_tensor(in[i]);
        mix_number((double)version_of(in[i]));
    }
    mix_tensor(x);
    mix_number((double)version_of(x));
    mix_module(net);
    mix_module(cnn);
    mix_module(spare);
    mix_module(frozen);
    mix_schedule(schedule);
    mix_schedule(plateau);
    mix_loader(loader);
    mix_loader(fresh_loader);
    mix_dict(dict);
    if (writing)
        mix_folder();
    return digest;
}
