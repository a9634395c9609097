/* examples/faces, run as a program on faces that it draws: splits, training, controls, weights and
 * predictions. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/check_tn.h"
#include "common/files.h"
#include "common/names.h"
#include "common/people.h"
#include "common/photo.h"
#include "common/programs.h"
#include "common/report.h"

#define TRAIN "train --data @/faces --out @/out --threads 1 "

static const cli_program test_program = {.name = "test_faces"};

static void generate(int persons, int images)
{
    char arguments[200];
    snprintf(arguments, sizeof arguments, "generate --out @/faces --quiet --people %d --images %d",
             persons, images);
    run_well("faces", arguments);
}

/* ---- help and refusals ----------------------------------------------------------------------- */

static const char *const commands[] = {"download", "generate", "train", "weights", "predict"};

#define COMMANDS ((int)(sizeof commands / sizeof *commands))

START_TEST(helps)
{
    char arguments[64], usage[64];
    snprintf(arguments, sizeof arguments, "%s --help", commands[_i]);
    snprintf(usage, sizeof usage, "usage: faces %s [options]", commands[_i]);
    run_well("faces", arguments);
    ck_assert_int_eq(strncmp(printed, usage, strlen(usage)), 0);
    run_well("faces", "--help");
    ck_assert_ptr_nonnull(strstr(printed, commands[_i]));
}
END_TEST

static const struct {
    const char *arguments;
    int status;
    const char *error;
} wrong[] = {
    {"nothing", 2, "there is no command 'nothing'"},
    {"train", 2, "--data DIR is missing"},
    {"train --data /no/such/folder", 2, "/no/such/folder: No such file or directory"},
    {"train --data @/empty", 2, "no photographs, neither NAME/*.jpg nor NAME1.jpg"},
    {"train --data @/faces --test-per-class 12", 2, "12 photographs of generated-1 are too few"},
    {"train --data @/faces --test-per-class 4 --train 100", 2,
     "--train 100: there are only 21 training photographs"},
    {"train --data @/faces --test-per-class 11 --validation 0.9 --out @/out", 2,
     "--validation 0.9 leaves no photograph for training"},
    {"train --data @/faces --hidden 0", 2, "--hidden needs a whole number from 1"},
    {"train --data @/faces --control nobody", 2, "--control needs one of none|permute"},
    {"train --data @/faces --test-per-class 4 --micro-batches 2 --out @/out", 2,
     "--micro-batches is for the programs of `make mpi-examples`"},
    {"train --data @/faces --split @/none.csv --out @/out", 2, "none.csv: No such file"},
    {"train --data @/faces extra", 2, "unknown option 'extra'"},
    {"train --data @/faces --out @/file/below", 2, "no results can be written there"},
    {"train --data @/faces --test-per-class 4 --lr 1e30 --out @/out", 1, "the loss is not finite"},
    {"train --data @/faces/generated-1 --out @/out", 2, "does not begin with that of a person"},
    {"generate --people 101", 2, "--people needs a whole number from 1 to 100, not '101'"},
    {"generate --size 7", 2, "--size needs a whole number from 8 to 512, not '7'"},
    {"generate --out @/file/below", 2, "no faces can be written there: Not a directory"},
    {"weights --data @/faces --model @/none.safetensors", 2, "none.safetensors"},
    {"weights --model @/none.safetensors", 2, "--data DIR is missing"},
    {"predict", 2, "IMAGE... is missing"},
    {"predict --model @/file x.jpg", 2, "file"},
};

START_TEST(refuses_what_is_wrong)
{
    generate(3, 12);
    mkdir(folder_path("empty"), 0777);
    work_write("file", "", 0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int status = run_program("faces", wrong[i].arguments, false);
        ck_assert_msg(strstr(complained, wrong[i].error) != NULL, "%s: %s", wrong[i].arguments,
                      complained);
        ck_assert_msg(status == wrong[i].status, "%s: %d", wrong[i].arguments, status);
        ck_assert_int_eq(strncmp(complained, "faces", 5), 0);
    }
}
END_TEST

/* ---- generated faces ------------------------------------------------------------------------- */

START_TEST(generates_the_same_faces)
{
    run_well("faces", "generate --out @/a --people 2 --images 3 --quiet");
    run_well("faces", "generate --out @/b --people 7 --images 5 --quiet --threads 1");
    run_well("faces", "generate --out @/c --people 7 --images 5 --quiet --seed 2");
    ck_assert_str_eq(printed, "");
    ck_assert(work_same("a/generated-2/0003.png", "b/generated-2/0003.png"));
    ck_assert(!work_same("a/generated-2/0003.png", "c/generated-2/0003.png"));
    ck_assert(!work_same("b/generated-7/0001.png", "c/generated-7/0001.png"));
    ck_assert(!work_same("b/generated-7/0001.png", "b/generated-7/0002.png"));
    ck_assert(!work_has("b/generated-8"));
    ck_assert_double_eq(work_number("c/metrics.json", "seed"), 2);
    ck_assert_double_eq(work_number("c/metrics.json", "persons"), 7);
    ck_assert_double_eq(work_number("c/metrics.json", "images"), 5);
    ck_assert(!work_has("b/generated-7/0006.png"));
}
END_TEST

/* The mean square between the mean faces of two halves of one person, and of two persons. */
static double distance_of(const people *p, int a, int first_a, int b, int first_b)
{
    double sum = 0;
    for (int i = 0; i < 3 * 32 * 32; i++) {
        double mean[2] = {0, 0};
        int seen[2] = {0, 0}, persons[] = {a, b}, first[] = {first_a, first_b};
        for (int64_t k = 0; k < p->count; k++) {
            for (int j = 0; j < 2; j++) {
                if (p->photos[k].person == persons[j] && seen[j]++ % 2 == first[j])
                    mean[j] += people_pixels(p, k)[i] / 30.0;
            }
        }
        sum += (mean[0] - mean[1]) * (mean[0] - mean[1]);
    }
    return sum;
}

