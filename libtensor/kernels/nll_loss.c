/* nll_loss.c - one number of each row: loss_i = -w_t x_it, and 0 for targets that are ignored. */
#include "kernels/real.h"

static inline double weight_of(const tn__cross_entropy *e, int64_t class)
{
    return e->weight ? (double)((const real *)e->weight)[class] : 1;
}

void KERNEL(nll_loss)(const tn__cross_entropy *e, int64_t n, const void *px, int64_t step,
                      void *ploss)
{
    const real *x = px;
    real *loss = ploss;
    for (int64_t i = 0; i < n; i++) {
        int64_t t = e->target[i];
        loss[i] = 0;
        if (t != e->ignore)
            loss[i] = (real)(-weight_of(e, t) * (double)x[i * e->ldx + t * step]);
    }
}

void KERNEL(nll_loss_backward)(const tn__cross_entropy *e, int64_t n, const void *pdy,
                               int64_t step_dy, double scale, void *pdx)
{
    const real *dy = pdy;
    real *dx = pdx;
    for (int64_t i = 0; i < n; i++) {
        int64_t t = e->target[i];
        if (t != e->ignore)
            dx[i * e->classes + t] = (real)(-weight_of(e, t) * ((double)dy[i * step_dy] * scale));
    }
}
