/* error.h - the first error of a context. */
#ifndef TN_BASE_ERROR_H
#define TN_BASE_ERROR_H

#include "base/context.h"

#define TN_ERROR_SIZE 512

struct tn__failure {
    char text[TN_ERROR_SIZE];
    uint64_t count; /* errors so far; a cleared one still counts */
    tn_error_hook hook;
    void *hook_payload;
    bool in_hook;       /* nothing clears the error, so none in the hook calls it again */
    const char *advice; /* that ends what is said of a wrong dtype; NULL: none */
};

/* The error of memory that ran out. Its text is static, so that it cannot fail. */
void tn__out_of_memory(tn_ctx *ctx, size_t size);

#endif
