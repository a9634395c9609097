/* names.c - a program, in C or C++, that uses names of <tgmath.h> and <complex.h> for things of its
 * own, and in C++ takes the headers for such that do not know C++: compiled, not run, by
 * headers.sh. */
#include <math.h>
#ifdef __cplusplus
extern "C" {
#endif
#include <tn/tn.h>
#ifdef __cplusplus
}
#endif

typedef struct function {
    double (*sin)(double x);
    double (*log)(double x);
    double exp;
} function;

double apply(const function *f, double x);
tn_tensor *identity(tn_ctx *ctx);

double apply(const function *f, double x)
{
    return f->sin(x) + f->log(x) + f->exp;
}

tn_tensor *identity(tn_ctx *ctx)
{
    int J = 3;
    tn_tensor *I = tn_zeros(ctx, TN_F32, TN_SHAPE(J, J));
    return I;
}

extern int I;
int I = 1;

/* The functions of <math.h> stay those of the language: in C the root of a float is a double. */
#ifndef __cplusplus
_Static_assert(sizeof sqrt(2.0f) == sizeof(double), "<tn/tn.h> changes what sqrt means");
#endif
