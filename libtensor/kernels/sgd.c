/* sgd.c - a step of stochastic gradient descent, as torch.optim.SGD defines it. */
#include "kernels/real.h"

/* d = g + decay p;  v = momentum v + (1 - dampening) d, v = d at first;  p -= lr v */
void KERNEL(sgd_step)(const tn__sgd *o, int64_t n, const void *pg, void *pv, void *pp)
{
    const real *restrict g = pg;
    real *restrict p = pp, *restrict v = pv;
    real lr = (real)o->lr, decay = (real)o->weight_decay;
    real keep = o->first ? 0 : (real)o->momentum;
    real add = o->first ? 1 : (real)(1 - o->dampening);
    real look = o->nesterov ? 1 : 0, momentum = o->nesterov ? (real)o->momentum : 1;
    if (!v) {
        for (int64_t i = 0; i < n; i++)
            p[i] -= lr * (g[i] + decay * p[i]);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        real d = g[i] + decay * p[i];
        v[i] = keep * v[i] + add * d;
        p[i] -= lr * (look * d + momentum * v[i]);
    }
}
