/* lessons.h - the lessons, which are the numbered files in examples/. */
#ifndef TEST_LESSONS_H
#define TEST_LESSONS_H

int lesson_count(void); /* the others come after it; 0: there are none, where there must be */

/* The path of a source, and the name of its program in build/bin, which stays valid until the next
 * call: "01_tensors" of "examples/01_tensors.c". */
const char *lesson_path(int i);
const char *lesson_program(int i);

#endif
