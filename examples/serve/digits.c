/* serve digits: a server that says which digit a picture shows. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/commands.h"
#include "common/progress.h"
#include "common/run.h"
#include "serve/counts.h"
#include "serve/http.h"
#include "serve/page.h"
#include "serve/serve.h"
#include "serve/service.h"

static const cli_program PROGRAM = {
    .name = "serve digits",
    .summary =
        "Answers over HTTP which digit a picture shows, by a network of digits train: POST a "
        "PNG or JPEG file, or 784 bytes of ink, to /classify. / is a page to draw on, "
        "/health says that all is well, /metrics counts for Prometheus. Ctrl-C or SIGTERM "
        "ends it: what has been asked is answered first, within 5 seconds.",
};

typedef struct server {
    run run;
    const char *model;
    http_options http;
    int64_t megabytes, all_megabytes; /* of a body; of all at a time */
    service service;
    counts counts;
} server;

/* ---- answers --------------------------------------------------------------------------------- */

/* `why` is shorter than the room. */
static void say_error(http_reply *reply, int status, const char *why)
{
    FILE *to = fmemopen(reply->room, sizeof reply->room, "w");
    if (to) {
        fputs("{\"error\": ", to);
        json_put_text(to, why);
        fputs("}\n", to);
        fclose(to);
    }
    reply->status = status;
    reply->text = reply->room;
}

/* The likeliest first. */
static void say_classes(http_reply *reply, const double *probability, double seconds)
{
    bool said[MNIST_CLASSES] = {false};
    size_t n = 0, room = sizeof reply->room;
    n += (size_t)snprintf(reply->room, room, "{\"classes\": [");
    for (int k = 0; k < MNIST_CLASSES; k++) {
        int best = -1;
        for (int i = 0; i < MNIST_CLASSES; i++)
            if (!said[i] && (best < 0 || probability[i] > probability[best]))
                best = i;
        said[best] = true;
        n += (size_t)snprintf(reply->room + n, room - n,
                              "%s{\"class\": \"%d\", \"probability\": %.6f}", k ? ", " : "", best,
                              probability[best]);
    }
    snprintf(reply->room + n, room - n, "], \"milliseconds\": %.3f}\n", 1e3 * seconds);
    reply->text = reply->room;
}

static void classify(server *s, const http_request *request, http_reply *reply)
{
    double begin = seconds_now();
    service_answer answer;
    if (request->size == 0)
        say_error(reply, 400, "the body is empty: a picture is expected");
    else if (service_ask(&s->service, request->body, request->size, &answer))
        say_classes(reply, answer.probability, seconds_now() - begin);
    else
        say_error(reply, answer.own_fault ? 500 : 400, answer.error);
}

static void say_health(server *s, http_reply *reply)
{
    snprintf(reply->room, sizeof reply->room,
             "{\"status\": \"ok\", \"network\": \"%s\", \"libtensor\": \"%s\"}\n", s->service.kind,
             tn_version());
    reply->text = reply->room;
}

static void say_metrics(server *s, http_reply *reply)
{
    counts_print(&s->counts, reply->room, sizeof reply->room);
    reply->type = "text/plain; version=0.0.4";
    reply->text = reply->room;
}

static void say_page(http_reply *reply)
{
    reply->type = "text/html; charset=utf-8";
    reply->text = PAGE;
}

static bool asks_for(const http_request *request, const char *what)
{
    return strcmp(request->path, what) == 0;
}

/* What came was not kept. */
static void say_refused(http_reply *reply, int status)
{
    say_error(reply, status,
              status == 413 ? "the body is too large"
                            : "the memory for bodies of requests is full");
}

/* A page takes POST or, if not, GET and HEAD. */
static void say_method(http_reply *reply, bool post)
{
    say_error(reply, 405, post ? "/classify takes POST" : "this takes GET");
    reply->allow = post ? "POST" : "GET, HEAD";
}

static void route(server *s, const http_request *request, http_reply *reply)
{
    bool post = strcmp(request->method, "POST") == 0;
    bool get = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
    bool classifies = asks_for(request, "/classify"), page = asks_for(request, "/");
    bool health = asks_for(request, "/health"), metrics = asks_for(request, "/metrics");
    if (request->refused)
        say_refused(reply, request->refused);
    else if (!classifies && !page && !health && !metrics)
        say_error(reply, 404, "there are /, /classify, /health and /metrics");
    else if (classifies ? !post : !get)
        say_method(reply, classifies);
    else if (classifies)
        classify(s, request, reply);
    else if (health)
        say_health(s, reply);
    else if (metrics)
        say_metrics(s, reply);
    else
        say_page(reply);
}

static void answer(void *payload, const http_request *request, http_reply *reply)
{
    server *s = payload;
    double begin = seconds_now();
    route(s, request, reply);
    counts_add(&s->counts, reply->status, seconds_now() - begin);
}

/* ---- the program ----------------------------------------------------------------------------- */

