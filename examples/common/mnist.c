/* mnist.c - finds the files of MNIST and reads the digits from them. */
#include "common/mnist.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/report.h"

enum { PIXELS = MNIST_SIDE * MNIST_SIDE };

static const char MAT_NAME[] = "mnist_all.mat";

/* ---- finding --------------------------------------------------------------------------------- */

/* NAME or NAME.gz in DIR; "" if neither is there. */
static path idx_path(const char *dir, const char *name)
{
    char compressed[64];
    snprintf(compressed, sizeof(compressed), "%s.gz", name);
    path p = path_join(dir, compressed);
    if (!file_exists(p.s))
        p = path_join(dir, name);
    if (!file_exists(p.s))
        p.s[0] = '\0';
    return p;
}

static bool has_digits(const char *dir)
{
    static const char *const NAMES[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                        "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
    int there = 0;
    for (int i = 0; i < 4; i++)
        there += idx_path(dir, NAMES[i]).s[0] != '\0';
    return there == 4 || file_exists(path_join(dir, MAT_NAME).s);
}

/* The folder three levels above the program: build/bin/NAME is what it is called there. */
static bool project_folder(path *p)
{
    ssize_t length = readlink("/proc/self/exe", p->s, sizeof(p->s) - 1);
    if (length < 0)
        return false;
    p->s[length] = '\0';
    for (int i = 0; i < 3; i++) {
        char *slash = strrchr(p->s, '/');
        if (!slash)
            return false;
        *slash = '\0';
    }
    return p->s[0] != '\0';
}

bool mnist_find(char *found, size_t size)
{
    static const char *const PLACES[] = {"data/mnist", "examples/data/mnist"};
    path project;
    bool has_project = project_folder(&project);
    for (int i = 0; i < 2; i++) {
        path beside = has_project ? path_join(project.s, PLACES[i]) : (path){""};
        const char *place = has_digits(PLACES[i]) ? PLACES[i] : beside.s;
        if (*place && has_digits(place))
            return snprintf(found, size, "%s", place) < (int)size;
    }
    return false;
}

/* ---- IDX ------------------------------------------------------------------------------------- */

static tn_tensor *load_part(tn_ctx *ctx, const char *dir, const char *name)
{
    path p = idx_path(dir, name);
    if (!p.s[0]) {
        tn_fail(ctx, TN_ERR_FILE, "%s: neither %s.gz nor %s is there", dir, name, name);
        return NULL;
    }
    return tn_load_idx(ctx, p.s);
}

static bool check_pair(tn_ctx *ctx, const char *dir, const char *part, const tn_tensor *images,
                       const tn_tensor *labels)
{
    if (!tn_ok(ctx))
        return false;
    if (tn_dtype_of(images) != TN_U8 || tn_ndim(images) != 3 || tn_size(images, 1) != MNIST_SIDE ||
        tn_size(images, 2) != MNIST_SIDE)
        tn_fail(ctx, TN_ERR_FORMAT, "%s: the %s images are %s %s, not u8 [n,28,28]", dir, part,
                tn_dtype_name(tn_dtype_of(images)), TN_SHAPE_TEXT(images));
    else if (tn_dtype_of(labels) != TN_U8 || tn_ndim(labels) != 1)
        tn_fail(ctx, TN_ERR_FORMAT, "%s: the %s labels are %s %s, not u8 [n]", dir, part,
                tn_dtype_name(tn_dtype_of(labels)), TN_SHAPE_TEXT(labels));
    else if (tn_size(images, 0) != tn_size(labels, 0) || tn_size(images, 0) == 0)
        tn_fail(ctx, TN_ERR_FORMAT, "%s: %lld %s images, but %lld labels", dir,
                (long long)tn_size(images, 0), part, (long long)tn_size(labels, 0));
    return tn_ok(ctx);
}

static bool check_labels(tn_ctx *ctx, const char *dir, const char *part, const tn_tensor *labels)
{
    const uint8_t *label = tn_data(labels);
    for (int64_t i = 0; i < tn_size(labels, 0); i++) {
        if (label[i] >= MNIST_CLASSES) {
            tn_fail(ctx, TN_ERR_FORMAT, "%s: label %lld of the %s set is %d, not a digit", dir,
                    (long long)i, part, label[i]);
            return false;
        }
    }
    return true;
}

static bool load_idx_folder(tn_ctx *ctx, const char *dir, mnist *digits)
{
    digits->train_images = load_part(ctx, dir, "train-images-idx3-ubyte");
    digits->train_labels = load_part(ctx, dir, "train-labels-idx1-ubyte");
    digits->test_images = load_part(ctx, dir, "t10k-images-idx3-ubyte");
    digits->test_labels = load_part(ctx, dir, "t10k-labels-idx1-ubyte");
    return check_pair(ctx, dir, "training", digits->train_images, digits->train_labels) &&
           check_pair(ctx, dir, "test", digits->test_images, digits->test_labels) &&
           check_labels(ctx, dir, "training", digits->train_labels) &&
           check_labels(ctx, dir, "test", digits->test_labels);
}

/* ---- MATLAB ---------------------------------------------------------------------------------- */

static bool get_classes(tn_ctx *ctx, const char *file, const tn_dict *dict, const char *part,
                        const tn_tensor **classes)
{
    char name[16];
    for (int digit = 0; digit < MNIST_CLASSES; digit++) {
        snprintf(name, sizeof(name), "%s%d", part, digit);
        const tn_tensor *t = tn_dict_get(dict, name);
        if (!t)
            tn_fail(ctx, TN_ERR_FORMAT, "%s: there is no %s in it", file, name);
        else if (tn_dtype_of(t) != TN_U8 || tn_ndim(t) != 2 || tn_size(t, 1) != PIXELS)
            tn_fail(ctx, TN_ERR_FORMAT, "%s: %s is %s %s, not u8 [n,784]", file, name,
                    tn_dtype_name(tn_dtype_of(t)), TN_SHAPE_TEXT(t));
        classes[digit] = tn_contiguous(ctx, t);
    }
    return tn_ok(ctx);
}

static void deal_out(const tn_tensor *const *classes, int64_t total, uint8_t *images,
                     uint8_t *labels)
{
    int64_t done = 0;
    for (int64_t row = 0; done < total; row++) {
        for (int digit = 0; digit < MNIST_CLASSES; digit++) {
            if (row >= tn_size(classes[digit], 0))
                continue;
            const uint8_t *image = (const uint8_t *)tn_data(classes[digit]) + row * PIXELS;
            memcpy(images + done * PIXELS, image, PIXELS);
            labels[done++] = (uint8_t)digit;
        }
    }
}

static bool join_classes(tn_ctx *ctx, const char *file, const tn_dict *dict, const char *part,
                         tn_tensor **images, tn_tensor **labels)
{
    const tn_tensor *classes[MNIST_CLASSES];
    if (!get_classes(ctx, file, dict, part, classes))
        return false;
    int64_t total = 0;
    for (int digit = 0; digit < MNIST_CLASSES; digit++)
        total += tn_size(classes[digit], 0);
    *images = tn_empty(ctx, TN_U8, TN_SHAPE(total, MNIST_SIDE, MNIST_SIDE));
    *labels = tn_empty(ctx, TN_U8, TN_SHAPE(total));
    if (tn_ok(ctx) && total == 0)
        tn_fail(ctx, TN_ERR_FORMAT, "%s: there are no %s images in it", file, part);
    if (!tn_ok(ctx))
        return false;
    deal_out(classes, total, tn_data_mut(*images), tn_data_mut(*labels));
    return true;
}

static bool load_mat_file(tn_ctx *ctx, const char *file, mnist *digits)
{
    tn_dict *dict = tn_load_mat(ctx, file, (tn_mat_opts){0});
    bool good =
        tn_ok(ctx) &&
        join_classes(ctx, file, dict, "train", &digits->train_images, &digits->train_labels) &&
        join_classes(ctx, file, dict, "test", &digits->test_images, &digits->test_labels);
    tn_dict_free(dict);
    return good;
}

bool mnist_load(tn_ctx *ctx, const char *source, mnist *digits)
{
    struct stat status;
    *digits = (mnist){0};
    if (stat(source, &status) != 0)
        return tn_fail(ctx, TN_ERR_FILE, "%s: there is no such file or folder", source) == TN_OK;
    if (!S_ISDIR(status.st_mode))
        return load_mat_file(ctx, source, digits);
    path mat = path_join(source, MAT_NAME);
    if (!idx_path(source, "train-images-idx3-ubyte").s[0] && file_exists(mat.s))
        return load_mat_file(ctx, mat.s, digits);
    return load_idx_folder(ctx, source, digits);
}
