/* digits contour: the loss over two weights, with the ways that gradient descent takes down. */
#include "digits/contour.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/progress.h"
#include "digits/digits.h"
#include "digits/models.h"

enum { TRAINING_STEPS = 300, NEWTON_STEPS = 30 };

/* Candidates are the weights of pixels in the middle of the image. */
enum { MIDDLE_FIRST = 8, MIDDLE_LAST = 19, MIDDLE = MIDDLE_LAST - MIDDLE_FIRST + 1 };

static const double TRAINING_LR = 0.5, TRAINING_MOMENTUM = 0.9;
static const double LIVE_SHARE = 0.1;   /* of images that have ink in a live pixel */
static const double MOST_UNEQUAL = 1.5; /* quotient of the two weights' own curvatures */
static const double SETTLED = 1e-9;     /* length of the last step to a minimum */
static const double FLATTEST = 1e-9; /* quotient of the eigenvalues where a valley has no bottom */
static const double EXCESS_SHARE = 0.01; /* share of the loss by which the start is higher */
const double CONTOUR_ARRIVED = 0.01;

static const cli_program PROGRAM = {
    .name = "digits contour",
    .summary =
        "Trains softmax regression on all images at once, then lets two weights alone move: the "
        "loss over them as contours, and the paths of gradient descent with and without momentum "
        "from one displaced start. The pairs are chosen by the curvature at the trained point: "
        "of the pairs of weights of one digit at live pixels in the middle of the image whose own "
        "curvatures are much alike, the pair with the largest condition number of the 2 x 2 "
        "Hessian (valley), where momentum helps, and the one with the smallest (bowl), where it "
        "does not. "
        "Writes the loss and the paths as CSV, "
        "metrics.json and a picture for each pair.",
};

typedef struct contour {
    digit_images digits;
    const char *pair;
    double momentum;
    int64_t iterations, steps;
    tn_tensor *logits, *probabilities; /* of the trained network, in float64 */
    tn_tensor *weight;                 /* [10, 784] */
    double trained_loss;
    int64_t candidates;
    landscape landscapes[2];
    int count;
} contour;

static visit *at_step(const landscape *l, int method, int64_t step)
{
    return &l->path[method][step];
}

/* ---- training -------------------------------------------------------------------------------- */

static void train(const run *s, const contour *c, tn_module *net, const tn_tensor *x)
{
    tn_sgd_opts opts = {.lr = TRAINING_LR, .momentum = TRAINING_MOMENTUM};
    tn_optim *opt = tn_sgd(s->ctx, net, opts);
    progress shown = progress_begin("training", c->iterations, s->quiet);
    for (int64_t i = 0; i < c->iterations && tn_ok(s->ctx); i++) {
        double loss = digit_step(s->ctx, net, opt, x, c->digits.labels);
        progress_update(&shown, i + 1, "loss %.5g", loss);
    }
    progress_end(&shown);
    tn_optim_free(opt);
}

/* What the trained network says of all images. */
static bool prepare(const run *s, contour *c)
{
    tn_ctx *ctx = s->ctx;
    tn_module *net = softmax_net(ctx, 0);
    tn_tensor *x = digit_inputs(s->ctx, &c->digits, TN_F32);
    train(s, c, net, x);
    tn_set_grad_enabled(ctx, false);
    c->weight = tn_parameter_named(net, "0.weight");
    c->logits = tn_cast(ctx, tn_forward(ctx, net, x), TN_F64);
    c->probabilities = tn_softmax(ctx, c->logits, 1);
    c->trained_loss = tn_item(
        ctx, tn_cross_entropy(ctx, c->logits, c->digits.labels, (tn_cross_entropy_opts){0}));
    tn_set_grad_enabled(ctx, true);
    tn_free(x);
    return tn_ok(ctx) || run_library_failed(s);
}

/* Some pixels of all images in [0, 1]: TN_F64 [n, count]. */
static tn_tensor *take_pixels(tn_ctx *ctx, const digit_images *d, const int64_t *pixels,
                              int64_t count)
{
    tn_tensor *numbers = tn_from_data(ctx, TN_I64, TN_SHAPE(count), pixels);
    tn_tensor *ink = tn_index_select(ctx, d->images, 1, numbers);
    return tn_mul_scalar(ctx, tn_cast(ctx, ink, TN_F64), 1.0 / 255.0);
}

