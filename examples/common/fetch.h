/* fetch.h - files from the network, by the program curl.
 *
 * It runs the program instead of using the library: nothing has to be linked or present when this
 * is built, another process handles what servers send, and time-outs, redirects and ranges work as
 * everybody knows them. */
#ifndef EXAMPLES_FETCH_H
#define EXAMPLES_FETCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct fetch {
    const char *url;
    const char *file;   /* where the bytes go */
    const char *code;   /* where the number of the server's status goes, "404", or NULL */
    int64_t most_bytes; /* 0: any number */
    int64_t seconds;    /* for all of it, 0: any number; a tenth of it, at least 5, to connect */
    bool resume;        /* go on behind the bytes that `file` has */
    bool progress;      /* let curl draw its progress */
} fetch;

/* Whether curl can be run. */
bool fetch_possible(void);

/* Begins to fetch in another process. -1 with errno. */
pid_t fetch_begin(const fetch *f);

/* What the status of the process, from waitpid, means: NULL if all bytes are there. */
const char *fetch_reason(int status);

#endif
