#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/check_tn.h"
#include "common/files.h"

/* ---- every way to save ----------------------------------------------------------------------- */

typedef tn_status (*save_fn)(const char *path, const tn_tensor *t);

static tn_dict *dict_of(const tn_tensor *t)
{
    tn_dict *dict = tn_dict_new(ctx);
    if (dict && tn_dict_set(dict, "x", t) == TN_OK)
        return dict;
    tn_dict_free(dict);
    return NULL;
}

static tn_status save_npy(const char *path, const tn_tensor *t)
{
    return tn_save_npy(ctx, path, t);
}

static tn_status save_npz(const char *path, const tn_tensor *t)
{
    tn_dict *dict = dict_of(t);
    if (dict)
        tn_save_npz(dict, path, (tn_npz_opts){0});
    tn_dict_free(dict);
    return tn_error_status(ctx);
}

static tn_status save_compressed(const char *path, const tn_tensor *t)
{
    tn_dict *dict = dict_of(t);
    if (dict)
        tn_save_npz(dict, path, (tn_npz_opts){.compress = true});
    tn_dict_free(dict);
    return tn_error_status(ctx);
}

static tn_status save_safetensors(const char *path, const tn_tensor *t)
{
    tn_dict *dict = dict_of(t);
    if (dict)
        tn_save_safetensors(dict, path, (tn_safetensors_opts){0});
    tn_dict_free(dict);
    return tn_error_status(ctx);
}

static const struct {
    const char *what;
    save_fn save;
    tn_dict *(*load)(tn_ctx *ctx, const char *path); /* NULL: .npy */
} formats[] = {
    {"save_npy", save_npy, NULL},
    {"save_npz", save_npz, tn_load_npz},
    {"save_npz", save_compressed, tn_load_npz},
    {"save_safetensors", save_safetensors, tn_load_safetensors},
};

#define FORMATS ((int)(sizeof formats / sizeof *formats))

/* ---- what was written is what is read -------------------------------------------------------- */

static void check_round_trip(int format, const tn_tensor *t)
{
    const char *path = folder_path("x");
    ck_assert_msg(formats[format].save(path, t) == TN_OK, "%s", tn_error(ctx));
    ck_assert_int_eq(files_in_folder(), 1);
    tn_dict *dict = formats[format].load ? formats[format].load(ctx, path) : NULL;
    tn_tensor *back = dict ? tn_dict_get(dict, "x") : tn_load_npy(ctx, path);
    ck_tn_ok();
    check_same_bits(back, tn_contiguous(ctx, t));
    tn_dict_free(dict);
}

static const struct {
    int ndim;
    int64_t shape[TN_MAX_DIMS];
} shapes[] = {
    {0, {0}},    {1, {1}},       {1, {0}},       {1, {5}},
    {2, {3, 4}}, {2, {0, 3}},    {3, {3, 0, 2}}, {8, {2, 1, 2, 1, 2, 1, 2, 3}},
    {1, {4099}}, {3, {7, 5, 3}},
};

START_TEST(round_trips)
{
    for (int dtype = 0; dtype < TN_DTYPES; dtype++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            tn_tensor *t = tn_empty(ctx, (tn_dtype)dtype, shapes[i].ndim, shapes[i].shape);
            unsigned char *p = tn_data_mut(t);
            size_t size = (size_t)tn_numel(t) * tn_dtype_size((tn_dtype)dtype);
            for (size_t j = 0; j < size; j++)
                p[j] = (unsigned char)(dtype == TN_BOOL ? j % 3 == 0 : j * 37 + j / 256);
            check_round_trip(_i, t);
        }
}
END_TEST

START_TEST(round_trips_any_strides)
{
    tn_tensor *t =
        tn_reshape(ctx, tn_arange(ctx, TN_I32, 0, 3 * 40 * 101, 1), TN_SHAPE(3, 40, 101));
    check_round_trip(_i, tn_transpose(ctx, t, 0, 2));
    check_round_trip(_i, tn_slice(ctx, t, 2, 1, 100, 3));
    check_round_trip(_i, tn_select(ctx, t, 1, 7));
    check_round_trip(_i, tn_expand(ctx, tn_select(ctx, t, 1, 7), TN_SHAPE(4, 3, 101)));
    check_round_trip(_i, tn_expand(ctx, tn_scalar(ctx, TN_F64, 0.5), TN_SHAPE(70000)));
    tn_tensor *wide = tn_reshape(ctx, tn_arange(ctx, TN_F64, 0, 100000, 1), TN_SHAPE(50000, 2));
    check_round_trip(_i, tn_select(ctx, wide, 1, 1));
    check_round_trip(_i, wide);
}
END_TEST

