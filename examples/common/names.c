#include "common/names.h"

#include <stdlib.h>
#include <string.h>

tn_tensor *names_pack(tn_ctx *ctx, char *const *names, int count)
{
    int64_t size = 0;
    for (int i = 0; i < count; i++)
        size += (int64_t)strlen(names[i]) + 1;
    tn_tensor *bytes = tn_empty(ctx, TN_U8, 1, &size);
    char *at = bytes ? tn_data_mut(bytes) : NULL;
    for (int i = 0; at && i < count; i++) {
        size_t length = strlen(names[i]);
        memcpy(at, names[i], length);
        at[length] = '\n';
        at += length + 1;
    }
    return bytes;
}

bool names_unpack(const tn_tensor *bytes, char **text, char ***names, int *count)
{
    size_t size = bytes && tn_dtype_of(bytes) == TN_U8 ? (size_t)tn_numel(bytes) : 0;
    *text = NULL;
    *names = NULL;
    *count = 0;
    if (size == 0 || ((const char *)tn_data(bytes))[size - 1] != '\n')
        return false;
    *text = malloc(size);
    *names = malloc(size * sizeof(**names));
    if (!*text || !*names)
        return false;
    memcpy(*text, tn_data(bytes), size);
    for (size_t begin = 0; begin < size; begin += strlen(*text + begin) + 1) {
        *(char *)memchr(*text + begin, '\n', size - begin) = '\0';
        (*names)[(*count)++] = *text + begin;
    }
    return true;
}