START_TEST(generated_persons_differ)
{
    people p;
    generate(6, 60);
    ck_assert(people_load(&test_program, folder_path("faces"),
                          (people_opts){.side = 32, .near = -1, .quiet = true}, &p));
    ck_assert(p.generated);
    ck_assert_int_eq(p.count, 360);
    double within = 0, between = INFINITY;
    for (int a = 0; a < 6; a++) {
        within += distance_of(&p, a, 0, a, 1) / 6;
        for (int b = 0; b < a; b++)
            between = fmin(between, distance_of(&p, a, 0, b, 1));
    }
    ck_assert_double_lt(within, between);
    people_free(&p);
}
END_TEST

/* ---- the split ------------------------------------------------------------------------------- */

typedef struct split_row {
    char file[64], person[32], part[16], hash[65];
    int group;
} split_row;

static int read_split(const char *name, split_row *rows)
{
    char *text = work_text(name), *line = strtok(text, "\n");
    int count = 0;
    ck_assert_str_eq(line, "file,person,part,group,sha256");
    while ((line = strtok(NULL, "\n"))) {
        split_row *r = &rows[count++];
        ck_assert_int_eq(sscanf(line, "%63[^,],%31[^,],%15[^,],%d,%64s", r->file, r->person,
                                r->part, &r->group, r->hash),
                         5);
    }
    free(text);
    return count;
}

static int in_part(const split_row *rows, int count, const char *person, const char *part)
{
    int found = 0;
    for (int i = 0; i < count; i++)
        found += strcmp(rows[i].part, part) == 0 && strcmp(rows[i].person, person) == 0;
    return found;
}

static void copy(const char *from, const char *to)
{
    size_t size;
    unsigned char *bytes = read_bytes(folder_path(from), &size);
    work_write(to, bytes, size);
    free(bytes);
}

/* Copies of photographs, some of them brought to another size, stay where their originals are. */
START_TEST(splits_by_person_and_group)
{
    split_row rows[200];
    char name[64], from[64];
    generate(3, 30);
    for (int i = 1; i <= 10; i++) {
        snprintf(from, sizeof from, "faces/generated-1/%04d.png", i);
        snprintf(name, sizeof name, "faces/generated-1/copy%d.png", i);
        copy(from, name);
    }
    run_well("faces", TRAIN "--epochs 1 --test-per-class 10 --validation 0.25 --seed 3 --near 0");
    int count = read_split("out/split.csv", rows);
    ck_assert_int_eq(count, 100);
    for (int person = 0; person < 3; person++) {
        snprintf(name, sizeof name, "generated-%d", person + 1);
        ck_assert_int_eq(in_part(rows, count, name, "test"), 10);
        ck_assert_int_eq(in_part(rows, count, name, "validation"), person == 0 ? 8 : 5);
        ck_assert_int_eq(in_part(rows, count, name, "train"), person == 0 ? 22 : 15);
    }
    int pairs = 0;
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < i; j++) {
            bool same = strcmp(rows[i].hash, rows[j].hash) == 0;
            ck_assert(same == (rows[i].group == rows[j].group));
            ck_assert(!same || strcmp(rows[i].part, rows[j].part) == 0);
            pairs += same;
        }
    }
    ck_assert_int_eq(pairs, 10);
    ck_assert_int_eq((int)work_number("out/metrics.json", "duplicate_groups"), 10);
    ck_assert_int_eq(work_lines("out/duplicates.csv"), 21);
}
END_TEST

/* The same files in another order of the folder, and in the flat layout under names that sort
 * alike, are split alike; another seed splits otherwise. */
START_TEST(split_does_not_depend_on_the_folder)
{
    split_row a[100], b[100];
    char from[64], to[64];
    generate(2, 20);
    run_well("faces", TRAIN "--epochs 1 --test-per-class 5");
    int count = read_split("out/split.csv", a), differ = 0;
    mkdir(folder_path("turned"), 0777);
    for (int i = 40; i > 0; i--) {
        snprintf(from, sizeof from, "faces/generated-%d/%04d.png", 1 + (i - 1) / 20,
                 1 + (i - 1) % 20);
        snprintf(to, sizeof to, "turned/person-%c%04d.png", i > 20 ? 'b' : 'a', 1 + (i - 1) % 20);
        copy(from, to);
    }
    run_well("faces", "train --data @/turned --out @/out2 --epochs 1 --test-per-class 5");
    ck_assert_ptr_nonnull(strstr(printed, "40 photographs of 2 persons"));
    ck_assert_int_eq(read_split("out2/split.csv", b), count);
    for (int i = 0; i < count; i++) {
        ck_assert_str_eq(a[i].hash, b[i].hash);
        ck_assert_str_eq(a[i].part, b[i].part);
        ck_assert_int_eq(strncmp(b[i].person, "person-", 7), 0);
    }
    run_well("faces", TRAIN "--epochs 1 --test-per-class 5 --seed 2");
    read_split("out/split.csv", b);
    for (int i = 0; i < count; i++)
        differ += strcmp(a[i].part, b[i].part) != 0;
    ck_assert_int_gt(differ, 5);
}
END_TEST

