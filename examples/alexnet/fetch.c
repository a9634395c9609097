/* alexnet fetch: torchvision's weights, and the names of the classes. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alexnet/alexnet.h"
#include "common/cli.h"
#include "common/fetch.h"
#include "common/progress.h"
#include "common/report.h"
#include "common/sha256.h"

static const char WEIGHTS[] = "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth";
static const char NAMES[] = "https://raw.githubusercontent.com/pytorch/hub/"
                            "6bb7ade92447ed6f5569cfc035ed64ef3e4b633b/imagenet_classes.txt";

static const cli_program PROGRAM = {
    .name = "alexnet fetch",
    .summary = "Fetches torchvision's AlexNet, 233 MB, with curl, and the names of the thousand "
               "classes. A download that was cut off goes on where it ended. The SHA-256 of the "
               "weights must begin as the file's name says, as torch.hub checks it.",
};

typedef struct settings {
    const char *weights, *names, *hash, *out;
    bool quiet;
} settings;

/* Puts the downloaded part in its place if its hash is right, and removes it otherwise. */
static bool accept_part(const settings *s, const char *part, const char *file, const char *hash)
{
    sha256 found;
    if (!sha256_of_file(part, &found)) {
        cli_error(&PROGRAM, "%s: %s", part, strerror(errno));
        return false;
    }
    if (strncmp(found.hex, hash, strlen(hash)) != 0) {
        cli_error(&PROGRAM, "%s: the SHA-256 is %s and does not begin with %s; it is removed", file,
                  found.hex, hash);
        unlink(part);
        return false;
    }
    if (rename(part, file) != 0) {
        cli_error(&PROGRAM, "%s: %s", file, strerror(errno));
        return false;
    }
    if (!s->quiet)
        printf("%s\n  SHA-256 %s\n", file, found.hex);
    return true;
}

/* Goes on with DIR/NAME.part, if there is one. */
static bool get(const settings *s, const char *url, const char *hash)
{
    const char *slash = strrchr(url, '/');
    char part_name[256];
    int status;
    path file = path_join(s->out, slash ? slash + 1 : url);
    snprintf(part_name, sizeof(part_name), "%.240s.part", slash ? slash + 1 : url);
    path part = path_join(s->out, part_name);
    if (file_exists(file.s))
        return rename(file.s, part.s) == 0 && accept_part(s, part.s, file.s, hash);
    fetch f = {.url = url,
               .file = part.s,
               .resume = file_exists(part.s),
               .progress = !s->quiet && progress_possible()};
    pid_t child = fetch_begin(&f);
    if (child < 0 || waitpid(child, &status, 0) != child) {
        cli_error(&PROGRAM, "curl cannot be run; its package is named curl");
        return false;
    }
    const char *reason = fetch_reason(status);
    if (reason)
        cli_error(&PROGRAM, "%s: %s; the same command goes on", url, reason);
    return !reason && accept_part(s, part.s, file.s, hash);
}

int alexnet_fetch(int argc, char **argv)
{
    settings s = {.weights = WEIGHTS, .names = NAMES, .hash = "7be5be79", .out = "data/alexnet"};
    cli_option options[] = {
        {"weights", CLI_STRING, &s.weights, "URL", .help = "where the weights are"},
        {"sha256", CLI_STRING, &s.hash, "HEX", .help = "how their SHA-256 begins"},
        {"names", CLI_STRING, &s.names, "URL", .help = "where the names of the classes are",
         .shown_default = "those of pytorch/hub"},
        {"out", CLI_STRING, &s.out, "DIR", .help = "folder for the files"},
        {"quiet", CLI_FLAG, &s.quiet, .help = "show neither progress nor summary"},
        {.name = NULL},
    };
    cli_result parsed = cli_parse(&PROGRAM, options, argc, argv);
    if (parsed != CLI_RUN)
        return (int)parsed;
    if (!make_directories(s.out)) {
        cli_error(&PROGRAM, "%s: nothing can be written there: %s", s.out, strerror(errno));
        return CLI_EXIT_USAGE;
    }
    return get(&s, s.weights, s.hash) && get(&s, s.names, "") ? 0 : CLI_EXIT_FAILURE;
}
