/* http.h - a server on loopback, for programs that fetch. */
#ifndef TEST_HTTP_H
#define TEST_HTTP_H

#include <stddef.h>

/* What is answered to a path. */
typedef struct http_answer {
    const char *path;   /* "/good.jpg" */
    const char *status; /* "200 OK" */
    const char *header; /* further lines, each ended by \r\n; NULL: none */
    const void *bytes;
    size_t size, said; /* what is sent, and what Content-Length says if it is not 0 */
    double seconds;    /* waited before the bytes */
    int ranges;        /* answers requests for what follows some byte, with status 206 */
} http_answer;

/* Answers on a port of 127.0.0.1, which is returned, until the process ends; whatever is not in the
 * table is answered with 404. `answers` must stay. */
int http_start(const http_answer *answers, int count);

/* How often a path was asked for, and how many bytes of it were sent. */
int http_asked(const char *path);
size_t http_sent(const char *path);

#endif
