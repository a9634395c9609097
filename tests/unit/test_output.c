/* Writing files: each is put in its place whole, with owner, mode and links as they were. */
#define _FILE_OFFSET_BITS 64 /* as the library has it, so that these replace what it calls */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "common/check_tn.h"
#include "common/files.h"
#include "io/npy.h"

/* ---- the system, which can fail -------------------------------------------------------------- */

/* The calls that a save makes of the system come by here: which they were, in order, and one that
 * is to fail with an error. */
static struct {
    char calls[64]; /* w: pwrite, m: fchmod, f: fsync, r: rename */
    char failing;
    int error;
    mode_t mode_while_writing;
    bool keeps_owners; /* fchown fails */
    int same_numbers;  /* that the source of random numbers is to give */
    int replacements;  /* of what is looked at by lstat, each before a look, by another writer */
    bool makes_a_loop; /* of the link that is looked at by lstat */
} host;

static bool passes(char call)
{
    size_t n = strlen(host.calls);
    if (n + 1 < sizeof host.calls && (n == 0 || host.calls[n - 1] != call || call != 'w'))
        host.calls[n] = call;
    errno = host.error;
    return call != host.failing;
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t offset)
{
    struct stat status;
    if (fstat(file, &status) == 0)
        host.mode_while_writing = status.st_mode & 07777;
    return passes('w') ? syscall(SYS_pwrite64, file, bytes, size, offset) : -1;
}

int fchmod(int file, mode_t mode)
{
    return passes('m') ? (int)syscall(SYS_fchmod, file, mode) : -1;
}

int lstat(const char *path, struct stat *status)
{
    if (host.replacements-- > 0) {
        char other[512];
        snprintf(other, sizeof other, "%s.other", path);
        close(creat(other, 0666));
        rename(other, path);
    }
    if (host.makes_a_loop) {
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(symlink(strrchr(path, '/') + 1, path), 0);
    }
    return fstatat(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}

int fchown(int file, uid_t owner, gid_t group)
{
    errno = EPERM;
    return host.keeps_owners ? -1 : (int)syscall(SYS_fchown, file, owner, group);
}

int fsync(int file)
{
    return passes('f') ? (int)syscall(SYS_fsync, file) : -1;
}

int rename(const char *from, const char *to)
{
    return passes('r') ? (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0) : -1;
}

int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *most)
{
    ck_assert(most->tv_sec == 0 && most->tv_nsec == 0);
    return (int)syscall(SYS_rt_sigtimedwait, set, info, most, 8);
}

int getentropy(void *bytes, size_t size)
{
    if (host.same_numbers-- > 0)
        return memset(bytes, 7, size), 0;
    return syscall(SYS_getrandom, bytes, size, 0) == (long)size ? 0 : -1;
}

static void reset_host(void)
{
    memset(&host, 0, sizeof host);
}

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
    return tn_save_npy(ctx, t, path);
}

static tn_status save_npz(const char *path, const tn_tensor *t)
{
    tn_dict *dict = dict_of(t);
    if (dict)
        tn_save_npz(ctx, dict, path, (tn_npz_opts){0});
    tn_dict_free(dict);
    return tn_error_status(ctx);
}

static tn_status save_compressed(const char *path, const tn_tensor *t)
{
    tn_dict *dict = dict_of(t);
    if (dict)
        tn_save_npz(ctx, dict, path, (tn_npz_opts){.compress = true});
    tn_dict_free(dict);
    return tn_error_status(ctx);
}

static tn_status save_safetensors(const char *path, const tn_tensor *t)
{
    tn_dict *dict = dict_of(t);
    if (dict)
        tn_save_safetensors(ctx, dict, path, (tn_safetensors_opts){0});
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
        ck_assert_int_eq(tn_save_npy(ctx, tn_load_npy(ctx, data_path(names[i])), path), TN_OK);
        unsigned char *bytes = read_bytes(path, &size);
        unsigned char *expected = read_bytes(data_path(names[i]), &expected_size);
        ck_assert_uint_eq(size, expected_size);
        ck_assert_mem_eq(bytes, expected, size);
        free(bytes);
        free(expected);
    }
}
END_TEST

