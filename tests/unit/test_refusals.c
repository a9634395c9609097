/* Every public function, given what does not fit: the status and the line of text that it promises;
 * and without a context, or with one in error: that it does nothing. The rows stand as in the
 * headers, and a function of the headers without rows fails the test. */
#include "common/check_tn.h"
#include "common/files.h"
#include "common/functions.h"

#include <stdio.h>
#include <string.h>
#include <tn/formula.h>

TN_UNARY(cube, TN_SAVE_X, x * x * x, 3 * x * x * dy);
TN_BINARY(less, TN_SAVE_NOTHING, a - b, dy, -dy);

static const tn_op same_op = {.name = "same", .backward = tn_unary_backward};

/* ---- rows ------------------------------------------------------------------------------------ */

/* REFUSES: the call fails with this status and text. WORKS: it succeeds. Both must fail, and do
 * nothing, while an error is recorded, and without a context. HOLDS: the condition is true, and no
 * error is recorded; for what cannot fail, or has no context to record it in. */
#define REFUSES(function, status, text, ...) \
    ROW(#function, REFUSED, status, text, #__VA_ARGS__, FAILED(__VA_ARGS__))
#define WORKS(function, ...) ROW(#function, WORKED, TN_OK, "", #__VA_ARGS__, FAILED(__VA_ARGS__))
#define HOLDS(function, ...) ROW(#function, HELD, TN_OK, "", #__VA_ARGS__, !(__VA_ARGS__))

#define ROW(function, kind, status, text, call, failed)               \
    do {                                                              \
        begin_row();                                                  \
        const row r = {__LINE__, function, kind, status, text, call}; \
        end_row(&r, failed);                                          \
    } while (0)

#define FAILED(call)                \
    _Generic((call), bool           \
             : is_false, int        \
             : is_negative, int64_t \
             : is_negative, double  \
             : is_nan, default      \
             : is_null)(call)

typedef struct row {
    int line;
    const char *function;
    enum { REFUSED = 1, WORKED = 2, HELD = REFUSED | WORKED } kind; /* bits of see_function */
    tn_status status;
    const char *text, *call;
} row;

/* Each row is run in each of these, with new objects. */
static enum { PLAIN, IN_ERROR, NO_CONTEXT, MODES } mode;

/* What the calls find. The tensors of T are of another context, so that they are there without one
 * and while one is in error. */
static tn_ctx *own, *maker;
static tn_tensor *x, *ints; /* f32 [2,3], i64 [2] */
static tn_tensor *p, *y;    /* f64 [2] and its squares, which require a gradient */
static tn_module *net;      /* Linear(3, 2) */
static tn_optim *opt;
static tn_schedule *schedule, *plateau;
static tn_loader *loader;
static tn_dict *dict; /* "a" */
static tn_dict *net_state, *opt_state, *schedule_state, *loader_state;
static tn_scope inner, ended;
static tn_batch batch;
static uint64_t rng_before;
static char text[200];

static bool is_false(bool flag)
{
    return !flag;
}

static bool is_negative(int64_t number)
{
    return number < 0;
}

static bool is_nan(double number)
{
    return isnan(number);
}

static bool is_null(const void *pointer)
{
    return pointer == NULL;
}

/* A tensor of zeros, "f32[2,3]"; of another value. */
static tn_tensor *T(const char *type)
{
    int64_t shape[TN_MAX_DIMS];
    int ndim = 0, dtype = 0;
    while (strncmp(type, tn_dtype_name((tn_dtype)dtype), strcspn(type, "[")) != 0)
        dtype++;
    for (const char *at = strchr(type, '['); at && at[1] != ']'; at = strchr(at + 1, ','))
        shape[ndim++] = strtoll(at + 1, NULL, 10);
    return tn_zeros(maker, (tn_dtype)dtype, ndim, shape);
}

static tn_tensor *T_OF(const char *type, double value)
{
    tn_tensor *t = T(type);
    tn_fill_(maker, t, value);
    return t;
}

/* t, if it has this shape. */
static tn_tensor *shaped(const char *shape, tn_tensor *t)
{
    return t && strcmp(TN_SHAPE_TEXT(t), shape) == 0 ? t : NULL;
}

static void begin_row(void)
{
    memory = (counting){0};
    own = tn_ctx_new(
        &(tn_ctx_opts){.seed = 1, .threads = 1, .allocator = counting_allocator(&memory)});
    maker = tn_ctx_new(NULL);
    ended = tn_scope_begin(own);
    tn_scope_end(own, ended);
    x = tn_zeros(own, TN_F32, TN_SHAPE(2, 3));
    ints = tn_zeros(own, TN_I64, TN_SHAPE(2));
    p = tn_ones(own, TN_F64, TN_SHAPE(2));
    tn_set_requires_grad(own, p, true);
    net = tn_nn_linear(own, 3, 2);
    opt = tn_sgd(own, net, (tn_sgd_opts){.lr = 0.1});
    schedule = tn_step_lr(own, opt, 5, 0.5);
    plateau = tn_reduce_lr_on_plateau(own, opt, (tn_plateau_opts){0});
    loader = tn_loader_new(own, x, NULL, (tn_loader_opts){.batch_size = 1});
    dict = tn_dict_new(own);
    tn_dict_set(dict, "a", x);
    net_state = tn_state_dict(own, net);
    opt_state = tn_optim_state_dict(opt);
    schedule_state = tn_schedule_state_dict(schedule);
    loader_state = tn_loader_state_dict(loader);
    inner = tn_scope_begin(own);
    y = tn_square(own, p);
    ck_assert_str_eq(tn_error(own), "");
    if (mode == IN_ERROR)
        tn_fail(own, TN_ERR_STATE, "stop");
    ctx = mode == NO_CONTEXT ? NULL : own;
    memory.calls = 0;
    rng_before = tn_get_rng_state(own).position;
}

/* ---- what came of a row ---------------------------------------------------------------------- */

static int wrong;

static void complain(const row *r, const char *what)
{
    static const char *const modes[] = {"", " in error", " without a context"};
    wrong++;
    printf("%d: %s%s %s: %s\n    %s \"%s\"\n", r->line, r->function, modes[mode], what, r->call,
           tn_status_name(tn_error_status(own)), tn_error(own));
}

static void check_plain(const row *r, bool failed)
{
    if (failed != (r->kind == REFUSED))
        complain(r, failed ? "failed" : "did not fail");
    else if (tn_error_status(own) != r->status || strcmp(tn_error(own), r->text) != 0)
        complain(r, "says something else");
}

/* A function without a context of its own has that of its objects, which is there. */
static void check_idle(const row *r, bool failed)
{
    bool has_context = strstr(r->call, "(ctx") != NULL;
    const char *before = mode == IN_ERROR ? "stop" : "";
    if (r->kind == HELD || (mode == NO_CONTEXT && !has_context))
        return;
    if (!failed)
        complain(r, "did not fail");
    else if (strcmp(tn_error(own), before) != 0)
        complain(r, "changed the error");
    else if (memory.calls > 0 || tn_get_rng_state(own).position != rng_before)
        complain(r, "did something");
}

static void end_row(const row *r, bool failed)
{
    if (!see_function(r->function, r->kind))
        ck_abort_msg("line %d: no header declares %s", r->line, r->function);
    if (mode == PLAIN)
        check_plain(r, failed);
    else
        check_idle(r, failed);
    tn_ctx_free(own);
    tn_ctx_free(maker);
    ck_assert_msg(memory.blocks == 0, "line %d: %s leaks", r->line, r->function);
}

/* ---- context.h ------------------------------------------------------------------------------- */

static bool makes_context(void)
{
    tn_ctx *another = tn_ctx_new(NULL);
    bool made = tn_ok(another);
    tn_ctx_free(another);
    return made;
}

static tn_ctx *context_without_memory(void)
{
    counting none = {.fail_at = 1, .for_good = true};
    return tn_ctx_new(&(tn_ctx_opts){.allocator = counting_allocator(&none)});
}

static void context_rows(void)
{
    HOLDS(tn_version, strcmp(tn_version(), TN_VERSION) == 0);
    HOLDS(tn_status_name, strcmp(tn_status_name((tn_status)1), "unknown status") == 0);
    HOLDS(tn_ctx_new, makes_context());
    HOLDS(tn_ctx_new, !context_without_memory());
    HOLDS(tn_ctx_free, (tn_ctx_free(NULL), true));
    HOLDS(tn_error, strcmp(tn_error(NULL), "the context is NULL") == 0);
    HOLDS(tn_error_status, tn_error_status(NULL) == TN_ERR_ARGUMENT);
    HOLDS(tn_clear_error, (tn_clear_error(NULL), true));
    HOLDS(tn_on_error, (tn_on_error(NULL, NULL, NULL), true));
    HOLDS(tn_scope_begin, tn_scope_end(NULL, tn_scope_begin(NULL)) == TN_ERR_ARGUMENT);
    REFUSES(tn_scope_end, TN_ERR_STATE, "scope_end: the scope has ended already",
            tn_scope_end(ctx, ended));
    REFUSES(tn_scope_end, TN_ERR_STATE, "scope_end: the scope has ended already",
            tn_scope_end(ctx, (tn_scope){.depth = 99}));
    HOLDS(tn_scope_end, tn_scope_end(own, inner) == TN_OK);
    REFUSES(tn_scope_keep, TN_ERR_ARGUMENT, "scope_keep: tensor is NULL",
            tn_scope_keep(ctx, inner, NULL));
    REFUSES(tn_scope_keep, TN_ERR_ARGUMENT, "scope_keep: tensor [2,3] is not of this scope",
            tn_scope_keep(ctx, inner, x));
    REFUSES(tn_scope_keep, TN_ERR_ARGUMENT, "scope_keep: tensor [2] is not of this scope",
            tn_scope_keep(ctx, inner, T("f32[2]")));
    REFUSES(tn_scope_keep, TN_ERR_STATE, "scope_keep: the scope has ended already",
            tn_scope_keep(ctx, ended, y));
    WORKS(tn_scope_keep, tn_scope_keep(ctx, inner, y));
    HOLDS(tn_memory, tn_memory(NULL).live_bytes == 0);
    HOLDS(tn_memory_reset_peak, (tn_memory_reset_peak(NULL), true));
    HOLDS(tn_empty_cache, (tn_empty_cache(NULL), true));
    REFUSES(tn_set_threads, TN_ERR_ARGUMENT, "set_threads: 0 is not between 1 and 1024",
            tn_set_threads(ctx, 0));
    REFUSES(tn_set_threads, TN_ERR_ARGUMENT, "set_threads: -3 is not between 1 and 1024",
            tn_set_threads(ctx, -3));
    WORKS(tn_set_threads, tn_set_threads(ctx, 2));
    HOLDS(tn_threads, tn_threads(NULL) == 0);
    HOLDS(tn_isa, strcmp(tn_isa(NULL), "") == 0);
    HOLDS(tn_manual_seed, (tn_manual_seed(NULL, 1), true));
    HOLDS(tn_get_rng_state, tn_get_rng_state(NULL).position == 0);
    HOLDS(tn_set_rng_state, (tn_set_rng_state(NULL, (tn_rng_state){0}), true));
}

/* ---- tensor.h -------------------------------------------------------------------------------- */

/* What each function that makes a tensor of a shape says. */
#define SHAPE_ROWS(function, name, ...)                                                            \
    REFUSES(function, TN_ERR_DTYPE, name ": 9 is no dtype",                                        \
            function(ctx, (tn_dtype)9, TN_SHAPE(2) __VA_ARGS__));                                  \
    REFUSES(function, TN_ERR_SHAPE, name ": 9 dimensions, but a tensor has 0 to 8",                \
            function(ctx, TN_F32, TN_SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 1) __VA_ARGS__));               \
    REFUSES(function, TN_ERR_SHAPE, name ": -1 dimensions, but a tensor has 0 to 8",               \
            function(ctx, TN_F32, -1, NULL __VA_ARGS__));                                          \
    REFUSES(function, TN_ERR_ARGUMENT, name ": shape is NULL for 2 dimensions",                    \
            function(ctx, TN_F32, 2, NULL __VA_ARGS__));                                           \
    REFUSES(function, TN_ERR_SHAPE, name ": shape [2,-3] has a negative size",                     \
            function(ctx, TN_F32, TN_SHAPE(2, -3) __VA_ARGS__));                                   \
    REFUSES(function, TN_ERR_MEMORY, name ": [4294967296,4294967296] of f32 does not fit 63 bits", \
            function(ctx, TN_F32, TN_SHAPE(1LL << 32, 1LL << 32) __VA_ARGS__));                    \
    REFUSES(function, TN_ERR_MEMORY,                                                               \
            name ": [0,4294967296,4294967296] of f32 does not fit 63 bits",                        \
            function(ctx, TN_F32, TN_SHAPE(0, 1LL << 32, 1LL << 32) __VA_ARGS__))

#define MEMORY_ROW(function, name, ...)                                                            \
    REFUSES(function, TN_ERR_MEMORY,                                                               \
            name ": out of memory: no 4611686018427387904 bytes for [1152921504606846976] of f32", \
            function(ctx, TN_F32, TN_SHAPE(1LL << 60) __VA_ARGS__))

static double numbers[6];

static void making_rows(void)
{
    SHAPE_ROWS(tn_empty, "empty");
    MEMORY_ROW(tn_empty, "empty");
    WORKS(tn_empty, shaped("[2,0]", tn_empty(ctx, TN_F32, TN_SHAPE(2, 0))));
    SHAPE_ROWS(tn_zeros, "zeros");
    MEMORY_ROW(tn_zeros, "zeros");
    WORKS(tn_zeros, shaped("[]", tn_zeros(ctx, TN_F32, TN_SCALAR)));
    SHAPE_ROWS(tn_ones, "ones");
    MEMORY_ROW(tn_ones, "ones");
    WORKS(tn_ones, shaped("[0]", tn_ones(ctx, TN_F32, TN_SHAPE(0))));
    SHAPE_ROWS(tn_full, "full", , 2);
    MEMORY_ROW(tn_full, "full", , 2);
    WORKS(tn_full, shaped("[3]", tn_full(ctx, TN_F32, TN_SHAPE(3), 2)));
    REFUSES(tn_scalar, TN_ERR_DTYPE, "scalar: -1 is no dtype", tn_scalar(ctx, (tn_dtype)-1, 1));
    WORKS(tn_scalar, tn_scalar(ctx, TN_F64, 1));
    REFUSES(tn_arange, TN_ERR_ARGUMENT, "arange: no range from 0 to 1 in steps of 0",
            tn_arange(ctx, TN_F32, 0, 1, 0));
    REFUSES(tn_arange, TN_ERR_ARGUMENT, "arange: no range from 0 to nan in steps of 1",
            tn_arange(ctx, TN_F32, 0, NAN, 1));
    REFUSES(tn_arange, TN_ERR_ARGUMENT, "arange: no range from 0 to inf in steps of 1",
            tn_arange(ctx, TN_F32, 0, INFINITY, 1));
    REFUSES(tn_arange, TN_ERR_ARGUMENT, "arange: no range from 0 to 1e+300 in steps of 1e-300",
            tn_arange(ctx, TN_F32, 0, 1e300, 1e-300));
    REFUSES(tn_arange, TN_ERR_DTYPE, "arange: 9 is no dtype", tn_arange(ctx, (tn_dtype)9, 0, 3, 1));
    WORKS(tn_arange, shaped("[0]", tn_arange(ctx, TN_F32, 3, 0, 1)));
    SHAPE_ROWS(tn_from_data, "from_data", , numbers);
    REFUSES(tn_from_data, TN_ERR_ARGUMENT, "from_data: data is NULL",
            tn_from_data(ctx, TN_F32, TN_SHAPE(2), NULL));
    WORKS(tn_from_data, tn_from_data(ctx, TN_F32, TN_SHAPE(0, 3), NULL));
    SHAPE_ROWS(tn_from_blob, "from_blob", , numbers, NULL, NULL);
    REFUSES(tn_from_blob, TN_ERR_ARGUMENT, "from_blob: data is NULL",
            tn_from_blob(ctx, TN_F32, TN_SHAPE(2), NULL, NULL, NULL));
    REFUSES(tn_from_blob, TN_ERR_ARGUMENT, "from_blob: data is not aligned to its elements",
            tn_from_blob(ctx, TN_F64, TN_SHAPE(2), (char *)numbers + 4, NULL, NULL));
    WORKS(tn_from_blob, tn_from_blob(ctx, TN_F64, TN_SHAPE(6), numbers, NULL, NULL));
    SHAPE_ROWS(tn_rand, "rand");
    MEMORY_ROW(tn_rand, "rand");
    REFUSES(tn_rand, TN_ERR_DTYPE, "rand: i32 is neither f32 nor f64",
            tn_rand(ctx, TN_I32, TN_SHAPE(2)));
    WORKS(tn_rand, tn_rand(ctx, TN_F32, TN_SHAPE(2)));
    SHAPE_ROWS(tn_randn, "randn");
    MEMORY_ROW(tn_randn, "randn");
    REFUSES(tn_randn, TN_ERR_DTYPE, "randn: bool is neither f32 nor f64",
            tn_randn(ctx, TN_BOOL, TN_SHAPE(2)));
    WORKS(tn_randn, tn_randn(ctx, TN_F32, TN_SHAPE(0)));
    REFUSES(tn_randperm, TN_ERR_SHAPE, "randperm: shape [-1] has a negative size",
            tn_randperm(ctx, -1));
    REFUSES(tn_randperm, TN_ERR_MEMORY,
            "randperm: [9223372036854775807] of i64 does not fit 63 bits",
            tn_randperm(ctx, INT64_MAX));
    WORKS(tn_randperm, shaped("[0]", tn_randperm(ctx, 0)));
    HOLDS(tn_free, (tn_free(NULL), true));
}

