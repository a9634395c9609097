/* The lessons, which are the numbered files in examples/: each prints what its first comment says,
 * and says in one line what it lacks. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/check_tn.h"
#include "common/files.h"
#include "common/programs.h"

RUNS_WITH_EACH_ISA;

static glob_t lessons; /* their paths */

/* "01_tensors" of "examples/01_tensors.c". */
static const char *program_of(const char *path)
{
    static char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strlen(path) - 11, path + 9);
    return name;
}

/* What the comment says, without what stands in front of each line and behind the last one. */
static char *expected_of(const char *path)
{
    static const char title[] = "\n * It prints:\n *\n";
    char *source = text_of(path), *to = source;
    char *line = strstr(source, title), *end = strstr(source, " */\n");
    ck_assert_msg(line && end, "the first comment of %s does not say what it prints", path);
    strcpy(end, "\n");
    for (line += sizeof title - 1; *line; line = strchr(line, '\n') + 1) {
        size_t skip = strncmp(line, " *\n", 3) == 0 ? 2 : 7;
        ck_assert_msg(skip == 2 || strncmp(line, " *     ", 7) == 0, "%s: %.20s", path, line);
        size_t length = strcspn(line, "\n") + 1 - skip;
        memmove(to, line + skip, length);
        to += length;
    }
    *to = '\0';
    return source;
}

START_TEST(prints_what_it_says)
{
    char *expected = expected_of(lessons.gl_pathv[_i]);
    link_root();
    ck_assert_int_eq(run_in_folder(program_of(lessons.gl_pathv[_i])), 0);
    ck_assert_str_eq(complained, "");
    ck_assert_str_eq(printed, expected);
    free(expected);
}
END_TEST

/* In a folder that has the programs, but no examples/data, each runs without it or names the file
 * that is not there. */
START_TEST(names_the_file_that_is_missing)
{
    const char *path = lessons.gl_pathv[_i];
    char *source = text_of(path);
    bool reads = strstr(source, "\"examples/data/") != NULL;
    free(source);
    link_root();
    ck_assert_int_eq(remove(folder_path("examples")), 0);
    ck_assert_int_eq(run_in_folder(program_of(path)), reads);
    ck_assert_int_eq(strstr(complained, "No such file or directory\n") != NULL, reads);
    ck_assert_uint_eq(strcspn(complained, "\n") + reads, strlen(complained));
    ck_assert(!reads || printed[0] == '\0');
}
END_TEST

/* What it prints is its result: a lesson that loses it has failed. */
START_TEST(needs_standard_output)
{
    link_root();
    ck_assert_int_eq(run_in_folder_without_room(program_of(lessons.gl_pathv[_i])), 1);
    ck_assert_str_eq(complained, "standard output: No space left on device\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lessons");
    TCase *tc = tn_case(suite, "lessons");
    if (glob("examples/[0-9]*.c", 0, NULL, &lessons) != 0)
        return 1;
    tcase_add_checked_fixture(tc, make_folder, remove_work);
    tcase_add_loop_test(tc, prints_what_it_says, 0, (int)lessons.gl_pathc);
    tcase_add_loop_test(tc, needs_standard_output, 0, (int)lessons.gl_pathc);
    tcase_add_loop_test(tc, names_the_file_that_is_missing, 0, (int)lessons.gl_pathc);
    return tn_run(suite);
}
