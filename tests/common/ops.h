/* ops.h - what the tests of the operators share.
 *
 * The test of an operator is one file: a table of op_case, from which come the gradient checks (for
 * the test and for `make gradcheck`, which runs the program with --gradcheck) and the comparison of
 * layouts and types; tests that compare with a naive reference in plain loops on doubles; and
 * OP_TESTS at the end. */
#ifndef TEST_OPS_H
#define TEST_OPS_H

#include <math.h>
#include "common/check_tn.h"

/* ---- row-major arrays of doubles --------------------------------------------------------------
 * Their memory belongs to the running test. */

typedef struct array {
    int ndim;
    int64_t shape[TN_MAX_DIMS], numel;
    double *data;
} array;

array array_new(int ndim, const int64_t *shape); /* zeros */
array array_zeros(const char *shape);            /* of a shape as text: "[2,3]", "[]" */
array array_of(const tn_tensor *t);

/* Numbers that are all different, 0.2 < |x| < 1.7, so that kinks and ties are far away. They are
 * floats, and the same in each call until the next array_seed. */
array array_random(const char *shape);
void array_seed(uint64_t seed);
uint64_t random_bits(void);

/* Steps through the indices of a shape in row-major order; false after the last. Start with
 * zeros. There must be an element. */
bool next_index(int ndim, const int64_t *shape, int64_t *index);

/* The element at `index` of `ndim` numbers, the array broadcast to that many dimensions. */
double *array_at(const array *a, int ndim, const int64_t *index);

/* The shape that two broadcast to, all zeros. */
array array_broadcast(const array *a, const array *b);

/* ---- tensors --------------------------------------------------------------------------------- */

/* How the elements lie in memory: row-major; dimensions reversed; every other one of a larger
 * tensor that is NaN elsewhere; and, for op_case alone, one dimension expanded. */
typedef enum layout { PLAIN, TRANSPOSED, SLICED, EXPANDED, LAYOUTS } layout;
const char *layout_name(layout how);

/* A leaf with the array's values. */
tn_tensor *tensor_of(const array *a, tn_dtype dtype, layout how);

/* The same, requiring a gradient. */
tn_tensor *leaf_of(const array *a, tn_dtype dtype, layout how);

/* Fails the test unless `got` has the shape and values of `want`: |got - want| at most rtol times
 * |want|, or a hundredth of 1 or of the largest |want| if that is more; NaN is NaN and inf is inf.
 * `what` is a printf format. */
void check_array(const tn_tensor *got, const array *want, double rtol, const char *what, ...)
    TN_PRINTF(4, 5);

/* What f64 and f32 must agree with a double reference to. */
double tolerance(tn_dtype dtype);

/* `call` returns 0 or NULL and records this error, which is then cleared. */
#define check_fails(call, status, text)                   \
    do {                                                  \
        ck_assert_msg(!(call), "%s did not fail", #call); \
        ck_tn_error(status, text);                        \
    } while (0)

/* ---- operators ------------------------------------------------------------------------------- */

/* Defines a function of `in[0]`, `in[1]`... for op_case and elementwise. */
#define OP(id, ...)                                                           \
    static tn_tensor *id(tn_ctx *unused, tn_tensor *const *in, void *payload) \
    {                                                                         \
        (void)unused, (void)payload;                                          \
        return __VA_ARGS__;                                                   \
    }

/* One use of an operator. Inputs: shapes of floats, or of integers below k: "[5,3] [5]<3". */
typedef struct op_case {
    const char *name; /* the operator's, and more about this use after a blank */
    tn_gradcheck_fn fn;
    const char *inputs;
    bool positive; /* the inputs must be */
} op_case;

/* The largest relative error that a gradient check may have. */
#define GRADCHECK_RTOL 1e-7

/* fn compared with formulas for an element of y and for dy/dx[i]: over shapes that broadcast, sizes
 * around the width of vector registers, layouts and types, and in several threads. */
typedef struct elementwise {
    const char *name;
    tn_gradcheck_fn fn;
    int operands;
    double (*y)(const double *x);
    double (*dx)(const double *x, int i);
    bool positive;
} elementwise;
void check_elementwise(const elementwise *e);

/* The messages for inputs that are NULL, of a wrong type, or do not broadcast. */
void check_elementwise_errors(const elementwise *e);

/* The gradient checks of an element-wise operator. */
#define UNARY_CASES(name, fn, positive)                                                     \
    {name, fn, "[]", positive}, {name, fn, "[5]", positive}, {name, fn, "[3,4]", positive}, \
        {name, fn, "[2,1,3,2]", positive},                                                  \
    {                                                                                       \
        name, fn, "[0,3]", positive                                                         \
    }
#define BINARY_CASES(name, fn)                                                                    \
    {name, fn, "[] []", false}, {name, fn, "[3,4] [3,4]", false}, {name, fn, "[3,4] [4]", false}, \
        {name, fn, "[] [2,3]", false}, {name, fn, "[3,1] [1,4]", false},                          \
        {name, fn, "[2,1,3] [4,1]", false}, {name, fn, "[0,3] [3]", false},                       \
    {                                                                                             \
        name, fn, "[1,2,1,2,1,2,1,2] [2,1,2,1,2,1,2,1]", false                                    \
    }

/* tn_case with the memory of arrays. */
TCase *op_tcase(Suite *suite, const char *name);

/* main: runs the checks of the table `cases` and the tests that are listed; OP_TESTS_NO_GRAD is
 * for operators without a gradient. */
#define OP_TESTS(name, cases, ...) \
    OP_MAIN_(name, cases, (int)(sizeof(cases) / sizeof *(cases)), __VA_ARGS__)
#define OP_TESTS_NO_GRAD(name, ...) OP_MAIN_(name, NULL, 0, __VA_ARGS__)

#define OP_MAIN_(name, cases, n_cases, ...)                          \
    int main(int argc, char **argv)                                  \
    {                                                                \
        const TTest *const tests[] = {__VA_ARGS__};                  \
        return run_op_tests(argc, argv, name, cases, n_cases, tests, \
                            (int)(sizeof(tests) / sizeof *tests));   \
    }
int run_op_tests(int argc, char **argv, const char *name, const op_case *cases, int n_cases,
                 const TTest *const *tests, int n_tests);

#endif
