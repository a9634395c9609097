/* http.h - answers requests over HTTP/1.1, by libmicrohttpd: what is asked goes in whole, what is
 * answered comes back whole. It knows nothing of networks. */
#ifndef EXAMPLES_SERVE_HTTP_H
#define EXAMPLES_SERVE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct http_request {
    const char *method, *path; /* "POST", "/classify" */
    const uint8_t *body;
    size_t size;
    int refused; /* 0, or the status that says why there is no body: 413 or 503 */
} http_request;

/* What is answered: a text that stays (a literal), or one in the room that is given. */
typedef struct http_reply {
    int status;
    const char *type;  /* "application/json" */
    const char *allow; /* "GET, HEAD": what the page takes, with status 405 */
    const char *text;
    char room[4096];
} http_reply;

/* Fills in the reply to a request. It runs in as many threads as the server has, and each waits
 * until its own has returned. */
typedef void (*http_answer)(void *payload, const http_request *request, http_reply *reply);

typedef struct http_options {
    const char *host;                            /* address, "127.0.0.1" or "::" */
    int64_t port, threads, connections, seconds; /* that a connection may be idle */
    size_t most_bytes;                           /* of a body: more is answered with 413, */
    size_t most_memory; /* and of all bodies at a time, which is no less: with 503 */
} http_options;

typedef struct http_server http_server;

/* Serves until http_stop. NULL with a reason in `why`. `answer` and `payload` must stay. */
http_server *http_start(const http_options *options, http_answer answer, void *payload, char *why,
                        size_t room);

/* The port that is listened on: that of the options, or one that was free if they say 0. */
int http_port(const http_server *server);

/* Takes no further connections, lets those that are open have their answers for `seconds` at most,
 * and ends. */
void http_stop(http_server *server, int seconds);

#endif