/* Files that NumPy wrote come out as they were. */
START_TEST(writes_the_bytes_of_numpy)
{
    static const char *const names[] = {"c.npy", "scalar.npy", "empty.npy"};
    for (int i = 0; i < 3; i++) {
        size_t size, expected_size;
        const char *path = folder_path("x.npy");
        ck_assert_int_eq(tn_save_npy(ctx, path, tn_load_npy(ctx, data_path(names[i]))), TN_OK);
        unsigned char *bytes = read_bytes(path, &size);
        unsigned char *expected = read_bytes(data_path(names[i]), &expected_size);
        ck_assert_uint_eq(size, expected_size);
        ck_assert_mem_eq(bytes, expected, size);
        free(bytes);
        free(expected);
    }
}
END_TEST

START_TEST(compresses)
{
    struct stat plain, compressed;
    tn_tensor *t = tn_zeros(ctx, TN_F64, TN_SHAPE(300, 300));
    ck_assert_int_eq(save_npz(folder_path("plain"), t), TN_OK);
    ck_assert_int_eq(save_compressed(folder_path("compressed"), t), TN_OK);
    ck_assert_int_eq(stat(folder_path("plain"), &plain), 0);
    ck_assert_int_eq(stat(folder_path("compressed"), &compressed), 0);
    ck_assert_int_gt(plain.st_size, 720000);
    ck_assert_int_lt(compressed.st_size, 3000);
}
END_TEST

/* More entries than 16 bits count, and names that are not ASCII. */
START_TEST(writes_zip64)
{
    tn_dict *dict = tn_dict_new(ctx);
    tn_tensor *t = tn_scalar(ctx, TN_U8, 7);
    for (int i = 0; i < 66000; i++) {
        char name[32];
        snprintf(name, sizeof name, "\303\244%d", i);
        tn_dict_set(dict, name, t);
    }
    ck_assert_int_eq(tn_save_npz(dict, folder_path("many.npz"), (tn_npz_opts){0}), TN_OK);
    tn_dict_free(dict);
    dict = tn_load_npz(ctx, folder_path("many.npz"));
    ck_assert_int_eq(tn_dict_count(dict), 66000);
    ck_assert_str_eq(tn_dict_name(dict, 65999), "\303\24465999");
    ck_assert_double_eq(tn_item(ctx, tn_dict_at(dict, 65999)), 7);
}
END_TEST

START_TEST(refuses_names_that_do_not_fit)
{
    char name[70001];
    memset(name, 'a', sizeof name - 1);
    name[70000] = '\0';
    tn_dict *dict = tn_dict_new(ctx);
    tn_dict_set(dict, name, tn_scalar(ctx, TN_F32, 0));
    const char *path = folder_path("x.npz");
    ck_assert_int_eq(tn_save_npz(dict, path, (tn_npz_opts){0}), TN_ERR_ARGUMENT);
    check_error(TN_ERR_ARGUMENT, "save_npz: %: a name of 70004 bytes does not fit the format",
                path);
    ck_assert_int_eq(files_in_folder(), 0);
}
END_TEST

/* ---- whole or not at all --------------------------------------------------------------------- */

static tn_tensor *large(void)
{
    return tn_randn(ctx, TN_F64, TN_SHAPE(40000));
}

/* The size of .npy for one float. */
#define OLD_SIZE (128 + 4)

static void write_old(const char *path)
{
    ck_assert_int_eq(save_npy(path, tn_scalar(ctx, TN_F32, 5)), TN_OK);
}

static void check_old(const char *path)
{
    tn_tensor *t = tn_load_npy(ctx, path);
    ck_tn_ok();
    ck_assert_double_eq(tn_item(ctx, t), 5);
    tn_free(t);
}

