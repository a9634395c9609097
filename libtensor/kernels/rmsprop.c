/* rmsprop.c - a step of RMSprop, as torch.optim.RMSprop defines it. */
#include <tgmath.h>
#include "kernels/real.h"

/* d = g + decay p;  v = alpha v + (1 - alpha) d^2;  mean = alpha mean + (1 - alpha) d;
 * s = d / (sqrt(v - mean^2) + eps);  buf = momentum buf + s;  p -= lr buf.
 * Without `mean` it counts as 0, without `buf` s takes its place. Rounding may put mean^2 above v,
 * where PyTorch finds NaN; 0 is the root then. */
void KERNEL(rmsprop_step)(const tn__rmsprop *o, int64_t n, const void *pg, void *pv, void *pmean,
                          void *pbuf, void *pp)
{
    const real *restrict g = pg;
    real *restrict v = pv, *restrict mean = pmean, *restrict buf = pbuf, *restrict p = pp;
    real lr = (real)o->lr, decay = (real)o->weight_decay, eps = (real)o->eps;
    real alpha = (real)o->alpha, add = (real)(1 - o->alpha), momentum = (real)o->momentum;
    for (int64_t i = 0; i < n; i++) {
        real d = g[i] + decay * p[i], square = 0;
        v[i] = alpha * v[i] + add * d * d;
        if (mean) {
            mean[i] = alpha * mean[i] + add * d;
            square = mean[i] * mean[i];
        }
        real variance = v[i] - square;
        real s = d / (sqrt(variance < 0 ? (real)0 : variance) + eps);
        if (buf)
            s = buf[i] = momentum * buf[i] + s;
        p[i] -= lr * s;
    }
}