/* By which an archive chooses the form of its records. */
START_TEST(knows_the_size_of_a_file_before)
{
    for (int ndim = 0; ndim <= TN_MAX_DIMS; ndim++) {
        struct stat status;
        const char *path = folder_path("x.npy");
        tn_tensor *t = tn_ones(ctx, TN_F32, ndim, (int64_t[TN_MAX_DIMS]){1, 200, 1, 1, 3, 1, 1, 1});
        ck_assert_int_eq(tn_save_npy(ctx, t, path), TN_OK);
        ck_assert_int_eq(stat(path, &status), 0);
        ck_assert_int_eq(tn__npy_size(t), status.st_size);
    }
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

static bool limit_file_size(rlim_t size)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0)
        return false;
    limit.rlim_cur = size;
    return setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

/* A limit of the system on the size of files stands for a disk that is full. Check writes into a
 * file itself with each assertion, and the test's allocator asserts: there is a context without it
 * while the limit is there. */
static void check_limited(int format, const char *path, rlim_t size)
{
    char error[128];
    tn_ctx *before = ctx;
    snprintf(error, sizeof error, "%s: %%: %s", formats[format].what, strerror(EFBIG));
    ctx = tn_ctx_new(NULL);
    tn_tensor *t = large();
    bool limited = limit_file_size(size);
    tn_status status = formats[format].save(path, t);
    bool freed = limit_file_size(RLIM_INFINITY);
    ck_assert(limited && freed);
    ck_assert_int_eq(status, TN_ERR_FILE);
    check_error(TN_ERR_FILE, error, path);
    tn_ctx_free(ctx);
    ctx = before;
}

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
    (void)number;
    signals++;
}

/* Whatever the process does about the signal that such a limit raises: by default, it dies. */
static void (*const handlers[])(int) = {SIG_DFL, SIG_IGN, count_signal};

START_TEST(survives_a_full_disk)
{
    static const rlim_t sizes[] = {0, 100, 65536, 100000, 200000, 310000};
    int format = _i / 3;
    const char *path = folder_path("x");
    signals = 0;
    signal(SIGXFSZ, handlers[_i % 3]);
    write_old(path);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && !(format == 2 && i == 5); i++) {
        check_limited(format, path, sizes[i]);
        ck_assert_int_eq(files_in_folder(), 1);
        check_old(path);
    }
    ck_assert_int_eq(signals, 0);
    ck_assert(signal(SIGXFSZ, SIG_DFL) == handlers[_i % 3]);
    check_round_trip(format, large());
}
END_TEST

START_TEST(tables_on_a_full_disk)
{
    const char *path = folder_path(_i == 0 ? "x.csv" : "x.jsonl");
    char error[600];
    snprintf(error, sizeof error, "history_save: %s: %s", path, strerror(EFBIG));
    tn_ctx *own = tn_ctx_new(NULL);
    tn_history *table = tn_history_new(own, TN_NAMES("step", "loss"));
    for (int i = 1; i <= 20000; i++)
        tn_history_add(table, TN_VALUES(i, 1.0 / i));
    bool limited = limit_file_size(65536);
    tn_status status = tn_history_save(table, path);
    bool freed = limit_file_size(RLIM_INFINITY);
    ck_assert(limited && freed);
    ck_assert_int_eq(status, TN_ERR_FILE);
    ck_assert_str_eq(tn_error(own), error);
    ck_assert_int_eq(files_in_folder(), 0);
    tn_ctx_free(own);
}
END_TEST