/* A limit of the system on the size of files stands for a disk that is full. */
static void limit_file_size(rlim_t size)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

START_TEST(survives_a_full_disk)
{
    static const rlim_t sizes[] = {0, 100, 65536, 100000, 200000, 310000};
    const char *path = folder_path("x");
    char error[128];
    snprintf(error, sizeof error, "%s: %%: %s", formats[_i].what, strerror(EFBIG));
    signal(SIGXFSZ, SIG_IGN);
    write_old(path);
    tn_tensor *t = large();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && !(_i == 2 && i == 5); i++) {
        limit_file_size(sizes[i]);
        tn_status status = formats[_i].save(path, t);
        limit_file_size(RLIM_INFINITY);
        ck_assert_int_eq(status, TN_ERR_FILE);
        check_error(TN_ERR_FILE, error, path);
        ck_assert_int_eq(files_in_folder(), 1);
        check_old(path);
    }
    check_round_trip(_i, t);
}
END_TEST

typedef struct saving {
    int format;
    const tn_tensor *t;
} saving;

static tn_status save_again(void *payload)
{
    const saving *s = payload;
    tn_status status = formats[s->format].save(folder_path("x"), s->t);
    ck_assert_int_eq(files_in_folder(), 1);
    struct stat file;
    ck_assert_int_eq(stat(folder_path("x"), &file), 0);
    ck_assert(status == TN_OK || file.st_size == OLD_SIZE);
    return status;
}

START_TEST(survives_without_memory)
{
    write_old(folder_path("x"));
    tn_tensor *t = tn_transpose(ctx, tn_rand(ctx, TN_F32, TN_SHAPE(20, 30)), 0, 1);
    fail_each_allocation(save_again, &(saving){_i, t});
}
END_TEST

START_TEST(says_what_the_system_says)
{
    static const struct {
        const char *path;
        int error;
    } paths[] = {{"no/such/folder/x", ENOENT}, {"", EISDIR}, {"file/x", ENOTDIR}};
    write_old(folder_path("file"));
    for (int i = 0; i < 3; i++) {
        char error[128];
        const char *path = folder_path(paths[i].path);
        snprintf(error, sizeof error, "%s: %%: %s", formats[_i].what, strerror(paths[i].error));
        ck_assert_int_eq(formats[_i].save(path, large()), TN_ERR_FILE);
        check_error(TN_ERR_FILE, error, path);
    }
    ck_assert_int_eq(files_in_folder(), 1);
    check_old(folder_path("file"));
}
END_TEST

START_TEST(obeys_permissions)
{
    if (geteuid() == 0) {
        printf("skipped: root may write everywhere\n");
        return;
    }
    const char *path = folder_path("x");
    write_old(path);
    ck_assert_int_eq(chmod(folder_path(""), 0500), 0);
    ck_assert_int_eq(save_npy(path, large()), TN_ERR_FILE);
    check_error(TN_ERR_FILE, "save_npy: %: Permission denied", path);
    ck_assert_int_eq(chmod(folder_path(""), 0700), 0);
    check_old(path);
}
END_TEST

START_TEST(leaves_devices_alone)
{
    ck_assert_int_eq(save_npy("/dev/null", large()), TN_ERR_FILE);
    check_error(TN_ERR_FILE, "save_npy: %: a device, not a regular file", "/dev/null");
}
END_TEST

START_TEST(follows_links_and_keeps_the_mode)
{
    struct stat status;
    write_old(folder_path("file"));
    ck_assert_int_eq(chmod(folder_path("file"), 0604), 0);
    ck_assert_int_eq(symlink("file", folder_path("link")), 0);
    ck_assert_int_eq(save_npy(folder_path("link"), tn_scalar(ctx, TN_F32, 6)), TN_OK);
    ck_assert_int_eq(lstat(folder_path("link"), &status), 0);
    ck_assert(S_ISLNK(status.st_mode));
    ck_assert_int_eq(lstat(folder_path("file"), &status), 0);
    ck_assert(S_ISREG(status.st_mode));
    ck_assert_int_eq(status.st_mode & 07777, 0604);
    ck_assert_double_eq(tn_item(ctx, tn_load_npy(ctx, folder_path("file"))), 6);
    ck_assert_int_eq(files_in_folder(), 2);
}
END_TEST

