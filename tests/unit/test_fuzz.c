/* The fuzz targets with the inputs that are kept: real files, those that reach the most of the code
 * (tests/fuzz/corpus), and each that has ended the program once (tests/fuzz/findings). */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "fuzz/fuzz.h"

#ifndef TN_TEST_FUZZ
#define TN_TEST_FUZZ "tests/fuzz"
#endif

#define MAX_SIZE (1 << 20)

static void run_file(const fuzz_target *target, const char *path)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "no file %s", path);
    uint8_t *buffer = malloc(MAX_SIZE);
    size_t size = fread(buffer, 1, MAX_SIZE, file);
    fclose(file);
    uint8_t *data = malloc(size ? size : 1); /* so that tools see what is beyond its end */
    memcpy(data, buffer, size);
    free(buffer);
    fprintf(stderr, "%s\n", path); /* the last line of a test that ends the program */
    target->run(data, size);
    free(data);
}

/* Runs the files of a folder and returns how many there are; 0 if there is no folder. */
static int run_folder(const fuzz_target *target, const char *folder)
{
    int count = 0;
    DIR *directory = opendir(folder);
    for (struct dirent *e; directory && (e = readdir(directory));) {
        char path[1024];
        struct stat status;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (stat(path, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > MAX_SIZE)
            continue;
        run_file(target, path);
        count++;
    }
    if (directory)
        closedir(directory);
    return count;
}

static int run_kept(const fuzz_target *target, const char *kind)
{
    char folder[512];
    snprintf(folder, sizeof folder, "%s/%s/%s", TN_TEST_FUZZ, kind, target->name);
    return run_folder(target, folder);
}

START_TEST(test_corpus)
{
    ck_assert_int_gt(run_kept(&fuzz_targets[_i], "corpus"), 0);
}
END_TEST

START_TEST(test_findings)
{
    run_kept(&fuzz_targets[_i], "findings");
}
END_TEST

/* Every file of the tests, as every format. */
START_TEST(test_real_files)
{
    ck_assert_int_gt(run_folder(&fuzz_targets[_i], "tests/data"), 20);
    ck_assert_int_gt(run_folder(&fuzz_targets[_i], "tests/data/torch"), 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fuzz");
    TCase *tc = tcase_create("fuzz");
    tcase_set_timeout(tc, 600);
    tcase_add_loop_test(tc, test_corpus, 0, fuzz_target_count);
    tcase_add_loop_test(tc, test_findings, 0, fuzz_target_count);
    tcase_add_loop_test(tc, test_real_files, 0, fuzz_reader_count);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
