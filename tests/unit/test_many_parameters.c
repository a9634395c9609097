/* A module of 20,000 parameters, and optimisers: what takes time for each parameter takes none for
 * each pair of them. The bound is 25 times the processor time of making the module; the work takes
 * up to four times that, and for each pair it would take a hundred times as long. Where there are
 * hundreds of thousands, a step for each pair would take minutes, which the time limit of the tests
 * ends. */
#include "common/check_tn.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    WIDTH = 20,
    LEAVES = 50,
    PARAMETERS = WIDTH * WIDTH * LEAVES,
    LISTED = 60000,
    NAMES = 400000,
    GROUPS = 100000
};

static const tn_module_type group_type;

static tn_tensor *first_of(tn_ctx *c, tn_module *self, const tn_tensor *x)
{
    (void)self;
    return tn_clone(c, x);
}

static const tn_module_type group_type = {.name = "Group", .forward = first_of};

/* Groups of groups down to those of parameters: `name`s are short and lists are. */
static tn_module *group_of(int depth)
{
    tn_module *m = tn_module_new(ctx, &group_type, 0);
    char name[8];
    for (int i = 0; i < (depth ? WIDTH : LEAVES); i++) {
        snprintf(name, sizeof name, "%d", i);
        if (depth)
            tn_add_child(ctx, m, name, group_of(depth - 1));
        else
            tn_add_parameter(ctx, m, name, tn_ones(ctx, TN_F32, TN_SHAPE(1)));
    }
    return m;
}

static tn_module *net;
static double bound;

static double seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

#define WITHIN_BOUND(...)                                                         \
    do {                                                                          \
        double start_ = seconds();                                                \
        __VA_ARGS__;                                                              \
        start_ = seconds() - start_;                                              \
        ck_tn_ok();                                                               \
        if (start_ > bound)                                                       \
            ck_abort_msg("%s took %g s of processor time", #__VA_ARGS__, start_); \
    } while (0)

/* The first module gets memory from the system, which takes longer than the rest. */
static void setup(void)
{
    tn_module_free(group_of(2));
    double start = seconds();
    net = group_of(2);
    bound = 25 * (seconds() - start);
    ck_assert_int_eq(tn_parameter_count(net), PARAMETERS);
}

static tn_tensor **listed(int count)
{
    tn_tensor **list = malloc((size_t)count * sizeof *list);
    for (int i = 0; i < count; i++)
        list[i] = leaf(tn_ones(ctx, TN_F32, TN_SHAPE(1)));
    return list;
}

START_TEST(optimiser_of_a_module)
{
    tn_optim *opt;
    WITHIN_BOUND(opt = tn_sgd(ctx, net, (tn_sgd_opts){.lr = 1}));
    WITHIN_BOUND(tn_add_group(opt, net, (tn_group_opts){.lr = 2}));
    WITHIN_BOUND(tn_zero_grad(opt));
    WITHIN_BOUND(tn_step(opt));
}
END_TEST

START_TEST(optimiser_of_a_list)
{
    tn_tensor **list = listed(LISTED);
    tn_optim *opt;
    WITHIN_BOUND(opt = tn_sgd_of(ctx, LISTED, list, (tn_sgd_opts){.lr = 1}));
    WITHIN_BOUND(for (int i = 0; i < 2000; i++)
                     tn_add_group_of(opt, 1, list + i, (tn_group_opts){.lr = 2}));
    ck_assert_int_eq(tn_group_count(opt), 2001);
    free(list);
}
END_TEST

/* Each group of one parameter says so in the state of its optimiser. */
START_TEST(optimiser_of_many_groups)
{
    tn_tensor **list = listed(GROUPS);
    tn_optim *opt = tn_sgd_of(ctx, GROUPS, list, (tn_sgd_opts){.lr = 1});
    for (int i = 1; i < GROUPS; i++)
        tn_add_group_of(opt, 1, list + i, (tn_group_opts){.lr = 1. / i});
    tn_dict *state = tn_optim_state_dict(opt);
    ck_assert_double_eq(tn_item(ctx, tn_dict_get(state, "param_groups.99999.params")), 99999);
    tn_set_group_lr(opt, 2, 7);
    ck_assert_int_eq(tn_optim_load_state_dict(opt, state), TN_OK);
    ck_assert_double_eq(tn_group_lr(opt, 2), 0.5);
    free(list);
}
END_TEST

START_TEST(module_of_many_names)
{
    tn_module *m = tn_module_new(ctx, &group_type, 0);
    tn_tensor *t = NULL;
    char name[16];
    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "parameter%d", i);
        t = tn_add_buffer(ctx, m, name, tn_scalar(ctx, TN_U8, i % 256));
    }
    ck_assert_ptr_eq(tn_buffer_named(m, name), t);
    ck_assert_ptr_null(tn_add_buffer(ctx, m, name, tn_scalar(ctx, TN_U8, 0)));
    ck_tn_error(TN_ERR_ARGUMENT, "add_buffer: Group has a parameter399999 already");
}
END_TEST

START_TEST(sequence_of_many_modules)
{
    tn_module **list = malloc(NAMES * sizeof *list);
    for (int i = 0; i < NAMES; i++)
        list[i] = tn_nn_flatten(ctx);
    tn_module *m = tn_sequential_of(ctx, NAMES, list);
    ck_assert_ptr_eq(tn_child(m, NAMES - 1), list[NAMES - 1]);
    tn_tensor *y = tn_forward(ctx, m, tn_ones(ctx, TN_F32, TN_SHAPE(1, 2)));
    ck_tn_equal(y, 1, 1);
    free(list);
}
END_TEST

START_TEST(freezing)
{
    WITHIN_BOUND(tn_freeze(ctx, net, true));
    ck_assert(!tn_requires_grad(tn_parameter(net, PARAMETERS - 1, NULL, 0)));
    WITHIN_BOUND(tn_freeze(ctx, net, false));
    ck_assert(tn_requires_grad(tn_parameter(net, PARAMETERS - 1, NULL, 0)));
}
END_TEST

START_TEST(conversion)
{
    WITHIN_BOUND(tn_module_to(ctx, net, TN_F64));
    ck_assert_int_eq(tn_dtype_of(tn_parameter(net, PARAMETERS - 1, NULL, 0)), TN_F64);
}
END_TEST

/* The picture of a sum of all parameters names each of them. */
START_TEST(picture)
{
    tn_tensor **list = malloc(PARAMETERS * sizeof *list);
    for (int64_t i = 0; i < PARAMETERS; i++) /* the i-th of a leaf's list at once */
        list[i] = i % LEAVES ? NULL : tn_parameter(net, i, NULL, 0);
    tn_tensor *sum = list[0];
    for (int64_t i = LEAVES; i < PARAMETERS; i += LEAVES)
        sum = tn_add(ctx, sum, list[i]);
    free(list);
    int64_t length;
    WITHIN_BOUND(length = tn_graph_dot(ctx, sum, net, NULL, 0));
    ck_assert_int_gt(length, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("many parameters");
    TCase *tc = tn_case(suite, "many parameters");
    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, optimiser_of_a_module);
    tcase_add_test(tc, optimiser_of_a_list);
    tcase_add_test(tc, freezing);
    tcase_add_test(tc, conversion);
    tcase_add_test(tc, picture);
    tc = tn_case(suite, "hundreds of thousands");
    tcase_set_timeout(tc, 180);
    tcase_add_test(tc, optimiser_of_many_groups);
    tcase_add_test(tc, module_of_many_names);
    tcase_add_test(tc, sequence_of_many_modules);
    return tn_run(suite);
}
