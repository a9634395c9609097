/* both.c - a library that uses libtensor, and tells where its functions are if they work. run.sh
 * builds it with two versions, under the names first and second, and a program that calls both. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <tn/tn.h>

#ifdef NAME
const char *NAME(void);

const char *NAME(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    double sum = tn_item(ctx, tn_sum(ctx, tn_ones(ctx, TN_F32, TN_SHAPE(3)), TN_DIMS(-1)));
    tn_ctx_free(ctx);
    Dl_info library = {0};
    return sum == 3 && dladdr((void *)tn_version, &library) ? library.dli_fname : "nowhere";
}
#else
const char *first(void);
const char *second(void);

int main(void)
{
    printf("%s\n%s\n", first(), second());
    return 0;
}
#endif
