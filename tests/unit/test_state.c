/* The state of optimisers, schedules and loaders: names, values, and what is refused. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "common/check_tn.h"

/* ---- objects with a state -------------------------------------------------------------------- */

typedef struct thing {
    const char *what;
    tn_optim *opt;
    tn_schedule *schedule;
    tn_loader *loader;
} thing;

static tn_module *net;

static tn_optim *stepped(tn_optim *opt)
{
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(2, 3));
    tn_backward(ctx, tn_sum(ctx, tn_forward(ctx, net, x), (tn_reduce_opts){0}));
    tn_step(opt);
    return opt;
}

static tn_optim *optimiser(void)
{
    net = tn_nn_linear(ctx, 3, 4);
    return tn_adam(ctx, net, (tn_adam_opts){0});
}

static tn_loader *loader(void)
{
    return tn_loader_new(ctx, tn_rand(ctx, TN_F32, TN_SHAPE(7, 2)), NULL,
                         (tn_loader_opts){.batch_size = 2, .shuffle = true});
}

/* In the middle of something. */
static thing thing_new(int i)
{
    tn_batch batch;
    if (i == 0)
        return (thing){.what = "optim_load_state_dict", .opt = stepped(optimiser())};
    if (i == 1)
        return (thing){.what = "schedule_load_state_dict",
                       .schedule = tn_reduce_lr_on_plateau(ctx, optimiser(), (tn_plateau_opts){0})};
    thing t = {.what = "loader_load_state_dict", .loader = loader()};
    ck_assert(tn_loader_next(t.loader, &batch) && tn_loader_next(t.loader, &batch));
    return t;
}

static tn_dict *state_of(const thing *t)
{
    return t->opt        ? tn_optim_state_dict(t->opt)
           : t->schedule ? tn_schedule_state_dict(t->schedule)
                         : tn_loader_state_dict(t->loader);
}

static tn_status load(const thing *t, const tn_dict *dict)
{
    return t->opt        ? tn_optim_load_state_dict(t->opt, dict)
           : t->schedule ? tn_schedule_load_state_dict(t->schedule, dict)
                         : tn_loader_load_state_dict(t->loader, dict);
}

static tn_dict *copy_of(const tn_dict *dict)
{
    tn_dict *copy = tn_dict_new(ctx);
    for (int64_t i = 0; i < tn_dict_count(dict); i++)
        tn_dict_set(copy, tn_dict_name(dict, i), tn_clone(ctx, tn_dict_at(dict, i)));
    return copy;
}

static void check_state(const thing *t, const tn_dict *expected)
{
    tn_dict *state = state_of(t);
    ck_assert_int_eq(tn_dict_count(state), tn_dict_count(expected));
    for (int64_t i = 0; i < tn_dict_count(state); i++)
        check_same_bits(tn_dict_at(state, i), tn_dict_get(expected, tn_dict_name(state, i)));
    tn_dict_free(state);
}

static tn_dict *without(const tn_dict *dict, int64_t left_out)
{
    tn_dict *rest = tn_dict_new(ctx);
    for (int64_t i = 0; i < tn_dict_count(dict); i++)
        if (i != left_out)
            tn_dict_set(rest, tn_dict_name(dict, i), tn_dict_at(dict, i));
    return rest;
}

/* ---- entries that are missing or wrong ------------------------------------------------------- */

/* Every entry matters; but a parameter without state.N.step has not been stepped, and a group's
 * rate is looked for where there should be none. */
START_TEST(needs_every_entry)
{
    thing t = thing_new(_i);
    tn_dict *state = copy_of(state_of(&t));
    for (int64_t i = 0; i < tn_dict_count(state); i++) {
        char error[160];
        const char *name = tn_dict_name(state, i);
        if (strstr(name, ".step"))
            continue;
        snprintf(error, sizeof error, "%s: %s is missing", t.what, name);
        ck_assert_int_eq(load(&t, without(state, i)), TN_ERR_FORMAT);
        ck_tn_error(TN_ERR_FORMAT, error);
        check_state(&t, state);
    }
}
END_TEST

