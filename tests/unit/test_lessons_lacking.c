/* The lessons where something is not there: each says in one line what it lacks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/check_tn.h"
#include "common/files.h"
#include "common/lessons.h"
#include "common/programs.h"

/* In a folder that has the programs, but no examples/data, each runs without it or names the file
 * that is not there. */
START_TEST(names_the_file_that_is_missing)
{
    char *source = text_of(lesson_path(_i));
    bool reads = strstr(source, "\"examples/data/") != NULL;
    free(source);
    link_root();
    ck_assert_int_eq(remove(folder_path("examples")), 0);
    ck_assert_int_eq(run_in_folder(lesson_program(_i)), reads);
    ck_assert_int_eq(strstr(complained, "No such file or directory\n") != NULL, reads);
    ck_assert_uint_eq(strcspn(complained, "\n") + reads, strlen(complained));
    ck_assert(!reads || printed[0] == '\0');
}
END_TEST

/* What it prints is its result: a lesson that loses it has failed. */
START_TEST(needs_standard_output)
{
    link_root();
    ck_assert_int_eq(run_in_folder_without_room(lesson_program(_i)), 1);
    ck_assert_str_eq(complained, "standard output: No space left on device\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lessons_lacking");
    TCase *tc = tn_case(suite, "lessons");
    if (lesson_count() == 0)
        return 1;
    tcase_add_checked_fixture(tc, make_folder, remove_work);
    tcase_add_loop_test(tc, needs_standard_output, 0, lesson_count());
    tcase_add_loop_test(tc, names_the_file_that_is_missing, 0, lesson_count());
    return tn_run(suite);
}
