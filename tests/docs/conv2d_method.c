/* conv2d_method.c - the program that the method of docs/adding-an-op.md goes into: its functions do
 * nothing. */
#include <stdio.h>
#include "ops/conv2d/plan.h"

static bool applies(const tn__conv2d_plan *plan, tn__conv2d_product product)
{
    return plan->depth > 0 && product == TN__CONV2D_FORWARD;
}

static bool pays(const tn__conv2d_plan *plan, tn__conv2d_product product)
{
    return applies(plan, product);
}

static void forward(const tn__conv2d_plan *plan)
{
    (void)plan;
}

static void grad_input(const tn__conv2d_plan *plan)
{
    (void)plan;
}

static void grad_weight(const tn__conv2d_plan *plan)
{
    (void)plan;
}

int main(void)
{
    return tn__conv2d_name.forward == forward ? 0 : 1;
}
