/* Sources: every format from memory and from functions, as from a path. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/check_tn.h"
#include "common/files.h"

/* ---- a function that reads ------------------------------------------------------------------- */

typedef enum fault {
    NONE,
    FAILS,       /* returns -7 */
    ENDS,        /* returns 0 */
    OVERSHOOTS,  /* says that it has read more than was asked for */
    SAYS_ITSELF, /* records an error of its own */
    GIVES_STILL, /* does so, and returns what was asked for all the same */
    FAULTS
} fault;

/* Bytes that come a few at a time. */
typedef struct device {
    const unsigned char *bytes;
    int64_t size, most;
    int64_t reads, failing; /* so far; the number of the one that fails, from 1 */
    fault fault;
} device;

static int64_t fail_read(const device *d, int64_t size)
{
    if (d->fault >= SAYS_ITSELF)
        tn_fail(ctx, TN_ERR_FILE, "the device is gone");
    return d->fault == ENDS          ? 0
           : d->fault == OVERSHOOTS  ? size + 1
           : d->fault == GIVES_STILL ? size
                                     : -7;
}

static int64_t read_device(void *payload, int64_t offset, void *out, int64_t size)
{
    device *d = payload;
    ck_assert(offset >= 0 && size > 0 && size <= d->size - offset);
    if (++d->reads == d->failing) {
        memcpy(out, d->bytes + offset, (size_t)size);
        return fail_read(d, size);
    }
    size = d->most && d->most < size ? d->most : size;
    memcpy(out, d->bytes + offset, (size_t)size);
    return size;
}

static tn_source device_of(device *d)
{
    return (tn_source){.size = d->size, .read = read_device, .payload = d, .name = "a device"};
}

/* ---- the formats ----------------------------------------------------------------------------- */

static tn_dict *dict_of(tn_tensor *t)
{
    ck_assert_int_eq(t != NULL, tn_error_status(ctx) == TN_OK);
    tn_dict *dict = t ? tn_dict_new(ctx) : NULL;
    if (dict)
        tn_dict_set(dict, "", t);
    tn_free(t);
    return dict;
}

typedef struct format {
    const char *name;
    tn_dict *(*load)(const char *path);
    tn_dict *(*load_from)(tn_source source);
} format;

