/* http.c - collects the body of each request, has it answered, and sends the answer. */
#include "serve/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct http_server {
    struct MHD_Daemon *daemon;
    http_answer answer;
    void *payload;
    size_t most_bytes, most_memory;
    atomic_size_t memory; /* of the bodies of all requests */
    atomic_bool stopping;
};

/* The body of one request, as far as it has come. */
typedef struct collected {
    uint8_t *bytes;
    size_t size, room;
    int refused; /* the status; 0: it is kept */
} collected;

/* ---- bodies ---------------------------------------------------------------------------------- */

/* Counts `size` bytes more, unless all would be more than they may. */
static bool reserve(http_server *server, size_t size)
{
    size_t memory = server->memory;
    do
        if (size > server->most_memory - memory)
            return false;
    while (!atomic_compare_exchange_weak(&server->memory, &memory, memory + size));
    return true;
}

static void drop(http_server *server, collected *c)
{
    free(c->bytes);
    atomic_fetch_sub(&server->memory, c->room);
    c->bytes = NULL;
    c->size = c->room = 0;
}

static bool make_room(http_server *server, collected *c, size_t size)
{
    if (size <= c->room)
        return true;
    size_t room = 2 * size < server->most_bytes ? 2 * size : server->most_bytes;
    if (!reserve(server, room - c->room))
        return false;
    uint8_t *bytes = realloc(c->bytes, room);
    if (bytes) {
        c->bytes = bytes;
        c->room = room;
    } else
        atomic_fetch_sub(&server->memory, room - c->room);
    return bytes != NULL;
}

/* What cannot be kept is read to its end and dropped, so that the client hears why. */
static void collect(http_server *server, collected *c, const char *bytes, size_t size)
{
    if (c->refused)
        return;
    if (size > server->most_bytes - c->size)
        c->refused = 413;
    else if (!make_room(server, c, c->size + size))
        c->refused = 503;
    if (c->refused) {
        drop(server, c);
        return;
    }
    memcpy(c->bytes + c->size, bytes, size);
    c->size += size;
}

/* ---- answers --------------------------------------------------------------------------------- */

static enum MHD_Result send_reply(const http_server *server, struct MHD_Connection *connection,
                                  const http_reply *reply)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(reply->text), (void *)(uintptr_t)reply->text, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", reply->type);
    if (reply->allow)
        MHD_add_response_header(response, "Allow", reply->allow);
    if (server->stopping)
        MHD_add_response_header(response, "Connection", "close");
    enum MHD_Result sent = MHD_queue_response(connection, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    return sent;
}

/* libmicrohttpd calls once for the header, then for each piece of the body, then without one. */
static enum MHD_Result handle(void *payload, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *bytes,
                              size_t *size, void **state)
{
    (void)version;
    http_server *server = payload;
    collected *c = *state;
    if (!c) {
        *state = calloc(1, sizeof *c);
        return *state ? MHD_YES : MHD_NO;
    }
    if (*size > 0) {
        collect(server, c, bytes, *size);
        *size = 0;
        return MHD_YES;
    }
    http_reply reply = {.status = 200, .type = "application/json", .text = ""};
    const http_request request = {method, path, c->bytes, c->size, c->refused};
    server->answer(server->payload, &request, &reply);
    return send_reply(server, connection, &reply);
}

static void forget(void *payload, struct MHD_Connection *connection, void **state,
                   enum MHD_RequestTerminationCode why)
{
    (void)connection;
    (void)why;
    collected *c = *state;
    if (c)
        drop(payload, c);
    free(c);
    *state = NULL;
}

/* ---- start and stop -------------------------------------------------------------------------- */

/* What comes while the server stops is closed at once. MHD_quiesce_daemon would leave it waiting,
 * and it ends the program if a thread takes the socket out of its epoll set at the same time
 * (libmicrohttpd 0.9.75). */
static enum MHD_Result admit(void *payload, const struct sockaddr *from, socklen_t size)
{
    (void)from;
    (void)size;
    return ((http_server *)payload)->stopping ? MHD_NO : MHD_YES;
}

/* The address to listen on; NULL with a reason. */
static struct addrinfo *address_of(const http_options *o, char *why, size_t room)
{
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char port[8];
    snprintf(port, sizeof port, "%d", (int)o->port);
    int error = getaddrinfo(o->host, port, &hints, &found);
    if (error)
        snprintf(why, room, "%s: %s", o->host, gai_strerror(error));
    return error ? NULL : found;
}

static struct MHD_Daemon *listen_on(http_server *server, const http_options *o,
                                    const struct addrinfo *at)
{
    unsigned flags = MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ITC;
    if (at->ai_family == AF_INET6)
        flags |= MHD_USE_DUAL_STACK;
    struct MHD_OptionItem pool[] = {{MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)o->threads, NULL},
                                    {MHD_OPTION_END, 0, NULL}};
    if (o->threads == 1)
        pool[0].option = MHD_OPTION_END; /* a pool has two threads at least */
    return MHD_start_daemon(flags, (uint16_t)o->port, admit, server, handle, server,
                            MHD_OPTION_SOCK_ADDR, at->ai_addr, MHD_OPTION_CONNECTION_LIMIT,
                            (unsigned)o->connections, MHD_OPTION_CONNECTION_TIMEOUT,
                            (unsigned)o->seconds, MHD_OPTION_NOTIFY_COMPLETED, forget, server,
                            MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
}

http_server *http_start(const http_options *options, http_answer answer, void *payload, char *why,
                        size_t room)
{
    http_server *server = calloc(1, sizeof *server);
    struct addrinfo *at = server ? address_of(options, why, room) : NULL;
    if (!at) {
        if (!server)
            snprintf(why, room, "memory is short");
        free(server);
        return NULL;
    }
    server->answer = answer;
    server->payload = payload;
    server->most_bytes = options->most_bytes;
    server->most_memory = options->most_memory;
    errno = 0;
    server->daemon = listen_on(server, options, at);
    freeaddrinfo(at);
    if (server->daemon)
        return server;
    snprintf(why, room, "%s, port %d: %s", options->host, (int)options->port,
             errno ? strerror(errno) : "it cannot be listened on");
    free(server);
    return NULL;
}

int http_port(const http_server *server)
{
    return MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

static unsigned open_connections(const http_server *server)
{
    return MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)
        ->num_connections;
}

void http_stop(http_server *server, int seconds)
{
    enum { TURN = 10 }; /* milliseconds */
    server->stopping = true;
    for (int turns = 0; open_connections(server) > 0 && turns < seconds * 1000 / TURN; turns++)
        nanosleep(&(struct timespec){.tv_nsec = TURN * 1000000L}, NULL);
    MHD_stop_daemon(server->daemon);
    free(server);
}
