/* wide.h - the widest vectors of this build, for loops that compute much per number they read. */
#ifndef TN_KERNELS_WIDE_H
#define TN_KERNELS_WIDE_H

#include "kernels/real.h"

#if defined(TN_ISA_v4)
#define WIDE_BYTES 64
#else
#define WIDE_BYTES TN_VECTOR_BYTES
#endif

#if defined(TN_REAL_f32)
#define WIDTH (WIDE_BYTES / 4) /* numbers in one; for the preprocessor, too */
#else
#define WIDTH (WIDE_BYTES / 8)
#endif

typedef real wide __attribute__((vector_size(WIDE_BYTES)));
typedef lane_int wide_ints __attribute__((vector_size(WIDE_BYTES)));
typedef real wide_unaligned
    __attribute__((vector_size(WIDE_BYTES), aligned(sizeof(real)), may_alias));

static inline wide load_wide(const real *p)
{
    return *(const wide_unaligned *)p;
}

static inline void store_wide(real *p, wide v)
{
    *(wide_unaligned *)p = v;
}

#endif