static void asking_rows(void)
{
    HOLDS(tn_dtype_name, strcmp(tn_dtype_name((tn_dtype)9), "unknown dtype") == 0);
    HOLDS(tn_dtype_size, tn_dtype_size((tn_dtype)9) == 0);
    HOLDS(tn_dtype_of, tn_dtype_of(NULL) == TN_F32);
    HOLDS(tn_ndim, tn_ndim(NULL) == 0);
    HOLDS(tn_shape, tn_shape(NULL) == NULL);
    HOLDS(tn_strides, tn_strides(NULL) == NULL);
    HOLDS(tn_size, tn_size(NULL, 0) == 0 && tn_size(x, 2) == 0 && tn_size(x, -3) == 0);
    HOLDS(tn_numel, tn_numel(NULL) == 0);
    HOLDS(tn_is_contiguous, tn_is_contiguous(NULL));
    HOLDS(tn_data, tn_data(NULL) == NULL);
    HOLDS(tn_data_f32, tn_data_f32(NULL) == NULL && tn_data_f32(p) == NULL);
    HOLDS(tn_data_f64, tn_data_f64(NULL) == NULL && tn_data_f64(x) == NULL);
    HOLDS(tn_data_i64, tn_data_i64(NULL) == NULL && tn_data_i64(x) == NULL);
    HOLDS(tn_data_mut, tn_data_mut(NULL) == NULL);
    REFUSES(tn_item, TN_ERR_ARGUMENT, "item: tensor is NULL", tn_item(ctx, NULL));
    REFUSES(tn_item, TN_ERR_SHAPE, "item: a tensor of shape [2,3] has 6 elements, not 1",
            tn_item(ctx, T("f32[2,3]")));
    REFUSES(tn_item, TN_ERR_SHAPE, "item: a tensor of shape [0] has 0 elements, not 1",
            tn_item(ctx, T("f32[0]")));
    WORKS(tn_item, tn_item(ctx, T("u8[1,1]")));
    REFUSES(tn_at, TN_ERR_ARGUMENT, "at: tensor is NULL", tn_at(ctx, NULL, (int64_t[]){0}));
    REFUSES(tn_at, TN_ERR_ARGUMENT, "at: index NULL is outside a tensor of shape [2,3]",
            tn_at(ctx, T("f32[2,3]"), NULL));
    REFUSES(tn_at, TN_ERR_ARGUMENT, "at: index [1,3] is outside a tensor of shape [2,3]",
            tn_at(ctx, T("f32[2,3]"), (int64_t[]){1, 3}));
    REFUSES(tn_at, TN_ERR_ARGUMENT, "at: index [-1,0] is outside a tensor of shape [2,3]",
            tn_at(ctx, T("f32[2,3]"), (int64_t[]){-1, 0}));
    WORKS(tn_at, tn_at(ctx, T("f32[]"), NULL));
    HOLDS(tn_format, tn_format(NULL, NULL, 0) >= 0);
    HOLDS(tn_format, tn_format(x, NULL, 0) > 0);
    HOLDS(tn_print, tn_print(NULL, x) == TN_ERR_ARGUMENT);
    REFUSES(tn_print, TN_ERR_ARGUMENT, "print: tensor is NULL", tn_print(ctx, NULL));
}

static void change_rows(void)
{
    REFUSES(tn_fill_, TN_ERR_ARGUMENT, "fill_: tensor is NULL", tn_fill_(ctx, NULL, 1));
    REFUSES(tn_fill_, TN_ERR_STATE,
            "fill_: a tensor of shape [2] that requires a gradient is changed in place while "
            "gradients are enabled",
            tn_fill_(ctx, p, 1));
    REFUSES(tn_fill_, TN_ERR_ARGUMENT,
            "fill_: a tensor of shape [3] is expanded: its elements share memory",
            tn_fill_(ctx, tn_expand(maker, T("f32[1]"), TN_SHAPE(3)), 1));
    WORKS(tn_fill_, tn_fill_(ctx, x, 1));
    REFUSES(tn_copy_, TN_ERR_ARGUMENT, "copy_: dst is NULL", tn_copy_(ctx, NULL, x));
    REFUSES(tn_copy_, TN_ERR_ARGUMENT, "copy_: src is NULL", tn_copy_(ctx, x, NULL));
    REFUSES(tn_copy_, TN_ERR_SHAPE, "copy_: src [2] does not broadcast to dst [2,3]",
            tn_copy_(ctx, x, T("f32[2]")));
    REFUSES(tn_copy_, TN_ERR_SHAPE, "copy_: src [1,2,3] does not broadcast to dst [2,3]",
            tn_copy_(ctx, x, T("f32[1,2,3]")));
    REFUSES(tn_copy_, TN_ERR_DTYPE, "copy_: dst is f32 but src is f64; tn_cast converts",
            tn_copy_(ctx, x, T("f64[3]")));
    REFUSES(tn_copy_, TN_ERR_STATE,
            "copy_: a tensor of shape [2] that requires a gradient is changed in place while "
            "gradients are enabled",
            tn_copy_(ctx, p, T("f64[]")));
    WORKS(tn_copy_, tn_copy_(ctx, x, T("f32[3]")));
    WORKS(tn_copy_, tn_copy_(ctx, T("f32[0,3]"), T("f32[3]")));
    REFUSES(tn_uniform_, TN_ERR_ARGUMENT, "uniform_: tensor is NULL", tn_uniform_(ctx, NULL, 0, 1));
    REFUSES(tn_uniform_, TN_ERR_DTYPE,
            "uniform_: tensor is i64 but must be f32 or f64; tn_cast converts",
            tn_uniform_(ctx, T("i64[2]"), 0, 1));
    REFUSES(tn_uniform_, TN_ERR_ARGUMENT, "uniform_: no interval from 1 to 0",
            tn_uniform_(ctx, x, 1, 0));
    REFUSES(tn_uniform_, TN_ERR_ARGUMENT, "uniform_: no interval from 0 to nan",
            tn_uniform_(ctx, x, 0, NAN));
    REFUSES(tn_uniform_, TN_ERR_ARGUMENT, "uniform_: no interval from -1e+308 to 1e+308",
            tn_uniform_(ctx, x, -1e308, 1e308));
    REFUSES(tn_uniform_, TN_ERR_STATE,
            "uniform_: a tensor of shape [2] that requires a gradient is changed in place while "
            "gradients are enabled",
            tn_uniform_(ctx, p, 0, 1));
    WORKS(tn_uniform_, tn_uniform_(ctx, x, 0, 1));
    REFUSES(tn_normal_, TN_ERR_ARGUMENT, "normal_: tensor is NULL", tn_normal_(ctx, NULL, 0, 1));
    REFUSES(tn_normal_, TN_ERR_DTYPE,
            "normal_: tensor is u8 but must be f32 or f64; tn_cast converts",
            tn_normal_(ctx, T("u8[2]"), 0, 1));
    REFUSES(tn_normal_, TN_ERR_ARGUMENT, "normal_: mean 0 and standard deviation -1",
            tn_normal_(ctx, x, 0, -1));
    REFUSES(tn_normal_, TN_ERR_ARGUMENT, "normal_: mean inf and standard deviation 1",
            tn_normal_(ctx, x, INFINITY, 1));
    REFUSES(tn_normal_, TN_ERR_STATE,
            "normal_: a tensor of shape [2] that requires a gradient is changed in place while "
            "gradients are enabled",
            tn_normal_(ctx, p, 0, 1));
    WORKS(tn_normal_, tn_normal_(ctx, x, 0, 1));
    REFUSES(tn_bernoulli_, TN_ERR_ARGUMENT, "bernoulli_: tensor is NULL",
            tn_bernoulli_(ctx, NULL, 0.5));
    REFUSES(tn_bernoulli_, TN_ERR_ARGUMENT, "bernoulli_: p = 1.5 is not between 0 and 1",
            tn_bernoulli_(ctx, x, 1.5));
    REFUSES(tn_bernoulli_, TN_ERR_ARGUMENT, "bernoulli_: p = nan is not between 0 and 1",
            tn_bernoulli_(ctx, x, NAN));
    REFUSES(tn_bernoulli_, TN_ERR_STATE,
            "bernoulli_: a tensor of shape [2] that requires a gradient is changed in place while "
            "gradients are enabled",
            tn_bernoulli_(ctx, p, 0.5));
    WORKS(tn_bernoulli_, tn_bernoulli_(ctx, x, 0.5));
}

/* ---- autograd.h ------------------------------------------------------------------------------ */

static tn_tensor *sum_of_squares(tn_ctx *unused, tn_tensor *const *inputs, void *payload)
{
    (void)unused, (void)payload;
    return tn_sum(ctx, tn_square(ctx, inputs[0]), (tn_reduce_opts){0});
}

static void autograd_rows(void)
{
    REFUSES(tn_set_requires_grad, TN_ERR_ARGUMENT, "set_requires_grad: tensor is NULL",
            tn_set_requires_grad(ctx, NULL, true));
    REFUSES(tn_set_requires_grad, TN_ERR_DTYPE,
            "set_requires_grad: tensor is i64 but must be f32 or f64; tn_cast converts",
            tn_set_requires_grad(ctx, ints, true));
    REFUSES(tn_set_requires_grad, TN_ERR_STATE,
            "set_requires_grad: a tensor of shape [2] that square made is not a leaf; tn_detach "
            "makes one of it",
            tn_set_requires_grad(ctx, y, false));
    REFUSES(tn_set_requires_grad, TN_ERR_STATE,
            "set_requires_grad: a tensor of shape [2] belongs to another context",
            tn_set_requires_grad(ctx, T("f32[2]"), true));
    WORKS(tn_set_requires_grad, tn_set_requires_grad(ctx, x, true));
    HOLDS(tn_requires_grad, !tn_requires_grad(NULL));
    HOLDS(tn_grad, tn_grad(NULL) == NULL && tn_grad(p) == NULL && tn_grad(x) == NULL);
    HOLDS(tn_clear_grad, (tn_clear_grad(NULL), tn_clear_grad(x), true));
    REFUSES(tn_backward, TN_ERR_ARGUMENT, "backward: loss is NULL", tn_backward(ctx, NULL));
    REFUSES(tn_backward, TN_ERR_SHAPE,
            "backward: the loss has shape [2], not one element; reduce it, or give a gradient to "
            "tn_backward_with",
            tn_backward(ctx, y));
    REFUSES(tn_backward, TN_ERR_STATE, "backward: a tensor of shape [] requires no gradient",
            tn_backward(ctx, T("f32[]")));
    WORKS(tn_backward, tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0})));
    REFUSES(tn_backward_with, TN_ERR_ARGUMENT, "backward: loss is NULL",
            tn_backward_with(ctx, NULL, T("f64[2]")));
    REFUSES(tn_backward_with, TN_ERR_ARGUMENT, "backward: grad is NULL",
            tn_backward_with(ctx, y, NULL));
    REFUSES(tn_backward_with, TN_ERR_SHAPE, "backward: a tensor of shape [2] and a gradient of [1]",
            tn_backward_with(ctx, y, T("f64[1]")));
    REFUSES(tn_backward_with, TN_ERR_DTYPE,
            "backward: the tensor is f64 but its gradient is f32; tn_cast converts",
            tn_backward_with(ctx, y, T("f32[2]")));
    REFUSES(tn_backward_with, TN_ERR_STATE,
            "backward: a tensor of shape [2,3] requires no gradient",
            tn_backward_with(ctx, x, T("f32[2,3]")));
    WORKS(tn_backward_with, tn_backward_with(ctx, y, T("f64[2]")));
    HOLDS(tn_set_grad_enabled, !tn_set_grad_enabled(NULL, true));
    HOLDS(tn_is_grad_enabled, !tn_is_grad_enabled(NULL));
    REFUSES(tn_detach, TN_ERR_ARGUMENT, "detach: input is NULL", tn_detach(ctx, NULL));
    WORKS(tn_detach, tn_detach(ctx, y));
    REFUSES(tn_gradcheck, TN_ERR_ARGUMENT, "gradcheck: the function is NULL",
            tn_gradcheck(ctx, NULL, NULL, 1, &p, (tn_gradcheck_opts){0}, NULL));
    REFUSES(tn_gradcheck, TN_ERR_ARGUMENT, "gradcheck: inputs is NULL",
            tn_gradcheck(ctx, sum_of_squares, NULL, 1, NULL, (tn_gradcheck_opts){0}, NULL));
    REFUSES(tn_gradcheck, TN_ERR_ARGUMENT, "gradcheck: none of -1 inputs requires a gradient",
            tn_gradcheck(ctx, sum_of_squares, NULL, -1, &p, (tn_gradcheck_opts){0}, NULL));
    REFUSES(tn_gradcheck, TN_ERR_ARGUMENT, "gradcheck: an input is NULL",
            tn_gradcheck(ctx, sum_of_squares, NULL, 1, &(tn_tensor *){NULL}, (tn_gradcheck_opts){0},
                         NULL));
    REFUSES(tn_gradcheck, TN_ERR_ARGUMENT, "gradcheck: none of 1 inputs requires a gradient",
            tn_gradcheck(ctx, sum_of_squares, NULL, 1, &x, (tn_gradcheck_opts){0}, NULL));
    REFUSES(tn_gradcheck, TN_ERR_DTYPE, "gradcheck: input 0 is f32; differences need f64",
            tn_gradcheck(ctx, sum_of_squares, NULL, 1,
                         &(tn_tensor *){tn_parameter(net, 0, NULL, 0)}, (tn_gradcheck_opts){0},
                         NULL));
    REFUSES(tn_gradcheck, TN_ERR_ARGUMENT, "gradcheck: eps -1",
            tn_gradcheck(ctx, sum_of_squares, NULL, 1, &p, (tn_gradcheck_opts){.eps = -1}, NULL));
    REFUSES(tn_gradcheck, TN_ERR_ARGUMENT, "gradcheck: rtol -1",
            tn_gradcheck(ctx, sum_of_squares, NULL, 1, &p, (tn_gradcheck_opts){.rtol = -1}, NULL));
    WORKS(tn_gradcheck,
          tn_gradcheck(ctx, sum_of_squares, NULL, 1, &p, (tn_gradcheck_opts){0}, NULL));
    HOLDS(tn_detect_anomaly, !tn_detect_anomaly(NULL, true));
    WORKS(tn_profile, tn_profile(ctx, true));
    HOLDS(tn_profile, tn_profile(NULL, true) == TN_ERR_ARGUMENT);
    HOLDS(tn_profile_report, tn_profile_report(NULL, NULL, 0) > 0);
    HOLDS(tn_profile_report, tn_profile_report(own, NULL, 0) > 0);
}

/* ---- ops.h ----------------------------------------------------------------------------------- */

/* An operator of one float tensor, whose arguments after it are the last ones here. */
#define UNARY_ROWS(function, name, ...)                                                          \
    REFUSES(function, TN_ERR_ARGUMENT, name ": input is NULL", function(ctx, NULL __VA_ARGS__)); \
    REFUSES(function, TN_ERR_DTYPE,                                                              \
            name ": input is i64 but must be f32 or f64; tn_cast converts",                      \
            function(ctx, T("i64[2]") __VA_ARGS__));                                             \
    WORKS(function, shaped("[2,3]", function(ctx, T("f32[2,3]") __VA_ARGS__)));                  \
    WORKS(function, shaped("[0,3]", function(ctx, T("f64[0,3]") __VA_ARGS__)))

#define BINARY_ROWS(function, name)                                                               \
    REFUSES(function, TN_ERR_ARGUMENT, name ": input is NULL", function(ctx, NULL, T("f32[2]"))); \
    REFUSES(function, TN_ERR_ARGUMENT, name ": other is NULL", function(ctx, T("f32[2]"), NULL)); \
    REFUSES(function, TN_ERR_DTYPE, name ": input is f32 but other is f64; tn_cast converts",     \
            function(ctx, T("f32[2]"), T("f64[2]")));                                             \
    REFUSES(function, TN_ERR_SHAPE, name ": shapes [2,3] and [2] do not broadcast",               \
            function(ctx, T("f32[2,3]"), T("f32[2]")));                                           \
    REFUSES(function, TN_ERR_SHAPE, name ": shapes [0] and [2] do not broadcast",                 \
            function(ctx, T("f32[0]"), T("f32[2]")));                                             \
    WORKS(function, shaped("[2,3]", function(ctx, T("f32[2,1]"), T("f32[3]"))));                  \
    WORKS(function, shaped("[0,3]", function(ctx, T("f32[0,1]"), T("f32[3]"))))

/* Of these together the sizes overflow; each alone is more than there is memory. */
static tn_tensor *tall(void)
{
    return tn_expand(maker, T("f64[1,1]"), TN_SHAPE(1LL << 59, 1));
}

static tn_tensor *wide(void)
{
    return tn_expand(maker, T("f64[1,1]"), TN_SHAPE(1, 1LL << 59));
}

static void elementwise_rows(void)
{
    BINARY_ROWS(tn_add, "add");
    BINARY_ROWS(tn_sub, "sub");
    BINARY_ROWS(tn_mul, "mul");
    BINARY_ROWS(tn_div, "div");
    REFUSES(tn_add, TN_ERR_DTYPE, "add: input is i64 but must be f32 or f64; tn_cast converts",
            tn_add(ctx, T("i64[2]"), T("i64[2]")));
    REFUSES(tn_add, TN_ERR_MEMORY,
            "add: [576460752303423488,576460752303423488] of f64 does not fit 63 bits",
            tn_add(ctx, tall(), wide()));
    REFUSES(tn_mul, TN_ERR_MEMORY,
            "mul: [576460752303423488,576460752303423488] of f64 does not fit 63 bits",
            tn_mul(ctx, tall(), wide()));
    BINARY_ROWS(tn_eq, "eq");
    BINARY_ROWS(tn_ne, "ne");
    BINARY_ROWS(tn_lt, "lt");
    BINARY_ROWS(tn_le, "le");
    BINARY_ROWS(tn_gt, "gt");
    BINARY_ROWS(tn_ge, "ge");
    REFUSES(tn_eq, TN_ERR_MEMORY,
            "eq: [576460752303423488,576460752303423488] of bool does not fit 63 bits",
            tn_eq(ctx, tall(), wide()));
    UNARY_ROWS(tn_neg, "neg");
    UNARY_ROWS(tn_abs, "abs");
    UNARY_ROWS(tn_square, "square");
    UNARY_ROWS(tn_sqrt, "sqrt");
    UNARY_ROWS(tn_exp, "exp");
    UNARY_ROWS(tn_log, "log");
    UNARY_ROWS(tn_add_scalar, "add_scalar", , 1);
    UNARY_ROWS(tn_mul_scalar, "mul_scalar", , 1);
    UNARY_ROWS(tn_pow_scalar, "pow_scalar", , 1);
    UNARY_ROWS(tn_clamp, "clamp", , 0, 1);
    REFUSES(tn_clamp, TN_ERR_ARGUMENT, "clamp: bounds nan and 1",
            tn_clamp(ctx, T("f32[2]"), NAN, 1));
    UNARY_ROWS(tn_relu, "relu");
    UNARY_ROWS(tn_sigmoid, "sigmoid");
    UNARY_ROWS(tn_tanh, "tanh");
    UNARY_ROWS(tn_gelu, "gelu");
    UNARY_ROWS(tn_leaky_relu, "leaky_relu", , 0.1);
    UNARY_ROWS(tn_softplus, "softplus");
    UNARY_ROWS(tn_dropout, "dropout", , 0.5, true);
    REFUSES(tn_dropout, TN_ERR_ARGUMENT, "dropout: p = 1.5 is not between 0 and 1",
            tn_dropout(ctx, T("f32[2]"), 1.5, true));
    REFUSES(tn_dropout, TN_ERR_ARGUMENT, "dropout: p = -0.5 is not between 0 and 1",
            tn_dropout(ctx, T("f32[2]"), -0.5, false));
    REFUSES(tn_dropout, TN_ERR_ARGUMENT, "dropout: p = nan is not between 0 and 1",
            tn_dropout(ctx, T("f32[2]"), NAN, true));
    REFUSES(tn_where, TN_ERR_ARGUMENT, "where: condition is NULL",
            tn_where(ctx, NULL, T("f32[2]"), T("f32[2]")));
    REFUSES(tn_where, TN_ERR_ARGUMENT, "where: input is NULL",
            tn_where(ctx, T("bool[2]"), NULL, T("f32[2]")));
    REFUSES(tn_where, TN_ERR_ARGUMENT, "where: other is NULL",
            tn_where(ctx, T("bool[2]"), T("f32[2]"), NULL));
    REFUSES(tn_where, TN_ERR_DTYPE, "where: condition is u8 but must be bool",
            tn_where(ctx, T("u8[2]"), T("f32[2]"), T("f32[2]")));
    REFUSES(tn_where, TN_ERR_DTYPE, "where: input is f32 but other is f64; tn_cast converts",
            tn_where(ctx, T("bool[2]"), T("f32[2]"), T("f64[2]")));
    REFUSES(tn_where, TN_ERR_SHAPE, "where: shapes [3] and [2] do not broadcast",
            tn_where(ctx, T("bool[3]"), T("f32[2]"), T("f32[2]")));
    REFUSES(tn_where, TN_ERR_SHAPE, "where: shapes [3] and [2] do not broadcast",
            tn_where(ctx, T("bool[3]"), T("f32[3]"), T("f32[2]")));
    WORKS(tn_where, shaped("[0,2]", tn_where(ctx, T("bool[0,1]"), T("u8[2]"), T("u8[]"))));
}

