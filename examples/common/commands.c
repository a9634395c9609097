/* commands.c - runs the sub-command that a command line names, and counts interrupts. */
#include "common/commands.h"

#include <stdio.h>
#include <string.h>
#include <tn/tn.h>

#include "common/cli.h"

enum { NAME_COLUMN = 15 };

static void print_help(const char *program, const char *about, const command *commands)
{
    printf("usage: %s COMMAND [options]\n\n%s (libtensor %s)\n\ncommands:\n", program, about,
           tn_version());
    for (const command *c = commands; c->name; c++)
        printf("  %-*s%s\n", NAME_COLUMN, c->name, c->summary);
    printf("\n%s COMMAND --help lists the options of a command.\n", program);
}

int commands_run(const char *program, const char *about, const command *commands, int argc,
                 char **argv)
{
    const cli_program self = {.name = program};
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_help(program, about, commands);
        return 0;
    }
    for (const command *c = commands; c->name; c++)
        if (strcmp(name, c->name) == 0)
            return c->run(argc - 2, argv + 2);
    if (*name)
        cli_error(&self, "there is no command '%s' (%s --help lists them)", name, program);
    else
        cli_error(&self, "a command is missing (%s --help lists them)", program);
    return CLI_EXIT_USAGE;
}

/* ---- Ctrl-C ---------------------------------------------------------------------------------- */

volatile sig_atomic_t interrupted;

/* One Ctrl-C may arrive twice, as when timeout(1) sends it to a process and to its group. */
static void interrupt(int number)
{
    if (++interrupted < 3)
        return;
    signal(number, SIG_DFL);
    raise(number);
}

void watch_interrupts(void)
{
    struct sigaction action = {.sa_handler = interrupt};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}
