/* digits - learning the handwritten digits of MNIST with libtensor. */
#include "digits/digits.h"

#include <stdio.h>
#include <string.h>
#include <tn/tn.h>

#include "common/cli.h"

static const struct {
    const char *name;
    digits_command run;
    const char *summary;
} COMMANDS[] = {
    {"show", digits_show, "ten examples of each digit on one sheet"},
    {"forward", digits_forward, "random weights on real images: logits and probabilities"},
    {"gradcheck", digits_gradcheck, "the gradient against differences and its formula"},
    {"train", digits_train, "softmax regression, or a larger network"},
    {"compare", digits_compare, "gradient descent with and without momentum"},
    {"contour", digits_contour, "the loss over two weights, and the ways down"},
    {"backprop-cost", digits_backprop_cost,
     "what a gradient costs, with and without backpropagation"},
    {"all", digits_all, "all of these, one after another"},
};

static const cli_program PROGRAM = {.name = "digits"};

static void print_help(void)
{
    printf("usage: digits COMMAND [options]\n\n"
           "Learns the handwritten digits of MNIST with libtensor %s.\n\ncommands:\n",
           tn_version());
    for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++)
        printf("  %-15s%s\n", COMMANDS[i].name, COMMANDS[i].summary);
    printf("\ndigits COMMAND --help lists the options of a command.\n");
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";
    if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0) {
        print_help();
        return 0;
    }
    for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++)
        if (strcmp(command, COMMANDS[i].name) == 0)
            return COMMANDS[i].run(argc - 2, argv + 2);
    if (*command)
        cli_error(&PROGRAM, "there is no command '%s' (digits --help lists them)", command);
    else
        cli_error(&PROGRAM, "a command is missing (digits --help lists them)");
    return CLI_EXIT_USAGE;
}
