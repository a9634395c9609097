/* The functions of <tn/data.h>, given what does not fit. */
#include "rows/refusals.h"

#include <math.h>
#include <stdio.h>

static tn_batch batch;

static tn_status get(int64_t sample, void *const *out, tn_text *error, void *payload)
{
    (void)error, (void)payload;
    *(float *)out[0] = (float)sample;
    return TN_OK;
}

static tn_status fail_to_get(int64_t sample, void *const *out, tn_text *error, void *payload)
{
    (void)out, (void)payload;
    if (sample == 0)
        snprintf(error->s, sizeof error->s, "the disk is gone");
    return TN_ERR_FILE;
}

static tn_status same_tensors(tn_ctx *c, int64_t count, tn_tensor **tensors, void *payload)
{
    (void)c, (void)count, (void)tensors, (void)payload;
    return TN_OK;
}

static tn_status no_tensor(tn_ctx *c, int64_t count, tn_tensor **tensors, void *payload)
{
    (void)c, (void)count, (void)payload;
    tensors[0] = NULL;
    return TN_OK;
}

static tn_status wrong_shapes(tn_ctx *c, int64_t count, tn_tensor **tensors, void *payload)
{
    (void)count, (void)payload;
    tensors[0] = tn_reshape(c, tensors[0], TN_SHAPE(7));
    return TN_OK;
}

static tn_status no_reason(tn_ctx *c, int64_t count, tn_tensor **tensors, void *payload)
{
    (void)c, (void)count, (void)tensors, (void)payload;
    return TN_ERR_NUMBER;
}

static tn_dataset dataset_of(tn_field field)
{
    return (tn_dataset){.size = 4, .count = 1, .fields = {field}, .get = get};
}

#define FIELD(...) dataset_of((tn_field){__VA_ARGS__})

/* A loader that is there though the context has an error. */
static tn_loader *loader_of(tn_dataset dataset, tn_transform_fn transform, int64_t prefetch)
{
    tn_status status = tn_error_status(own);
    tn_clear_error(own);
    tn_loader *l = tn_loader_from(
        own, dataset,
        (tn_loader_opts){.batch_size = 1, .transform = transform, .prefetch = prefetch});
    if (status != TN_OK)
        tn_fail(own, status, "stop");
    memory.calls = 0;
    return l;
}