/* A reduction over dimensions. */
#define REDUCTION_ROWS(function, name, opts)                                                     \
    REFUSES(function, TN_ERR_ARGUMENT, name ": input is NULL", function(ctx, NULL, (opts){0}));  \
    REFUSES(function, TN_ERR_ARGUMENT, name ": dimension 2 is outside a tensor of 2 dimensions", \
            function(ctx, T("f32[2,3]"), (opts){.dims = (int[]){2}, .ndims = 1}));               \
    REFUSES(function, TN_ERR_ARGUMENT, name ": dimension 1 is listed twice",                     \
            function(ctx, T("f32[2,3]"), (opts){.dims = (int[]){1, -1}, .ndims = 2}));           \
    REFUSES(function, TN_ERR_ARGUMENT, name ": 2 dimensions to reduce, but dims is NULL",        \
            function(ctx, T("f32[2,3]"), (opts){.dims = NULL, .ndims = 2}));                     \
    REFUSES(function, TN_ERR_ARGUMENT, name ": -1 dimensions to reduce",                         \
            function(ctx, T("f32[2,3]"), (opts){.dims = (int[]){0}, .ndims = -1}));              \
    WORKS(function,                                                                              \
          shaped("[2,1]", function(ctx, T("f32[2,3]"),                                           \
                                   (opts){.dims = (int[]){1}, .ndims = 1, .keepdim = true})));   \
    WORKS(function,                                                                              \
          shaped("[0]", function(ctx, T("f32[0,3]"), (opts){.dims = (int[]){1}, .ndims = 1})))

/* A choice of elements along a dimension. */
#define ALONG_ROWS(function, name, ...)                                                           \
    REFUSES(function, TN_ERR_ARGUMENT, name ": input is NULL",                                    \
            function(ctx, NULL, 0 __VA_ARGS__));                                                  \
    REFUSES(function, TN_ERR_ARGUMENT, name ": dimension 2 is outside a tensor of 2 dimensions",  \
            function(ctx, T("f32[2,3]"), 2 __VA_ARGS__));                                         \
    REFUSES(function, TN_ERR_ARGUMENT, name ": dimension -3 is outside a tensor of 2 dimensions", \
            function(ctx, T("f32[2,3]"), -3 __VA_ARGS__))

static void reduction_rows(void)
{
    REDUCTION_ROWS(tn_sum, "sum", tn_reduce_opts);
    REDUCTION_ROWS(tn_mean, "mean", tn_reduce_opts);
    REDUCTION_ROWS(tn_var, "var", tn_var_opts);
    REDUCTION_ROWS(tn_amax, "amax", tn_reduce_opts);
    REDUCTION_ROWS(tn_amin, "amin", tn_reduce_opts);
    REFUSES(tn_sum, TN_ERR_DTYPE, "sum: input is i64 but must be f32 or f64; tn_cast converts",
            tn_sum(ctx, T("i64[2]"), (tn_reduce_opts){0}));
    REFUSES(tn_mean, TN_ERR_DTYPE, "mean: input is u8 but must be f32 or f64; tn_cast converts",
            tn_mean(ctx, T("u8[2]"), (tn_reduce_opts){0}));
    REFUSES(tn_var, TN_ERR_DTYPE, "var: input is u8 but must be f32 or f64; tn_cast converts",
            tn_var(ctx, T("u8[2]"), (tn_var_opts){0}));
    REFUSES(tn_amax, TN_ERR_SHAPE, "amax: dimension 0 of [0] has no elements",
            tn_amax(ctx, T("f32[0]"), (tn_reduce_opts){0}));
    REFUSES(tn_amin, TN_ERR_SHAPE, "amin: dimension 0 of [0] has no elements",
            tn_amin(ctx, T("f32[0]"), (tn_reduce_opts){0}));
    ALONG_ROWS(tn_max, "max", , false, NULL);
    REFUSES(tn_max, TN_ERR_SHAPE, "max: dimension 1 of [2,0] has no elements",
            tn_max(ctx, T("f32[2,0]"), 1, false, NULL));
    WORKS(tn_max, shaped("[0,1]", tn_max(ctx, T("i32[0,3]"), 1, true, NULL)));
    ALONG_ROWS(tn_min, "min", , false, NULL);
    REFUSES(tn_min, TN_ERR_SHAPE, "min: dimension 1 of [2,0] has no elements",
            tn_min(ctx, T("f32[2,0]"), 1, false, NULL));
    WORKS(tn_min, shaped("[0]", tn_min(ctx, T("bool[0,3]"), 1, false, NULL)));
    ALONG_ROWS(tn_argmax, "argmax");
    REFUSES(tn_argmax, TN_ERR_SHAPE, "argmax: dimension 1 of [2,0] has no elements",
            tn_argmax(ctx, T("f32[2,0]"), 1));
    WORKS(tn_argmax, shaped("[0]", tn_argmax(ctx, T("f32[0,3]"), 1)));
    ALONG_ROWS(tn_argmin, "argmin");
    REFUSES(tn_argmin, TN_ERR_SHAPE, "argmin: dimension 0 of [0] has no elements",
            tn_argmin(ctx, T("f32[0]"), 0));
    WORKS(tn_argmin, shaped("[0]", tn_argmin(ctx, T("u8[0,3]"), -1)));
    REFUSES(tn_topk, TN_ERR_ARGUMENT, "topk: input is NULL", tn_topk(ctx, NULL, 1, 0, true, NULL));
    REFUSES(tn_topk, TN_ERR_DTYPE, "topk: input is i64 but must be f32 or f64; tn_cast converts",
            tn_topk(ctx, T("i64[2]"), 1, 0, true, NULL));
    REFUSES(tn_topk, TN_ERR_ARGUMENT, "topk: dimension 1 is outside a tensor of 1 dimensions",
            tn_topk(ctx, T("f32[2]"), 1, 1, true, NULL));
    REFUSES(tn_topk, TN_ERR_ARGUMENT, "topk: 3 elements of dimension 0 of [2]",
            tn_topk(ctx, T("f32[2]"), 3, 0, true, NULL));
    REFUSES(tn_topk, TN_ERR_ARGUMENT, "topk: -1 elements of dimension 0 of [2]",
            tn_topk(ctx, T("f32[2]"), -1, 0, true, NULL));
    WORKS(tn_topk, shaped("[0,2]", tn_topk(ctx, T("f32[0,3]"), 2, 1, true, NULL)));
    REFUSES(tn_count_equal, TN_ERR_ARGUMENT, "count_equal: input is NULL",
            tn_count_equal(ctx, NULL, T("i64[2]")));
    REFUSES(tn_count_equal, TN_ERR_ARGUMENT, "count_equal: other is NULL",
            tn_count_equal(ctx, T("i64[2]"), NULL));
    REFUSES(tn_count_equal, TN_ERR_DTYPE,
            "count_equal: input is f32 but must be an integer or bool",
            tn_count_equal(ctx, T("f32[2]"), T("i64[2]")));
    REFUSES(tn_count_equal, TN_ERR_SHAPE, "count_equal: shapes [2] and [3] differ",
            tn_count_equal(ctx, T("i64[2]"), T("i64[3]")));
    WORKS(tn_count_equal, tn_count_equal(ctx, T("i64[0]"), T("u8[0]")));
    ALONG_ROWS(tn_softmax, "softmax");
    REFUSES(tn_softmax, TN_ERR_DTYPE,
            "softmax: input is i64 but must be f32 or f64; tn_cast converts",
            tn_softmax(ctx, T("i64[2]"), 0));
    WORKS(tn_softmax, shaped("[0,3]", tn_softmax(ctx, T("f32[0,3]"), 1)));
    ALONG_ROWS(tn_log_softmax, "log_softmax");
    REFUSES(tn_log_softmax, TN_ERR_DTYPE,
            "log_softmax: input is bool but must be f32 or f64; tn_cast converts",
            tn_log_softmax(ctx, T("bool[2]"), 0));
    WORKS(tn_log_softmax, shaped("[0,3]", tn_log_softmax(ctx, T("f32[0,3]"), 1)));
}

static void product_rows(void)
{
    REFUSES(tn_matmul, TN_ERR_ARGUMENT, "matmul: input is NULL", tn_matmul(ctx, NULL, T("f32[2]")));
    REFUSES(tn_matmul, TN_ERR_ARGUMENT, "matmul: other is NULL", tn_matmul(ctx, T("f32[2]"), NULL));
    REFUSES(tn_matmul, TN_ERR_DTYPE, "matmul: input is f32 but other is f64; tn_cast converts",
            tn_matmul(ctx, T("f32[2]"), T("f64[2]")));
    REFUSES(tn_matmul, TN_ERR_DTYPE,
            "matmul: input is i32 but must be f32 or f64; tn_cast converts",
            tn_matmul(ctx, T("i32[2]"), T("i32[2]")));
    REFUSES(tn_matmul, TN_ERR_SHAPE, "matmul: input [2,3] has 3 columns but other [2,3] has 2 rows",
            tn_matmul(ctx, T("f32[2,3]"), T("f32[2,3]")));
    REFUSES(tn_matmul, TN_ERR_SHAPE, "matmul: shapes [] and [2] need at least one dimension each",
            tn_matmul(ctx, T("f32[]"), T("f32[2]")));
    REFUSES(tn_matmul, TN_ERR_SHAPE, "matmul: shapes [2] and [3] do not broadcast",
            tn_matmul(ctx, T("f32[2,2,3]"), T("f32[3,3,2]")));
    REFUSES(tn_matmul, TN_ERR_SHAPE,
            "matmul: matrix [576460752303423488,1] has a size or stride above 2147483647",
            tn_matmul(ctx, tall(), wide()));
    WORKS(tn_matmul, shaped("[0,2]", tn_matmul(ctx, T("f32[0,3]"), T("f32[3,2]"))));
    REFUSES(tn_linear, TN_ERR_ARGUMENT, "linear: input is NULL",
            tn_linear(ctx, NULL, T("f32[2,3]"), NULL));
    REFUSES(tn_linear, TN_ERR_ARGUMENT, "linear: weight is NULL",
            tn_linear(ctx, T("f32[4,3]"), NULL, NULL));
    REFUSES(tn_linear, TN_ERR_DTYPE, "linear: input is u8 but must be f32 or f64; tn_cast converts",
            tn_linear(ctx, T("u8[4,3]"), T("f32[2,3]"), NULL));
    REFUSES(tn_linear, TN_ERR_DTYPE, "linear: input is f32 but weight is f64; tn_cast converts",
            tn_linear(ctx, T("f32[4,3]"), T("f64[2,3]"), NULL));
    REFUSES(tn_linear, TN_ERR_DTYPE, "linear: input is f32 but bias is f64; tn_cast converts",
            tn_linear(ctx, T("f32[4,3]"), T("f32[2,3]"), T("f64[2]")));
    REFUSES(tn_linear, TN_ERR_SHAPE,
            "linear: input [4,2] and weight [2,3]; expected [...,in] and [out,in]",
            tn_linear(ctx, T("f32[4,2]"), T("f32[2,3]"), NULL));
    REFUSES(tn_linear, TN_ERR_SHAPE,
            "linear: input [] and weight [2,3]; expected [...,in] and [out,in]",
            tn_linear(ctx, T("f32[]"), T("f32[2,3]"), NULL));
    REFUSES(tn_linear, TN_ERR_SHAPE,
            "linear: input [4,3] and weight [3]; expected [...,in] and [out,in]",
            tn_linear(ctx, T("f32[4,3]"), T("f32[3]"), NULL));
    REFUSES(tn_linear, TN_ERR_SHAPE, "linear: weight [2,3] has 2 outputs but bias is [3]",
            tn_linear(ctx, T("f32[4,3]"), T("f32[2,3]"), T("f32[3]")));
    WORKS(tn_linear, shaped("[0,2]", tn_linear(ctx, T("f32[0,3]"), T("f32[2,3]"), T("f32[2]"))));
}

#define CONV(...)    \
    (tn_conv2d_opts) \
    {                \
        __VA_ARGS__  \
    }
#define POOL(...)    \
    (tn_pool2d_opts) \
    {                \
        __VA_ARGS__  \
    }

static void conv_rows(void)
{
    tn_conv2d_opts plain = {0};
    REFUSES(tn_conv2d, TN_ERR_ARGUMENT, "conv2d: input is NULL",
            tn_conv2d(ctx, NULL, T("f32[4,3,2,2]"), NULL, plain));
    REFUSES(tn_conv2d, TN_ERR_ARGUMENT, "conv2d: weight is NULL",
            tn_conv2d(ctx, T("f32[1,3,5,5]"), NULL, NULL, plain));
    REFUSES(tn_conv2d, TN_ERR_DTYPE, "conv2d: input is u8 but must be f32 or f64; tn_cast converts",
            tn_conv2d(ctx, T("u8[1,3,5,5]"), T("f32[4,3,2,2]"), NULL, plain));
    REFUSES(tn_conv2d, TN_ERR_DTYPE, "conv2d: input is f32 but weight is f64; tn_cast converts",
            tn_conv2d(ctx, T("f32[1,3,5,5]"), T("f64[4,3,2,2]"), NULL, plain));
    REFUSES(tn_conv2d, TN_ERR_DTYPE, "conv2d: input is f32 but bias is f64; tn_cast converts",
            tn_conv2d(ctx, T("f32[1,3,5,5]"), T("f32[4,3,2,2]"), T("f64[4]"), plain));
    REFUSES(tn_conv2d, TN_ERR_SHAPE,
            "conv2d: input [5,5]; expected [n,channels,h,w] or [channels,h,w]",
            tn_conv2d(ctx, T("f32[5,5]"), T("f32[4,3,2,2]"), NULL, plain));
    REFUSES(tn_conv2d, TN_ERR_SHAPE, "conv2d: weight [4,3,2]; expected [out,channels/groups,h,w]",
            tn_conv2d(ctx, T("f32[1,3,5,5]"), T("f32[4,3,2]"), NULL, plain));
    REFUSES(tn_conv2d, TN_ERR_SHAPE,
            "conv2d: input [1,2,5,5] has 2 channels but weight [4,3,2,2] expects 3",
            tn_conv2d(ctx, T("f32[1,2,5,5]"), T("f32[4,3,2,2]"), NULL, plain));
    REFUSES(tn_conv2d, TN_ERR_SHAPE, "conv2d: weight [4,3,2,2] has 4 outputs but bias is [3]",
            tn_conv2d(ctx, T("f32[1,3,5,5]"), T("f32[4,3,2,2]"), T("f32[3]"), plain));
    REFUSES(
        tn_conv2d, TN_ERR_SHAPE,
        "conv2d: kernel [6,2] with dilation [1,1] does not fit input [1,3,5,5] with padding [0,0]",
        tn_conv2d(ctx, T("f32[1,3,5,5]"), T("f32[4,3,6,2]"), NULL, plain));
    REFUSES(
        tn_conv2d, TN_ERR_SHAPE,
        "conv2d: kernel [1,1] with dilation [1,1] does not fit input [1,3,0,5] with padding [0,0]",
        tn_conv2d(ctx, T("f32[1,3,0,5]"), T("f32[4,3,1,1]"), NULL, plain));
    REFUSES(tn_conv2d, TN_ERR_SHAPE,
            "conv2d: 2 groups do not divide the 4 channels of input [1,4,5,5] and the 3 of weight "
            "[3,2,2,2]",
            tn_conv2d(ctx, T("f32[1,4,5,5]"), T("f32[3,2,2,2]"), NULL, CONV(.groups = 2)));
    REFUSES(tn_conv2d, TN_ERR_ARGUMENT, "conv2d: kernel [2,3], but weight [4,3,2,2]",
            tn_conv2d(ctx, T("f32[1,3,5,5]"), T("f32[4,3,2,2]"), NULL, CONV(.kernel_w = 3)));
    WORKS(tn_conv2d,
          tn_conv2d(ctx, T("f32[1,3,5,5]"), T("f32[4,3,2,3]"), NULL, CONV(.kernel_w = 3)));
    REFUSES(tn_conv2d, TN_ERR_ARGUMENT, "conv2d: stride [-1,-1] is not between 1 and 2147483647",
            tn_conv2d(ctx, T("f32[1,3,5,5]"), T("f32[4,3,2,2]"), NULL, CONV(.stride = -1)));
    REFUSES(tn_conv2d, TN_ERR_ARGUMENT, "conv2d: padding [-1,0] is not between 0 and 2147483647",
            tn_conv2d(ctx, T("f32[1,3,5,5]"), T("f32[4,3,2,2]"), NULL, CONV(.padding_h = -1)));
    REFUSES(tn_conv2d, TN_ERR_ARGUMENT, "conv2d: dilation [1,-2] is not between 1 and 2147483647",
            tn_conv2d(ctx, T("f32[1,3,5,5]"), T("f32[4,3,2,2]"), NULL, CONV(.dilation_w = -2)));
    REFUSES(tn_conv2d, TN_ERR_ARGUMENT,
            "conv2d: -1 groups do not divide the 3 channels of input [1,3,5,5] and the 4 of weight "
            "[4,3,2,2]",
            tn_conv2d(ctx, T("f32[1,3,5,5]"), T("f32[4,3,2,2]"), NULL, CONV(.groups = -1)));
    REFUSES(
        tn_conv2d, TN_ERR_ARGUMENT,
        "conv2d: padding [9223372036854775807,9223372036854775807] is not between 0 and 2147483647",
        tn_conv2d(ctx, T("f32[1,3,5,5]"), T("f32[4,3,2,2]"), NULL, CONV(.padding = INT64_MAX)));
    WORKS(tn_conv2d, shaped("[0,4,4,4]", tn_conv2d(ctx, T("f32[0,3,5,5]"), T("f32[4,3,2,2]"),
                                                   T("f32[4]"), plain)));
}

