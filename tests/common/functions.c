#include "common/functions.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#ifndef TN_TEST_INCLUDE
#define TN_TEST_INCLUDE "libtensor/include/tn"
#endif

enum { MAX_FUNCTIONS = 500 };

static struct {
    char name[64];
    unsigned seen;
} functions[MAX_FUNCTIONS + 1]; /* the last one is for names that are none */
static int count;

/* The name of the function that a line of a header declares; "" if it declares none. */
static void declared_name(const char *line, char *name, size_t size)
{
    const char *end = strncmp(line, "TN_API ", 7) == 0 ? strchr(line, '(') : NULL;
    const char *start = end;
    while (start && start > line && start[-1] != ' ' && start[-1] != '*')
        start--;
    snprintf(name, size, "%.*s", start ? (int)(end - start) : 0, start ? start : "");
}

static void read_header(const char *header)
{
    char path[1024], line[512];
    snprintf(path, sizeof path, "%s/%s", TN_TEST_INCLUDE, header);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s cannot be read", path);
    while (fgets(line, sizeof line, file)) {
        ck_assert_int_lt(count, MAX_FUNCTIONS);
        declared_name(line, functions[count].name, sizeof functions[count].name);
        count += functions[count].name[0] != '\0';
    }
    fclose(file);
}

static void read_headers(void)
{
    DIR *dir = opendir(TN_TEST_INCLUDE);
    ck_assert_msg(dir != NULL, "%s cannot be read", TN_TEST_INCLUDE);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            read_header(entry->d_name);
    closedir(dir);
    ck_assert_int_gt(count, 200);
}

void list_functions(const char *header)
{
    count = 0;
    memset(functions, 0, sizeof functions);
    if (header)
        read_header(header);
    else
        read_headers();
    ck_assert_int_gt(count, 0);
}

bool see_function(const char *name, unsigned kinds)
{
    int i = 0;
    while (i < count && strcmp(functions[i].name, name) != 0)
        i++;
    functions[i].seen |= kinds;
    return i < count;
}

int unseen_functions(unsigned kind, const char *what)
{
    int unseen = 0;
    for (int i = 0; i < count; i++)
        if (!(functions[i].seen & kind)) {
            printf("%s has no row%s\n", functions[i].name, what);
            unseen++;
        }
    return unseen;
}