START_TEST(takes_a_split)
{
    generate(2, 20);
    run_well("faces", TRAIN "--epochs 1 --test-per-class 5 --train 12");
    ck_assert_int_eq((int)work_number("out/metrics.json", "train_photographs"), 12);
    run_well("faces", TRAIN "--epochs 2 --test-per-class 5 --seed 4");
    run_well("faces",
             "train --data @/faces --out @/out2 --epochs 2 --split @/out/split.csv --seed 9 "
             "--threads 1");
    ck_assert(work_same("out/split.csv", "out2/split.csv"));
    ck_assert(!work_same("out/history.csv", "out2/history.csv"));
    copy("faces/generated-2/0001.png", "faces/generated-1/0001.png");
    run_badly("faces", "train --data @/faces --out @/out3 --split @/out/split.csv", 2,
              "split.csv, line 2: that photograph has changed: its SHA-256 is another");
    remove(folder_path("faces/generated-1/0001.png"));
    ck_assert_int_eq(run_program("faces", "train --data @/faces --split @/out/split.csv", false),
                     2);
    ck_assert_ptr_nonnull(strstr(complained, "line 2: that photograph is not there"));
    work_write("bad.csv", "file,person\n", 12);
    run_badly("faces", "train --data @/faces --split @/bad.csv --out @/out3", 2,
              "bad.csv, line 1: not the first line of such a file");
}
END_TEST

/* ---- training -------------------------------------------------------------------------------- */

START_TEST(learns)
{
    generate(3, 40);
    run_well("faces", TRAIN "--epochs 60 --eval-every 2 --test-per-class 10 --runs 2");
    double accuracy = work_number("out/metrics.json", "test_accuracy");
    ck_assert_double_gt(accuracy, 0.7);
    ck_assert_double_gt(work_number("out/metrics.json", "train_accuracy"), 0.95);
    ck_assert_double_lt(work_number("out/metrics.json", "test_accuracy_low"), accuracy);
    ck_assert_double_gt(work_number("out/metrics.json", "test_accuracy_high"), accuracy);
    ck_assert_int_eq(work_lines("out/runs.csv"), 3);
    ck_assert_double_eq_tol((work_cell("out/runs.csv", 1, 8) + work_cell("out/runs.csv", 2, 8)) / 2,
                            accuracy, 1e-9);
    ck_assert_int_eq(work_lines("out/history.csv"), 32);
    ck_assert_ptr_nonnull(strstr(printed, "generated faces"));
    char *metrics = work_text("out/metrics.json"), *script = work_text("out/curve.gp");
    ck_assert_ptr_nonnull(strstr(metrics, "\"kind\": \"generated faces\""));
    ck_assert_ptr_nonnull(strstr(script, "on generated faces"));
    ck_assert_ptr_nonnull(strstr(script, "title 'kept: epoch "));
    free(metrics);
    free(script);
}
END_TEST

/* What a few epochs come to, whatever the programs are rebuilt of: split, start, order, variation,
 * rate, schedule, weights of the loss and the network that is kept. Kernels round differently, so
 * it is the same within 2e-4. */
static const struct {
    const char *arguments;
    double train_loss, validation_loss, test_loss;
} losses[] = {
    {"--epochs 4 --eval-every 1", 0.830563, 0.924589, 1.154560},
    {"--epochs 4 --keep last --balance --schedule constant --normalize channel --no-flip --shift 0 "
     "--weight-decay 0",
     0.604627, 0.895318, 1.141830},
    {"--preset study --train 20 --epochs 20", 0.975651, 1.141607, 1.185196},
};

START_TEST(learns_what_it_learned)
{
    char arguments[256];
    snprintf(arguments, sizeof arguments, TRAIN "--test-per-class 5 %s", losses[_i].arguments);
    generate(3, 20);
    run_well("faces", arguments);
    work_near("out/metrics.json", "train_loss", losses[_i].train_loss);
    work_near("out/metrics.json", "validation_loss", losses[_i].validation_loss);
    work_near("out/metrics.json", "test_loss", losses[_i].test_loss);
}
END_TEST

/* The confusion matrix holds every test once, and precision and recall are made of it. */
START_TEST(counts_confusions)
{
    generate(3, 30);
    run_well("faces", TRAIN "--epochs 3 --test-per-class 10 --runs 2");
    double count[3][3], right = 0;
    for (int i = 0; i < 9; i++)
        count[i / 3][i % 3] = work_cell("out/confusion.csv", 1 + i, 2);
    for (int i = 0; i < 3; i++) {
        double named = count[0][i] + count[1][i] + count[2][i];
        ck_assert_double_eq(count[i][0] + count[i][1] + count[i][2], 20);
        ck_assert_double_eq_tol(work_cell("out/people.csv", 1 + i, 2), count[i][i] / 20, 1e-9);
        if (named > 0)
            ck_assert_double_eq_tol(work_cell("out/people.csv", 1 + i, 1), count[i][i] / named,
                                    1e-9);
        right += count[i][i];
    }
    ck_assert_double_eq_tol(work_number("out/metrics.json", "test_accuracy"), right / 60, 1e-9);
}
END_TEST

/* ---- pictures with the names of people ------------------------------------------------------- */

/* Names of people, some of which gnuplot would take for more than a text. */
static const char *const folk[] = {"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn",
                                   "Helena Bonham Carter",
                                   "Hubert Wolfeschlegelsteinhausen the Third",
                                   "\xc3\x9cn\xc3\xaf \"Quote\" , 'x'",
                                   "a } { # @b 50 % `c` $d",
                                   "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWW"};

#define FOLK ((int)(sizeof folk / sizeof *folk))

