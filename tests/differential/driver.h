/* driver.h - what a row of rows.py may use in its C code, besides its arguments and the public
 * functions: the context, the case's dtype of floats, places for one object of each kind, which is
 * freed after the case, and out and leaf. */
#ifndef TEST_DIFFERENTIAL_DRIVER_H
#define TEST_DIFFERENTIAL_DRIVER_H

#include <math.h>
#include <tn/tn.h>

extern tn_ctx *ctx;
extern tn_dtype dtype;
extern tn_module *module;
extern tn_optim *optim;
extern tn_schedule *schedule;
extern tn_dict *state;

/* A result to compare, in the order of the reference's; floats are differentiated. */
void out(tn_tensor *t);

/* A tensor whose gradient is compared, after the gradients of the arguments. */
void leaf(tn_tensor *t);

/* The next argument of the case. Lists are valid until its end. */
tn_tensor *take_tensor(void);
int64_t take_whole(void);
double take_real(void);
const int *take_ints(int *count);
const int64_t *take_sizes(int *count);
const double *take_reals(int *count);
tn_tensor *const *take_tensors(int *count);

/* The table, which rows.py writes. */
typedef struct row {
    const char *name;
    void (*run)(void);
} row;
extern const row rows[];
extern const int row_count;

#endif