/* A signal that waits is left to wait, and the mask is as it was. */
START_TEST(leaves_signals_as_they_were)
{
    sigset_t set, mask, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGXFSZ);
    signals = 0;
    signal(SIGXFSZ, count_signal);
    ck_assert_int_eq(sigprocmask(SIG_BLOCK, &set, NULL), 0);
    raise(SIGXFSZ);
    check_limited(0, folder_path("x"), 0);
    ck_assert_int_eq(sigprocmask(SIG_BLOCK, NULL, &mask), 0);
    ck_assert_int_eq(sigismember(&mask, SIGXFSZ), 1);
    ck_assert_int_eq(sigpending(&pending), 0);
    ck_assert_int_eq(sigismember(&pending, SIGXFSZ), 1);
    ck_assert_int_eq(signals, 0);
    ck_assert_int_eq(sigprocmask(SIG_UNBLOCK, &set, NULL), 0);
    ck_assert_int_eq(signals, 1);
    signal(SIGXFSZ, SIG_DFL);
}
END_TEST

/* Every call of the system that can fail. Whoever may write the file may not keep its owner. */
START_TEST(survives_every_failure_of_the_system)
{
    static const struct {
        char call;
        int error;
    } failures[] = {{'w', ENOSPC}, {'w', EDQUOT}, {'w', EIO},   {'m', EPERM},
                    {'f', EIO},    {'f', ENOSPC}, {'r', EACCES}};
    const char *path = folder_path("x");
    write_old(path);
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        char error[128];
        int next = dup(0);
        close(next);
        snprintf(error, sizeof error, "%s: %%: %s", formats[_i].what, strerror(failures[i].error));
        host.failing = failures[i].call;
        host.error = failures[i].error;
        ck_assert_int_eq(formats[_i].save(path, large()), TN_ERR_FILE);
        reset_host();
        check_error(TN_ERR_FILE, error, path);
        ck_assert_int_eq(files_in_folder(), 1);
        check_old(path);
        int after = dup(0);
        close(after);
        ck_assert_int_eq(after, next);
    }
}
END_TEST

/* Where standard input is closed, a file gets its number, 0, which a failing save gives back. */
START_TEST(closes_a_file_in_the_place_of_standard_input)
{
    int before = dup(0);
    close(0);
    host.failing = 'w';
    host.error = ENOSPC;
    tn_status status = save_npy(folder_path("x"), large());
    reset_host();
    int next = dup(before);
    ck_assert_int_eq(dup2(before, 0), 0);
    close(before);
    ck_assert_int_eq(status, TN_ERR_FILE);
    ck_assert_int_eq(next, 0);
    check_error(TN_ERR_FILE, "save_npy: %: No space left on device", folder_path("x"));
}
END_TEST

/* All is written and on the disk before the file gets its name, and then the name is, too. */
START_TEST(waits_for_the_disk)
{
    write_old(folder_path("x"));
    ck_assert_str_eq(host.calls, "wfrf");
    reset_host();
    write_old(folder_path("x"));
    ck_assert_str_eq(host.calls, "wmfrf");
}
END_TEST

/* Nobody else can read what replaces a file that nobody else could read. */
START_TEST(keeps_secrets_meanwhile)
{
    struct stat status;
    const char *path = folder_path("x");
    write_old(path);
    ck_assert_int_eq(chmod(path, 0604), 0);
    host.mode_while_writing = 0;
    ck_assert_int_eq(save_npy(path, large()), TN_OK);
    ck_assert_int_eq(host.mode_while_writing, 0600);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_eq(status.st_mode & 07777, 0604);
}
END_TEST

/* The system's marks of programs are not for files of numbers. Root gives files back their
 * owner. */