static void generate_folk(int persons, int images)
{
    generate(persons, images);
    for (int i = 0; i < persons; i++) {
        char from[64], to[128];
        snprintf(from, sizeof from, "faces/generated-%d", i + 1);
        snprintf(to, sizeof to, "faces/%s", folk[i]);
        char *drawn = strdup(folder_path(from));
        ck_assert_int_eq(rename(drawn, folder_path(to)), 0);
        free(drawn);
    }
}

static bool same_ink(const image *p, int a, int b)
{
    return memcmp(p->pixels + 3 * a, p->pixels + 3 * b, 3) == 0;
}

/* A picture that gnuplot has drawn. What is clipped would reach the edges, above and to the left
 * or, if so, all of them, which have the colour of the paper. */
static image whole_picture(const char *name, bool all)
{
    image picture;
    photo_error error;
    ck_assert_msg(photo_read(folder_path(name), &picture, &error), "%s", name);
    int width = picture.width, height = picture.height;
    for (int x = 0; x < width; x++)
        ck_assert_msg(same_ink(&picture, x, 0) &&
                          (!all || same_ink(&picture, (height - 1) * width + x, 0)),
                      "%s is clipped above or below, at %d of %d", name, x, width);
    for (int y = 0; y < height; y++)
        ck_assert_msg(same_ink(&picture, y * width, 0) &&
                          (!all || same_ink(&picture, y * width + width - 1, 0)),
                      "%s is clipped at a side, at %d of %d", name, y, height);
    return picture;
}

/* The longest line of one ink from left to right, as that below the matrix. */
static int longest_line(const image *p)
{
    int longest = 0;
    for (int y = 0; y < p->height; y++) {
        for (int x = 0, run = 0; x < p->width; x++) {
            int at = y * p->width + x;
            run = p->pixels[3 * at] == 0x40 && x > 0 && same_ink(p, at, at - 1) ? run + 1 : 0;
            longest = run > longest ? run : longest;
        }
    }
    return longest;
}

/* The numbers of the picture are those of the table, whatever the names are. */
static void same_confusions(int persons)
{
    char counts[2000];
    int used = snprintf(counts, sizeof counts, "array counts[%d] = [", persons * persons);
    char *script = work_text("out/confusion.gp");
    for (int i = 0; i < persons * persons; i++)
        used += snprintf(counts + used, sizeof counts - (size_t)used, "%s%g", i > 0 ? ", " : "",
                         work_cell("out/confusion.csv", 1 + i, 2));
    strcpy(counts + used, "]");
    ck_assert_msg(strstr(script, counts) != NULL, "%s is not in %s", counts, script);
    ck_assert_msg(strstr(script, ".csv'") == NULL, "gnuplot reads names");
    free(script);
}

static bool has_ink(const image *p, int left, int top, int right, int bottom)
{
    for (int y = top; y < bottom; y++)
        for (int x = left; x < right; x++)
            if (!same_ink(p, y * p->width + x, 0))
                return true;
    return false;
}

/* With names of any length the matrix has its size, and nothing is clipped; what the axes are is
 * said at the edges. */
START_TEST(draws_people)
{
    int persons = 2 * _i;
    generate_folk(persons, 12);
    ck_assert_int_eq(
        run_program("faces", TRAIN "--epochs 1 --test-per-class 4 --control permute", true), 0);
    same_confusions(persons);
    if (system("gnuplot --version >/dev/null 2>&1") != 0)
        return;
    image picture = whole_picture("out/confusion.png", true);
    ck_assert_int_ge(longest_line(&picture), 50 * persons);
    ck_assert(has_ink(&picture, 0, 64, 28, picture.height));
    ck_assert(has_ink(&picture, 28, picture.height - 28, picture.width, picture.height));
    image_free(&picture);
    ck_assert_int_eq(run_program("faces",
                                 "weights --data @/faces --model @/out/model.safetensors "
                                 "--out @/weights --threads 1",
                                 true),
                     0);
    picture = whole_picture("weights/weights.png", false);
    image_free(&picture);
}
END_TEST

START_TEST(learns_nothing_from_permuted_labels)
{
    generate(6, 50);
    run_well("faces", TRAIN "--epochs 30 --eval-every 5 --control permute --runs 3");
    double accuracy = work_number("out/metrics.json", "test_accuracy");
    ck_assert_double_gt(accuracy, 0.05);
    ck_assert_double_lt(accuracy, 0.3);
    ck_assert_ptr_nonnull(strstr(printed, "the labels are permuted"));
}
END_TEST

START_TEST(repeats_itself)
{
    generate(2, 20);
    run_well("faces", TRAIN "--epochs 5 --test-per-class 5 --eval-every 1");
    run_well("faces", "train --data @/faces --out @/out2 --threads 1 --epochs 5 --test-per-class 5 "
                      "--eval-every 1");
    ck_assert(work_same("out/model.safetensors", "out2/model.safetensors"));
    run_well("faces", "train --data @/faces --out @/out3 --threads 1 --epochs 5 --test-per-class 5 "
                      "--eval-every 1 --seed 2");
    ck_assert(!work_same("out/model.safetensors", "out3/model.safetensors"));
}
END_TEST

