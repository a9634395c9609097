#include "digits/sets.h"

#include <math.h>
#include <string.h>

enum { SCORE_BATCH = 2000 };

static bool finish_set(tn_ctx *ctx, digit_set *set)
{
    set->count = tn_size(set->labels, 0);
    set->images = tn_reshape(ctx, set->images, TN_SHAPE(set->count, DIGIT_PIXELS));
    tn_loader_opts opts = {.batch_size = SCORE_BATCH, .scale = 1.0 / 255.0};
    set->loader = tn_loader_new(ctx, set->images, set->labels, opts);
    return tn_ok(ctx);
}

/* The images of `from` with the numbers order[0 .. count-1]. */
static digit_set pick(tn_ctx *ctx, const mnist *from, const int64_t *order, int64_t count)
{
    digit_set set = {0};
    if (count == 0)
        return set;
    set.images = tn_empty(ctx, TN_U8, TN_SHAPE(count, DIGIT_PIXELS));
    set.labels = tn_empty(ctx, TN_U8, TN_SHAPE(count));
    if (!tn_ok(ctx))
        return set;
    const uint8_t *images = tn_data(from->train_images), *labels = tn_data(from->train_labels);
    uint8_t *image = tn_data_mut(set.images), *label = tn_data_mut(set.labels);
    for (int64_t i = 0; i < count; i++) {
        memcpy(image + i * DIGIT_PIXELS, images + order[i] * DIGIT_PIXELS, DIGIT_PIXELS);
        label[i] = labels[order[i]];
    }
    finish_set(ctx, &set);
    return set;
}

static bool split(tn_ctx *ctx, const mnist *digits, int64_t use, int64_t validation,
                  digit_sets *sets)
{
    tn_tensor *permutation = tn_randperm(ctx, use);
    if (!tn_ok(ctx))
        return false;
    const int64_t *order = tn_data_i64(permutation);
    sets->validation = pick(ctx, digits, order, validation);
    sets->train = pick(ctx, digits, order + validation, use - validation);
    tn_free(permutation);
    return tn_ok(ctx);
}

bool digit_sets_make(tn_ctx *ctx, const mnist *digits, int64_t use, int64_t validation,
                     digit_sets *sets)
{
    *sets = (digit_sets){0};
    sets->test = (digit_set){.images = digits->test_images, .labels = digits->test_labels};
    if (!finish_set(ctx, &sets->test))
        return false;
    if (use == 0)
        use = tn_size(digits->train_labels, 0);
    if (validation > 0)
        return split(ctx, digits, use, validation, sets);
    sets->train.images = tn_narrow(ctx, digits->train_images, 0, 0, use);
    sets->train.labels = tn_narrow(ctx, digits->train_labels, 0, 0, use);
    return finish_set(ctx, &sets->train);
}

digit_score digit_set_score(tn_ctx *ctx, tn_module *net, const digit_set *set)
{
    tn_batch batch;
    int64_t right = 0;
    digit_score score = {0, NAN};
    if (set->count == 0)
        return score;
    bool before = tn_set_grad_enabled(ctx, false), training = tn_is_training(net);
    tn_train(net, false);
    while (tn_loader_next(set->loader, &batch)) {
        tn_scope scope = tn_scope_begin(ctx);
        tn_tensor *logits = tn_forward(ctx, net, batch.x);
        tn_cross_entropy_opts opts = {.reduction = TN_REDUCE_SUM};
        score.loss += tn_item(ctx, tn_cross_entropy(ctx, logits, batch.y, opts));
        right += tn_count_equal(ctx, tn_argmax(ctx, logits, 1), batch.y);
        tn_scope_end(ctx, scope);
    }
    tn_train(net, training);
    tn_set_grad_enabled(ctx, before);
    score.accuracy = (double)right / (double)set->count;
    return score;
}
