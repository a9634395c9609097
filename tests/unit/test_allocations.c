/* Every public function while memory runs out: allocation 1, 2, 3... of a call fails, alone or with
 * all that follow, until the call succeeds. A call that fails records TN_ERR_MEMORY, keeps nothing
 * and changes nothing: the one that succeeds in the end gives the bits of an undisturbed one. A
 * function of the headers without a row fails the test. */
#include "common/check_tn.h"
#include "common/files.h"
#include "common/functions.h"

#include <stdio.h>
#include <string.h>
#include <tn/formula.h>
#include <unistd.h>

TN_UNARY(cube, TN_SAVE_X, x * x * x, 3 * x * x * dy);
TN_BINARY(less, TN_SAVE_NOTHING, a - b, dy, -dy);

/* ---- what the calls find --------------------------------------------------------------------- */

enum { INPUTS = 6 };

static tn_tensor *in[INPUTS];
static int n_inputs;
static tn_tensor *x, *images, *pixels; /* f32 [4,3], f32 [2,1,6,6], u8 [5,3] */
static tn_tensor *p;                   /* f64 [2], with a gradient, in group 1 of opt */
static tn_module *net, *cnn, *spare, *frozen;
static tn_optim *opt, *plain_opt, *thawed;
static tn_schedule *schedule, *plateau;
static tn_loader *loader;
static tn_dict *dict, *net_state, *opt_state, *schedule_state, *loader_state;

/* Numbers of either sign, or positive ones. */
static double value_of(int input, int64_t i, bool positive)
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

/* The first of them has a gradient already. */
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

static void make_world(const char *types)
{
    memory = (counting){0};
    ctx = tn_ctx_new(
        &(tn_ctx_opts){.seed = 1, .threads = 1, .allocator = counting_allocator(&memory)});
    make_inputs(types);
    x = input_of("=f32[4,3]", 1);
    images = input_of("=f32[2,1,6,6]", 2);
    pixels = input_of("u8[5,3]", 3);
    make_modules();
    make_optimisers();
    loader = tn_loader_new(ctx, pixels, NULL,
                           (tn_loader_opts){.batch_size = 2, .shuffle = true, .scale = 0.5});
    dict = tn_dict_new(ctx);
    tn_dict_set(dict, "a", x);
    net_state = tn_state_dict(ctx, net);
    opt_state = tn_optim_state_dict(opt);
    schedule_state = tn_schedule_state_dict(schedule);
    loader_state = tn_loader_state_dict(loader);
    make_room();
    ck_tn_ok();
}

/* ---- a number for all that can be seen of it ------------------------------------------------- */

static uint64_t digest;

/* Eight bytes at a time; a shift carries the high ones down. */
static void mix(const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = 0;
        memcpy(&word, (const char *)bytes + i, size - i < 8 ? size - i : 8);
        digest = (digest ^ word) * 0x9e3779b97f4a7c15;
        digest ^= digest >> 29;
    }
}

static void mix_number(double number)
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

static void mix_tensor(const tn_tensor *t)
{
    mix_elements(t);
    mix_elements(tn_grad(t));
    mix_number(tn_requires_grad(t));
}

static void mix_dict(const tn_dict *d)
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

static void mix_module(const tn_module *m)
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

static void mix_optim(const tn_optim *o)
{
    if (o)
        mix_state(tn_optim_state_dict(o));
}

static void mix_schedule(const tn_schedule *s)
{
    if (s)
        mix_state(tn_schedule_state_dict(s));
}

static void mix_loader(const tn_loader *l)
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

static bool writing; /* the rows write files */

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

/* Without gradients. */
static uint64_t digest_of_values(void)
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

static uint64_t digest_of_gradients(void)
{
    digest = 1;
    for (int i = 0; i < n_inputs; i++)
        mix_elements(tn_grad(in[i]));
    return digest;
}

