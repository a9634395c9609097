/* head.h - what is learned on top of AlexNet, and its files. */
#ifndef EXAMPLES_ALEXNET_HEAD_H
#define EXAMPLES_ALEXNET_HEAD_H

#include "alexnet/features.h"

/* Linear, ReLU, Linear on the output of a layer. With --finetune the last convolutions lie between
 * and are learned, too. */
typedef struct head_shape {
    int step;      /* of AlexNet; its output goes in */
    int last;      /* the step of the last convolution that is learned, too; or `step` */
    int input;     /* feature_input */
    int64_t in[3]; /* channels, height, width of that output; [n, 1, 1] if it is flat */
    int64_t hidden, persons;
    double dropout;
} head_shape;

/* A new network [n, ...] -> [n, persons], with AlexNet's convolutions to begin with. */
tn_module *head_make(tn_ctx *ctx, const alexnet *a, const head_shape *shape);

/* Adds the shape, the mean and the scale of the features and the hash of AlexNet's weights to a
 * model. */
tn_status head_save(tn_ctx *ctx, const alexnet *a, const head_shape *shape, const tn_tensor *mean,
                    double scale, tn_dict *dict);

typedef struct head {
    tn_module *net;
    head_shape shape;
    tn_tensor *mean; /* of the features, flat */
    double scale;
    char *text, **names;
} head;

/* Reads the model.safetensors of `alexnet train`, which must be of these weights. False with a line
 * on standard error. To be freed by head_free, in any case. */
bool head_load(const cli_program *program, tn_ctx *ctx, const alexnet *a, const char *file,
               head *h);
void head_free(head *h);

/* What the network says to features x, [n, ...]: its net of (x - mean) scale. */
tn_tensor *head_run(tn_ctx *ctx, const head *h, const tn_tensor *x);

#endif
