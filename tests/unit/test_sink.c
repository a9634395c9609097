/* Sinks: every format to memory and to functions, as to a path. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/check_tn.h"
#include "common/files.h"

/* ---- a function that writes ------------------------------------------------------------------ */

typedef enum fault {
    NONE,
    FAILS,       /* returns -7 */
    STOPS,       /* returns 0 */
    OVERSHOOTS,  /* says that it has taken more than was given */
    SAYS_ITSELF, /* records an error of its own */
    FAULTS
} fault;

/* Takes bytes a few at a time. */
typedef struct device {
    unsigned char bytes[1 << 20];
    int64_t size, most;
    int64_t writes, failing; /* so far; the number of the one that fails, from 1 */
    fault fault;
} device;

static device d;

static int64_t fail_write(int64_t size)
{
    if (d.fault == SAYS_ITSELF)
        tn_fail(ctx, TN_ERR_FILE, "the device is gone");
    return d.fault == STOPS ? 0 : d.fault == OVERSHOOTS ? size + 1 : -7;
}

static int64_t write_device(void *payload, const void *data, int64_t size)
{
    ck_assert(payload == &d && size > 0 && d.size + size <= (int64_t)sizeof d.bytes);
    ck_assert(d.failing == 0 || d.writes < d.failing);
    if (++d.writes == d.failing)
        return fail_write(size);
    size = d.most && d.most < size ? d.most : size;
    memcpy(d.bytes + d.size, data, (size_t)size);
    d.size += size;
    return size;
}

static tn_sink device_of(int64_t most, int64_t failing, fault how, const char *name)
{
    d.size = d.writes = 0;
    d.most = most;
    d.failing = failing;
    d.fault = how;
    return (tn_sink){.write = write_device, .payload = &d, .name = name};
}

/* ---- the formats ----------------------------------------------------------------------------- */

/* What is saved: a few numbers, or more than the buffer of a writer holds. */
static tn_tensor *t;
static tn_dict *dict;
static tn_module *net;
static tn_history *history;

static void make_things(bool large)
{
    int64_t n = large ? 2800 : 2;
    t = tn_transpose(ctx, tn_rand(ctx, TN_F64, TN_SHAPE(n, 3)), 0, 1);
    dict = tn_dict_new(ctx);
    net = tn_nn_linear(ctx, n, 3);
    history = tn_history_new(ctx, TN_NAMES("a", "b"));
    tn_dict_set(dict, "x", t);
    tn_dict_set(dict, "none", tn_zeros(ctx, TN_F32, TN_SHAPE(0, 2)));
    tn_dict_set(dict, "bytes", tn_ones(ctx, TN_U8, TN_SHAPE(n)));
    tn_dict_set(dict, "y", tn_rand(ctx, TN_F64, TN_SHAPE(n)));
    for (int64_t i = 0; i < n; i++)
        tn_history_add(history, TN_VALUES((double)i, 1.0 / (double)(i + 3)));
    ck_tn_ok();
}

static void free_things(void)
{
    tn_dict_free(dict);
    tn_module_free(net);
    tn_history_free(history);
}

static const char *const words[] = {"key", "value", NULL};
#define COMPRESSED ((tn_npz_opts){.compress = true})
#define STORED ((tn_npz_opts){0})
#define WORDS ((tn_safetensors_opts){.metadata = words})
#define PARTS ((tn_checkpoint){.module = net, .extra = dict})

