/* functions.c - lists the public functions of the headers, and finds those that no row calls. */
#include "common/functions.h"
#include "common/check_tn.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

static void read_header(const char *header, const char *prefix)
{
    char path[1024], line[512];
    snprintf(path, sizeof path, "%s/%s", TN_TEST_INCLUDE, header);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s cannot be read", path);
    while (fgets(line, sizeof line, file)) {
        ck_assert_int_lt(count, MAX_FUNCTIONS);
        declared_name(line, functions[count].name, sizeof functions[count].name);
        count +=
            functions[count].name[0] && !strncmp(functions[count].name, prefix, strlen(prefix));
    }
    fclose(file);
}

void list_functions(const char *header, const char *prefix)
{
    count = 0;
    memset(functions, 0, sizeof functions);
    read_header(header, prefix);
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

/* Whether the header declares no function, or there is tests/unit/test_KIND_NAME.c of NAME.h. */
static bool has_test(const char *header, const char *kind)
{
    char path[1024];
    snprintf(path, sizeof path, "tests/unit/test_%s_%.*s.c", kind, (int)strcspn(header, "."),
             header);
    count = 0;
    read_header(header, "tn_");
    return count == 0 || access(path, R_OK) == 0;
}

/* Prints each header that declares functions and for whose NAME.h there is no
 * tests/unit/test_KIND_NAME.c, and returns how many they are. What was listed is forgotten. */
static int headers_without_test(const char *kind)
{
    int without = 0, headers = 0;
    DIR *dir = opendir(TN_TEST_INCLUDE);
    ck_assert_msg(dir != NULL, "%s cannot be read", TN_TEST_INCLUDE);
    for (struct dirent *entry; (entry = readdir(dir)); headers++)
        if (entry->d_name[0] != '.' && !has_test(entry->d_name, kind)) {
            printf("%s has no tests/unit/test_%s_*.c\n", entry->d_name, kind);
            without++;
        }
    closedir(dir);
    ck_assert_int_gt(headers, 10);
    return without;
}

/* ---- the test of one header ------------------------------------------------------------------ */

static const char *kind_of_test, *header_of_test;
static int (*run_rows)(void);

START_TEST(every_function_of_the_header)
{
    list_functions(header_of_test, "tn_");
    int wrong = run_rows();
    wrong += headers_without_test(kind_of_test);
    ck_assert_msg(wrong == 0, "%d rows are wrong", wrong);
}
END_TEST

int run_header(const char *kind, const char *header, int (*run)(void))
{
    Suite *suite = suite_create(kind);
    TCase *tc = tcase_create(header);
    kind_of_test = kind;
    header_of_test = header;
    run_rows = run;
    tcase_set_timeout(tc, PATIENCE);
    tcase_add_test(tc, every_function_of_the_header);
    suite_add_tcase(suite, tc);
    return tn_run(suite);
}
