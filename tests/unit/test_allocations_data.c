/* The functions of <tn/data.h> while memory runs out. */
#include "rows/allocations.h"

#include <math.h>

static double next_sum(void)
{
    tn_batch batch;
    if (!tn_loader_next(loader, &batch))
        return -1;
    return element_of(batch.x, 0) + 10 * element_of(batch.x, 1);
}

static tn_status get(int64_t sample, void *const *out, tn_text *error, void *payload)
{
    (void)error, (void)payload;
    *(float *)out[0] = (float)sample;
    return TN_OK;
}

/* Its tensors take memory of the loader's own context. */
static tn_status square(tn_ctx *c, int64_t count, tn_tensor **tensors, void *payload)
{
    (void)count, (void)payload;
    tensors[0] = tn_square(c, tensors[0]);
    return TN_OK;
}

static tn_loader *from(tn_loader_opts opts)
{
    tn_dataset dataset = {.size = 5, .count = 1, .fields = {{TN_F32, TN_SCALAR}}, .get = get};
    return tn_loader_from(ctx, dataset, opts);
}

/* Needs more room than the samples have. */
static tn_status twice(tn_ctx *c, int64_t count, tn_tensor **tensors, void *payload)
{
    (void)count, (void)payload;
    tensors[0] = tn_cat(c, TN_TENSORS(tensors[0], tensors[0]), 0);
    return TN_OK;
}

/* The first batch of a loader, which is made before the allocator fails, once. */
static double first_of(tn_transform_fn transform)
{
    tn_batch batch;
    int64_t at = memory.fail_at;
    memory.fail_at = 0;
    tn_scope_end(ctx, scope);
    if (!fresh_loader)
        fresh_loader =
            from((tn_loader_opts){.batch_size = 2, .shuffle = true, .transform = transform});
    arm();
    memory.fail_at = at;
    return tn_loader_next(fresh_loader, &batch) ? element_of(batch.x, 1) : NAN;
}

static void sampler_rows(void)
{
    tn_loader_opts weighted = {.batch_size = 2, .num_samples = 7};
    tn_loader_opts stratified = {.batch_size = 2};
    CALLS(tn_loader_new, "i64[3] +f32[3]",
          tn_loader_new(ctx, turned, in[0], (weighted.weights = in[1], weighted)));
    CALLS(tn_loader_new, "i64[3]",
          tn_loader_new(ctx, turned, in[0], (stratified.stratify = in[0], stratified)));
    CALLS(tn_balanced_weights, "i64[3]", tn_balanced_weights(ctx, in[0]));
}

static void data_rows(void)
{
    tn_loader_opts opts = {.batch_size = 2, .shuffle = true, .scale = 2};
    CALLS(tn_loader_new, "i64[3]", tn_loader_new(ctx, turned, in[0], opts));
    ASKS(tn_loader_next, "", next_sum());
    ASKS(tn_loader_batches, "", tn_loader_batches(loader));
    ASKS(tn_loader_id, "", tn_loader_id(loader));
    CALLS(tn_loader_state_dict, "", tn_loader_state_dict(loader));
    ASKS(tn_loader_load_state_dict, "", tn_loader_load_state_dict(loader, loader_state));
    CALLS(tn_loader_of, "i64[3] f64[3,2]",
          tn_loader_of(ctx, TN_TENSORS(turned, in[0], in[1]), opts));
    CALLS(tn_loader_from, "", from((tn_loader_opts){.batch_size = 2, .shuffle = true}));
    CALLS(tn_loader_from, "", from((tn_loader_opts){.batch_size = 2, .prefetch = 2}));
    CALLS(tn_loader_next, "", first_of(square));
    CALLS(tn_loader_next, "", first_of(twice));
    sampler_rows();
    ASKS(tn_loader_free, "", (tn_loader_free(NULL), 0));
}

int main(void)
{
    return run_allocations("data.h", data_rows);
}
