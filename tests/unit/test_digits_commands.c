/* The sub-commands of examples/digits other than train, run as programs on the digits that ship. */
#include <math.h>
#include <png.h>
#include <string.h>
#include <sys/stat.h>
#include "common/check_tn.h"
#include "common/files.h"
#include "common/programs.h"

#define DATA " --data examples/data/mnist --out @/out "

/* ---- what all have --------------------------------------------------------------------------- */

static const char *const commands[] = {"show",    "forward", "gradcheck",
                                       "compare", "contour", "backprop-cost"};

#define COMMANDS ((int)(sizeof commands / sizeof *commands))

START_TEST(helps)
{
    char arguments[64], usage[64];
    snprintf(arguments, sizeof arguments, "%s --help", commands[_i]);
    snprintf(usage, sizeof usage, "usage: digits %s [options]\n", commands[_i]);
    run_well("digits", arguments);
    ck_assert_int_eq(strncmp(printed, usage, strlen(usage)), 0);
    ck_assert_ptr_nonnull(strstr(printed, "--data PATH"));
}
END_TEST

/* A folder of MNIST whose training images are as many as `said`, but only `there` in the file. */
static void write_digits(const char *folder, int said, int there, int labels)
{
    static const char *const parts[] = {"train", "t10k"};
    unsigned char images[16 + 2 * 784] = {0, 0, 8, 3, 0, 0, 0, (uint8_t)said, 0, 0, 0, 28, 0, 0, 0};
    unsigned char numbers[] = {0, 0, 8, 1, 0, 0, 0, (uint8_t)labels, 1, 2};
    char name[64];
    images[15] = 28;
    mkdir(folder_path(folder), 0777);
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s/%s-images-idx3-ubyte", folder, parts[i]);
        work_write(name, images, 16 + 784 * (size_t)there);
        snprintf(name, sizeof name, "%s/%s-labels-idx1-ubyte", folder, parts[i]);
        work_write(name, numbers, 8 + (size_t)labels);
    }
}

static const struct {
    const char *arguments, *error;
} wrong_for_all[] = {
    {"--nonsense", "unknown option '--nonsense' (digits "},
    {"--seed -1", "--seed needs a whole number of at least 0, not '-1'"},
    {"--data /no/such/place", "/no/such/place: there is no such file or folder"},
    {"--data @/cut", "header says [2,28,28] of u8, 1568 bytes, but the file holds 784"},
    {"--data @/odd", "1 training images, but 2 labels"},
    {"--data examples/data/mnist --train 10001",
     "--train 10001: examples/data/mnist has only 10000 training images"},
    {"--data examples/data/mnist --out @/file/below", "no results can be written there: Not a dir"},
};

#define WRONG_FOR_ALL ((int)(sizeof wrong_for_all / sizeof *wrong_for_all))

START_TEST(refuses_what_is_wrong_for_all)
{
    write_digits("cut", 2, 1, 2);
    write_digits("odd", 1, 1, 2);
    work_write("file", "", 0);
    for (int i = 0; i < WRONG_FOR_ALL; i++) {
        char arguments[256];
        snprintf(arguments, sizeof arguments, "%s --out @/out %s", commands[_i],
                 wrong_for_all[i].arguments);
        run_badly("digits", arguments, 2, wrong_for_all[i].error);
        ck_assert(!work_has("out"));
        ck_assert_str_eq(printed, "");
    }
}
END_TEST

