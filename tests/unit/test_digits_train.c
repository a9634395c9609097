/* digits train, run as a program on the digits that ship. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include "common/check_tn.h"
#include "common/files.h"
#include "common/programs.h"

#define RUN "train --data examples/data/mnist --threads 1 --quiet"
#define TRAIN RUN " --out @/"

/* ---- models ---------------------------------------------------------------------------------- */

static const struct {
    const char *arguments;
    double accuracy;
    double iterations;
} models[] = {
    {TRAIN "out --train 2000", 0.87, 300},
    {TRAIN "out --batch 100 --optimizer adam --schedule cosine --epochs 3", 0.85, 270},
    {TRAIN "out --model mlp --train 5000 --epochs 3", 0.9, 135},
    {TRAIN "out --model cnn --train 2000 --epochs 1 --batch 25", 0.83, 72},
};

START_TEST(learns)
{
    run_well("digits", models[_i].arguments);
    ck_assert_double_ge(work_number("out/metrics.json", "test_accuracy"), models[_i].accuracy);
    ck_assert_double_eq(work_number("out/metrics.json", "iterations"), models[_i].iterations);
    ck_assert(work_has("out/history.csv") && work_has("out/curve.gp"));
    ck_assert(work_has("out/weights.csv") == (_i < 2));
    ck_assert(!work_has("out/checkpoint.safetensors") && !work_has("out/runs.csv"));
}
END_TEST

/* What a few steps come to, whatever the programs are rebuilt of: start, order, rate, schedule,
 * loss and evaluation. Kernels round differently, so it is the same within 2e-4. */
static const struct {
    const char *arguments;
    double loss, validation_loss, test_loss;
} losses[] = {
    {"--iterations 10", 0.759975, 0.796278, 0.766784},
    {"--iterations 10 --reduction sum --momentum 0.9 --weight-decay 0.01 --init-std 0.1", 4234.563,
     0.494877, 0.483761},
    {"--model mlp --epochs 1 --train 500 --batch 50", 1.552338, 1.648186, 1.684029},
    {"--model cnn --epochs 1 --train 200 --batch 50", 2.231623, 2.228005, 2.251599},
};

START_TEST(learns_what_it_learned)
{
    char arguments[256];
    snprintf(arguments, sizeof arguments, TRAIN "out %s", losses[_i].arguments);
    run_well("digits", arguments);
    work_near("out/metrics.json", "loss", losses[_i].loss);
    work_near("out/metrics.json", "validation_loss", losses[_i].validation_loss);
    work_near("out/metrics.json", "test_loss", losses[_i].test_loss);
}
END_TEST

/* The network that is saved is the one that was measured. */
START_TEST(saves_the_network)
{
    run_well("digits", TRAIN "out --iterations 20");
    tn_module *net = tn_sequential(ctx, tn_nn_linear(ctx, 784, 10));
    ck_assert_int_eq(tn_load(ctx, net, folder_path("out/model.safetensors"), (tn_load_opts){0}),
                     TN_OK);
    tn_tensor *images = tn_load_idx(ctx, "examples/data/mnist/t10k-images-idx3-ubyte.gz");
    tn_tensor *labels = tn_load_idx(ctx, "examples/data/mnist/t10k-labels-idx1-ubyte.gz");
    tn_tensor *x =
        tn_mul_scalar(ctx, tn_cast(ctx, tn_flatten(ctx, images, 1, -1), TN_F32), 1 / 255.0);
    int64_t right = tn_count_equal(ctx, tn_argmax(ctx, tn_forward(ctx, net, x), 1), labels);
    double accuracy = work_number("out/metrics.json", "test_accuracy");
    ck_assert_int_eq(right, llround(accuracy * (double)tn_size(labels, 0)));
    ck_assert_int_eq(work_lines("out/weights.csv"), 1 + 7840);
    ck_assert_double_eq_tol(work_cell("out/weights.csv", 1 + 784 * 3 + 400, 3),
                            element_of(tn_parameter(net, 0, NULL, 0), 784 * 3 + 400), 1e-7);
}
END_TEST

