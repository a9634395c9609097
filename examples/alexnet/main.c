/* alexnet - AlexNet on photographs, with libtensor. */
#include "alexnet/alexnet.h"

#include <stdio.h>
#include <string.h>
#include <tn/tn.h>

#include "common/cli.h"

static const struct {
    const char *name;
    alexnet_command run;
    const char *summary;
} COMMANDS[] = {
    {"fetch", alexnet_fetch, "torchvision's weights"},
    {"features", alexnet_features, "what a layer says to photographs, kept in files"},
    {"train", alexnet_train, "who is on a photograph, from the features of a layer"},
    {"predict", alexnet_predict, "who is on a photograph"},
    {"classify", alexnet_classify, "which of the thousand classes of ImageNet it shows"},
    {"filters", alexnet_filters, "what the first layer looks for, and what layers say"},
};

static const cli_program PROGRAM = {.name = "alexnet"};

static void print_help(void)
{
    printf("usage: alexnet COMMAND [options]\n\n"
           "Runs AlexNet, and learns on top of it to tell people apart, with libtensor "
           "%s.\n\ncommands:\n",
           tn_version());
    for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++)
        printf("  %-12s%s\n", COMMANDS[i].name, COMMANDS[i].summary);
    printf("\nalexnet COMMAND --help lists the options of a command.\n");
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
        cli_error(&PROGRAM, "there is no command '%s' (alexnet --help lists them)", command);
    else
        cli_error(&PROGRAM, "a command is missing (alexnet --help lists them)");
    return CLI_EXIT_USAGE;
}