#define FORMAT(id, of, ...)                                      \
    static tn_dict *load_##id(const char *path)                  \
    {                                                            \
        return of(tn_load_##id(ctx, path __VA_ARGS__));          \
    }                                                            \
    static tn_dict *load_##id##_from(tn_source source)           \
    {                                                            \
        return of(tn_load_##id##_from(ctx, source __VA_ARGS__)); \
    }
FORMAT(idx, dict_of)
FORMAT(npy, dict_of)
FORMAT(mat, , , (tn_mat_opts){0})
FORMAT(npz, )
FORMAT(safetensors, )
FORMAT(pth, )
FORMAT(dict, )

#define ROW(id)                          \
    {                                    \
#id, load_##id, load_##id##_from \
    }
static const format formats[] = {ROW(idx),         ROW(npy), ROW(mat), ROW(npz),
                                 ROW(safetensors), ROW(pth), ROW(dict)};
enum { FORMATS = sizeof formats / sizeof *formats };

static void check_same(const tn_dict *a, const tn_dict *b)
{
    ck_assert_int_eq(tn_dict_count(a), tn_dict_count(b));
    for (int64_t i = 0; i < tn_dict_count(a); i++) {
        ck_assert_str_eq(tn_dict_name(a, i), tn_dict_name(b, i));
        check_same_bits(tn_contiguous(ctx, tn_dict_at(a, i)), tn_contiguous(ctx, tn_dict_at(b, i)));
    }
}

/* The same tensors, or the same error but for who says it of what. */
static void check_as_from_path(const format *f, const tn_dict *dict, const char *error,
                               tn_source source, const char *name)
{
    char begin[64];
    tn_dict *other = f->load_from(source);
    ck_assert_int_eq(dict != NULL, other != NULL);
    snprintf(begin, sizeof begin, "load_%s_from: %s: ", f->name, name);
    if (dict) {
        check_same(dict, other);
    } else {
        ck_assert_int_eq(tn_error_status(ctx), TN_ERR_FORMAT);
        ck_assert_int_eq(strncmp(tn_error(ctx), begin, strlen(begin)), 0);
        ck_assert_str_eq(tn_error(ctx) + strlen(begin), error);
    }
    tn_clear_error(ctx);
    tn_dict_free(other);
}

static void check_file(const format *f, const char *path)
{
    size_t size = 0;
    char error[TN_ERROR_SIZE] = "", begin[400];
    unsigned char *bytes = read_bytes(path, &size);
    tn_scope scope = tn_scope_begin(ctx);
    tn_dict *dict = f->load(path);
    snprintf(begin, sizeof begin, "load_%s: %s: ", f->name, path);
    if (!dict)
        snprintf(error, sizeof error, "%s", tn_error(ctx) + strlen(begin));
    tn_clear_error(ctx);
    check_as_from_path(f, dict, error, TN_MEMORY(bytes, size), "memory");
    for (int64_t most = 0; most < 100000; most = 40 * most + 3) {
        device d = {.bytes = bytes, .size = (int64_t)size, .most = most};
        check_as_from_path(f, dict, error, device_of(&d), "a device");
    }
    tn_dict_free(dict);
    tn_scope_end(ctx, scope);
    free(bytes);
}

/* Every file of the folder, text among them; folders have no dot. */
static void each_file(const format *f, const char *folder)
{
    int count = 0;
    DIR *directory = opendir(folder);
    for (struct dirent *e; directory && (e = readdir(directory));) {
        char path[300];
        snprintf(path, sizeof path, "%s/%.200s", folder, e->d_name);
        if (e->d_name[0] == '.' || !strchr(e->d_name, '.'))
            continue;
        check_file(f, path);
        count++;
    }
    closedir(directory);
    ck_assert_int_gt(count, 20);
}

START_TEST(as_from_a_path)
{
    char folder[200];
    int64_t live = tn_memory(ctx).live_bytes;
    snprintf(folder, sizeof folder, "%.*s", (int)strlen(data_path("")) - 1, data_path(""));
    each_file(&formats[_i], folder);
    snprintf(folder, sizeof folder, "%s", data_path("torch"));
    each_file(&formats[_i], folder);
    ck_assert_int_eq(tn_memory(ctx).live_bytes, live);
}
END_TEST

/* ---- faults ---------------------------------------------------------------------------------- */

static const struct {
    const format *format;
    const char *file;
} whole[] = {{&formats[0], "cube.idx.gz"},
             {&formats[1], "fortran.npy"},
             {&formats[2], "compressed.mat"},
             {&formats[3], "deflated.npz"},
             {&formats[4], "types.safetensors"},
             {&formats[5], "torch/nested_zip.pth"},
             {&formats[5], "torch/nested_legacy.pth"},
             {&formats[6], "stored.npz"}};
enum { WHOLE = sizeof whole / sizeof *whole };

static const struct {
    tn_status status;
    const char *text;
} said[FAULTS] = {[FAILS] = {TN_ERR_FILE, " failed with -7"},
                  [ENDS] = {TN_ERR_FORMAT, " gave 0 of "},
                  [OVERSHOOTS] = {TN_ERR_FORMAT, " bytes"},
                  [SAYS_ITSELF] = {TN_ERR_FILE, "the device is gone"},
                  [GIVES_STILL] = {TN_ERR_FILE, "the device is gone"}};

/* Each read that the file takes fails once. */
static void check_fault(const format *f, const unsigned char *bytes, size_t size, int64_t most,
                        fault how)
{
    for (int64_t i = 1;; i++) {
        device d = {
            .bytes = bytes, .size = (int64_t)size, .most = most, .failing = i, .fault = how};
        tn_dict *dict = f->load_from(device_of(&d));
        bool is_whole = d.reads < i;
        ck_assert_int_eq(dict != NULL, is_whole);
        tn_dict_free(dict);
        if (is_whole)
            break;
        ck_assert_int_eq(tn_error_status(ctx), said[how].status);
        ck_assert_msg(strstr(tn_error(ctx), said[how].text), "%s", tn_error(ctx));
        ck_assert(how >= SAYS_ITSELF || strstr(tn_error(ctx), "_from: a device: "));
        tn_clear_error(ctx);
    }
}

/* A call may be a request over a network: small headers and arrays come many at a time. */
START_TEST(small_pieces_come_together)
{
    char name[16];
    tn_dict *dict = tn_dict_new(ctx);
    tn_bytes *bytes = tn_bytes_new(ctx);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "%d", i);
        tn_dict_set(dict, name, tn_scalar(ctx, TN_F32, i));
    }
    tn_save_npz_to(ctx, dict, TN_BYTES(bytes), (tn_npz_opts){0});
    device d = {.bytes = tn_bytes_data(bytes), .size = tn_bytes_size(bytes)};
    tn_dict *loaded = tn_load_npz_from(ctx, device_of(&d));
    ck_tn_ok();
    ck_assert_int_eq(tn_dict_count(loaded), 100);
    ck_assert_int_le(d.reads, d.size / 4096 + 8);
}
END_TEST

