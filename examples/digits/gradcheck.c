/* digits gradcheck: the gradient of softmax regression by autodiff, by differences and by hand. */
#include "digits/digits.h"

#include <math.h>
#include <stdlib.h>

#include "common/progress.h"
#include "digits/sets.h"

enum { IMAGES = 100, PARAMETERS = (DIGIT_PIXELS + 1) * MNIST_CLASSES };

/* Both ways of writing the gradient down do the same sums in another order. */
static const double FORMULA_TOLERANCE = 1e-11;

static const cli_program PROGRAM = {
    .name = "digits gradcheck",
    .summary =
        "Checks the gradient of the cross-entropy of softmax regression, summed over the images, "
        "in float64: four entries by differences forward and central, every weight and bias by "
        "tn_gradcheck, and the formula (p - y) x^T. Ends with status 1 if any check fails. Writes "
        "entries.csv and metrics.json.",
};

/* W[pixel, digit], or b[digit] if pixel is negative: the entries of a study from 2018. */
static const struct {
    int pixel, digit;
} ENTRIES[] = {{542, 0}, {-1, 1}, {300, 4}, {-1, 4}};

enum { ENTRY_COUNT = 4 };

typedef struct entry {
    double autodiff, central, forward;
    int64_t inked; /* images in which the pixel is not 0; all of them for a bias */
} entry;

typedef struct check {
    digit_images digits;
    double step, tolerance, std;
    tn_tensor *x, *labels;
    tn_tensor *parameters[2]; /* weight [10, 784] and bias [10] */
    progress shown;
    int64_t evaluations;
    entry entries[ENTRY_COUNT];
    tn_gradcheck_report report;
    bool right;
    double formula_error; /* relative to the largest derivative */
    double seconds;       /* of tn_gradcheck */
} check;

static const char *entry_name(int i, char *text, size_t size)
{
    if (ENTRIES[i].pixel < 0)
        snprintf(text, size, "b[%d]", ENTRIES[i].digit);
    else
        snprintf(text, size, "W[%d,%d]", ENTRIES[i].pixel, ENTRIES[i].digit);
    return text;
}

/* ---- the loss -------------------------------------------------------------------------------- */

static tn_tensor *summed_loss(tn_ctx *ctx, tn_tensor *const *inputs, void *payload)
{
    check *c = payload;
    progress_update(&c->shown, ++c->evaluations, "evaluations of the loss");
    tn_tensor *logits = tn_linear(ctx, c->x, inputs[0], inputs[1]);
    return tn_cross_entropy(ctx, logits, c->labels,
                            (tn_cross_entropy_opts){.reduction = TN_REDUCE_SUM});
}

static double loss_value(const run *s, check *c)
{
    bool before = tn_set_grad_enabled(s->ctx, false);
    tn_scope scope = tn_scope_begin(s->ctx);
    double value = tn_item(s->ctx, summed_loss(s->ctx, c->parameters, c));
    tn_scope_end(s->ctx, scope);
    tn_set_grad_enabled(s->ctx, before);
    return value;
}

static bool prepare(run *s, check *c)
{
    c->x = digit_inputs(s->ctx, &c->digits, TN_F64);
    c->labels = c->digits.labels;
    for (int i = 0; i < 2; i++) {
        c->parameters[i] = i == 0 ? tn_empty(s->ctx, TN_F64, TN_SHAPE(MNIST_CLASSES, DIGIT_PIXELS))
                                  : tn_empty(s->ctx, TN_F64, TN_SHAPE(MNIST_CLASSES));
        tn_normal_(s->ctx, c->parameters[i], 0, c->std);
        tn_set_requires_grad(s->ctx, c->parameters[i], true);
    }
    return tn_ok(s->ctx) || run_library_failed(s);
}

/* ---- four entries ---------------------------------------------------------------------------- */

/* The loss when the entry is moved by h. */
static double moved_loss(const run *s, check *c, int i, double h)
{
    bool bias = ENTRIES[i].pixel < 0;
    int64_t at = bias ? ENTRIES[i].digit : ENTRIES[i].digit * DIGIT_PIXELS + ENTRIES[i].pixel;
    double *value = (double *)tn_data_mut(c->parameters[bias]) + at;
    double kept = *value;
    *value = kept + h;
    double loss = loss_value(s, c);
    *value = kept;
    return loss;
}

/* (f(w + h) - f(w)) / h is wrong by f'' h / 2, (f(w + h) - f(w - h)) / 2h by f''' h^2 / 6. */
static void check_entries(const run *s, check *c)
{
    double at_rest = loss_value(s, c);
    for (int i = 0; i < ENTRY_COUNT; i++) {
        bool bias = ENTRIES[i].pixel < 0;
        int64_t index[] = {ENTRIES[i].digit, ENTRIES[i].pixel};
        double ahead = moved_loss(s, c, i, c->step), behind = moved_loss(s, c, i, -c->step);
        c->entries[i] = (entry){
            .autodiff = tn_at(s->ctx, tn_grad(c->parameters[bias]), index),
            .forward = (ahead - at_rest) / c->step,
            .central = (ahead - behind) / (2 * c->step),
            .inked = bias ? c->digits.count : digit_inked(&c->digits, ENTRIES[i].pixel),
        };
    }
}

