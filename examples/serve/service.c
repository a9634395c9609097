/* service.c - reads a network of `digits train`, and asks it what pictures show. */
#include "serve/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/photo.h"
#include "digits/models.h"

enum { PIXELS = MNIST_SIDE * MNIST_SIDE };

/* ---- the network ----------------------------------------------------------------------------- */

/* The network of `digits train` whose state these tensors are. */
static bool fill_net(service *s, tn_ctx *ctx, const tn_dict *state)
{
    for (const digit_model *m = DIGIT_MODELS; m <= &DIGIT_MODELS[MODEL_CNN]; m++) {
        tn_module *net = digit_net(ctx, m, 0);
        if (net && tn_load_state_dict(ctx, net, state, (tn_load_opts){0}) == TN_OK) {
            tn_train(net, false);
            s->net = net;
            s->kind = m->name;
            return true;
        }
        tn_module_free(net);
        if (tn_error_status(ctx) == TN_ERR_MEMORY)
            return false;
        tn_clear_error(ctx);
    }
    return false;
}

static bool read_net(service *s, tn_ctx *ctx, const char *model, char *why, size_t room)
{
    tn_dict *state = tn_load_dict(ctx, model);
    bool filled = state && fill_net(s, ctx, state);
    if (!tn_ok(ctx))
        snprintf(why, room, "%s", tn_error(ctx));
    else if (!filled)
        snprintf(why, room, "%s is no network of digits train", model);
    tn_dict_free(state);
    return filled;
}

static bool make_contexts(service *s, int threads)
{
    s->contexts = calloc((size_t)threads, sizeof(tn_ctx *));
    while (s->contexts && s->count < threads) {
        tn_ctx *ctx = tn_ctx_new(&(tn_ctx_opts){.threads = 1});
        if (!ctx)
            return false;
        tn_set_grad_enabled(ctx, false);
        s->contexts[s->count++] = ctx;
    }
    s->idle = s->count;
    return s->contexts != NULL;
}

bool service_open(service *s, tn_ctx *ctx, const char *model, int threads, char *why, size_t room)
{
    *s = (service){.net = NULL};
    pthread_mutex_init(&s->lock, NULL);
    if (!read_net(s, ctx, model, why, room))
        return false;
    bool made = make_contexts(s, threads);
    if (!made)
        snprintf(why, room, "memory is short");
    return made;
}

void service_free(service *s)
{
    while (s->count > 0)
        tn_ctx_free(s->contexts[--s->count]);
    free(s->contexts);
    pthread_mutex_destroy(&s->lock);
}

/* A context that no other thread has; there are as many as threads. */
static tn_ctx *take_context(service *s)
{
    pthread_mutex_lock(&s->lock);
    tn_ctx *ctx = s->contexts[--s->idle];
    pthread_mutex_unlock(&s->lock);
    return ctx;
}

static void give_back(service *s, tn_ctx *ctx)
{
    pthread_mutex_lock(&s->lock);
    s->contexts[s->idle++] = ctx;
    pthread_mutex_unlock(&s->lock);
}

/* ---- pictures -------------------------------------------------------------------------------- */

/* Red, green and blue as grey (the weights of ITU-R BT.601, as in PIL). */
static int grey_of(const uint8_t *rgb)
{
    return (299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000;
}

/* Ink is what differs from the paper: the corner pixels say which of the two is light. */
static void ink_of(const image *square, uint8_t *ink)
{
    static const int corners[] = {0, MNIST_SIDE - 1, PIXELS - MNIST_SIDE, PIXELS - 1};
    int paper = 0;
    for (int i = 0; i < 4; i++)
        paper += grey_of(square->pixels + 3 * corners[i]);
    for (int i = 0; i < PIXELS; i++) {
        int grey = grey_of(square->pixels + 3 * i);
        ink[i] = (uint8_t)(paper > 2 * 255 ? 255 - grey : grey);
    }
}

static bool decode(const uint8_t *bytes, size_t size, uint8_t *ink, service_answer *answer)
{
    image photo, square;
    photo_error why;
    if (!photo_decode(bytes, size, &photo, &why)) {
        snprintf(answer->error, sizeof answer->error, "%s", why.text);
        if (why.other)
            snprintf(answer->error, sizeof answer->error,
                     "neither JPEG nor PNG, nor %d bytes of ink, but %zu bytes", PIXELS, size);
        return false;
    }
    bool scaled = image_square(&photo, MNIST_SIDE, &square);
    image_free(&photo);
    if (!scaled) {
        snprintf(answer->error, sizeof answer->error, "memory is short");
        answer->own_fault = true;
        return false;
    }
    ink_of(&square, ink);
    image_free(&square);
    return true;
}

/* ---- answers --------------------------------------------------------------------------------- */

static bool compute(tn_ctx *ctx, tn_module *net, uint8_t *ink, double *probability)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *bytes = tn_from_blob(ctx, TN_U8, TN_SHAPE(1, PIXELS), ink, NULL, NULL);
    tn_tensor *x = tn_mul_scalar(ctx, tn_cast(ctx, bytes, TN_F32), 1 / 255.0);
    tn_tensor *p = tn_softmax(ctx, tn_forward(ctx, net, x), 1);
    for (int64_t i = 0; p && i < MNIST_CLASSES; i++)
        probability[i] = tn_data_f32(p)[i];
    tn_scope_end(ctx, scope);
    return p != NULL;
}

bool service_ask(service *s, const uint8_t *bytes, size_t size, service_answer *answer)
{
    uint8_t ink[PIXELS];
    *answer = (service_answer){.own_fault = false};
    if (size == PIXELS)
        memcpy(ink, bytes, PIXELS);
    else if (!decode(bytes, size, ink, answer))
        return false;
    tn_ctx *ctx = take_context(s);
    bool answered = compute(ctx, s->net, ink, answer->probability);
    if (!answered) {
        snprintf(answer->error, sizeof answer->error, "%s", tn_error(ctx));
        answer->own_fault = true;
        tn_clear_error(ctx);
    }
    give_back(s, ctx);
    return answered;
}
