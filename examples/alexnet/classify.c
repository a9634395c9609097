/* alexnet classify: which of the thousand classes of ImageNet a photograph shows. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alexnet/alexnet.h"
#include "alexnet/features.h"
#include "common/run.h"

enum { TOP = 5 };

static const cli_program PROGRAM = {
    .name = "alexnet classify",
    .summary =
        "Names the five classes of ImageNet that fit each photograph best, with "
        "probabilities. Needs all weights of AlexNet; alexnet fetch gets them, and the names "
        "of the classes.",
};

typedef struct settings {
    const char *weights, *names;
    cli_words files;
    tn_ctx *ctx;
    alexnet alexnet;
    char *text, *name[NET_CLASSES];
} settings;

/* One name in each line. */
static bool split_names(settings *s)
{
    int count = 0;
    for (char *line = strtok(s->text, "\r\n"); line; line = strtok(NULL, "\r\n")) {
        if (count < NET_CLASSES)
            s->name[count] = line;
        count++;
    }
    if (count != NET_CLASSES)
        cli_error(&PROGRAM, "%s: %d lines, not the names of %d classes", s->names, count,
                  NET_CLASSES);
    return count == NET_CLASSES;
}

static bool read_names(settings *s)
{
    enum { MOST = 1 << 20 };
    FILE *file = fopen(s->names, "r");
    if (!file) {
        cli_error(&PROGRAM, "%s: %s (alexnet fetch gets the names of the classes)", s->names,
                  strerror(errno));
        return false;
    }
    s->text = calloc(1, MOST + 1);
    size_t size = s->text ? fread(s->text, 1, MOST, file) : 0;
    fclose(file);
    if (size == 0 || size == MOST)
        cli_error(&PROGRAM, "%s: these are no names of classes", s->names);
    return size > 0 && size < MOST && split_names(s);
}

static bool answer(void *payload, const char *file, const image *photo)
{
    const settings *s = payload;
    tn_tensor *x = tn_empty(s->ctx, TN_F32, 4, (const int64_t[]){1, 3, 224, 224}), *order = NULL;
    if (!x || !feature_pixels(photo, INPUT_224, false, tn_data_mut(x)))
        return false;
    x = alexnet_run(s->ctx, &s->alexnet, 0, NET_STEPS - 1, x);
    tn_tensor *p = tn_topk(s->ctx, tn_softmax(s->ctx, x, 1), TOP, 1, true, &order);
    if (!p)
        return false;
    printf("%s\n", file);
    for (int k = 0; k < TOP; k++)
        printf("  %5.1f %%  %s\n", 100 * tn_data_f32(p)[k], s->name[tn_data_i64(order)[k]]);
    return true;
}

static int classify(run *r, void *payload)
{
    settings *s = payload;
    s->ctx = r->ctx;
    if (!alexnet_load(&PROGRAM, r->ctx, s->weights, 0, &s->alexnet))
        return CLI_EXIT_USAGE;
    if (!s->alexnet.whole) {
        cli_error(&PROGRAM, "%s has no classifier.6.weight: the classes need all of AlexNet",
                  s->weights);
        return CLI_EXIT_USAGE;
    }
    if (!read_names(s))
        return CLI_EXIT_USAGE;
    return photos_answer(&PROGRAM, r->ctx, &s->files, answer, s);
}

int alexnet_classify(int argc, char **argv)
{
    run r = {.program = &PROGRAM};
    settings s = {.weights = "data/alexnet/alexnet-owt-7be5be79.pth",
                  .names = "data/alexnet/imagenet_classes.txt"};
    const cli_option options[] = {
        {"weights", CLI_STRING, &s.weights, "FILE", .help = "all of AlexNet"},
        {"names", CLI_STRING, &s.names, "FILE", .help = "the names of the classes, one in a line"},
        {"images", CLI_WORDS, &s.files, "IMAGE...", .help = ""},
        {.name = NULL},
    };
    int status = run_command(&r, options, argc, argv, classify, &s);
    free(s.text);
    return status;
}