START_TEST(checks_every_type)
{
    thing t = thing_new(_i);
    tn_dict *state = copy_of(state_of(&t));
    for (int64_t i = 0; i < tn_dict_count(state); i++) {
        tn_dict *changed = copy_of(state);
        const char *name = tn_dict_name(state, i);
        tn_dict_set(changed, name, tn_zeros(ctx, TN_I32, TN_SHAPE(1, 2)));
        ck_assert_int_eq(load(&t, changed), TN_ERR_FORMAT);
        ck_assert_ptr_nonnull(strstr(tn_error(ctx), name));
        tn_clear_error(ctx);
        check_state(&t, state);
    }
}
END_TEST

/* An entry full of a value, and what is said. */
static const struct {
    int thing;
    const char *name;
    double value;
    const char *error;
} values[] = {
    {0, "param_groups.0.lr", NAN, "param_groups.0.lr is nan"},
    {0, "param_groups.0.lr", -1, "param_groups.0.lr is -1"},
    {0, "param_groups.0.lr", INFINITY, "param_groups.0.lr is inf"},
    {0, "param_groups.0.lr", 0.5, NULL},
    {0, "param_groups.0.initial_lr", -2, "param_groups.0.initial_lr is -2"},
    {0, "param_groups.0.weight_decay", -1, "param_groups.0.weight_decay is -1"},
    {0, "param_groups.0.params", 1, "param_groups.0.params are not those of group 0 here"},
    {0, "state.0.step", 0, "state.0.step is 0"},
    {0, "state.0.step", 1e6, NULL},
    {0, "state.0.exp_avg", NAN, NULL},
    {0, "beta1", 0.5, "beta1 is 0.5, but 0.9 here"},
    {0, "name", 'a', "name is 'aaaa', but 'adam' here"},
    {0, "name", ' ', "name is '    ', but 'adam' here"},
    {0, "name", 0x1f, "name is '\?\?\?\?', but 'adam' here"},
    {0, "name", 0x7e, "name is '~~~~', but 'adam' here"},
    {0, "name", 0x7f, "name is '\?\?\?\?', but 'adam' here"},
    {0, "name", '\n', "name is '\?\?\?\?', but 'adam' here"},
    {1, "last_epoch", -1, "last_epoch is -1"},
    {1, "best", NAN, "best is nan"},
    {1, "best", -INFINITY, NULL},
    {1, "num_bad_epochs", -1, "num_bad_epochs is -1"},
    {1, "cooldown_counter", -1, "cooldown_counter is -1"},
    {1, "patience", 4, "patience is 4, but 10 here"},
    {1, "maximize", 1, "maximize is 1, but 0 here"},
    {2, "next", 5, "next is 5 of 4 batches"},
    {2, "next", -1, "next is -1"},
    {2, "next", 4, NULL},
    {2, "order", 0, "order has sample 0 twice"},
    {2, "order", 7, "order[0] is 7"},
    {2, "order", -1, "order[0] is -1"},
    {2, "samples", 8, "samples is 8, but 7 here"},
    {2, "drop_last", 1, "drop_last is 1, but 0 here"},
    {2, "scale", 2, "scale is 2, but 0 here"},
};

START_TEST(checks_values)
{
    char error[160];
    thing t = thing_new(values[_i].thing);
    tn_dict *state = copy_of(state_of(&t)), *changed = copy_of(state);
    tn_fill_(ctx, tn_dict_get(changed, values[_i].name), values[_i].value);
    ck_tn_ok();
    tn_status status = load(&t, changed);
    if (values[_i].error) {
        snprintf(error, sizeof error, "%s: %s", t.what, values[_i].error);
        ck_assert_int_eq(status, TN_ERR_FORMAT);
        ck_tn_error(TN_ERR_FORMAT, error);
    }
    ck_tn_ok();
    check_state(&t, values[_i].error ? state : changed);
}
END_TEST

