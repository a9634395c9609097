/* digits forward: o = W^T x + b and its soft-max on real images, with random weights. */
#include "digits/digits.h"

#include <math.h>
#include <string.h>

#include "digits/models.h"
#include "digits/sets.h"

enum { MOST_IMAGES = 12, TOP = 68, CELL_HEIGHT = 170 };

static const cli_program PROGRAM = {
    .name = "digits forward",
    .summary = "What the network o = W^T x + b and its soft-max make of real images while W and b "
               "are still random, and of logits so large that e^o overflows. Writes forward.csv, "
               "images.csv, metrics.json and the picture forward.",
};

typedef struct forward {
    digit_images digits;
    int64_t images;
    double std, scale;
    int64_t chosen[MOST_IMAGES];
    const uint8_t *labels;             /* of all training images */
    tn_tensor *logits, *probabilities; /* [images, 10] */
    tn_tensor *scaled;                 /* the soft-max of scale * logits */
    double logit_error;                /* against sums in float64, the largest */
    double sum_error, scaled_sum_error;
    int64_t overflows; /* images for which the formula without the maximum is not finite */
} forward;

static double at(const tn_tensor *t, int64_t i, int digit)
{
    return tn_data_f32(t)[i * MNIST_CLASSES + digit];
}

/* ---- computing ------------------------------------------------------------------------------- */

/* o_k = sum_j W_jk x_j + b_k, written out; the weight is stored as [10, 784]. */
static double logit(const tn_module *net, const float *x, int digit)
{
    const float *w = tn_data_f32(tn_parameter_named(net, "0.weight")) + digit * DIGIT_PIXELS;
    double sum = tn_data_f32(tn_parameter_named(net, "0.bias"))[digit];
    for (int j = 0; j < DIGIT_PIXELS; j++)
        sum += (double)w[j] * (double)x[j];
    return sum;
}

static void compare_logits(forward *f, const tn_module *net, const tn_tensor *x)
{
    for (int64_t i = 0; i < f->images; i++) {
        const float *row = tn_data_f32(x) + i * DIGIT_PIXELS;
        for (int digit = 0; digit < MNIST_CLASSES; digit++)
            f->logit_error =
                fmax(f->logit_error, fabs(at(f->logits, i, digit) - logit(net, row, digit)));
    }
}

/* The largest |sum_k p_k - 1|; NaN if a probability is not finite. */
static double sum_error(const forward *f, const tn_tensor *probabilities)
{
    double worst = 0;
    for (int64_t i = 0; i < f->images; i++) {
        double sum = 0;
        for (int digit = 0; digit < MNIST_CLASSES; digit++)
            sum += at(probabilities, i, digit);
        if (!isfinite(sum))
            return NAN;
        worst = fmax(worst, fabs(sum - 1));
    }
    return worst;
}

/* Whether e^(s o_k) / sum_j e^(s o_j), which is what the formula says, is infinity / infinity. */
static bool overflows(const forward *f, int64_t i)
{
    double sum = 0;
    for (int digit = 0; digit < MNIST_CLASSES; digit++)
        sum += exp(f->scale * at(f->logits, i, digit));
    return !isfinite(sum);
}

static bool compute(run *s, forward *f)
{
    tn_module *net = softmax_net(s->ctx, f->std);
    tn_set_grad_enabled(s->ctx, false);
    tn_tensor *order = tn_narrow(s->ctx, tn_randperm(s->ctx, f->digits.count), 0, 0, f->images);
    tn_tensor *x = tn_index_select(s->ctx, digit_inputs(s->ctx, &f->digits, TN_F32), 0, order);
    f->logits = tn_forward(s->ctx, net, x);
    f->probabilities = tn_softmax(s->ctx, f->logits, 1);
    f->scaled = tn_softmax(s->ctx, tn_mul_scalar(s->ctx, f->logits, f->scale), 1);
    if (!tn_ok(s->ctx))
        return run_library_failed(s);
    memcpy(f->chosen, tn_data_i64(order), (size_t)f->images * sizeof(*f->chosen));
    f->labels = tn_data(f->digits.labels);
    compare_logits(f, net, x);
    f->sum_error = sum_error(f, f->probabilities);
    f->scaled_sum_error = sum_error(f, f->scaled);
    for (int64_t i = 0; i < f->images; i++)
        f->overflows += overflows(f, i);
    return true;
}

