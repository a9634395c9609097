/* faces predict: who is on a photograph. */
#include <stdio.h>
#include <stdlib.h>

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

static bool name_persons(const settings *s, const char *file, const uint8_t *planes)
{
    int64_t top = s->top < s->face.persons ? s->top : s->face.persons;
    tn_tensor *order = NULL, *p = probabilities(s, planes);
    p = tn_topk(s->ctx, p, top, 1, true, &order);
    if (!p)
        return false;
    printf("%s:", file);
    for (int64_t k = 0; k < top; k++)
        printf("%s %s %.1f %%", k > 0 ? "," : "", s->face.names[tn_data_i64(order)[k]],
               100 * tn_data_f32(p)[k]);
    putchar('\n');
    return true;
}

static bool answer(void *payload, const char *file, const image *picture)
{
    const settings *s = payload;
    uint8_t *planes = malloc(3 * (size_t)s->face.side * (size_t)s->face.side);
    bool answered =
        planes && people_square(picture, s->face.side, planes) && name_persons(s, file, planes);
    free(planes);
    return answered;
}

static int predict(settings *s)
{
    if (!face_net_load(&PROGRAM, s->ctx, s->model, &s->face))
        return CLI_EXIT_USAGE;
    return photos_answer(&PROGRAM, s->ctx, &s->files, answer, s);
}

int faces_predict(int argc, char **argv)
{
    settings s = {.model = "out/faces/train/model.safetensors", .top = 3};
    cli_option options[] = {
        {"model", CLI_STRING, &s.model, "FILE", .help = "the network, from faces train"},
        {"top", CLI_INT, &s.top, "N", .min = 1, .max = 1000, .help = "persons that are named"},
        {"images", CLI_WORDS, &s.files, "IMAGE...", .help = ""},
        {.name = NULL},
    };
    cli_result parsed = cli_parse(&PROGRAM, options, argc, argv);
    if (parsed != CLI_RUN)
        return parsed == CLI_HELP ? 0 : CLI_EXIT_USAGE;
    s.ctx = tn_ctx_new(&(tn_ctx_opts){.threads = 1});
    if (!s.ctx) {
        cli_error(&PROGRAM, "memory is short");
        return CLI_EXIT_FAILURE;
    }
    int status = predict(&s);
    face_net_free(&s.face);
    tn_ctx_free(s.ctx);
    return status;
}