/* What is read may have any strides. */
START_TEST(reads_views)
{
    thing t = thing_new(_i);
    tn_dict *state = copy_of(state_of(&t)), *views = tn_dict_new(ctx);
    for (int64_t i = 0; i < tn_dict_count(state); i++) {
        tn_tensor *x = tn_dict_at(state, i);
        tn_tensor *pair = tn_stack(ctx, 2, (const tn_tensor *[]){x, x}, -1);
        tn_dict_set(views, tn_dict_name(state, i), tn_select(ctx, pair, -1, 1));
    }
    ck_assert_int_eq(load(&t, views), TN_OK);
    check_state(&t, state);
}
END_TEST

START_TEST(reports_misuse)
{
    char error[160];
    thing t = thing_new(_i);
    tn_dict *state = state_of(&t);
    snprintf(error, sizeof error, "%s: the dictionary is NULL", t.what);
    ck_assert_int_eq(load(&t, NULL), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, error);
    tn_fail(ctx, TN_ERR_NUMBER, "wrong");
    ck_assert_int_eq(load(&t, state), TN_ERR_NUMBER);
    ck_assert_ptr_null(state_of(&t));
    tn_clear_error(ctx);
    ck_assert_ptr_null(tn_optim_state_dict(NULL));
    ck_assert_ptr_null(tn_schedule_state_dict(NULL));
    ck_assert_ptr_null(tn_loader_state_dict(NULL));
    ck_assert_int_eq(tn_optim_load_state_dict(NULL, state), TN_ERR_ARGUMENT);
    ck_assert_int_eq(tn_schedule_load_state_dict(NULL, state), TN_ERR_ARGUMENT);
    ck_assert_int_eq(tn_loader_load_state_dict(NULL, state), TN_ERR_ARGUMENT);
}
END_TEST

static tn_status save_and_load(void *payload)
{
    tn_dict *state = state_of(payload);
    if (state)
        load(payload, state);
    tn_dict_free(state);
    return tn_error_status(ctx);
}

START_TEST(survives_without_memory)
{
    thing t = thing_new(_i);
    tn_dict *state = copy_of(state_of(&t));
    fail_each_allocation(save_and_load, &t);
    check_state(&t, state);
}
END_TEST

/* ---- optimisers ------------------------------------------------------------------------------ */

START_TEST(has_pytorchs_names)
{
    static const char *const expected[][4] = {
        {"state.0.step", "state.0.momentum_buffer"},
        {"state.1.step", "state.1.exp_avg", "state.1.exp_avg_sq"},
        {"state.0.square_avg", "state.0.momentum_buffer"},
        {"state.0.square_avg", "state.0.grad_avg"},
        {"state.0.square_avg", "state.0.grad_avg", "state.0.momentum_buffer"},
    };
    optimiser();
    tn_optim *opt =
        _i == 0 ? tn_sgd(ctx, net, (tn_sgd_opts){.momentum = 0.9})
        : _i == 1
            ? tn_adamw(ctx, net, (tn_adamw_opts){0})
            : tn_rmsprop(ctx, net,
                         (tn_rmsprop_opts){.centered = _i > 2, .momentum = _i == 3 ? 0 : 0.5});
    tn_dict *state = tn_optim_state_dict(stepped(opt));
    for (int i = 0; i < 4 && expected[_i][i]; i++)
        ck_assert_msg(tn_dict_get(state, expected[_i][i]) != NULL, "no %s", expected[_i][i]);
    ck_assert_ptr_nonnull(tn_dict_get(state, "param_groups.0.params"));
}
END_TEST

/* One that has not been stepped has no state, and its state makes another one forget. */
START_TEST(forgets)
{
    tn_optim *opt = stepped(optimiser());
    tn_dict *fresh = tn_optim_state_dict(tn_adam(ctx, net, (tn_adam_opts){0}));
    ck_assert_ptr_null(tn_dict_get(fresh, "state.0.step"));
    tn_dict *state = tn_optim_state_dict(opt);
    ck_assert_double_ne(element_of(tn_dict_get(state, "state.0.exp_avg"), 0), 0);
    ck_assert_int_eq(tn_optim_load_state_dict(opt, fresh), TN_OK);
    ck_assert_double_eq(element_of(tn_dict_get(state, "state.0.exp_avg"), 0), 0);
    ck_assert_ptr_null(tn_dict_get(tn_optim_state_dict(opt), "state.0.step"));
}
END_TEST

