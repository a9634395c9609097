/* commands.c - runs the sub-command that a command line names, and counts interrupts. */
#include "common/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <tn/tn.h>
#include <unistd.h>

#include "common/cli.h"
#include "common/processes.h"
#include "common/progress.h"

enum { NAME_COLUMN = 15 };

static void print_help(const char *program, const char *about, const command *commands)
{
    printf("usage: %s COMMAND [options]\n\n%s (libtensor %s)\n\ncommands:\n", program, about,
           tn_version());
    for (const command *c = commands; c->name; c++)
        printf("  %-*s%s\n", NAME_COLUMN, c->name, c->summary);
    printf("\n%s help COMMAND lists the options of a command, %s --version its version.\n", program,
           program);
}

static bool is_one_of(const char *word, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(word, *names) == 0)
            return true;
    return false;
}

/* A standard stream that was closed is opened again so that it can do nothing; else a file of
 * results could take its number. */
static void open_standard_streams(void)
{
    for (int number = STDIN_FILENO; number <= STDERR_FILENO; number++)
        while (fcntl(number, F_GETFD) == -1 && errno == EBADF)
            if (open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
                return;
}

/* What was printed counts as a result, too: a program whose output is lost has failed. */
static int flush_output(const char *name, int status)
{
    const cli_program self = {.name = name};
    bool failed = ferror(stdout);
    errno = 0;
    failed = fflush(stdout) != 0 || failed;
    if (!failed)
        return status;
    cli_error(&self, "standard output cannot be written%s%s", errno ? ": " : "",
              errno ? strerror(errno) : "");
    return status == 0 ? CLI_EXIT_FAILURE : status;
}

/* What several processes may do together. */
static const char *const SHARED[] = {"train", "features", NULL};

static int run_command_of(const char *program, const command *c, int argc, char **argv)
{
    char name[128];
    snprintf(name, sizeof(name), "%s %s", program, c->name);
    if (processes_count() > 1 && !is_one_of(c->name, SHARED)) {
        cli_error(&(cli_program){.name = name}, "it is for one process, not %d", processes_count());
        return CLI_EXIT_USAGE;
    }
    return flush_output(name, c->run(argc, argv));
}

static int run_words(const char *program, const char *about, const command *commands, int argc,
                     char **argv)
{
    static const char *const HELP[] = {"help", "--help", "-h", NULL};
    static const char *const VERSION[] = {"version", "--version", NULL};
    const cli_program self = {.name = program};
    const char *name = argc > 1 ? argv[1] : "";
    bool help = is_one_of(name, HELP);
    char option[] = "--help", *of_command[] = {option, NULL};
    if (is_one_of(name, VERSION)) {
        const char *library = processes_library();
        printf("%s (libtensor %s%s%s)\n", program, tn_version(), *library ? ", " : "", library);
        return flush_output(program, 0);
    }
    if (help && argc < 3) {
        print_help(program, about, commands);
        return flush_output(program, 0);
    }
    if (help)
        name = argv[2];
    for (const command *c = commands; c->name; c++)
        if (strcmp(name, c->name) == 0)
            return help ? run_command_of(program, c, 1, of_command)
                        : run_command_of(program, c, argc - 2, argv + 2);
    if (*name)
        cli_error(&self, "there is no command '%s' (%s --help lists them)", name, program);
    else
        cli_error(&self, "a command is missing (%s --help lists them)", program);
    return CLI_EXIT_USAGE;
}

int commands_run(const char *program, const char *about, const command *commands, int argc,
                 char **argv)
{
    open_standard_streams();
    int status = CLI_EXIT_FAILURE;
    if (processes_begin(program, &argc, &argv))
        status = run_words(program, about, commands, argc, argv);
    processes_end();
    return status;
}

/* ---- Ctrl-C ---------------------------------------------------------------------------------- */

volatile sig_atomic_t interrupted;

static const int SIGNALS[] = {SIGINT, SIGTERM, SIGHUP};

enum { SIGNAL_COUNT = sizeof(SIGNALS) / sizeof(SIGNALS[0]) };

static const double SAME_SECONDS = 0.25;
static volatile sig_atomic_t came;   /* the first signal of this process, */
static volatile double first_second; /* and when it came */
static volatile sig_atomic_t to_terminal;

/* The second signal may come to another thread than the first, and at the same time: who finds
 * `came` set finds the time, too. */
static void interrupt(int number)
{
    static const char NOTE[] = "\rstopping as soon as possible; a second Ctrl-C ends at once\n";
    int reason = errno;
    if (!came) {
        first_second = seconds_now();
        came = number;
        interrupt_too(number);
        if (to_terminal && write(STDERR_FILENO, NOTE, sizeof(NOTE) - 1) < 0)
            to_terminal = 0;
    } else if (seconds_now() - first_second > SAME_SECONDS) {
        signal(number, SIG_DFL);
        raise(number);
    }
    errno = reason;
}

/* A signal that is ignored from the start stays so: nohup(1) and shells mean it. */
static void handle(void (*handler)(int))
{
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        struct sigaction action = {.sa_handler = handler}, before;
        sigemptyset(&action.sa_mask);
        if (sigaction(SIGNALS[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(SIGNALS[i], &action, NULL);
    }
}

static int watching; /* how many watch */

void watch_interrupts(void)
{
    if (watching++ > 0)
        return;
    interrupted = came = 0;
    to_terminal = isatty(STDERR_FILENO);
    handle(interrupt);
}

/* The signal of one that stops because another was interrupted may be on its way still: that of a
 * cluster reaches its machines one after another. */
void unwatch_interrupts(void)
{
    if (--watching == 0 && !interrupted)
        handle(SIG_DFL);
}

void interrupt_too(int number)
{
    if (!interrupted)
        interrupted = number;
}

int interrupted_status(void)
{
    return 128 + interrupted;
}
