/* examples/alexnet: every layer against PyTorch, features that are kept, and the commands on faces
 * that are drawn, with random convolutions. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "alexnet/features.h"
#include "alexnet/head.h"
#include "common/check_tn.h"
#include "common/files.h"
#include "common/http.h"
#include "common/programs.h"

static const cli_program test_program = {.name = "test_alexnet"};

/* ---- layers: tests/data/make_alexnet.py ------------------------------------------------------ */

/* amplitude sin(1.7 i + 0.3 phase), as the script has it. */
static void fill_sines(tn_tensor *t, int phase, double amplitude)
{
    float *to = tn_data_mut(t);
    for (int64_t i = 0; i < tn_numel(t); i++)
        to[i] = (float)(amplitude * sin(1.7 * (double)i + 0.3 * phase));
}

static void fill_weights(const alexnet *a)
{
    char name[64];
    for (int64_t i = 0; i < tn_parameter_count(a->net); i++) {
        tn_tensor *p = tn_parameter(a->net, i, name, sizeof name);
        int step = (int)strtol(name + strlen("features."), NULL, 10);
        if (tn_ndim(p) == 4)
            fill_sines(p, step, sqrt(6.0 / (double)(tn_numel(p) / tn_size(p, 0))));
        else
            fill_sines(p, step + 1, 0.1);
    }
}

/* Compares each value of the fixture with these weights, and returns how many there were. */
static int check_layers(const alexnet *a, const char *weights)
{
    FILE *file = fopen(data_path("alexnet_layers.csv"), "r");
    char line[128], name[32];
    int picture_at = -1, step_at = -1, picture, step, count = 0;
    double largest, value;
    long long index;
    tn_tensor *x = NULL;
    tn_set_grad_enabled(ctx, false);
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "%31[^,],%d,%d,%lf,%lld,%lf", name, &picture, &step, &largest, &index,
                   &value) != 6 ||
            strcmp(name, weights) != 0)
            continue;
        if (picture != picture_at) {
            x = tn_empty(ctx, TN_F32, TN_SHAPE(1, 3, 227, 227));
            fill_sines(x, 7 * picture, 2);
            step_at = -1;
        }
        if (step != step_at)
            x = alexnet_run(ctx, a, step_at + 1, step, x);
        picture_at = picture;
        step_at = step;
        ck_assert_msg(fabs(tn_data_f32(x)[index] - value) <= 1e-4 * largest,
                      "%s weights, picture %d, %s: value %lld is %.9g, not %.9g", weights, picture,
                      NET_NAMES[step], index, tn_data_f32(x)[index], value);
        count++;
    }
    fclose(file);
    tn_set_grad_enabled(ctx, true);
    return count;
}

START_TEST(layers_agree_with_pytorch)
{
    alexnet a;
    ck_assert(alexnet_load(&test_program, ctx, NULL, 1, &a));
    fill_weights(&a);
    ck_assert_int_eq(check_layers(&a, "formula"), 2 * 13 * 24);
}
END_TEST

START_TEST(torchvisions_layers_agree_with_pytorch)
{
    static const char *const files[] = {"alexnet/alexnet_features.pth",
                                        "alexnet/alexnet_features.npz"};
    alexnet a;
    const char *file = shared_path(files[_i]);
    if (!file)
        return;
    ck_assert(alexnet_load(&test_program, ctx, file, 1, &a));
    ck_assert(!a.whole && !a.random);
    ck_assert_int_eq(check_layers(&a, "torchvision"), 2 * 13 * 24);
}
END_TEST

/* ---- inputs ---------------------------------------------------------------------------------- */

/* A picture of 300 x 280: torchvision brings it to 274 x 256 and takes 224 x 224 of that. */
START_TEST(inputs_are_torchvisions)
{
    image photo, resized;
    static float pixels[3 * 227 * 227], mirrored[3 * 227 * 227];
    ck_assert(image_make(&photo, 300, 280, 3, 0));
    for (int i = 0; i < 3 * 300 * 280; i++)
        photo.pixels[i] = (uint8_t)(i / 3 % 300 / 2 + i % 3 * 20 + i / 900 / 4);
    ck_assert(feature_pixels(&photo, INPUT_224, false, pixels));
    ck_assert(feature_pixels(&photo, INPUT_224, true, mirrored));
    ck_assert(image_resize(&photo, 274, 256, &resized));
    for (int i = 0; i < 224 * 224; i += 31) {
        int x = i % 224, y = i / 224, at = 3 * ((y + 16) * 274 + x + 25);
        double red = (resized.pixels[at] / 255.0 - 0.485) / 0.229;
        double blue = (resized.pixels[at + 2] / 255.0 - 0.406) / 0.225;
        ck_assert_double_eq_tol(pixels[i], red, 1e-5);
        ck_assert_double_eq_tol(pixels[2 * 224 * 224 + i], blue, 1e-5);
        ck_assert_double_eq_tol(mirrored[y * 224 + 223 - x], red, 1e-5);
    }
    image_free(&photo);
    image_free(&resized);
    ck_assert_int_eq(feature_side(INPUT_227), 227);
}
END_TEST