/* ---- curvature ------------------------------------------------------------------------------- */

/* Eigenvalues (aa + bb) / 2 +- sqrt(((aa - bb) / 2)^2 + ab^2). */
static hessian make_hessian(double aa, double ab, double bb)
{
    double middle = (aa + bb) / 2, spread = hypot((aa - bb) / 2, ab);
    return (hessian){aa, ab, bb, middle + spread, middle - spread, atan2(2 * ab, aa - bb) / 2};
}

static double condition(const hessian *h)
{
    return h->low > FLATTEST * h->high ? h->high / h->low : INFINITY;
}

/* d2 loss / dw_a dw_b = mean over the images of x_a x_b p_k (d_km - p_m), k and m being the columns
 * of the probabilities for the digits of a and b, and d_km 1 if they are one and 0 if not. */
static hessian pair_hessian(const tn_tensor *ink, const tn_tensor *probabilities, const int *column)
{
    const double *x = tn_data_f64(ink), *p = tn_data_f64(probabilities);
    int64_t count = tn_size(ink, 0), columns = tn_size(probabilities, 1);
    double sums[3] = {0};
    for (int64_t i = 0; i < count; i++, x += 2, p += columns) {
        double pa = p[column[0]], pb = p[column[1]];
        sums[0] += x[0] * x[0] * pa * (1 - pa);
        sums[1] += x[0] * x[1] * pa * ((column[0] == column[1]) - pb);
        sums[2] += x[1] * x[1] * pb * (1 - pb);
    }
    double n = (double)count;
    return make_hessian(sums[0] / n, sums[1] / n, sums[2] / n);
}

/* ---- choosing two pairs ---------------------------------------------------------------------- */

/* Whether enough images of the digit, and of the others, have ink in the pixel: a weight that only
 * ever speaks for one side has no minimum. */
static bool is_live(const digit_images *d, int pixel, int digit)
{
    const uint8_t *images = tn_data(d->images), *labels = tn_data(d->labels);
    int64_t inked[2] = {0}, count[2] = {0};
    for (int64_t i = 0; i < d->count; i++) {
        count[labels[i] == digit]++;
        inked[labels[i] == digit] += images[i * DIGIT_PIXELS + pixel] > 0;
    }
    return (double)inked[0] >= LIVE_SHARE * (double)count[0] &&
           (double)inked[1] >= LIVE_SHARE * (double)count[1];
}

static int64_t find_live(const digit_images *d, int digit, int64_t *live)
{
    int64_t count = 0;
    for (int row = MIDDLE_FIRST; row <= MIDDLE_LAST; row++)
        for (int column = MIDDLE_FIRST; column <= MIDDLE_LAST; column++)
            if (is_live(d, row * MNIST_SIDE + column, digit))
                live[count++] = row * MNIST_SIDE + column;
    return count;
}

static void propose(landscape *l, int64_t pixel_a, int64_t pixel_b, int digit, hessian h)
{
    l->at[0] = (weight_at){(int)pixel_a, digit};
    l->at[1] = (weight_at){(int)pixel_b, digit};
    l->trained = h;
}

/* Whether the Hessian has a minimum, and no scaling of the weights would make it much rounder. */
static bool comparable(const hessian *h)
{
    return isfinite(condition(h)) && fmax(h->aa, h->bb) <= MOST_UNEQUAL * fmin(h->aa, h->bb);
}

/* Keeps the pairs of the largest and the smallest condition number. */
static void compare_pairs(contour *c, const int64_t *live, int64_t count, int digit,
                          const double *second)
{
    landscape *valley = &c->landscapes[0], *bowl = &c->landscapes[1];
    for (int64_t a = 0; a < count; a++) {
        for (int64_t b = a + 1; b < count; b++) {
            hessian h =
                make_hessian(second[a * count + a], second[a * count + b], second[b * count + b]);
            if (!comparable(&h))
                continue;
            if (c->candidates == 0 || condition(&h) > condition(&valley->trained))
                propose(valley, live[a], live[b], digit, h);
            if (c->candidates == 0 || condition(&h) < condition(&bowl->trained))
                propose(bowl, live[a], live[b], digit, h);
            c->candidates++;
        }
    }
}