#define POOL_ROWS(function, name)                                                                  \
    REFUSES(function, TN_ERR_ARGUMENT, name ": input is NULL", function(ctx, NULL, 2, POOL(0)));   \
    REFUSES(function, TN_ERR_DTYPE, name ": input is u8 but must be f32 or f64; tn_cast converts", \
            function(ctx, T("u8[1,3,5,5]"), 2, POOL(0)));                                          \
    REFUSES(function, TN_ERR_SHAPE,                                                                \
            name ": input [5,5]; expected [n,channels,h,w] or [channels,h,w]",                     \
            function(ctx, T("f32[5,5]"), 2, POOL(0)));                                             \
    REFUSES(function, TN_ERR_SHAPE,                                                                \
            name                                                                                   \
            ": kernel [6,6] with dilation [1,1] does not fit input [1,3,5,5] with padding [0,0]",  \
            function(ctx, T("f32[1,3,5,5]"), 6, POOL(0)));                                         \
    REFUSES(function, TN_ERR_ARGUMENT, name ": kernel [0,0] is not between 1 and 2147483647",      \
            function(ctx, T("f32[1,3,5,5]"), 0, POOL(0)));                                         \
    REFUSES(function, TN_ERR_ARGUMENT, name ": kernel [-2,-2] is not between 1 and 2147483647",    \
            function(ctx, T("f32[1,3,5,5]"), -2, POOL(0)));                                        \
    REFUSES(function, TN_ERR_ARGUMENT, name ": stride [2,-1] is not between 1 and 2147483647",     \
            function(ctx, T("f32[1,3,5,5]"), 2, POOL(.stride_w = -1)));                            \
    REFUSES(function, TN_ERR_ARGUMENT, name ": padding [2,2] is more than half of kernel [2,2]",   \
            function(ctx, T("f32[1,3,5,5]"), 2, POOL(.padding = 2)));                              \
    REFUSES(function, TN_ERR_ARGUMENT, name ": padding [-1,0] is not between 0 and 2147483647",    \
            function(ctx, T("f32[1,3,5,5]"), 2, POOL(.padding_h = -1)));                           \
    WORKS(function, shaped("[0,3,2,2]", function(ctx, T("f32[0,3,5,5]"), 2, POOL(0))))

static void pooling_rows(void)
{
    POOL_ROWS(tn_max_pool2d, "max_pool2d");
    REFUSES(tn_max_pool2d, TN_ERR_ARGUMENT,
            "max_pool2d: dilation [-1,-1] is not between 1 and 2147483647",
            tn_max_pool2d(ctx, T("f32[1,3,5,5]"), 2, POOL(.dilation = -1)));
    POOL_ROWS(tn_avg_pool2d, "avg_pool2d");
    REFUSES(tn_avg_pool2d, TN_ERR_ARGUMENT, "avg_pool2d: the divisor -1 is not positive",
            tn_avg_pool2d(ctx, T("f32[1,3,5,5]"), 2, POOL(.divisor = -1)));
    REFUSES(tn_avg_pool2d, TN_ERR_ARGUMENT, "avg_pool2d: dilation is for max_pool2d alone",
            tn_avg_pool2d(ctx, T("f32[1,3,5,5]"), 2, POOL(.dilation = 2)));
    REFUSES(tn_adaptive_avg_pool2d, TN_ERR_ARGUMENT, "adaptive_avg_pool2d: input is NULL",
            tn_adaptive_avg_pool2d(ctx, NULL, 1, 1));
    REFUSES(tn_adaptive_avg_pool2d, TN_ERR_DTYPE,
            "adaptive_avg_pool2d: input is i64 but must be f32 or f64; tn_cast converts",
            tn_adaptive_avg_pool2d(ctx, T("i64[1,3,5,5]"), 1, 1));
    REFUSES(tn_adaptive_avg_pool2d, TN_ERR_SHAPE,
            "adaptive_avg_pool2d: input [5,5]; expected [n,channels,h,w] or [channels,h,w]",
            tn_adaptive_avg_pool2d(ctx, T("f32[5,5]"), 1, 1));
    REFUSES(tn_adaptive_avg_pool2d, TN_ERR_SHAPE,
            "adaptive_avg_pool2d: input [1,3,0,5] has planes without elements",
            tn_adaptive_avg_pool2d(ctx, T("f32[1,3,0,5]"), 1, 1));
    REFUSES(tn_adaptive_avg_pool2d, TN_ERR_ARGUMENT,
            "adaptive_avg_pool2d: output size [-2,1] is not between 0 and 2147483647",
            tn_adaptive_avg_pool2d(ctx, T("f32[1,3,5,5]"), -2, 1));
    REFUSES(tn_adaptive_avg_pool2d, TN_ERR_ARGUMENT,
            "adaptive_avg_pool2d: output size [1,-1] is not between 0 and 2147483647",
            tn_adaptive_avg_pool2d(ctx, T("f32[1,3,5,5]"), 1, -1));
    WORKS(tn_adaptive_avg_pool2d,
          shaped("[0,3,2,6]", tn_adaptive_avg_pool2d(ctx, T("f32[0,3,5,5]"), 2, 6)));
}

#define NORM(...)        \
    (tn_batch_norm_opts) \
    {                    \
        __VA_ARGS__      \
    }

static void batch_norm_rows(void)
{
    tn_batch_norm_opts plain = {0}, training = {.training = true};
    REFUSES(tn_batch_norm, TN_ERR_ARGUMENT, "batch_norm: input is NULL",
            tn_batch_norm(ctx, NULL, T("f32[3]"), T("f32[3]"), NULL, NULL, plain));
    REFUSES(tn_batch_norm, TN_ERR_ARGUMENT, "batch_norm: running_mean is NULL",
            tn_batch_norm(ctx, T("f32[2,3]"), NULL, NULL, NULL, NULL, plain));
    REFUSES(tn_batch_norm, TN_ERR_ARGUMENT, "batch_norm: running_var is NULL",
            tn_batch_norm(ctx, T("f32[2,3]"), T("f32[3]"), NULL, NULL, NULL, training));
    REFUSES(tn_batch_norm, TN_ERR_DTYPE,
            "batch_norm: input is u8 but must be f32 or f64; tn_cast converts",
            tn_batch_norm(ctx, T("u8[2,3]"), T("f32[3]"), T("f32[3]"), NULL, NULL, plain));
    REFUSES(tn_batch_norm, TN_ERR_DTYPE,
            "batch_norm: input is f32 but running_mean is f64; tn_cast converts",
            tn_batch_norm(ctx, T("f32[2,3]"), T("f64[3]"), T("f32[3]"), NULL, NULL, plain));
    REFUSES(tn_batch_norm, TN_ERR_DTYPE,
            "batch_norm: input is f32 but weight is f64; tn_cast converts",
            tn_batch_norm(ctx, T("f32[2,3]"), T("f32[3]"), T("f32[3]"), T("f64[3]"), NULL, plain));
    REFUSES(tn_batch_norm, TN_ERR_SHAPE, "batch_norm: input [3]; expected [n,channels,...]",
            tn_batch_norm(ctx, T("f32[3]"), T("f32[3]"), T("f32[3]"), NULL, NULL, plain));
    REFUSES(tn_batch_norm, TN_ERR_SHAPE,
            "batch_norm: input [2,3] has 3 channels but running_mean is [2]",
            tn_batch_norm(ctx, T("f32[2,3]"), T("f32[2]"), T("f32[3]"), NULL, NULL, plain));
    REFUSES(tn_batch_norm, TN_ERR_SHAPE, "batch_norm: input [2,3] has 3 channels but bias is [2]",
            tn_batch_norm(ctx, T("f32[2,3]"), T("f32[3]"), T("f32[3]"), NULL, T("f32[2]"), plain));
    REFUSES(tn_batch_norm, TN_ERR_SHAPE,
            "batch_norm: training on input [1,3], which has one value per channel",
            tn_batch_norm(ctx, T("f32[1,3]"), NULL, NULL, NULL, NULL, training));
    REFUSES(tn_batch_norm, TN_ERR_STATE,
            "batch_norm: a tensor of shape [2] that requires a gradient is changed in place while "
            "gradients are enabled",
            tn_batch_norm(ctx, T("f64[4,2]"), p, T("f64[2]"), NULL, NULL, training));
    REFUSES(tn_batch_norm, TN_ERR_ARGUMENT, "batch_norm: momentum 0.1 and eps -1",
            tn_batch_norm(ctx, T("f32[2,3]"), NULL, NULL, NULL, NULL,
                          NORM(.training = true, .eps = -1)));
    REFUSES(tn_batch_norm, TN_ERR_ARGUMENT, "batch_norm: momentum nan and eps 1e-05",
            tn_batch_norm(ctx, T("f32[2,3]"), NULL, NULL, NULL, NULL,
                          NORM(.training = true, .momentum = NAN)));
    WORKS(tn_batch_norm, shaped("[0,3]", tn_batch_norm(ctx, T("f32[0,3]"), T("f32[3]"), T("f32[3]"),
                                                       NULL, NULL, plain)));
}

#define CE(...)             \
    (tn_cross_entropy_opts) \
    {                       \
        __VA_ARGS__         \
    }
#define NLL(...)       \
    (tn_nll_loss_opts) \
    {                  \
        __VA_ARGS__    \
    }

/* The two losses of classes. */
#define CLASS_ROWS(function, name, first, OPTS, options)                                           \
    REFUSES(function, TN_ERR_ARGUMENT, name ": " first " is NULL",                                 \
            function(ctx, NULL, T("i64[2]"), OPTS(0)));                                            \
    REFUSES(function, TN_ERR_ARGUMENT, name ": target is NULL",                                    \
            function(ctx, T("f32[2,3]"), NULL, OPTS(0)));                                          \
    REFUSES(function, TN_ERR_DTYPE,                                                                \
            name ": " first " is i64 but must be f32 or f64; tn_cast converts",                    \
            function(ctx, T("i64[2,3]"), T("i64[2]"), OPTS(0)));                                   \
    REFUSES(function, TN_ERR_DTYPE, name ": target is f32 but must be i64, i32 or u8",             \
            function(ctx, T("f32[2,3]"), T("f32[2]"), OPTS(0)));                                   \
    REFUSES(function, TN_ERR_SHAPE,                                                                \
            name ": " first                                                                        \
                 " [2,3] and target [3]; expected [n,classes] and [n], or [classes] and []",       \
            function(ctx, T("f32[2,3]"), T("i64[3]"), OPTS(0)));                                   \
    REFUSES(function, TN_ERR_SHAPE,                                                                \
            name ": " first                                                                        \
                 " [2,3,4] and target [2]; expected [n,classes] and [n], or [classes] and []",     \
            function(ctx, T("f32[2,3,4]"), T("i64[2]"), OPTS(0)));                                 \
    REFUSES(function, TN_ERR_SHAPE,                                                                \
            name ": " first                                                                        \
                 " [] and target []; expected [n,classes] and [n], or [classes] and []",           \
            function(ctx, T("f32[]"), T("i64[]"), OPTS(0)));                                       \
    REFUSES(function, TN_ERR_SHAPE, name ": " first " [2,0]: there are no classes",                \
            function(ctx, T("f32[2,0]"), T("i64[2]"), OPTS(0)));                                   \
    REFUSES(function, TN_ERR_ARGUMENT, name ": target[0] is 3, not one of 3 classes",              \
            function(ctx, T("f32[2,3]"), T_OF("i64[2]", 3), OPTS(0)));                             \
    REFUSES(function, TN_ERR_ARGUMENT, name ": target[0] is -1, not one of 3 classes",             \
            function(ctx, T("f32[2,3]"), T_OF("i32[2]", -1), OPTS(0)));                            \
    REFUSES(function, TN_ERR_SHAPE, name ": weight [2] does not match " first " [2,3]",            \
            function(ctx, T("f32[2,3]"), T("i64[2]"), OPTS(.weight = T("f32[2]"))));               \
    REFUSES(function, TN_ERR_DTYPE, name ": " first " is f32 but weight is f64; tn_cast converts", \
            function(ctx, T("f32[2,3]"), T("i64[2]"), OPTS(.weight = T("f64[3]"))));               \
    REFUSES(function, TN_ERR_ARGUMENT, name ": " options,                                          \
            function(ctx, T("f32[2,3]"), T("i64[2]"), OPTS(.reduction = (tn_reduction)7)));        \
    WORKS(function, shaped("[]", function(ctx, T("f32[0,3]"), T("i64[0]"), OPTS(0))));             \
    WORKS(function, shaped("[0]", function(ctx, T("f32[0,3]"), T("u8[0]"),                         \
                                           OPTS(.reduction = TN_REDUCE_NONE))))

static void loss_rows(void)
{
    tn_bce_opts plain = {0};
    CLASS_ROWS(tn_cross_entropy, "cross_entropy", "logits", CE, "label smoothing 0, reduction 7");
    REFUSES(tn_cross_entropy, TN_ERR_ARGUMENT, "cross_entropy: label smoothing 1.5, reduction 0",
            tn_cross_entropy(ctx, T("f32[2,3]"), T("i64[2]"), CE(.label_smoothing = 1.5)));
    REFUSES(tn_cross_entropy, TN_ERR_ARGUMENT, "cross_entropy: label smoothing nan, reduction 0",
            tn_cross_entropy(ctx, T("f32[2,3]"), T("i64[2]"), CE(.label_smoothing = NAN)));
    CLASS_ROWS(tn_nll_loss, "nll_loss", "input", NLL, "reduction 7");
    REFUSES(tn_mse_loss, TN_ERR_ARGUMENT, "mse_loss: input is NULL",
            tn_mse_loss(ctx, NULL, T("f32[2]"), (tn_mse_loss_opts){0}));
    REFUSES(tn_mse_loss, TN_ERR_ARGUMENT, "mse_loss: other is NULL",
            tn_mse_loss(ctx, T("f32[2]"), NULL, (tn_mse_loss_opts){0}));
    REFUSES(tn_mse_loss, TN_ERR_DTYPE, "mse_loss: input is f32 but other is f64; tn_cast converts",
            tn_mse_loss(ctx, T("f32[2]"), T("f64[2]"), (tn_mse_loss_opts){0}));
    REFUSES(tn_mse_loss, TN_ERR_DTYPE,
            "mse_loss: input is u8 but must be f32 or f64; tn_cast converts",
            tn_mse_loss(ctx, T("u8[2]"), T("u8[2]"), (tn_mse_loss_opts){0}));
    REFUSES(tn_mse_loss, TN_ERR_SHAPE, "mse_loss: shapes [2] and [3] do not broadcast",
            tn_mse_loss(ctx, T("f32[2]"), T("f32[3]"), (tn_mse_loss_opts){0}));
    REFUSES(tn_mse_loss, TN_ERR_ARGUMENT, "mse_loss: reduction -1",
            tn_mse_loss(ctx, T("f32[2]"), T("f32[2]"),
                        (tn_mse_loss_opts){.reduction = (tn_reduction)-1}));
    WORKS(tn_mse_loss, shaped("[0]", tn_mse_loss(ctx, T("f32[0]"), T("f32[0]"),
                                                 (tn_mse_loss_opts){.reduction = TN_REDUCE_NONE})));
    REFUSES(tn_binary_cross_entropy_with_logits, TN_ERR_ARGUMENT,
            "binary_cross_entropy_with_logits: logits is NULL",
            tn_binary_cross_entropy_with_logits(ctx, NULL, T("f32[2]"), plain));
    REFUSES(tn_binary_cross_entropy_with_logits, TN_ERR_ARGUMENT,
            "binary_cross_entropy_with_logits: target is NULL",
            tn_binary_cross_entropy_with_logits(ctx, T("f32[2]"), NULL, plain));
    REFUSES(
        tn_binary_cross_entropy_with_logits, TN_ERR_DTYPE,
        "binary_cross_entropy_with_logits: target is i64 but must be f32 or f64; tn_cast converts",
        tn_binary_cross_entropy_with_logits(ctx, T("f32[2]"), T("i64[2]"), plain));
    REFUSES(tn_binary_cross_entropy_with_logits, TN_ERR_SHAPE,
            "binary_cross_entropy_with_logits: logits [2] and target [1] have different shapes",
            tn_binary_cross_entropy_with_logits(ctx, T("f32[2]"), T("f32[1]"), plain));
    REFUSES(tn_binary_cross_entropy_with_logits, TN_ERR_SHAPE,
            "binary_cross_entropy_with_logits: weight [3] does not broadcast to logits [2]",
            tn_binary_cross_entropy_with_logits(ctx, T("f32[2]"), T("f32[2]"),
                                                (tn_bce_opts){.weight = T("f32[3]")}));
    REFUSES(
        tn_binary_cross_entropy_with_logits, TN_ERR_DTYPE,
        "binary_cross_entropy_with_logits: logits is f32 but pos_weight is f64; tn_cast converts",
        tn_binary_cross_entropy_with_logits(ctx, T("f32[2]"), T("f32[2]"),
                                            (tn_bce_opts){.pos_weight = T("f64[2]")}));
    REFUSES(tn_binary_cross_entropy_with_logits, TN_ERR_SHAPE,
            "binary_cross_entropy_with_logits: pos_weight [2,2] does not broadcast to logits [2]",
            tn_binary_cross_entropy_with_logits(ctx, T("f32[2]"), T("f32[2]"),
                                                (tn_bce_opts){.pos_weight = T("f32[2,2]")}));
    REFUSES(tn_binary_cross_entropy_with_logits, TN_ERR_ARGUMENT,
            "binary_cross_entropy_with_logits: reduction 3",
            tn_binary_cross_entropy_with_logits(ctx, T("f32[2]"), T("f32[2]"),
                                                (tn_bce_opts){.reduction = (tn_reduction)3}));
    WORKS(tn_binary_cross_entropy_with_logits,
          tn_binary_cross_entropy_with_logits(ctx, T("f32[0,2]"), T("f32[0,2]"), plain));
}

