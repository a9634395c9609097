/* Reading files: pipes, devices, folders, signals and failing disks. */
#define _FILE_OFFSET_BITS 64 /* as the library has it, so that these replace what it calls */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>
#include "common/check_tn.h"
#include "common/files.h"
#include "io/file.h"

/* ---- the system ------------------------------------------------------------------------------ */

/* What the system does with the next calls: reads that a signal ends, reads of less than all, a
 * read that fails as those after it do, and what is there being a pipe when it is looked at
 * again. */
static struct {
    int signals;
    int reads, failing; /* so far; the number of the one that fails, from 1 */
    size_t most;
    bool becomes_a_pipe;
} host;

ssize_t pread(int file, void *bytes, size_t size, off_t offset)
{
    if (host.signals > 0) {
        host.signals--;
        errno = EINTR;
        return -1;
    }
    if (++host.reads >= host.failing && host.failing > 0) {
        errno = EIO;
        return -1;
    }
    return syscall(SYS_pread64, file, bytes, host.most && host.most < size ? host.most : size,
                   offset);
}

int fstat(int file, struct stat *status)
{
    int result = fstatat(file, "", status, AT_EMPTY_PATH);
    if (host.becomes_a_pipe)
        status->st_mode = S_IFIFO | 0600;
    return result;
}

static void reset_host(void)
{
    memset(&host, 0, sizeof host);
}

/* ---- a system on which things change --------------------------------------------------------- */

/* Says of everything that it is a regular file, like a path behind which a pipe has come since. */
static bool lies;

int stat(const char *path, struct stat *status)
{
    int result = fstatat(AT_FDCWD, path, status, 0);
    if (lies)
        status->st_mode = S_IFREG | 0600;
    return result;
}

/* ---- every reader ---------------------------------------------------------------------------- */

static void load_idx(const char *path)
{
    ck_assert_ptr_null(tn_load_idx(ctx, path));
}

static void load_npy(const char *path)
{
    ck_assert_ptr_null(tn_load_npy(ctx, path));
}

static void load_npz(const char *path)
{
    ck_assert_ptr_null(tn_load_npz(ctx, path));
}

static void load_mat(const char *path)
{
    ck_assert_ptr_null(tn_load_mat(ctx, path, (tn_mat_opts){0}));
}

static void load_safetensors(const char *path)
{
    ck_assert_ptr_null(tn_load_safetensors(ctx, path));
}

static void load_pth(const char *path)
{
    ck_assert_ptr_null(tn_load_pth(ctx, path));
}

static void load_dict(const char *path)
{
    ck_assert_ptr_null(tn_load_dict(ctx, path));
}

static void load_module(const char *path)
{
    ck_assert_int_eq(tn_load(ctx, tn_nn_relu(ctx), path, (tn_load_opts){0}), TN_ERR_FILE);
}

static void load_checkpoint(const char *path)
{
    ck_assert_int_eq(tn_load_checkpoint(ctx, (tn_checkpoint){0}, path), TN_ERR_FILE);
}

static const struct {
    const char *what;
    void (*load)(const char *path);
} readers[] = {
    {"load_idx", load_idx},
    {"load_npy", load_npy},
    {"load_npz", load_npz},
    {"load_mat", load_mat},
    {"load_safetensors", load_safetensors},
    {"load_pth", load_pth},
    {"load_dict", load_dict},
    {"load", load_module},
    {"load_checkpoint", load_checkpoint},
};

#define READERS ((int)(sizeof readers / sizeof *readers))

static void check_refused(int reader, const char *path, const char *reason)
{
    char error[256];
    snprintf(error, sizeof error, "%s: %%: %s", readers[reader].what, reason);
    readers[reader].load(path);
    check_error(TN_ERR_FILE, error, path);
}

/* ---- what is no file ------------------------------------------------------------------------- */

/* Nobody writes into it: an open that waits for that would wait for ever. */
START_TEST(does_not_wait_for_pipes)
{
    ck_assert_int_eq(mkfifo(folder_path("pipe"), 0600), 0);
    check_refused(_i, folder_path("pipe"), "a pipe, not a regular file");
    ck_assert_int_eq(symlink("pipe", folder_path("link")), 0);
    check_refused(_i, folder_path("link"), "a pipe, not a regular file");
}
END_TEST

START_TEST(does_not_wait_for_what_becomes_a_pipe)
{
    ck_assert_int_eq(mkfifo(folder_path("pipe"), 0600), 0);
    lies = true;
    check_refused(_i, folder_path("pipe"), "a pipe, not a regular file");
    check_refused(_i, "/dev/zero", "a device, not a regular file");
    lies = false;
}
END_TEST

START_TEST(refuses_sockets)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%.100s", folder_path("socket"));
    ck_assert_int_eq(bind(s, (struct sockaddr *)&address, sizeof address), 0);
    check_refused(_i, folder_path("socket"), "a socket, not a regular file");
    close(s);
}
END_TEST

START_TEST(refuses_devices_and_folders)
{
    check_refused(_i, "/dev/zero", "a device, not a regular file");
    check_refused(_i, "/dev/tty", "a device, not a regular file");
    check_refused(_i, folder_path(""), strerror(EISDIR));
    ck_assert_int_eq(symlink("link", folder_path("link")), 0);
    check_refused(_i, folder_path("link"), strerror(ELOOP));
}
END_TEST