/* The Hessians of all pairs of weights of one digit are in X^T diag(p (1 - p)) X / n. */
static bool choose_pairs(const run *s, contour *c)
{
    int64_t live[MIDDLE * MIDDLE];
    tn_ctx *ctx = s->ctx;
    tn_set_grad_enabled(ctx, false);
    for (int digit = 0; digit < MNIST_CLASSES; digit++) {
        tn_scope scope = tn_scope_begin(ctx);
        int64_t count = find_live(&c->digits, digit, live);
        tn_tensor *x = take_pixels(s->ctx, &c->digits, live, count);
        tn_tensor *p = tn_narrow(ctx, c->probabilities, 1, digit, 1);
        tn_tensor *spread = tn_sub(ctx, p, tn_square(ctx, p));
        tn_tensor *scaled = tn_mul_scalar(ctx, tn_mul(ctx, x, spread), 1 / (double)c->digits.count);
        tn_tensor *second = tn_matmul(ctx, tn_transpose(ctx, scaled, 0, 1), x);
        if (tn_ok(ctx))
            compare_pairs(c, live, count, digit, tn_data_f64(second));
        tn_scope_end(ctx, scope);
        tn_empty_cache(ctx); /* the next digit has another number of pixels */
    }
    tn_set_grad_enabled(ctx, true);
    if (!tn_ok(ctx))
        return run_library_failed(s);
    if (c->candidates == 0)
        cli_error(s->program, "%lld images have no two live pixels to compare",
                  (long long)c->digits.count);
    c->landscapes[0].name = "valley";
    c->landscapes[1].name = "bowl";
    c->count = 2;
    return c->candidates > 0;
}

/* ---- a pair that is given -------------------------------------------------------------------- */

static bool refuse_pair(const run *s, const contour *c, const char *reason)
{
    cli_error(s->program, "--pair %s: %s", c->pair, reason);
    return false;
}

static bool parse_pair(const run *s, contour *c)
{
    static const int LIMITS[] = {DIGIT_PIXELS, MNIST_CLASSES, DIGIT_PIXELS, MNIST_CLASSES};
    double values[4];
    int count = 4, numbers[4];
    if (!cli_numbers(s->program, "pair", c->pair, values, 4, &count))
        return false;
    for (int i = 0; i < 4; i++) {
        if (values[i] != floor(values[i]) || values[i] < 0 || values[i] >= LIMITS[i])
            return refuse_pair(s, c, "pixels are 0 to 783 and digits 0 to 9");
        numbers[i] = (int)values[i];
    }
    landscape *l = &c->landscapes[0];
    l->at[0] = (weight_at){numbers[0], numbers[1]};
    l->at[1] = (weight_at){numbers[2], numbers[3]};
    l->name = "pair";
    c->count = 1;
    return true;
}

/* What can be said of the pair before anything is trained. */
static bool check_pair(const run *s, contour *c)
{
    const weight_at *at = c->landscapes[0].at;
    char reason[128];
    if (at[0].pixel == at[1].pixel && at[0].digit == at[1].digit)
        return refuse_pair(s, c, "that is one weight, not two");
    for (int i = 0; i < 2; i++) {
        if (digit_inked(&c->digits, at[i].pixel) > 0)
            continue;
        snprintf(reason, sizeof(reason),
                 "pixel %d is 0 in all %lld images, so the loss does not depend on its weights",
                 at[i].pixel, (long long)c->digits.count);
        return refuse_pair(s, c, reason);
    }
    return true;
}

/* ---- the loss over two weights --------------------------------------------------------------- */

/* What the two weights w [2] add to the logits. */
static tn_tensor *logits_of(tn_ctx *ctx, const landscape *l, const tn_tensor *w)
{
    return tn_matmul(ctx, l->ink, tn_mul(ctx, l->where, tn_unsqueeze(ctx, w, 1)));
}

/* log sum e^o over the digits that neither weight belongs to. */
static double log_sum_of_others(const landscape *l, const double *o)
{
    double others[MNIST_CLASSES], largest = -INFINITY, sum = 0;
    int count = 0;
    for (int k = 0; k < MNIST_CLASSES; k++)
        if (k != l->at[0].digit && k != l->at[1].digit)
            others[count++] = o[k];
    for (int k = 0; k < count; k++)
        largest = fmax(largest, others[k]);
    for (int k = 0; k < count; k++)
        sum += exp(others[k] - largest);
    return largest + log(sum);
}

/* While all other weights stay, only the logits of one or two digits change. The others make one
 * logit, log sum e^o. For an image of one of them that leaves out log sum e^o - o_label of its
 * loss, which is constant. */
