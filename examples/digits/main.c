/* digits - learning the handwritten digits of MNIST with libtensor. */
#include "digits/digits.h"

#include <stddef.h>

#include "common/commands.h"

static const command COMMANDS[] = {
    {"show", digits_show, "ten examples of each digit on one sheet"},
    {"forward", digits_forward, "random weights on real images: logits and probabilities"},
    {"gradcheck", digits_gradcheck, "the gradient against differences and its formula"},
    {"train", digits_train, "softmax regression, or a larger network"},
    {"compare", digits_compare, "gradient descent with and without momentum"},
    {"contour", digits_contour, "the loss over two weights, and the ways down"},
    {"backprop-cost", digits_backprop_cost,
     "what a gradient costs, with and without backpropagation"},
    {"all", digits_all, "all of these, one after another"},
    {.name = NULL},
};

int main(int argc, char **argv)
{
    return commands_run("digits", "Learns the handwritten digits of MNIST.", COMMANDS, argc, argv);
}
