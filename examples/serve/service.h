/* service.h - which digit a picture shows: one set of weights, and a context for each thread. */
#ifndef EXAMPLES_SERVE_SERVICE_H
#define EXAMPLES_SERVE_SERVICE_H

#include <pthread.h>
#include <tn/tn.h>

#include "common/mnist.h"

/* Weights that nobody writes may be read by all threads at a time; a context may not. So a thread
 * takes one of `threads` contexts for each request, which has its memory from the ones before. */
typedef struct service {
    tn_module *net;
    const char *kind; /* "cnn" */
    tn_ctx **contexts;
    int count, idle; /* contexts, and those that no thread has */
    pthread_mutex_t lock;
} service;

typedef struct service_answer {
    double probability[MNIST_CLASSES];
    char error[256]; /* "" if there is none */
    bool own_fault;  /* and not that of the picture */
} service_answer;

/* Reads a network of `digits train` into `ctx` and makes the contexts. False with a reason in
 * `why`. To be freed by service_free before `ctx`, in any case. */
bool service_open(service *s, tn_ctx *ctx, const char *model, int threads, char *why, size_t room);
void service_free(service *s);

/* What a picture shows, by any thread: a JPEG or PNG file, whose middle square is scaled to
 * 28 x 28, dark on light or light on dark; or 784 bytes of ink, as in MNIST. */
bool service_ask(service *s, const uint8_t *bytes, size_t size, service_answer *answer);

#endif
