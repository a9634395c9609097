/* The functions of <tn/data.h>, given what does not fit. */
#include "rows/refusals.h"

#include <math.h>

static tn_batch batch;

static void data_rows(void)
{
    tn_loader_opts plain = {0};
    REFUSES(tn_loader_new, TN_ERR_ARGUMENT, "loader: x is NULL",
            tn_loader_new(ctx, NULL, NULL, plain));
    REFUSES(tn_loader_new, TN_ERR_SHAPE,
            "loader: x [] and y NULL; expected as many samples in each, and at least one",
            tn_loader_new(ctx, T("u8[]"), NULL, plain));
    REFUSES(tn_loader_new, TN_ERR_SHAPE,
            "loader: x [0,3] and y NULL; expected as many samples in each, and at least one",
            tn_loader_new(ctx, T("u8[0,3]"), NULL, plain));
    REFUSES(tn_loader_new, TN_ERR_SHAPE,
            "loader: x [4,3] and y [3]; expected as many samples in each, and at least one",
            tn_loader_new(ctx, T("u8[4,3]"), T("u8[3]"), plain));
    REFUSES(tn_loader_new, TN_ERR_SHAPE,
            "loader: x [4,3] and y []; expected as many samples in each, and at least one",
            tn_loader_new(ctx, T("u8[4,3]"), T("u8[]"), plain));
    REFUSES(tn_loader_new, TN_ERR_ARGUMENT, "loader: batch size -1",
            tn_loader_new(ctx, T("u8[4,3]"), NULL, (tn_loader_opts){.batch_size = -1}));
    REFUSES(tn_loader_new, TN_ERR_ARGUMENT, "loader: scale nan",
            tn_loader_new(ctx, T("u8[4,3]"), NULL, (tn_loader_opts){.scale = NAN}));
    WORKS(tn_loader_new, tn_loader_new(ctx, T("u8[4,3]"), T("i64[4]"), plain));
    HOLDS(tn_loader_next, !tn_loader_next(NULL, &batch));
    REFUSES(tn_loader_next, TN_ERR_ARGUMENT, "loader_next: batch is NULL",
            tn_loader_next(loader, NULL));
    WORKS(tn_loader_next, tn_loader_next(loader, &batch));
    HOLDS(tn_loader_batches, tn_loader_batches(NULL) == 0);
    HOLDS(tn_loader_state_dict, !tn_loader_state_dict(NULL));
    WORKS(tn_loader_state_dict, tn_loader_state_dict(loader));
    HOLDS(tn_loader_load_state_dict, tn_loader_load_state_dict(NULL, dict) == TN_ERR_ARGUMENT);
    REFUSES(tn_loader_load_state_dict, TN_ERR_ARGUMENT,
            "loader_load_state_dict: the dictionary is NULL",
            tn_loader_load_state_dict(loader, NULL));
    REFUSES(tn_loader_load_state_dict, TN_ERR_FORMAT, "loader_load_state_dict: samples is missing",
            tn_loader_load_state_dict(loader, dict));
    WORKS(tn_loader_load_state_dict, tn_loader_load_state_dict(loader, loader_state));
    HOLDS(tn_loader_free, (tn_loader_free(NULL), true));
}

int main(void)
{
    return run_refusals("data.h", data_rows);
}