static void option_rows(void)
{
    REFUSES(tn_loader_new, TN_ERR_ARGUMENT,
            "loader: at most one of shuffle, weights and stratify says which samples come",
            tn_loader_new(ctx, T("u8[4,3]"), NULL,
                          (tn_loader_opts){.shuffle = true, .stratify = T("i64[4]")}));
    REFUSES(tn_loader_new, TN_ERR_ARGUMENT, "loader: num_samples is 3 without weights",
            tn_loader_new(ctx, T("u8[4,3]"), NULL, (tn_loader_opts){.num_samples = 3}));
    REFUSES(tn_loader_new, TN_ERR_ARGUMENT, "loader: num_samples is -3",
            tn_loader_new(ctx, T("u8[4,3]"), NULL,
                          (tn_loader_opts){.num_samples = -3, .weights = T_OF("f32[4]", 1)}));
    REFUSES(tn_loader_new, TN_ERR_ARGUMENT, "loader: -1 parts, not 1 to 1048576",
            tn_loader_new(ctx, T("u8[4,3]"), NULL, (tn_loader_opts){.parts = -1}));
    REFUSES(tn_loader_new, TN_ERR_ARGUMENT, "loader: 1048577 parts, not 1 to 1048576",
            tn_loader_new(ctx, T("u8[4,3]"), NULL, (tn_loader_opts){.parts = 1048577}));
    REFUSES(tn_loader_new, TN_ERR_ARGUMENT, "loader: first_part is 1 of 1",
            tn_loader_new(ctx, T("u8[4,3]"), NULL, (tn_loader_opts){.first_part = 1}));
    REFUSES(tn_loader_new, TN_ERR_ARGUMENT, "loader: first_part is -1 of 4",
            tn_loader_new(ctx, T("u8[4,3]"), NULL, (tn_loader_opts){.parts = 4, .first_part = -1}));
    REFUSES(tn_loader_new, TN_ERR_ARGUMENT, "loader: 3 parts from number 2 on, of 4",
            tn_loader_new(ctx, T("u8[4,3]"), NULL,
                          (tn_loader_opts){.parts = 4, .first_part = 2, .part_count = 3}));
    REFUSES(tn_loader_new, TN_ERR_ARGUMENT, "loader: -1 parts from number 0 on, of 4",
            tn_loader_new(ctx, T("u8[4,3]"), NULL, (tn_loader_opts){.parts = 4, .part_count = -1}));
    REFUSES(tn_loader_new, TN_ERR_ARGUMENT, "loader: prefetch is 1025, not 0 to 1024",
            tn_loader_new(ctx, T("u8[4,3]"), NULL, (tn_loader_opts){.prefetch = 1025}));
    REFUSES(tn_loader_new, TN_ERR_ARGUMENT, "loader: prefetch is -1, not 0 to 1024",
            tn_loader_new(ctx, T("u8[4,3]"), NULL, (tn_loader_opts){.prefetch = -1}));
    REFUSES(tn_loader_new, TN_ERR_SHAPE, "loader: weights [3] of 4 samples",
            tn_loader_new(ctx, T("u8[4,3]"), NULL, (tn_loader_opts){.weights = T("f32[3]")}));
    REFUSES(tn_loader_new, TN_ERR_SHAPE, "loader: weights [4,1] of 4 samples",
            tn_loader_new(ctx, T("u8[4,3]"), NULL, (tn_loader_opts){.weights = T("f32[4,1]")}));
    REFUSES(tn_loader_new, TN_ERR_DTYPE, "loader: weights are i64, neither f32 nor f64",
            tn_loader_new(ctx, T("u8[4,3]"), NULL, (tn_loader_opts){.weights = T("i64[4]")}));
    REFUSES(
        tn_loader_new, TN_ERR_ARGUMENT, "loader: weights[0] is -1",
        tn_loader_new(ctx, T("u8[4,3]"), NULL, (tn_loader_opts){.weights = T_OF("f32[4]", -1)}));
    REFUSES(tn_loader_new, TN_ERR_ARGUMENT, "loader: weights[0] is inf",
            tn_loader_new(ctx, T("u8[4,3]"), NULL,
                          (tn_loader_opts){.weights = T_OF("f32[4]", INFINITY)}));
    REFUSES(tn_loader_new, TN_ERR_ARGUMENT, "loader: the sum of the weights is 0",
            tn_loader_new(ctx, T("u8[4,3]"), NULL, (tn_loader_opts){.weights = T("f32[4]")}));
    REFUSES(
        tn_loader_new, TN_ERR_ARGUMENT, "loader: the sum of the weights is inf",
        tn_loader_new(ctx, T("u8[4,3]"), NULL, (tn_loader_opts){.weights = T_OF("f64[4]", 1e308)}));
    REFUSES(tn_loader_new, TN_ERR_DTYPE, "loader: stratify is f32, not i64, i32 or u8",
            tn_loader_new(ctx, T("u8[4,3]"), NULL, (tn_loader_opts){.stratify = T("f32[4]")}));
    REFUSES(tn_loader_new, TN_ERR_SHAPE, "loader: stratify is [4,1]; expected one dimension",
            tn_loader_new(ctx, T("u8[4,3]"), NULL, (tn_loader_opts){.stratify = T("i64[4,1]")}));
    REFUSES(tn_loader_new, TN_ERR_SHAPE, "loader: stratify is [3] of 4 samples",
            tn_loader_new(ctx, T("u8[4,3]"), NULL, (tn_loader_opts){.stratify = T("i64[3]")}));
    REFUSES(
        tn_loader_new, TN_ERR_ARGUMENT,
        "loader: stratify is -1 in place 0, which is not from 0 to 2^31 - 2",
        tn_loader_new(ctx, T("u8[4,3]"), NULL, (tn_loader_opts){.stratify = T_OF("i64[4]", -1)}));
    WORKS(tn_loader_new,
          tn_loader_new(ctx, T("u8[4,3]"), NULL, (tn_loader_opts){.weights = T_OF("f32[4]", 1)}));
    WORKS(tn_loader_new,
          tn_loader_new(ctx, T("u8[4,3]"), NULL, (tn_loader_opts){.stratify = T("i64[4]")}));
    WORKS(tn_loader_new, tn_loader_new(ctx, T("u8[4,3]"), NULL, (tn_loader_opts){.prefetch = 2}));
    WORKS(tn_loader_new,
          tn_loader_new(ctx, T("u8[4,3]"), NULL, (tn_loader_opts){.prefetch = TN_ZERO}));
}

