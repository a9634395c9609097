/* programs.h - the example programs, run as a user runs them, and the files that they
 * leave in the folder of the test. */
#ifndef TEST_PROGRAMS_H
#define TEST_PROGRAMS_H

#include <stdbool.h>
#include <stddef.h>

/* Removes a folder with all that is in it, if it is there; and the one that make_folder made
 * (files.h). */
void remove_tree(const char *path);
void remove_work(void);

/* Runs build/bin/NAME with arguments as for a shell, in which @ stands for the folder, and returns
 * its exit status. It finds no other programs, gnuplot for one, unless `with_path`. What it printed
 * is in printed and complained, up to the next run. */
int run_program(const char *name, const char *arguments, bool with_path);
extern char printed[16384], complained[4096];

/* The same with standard output on a device that has no room. */
int run_without_room(const char *name, const char *arguments);

/* The same on a terminal of the kind `term`, with or without NO_COLOR; all that it writes there is
 * in printed. */
int run_on_terminal(const char *name, const char *arguments, const char *term, bool no_color);

/* The same with a signal, once the program waits for Ctrl-C and `ready` says true; that is asked
 * every millisecond. A program that has ended before gets none. It may be run more than once. */
int run_interrupted(const char *name, const char *arguments, bool (*ready)(void),
                    int signal_number);

/* A second Ctrl-C comes half a second after the first one. Returns the status of waitpid. */
int run_interrupted_twice(const char *name, const char *arguments, bool (*ready)(void));

/* Stops a training again and again by one signal or another, each time a little later, so that a
 * slow machine comes to the end, too, and goes on with --resume; begins anew, and stops it sooner,
 * where it came to the end before it could be stopped. Results go to @/FOLDER. */
void run_in_parts(const char *name, const char *arguments, const char *folder);

/* Makes links in the folder to all that is in this one, so that a program finds there what it finds
 * here; runs build/bin/NAME there, without arguments. */
void link_root(void);
int run_in_folder(const char *name);
int run_in_folder_without_room(const char *name);

/* The program ends with status 0 and says nothing on standard error. */
void run_well(const char *name, const char *arguments);

/* It ends with this status and one line on standard error, which begins with the names of the
 * program and of the sub-command, and holds `text`. */
void run_badly(const char *name, const char *arguments, int status, const char *text);

/* The text of a file, or of one of the folder, to be freed; fails the test if it is not there. */
char *text_of(const char *path);
char *work_text(const char *name);

bool work_has(const char *name);
bool work_same(const char *a, const char *b); /* two files, bit for bit */

/* Two CSV files of numbers are the same but for the column `seconds`. */
void work_same_table(const char *a, const char *b, int columns, int seconds);

/* A number in an object of JSON, NaN for null; fails the test if the field is not there. */
double work_number(const char *name, const char *field);

/* Fails the test unless that number is what is expected, within 2e-4 of it. */
void work_near(const char *name, const char *field, double expected);

int work_lines(const char *name);

/* The number in a line and a column of a CSV file; line 0 has the names. */
double work_cell(const char *name, int line, int column);

void work_write(const char *name, const void *bytes, size_t size);

#endif
