/* A loop that compilers vectorise. */
#include <stdio.h>
#include <tn/vector_math.h>

int main(void)
{
    float x[4] = {-1, 0, 1, 2}, y[4];
    for (int i = 0; i < 4; i++)
        y[i] = TN_SIGMOID(x[i]);
    printf("%.3f %.3f %.3f %.3f\n", y[0], y[1], y[2], y[3]);
    return 0;
}
/* 0.269 0.500 0.731 0.881 */