static void list_rows(void)
{
    tn_loader_opts plain = {0};
    REFUSES(tn_loader_of, TN_ERR_ARGUMENT, "loader: 0 tensors, not 1 to 8",
            tn_loader_of(ctx, 0, NULL, plain));
    REFUSES(tn_loader_of, TN_ERR_ARGUMENT, "loader: 9 tensors, not 1 to 8",
            tn_loader_of(ctx, 9, NULL, plain));
    REFUSES(tn_loader_of, TN_ERR_ARGUMENT, "loader: the tensors are NULL",
            tn_loader_of(ctx, 2, NULL, plain));
    REFUSES(tn_loader_of, TN_ERR_ARGUMENT, "loader: tensor 1 is NULL",
            tn_loader_of(ctx, TN_TENSORS(T("u8[4,3]"), NULL), plain));
    REFUSES(tn_loader_of, TN_ERR_SHAPE,
            "loader: tensor 0 is [] and tensor 0 []; expected as many samples in each, and at "
            "least one",
            tn_loader_of(ctx, TN_TENSORS(T("u8[]")), plain));
    REFUSES(tn_loader_of, TN_ERR_SHAPE,
            "loader: tensor 2 is [3] and tensor 0 [4]; expected as many samples in each, and at "
            "least one",
            tn_loader_of(ctx, TN_TENSORS(T("u8[4]"), T("f32[4]"), T("f32[3]")), plain));
    REFUSES(tn_loader_of, TN_ERR_SHAPE,
            "loader: tensor 0 is [0,3] and tensor 0 [0,3]; expected as many samples in each, and "
            "at least one",
            tn_loader_of(ctx, TN_TENSORS(T("u8[0,3]")), plain));
    REFUSES(tn_loader_of, TN_ERR_ARGUMENT, "loader: batch size -1",
            tn_loader_of(ctx, TN_TENSORS(T("u8[4]")), (tn_loader_opts){.batch_size = -1}));
    WORKS(tn_loader_of, tn_loader_of(ctx, TN_TENSORS(T("u8[4]"), T("f32[4]"), T("i64[4]")), plain));
}

