/* models.h - the networks that `digits train` can train, and how each is trained by default. */
#ifndef EXAMPLES_DIGITS_MODELS_H
#define EXAMPLES_DIGITS_MODELS_H

#include <tn/tn.h>

typedef enum digit_optimizer { OPTIMIZER_SGD, OPTIMIZER_ADAM } digit_optimizer;
typedef enum digit_schedule { SCHEDULE_CONSTANT, SCHEDULE_COSINE } digit_schedule;

typedef struct digit_model {
    const char *name, *title;
    tn_module *(*make)(tn_ctx *ctx); /* [n, 784] -> [n, 10] */
    digit_optimizer optimizer;
    digit_schedule schedule;
    double lr; /* for the mean of the losses */
    int64_t batch, epochs, iterations;
} digit_model;

enum { MODEL_SOFTMAX, MODEL_MLP, MODEL_CNN };

extern const digit_model DIGIT_MODELS[];
extern const char *const MODEL_NAMES[];

/* A new network. Unless init_std is 0, its weights and biases come from one normal distribution of
 * that deviation. */
tn_module *digit_net(tn_ctx *ctx, const digit_model *model, double init_std);

#endif
