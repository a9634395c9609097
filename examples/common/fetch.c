/* fetch.c - starts curl in a process of its own, and says why it failed. */
#include "common/fetch.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* What curl's exit statuses mean (curl(1), EXIT CODES). */
static const struct {
    int status;
    const char *meaning;
} MEANINGS[] = {
    {1, "no such protocol"},
    {3, "malformed URL"},
    {5, "proxy not found"},
    {6, "host not found"},
    {7, "no connection"},
    {18, "cut off"},
    {22, "refused by the server"},
    {23, "could not be stored"},
    {28, "timed out"},
    {33, "the server cannot go on in the middle"},
    {35, "no secure connection"},
    {47, "too many redirects"},
    {52, "an empty answer"},
    {56, "connection lost"},
    {60, "certificate not valid"},
    {63, "too large"},
};

/* What curl prints goes to the file `printed`. */
static int spawn(char **argv, const char *printed, bool silent, pid_t *child)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, printed, O_WRONLY | O_CREAT | O_TRUNC,
                                     0666);
    if (silent)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int failed = posix_spawnp(child, "curl", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

bool fetch_possible(void)
{
    char name[] = "curl", option[] = "--version";
    char *argv[] = {name, option, NULL};
    pid_t child;
    int status;
    return spawn(argv, "/dev/null", true, &child) == 0 && waitpid(child, &status, 0) == child &&
           WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Runs curl without the user's own settings. */
pid_t fetch_begin(const fetch *f)
{
    char connect[32], total[32], most[32], output[4096], url[8192];
    snprintf(connect, sizeof(connect), "%lld",
             (long long)(f->seconds / 10 > 5 || f->seconds == 0 ? 10 : 5));
    snprintf(total, sizeof(total), "%lld", (long long)f->seconds);
    snprintf(most, sizeof(most), "%lld", (long long)f->most_bytes);
    snprintf(output, sizeof(output), "%s", f->file);
    snprintf(url, sizeof(url), "%s", f->url);
    static const char *const ALWAYS[] = {
        "curl",    "--disable",   "--fail",    "--location",  "--max-redirs", "5",
        "--proto", "=http,https", "--globoff", "--write-out", "%{http_code}"};
    const char *words[32];
    int count = 0;
    for (size_t i = 0; i < sizeof(ALWAYS) / sizeof(ALWAYS[0]); i++)
        words[count++] = ALWAYS[i];
    words[count++] = f->progress ? "--progress-bar" : "--silent";
    const char *pairs[][2] = {{"--connect-timeout", connect},
                              {"--max-time", f->seconds > 0 ? total : NULL},
                              {"--max-filesize", f->most_bytes > 0 ? most : NULL},
                              {"--continue-at", f->resume ? "-" : NULL},
                              {"--output", output},
                              {"--url", url}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (pairs[i][1]) {
            words[count++] = pairs[i][0];
            words[count++] = pairs[i][1];
        }
    }
    words[count] = NULL;
    pid_t child = -1;
    const char *printed = f->code ? f->code : "/dev/null";
    return spawn((char **)words, printed, !f->progress, &child) == 0 ? child : -1;
}

const char *fetch_reason(int status)
{
    static char other[64];
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return NULL;
    for (size_t i = 0; WIFEXITED(status) && i < sizeof(MEANINGS) / sizeof(MEANINGS[0]); i++)
        if (MEANINGS[i].status == WEXITSTATUS(status))
            return MEANINGS[i].meaning;
    snprintf(other, sizeof(other),
             WIFEXITED(status) ? "curl ended with %d" : "curl was stopped (%d)",
             WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    return other;
}
