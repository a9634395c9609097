/* The state of modules: names, order, loading, and what is refused. */
#include <stdio.h>
#include <string.h>
#include "common/check_tn.h"

static tn_module *network(int64_t out)
{
    return tn_sequential(
        ctx, tn_nn_conv2d(ctx, 1, 2, 3, (tn_conv2d_opts){0}),
        tn_nn_batch_norm2d(ctx, 2, (tn_batch_norm_opts){0}),
        tn_sequential(ctx, tn_nn_relu(ctx), tn_nn_flatten(ctx), tn_nn_linear(ctx, 8, out)));
}

static const char *const names[] = {
    "0.weight",
    "0.bias",
    "1.weight",
    "1.bias",
    "1.running_mean",
    "1.running_var",
    "1.num_batches_tracked",
    "2.2.weight",
    "2.2.bias",
};

#define NAMES ((int)(sizeof names / sizeof *names))

START_TEST(has_pytorchs_names_and_order)
{
    tn_dict *dict = tn_state_dict(ctx, network(3));
    ck_assert_int_eq(tn_dict_count(dict), NAMES);
    for (int i = 0; i < NAMES; i++)
        ck_assert_str_eq(tn_dict_name(dict, i), names[i]);
    ck_tn_shape(tn_dict_get(dict, "2.2.weight"), "[3,8]");
}
END_TEST

START_TEST(is_views)
{
    tn_module *net = network(3);
    tn_dict *dict = tn_state_dict(ctx, net);
    for (int i = 0; i < NAMES; i++) {
        tn_tensor *t = tn_parameter_named(net, names[i]);
        t = t ? t : tn_buffer_named(net, names[i]);
        ck_assert_ptr_eq(tn_data(tn_dict_get(dict, names[i])), tn_data(t));
        ck_assert(!tn_requires_grad(tn_dict_get(dict, names[i])));
    }
    tn_module_free(net);
    ck_assert_int_eq(tn_numel(tn_dict_get(dict, "2.2.bias")), 3);
}
END_TEST

/* A copy that nothing shares. */
static tn_dict *copy_of(const tn_dict *dict)
{
    tn_dict *copy = tn_dict_new(ctx);
    for (int64_t i = 0; i < tn_dict_count(dict); i++)
        tn_dict_set(copy, tn_dict_name(dict, i), tn_clone(ctx, tn_dict_at(dict, i)));
    return copy;
}

static void check_same(const tn_dict *a, const tn_dict *b)
{
    ck_assert_int_eq(tn_dict_count(a), tn_dict_count(b));
    for (int64_t i = 0; i < tn_dict_count(a); i++)
        check_same_bits(tn_dict_at(a, i), tn_dict_get(b, tn_dict_name(a, i)));
}

START_TEST(loads)
{
    tn_module *net = network(3), *other = network(3);
    tn_fill_(ctx, tn_buffer_named(other, "1.num_batches_tracked"), 7);
    tn_dict *dict = tn_state_dict(ctx, other);
    tn_load_report report;
    ck_assert_int_eq(tn_load_state_dict(ctx, net, dict, (tn_load_opts){.report = &report}), TN_OK);
    check_same(tn_state_dict(ctx, net), dict);
    ck_assert_ptr_ne(tn_data(tn_parameter(net, 0, NULL, 0)),
                     tn_data(tn_parameter(other, 0, NULL, 0)));
    ck_assert(tn_requires_grad(tn_parameter(net, 0, NULL, 0)));
    ck_assert_int_eq(tn_dict_count(report.missing), 0);
    ck_assert_int_eq(tn_dict_count(report.unexpected), 0);
    ck_assert_int_eq(tn_dict_count(report.mismatched), 0);
}
END_TEST

/* The tensors may have any strides, and lie in the module's own memory. */
START_TEST(loads_views)
{
    tn_module *net = tn_nn_linear(ctx, 3, 3);
    tn_dict *state = tn_state_dict(ctx, net), *dict = tn_dict_new(ctx);
    tn_dict *before = copy_of(state);
    tn_dict_set(dict, "weight", tn_transpose(ctx, tn_dict_get(state, "weight"), 0, 1));
    tn_dict_set(dict, "bias", tn_select(ctx, tn_dict_get(state, "weight"), 1, 1));
    ck_assert_int_eq(tn_load_state_dict(ctx, net, dict, (tn_load_opts){0}), TN_OK);
    const tn_tensor *weight = tn_dict_get(before, "weight");
    check_same_bits(tn_dict_get(state, "weight"),
                    tn_contiguous(ctx, tn_transpose(ctx, weight, 0, 1)));
    check_same_bits(tn_dict_get(state, "bias"), tn_contiguous(ctx, tn_select(ctx, weight, 1, 1)));
}
END_TEST