/* It stops when the validation photographs are recognised no better, and keeps the best network. */
START_TEST(stops_early_and_keeps_the_best)
{
    generate(3, 30);
    run_well("faces", TRAIN "--epochs 300 --eval-every 1 --patience 7 --test-per-class 5");
    int64_t rows = work_lines("out/history.csv") - 1, best = 0;
    for (int64_t i = 1; i < rows; i++) {
        double now = work_cell("out/history.csv", (int)i + 1, 6);
        double kept = work_cell("out/history.csv", (int)best + 1, 6);
        if (now > kept || (now == kept && work_cell("out/history.csv", (int)i + 1, 3) <
                                              work_cell("out/history.csv", (int)best + 1, 3)))
            best = i;
    }
    ck_assert_int_lt(rows, 300);
    ck_assert_int_eq(rows - 1 - best, 7);
    ck_assert_double_eq(work_number("out/metrics.json", "kept_epoch"), (double)best);
    ck_assert_double_eq(work_number("out/metrics.json", "test_accuracy"),
                        work_cell("out/history.csv", (int)best + 1, 7));
    double recall = 0;
    for (int person = 1; person <= 3; person++)
        recall += work_cell("out/people.csv", person, 2) / 3;
    ck_assert_double_eq_tol(recall, work_number("out/metrics.json", "test_accuracy"), 1e-9);
    run_well("faces", TRAIN "--epochs 20 --keep last --patience 3 --test-per-class 5");
    ck_assert_double_eq(work_number("out/metrics.json", "kept_epoch"), 20);
}
END_TEST

/* Mean and deviation are those of the training photographs, and of no others. */
START_TEST(normalizes_by_what_is_learned)
{
    split_row rows[100];
    people p;
    generate(2, 20);
    run_well("faces", TRAIN "--epochs 1 --test-per-class 5");
    int count = read_split("out/split.csv", rows), train = 0;
    ck_assert(people_load(&test_program, folder_path("faces"),
                          (people_opts){.side = 32, .near = -1, .quiet = true}, &p));
    tn_dict *dict = tn_load_dict(ctx, folder_path("out/model.safetensors"));
    tn_tensor *mean = tn_dict_get(dict, "mean"), *deviation = tn_dict_get(dict, "deviation");
    for (int i = 0; i < count; i++)
        train += strcmp(rows[i].part, "train") == 0;
    for (int pixel = 5; pixel < 3072; pixel += 511) {
        double sum = 0, squares = 0;
        for (int i = 0; i < count; i++) {
            double value = people_pixels(&p, i)[pixel];
            sum += strcmp(rows[i].part, "train") == 0 ? value : 0;
            squares += strcmp(rows[i].part, "train") == 0 ? value * value : 0;
        }
        ck_assert_double_eq_tol(element_of(mean, pixel), sum / train, 1e-3);
        ck_assert_double_eq_tol(element_of(deviation, pixel),
                                sqrt(squares / train - sum / train * sum / train), 1e-3);
    }
    people_free(&p);
    tn_dict_free(dict);
}
END_TEST

START_TEST(has_the_setting_of_the_study)
{
    generate(4, 100);
    run_well("faces", TRAIN "--preset study --epochs 2");
    ck_assert_double_eq(work_number("out/metrics.json", "train_photographs"), 200);
    run_well("faces", TRAIN "--epochs 2 --train 100 --preset study");
    ck_assert_double_eq(work_number("out/metrics.json", "train_photographs"), 100);
    ck_assert_double_eq(work_number("out/metrics.json", "lr"), 1e-4);
    ck_assert_double_eq(work_number("out/metrics.json", "batch"), 0);
    ck_assert_double_eq(work_number("out/metrics.json", "weight_decay"), 0);
    ck_assert_double_eq(work_number("out/metrics.json", "flip"), 0);
    ck_assert_double_eq(work_number("out/metrics.json", "kept_epoch"), 2);
}
END_TEST

START_TEST(balances)
{
    char name[64];
    generate(2, 30);
    for (int i = 11; i <= 30; i++) {
        snprintf(name, sizeof name, "faces/generated-2/%04d.png", i);
        remove(folder_path(name));
    }
    run_well("faces", TRAIN "--epochs 2 --test-per-class 3");
    copy("out/history.csv", "plain.csv");
    run_well("faces", TRAIN "--epochs 2 --test-per-class 3 --balance");
    ck_assert(!work_same("out/history.csv", "plain.csv"));
    ck_assert_double_eq(work_number("out/metrics.json", "balance"), 1);
}
END_TEST

/* ---- going on -------------------------------------------------------------------------------- */

#define LONG                                                                                  \
    "train --data @/faces --threads 1 --test-per-class 10 --hidden 60 --epochs 150 --runs 2 " \
    "--eval-every 2 --patience 140 --quiet"

/* However often it is stopped, it ends with the same bits: the network that was best before and
 * after, the early end, the confusions of both runs. */
START_TEST(goes_on_where_it_stopped)
{
    static const char *const same[] = {"model.safetensors", "split.csv", "confusion.csv",
                                       "people.csv"};
    generate(3, 40);
    run_in_parts("faces", LONG, "parts");
    run_well("faces", LONG " --out @/whole");
    for (int i = 0; i < 4; i++) {
        char whole[64], parts[64];
        snprintf(whole, sizeof whole, "whole/%s", same[i]);
        snprintf(parts, sizeof parts, "parts/%s", same[i]);
        ck_assert_msg(work_same(whole, parts), "%s", same[i]);
    }
    work_same_table("whole/history.csv", "parts/history.csv", 8, 1);
    work_same_table("whole/runs.csv", "parts/runs.csv", 9, 2);
    static const char *const numbers[] = {"test_accuracy", "kept_epoch", "trained_epochs"};
    for (int i = 0; i < 3; i++)
        ck_assert_double_eq(work_number("whole/metrics.json", numbers[i]),
                            work_number("parts/metrics.json", numbers[i]));
    ck_assert(!work_has("parts/checkpoint.safetensors"));
}
END_TEST

static bool at_once(void)
{
    return true;
}

