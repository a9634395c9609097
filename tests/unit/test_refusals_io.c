/* The functions of <tn/io.h>, given what does not fit. */
#include "rows/refusals.h"
#include "common/files.h"

#define FILE_ROWS(function, name, ...)                                                          \
    REFUSES(function, TN_ERR_ARGUMENT, name ": path is NULL", function(ctx, NULL __VA_ARGS__)); \
    REFUSES(function, TN_ERR_FILE, name ": no/such/file: No such file or directory",            \
            function(ctx, "no/such/file" __VA_ARGS__));                                         \
    REFUSES(function, TN_ERR_FILE, name ": tests: Is a directory",                              \
            function(ctx, "tests" __VA_ARGS__))

static int64_t broken(void *payload, int64_t offset, void *out, int64_t size)
{
    (void)payload, (void)offset, (void)out, (void)size;
    return -5;
}

#define SOURCE_ROWS(function, name, byte, ...)                                                    \
    HOLDS(function, function(NULL, source_of(data_path("c.npy")) __VA_ARGS__) == NULL);           \
    REFUSES(function, TN_ERR_ARGUMENT, name ": memory: a source of -1 bytes",                     \
            function(ctx, TN_MEMORY("", -1) __VA_ARGS__));                                        \
    REFUSES(function, TN_ERR_ARGUMENT, name ": memory: a source of 3 bytes without data or read", \
            function(ctx, TN_MEMORY(NULL, 3) __VA_ARGS__));                                       \
    REFUSES(function, TN_ERR_FILE, name ": a function: reading at byte " #byte " failed with -5", \
            function(ctx, (tn_source){.size = 200, .read = broken} __VA_ARGS__))

static void source_rows(void)
{
    SOURCE_ROWS(tn_load_idx_from, "load_idx_from", 0);
    WORKS(tn_load_idx_from, tn_load_idx_from(ctx, source_of(data_path("u1.idx"))));
    SOURCE_ROWS(tn_load_mat_from, "load_mat_from", 124, , (tn_mat_opts){0});
    WORKS(tn_load_mat_from,
          tn_load_mat_from(ctx, source_of(data_path("little.mat")), (tn_mat_opts){0}));
    SOURCE_ROWS(tn_load_npy_from, "load_npy_from", 0);
    WORKS(tn_load_npy_from, tn_load_npy_from(ctx, source_of(data_path("c.npy"))));
    SOURCE_ROWS(tn_load_npz_from, "load_npz_from", 0);
    WORKS(tn_load_npz_from, tn_load_npz_from(ctx, source_of(data_path("stored.npz"))));
    SOURCE_ROWS(tn_load_safetensors_from, "load_safetensors_from", 0);
    WORKS(tn_load_safetensors_from,
          tn_load_safetensors_from(ctx, source_of(data_path("types.safetensors"))));
    SOURCE_ROWS(tn_load_pth_from, "load_pth_from", 0);
    WORKS(tn_load_pth_from, tn_load_pth_from(ctx, source_of(data_path("torch/alone.pth"))));
    SOURCE_ROWS(tn_load_dict_from, "load_dict_from", 0);
    WORKS(tn_load_dict_from, tn_load_dict_from(ctx, source_of(data_path("torch/tiny_legacy.pth"))));
}

static void loading_rows(void)
{
    FILE_ROWS(tn_load_idx, "load_idx");
    WORKS(tn_load_idx, tn_load_idx(ctx, data_path("u1.idx")));
    FILE_ROWS(tn_load_mat, "load_mat", , (tn_mat_opts){0});
    WORKS(tn_load_mat, tn_load_mat(ctx, data_path("little.mat"), (tn_mat_opts){0}));
    FILE_ROWS(tn_load_npy, "load_npy");
    WORKS(tn_load_npy, tn_load_npy(ctx, data_path("c.npy")));
    FILE_ROWS(tn_load_npz, "load_npz");
    WORKS(tn_load_npz, tn_load_npz(ctx, data_path("stored.npz")));
    FILE_ROWS(tn_load_safetensors, "load_safetensors");
    WORKS(tn_load_safetensors, tn_load_safetensors(ctx, data_path("types.safetensors")));
    FILE_ROWS(tn_load_pth, "load_pth");
    WORKS(tn_load_pth, tn_load_pth(ctx, data_path("torch/alone.pth")));
    FILE_ROWS(tn_load_dict, "load_dict");
    WORKS(tn_load_dict, tn_load_dict(ctx, data_path("torch/tiny_legacy.pth")));
}