static void view_rows(void)
{
    REFUSES(tn_reshape, TN_ERR_ARGUMENT, "reshape: input is NULL",
            tn_reshape(ctx, NULL, TN_SHAPE(2)));
    REFUSES(tn_reshape, TN_ERR_ARGUMENT, "reshape: shape is NULL for 2 dimensions",
            tn_reshape(ctx, T("f32[6]"), 2, NULL));
    REFUSES(tn_reshape, TN_ERR_SHAPE, "reshape: shape [4] does not hold the 6 elements of [6]",
            tn_reshape(ctx, T("f32[6]"), TN_SHAPE(4)));
    REFUSES(tn_reshape, TN_ERR_SHAPE, "reshape: shape [-1,-1] does not hold the 6 elements of [6]",
            tn_reshape(ctx, T("f32[6]"), TN_SHAPE(-1, -1)));
    REFUSES(tn_reshape, TN_ERR_SHAPE, "reshape: shape [-1,4] does not hold the 6 elements of [6]",
            tn_reshape(ctx, T("f32[6]"), TN_SHAPE(-1, 4)));
    REFUSES(tn_reshape, TN_ERR_SHAPE, "reshape: shape [-2,-3] does not hold the 6 elements of [6]",
            tn_reshape(ctx, T("f32[6]"), TN_SHAPE(-2, -3)));
    REFUSES(tn_reshape, TN_ERR_SHAPE, "reshape: shape [-1,0] does not hold the 0 elements of [0]",
            tn_reshape(ctx, T("f32[0]"), TN_SHAPE(-1, 0)));
    REFUSES(tn_reshape, TN_ERR_SHAPE, "reshape: 9 dimensions, but a tensor has 0 to 8",
            tn_reshape(ctx, T("f32[1]"), TN_SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 1)));
    REFUSES(tn_reshape, TN_ERR_SHAPE,
            "reshape: shape [4294967296,4294967296] does not hold the 0 elements of [0]",
            tn_reshape(ctx, T("f32[0]"), TN_SHAPE(1LL << 32, 1LL << 32)));
    WORKS(tn_reshape, shaped("[0,2]", tn_reshape(ctx, T("f32[0]"), TN_SHAPE(-1, 2))));
    REFUSES(tn_flatten, TN_ERR_ARGUMENT, "flatten: input is NULL", tn_flatten(ctx, NULL, 0, -1));
    REFUSES(tn_flatten, TN_ERR_ARGUMENT, "flatten: dimension 2 is outside a tensor of 2 dimensions",
            tn_flatten(ctx, T("f32[2,3]"), 2, -1));
    REFUSES(tn_flatten, TN_ERR_ARGUMENT, "flatten: dimension 1 comes after dimension 0",
            tn_flatten(ctx, T("f32[2,3]"), 1, 0));
    WORKS(tn_flatten, shaped("[0,12]", tn_flatten(ctx, T("f32[0,3,4]"), 1, -1)));
    REFUSES(tn_permute, TN_ERR_ARGUMENT, "permute: input is NULL",
            tn_permute(ctx, NULL, (int[]){0}));
    REFUSES(tn_permute, TN_ERR_ARGUMENT, "permute: dims is NULL",
            tn_permute(ctx, T("f32[2,3]"), NULL));
    REFUSES(tn_permute, TN_ERR_ARGUMENT, "permute: dimension 0 of [2,3] is listed twice",
            tn_permute(ctx, T("f32[2,3]"), (int[]){0, 0}));
    REFUSES(tn_permute, TN_ERR_ARGUMENT, "permute: dimension 2 is outside a tensor of 2 dimensions",
            tn_permute(ctx, T("f32[2,3]"), (int[]){0, 2}));
    WORKS(tn_permute, shaped("[3,0]", tn_permute(ctx, T("u8[0,3]"), (int[]){1, 0})));
    REFUSES(tn_transpose, TN_ERR_ARGUMENT, "transpose: input is NULL",
            tn_transpose(ctx, NULL, 0, 1));
    REFUSES(tn_transpose, TN_ERR_ARGUMENT,
            "transpose: dimension 2 is outside a tensor of 2 dimensions",
            tn_transpose(ctx, T("f32[2,3]"), 0, 2));
    REFUSES(tn_transpose, TN_ERR_ARGUMENT,
            "transpose: dimension -3 is outside a tensor of 2 dimensions",
            tn_transpose(ctx, T("f32[2,3]"), -3, 0));
    WORKS(tn_transpose, shaped("[3,0]", tn_transpose(ctx, T("u8[0,3]"), 0, 1)));
    REFUSES(tn_slice, TN_ERR_ARGUMENT, "slice: input is NULL", tn_slice(ctx, NULL, 0, 0, 1, 1));
    REFUSES(tn_slice, TN_ERR_ARGUMENT, "slice: dimension 2 is outside a tensor of 2 dimensions",
            tn_slice(ctx, T("f32[2,3]"), 2, 0, 1, 1));
    REFUSES(tn_slice, TN_ERR_ARGUMENT, "slice: step 0 is not positive",
            tn_slice(ctx, T("f32[2,3]"), 0, 0, 1, 0));
    REFUSES(tn_slice, TN_ERR_ARGUMENT, "slice: step -1 is not positive",
            tn_slice(ctx, T("f32[2,3]"), 0, 0, 1, -1));
    WORKS(tn_slice,
          shaped("[0,3]", tn_slice(ctx, T("f32[2,3]"), 0, INT64_MAX, INT64_MIN, INT64_MAX)));
    REFUSES(tn_narrow, TN_ERR_ARGUMENT, "narrow: input is NULL", tn_narrow(ctx, NULL, 0, 0, 1));
    REFUSES(tn_narrow, TN_ERR_ARGUMENT, "narrow: dimension 2 is outside a tensor of 2 dimensions",
            tn_narrow(ctx, T("f32[2,3]"), 2, 0, 1));
    REFUSES(tn_narrow, TN_ERR_ARGUMENT, "narrow: 2 elements from 2 of dimension 1 of [2,3]",
            tn_narrow(ctx, T("f32[2,3]"), 1, 2, 2));
    REFUSES(tn_narrow, TN_ERR_ARGUMENT, "narrow: -1 elements from 0 of dimension 1 of [2,3]",
            tn_narrow(ctx, T("f32[2,3]"), 1, 0, -1));
    REFUSES(tn_narrow, TN_ERR_ARGUMENT,
            "narrow: 2 elements from 9223372036854775807 of dimension 1 of [2,3]",
            tn_narrow(ctx, T("f32[2,3]"), 1, INT64_MAX, 2));
    WORKS(tn_narrow, shaped("[2,0]", tn_narrow(ctx, T("f32[2,3]"), 1, 3, 0)));
    REFUSES(tn_select, TN_ERR_ARGUMENT, "select: input is NULL", tn_select(ctx, NULL, 0, 0));
    REFUSES(tn_select, TN_ERR_ARGUMENT, "select: dimension 2 is outside a tensor of 2 dimensions",
            tn_select(ctx, T("f32[2,3]"), 2, 0));
    REFUSES(tn_select, TN_ERR_ARGUMENT, "select: index 2 is outside dimension 0 of [2,3]",
            tn_select(ctx, T("f32[2,3]"), 0, 2));
    REFUSES(tn_select, TN_ERR_ARGUMENT, "select: index -3 is outside dimension 0 of [2,3]",
            tn_select(ctx, T("f32[2,3]"), 0, -3));
    REFUSES(tn_select, TN_ERR_ARGUMENT, "select: dimension 0 is outside a tensor of 0 dimensions",
            tn_select(ctx, T("f32[]"), 0, 0));
    REFUSES(tn_select, TN_ERR_ARGUMENT, "select: index 0 is outside dimension 0 of [0,3]",
            tn_select(ctx, T("f32[0,3]"), 0, 0));
    WORKS(tn_select, shaped("[0]", tn_select(ctx, T("f32[0,3]"), 1, -1)));
    REFUSES(tn_squeeze, TN_ERR_ARGUMENT, "squeeze: input is NULL", tn_squeeze(ctx, NULL, 0));
    REFUSES(tn_squeeze, TN_ERR_ARGUMENT, "squeeze: dimension 2 is outside a tensor of 2 dimensions",
            tn_squeeze(ctx, T("f32[2,1]"), 2));
    WORKS(tn_squeeze, shaped("[0]", tn_squeeze(ctx, T("f32[0,1]"), 1)));
    REFUSES(tn_unsqueeze, TN_ERR_ARGUMENT, "unsqueeze: input is NULL", tn_unsqueeze(ctx, NULL, 0));
    REFUSES(tn_unsqueeze, TN_ERR_ARGUMENT,
            "unsqueeze: dimension 2 is outside a tensor of 2 dimensions",
            tn_unsqueeze(ctx, T("f32[2]"), 2));
    REFUSES(tn_unsqueeze, TN_ERR_SHAPE, "unsqueeze: [1,1,1,1,1,1,1,1] has 8 dimensions already",
            tn_unsqueeze(ctx, T("f32[1,1,1,1,1,1,1,1]"), 0));
    WORKS(tn_unsqueeze, shaped("[0,1]", tn_unsqueeze(ctx, T("f32[0]"), -1)));
    REFUSES(tn_expand, TN_ERR_ARGUMENT, "expand: input is NULL", tn_expand(ctx, NULL, TN_SHAPE(2)));
    REFUSES(tn_expand, TN_ERR_ARGUMENT, "expand: shape is NULL for 1 dimensions",
            tn_expand(ctx, T("f32[1]"), 1, NULL));
    REFUSES(tn_expand, TN_ERR_SHAPE, "expand: [2] does not broadcast to [3]",
            tn_expand(ctx, T("f32[2]"), TN_SHAPE(3)));
    REFUSES(tn_expand, TN_ERR_SHAPE, "expand: [2,1] does not broadcast to [2]",
            tn_expand(ctx, T("f32[2,1]"), TN_SHAPE(2)));
    REFUSES(tn_expand, TN_ERR_SHAPE, "expand: [2] does not broadcast to [-1,2]",
            tn_expand(ctx, T("f32[2]"), TN_SHAPE(-1, 2)));
    REFUSES(tn_expand, TN_ERR_SHAPE, "expand: 9 dimensions, but a tensor has 0 to 8",
            tn_expand(ctx, T("f32[1]"), TN_SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 1)));
    REFUSES(tn_expand, TN_ERR_MEMORY, "expand: [4294967296,4294967296] of f32 does not fit 63 bits",
            tn_expand(ctx, T("f32[1]"), TN_SHAPE(1LL << 32, 1LL << 32)));
    WORKS(tn_expand, shaped("[0,3]", tn_expand(ctx, T("f32[1,3]"), TN_SHAPE(0, -1))));
}

static void copy_rows(void)
{
    REFUSES(tn_cat, TN_ERR_ARGUMENT, "cat: 0 tensors at NULL", tn_cat(ctx, 0, NULL, 0));
    REFUSES(tn_cat, TN_ERR_ARGUMENT, "cat: 2 tensors at NULL", tn_cat(ctx, 2, NULL, 0));
    REFUSES(tn_cat, TN_ERR_ARGUMENT, "cat: tensor 1 is NULL",
            tn_cat(ctx, TN_TENSORS(T("f32[2]"), NULL), 0));
    REFUSES(tn_cat, TN_ERR_DTYPE, "cat: tensor 0 is f32 but tensor 1 is f64; tn_cast converts",
            tn_cat(ctx, TN_TENSORS(T("f32[2]"), T("f64[2]")), 0));
    REFUSES(tn_cat, TN_ERR_SHAPE,
            "cat: tensor 1 of shape [2,2] does not fit tensor 0 of shape [2,3] along dimension 0",
            tn_cat(ctx, TN_TENSORS(T("f32[2,3]"), T("f32[2,2]")), 0));
    REFUSES(tn_cat, TN_ERR_SHAPE,
            "cat: tensor 1 of shape [3] does not fit tensor 0 of shape [2,3] along dimension 0",
            tn_cat(ctx, TN_TENSORS(T("f32[2,3]"), T("f32[3]")), 0));
    REFUSES(tn_cat, TN_ERR_ARGUMENT, "cat: dimension 0 is outside a tensor of 0 dimensions",
            tn_cat(ctx, TN_TENSORS(T("f32[]"), T("f32[]")), 0));
    REFUSES(tn_cat, TN_ERR_ARGUMENT, "cat: dimension 1 is outside a tensor of 1 dimensions",
            tn_cat(ctx, TN_TENSORS(T("f32[2]"), T("f32[2]")), 1));
    WORKS(tn_cat, shaped("[2,3]", tn_cat(ctx, TN_TENSORS(T("u8[0,3]"), T("u8[2,3]")), 0)));
    REFUSES(tn_stack, TN_ERR_ARGUMENT, "stack: 0 tensors at NULL", tn_stack(ctx, 0, NULL, 0));
    REFUSES(tn_stack, TN_ERR_ARGUMENT, "stack: tensor 0 is NULL",
            tn_stack(ctx, TN_TENSORS(NULL, T("f32[2]")), 0));
    REFUSES(tn_stack, TN_ERR_DTYPE, "stack: tensor 0 is f32 but tensor 1 is u8; tn_cast converts",
            tn_stack(ctx, TN_TENSORS(T("f32[2]"), T("u8[2]")), 0));
    REFUSES(tn_stack, TN_ERR_SHAPE, "stack: tensor 1 has shape [3] but tensor 0 has [2]",
            tn_stack(ctx, TN_TENSORS(T("f32[2]"), T("f32[3]")), 0));
    REFUSES(tn_stack, TN_ERR_ARGUMENT, "stack: dimension 3 is outside a tensor of 2 dimensions",
            tn_stack(ctx, TN_TENSORS(T("f32[2]"), T("f32[2]")), 3));
    REFUSES(tn_stack, TN_ERR_SHAPE, "stack: [1,1,1,1,1,1,1,1] has 8 dimensions already",
            tn_stack(ctx, TN_TENSORS(T("f32[1,1,1,1,1,1,1,1]")), 0));
    WORKS(tn_stack, shaped("[2,0]", tn_stack(ctx, TN_TENSORS(T("f32[0]"), T("f32[0]")), 0)));
    REFUSES(tn_index_select, TN_ERR_ARGUMENT, "index_select: input is NULL",
            tn_index_select(ctx, NULL, 0, T("i64[1]")));
    REFUSES(tn_index_select, TN_ERR_ARGUMENT, "index_select: index is NULL",
            tn_index_select(ctx, T("f32[2]"), 0, NULL));
    REFUSES(tn_index_select, TN_ERR_ARGUMENT,
            "index_select: dimension 1 is outside a tensor of 1 dimensions",
            tn_index_select(ctx, T("f32[2]"), 1, T("i64[1]")));
    REFUSES(tn_index_select, TN_ERR_DTYPE, "index_select: index is f32 but must be i64, i32 or u8",
            tn_index_select(ctx, T("f32[2]"), 0, T("f32[1]")));
    REFUSES(tn_index_select, TN_ERR_SHAPE, "index_select: index [1,1] has more than one dimension",
            tn_index_select(ctx, T("f32[2]"), 0, T("i64[1,1]")));
    REFUSES(tn_index_select, TN_ERR_ARGUMENT, "index_select: index 2 is outside dimension 0 of [2]",
            tn_index_select(ctx, T("f32[2]"), 0, T_OF("i64[1]", 2)));
    REFUSES(tn_index_select, TN_ERR_ARGUMENT,
            "index_select: index -1 is outside dimension 0 of [2]",
            tn_index_select(ctx, T("f32[2]"), 0, T_OF("i32[1]", -1)));
    WORKS(tn_index_select, shaped("[0,3]", tn_index_select(ctx, T("u8[2,3]"), 0, T("i64[0]"))));
    REFUSES(tn_gather, TN_ERR_ARGUMENT, "gather: input is NULL",
            tn_gather(ctx, NULL, 0, T("i64[1]")));
    REFUSES(tn_gather, TN_ERR_ARGUMENT, "gather: index is NULL",
            tn_gather(ctx, T("f32[2]"), 0, NULL));
    REFUSES(tn_gather, TN_ERR_ARGUMENT, "gather: dimension 1 is outside a tensor of 1 dimensions",
            tn_gather(ctx, T("f32[2]"), 1, T("i64[1]")));
    REFUSES(tn_gather, TN_ERR_DTYPE, "gather: index is f64 but must be i64, i32 or u8",
            tn_gather(ctx, T("f32[2]"), 0, T("f64[1]")));
    REFUSES(tn_gather, TN_ERR_SHAPE,
            "gather: index [1,1] does not fit input [2]; sizes other than that of dimension 0 must "
            "not be larger",
            tn_gather(ctx, T("f32[2]"), 0, T("i64[1,1]")));
    REFUSES(tn_gather, TN_ERR_SHAPE,
            "gather: index [3,3] does not fit input [2,3]; sizes other than that of dimension 1 "
            "must not be larger",
            tn_gather(ctx, T("f32[2,3]"), 1, T("i64[3,3]")));
    REFUSES(tn_gather, TN_ERR_ARGUMENT, "gather: index 2 is outside dimension 0 of [2]",
            tn_gather(ctx, T("f32[2]"), 0, T_OF("i64[1]", 2)));
    WORKS(tn_gather, shaped("[0,3]", tn_gather(ctx, T("u8[2,3]"), 0, T("i64[0,3]"))));
    REFUSES(tn_pad, TN_ERR_ARGUMENT, "pad: input is NULL", tn_pad(ctx, NULL, TN_SHAPE(1, 1), 0));
    REFUSES(tn_pad, TN_ERR_ARGUMENT, "pad: 2 numbers at NULL for [2]; expected two for a dimension",
            tn_pad(ctx, T("f32[2]"), 2, NULL, 0));
    REFUSES(tn_pad, TN_ERR_ARGUMENT, "pad: 1 numbers for [2]; expected two for a dimension",
            tn_pad(ctx, T("f32[2]"), TN_SHAPE(1), 0));
    REFUSES(tn_pad, TN_ERR_ARGUMENT, "pad: 4 numbers for [2]; expected two for a dimension",
            tn_pad(ctx, T("f32[2]"), TN_SHAPE(1, 1, 1, 1), 0));
    REFUSES(tn_pad, TN_ERR_ARGUMENT, "pad: -2 numbers for [2]; expected two for a dimension",
            tn_pad(ctx, T("f32[2]"), -2, (int64_t[]){0}, 0));
    REFUSES(tn_pad, TN_ERR_SHAPE, "pad: -2 before and -1 after dimension 0 of [2]",
            tn_pad(ctx, T("f32[2]"), TN_SHAPE(-2, -1), 0));
    REFUSES(tn_pad, TN_ERR_SHAPE, "pad: 9223372036854775807 before and 1 after dimension 0 of [2]",
            tn_pad(ctx, T("f32[2]"), TN_SHAPE(INT64_MAX, 1), 0));
    WORKS(tn_pad, shaped("[0,5]", tn_pad(ctx, T("f32[0,3]"), TN_SHAPE(1, 1), 0)));
    REFUSES(tn_contiguous, TN_ERR_ARGUMENT, "contiguous: input is NULL", tn_contiguous(ctx, NULL));
    WORKS(tn_contiguous, shaped("[0,3]", tn_contiguous(ctx, T("u8[0,3]"))));
    REFUSES(tn_clone, TN_ERR_ARGUMENT, "clone: input is NULL", tn_clone(ctx, NULL));
    REFUSES(tn_clone, TN_ERR_MEMORY,
            "clone: out of memory: no 4611686018427387904 bytes for [1,576460752303423488] of f64",
            tn_clone(ctx, wide()));
    WORKS(tn_clone, shaped("[0,3]", tn_clone(ctx, T("bool[0,3]"))));
    REFUSES(tn_cast, TN_ERR_ARGUMENT, "cast: input is NULL", tn_cast(ctx, NULL, TN_F32));
    REFUSES(tn_cast, TN_ERR_DTYPE, "cast: 6 is no dtype", tn_cast(ctx, T("f32[2]"), (tn_dtype)6));
    WORKS(tn_cast, shaped("[0,3]", tn_cast(ctx, T("u8[0,3]"), TN_F64)));
}

