#include "common/functions.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#ifndef TN_TEST_INCLUDE
#define TN_TEST_INCLUDE "libtensor/include/tn"
#endif

/* The name of the function that a line of a header declares; "" if it declares none. */
static void declared_name(const char *line, char *name, size_t size)
{
    const char *end = strncmp(line, "TN_API ", 7) == 0 ? strchr(line, '(') : NULL;
    const char *start = end;
    while (start && start > line && start[-1] != ' ' && start[-1] != '*')
        start--;
    snprintf(name, size, "%.*s", start ? (int)(end - start) : 0, start ? start : "");
}

int read_functions_of(const char *header, char (*names)[64], int count)
{
    char path[1024], line[512];
    snprintf(path, sizeof path, "%s/%s", TN_TEST_INCLUDE, header);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s cannot be read", path);
    while (fgets(line, sizeof line, file)) {
        ck_assert_int_lt(count, MAX_FUNCTIONS);
        declared_name(line, names[count], sizeof *names);
        count += names[count][0] != '\0';
    }
    fclose(file);
    return count;
}

int read_functions(char (*names)[64])
{
    int count = 0;
    DIR *dir = opendir(TN_TEST_INCLUDE);
    ck_assert_msg(dir != NULL, "%s cannot be read", TN_TEST_INCLUDE);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            count = read_functions_of(entry->d_name, names, count);
    closedir(dir);
    ck_assert_int_gt(count, 200);
    return count;
}
