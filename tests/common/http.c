/* http.c - a server on loopback that gives each request the answer of the test. */
#include "common/http.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_ANSWERS = 32 };

static const http_answer *table;
static int answers_in_table;
static int asked[MOST_ANSWERS];
static size_t sent[MOST_ANSWERS];
static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;

static int number_of(const char *path)
{
    for (int i = 0; i < answers_in_table; i++)
        if (strcmp(table[i].path, path) == 0)
            return i;
    return -1;
}

static void wait_seconds(double seconds)
{
    struct timespec time = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};
    nanosleep(&time, NULL);
}

/* Reads up to the empty line. */
static void read_request(int connection, char *text, size_t size)
{
    size_t length = 0;
    text[0] = '\0';
    while (length + 1 < size && !strstr(text, "\r\n\r\n")) {
        ssize_t more = read(connection, text + length, size - 1 - length);
        if (more <= 0)
            break;
        length += (size_t)more;
        text[length] = '\0';
    }
}

static void answer(int connection, int number, size_t from)
{
    const http_answer *a = &table[number];
    char head[1024];
    size_t size = a->size - from, said = a->said ? a->said : size;
    snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%sConnection: close\r\n\r\n",
             from > 0 ? "206 Partial Content" : a->status, said, a->header ? a->header : "");
    if (from > 0)
        snprintf(head, sizeof head,
                 "HTTP/1.1 206 Partial Content\r\nContent-Length: %zu\r\nContent-Range: bytes "
                 "%zu-%zu/%zu\r\nConnection: close\r\n\r\n",
                 size, from, a->size - 1, a->size);
    pthread_mutex_lock(&counting); /* whoever has the answer finds it counted */
    asked[number]++;
    pthread_mutex_unlock(&counting);
    ssize_t written = write(connection, head, strlen(head));
    wait_seconds(a->seconds);
    pthread_mutex_lock(&counting);
    if (written > 0)
        written = send(connection, (const char *)a->bytes + from, size, MSG_NOSIGNAL);
    sent[number] += written > 0 ? (size_t)written : 0;
    pthread_mutex_unlock(&counting);
}

static void *serve(void *payload)
{
    static const char missing[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    int connection = *(int *)payload;
    char request[4096], path[256] = "";
    free(payload);
    read_request(connection, request, sizeof request);
    sscanf(request, "GET %255s", path);
    int number = number_of(path);
    const char *range = strstr(request, "Range: bytes=");
    if (number < 0)
        send(connection, missing, sizeof missing - 1, MSG_NOSIGNAL);
    else
        answer(connection, number,
               range && table[number].ranges ? strtoul(range + 13, NULL, 10) : 0);
    close(connection);
    return NULL;
}

/* Each connection has a thread, so that a slow one holds up no other. */
static void *accept_all(void *payload)
{
    int listening = *(int *)payload;
    free(payload);
    for (;;) {
        int *connection = malloc(sizeof *connection);
        pthread_t thread;
        *connection = accept(listening, NULL, NULL);
        if (*connection < 0 || pthread_create(&thread, NULL, serve, connection) != 0)
            free(connection);
        else
            pthread_detach(thread);
    }
    return NULL;
}

int http_start(const http_answer *answers, int count)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    pthread_t thread;
    ck_assert_int_le(count, MOST_ANSWERS);
    int *listening = malloc(sizeof *listening);
    table = answers;
    answers_in_table = count;
    memset(asked, 0, sizeof asked);
    memset(sent, 0, sizeof sent);
    signal(SIGPIPE, SIG_IGN);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *listening = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(*listening, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(*listening, 64), 0);
    ck_assert_int_eq(getsockname(*listening, (struct sockaddr *)&address, &size), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, accept_all, listening), 0);
    pthread_detach(thread);
    return ntohs(address.sin_port);
}

int http_asked(const char *path)
{
    pthread_mutex_lock(&counting);
    int times = asked[number_of(path)];
    pthread_mutex_unlock(&counting);
    return times;
}

size_t http_sent(const char *path)
{
    pthread_mutex_lock(&counting);
    size_t bytes = sent[number_of(path)];
    pthread_mutex_unlock(&counting);
    return bytes;
}
