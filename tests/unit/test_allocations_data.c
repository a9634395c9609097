/* The functions of <tn/data.h> while memory runs out. */
#include "rows/allocations.h"

static double next_sum(void)
{
    tn_batch batch;
    if (!tn_loader_next(loader, &batch))
        return -1;
    return element_of(batch.x, 0) + 10 * element_of(batch.x, 1);
}

static void data_rows(void)
{
    tn_loader_opts opts = {.batch_size = 2, .shuffle = true, .scale = 2};
    CALLS(tn_loader_new, "i64[3]", tn_loader_new(ctx, turned, in[0], opts));
    ASKS(tn_loader_next, "", next_sum());
    ASKS(tn_loader_batches, "", tn_loader_batches(loader));
    CALLS(tn_loader_state_dict, "", tn_loader_state_dict(loader));
    ASKS(tn_loader_load_state_dict, "", tn_loader_load_state_dict(loader, loader_state));
    ASKS(tn_loader_free, "", (tn_loader_free(NULL), 0));
}

int main(void)
{
    return run_allocations("data.h", data_rows);
}
