#include <stdio.h>
#include <string.h>
#include "common/check_tn.h"
#include "common/files.h"

START_TEST(sees_the_format)
{
    static const char *const names[] = {"deflated.npz", "none.npz", "types.safetensors",
                                        "torch/mixed_zip.pth", "torch/mixed_legacy.pth"};
    static const int counts[] = {2, 0, 15, 14, 14};
    tn_dict *dict = tn_load_dict(ctx, data_path(names[_i]));
    ck_tn_ok();
    ck_assert_int_eq(tn_dict_count(dict), counts[_i]);
}
END_TEST

START_TEST(refuses_other_formats)
{
    ck_assert_ptr_null(tn_load_dict(ctx, data_path("c.npy")));
    check_error(TN_ERR_FORMAT,
                "load_dict: %: neither .npz nor safetensors nor .pth: it begins with 93 4e 55 4d",
                data_path("c.npy"));
    const char *path = write_temporary("ab", 2);
    ck_assert_ptr_null(tn_load_dict(ctx, path));
    check_error(TN_ERR_FORMAT,
                "load_dict: %: neither .npz nor safetensors nor .pth: it begins with 61 62 00 00",
                path);
    ck_assert_ptr_null(tn_load_dict(ctx, write_temporary("", 0)));
    check_error(TN_ERR_FORMAT,
                "load_dict: %: neither .npz nor safetensors nor .pth: it begins with 00 00 00 00",
                path);
    remove_temporary();
    ck_assert_ptr_null(tn_load_dict(ctx, "no/such/file"));
    check_error(TN_ERR_FILE, "load_dict: %: No such file or directory", "no/such/file");
    ck_assert_ptr_null(tn_load_dict(ctx, NULL));
    ck_tn_error(TN_ERR_ARGUMENT, "load_dict: path is NULL");
    ck_assert_ptr_null(tn_load_dict(NULL, "x"));
}
END_TEST

/* ---- files that begin like others ------------------------------------------------------------ */

/* A file of safetensors whose header has this length, filled with spaces. */
static const char *write_header(uint64_t length)
{
    static const char text[] = "{\"x\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}";
    unsigned char *bytes = malloc(length + 9);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(length >> 8 * i);
    memset(bytes + 8, ' ', length);
    memcpy(bytes + 8, text, sizeof text - 1);
    bytes[8 + length] = 7;
    const char *path = write_temporary(bytes, length + 9);
    free(bytes);
    return path;
}

/* The length is that of "PK", of "PK\3\4", of a pickle's first bytes in each protocol, of gzip's,
 * and of IDX's. */
START_TEST(knows_safetensors_whatever_its_length)
{
    static const uint64_t lengths[] = {0x4b50, 0x14b50, 0x04034b50, 0x0280, 0x0380,
                                       0x0480, 0x0580,  0x8b1f,     0x80000};
    tn_dict *dict = tn_load_dict(ctx, write_header(lengths[_i]));
    ck_tn_ok();
    ck_assert_double_eq(tn_item(ctx, tn_dict_get(dict, "x")), 7);
    remove_temporary();
}
END_TEST

/* A header that fills the file, and one that goes a byte beyond it, of a length like the first
 * bytes of a pickle. */
START_TEST(sees_where_a_header_ends)
{
    unsigned char bytes[8 + 640] = {0x80, 2};
    memset(bytes + 8, ' ', 640);
    bytes[8] = '{', bytes[9] = '}';
    tn_dict *dict = tn_load_dict(ctx, write_temporary(bytes, 8 + 640));
    ck_tn_ok();
    ck_assert_int_eq(tn_dict_count(dict), 0);
    const char *path = write_temporary(bytes, 8 + 639);
    ck_assert_ptr_null(tn_load_dict(ctx, path));
    check_error(TN_ERR_FORMAT, "load_dict: %: pickle: opcode 00 at byte 2 cannot be read", path);
    remove_temporary();
}
END_TEST

