/* names.c - packs the names of persons into a tensor of bytes, and unpacks them. */
#include "common/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

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
    bool plain = true;
    for (char *at = *text, *end; at < *text + size; at = end + 1) {
        end = memchr(at, '\n', size - (size_t)(at - *text));
        *end = '\0';
        (*names)[(*count)++] = at;
        plain = plain && strlen(at) == (size_t)(end - at) && text_plain(at);
    }
    return plain;
}

bool names_refuse(const cli_program *program, const char *file, const char *trainer,
                  const char *why)
{
    cli_error(program, "%s is no model of %s: %s", file, trainer, why);
    return false;
}

bool names_print(tn_ctx *ctx, const char *file, const tn_tensor *probabilities, char *const *names,
                 int64_t top, const char *remark)
{
    tn_tensor *order = NULL, *p = NULL;
    if (probabilities && top > tn_size(probabilities, 1))
        top = tn_size(probabilities, 1);
    if (probabilities)
        p = tn_topk(ctx, probabilities, top, 1, true, &order);
    if (!p)
        return false;
    printf("%s:", file);
    for (int64_t k = 0; k < top; k++)
        printf("%s %s %.1f %%", k > 0 ? "," : "", names[tn_data_i64(order)[k]],
               100 * tn_data_f32(p)[k]);
    printf("%s\n", remark);
    return true;
}

cli_option names_top_option(int64_t *top)
{
    return (cli_option){.name = "top",
                        .type = CLI_INT,
                        .value = top,
                        .argument = "N",
                        .min = 1,
                        .max = 1000,
                        .help = "persons that are named"};
}