/* ---- nn.h ------------------------------------------------------------------------------------ */

static tn_tensor *same(tn_ctx *unused, tn_module *self, const tn_tensor *input)
{
    (void)unused, (void)self;
    return tn_detach(ctx, input);
}

static const tn_module_type same_type = {.name = "Same", .forward = same};

/* A module of the context, made while it could. */
static tn_module *spare(void)
{
    tn_clear_error(own);
    tn_module *m = tn_module_new(own, &same_type, 8);
    if (mode == IN_ERROR)
        tn_fail(own, TN_ERR_STATE, "stop");
    memory.calls = 0;
    return m;
}

static void layer_rows(void)
{
    REFUSES(tn_nn_linear, TN_ERR_ARGUMENT, "Linear: 0 inputs and 2 outputs",
            tn_nn_linear(ctx, 0, 2));
    REFUSES(tn_nn_linear, TN_ERR_ARGUMENT, "Linear: 3 inputs and -2 outputs",
            tn_nn_linear(ctx, 3, -2));
    REFUSES(tn_nn_linear, TN_ERR_MEMORY,
            "Linear: [1099511627776,1099511627776] of f32 does not fit 63 bits",
            tn_nn_linear(ctx, 1LL << 40, 1LL << 40));
    WORKS(tn_nn_linear, tn_nn_linear(ctx, 3, 2));
    REFUSES(tn_nn_linear_nobias, TN_ERR_ARGUMENT, "Linear: 3 inputs and 0 outputs",
            tn_nn_linear_nobias(ctx, 3, 0));
    WORKS(tn_nn_linear_nobias, tn_nn_linear_nobias(ctx, 3, 2));
    REFUSES(tn_nn_conv2d, TN_ERR_ARGUMENT, "Conv2d: 0 channels to 4 in 1 groups, kernel [3,3]",
            tn_nn_conv2d(ctx, 0, 4, 3, CONV(0)));
    REFUSES(tn_nn_conv2d, TN_ERR_ARGUMENT, "Conv2d: 3 channels to 4 in 1 groups, kernel [0,0]",
            tn_nn_conv2d(ctx, 3, 4, 0, CONV(0)));
    REFUSES(tn_nn_conv2d, TN_ERR_ARGUMENT, "Conv2d: 3 channels to 4 in 2 groups, kernel [3,3]",
            tn_nn_conv2d(ctx, 3, 4, 3, CONV(.groups = 2)));
    REFUSES(tn_nn_conv2d, TN_ERR_MEMORY,
            "Conv2d: [4294967296,4294967296,3,3] of f32 does not fit 63 bits",
            tn_nn_conv2d(ctx, 1LL << 32, 1LL << 32, 3, CONV(0)));
    WORKS(tn_nn_conv2d, tn_nn_conv2d(ctx, 3, 4, 3, CONV(0)));
    REFUSES(tn_nn_conv2d_nobias, TN_ERR_ARGUMENT,
            "Conv2d: 3 channels to 0 in 1 groups, kernel [3,3]",
            tn_nn_conv2d_nobias(ctx, 3, 0, 3, CONV(0)));
    WORKS(tn_nn_conv2d_nobias, tn_nn_conv2d_nobias(ctx, 3, 4, 3, CONV(0)));
    REFUSES(tn_nn_conv2d, TN_ERR_ARGUMENT, "Conv2d: 3 channels to 4 in 1 groups, kernel [3,-1]",
            tn_nn_conv2d(ctx, 3, 4, 3, CONV(.kernel_w = -1)));
    WORKS(tn_nn_conv2d, tn_nn_conv2d(ctx, 3, 4, 3, CONV(.kernel_w = 1)));
    REFUSES(tn_nn_batch_norm2d, TN_ERR_ARGUMENT, "BatchNorm2d: 0 channels",
            tn_nn_batch_norm2d(ctx, 0, NORM(0)));
    WORKS(tn_nn_batch_norm2d, tn_nn_batch_norm2d(ctx, 3, NORM(0)));
    REFUSES(tn_nn_max_pool2d, TN_ERR_ARGUMENT,
            "max_pool2d: kernel [0,0] is not between 1 and 2147483647",
            tn_forward(ctx, tn_nn_max_pool2d(ctx, 0, POOL(0)), T("f32[1,5,5]")));
    WORKS(tn_nn_max_pool2d, tn_nn_max_pool2d(ctx, 2, POOL(0)));
    REFUSES(tn_nn_avg_pool2d, TN_ERR_ARGUMENT,
            "avg_pool2d: padding [2,2] is more than half of kernel [2,2]",
            tn_forward(ctx, tn_nn_avg_pool2d(ctx, 2, POOL(.padding = 2)), T("f32[1,5,5]")));
    WORKS(tn_nn_avg_pool2d, tn_nn_avg_pool2d(ctx, 2, POOL(0)));
    REFUSES(tn_nn_adaptive_avg_pool2d, TN_ERR_ARGUMENT,
            "adaptive_avg_pool2d: output size [-1,6] is not between 0 and 2147483647",
            tn_forward(ctx, tn_nn_adaptive_avg_pool2d(ctx, -1, 6), T("f32[1,5,5]")));
    WORKS(tn_nn_adaptive_avg_pool2d, tn_nn_adaptive_avg_pool2d(ctx, 6, 6));
    REFUSES(tn_nn_dropout, TN_ERR_ARGUMENT, "Dropout: p = 1.5 is not between 0 and 1",
            tn_nn_dropout(ctx, 1.5));
    REFUSES(tn_nn_dropout, TN_ERR_ARGUMENT, "Dropout: p = nan is not between 0 and 1",
            tn_nn_dropout(ctx, NAN));
    WORKS(tn_nn_dropout, tn_nn_dropout(ctx, 0.5));
    HOLDS(tn_nn_flatten, !tn_nn_flatten(NULL));
    WORKS(tn_nn_flatten, tn_nn_flatten(ctx));
    HOLDS(tn_nn_relu, !tn_nn_relu(NULL));
    WORKS(tn_nn_relu, tn_nn_relu(ctx));
    HOLDS(tn_nn_leaky_relu, !tn_nn_leaky_relu(NULL, 0.1));
    WORKS(tn_nn_leaky_relu, tn_nn_leaky_relu(ctx, 0.1));
    HOLDS(tn_nn_sigmoid, !tn_nn_sigmoid(NULL));
    WORKS(tn_nn_sigmoid, tn_nn_sigmoid(ctx));
    HOLDS(tn_nn_tanh, !tn_nn_tanh(NULL));
    WORKS(tn_nn_tanh, tn_nn_tanh(ctx));
    HOLDS(tn_nn_gelu, !tn_nn_gelu(NULL));
    WORKS(tn_nn_gelu, tn_nn_gelu(ctx));
    REFUSES(tn_sequential_of, TN_ERR_ARGUMENT, "Sequential: 1 children, and the list is NULL",
            tn_sequential_of(ctx, 1, NULL));
    REFUSES(tn_sequential_of, TN_ERR_ARGUMENT, "Sequential: -1 children",
            tn_sequential_of(ctx, -1, &net));
    REFUSES(tn_sequential_of, TN_ERR_ARGUMENT, "add_child: the child is NULL",
            tn_sequential(ctx, spare(), NULL));
    REFUSES(tn_sequential_of, TN_ERR_ARGUMENT, "add_child: the child is part of a module already",
            tn_sequential(ctx, net, net));
    WORKS(tn_sequential_of, tn_sequential(ctx, spare()));
}

static void module_rows(void)
{
    REFUSES(tn_forward, TN_ERR_ARGUMENT, "forward: the module is NULL",
            tn_forward(ctx, NULL, T("f32[4,3]")));
    REFUSES(tn_forward, TN_ERR_ARGUMENT, "Linear: input is NULL", tn_forward(ctx, net, NULL));
    REFUSES(tn_forward, TN_ERR_SHAPE,
            "linear: input [4,2] and weight [2,3]; expected [...,in] and [out,in]",
            tn_forward(ctx, net, T("f32[4,2]")));
    REFUSES(tn_forward, TN_ERR_DTYPE, "linear: input is f64 but weight is f32; tn_cast converts",
            tn_forward(ctx, net, T("f64[4,3]")));
    REFUSES(tn_forward, TN_ERR_DTYPE,
            "linear: input is u8 but must be f32 or f64; tn_cast converts",
            tn_forward(ctx, net, T("u8[4,3]")));
    WORKS(tn_forward, shaped("[0,2]", tn_forward(ctx, net, T("f32[0,3]"))));
    HOLDS(tn_module_free, (tn_module_free(NULL), true));
    HOLDS(tn_train, (tn_train(NULL, true), true));
    HOLDS(tn_is_training, !tn_is_training(NULL));
    HOLDS(tn_parameter_count, tn_parameter_count(NULL) == 0);
    HOLDS(tn_parameter, !tn_parameter(NULL, 0, text, sizeof text));
    HOLDS(tn_parameter, !tn_parameter(net, 2, text, 0) && !tn_parameter(net, -1, NULL, 0));
    HOLDS(tn_parameter_named, !tn_parameter_named(NULL, "weight"));
    HOLDS(tn_parameter_named, !tn_parameter_named(net, "none") && !tn_parameter_named(net, NULL));
    HOLDS(tn_parameter_numel, tn_parameter_numel(NULL) == 0);
    HOLDS(tn_buffer_count, tn_buffer_count(NULL) == 0);
    HOLDS(tn_buffer, !tn_buffer(NULL, 0, text, sizeof text) && !tn_buffer(net, 0, NULL, 0));
    HOLDS(tn_buffer, !tn_buffer(net, -1, NULL, 0));
    HOLDS(tn_buffer_named, !tn_buffer_named(NULL, "x") && !tn_buffer_named(net, NULL));
    REFUSES(tn_freeze, TN_ERR_ARGUMENT, "freeze: the module is NULL", tn_freeze(ctx, NULL, true));
    WORKS(tn_freeze, tn_freeze(ctx, net, true));
    REFUSES(tn_module_to, TN_ERR_ARGUMENT, "module_to: the module is NULL",
            tn_module_to(ctx, NULL, TN_F64));
    REFUSES(tn_module_to, TN_ERR_DTYPE, "module_to: parameters are f32 or f64",
            tn_module_to(ctx, net, TN_I64));
    REFUSES(tn_module_to, TN_ERR_ARGUMENT, "module_to: the module belongs to another context",
            tn_module_to(ctx, tn_nn_linear(maker, 3, 2), TN_F64));
    WORKS(tn_module_to, tn_module_to(ctx, net, TN_F64));
    REFUSES(tn_state_dict, TN_ERR_ARGUMENT, "state_dict: the module is NULL",
            tn_state_dict(ctx, NULL));
    WORKS(tn_state_dict, tn_state_dict(ctx, net));
    REFUSES(tn_load_state_dict, TN_ERR_ARGUMENT, "load_state_dict: the module is NULL",
            tn_load_state_dict(ctx, NULL, dict, (tn_load_opts){0}));
    REFUSES(tn_load_state_dict, TN_ERR_ARGUMENT, "load_state_dict: the dictionary is NULL",
            tn_load_state_dict(ctx, net, NULL, (tn_load_opts){0}));
    REFUSES(tn_load_state_dict, TN_ERR_SHAPE, "load_state_dict: missing weight, bias; unexpected a",
            tn_load_state_dict(ctx, net, dict, (tn_load_opts){0}));
    REFUSES(tn_load_state_dict, TN_ERR_SHAPE, "load_state_dict: missing weight, bias",
            tn_load_state_dict(ctx, net, dict, (tn_load_opts){.prefix = "model."}));
    WORKS(tn_load_state_dict, tn_load_state_dict(ctx, net, dict, (tn_load_opts){.lenient = true}));
    WORKS(tn_load_state_dict, tn_load_state_dict(ctx, net, net_state, (tn_load_opts){0}));
    REFUSES(tn_module_new, TN_ERR_ARGUMENT, "module_new: the type has no name or no forward",
            tn_module_new(ctx, NULL, 0));
    REFUSES(tn_module_new, TN_ERR_ARGUMENT, "module_new: the type has no name or no forward",
            tn_module_new(ctx, &(tn_module_type){0}, 0));
    REFUSES(tn_module_new, TN_ERR_MEMORY, "out of memory: no 18446744073709551615 bytes",
            tn_module_new(ctx, &same_type, SIZE_MAX));
    WORKS(tn_module_new, tn_module_new(ctx, &same_type, 8));
    HOLDS(tn_module_state, tn_module_state(NULL) == NULL);
    REFUSES(tn_add_parameter, TN_ERR_ARGUMENT, "add_parameter: the module is NULL",
            tn_add_parameter(ctx, NULL, "w", x));
    REFUSES(tn_add_parameter, TN_ERR_ARGUMENT, "add_parameter: a name is a text without dots",
            tn_add_parameter(ctx, net, NULL, x));
    REFUSES(tn_add_parameter, TN_ERR_ARGUMENT, "add_parameter: a name is a text without dots",
            tn_add_parameter(ctx, net, "", x));
    REFUSES(tn_add_parameter, TN_ERR_ARGUMENT, "add_parameter: a name is a text without dots",
            tn_add_parameter(ctx, net, "a.b", x));
    REFUSES(tn_add_parameter, TN_ERR_ARGUMENT, "add_parameter: Linear has a bias already",
            tn_add_parameter(ctx, net, "bias", x));
    REFUSES(tn_add_parameter, TN_ERR_ARGUMENT, "add_parameter: tensor is NULL",
            tn_add_parameter(ctx, net, "w", NULL));
    REFUSES(tn_add_parameter, TN_ERR_DTYPE,
            "add_parameter: tensor is i64 but must be f32 or f64; tn_cast converts",
            tn_add_parameter(ctx, net, "w", T("i64[2]")));
    REFUSES(tn_add_parameter, TN_ERR_STATE,
            "set_requires_grad: a tensor of shape [2] that square made is not a leaf; tn_detach "
            "makes one of it",
            tn_add_parameter(ctx, net, "w", y));
    REFUSES(tn_add_parameter, TN_ERR_STATE,
            "set_requires_grad: a tensor of shape [2] belongs to another context",
            tn_add_parameter(ctx, net, "w", T("f32[2]")));
    REFUSES(tn_add_parameter, TN_ERR_ARGUMENT,
            "add_parameter: the tensor belongs to something else already",
            tn_add_parameter(ctx, net, NULL, tn_parameter(net, 0, NULL, 0)));
    WORKS(tn_add_parameter, tn_add_parameter(ctx, net, "w", x));
    REFUSES(tn_add_buffer, TN_ERR_ARGUMENT, "add_buffer: the module is NULL",
            tn_add_buffer(ctx, NULL, "b", x));
    REFUSES(tn_add_buffer, TN_ERR_ARGUMENT, "add_buffer: a name is a text without dots",
            tn_add_buffer(ctx, net, "a.b", x));
    REFUSES(tn_add_buffer, TN_ERR_ARGUMENT, "add_buffer: tensor is NULL",
            tn_add_buffer(ctx, net, "b", NULL));
    REFUSES(tn_add_buffer, TN_ERR_STATE, "add_buffer: b requires a gradient",
            tn_add_buffer(ctx, net, "b", p));
    REFUSES(tn_add_buffer, TN_ERR_STATE, "add_buffer: the tensor requires a gradient",
            tn_add_buffer(ctx, net, NULL, p));
    REFUSES(tn_add_buffer, TN_ERR_ARGUMENT, "add_buffer: b belongs to another context",
            tn_add_buffer(ctx, net, "b", T("f32[2]")));
    WORKS(tn_add_buffer, tn_add_buffer(ctx, net, "b", x));
    REFUSES(tn_add_child, TN_ERR_ARGUMENT, "add_child: the module is NULL",
            tn_add_child(ctx, NULL, "c", net));
    REFUSES(tn_add_child, TN_ERR_ARGUMENT, "add_child: the child is NULL",
            tn_add_child(ctx, spare(), "c", NULL));
    REFUSES(tn_add_child, TN_ERR_ARGUMENT, "add_child: the child contains the module",
            tn_add_child(ctx, net, "c", net));
    REFUSES(tn_add_child, TN_ERR_ARGUMENT, "add_child: Linear has a weight already",
            tn_add_child(ctx, net, "weight", spare()));
    REFUSES(tn_add_child, TN_ERR_ARGUMENT, "add_child: the child belongs to another context",
            tn_add_child(ctx, net, "c", tn_nn_relu(maker)));
    WORKS(tn_add_child, tn_add_child(ctx, net, "c", spare()));
    HOLDS(tn_child, !tn_child(NULL, 0) && !tn_child(net, 0) && !tn_child(net, -1));
    HOLDS(tn_module_name, strcmp(tn_module_name(NULL), "") == 0);
    REFUSES(tn_summary, TN_ERR_ARGUMENT, "summary: the module is NULL",
            tn_summary(ctx, NULL, TN_SHAPE(1, 3), NULL, 0));
    REFUSES(tn_summary, TN_ERR_SHAPE,
            "linear: input [1,2] and weight [2,3]; expected [...,in] and [out,in]",
            tn_summary(ctx, net, TN_SHAPE(1, 2), NULL, 0));
    REFUSES(tn_summary, TN_ERR_SHAPE, "zeros: shape [1,-3] has a negative size",
            tn_summary(ctx, net, TN_SHAPE(1, -3), NULL, 0));
    REFUSES(tn_summary, TN_ERR_ARGUMENT, "zeros: shape is NULL for 2 dimensions",
            tn_summary(ctx, net, 2, NULL, NULL, 0));
    WORKS(tn_summary, tn_summary(ctx, net, TN_SHAPE(0, 3), NULL, 0));
    REFUSES(tn_print_summary, TN_ERR_ARGUMENT, "summary: the module is NULL",
            tn_print_summary(ctx, NULL, TN_SHAPE(1, 3)));
    HOLDS(tn_print_summary, tn_print_summary(NULL, net, TN_SHAPE(1, 3)) == TN_ERR_ARGUMENT);
    REFUSES(tn_graph_dot, TN_ERR_ARGUMENT, "graph_dot: tensor is NULL",
            tn_graph_dot(ctx, NULL, net, NULL, 0));
    REFUSES(tn_graph_dot, TN_ERR_STATE, "graph_dot: a tensor of shape [2,3] requires no gradient",
            tn_graph_dot(ctx, x, net, NULL, 0));
    WORKS(tn_graph_dot, tn_graph_dot(ctx, y, NULL, NULL, 0));
}