static void gather(const contour *c, landscape *l)
{
    const double *o = tn_data_f64(c->logits);
    const uint8_t *label = tn_data(c->digits.labels);
    double *rest = tn_data_mut(l->rest);
    uint8_t *target = tn_data_mut(l->targets);
    int others = l->columns - 1;
    for (int64_t i = 0; i < c->digits.count; i++, o += MNIST_CLASSES, rest += l->columns) {
        rest[others] = log_sum_of_others(l, o);
        target[i] = (uint8_t)others;
        for (int j = 0; j < 2; j++) {
            rest[l->column[j]] = o[l->at[j].digit];
            if (label[i] == l->at[j].digit)
                target[i] = (uint8_t)l->column[j];
        }
        if (target[i] == others)
            l->constant += (rest[others] - o[label[i]]) / (double)c->digits.count;
    }
}

/* Takes the two weights out of the network. */
static bool open_landscape(const run *s, const contour *c, landscape *l)
{
    tn_ctx *ctx = s->ctx;
    int64_t pixels[] = {l->at[0].pixel, l->at[1].pixel};
    l->column[1] = l->at[0].digit != l->at[1].digit;
    l->columns = l->column[1] + 2;
    l->rest = tn_empty(ctx, TN_F64, TN_SHAPE(c->digits.count, l->columns));
    l->targets = tn_empty(ctx, TN_U8, TN_SHAPE(c->digits.count));
    l->where = tn_zeros(ctx, TN_F64, TN_SHAPE(2, l->columns));
    l->ink = take_pixels(s->ctx, &c->digits, pixels, 2);
    if (!tn_ok(ctx))
        return run_library_failed(s);
    l->trained = pair_hessian(l->ink, c->probabilities, (int[]){l->at[0].digit, l->at[1].digit});
    gather(c, l);
    for (int i = 0; i < 2; i++) {
        ((double *)tn_data_mut(l->where))[i * l->columns + l->column[i]] = 1;
        l->best.w[i] = tn_at(ctx, c->weight, (int64_t[]){l->at[i].digit, l->at[i].pixel});
    }
    tn_tensor *w = tn_from_data(ctx, TN_F64, TN_SHAPE(2), l->best.w);
    l->rest = tn_sub(ctx, l->rest, logits_of(ctx, l, w));
    return tn_ok(ctx) || run_library_failed(s);
}

/* The mean cross-entropy as a function of w. */
static tn_tensor *loss_at(const run *s, const landscape *l, const tn_tensor *w)
{
    tn_tensor *logits = tn_add(s->ctx, l->rest, logits_of(s->ctx, l, w));
    tn_tensor *loss = tn_cross_entropy(s->ctx, logits, l->targets, (tn_cross_entropy_opts){0});
    return tn_add_scalar(s->ctx, loss, l->constant);
}

static double loss_value(const run *s, const landscape *l, const double *w)
{
    bool before = tn_set_grad_enabled(s->ctx, false);
    tn_scope scope = tn_scope_begin(s->ctx);
    tn_tensor *point = tn_from_data(s->ctx, TN_F64, TN_SHAPE(2), w);
    double value = tn_item(s->ctx, loss_at(s, l, point));
    tn_scope_end(s->ctx, scope);
    tn_set_grad_enabled(s->ctx, before);
    return value;
}

static hessian curvature_at(const run *s, const landscape *l, const double *w)
{
    bool before = tn_set_grad_enabled(s->ctx, false);
    tn_scope scope = tn_scope_begin(s->ctx);
    tn_tensor *point = tn_from_data(s->ctx, TN_F64, TN_SHAPE(2), w);
    tn_tensor *logits = tn_add(s->ctx, l->rest, logits_of(s->ctx, l, point));
    tn_tensor *p = tn_softmax(s->ctx, logits, 1);
    hessian h = {0};
    if (tn_ok(s->ctx))
        h = pair_hessian(l->ink, p, l->column);
    tn_scope_end(s->ctx, scope);
    tn_set_grad_enabled(s->ctx, before);
    return h;
}

/* One step of Newton's method, w -= H^-1 g, halved until the loss does not grow. Returns its
 * length, or NaN. */
