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

/* From then on the first of Ctrl-C, SIGTERM and SIGHUP is kept in `interrupted`, unless the program
 * was started to ignore it; the next one ends the program, but within a quarter of a second, since
 * timeout(1) sends one to a process and another to its group. */
extern volatile sig_atomic_t interrupted; /* 0: none came */
void watch_interrupts(void);

/* From then on they end the program again, unless a caller watches as well. One that was
 * interrupted is about to end by itself: still the second signal of its own ends it. */
void unwatch_interrupts(void);

/* Another process was interrupted by the signal `number`, 0: none was. As if it had come here, but
 * that the first one that does come counts as the same. */
void interrupt_too(int number);

/* The exit status of a program that such a signal stopped, as shells have it. */
int interrupted_status(void);

#endif
