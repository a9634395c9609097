/* split.h - which photographs are learned from, which choose, and which test. */
#ifndef EXAMPLES_SPLIT_H
#define EXAMPLES_SPLIT_H

#include <tn/tn.h>

#include "common/people.h"

typedef enum split_part { SPLIT_TRAIN, SPLIT_VALIDATION, SPLIT_TEST, SPLIT_UNUSED } split_part;

enum { SPLIT_PARTS = 3 };

extern const char *const SPLIT_NAMES[]; /* "train", "validation", "test", "unused" */

typedef struct split {
    split_part *part;             /* of each photograph */
    int64_t *photos[SPLIT_PARTS]; /* the numbers of those in each part, in order */
    int64_t count[SPLIT_PARTS];
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
int64_t split_count(const people *p, const split *s, split_part part, int person);

#endif