static const char *const others[][2] = {
    {"--hidden 7", "was made with --hidden 20, not 7"},
    {"--keep last", "was made with --keep best, not last"},
    {"--seed 3", "was made with --seed 1, not 3"},
    {"--control permute", "was made with --control none, not permute"},
    {"--test-per-class 6", "was made with --test-per-class 5, not 6"},
    {"--split @/split.csv", "checkpoint.safetensors was made from other data"},
};

#define INTERRUPTED TRAIN "--test-per-class 5 --epochs 90000 --patience 0 "

START_TEST(goes_on_only_as_it_began)
{
    char arguments[256];
    generate(2, 20);
    run_badly("faces", TRAIN "--resume", 2, "there is nothing to go on with in ");
    run_well("faces", TRAIN "--epochs 1 --test-per-class 5");
    run_badly("faces", TRAIN "--epochs 1 --test-per-class 5 --resume", 2,
              "out has ended: nothing is left to go on with");
    copy("out/split.csv", "split.csv");
    ck_assert_int_eq(run_interrupted("faces", INTERRUPTED, at_once, SIGTERM), 143);
    ck_assert(work_has("out/checkpoint.safetensors"));
    for (int i = 0; i < 6; i++) {
        snprintf(arguments, sizeof arguments, INTERRUPTED "--resume --quiet %s", others[i][0]);
        run_badly("faces", arguments, 2, others[i][1]);
    }
    run_badly("faces", INTERRUPTED, 2, "is of a training that was stopped");
    copy("faces/generated-2/0001.png", "faces/generated-1/0001.png");
    run_badly("faces", INTERRUPTED "--resume --quiet", 2, "was made from other data");
}
END_TEST

/* ---- hostile photographs --------------------------------------------------------------------- */

START_TEST(leaves_broken_photographs_out)
{
    size_t size;
    generate(2, 20);
    unsigned char *bytes = read_bytes(folder_path("faces/generated-1/0001.png"), &size);
    work_write("faces/generated-1/half.png", bytes, size / 2);
    work_write("faces/generated-1/nothing.jpg", "", 0);
    work_write("faces/generated-2/text.jpeg", "not a photograph", 16);
    work_write("faces/generated-2/notes.txt", "not named like one", 18);
    free(bytes);
    ck_assert_int_eq(run_program("faces", TRAIN "--epochs 1 --test-per-class 5", false), 0);
    ck_assert_ptr_nonnull(strstr(complained, "generated-1/half.png left out: PNG: "));
    ck_assert_ptr_nonnull(strstr(complained, "generated-1/nothing.jpg left out: an empty file"));
    ck_assert_ptr_nonnull(strstr(complained, "generated-2/text.jpeg left out: neither JPEG nor"));
    ck_assert_ptr_nonnull(strstr(complained, "3 of 43 photographs cannot be used"));
    ck_assert_ptr_null(strstr(complained, "notes"));
    ck_assert_double_eq(work_number("out/metrics.json", "lost_photographs"), 3);
    ck_assert_double_eq(work_number("out/metrics.json", "photographs"), 40);
    ck_assert_int_eq(work_lines("out/lost.csv"), 4);
}
END_TEST

START_TEST(needs_one_photograph)
{
    mkdir(folder_path("faces"), 0777);
    work_write("faces/a1.jpg", "", 0);
    ck_assert_int_eq(run_program("faces", TRAIN, false), 2);
    ck_assert_ptr_nonnull(strstr(complained, "not one photograph can be read"));
}
END_TEST

/* ---- photographs of people ------------------------------------------------------------------- */

static const struct {
    const char *folder, *pairs[2][2]; /* files that are the same, byte by byte */
    int count;
} albums[] = {
    {"faces/cropped32", {{"bracco33.jpg", "bracco8.jpg"}, {"harmon2.jpg", "harmon67.jpg"}}, 683},
    {"faces/cropped227", {{"bracco33.jpg", "bracco8.jpg"}, {"harmon1.jpg", "harmon66.jpg"}}, 682},
};

static const person_photo *photo_of(const people *p, const char *file)
{
    for (int64_t i = 0; i < p->count; i++)
        if (strcmp(p->photos[i].file, file) == 0)
            return &p->photos[i];
    ck_abort_msg("no photograph %s", file);
    return NULL;
}

START_TEST(reads_photographs)
{
    people p;
    const char *folder = shared_path(albums[_i].folder);
    if (!folder)
        return;
    ck_assert(people_load(&test_program, folder,
                          (people_opts){.side = 32, .near = 24, .quiet = true}, &p));
    ck_assert_int_eq(p.count, albums[_i].count);
    ck_assert_int_eq(p.losses, 0);
    ck_assert_int_eq(p.persons, 6);
    ck_assert(!p.generated);
    for (int i = 0; i < 2; i++) {
        const person_photo *a = photo_of(&p, albums[_i].pairs[i][0]);
        const person_photo *b = photo_of(&p, albums[_i].pairs[i][1]);
        ck_assert_str_eq(a->hash.hex, b->hash.hex);
        ck_assert_int_eq(a->group, b->group);
    }
    for (int64_t i = 0; i < p.count; i++)
        ck_assert_int_eq(p.photos[i].person, p.photos[p.photos[i].group].person);
    people_free(&p);
}
END_TEST

/* ---- weights and predictions ----------------------------------------------------------------- */

