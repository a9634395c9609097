/* faces - telling people apart by their photographs, with libtensor. */
#include "faces/faces.h"

#include <stdio.h>
#include <string.h>
#include <tn/tn.h>

#include "common/cli.h"

static const struct {
    const char *name;
    faces_command run;
    const char *summary;
} COMMANDS[] = {
    {"download", faces_download, "photographs from the lists of FaceScrub"},
    {"generate", faces_generate, "drawn faces, where there are no photographs"},
    {"train", faces_train, "a network with one hidden layer"},
    {"weights", faces_weights, "what the hidden units see that matter most for each person"},
    {"predict", faces_predict, "who is on a photograph"},
};

static const cli_program PROGRAM = {.name = "faces"};

static void print_help(void)
{
    printf("usage: faces COMMAND [options]\n\n"
           "Learns to tell people apart by their photographs, with libtensor %s.\n\ncommands:\n",
           tn_version());
    for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++)
        printf("  %-12s%s\n", COMMANDS[i].name, COMMANDS[i].summary);
    printf("\nfaces COMMAND --help lists the options of a command.\n");
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
        cli_error(&PROGRAM, "there is no command '%s' (faces --help lists them)", command);
    else
        cli_error(&PROGRAM, "a command is missing (faces --help lists them)");
    return CLI_EXIT_USAGE;
}
