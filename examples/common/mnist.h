/* mnist.h - the MNIST digits, from wherever they are. */
#ifndef EXAMPLES_MNIST_H
#define EXAMPLES_MNIST_H

#include <stdbool.h>
#include <tn/tn.h>

enum { MNIST_SIDE = 28, MNIST_CLASSES = 10 };

/* Images are TN_U8 [n, 28, 28] with 255 for ink, labels TN_U8 [n]. */
typedef struct mnist {
    tn_tensor *train_images, *train_labels;
    tn_tensor *test_images, *test_labels;
} mnist;

/* Where the digits are when nobody says: data/mnist (the full set, from `make data`), then
 * examples/data/mnist (the part that ships), each looked for below the working folder and then
 * below the one that holds the program's build folder. Writes the path; false if it is none of
 * them. */
bool mnist_find(char *found, size_t size);

/* Loads the digits of `source`: a folder with the four IDX files, compressed or not, or with
 * mnist_all.mat (train0 .. train9, test0 .. test9: uint8 [n, 784]), or such a file itself. Its
 * digits are dealt out in turn, 0 1 2 .. 9 0 1 .., so that the first ones are a fair sample.
 * The tensors belong to the innermost scope. False with the error in ctx. */
bool mnist_load(tn_ctx *ctx, const char *source, mnist *digits);

#endif
