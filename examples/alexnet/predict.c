/* alexnet predict: who is on a photograph, by what was learned on top of AlexNet. */
#include "alexnet/alexnet.h"
#include "alexnet/head.h"
#include "common/names.h"
#include "common/run.h"

static const cli_program PROGRAM = {
    .name = "alexnet predict",
    .summary = "Says for each photograph who is on it, with probabilities, by a network of alexnet "
               "train. The weights must be those with which it was trained.",
};

typedef struct settings {
    const char *model, *weights;
    int64_t top;
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
    return names_print(s->ctx, file, probabilities(s, photo), s->head.names, s->top,
                       s->alexnet.random ? " (random convolutions)" : "");
}

static int predict(run *r, void *payload)
{
    settings *s = payload;
    s->ctx = r->ctx;
    if (!alexnet_load(&PROGRAM, r->ctx, s->weights, r->seed, &s->alexnet) ||
        !head_load(&PROGRAM, r->ctx, &s->alexnet, s->model, &s->head))
        return CLI_EXIT_USAGE;
    return photos_answer(&PROGRAM, r->ctx, &s->files, answer, s);
}

int alexnet_predict(int argc, char **argv)
{
    run r = {.program = &PROGRAM, .seed = 1};
    settings s = {.model = "out/alexnet/train/model.safetensors", .top = 3};
    const cli_option options[] = {
        {"model", CLI_STRING, &s.model, "FILE", .help = "what alexnet train has learned"},
        {"weights", CLI_STRING, &s.weights, "FILE",
         .help = "of AlexNet, as they were given to alexnet train", .shown_default = "random ones"},
        {"seed", CLI_INT, &r.seed, "S", .max = 1e9, .help = "of random weights"},
        names_top_option(&s.top),
        {"images", CLI_WORDS, &s.files, "IMAGE...", .help = ""},
        {.name = NULL},
    };
    int status = run_command(&r, options, argc, argv, predict, &s);
    head_free(&s.head);
    return status;
}
