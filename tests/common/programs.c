/* programs.c - runs the example programs and reads what they leave. */
#define _XOPEN_SOURCE 700 /* terminals, and nftw */
#include "common/programs.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "common/files.h"

#ifndef TN_TEST_PROGRAMS
#define TN_TEST_PROGRAMS "build/bin"
#endif

char printed[16384], complained[4096];

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status, (void)kind, (void)where;
    return remove(path);
}

void remove_tree(const char *path)
{
    ck_assert_msg(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT,
                  "%s stays: %s", path, strerror(errno));
}

void remove_work(void)
{
    remove_tree(folder_path(""));
}

char *text_of(const char *path)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "no file %s", path);
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    char *text = malloc(size + 1);
    ck_assert_uint_eq(fread(text, 1, size, file), size);
    text[size] = '\0';
    fclose(file);
    return text;
}

static void take_output(const char *name, char *text, size_t size)
{
    char *whole = text_of(folder_path(name));
    ck_assert_uint_lt(strlen(whole), size);
    strcpy(text, whole);
    free(whole);
}

static char line_of_shell[4096];

/* `output` is where it prints; NULL: the file of the folder. */
static void make_line(const char *before, const char *name, const char *arguments,
                      const char *output)
{
    size_t used = (size_t)snprintf(line_of_shell, sizeof line_of_shell,
                                   "%s " TN_TEST_PROGRAMS "/%s ", before, name);
    for (const char *c = arguments; *c; c++)
        used += (size_t)snprintf(line_of_shell + used, sizeof line_of_shell - used,
                                 *c == '@' ? "%s" : "%.1s", *c == '@' ? folder_path("") : c);
    snprintf(line_of_shell + used, sizeof line_of_shell - used, " >%s 2>%s",
             output ? output : folder_path("printed"), folder_path("complained"));
}

static int take_results(int status)
{
    take_output("printed", printed, sizeof printed);
    take_output("complained", complained, sizeof complained);
    ck_assert_msg(WIFEXITED(status), "%s ended by signal %d", line_of_shell, WTERMSIG(status));
    return WEXITSTATUS(status);
}

static int run(const char *before, const char *name, const char *arguments)
{
    make_line(before, name, arguments, NULL);
    return take_results(system(line_of_shell));
}

int run_program(const char *name, const char *arguments, bool with_path)
{
    return run(with_path ? "" : "PATH=/nonexistent", name, arguments);
}

/* Standard output is a device that has no room. */
static int lose_output(const char *before, const char *name, const char *arguments)
{
    work_write("printed", "", 0);
    make_line(before, name, arguments, "/dev/full");
    return take_results(system(line_of_shell));
}

int run_without_room(const char *name, const char *arguments)
{
    return lose_output("PATH=/nonexistent", name, arguments);
}

/* ---- terminals ------------------------------------------------------------------------------- */

/* The side of a terminal that shows what is written, and in *name the side of programs. */
static int open_terminal(char **name)
{
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    ck_assert_int_ge(terminal, 0);
    ck_assert_int_eq(grantpt(terminal), 0);
    ck_assert_int_eq(unlockpt(terminal), 0);
    *name = ptsname(terminal);
    ck_assert_ptr_nonnull(*name);
    return terminal;
}

/* Reads until no program has the terminal open any more. */
static void read_terminal(int terminal, char *text, size_t size)
{
    size_t length = 0;
    for (ssize_t got; (got = read(terminal, text + length, size - 1 - length)) > 0;) {
        length += (size_t)got;
        ck_assert_uint_lt(length, size - 1);
    }
    text[length] = '\0';
}

int run_on_terminal(const char *name, const char *arguments, const char *term, bool no_color)
{
    char before[128], *side;
    int status, terminal = open_terminal(&side);
    snprintf(before, sizeof before, "TERM=%s %s", term, no_color ? "NO_COLOR=1" : "");
    make_line(before, name, arguments, side);
    *strstr(line_of_shell, " 2>") = '\0';
    strcat(line_of_shell, " 2>&1");
    int kept = open(side, O_RDWR | O_NOCTTY);
    pid_t process = fork();
    ck_assert_int_ge(process, 0);
    if (process == 0) {
        execl("/bin/sh", "sh", "-c", line_of_shell, (char *)NULL);
        _exit(127);
    }
    close(kept);
    read_terminal(terminal, printed, sizeof printed);
    waitpid(process, &status, 0);
    close(terminal);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* ---- Ctrl-C ---------------------------------------------------------------------------------- */

/* What proc(5) shows of signals: those that wait for the process and its thread, those that are
 * held back, as a signal is while its handler runs, and those that have a handler; as bits, from
 * signal 1 in the lowest one. */
typedef struct signal_state {
    unsigned long long process, thread, blocked, caught;
    char name[64]; /* of the program that the process has become */
} signal_state;

static signal_state signals_of(pid_t process)
{
    char path[64], line[256];
    signal_state s = {.caught = 0};
    snprintf(path, sizeof path, "/proc/%d/status", (int)process);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "Name: %63s", s.name) != 1 &&
            sscanf(line, "SigPnd: %llx", &s.thread) != 1 &&
            sscanf(line, "ShdPnd: %llx", &s.process) != 1 &&
            sscanf(line, "SigBlk: %llx", &s.blocked) != 1)
            sscanf(line, "SigCgt: %llx", &s.caught);
    if (file)
        fclose(file);
    return s;
}

