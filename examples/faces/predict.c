/* faces predict: who is on a photograph. */
#include <stdlib.h>

#include "common/names.h"
#include "common/run.h"
#include "faces/face_net.h"
#include "faces/faces.h"

static const cli_program PROGRAM = {
    .name = "faces predict",
    .summary = "Says for each photograph who is on it, with probabilities, by a network of faces "
               "train. The face should fill the picture, as in what was learned; of a picture that "
               "is not square the middle is taken.",
};

typedef struct settings {
    const char *model;
    int64_t top;
    cli_words files;
    tn_ctx *ctx;
    face_net face;
} settings;

/* The probabilities of the persons, [1, persons]; NULL with the error in the context. */
static tn_tensor *probabilities(const settings *s, const uint8_t *planes)
{
    const int64_t shape[] = {1, 3 * (int64_t)s->face.side * s->face.side};
    tn_tensor *x = tn_empty(s->ctx, TN_F32, 2, shape);
    if (!x)
        return NULL;
    face_net_input(&s->face, planes, (face_move){0}, tn_data_mut(x));
    return tn_softmax(s->ctx, tn_forward(s->ctx, s->face.net, x), 1);
}

static bool answer(void *payload, const char *file, const image *picture)
{
    const settings *s = payload;
    uint8_t *planes = malloc(3 * (size_t)s->face.side * (size_t)s->face.side);
    bool answered = planes && people_square(picture, s->face.side, planes) &&
                    names_print(s->ctx, file, probabilities(s, planes), s->face.names, s->top, "");
    free(planes);
    return answered;
}

static int predict(run *r, void *payload)
{
    settings *s = payload;
    s->ctx = r->ctx;
    if (!face_net_load(&PROGRAM, r->ctx, s->model, &s->face))
        return CLI_EXIT_USAGE;
    return photos_answer(&PROGRAM, r->ctx, &s->files, answer, s);
}

int faces_predict(int argc, char **argv)
{
    run r = {.program = &PROGRAM, .threads = 1};
    settings s = {.model = "out/faces/train/model.safetensors", .top = 3};
    const cli_option options[] = {
        {"model", CLI_STRING, &s.model, "FILE", .help = "the network, from faces train"},
        names_top_option(&s.top),
        {"images", CLI_WORDS, &s.files, "IMAGE...", .help = ""},
        {.name = NULL},
    };
    int status = run_command(&r, options, argc, argv, predict, &s);
    face_net_free(&s.face);
    return status;
}
