/* refusals.c - calls each function of a header with what it refuses. */
#include "rows/refusals.h"
#include "common/functions.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Every row runs once in each of these states, with new objects. */
static enum { PLAIN, IN_ERROR, NO_CONTEXT, MODES } mode;

tn_ctx *own, *maker;
tn_tensor *x, *ints, *p, *y;
tn_module *net;
tn_optim *opt;
tn_schedule *schedule, *plateau;
tn_loader *loader;
tn_dict *dict, *net_state, *opt_state, *schedule_state, *loader_state;
tn_scope inner, ended;
static uint64_t rng_before;

bool is_false(bool flag)
{
    return !flag;
}

bool is_negative(int64_t number)
{
    return number < 0;
}

bool is_nan(double number)
{
    return isnan(number);
}

bool is_null(const void *pointer)
{
    return pointer == NULL;
}

tn_tensor *T(const char *type)
{
    int64_t shape[TN_MAX_DIMS];
    int ndim = 0, dtype = 0;
    while (strncmp(type, tn_dtype_name((tn_dtype)dtype), strcspn(type, "[")) != 0)
        dtype++;
    for (const char *at = strchr(type, '['); at && at[1] != ']'; at = strchr(at + 1, ','))
        shape[ndim++] = strtoll(at + 1, NULL, 10);
    return tn_zeros(maker, (tn_dtype)dtype, ndim, shape);
}

tn_tensor *T_OF(const char *type, double value)
{
    tn_tensor *t = T(type);
    tn_fill_(maker, t, value);
    return t;
}

tn_tensor *shaped(const char *shape, tn_tensor *t)
{
    return t && strcmp(TN_SHAPE_TEXT(t), shape) == 0 ? t : NULL;
}

void begin_row(void)
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

static tn_tensor *same(tn_ctx *unused, tn_module *self, const tn_tensor *input)
{
    (void)unused, (void)self;
    return tn_detach(ctx, input);
}

const tn_module_type same_type = {.name = "Same", .forward = same};

tn_module *spare(void)
{
    tn_clear_error(own);
    tn_module *m = tn_module_new(own, &same_type, 8);
    if (mode == IN_ERROR)
        tn_fail(own, TN_ERR_STATE, "stop");
    memory.calls = 0;
    return m;
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

/* A function without a context among its arguments has the one of its objects, which is there. */
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

void end_row(const row *r, bool failed)
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

/* ---- all rows of a header -------------------------------------------------------------------- */

static void (*rows)(void);

static int run_in_each_mode(void)
{
    for (mode = PLAIN; mode < MODES; mode++)
        rows();
    return wrong + unseen_functions(REFUSED, " that it refuses") +
           unseen_functions(WORKED, " that it works in");
}

int run_refusals(const char *header, void (*all_rows)(void))
{
    rows = all_rows;
    return run_header("refusals", header, run_in_each_mode);
}