static void dataset_rows(void)
{
    tn_loader_opts plain = {0};
    tn_dataset empty = FIELD(TN_F32, TN_SCALAR), none = empty, missing = empty;
    empty.size = 0;
    none.count = 0;
    missing.get = NULL;
    REFUSES(tn_loader_from, TN_ERR_SHAPE, "loader: a dataset of 0 samples",
            tn_loader_from(ctx, empty, plain));
    REFUSES(tn_loader_from, TN_ERR_ARGUMENT, "loader: 0 fields, not 1 to 8",
            tn_loader_from(ctx, none, plain));
    REFUSES(tn_loader_from, TN_ERR_ARGUMENT, "loader: get is NULL",
            tn_loader_from(ctx, missing, plain));
    REFUSES(tn_loader_from, TN_ERR_ARGUMENT,
            "loader: scale 0.5 of a dataset, whose samples are as get writes them",
            tn_loader_from(ctx, FIELD(TN_F32, TN_SCALAR), (tn_loader_opts){.scale = 0.5}));
    REFUSES(tn_loader_from, TN_ERR_DTYPE, "loader: field 0 has no dtype that there is: 99",
            tn_loader_from(ctx, FIELD((tn_dtype)99, TN_SCALAR), plain));
    REFUSES(tn_loader_from, TN_ERR_SHAPE, "loader: field 0 has 8 dimensions, not 0 to 7",
            tn_loader_from(ctx, FIELD(TN_F32, TN_SHAPE(1, 1, 1, 1, 1, 1, 1, 1)), plain));
    REFUSES(tn_loader_from, TN_ERR_SHAPE, "loader: field 0 has -1 dimensions, not 0 to 7",
            tn_loader_from(ctx, FIELD(TN_F32, -1, NULL), plain));
    REFUSES(tn_loader_from, TN_ERR_ARGUMENT, "loader: field 0 has no shape",
            tn_loader_from(ctx, FIELD(TN_F32, 2, NULL), plain));
    REFUSES(tn_loader_from, TN_ERR_ARGUMENT, "loader: batch size -1",
            tn_loader_from(ctx, FIELD(TN_F32, TN_SCALAR), (tn_loader_opts){.batch_size = -1}));
    WORKS(tn_loader_from, tn_loader_from(ctx, FIELD(TN_F32, TN_SCALAR), plain));
}

static void next_rows(void)
{
    tn_dataset works = FIELD(TN_F32, TN_SCALAR), fails = works;
    fails.get = fail_to_get;
    for (int64_t prefetch = 0; prefetch < 3; prefetch++) {
        REFUSES(tn_loader_next, TN_ERR_FILE, "loader_next: sample 0: the disk is gone",
                tn_loader_next(loader_of(fails, NULL, prefetch), &batch));
        REFUSES(tn_loader_next, TN_ERR_ARGUMENT, "loader_next: transform: tensor 0 is NULL",
                tn_loader_next(loader_of(works, no_tensor, prefetch), &batch));
        REFUSES(tn_loader_next, TN_ERR_SHAPE,
                "loader_next: transform: reshape: shape [7] does not hold the 1 elements of [1]",
                tn_loader_next(loader_of(works, wrong_shapes, prefetch), &batch));
        REFUSES(tn_loader_next, TN_ERR_NUMBER,
                "loader_next: batch 0: transform returned -9 (TN_ERR_NUMBER)",
                tn_loader_next(loader_of(works, no_reason, prefetch), &batch));
        WORKS(tn_loader_next, tn_loader_next(loader_of(works, same_tensors, prefetch), &batch));
    }
}

static void weight_rows(void)
{
    REFUSES(tn_balanced_weights, TN_ERR_ARGUMENT, "balanced_weights: labels is NULL",
            tn_balanced_weights(ctx, NULL));
    REFUSES(tn_balanced_weights, TN_ERR_DTYPE,
            "balanced_weights: labels are f32, not i64, i32 or u8",
            tn_balanced_weights(ctx, T("f32[4]")));
    REFUSES(tn_balanced_weights, TN_ERR_SHAPE,
            "balanced_weights: labels are []; expected one dimension",
            tn_balanced_weights(ctx, T("i64[]")));
    REFUSES(tn_balanced_weights, TN_ERR_ARGUMENT,
            "balanced_weights: labels are 2147483647 in place 0, which is not from 0 to 2^31 - 2",
            tn_balanced_weights(ctx, T_OF("i64[4]", 2147483647)));
    WORKS(tn_balanced_weights, shaped("[4]", tn_balanced_weights(ctx, T("i32[4]"))));
    WORKS(tn_balanced_weights, shaped("[0]", tn_balanced_weights(ctx, T("i32[0]"))));
}

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
    HOLDS(tn_loader_id, tn_loader_id(NULL) == 0);
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
    option_rows();
    list_rows();
    dataset_rows();
    next_rows();
    weight_rows();
}

int main(void)
{
    return run_refusals("data.h", data_rows);
}