/* The numbers of an array are asked for at once, into the tensor. */
START_TEST(large_pieces_come_whole)
{
    enum { NUMEL = 1 << 20 };
    tn_tensor *t = tn_zeros(ctx, TN_F32, 1, (int64_t[]){NUMEL});
    tn_bytes *bytes = tn_bytes_new(ctx);
    tn_save_npy_to(ctx, t, TN_BYTES(bytes));
    device d = {.bytes = tn_bytes_data(bytes), .size = tn_bytes_size(bytes)};
    ck_assert_ptr_nonnull(tn_load_npy_from(ctx, device_of(&d)));
    ck_tn_ok();
    ck_assert_int_le(d.reads, 8);
}
END_TEST

START_TEST(functions_that_fail)
{
    size_t size = 0;
    int64_t live = tn_memory(ctx).live_bytes;
    unsigned char *bytes = read_bytes(data_path(whole[_i].file), &size);
    for (fault how = FAILS; how < FAULTS; how++) {
        tn_scope scope = tn_scope_begin(ctx);
        check_fault(whole[_i].format, bytes, size, 0, how);
        check_fault(whole[_i].format, bytes, size, 13, how);
        tn_scope_end(ctx, scope);
    }
    ck_assert_int_eq(tn_memory(ctx).live_bytes, live);
    free(bytes);
}
END_TEST

/* Cut at every byte: memory of just that size, whose end the tools see. */
START_TEST(memory_that_is_cut)
{
    size_t size = 0;
    unsigned char *bytes = read_bytes(data_path(whole[_i].file), &size);
    for (size_t n = 0; n < size; n++) {
        tn_scope scope = tn_scope_begin(ctx);
        unsigned char *part = malloc(n ? n : 1);
        memcpy(part, bytes, n);
        tn_dict *dict = whole[_i].format->load_from(TN_MEMORY(part, n));
        ck_assert(dict || tn_error_status(ctx) == TN_ERR_FORMAT);
        tn_clear_error(ctx);
        tn_dict_free(dict);
        free(part);
        tn_scope_end(ctx, scope);
    }
    free(bytes);
}
END_TEST

START_TEST(wrong_sources)
{
    ck_assert_ptr_null(tn_load_npz_from(ctx, (tn_source){.size = 8}));
    ck_tn_error(TN_ERR_ARGUMENT, "load_npz_from: memory: a source of 8 bytes without data or read");
    ck_assert_ptr_null(tn_load_npz_from(ctx, (tn_source){.read = read_device, .size = -1}));
    ck_tn_error(TN_ERR_ARGUMENT, "load_npz_from: a function: a source of -1 bytes");
    ck_assert_ptr_null(tn_load_npz_from(ctx, TN_MEMORY(NULL, 0)));
    ck_tn_error(TN_ERR_FORMAT, "load_npz_from: memory: not a zip archive: it has no end record");
    device d = {.bytes = (const unsigned char *)"a", .size = 1, .failing = 1, .fault = OVERSHOOTS};
    ck_assert_ptr_null(tn_load_npz_from(ctx, device_of(&d)));
    ck_tn_error(TN_ERR_FORMAT, "load_npz_from: a device: reading at byte 0 gave 2 of 1 bytes");
    ck_assert_ptr_null(tn_load_npz_from(NULL, device_of(&d)));
}
END_TEST

/* ---- models and checkpoints ------------------------------------------------------------------ */