#define INIT(...)   \
    (tn_init_opts)  \
    {               \
        __VA_ARGS__ \
    }

#define INIT_ROWS(function, name, opts)                                                     \
    REFUSES(function, TN_ERR_ARGUMENT, name ": tensor is NULL", function(ctx, NULL, opts)); \
    REFUSES(function, TN_ERR_DTYPE,                                                         \
            name ": tensor is i64 but must be f32 or f64; tn_cast converts",                \
            function(ctx, T("i64[2,3]"), opts));                                            \
    REFUSES(function, TN_ERR_SHAPE, name ": tensor [2]; expected [out,in,...]",             \
            function(ctx, T("f32[2]"), opts));                                              \
    WORKS(function, function(ctx, x, opts))

static void init_rows(void)
{
    INIT_ROWS(tn_init_kaiming_uniform_, "init_kaiming_uniform_", INIT(0));
    INIT_ROWS(tn_init_kaiming_normal_, "init_kaiming_normal_", INIT(0));
    INIT_ROWS(tn_init_xavier_uniform_, "init_xavier_uniform_", 1);
    INIT_ROWS(tn_init_xavier_normal_, "init_xavier_normal_", 1);
    REFUSES(tn_init_kaiming_normal_, TN_ERR_ARGUMENT, "init_kaiming_normal_: gain nan",
            tn_init_kaiming_normal_(ctx, x, INIT(.nonlinearity = (tn_nonlinearity)9)));
    REFUSES(tn_init_kaiming_normal_, TN_ERR_ARGUMENT, "init_kaiming_normal_: gain nan",
            tn_init_kaiming_normal_(ctx, x, INIT(.slope = NAN)));
    REFUSES(tn_init_xavier_normal_, TN_ERR_ARGUMENT, "init_xavier_normal_: gain inf",
            tn_init_xavier_normal_(ctx, x, INFINITY));
    REFUSES(tn_init_xavier_normal_, TN_ERR_ARGUMENT, "init_xavier_normal_: gain -1",
            tn_init_xavier_normal_(ctx, x, -1));
    HOLDS(tn_init_gain, isnan(tn_init_gain((tn_nonlinearity)9, 0)));
}

/* ---- optim.h --------------------------------------------------------------------------------- */

/* An optimiser of a module, and of a list. */
#define OPTIM_ROWS(function, function_of, name, opts)                                   \
    REFUSES(function, TN_ERR_ARGUMENT, name ": the module is NULL",                     \
            function(ctx, NULL, (opts){0}));                                            \
    REFUSES(function, TN_ERR_ARGUMENT, name ": the module has no parameters",           \
            function(ctx, spare(), (opts){0}));                                         \
    REFUSES(function, TN_ERR_ARGUMENT, name ": learning rate -1",                       \
            function(ctx, net, (opts){.lr = -1}));                                      \
    REFUSES(function, TN_ERR_ARGUMENT, name ": learning rate nan",                      \
            function(ctx, net, (opts){.lr = NAN}));                                     \
    REFUSES(function, TN_ERR_ARGUMENT, name ": weight decay -1",                        \
            function(ctx, net, (opts){.weight_decay = -1}));                            \
    WORKS(function, function(ctx, net, (opts){0}));                                     \
    REFUSES(function_of, TN_ERR_ARGUMENT, name ": no parameters",                       \
            function_of(ctx, 1, NULL, (opts){0}));                                      \
    REFUSES(function_of, TN_ERR_ARGUMENT, name ": no parameters",                       \
            function_of(ctx, 0, &p, (opts){0}));                                        \
    REFUSES(function_of, TN_ERR_ARGUMENT, name ": no parameters",                       \
            function_of(ctx, -1, &p, (opts){0}));                                       \
    REFUSES(function_of, TN_ERR_ARGUMENT, name ": a parameter is NULL",                 \
            function_of(ctx, 1, &(tn_tensor *){NULL}, (opts){0}));                      \
    REFUSES(function_of, TN_ERR_STATE,                                                  \
            name ": parameter 0 of shape [2,3] is not a leaf that requires a gradient", \
            function_of(ctx, 1, &x, (opts){0}));                                        \
    REFUSES(function_of, TN_ERR_STATE,                                                  \
            name ": parameter 0 of shape [2] is not a leaf that requires a gradient",   \
            function_of(ctx, 1, &y, (opts){0}));                                        \
    REFUSES(function_of, TN_ERR_DTYPE,                                                  \
            name ": a parameter is i64 but must be f32 or f64; tn_cast converts",       \
            function_of(ctx, 1, &(tn_tensor *){T("i64[2]")}, (opts){0}));               \
    WORKS(function_of, function_of(ctx, 1, &p, (opts){0}))

static void optim_rows(void)
{
    OPTIM_ROWS(tn_sgd, tn_sgd_of, "sgd", tn_sgd_opts);
    REFUSES(tn_sgd, TN_ERR_ARGUMENT, "sgd: momentum -1",
            tn_sgd(ctx, net, (tn_sgd_opts){.momentum = -1}));
    REFUSES(tn_sgd, TN_ERR_ARGUMENT,
            "sgd: nesterov needs momentum above 0 and no dampening, not 0 and 0",
            tn_sgd(ctx, net, (tn_sgd_opts){.nesterov = true}));
    OPTIM_ROWS(tn_adam, tn_adam_of, "adam", tn_adam_opts);
    REFUSES(tn_adam, TN_ERR_ARGUMENT, "adam: beta1 1",
            tn_adam(ctx, net, (tn_adam_opts){.beta1 = 1}));
    REFUSES(tn_adam, TN_ERR_ARGUMENT, "adam: beta2 -1",
            tn_adam(ctx, net, (tn_adam_opts){.beta2 = -1}));
    REFUSES(tn_adam, TN_ERR_ARGUMENT, "adam: eps -1", tn_adam(ctx, net, (tn_adam_opts){.eps = -1}));
    OPTIM_ROWS(tn_adamw, tn_adamw_of, "adamw", tn_adamw_opts);
    OPTIM_ROWS(tn_rmsprop, tn_rmsprop_of, "rmsprop", tn_rmsprop_opts);
    REFUSES(tn_rmsprop, TN_ERR_ARGUMENT, "rmsprop: alpha -1",
            tn_rmsprop(ctx, net, (tn_rmsprop_opts){.alpha = -1}));
    HOLDS(tn_step, tn_step(NULL) == TN_ERR_ARGUMENT);
    WORKS(tn_step, tn_step(opt));
    HOLDS(tn_zero_grad, (tn_zero_grad(NULL), tn_zero_grad(opt), true));
    HOLDS(tn_optim_free, (tn_optim_free(NULL), true));
    HOLDS(tn_add_group, tn_add_group(NULL, net, (tn_group_opts){0}) == TN_ERR_ARGUMENT);
    REFUSES(tn_add_group, TN_ERR_ARGUMENT, "add_group: the module is NULL",
            tn_add_group(opt, NULL, (tn_group_opts){0}));
    REFUSES(tn_add_group, TN_ERR_ARGUMENT, "add_group: the module has no parameters",
            tn_add_group(opt, spare(), (tn_group_opts){0}));
    REFUSES(tn_add_group, TN_ERR_ARGUMENT, "add_group: learning rate -1",
            tn_add_group(opt, net, (tn_group_opts){.lr = -1}));
    WORKS(tn_add_group, tn_add_group(opt, net, (tn_group_opts){0}));
    HOLDS(tn_add_group_of, tn_add_group_of(NULL, 1, &p, (tn_group_opts){0}) == TN_ERR_ARGUMENT);
    REFUSES(tn_add_group_of, TN_ERR_ARGUMENT, "add_group: no parameters",
            tn_add_group_of(opt, 1, NULL, (tn_group_opts){0}));
    REFUSES(tn_add_group_of, TN_ERR_STATE,
            "sgd: parameter 0 of shape [2] is not a leaf that requires a gradient",
            tn_add_group_of(opt, 1, &y, (tn_group_opts){0}));
    REFUSES(tn_add_group_of, TN_ERR_ARGUMENT, "add_group: weight decay -1",
            tn_add_group_of(opt, 1, &p, (tn_group_opts){.weight_decay = -1}));
    WORKS(tn_add_group_of, tn_add_group_of(opt, 1, &p, (tn_group_opts){0}));
    HOLDS(tn_group_count, tn_group_count(NULL) == 0);
    HOLDS(tn_lr, tn_lr(NULL) == 0);
    HOLDS(tn_optim_state_dict, !tn_optim_state_dict(NULL));
    WORKS(tn_optim_state_dict, tn_optim_state_dict(opt));
    HOLDS(tn_optim_load_state_dict, tn_optim_load_state_dict(NULL, dict) == TN_ERR_ARGUMENT);
    REFUSES(tn_optim_load_state_dict, TN_ERR_ARGUMENT,
            "optim_load_state_dict: the dictionary is NULL", tn_optim_load_state_dict(opt, NULL));
    REFUSES(tn_optim_load_state_dict, TN_ERR_FORMAT, "optim_load_state_dict: name is missing",
            tn_optim_load_state_dict(opt, dict));
    WORKS(tn_optim_load_state_dict, tn_optim_load_state_dict(opt, opt_state));
    HOLDS(tn_set_lr, tn_set_lr(NULL, 1) == TN_ERR_ARGUMENT);
    REFUSES(tn_set_lr, TN_ERR_ARGUMENT, "set_lr: learning rate -1", tn_set_lr(opt, -1));
    REFUSES(tn_set_lr, TN_ERR_ARGUMENT, "set_lr: learning rate inf", tn_set_lr(opt, INFINITY));
    WORKS(tn_set_lr, tn_set_lr(opt, 1));
    HOLDS(tn_group_lr,
          tn_group_lr(NULL, 0) == 0 && tn_group_lr(opt, 1) == 0 && tn_group_lr(opt, -1) == 0);
    HOLDS(tn_set_group_lr, tn_set_group_lr(NULL, 0, 1) == TN_ERR_ARGUMENT);
    REFUSES(tn_set_group_lr, TN_ERR_ARGUMENT, "set_lr: group 1 of 1", tn_set_group_lr(opt, 1, 1));
    REFUSES(tn_set_group_lr, TN_ERR_ARGUMENT, "set_lr: learning rate nan",
            tn_set_group_lr(opt, 0, NAN));
    WORKS(tn_set_group_lr, tn_set_group_lr(opt, 0, 1));
    HOLDS(tn_clip_grad_norm, isnan(tn_clip_grad_norm(NULL, 1)));
    REFUSES(tn_clip_grad_norm, TN_ERR_ARGUMENT, "clip_grad_norm: norm -1",
            tn_clip_grad_norm(opt, -1));
    REFUSES(tn_clip_grad_norm, TN_ERR_ARGUMENT, "clip_grad_norm: norm nan",
            tn_clip_grad_norm(opt, NAN));
    WORKS(tn_clip_grad_norm, tn_clip_grad_norm(opt, 1));
    HOLDS(tn_clip_grad_value, tn_clip_grad_value(NULL, 1) == TN_ERR_ARGUMENT);
    REFUSES(tn_clip_grad_value, TN_ERR_ARGUMENT, "clip_grad_value: value -1",
            tn_clip_grad_value(opt, -1));
    WORKS(tn_clip_grad_value, tn_clip_grad_value(opt, 1));
}

static void schedule_rows(void)
{
    REFUSES(tn_step_lr, TN_ERR_ARGUMENT, "step_lr: the optimiser is NULL",
            tn_step_lr(ctx, NULL, 5, 0.5));
    REFUSES(tn_step_lr, TN_ERR_ARGUMENT, "step_lr: step size 0", tn_step_lr(ctx, opt, 0, 0.5));
    REFUSES(tn_step_lr, TN_ERR_ARGUMENT, "step_lr: gamma -0.5", tn_step_lr(ctx, opt, 5, -0.5));
    WORKS(tn_step_lr, tn_step_lr(ctx, opt, 5, 0.5));
    REFUSES(tn_exponential_lr, TN_ERR_ARGUMENT, "exponential_lr: the optimiser is NULL",
            tn_exponential_lr(ctx, NULL, 0.5));
    REFUSES(tn_exponential_lr, TN_ERR_ARGUMENT, "exponential_lr: gamma nan",
            tn_exponential_lr(ctx, opt, NAN));
    WORKS(tn_exponential_lr, tn_exponential_lr(ctx, opt, 0.5));
    REFUSES(tn_cosine_annealing_lr, TN_ERR_ARGUMENT, "cosine_annealing_lr: the optimiser is NULL",
            tn_cosine_annealing_lr(ctx, NULL, 5, 0));
    REFUSES(tn_cosine_annealing_lr, TN_ERR_ARGUMENT, "cosine_annealing_lr: T_max 0",
            tn_cosine_annealing_lr(ctx, opt, 0, 0));
    REFUSES(tn_cosine_annealing_lr, TN_ERR_ARGUMENT, "cosine_annealing_lr: eta_min -1",
            tn_cosine_annealing_lr(ctx, opt, 5, -1));
    WORKS(tn_cosine_annealing_lr, tn_cosine_annealing_lr(ctx, opt, 5, 0));
    REFUSES(tn_linear_lr, TN_ERR_ARGUMENT, "linear_lr: the optimiser is NULL",
            tn_linear_lr(ctx, NULL, 0.1, 1, 5));
    REFUSES(tn_linear_lr, TN_ERR_ARGUMENT, "linear_lr: factors from 0 to 1",
            tn_linear_lr(ctx, opt, 0, 1, 5));
    REFUSES(tn_linear_lr, TN_ERR_ARGUMENT, "linear_lr: factors from 0.1 to 2",
            tn_linear_lr(ctx, opt, 0.1, 2, 5));
    REFUSES(tn_linear_lr, TN_ERR_ARGUMENT, "linear_lr: total_iters 0",
            tn_linear_lr(ctx, opt, 0.1, 1, 0));
    WORKS(tn_linear_lr, tn_linear_lr(ctx, opt, 0.1, 1, 5));
    REFUSES(tn_reduce_lr_on_plateau, TN_ERR_ARGUMENT, "reduce_lr_on_plateau: the optimiser is NULL",
            tn_reduce_lr_on_plateau(ctx, NULL, (tn_plateau_opts){0}));
    REFUSES(tn_reduce_lr_on_plateau, TN_ERR_ARGUMENT, "reduce_lr_on_plateau: factor 1",
            tn_reduce_lr_on_plateau(ctx, opt, (tn_plateau_opts){.factor = 1}));
    REFUSES(tn_reduce_lr_on_plateau, TN_ERR_ARGUMENT,
            "reduce_lr_on_plateau: patience -1, cooldown 0",
            tn_reduce_lr_on_plateau(ctx, opt, (tn_plateau_opts){.patience = -1}));
    REFUSES(tn_reduce_lr_on_plateau, TN_ERR_ARGUMENT,
            "reduce_lr_on_plateau: patience 10, cooldown -1",
            tn_reduce_lr_on_plateau(ctx, opt, (tn_plateau_opts){.cooldown = -1}));
    REFUSES(tn_reduce_lr_on_plateau, TN_ERR_ARGUMENT, "reduce_lr_on_plateau: min_lr -1",
            tn_reduce_lr_on_plateau(ctx, opt, (tn_plateau_opts){.min_lr = -1}));
    WORKS(tn_reduce_lr_on_plateau, tn_reduce_lr_on_plateau(ctx, opt, (tn_plateau_opts){0}));
    HOLDS(tn_schedule_step, tn_schedule_step(NULL) == TN_ERR_ARGUMENT);
    REFUSES(tn_schedule_step, TN_ERR_ARGUMENT,
            "reduce_lr_on_plateau: a step needs the metric; use tn_schedule_step_with",
            tn_schedule_step(plateau));
    WORKS(tn_schedule_step, tn_schedule_step(schedule));
    HOLDS(tn_schedule_step_with, tn_schedule_step_with(NULL, 1) == TN_ERR_ARGUMENT);
    REFUSES(tn_schedule_step_with, TN_ERR_ARGUMENT,
            "step_lr: it takes no metric; use tn_schedule_step",
            tn_schedule_step_with(schedule, 1));
    WORKS(tn_schedule_step_with, tn_schedule_step_with(plateau, NAN));
    HOLDS(tn_schedule_state_dict, !tn_schedule_state_dict(NULL));
    WORKS(tn_schedule_state_dict, tn_schedule_state_dict(schedule));
    HOLDS(tn_schedule_load_state_dict, tn_schedule_load_state_dict(NULL, dict) == TN_ERR_ARGUMENT);
    REFUSES(tn_schedule_load_state_dict, TN_ERR_ARGUMENT,
            "schedule_load_state_dict: the dictionary is NULL",
            tn_schedule_load_state_dict(schedule, NULL));
    REFUSES(tn_schedule_load_state_dict, TN_ERR_FORMAT,
            "schedule_load_state_dict: name is 'step_lr', but 'reduce_lr_on_plateau' here",
            tn_schedule_load_state_dict(plateau, schedule_state));
    WORKS(tn_schedule_load_state_dict, tn_schedule_load_state_dict(schedule, schedule_state));
    HOLDS(tn_schedule_free, (tn_schedule_free(NULL), true));
}

/* ---- data.h, dict.h and io.h ----------------------------------------------------------------- */

