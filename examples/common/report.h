/* report.h - files of results: written beside their place, synced, and put there whole. */
#ifndef EXAMPLES_REPORT_H
#define EXAMPLES_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct path {
    char s[4096];
} path;

/* DIR/NAME; "" if that is too long, which no function opens. */
path path_join(const char *dir, const char *name);

bool file_exists(const char *name);

/* Makes the folder and those around it. False with errno if it cannot be made or written to. */
bool make_directories(const char *dir);

typedef struct report {
    FILE *file;
    const char *name; /* as it was given */
    path target, temporary;
    int fields; /* written so far to an object of JSON */
} report;

/* Begins DIR/NAME. False with errno. */
bool report_open(report *r, const char *dir, const char *name);

/* Puts the file in its place, or removes it if anything could not be written: false with errno. */
bool report_close(report *r);

/* One object of JSON. A number that is not finite is written as null. */
void json_begin(report *r);
void json_number(report *r, const char *name, double value);
void json_integer(report *r, const char *name, int64_t value);
void json_string(report *r, const char *name, const char *value);
void json_numbers(report *r, const char *name, const double *values, int count);
void json_end(report *r);

/* A string of JSON, in its quotes. */
void json_put_text(FILE *to, const char *text);

/* A field of CSV that is text, in quotes if it needs them (RFC 4180). */
void csv_text(report *r, const char *text);

/* One line of CSV: `count` numbers. One that is not finite is left empty. */
void csv_row(report *r, const double *values, int count);

/* Takes the next field off a line of CSV, in place; NULL after the last one. */
char *csv_field(char **line);

#endif