START_TEST(counts_as_a_change)
{
    tn_module *net = tn_nn_linear(ctx, 3, 3);
    tn_tensor *x = leaf(tn_ones(ctx, TN_F32, TN_SHAPE(1, 3)));
    tn_tensor *loss = tn_sum(ctx, tn_forward(ctx, net, x), (tn_reduce_opts){0});
    tn_load_state_dict(ctx, net, tn_state_dict(ctx, tn_nn_linear(ctx, 3, 3)), (tn_load_opts){0});
    ck_tn_ok();
    ck_assert_int_eq(tn_backward(ctx, loss), TN_ERR_STATE);
    tn_clear_error(ctx);
}
END_TEST

/* ---- what does not fit ----------------------------------------------------------------------- */

/* Changes to the dictionary of another network, and what is said. */
static void rename_last(tn_dict **dict)
{
    tn_dict *other = tn_dict_new(ctx);
    for (int64_t i = 0; i < NAMES; i++)
        tn_dict_set(other, i < NAMES - 1 ? tn_dict_name(*dict, i) : "fc.bias",
                    tn_dict_at(*dict, i));
    *dict = other;
}

static void add_one(tn_dict **dict)
{
    tn_dict_set(*dict, "3.weight", tn_scalar(ctx, TN_F32, 1));
}

static void empty(tn_dict **dict)
{
    *dict = tn_dict_new(ctx);
}

static void reshape(tn_dict **dict)
{
    tn_dict_set(*dict, "2.2.bias", tn_zeros(ctx, TN_F32, TN_SHAPE(4)));
}

static void convert(tn_dict **dict)
{
    tn_dict_set(*dict, "2.2.bias", tn_zeros(ctx, TN_F64, TN_SHAPE(3)));
}

static void all_at_once(tn_dict **dict)
{
    rename_last(dict);
    tn_dict_set(*dict, "1.running_mean", tn_zeros(ctx, TN_F32, TN_SHAPE(2, 1)));
    convert(dict);
    add_one(dict);
}

static void convert_all(tn_dict **dict)
{
    for (int i = 0; i < NAMES; i++)
        tn_dict_set(*dict, names[i], tn_cast(ctx, tn_dict_get(*dict, names[i]), TN_F64));
}

#define ALL_ARE_F64                                                                               \
    "load_state_dict: 0.weight is f64 [2,1,3,3] but f32 [2,1,3,3] here, 0.bias is f64 [2] but "   \
    "f32 [2] here, 1.weight is f64 [2] but f32 [2] here, 1.bias is f64 [2] but f32 [2] here and " \
    "5 more"

static const struct {
    void (*change)(tn_dict **dict);
    tn_status status;
    const char *error, *lenient_error;
    int missing, unexpected, mismatched;
} misfits[] = {
    {rename_last, TN_ERR_SHAPE, "load_state_dict: missing 2.2.bias; unexpected fc.bias", NULL, 1, 1,
     0},
    {add_one, TN_ERR_SHAPE, "load_state_dict: unexpected 3.weight", NULL, 0, 1, 0},
    {empty, TN_ERR_SHAPE, "load_state_dict: missing 0.weight, 0.bias, 1.weight, 1.bias and 5 more",
     NULL, 9, 0, 0},
    {reshape, TN_ERR_SHAPE, "load_state_dict: 2.2.bias is f32 [4] but f32 [3] here",
     "load_state_dict: 2.2.bias is f32 [4] but f32 [3] here", 0, 0, 1},
    {convert, TN_ERR_DTYPE, "load_state_dict: 2.2.bias is f64 [3] but f32 [3] here",
     "load_state_dict: 2.2.bias is f64 [3] but f32 [3] here", 0, 0, 1},
    {convert_all, TN_ERR_DTYPE, ALL_ARE_F64, ALL_ARE_F64, 0, 0, 9},
    {all_at_once, TN_ERR_SHAPE,
     "load_state_dict: 1.running_mean is f32 [2,1] but f32 [2] here, 2.2.bias is f64 [3] but f32 "
     "[3] here; unexpected fc.bias, 3.weight",
     "load_state_dict: 1.running_mean is f32 [2,1] but f32 [2] here, 2.2.bias is f64 [3] but f32 "
     "[3] here",
     0, 2, 2},
};

static void check_report(tn_load_report *report, int i)
{
    ck_assert_int_eq(tn_dict_count(report->missing), misfits[i].missing);
    ck_assert_int_eq(tn_dict_count(report->unexpected), misfits[i].unexpected);
    ck_assert_int_eq(tn_dict_count(report->mismatched), misfits[i].mismatched);
    tn_dict_free(report->missing);
    tn_dict_free(report->unexpected);
    tn_dict_free(report->mismatched);
}