/* ---- the commands ---------------------------------------------------------------------------- */

#define CACHE " --data @/faces --cache @/cache --threads 2 "

static void generate(int persons, int images)
{
    char arguments[200];
    snprintf(arguments, sizeof arguments, "generate --out @/faces --quiet --people %d --images %d",
             persons, images);
    run_well("faces", arguments);
}

static const char *const commands[] = {"fetch",   "features", "train",
                                       "predict", "classify", "filters"};

#define COMMANDS ((int)(sizeof commands / sizeof *commands))

START_TEST(helps)
{
    char arguments[64], usage[64];
    snprintf(arguments, sizeof arguments, "%s --help", commands[_i]);
    snprintf(usage, sizeof usage, "usage: alexnet %s [options]", commands[_i]);
    run_well("alexnet", arguments);
    ck_assert_int_eq(strncmp(printed, usage, strlen(usage)), 0);
}
END_TEST

static const struct {
    const char *arguments;
    int status;
    const char *error;
} wrong[] = {
    {"features", 2, "--data DIR is missing"},
    {"features --data @/faces --layer conv6", 2,
     "there is no layer 'conv6' in these weights, but conv1 conv1.relu conv1.pool"},
    {"features --data @/faces --layer fc6", 2, "there is no layer 'fc6' in these weights"},
    {"train --data @/faces --control permute", 2,
     "needs one of none|permute-images, not 'permute'"},
    {"features --data @/none", 2, "none: No such file or directory"},
    {"features --data @/faces --weights @/none.pth", 2, "none.pth"},
    {"features --data @/faces --weights @/file", 2, "file"},
    {"features --data @/faces --cache @/file/below", 1, "no features can be kept there"},
    {"train", 2, "--data DIR is missing"},
    {"train --data @/faces --finetune 1 --layer conv1.pool --cache @/cache", 2,
     "--finetune 1: conv1.pool has 1 convolutions before it, one of which stays"},
    {"train --data @/faces --layer nothing --cache @/cache", 2, "there is no layer 'nothing'"},
    {"predict --model @/none.safetensors x.jpg", 2, "none.safetensors"},
    {"predict", 2, "IMAGE... is missing"},
    {"classify --weights @/none.pth x.jpg", 2, "none.pth"},
    {"filters --image @/none.jpg --out @/out", 1, "none.jpg: No such file or directory"},
    {"filters --image @/faces/generated-1/0001.png --layers conv9 --out @/out", 1, "conv9"},
    {"fetch --out @/file/below", 2, "nothing can be written there"},
};

