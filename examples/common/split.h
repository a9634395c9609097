/* split.h - which photographs are learned from, which choose, and which test. */
#ifndef EXAMPLES_PART_H
#define EXAMPLES_PART_H

#include <tn/tn.h>

#include "common/parts.h"
#include "common/people.h"

enum { PART_UNUSED = PARTS }; /* in no part */

typedef struct split {
    int *part;              /* of each photograph: a part, or PART_UNUSED */
    int64_t *photos[PARTS]; /* the numbers of those in each part, in order */
    int64_t count[PARTS];
} split;

typedef struct split_opts {
    int64_t test_per_class; /* photographs of each person */
    double validation;      /* part of each person's others */
    int64_t train;          /* use only so many of those that are left, drawn at random; 0: all */
} split_opts;

/* Draws a split from the context's random stream. It depends on that and on the files' names, not
 * on the order of a folder; near-duplicates are always in one part. False with a line on standard
 * error if a person has too few photographs. To be freed by split_free. */
bool split_make(const cli_program *program, tn_ctx *ctx, const people *p, split_opts opts,
                split *s);

/* The same from what split_write wrote: photographs that it does not name are unused. False with a
 * line on standard error if one that it names is not there, or is another file than it was. */
bool split_read(const cli_program *program, const people *p, const char *file, split *s);

/* Writes DIR/NAME: each photograph with its person, part, group of near-duplicates and SHA-256.
 * False with errno. */
bool split_write(const people *p, const split *s, const char *dir, const char *name);

void split_free(split *s);

/* Prints how many photographs of each person are in each part. */
void split_print(const people *p, const split *s);

/* How many of a person are in a part. */
int64_t split_count(const people *p, const split *s, int part, int person);

#endif