static const struct {
    const char *arguments, *error;
} wrong[] = {
    {"show" DATA "--train 50", "50 training images of examples/data/mnist hold 4 different 0s"},
    {"show" DATA "--train nan", "--train needs a whole number of at least 0, not 'nan'"},
    {"forward" DATA "--images 13", "--images needs a whole number from 1 to 12, not '13'"},
    {"forward" DATA "--images 6 --train 5", "--images 6: there are only 5 training images"},
    {"forward" DATA "--scale 1e31", "--scale needs a number above 0 and up to 1e+30, not '1e31'"},
    {"gradcheck" DATA "--tolerance 0", "--tolerance needs a number above 0 and up to 1, not '0'"},
    {"gradcheck" DATA "--step inf", "--step needs a number above 0 and up to 1, not 'inf'"},
    {"compare" DATA "--losses 1,,2", "--losses needs 1 to 20 numbers with commas between them"},
    {"compare" DATA "--losses 1,-2", "--losses needs numbers above 0, not '1,-2'"},
    {"compare" DATA "--momentum 1", "--momentum needs a number above 0 and up to 0.9999"},
    {"contour" DATA "--pair 10,3,11,3", "pixel 10 is 0 in all 10000 images, so the loss does not"},
    {"contour" DATA "--pair 490,3,490,3", "--pair 490,3,490,3: that is one weight, not two"},
    {"contour" DATA "--pair 490,3,784,3", "pixels are 0 to 783 and digits 0 to 9"},
    {"contour" DATA "--pair 490,3,491", "--pair needs 4 numbers with commas between them"},
    {"contour" DATA "--pair 490,3,491,3,1", "--pair needs 4 numbers with commas between them"},
    {"backprop-cost" DATA "--widths 16", "--widths needs 2 to 8 growing whole numbers from 2 to"},
    {"backprop-cost" DATA "--widths 16,8", "growing whole numbers from 2 to 784, not '16,8'"},
    {"backprop-cost" DATA "--widths 16,785", "growing whole numbers from 2 to 784"},
};

START_TEST(refuses_what_is_wrong)
{
    run_badly("digits", wrong[_i].arguments, 2, wrong[_i].error);
    ck_assert(!work_has("out"));
}
END_TEST

/* Without gnuplot everything but the picture is there, and a line tells how to draw it. */
START_TEST(manages_without_gnuplot)
{
    run_well("digits", "forward" DATA "--train 20");
    ck_assert_ptr_nonnull(strstr(printed, "forward not drawn: with gnuplot installed, (cd "));
    ck_assert(work_has("out/forward.gp") && work_has("out/forward.csv"));
    ck_assert(!work_has("out/forward.png"));
    run_well("digits", "forward" DATA "--train 20 --quiet");
    ck_assert_str_eq(printed, "");
}
END_TEST

/* The pictures that gnuplot draws, where it is installed; with what it takes to make them. */
static const char *const drawn[][2] = {
    {"forward" DATA "--train 20 --images 3", "out/forward.svg"},
    {"compare" DATA "--train 200 --iterations 5", "out/compare.svg"},
    {"contour" DATA "--train 200 --iterations 50 --threads 1 --pair 490,3,491,3", "out/pair.svg"},
    {"backprop-cost" DATA "--train 1 --widths 4,8 --sample 9", "out/cost.svg"},
};

START_TEST(draws)
{
    if (system("gnuplot --version >/dev/null 2>&1") != 0)
        return;
    ck_assert_int_eq(run_program("digits", drawn[_i][0], true), 0);
    ck_assert_ptr_null(strstr(printed, "not drawn"));
    char *text = work_text(drawn[_i][1]);
    ck_assert_ptr_nonnull(strstr(text, "</svg>"));
    free(text);
}
END_TEST

/* ---- show ------------------------------------------------------------------------------------ */

static void decode(const char *name, png_image *png, uint8_t **pixels)
{
    *png = (png_image){.version = PNG_IMAGE_VERSION};
    ck_assert_msg(png_image_begin_read_from_file(png, folder_path(name)), "%s", png->message);
    png->format = PNG_FORMAT_GRAY;
    *pixels = malloc(PNG_IMAGE_SIZE(*png));
    ck_assert(png_image_finish_read(png, NULL, *pixels, 0, NULL));
}

/* The middle of cell (row, column) is the image that examples.csv names, dark on white. */
static void check_cell(const uint8_t *pixels, const uint8_t *images, int row, int column)
{
    const uint8_t *ink =
        images + 784 * (int)work_cell("out/examples.csv", 10 * row + column + 1, 2);
    for (int y = 0; y < 28; y++)
        for (int x = 0; x < 28; x++)
            ck_assert_int_eq(pixels[(2 + 86 * row + 3 * y + 1) * 862 + 2 + 86 * column + 3 * x + 1],
                             255 - ink[28 * y + x]);
}

