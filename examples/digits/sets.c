/* sets.c - loads the digits and divides them into training, validation and test. */
#include "digits/sets.h"

#include <math.h>
#include <string.h>

enum { SCORE_BATCH = 2000, MOST_OPTIONS = 10 };

/* ---- the digits in use ----------------------------------------------------------------------- */

cli_option digit_data_option(digit_source *source)
{
    static const char HELP[] =
        "folder with MNIST as IDX files or as mnist_all.mat, or such a .mat file";
    return (cli_option){.name = "data",
                        .type = CLI_STRING,
                        .value = &source->data,
                        .argument = "PATH",
                        .help = HELP,
                        .shown_default =
                            "data/mnist if the full set is there, else examples/data/mnist"};
}

cli_option digit_train_option(digit_source *source)
{
    return (cli_option){.name = "train",
                        .type = CLI_INT,
                        .value = &source->use,
                        .argument = "N",
                        .max = INFINITY,
                        .help = "use only the first N training images; 0: all of them"};
}

static bool find_digits(const run *r, digit_source *source)
{
    if (!source->data && mnist_find(source->found.s, sizeof(source->found.s)))
        source->data = source->found.s;
    if (!source->data)
        cli_error(r->program, "no MNIST in data/mnist or examples/data/mnist (make data fetches "
                              "it, --data says where it is)");
    return source->data != NULL;
}

bool digits_load(const run *r, digit_source *source, mnist *digits)
{
    if (!find_digits(r, source))
        return false;
    if (!mnist_load(r->ctx, source->data, digits))
        return run_library_failed(r);
    int64_t count = tn_size(digits->train_labels, 0);
    if (source->use > count)
        cli_error(r->program, "--train %lld: %s has only %lld training images",
                  (long long)source->use, source->data, (long long)count);
    return source->use <= count;
}

static bool load_images(const run *r, digit_images *d)
{
    mnist digits;
    if (!digits_load(r, &d->source, &digits))
        return false;
    d->count = d->source.use > 0 ? d->source.use : tn_size(digits.train_labels, 0);
    d->images = tn_narrow(r->ctx, digits.train_images, 0, 0, d->count);
    d->images = tn_reshape(r->ctx, d->images, TN_SHAPE(d->count, DIGIT_PIXELS));
    d->labels = tn_narrow(r->ctx, digits.train_labels, 0, 0, d->count);
    return tn_ok(r->ctx) || run_library_failed(r);
}

typedef struct digit_work {
    digit_images *images;
    run_work work;
    void *payload;
} digit_work;

static int load_and_work(run *r, void *payload)
{
    const digit_work *w = payload;
    return load_images(r, w->images) ? w->work(r, w->payload) : CLI_EXIT_USAGE;
}

int digits_run(run *r, digit_images *d, const cli_option *own, int argc, char **argv, run_work work,
               void *payload)
{
    cli_option options[MOST_OPTIONS + 7] = {digit_data_option(&d->source),
                                            digit_train_option(&d->source)};
    const cli_option last[] = {
        run_seed_option(r, "of the random numbers"),
        run_threads_option(r),
        run_out_option(r),
        run_quiet_option(r, "show neither progress nor what was found"),
    };
    int count = 2;
    while (own->name && count < MOST_OPTIONS + 2)
        options[count++] = *own++;
    memcpy(&options[count], last, sizeof(last));
    digit_work w = {d, work, payload};
    return run_command(r, options, argc, argv, load_and_work, &w);
}

tn_tensor *digit_inputs(tn_ctx *ctx, const digit_images *d, tn_dtype dtype)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *x = tn_mul_scalar(ctx, tn_cast(ctx, d->images, dtype), 1.0 / 255.0);
    x = tn_scope_keep(ctx, scope, x);
    tn_scope_end(ctx, scope);
    return x;
}

int64_t digit_inked(const digit_images *d, int pixel)
{
    int64_t count = 0;
    const uint8_t *images = tn_data(d->images);
    for (int64_t i = 0; i < d->count; i++)
        count += images[i * DIGIT_PIXELS + pixel] > 0;
    return count;
}

void digits_put(report *to, const run *r, const digit_images *d)
{
    json_string(to, "data", d->source.data);
    json_integer(to, "train_images", d->count);
    json_integer(to, "seed", r->seed);
    run_put_machine(to, r);
}

/* ---- sets ------------------------------------------------------------------------------------ */

static bool finish_set(tn_ctx *ctx, digit_set *set)
{
    set->count = tn_size(set->labels, 0);
    set->images = tn_reshape(ctx, set->images, TN_SHAPE(set->count, DIGIT_PIXELS));
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
    sets->part[PART_VALIDATION] = pick(ctx, digits, order, validation);
    sets->part[PART_TRAIN] = pick(ctx, digits, order + validation, use - validation);
    tn_free(permutation);
    return tn_ok(ctx);
}

bool digit_sets_make(tn_ctx *ctx, const mnist *digits, int64_t use, int64_t validation,
                     digit_sets *sets)
{
    *sets = (digit_sets){0};
    sets->part[PART_TEST] =
        (digit_set){.images = digits->test_images, .labels = digits->test_labels};
    if (!finish_set(ctx, &sets->part[PART_TEST]))
        return false;
    if (use == 0)
        use = tn_size(digits->train_labels, 0);
    if (validation > 0)
        return split(ctx, digits, use, validation, sets);
    sets->part[PART_TRAIN].images = tn_narrow(ctx, digits->train_images, 0, 0, use);
    sets->part[PART_TRAIN].labels = tn_narrow(ctx, digits->train_labels, 0, 0, use);
    return finish_set(ctx, &sets->part[PART_TRAIN]);
}

bool digit_sets_load(tn_ctx *ctx, digit_sets *sets, const process_share *by)
{
    tn_loader_opts opts = {.batch_size = SCORE_BATCH, .scale = 1.0 / 255.0};
    opts = processes_share(by, opts);
    for (int part = 0; part < PARTS; part++) {
        digit_set *set = &sets->part[part];
        if (set->count > 0)
            set->loader = tn_loader_new(ctx, set->images, set->labels, opts);
    }
    return tn_ok(ctx);
}