/* The mean of two runs, t = 12.706 for one degree of freedom. */
START_TEST(runs_with_several_seeds)
{
    run_well("digits", TRAIN "both --train 2000 --iterations 10 --runs 2");
    run_well("digits", TRAIN "first --train 2000 --iterations 10");
    run_well("digits", TRAIN "second --train 2000 --iterations 10 --seed 2");
    double a = work_number("first/metrics.json", "test_accuracy");
    double b = work_number("second/metrics.json", "test_accuracy");
    ck_assert(a != b);
    ck_assert_double_eq(work_cell("both/runs.csv", 1, 8), a);
    ck_assert_double_eq(work_cell("both/runs.csv", 2, 8), b);
    ck_assert_double_eq_tol(work_number("both/metrics.json", "test_accuracy"), (a + b) / 2, 1e-12);
    ck_assert_double_eq_tol(work_number("both/metrics.json", "test_accuracy_high"),
                            (a + b) / 2 + 12.706205 * fabs(a - b) / 2, 1e-6);
    ck_assert(work_same("both/model.safetensors", "first/model.safetensors"));
}
END_TEST

/* ---- checkpoints ----------------------------------------------------------------------------- */

#define LONG " --model mlp --train 3000 --epochs 3 --runs 2"

/* However often it is stopped, it ends with the same bits. */
START_TEST(goes_on_where_it_stopped)
{
    run_in_parts("digits", RUN LONG, "parts");
    run_well("digits", RUN LONG " --out @/whole");
    ck_assert(work_same("whole/model.safetensors", "parts/model.safetensors"));
    work_same_table("whole/history.csv", "parts/history.csv", 8, 1);
    work_same_table("whole/runs.csv", "parts/runs.csv", 9, 2);
    ck_assert(!work_has("parts/checkpoint.safetensors"));
}
END_TEST

static bool at_once(void)
{
    return true;
}

START_TEST(ends_at_the_second_interrupt)
{
    int status =
        run_interrupted_twice("digits", TRAIN "out --model cnn --batch 0 --epochs 9", at_once);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
    ck_assert(!work_has("out/checkpoint.safetensors"));
}
END_TEST

static const char *const others[][2] = {
    {"--batch 50", "was made with --batch 100, not 50"},
    {"--model cnn", "was made with --model mlp, not cnn"},
    {"--lr 0.5", "was made with --lr 0.002, not 0.5"},
    {"--seed 3", "was made with --seed 1, not 3"},
    {"--epochs 900", "was made with --epochs 1000, not 900"},
    {"--iterations 900", "was made with --epochs 1000, not none"},
};

START_TEST(goes_on_only_as_it_began)
{
    char arguments[256];
    ck_assert_int_eq(
        run_interrupted("digits", TRAIN "out --model mlp --epochs 1000", at_once, SIGINT), 130);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(arguments, sizeof arguments, TRAIN "out --resume %s%s%s",
                 i == 1 ? "" : "--model mlp ", others[i][0],
                 i == 1 || i > 3 ? "" : " --epochs 1000");
        run_badly("digits", arguments, 2, others[i][1]);
    }
    size_t size, after;
    unsigned char *left = read_bytes(folder_path("out/checkpoint.safetensors"), &size);
    run_badly("digits", TRAIN "out --model mlp --epochs 1", 2,
              "out/checkpoint.safetensors is of a training that was stopped: train --resume goes "
              "on with it; to begin anew, remove it or choose another --out");
    unsigned char *kept = read_bytes(folder_path("out/checkpoint.safetensors"), &after);
    ck_assert(after == size && memcmp(kept, left, size) == 0);
    free(left);
    free(kept);
    char command[2400];
    snprintf(command, sizeof command,
             "cp -r examples/data/mnist '%s' && cd '%s' && mv t10k-images* x && "
             "mv train-images* t10k-images-idx3-ubyte.gz && mv x train-images-idx3-ubyte.gz && "
             "mv t10k-labels* x && mv train-labels* t10k-labels-idx1-ubyte.gz && "
             "mv x train-labels-idx1-ubyte.gz",
             folder_path("mnist"), folder_path("mnist"));
    ck_assert_int_eq(system(command), 0);
    run_badly("digits",
              "train --threads 1 --resume --model mlp --epochs 1000 --data @/mnist --out @/out", 2,
              "checkpoint.safetensors was made from other data");
}
END_TEST

START_TEST(refuses_other_checkpoints)
{
    run_badly("digits", TRAIN "none --resume", 2, "there is nothing to go on with in ");
    run_well("digits", TRAIN "out --iterations 1");
    char command[1200];
    snprintf(command, sizeof command, "mv '%s' '%s'", folder_path("out/model.safetensors"),
             folder_path("out/checkpoint.safetensors"));
    ck_assert_int_eq(system(command), 0);
    run_badly("digits", TRAIN "out --resume", 2, "is not a checkpoint of this command");
    work_write("out/checkpoint.safetensors", "x", 1);
    run_badly("digits", TRAIN "out --resume", 2, "checkpoint.safetensors: ");
}
END_TEST

