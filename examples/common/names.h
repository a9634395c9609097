/* names.h - the names of persons in the file of a model. */
#ifndef EXAMPLES_NAMES_H
#define EXAMPLES_NAMES_H

#include <stdbool.h>
#include <tn/tn.h>

/* The names, each ended by a line feed, as TN_U8. */
tn_tensor *names_pack(tn_ctx *ctx, char *const *names, int count);

/* Back from that: an array of names in `text`, both to be freed. False if these are no names or
 * memory is short. */
bool names_unpack(const tn_tensor *bytes, char **text, char ***names, int *count);

#endif
