/* isa.h - the kernels of the instruction set in use. */
#ifndef TN_BASE_ISA_H
#define TN_BASE_ISA_H

#include "base/context.h"
#include "kernels/kernels.h"

int tn__choose_isa(void);

/* The kernels for TN_F32 (0) or TN_F64 (1). */
const tn__kernels *tn__kernel_table(unsigned dtype, int isa);

static inline const tn__kernels *tn__kernels_of(const tn_ctx *ctx, unsigned dtype)
{
    return ctx->kernels[dtype];
}

/* Those for numbers of 4 or 8 bytes, whatever they are; of bytes the first. */
static inline const tn__kernels *tn__kernels_of_size(const tn_ctx *ctx, int64_t size)
{
    return ctx->kernels[size == 8];
}

#endif