/* ---- files ----------------------------------------------------------------------------------- */

static bool write_table(const run *s, const forward *f)
{
    report r;
    if (!run_open(s, &r, "forward.csv"))
        return false;
    fputs("image,label,digit,logit,probability,scaled_probability\n", r.file);
    for (int64_t i = 0; i < f->images; i++)
        for (int digit = 0; digit < MNIST_CLASSES; digit++)
            csv_row(&r,
                    (double[]){(double)f->chosen[i], f->labels[f->chosen[i]], digit,
                               at(f->logits, i, digit), at(f->probabilities, i, digit),
                               at(f->scaled, i, digit)},
                    6);
    return run_close(s, &r);
}

/* A block of 28 lines for each image, as gnuplot reads matrices. */
static bool write_images(const run *s, const forward *f)
{
    report r;
    if (!run_open(s, &r, "images.csv"))
        return false;
    for (int64_t i = 0; i < f->images; i++) {
        const uint8_t *ink =
            (const uint8_t *)tn_data(f->digits.images) + f->chosen[i] * DIGIT_PIXELS;
        for (int p = 0; p < DIGIT_PIXELS; p++)
            fprintf(r.file, "%d%c", ink[p], (p + 1) % MNIST_SIDE ? ',' : '\n');
        fputs("\n\n", r.file);
    }
    return run_close(s, &r);
}

static bool write_metrics(const run *s, const forward *f)
{
    report r;
    if (!run_open_metrics(s, &r))
        return false;
    json_integer(&r, "images", f->images);
    json_number(&r, "std", f->std);
    json_number(&r, "scale", f->scale);
    json_number(&r, "logit_error", f->logit_error);
    json_number(&r, "sum_error", f->sum_error);
    json_number(&r, "scaled_sum_error", f->scaled_sum_error);
    json_integer(&r, "overflows_without_maximum", f->overflows);
    digits_put(&r, s, &f->digits);
    return run_close_metrics(s, &r);
}

/* Commands for image i and, on its right, the bars of its probabilities, in the part of the picture
 * from left and bottom on that is half as wide and `height` high. */
static size_t add_image(char *text, size_t size, const forward *f, int64_t i, double left,
                        double bottom, double height)
{
    long long first = 10 * i, last = first + 9;
    char scaled[32] = "";
    if (i == 0)
        snprintf(scaled, sizeof(scaled), "of %g o", f->scale);
    return (size_t)snprintf(
        text, size,
        "set title 'image %lld, a %d'\n"
        "set lmargin at screen %g\nset rmargin at screen %g\n"
        "set bmargin at screen %g\nset tmargin at screen %g\n"
        "unset xlabel\nunset ylabel\nunset border\nunset tics\n"
        "set xrange [-0.5:27.5]\nset yrange [27.5:-0.5]\n"
        "plot 'images.csv' matrix index %lld with image notitle\n"
        "unset title\nset lmargin at screen %g\nset rmargin at screen %g\n"
        "set xlabel 'digit' offset 0,0.6\nset ylabel 'probability'\nset border 3\n"
        "set xtics 1 nomirror out\nset ytics 0.5 nomirror out\n"
        "set xrange [-0.6:9.6]\nset yrange [0:1]\n"
        "plot 'forward.csv' skip 1 every ::%lld::%lld using ($3-0.2):5:(0.4) with boxes "
        "linetype 1 title '%s', '' skip 1 every ::%lld::%lld using ($3+0.2):6:(0.4) "
        "with boxes linetype 2 title '%s'\n",
        (long long)f->chosen[i], f->labels[f->chosen[i]], left + 0.025, left + 0.155,
        bottom + 0.39 * height, bottom + 0.88 * height, (long long)i, left + 0.24, left + 0.48,
        first, last, i == 0 ? "of o" : "", first, last, scaled);
}

