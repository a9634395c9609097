/* models.h - the networks of `make bench`; networks_torch.py builds the same. */
#ifndef BENCH_MODELS_H
#define BENCH_MODELS_H

#include <tn/tn.h>

/* What a line says about a network; each network takes what concerns it. */
typedef struct model_sizes {
    int64_t batch, side, width, depth;
} model_sizes;

enum { WIDTH = -1 };

typedef struct model {
    const char *name;
    tn_module *(*make)(tn_ctx *ctx, const model_sizes *sizes);

    /* A sample is an image of so many channels, or, if there are none, a row of so many numbers;
     * WIDTH: as many as the width of the line. */
    int64_t channels, inputs;
    tn_optim *(*optimiser)(tn_ctx *ctx, tn_module *net);
    int state; /* numbers that the optimiser keeps for each parameter */
} model;

/* NULL if there is none of that name. */
const model *model_named(const char *name);

#endif
