/* host.c - a program, in C or C++, with names and macros of its own beside ours: compiled, not run,
 * by headers.sh. SYSTEM is 1 for the system's headers of mathematics before ours, 2 for after. */
#if SYSTEM == 1
#include <complex.h>
#include <math.h>
#include <tgmath.h>
#endif

/* What programs and their systems define. */
#if !SYSTEM
#define I (*imaginary)
#define min(a, b) minimum of a, b
#define max(a, b) maximum of a, b
#define MIN(a, b) minimum of a, b
#define MAX(a, b) maximum of a, b
#define abs(a) absolute a
#define small char
#define near
#define far
#define interface struct
#define check(x) checked x
#define fail(x) failed x
#define add(a, b) added a, b
#define log(x) logged x
#endif

#include <tn/tn.h>
#if SYSTEM
#include <tn/formula.h>
#endif

#if SYSTEM == 2
#include <complex.h>
#include <math.h>
#include <tgmath.h>
#endif

tn_tensor *total(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *y);

tn_tensor *total(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *y)
{
    tn_tensor *both = tn_cat(ctx, TN_TENSORS(x, y), 0);
    tn_tensor *sum = tn_sum(ctx, both, TN_DIMS(0, -1));
    return tn_reshape(ctx, sum, TN_SHAPE(1, 1, 1));
}