/* Two images in a row. */
static bool draw(const run *s, const forward *f)
{
    char commands[16384];
    int rows = (int)(f->images + 1) / 2, pixels = TOP + CELL_HEIGHT * rows;
    double height = (double)CELL_HEIGHT / pixels;
    size_t used = (size_t)snprintf(
        commands, sizeof(commands),
        "set multiplot title 'soft-max of o = W^T x + b, W and b from N(0, %g^2)'\n"
        "set palette gray negative\nunset colorbox\nset style fill solid\nunset grid\n"
        "set key at screen 0.36,%g center\n",
        f->std, 1 - 44.0 / pixels);
    for (int64_t i = 0; i < f->images; i++)
        used += add_image(commands + used, sizeof(commands) - used, f, i, 0.5 * (double)(i % 2),
                          height * (double)(rows - 1 - i / 2), height);
    snprintf(commands + used, sizeof(commands) - used, "unset multiplot");
    figure picture = {"forward", 800, pixels, commands};
    return run_draw(s, &picture);
}

/* ---- standard output ------------------------------------------------------------------------- */

static void print_row(const char *name, const tn_tensor *t, int64_t i, int decimals)
{
    printf("  %-14s", name);
    for (int digit = 0; digit < MNIST_CLASSES; digit++)
        printf(" %6.*f", decimals, at(t, i, digit));
    putchar('\n');
}

static void print(const run *s, const forward *f)
{
    char name[32];
    snprintf(name, sizeof(name), "p of %g o", f->scale);
    for (int64_t i = 0; i < f->images; i++) {
        printf("image %5lld, a %d ", (long long)f->chosen[i], f->labels[f->chosen[i]]);
        for (int digit = 0; digit < MNIST_CLASSES; digit++)
            printf(" %6d", digit);
        putchar('\n');
        print_row("logit o", f->logits, i, 2);
        print_row("probability p", f->probabilities, i, 3);
        print_row(name, f->scaled, i, 3);
    }
    printf("logits against sums written out in float64: they differ by at most %.1e\n"
           "probabilities sum to 1 within %.1e, those of %g o within %.1e, all finite;\n"
           "e^o / sum e^o without subtracting the largest o first overflows for %lld of %lld "
           "images\nresults in %s\n",
           f->logit_error, f->sum_error, f->scale, f->scaled_sum_error, (long long)f->overflows,
           (long long)f->images, s->out);
}

static int work(run *s, void *payload)
{
    forward *f = payload;
    if (f->images > f->digits.count) {
        cli_error(s->program, "--images %lld: there are only %lld training images",
                  (long long)f->images, (long long)f->digits.count);
        return CLI_EXIT_USAGE;
    }
    if (!run_make_out(s))
        return CLI_EXIT_USAGE;
    if (!compute(s, f))
        return CLI_EXIT_FAILURE;
    if (!write_table(s, f) || !write_images(s, f) || !write_metrics(s, f) || !draw(s, f))
        return CLI_EXIT_FAILURE;
    if (!isfinite(f->sum_error) || !isfinite(f->scaled_sum_error)) {
        cli_error(s->program, "a probability is not finite");
        return CLI_EXIT_FAILURE;
    }
    if (!s->quiet)
        print(s, f);
    return 0;
}

int digits_forward(int argc, char **argv)
{
    forward f = {.images = 6, .std = 0.1, .scale = 1e4};
    run s = {.program = &PROGRAM, .out = "out/digits/forward", .seed = 1};
    const cli_option options[] = {
        {"images", CLI_INT, &f.images, "N", .min = 1, .max = MOST_IMAGES,
         .help = "training images, drawn at random"},
        {"init-std", CLI_DOUBLE, &f.std, "S", .max = 1000, .above_min = true,
         .help = "W and b come from N(0, S^2)"},
        {"scale", CLI_DOUBLE, &f.scale, "K", .max = 1e30, .above_min = true,
         .help = "the factor that makes the logits large"},
        {.name = NULL},
    };
    return digits_run(&s, &f.digits, options, argc, argv, work, &f);
}
