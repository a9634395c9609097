/* lessons.c - finds the lessons. */
#include "common/lessons.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>

static glob_t paths;

int lesson_count(void)
{
    if (paths.gl_pathc == 0 && glob("examples/[0-9]*.c", 0, NULL, &paths) != 0)
        return 0;
    return (int)paths.gl_pathc;
}

const char *lesson_path(int i)
{
    return paths.gl_pathv[i];
}

const char *lesson_program(int i)
{
    static char name[64];
    const char *path = lesson_path(i);
    snprintf(name, sizeof name, "%.*s", (int)strlen(path) - 11, path + 9);
    return name;
}
