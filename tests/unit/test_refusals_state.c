/* The functions of <tn/state.h>, given what does not fit. */
#include "rows/refusals.h"
#include "common/files.h"

static void model_rows(void)
{
    tn_load_opts strict = {0};
    REFUSES(tn_load, TN_ERR_ARGUMENT, "load: path is NULL", tn_load(ctx, net, NULL, strict));
    REFUSES(tn_load, TN_ERR_FILE, "load: no/such/file: No such file or directory",
            tn_load(ctx, net, "no/such/file", strict));
    REFUSES(tn_load, TN_ERR_SHAPE, "load: tests/data/none.npz: missing weight, bias",
            tn_load(ctx, net, "tests/data/none.npz", strict));
    WORKS(tn_load, tn_load(ctx, net, data_path("none.npz"), (tn_load_opts){.lenient = true}));
    REFUSES(tn_load_from, TN_ERR_ARGUMENT,
            "load_from: memory: a source of 3 bytes without data or read",
            tn_load_from(ctx, net, TN_MEMORY(NULL, 3), strict));
    REFUSES(tn_load_from, TN_ERR_SHAPE, "load_from: tests/data/none.npz: missing weight, bias",
            tn_load_from(ctx, net, source_of("tests/data/none.npz"), strict));
    WORKS(tn_load_from, tn_load_from(ctx, net, source_of(data_path("none.npz")),
                                     (tn_load_opts){.lenient = true}));
    REFUSES(tn_save, TN_ERR_ARGUMENT, "state_dict: the module is NULL",
            tn_save(ctx, NULL, folder_path("x.npz")));
    REFUSES(tn_save, TN_ERR_ARGUMENT, "save: path is NULL", tn_save(ctx, net, NULL));
    WORKS(tn_save, tn_save(ctx, net, folder_path("x.npz")));
    REFUSES(tn_save_to, TN_ERR_ARGUMENT, "state_dict: the module is NULL",
            tn_save_to(ctx, NULL, (tn_sink){0}));
    REFUSES(tn_save_to, TN_ERR_ARGUMENT, "save_to: memory: a sink without bytes or write",
            tn_save_to(ctx, net, (tn_sink){0}));
    WORKS(tn_save_to, tn_save_to(ctx, net, TN_BYTES(tn_bytes_new(ctx))));
    FILE_ROWS_OF(tn_load_checkpoint, "load_checkpoint", (tn_checkpoint){0});
    REFUSES(tn_load_checkpoint, TN_ERR_FORMAT,
            "load_checkpoint: tests/data/none.npz: no checkpoint, for it has no entry of that name",
            tn_load_checkpoint(ctx, (tn_checkpoint){0}, "tests/data/none.npz"));
    REFUSES(tn_load_checkpoint_from, TN_ERR_ARGUMENT,
            "load_checkpoint_from: memory: a source of -1 bytes",
            tn_load_checkpoint_from(ctx, (tn_checkpoint){0}, TN_MEMORY("", -1)));
    REFUSES(tn_load_checkpoint_from, TN_ERR_FORMAT,
            "load_checkpoint_from: tests/data/none.npz: no checkpoint, for it has no entry of that "
            "name",
            tn_load_checkpoint_from(ctx, (tn_checkpoint){0}, source_of("tests/data/none.npz")));
    WORKS(tn_load_checkpoint_from,
          tn_load_checkpoint_from(ctx, (tn_checkpoint){.module = net},
                                  source_of(folder_path("checkpoint.npz"))));
    WORKS(tn_load_checkpoint,
          tn_load_checkpoint(ctx, (tn_checkpoint){.module = net}, folder_path("checkpoint.npz")));
    REFUSES(tn_save_checkpoint, TN_ERR_ARGUMENT, "save_checkpoint: path is NULL",
            tn_save_checkpoint(ctx, (tn_checkpoint){.module = net}, NULL));
    WORKS(tn_save_checkpoint,
          tn_save_checkpoint(ctx, (tn_checkpoint){.module = net}, folder_path("x.npz")));
    REFUSES(tn_save_checkpoint_to, TN_ERR_ARGUMENT,
            "save_checkpoint_to: memory: a sink without bytes or write",
            tn_save_checkpoint_to(ctx, (tn_checkpoint){.module = net}, (tn_sink){0}));
    WORKS(tn_save_checkpoint_to,
          tn_save_checkpoint_to(ctx, (tn_checkpoint){.module = net}, TN_BYTES(tn_bytes_new(ctx))));
}

/* A checkpoint of Linear(3, 2) is there. */
static void file_rows(void)
{
    tn_ctx *other = tn_ctx_new(NULL);
    tn_checkpoint parts = {.module = tn_nn_linear(other, 3, 2)};
    make_folder();
    ck_assert_int_eq(tn_save_checkpoint(other, parts, folder_path("checkpoint.npz")), TN_OK);
    model_rows();
    remove_folder();
    tn_ctx_free(other);
}

int main(void)
{
    return run_refusals("state.h", file_rows);
}
