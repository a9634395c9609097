/* serve - a server that says what a picture shows, with libtensor and libmicrohttpd. */
#include <stddef.h>

#include "common/commands.h"
#include "serve/serve.h"

static const command COMMANDS[] = {
    {"digits", serve_digits, "which digit it is, by a network of digits train"},
    {.name = NULL},
};

int main(int argc, char **argv)
{
    return commands_run("serve", "Answers over HTTP what a picture shows.", COMMANDS, argc, argv);
}
