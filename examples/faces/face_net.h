/* face_net.h - the network with one hidden layer, and what goes into it. */
#ifndef EXAMPLES_FACES_FACE_NET_H
#define EXAMPLES_FACES_FACE_NET_H

#include <tn/tn.h>

#include "common/people.h"

enum { FACE_MOST_SIDE = 256 };

/* Pixels are planes of red, green and blue, and go in as (pixel - mean) / deviation. */
typedef struct face_net {
    tn_module *net; /* [n, 3 side side] -> [n, persons] */
    int side, hidden, persons;
    char **names; /* of the persons, in `text`; set by face_net_load */
    char *text;
    tn_tensor *mean, *deviation; /* TN_F32 [3, side, side] */
} face_net;

/* Linear, ReLU, dropout if there is any, Linear. */
tn_module *face_net_make(tn_ctx *ctx, int side, int64_t hidden, double dropout, int persons);

/* Reads the model.safetensors of `faces train`. False with a line on standard error. To be freed by
 * face_net_free, in any case. */
bool face_net_load(const cli_program *program, tn_ctx *ctx, const char *file, face_net *f);
void face_net_free(face_net *f);

/* How a photograph is moved before it goes in: columns to the right, rows down, mirrored. */
typedef struct face_move {
    int right, down;
    bool mirrored;
} face_move;

/* Writes what goes into the network for the pixels [3, side, side]: 3 side side numbers. At the
 * edges the outermost pixels are repeated. */
void face_net_input(const face_net *f, const uint8_t *pixels, face_move move, float *input);

#endif
