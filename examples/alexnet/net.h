/* net.h - AlexNet as torchvision has it (Krizhevsky, "One weird trick for parallelizing
 * convolutional neural networks", 2014), layer by layer. */
#ifndef EXAMPLES_ALEXNET_NET_H
#define EXAMPLES_ALEXNET_NET_H

#include <tn/tn.h>

#include "common/cli.h"
#include "common/sha256.h"

/* The steps of the network in order. Those that have a name can be stopped after: conv1,
 * conv1.relu, conv1.pool, ..., conv5.pool, avgpool, fc6 and fc7 (behind their ReLU), fc8. */
enum { NET_STEPS = 22, NET_CONVOLUTIONS = 5, NET_CLASSES = 1000 };

extern const char *const NET_NAMES[NET_STEPS]; /* NULL for a step without a name */

typedef struct alexnet {
    tn_module *net; /* children features, avgpool, classifier, with torchvision's state-dict keys */
    bool whole;     /* the weights of the classifier are there, too */
    bool random;    /* there were no weights: all are as they are before training */
    sha256 hash;    /* of the weights' file; of the seed, if they are random */
} alexnet;

/* Makes the network, in evaluation and frozen, and reads its weights from a file of all of them or
 * of `features` alone (.pth, .npz, safetensors); without a file they come from the seed. False with
 * a line on standard error. */
bool alexnet_load(const cli_program *program, tn_ctx *ctx, const char *weights, int64_t seed,
                  alexnet *a);

/* The option --weights. */
cli_option alexnet_weights_option(const char **weights);

/* The step with this name, or -1 with a line on standard error that lists them. Steps of the
 * classifier need its weights. */
int alexnet_step(const cli_program *program, const alexnet *a, const char *name);

/* Runs the steps first .. last: images [n, 3, side, side], or what step first - 1 gave. */
tn_tensor *alexnet_run(tn_ctx *ctx, const alexnet *a, int first, int last, const tn_tensor *x);

/* The step of convolution 1 .. 5, and a new, trainable sequence of the steps first .. last with the
 * weights of the network. */
int alexnet_convolution(int number);
tn_module *alexnet_copy_steps(tn_ctx *ctx, const alexnet *a, int first, int last);

#endif