START_TEST(reads_what_it_saved_whatever_the_length)
{
    char name[19280] = "";
    const char *path = folder_path("x.safetensors");
    memset(name, 'n', sizeof name - 1 - 56);
    for (int i = 0; i < 3; i++) {
        tn_dict *dict = tn_dict_new(ctx);
        tn_dict_set(dict, name + 8 * i, tn_scalar(ctx, TN_U8, 7));
        ck_assert_int_eq(tn_save_dict(ctx, dict, path), TN_OK);
        dict = tn_load_dict(ctx, path);
        ck_tn_ok();
        ck_assert_str_eq(tn_dict_name(dict, 0), name + 8 * i);
    }
}
END_TEST

/* What begins like a format and goes on otherwise. */
static const struct {
    const char *bytes;
    size_t size;
    const char *error;
} others[] = {
    {"PK\3\4\24\0\0\0{}", 10, "load_dict: %: not a zip archive: it has no end record"},
    {"PK\5\6\0\0\0\0{}", 10, "load_dict: %: not a zip archive: it has no end record"},
    {"PK\1\2\24\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22,
     "load_dict: %: neither .npz nor safetensors nor .pth: it begins with 50 4b 01 02"},
    {"PK\3", 3, "load_dict: %: neither .npz nor safetensors nor .pth: it begins with 50 4b 03 00"},
    {"\200\1.\0\0\0\0\0\0\0", 10,
     "load_dict: %: neither .npz nor safetensors nor .pth: it begins with 80 01 2e 00"},
    {"\200\6.\0\0\0\0\0\0\0", 10,
     "load_dict: %: neither .npz nor safetensors nor .pth: it begins with 80 06 2e 00"},
    {"x\3.\0\0\0\0\0\0\0", 10,
     "load_dict: %: neither .npz nor safetensors nor .pth: it begins with 78 03 2e 00"},
    {"abcdefgh", 8,
     "load_dict: %: neither .npz nor safetensors nor .pth: it begins with 61 62 63 64"},
    {"\200", 1, "load_dict: %: neither .npz nor safetensors nor .pth: it begins with 80 00 00 00"},
    {"\200\0\0\0\0\0\0\0{}", 10,
     "load_dict: %: a header of 128 bytes is promised, but the file holds 2"},
    {"\3\0\0\0\0\0\0\0{}", 10,
     "load_dict: %: a header of 3 bytes is promised, but the file holds 2"},
    {"\2\0\0\0\0\0\0\0[]", 10,
     "load_dict: %: neither .npz nor safetensors nor .pth: it begins with 02 00 00 00"},
};

START_TEST(says_what_it_takes_a_file_for)
{
    const char *path = write_temporary(others[_i].bytes, others[_i].size);
    ck_assert_ptr_null(tn_load_dict(ctx, path));
    check_error(TN_ERR_FORMAT, others[_i].error, path);
    remove_temporary();
}
END_TEST

/* ---- models ---------------------------------------------------------------------------------- */

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
    Suite *suite = suite_create("load");
    TCase *tc = tn_case(suite, "load");
    tcase_add_checked_fixture(tc, make_folder, remove_folder);
    tcase_add_loop_test(tc, sees_the_format, 0, 5);
    tcase_add_test(tc, refuses_other_formats);
    tcase_add_loop_test(tc, knows_safetensors_whatever_its_length, 0, 9);
    tcase_add_test(tc, sees_where_a_header_ends);
    tcase_add_test(tc, reads_what_it_saved_whatever_the_length);
    tcase_add_loop_test(tc, says_what_it_takes_a_file_for, 0,
                        (int)(sizeof others / sizeof *others));
    tcase_add_loop_test(tc, loads_models_of_pytorch, 0, 4);
    tcase_add_loop_test(tc, saves_and_loads, 0, 2);
    tcase_add_test(tc, names_the_file);
    tcase_add_test(tc, survives_without_memory);
    return tn_run(suite);
}
