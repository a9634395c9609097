/* functions.h - the public functions, for tests of rows that must miss none. */
#ifndef TEST_FUNCTIONS_H
#define TEST_FUNCTIONS_H

#include <stdbool.h>

/* Lists the functions that a header such as "ops.h" declares, those alone whose names begin with
 * `prefix`. */
void list_functions(const char *header, const char *prefix);

/* There is a row for this function; `kinds` are bits of what the row shows. False if the header
 * that was listed does not declare it. */
bool see_function(const char *name, unsigned kinds);

/* Prints each function without a row of this kind, and returns how many they are; `what` follows
 * "has no row". */
int unseen_functions(unsigned kind, const char *what);

/* The test of one header, tests/unit/test_KIND_NAME.c of NAME.h, as a program of its own: lists the
 * functions that the header declares, calls `run`, which runs their rows and returns how many are
 * wrong, and fails if one is, or if a header with functions has no such file. Returns the status of
 * main. */
int run_header(const char *kind, const char *header, int (*run)(void));

#endif