START_TEST(obeys_the_mask_of_modes)
{
    struct stat status;
    mode_t before = umask(027);
    write_old(folder_path("file"));
    umask(before);
    ck_assert_int_eq(stat(folder_path("file"), &status), 0);
    ck_assert_int_eq(status.st_mode & 07777, 0640);
}
END_TEST

/* A name can be as long as the system allows, and a temporary file can have been left behind. */
START_TEST(finds_a_name_for_the_temporary_file)
{
    char name[256], left[64];
    memset(name, 'n', 255);
    name[255] = '\0';
    snprintf(left, sizeof left, ".tn-%ld-0.tmp", (long)getpid());
    write_old(folder_path(left));
    write_old(folder_path(name));
    check_old(folder_path(name));
    check_old(folder_path(left));
    ck_assert_int_eq(files_in_folder(), 2);
}
END_TEST

START_TEST(writes_into_the_working_folder)
{
    char before[1024];
    ck_assert_ptr_nonnull(getcwd(before, sizeof before));
    ck_assert_int_eq(chdir(folder_path("")), 0);
    write_old("x.npy");
    check_old("x.npy");
    ck_assert_int_eq(chdir(before), 0);
    ck_assert_int_eq(files_in_folder(), 1);
}
END_TEST

START_TEST(reports_misuse)
{
    tn_tensor *t = tn_scalar(ctx, TN_F32, 1);
    tn_dict *dict = tn_dict_new(ctx);
    ck_assert_int_eq(tn_save_npy(ctx, NULL, t), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "save_npy: path is NULL");
    ck_assert_int_eq(tn_save_npy(ctx, folder_path("x"), NULL), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "save_npy: tensor is NULL");
    ck_assert_int_eq(tn_save_npz(dict, NULL, (tn_npz_opts){0}), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "save_npz: path is NULL");
    ck_assert_int_eq(tn_save_npz(NULL, "x", (tn_npz_opts){0}), TN_ERR_ARGUMENT);
    ck_assert_int_eq(tn_save_safetensors(NULL, "x", (tn_safetensors_opts){0}), TN_ERR_ARGUMENT);
    ck_assert_int_eq(tn_save_npy(NULL, "x", t), TN_ERR_ARGUMENT);
    ck_tn_ok();
    tn_fail(ctx, TN_ERR_SHAPE, "wrong");
    ck_assert_int_eq(tn_save_npy(ctx, folder_path("x"), t), TN_ERR_SHAPE);
    ck_assert_int_eq(tn_save_npz(dict, folder_path("x"), (tn_npz_opts){0}), TN_ERR_SHAPE);
    tn_clear_error(ctx);
    ck_assert_int_eq(files_in_folder(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("output");
    TCase *tc = tn_case(suite, "output");
    tcase_add_checked_fixture(tc, make_folder, remove_folder);
    tcase_add_loop_test(tc, round_trips, 0, FORMATS);
    tcase_add_loop_test(tc, round_trips_any_strides, 0, FORMATS);
    tcase_add_test(tc, writes_the_bytes_of_numpy);
    tcase_add_test(tc, compresses);
    tcase_add_test(tc, writes_zip64);
    tcase_add_test(tc, refuses_names_that_do_not_fit);
    tcase_add_loop_test(tc, survives_a_full_disk, 0, FORMATS);
    tcase_add_loop_test(tc, survives_without_memory, 0, FORMATS);
    tcase_add_loop_test(tc, says_what_the_system_says, 0, FORMATS);
    tcase_add_test(tc, obeys_permissions);
    tcase_add_test(tc, leaves_devices_alone);
    tcase_add_test(tc, follows_links_and_keeps_the_mode);
    tcase_add_test(tc, obeys_the_mask_of_modes);
    tcase_add_test(tc, finds_a_name_for_the_temporary_file);
    tcase_add_test(tc, writes_into_the_working_folder);
    tcase_add_test(tc, reports_misuse);
    return tn_run(suite);
}