START_TEST(shows_ten_of_each)
{
    png_image png;
    uint8_t *pixels;
    const char *folder = "examples/data/mnist/";
    char path[128];
    run_well("digits", "show" DATA);
    decode("out/digits.png", &png, &pixels);
    ck_assert_uint_eq(png.width, 862);
    ck_assert_uint_eq(png.height, 862);
    ck_assert_int_eq(work_lines("out/examples.csv"), 101);
    snprintf(path, sizeof path, "%strain-images-idx3-ubyte.gz", folder);
    const uint8_t *images = tn_data(tn_load_idx(ctx, path));
    snprintf(path, sizeof path, "%strain-labels-idx1-ubyte.gz", folder);
    const uint8_t *labels = tn_data(tn_load_idx(ctx, path));
    ck_tn_ok();
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(labels[(int)work_cell("out/examples.csv", i + 1, 2)], i / 10);
        check_cell(pixels, images, i / 10, i % 10);
        for (int j = i - i % 10; j < i; j++)
            ck_assert(work_cell("out/examples.csv", i + 1, 2) !=
                      work_cell("out/examples.csv", j + 1, 2));
    }
    free(pixels);
}
END_TEST

/* ---- the same seed, the same files ----------------------------------------------------------- */

/* What to run, and files that must be the same with the same seed, and others with another. */
static const char *const seeded[][3] = {
    {"show", "digits.png", "examples.csv"},
    {"forward", "forward.csv", "images.csv"},
    {"gradcheck --train 3", "entries.csv"},
    {"compare --train 300 --iterations 5", "compare.csv"},
    {"contour --train 200 --iterations 50 --steps 20 --threads 1 --pair 490,3,491,3",
     "pair_paths.csv"},
};

START_TEST(repeats_itself)
{
    static const char *const folders[] = {"a", "b", "c"};
    char arguments[256], file[3][64];
    for (int i = 0; i < 3; i++) {
        snprintf(arguments, sizeof arguments, "%s --data examples/data/mnist --out @/%s --seed %d",
                 seeded[_i][0], folders[i], i < 2 ? 7 : 8);
        run_well("digits", arguments);
    }
    for (int k = 1; k < 3 && seeded[_i][k]; k++) {
        for (int i = 0; i < 3; i++)
            snprintf(file[i], sizeof file[i], "%s/%s", folders[i], seeded[_i][k]);
        ck_assert(work_same(file[0], file[1]));
        ck_assert(!work_same(file[0], file[2]));
    }
}
END_TEST

/* ---- forward --------------------------------------------------------------------------------- */

START_TEST(forward_is_stable)
{
    run_well("digits", "forward" DATA "--images 4 --scale 1e30");
    ck_assert_int_eq(work_lines("out/forward.csv"), 41);
    ck_assert_double_lt(work_number("out/metrics.json", "logit_error"), 1e-5);
    ck_assert_double_lt(work_number("out/metrics.json", "sum_error"), 1e-6);
    ck_assert_double_lt(work_number("out/metrics.json", "scaled_sum_error"), 1e-6);
    ck_assert_double_eq(work_number("out/metrics.json", "overflows_without_maximum"), 4);
    for (int i = 0; i < 4; i++) {
        double sum = 0;
        for (int digit = 0; digit < 10; digit++)
            sum += work_cell("out/forward.csv", 10 * i + digit + 1, 4);
        ck_assert_double_eq_tol(sum, 1, 1e-6);
    }
}
END_TEST

START_TEST(forward_scales_the_weights)
{
    run_well("digits", "forward" DATA "--init-std 1e-6 --scale 1");
    for (int i = 1; i <= 60; i++)
        ck_assert_double_eq_tol(work_cell("out/forward.csv", i, 4), 0.1, 1e-4);
    ck_assert_double_eq(work_number("out/metrics.json", "overflows_without_maximum"), 0);
}
END_TEST

/* ---- gradcheck ------------------------------------------------------------------------------- */

