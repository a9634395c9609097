/* Stops when two steps in a row are no better, and says which was the best. */
#include <stdio.h>
#include <tn/tn.h>

int main(void)
{
    double losses[] = {0.9, 0.5, 0.4, 0.45, 0.41, 0.3};
    tn_early_stopping stopping = {.patience = 2};
    for (int i = 0; i < 6 && !tn_early_stopping_over(&stopping); i++)
        tn_early_stopping_step(&stopping, losses[i]);
    printf("%d steps, the best was %d: %g\n", (int)stopping.steps,
           (int)stopping.best_step, stopping.best);
    return 0;
}
/* 5 steps, the best was 3: 0.4 */
