/* commands.h - programs made of sub-commands. */
#ifndef EXAMPLES_COMMANDS_H
#define EXAMPLES_COMMANDS_H

#include <signal.h>

typedef struct command {
    const char *name;
    int (*run)(int argc, char **argv); /* with the arguments after the name; the exit status */
    const char *summary;
} command;

/* Runs the one that argv[1] names, of a table that a NULL name ends, or lists them. `about` is one
 * sentence. Returns the exit status. */
int commands_run(const char *program, const char *about, const command *commands, int argc,
                 char **argv);

/* From then on Ctrl-C and SIGTERM are counted in `interrupted`; the third one ends the program. */
extern volatile sig_atomic_t interrupted;
void watch_interrupts(void);

#endif