/* |numeric - autodiff| / |autodiff|; 0 if both are 0. */
static double relative_error(double numeric, double autodiff)
{
    return numeric == autodiff ? 0 : fabs(numeric - autodiff) / fabs(autodiff);
}

/* ---- the formula ----------------------------------------------------------------------------- */

/* Adds (p - y) x^T and p - y of one image, p the soft-max of W x + b and y the unit vector of its
 * label. */
static void add_formula(const check *c, const double *x, int label, double *weight, double *bias)
{
    const double *w = tn_data_f64(c->parameters[0]), *b = tn_data_f64(c->parameters[1]);
    double p[MNIST_CLASSES], largest = -INFINITY, sum = 0;
    for (int k = 0; k < MNIST_CLASSES; k++) {
        p[k] = b[k];
        for (int j = 0; j < DIGIT_PIXELS; j++)
            p[k] += w[k * DIGIT_PIXELS + j] * x[j];
        largest = fmax(largest, p[k]);
    }
    for (int k = 0; k < MNIST_CLASSES; k++)
        sum += p[k] = exp(p[k] - largest);
    for (int k = 0; k < MNIST_CLASSES; k++) {
        double d = p[k] / sum - (k == label);
        bias[k] += d;
        for (int j = 0; j < DIGIT_PIXELS; j++)
            weight[k * DIGIT_PIXELS + j] += d * x[j];
    }
}

static double largest_difference(const double *a, const double *b, int count, double *scale)
{
    double worst = 0;
    for (int i = 0; i < count; i++) {
        worst = fmax(worst, fabs(a[i] - b[i]));
        *scale = fmax(*scale, fabs(a[i]));
    }
    return worst;
}

static bool check_formula(const run *s, check *c)
{
    enum { WEIGHTS = DIGIT_PIXELS * MNIST_CLASSES };
    double *sums = calloc(PARAMETERS, sizeof(*sums)), scale = 0;
    if (!sums)
        return run_short_of_memory(s);
    const uint8_t *labels = tn_data(c->digits.labels);
    for (int64_t i = 0; i < c->digits.count; i++)
        add_formula(c, tn_data_f64(c->x) + i * DIGIT_PIXELS, labels[i], sums, sums + WEIGHTS);
    double worst =
        largest_difference(tn_data_f64(tn_grad(c->parameters[0])), sums, WEIGHTS, &scale);
    worst = fmax(worst, largest_difference(tn_data_f64(tn_grad(c->parameters[1])), sums + WEIGHTS,
                                           MNIST_CLASSES, &scale));
    c->formula_error = worst / scale;
    free(sums);
    return true;
}

/* ---- everything ------------------------------------------------------------------------------ */

/* Leaves the gradient of autodiff in the parameters, for the entries and the formula. */
static bool differentiate(const run *s, check *c)
{
    tn_scope scope = tn_scope_begin(s->ctx);
    tn_backward(s->ctx, summed_loss(s->ctx, c->parameters, c));
    tn_scope_end(s->ctx, scope);
    return tn_ok(s->ctx) || run_library_failed(s);
}

/* A gradient that is wrong is a result; everything else that fails is a failure. */
static bool check_all(const run *s, check *c)
{
    tn_gradcheck_opts opts = {.rtol = c->tolerance, .projections = 1};
    double start = seconds_now();
    c->evaluations = 0;
    c->shown = progress_begin("gradcheck", 2 * PARAMETERS + 1, s->quiet);
    tn_status status = tn_gradcheck(s->ctx, summed_loss, c, 2, c->parameters, opts, &c->report);
    progress_end(&c->shown);
    c->seconds = seconds_now() - start;
    c->right = status == TN_OK;
    if (status != TN_OK && status != TN_ERR_GRADIENT)
        return run_library_failed(s);
    tn_clear_error(s->ctx);
    return true;
}

/* ---- results --------------------------------------------------------------------------------- */

static bool write_entries(const run *s, const check *c)
{
    report r;
    if (!run_open(s, &r, "entries.csv"))
        return false;
    fputs("pixel,digit,autodiff,central,central_error,forward,forward_error,images_with_ink\n",
          r.file);
    for (int i = 0; i < ENTRY_COUNT; i++) {
        const entry *e = &c->entries[i];
        csv_row(&r,
                (double[]){ENTRIES[i].pixel < 0 ? NAN : (double)ENTRIES[i].pixel, ENTRIES[i].digit,
                           e->autodiff, e->central, relative_error(e->central, e->autodiff),
                           e->forward, relative_error(e->forward, e->autodiff), (double)e->inked},
                8);
    }
    return run_close(s, &r);
}

static double worst_entry(const check *c, bool central)
{
    double worst = 0;
    for (int i = 0; i < ENTRY_COUNT; i++) {
        const entry *e = &c->entries[i];
        worst = fmax(worst, relative_error(central ? e->central : e->forward, e->autodiff));
    }
    return worst;
}

