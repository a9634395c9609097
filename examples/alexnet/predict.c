/* alexnet predict: who is on a photograph, by what was learned on top of AlexNet. */
#include <stdio.h>

#include "alexnet/alexnet.h"
#include "alexnet/head.h"

static const cli_program PROGRAM = {
    .name = "alexnet predict",
    .summary = "Says for each photograph who is on it, with probabilities, by a network of alexnet "
               "train. The weights must be those with which it was trained.",
};

typedef struct settings {
    const char *model, *weights;
    int64_t top, seed;
    cli_words files;
    tn_ctx *ctx;
    alexnet alexnet;
    head head;
} settings;

/* [1, persons]; NULL with the error in the context. */
static tn_tensor *probabilities(const settings *s, const image *photo)
{
    const head_shape *shape = &s->head.shape;
    int64_t side = feature_side(shape->input);
    tn_tensor *x = tn_empty(s->ctx, TN_F32, 4, (const int64_t[]){1, 3, side, side});
    if (!x || !feature_pixels(photo, shape->input, false, tn_data_mut(x)))
        return NULL;
    x = alexnet_run(s->ctx, &s->alexnet, 0, shape->step, x);
    return x ? tn_softmax(s->ctx, head_run(s->ctx, &s->head, x), 1) : NULL;
}

static bool answer(void *payload, const char *file, const image *photo)
{
    const settings *s = payload;
    int64_t top = s->top < s->head.shape.persons ? s->top : s->head.shape.persons;
    tn_tensor *order = NULL, *p = tn_topk(s->ctx, probabilities(s, photo), top, 1, true, &order);
    if (!p)
        return false;
    printf("%s:", file);
    for (int64_t k = 0; k < top; k++)
        printf("%s %s %.1f %%", k > 0 ? "," : "", s->head.names[tn_data_i64(order)[k]],
               100 * tn_data_f32(p)[k]);
    printf(s->alexnet.random ? " (random convolutions)\n" : "\n");
    return true;
}

static int predict(settings *s)
{
    if (!alexnet_load(&PROGRAM, s->ctx, s->weights, s->seed, &s->alexnet) ||
        !head_load(&PROGRAM, s->ctx, &s->alexnet, s->model, &s->head))
        return CLI_EXIT_USAGE;
    return photos_answer(&PROGRAM, s->ctx, &s->files, answer, s);
}

int alexnet_predict(int argc, char **argv)
{
    settings s = {.model = "out/alexnet/train/model.safetensors", .top = 3, .seed = 1};
    cli_option options[] = {
        {"model", CLI_STRING, &s.model, "FILE", .help = "what alexnet train has learned"},
        {"weights", CLI_STRING, &s.weights, "FILE",
         .help = "of AlexNet, as they were given to alexnet train", .shown_default = "random ones"},
        {"seed", CLI_INT, &s.seed, "S", .max = 1e9, .help = "of random weights"},
        {"top", CLI_INT, &s.top, "N", .min = 1, .max = 1000, .help = "persons that are named"},
        {"images", CLI_WORDS, &s.files, "IMAGE...", .help = ""},
        {.name = NULL},
    };
    cli_result parsed = cli_parse(&PROGRAM, options, argc, argv);
    if (parsed != CLI_RUN)
        return parsed == CLI_HELP ? 0 : CLI_EXIT_USAGE;
    s.ctx = tn_ctx_new(NULL);
    if (!s.ctx) {
        cli_error(&PROGRAM, "memory is short");
        return CLI_EXIT_FAILURE;
    }
    int status = predict(&s);
    head_free(&s.head);
    tn_ctx_free(s.ctx);
    return status;
}
