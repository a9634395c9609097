/* names.h - the names of persons in the file of a model. */
#ifndef EXAMPLES_NAMES_H
#define EXAMPLES_NAMES_H

#include <stdbool.h>
#include <tn/tn.h>

#include "common/cli.h"

/* The names, each ended by a line feed, as TN_U8. */
tn_tensor *names_pack(tn_ctx *ctx, char *const *names, int count);

/* Back from that: an array of names in `text`, both to be freed. False if these are no plain
 * texts (text.h) or memory is short. */
bool names_unpack(const tn_tensor *bytes, char **text, char ***names, int *count);

/* Says why a file is no model of a program, "FILE is no model of faces train: WHY", and returns
 * false. */
bool names_refuse(const cli_program *program, const char *file, const char *trainer,
                  const char *why);

/* Prints the `top` likeliest persons of a photograph with their probabilities, [1, persons], and
 * what is to be remarked: "FILE: bracco 97.1 %, hader 2.0 %". False if there are no probabilities;
 * the error is in ctx. */
bool names_print(tn_ctx *ctx, const char *file, const tn_tensor *probabilities, char *const *names,
                 int64_t top, const char *remark);

/* The option --top of the programs that print them. */
cli_option names_top_option(int64_t *top);

#endif
