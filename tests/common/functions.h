/* functions.h - the public functions, for tests of rows that must miss none. */
#ifndef TEST_FUNCTIONS_H
#define TEST_FUNCTIONS_H

#include <stdbool.h>

/* Lists the functions that a header such as "ops.h" declares, or all headers if it is NULL. */
void list_functions(const char *header);

/* There is a row for this function; `kinds` are bits of what the row shows. False if no header that
 * was listed declares it. */
bool see_function(const char *name, unsigned kinds);

/* Prints each function without a row of this kind, and returns how many they are; `what` follows
 * "has no row". */
int unseen_functions(unsigned kind, const char *what);

#endif
