/* functions.h - the names of the public functions, for tests that must miss none. */
#ifndef TEST_FUNCTIONS_H
#define TEST_FUNCTIONS_H

#define MAX_FUNCTIONS 500

/* Reads the headers and returns how many functions they declare. */
int read_functions(char (*names)[64]);

/* Appends those of one header to `count` names. */
int read_functions_of(const char *header, char (*names)[64], int count);

#endif