START_TEST(gradients_are_right)
{
    run_well("digits", "gradcheck" DATA "--train 20");
    ck_assert_double_eq(work_number("out/metrics.json", "checked"), 7850);
    ck_assert_double_lt(work_number("out/metrics.json", "worst_error"), 1e-7);
    ck_assert_double_lt(work_number("out/metrics.json", "formula_error"), 1e-12);
    ck_assert_double_lt(work_number("out/metrics.json", "entries_central_error"), 1e-6);
    double forward = work_number("out/metrics.json", "entries_forward_error");
    ck_assert(forward > 1e-7 && forward < 1e-3);
    ck_assert_int_eq(work_lines("out/entries.csv"), 5);
    ck_assert_ptr_nonnull(strstr(printed, "W[542,0]"));
    ck_assert_ptr_null(strstr(printed, "whatever the program does"));
}
END_TEST

START_TEST(gradients_can_fail)
{
    run_badly("digits", "gradcheck" DATA "--train 1 --tolerance 1e-15", 1, ", 1e-15 allowed\n");
    ck_assert_ptr_nonnull(strstr(printed, "pixel 542 is 0 in all 1 images: the derivative of "
                                          "W[542,0] is 0 whatever the program does\n"));
}
END_TEST

/* ---- compare --------------------------------------------------------------------------------- */

START_TEST(momentum_is_faster)
{
    run_well("digits", "compare" DATA "--train 500 --iterations 60 --losses 1,0.5,1e-9");
    ck_assert_int_eq(work_lines("out/compare.csv"), 62);
    ck_assert_double_eq(work_cell("out/compare.csv", 1, 1), work_cell("out/compare.csv", 1, 2));
    ck_assert_double_eq(work_cell("out/compare.csv", 2, 1), work_cell("out/compare.csv", 2, 2));
    double vanilla = work_number("out/metrics.json", "vanilla_loss");
    ck_assert_double_lt(work_number("out/metrics.json", "momentum_loss"), vanilla);
    ck_assert_double_gt(work_number("out/metrics.json", "speed_up"), 2);
    int reached = (int)work_cell("out/reach.csv", 2, 1);
    ck_assert_double_le(work_cell("out/compare.csv", reached + 1, 1), 0.5);
    ck_assert_double_gt(work_cell("out/compare.csv", reached, 1), 0.5);
    ck_assert(isnan(work_cell("out/reach.csv", 3, 1)));
    ck_assert_ptr_nonnull(strstr(printed, "not reached"));
}
END_TEST

START_TEST(stops_at_infinity)
{
    run_badly("digits", "compare" DATA "--train 100 --lr 1e38", 1, "the loss is not finite after ");
}
END_TEST

/* ---- contour --------------------------------------------------------------------------------- */

START_TEST(momentum_helps_in_valleys)
{
    run_well("digits", "contour" DATA "--train 1000 --iterations 50 --steps 150 --threads 1");
    ck_assert_double_gt(work_number("out/metrics.json", "valley_condition"), 10);
    ck_assert_double_lt(work_number("out/metrics.json", "bowl_condition"), 2);
    ck_assert_double_lt(2 * work_number("out/metrics.json", "valley_momentum_steps"),
                        work_number("out/metrics.json", "valley_vanilla_steps"));
    ck_assert_double_gt(work_number("out/metrics.json", "bowl_momentum_steps"),
                        work_number("out/metrics.json", "bowl_vanilla_steps"));
    ck_assert_ptr_nonnull(strstr(printed, "pixels 10 and 11 have ink in 0 and 0 of the 1000"));
}
END_TEST