/* What a hidden unit adds: the output weight times the mean of max(0, W x + b) over a person. */
static double share_of(const people *p, const tn_dict *dict, int person, int unit, const char *last)
{
    double sum = 0;
    int count = 0;
    for (int64_t k = 0; k < p->count; k++) {
        if (p->photos[k].person != person)
            continue;
        double value = element_of(tn_dict_get(dict, "net.0.bias"), unit);
        for (int i = 0; i < 3072; i++)
            value += element_of(tn_dict_get(dict, "net.0.weight"), unit * 3072 + i) *
                     (people_pixels(p, k)[i] - element_of(tn_dict_get(dict, "mean"), i)) /
                     element_of(tn_dict_get(dict, "deviation"), i);
        sum += fmax(value, 0);
        count++;
    }
    return sum / count * element_of(tn_dict_get(dict, last), person * 4 + unit);
}

START_TEST(shows_the_units_that_matter)
{
    people p;
    generate(2, 20);
    run_well("faces", TRAIN "--epochs 10 --test-per-class 5 --hidden 4");
    ck_assert_int_eq(run_program("faces",
                                 "weights --data @/faces --model @/out/model.safetensors --out "
                                 "@/weights --units 2",
                                 true),
                     0);
    ck_assert(people_load(&test_program, folder_path("faces"),
                          (people_opts){.side = 32, .near = -1, .quiet = true}, &p));
    tn_dict *dict = tn_load_dict(ctx, folder_path("out/model.safetensors"));
    for (int person = 0; person < 2; person++) {
        double best = -INFINITY, shown = work_cell("weights/units.csv", 1 + 2 * person, 5);
        for (int unit = 0; unit < 4; unit++)
            best = fmax(best, share_of(&p, dict, person, unit, "net.3.weight"));
        ck_assert_double_eq_tol(shown, best, 1e-4 * fabs(best));
        ck_assert_double_ge(shown, work_cell("weights/units.csv", 2 + 2 * person, 5));
    }
    char name[100];
    int unit = (int)work_cell("weights/units.csv", 3, 2);
    snprintf(name, sizeof name, "weights/units/generated-2_1_unit%d_negative.png", unit);
    ck_assert(work_has(name));
    ck_assert(work_has("weights/units/generated-1_mean.png"));
    ck_assert(work_has("weights/weights.png"));
    people_free(&p);
    tn_dict_free(dict);
}
END_TEST

/* Half grey, the rest is weight: shade 127.5 (1 + w / max), and its positive part from black. */
START_TEST(draws_weights)
{
    image together, positive, negative;
    photo_error error;
    char name[100];
    generate(2, 20);
    run_well("faces", TRAIN "--epochs 2 --test-per-class 5 --hidden 4 --dropout 0");
    run_program("faces", "weights --data @/faces --model @/out/model.safetensors --out @/w", false);
    int unit = (int)work_cell("w/units.csv", 1, 2);
    const char *kinds[] = {"together", "positive", "negative"};
    image *pictures[] = {&together, &positive, &negative};
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "w/units/generated-1_1_unit%d_%s.png", unit, kinds[i]);
        ck_assert(photo_read(folder_path(name), pictures[i], &error));
    }
    tn_dict *dict = tn_load_dict(ctx, folder_path("out/model.safetensors"));
    tn_tensor *weight = tn_dict_get(dict, "net.0.weight");
    double most = 0;
    for (int i = 0; i < 3072; i++)
        most = fmax(most, fabs(element_of(weight, unit * 3072 + i)));
    for (int i = 0; i < 3072; i += 7) {
        double part = element_of(weight, unit * 3072 + i) / most;
        int at = 3 * ((i % 1024 / 32 * 4) * 128 + i % 32 * 4) + i / 1024;
        ck_assert_double_le(fabs(together.pixels[at] - 127.5 * (1 + part)), 0.51);
        ck_assert_double_le(fabs(positive.pixels[at] - 255 * fmax(part, 0)), 0.51);
        ck_assert_double_le(fabs(negative.pixels[at] - 255 * fmax(-part, 0)), 0.51);
    }
    for (int i = 0; i < 3; i++)
        image_free(pictures[i]);
    tn_dict_free(dict);
}
END_TEST

START_TEST(predicts)
{
    generate(3, 40);
    run_well("faces", TRAIN "--epochs 40 --eval-every 5 --test-per-class 5");
    run_well("faces", "predict --model @/out/model.safetensors @/faces/generated-2/0007.png "
                      "@/faces/generated-3/0007.png");
    char *second = strchr(printed, '\n') + 1;
    ck_assert_ptr_nonnull(strstr(printed, "0007.png: generated-2 "));
    ck_assert_ptr_nonnull(strstr(second, "0007.png: generated-3 "));
    double parts[3];
    ck_assert_int_eq(sscanf(strchr(second, ':'), ": %*s %lf %%, %*s %lf %%, %*s %lf", &parts[0],
                            &parts[1], &parts[2]),
                     3);
    ck_assert_double_eq_tol(parts[0] + parts[1] + parts[2], 100, 0.16);
    ck_assert(parts[0] >= parts[1] && parts[1] >= parts[2]);
}
END_TEST

START_TEST(predicts_what_it_can)
{
    generate(2, 20);
    run_well("faces", TRAIN "--epochs 1 --test-per-class 5");
    work_write("text.jpg", "text", 4);
    int status = run_program("faces",
                             "predict --top 1 --model @/out/model.safetensors @/text.jpg "
                             "@/faces/generated-1/0001.png -- --odd.png",
                             false);
    ck_assert_int_eq(status, 1);
    ck_assert_ptr_nonnull(strstr(complained, "text.jpg: neither JPEG nor PNG"));
    ck_assert_ptr_nonnull(strstr(complained, "--odd.png: No such file or directory"));
    ck_assert_ptr_nonnull(strstr(printed, "0001.png: generated-"));
    ck_assert_ptr_null(strchr(printed, ','));
}
END_TEST

