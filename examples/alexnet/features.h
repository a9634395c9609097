/* features.h - what the layers of AlexNet say to photographs, computed once and kept. */
#ifndef EXAMPLES_ALEXNET_FEATURES_H
#define EXAMPLES_ALEXNET_FEATURES_H

#include "alexnet/net.h"
#include "common/people.h"
#include "common/report.h"

/* How a photograph becomes the input of the network: the square in its middle at 227 pixels, as in
 * the study; or its shorter side at 256 and of that the 224 in the middle, as torchvision has it.
 * Then ([0, 1] - mean) / deviation by colour, with mean and deviation of ImageNet. */
typedef enum feature_input { INPUT_227, INPUT_224 } feature_input;

extern const char *const FEATURE_INPUTS[]; /* "227", "224" */

enum { FEATURE_BATCH = 32 };

/* The options --data and --input. */
cli_option feature_data_option(const char **data);
cli_option feature_input_option(int *input);

typedef struct feature_opts {
    int step;          /* of the network, after which it stops */
    int input;         /* feature_input */
    bool mirrored;     /* of the mirrored photographs, too */
    const char *cache; /* folder */
    int threads;
    bool quiet;
    const char *again; /* what goes on after a Ctrl-C: "the same command" */
} feature_opts;

/* What batches took from the folder, and what was computed. */
typedef struct feature_counts {
    int64_t kept, computed; /* batches */
} feature_counts;

/* The features of all photographs. */
typedef struct feature_set {
    int64_t count, numel; /* photographs; numbers of each */
    int ndim;
    int64_t shape[4]; /* [1, ...] of one */
    float *values;    /* [count, numel], then as many of the mirrored ones, if there are */
} feature_set;

/* The pixels of a photograph as the network takes them, [3, side, side]. False if memory is
 * short. */
bool feature_pixels(const image *photo, int input, bool mirrored, float *pixels);
int feature_side(int input);

/* Computes what is not in the folder yet, in batches of 32 photographs, each kept in a file
 * KEY.npz, whose key is a hash of the weights, the layer, the settings and the photographs. Memory
 * does not grow with their number. Several processes deal the batches out among them. False with a
 * line on standard error. */
bool features_compute(const cli_program *program, tn_ctx *ctx, const alexnet *a, const people *p,
                      const feature_opts *opts, feature_counts *counts);

/* The same, and reads them all. To be freed by features_free. */
bool features_load(const cli_program *program, tn_ctx *ctx, const alexnet *a, const people *p,
                   const feature_opts *opts, feature_set *f);
void features_free(feature_set *f);

/* The name of the file in the folder that holds the photographs from `first` on; "" if memory is
 * short, which names no file. */
path features_name(const alexnet *a, const people *p, const feature_opts *opts, int64_t first);

#endif
