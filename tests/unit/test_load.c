/* tn_load: it tells the formats of files apart by their first bytes. */
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
                "load_dict: %: neither .npz nor safetensors nor .pth: it begins with 61 62", path);
    ck_assert_ptr_null(tn_load_dict(ctx, write_temporary("", 0)));
    check_error(TN_ERR_FORMAT, "load_dict: %: neither .npz nor safetensors nor .pth: it is empty",
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
    put_number(bytes, 8, length);
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
    {"PK\3", 3, "load_dict: %: neither .npz nor safetensors nor .pth: it begins with 50 4b 03"},
    {"\200\1.\0\0\0\0\0\0\0", 10,
     "load_dict: %: neither .npz nor safetensors nor .pth: it begins with 80 01 2e 00"},
    {"\200\6.\0\0\0\0\0\0\0", 10,
     "load_dict: %: neither .npz nor safetensors nor .pth: it begins with 80 06 2e 00"},
    {"x\3.\0\0\0\0\0\0\0", 10,
     "load_dict: %: neither .npz nor safetensors nor .pth: it begins with 78 03 2e 00"},
    {"abcdefgh", 8,
     "load_dict: %: neither .npz nor safetensors nor .pth: it begins with 61 62 63 64"},
    {"\200", 1, "load_dict: %: neither .npz nor safetensors nor .pth: it begins with 80"},
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
    return tn_run(suite);
}