static void data_rows(void)
{
    tn_loader_opts plain = {0};
    REFUSES(tn_loader_new, TN_ERR_ARGUMENT, "loader: x is NULL",
            tn_loader_new(ctx, NULL, NULL, plain));
    REFUSES(tn_loader_new, TN_ERR_SHAPE,
            "loader: x [] and y NULL; expected as many samples in each, and at least one",
            tn_loader_new(ctx, T("u8[]"), NULL, plain));
    REFUSES(tn_loader_new, TN_ERR_SHAPE,
            "loader: x [0,3] and y NULL; expected as many samples in each, and at least one",
            tn_loader_new(ctx, T("u8[0,3]"), NULL, plain));
    REFUSES(tn_loader_new, TN_ERR_SHAPE,
            "loader: x [4,3] and y [3]; expected as many samples in each, and at least one",
            tn_loader_new(ctx, T("u8[4,3]"), T("u8[3]"), plain));
    REFUSES(tn_loader_new, TN_ERR_ARGUMENT, "loader: batch size -1",
            tn_loader_new(ctx, T("u8[4,3]"), NULL, (tn_loader_opts){.batch_size = -1}));
    REFUSES(tn_loader_new, TN_ERR_ARGUMENT, "loader: scale nan",
            tn_loader_new(ctx, T("u8[4,3]"), NULL, (tn_loader_opts){.scale = NAN}));
    WORKS(tn_loader_new, tn_loader_new(ctx, T("u8[4,3]"), T("i64[4]"), plain));
    HOLDS(tn_loader_next, !tn_loader_next(NULL, &batch));
    REFUSES(tn_loader_next, TN_ERR_ARGUMENT, "loader_next: batch is NULL",
            tn_loader_next(loader, NULL));
    WORKS(tn_loader_next, tn_loader_next(loader, &batch));
    HOLDS(tn_loader_batches, tn_loader_batches(NULL) == 0);
    HOLDS(tn_loader_state_dict, !tn_loader_state_dict(NULL));
    WORKS(tn_loader_state_dict, tn_loader_state_dict(loader));
    HOLDS(tn_loader_load_state_dict, tn_loader_load_state_dict(NULL, dict) == TN_ERR_ARGUMENT);
    REFUSES(tn_loader_load_state_dict, TN_ERR_ARGUMENT,
            "loader_load_state_dict: the dictionary is NULL",
            tn_loader_load_state_dict(loader, NULL));
    REFUSES(tn_loader_load_state_dict, TN_ERR_FORMAT, "loader_load_state_dict: samples is missing",
            tn_loader_load_state_dict(loader, dict));
    WORKS(tn_loader_load_state_dict, tn_loader_load_state_dict(loader, loader_state));
    HOLDS(tn_loader_free, (tn_loader_free(NULL), true));
}

#define FILE_ROWS(function, name, ...)                                                          \
    REFUSES(function, TN_ERR_ARGUMENT, name ": path is NULL", function(ctx, NULL __VA_ARGS__)); \
    REFUSES(function, TN_ERR_FILE, name ": no/such/file: No such file or directory",            \
            function(ctx, "no/such/file" __VA_ARGS__));                                         \
    REFUSES(function, TN_ERR_FILE, name ": tests: Is a directory",                              \
            function(ctx, "tests" __VA_ARGS__))

/* The same for functions that take something besides the path. */
#define FILE_ROWS_OF(function, name, thing)                                                \
    REFUSES(function, TN_ERR_ARGUMENT, name ": path is NULL", function(ctx, thing, NULL)); \
    REFUSES(function, TN_ERR_FILE, name ": no/such/file: No such file or directory",       \
            function(ctx, thing, "no/such/file"));                                         \
    REFUSES(function, TN_ERR_FILE, name ": tests: Is a directory", function(ctx, thing, "tests"))

static void dict_rows(void)
{
    HOLDS(tn_dict_new, !tn_dict_new(NULL));
    WORKS(tn_dict_new, tn_dict_new(ctx));
    HOLDS(tn_dict_free, (tn_dict_free(NULL), true));
    HOLDS(tn_dict_set, tn_dict_set(NULL, "a", x) == TN_ERR_ARGUMENT);
    REFUSES(tn_dict_set, TN_ERR_ARGUMENT, "dict_set: name is NULL", tn_dict_set(dict, NULL, x));
    REFUSES(tn_dict_set, TN_ERR_ARGUMENT, "dict_set: input is NULL", tn_dict_set(dict, "b", NULL));
    WORKS(tn_dict_set, tn_dict_set(dict, "b", x));
    HOLDS(tn_dict_count, tn_dict_count(NULL) == 0);
    HOLDS(tn_dict_name, !tn_dict_name(NULL, 0) && !tn_dict_name(dict, 1));
    HOLDS(tn_dict_at, !tn_dict_at(NULL, 0) && !tn_dict_at(dict, 1) && !tn_dict_at(dict, -1));
    HOLDS(tn_dict_get, !tn_dict_get(NULL, "a") && !tn_dict_get(dict, "z"));
    HOLDS(tn_dict_get, !tn_dict_get(dict, NULL));
    HOLDS(tn_dict_update, tn_dict_update(NULL, "b.", dict) == TN_ERR_ARGUMENT);
    REFUSES(tn_dict_update, TN_ERR_ARGUMENT, "dict_update: from is NULL",
            tn_dict_update(dict, "b.", NULL));
    WORKS(tn_dict_update, tn_dict_update(dict, "b.", dict));
    WORKS(tn_dict_update, tn_dict_update(dict, NULL, net_state));
    HOLDS(tn_dict_select, !tn_dict_select(NULL, "a"));
    WORKS(tn_dict_select, tn_dict_select(dict, "a"));
    WORKS(tn_dict_select, tn_dict_select(dict, NULL));
    HOLDS(tn_dict_clone, !tn_dict_clone(NULL));
    WORKS(tn_dict_clone, tn_dict_clone(dict));
}

static void loading_rows(void)
{
    FILE_ROWS(tn_load_idx, "load_idx");
    WORKS(tn_load_idx, tn_load_idx(ctx, data_path("u1.idx")));
    FILE_ROWS(tn_load_mat, "load_mat", , (tn_mat_opts){0});
    WORKS(tn_load_mat, tn_load_mat(ctx, data_path("little.mat"), (tn_mat_opts){0}));
    FILE_ROWS(tn_load_npy, "load_npy");
    WORKS(tn_load_npy, tn_load_npy(ctx, data_path("c.npy")));
    FILE_ROWS(tn_load_npz, "load_npz");
    WORKS(tn_load_npz, tn_load_npz(ctx, data_path("stored.npz")));
    FILE_ROWS(tn_load_safetensors, "load_safetensors");
    WORKS(tn_load_safetensors, tn_load_safetensors(ctx, data_path("types.safetensors")));
    FILE_ROWS(tn_load_pth, "load_pth");
    WORKS(tn_load_pth, tn_load_pth(ctx, data_path("torch/alone.pth")));
    FILE_ROWS(tn_load_dict, "load_dict");
    WORKS(tn_load_dict, tn_load_dict(ctx, data_path("torch/tiny_legacy.pth")));
}

#define SAVE_ROWS(function, name, ...)                                                   \
    HOLDS(function, function(NULL, dict, "x.npz" __VA_ARGS__) == TN_ERR_ARGUMENT);       \
    REFUSES(function, TN_ERR_ARGUMENT, name ": the dictionary is NULL",                  \
            function(ctx, NULL, "x.npz" __VA_ARGS__));                                   \
    REFUSES(function, TN_ERR_ARGUMENT, name ": path is NULL",                            \
            function(ctx, dict, NULL __VA_ARGS__));                                      \
    REFUSES(function, TN_ERR_FILE, name ": no/such/file.npz: No such file or directory", \
            function(ctx, dict, "no/such/file.npz" __VA_ARGS__));                        \
    WORKS(function, function(ctx, dict, folder_path("x.npz") __VA_ARGS__))

static void saving_rows(void)
{
    FILE_ROWS_OF(tn_save_npy, "save_npy", x);
    REFUSES(tn_save_npy, TN_ERR_ARGUMENT, "save_npy: tensor is NULL",
            tn_save_npy(ctx, NULL, folder_path("x")));
    WORKS(tn_save_npy, tn_save_npy(ctx, x, folder_path("x")));
    SAVE_ROWS(tn_save_npz, "save_npz", , (tn_npz_opts){0});
    SAVE_ROWS(tn_save_safetensors, "save_safetensors", , (tn_safetensors_opts){0});
    SAVE_ROWS(tn_save_dict, "save_dict");
    REFUSES(tn_save_dict, TN_ERR_ARGUMENT,
            "save_dict: x.pth: it ends in neither .npz nor .safetensors",
            tn_save_dict(ctx, dict, "x.pth"));
}

static void model_rows(void)
{
    tn_load_opts strict = {0};
    REFUSES(tn_load, TN_ERR_ARGUMENT, "load: path is NULL", tn_load(ctx, net, NULL, strict));
    REFUSES(tn_load, TN_ERR_FILE, "load: no/such/file: No such file or directory",
            tn_load(ctx, net, "no/such/file", strict));
    REFUSES(tn_load, TN_ERR_SHAPE, "load: tests/data/none.npz: missing weight, bias",
            tn_load(ctx, net, "tests/data/none.npz", strict));
    WORKS(tn_load, tn_load(ctx, net, data_path("none.npz"), (tn_load_opts){.lenient = true}));
    REFUSES(tn_save, TN_ERR_ARGUMENT, "state_dict: the module is NULL",
            tn_save(ctx, NULL, folder_path("x.npz")));
    REFUSES(tn_save, TN_ERR_ARGUMENT, "save: path is NULL", tn_save(ctx, net, NULL));
    WORKS(tn_save, tn_save(ctx, net, folder_path("x.npz")));
    FILE_ROWS_OF(tn_load_checkpoint, "load_checkpoint", (tn_checkpoint){0});
    REFUSES(tn_load_checkpoint, TN_ERR_FORMAT,
            "load_checkpoint: tests/data/none.npz: checkpoint is missing",
            tn_load_checkpoint(ctx, (tn_checkpoint){0}, "tests/data/none.npz"));
    WORKS(tn_load_checkpoint,
          tn_load_checkpoint(ctx, (tn_checkpoint){.module = net}, folder_path("checkpoint.npz")));
    REFUSES(tn_save_checkpoint, TN_ERR_ARGUMENT, "save_checkpoint: path is NULL",
            tn_save_checkpoint(ctx, (tn_checkpoint){.module = net}, NULL));
    WORKS(tn_save_checkpoint,
          tn_save_checkpoint(ctx, (tn_checkpoint){.module = net}, folder_path("x.npz")));
}

/* A checkpoint of Linear(3, 2) is there. */
static void file_rows(void)
{
    tn_ctx *other = tn_ctx_new(NULL);
    tn_checkpoint parts = {.module = tn_nn_linear(other, 3, 2)};
    make_folder();
    ck_assert_int_eq(tn_save_checkpoint(other, parts, folder_path("checkpoint.npz")), TN_OK);
    loading_rows();
    saving_rows();
    model_rows();
    remove_folder();
    tn_ctx_free(other);
}

/* ---- op.h ------------------------------------------------------------------------------------ */

static tn_tensor *record(tn_tensor *result, const tn_op *op, size_t size)
{
    tn_record_args args = {.inputs = {p}, .size = size};
    return tn_record(ctx, op, result, args);
}

static void op_rows(void)
{
    HOLDS(tn_ok, !tn_ok(NULL));
    HOLDS(tn_fail, tn_fail(NULL, TN_ERR_SHAPE, "text") == TN_ERR_ARGUMENT);
    REFUSES(tn_fail, TN_ERR_SHAPE, "text", tn_fail(ctx, TN_ERR_SHAPE, "text"));
    HOLDS(tn_shape_text, strcmp(tn_shape_text(2, NULL).s, "[]") == 0);
    REFUSES(tn_check_input, TN_ERR_ARGUMENT, "f: x is NULL", tn_check_input(ctx, "f", "x", NULL));
    WORKS(tn_check_input, tn_check_input(ctx, "f", "x", T("u8[2]")));
    REFUSES(tn_check_float, TN_ERR_ARGUMENT, "f: x is NULL", tn_check_float(ctx, "f", "x", NULL));
    REFUSES(tn_check_float, TN_ERR_DTYPE, "f: x is u8 but must be f32 or f64; tn_cast converts",
            tn_check_float(ctx, "f", "x", T("u8[2]")));
    WORKS(tn_check_float, tn_check_float(ctx, "f", "x", T("f32[2]")));
    REFUSES(tn_check_same_dtype, TN_ERR_ARGUMENT, "f: x is NULL",
            tn_check_same_dtype(ctx, "f", "x", NULL, "y", T("f32[2]")));
    REFUSES(tn_check_same_dtype, TN_ERR_ARGUMENT, "f: y is NULL",
            tn_check_same_dtype(ctx, "f", "x", T("f32[2]"), "y", NULL));
    REFUSES(tn_check_same_dtype, TN_ERR_DTYPE, "f: x is f32 but y is f64; tn_cast converts",
            tn_check_same_dtype(ctx, "f", "x", T("f32[2]"), "y", T("f64[2]")));
    WORKS(tn_check_same_dtype, tn_check_same_dtype(ctx, "f", "x", T("u8[2]"), "y", T("u8[]")));
    REFUSES(tn_record, TN_ERR_ARGUMENT, "record: the operator has no name or no backward",
            record(x, NULL, 0));
    REFUSES(tn_record, TN_ERR_ARGUMENT, "record: the operator has no name or no backward",
            record(x, &(tn_op){0}, 0));
    REFUSES(tn_record, TN_ERR_ARGUMENT, "same: size without data", record(x, &same_op, 8));
    REFUSES(tn_record, TN_ERR_STATE, "same: the result of shape [2] requires a gradient already",
            record(y, &same_op, 0));
    WORKS(tn_record, record(x, &same_op, 0));
    HOLDS(tn_record, record(NULL, &same_op, 0) == NULL);
    HOLDS(tn_will_record, !tn_will_record(NULL, 0, NULL));
    HOLDS(tn_will_record, !tn_will_record(own, 2, (const tn_tensor *[]){NULL, x}));
    HOLDS(tn_wants_grad, !tn_wants_grad(NULL, 0));
    HOLDS(tn_saved, !tn_saved(NULL, 0));
    HOLDS(tn_node_data, !tn_node_data(NULL));
    HOLDS(tn_input_ndim, tn_input_ndim(NULL, 0) == 0);
    HOLDS(tn_input_shape, !tn_input_shape(NULL, 0));
    HOLDS(tn_add_grad, (tn_add_grad(NULL, NULL, 0, NULL), true));
    REFUSES(tn_add_grad, TN_ERR_ARGUMENT, "backward: an operator has no input 0",
            (tn_add_grad(own, NULL, 0, x), tn_ok(own)));
    REFUSES(tn_map, TN_ERR_ARGUMENT, "f: no formula, or one without loops or operands",
            tn_map(ctx, "f", NULL, NULL, NULL));
    REFUSES(tn_map, TN_ERR_ARGUMENT, "f: no formula, or one without loops or operands",
            tn_map(ctx, "f", &cube_op.y, NULL, NULL));
    REFUSES(tn_map, TN_ERR_ARGUMENT, "f: no formula, or one without loops or operands",
            tn_map(ctx, "f", NULL, NULL, (const tn_tensor *[]){T("f32[2]")}));
    REFUSES(tn_map, TN_ERR_ARGUMENT, "map: no formula, or one without loops or operands",
            tn_map(ctx, NULL, &cube_op.y, NULL, (const tn_tensor *[]){T("f32[2]")}));
    REFUSES(tn_map, TN_ERR_ARGUMENT, "f: input is NULL",
            tn_map(ctx, "f", &cube_op.y, NULL, (const tn_tensor *[]){NULL}));
    REFUSES(tn_map, TN_ERR_DTYPE, "f: input is u8 but must be f32 or f64; tn_cast converts",
            tn_map(ctx, "f", &cube_op.y, NULL, (const tn_tensor *[]){T("u8[2]")}));
    REFUSES(tn_map, TN_ERR_SHAPE, "f: shapes [2] and [3] do not broadcast",
            tn_map(ctx, "f", &less_op.y, NULL, (const tn_tensor *[]){T("f32[2]"), T("f32[3]")}));
    WORKS(tn_map, tn_map(ctx, "f", &cube_op.y, NULL, (const tn_tensor *[]){T("f32[0]")}));
    REFUSES(tn_unary, TN_ERR_ARGUMENT, "unary: the operator is NULL",
            tn_unary(ctx, NULL, T("f32[2]"), NULL));
    REFUSES(tn_unary, TN_ERR_ARGUMENT, "cube: input is NULL", tn_unary(ctx, &cube_op, NULL, NULL));
    REFUSES(tn_unary, TN_ERR_DTYPE, "cube: input is u8 but must be f32 or f64; tn_cast converts",
            tn_unary(ctx, &cube_op, T("u8[2]"), NULL));
    WORKS(tn_unary, tn_unary(ctx, &cube_op, T("f32[0]"), NULL));
    REFUSES(tn_binary, TN_ERR_ARGUMENT, "binary: the operator is NULL",
            tn_binary(ctx, NULL, T("f32[2]"), T("f32[2]")));
    REFUSES(tn_binary, TN_ERR_ARGUMENT, "less: other is NULL",
            tn_binary(ctx, &less_op, T("f32[2]"), NULL));
    REFUSES(tn_binary, TN_ERR_SHAPE, "less: shapes [2] and [3] do not broadcast",
            tn_binary(ctx, &less_op, T("f32[2]"), T("f32[3]")));
    WORKS(tn_binary, tn_binary(ctx, &less_op, T("f32[0]"), T("f32[])")));
    HOLDS(tn_unary_backward, (tn_unary_backward(own, NULL, NULL), true));
    HOLDS(tn_binary_backward, (tn_binary_backward(own, NULL, NULL), true));
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
    conv_rows();
    pooling_rows();
    batch_norm_rows();
    loss_rows();
    view_rows();
    copy_rows();
    layer_rows();
    module_rows();
    init_rows();
    optim_rows();
    schedule_rows();
    data_rows();
    dict_rows();
    file_rows();
    op_rows();
}

START_TEST(every_public_function)
{
    list_functions(NULL);
    for (mode = PLAIN; mode < MODES; mode++)
        all_rows();
    wrong += unseen_functions(REFUSED, " that it refuses") +
             unseen_functions(WORKED, " that it works in");
    ck_assert_msg(wrong == 0, "%d rows are wrong", wrong);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("refusals");
    TCase *tc = tcase_create("rows");
    tcase_set_timeout(tc, 600);
    tcase_add_test(tc, every_public_function);
    suite_add_tcase(suite, tc);
    return tn_run(suite);
}
