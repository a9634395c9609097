/* Each lesson prints what its first comment says, with the kernels of each instruction set. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/check_tn.h"
#include "common/files.h"
#include "common/lessons.h"
#include "common/programs.h"

RUNS_WITH_EACH_ISA;

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
    char *expected = expected_of(lesson_path(_i));
    link_root();
    ck_assert_int_eq(run_in_folder(lesson_program(_i)), 0);
    ck_assert_str_eq(complained, "");
    ck_assert_str_eq(printed, expected);
    free(expected);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lessons");
    TCase *tc = tn_case(suite, "lessons");
    if (lesson_count() == 0)
        return 1;
    tcase_add_checked_fixture(tc, make_folder, remove_work);
    tcase_add_loop_test(tc, prints_what_it_says, 0, lesson_count());
    return tn_run(suite);
}
