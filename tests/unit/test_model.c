/* Modules from and to files. */
#include "common/check_tn.h"
#include "common/files.h"

#include <stdio.h>

/* That of make_checkpoints.py. */
static tn_module *network(void)
{
    return tn_sequential(ctx, tn_nn_conv2d(ctx, 3, 8, 3, (tn_conv2d_opts){.padding = 1}),
                         tn_nn_relu(ctx), tn_nn_batch_norm2d(ctx, 8, (tn_batch_norm_opts){0}),
                         tn_nn_flatten(ctx), tn_nn_linear(ctx, 8 * 16, 5));
}

static void check_module(const tn_module *net, const tn_dict *expected)
{
    tn_dict *state = tn_state_dict(ctx, net);
    ck_assert_int_eq(tn_dict_count(state), 9);
    for (int64_t i = 0; i < 9; i++)
        check_same_bits(tn_dict_at(state, i), tn_dict_get(expected, tn_dict_name(state, i)));
    tn_dict_free(state);
}

START_TEST(loads_models_of_pytorch)
{
    static const char *const names[] = {"torch/state_dict_zip", "torch/state_dict_legacy",
                                        "torch/nested_zip", "torch/nested_legacy"};
    static const char *const prefixes[] = {NULL, NULL, "model.", "model."};
    char name[64];
    tn_module *net = network();
    snprintf(name, sizeof name, "%s.pth", names[_i]);
    ck_assert_int_eq(tn_load(ctx, net, data_path(name), (tn_load_opts){.prefix = prefixes[_i]}),
                     TN_OK);
    snprintf(name, sizeof name, "%s.npz", names[_i]);
    check_module(net, tn_dict_select(tn_load_npz(ctx, data_path(name)), prefixes[_i]));
}
END_TEST

START_TEST(saves_and_loads)
{
    static const char *const names[] = {"x.npz", "x.safetensors"};
    const char *path = folder_path(names[_i]);
    tn_module *net = network(), *other = network();
    ck_assert_int_eq(tn_save(ctx, net, path), TN_OK);
    ck_assert_int_eq(tn_load(ctx, other, path, (tn_load_opts){0}), TN_OK);
    check_module(other, tn_state_dict(ctx, net));
    ck_assert_int_eq(files_in_folder(), 1);
}
END_TEST

START_TEST(names_the_file)
{
    tn_load_report report;
    tn_module *net = tn_nn_linear(ctx, 3, 4);
    const char *path = folder_path("x.npz");
    ck_assert_int_eq(tn_save(ctx, tn_nn_linear_nobias(ctx, 3, 5), path), TN_OK);
    ck_assert_int_eq(tn_load(ctx, net, path, (tn_load_opts){.report = &report}), TN_ERR_SHAPE);
    check_error(TN_ERR_SHAPE, "load: %: weight is f32 [5,3] but f32 [4,3] here; missing bias",
                path);
    ck_assert_str_eq(tn_dict_name(report.missing, 0), "bias");
    ck_tn_shape(tn_dict_get(report.mismatched, "weight"), "[5,3]");
    ck_assert_int_eq(tn_load(ctx, net, "no/such/file", (tn_load_opts){.report = &report}),
                     TN_ERR_FILE);
    check_error(TN_ERR_FILE, "load: %: No such file or directory", "no/such/file");
    ck_assert_ptr_null(report.missing);
    ck_assert_int_eq(tn_save(ctx, net, "x.pth"), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "save: x.pth: it ends in neither .npz nor .safetensors");
    ck_assert_int_eq(tn_save(ctx, NULL, path), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "state_dict: the module is NULL");
    ck_assert_int_eq(tn_load(ctx, NULL, path, (tn_load_opts){0}), TN_ERR_ARGUMENT);
    check_error(TN_ERR_ARGUMENT, "load: %: the module is NULL", path);
    ck_assert_int_eq(tn_save_dict(ctx, NULL, path), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "save_dict: the dictionary is NULL");
    ck_assert_int_eq(tn_save_dict(ctx, tn_dict_new(ctx), NULL), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "save_dict: path is NULL");
}
END_TEST

static tn_status load_once(void *payload)
{
    return tn_load(ctx, payload, data_path("torch/nested_zip.pth"),
                   (tn_load_opts){.prefix = "model."});
}

static tn_status save_once(void *payload)
{
    return tn_save(ctx, payload, folder_path("x.safetensors"));
}

START_TEST(survives_without_memory)
{
    tn_module *net = network();
    fail_each_allocation(load_once, net);
    fail_each_allocation(save_once, net);
    ck_assert_int_eq(files_in_folder(), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model");
    TCase *tc = tn_case(suite, "model");
    tcase_add_checked_fixture(tc, make_folder, remove_folder);
    tcase_add_loop_test(tc, loads_models_of_pytorch, 0, 4);
    tcase_add_loop_test(tc, saves_and_loads, 0, 2);
    tcase_add_test(tc, names_the_file);
    tcase_add_test(tc, survives_without_memory);
    return tn_run(suite);
}