static const struct {
    const char *change, *error;
} models[] = {
    {"mean", "'mean' or 'deviation' is missing or misshapen"},
    {"persons", "'persons' or 'net.0.weight' is missing"},
    {"net.0.bias", "0.bias"},
};

START_TEST(refuses_other_models)
{
    generate(2, 20);
    run_well("faces", TRAIN "--epochs 1 --test-per-class 5");
    tn_dict *dict = tn_load_dict(ctx, folder_path("out/model.safetensors"));
    tn_dict *other = tn_dict_new(ctx);
    for (int64_t i = 0; i < tn_dict_count(dict); i++)
        if (strcmp(tn_dict_name(dict, i), models[_i].change) != 0)
            tn_dict_set(other, tn_dict_name(dict, i), tn_dict_at(dict, i));
    ck_assert_int_eq(tn_save_dict(ctx, other, folder_path("other.safetensors")), TN_OK);
    run_badly("faces", "predict --model @/other.safetensors @/faces/generated-1/0001.png", 2,
              models[_i].error);
    tn_dict_free(dict);
    tn_dict_free(other);
}
END_TEST

/* Two thousand times the same photograph: what is done for each pair must not cost more where the
 * groups are larger. Half a second is hashed where this takes a tenth. */
START_TEST(groups_many_copies)
{
    enum { COPIES = 2000 };
    image picture;
    people p;
    char name[16];
    ck_assert(image_make(&picture, 8, 8, 3, 50));
    ck_assert(image_write_png(&picture, folder_path(""), "ann.png"));
    image_free(&picture);
    for (int i = 1; i < COPIES; i++) {
        snprintf(name, sizeof name, "ann%d.png", i);
        ck_assert_int_eq(link(folder_path("ann.png"), folder_path(name)), 0);
    }
    clock_t begin = clock();
    ck_assert(people_load(&test_program, folder_path(""),
                          (people_opts){.near = 24, .threads = 1, .quiet = true}, &p));
    ck_assert_double_lt(effort(begin), 1500);
    ck_assert_int_eq(p.count, COPIES);
    ck_assert_int_eq(people_groups(&p), 1);
    people_free(&p);
}
END_TEST

/* The names of persons in the bytes of a model's file, which may be any. */
static const struct {
    const char *bytes;
    int64_t size;
    int count; /* 0: they are none */
} persons[] = {
    {"Ada\nBob\n", 8, 2}, {"\n", 1, 1},           {"Ada\nBob", 7, 0}, {"", 0, 0},
    {"\0\n", 2, 0},       {"Ada\0\nBob\n", 9, 0}, {"\0\0\n\n", 4, 0}, {"Ada\tB\n", 6, 0},
};

START_TEST(unpacks_names)
{
    char *text, **names;
    int count;
    tn_tensor *t = tn_from_data(ctx, TN_U8, 1, &persons[_i].size, persons[_i].bytes);
    ck_assert_int_eq(names_unpack(t, &text, &names, &count), persons[_i].count > 0);
    for (int i = 0, at = 0; i < persons[_i].count; i++) {
        ck_assert_int_eq(strncmp(names[i], persons[_i].bytes + at, strlen(names[i])), 0);
        at += (int)strlen(names[i]);
        ck_assert_int_eq(persons[_i].bytes[at++], '\n');
    }
    if (persons[_i].count > 0)
        ck_assert_int_eq(count, persons[_i].count);
    free(names);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("faces");
    TCase *tc = tn_case(suite, "faces");
    tcase_add_checked_fixture(tc, make_folder, remove_work);
    tcase_add_loop_test(tc, helps, 0, COMMANDS);
    tcase_add_test(tc, refuses_what_is_wrong);
    tcase_add_test(tc, generates_the_same_faces);
    tcase_add_test(tc, generated_persons_differ);
    tcase_add_test(tc, splits_by_person_and_group);
    tcase_add_test(tc, split_does_not_depend_on_the_folder);
    tcase_add_test(tc, takes_a_split);
    tcase_add_test(tc, learns);
    tcase_add_loop_test(tc, learns_what_it_learned, 0, (int)(sizeof losses / sizeof *losses));
    tcase_add_test(tc, counts_confusions);
    tcase_add_loop_test(tc, draws_people, 1, FOLK / 2 + 1);
    tcase_add_test(tc, learns_nothing_from_permuted_labels);
    tcase_add_test(tc, repeats_itself);
    tcase_add_test(tc, stops_early_and_keeps_the_best);
    tcase_add_test(tc, normalizes_by_what_is_learned);
    tcase_add_test(tc, has_the_setting_of_the_study);
    tcase_add_test(tc, balances);
    tcase_add_test(tc, goes_on_where_it_stopped);
    tcase_add_test(tc, goes_on_only_as_it_began);
    tcase_add_test(tc, leaves_broken_photographs_out);
    tcase_add_test(tc, needs_one_photograph);
    tcase_add_loop_test(tc, reads_photographs, 0, 2);
    tcase_add_test(tc, shows_the_units_that_matter);
    tcase_add_test(tc, draws_weights);
    tcase_add_test(tc, predicts);
    tcase_add_test(tc, predicts_what_it_can);
    tcase_add_loop_test(tc, refuses_other_models, 0, (int)(sizeof models / sizeof *models));
    tcase_add_test(tc, groups_many_copies);
    tcase_add_loop_test(tc, unpacks_names, 0, (int)(sizeof persons / sizeof *persons));
    return tn_run(suite);
}