static bool has(unsigned long long set, int signal_number)
{
    return set >> (signal_number - 1) & 1;
}

/* Whether the process has become the program, and has its handlers, of which that of SIGINT comes
 * and goes first, and that of SIGHUP last. */
static bool waits_for_interrupts(pid_t process, const char *name)
{
    signal_state s = signals_of(process);
    return strcmp(s.name, name) == 0 && has(s.caught, SIGINT) && has(s.caught, SIGHUP);
}

/* Starts the line; Ctrl-C ends it unless it waits for one, even where this program ignores it, and
 * so does SIGHUP. */
static pid_t start_line(const char *name, const char *arguments)
{
    make_line("exec", name, arguments, NULL);
    pid_t process = fork();
    ck_assert_int_ge(process, 0);
    if (process == 0) {
        signal(SIGINT, SIG_DFL);
        signal(SIGHUP, SIG_DFL);
        execl("/bin/sh", "sh", "-c", line_of_shell, (char *)NULL);
        _exit(127);
    }
    return process;
}

static void wait_milliseconds(int count)
{
    nanosleep(&(struct timespec){count / 1000, count % 1000 * 1000000L}, NULL);
}

/* The process stands still, so that it is the same when the signal comes as when it was looked at.
 * False, with its status, if it has ended. */
static bool hold(pid_t process, int *status)
{
    kill(process, SIGSTOP);
    return waitpid(process, status, WUNTRACED) == process && WIFSTOPPED(*status);
}

/* It stands still and waits for a signal. False, with its status, if it ends before. */
static bool hold_when_ready(pid_t process, const char *name, bool (*ready)(void), int *status)
{
    while (waitpid(process, status, WNOHANG) == 0) {
        if (waits_for_interrupts(process, name) && ready()) {
            if (!hold(process, status) || waits_for_interrupts(process, name))
                return WIFSTOPPED(*status);
            kill(process, SIGCONT);
        }
        wait_milliseconds(1);
    }
    return false;
}

/* It gets the signal and goes on. */
static void signal_held(pid_t process, int signal_number)
{
    kill(process, signal_number);
    kill(process, SIGCONT);
}

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Both signals come while the process waits for them, the second one a moment after the first, as
 * when timeout(1) sends it to a process and to its group. Returns how many seconds it went on. */
static double interrupt(pid_t process, const char *name, int signal_number, int *status)
{
    double begin = seconds_now();
    signal_held(process, signal_number);
    if (hold(process, status)) {
        if (waits_for_interrupts(process, name))
            kill(process, signal_number);
        kill(process, SIGCONT);
        waitpid(process, status, 0);
    }
    return seconds_now() - begin;
}

/* Whom a second signal ends may have been told of it a quarter of a second late, by a machine that
 * has more to do: it is run again. */
int run_interrupted(const char *name, const char *arguments, bool (*ready)(void), int signal_number)
{
    int status;
    bool late = true;
    while (late) {
        pid_t process = start_line(name, arguments);
        late = hold_when_ready(process, name, ready, &status) &&
               interrupt(process, name, signal_number, &status) >= 0.25 && WIFSIGNALED(status);
    }
    return take_results(status);
}

/* Until its handler has run. */
static void wait_until_told(pid_t process)
{
    signal_state s;
    do {
        wait_milliseconds(1);
        s = signals_of(process);
    } while (has(s.process | s.thread | s.blocked, SIGINT));
}

/* It stands still between the two, or a fast machine would come to its end. */
static void interrupt_twice(pid_t process, int *status)
{
    signal_held(process, SIGINT);
    wait_until_told(process);
    if (hold(process, status)) {
        wait_milliseconds(500);
        signal_held(process, SIGINT);
        waitpid(process, status, 0);
    }
}

/* It is run again where it ends before the second one comes. */
int run_interrupted_twice(const char *name, const char *arguments, bool (*ready)(void))
{
    int status = 0;
    for (int tries = 0; tries < 5 && !WIFSIGNALED(status); tries++) {
        pid_t process = start_line(name, arguments);
        if (hold_when_ready(process, name, ready, &status))
            interrupt_twice(process, &status);
    }
    return status;
}