START_TEST(keeps_owner_and_permissions)
{
    static const uid_t owners[] = {1234, 1234, 0, 0};
    static const gid_t groups[] = {5678, 0, 5678, 0};
    struct stat before, after;
    const char *path = folder_path("x");
    write_old(path);
    if (geteuid() == 0)
        ck_assert_int_eq(chown(path, owners[_i], groups[_i]), 0);
    ck_assert_int_eq(chmod(path, 06755), 0);
    ck_assert_int_eq(stat(path, &before), 0);
    ck_assert_int_eq(save_npy(path, large()), TN_OK);
    ck_assert_int_eq(stat(path, &after), 0);
    ck_assert_uint_eq(after.st_uid, before.st_uid);
    ck_assert_uint_eq(after.st_gid, before.st_gid);
    ck_assert_int_eq(after.st_mode & 07777, 0755);
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

/* Where the group cannot be kept, that of the new file may do what everybody may, and no more. Only
 * root can make a file of another group for it. */
START_TEST(does_not_open_files_to_another_group)
{
    static const mode_t modes[][2] = {{0640, 0600}, {0664, 0644}, {0604, 0644},
                                      {0600, 0600}, {0601, 0611}, {0672, 0622}};
    struct stat status;
    bool other = geteuid() == 0;
    const char *path = folder_path("x");
    write_old(path);
    ck_assert(!other || chown(path, 1234, 5678) == 0);
    ck_assert_int_eq(chmod(path, modes[_i][0]), 0);
    host.keeps_owners = true;
    ck_assert_int_eq(save_npy(path, large()), TN_OK);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_eq(status.st_mode & 07777, modes[_i][other]);
}
END_TEST

/* Root may write everywhere, and becomes somebody else for that. */
START_TEST(obeys_permissions)
{
    const char *path = folder_path("x");
    bool is_root = geteuid() == 0;
    write_old(path);
    ck_assert_int_eq(chmod(path, 0644), 0);
    ck_assert_int_eq(chmod(folder_path(""), 0555), 0);
    ck_assert(!is_root || seteuid(65534) == 0);
    tn_status status = save_npy(path, large());
    ck_assert(!is_root || seteuid(0) == 0);
    ck_assert_int_eq(status, TN_ERR_FILE);
    check_error(TN_ERR_FILE, "save_npy: %: Permission denied", path);
    ck_assert_int_eq(chmod(folder_path(""), 0700), 0);
    check_old(path);
    ck_assert_int_eq(files_in_folder(), 1);
}
END_TEST

START_TEST(leaves_devices_alone)
{
    ck_assert_int_eq(save_npy("/dev/null", large()), TN_ERR_FILE);
    check_error(TN_ERR_FILE, "save_npy: %: a device, not a regular file", "/dev/null");
    ck_assert_int_eq(mkfifo(folder_path("pipe"), 0600), 0);
    ck_assert_int_eq(symlink("pipe", folder_path("link")), 0);
    ck_assert_int_eq(save_npy(folder_path("link"), large()), TN_ERR_FILE);
    check_error(TN_ERR_FILE, "save_npy: %: a pipe, not a regular file", folder_path("link"));
    ck_assert_int_eq(files_in_folder(), 2);
}
END_TEST

/* Links to what is not there yet, over another one or not, and to where nothing can be. */
START_TEST(follows_links_to_new_files)
{
    static const struct {
        const char *link, *name;
        int error;
    } links[] = {{"new", "new", 0},
                 {"%/new", "new", 0},
                 {"other", "new", 0},
                 {"no/new", NULL, ENOENT},
                 {"link", NULL, ELOOP}};
    struct stat status;
    char to[1100];
    bool absolute = links[_i].link[0] == '%';
    snprintf(to, sizeof to, "%s%s", absolute ? folder_path("") : "", links[_i].link + absolute);
    const char *path = folder_path("link");
    ck_assert_int_eq(symlink("new", folder_path("other")), 0);
    ck_assert_int_eq(symlink(to, path), 0);
    ck_assert_int_eq(save_npy(path, tn_scalar(ctx, TN_F32, 5)),
                     links[_i].error ? TN_ERR_FILE : TN_OK);
    if (links[_i].error)
        ck_assert_ptr_nonnull(strstr(tn_error(ctx), strerror(links[_i].error)));
    else
        check_old(folder_path(links[_i].name));
    tn_clear_error(ctx);
    ck_assert_int_eq(lstat(path, &status), 0);
    ck_assert(S_ISLNK(status.st_mode));
    ck_assert_int_eq(files_in_folder(), links[_i].error ? 2 : 3);
}
END_TEST

/* Another writer turns the link into one to itself, after the path was found to lead nowhere. */
START_TEST(does_not_follow_links_for_ever)
{
    const char *path = folder_path("link");
    ck_assert_int_eq(symlink("new", path), 0);
    host.makes_a_loop = true;
    ck_assert_int_eq(save_npy(path, tn_scalar(ctx, TN_F32, 5)), TN_ERR_FILE);
    reset_host();
    ck_assert_ptr_nonnull(strstr(tn_error(ctx), strerror(ELOOP)));
    tn_clear_error(ctx);
    ck_assert_int_eq(files_in_folder(), 1);
}
END_TEST

/* What the system shows as a link can lead to a file whose name is gone. */
START_TEST(creates_no_file_for_one_that_is_gone)
{
    char link[64];
    write_old(folder_path("x"));
    int file = open(folder_path("x"), O_RDONLY);
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    if (access(link, R_OK) == 0) {
        ck_assert_int_eq(save_npy(link, tn_scalar(ctx, TN_F32, 5)), TN_OK);
        close(file);
        file = open(folder_path("x"), O_RDONLY);
        ck_assert_int_eq(remove(folder_path("x")), 0);
        snprintf(link, sizeof link, "/proc/self/fd/%d", file);
        ck_assert_int_eq(save_npy(link, large()), TN_ERR_FILE);
        check_error(TN_ERR_FILE, "save_npy: %: No such file or directory", link);
        ck_assert_int_eq(files_in_folder(), 0);
    }
    close(file);
}
END_TEST

/* The file that is looked at is not the one that was there a moment before. */
START_TEST(saves_beside_other_writers)
{
    write_old(folder_path("x"));
    host.replacements = 5;
    ck_assert_int_eq(save_npy(folder_path("x"), tn_scalar(ctx, TN_F32, 6)), TN_OK);
    ck_assert_int_lt(host.replacements, 1);
    ck_assert_double_eq(tn_item(ctx, tn_load_npy(ctx, folder_path("x"))), 6);
    ck_assert_int_eq(files_in_folder(), 1);
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

/* A name can be as long as the system allows, temporary files can have been left behind by
 * processes of the same number, and random numbers can repeat. */
START_TEST(finds_a_name_for_the_temporary_file)
{
    char name[256], left[64];
    memset(name, 'n', 255);
    name[255] = '\0';
    for (int i = 0; i < 100; i++) {
        snprintf(left, sizeof left, ".tn-%ld-%d.tmp", (long)getpid(), i);
        fclose(fopen(folder_path(left), "w"));
    }
    fclose(fopen(folder_path(".tn-0707070707070707.tmp"), "w"));
    host.same_numbers = 3;
    write_old(folder_path(name));
    ck_assert_int_lt(host.same_numbers, 0);
    check_old(folder_path(name));
    ck_assert_int_eq(files_in_folder(), 102);
}
END_TEST

START_TEST(gives_up_where_every_name_is_taken)
{
    fclose(fopen(folder_path(".tn-0707070707070707.tmp"), "w"));
    host.same_numbers = 1000000;
    ck_assert_int_eq(save_npy(folder_path("x"), large()), TN_ERR_FILE);
    check_error(TN_ERR_FILE, "save_npy: %: File exists", folder_path("x"));
    ck_assert_int_eq(files_in_folder(), 1);
}
END_TEST

START_TEST(writes_into_the_working_folder)
{
    char before[1024];
    ck_assert_ptr_nonnull(getcwd(before, sizeof before));
    ck_assert_int_eq(chdir(folder_path("")), 0);
    write_old("x.npy");
    check_old("x.npy");
    ck_assert_int_eq(symlink("new.npy", "link"), 0);
    write_old("link");
    check_old("new.npy");
    ck_assert_int_eq(chdir(before), 0);
    ck_assert_int_eq(files_in_folder(), 3);
}
END_TEST

START_TEST(reports_misuse)
{
    tn_tensor *t = tn_scalar(ctx, TN_F32, 1);
    tn_dict *dict = tn_dict_new(ctx);
    ck_assert_int_eq(tn_save_npy(ctx, t, NULL), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "save_npy: path is NULL");
    ck_assert_int_eq(tn_save_npy(ctx, NULL, folder_path("x")), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "save_npy: tensor is NULL");
    ck_assert_int_eq(tn_save_npz(ctx, dict, NULL, (tn_npz_opts){0}), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "save_npz: path is NULL");
    ck_assert_int_eq(tn_save_npz(ctx, NULL, "x", (tn_npz_opts){0}), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "save_npz: the dictionary is NULL");
    ck_assert_int_eq(tn_save_safetensors(ctx, NULL, "x", (tn_safetensors_opts){0}),
                     TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "save_safetensors: the dictionary is NULL");
    ck_assert_int_eq(tn_save_npz(NULL, dict, "x", (tn_npz_opts){0}), TN_ERR_ARGUMENT);
    ck_assert_int_eq(tn_save_npy(NULL, t, "x"), TN_ERR_ARGUMENT);
    ck_tn_ok();
    tn_fail(ctx, TN_ERR_SHAPE, "wrong");
    ck_assert_int_eq(tn_save_npy(ctx, t, folder_path("x")), TN_ERR_SHAPE);
    ck_assert_int_eq(tn_save_npz(ctx, dict, folder_path("x"), (tn_npz_opts){0}), TN_ERR_SHAPE);
    tn_clear_error(ctx);
    ck_assert_int_eq(files_in_folder(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("output");
    TCase *tc = tn_case(suite, "output");
    tcase_add_checked_fixture(tc, make_folder, remove_folder);
    tcase_add_checked_fixture(tc, reset_host, NULL);
    tcase_add_loop_test(tc, round_trips, 0, FORMATS);
    tcase_add_loop_test(tc, round_trips_any_strides, 0, FORMATS);
    tcase_add_test(tc, writes_the_bytes_of_numpy);
    tcase_add_test(tc, knows_the_size_of_a_file_before);
    tcase_add_loop_test(tc, survives_a_full_disk, 0, 3 * FORMATS);
    tcase_add_loop_test(tc, tables_on_a_full_disk, 0, 2);
    tcase_add_test(tc, leaves_signals_as_they_were);
    tcase_add_loop_test(tc, survives_every_failure_of_the_system, 0, FORMATS);
    tcase_add_test(tc, closes_a_file_in_the_place_of_standard_input);
    tcase_add_test(tc, waits_for_the_disk);
    tcase_add_test(tc, keeps_secrets_meanwhile);
    tcase_add_loop_test(tc, keeps_owner_and_permissions, 0, 4);
    tcase_add_loop_test(tc, does_not_open_files_to_another_group, 0, 6);
    tcase_add_loop_test(tc, survives_without_memory, 0, FORMATS);
    tcase_add_loop_test(tc, says_what_the_system_says, 0, FORMATS);
    tcase_add_test(tc, obeys_permissions);
    tcase_add_test(tc, leaves_devices_alone);
    tcase_add_test(tc, saves_beside_other_writers);
    tcase_add_test(tc, follows_links_and_keeps_the_mode);
    tcase_add_loop_test(tc, follows_links_to_new_files, 0, 5);
    tcase_add_test(tc, does_not_follow_links_for_ever);
    tcase_add_test(tc, creates_no_file_for_one_that_is_gone);
    tcase_add_test(tc, obeys_the_mask_of_modes);
    tcase_add_test(tc, finds_a_name_for_the_temporary_file);
    tcase_add_test(tc, gives_up_where_every_name_is_taken);
    tcase_add_test(tc, writes_into_the_working_folder);
    tcase_add_test(tc, reports_misuse);
    return tn_run(suite);
}
