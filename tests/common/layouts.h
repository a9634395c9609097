/* layouts.h - an operand of [2,4,3] in every layout: which dimensions are of size 1 (8), in what
 * order they lie in memory (6), whether every other element is left out (2). */
#ifndef TEST_LAYOUTS_H
#define TEST_LAYOUTS_H

#include "common/check_tn.h"

enum { LAYOUTS = 96 };

/* A float64 tensor of this layout, whose numbers count from `first` in the order of memory. */
tn_tensor *numbered(int layout, double first);

/* The element that a broadcast operand has at i, j, k, by its strides alone. */
double naive_at(const tn_tensor *t, int64_t i, int64_t j, int64_t k);

#endif