/* Standard input is read if it is a file. */
START_TEST(reads_standard_input_that_is_a_file)
{
    int before = dup(0), file = open(data_path("c.npy"), O_RDONLY), ends[2];
    ck_assert_int_eq(dup2(file, 0), 0);
    tn_tensor *t = tn_load_npy(ctx, "/dev/stdin");
    ck_tn_ok();
    ck_assert_ptr_nonnull(t);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(dup2(ends[0], 0), 0);
    ck_assert_ptr_null(tn_load_npy(ctx, "/dev/stdin"));
    check_error(TN_ERR_FILE, "load_npy: %: a pipe, not a regular file", "/dev/stdin");
    ck_assert_int_eq(dup2(before, 0), 0);
    close(before), close(file), close(ends[0]), close(ends[1]);
}
END_TEST

/* Where standard input is closed, a file gets its number, 0. */
START_TEST(reads_and_writes_without_standard_input)
{
    int before = dup(0);
    close(0);
    tn_tensor *t = tn_load_npy(ctx, data_path("c.npy"));
    tn_status saved = tn_save_npy(ctx, t, folder_path("x.npy"));
    tn_tensor *back = tn_load_npy(ctx, folder_path("x.npy"));
    int next = dup(before);
    ck_assert_int_eq(dup2(before, 0), 0);
    close(before);
    ck_tn_ok();
    ck_assert_int_eq(next, 0);
    ck_assert_int_eq(saved, TN_OK);
    check_same_bits(back, t);
}
END_TEST

/* ---- what happens meanwhile ------------------------------------------------------------------ */

START_TEST(goes_on_after_signals)
{
    tn_tensor *expected = tn_load_npy(ctx, data_path("c.npy"));
    host.signals = 3;
    host.most = 7;
    tn_tensor *t = tn_load_npy(ctx, data_path("c.npy"));
    ck_tn_ok();
    ck_assert_int_eq(host.signals, 0);
    check_same_bits(t, expected);
}
END_TEST

static void *idx(const char *path)
{
    return tn_load_idx(ctx, path);
}

static void *npy(const char *path)
{
    return tn_load_npy(ctx, path);
}

static void *mat(const char *path)
{
    return tn_load_mat(ctx, path, (tn_mat_opts){0});
}

static void *dict(const char *path)
{
    return tn_load_dict(ctx, path);
}

static const struct {
    const char *name;
    void *(*load)(const char *path);
} files[] = {
    {"u1.idx", idx},
    {"cube.idx.gz", idx},
    {"members.idx.gz", idx},
    {"c.npy", npy},
    {"fortran_big.npy", npy},
    {"big.mat", mat},
    {"compressed.mat", mat},
    {"types.npz", dict},
    {"deflated.npz", dict},
    {"padded.npz", dict},
    {"types.safetensors", dict},
    {"torch/mixed_zip.pth", dict},
    {"torch/mixed_legacy.pth", dict},
};

#define FILES ((int)(sizeof files / sizeof *files))

/* A disk that fails at any read makes loading fail. */
START_TEST(says_that_a_disk_fails)
{
    ck_assert_ptr_nonnull(files[_i].load(data_path(files[_i].name)));
    int reads = host.reads;
    ck_assert_int_gt(reads, 0);
    for (host.failing = 1; host.failing <= reads; host.failing++) {
        host.reads = 0;
        ck_assert_ptr_null(files[_i].load(data_path(files[_i].name)));
        ck_assert_ptr_nonnull(strstr(tn_error(ctx), ": Input/output error"));
        ck_assert_int_eq(tn_error_status(ctx), TN_ERR_FILE);
        tn_clear_error(ctx);
    }
}
END_TEST

/* It was a file when it was looked at first. The descriptor does not stay open. */
START_TEST(refuses_what_becomes_a_pipe)
{
    int next = dup(0);
    close(next);
    host.becomes_a_pipe = true;
    check_refused(_i, data_path("c.npy"), "a pipe, not a regular file");
    int after = dup(0);
    close(after);
    ck_assert_int_eq(after, next);
}
END_TEST

/* Errors of which the system knows no words. */
START_TEST(names_unknown_errors)
{
    tn__fail_errno(ctx, "test", "path", 99999);
    ck_tn_error(TN_ERR_FILE, "test: path: error 99999");
}
END_TEST

/* Of the name of an array, 60 bytes at most. */
START_TEST(names_the_array)
{
    static const char part[] = "0123456789012345678901234567890123456789012345678901234567890";
    char error[128];
    tn__file file = {.ctx = ctx, .what = "test", .path = "path", .part = part};
    snprintf(error, sizeof error, "test: path: %.60s: byte 7", part);
    ck_assert(!tn__file_fail(&file, "byte %d", 7));
    ck_tn_error(TN_ERR_FORMAT, error);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("file");
    TCase *tc = tn_case(suite, "file");
    tcase_add_checked_fixture(tc, make_folder, remove_folder);
    tcase_add_checked_fixture(tc, reset_host, reset_host);
    tcase_add_loop_test(tc, does_not_wait_for_pipes, 0, READERS);
    tcase_add_loop_test(tc, does_not_wait_for_what_becomes_a_pipe, 0, READERS);
    tcase_add_loop_test(tc, refuses_sockets, 0, READERS);
    tcase_add_loop_test(tc, refuses_devices_and_folders, 0, READERS);
    tcase_add_test(tc, reads_standard_input_that_is_a_file);
    tcase_add_test(tc, reads_and_writes_without_standard_input);
    tcase_add_test(tc, goes_on_after_signals);
    tcase_add_loop_test(tc, says_that_a_disk_fails, 0, FILES);
    tcase_add_loop_test(tc, refuses_what_becomes_a_pipe, 0, READERS);
    tcase_add_test(tc, names_unknown_errors);
    tcase_add_test(tc, names_the_array);
    return tn_run(suite);
}