static double newton_step(const run *s, const landscape *l, double *w)
{
    tn_scope scope = tn_scope_begin(s->ctx);
    tn_tensor *point = tn_from_data(s->ctx, TN_F64, TN_SHAPE(2), w);
    tn_set_requires_grad(s->ctx, point, true);
    tn_tensor *loss = loss_at(s, l, point);
    double before = tn_item(s->ctx, loss), length = NAN;
    tn_backward(s->ctx, loss);
    hessian h = curvature_at(s, l, w);
    if (tn_ok(s->ctx)) {
        const double *g = tn_data_f64(tn_grad(point));
        double det = h.high * h.low, share = 1, next[2];
        double d[] = {(h.bb * g[0] - h.ab * g[1]) / det, (h.aa * g[1] - h.ab * g[0]) / det};
        do {
            length = share * hypot(d[0], d[1]);
            next[0] = w[0] - share * d[0];
            next[1] = w[1] - share * d[1];
            share /= 2;
        } while (length > SETTLED && !(loss_value(s, l, next) <= before));
        memcpy(w, next, sizeof(next));
    }
    tn_scope_end(s->ctx, scope);
    return length;
}

/* From the trained weights. False if it does not settle. */
static bool find_minimum(const run *s, landscape *l)
{
    double moved = INFINITY;
    for (int i = 0; i < NEWTON_STEPS && moved > SETTLED; i++)
        moved = newton_step(s, l, l->best.w);
    l->best.loss = loss_value(s, l, l->best.w);
    l->best_curve = curvature_at(s, l, l->best.w);
    if (!tn_ok(s->ctx))
        return run_library_failed(s);
    if (moved <= SETTLED && isfinite(condition(&l->best_curve)))
        return true;
    cli_error(s->program,
              "no minimum of the loss over W[%d,%d] and W[%d,%d] was found; try more images",
              l->at[0].pixel, l->at[0].digit, l->at[1].pixel, l->at[1].digit);
    return false;
}

/* The start lies off the minimum in both directions of the Hessian, so far that each adds half of
 * the excess E to a loss that is quadratic: sqrt(E / eigenvalue). */
static void displace(const run *s, landscape *l)
{
    const hessian *h = &l->best_curve;
    double excess = EXCESS_SHARE * l->best.loss;
    double along = sqrt(excess / h->high), across = sqrt(excess / h->low);
    l->start.w[0] = l->best.w[0] + along * cos(h->angle) - across * sin(h->angle);
    l->start.w[1] = l->best.w[1] + along * sin(h->angle) + across * cos(h->angle);
    l->start.loss = loss_value(s, l, l->start.w);
}

/* ---- the paths ------------------------------------------------------------------------------- */

static bool descend(const run *s, landscape *l, int method)
{
    tn_tensor *w = tn_from_data(s->ctx, TN_F64, TN_SHAPE(2), l->start.w);
    tn_set_requires_grad(s->ctx, w, true);
    tn_sgd_opts opts = {.lr = l->lr, .momentum = method == MOMENTUM ? l->momentum : 0};
    tn_optim *opt = tn_sgd_of(s->ctx, 1, &w, opts);
    for (int64_t i = 0; i <= l->steps && tn_ok(s->ctx); i++) {
        tn_scope scope = tn_scope_begin(s->ctx);
        tn_tensor *loss = loss_at(s, l, w);
        visit *v = at_step(l, method, i);
        memcpy(v->w, tn_data_f64(w), sizeof(v->w));
        v->loss = tn_item(s->ctx, loss);
        tn_zero_grad(opt);
        tn_backward(s->ctx, loss);
        tn_step(opt);
        tn_scope_end(s->ctx, scope);
    }
    tn_optim_free(opt);
    return tn_ok(s->ctx) || run_library_failed(s);
}

/* The steps after which the excess loss stays below a share of its value at the start; NaN if it
 * does not. */
static double steps_needed(const landscape *l, int method)
{
    double limit = l->best.loss + CONTOUR_ARRIVED * (l->start.loss - l->best.loss);
    int64_t i = l->steps;
    while (i >= 0 && at_step(l, method, i)->loss <= limit)
        i--;
    return i == l->steps ? NAN : (double)(i + 1);
}

/* 1 / L, L the largest curvature at either end of the way, is the largest step that cannot
 * overshoot in the steepest direction. */