#define SAVE_ROWS(function, name, ...)                                                   \
    HOLDS(function, function(NULL, dict, "x.npz" __VA_ARGS__) == TN_ERR_ARGUMENT);       \
    REFUSES(function, TN_ERR_ARGUMENT, name ": the dictionary is NULL",                  \
            function(ctx, NULL, "x.npz" __VA_ARGS__));                                   \
    REFUSES(function, TN_ERR_ARGUMENT, name ": path is NULL",                            \
            function(ctx, dict, NULL __VA_ARGS__));                                      \
    REFUSES(function, TN_ERR_FILE, name ": no/such/file.npz: No such file or directory", \
            function(ctx, dict, "no/such/file.npz" __VA_ARGS__));                        \
    WORKS(function, function(ctx, dict, folder_path("x.npz") __VA_ARGS__))

static void saving_rows(void)
{
    FILE_ROWS_OF(tn_save_npy, "save_npy", x);
    REFUSES(tn_save_npy, TN_ERR_ARGUMENT, "save_npy: tensor is NULL",
            tn_save_npy(ctx, NULL, folder_path("x")));
    WORKS(tn_save_npy, tn_save_npy(ctx, x, folder_path("x")));
    SAVE_ROWS(tn_save_npz, "save_npz", , (tn_npz_opts){0});
    SAVE_ROWS(tn_save_safetensors, "save_safetensors", , (tn_safetensors_opts){0});
    SAVE_ROWS(tn_save_dict, "save_dict");
    REFUSES(tn_save_dict, TN_ERR_ARGUMENT,
            "save_dict: x.pth: it ends in neither .npz nor .safetensors",
            tn_save_dict(ctx, dict, "x.pth"));
}

/* Takes what it is given, or fails. */
static int64_t take(void *payload, const void *data, int64_t size)
{
    (void)data;
    return payload ? -5 : size;
}

static const tn_sink taking = {.write = take};

#define SINK_ROWS(function, name, thing, ...)                                             \
    HOLDS(function, function(NULL, thing, taking __VA_ARGS__) == TN_ERR_ARGUMENT);        \
    REFUSES(function, TN_ERR_ARGUMENT, name ": memory: a sink without bytes or write",    \
            function(ctx, thing, (tn_sink){0} __VA_ARGS__));                              \
    REFUSES(function, TN_ERR_FILE, name ": a function: writing at byte 0 failed with -5", \
            function(ctx, thing, (tn_sink){.write = take, .payload = ""} __VA_ARGS__));   \
    REFUSES(function, TN_ERR_ARGUMENT, name ": memory: bytes of another context",         \
            function(ctx, thing, TN_BYTES(others) __VA_ARGS__));                          \
    WORKS(function, function(ctx, thing, TN_BYTES(tn_bytes_new(ctx)) __VA_ARGS__));       \
    WORKS(function, function(ctx, thing, taking __VA_ARGS__))

static void sink_rows(void)
{
    tn_ctx *other = tn_ctx_new(NULL);
    tn_bytes *others = tn_bytes_new(other);
    HOLDS(tn_bytes_new, !tn_bytes_new(NULL));
    WORKS(tn_bytes_new, tn_bytes_new(ctx));
    HOLDS(tn_bytes_data, !tn_bytes_data(NULL) && !tn_bytes_data(others));
    HOLDS(tn_bytes_size, tn_bytes_size(NULL) == 0 && tn_bytes_size(others) == 0);
    HOLDS(tn_bytes_free, (tn_bytes_free(NULL), true));
    SINK_ROWS(tn_save_npy_to, "save_npy_to", x);
    REFUSES(tn_save_npy_to, TN_ERR_ARGUMENT, "save_npy_to: tensor is NULL",
            tn_save_npy_to(ctx, NULL, taking));
    SINK_ROWS(tn_save_npz_to, "save_npz_to", dict, , (tn_npz_opts){0});
    REFUSES(tn_save_npz_to, TN_ERR_ARGUMENT, "save_npz_to: the dictionary is NULL",
            tn_save_npz_to(ctx, NULL, taking, (tn_npz_opts){0}));
    SINK_ROWS(tn_save_safetensors_to, "save_safetensors_to", dict, , (tn_safetensors_opts){0});
    REFUSES(tn_save_safetensors_to, TN_ERR_ARGUMENT, "save_safetensors_to: the dictionary is NULL",
            tn_save_safetensors_to(ctx, NULL, taking, (tn_safetensors_opts){0}));
    SINK_ROWS(tn_save_dict_to, "save_dict_to", dict);
    REFUSES(tn_save_dict_to, TN_ERR_ARGUMENT, "save_dict_to: the dictionary is NULL",
            tn_save_dict_to(ctx, NULL, taking));
    REFUSES(tn_save_dict_to, TN_ERR_ARGUMENT,
            "save_dict_to: x.pth: it ends in neither .npz nor .safetensors",
            tn_save_dict_to(ctx, dict, (tn_sink){.write = take, .name = "x.pth"}));
    tn_ctx_free(other);
}

static void file_rows(void)
{
    make_folder();
    loading_rows();
    source_rows();
    saving_rows();
    sink_rows();
    remove_folder();
}

int main(void)
{
    return run_refusals("io.h", file_rows);
}
