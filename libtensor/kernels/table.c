/* table.c - the kernels of this build, collected. */
#include "kernels/real.h"

#define ENTRY(result, name, parameters) .name = KERNEL(name),

const tn__kernels KERNEL(table) = {TN__KERNELS(ENTRY)};