static bool walk(const run *s, const contour *c, landscape *l)
{
    hessian start = curvature_at(s, l, l->start.w);
    l->lr = 1 / fmax(l->best_curve.high, start.high);
    l->steps = c->steps;
    for (int method = 0; method < METHODS; method++) {
        l->path[method] = calloc((size_t)l->steps + 1, sizeof(visit));
        if (!l->path[method]) {
            cli_error(s->program, "no memory for %lld steps", (long long)l->steps);
            return false;
        }
        if (!descend(s, l, method))
            return false;
        l->needed[method] = steps_needed(l, method);
    }
    return true;
}

/* ---- the contours ---------------------------------------------------------------------------- */

/* The picture shows a square, since both weights have one unit. It holds both paths and the ellipse
 * w^T H w / 2 = E of the start's excess E, whose half-widths are sqrt(2 E (H^-1)_ii), with a margin
 * of a tenth. */
static void frame(landscape *l)
{
    const hessian *h = &l->best_curve;
    double excess = l->start.loss - l->best.loss, det = h->high * h->low, side = 0;
    const double half[] = {sqrt(2 * excess * h->bb / det), sqrt(2 * excess * h->aa / det)};
    for (int i = 0; i < 2; i++) {
        l->low[i] = l->best.w[i] - half[i];
        l->high[i] = l->best.w[i] + half[i];
        for (int method = 0; method < METHODS; method++) {
            for (int64_t k = 0; k <= l->steps; k++) {
                l->low[i] = fmin(l->low[i], at_step(l, method, k)->w[i]);
                l->high[i] = fmax(l->high[i], at_step(l, method, k)->w[i]);
            }
        }
        side = fmax(side, 1.2 * (l->high[i] - l->low[i]));
    }
    for (int i = 0; i < 2; i++) {
        l->low[i] = (l->low[i] + l->high[i] - side) / 2;
        l->high[i] = l->low[i] + side;
    }
}

static bool evaluate_grid(const run *s, landscape *l, progress *shown, int64_t done)
{
    for (int row = 0; row < CONTOUR_GRID; row++) {
        for (int column = 0; column < CONTOUR_GRID; column++) {
            const double share[] = {(double)column / (CONTOUR_GRID - 1),
                                    (double)row / (CONTOUR_GRID - 1)};
            double w[] = {l->low[0] + share[0] * (l->high[0] - l->low[0]),
                          l->low[1] + share[1] * (l->high[1] - l->low[1])};
            l->grid[row][column] = loss_value(s, l, w);
        }
        progress_update(shown, done + row + 1, "%s", l->name);
    }
    return tn_ok(s->ctx) || run_library_failed(s);
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool explore(const run *s, contour *c)
{
    bool good = true;
    progress shown = progress_begin("contours", (int64_t)c->count * CONTOUR_GRID, s->quiet);
    for (int i = 0; i < c->count && good; i++) {
        landscape *l = &c->landscapes[i];
        good = open_landscape(s, c, l) && find_minimum(s, l);
        if (!good)
            break;
        displace(s, l);
        l->momentum = c->momentum;
        if (c->momentum == 0)
            l->momentum = pow(1 - sqrt(1 / condition(&c->landscapes[0].best_curve)), 2);
        good = walk(s, c, l);
        if (good)
            frame(l);
        good = good && evaluate_grid(s, l, &shown, (int64_t)i * CONTOUR_GRID);
    }
    progress_end(&shown);
    return good;
}

static void put_landscape(report *r, const landscape *l)
{
    static const char *const FIELDS[] = {
        "condition", "largest_curvature", "best_loss",     "start_loss",
        "lr",        "momentum",          "vanilla_steps", "momentum_steps"};
    const double values[] = {condition(&l->best_curve),
                             l->best_curve.high,
                             l->best.loss,
                             l->start.loss,
                             l->lr,
                             l->momentum,
                             l->needed[VANILLA],
                             l->needed[MOMENTUM]};
    char name[64], pair[64];
    snprintf(name, sizeof(name), "%s_weights", l->name);
    snprintf(pair, sizeof(pair), "W[%d,%d] W[%d,%d]", l->at[0].pixel, l->at[0].digit,
             l->at[1].pixel, l->at[1].digit);
    json_string(r, name, pair);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        snprintf(name, sizeof(name), "%s_%s", l->name, FIELDS[i]);
        json_number(r, name, values[i]);
    }
}