/* To the path, or to the sink where it is NULL. */
#define SAVE(function, thing, ...) \
    (path ? function(ctx, thing, path __VA_ARGS__) : function##_to(ctx, thing, sink __VA_ARGS__))

static tn_status npy(const char *path, tn_sink sink)
{
    return SAVE(tn_save_npy, t);
}

static tn_status npz(const char *path, tn_sink sink)
{
    return SAVE(tn_save_npz, dict, , STORED);
}

static tn_status compressed(const char *path, tn_sink sink)
{
    return SAVE(tn_save_npz, dict, , COMPRESSED);
}

static tn_status safetensors(const char *path, tn_sink sink)
{
    return SAVE(tn_save_safetensors, dict, , WORDS);
}

static tn_status any(const char *path, tn_sink sink)
{
    return SAVE(tn_save_dict, dict);
}

static tn_status model(const char *path, tn_sink sink)
{
    return SAVE(tn_save, net);
}

static tn_status checkpoint(const char *path, tn_sink sink)
{
    return SAVE(tn_save_checkpoint, PARTS);
}

static tn_status table(const char *path, tn_sink sink)
{
    return path ? tn_history_save(history, path) : tn_history_save_to(history, sink);
}

static const struct {
    const char *what;
    tn_status (*save)(const char *path, tn_sink sink);
    const char *name; /* whose ending tells the format, */
    bool is_default;  /* which is that of a sink without a name */
} formats[] = {
    {"save_npy_to", npy, "a.npy", true},
    {"save_npz_to", npz, "a.npz", true},
    {"save_npz_to", compressed, "a.npz", true},
    {"save_safetensors_to", safetensors, "a.safetensors", true},
    {"save_dict_to", any, "a.npz", false},
    {"save_dict_to", any, "a.safetensors", true},
    {"save_to", model, "a.npz", false},
    {"save_to", model, "a.safetensors", true},
    {"save_checkpoint_to", checkpoint, "a.npz", false},
    {"save_checkpoint_to", checkpoint, "a.safetensors", true},
    {"history_save_to", table, "a.csv", true},
    {"history_save_to", table, "a.jsonl", false},
};
enum { SAFETENSORS = 3, FORMATS = sizeof formats / sizeof *formats };

static tn_status save_to(int format, tn_sink sink)
{
    return formats[format].save(NULL, sink);
}

/* ---- the same bytes -------------------------------------------------------------------------- */

static void check_bytes(const void *bytes, int64_t size, const unsigned char *expected,
                        size_t expected_size)
{
    ck_assert_int_eq(size, (int64_t)expected_size);
    ck_assert_mem_eq(bytes, expected, expected_size);
}

static void check_memory(int format, const char *name, const unsigned char *expected, size_t size)
{
    tn_bytes *bytes = tn_bytes_new(ctx);
    ck_assert_int_eq(save_to(format, (tn_sink){.bytes = bytes, .name = name}), TN_OK);
    check_bytes(tn_bytes_data(bytes), tn_bytes_size(bytes), expected, size);
    tn_bytes_free(bytes);
}

static void check_function(int format, const char *name, int64_t most,
                           const unsigned char *expected, size_t size)
{
    ck_assert_int_eq(save_to(format, device_of(most, 0, NONE, name)), TN_OK);
    check_bytes(d.bytes, d.size, expected, size);
}

static void check_format(int format)
{
    size_t size = 0;
    const char *path = folder_path(formats[format].name), *name = formats[format].name;
    ck_assert_int_eq(formats[format].save(path, (tn_sink){0}), TN_OK);
    unsigned char *expected = read_bytes(path, &size);
    int64_t live = tn_memory(ctx).live_bytes;
    check_memory(format, name, expected, size);
    check_function(format, name, 0, expected, size);
    check_function(format, name, 1, expected, size);
    check_function(format, name, 1000, expected, size);
    if (formats[format].is_default) {
        check_memory(format, NULL, expected, size);
        check_function(format, NULL, 0, expected, size);
    }
    ck_assert_int_eq(tn_memory(ctx).live_bytes, live);
    free(expected);
}

START_TEST(as_to_a_path)
{
    make_things(false);
    check_format(_i);
    free_things();
    make_things(true);
    check_format(_i);
    free_things();
}
END_TEST

/* The second finds the buffer empty. */
START_TEST(large_arrays_in_a_row)
{
    size_t size = 0;
    const char *path = folder_path("a.safetensors");
    dict = tn_dict_new(ctx);
    tn_dict_set(dict, "x", tn_rand(ctx, TN_F64, TN_SHAPE(9000)));
    tn_dict_set(dict, "y", tn_rand(ctx, TN_F64, TN_SHAPE(9000)));
    ck_assert_int_eq(safetensors(path, (tn_sink){0}), TN_OK);
    unsigned char *expected = read_bytes(path, &size);
    check_memory(SAFETENSORS, NULL, expected, size);
    check_function(SAFETENSORS, NULL, 0, expected, size);
    free(expected);
    tn_dict_free(dict);
}
END_TEST

/* ---- faults ---------------------------------------------------------------------------------- */

static void check_fault_said(int format, fault how)
{
    char text[200];
    if (how == SAYS_ITSELF)
        snprintf(text, sizeof text, "the device is gone");
    else if (how == FAILS)
        snprintf(text, sizeof text, "%s: %s: writing at byte %lld failed with -7",
                 formats[format].what, formats[format].name, (long long)d.size);
    else
        snprintf(text, sizeof text, "%s: %s: writing at byte %lld took ", formats[format].what,
                 formats[format].name, (long long)d.size);
    ck_assert_int_eq(tn_error_status(ctx), TN_ERR_FILE);
    ck_assert_msg(strncmp(tn_error(ctx), text, strlen(text)) == 0, "%s, not %s", tn_error(ctx),
                  text);
    ck_assert_int_eq(d.writes, d.failing);
    tn_clear_error(ctx);
}

/* Each call that the file takes fails once, and none comes after it. */
static void check_fault(int format, int64_t most, fault how)
{
    int64_t live = tn_memory(ctx).live_bytes;
    for (int64_t i = 1;; i++) {
        tn_sink sink = device_of(most, i, how, formats[format].name);
        bool saved = save_to(format, sink) == TN_OK;
        ck_assert_int_eq(tn_memory(ctx).live_bytes, live);
        if (saved)
            break;
        check_fault_said(format, how);
    }
    ck_assert_int_eq(d.writes, d.failing - 1);
    ck_assert_int_gt(d.writes, 1);
}

START_TEST(functions_that_fail)
{
    for (fault how = FAILS; how < FAULTS; how++) {
        make_things(false);
        check_fault(_i, 29, how);
        free_things();
        make_things(true);
        check_fault(_i, 20000, how);
        free_things();
    }
}
END_TEST

/* What was written before stays while memory is short, and nothing is kept of what was begun. */
START_TEST(memory_without_memory)
{
    make_things(true);
    tn_bytes *bytes = tn_bytes_new(ctx);
    tn_sink sink = {.bytes = bytes, .name = formats[_i].name};
    ck_assert_int_eq(tn_save_npy_to(ctx, tn_ones(ctx, TN_U8, TN_SCALAR), TN_BYTES(bytes)), TN_OK);
    int64_t size = tn_bytes_size(bytes), live = tn_memory(ctx).live_bytes, failures = 0;
    const void *before = tn_bytes_data(bytes);
    for (int64_t i = 1;; i++, failures++) {
        tn_empty_cache(ctx);
        memory.calls = 0;
        memory.fail_at = i;
        memory.for_good = true;
        bool done = save_to(_i, sink) == TN_OK;
        memory.fail_at = 0;
        if (done)
            break;
        ck_assert_int_eq(tn_error_status(ctx), TN_ERR_MEMORY);
        tn_clear_error(ctx);
        ck_assert_ptr_eq(tn_bytes_data(bytes), before);
        ck_assert_int_eq(tn_bytes_size(bytes), size);
        ck_assert_int_eq(tn_memory(ctx).live_bytes, live);
    }
    ck_assert_int_gt(failures, 1);
    ck_assert_int_gt(tn_bytes_size(bytes), size);
    free_things();
}
END_TEST

START_TEST(bytes_stay_as_they_were)
{
    make_things(false);
    tn_bytes *bytes = tn_bytes_new(ctx);
    ck_assert_ptr_null(tn_bytes_data(bytes));
    ck_assert_int_eq(tn_bytes_size(bytes), 0);
    ck_assert_int_eq(tn_save_npz_to(ctx, dict, TN_BYTES(bytes), STORED), TN_OK);
    const void *before = tn_bytes_data(bytes);
    int64_t size = tn_bytes_size(bytes);
    tn_dict_set(dict, "\xff", t);
    ck_assert_int_eq(tn_save_npz_to(ctx, dict, TN_BYTES(bytes), STORED), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "save_npz_to: memory: a name that is not UTF-8");
    ck_assert_ptr_eq(tn_bytes_data(bytes), before);
    ck_assert_int_eq(tn_bytes_size(bytes), size);
    tn_dict *back = tn_load_dict_from(ctx, TN_MEMORY(before, size));
    ck_assert_int_eq(tn_dict_count(back), 4);
    check_same_bits(tn_dict_get(back, "x"), tn_contiguous(ctx, t));
    tn_dict_free(back);
    ck_assert_int_eq(tn_save_npy_to(ctx, t, TN_BYTES(bytes)), TN_OK);
    check_same_bits(tn_load_npy_from(ctx, TN_MEMORY(tn_bytes_data(bytes), tn_bytes_size(bytes))),
                    tn_contiguous(ctx, t));
    free_things();
}
END_TEST

/* ---- misuse ---------------------------------------------------------------------------------- */

static int64_t refuse(void *payload, const void *data, int64_t size)
{
    (void)payload, (void)data, (void)size;
    return 0;
}

START_TEST(wrong_sinks)
{
    make_things(false);
    tn_ctx *other = tn_ctx_new(NULL);
    tn_save_npy_to(ctx, t, (tn_sink){0});
    ck_tn_error(TN_ERR_ARGUMENT, "save_npy_to: memory: a sink without bytes or write");
    tn_save_npy_to(ctx, t, TN_BYTES(tn_bytes_new(other)));
    ck_tn_error(TN_ERR_ARGUMENT, "save_npy_to: memory: bytes of another context");
    tn_save_npy_to(ctx, tn_ones(ctx, TN_U8, TN_SHAPE(2)), (tn_sink){.write = refuse});
    ck_tn_error(TN_ERR_FILE, "save_npy_to: a function: writing at byte 0 took 0 of 130 bytes");
    tn_save_dict_to(ctx, dict, (tn_sink){.write = refuse, .name = "a.pth"});
    ck_tn_error(TN_ERR_ARGUMENT, "save_dict_to: a.pth: it ends in neither .npz nor .safetensors");
    tn_history_save_to(history, (tn_sink){.write = refuse, .name = ".csv"});
    ck_tn_error(TN_ERR_ARGUMENT, "history_save_to: .csv ends in neither .csv nor .jsonl");
    ck_assert_int_eq(tn_save_npy_to(NULL, t, (tn_sink){.write = refuse}), TN_ERR_ARGUMENT);
    ck_assert_ptr_null(tn_bytes_new(NULL));
    tn_bytes_free(NULL);
    tn_ctx_free(other);
    free_things();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sink");
    TCase *tc = tn_case(suite, "sink");
    tcase_add_checked_fixture(tc, make_folder, remove_folder);
    tcase_add_loop_test(tc, as_to_a_path, 0, FORMATS);
    tcase_add_test(tc, large_arrays_in_a_row);
    tcase_add_loop_test(tc, functions_that_fail, 0, FORMATS);
    tcase_add_loop_test(tc, memory_without_memory, 0, FORMATS);
    tcase_add_test(tc, bytes_stay_as_they_were);
    tcase_add_test(tc, wrong_sinks);
    return tn_run(suite);
}