/* ---- what does not fit ----------------------------------------------------------------------- */

static const char *const wrong[][2] = {
    {"--epochs 1 --iterations 1", "--epochs and --iterations both say how long to train"},
    {"--model mlp --momentum 0.9", "--momentum is for --optimizer sgd"},
    {"--model rnn", "--model needs one of softmax|mlp|cnn, not 'rnn'"},
    {"--runs 0", "--runs needs a whole number from 1 to 1000, not '0'"},
    {"--batch 20000", "--batch 20000: there are only 9000 training images"},
    {"--train 20000", "has only 10000 training images"},
    {"--train 2 --validation 0.9", "--validation 0.9 leaves no image for training"},
    {"--weight-decay -1", "--weight-decay needs a number from 0 to 1, not '-1'"},
};

START_TEST(refuses_what_is_wrong)
{
    char arguments[256];
    snprintf(arguments, sizeof arguments, TRAIN "out %s", wrong[_i][0]);
    run_badly("digits", arguments, 2, wrong[_i][1]);
    ck_assert(!work_has("out"));
}
END_TEST

START_TEST(runs_everything)
{
    run_well("digits",
             "all --data examples/data/mnist --train 180 --out @/out --threads 1 --quiet");
    static const char *const parts[] = {"show",    "forward", "gradcheck",    "train",
                                        "compare", "contour", "backprop-cost"};
    char name[64];
    for (int i = 0; i < 7; i++) {
        snprintf(name, sizeof name, "out/%s/metrics.json", parts[i]);
        ck_assert_msg(work_has(name), "no %s", name);
        ck_assert_double_eq(work_number(name, "train_images"), i == 3 ? 162 : 180);
    }
}
END_TEST

static bool gradients_are_checked(void)
{
    return work_has("out/gradcheck/metrics.json");
}

/* Again, where the training has ended before the signal comes. */
static int run_until_training(void)
{
    int status;
    do {
        remove_tree(folder_path("out"));
        status = run_interrupted("digits", "all --data examples/data/mnist --out @/out --quiet",
                                 gradients_are_checked, SIGINT);
    } while (status == 130 && work_has("out/train/metrics.json"));
    return status;
}

/* Without --train each part has its own default, of which the gradients' is the smallest. The
 * training comes after them, and what it says leads on. */
START_TEST(runs_everything_by_default)
{
    int status = run_until_training();
    ck_assert_int_eq(status, 130);
    ck_assert_double_eq(work_number("out/gradcheck/metrics.json", "train_images"), 100);
    ck_assert_double_eq(work_number("out/forward/metrics.json", "train_images"), 10000);
    ck_assert(work_has("out/train/checkpoint.safetensors") && !work_has("out/compare"));
    char *said = strdup(complained);
    run_badly("digits", "all --data examples/data/mnist --out @/out", 2, "train --resume goes on");
    strcpy(complained, said);
    free(said);
    const char *line = strstr(complained, "digits all: to go on with that: digits train ");
    ck_assert_ptr_nonnull(line);
    char arguments[1200];
    snprintf(arguments, sizeof arguments, "%s --quiet",
             strstr(line, "digits train") + strlen("digits "));
    arguments[strcspn(arguments, "\n")] = ' ';
    ck_assert_int_eq(run_interrupted("digits", arguments, at_once, SIGINT), 130);
    ck_assert_ptr_nonnull(strstr(complained, "with --resume the same command goes on"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("digits_train");
    TCase *tc = tn_case(suite, "train");
    tcase_add_checked_fixture(tc, make_folder, remove_work);
    tcase_add_loop_test(tc, learns, 0, (int)(sizeof models / sizeof *models));
    tcase_add_loop_test(tc, learns_what_it_learned, 0, (int)(sizeof losses / sizeof *losses));
    tcase_add_test(tc, saves_the_network);
    tcase_add_test(tc, runs_with_several_seeds);
    tcase_add_test(tc, goes_on_where_it_stopped);
    tcase_add_test(tc, ends_at_the_second_interrupt);
    tcase_add_test(tc, goes_on_only_as_it_began);
    tcase_add_test(tc, refuses_other_checkpoints);
    tcase_add_loop_test(tc, refuses_what_is_wrong, 0, (int)(sizeof wrong / sizeof *wrong));
    tcase_add_test(tc, runs_everything);
    tcase_add_test(tc, runs_everything_by_default);
    return tn_run(suite);
}