static bool write_metrics(const run *s, const contour *c)
{
    report r;
    if (!run_open_metrics(s, &r))
        return false;
    json_number(&r, "trained_loss", c->trained_loss);
    json_integer(&r, "candidates", c->candidates);
    for (int i = 0; i < c->count; i++)
        put_landscape(&r, &c->landscapes[i]);
    json_integer(&r, "iterations", c->iterations);
    json_integer(&r, "steps", c->steps);
    digits_put(&r, s, &c->digits);
    return run_close_metrics(s, &r);
}

/* The study of 2018 says that its contours show W[490,3] and W[491,3], where momentum helps, and
 * W[10,3] and W[11,3], where it does not. */
static void print_study(const run *s, const contour *c)
{
    long long inked[] = {digit_inked(&c->digits, 10), digit_inked(&c->digits, 11)};
    tn_tensor *first = take_pixels(s->ctx, &c->digits, (int64_t[]){490, 491}, 2);
    hessian h = pair_hessian(first, c->probabilities, (int[]){3, 3});
    printf("a study from 2018 took W[490,3] and W[491,3], condition number %.3g here, and W[10,3] "
           "and W[11,3]: pixels 10 and 11 have ink in %lld and %lld of the %lld images",
           condition(&h), inked[0], inked[1], (long long)c->digits.count);
    puts(inked[0] + inked[1] == 0 ? ", so the loss does not depend on these weights at all" : "");
}

static void print(const run *s, const contour *c)
{
    printf("trained on %lld images in %lld steps to a loss of %.5g\n", (long long)c->digits.count,
           (long long)c->iterations, c->trained_loss);
    if (c->candidates > 0)
        printf("candidates: %lld pairs of weights of one digit at pixels in rows and columns %d to "
               "%d with ink in %g %% or more of the images of the digit and of the others, and "
               "curvatures that differ by a factor of %g at most\nvalley is the pair of the "
               "largest condition number of the 2 x 2 "
               "Hessian there, "
               "bowl that of the smallest\n",
               (long long)c->candidates, MIDDLE_FIRST, MIDDLE_LAST, 100 * LIVE_SHARE, MOST_UNEQUAL);
    for (int i = 0; i < c->count; i++)
        contour_print(&c->landscapes[i]);
    if (c->momentum == 0)
        printf("momentum is (1 - 1/sqrt(K))^2 for the condition number K of %s: the least at which "
               "its flat direction does not creep\n",
               c->landscapes[0].name);
    print_study(s, c);
    printf("results in %s\n", s->out);
}

static int work(run *s, void *payload)
{
    contour *c = payload;
    if (c->pair && (!parse_pair(s, c) || !check_pair(s, c)))
        return CLI_EXIT_USAGE;
    if (!run_make_out(s))
        return CLI_EXIT_USAGE;
    if (!prepare(s, c) || (!c->pair && !choose_pairs(s, c)) || !explore(s, c))
        return CLI_EXIT_FAILURE;
    for (int i = 0; i < c->count; i++)
        if (!contour_write(s, &c->landscapes[i]))
            return CLI_EXIT_FAILURE;
    if (!write_metrics(s, c))
        return CLI_EXIT_FAILURE;
    if (!s->quiet)
        print(s, c);
    return 0;
}

int digits_contour(int argc, char **argv)
{
    contour c = {.iterations = TRAINING_STEPS, .steps = 200};
    run s = {.program = &PROGRAM, .out = "out/digits/contour", .seed = 1};
    const cli_option options[] = {
        {"pair", CLI_STRING, &c.pair, "P1,D1,P2,D2",
         .help = "the weights of pixel P1 for digit D1 and of P2 for D2 instead of the two pairs"},
        {"momentum", CLI_DOUBLE, &c.momentum, "M", .max = 0.9999, .above_min = true,
         .help = "v = M v + gradient; weight -= A v", .shown_default = "from the curvature"},
        {"steps", CLI_INT, &c.steps, "N", .min = 1, .max = 100000, .help = "of each path"},
        {"iterations", CLI_INT, &c.iterations, "N", .min = 1, .max = 1e7,
         .help = "of training, with learning rate 0.5 and momentum 0.9"},
        {.name = NULL},
    };
    int status = digits_run(&s, &c.digits, options, argc, argv, work, &c);
    for (int i = 0; i < c.count; i++)
        for (int method = 0; method < METHODS; method++)
            free(c.landscapes[i].path[method]);
    return status;
}