static bool write_metrics(const run *s, const check *c)
{
    report r;
    if (!run_open_metrics(s, &r))
        return false;
    json_integer(&r, "checked", c->report.checked);
    json_number(&r, "worst_error", c->report.worst);
    json_number(&r, "tolerance", c->tolerance);
    json_number(&r, "formula_error", c->formula_error);
    json_number(&r, "entries_central_error", worst_entry(c, true));
    json_number(&r, "entries_forward_error", worst_entry(c, false));
    json_number(&r, "step", c->step);
    json_number(&r, "init_std", c->std);
    json_number(&r, "seconds", c->seconds);
    digits_put(&r, s, &c->digits);
    return run_close_metrics(s, &r);
}

static void print_entries(const check *c)
{
    char name[32];
    printf("derivatives of the summed loss of %lld images, steps of %g:\n",
           (long long)c->digits.count, c->step);
    printf("  %-9s %18s %18s %8s %18s %8s\n", "entry", "autodiff", "central", "error", "forward",
           "error");
    for (int i = 0; i < ENTRY_COUNT; i++) {
        const entry *e = &c->entries[i];
        printf("  %-9s %18.11g %18.11g %8.1e %18.11g %8.1e\n", entry_name(i, name, sizeof(name)),
               e->autodiff, e->central, relative_error(e->central, e->autodiff), e->forward,
               relative_error(e->forward, e->autodiff));
    }
    for (int i = 0; i < ENTRY_COUNT; i++)
        if (c->entries[i].inked == 0)
            printf("  pixel %d is 0 in all %lld images: the derivative of %s is 0 whatever the "
                   "program does\n",
                   ENTRIES[i].pixel, (long long)c->digits.count, entry_name(i, name, sizeof(name)));
        else if (ENTRIES[i].pixel >= 0)
            printf("  pixel %d has ink in %lld of the %lld images\n", ENTRIES[i].pixel,
                   (long long)c->entries[i].inked, (long long)c->digits.count);
}

static void print_checks(const run *s, const check *c)
{
    printf("every weight and bias: %lld derivatives against central differences in %.1f s,\n"
           "  largest error %.1e of the largest derivative, %g allowed\n"
           "(p - y) x^T summed over the images: largest error %.1e, %g allowed\nresults in %s\n",
           (long long)c->report.checked, c->seconds, c->report.worst, c->tolerance,
           c->formula_error, FORMULA_TOLERANCE, s->out);
}

static bool verdict(const run *s, const check *c)
{
    const tn_gradcheck_report *worst = &c->report;
    bool formula_right = c->formula_error < FORMULA_TOLERANCE;
    char name[32];
    if (worst->input == 0)
        snprintf(name, sizeof(name), "W[%d,%d]", (int)worst->index[1], (int)worst->index[0]);
    else
        snprintf(name, sizeof(name), "b[%d]", (int)worst->index[0]);
    if (!c->right)
        cli_error(s->program,
                  "the derivative of %s is %.10g by autodiff and %.10g by differences: "
                  "an error of %.1e, %g allowed",
                  name, worst->analytic, worst->numeric, worst->worst, c->tolerance);
    else if (!formula_right)
        cli_error(s->program, "the gradient differs from (p - y) x^T by %.1e, %g allowed",
                  c->formula_error, FORMULA_TOLERANCE);
    return c->right && formula_right;
}

static int work(run *s, void *payload)
{
    check *c = payload;
    if (!run_make_out(s))
        return CLI_EXIT_USAGE;
    if (!prepare(s, c) || !differentiate(s, c))
        return CLI_EXIT_FAILURE;
    check_entries(s, c);
    if (!check_formula(s, c) || !check_all(s, c))
        return CLI_EXIT_FAILURE;
    if (!write_entries(s, c) || !write_metrics(s, c))
        return CLI_EXIT_FAILURE;
    if (!s->quiet) {
        print_entries(c);
        print_checks(s, c);
    }
    return verdict(s, c) ? 0 : CLI_EXIT_FAILURE;
}

int digits_gradcheck(int argc, char **argv)
{
    check c = {.digits.source.use = IMAGES, .step = 1e-5, .tolerance = 1e-7, .std = 0.1};
    run s = {.program = &PROGRAM, .out = "out/digits/gradcheck", .seed = 1};
    const cli_option options[] = {
        {"step", CLI_DOUBLE, &c.step, "H", .max = 1, .above_min = true,
         .help = "of the differences of the four entries"},
        {"tolerance", CLI_DOUBLE, &c.tolerance, "E", .max = 1, .above_min = true,
         .help = "largest error of a weight or bias, relative to the largest derivative"},
        {"init-std", CLI_DOUBLE, &c.std, "S", .max = 1000, .above_min = true,
         .help = "weights and biases come from N(0, S^2)"},
        {.name = NULL},
    };
    return digits_run(&s, &c.digits, options, argc, argv, work, &c);
}