static bool write_metrics(const server *s, double seconds)
{
    report to;
    if (!run_open_metrics(&s->run, &to))
        return false;
    run_put_machine(&to, &s->run);
    json_string(&to, "network", s->service.kind);
    json_integer(&to, "workers", s->http.threads);
    json_number(&to, "seconds", seconds);
    json_integer(&to, "answered", (int64_t)s->counts.answered);
    json_integer(&to, "refused", (int64_t)s->counts.refused);
    json_integer(&to, "failed", (int64_t)s->counts.failed);
    json_number(&to, "median_seconds", counts_quantile(&s->counts, 0.5));
    json_number(&to, "p99_seconds", counts_quantile(&s->counts, 0.99));
    return run_close_metrics(&s->run, &to);
}

static void print_summary(const server *s, double seconds)
{
    printf("%llu requests in %.1f s, %llu refused, %llu failed; half within %.3g ms, 99 %% within "
           "%.3g ms\n",
           (unsigned long long)counts_requests(&s->counts), seconds,
           (unsigned long long)s->counts.refused, (unsigned long long)s->counts.failed,
           1e3 * counts_quantile(&s->counts, 0.5), 1e3 * counts_quantile(&s->counts, 0.99));
}

/* Threads of others (OpenBLAS has some from the start) may get the signal, so none can wait for it
 * by sigwait: a handler keeps it. */
static void wait_for_signal(void)
{
    const struct timespec turn = {.tv_nsec = 50000000};
    while (!interrupted)
        nanosleep(&turn, NULL);
}

static int serve_until_signal(server *s)
{
    char why[256];
    watch_interrupts();
    http_server *http = http_start(&s->http, answer, s, why, sizeof why);
    if (!http) {
        cli_error(&PROGRAM, "%s", why);
        return CLI_EXIT_FAILURE;
    }
    bool v6 = strchr(s->http.host, ':');
    printf("%s, %d threads: http://%s%s%s:%d/\n", s->service.kind, (int)s->http.threads,
           v6 ? "[" : "", s->http.host, v6 ? "]" : "", http_port(http));
    double begin = seconds_now();
    if (fflush(stdout) == 0)
        wait_for_signal(); /* else commands_run says that nobody can read where it listens */
    http_stop(http, 5);
    print_summary(s, seconds_now() - begin);
    return !s->run.out || write_metrics(s, seconds_now() - begin) ? 0 : CLI_EXIT_FAILURE;
}

static int work(run *r, void *payload)
{
    server *s = payload;
    char why[512];
    if (s->all_megabytes < s->megabytes) {
        cli_error(&PROGRAM, "--memory %d is less than --most %d", (int)s->all_megabytes,
                  (int)s->megabytes);
        return CLI_EXIT_USAGE;
    }
    if (s->run.out && !run_make_out(&s->run))
        return CLI_EXIT_USAGE;
    s->http.most_bytes = (size_t)s->megabytes << 20;
    s->http.most_memory = (size_t)s->all_megabytes << 20;
    bool open = service_open(&s->service, r->ctx, s->model, (int)s->http.threads, why, sizeof why);
    if (!open)
        cli_error(&PROGRAM, "%s (make demo trains one)", why);
    int status = open ? serve_until_signal(s) : CLI_EXIT_USAGE;
    service_free(&s->service);
    return status;
}

int serve_digits(int argc, char **argv)
{
    static server s = {
        .run = {.program = &PROGRAM, .threads = 1},
        .model = "out/digits/model.safetensors",
        .http =
            {.host = "127.0.0.1", .port = 8080, .threads = 4, .connections = 1000, .seconds = 30},
        .megabytes = 16,
        .all_megabytes = 256,
    };
    const cli_option options[] = {
        {"model", CLI_STRING, &s.model, "FILE", .help = "a network of digits train"},
        {"host", CLI_STRING, &s.http.host, "ADDRESS", .help = "to listen on; :: is every one"},
        {"port", CLI_INT, &s.http.port, "N", .max = 65535, .help = "0: one that is free"},
        {"threads", CLI_INT, &s.http.threads, "N", .min = 1, .max = 256,
         .help = "that answer, each with a context of its own"},
        {"connections", CLI_INT, &s.http.connections, "N", .min = 1, .max = 65536,
         .help = "at a time; more wait"},
        {"timeout", CLI_INT, &s.http.seconds, "SECONDS", .min = 1, .max = 3600,
         .help = "until a connection that says nothing is closed"},
        {"most", CLI_INT, &s.megabytes, "MB", .min = 1, .max = 64, .help = "in one picture"},
        {"memory", CLI_INT, &s.all_megabytes, "MB", .min = 1, .max = 65536,
         .help = "for the pictures of all requests at a time; those beyond are answered with 503"},
        {"out", CLI_STRING, &s.run.out, "DIR", .help = "folder for metrics.json at the end",
         .shown_default = "none"},
        {.name = NULL},
    };
    return run_command(&s.run, options, argc, argv, work, &s);
}