START_TEST(changes_nothing_unless_all_fits)
{
    tn_load_report report;
    tn_module *net = network(3);
    tn_dict *state = tn_state_dict(ctx, net), *before = copy_of(state);
    tn_dict *dict = tn_state_dict(ctx, network(3));
    misfits[_i].change(&dict);
    ck_assert_int_eq(tn_load_state_dict(ctx, net, dict, (tn_load_opts){.report = &report}),
                     misfits[_i].status);
    ck_tn_error(misfits[_i].status, misfits[_i].error);
    check_report(&report, _i);
    check_same(state, before);
    tn_load_opts lenient = {.lenient = true, .report = &report};
    tn_status status = tn_load_state_dict(ctx, net, dict, lenient);
    ck_assert_str_eq(tn_error(ctx), misfits[_i].lenient_error ? misfits[_i].lenient_error : "");
    tn_clear_error(ctx);
    check_report(&report, _i);
    for (int64_t i = 0; i < NAMES; i++) {
        const tn_tensor *loaded = tn_dict_get(dict, names[i]);
        check_same_bits(tn_dict_at(state, i),
                        status == TN_OK && loaded ? loaded : tn_dict_at(before, i));
    }
}
END_TEST

/* ---- state from before batches were counted -------------------------------------------------- */

static tn_dict *without(const tn_dict *dict, const char *name)
{
    tn_dict *other = tn_dict_new(ctx);
    for (int64_t i = 0; i < tn_dict_count(dict); i++)
        if (strcmp(tn_dict_name(dict, i), name) != 0)
            tn_dict_set(other, tn_dict_name(dict, i), tn_dict_at(dict, i));
    return other;
}

/* In PyTorch, too, all keys match then, and the count stays as it is. */
START_TEST(loads_state_without_batch_counts)
{
    tn_load_report report;
    tn_module *net = network(3), *alone = tn_nn_batch_norm2d(ctx, 2, (tn_batch_norm_opts){0});
    tn_dict *dict = without(tn_state_dict(ctx, network(3)), "1.num_batches_tracked");
    tn_fill_(ctx, tn_buffer_named(net, "1.num_batches_tracked"), 7);
    tn_fill_(ctx, tn_dict_get(dict, "1.running_mean"), 5);
    ck_assert_int_eq(tn_load_state_dict(ctx, net, dict, (tn_load_opts){.report = &report}), TN_OK);
    ck_tn_ok();
    ck_assert_int_eq(tn_dict_count(report.missing), 0);
    ck_tn_equal(tn_buffer_named(net, "1.num_batches_tracked"), 7);
    ck_tn_equal(tn_buffer_named(net, "1.running_mean"), 5, 5);
    dict = without(tn_state_dict(ctx, alone), "num_batches_tracked");
    ck_assert_int_eq(tn_load_state_dict(ctx, alone, dict, (tn_load_opts){0}), TN_OK);
    dict = without(dict, "running_mean");
    ck_assert_int_eq(tn_load_state_dict(ctx, alone, dict, (tn_load_opts){0}), TN_ERR_SHAPE);
    ck_tn_error(TN_ERR_SHAPE, "load_state_dict: missing running_mean, num_batches_tracked");
}
END_TEST

/* What has that name without being a batch norm's is missing if it is. */
START_TEST(misses_other_counts)
{
    static const char *const others[] = {"num_batches_tracked", "my_num_batches_tracked",
                                         "tracked"};
    char error[128];
    tn_module *net = tn_nn_linear_nobias(ctx, 2, 2);
    tn_dict *dict = tn_state_dict(ctx, net);
    tn_add_buffer(ctx, net, others[_i], tn_zeros(ctx, TN_I64, TN_SCALAR));
    if (_i == 1)
        tn_add_buffer(ctx, net, "my_running_mean", tn_zeros(ctx, TN_F32, TN_SHAPE(2)));
    ck_assert_int_eq(tn_load_state_dict(ctx, net, dict, (tn_load_opts){0}), TN_ERR_SHAPE);
    snprintf(error, sizeof error, "load_state_dict: missing %s%s", others[_i],
             _i == 1 ? ", my_running_mean" : "");
    ck_tn_error(TN_ERR_SHAPE, error);
}
END_TEST

START_TEST(strips_a_prefix)
{
    tn_module *net = network(3), *other = network(3);
    tn_dict *dict = tn_dict_new(ctx);
    tn_dict_update(dict, "model.", tn_state_dict(ctx, other));
    tn_dict_set(dict, "epoch", tn_scalar(ctx, TN_I64, 3));
    ck_assert_int_eq(tn_load_state_dict(ctx, net, dict, (tn_load_opts){.prefix = "model."}), TN_OK);
    check_same(tn_state_dict(ctx, net), tn_state_dict(ctx, other));
    ck_assert_int_eq(tn_load_state_dict(ctx, net, dict, (tn_load_opts){.prefix = "net."}),
                     TN_ERR_SHAPE);
    const char *error = tn_error(ctx), *end = "; no name begins with net.";
    ck_assert_str_eq(error + strlen(error) - strlen(end), end);
    tn_clear_error(ctx);
}
END_TEST