static int milliseconds_left;

static bool time_is_over(void)
{
    return milliseconds_left-- <= 0;
}

/* How often it was stopped, first after that many milliseconds. */
static int run_once_in_parts(const char *name, const char *arguments, const char *folder, int first)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    char line[1024];
    int stops = 0;
    for (int time = first;; time += time / 2) {
        int number = signals[stops % 3];
        milliseconds_left = time;
        snprintf(line, sizeof line, "%s --out @/%s%s", arguments, folder, stops ? " --resume" : "");
        int status = run_interrupted(name, line, time_is_over, number);
        if (status == 0)
            return stops;
        ck_assert_msg(status == 128 + number, "%s: %d, %s", line, status, complained);
        ck_assert_ptr_nonnull(strstr(complained, "with --resume the same command goes on"));
        stops++;
    }
}

void run_in_parts(const char *name, const char *arguments, const char *folder)
{
    for (int first = 200; run_once_in_parts(name, arguments, folder, first) == 0; first /= 2)
        remove_tree(folder_path(folder));
}

void link_root(void)
{
    char command[1200];
    snprintf(command, sizeof command, "ln -s \"$PWD\"/* '%s'", folder_path(""));
    ck_assert_int_eq(system(command), 0);
}

static const char *in_folder(void)
{
    static char before[1200];
    snprintf(before, sizeof before, "cd '%s' &&", folder_path(""));
    return before;
}

int run_in_folder(const char *name)
{
    return run(in_folder(), name, "");
}

int run_in_folder_without_room(const char *name)
{
    return lose_output(in_folder(), name, "");
}

void run_well(const char *name, const char *arguments)
{
    int status = run_program(name, arguments, false);
    ck_assert_str_eq(complained, "");
    ck_assert_int_eq(status, 0);
}

void run_badly(const char *name, const char *arguments, int status, const char *text)
{
    char start[128];
    snprintf(start, sizeof start, "%s %.*s: ", name, (int)strcspn(arguments, " "), arguments);
    ck_assert_msg(run_program(name, arguments, false) == status, "%s: %s", arguments, complained);
    ck_assert_msg(strncmp(complained, start, strlen(start)) == 0, "%s", complained);
    ck_assert_msg(strstr(complained, text) != NULL, "'%s' is not in '%s'", text, complained);
    ck_assert_msg(strcspn(complained, "\n") + 1 == strlen(complained), "%s", complained);
}

char *work_text(const char *name)
{
    return text_of(folder_path(name));
}

bool work_has(const char *name)
{
    return access(folder_path(name), F_OK) == 0;
}

bool work_same(const char *a, const char *b)
{
    char command[2200];
    snprintf(command, sizeof command, "cmp -s '%s' '%s'", folder_path(a), folder_path(b));
    ck_assert(work_has(a) && work_has(b));
    return system(command) == 0;
}

void work_same_table(const char *a, const char *b, int columns, int seconds)
{
    ck_assert_int_eq(work_lines(a), work_lines(b));
    for (int line = 1; line < work_lines(a); line++)
        for (int column = 0; column < columns; column++)
            if (column != seconds)
                ck_assert_double_eq(work_cell(a, line, column), work_cell(b, line, column));
}

double work_number(const char *name, const char *field)
{
    char key[128], *text = work_text(name);
    snprintf(key, sizeof key, "\"%s\": ", field);
    const char *at = strstr(text, key);
    ck_assert_msg(at != NULL, "%s has no %s", name, field);
    at += strlen(key);
    double value = strncmp(at, "null", 4) == 0 ? NAN : strtod(at, NULL);
    free(text);
    return value;
}

void work_near(const char *name, const char *field, double expected)
{
    double number = work_number(name, field);
    ck_assert_msg(fabs(number - expected) <= 2e-4 * fabs(expected), "%s: %s is %.9g, not %.9g",
                  name, field, number, expected);
}

int work_lines(const char *name)
{
    char *text = work_text(name);
    int lines = 0;
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    free(text);
    return lines;
}

/* Commas between quotes are of the text. */
static const char *next_cell(const char *at)
{
    for (bool quoted = false; *at && (quoted || !strchr(",\n", *at)); at++)
        quoted ^= *at == '"';
    return at + 1;
}

double work_cell(const char *name, int line, int column)
{
    char *text = work_text(name);
    const char *at = text;
    for (int i = 0; i < line && at; i++)
        at = (at = strchr(at, '\n')) ? at + 1 : NULL;
    for (int i = 0; i < column && at; i++)
        at = next_cell(at);
    ck_assert_msg(at != NULL, "%s has no line %d", name, line);
    double value = *at == ',' || *at == '\n' ? NAN : strtod(at, NULL);
    free(text);
    return value;
}

void work_write(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(folder_path(name), "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    fclose(file);
}
