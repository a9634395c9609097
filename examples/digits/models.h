/* models.h - the networks that `digits train` can train, and how each is trained by default. */
#ifndef EXAMPLES_DIGITS_MODELS_H
#define EXAMPLES_DIGITS_MODELS_H

#include <tn/tn.h>

typedef enum digit_optimizer { OPTIMIZER_SGD, OPTIMIZER_ADAM } digit_optimizer;

typedef struct digit_model {
    const char *name, *title;
    tn_module *(*make)(tn_ctx *ctx); /* [n, 784] -> [n, 10] */
    digit_optimizer optimizer;
    int schedule;
    double lr; /* for the mean of the losses */
    int64_t batch, epochs, iterations;
} digit_model;

enum { MODEL_SOFTMAX, MODEL_MLP, MODEL_CNN };

extern const digit_model DIGIT_MODELS[];
extern const char *const MODEL_NAMES[];

/* 784-10, which starts as digit_net says. */
tn_module *softmax_net(tn_ctx *ctx, double init_std);

/* A new network. Unless init_std is 0, its weights and biases come from one normal distribution of
 * that deviation. */
tn_module *digit_net(tn_ctx *ctx, const digit_model *model, double init_std);

/* A step on images [n, 784] and their labels, in a scope of its own. Returns the mean of the losses
 * before it. */
double digit_step(tn_ctx *ctx, tn_module *net, tn_optim *opt, const tn_tensor *images,
                  const tn_tensor *labels);

#endif