START_TEST(models)
{
    size_t size = 0;
    tn_module *a = tn_nn_linear(ctx, 3, 2), *b = tn_nn_linear(ctx, 3, 2);
    ck_assert_int_eq(tn_save(ctx, a, folder_path("a.safetensors")), TN_OK);
    unsigned char *bytes = read_bytes(folder_path("a.safetensors"), &size);
    ck_assert_int_eq(tn_load_from(ctx, b, TN_MEMORY(bytes, size), (tn_load_opts){0}), TN_OK);
    check_same_bits(tn_parameter(a, 0, NULL, 0), tn_parameter(b, 0, NULL, 0));
    check_same_bits(tn_parameter(a, 1, NULL, 0), tn_parameter(b, 1, NULL, 0));
    tn_source named = {.data = bytes, .size = (int64_t)size, .name = "weights of the game"};
    ck_assert_int_eq(tn_load_from(ctx, tn_nn_linear_nobias(ctx, 3, 2), named, (tn_load_opts){0}),
                     TN_ERR_SHAPE);
    ck_tn_error(TN_ERR_SHAPE, "load_from: weights of the game: unexpected bias");
    free(bytes);
}
END_TEST

START_TEST(checkpoints)
{
    size_t size = 0;
    tn_module *net = tn_nn_linear(ctx, 3, 2);
    tn_checkpoint parts = {.module = net, .optim = tn_sgd(ctx, net, (tn_sgd_opts){.lr = 0.5})};
    ck_assert_int_eq(tn_save_checkpoint(ctx, parts, folder_path("a.npz")), TN_OK);
    unsigned char *bytes = read_bytes(folder_path("a.npz"), &size);
    tn_set_lr(parts.optim, 0.25);
    double drawn = tn_item(ctx, tn_rand(ctx, TN_F64, TN_SCALAR));
    device d = {.bytes = bytes, .size = (int64_t)size, .most = 100};
    ck_assert_int_eq(tn_load_checkpoint_from(ctx, parts, device_of(&d)), TN_OK);
    ck_assert_double_eq(tn_lr(parts.optim), 0.5);
    ck_assert_double_eq(tn_item(ctx, tn_rand(ctx, TN_F64, TN_SCALAR)), drawn);
    parts.module = tn_nn_linear(ctx, 3, 3);
    ck_assert_int_eq(tn_load_checkpoint_from(ctx, parts, device_of(&d)), TN_ERR_SHAPE);
    ck_tn_error(TN_ERR_SHAPE, "load_checkpoint_from: a device: model: weight is f32 [2,3] but f32 "
                              "[3,3] here, bias is f32 [2] but f32 [3] here");
    free(bytes);
}
END_TEST

/* Behind the bytes there are zeros, as many as are asked for. */
static int64_t read_endless(void *payload, int64_t offset, void *out, int64_t size)
{
    const device *d = payload;
    int64_t left = offset < d->size ? d->size - offset : 0;
    memset(out, 0, (size_t)size);
    memcpy(out, d->bytes + (left ? offset : 0), (size_t)(left < size ? left : size));
    return size;
}

/* The bounds that follow from the size of a file do not overflow where a source says more than any
 * file has. */
START_TEST(sizes_beyond_all_files)
{
    static const int64_t sizes[] = {(int64_t)1 << 40, (int64_t)1 << 57, (int64_t)1 << 58,
                                    (int64_t)1 << 60, INT64_MAX};
    size_t size;
    unsigned char *bytes = read_bytes("tests/data/torch/mixed_legacy.pth", &size);
    device d = {.bytes = bytes, .size = (int64_t)size};
    tn_source source = {.size = sizes[_i], .read = read_endless, .payload = &d};
    tn_dict *dict = tn_load_pth_from(ctx, source);
    ck_tn_ok();
    ck_assert_int_eq(tn_dict_count(dict),
                     tn_dict_count(tn_load_pth(ctx, "tests/data/torch/mixed_legacy.pth")));
    free(bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source");
    TCase *tc = tn_case(suite, "source");
    tcase_add_loop_test(tc, as_from_a_path, 0, FORMATS);
    tcase_add_test(tc, small_pieces_come_together);
    tcase_add_test(tc, large_pieces_come_whole);
    tcase_add_loop_test(tc, functions_that_fail, 0, WHOLE);
    tcase_add_loop_test(tc, memory_that_is_cut, 0, WHOLE);
    tcase_add_test(tc, wrong_sources);
    tcase_add_loop_test(tc, sizes_beyond_all_files, 0, 5);
    tc = tn_case(suite, "models");
    tcase_add_checked_fixture(tc, make_folder, remove_folder);
    tcase_add_test(tc, models);
    tcase_add_test(tc, checkpoints);
    return tn_run(suite);
}
