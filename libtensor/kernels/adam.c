/* adam.c - a step of Adam and AdamW, as torch.optim defines them. */
#include <tgmath.h>
#include "kernels/real.h"

/* p *= shrink;  d = g + l2 p;  m = beta1 m + (1 - beta1) d;  v = beta2 v + (1 - beta2) d^2;
 * p -= step m / (norm sqrt(v) + eps) */
void KERNEL(adam_step)(const tn__adam *o, int64_t n, const void *pg, void *pm, void *pv, void *pp)
{
    const real *restrict g = pg;
    real *restrict m = pm, *restrict v = pv, *restrict p = pp;
    real beta1 = (real)o->beta1, add1 = (real)(1 - o->beta1);
    real beta2 = (real)o->beta2, add2 = (real)(1 - o->beta2);
    real step = (real)o->step, norm = (real)o->norm, eps = (real)o->eps;
    real l2 = (real)o->l2, shrink = (real)o->shrink;
    for (int64_t i = 0; i < n; i++) {
        real d = g[i] + l2 * p[i];
        m[i] = beta1 * m[i] + add1 * d;
        v[i] = beta2 * v[i] + add2 * d * d;
        p[i] = shrink * p[i] - step * m[i] / (norm * sqrt(v[i]) + eps);
    }
}
