/* isa.c - which instruction set the kernels use, and the tables of kernels. */
#include <stdlib.h>
#include <string.h>
#include "base/isa.h"

static const char *const isa_names[] = {"baseline", "v3", "v4"};

/* The features that the kernels are compiled for: x86-64-v3 and x86-64-v4 of the psABI. */
static int best_isa(void)
{
#if defined(__x86_64__)
    bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
              __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
              __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
              __builtin_cpu_supports("avx512vl");
    return v4 ? 2 : v3 ? 1 : 0;
#else
    return 0;
#endif
}

int tn__choose_isa(void)
{
    int best = best_isa();
    const char *wanted = getenv("TN_ISA");
    for (int i = 0; wanted && i < best; i++)
        if (strcmp(wanted, isa_names[i]) == 0)
            return i;
    return best;
}

const char *tn_isa(const tn_ctx *ctx)
{
    return ctx ? isa_names[ctx->isa] : "";
}

const tn__kernels *tn__kernel_table(unsigned dtype, int isa)
{
#if defined(__x86_64__)
    static const tn__kernels *const tables[2][3] = {
        {&tn__table_f32_baseline, &tn__table_f32_v3, &tn__table_f32_v4},
        {&tn__table_f64_baseline, &tn__table_f64_v3, &tn__table_f64_v4}};
    return tables[dtype][isa];
#else
    (void)isa;
    return dtype == 0 ? &tn__table_f32_baseline : &tn__table_f64_baseline;
#endif
}
