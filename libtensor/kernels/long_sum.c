/* long_sum.c - sums of many arrays, each of which is a sum of some hundred terms already: what
 * rounding takes from an addition is kept beside the sum and given to the next one (Kahan, "Further
 * remarks on reducing truncation errors", 1965), so that the error does not grow with the number of
 * arrays. */
#include "kernels/real.h"

void KERNEL(add_part)(int64_t n, const void *px, void *py, void *plost)
{
    const real *x = px;
    real *y = py, *lost = plost;
    for (int64_t i = 0; i < n; i++)
        y[i] = add_exactly(y[i], x[i], lost + i);
}

/* What was lost is at most half a unit in the last place of y; if it is more, y was changed. */
void KERNEL(add_to_changed)(int64_t n, const void *px, void *plost, void *py)
{
    const real *restrict x = px;
    real *restrict y = py, *restrict lost = plost;
    for (int64_t i = 0; i < n; i++) {
        lost[i] = y[i] + lost[i] == y[i] ? lost[i] : 0;
        y[i] = add_exactly(y[i], x[i], lost + i);
    }
}