START_TEST(wants_as_many_groups)
{
    tn_optim *opt = stepped(optimiser());
    tn_dict *state = copy_of(tn_optim_state_dict(opt));
    tn_dict_set(state, "param_groups.1.lr", tn_scalar(ctx, TN_F64, 1));
    ck_assert_int_eq(tn_optim_load_state_dict(opt, state), TN_ERR_FORMAT);
    ck_tn_error(TN_ERR_FORMAT, "optim_load_state_dict: it has more than the 1 groups here");
}
END_TEST

/* After a conversion the moments are of another type than the parameters: nothing is read. */
START_TEST(refuses_moments_of_another_type)
{
    tn_optim *opt = stepped(optimiser());
    tn_dict *state = copy_of(tn_optim_state_dict(opt));
    tn_module_to(ctx, net, TN_F64);
    ck_assert_int_eq(tn_optim_load_state_dict(opt, state), TN_OK);
    optimiser();
    tn_module_to(ctx, net, TN_F64);
    opt = tn_adam(ctx, net, (tn_adam_opts){0});
    ck_assert_int_eq(tn_optim_load_state_dict(opt, state), TN_ERR_FORMAT);
    ck_tn_error(TN_ERR_FORMAT, "optim_load_state_dict: state.0.exp_avg is f32 [4,3], but should be "
                               "f64 [4,3]");
}
END_TEST

START_TEST(keeps_doubles_exactly)
{
    optimiser();
    tn_optim *opt = tn_sgd(ctx, net, (tn_sgd_opts){.lr = 0.1 + 0.2});
    tn_dict *state = copy_of(tn_optim_state_dict(opt));
    tn_set_lr(opt, DBL_MAX);
    ck_assert_int_eq(tn_optim_load_state_dict(opt, state), TN_OK);
    ck_assert(tn_lr(opt) == 0.1 + 0.2);
    tn_set_lr(opt, DBL_MAX);
    ck_assert_int_eq(tn_optim_load_state_dict(opt, tn_optim_state_dict(opt)), TN_OK);
    ck_assert(tn_lr(opt) == DBL_MAX);
}
END_TEST

/* ---- loaders --------------------------------------------------------------------------------- */

/* Between epochs, at the end of one before it is noticed, and without shuffling. */
START_TEST(keeps_its_place)
{
    tn_batch a, b;
    tn_tensor *x = tn_arange(ctx, TN_F32, 0, 7, 1);
    tn_loader_opts opts = {.batch_size = 2, .shuffle = _i % 2};
    tn_loader *first = tn_loader_new(ctx, x, NULL, opts),
              *second = tn_loader_new(ctx, x, NULL, opts);
    for (int i = 0; i < _i / 2; i++)
        tn_loader_next(first, &a);
    tn_loader_next(second, &b);
    ck_assert_int_eq(tn_loader_load_state_dict(second, tn_loader_state_dict(first)), TN_OK);
    for (int i = 0; i < 9; i++) {
        tn_rng_state rng = tn_get_rng_state(ctx);
        bool more = tn_loader_next(first, &a);
        tn_set_rng_state(ctx, rng);
        ck_assert_int_eq(tn_loader_next(second, &b), more);
        if (more)
            check_same_bits(a.x, b.x);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("state");
    TCase *tc = tn_case(suite, "state");
    tcase_add_loop_test(tc, needs_every_entry, 0, 3);
    tcase_add_loop_test(tc, checks_every_type, 0, 3);
    tcase_add_loop_test(tc, checks_values, 0, (int)(sizeof values / sizeof *values));
    tcase_add_loop_test(tc, reads_views, 0, 3);
    tcase_add_loop_test(tc, reports_misuse, 0, 3);
    tcase_add_loop_test(tc, survives_without_memory, 0, 3);
    tcase_add_loop_test(tc, has_pytorchs_names, 0, 5);
    tcase_add_test(tc, forgets);
    tcase_add_test(tc, wants_as_many_groups);
    tcase_add_test(tc, refuses_moments_of_another_type);
    tcase_add_test(tc, keeps_doubles_exactly);
    tcase_add_loop_test(tc, keeps_its_place, 0, 16);
    return tn_run(suite);
}
