/* chain.h - a chain of fully connected layers as plain loops, and two ways to differentiate it. */
#ifndef EXAMPLES_DIGITS_CHAIN_H
#define EXAMPLES_DIGITS_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

enum { CHAIN_HIDDEN = 4, CHAIN_LAYERS = CHAIN_HIDDEN + 1 };

/* Layer l takes size[l] values a[l] to size[l + 1] values a[l + 1] = tanh(W a + b), the last layer
 * without tanh; the loss is the cross-entropy of what comes out. */
typedef struct chain {
    int layers, label;
    int size[CHAIN_LAYERS + 1];
    const double *weight[CHAIN_LAYERS], *bias[CHAIN_LAYERS]; /* [out, in] and [out] */
    double *a[CHAIN_LAYERS + 1];
    double *delta[CHAIN_LAYERS + 1]; /* d loss / d (W a + b) of the layer before */
    double *gradient[CHAIN_LAYERS];  /* d loss / d W */
    double *change[2];
    double *memory; /* of all these but the weights */
} chain;

/* A chain of these sizes whose weights are still to be set. False if memory is short. To be freed
 * by chain_free. */
bool chain_make(chain *c, int layers, const int *size);
void chain_free(chain *c);

int64_t chain_weights(const chain *c, int layer);

/* Fills a and the last delta; a[0] is what goes in. */
void chain_forward(chain *c);

/* The same, and all gradients. */
void chain_backpropagate(chain *c);

/* d loss / d W_ij of one layer after chain_forward, without backpropagation. */
double chain_derivative(chain *c, int layer, int i, int j);

/* Multiply-adds with weights, the forward pass included, of chain_backpropagate, and of
 * chain_derivative for all weights. */
double chain_backpropagation_cost(const chain *c);
double chain_derivatives_cost(const chain *c);

#endif