/* Both paths begin at the start, which is not the minimum, and end beside the minimum. */
START_TEST(paths_begin_displaced)
{
    run_well("digits", "contour" DATA "--train 300 --iterations 50 --pair 490,3,491,3 --threads 1");
    double best = work_number("out/metrics.json", "pair_best_loss");
    double start = work_number("out/metrics.json", "pair_start_loss");
    ck_assert_double_gt(start, 1.003 * best);
    ck_assert_int_eq(work_lines("out/pair_paths.csv"), 202);
    for (int column = 1; column <= 3; column++)
        ck_assert_double_eq(work_cell("out/pair_paths.csv", 1, column),
                            work_cell("out/pair_paths.csv", 1, column + 3));
    ck_assert_double_eq(work_cell("out/pair_paths.csv", 1, 3), start);
    ck_assert(fabs(work_cell("out/pair_paths.csv", 1, 1) -
                   work_cell("out/pair_paths.csv", 201, 1)) > 0.01);
    ck_assert_double_eq_tol(work_cell("out/pair_paths.csv", 201, 6), best, 1e-6 * best);
    ck_assert_int_eq(work_lines("out/pair.csv"), 1 + 61 * 62);
    double lowest = INFINITY;
    for (int line = 2; line < 61 * 62; line += 7)
        lowest = fmin(lowest, fmax(0, work_cell("out/pair.csv", line, 2)) > 0
                                  ? work_cell("out/pair.csv", line, 2)
                                  : INFINITY);
    ck_assert_double_ge(lowest, best);
}
END_TEST

/* ---- backprop-cost --------------------------------------------------------------------------- */

START_TEST(both_ways_agree)
{
    run_well("digits", "backprop-cost" DATA "--train 1 --widths 6,12 --sample 30");
    ck_assert_double_lt(work_number("out/metrics.json", "library_error"), 1e-12);
    ck_assert_double_lt(work_number("out/metrics.json", "separate_error"), 1e-12);
    ck_assert_int_eq(work_lines("out/cost.csv"), 9);
    ck_assert_int_eq(work_lines("out/growth.csv"), 5);
    ck_assert_ptr_nonnull(strstr(printed, "* extrapolated: measured for 30 weights of a layer"));
    char *script = work_text("out/cost.gp");
    ck_assert_ptr_nonnull(strstr(script, "title 'extrapolated from 30 weights of a layer'"));
    ck_assert_ptr_nonnull(strstr(script, "set key inside"));
    free(script);
    /* One hidden layer of 6: 36 (2 + 10) + 60 2 and 2 36 + 3 60; three: */
    ck_assert_double_eq(work_cell("out/cost.csv", 1, 4), 36 * 12 + 60 * 2);
    ck_assert_double_eq(work_cell("out/cost.csv", 1, 5), 2 * 36 + 3 * 60);
    ck_assert_double_eq(work_cell("out/cost.csv", 5, 4),
                        36 * (2 + 6 + 36 + 60) + 36 * (2 + 6 + 60) + 36 * (2 + 10) + 60 * 2);
    run_well("digits", "backprop-cost" DATA "--train 1 --widths 2,4 --sample 99");
    script = work_text("out/cost.gp");
    ck_assert_ptr_null(strstr(script, "title 'extrapolated"));
    free(script);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("digits_commands");
    TCase *tc = tn_case(suite, "digits_commands");
    tcase_add_checked_fixture(tc, make_folder, remove_work);
    tcase_add_loop_test(tc, helps, 0, COMMANDS);
    tcase_add_loop_test(tc, refuses_what_is_wrong_for_all, 0, COMMANDS);
    tcase_add_loop_test(tc, refuses_what_is_wrong, 0, (int)(sizeof wrong / sizeof *wrong));
    tcase_add_test(tc, manages_without_gnuplot);
    tcase_add_loop_test(tc, draws, 0, (int)(sizeof drawn / sizeof *drawn));
    tcase_add_test(tc, shows_ten_of_each);
    tcase_add_loop_test(tc, repeats_itself, 0, (int)(sizeof seeded / sizeof *seeded));
    tcase_add_test(tc, forward_is_stable);
    tcase_add_test(tc, forward_scales_the_weights);
    tcase_add_test(tc, gradients_are_right);
    tcase_add_test(tc, gradients_can_fail);
    tcase_add_test(tc, momentum_is_faster);
    tcase_add_test(tc, stops_at_infinity);
    tcase_add_test(tc, momentum_helps_in_valleys);
    tcase_add_test(tc, paths_begin_displaced);
    tcase_add_test(tc, both_ways_agree);
    return tn_run(suite);
}