START_TEST(refuses_what_is_wrong)
{
    generate(2, 3);
    work_write("file", "", 0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        run_badly("alexnet", wrong[i].arguments, wrong[i].status, wrong[i].error);
}
END_TEST

/* 34 photographs are two batches, which are computed once. */
START_TEST(keeps_features)
{
    generate(2, 17);
    run_well("alexnet", "features --layer conv1.pool" CACHE);
    ck_assert_ptr_nonnull(strstr(printed, "generated faces by random weights: 2 batches computed"));
    ck_assert_int_eq(work_lines("cache/features.csv"), 35);
    ck_assert_double_eq(work_number("cache/metrics.json", "photographs"), 34);
    ck_assert_double_eq(work_number("cache/metrics.json", "computed_batches"), 2);
    run_well("alexnet", "features --layer conv1.pool" CACHE);
    ck_assert_ptr_nonnull(strstr(printed, "0 batches computed, 2 were there"));
    run_well("alexnet", "features --layer conv1.pool --seed 2" CACHE);
    ck_assert_ptr_nonnull(strstr(printed, "2 batches computed"));
    run_well("alexnet", "features --layer conv1.pool --no-flip" CACHE);
    ck_assert_ptr_nonnull(strstr(printed, "2 batches computed"));
    remove(folder_path("faces/generated-2/0017.png"));
    run_well("alexnet", "features --layer conv1.pool" CACHE);
    ck_assert_ptr_nonnull(strstr(printed, "1 batches computed, 1 were there"));
}
END_TEST

/* What is kept is what the layer says, mirrored or not. */
START_TEST(features_are_those_of_the_layer)
{
    alexnet a;
    people p;
    feature_set f;
    image photo;
    photo_error error;
    generate(2, 18);
    ck_assert(alexnet_load(&test_program, ctx, NULL, 5, &a));
    ck_assert(people_load(&test_program, folder_path("faces"),
                          (people_opts){.near = -1, .quiet = true}, &p));
    feature_opts opts = {.step = 5, .mirrored = true, .threads = 2, .quiet = true};
    char cache[1024];
    snprintf(cache, sizeof cache, "%s", folder_path("cache"));
    opts.cache = cache;
    ck_assert(features_load(&test_program, ctx, &a, &p, &opts, &f));
    ck_assert_int_eq(f.count, 36);
    ck_assert_int_eq(f.numel, 192 * 13 * 13);
    tn_tensor *x = tn_empty(ctx, TN_F32, TN_SHAPE(1, 3, 227, 227));
    for (int64_t i = 0; i < 36; i += 35) {
        ck_assert(photo_read(path_join(p.dir, p.photos[i].file).s, &photo, &error));
        for (int mirrored = 0; mirrored < 2; mirrored++) {
            ck_assert(feature_pixels(&photo, INPUT_227, mirrored, tn_data_mut(x)));
            tn_tensor *y = alexnet_run(ctx, &a, 0, 5, x);
            const float *kept = f.values + (mirrored * f.count + i) * f.numel;
            for (int64_t k = 0; k < f.numel; k += 101)
                ck_assert_float_eq_tol(kept[k], tn_data_f32(y)[k], 1e-5F);
        }
        image_free(&photo);
    }
    features_free(&f);
    people_free(&p);
}
END_TEST

START_TEST(refuses_damaged_features)
{
    char name[128];
    generate(2, 10);
    run_well("alexnet", "features --layer conv1.pool" CACHE);
    char *index = work_text("cache/features.csv"), *line = strchr(index, '\n') + 1;
    ck_assert_int_eq(sscanf(line, "%*[^,],%*[^,],%127[^,]", name), 1);
    free(index);
    char file[160];
    snprintf(file, sizeof file, "cache/%s", name);
    work_write(file, "PK", 2);
    ck_assert_int_eq(run_program("alexnet",
                                 "train --layer conv1.pool --test-per-class 2 --out @/out" CACHE,
                                 false),
                     1);
    ck_assert_ptr_nonnull(strstr(complained, name));
}
END_TEST

START_TEST(learns_and_predicts)
{
    generate(3, 24);
    run_well("alexnet", "train --layer conv1.pool --test-per-class 6 --epochs 20 --eval-every 5 "
                        "--out @/out" CACHE);
    ck_assert_double_gt(work_number("out/metrics.json", "test_accuracy"), 0.5);
    ck_assert_ptr_nonnull(strstr(printed, "random weights"));
    ck_assert_ptr_nonnull(strstr(printed, "generated faces"));
    char *metrics = work_text("out/metrics.json");
    ck_assert_ptr_nonnull(strstr(metrics, "\"weights\": \"random\""));
    ck_assert_ptr_nonnull(strstr(metrics, "\"kind\": \"generated faces\""));
    free(metrics);
    run_well("alexnet", "predict --model @/out/model.safetensors @/faces/generated-2/0003.png");
    ck_assert_ptr_nonnull(strstr(printed, "0003.png: generated-"));
    ck_assert_ptr_nonnull(strstr(printed, "(random convolutions)"));
    run_badly("alexnet",
              "predict --seed 2 --model @/out/model.safetensors @/faces/generated-2/0003.png", 2,
              "was trained on top of other weights");
    run_well("faces", "train --data @/faces --epochs 1 --test-per-class 6 --out @/faces-out");
    run_badly("alexnet",
              "predict --model @/faces-out/model.safetensors @/faces/generated-2/0003.png", 2,
              "is no model of alexnet train: 'shape', 'scale' or 'alexnet' is missing");
}
END_TEST

/* The probabilities that a model gives are those that its training counted. */
START_TEST(predictions_are_those_of_training)
{
    alexnet a;
    head h;
    people p;
    feature_set f;
    generate(2, 20);
    run_well("alexnet", "train --layer conv1.pool --test-per-class 5 --epochs 4 --out @/out" CACHE);
    ck_assert(alexnet_load(&test_program, ctx, NULL, 1, &a));
    ck_assert(head_load(&test_program, ctx, &a, folder_path("out/model.safetensors"), &h));
    ck_assert(people_load(&test_program, folder_path("faces"),
                          (people_opts){.near = -1, .quiet = true}, &p));
    char cache[1024];
    snprintf(cache, sizeof cache, "%s", folder_path("cache"));
    feature_opts opts = {
        .step = h.shape.step, .mirrored = true, .cache = cache, .threads = 2, .quiet = true};
    ck_assert(features_load(&test_program, ctx, &a, &p, &opts, &f));
    char *split = work_text("out/split.csv"), *line = strtok(split, "\n");
    int right = 0, tested = 0;
    for (int64_t i = 0; (line = strtok(NULL, "\n")); i++) {
        if (!strstr(line, ",test,"))
            continue;
        tn_tensor *x = tn_from_data(ctx, TN_F32, 4, f.shape, f.values + i * f.numel);
        right += tn_item(ctx, tn_argmax(ctx, head_run(ctx, &h, x), 1)) == p.photos[i].person;
        tested++;
    }
    free(split);
    ck_assert_int_eq(tested, 10);
    ck_assert_double_eq_tol(work_number("out/metrics.json", "test_accuracy"), right / 10.0, 1e-9);
    features_free(&f);
    people_free(&p);
    head_free(&h);
}
END_TEST

/* The last convolutions change, and what comes before them is as it was. */
START_TEST(finetunes)
{
    alexnet a;
    head h;
    generate(2, 10);
    run_well("alexnet", "train --layer conv2.pool --finetune 1 --test-per-class 3 --epochs 2 "
                        "--batch 4 --out @/out" CACHE);
    ck_assert_ptr_nonnull(strstr(printed, "with 1 convolution"));
    ck_assert(alexnet_load(&test_program, ctx, NULL, 1, &a));
    ck_assert(head_load(&test_program, ctx, &a, folder_path("out/model.safetensors"), &h));
    ck_assert_int_eq(h.shape.step, 2);
    ck_assert_int_eq(h.shape.last, 5);
    const float *before = tn_data_f32(tn_parameter_named(a.net, "features.3.weight"));
    const float *after = tn_data_f32(tn_parameter_named(h.net, "0.0.weight"));
    double change = 0;
    for (int i = 0; i < 192 * 64 * 25; i++)
        change = fmax(change, fabs(after[i] - before[i]));
    ck_assert_double_gt(change, 1e-5);
    ck_assert_double_lt(change, 0.1);
    head_free(&h);
}
END_TEST

START_TEST(learns_nothing_from_permuted_images)
{
    generate(4, 24);
    run_well("alexnet", "train --layer conv2.pool --epochs 12 --runs 2 --control permute-images "
                        "--test-per-class 9 --out @/out" CACHE);
    ck_assert_double_lt(work_number("out/metrics.json", "test_accuracy"), 0.42);
    ck_assert_double_gt(work_number("out/metrics.json", "test_accuracy"), 0.08);
}
END_TEST

START_TEST(sweeps)
{
    generate(2, 8);
    run_well("alexnet", "train --sweep --test-per-class 2 --validation 0.3 --hidden 4 --epochs 2 "
                        "--batch 4 --no-flip --out @/out" CACHE);
    ck_assert_int_eq(work_lines("out/sweep.csv"), 7);
    ck_assert(work_has("out/conv5.pool/metrics.json"));
    double best = 0;
    for (int line = 1; line <= 6; line++)
        best = fmax(best, work_cell("out/sweep.csv", line, 1));
    ck_assert_double_eq(work_number("out/metrics.json", "validation_accuracy"), best);
    ck_assert_ptr_nonnull(strstr(printed, "best on validation"));
}
END_TEST

/* ---- going on -------------------------------------------------------------------------------- */

static const char *const long_runs[] = {
    "train --layer conv1.pool --test-per-class 4 --hidden 4 --epochs 20 --runs 2 --quiet" CACHE,
    "train --layer conv2.pool --finetune 1 --test-per-class 4 --hidden 4 --epochs 2 --batch 4 "
    "--no-flip --quiet" CACHE,
};

/* However often it is stopped, it ends with the same bits. */
START_TEST(goes_on_where_it_stopped)
{
    char whole[300];
    generate(2, 12);
    snprintf(whole, sizeof whole, "%s --epochs 1 --out @/first", long_runs[_i]);
    run_well("alexnet", whole);
    run_in_parts("alexnet", long_runs[_i], "parts");
    snprintf(whole, sizeof whole, "%s --out @/whole", long_runs[_i]);
    run_well("alexnet", whole);
    ck_assert(work_same("whole/model.safetensors", "parts/model.safetensors"));
    ck_assert(work_same("whole/confusion.csv", "parts/confusion.csv"));
    work_same_table("whole/history.csv", "parts/history.csv", 8, 1);
    ck_assert(!work_has("parts/checkpoint.safetensors"));
}
END_TEST

#define SWEEP                                                                            \
    "train --sweep --test-per-class 2 --validation 0.3 --hidden 4 --epochs 8 --batch 4 " \
    "--no-flip --quiet" CACHE

/* Layers that were finished are not learned again. */
START_TEST(sweeps_go_on_where_they_stopped)
{
    char name[64];
    generate(2, 8);
    run_well("alexnet", SWEEP " --epochs 1 --out @/first");
    run_in_parts("alexnet", SWEEP, "parts");
    run_well("alexnet", SWEEP " --out @/whole");
    run_badly("alexnet", SWEEP " --out @/whole --resume", 2,
              "whole has ended: nothing is left to go on with");
    ck_assert(work_same("whole/sweep.csv", "parts/sweep.csv"));
    ck_assert(work_same("whole/metrics.json", "parts/metrics.json"));
    ck_assert(
        work_same("whole/conv4.relu/model.safetensors", "parts/conv4.relu/model.safetensors"));
    for (int line = 1; line <= 6; line++) {
        static const char *const layers[] = {"conv1.pool", "conv2.pool", "conv3.relu",
                                             "conv4.relu", "conv5.relu", "conv5.pool"};
        snprintf(name, sizeof name, "parts/%s/checkpoint.safetensors", layers[line - 1]);
        ck_assert_msg(!work_has(name), "%s", name);
    }
}
END_TEST

static bool first_layer_is_finished(void)
{
    return work_has("out/conv1.pool/metrics.json");
}

/* Again, where all layers are finished before the signal comes. */
static int run_first_layer(void)
{
    int status = 0;
    while (status == 0) {
        remove_tree(folder_path("out"));
        status = run_interrupted("alexnet", SWEEP " --out @/out", first_layer_is_finished, SIGINT);
    }
    return status;
}

START_TEST(sweeps_go_on_only_as_they_began)
{
    generate(2, 8);
    run_badly("alexnet", SWEEP " --out @/out --resume", 2, "there is nothing to go on with");
    ck_assert_int_eq(run_first_layer(), 130);
    run_badly("alexnet", SWEEP " --out @/out", 2,
              "/out/*/checkpoint.safetensors is of a training that was stopped");
    ck_assert(work_has("out/conv1.pool/checkpoint.safetensors"));
    run_badly("alexnet", SWEEP " --out @/out --resume --lr 0.5", 2,
              "was made with --lr 0.0003, not 0.5");
    run_badly("alexnet", SWEEP " --out @/out --resume --seed 2", 2, "not 2");
}
END_TEST

START_TEST(draws_filters)
{
    image sheet;
    photo_error error;
    generate(2, 1);
    run_well("alexnet",
             "filters --image @/faces/generated-1/0001.png --layers conv1.relu,conv5.pool "
             "--out @/out");
    ck_assert(photo_read(folder_path("out/filters_sheet.png"), &sheet, &error));
    ck_assert_int_eq(sheet.width, 8 * 68 + 2);
    ck_assert_int_eq(sheet.height, 8 * 68 + 2);
    image_free(&sheet);
    ck_assert(photo_read(folder_path("out/conv5.pool_sheet.png"), &sheet, &error));
    ck_assert_int_eq(sheet.height, 8 * 82 + 2);
    image_free(&sheet);
    ck_assert(work_has("out/conv1.relu_sheet.png"));
}
END_TEST

/* With titles and scales, where gnuplot is. */
START_TEST(draws_titles)
{
    image picture;
    photo_error error;
    static const char *const titles[][2] = {
        {"filters", "conv1, 64 filters of 11 x 11 pixels, random weights"},
        {"conv1.relu", "conv1.relu of 0001.png, 64 of 64 maps of 56 x 56"},
        {"conv5.pool", "conv5.pool of 0001.png, 64 of 256 maps of 6 x 6"}};
    if (system("gnuplot --version >/dev/null 2>&1") != 0)
        return;
    generate(2, 1);
    ck_assert_int_eq(run_program("alexnet",
                                 "filters --image @/faces/generated-1/0001.png "
                                 "--layers conv1.relu,conv5.pool --out @/out",
                                 true),
                     0);
    ck_assert_ptr_null(strstr(printed, "not drawn"));
    for (int i = 0; i < 3; i++) {
        char name[64];
        snprintf(name, sizeof name, "out/%s.gp", titles[i][0]);
        char *script = work_text(name);
        ck_assert_msg(strstr(script, titles[i][1]) != NULL, "%s", script);
        ck_assert_ptr_nonnull(strstr(script, "set cbtics"));
        free(script);
        snprintf(name, sizeof name, "out/%s.png", titles[i][0]);
        ck_assert(photo_read(folder_path(name), &picture, &error));
        image_free(&picture);
    }
}
END_TEST

/* ---- fetching -------------------------------------------------------------------------------- */

static char weights[5000], names[] = "first\nsecond\n";
static http_answer answers[] = {
    {"/model.pth", "200 OK", NULL, weights, sizeof weights, 0, 0, 1},
    {"/names.txt", "200 OK", NULL, names, sizeof names - 1, 0, 0, 0},
};

static int fetch(int port, const char *hash)
{
    char arguments[300];
    snprintf(arguments, sizeof arguments,
             "fetch --weights http://127.0.0.1:%d/model.pth --names http://127.0.0.1:%d/names.txt "
             "--sha256 %s --out @/got",
             port, port, hash);
    return run_program("alexnet", arguments, true);
}

START_TEST(fetches)
{
    setenv("no_proxy", "*", 1);
    for (size_t i = 0; i < sizeof weights; i++)
        weights[i] = (char)(i * 7 + i / 251);
    int port = http_start(answers, 2);
    char hash[9];
    snprintf(hash, sizeof hash, "%.8s", sha256_of(weights, sizeof weights).hex);
    mkdir(folder_path("got"), 0777);
    work_write("got/model.pth.part", weights, 2000);
    ck_assert_int_eq(fetch(port, hash), 0);
    ck_assert_uint_eq(http_sent("/model.pth"), 3000);
    size_t size;
    unsigned char *got = read_bytes(folder_path("got/model.pth"), &size);
    ck_assert_uint_eq(size, sizeof weights);
    ck_assert_int_eq(memcmp(got, weights, size), 0);
    free(got);
    ck_assert(work_has("got/names.txt") && !work_has("got/model.pth.part"));
    ck_assert_int_eq(fetch(port, hash), 0);
    ck_assert_int_eq(http_asked("/model.pth"), 1);
}
END_TEST

START_TEST(fetches_no_other_file)
{
    setenv("no_proxy", "*", 1);
    int port = http_start(answers, 2);
    ck_assert_int_eq(fetch(port, "00000000"), 1);
    ck_assert_ptr_nonnull(strstr(complained, "does not begin with 00000000; it is removed"));
    ck_assert(!work_has("got/model.pth") && !work_has("got/model.pth.part"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("alexnet");
    TCase *tc = tn_case(suite, "alexnet");
    tcase_add_checked_fixture(tc, make_folder, remove_work);
    tcase_add_test(tc, layers_agree_with_pytorch);
    tcase_add_loop_test(tc, torchvisions_layers_agree_with_pytorch, 0, 2);
    tcase_add_test(tc, inputs_are_torchvisions);
    tcase_add_loop_test(tc, helps, 0, COMMANDS);
    tcase_add_test(tc, refuses_what_is_wrong);
    tcase_add_test(tc, keeps_features);
    tcase_add_test(tc, features_are_those_of_the_layer);
    tcase_add_test(tc, refuses_damaged_features);
    tcase_add_test(tc, learns_and_predicts);
    tcase_add_test(tc, predictions_are_those_of_training);
    tcase_add_test(tc, finetunes);
    tcase_add_test(tc, learns_nothing_from_permuted_images);
    tcase_add_test(tc, sweeps);
    tcase_add_loop_test(tc, goes_on_where_it_stopped, 0, 2);
    tcase_add_test(tc, sweeps_go_on_where_they_stopped);
    tcase_add_test(tc, sweeps_go_on_only_as_they_began);
    tcase_add_test(tc, draws_filters);
    tcase_add_test(tc, draws_titles);
    tcase_add_test(tc, fetches);
    tcase_add_test(tc, fetches_no_other_file);
    return tn_run(suite);
}
