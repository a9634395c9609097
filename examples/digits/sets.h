/* sets.h - training, validation and test images, and how well a network does on them. */
#ifndef EXAMPLES_DIGITS_SETS_H
#define EXAMPLES_DIGITS_SETS_H

#include "common/mnist.h"

enum { DIGIT_PIXELS = MNIST_SIDE * MNIST_SIDE };

/* Images TN_U8 [count, 784], labels TN_U8 [count]; NULL and 0 for a set that is empty. */
typedef struct digit_set {
    tn_tensor *images, *labels;
    int64_t count;
    tn_loader *loader; /* its images as TN_F32 in [0, 1], in order */
} digit_set;

typedef struct digit_sets {
    digit_set train, validation, test;
} digit_sets;

/* Of the first `use` training images (0: all), `validation` are drawn at random for validation and
 * the others stay for training. False with the error in ctx. */
bool digit_sets_make(tn_ctx *ctx, const mnist *digits, int64_t use, int64_t validation,
                     digit_sets *sets);

typedef struct digit_score {
    double loss;     /* sum of the cross-entropies */
    double accuracy; /* 0 .. 1; NaN for an empty set */
} digit_score;

digit_score digit_set_score(tn_ctx *ctx, tn_module *net, const digit_set *set);

#endif