/* Long lists and names are cut, and the message stays a message. */
START_TEST(keeps_messages_short)
{
    char name[300];
    tn_dict *dict = tn_dict_new(ctx);
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "%0250d", i);
        tn_dict_set(dict, name, tn_scalar(ctx, TN_F32, 0));
    }
    tn_load_state_dict(ctx, network(3), dict, (tn_load_opts){0});
    ck_assert_ptr_nonnull(strstr(tn_error(ctx), "; unexpected 000"));
    ck_assert_ptr_nonnull(strstr(tn_error(ctx), " and 46 more"));
    tn_clear_error(ctx);
}
END_TEST

START_TEST(reports_misuse)
{
    tn_load_report report;
    tn_module *net = network(3);
    tn_dict *dict = tn_state_dict(ctx, net);
    tn_load_opts opts = {.report = &report};
    ck_assert_ptr_null(tn_state_dict(ctx, NULL));
    ck_tn_error(TN_ERR_ARGUMENT, "state_dict: the module is NULL");
    ck_assert_ptr_null(tn_state_dict(NULL, net));
    ck_assert_int_eq(tn_load_state_dict(ctx, NULL, dict, opts), TN_ERR_ARGUMENT);
    ck_assert_ptr_null(report.missing);
    ck_tn_error(TN_ERR_ARGUMENT, "load_state_dict: the module is NULL");
    ck_assert_int_eq(tn_load_state_dict(ctx, net, NULL, opts), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "load_state_dict: the dictionary is NULL");
    ck_assert_int_eq(tn_load_state_dict(NULL, net, dict, opts), TN_ERR_ARGUMENT);
    tn_fail(ctx, TN_ERR_NUMBER, "wrong");
    ck_assert_int_eq(tn_load_state_dict(ctx, net, dict, opts), TN_ERR_NUMBER);
    tn_clear_error(ctx);
}
END_TEST

typedef struct loading {
    tn_module *net;
    const tn_dict *dict, *state, *before;
} loading;

static tn_status load_once(void *payload)
{
    const loading *l = payload;
    tn_dict *state = tn_state_dict(ctx, l->net);
    tn_load_report report = {0};
    tn_load_opts opts = {.lenient = true, .report = &report};
    if (state)
        tn_load_state_dict(ctx, l->net, l->dict, opts);
    tn_dict_free(report.missing);
    tn_dict_free(report.unexpected);
    tn_dict_free(report.mismatched);
    tn_dict_free(state);
    if (tn_error_status(ctx) != TN_OK)
        for (int64_t i = 0; i < NAMES; i++)
            check_same_bits(tn_dict_at(l->state, i), tn_dict_at(l->before, i));
    return tn_error_status(ctx);
}

START_TEST(survives_without_memory)
{
    tn_module *net = network(3);
    tn_dict *state = tn_state_dict(ctx, net), *dict = tn_state_dict(ctx, network(3));
    rename_last(&dict);
    tn_dict_set(dict, "0.bias", tn_dict_get(state, "1.bias"));
    fail_each_allocation(load_once, &(loading){net, dict, state, copy_of(state)});
    check_same_bits(tn_dict_get(state, "2.2.weight"), tn_dict_get(dict, "2.2.weight"));
}
END_TEST

START_TEST(survives_old_state_without_memory)
{
    tn_module *net = network(3);
    tn_dict *state = tn_state_dict(ctx, net);
    tn_dict *dict = without(tn_state_dict(ctx, network(3)), "1.num_batches_tracked");
    fail_each_allocation(load_once, &(loading){net, dict, state, copy_of(state)});
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("state_dict");
    TCase *tc = tn_case(suite, "state_dict");
    tcase_add_test(tc, has_pytorchs_names_and_order);
    tcase_add_test(tc, is_views);
    tcase_add_test(tc, loads);
    tcase_add_test(tc, loads_views);
    tcase_add_test(tc, counts_as_a_change);
    tcase_add_loop_test(tc, changes_nothing_unless_all_fits, 0,
                        (int)(sizeof misfits / sizeof *misfits));
    tcase_add_test(tc, loads_state_without_batch_counts);
    tcase_add_loop_test(tc, misses_other_counts, 0, 3);
    tcase_add_test(tc, survives_old_state_without_memory);
    tcase_add_test(tc, strips_a_prefix);
    tcase_add_test(tc, keeps_messages_short);
    tcase_add_test(tc, reports_misuse);
    tcase_add_test(tc, survives_without_memory);
    return tn_run(suite);
}