static uint64_t digest_of_world(void)
{
    digest = 1;
    mix_optim(opt);
    mix_optim(plain_opt);
    tn_rng_state rng = tn_get_rng_state(ctx);
    mix(&rng, sizeof rng);
    mix_number(tn_is_grad_enabled(ctx));
    mix_number((double)ctx->n_scopes);
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
    mix_dict(dict);
    if (writing)
        mix_folder();
    return digest;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* CALLS: the call is disturbed. ASKS: it takes no memory. GRADIENTS: its result is made, and the
 * backward pass through it is disturbed. STEPS: a whole step, of which the parameters and the
 * optimiser's state must be as before. */
#define CALLS(function, types, ...) ROW(CALL, #function, types, came, __VA_ARGS__)
#define ASKS(function, types, ...) ROW(ASK, #function, types, came, __VA_ARGS__)
#define GRADIENTS(function, types, ...) ROW(GRADIENT, #function, types, passed, __VA_ARGS__)
#define STEPS(name, ...) ROW(STEP, name, "", came, __VA_ARGS__)

#define DIFFERENTIABLE(function, types, ...) \
    CALLS(function, types, __VA_ARGS__);     \
    GRADIENTS(function, types, __VA_ARGS__)

#define ROW(kind, function, types, came, ...)                                             \
    for (begin_row(&(const row){__LINE__, kind, function, types, #__VA_ARGS__}); running; \
         end_attempt())                                                                   \
    came(__VA_ARGS__)

#define came(...) \
    _Generic((__VA_ARGS__), bool : came_bool, double : came_number, tn_tensor * : came_tensor, const tn_tensor * : came_tensor, tn_module * : came_module, tn_optim * : came_optim, tn_schedule * : came_schedule, tn_loader * : came_loader, tn_dict * : came_dict, default : came_integer)(__VA_ARGS__)

typedef enum kind { CALL, ASK, GRADIENT, STEP } kind;

typedef struct row {
    int line;
    kind kind;
    const char *function, *types, *call;
} row;

static row now;
static bool running;
static enum { UNDISTURBED, FAILING } phase;
static int64_t k; /* the allocation that fails, */
static bool for_good;

/* Before the call; what came of it, and of the undisturbed one. */
static uint64_t before;
static tn_memory_stats memory_before;
static tn_scope scope;
static tn_status status;
static bool failed;
static int64_t shots, calls; /* allocations that failed, and all */
static struct {
    uint64_t result, state;
} got, wanted;

static int wrong, injections;

/* What a failure must leave as it was. */
static uint64_t digest_of_state(void)
{
    return now.kind == STEP       ? digest_of_values()
           : now.kind == GRADIENT ? digest_of_gradients()
                                  : digest_of_world();
}

/* A step that fails after the backward pass leaves its gradients. */
static void clear_gradients(void)
{
    tn_tensor *t;
    for (int64_t i = 0; (t = tn_parameter(net, i, NULL, 0)); i++)
        tn_clear_grad(t);
    for (int64_t i = 0; (t = tn_parameter(cnn, i, NULL, 0)); i++)
        tn_clear_grad(t);
}

/* From here on the allocator may fail. */
static void arm(void)
{
    if (now.kind == STEP)
        clear_gradients();
    if (phase == UNDISTURBED || writing)
        before = digest_of_state();
    scope = tn_scope_begin(ctx);
    tn_empty_cache(ctx);
    memory_before = tn_memory(ctx);
    memory.calls = memory.failed = 0;
    memory.for_good = for_good;
    memory.fail_at = phase == FAILING ? k : 0;
}

static void disarm(bool call_failed)
{
    memory.fail_at = 0;
    shots = memory.failed;
    calls = memory.calls;
    status = tn_error_status(ctx);
    failed = call_failed;
    tn_clear_error(ctx);
    digest = 1;
}

static void begin_attempt(void)
{
    static const double running_values[] = {0, 1, 0};
    tn_set_rng_state(ctx, (tn_rng_state){.seed = 5});
    for (int i = 0; now.kind == STEP && i < 3; i++)
        tn_fill_(ctx, tn_buffer(cnn, i, NULL, 0), running_values[i]);
    if (now.kind != GRADIENT)
        arm();
}

static void begin_row(const row *r)
{
    now = *r;
    see_function(r->function, 1);
    running = true;
    phase = UNDISTURBED;
    k = 0;
    for_good = true;
    make_world(now.types);
    begin_attempt();
}

static void came_bool(bool flag)
{
    disarm(!flag);
}

static void came_number(double number)
{
    disarm(number < 0 || isnan(number));
    mix_number(number);
}

static void came_integer(int64_t number)
{
    disarm(number < 0);
    mix(&number, sizeof number);
}

static void came_tensor(const tn_tensor *t)
{
    disarm(t == NULL);
    mix_tensor(t);
}

static void came_module(const tn_module *m)
{
    disarm(m == NULL);
    if (m)
        mix_module(m);
}

static void came_optim(const tn_optim *o)
{
    disarm(o == NULL);
    mix_optim(o);
}

static void came_schedule(const tn_schedule *s)
{
    disarm(s == NULL);
    mix_schedule(s);
}

static void came_loader(const tn_loader *l)
{
    disarm(l == NULL);
    mix_loader(l);
}

static void came_dict(const tn_dict *d)
{
    disarm(d == NULL);
    mix_dict(d);
}

static void passed(const tn_tensor *y)
{
    ck_assert_msg(y != NULL, "%s: %s", now.call, tn_error(ctx));
    tn_tensor *dy = tn_empty(ctx, tn_dtype_of(y), tn_ndim(y), tn_shape(y));
    for (int64_t i = 0; i < tn_numel(y); i++)
        tn__store_f64(tn_dtype_of(y),
                      (char *)tn_data_mut(dy) + (size_t)i * tn_dtype_size(tn_dtype_of(y)),
                      value_of(0, i, false));
    arm();
    came_integer(tn_backward_with(ctx, y, dy));
    digest_of_gradients();
}

/* ---- what must be so ------------------------------------------------------------------------- */

static void end_world(void)
{
    tn_ctx_free(ctx);
    if (memory.blocks != 0)
        printf("%d: %s leaks %lld blocks: %s\n", now.line, now.function, (long long)memory.blocks,
               now.call);
    wrong += memory.blocks != 0;
}

static void next_attempt(void)
{
    end_world();
    phase = FAILING;
    k++;
    make_world(now.types);
    begin_attempt();
}

static bool complain(const char *what)
{
    static const char *const phases[] = {"", ", failing"};
    printf("%d: %s %s%s, allocation %lld%s: %s\n", now.line, now.function, what, phases[phase],
           (long long)k, for_good ? " and those that follow" : "", now.call);
    wrong++;
    return false;
}

static bool same_as_wanted(void)
{
    if (failed || status != TN_OK)
        return complain(failed ? "fails" : "succeeds with an error");
    if (got.result != wanted.result)
        return complain("gives other bits");
    return got.state == wanted.state ? true : complain("leaves other bits");
}

/* A backward pass that fails has used up the record, and so may have less than before. */
static bool nothing_kept(void)
{
    if (now.kind == STEP)
        clear_gradients();
    tn_memory_stats m = tn_memory(ctx), b = memory_before;
    if (now.kind == GRADIENT)
        return m.live_bytes <= b.live_bytes && m.tensors <= b.tensors && m.nodes <= b.nodes;
    return m.live_bytes == b.live_bytes && m.tensors == b.tensors && m.nodes == b.nodes;
}

static bool check_undisturbed(void)
{
    wanted.result = got.result;
    wanted.state = got.state;
    if (failed || status != TN_OK)
        return complain("fails");
    if ((calls > 0) == (now.kind == ASK))
        return complain(now.kind == ASK ? "allocates" : "does not allocate");
    return true;
}

static bool check_failure(void)
{
    injections++;
    if (status != TN_ERR_MEMORY)
        return complain(status == TN_OK ? "fails without an error" : "fails with another error");
    if (got.state != before)
        return complain("changes something");
    return nothing_kept() ? true : complain("keeps something");
}

/* After the undisturbed call come those in which all allocations from one on fail, and then those
 * in which one does. What has failed is made again, failing later, until it succeeds: on the same
 * objects, which failures have not changed. */
static void advance(void)
{
    bool survived = phase == FAILING && shots == 0;
    if (phase == FAILING && failed) {
        k++;
        begin_attempt();
    } else if (now.kind == ASK || (survived && !for_good)) {
        running = false;
    } else {
        for_good = for_good && !survived;
        k = survived ? 0 : k;
        next_attempt();
    }
}

static void end_attempt(void)
{
    got.result = digest;
    tn_scope_end(ctx, scope);
    got.state = digest_of_state();
    bool right = phase == UNDISTURBED         ? check_undisturbed()
                 : phase == FAILING && failed ? check_failure()
                                              : same_as_wanted();
    running = right;
    if (right)
        advance();
    if (!running)
        end_world();
}

/* ---- context.h ------------------------------------------------------------------------------- */

/* A context over the allocator of this one. */
static bool make_context(void)
{
    tn_ctx *other = tn_ctx_new(&(tn_ctx_opts){.allocator = counting_allocator(&memory)});
    tn_ctx_free(other);
    tn_status none = other ? TN_OK : TN_ERR_MEMORY;
    return none == TN_OK || tn_fail(ctx, none, "no context") == TN_OK;
}

/* More scopes than there is room for. */
static tn_status nest_scopes(void)
{
    tn_scope outer = tn_scope_begin(ctx);
    for (int i = 0; tn_ok(ctx) && i < 10; i++)
        tn_scope_begin(ctx);
    return tn_scope_end(ctx, outer);
}

static void context_rows(void)
{
    ASKS(tn_version, "", tn_version()[0]);
    ASKS(tn_status_name, "", tn_status_name(TN_OK)[0]);
    CALLS(tn_ctx_new, "", make_context());
    ASKS(tn_ctx_free, "", (tn_ctx_free(NULL), 0));
    ASKS(tn_error, "", tn_error(ctx)[0]);
    ASKS(tn_error_status, "", tn_error_status(ctx));
    ASKS(tn_clear_error, "", (tn_clear_error(ctx), 0));
    ASKS(tn_on_error, "", (tn_on_error(ctx, NULL, NULL), 0));
    CALLS(tn_scope_begin, "", nest_scopes());
    ASKS(tn_scope_end, "", tn_scope_end(ctx, tn_scope_begin(ctx)));
    CALLS(tn_scope_keep, "", tn_scope_keep(ctx, scope, tn_zeros(ctx, TN_F32, TN_SHAPE(2))));
    ASKS(tn_memory, "", (double)tn_memory(ctx).nodes);
    ASKS(tn_memory_reset_peak, "", (tn_memory_reset_peak(ctx), 0));
    ASKS(tn_empty_cache, "", (tn_empty_cache(ctx), 0));
    ASKS(tn_set_threads, "", tn_set_threads(ctx, 1));
    ASKS(tn_threads, "", tn_threads(ctx));
    ASKS(tn_isa, "", tn_isa(ctx)[0]);
    ASKS(tn_manual_seed, "", (tn_manual_seed(ctx, 3), 0));
    ASKS(tn_get_rng_state, "", (double)tn_get_rng_state(ctx).position);
    ASKS(tn_set_rng_state, "", (tn_set_rng_state(ctx, (tn_rng_state){3, 4}), 0));
}

/* ---- tensor.h -------------------------------------------------------------------------------- */

static double numbers[] = {1, 2, 3, 4};

static void making_rows(void)
{
    CALLS(tn_empty, "", tn_ndim(tn_empty(ctx, TN_F32, TN_SHAPE(2, 2))) - 2);
    CALLS(tn_zeros, "", tn_zeros(ctx, TN_F32, TN_SHAPE(2, 2)));
    CALLS(tn_ones, "", tn_ones(ctx, TN_F32, TN_SHAPE(2, 2)));
    CALLS(tn_full, "", tn_full(ctx, TN_F32, TN_SHAPE(2, 2), 3));
    CALLS(tn_scalar, "", tn_scalar(ctx, TN_F32, 3));
    CALLS(tn_arange, "", tn_arange(ctx, TN_F32, 0, 5, 1));
    CALLS(tn_from_data, "", tn_from_data(ctx, TN_F64, TN_SHAPE(2, 2), numbers));
    CALLS(tn_from_blob, "", tn_from_blob(ctx, TN_F64, TN_SHAPE(4), numbers, NULL, NULL));
    CALLS(tn_rand, "", tn_rand(ctx, TN_F32, TN_SHAPE(3)));
    CALLS(tn_randn, "", tn_randn(ctx, TN_F64, TN_SHAPE(3)));
    CALLS(tn_randperm, "", tn_randperm(ctx, 5));
    ASKS(tn_free, "", (tn_free(NULL), 0));
}

static void asking_rows(void)
{
    ASKS(tn_dtype_name, "", tn_dtype_name(TN_F32)[0]);
    ASKS(tn_dtype_size, "", (double)tn_dtype_size(TN_F32));
    ASKS(tn_dtype_of, "", tn_dtype_of(x));
    ASKS(tn_ndim, "", tn_ndim(x));
    ASKS(tn_shape, "", tn_shape(x)[0]);
    ASKS(tn_strides, "", tn_strides(x)[0]);
    ASKS(tn_size, "", tn_size(x, 0));
    ASKS(tn_numel, "", tn_numel(x));
    ASKS(tn_is_contiguous, "", tn_is_contiguous(x));
    ASKS(tn_data, "", tn_data(x) != NULL);
    ASKS(tn_data_f32, "", tn_data_f32(x) != NULL);
    ASKS(tn_data_f64, "", tn_data_f64(p) != NULL);
    ASKS(tn_data_i64, "i64[2]", tn_data_i64(in[0]) != NULL);
    ASKS(tn_data_mut, "", tn_data_mut(x) != NULL);
    ASKS(tn_item, "=f32[1]", tn_item(ctx, in[0]));
    ASKS(tn_at, "=f32[2]", tn_at(ctx, in[0], (int64_t[]){1}));
    ASKS(tn_format, "", tn_format(x, NULL, 0));
    CALLS(tn_print, "", tn_print(ctx, x));
}

static tn_tensor *flipped(int i)
{
    return tn_transpose(ctx, in[i], 0, 1);
}

/* Changes t, and says what came of it. */
#define IN_PLACE(change) ((change) == TN_OK)

static void change_rows(void)
{
    ASKS(tn_fill_, "=f32[2,3]", tn_fill_(ctx, in[0], 3));
    ASKS(tn_copy_, "=f32[2,3] =f32[3]", tn_copy_(ctx, in[0], in[1]));
    CALLS(tn_copy_, "=f32[3,3]", tn_copy_(ctx, in[0], flipped(0)));
    CALLS(tn_copy_, "=f32[3,3]", tn_copy_(ctx, flipped(0), in[0]));
    ASKS(tn_uniform_, "=f32[2,3]", tn_uniform_(ctx, in[0], 0, 1));
    CALLS(tn_uniform_, "=f32[2,3]", tn_uniform_(ctx, flipped(0), 0, 1));
    CALLS(tn_normal_, "=f64[2,3]", tn_normal_(ctx, flipped(0), 0, 1));
    CALLS(tn_bernoulli_, "u8[2,3]", tn_bernoulli_(ctx, flipped(0), 0.5));
}

/* ---- autograd.h ------------------------------------------------------------------------------ */

static tn_tensor *sum_of_squares(tn_ctx *unused, tn_tensor *const *inputs, void *payload)
{
    (void)unused, (void)payload;
    return tn_sum(ctx, tn_square(ctx, inputs[0]), (tn_reduce_opts){0});
}

/* Two leaves of which one has a gradient already, used twice, and a view of that gradient. */
static tn_tensor *shared_leaves(void)
{
    tn_tensor *product = tn_mul(ctx, in[0], in[1]);
    return tn_add(ctx, tn_mul(ctx, product, in[0]), tn_mul(ctx, in[1], in[1]));
}

static tn_tensor *with_view_of_gradient(void)
{
    tn_dict_set(dict, "a", tn_grad(in[0]));
    return shared_leaves();
}

static tn_tensor *watched(tn_tensor *y)
{
    tn_detect_anomaly(ctx, true);
    return y;
}

static tn_tensor *profiled(void)
{
    tn_profile(ctx, true);
    return tn_sqrt(ctx, in[0]);
}

static tn_status convert_profiled(void)
{
    tn_status profiling = tn_profile(ctx, true), converted = tn_module_to(ctx, spare, TN_F64);
    tn_profile(ctx, false);
    tn__profile_free(ctx);
    return profiling == TN_OK ? converted : profiling;
}

static void autograd_rows(void)
{
    CALLS(tn_set_requires_grad, "", tn_set_requires_grad(ctx, x, true));
    ASKS(tn_requires_grad, "", tn_requires_grad(p));
    ASKS(tn_grad, "f32[2]", tn_grad(in[0]));
    ASKS(tn_clear_grad, "f32[2]", (tn_clear_grad(in[0]), 0));
    CALLS(tn_backward, "f32[1]", tn_backward(ctx, in[0]));
    GRADIENTS(tn_backward_with, "f32[3] f32[3]", shared_leaves());
    GRADIENTS(tn_backward_with, "f32[3] f32[3]", with_view_of_gradient());
    GRADIENTS(tn_backward_with, "f32[3]", in[0]);
    GRADIENTS(tn_detect_anomaly, "f32[3] f32[3]", watched(shared_leaves()));
    ASKS(tn_set_grad_enabled, "", tn_set_grad_enabled(ctx, true));
    ASKS(tn_is_grad_enabled, "", tn_is_grad_enabled(ctx));
    CALLS(tn_detach, "f32[2]", tn_detach(ctx, in[0]));
    CALLS(tn_gradcheck, "f64[2] f64[2]",
          tn_gradcheck(ctx, sum_of_squares, NULL, 1, in + 1, (tn_gradcheck_opts){.projections = 1},
                       NULL));
    GRADIENTS(tn_profile, "+f64[2]", profiled());
    CALLS(tn_profile, "", convert_profiled());
    ASKS(tn_profile_report, "", tn_profile_report(ctx, NULL, 0));
}

/* ---- ops.h ----------------------------------------------------------------------------------- */

static void elementwise_rows(void)
{
    DIFFERENTIABLE(tn_add, "f32[2,3] f32[3]", tn_add(ctx, in[0], in[1]));
    DIFFERENTIABLE(tn_sub, "f32[2,3] f32[3]", tn_sub(ctx, in[0], in[1]));
    DIFFERENTIABLE(tn_mul, "f32[2,3] f32[3]", tn_mul(ctx, in[0], in[1]));
    DIFFERENTIABLE(tn_div, "f32[2,3] f32[3]", tn_div(ctx, in[0], in[1]));
    DIFFERENTIABLE(tn_neg, "f32[2,3]", tn_neg(ctx, in[0]));
    DIFFERENTIABLE(tn_abs, "f32[2,3]", tn_abs(ctx, in[0]));
    DIFFERENTIABLE(tn_square, "f32[2,3]", tn_square(ctx, in[0]));
    DIFFERENTIABLE(tn_sqrt, "+f32[2,3]", tn_sqrt(ctx, in[0]));
    DIFFERENTIABLE(tn_exp, "f32[2,3]", tn_exp(ctx, in[0]));
    DIFFERENTIABLE(tn_log, "+f32[2,3]", tn_log(ctx, in[0]));
    DIFFERENTIABLE(tn_add_scalar, "f32[2,3]", tn_add_scalar(ctx, in[0], 2));
    DIFFERENTIABLE(tn_mul_scalar, "f32[2,3]", tn_mul_scalar(ctx, in[0], 2));
    DIFFERENTIABLE(tn_pow_scalar, "+f32[2,3]", tn_pow_scalar(ctx, in[0], 3));
    DIFFERENTIABLE(tn_clamp, "f32[2,3]", tn_clamp(ctx, in[0], -0.5, 0.5));
    DIFFERENTIABLE(tn_relu, "f32[2,3]", tn_relu(ctx, in[0]));
    DIFFERENTIABLE(tn_sigmoid, "f32[2,3]", tn_sigmoid(ctx, in[0]));
    DIFFERENTIABLE(tn_tanh, "f32[2,3]", tn_tanh(ctx, in[0]));
    DIFFERENTIABLE(tn_gelu, "f32[2,3]", tn_gelu(ctx, in[0]));
    DIFFERENTIABLE(tn_leaky_relu, "f32[2,3]", tn_leaky_relu(ctx, in[0], 0.1));
    DIFFERENTIABLE(tn_softplus, "f32[2,3]", tn_softplus(ctx, in[0]));
    DIFFERENTIABLE(tn_dropout, "f32[2,3]", tn_dropout(ctx, in[0], 0.5, true));
    DIFFERENTIABLE(tn_dropout, "f32[2,3]", tn_dropout(ctx, in[0], 0.5, false));
    CALLS(tn_eq, "i64[2,3] i64[3]", tn_eq(ctx, in[0], in[1]));
    CALLS(tn_ne, "i64[2,3] i64[3]", tn_ne(ctx, in[0], in[1]));
    CALLS(tn_lt, "i64[2,3] i64[3]", tn_lt(ctx, in[0], in[1]));
    CALLS(tn_le, "i64[2,3] i64[3]", tn_le(ctx, in[0], in[1]));
    CALLS(tn_gt, "i64[2,3] i64[3]", tn_gt(ctx, in[0], in[1]));
    CALLS(tn_ge, "i64[2,3] i64[3]", tn_ge(ctx, in[0], in[1]));
    DIFFERENTIABLE(tn_where, "f32[2,3] f32[3] bool[2,1]", tn_where(ctx, in[2], in[0], in[1]));
}

static tn_tensor *extreme(tn_tensor *(*fn)(tn_ctx *, const tn_tensor *, int, bool, tn_tensor **))
{
    tn_tensor *indices = NULL;
    return fn(ctx, in[0], 1, false, &indices);
}

static tn_tensor *largest_two(void)
{
    tn_tensor *indices = NULL;
    return tn_topk(ctx, in[0], 2, 1, true, &indices);
}

static void reduction_rows(void)
{
    DIFFERENTIABLE(tn_sum, "f32[2,3]", tn_sum(ctx, in[0], TN_DIMS(0)));
    DIFFERENTIABLE(tn_mean, "f32[2,3]", tn_mean(ctx, in[0], TN_KEEPDIMS(1)));
    DIFFERENTIABLE(tn_var, "f32[2,3]", tn_var(ctx, in[0], (tn_var_opts){0}));
    DIFFERENTIABLE(tn_max, "f32[2,3]", extreme(tn_max));
    DIFFERENTIABLE(tn_min, "f32[2,3]", extreme(tn_min));
    DIFFERENTIABLE(tn_amax, "f32[2,3]", tn_amax(ctx, in[0], TN_DIMS(0)));
    DIFFERENTIABLE(tn_amin, "f32[2,3]", tn_amin(ctx, in[0], TN_DIMS(0)));
    CALLS(tn_argmax, "f32[2,3]", tn_argmax(ctx, in[0], 1));
    CALLS(tn_argmin, "f32[2,3]", tn_argmin(ctx, in[0], 1));
    DIFFERENTIABLE(tn_topk, "f32[2,3]", largest_two());
    ASKS(tn_count_equal, "i64[4] i64[4]", tn_count_equal(ctx, in[0], in[1]));
    CALLS(tn_count_equal, "i64[2,3] i64[2,3]", tn_count_equal(ctx, flipped(0), flipped(1)));
    DIFFERENTIABLE(tn_softmax, "f32[2,3]", tn_softmax(ctx, in[0], 0));
    DIFFERENTIABLE(tn_log_softmax, "f32[2,3]", tn_log_softmax(ctx, in[0], 1));
}

#define POOL(...)    \
    (tn_pool2d_opts) \
    {                \
        __VA_ARGS__  \
    }

static tn_tensor *convolved(tn_conv2d_opts opts)
{
    return tn_conv2d(ctx, in[0], in[1], in[2], opts);
}

static tn_tensor *normalised(bool training)
{
    return tn_batch_norm(ctx, in[0], in[3], in[4], in[1], in[2],
                         (tn_batch_norm_opts){.training = training});
}

static void product_rows(void)
{
    DIFFERENTIABLE(tn_matmul, "f32[2,3] f32[3,2]", tn_matmul(ctx, in[0], in[1]));
    DIFFERENTIABLE(tn_matmul, "f32[2,2,3] f32[2,3]", tn_matmul(ctx, in[0], flipped(1)));
    DIFFERENTIABLE(tn_linear, "f32[4,3] f32[2,3] f32[2]", tn_linear(ctx, in[0], in[1], in[2]));
    DIFFERENTIABLE(tn_conv2d, "f32[2,2,4,4] f32[3,2,3,3] f32[3]", convolved((tn_conv2d_opts){0}));
    DIFFERENTIABLE(tn_conv2d, "f32[2,2,5,5] f32[4,1,2,2] f32[4]",
                   convolved((tn_conv2d_opts){.groups = 2, .stride = 2, .padding = 1}));
    DIFFERENTIABLE(tn_conv2d, "f32[1,32,6,6] f32[32,32,3,3] f32[32]",
                   convolved((tn_conv2d_opts){.padding = 1}));
    DIFFERENTIABLE(tn_max_pool2d, "f32[1,2,4,4]", tn_max_pool2d(ctx, in[0], 2, POOL(0)));
    DIFFERENTIABLE(tn_avg_pool2d, "f32[1,2,4,4]", tn_avg_pool2d(ctx, in[0], 2, POOL(0)));
    DIFFERENTIABLE(tn_adaptive_avg_pool2d, "f32[1,2,4,4]",
                   tn_adaptive_avg_pool2d(ctx, in[0], 3, 2));
    DIFFERENTIABLE(tn_batch_norm, "f32[3,2,2] f32[2] f32[2] =f32[2] =f32[2]", normalised(true));
    DIFFERENTIABLE(tn_batch_norm, "f32[3,2,2] f32[2] f32[2] =f32[2] =f32[2]", normalised(false));
}

static void loss_rows(void)
{
    DIFFERENTIABLE(
        tn_cross_entropy, "f32[2,3] u8[2] =f32[3]",
        tn_cross_entropy(ctx, in[0], in[1],
                         (tn_cross_entropy_opts){.weight = in[2], .label_smoothing = 0.1}));
    DIFFERENTIABLE(tn_nll_loss, "f32[2,3] i32[2] =f32[3]",
                   tn_nll_loss(ctx, in[0], in[1], (tn_nll_loss_opts){.weight = in[2]}));
    DIFFERENTIABLE(tn_mse_loss, "f32[2,3] f32[2,3]",
                   tn_mse_loss(ctx, in[0], in[1], (tn_mse_loss_opts){0}));
    DIFFERENTIABLE(tn_binary_cross_entropy_with_logits, "f32[2,3] =f32[2,3] =f32[3]",
                   tn_binary_cross_entropy_with_logits(
                       ctx, in[0], in[1], (tn_bce_opts){.weight = in[2], .pos_weight = in[2]}));
}

static void view_rows(void)
{
    DIFFERENTIABLE(tn_reshape, "f32[2,3]", tn_reshape(ctx, in[0], TN_SHAPE(6)));
    DIFFERENTIABLE(tn_reshape, "f32[2,3]", tn_reshape(ctx, flipped(0), TN_SHAPE(6)));
    DIFFERENTIABLE(tn_flatten, "f32[2,3]", tn_flatten(ctx, in[0], 0, -1));
    DIFFERENTIABLE(tn_permute, "f32[2,3]", tn_permute(ctx, in[0], (int[]){1, 0}));
    DIFFERENTIABLE(tn_transpose, "f32[2,3]", tn_transpose(ctx, in[0], 0, 1));
    DIFFERENTIABLE(tn_slice, "f32[2,5]", tn_slice(ctx, in[0], 1, 0, 5, 2));
    DIFFERENTIABLE(tn_narrow, "f32[2,5]", tn_narrow(ctx, in[0], 1, 1, 2));
    DIFFERENTIABLE(tn_select, "f32[2,3]", tn_select(ctx, in[0], 0, 1));
    DIFFERENTIABLE(tn_squeeze, "f32[2,1]", tn_squeeze(ctx, in[0], 1));
    DIFFERENTIABLE(tn_unsqueeze, "f32[2,3]", tn_unsqueeze(ctx, in[0], 1));
    DIFFERENTIABLE(tn_expand, "f32[1,3]", tn_expand(ctx, in[0], TN_SHAPE(2, 3)));
    DIFFERENTIABLE(tn_cat, "f32[2,3] f32[1,3]", tn_cat(ctx, TN_TENSORS(in[0], in[1]), 0));
    DIFFERENTIABLE(tn_stack, "f32[2,3] f32[2,3]", tn_stack(ctx, TN_TENSORS(in[0], in[1]), 1));
    DIFFERENTIABLE(tn_index_select, "f32[3,2] i32[4]", tn_index_select(ctx, in[0], 0, in[1]));
    DIFFERENTIABLE(tn_gather, "f32[3,2] u8[2,2]", tn_gather(ctx, in[0], 0, in[1]));
    DIFFERENTIABLE(tn_pad, "f32[2,3]", tn_pad(ctx, in[0], TN_SHAPE(1, 1), 2));
    DIFFERENTIABLE(tn_contiguous, "f32[2,3]", tn_contiguous(ctx, in[0]));
    DIFFERENTIABLE(tn_contiguous, "f32[2,3]", tn_contiguous(ctx, flipped(0)));
    DIFFERENTIABLE(tn_clone, "f32[2,3]", tn_clone(ctx, in[0]));
    DIFFERENTIABLE(tn_cast, "f32[2,3]", tn_cast(ctx, in[0], TN_F64));
}

/* ---- nn.h ------------------------------------------------------------------------------------ */

static tn_module *sequential_of_two(void)
{
    return tn_sequential(ctx, tn_nn_gelu(ctx), tn_nn_relu(ctx));
}

static void layer_rows(void)
{
    CALLS(tn_nn_linear, "", tn_nn_linear(ctx, 3, 2));
    CALLS(tn_nn_linear_nobias, "", tn_nn_linear_nobias(ctx, 3, 2));
    CALLS(tn_nn_conv2d, "", tn_nn_conv2d(ctx, 2, 3, 2, (tn_conv2d_opts){0}));
    CALLS(tn_nn_conv2d_nobias, "", tn_nn_conv2d_nobias(ctx, 2, 3, 2, (tn_conv2d_opts){0}));
    CALLS(tn_nn_conv2d, "", tn_nn_conv2d(ctx, 2, 3, 2, (tn_conv2d_opts){.kernel_w = 1}));
    CALLS(tn_nn_batch_norm2d, "", tn_nn_batch_norm2d(ctx, 2, (tn_batch_norm_opts){0}));
    CALLS(tn_nn_max_pool2d, "", tn_nn_max_pool2d(ctx, 2, POOL(0)));
    CALLS(tn_nn_avg_pool2d, "", tn_nn_avg_pool2d(ctx, 2, POOL(0)));
    CALLS(tn_nn_adaptive_avg_pool2d, "", tn_nn_adaptive_avg_pool2d(ctx, 2, 2));
    CALLS(tn_nn_dropout, "", tn_nn_dropout(ctx, 0.5));
    CALLS(tn_nn_flatten, "", tn_nn_flatten(ctx));
    CALLS(tn_nn_relu, "", tn_nn_relu(ctx));
    CALLS(tn_nn_leaky_relu, "", tn_nn_leaky_relu(ctx, 0.1));
    CALLS(tn_nn_sigmoid, "", tn_nn_sigmoid(ctx));
    CALLS(tn_nn_tanh, "", tn_nn_tanh(ctx));
    CALLS(tn_nn_gelu, "", tn_nn_gelu(ctx));
    CALLS(tn_sequential_of, "", sequential_of_two());
    CALLS(tn_forward, "f32[2,3]", tn_forward(ctx, net, in[0]));
    CALLS(tn_forward, "=f32[2,2,3,3]", tn_forward(ctx, tn_child(cnn, 1), in[0]));
    CALLS(tn_forward, "=f32[2,3]", tn_forward(ctx, tn_child(cnn, 4), in[0]));
}

static tn_tensor *first_parameter(void)
{
    return tn_parameter(net, 0, NULL, 0);
}

static tn_tensor *identity(tn_ctx *unused, tn_module *self, const tn_tensor *t)
{
    (void)unused, (void)self;
    return tn_detach(ctx, t);
}

/* The report is filled in on failure, too, and is to be freed. */
static tn_status load_reported(void)
{
    tn_load_report report;
    tn_status loaded = tn_load_state_dict(ctx, net, net_state, (tn_load_opts){.report = &report});
    tn_dict_free(report.missing);
    tn_dict_free(report.unexpected);
    tn_dict_free(report.mismatched);
    return loaded;
}

static const tn_module_type identity_type = {.name = "Identity", .forward = identity};

static void module_rows(void)
{
    ASKS(tn_module_free, "", (tn_module_free(NULL), 0));
    ASKS(tn_train, "", (tn_train(net, false), 0));
    ASKS(tn_is_training, "", tn_is_training(net));
    ASKS(tn_parameter_count, "", tn_parameter_count(net));
    ASKS(tn_parameter, "", first_parameter() != NULL);
    ASKS(tn_parameter_named, "", tn_parameter_named(net, "0.weight"));
    ASKS(tn_parameter_numel, "", tn_parameter_numel(net));
    ASKS(tn_buffer_count, "", tn_buffer_count(cnn));
    ASKS(tn_buffer, "", tn_buffer(cnn, 0, NULL, 0));
    ASKS(tn_buffer_named, "", tn_buffer_named(cnn, "1.running_mean"));
    ASKS(tn_freeze, "", tn_freeze(ctx, net, true));
    CALLS(tn_freeze, "", tn_freeze(ctx, frozen, false));
    CALLS(tn_module_to, "", tn_module_to(ctx, cnn, TN_F64));
    CALLS(tn_state_dict, "", tn_state_dict(ctx, net));
    CALLS(tn_load_state_dict, "", tn_load_state_dict(ctx, net, net_state, (tn_load_opts){0}));
    CALLS(tn_load_state_dict, "", load_reported());
    CALLS(tn_module_new, "", tn_module_new(ctx, &identity_type, 8));
    ASKS(tn_module_state, "", tn_module_state(tn_child(net, 0)) != NULL);
    CALLS(tn_add_parameter, "", tn_add_parameter(ctx, spare, "w", x));
    CALLS(tn_add_buffer, "", tn_add_buffer(ctx, spare, "w", x));
    CALLS(tn_add_child, "", tn_add_child(ctx, cnn, "more", spare));
    ASKS(tn_child, "", tn_child(net, 0) != NULL);
    ASKS(tn_module_name, "", tn_module_name(net)[0]);
    CALLS(tn_summary, "", tn_summary(ctx, cnn, TN_SHAPE(1, 1, 6, 6), NULL, 0));
    CALLS(tn_print_summary, "", tn_print_summary(ctx, net, TN_SHAPE(1, 3)));
    CALLS(tn_graph_dot, "f32[1]", tn_graph_dot(ctx, tn_square(ctx, in[0]), net, NULL, 0));
}

static void init_rows(void)
{
    ASKS(tn_init_kaiming_uniform_, "=f32[3,2]",
         tn_init_kaiming_uniform_(ctx, in[0], (tn_init_opts){0}));
    CALLS(tn_init_kaiming_uniform_, "=f32[3,2]",
          tn_init_kaiming_uniform_(ctx, flipped(0), (tn_init_opts){0}));
    CALLS(tn_init_kaiming_normal_, "=f32[3,2]",
          tn_init_kaiming_normal_(ctx, flipped(0), (tn_init_opts){0}));
    CALLS(tn_init_xavier_uniform_, "=f32[3,2]", tn_init_xavier_uniform_(ctx, flipped(0), 1));
    CALLS(tn_init_xavier_normal_, "=f32[3,2]", tn_init_xavier_normal_(ctx, flipped(0), 1));
    ASKS(tn_init_gain, "", tn_init_gain(TN_TANH, 0));
}

/* ---- optim.h --------------------------------------------------------------------------------- */

#define OPTIM_ROWS(function, function_of, opts)      \
    CALLS(function, "", function(ctx, spare, opts)); \
    CALLS(function_of, "f32[2] f64[3]", function_of(ctx, 2, in, opts))

/* Thaws a frozen layer, which gets its moments in the step. */
static tn_optim *frozen_optim(void)
{
    tn_freeze(ctx, tn_child(net, 2), true);
    tn_optim *o = tn_adam(ctx, net, (tn_adam_opts){.lr = 0.5});
    tn_freeze(ctx, tn_child(net, 2), false);
    for (int64_t i = 2; i < 4; i++)
        tn_backward(ctx, tn_sum(ctx, tn_parameter(net, i, NULL, 0), (tn_reduce_opts){0}));
    return o;
}

/* Made before the allocator fails, once. */
static tn_optim *made(tn_optim **o)
{
    int64_t at = memory.fail_at;
    memory.fail_at = 0;
    tn_scope_end(ctx, scope);
    if (!*o)
        *o = frozen_optim();
    arm();
    memory.fail_at = at;
    return *o;
}

static void optim_rows(void)
{
    OPTIM_ROWS(tn_sgd, tn_sgd_of, ((tn_sgd_opts){.momentum = 0.5}));
    OPTIM_ROWS(tn_adam, tn_adam_of, ((tn_adam_opts){0}));
    OPTIM_ROWS(tn_adamw, tn_adamw_of, ((tn_adamw_opts){0}));
    OPTIM_ROWS(tn_rmsprop, tn_rmsprop_of, ((tn_rmsprop_opts){.momentum = 0.5, .centered = true}));
    ASKS(tn_step, "", tn_step(opt));
    CALLS(tn_step, "", tn_step(made(&thawed)));
    ASKS(tn_zero_grad, "", (tn_zero_grad(opt), 0));
    ASKS(tn_optim_free, "", (tn_optim_free(NULL), 0));
    CALLS(tn_add_group, "", tn_add_group(opt, spare, (tn_group_opts){0}));
    CALLS(tn_add_group_of, "f32[2] f64[3] f32[1]",
          tn_add_group_of(opt, 4, (tn_tensor *[]){in[0], p, in[1], in[2]}, (tn_group_opts){0}));
    ASKS(tn_group_count, "", tn_group_count(opt));
    CALLS(tn_optim_state_dict, "", tn_optim_state_dict(opt));
    CALLS(tn_optim_load_state_dict, "", tn_optim_load_state_dict(opt, opt_state));
    ASKS(tn_lr, "", tn_lr(opt));
    ASKS(tn_set_lr, "", tn_set_lr(opt, 0.5));
    ASKS(tn_group_lr, "", tn_group_lr(opt, 1));
    ASKS(tn_set_group_lr, "", tn_set_group_lr(opt, 1, 0.5));
    ASKS(tn_clip_grad_norm, "", tn_clip_grad_norm(opt, 0.5));
    ASKS(tn_clip_grad_value, "", tn_clip_grad_value(opt, 0.5));
}

static void schedule_rows(void)
{
    CALLS(tn_step_lr, "", tn_step_lr(ctx, plain_opt, 5, 0.5));
    CALLS(tn_exponential_lr, "", tn_exponential_lr(ctx, plain_opt, 0.5));
    CALLS(tn_cosine_annealing_lr, "", tn_cosine_annealing_lr(ctx, plain_opt, 5, 0));
    CALLS(tn_linear_lr, "", tn_linear_lr(ctx, plain_opt, 0.1, 1, 5));
    CALLS(tn_reduce_lr_on_plateau, "",
          tn_reduce_lr_on_plateau(ctx, plain_opt, (tn_plateau_opts){0}));
    ASKS(tn_schedule_step, "", tn_schedule_step(schedule));
    ASKS(tn_schedule_step_with, "", tn_schedule_step_with(plateau, 2));
    CALLS(tn_schedule_state_dict, "", tn_schedule_state_dict(schedule));
    ASKS(tn_schedule_load_state_dict, "", tn_schedule_load_state_dict(schedule, schedule_state));
    ASKS(tn_schedule_free, "", (tn_schedule_free(NULL), 0));
}

/* ---- data.h, dict.h and io.h ----------------------------------------------------------------- */

static double next_sum(void)
{
    tn_batch batch;
    if (!tn_loader_next(loader, &batch))
        return -1;
    return element_of(batch.x, 0) + 10 * element_of(batch.x, 1);
}

static void data_rows(void)
{
    tn_loader_opts opts = {.batch_size = 2, .shuffle = true, .scale = 2};
    CALLS(tn_loader_new, "u8[3,2] i64[2]", tn_loader_new(ctx, flipped(0), in[1], opts));
    ASKS(tn_loader_next, "", next_sum());
    ASKS(tn_loader_batches, "", tn_loader_batches(loader));
    CALLS(tn_loader_state_dict, "", tn_loader_state_dict(loader));
    ASKS(tn_loader_load_state_dict, "", tn_loader_load_state_dict(loader, loader_state));
    ASKS(tn_loader_free, "", (tn_loader_free(NULL), 0));
}

static void dict_rows(void)
{
    CALLS(tn_dict_new, "", tn_dict_new(ctx));
    ASKS(tn_dict_free, "", (tn_dict_free(NULL), 0));
    CALLS(tn_dict_set, "", tn_dict_set(dict, "b", p));
    CALLS(tn_dict_set, "", tn_dict_set(dict, "a", p));
    ASKS(tn_dict_count, "", tn_dict_count(dict));
    ASKS(tn_dict_name, "", tn_dict_name(dict, 0)[0]);
    ASKS(tn_dict_at, "", tn_dict_at(dict, 0));
    ASKS(tn_dict_get, "", tn_dict_get(dict, "a"));
    CALLS(tn_dict_update, "", tn_dict_update(dict, "net.", opt_state));
    CALLS(tn_dict_update, "", tn_dict_update(dict, NULL, dict));
    CALLS(tn_dict_select, "", tn_dict_select(opt_state, "state."));
    CALLS(tn_dict_clone, "", tn_dict_clone(opt_state));
}

static tn_checkpoint everything(void)
{
    return (tn_checkpoint){.module = net,
                           .optim = opt,
                           .schedules = {schedule, plateau},
                           .loader = loader,
                           .extra = dict};
}

static void file_rows(void)
{
    CALLS(tn_load_idx, "", tn_load_idx(ctx, data_path("u1.idx")));
    CALLS(tn_load_idx, "", tn_load_idx(ctx, data_path("cube.idx.gz")));
    CALLS(tn_load_mat, "", tn_load_mat(ctx, data_path("little.mat"), (tn_mat_opts){0}));
    CALLS(tn_load_mat, "", tn_load_mat(ctx, data_path("compressed.mat"), (tn_mat_opts){0}));
    CALLS(tn_load_npy, "", tn_load_npy(ctx, data_path("fortran.npy")));
    CALLS(tn_load_npz, "", tn_load_npz(ctx, data_path("stored.npz")));
    CALLS(tn_load_npz, "", tn_load_npz(ctx, data_path("deflated.npz")));
    CALLS(tn_load_safetensors, "", tn_load_safetensors(ctx, data_path("types.safetensors")));
    CALLS(tn_load_pth, "", tn_load_pth(ctx, data_path("torch/nested_zip.pth")));
    CALLS(tn_load_pth, "", tn_load_pth(ctx, data_path("torch/nested_legacy.pth")));
    CALLS(tn_load_dict, "", tn_load_dict(ctx, data_path("torch/tiny.pth")));
    CALLS(tn_load_dict, "", tn_load_dict(ctx, data_path("types.safetensors")));
    writing = true;
    CALLS(tn_save_npy, "", tn_save_npy(ctx, tn_transpose(ctx, x, 0, 1), folder_path("x.npy")));
    CALLS(tn_save_npz, "", tn_save_npz(ctx, dict, folder_path("x.npz"), (tn_npz_opts){0}));
    CALLS(tn_save_npz, "",
          tn_save_npz(ctx, dict, folder_path("x.npz"), (tn_npz_opts){.compress = true}));
    CALLS(tn_save_safetensors, "",
          tn_save_safetensors(ctx, dict, folder_path("x.safetensors"), (tn_safetensors_opts){0}));
    CALLS(tn_save_dict, "", tn_save_dict(ctx, dict, folder_path("x.npz")));
    CALLS(tn_load, "", tn_load(ctx, net, folder_path("net.npz"), (tn_load_opts){0}));
    CALLS(tn_load, "", tn_load(ctx, net, folder_path("net.safetensors"), (tn_load_opts){0}));
    CALLS(tn_save, "", tn_save(ctx, net, folder_path("x.npz")));
    CALLS(tn_save_checkpoint, "", tn_save_checkpoint(ctx, everything(), folder_path("x.npz")));
    CALLS(tn_save_checkpoint, "",
          tn_save_checkpoint(ctx, everything(), folder_path("x.safetensors")));
    CALLS(tn_load_checkpoint, "",
          tn_load_checkpoint(ctx, everything(), folder_path("checkpoint.npz")));
    writing = false;
}

/* Other values than those that the rows find. */
static void make_files(void)
{
    make_folder();
    make_world("");
    tn_schedule_step(schedule);
    tn_fill_(ctx, tn_dict_get(dict, "a"), 5);
    tn_set_grad_enabled(ctx, false);
    tn_fill_(ctx, first_parameter(), 3);
    tn_set_grad_enabled(ctx, true);
    tn_save(ctx, net, folder_path("net.npz"));
    tn_save(ctx, net, folder_path("net.safetensors"));
    tn_save_checkpoint(ctx, everything(), folder_path("checkpoint.npz"));
    tn_save_npy(ctx, p, folder_path("x.npy"));
    ck_tn_ok();
    end_world();
}

/* ---- op.h ------------------------------------------------------------------------------------ */

static void same_backward(tn_ctx *unused, tn_node *node, const tn_tensor *dy)
{
    (void)unused;
    const double *scale = tn_node_data(node);
    if (tn_wants_grad(node, 0) && tn_saved(node, 0) && tn_input_ndim(node, 0) == 1 &&
        tn_input_shape(node, 0)[0] == 3)
        tn_add_grad(ctx, node, 0, tn_mul_scalar(ctx, dy, *scale));
}

static const tn_op same_op = {.name = "same", .backward = same_backward};

static tn_tensor *recorded(void)
{
    const double scale = 2;
    return tn_record(
        ctx, &same_op, tn_clone(ctx, tn_detach(ctx, in[0])),
        (tn_record_args){
            .inputs = {in[0]}, .saved = {in[0]}, .data = &scale, .size = sizeof scale});
}

static void op_rows(void)
{
    const tn_tensor *const *inputs = (const tn_tensor *const *)in;
    ASKS(tn_ok, "", tn_ok(ctx));
    ASKS(tn_fail, "", (tn_fail(ctx, TN_ERR_SHAPE, "text"), tn_clear_error(ctx), 0));
    ASKS(tn_shape_text, "", tn_shape_text(TN_SHAPE(2)).s[1]);
    ASKS(tn_check_input, "", tn_check_input(ctx, "f", "x", x));
    ASKS(tn_check_float, "", tn_check_float(ctx, "f", "x", x));
    ASKS(tn_check_same_dtype, "", tn_check_same_dtype(ctx, "f", "x", x, "y", x));
    DIFFERENTIABLE(tn_record, "f32[3]", recorded());
    ASKS(tn_will_record, "f32[3]", tn_will_record(ctx, 1, inputs));
    GRADIENTS(tn_wants_grad, "f32[3]", recorded());
    GRADIENTS(tn_saved, "f32[3]", recorded());
    GRADIENTS(tn_node_data, "f32[3]", recorded());
    GRADIENTS(tn_input_ndim, "f32[3]", recorded());
    GRADIENTS(tn_input_shape, "f32[3]", recorded());
    GRADIENTS(tn_add_grad, "f32[3]", recorded());
    CALLS(tn_map, "f32[3]", tn_map(ctx, "f", &cube_op.y, NULL, inputs));
    DIFFERENTIABLE(tn_unary, "f32[3]", tn_unary(ctx, &cube_op, in[0], NULL));
    DIFFERENTIABLE(tn_binary, "f32[3] f32[1]", tn_binary(ctx, &less_op, in[0], in[1]));
    GRADIENTS(tn_unary_backward, "f32[3]", tn_unary(ctx, &cube_op, in[0], NULL));
    GRADIENTS(tn_binary_backward, "f32[3] f32[1]", tn_binary(ctx, &less_op, in[0], in[1]));
}

/* ---- whole steps ----------------------------------------------------------------------------- */

static tn_optim *any_optim(int which, tn_module *m)
{
    switch (which) {
    case 0:
        return tn_sgd(ctx, m, (tn_sgd_opts){.lr = 0.1, .momentum = 0.9});
    case 1:
        return tn_adam(ctx, m, (tn_adam_opts){.lr = 0.1});
    case 2:
        return tn_adamw(ctx, m, (tn_adamw_opts){.lr = 0.1});
    default:
        return tn_rmsprop(ctx, m, (tn_rmsprop_opts){.lr = 0.1, .momentum = 0.9});
    }
}

/* Makes an optimiser and a step. */
static tn_status step(tn_module *m, const tn_tensor *input, int which)
{
    tn_tensor *target = tn_zeros(ctx, TN_I64, TN_SHAPE(tn_size(input, 0)));
    tn_optim *o = any_optim(which, m);
    tn_tensor *loss =
        tn_cross_entropy(ctx, tn_forward(ctx, m, input), target, (tn_cross_entropy_opts){0});
    tn_zero_grad(o);
    tn_backward(ctx, loss);
    tn_clip_grad_norm(o, 0.5);
    tn_status result = o ? tn_step(o) : tn_error_status(ctx);
    tn_optim_free(o);
    return result;
}

static void step_rows(void)
{
    for (int i = 0; i < 4; i++) {
        STEPS("a step of an mlp", step(net, x, i));
        STEPS("a step of a small cnn", step(cnn, images, i));
    }
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void all_rows(void)
{
    context_rows();
    making_rows();
    asking_rows();
    change_rows();
    autograd_rows();
    elementwise_rows();
    reduction_rows();
    product_rows();
    loss_rows();
    view_rows();
    layer_rows();
    module_rows();
    init_rows();
    optim_rows();
    schedule_rows();
    data_rows();
    dict_rows();
    file_rows();
    op_rows();
    step_rows();
}

START_TEST(every_public_function)
{
    list_functions(NULL);
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 1); /* saving waits for the disk */
    make_files();
    all_rows();
    remove_folder();
    wrong += unseen_functions(1, "");
    ck_assert_msg(wrong == 0, "%d rows are wrong", wrong);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("allocations");
    TCase *tc = tcase_create("rows");
    tcase_set_timeout(tc, 600);
    tcase_add_test(tc, every_public_function);
    suite_add_tcase(suite, tc);
    return tn_run(suite);
}
