/* chain.c - the gradient of a chain of layers, weight by weight and by backpropagation. */
#include "digits/chain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory ---------------------------------------------------------------------------------- */

int64_t chain_weights(const chain *c, int layer)
{
    return (int64_t)c->size[layer] * c->size[layer + 1];
}

/* The next `count` numbers of the memory; NULL while it is only counted. */
static double *take(const chain *c, size_t *used, int64_t count)
{
    double *at = c->memory ? c->memory + *used : NULL;
    *used += (size_t)count;
    return at;
}

static size_t divide_memory(chain *c)
{
    size_t used = 0;
    int widest = 0;
    for (int l = 0; l <= c->layers; l++) {
        c->a[l] = take(c, &used, c->size[l]);
        c->delta[l] = take(c, &used, c->size[l]);
        widest = c->size[l] > widest ? c->size[l] : widest;
    }
    for (int l = 0; l < c->layers; l++)
        c->gradient[l] = take(c, &used, chain_weights(c, l));
    for (int i = 0; i < 2; i++)
        c->change[i] = take(c, &used, widest);
    return used;
}

bool chain_make(chain *c, int layers, const int *size)
{
    *c = (chain){.layers = layers};
    memcpy(c->size, size, ((size_t)layers + 1) * sizeof(*size));
    c->memory = calloc(divide_memory(c), sizeof(double));
    if (c->memory)
        divide_memory(c);
    return c->memory != NULL;
}

void chain_free(chain *c)
{
    free(c->memory);
    c->memory = NULL;
}

/* ---- forward --------------------------------------------------------------------------------- */

static double dot(int n, const double *x, const double *y)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}

/* The last delta is p - y, p the soft-max of what comes out and y the unit vector of the label. */
void chain_forward(chain *c)
{
    for (int l = 0; l < c->layers; l++) {
        int in = c->size[l], out = c->size[l + 1];
        for (int i = 0; i < out; i++) {
            double z = c->bias[l][i] + dot(in, c->weight[l] + (int64_t)i * in, c->a[l]);
            c->a[l + 1][i] = l + 1 < c->layers ? tanh(z) : z;
        }
    }
    const double *z = c->a[c->layers];
    double *delta = c->delta[c->layers], largest = -INFINITY, sum = 0;
    int classes = c->size[c->layers];
    for (int k = 0; k < classes; k++)
        largest = fmax(largest, z[k]);
    for (int k = 0; k < classes; k++)
        sum += delta[k] = exp(z[k] - largest);
    for (int k = 0; k < classes; k++)
        delta[k] = delta[k] / sum - (k == c->label);
}

/* ---- backward -------------------------------------------------------------------------------- */

/* dW_ij = delta_i a_j. */
static void weight_gradient(chain *c, int layer)
{
    int in = c->size[layer], out = c->size[layer + 1];
    const double *a = c->a[layer];
    for (int i = 0; i < out; i++) {
        double d = c->delta[layer + 1][i], *row = c->gradient[layer] + (int64_t)i * in;
#pragma omp simd
        for (int j = 0; j < in; j++)
            row[j] = d * a[j];
    }
}

/* delta_j of the layer before = (1 - a_j^2) sum_i delta_i W_ij. */
static void carry_back(chain *c, int layer)
{
    int in = c->size[layer], out = c->size[layer + 1];
    const double *a = c->a[layer];
    double *delta = c->delta[layer];
    memset(delta, 0, (size_t)in * sizeof(*delta));
    for (int i = 0; i < out; i++) {
        double d = c->delta[layer + 1][i];
        const double *row = c->weight[layer] + (int64_t)i * in;
#pragma omp simd
        for (int j = 0; j < in; j++)
            delta[j] += d * row[j];
    }
    for (int j = 0; j < in; j++)
        delta[j] *= 1 - a[j] * a[j];
}

void chain_backpropagate(chain *c)
{
    chain_forward(c);
    for (int l = c->layers - 1; l >= 0; l--) {
        weight_gradient(c, l);
        if (l > 0)
            carry_back(c, l);
    }
}

/* ---- one weight ------------------------------------------------------------------------------ */

/* dz_i = a_j for the unit i of the weight and 0 for the others of its layer; from there on
 * da = (1 - a^2) dz, dz = W da of the layer after it. Its first product has one unit that changes;
 * the loss changes by sum_k (p_k - y_k) dz_k. */
double chain_derivative(chain *c, int layer, int i, int j)
{
    double dz = c->a[layer][j], unit = c->a[layer + 1][i];
    if (layer + 1 == c->layers)
        return c->delta[c->layers][i] * dz;
    double da = (1 - unit * unit) * dz, *now = c->change[0], *next = c->change[1];
    for (int l = layer + 1; l < c->layers; l++) {
        int in = c->size[l], out = c->size[l + 1];
        for (int k = 0; k < out; k++) {
            const double *row = c->weight[l] + (int64_t)k * in;
            dz = l == layer + 1 ? row[i] * da : dot(in, row, now);
            unit = c->a[l + 1][k];
            next[k] = l + 1 < c->layers ? (1 - unit * unit) * dz : dz;
        }
        double *done = now;
        now = next;
        next = done;
    }
    return dot(c->size[c->layers], c->delta[c->layers], now);
}

/* ---- counting -------------------------------------------------------------------------------- */

/* Each weight is used forward, for its gradient and, but for the first layer, on the way back. */
double chain_backpropagation_cost(const chain *c)
{
    double cost = 0;
    for (int l = 0; l < c->layers; l++)
        cost += (l > 0 ? 3 : 2) * (double)chain_weights(c, l);
    return cost;
}

/* For a weight of layer l: its own product, out[l + 1] in the layer after it, all weights of those
 * that follow. */
double chain_derivatives_cost(const chain *c)
{
    double cost = 0;
    for (int l = 0; l < c->layers; l++) {
        double each = 1;
        for (int after = l + 1; after < c->layers; after++)
            each += after == l + 1 ? c->size[after + 1] : (double)chain_weights(c, after);
        cost += (1 + each) * (double)chain_weights(c, l);
    }
    return cost;
}
