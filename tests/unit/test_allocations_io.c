/* The functions of <tn/io.h> while memory runs out. */
#include "rows/allocations.h"
#include "common/files.h"

static void loading_rows(void)
{
    CALLS(tn_load_idx, "", tn_load_idx(ctx, data_path("u1.idx")));
    CALLS(tn_load_idx, "", tn_load_idx(ctx, data_path("cube.idx.gz")));
    CALLS(tn_load_mat, "", tn_load_mat(ctx, data_path("little.mat"), (tn_mat_opts){0}));
    CALLS(tn_load_mat, "", tn_load_mat(ctx, data_path("compressed.mat"), (tn_mat_opts){0}));
    CALLS(tn_load_npy, "", tn_load_npy(ctx, data_path("fortran.npy")));
    CALLS(tn_load_npz, "", tn_load_npz(ctx, data_path("stored.npz")));
    CALLS(tn_load_npz, "", tn_load_npz(ctx, data_path("deflated.npz")));
    CALLS(tn_load_safetensors, "", tn_load_safetensors(ctx, data_path("types.safetensors")));
    CALLS(tn_load_pth, "", tn_load_pth(ctx, data_path("torch/nested_zip.pth")));
    CALLS(tn_load_pth, "", tn_load_pth(ctx, data_path("torch/nested_legacy.pth")));
    CALLS(tn_load_dict, "", tn_load_dict(ctx, data_path("torch/tiny.pth")));
    CALLS(tn_load_dict, "", tn_load_dict(ctx, data_path("types.safetensors")));
}

static void source_rows(void)
{
    CALLS(tn_load_idx_from, "", tn_load_idx_from(ctx, source_of(data_path("cube.idx.gz"))));
    CALLS(tn_load_mat_from, "",
          tn_load_mat_from(ctx, source_of(data_path("compressed.mat")), (tn_mat_opts){0}));
    CALLS(tn_load_npy_from, "", tn_load_npy_from(ctx, source_of(data_path("fortran.npy"))));
    CALLS(tn_load_npz_from, "", tn_load_npz_from(ctx, source_of(data_path("deflated.npz"))));
    CALLS(tn_load_safetensors_from, "",
          tn_load_safetensors_from(ctx, source_of(data_path("types.safetensors"))));
    CALLS(tn_load_pth_from, "",
          tn_load_pth_from(ctx, source_of(data_path("torch/nested_legacy.pth"))));
    CALLS(tn_load_dict_from, "", tn_load_dict_from(ctx, source_of(data_path("torch/tiny.pth"))));
}

static void saving_rows(void)
{
    CALLS(tn_save_npy, "", tn_save_npy(ctx, tn_transpose(ctx, x, 0, 1), folder_path("x.npy")));
    CALLS(tn_save_npz, "", tn_save_npz(ctx, dict, folder_path("x.npz"), (tn_npz_opts){0}));
    CALLS(tn_save_npz, "",
          tn_save_npz(ctx, dict, folder_path("x.npz"), (tn_npz_opts){.compress = true}));
    CALLS(tn_save_safetensors, "",
          tn_save_safetensors(ctx, dict, folder_path("x.safetensors"), (tn_safetensors_opts){0}));
    CALLS(tn_save_dict, "", tn_save_dict(ctx, dict, folder_path("x.npz")));
}

static int64_t take(void *payload, const void *data, int64_t size)
{
    (void)payload, (void)data;
    return size;
}

static void sink_rows(void)
{
    tn_ctx *other = tn_ctx_new(NULL);
    const tn_bytes *none = tn_bytes_new(other);
    tn_sink taking = {.write = take};
    CALLS(tn_bytes_new, "", tn_bytes_new(ctx) ? 0 : -1);
    ASKS(tn_bytes_data, "", tn_bytes_data(none) ? -1 : 0);
    ASKS(tn_bytes_size, "", tn_bytes_size(none));
    ASKS(tn_bytes_free, "", (tn_bytes_free(NULL), 0));
    CALLS(tn_save_npy_to, "", TO_MEMORY(tn_save_npy_to(ctx, x, TN_BYTES(filled))));
    CALLS(tn_save_npy_to, "", tn_save_npy_to(ctx, tn_transpose(ctx, x, 0, 1), taking));
    CALLS(tn_save_npz_to, "",
          TO_MEMORY(tn_save_npz_to(ctx, dict, TN_BYTES(filled), (tn_npz_opts){.compress = true})));
    CALLS(tn_save_npz_to, "", tn_save_npz_to(ctx, dict, taking, (tn_npz_opts){.compress = true}));
    CALLS(tn_save_npz_to, "", tn_save_npz_to(ctx, dict, taking, (tn_npz_opts){0}));
    CALLS(tn_save_safetensors_to, "",
          TO_MEMORY(tn_save_safetensors_to(ctx, dict, TN_BYTES(filled), (tn_safetensors_opts){0})));
    CALLS(tn_save_safetensors_to, "",
          tn_save_safetensors_to(ctx, dict, taking, (tn_safetensors_opts){0}));
    CALLS(tn_save_dict_to, "", TO_MEMORY(tn_save_dict_to(ctx, dict, TN_BYTES(filled))));
    CALLS(tn_save_dict_to, "", tn_save_dict_to(ctx, dict, taking));
    tn_ctx_free(other);
}

/* One of the files that are written is there already. */
static void file_rows(void)
{
    make_folder();
    make_world("");
    tn_save_npy(ctx, p, folder_path("x.npy"));
    ck_tn_ok();
    end_world();
    loading_rows();
    source_rows();
    writing = true;
    saving_rows();
    sink_rows();
    remove_folder();
}

int main(void)
{
    return run_allocations("io.h", file_rows);
}
