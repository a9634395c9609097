/* The functions of <tn/state.h> while memory runs out. */
#include "rows/allocations.h"
#include "common/files.h"

static tn_checkpoint everything(void)
{
    return (tn_checkpoint){.module = net,
                           .optim = opt,
                           .schedules = {schedule, plateau},
                           .loader = loader,
                           .extra = dict};
}

static void loading_rows(void)
{
    CALLS(tn_load, "", tn_load(ctx, net, folder_path("net.npz"), (tn_load_opts){0}));
    CALLS(tn_load, "", tn_load(ctx, net, folder_path("net.safetensors"), (tn_load_opts){0}));
    CALLS(tn_load_from, "",
          tn_load_from(ctx, net, source_of(folder_path("net.npz")), (tn_load_opts){0}));
    CALLS(tn_load_checkpoint, "",
          tn_load_checkpoint(ctx, everything(), folder_path("checkpoint.npz")));
    CALLS(tn_load_checkpoint_from, "",
          tn_load_checkpoint_from(ctx, everything(), source_of(folder_path("checkpoint.npz"))));
}

static void saving_rows(void)
{
    CALLS(tn_save, "", tn_save(ctx, net, folder_path("x.npz")));
    CALLS(tn_save_to, "", TO_MEMORY(tn_save_to(ctx, net, TN_BYTES(filled))));
    CALLS(tn_save_checkpoint_to, "",
          TO_MEMORY(tn_save_checkpoint_to(ctx, everything(), TN_BYTES(filled))));
    CALLS(tn_save_checkpoint, "", tn_save_checkpoint(ctx, everything(), folder_path("x.npz")));
    CALLS(tn_save_checkpoint, "",
          tn_save_checkpoint(ctx, everything(), folder_path("x.safetensors")));
}

/* Other values than those that the rows find; what the rows write is there already. */
static void make_files(void)
{
    make_folder();
    make_world("");
    tn_schedule_step(schedule);
    tn_fill_(ctx, tn_dict_get(dict, "a"), 5);
    tn_set_grad_enabled(ctx, false);
    tn_fill_(ctx, first_parameter(), 3);
    tn_set_grad_enabled(ctx, true);
    tn_save(ctx, net, folder_path("net.npz"));
    tn_save(ctx, net, folder_path("net.safetensors"));
    tn_save(ctx, net, folder_path("x.npz"));
    tn_save(ctx, net, folder_path("x.safetensors"));
    tn_save_checkpoint(ctx, everything(), folder_path("checkpoint.npz"));
    ck_tn_ok();
    end_world();
}

static void file_rows(void)
{
    make_files();
    loading_rows();
    writing = true;
    saving_rows();
    remove_folder();
}

int main(void)
{
    return run_allocations("state.h", file_rows);
}
