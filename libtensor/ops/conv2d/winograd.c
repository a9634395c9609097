/* winograd.c - kernels of 3 x 3 and 5 x 5 in steps of one, between many channels, by Winograd's
 * method.
 *
 * kernels/winograd.h has the formulas. Planes are cut into tiles of m x m elements of y, and each
 * tile is transformed into n n numbers, as each kernel is. Then element k of a tile of y is the sum
 * over the channels of element k of the kernel times element k of the tile of x, so that the whole
 * convolution is n n products of matrices, and has 36 multiplications where windows have 144 (or
 * 100, with kernels of 5 x 5):
 *
 *     m_k = v_k u_k        u_k [in_channels, out_channels]  of the kernels
 *                          v_k [tiles, in_channels]         of x
 *                          m_k [tiles, out_channels]        of y
 *
 * The gradient of the weight is u_k = m_k^T v_k, with m of dy. The gradient of x is the convolution
 * of dy with the kernels turned by half a turn and the roles of the channels exchanged.
 *
 * Rows of tiles are taken in runs. Where there are many of them, each thread has runs of its own,
 * whose transforms stay in its cache; otherwise the threads share the rows and the products of one
 * run. For dw all runs are summed; each thread has some of the channels of x and y, if there are
 * enough of them. What an element is the sum of does not depend on this. */
#include "base/integers.h"
#include "base/isa.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/args.h"
#include "kernels/kernels.h"
#include "ops/conv2d/plan.h"
#include "ops/conv2d/winograd.h"
#include "tensor/blas.h"
#include "tensor/gemm.h"
#include "tensor/long_sum.h"

#define DEPTH_BYTES 2048 /* of the terms that are added one after another, */
#define SHORT_SUM 32     /* or so many, in tiles of 6, whose error is a fifth less so; */
#define SHORTER_SUM 16   /* without fused multiply-adds, so many */
#define RUN_BYTES 600000 /* of v in a run, about, */
#define LEAST_RUN 42     /* and the fewest tiles */
#define FEWEST_TILES 28  /* of a run that a thread has to itself: two tiles of a product */
#define RUN_TILES_OF_DW 56
#define RUNS 64 /* whose dw are added one after another */
#define LINE 64 /* bytes of a cache line */

/* In multiply-adds, as measured. */
#define COST_OF_TILE 24.0   /* of a number of a transformed tile, */
#define COST_OF_WEIGHT 20.0 /* and of a transformed kernel; */
#define ONE_MORE 100000.0   /* of these make each of them cost one more */

/* F(m x m, r x r), with tiles of n x n. */
typedef struct kind {
    tn__winograd_kind number;
    int64_t m, r, n;
} kind;

#define KIND(m, r, n) {TN__WINOGRAD_##m##_##r, m, r, n},
static const kind kinds[] = {TN__WINOGRAD_KINDS(KIND)};

/* Transformed tiles or kernels: elements k with so many rows, of panels of so many columns. */
typedef struct matrices {
    char *data;
    int64_t row, panel, element; /* numbers from row to row, panel to panel, element to element */
} matrices;

/* A run of rows of tiles, counted through all images, and the transforms of it. */
typedef struct run {
    const tn__conv2d_plan *plan;
    kind kind;
    int64_t elements;                 /* n n */
    int64_t width;                    /* columns of a panel */
    int64_t first_in, ins, in_panels; /* channels of x, from which one on, and their panels */
    int64_t first_out, outs, out_panels;
    int64_t rows, columns; /* of tiles, in an image */
    int64_t most;          /* rows of tiles in a run, at most */
    int64_t first, count;  /* rows of tiles: those of this run */
    matrices u, v, m;
    int64_t workers, space_bytes;
    char *space; /* of each worker */
    bool adds;   /* to u, which an earlier run has begun */
    bool turned; /* kernels, by half a turn */
    char *dw;    /* what u becomes */
} run;

/* ---- memory ---------------------------------------------------------------------------------- */

/* An odd number of cache lines, so that rows do not compete for the same places in the cache. */
static int64_t apart(const run *r, int64_t numbers)
{
    int64_t size = r->plan->element_size;
    return (tn__divide_up(numbers * size, LINE) | 1) * LINE / size;
}

/* Rows with all their columns one after another. */
static matrices of_rows(const run *r, int64_t rows, int64_t columns)
{
    int64_t row = apart(r, columns);
    return (matrices){.row = row, .panel = r->width, .element = apart(r, rows * row)};
}

static matrices of_panels(const run *r, int64_t rows, int64_t panels)
{
    return (matrices){
        .row = r->width, .panel = rows * r->width, .element = apart(r, panels * rows * r->width)};
}

static int64_t bytes_of(const run *r, const matrices *a)
{
    return r->elements * a->element * r->plan->element_size;
}

static char *at(const run *r, const matrices *a, int64_t element, int64_t row, int64_t panel)
{
    return a->data +
           (element * a->element + row * a->row + panel * a->panel) * r->plan->element_size;
}

/* What kernels/winograd.c has beside a row of tiles: rows of x or y, and those of B^T x. */
static int64_t space_of(const run *r)
{
    const tn__window *w = &r->plan->window;
    int64_t vectors = r->kind.n * (tn__max(w->w, w->out_w) + r->columns * r->kind.m + r->kind.n);
    return vectors * r->width * r->plan->element_size;
}

static run run_new(const tn__conv2d_plan *p, const kind *k, int64_t most_tiles)
{
    run r = {.plan = p,
             .kind = *k,
             .elements = k->n * k->n,
             .width = p->kernels->product_tile().columns,
             .rows = tn__divide_up(p->window.out_h, k->m),
             .columns = tn__divide_up(p->window.out_w, k->m),
             .ins = p->in_channels,
             .outs = p->out_channels,
             .workers = p->workers};
    r.in_panels = tn__divide_up(r.ins, r.width);
    r.out_panels = tn__divide_up(r.outs, r.width);
    r.most = tn__min(tn__max(1, most_tiles / r.columns), p->images * r.rows);
    r.space_bytes = space_of(&r);
    return r;
}

static void move_to(run *r, int64_t first, int64_t end)
{
    r->first = first;
    r->count = end - first;
}

/* ---- what threads share ---------------------------------------------------------------------- */

/* Number i of the rows of tiles of a run, of panel i % panels. */
static tn__winograd_row row_of(const run *r, int64_t i, int64_t panel, int64_t channels,
                               const matrices *a)
{
    return (tn__winograd_row){.kind = r->kind.number,
                              .channels = tn__min(r->width, channels - panel * r->width),
                              .row = (r->first + i) % r->rows,
                              .columns = r->columns,
                              .element = a->element,
                              .tile = a->row};
}

/* Of a channel, in the image of a row of tiles. */
static int64_t plane_of(const run *r, int64_t i, int64_t channel, int64_t channels, int64_t points)
{
    int64_t image = (r->first + i) / r->rows;
    return (image * channels + channel) * points * r->plan->element_size;
}

static void transform_x(int64_t worker, int64_t begin, int64_t end, void *payload)
{
    const run *r = payload;
    const tn__conv2d_plan *p = r->plan;
    for (int64_t j = begin; j < end; j++) {
        int64_t i = j / r->in_panels, panel = j % r->in_panels;
        int64_t channel = r->first_in + panel * r->width;
        tn__winograd_row t = row_of(r, i, panel, r->ins, &r->v);
        t.h = p->window.h;
        t.w = p->window.w;
        t.padding_h = p->window.padding_h;
        t.padding_w = p->window.padding_w;
        p->kernels->winograd_input(&t, p->x + plane_of(r, i, channel, p->in_channels, p->in_points),
                                   r->space + worker * r->space_bytes,
                                   at(r, &r->v, 0, i * r->columns, panel));
    }
}

static void transform_dy(int64_t worker, int64_t begin, int64_t end, void *payload)
{
    const run *r = payload;
    const tn__conv2d_plan *p = r->plan;
    for (int64_t j = begin; j < end; j++) {
        int64_t i = j / r->out_panels, panel = j % r->out_panels;
        int64_t channel = r->first_out + panel * r->width;
        tn__winograd_row t = row_of(r, i, panel, r->outs, &r->m);
        t.h = p->window.out_h;
        t.w = p->window.out_w;
        p->kernels->winograd_output_back(
            &t, p->dy + plane_of(r, i, channel, p->out_channels, p->out_points),
            r->space + worker * r->space_bytes, at(r, &r->m, 0, i * r->columns, panel));
    }
}

/* Rows begin .. end of all panels: row i % in_channels of panel i / in_channels. */
static void transform_weight(int64_t begin, int64_t end, void *payload)
{
    const run *r = payload;
    const tn__conv2d_plan *p = r->plan;
    int64_t points = r->kind.r * r->kind.r;
    for (int64_t i = begin, n; i < end; i += n) {
        int64_t panel = i / p->in_channels, c = i % p->in_channels, o = panel * r->width;
        n = tn__min(end - i, p->in_channels - c);
        tn__winograd_panel t = {.kind = r->kind.number,
                                .turned = r->turned,
                                .rows = n,
                                .columns = tn__min(r->width, p->out_channels - o),
                                .down = r->turned ? p->out_channels * points : points,
                                .right = r->turned ? points : p->in_channels * points,
                                .element = r->u.element};
        p->kernels->winograd_weight(&t, p->weight + (c * t.down + o * t.right) * p->element_size,
                                    at(r, &r->u, 0, c, panel));
    }
}

/* Rows of u are output channels here. */
static void transform_weight_back(int64_t begin, int64_t end, void *payload)
{
    const run *r = payload;
    const tn__conv2d_plan *p = r->plan;
    int64_t first = r->first_in * r->kind.r * r->kind.r;
    for (int64_t o = begin; o < end; o++)
        p->kernels->winograd_weight_back(
            r->kind.number, r->ins, at(r, &r->u, 0, o, 0), r->u.element,
            r->dw + ((r->first_out + o) * p->depth + first) * p->element_size);
}

/* Element i / panels, from panel i % panels on; how many of the items up to `end` are of it. */
static int64_t element_of(int64_t i, int64_t end, int64_t panels, int64_t *element, int64_t *panel)
{
    *element = i / panels;
    *panel = i % panels;
    return tn__min(end - i, panels - *panel);
}

/* The columns of n panels, in whole vectors, which have zeros where channels are missing. */
static int64_t columns_of(const run *r, int64_t panel, int64_t n, int64_t channels)
{
    int64_t vector = r->width / 2;
    return tn__min(n * r->width, tn__divide_up(channels - panel * r->width, vector) * vector);
}

/* Row i of the run, in a panel. */
static void transform_y_back(const run *r, int64_t worker, int64_t i, int64_t panel)
{
    const tn__conv2d_plan *p = r->plan;
    tn__winograd_row t = row_of(r, i, panel, p->out_channels, &r->m);
    t.h = p->window.out_h;
    t.w = p->window.out_w;
    int64_t first = t.row * r->kind.m, rows = tn__min(r->kind.m, t.h - first);
    char *y = p->y + plane_of(r, i, panel * r->width, p->out_channels, p->out_points);
    p->kernels->winograd_output(&t, at(r, &r->m, worker * r->elements, i * r->columns, 0),
                                p->bias ? p->bias + panel * r->width * p->element_size : NULL,
                                r->space + worker * r->space_bytes, y);
    for (int64_t o = 0; o < t.channels; o++)
        tn__conv2d_end(p, panel * r->width + o, rows * t.w,
                       y + (o * p->out_points + first * t.w) * p->element_size);
}

/* How many channels are added one after another. */
static int64_t depth_of(const run *r)
{
    if (r->kind.n == 4)
        return DEPTH_BYTES / r->plan->element_size;
    return tn__gemm_is_own(r->plan->ctx) ? SHORT_SUM : SHORTER_SUM;
}

/* m_k = v_k u_k, of a panel of u. That of the next element is fetched meanwhile. */
static void multiply_for_y(const run *r, int64_t worker, int64_t panel, int64_t k)
{
    const tn__conv2d_plan *p = r->plan;
    int64_t parts = tn__divide_up(p->in_channels, depth_of(r));
    tn__product_block b = {.m = r->count * r->columns,
                           .n = columns_of(r, panel, 1, p->out_channels),
                           .a_row = r->v.row,
                           .a_step = 1,
                           .b_panel = r->u.element,
                           .b_step = r->width,
                           .c = at(r, &r->m, worker * r->elements + k, 0, 0),
                           .c_row = r->m.row,
                           .c_step = 1};
    for (int64_t j = 0, c0, c1; j < parts; j++) {
        tn__cut_out(p->in_channels, parts, j, &c0, &c1);
        b.k = c1 - c0;
        b.a = at(r, &r->v, k, 0, 0) + c0 * p->element_size;
        b.b = at(r, &r->u, k, c0, panel);
        b.adds = j > 0;
        p->kernels->product(&b);
    }
}

/* Panels begin .. end of y, from v. */
static void make_y(int64_t worker, int64_t begin, int64_t end, void *payload)
{
    const run *r = payload;
    for (int64_t panel = begin; panel < end; panel++) {
        for (int64_t k = 0; k < r->elements; k++)
            multiply_for_y(r, worker, panel, k);
        for (int64_t i = 0; i < r->count; i++)
            transform_y_back(r, worker, i, panel);
    }
}

/* u_k = m_k^T v_k, or u_k += that. */
static void multiply_for_weight(int64_t worker, int64_t begin, int64_t end, void *payload)
{
    const run *r = payload;
    const tn__conv2d_plan *p = r->plan;
    (void)worker;
    for (int64_t i = begin, k, panel, n; i < end; i += n) {
        n = element_of(i, end, r->in_panels, &k, &panel);
        p->kernels->product(&(tn__product_block){.m = r->outs,
                                                 .n = columns_of(r, panel, n, r->ins),
                                                 .k = r->count * r->columns,
                                                 .a = at(r, &r->m, k, 0, 0),
                                                 .a_row = 1,
                                                 .a_step = r->m.row,
                                                 .b = at(r, &r->v, k, 0, panel),
                                                 .b_panel = r->v.panel,
                                                 .b_step = r->width,
                                                 .c = at(r, &r->u, k, 0, panel),
                                                 .c_row = r->u.row,
                                                 .c_step = 1,
                                                 .adds = r->adds});
    }
}

/* ---- y, and dx as one ------------------------------------------------------------------------ */

static void convolve_run(run *r, int64_t first, int64_t end)
{
    tn_ctx *ctx = r->plan->ctx;
    move_to(r, first, end);
    tn__share(ctx, r->count * r->in_panels, r->workers, transform_x, r);
    tn__share(ctx, r->out_panels, r->workers, make_y, r);
}

/* How the rows of tiles are cut into runs, and how many workers take them. */
typedef struct cut {
    run *r;
    int64_t runs, workers;
} cut;

/* Runs begin .. end; where there is another worker, this one makes them by itself. */
static void convolve_runs(int64_t worker, int64_t begin, int64_t end, void *payload)
{
    const cut *all = payload;
    run r = *all->r;
    int64_t rows = r.plan->images * r.rows;
    r.v.data += worker * bytes_of(&r, &r.v);
    if (all->workers > 1) {
        r.m.data += worker * bytes_of(&r, &r.m);
        r.space += worker * r.space_bytes;
        r.workers = 1;
    }
    for (int64_t i = begin, first, last; i < end; i++) {
        tn__cut_out(rows, all->runs, i, &first, &last);
        convolve_run(&r, first, last);
    }
}

/* A run for each worker or several, or few that they make together. */
static cut cut_runs(run *r)
{
    int64_t rows = r->plan->images * r->rows, runs_of_most = tn__divide_up(rows, r->most);
    cut all = {.r = r, .runs = runs_of_most, .workers = 1};
    bool many = rows * r->columns >= r->workers * FEWEST_TILES;
    if (rows >= r->workers && (many || r->out_panels < r->workers)) {
        all.workers = r->workers;
        all.runs = tn__min(rows, tn__divide_up(runs_of_most, r->workers) * r->workers);
    }
    r->most = tn__divide_up(rows, all.runs);
    return all;
}

static bool convolution_alloc(run *r, int64_t workers)
{
    const tn__conv2d_plan *p = r->plan;
    int64_t tiles = r->most * r->columns;
    r->v = of_rows(r, tiles, p->in_channels);
    r->m = of_panels(r, tiles, 1);
    r->v.data = tn__alloc(p->ctx, tn__bytes(workers * bytes_of(r, &r->v)));
    r->m.data = tn__alloc(p->ctx, tn__bytes(r->workers * bytes_of(r, &r->m)));
    r->space = tn__alloc(p->ctx, tn__bytes(r->workers * r->space_bytes));
    return r->v.data && r->m.data && r->space;
}

static void run_free(run *r)
{
    tn_ctx *ctx = r->plan->ctx;
    tn__free(ctx, r->v.data);
    tn__free(ctx, r->m.data);
    tn__free(ctx, r->space);
}

static run run_for_y(const tn__conv2d_plan *p, const kind *k, bool turned)
{
    int64_t bytes = k->n * k->n * p->in_channels * p->element_size;
    run r = run_new(p, k, tn__max(LEAST_RUN, RUN_BYTES / bytes));
    r.turned = turned;
    r.u = of_panels(&r, p->in_channels, r.out_panels);
    return r;
}

static void transform_kernels(run *r, char *u)
{
    r->u.data = u;
    tn__parallel(r->plan->ctx, r->out_panels * r->plan->in_channels,
                 tn__grain(TN__GRAIN_ELEMENTS, (double)(r->elements * r->width)), transform_weight,
                 r);
}

static void convolve_by(run *r, char *u)
{
    cut all = cut_runs(r);
    r->u.data = u;
    if (convolution_alloc(r, all.workers))
        tn__share(r->plan->ctx, all.runs, all.workers, convolve_runs, &all);
    run_free(r);
}

static void convolve(const tn__conv2d_plan *p, const kind *k, bool turned)
{
    run r = run_for_y(p, k, turned);
    tn__prepared weight;
    if (!tn__prepare(p->ctx, &p->form, tn__bytes(bytes_of(&r, &r.u)), &weight))
        return;
    if (!weight.ready)
        transform_kernels(&r, weight.data);
    convolve_by(&r, weight.data);
    tn__prepared_done(p->ctx, &weight);
}

/* ---- dw -------------------------------------------------------------------------------------- */

/* Parts of dw: so many of channels of x, and of y. Each is made by one thread, which transforms all
 * that it needs: what another one has written comes from far away. One part is made by all. */
typedef struct parts {
    run *r;
    int64_t right, down;
    int64_t runs, begin, end; /* of rows of tiles: all of them, and those that are summed now */
} parts;

static double cost_of_part(const run *r, int64_t right, int64_t down)
{
    double in = (double)tn__min(tn__divide_up(r->in_panels, right) * r->width, r->ins);
    double out = (double)tn__min(tn__divide_up(r->out_panels, down) * r->width, r->outs);
    return in * out + COST_OF_TILE * (in + out);
}

/* As many as workers, if there are enough channels for that. */
static parts parts_of(run *r)
{
    parts best = {.r = r, .right = 1, .down = 1};
    for (int64_t right = 1; right <= tn__min(r->workers, r->in_panels); right++) {
        int64_t down = r->workers / right;
        if (right * down == r->workers && down <= r->out_panels &&
            cost_of_part(r, right, down) < cost_of_part(r, best.right, best.down)) {
            best.right = right;
            best.down = down;
        }
    }
    return best;
}

static bool gradient_alloc(run *r, const parts *all)
{
    const tn__conv2d_plan *p = r->plan;
    int64_t tiles = r->most * r->columns, count = all->right * all->down;
    r->u = of_rows(r, p->out_channels, p->in_channels);
    r->v = of_panels(r, tiles, tn__divide_up(r->in_panels, all->right));
    r->m = of_rows(r, tiles, tn__divide_up(r->out_panels, all->down) * r->width);
    r->u.data = tn__alloc(p->ctx, tn__bytes(bytes_of(r, &r->u) + TN__SLACK));
    r->v.data = tn__alloc(p->ctx, tn__bytes(count * bytes_of(r, &r->v)));
    r->m.data = tn__alloc(p->ctx, tn__bytes(count * bytes_of(r, &r->m) + TN__SLACK));
    r->space = tn__alloc(p->ctx, tn__bytes(r->workers * r->space_bytes));
    return r->u.data && r->v.data && r->m.data && r->space;
}

/* Panels i of n parts, and their channels. */
static int64_t cut_channels(const run *r, int64_t panels, int64_t n, int64_t i, int64_t channels,
                            int64_t *first, int64_t *count)
{
    int64_t begin = tn__cut(panels, n, i), end = tn__cut(panels, n, i + 1);
    *first = begin * r->width;
    *count = tn__min(end * r->width, channels) - *first;
    return end - begin;
}

static run part_of(const parts *all, int64_t i)
{
    const run *r = all->r;
    run part = *r;
    part.in_panels = cut_channels(r, r->in_panels, all->right, i % all->right, r->ins,
                                  &part.first_in, &part.ins);
    part.out_panels = cut_channels(r, r->out_panels, all->down, i / all->right, r->outs,
                                   &part.first_out, &part.outs);
    part.u.data = at(r, &r->u, 0, part.first_out, part.first_in / r->width);
    part.v.data += i * bytes_of(r, &r->v);
    part.m.data += i * bytes_of(r, &r->m);
    if (all->right * all->down > 1) {
        part.space += i * r->space_bytes;
        part.workers = 1;
    }
    return part;
}

/* u of a part is the sum over the runs, and becomes dw. */
static void sum_runs(run *r, const parts *all)
{
    const tn__conv2d_plan *p = r->plan;
    for (int64_t i = all->begin; i < all->end; i++) {
        move_to(r, tn__cut(p->images * r->rows, all->runs, i),
                tn__cut(p->images * r->rows, all->runs, i + 1));
        r->adds = i > all->begin;
        tn__share(p->ctx, r->count * r->in_panels, r->workers, transform_x, r);
        tn__share(p->ctx, r->count * r->out_panels, r->workers, transform_dy, r);
        tn__share(p->ctx, r->elements * r->in_panels, r->workers, multiply_for_weight, r);
    }
    tn__parallel(p->ctx, r->outs, tn__grain(TN__GRAIN_ELEMENTS, (double)(r->elements * r->ins)),
                 transform_weight_back, r);
}

static void make_parts(int64_t begin, int64_t end, void *payload)
{
    const parts *all = payload;
    for (int64_t i = begin; i < end; i++) {
        run part = part_of(all, i);
        sum_runs(&part, all);
    }
}

/* Where there are many runs, they are summed RUNS at a time, and the dw of those without the error
 * that grows with their number. */
static void sum_all(parts *all, const tn__long_sum *dw, int64_t at_once)
{
    int64_t count = all->right * all->down;
    for (int64_t i = 0; i < all->runs; i += at_once) {
        all->begin = i;
        all->end = tn__min(i + at_once, all->runs);
        all->r->dw = i == 0 ? dw->to : dw->part;
        tn__parallel(all->r->plan->ctx, count, 1, make_parts, all);
        if (i > 0)
            tn__long_sum_add(dw, 0, dw->cols);
    }
}

static void differentiate(const tn__conv2d_plan *p, const kind *k)
{
    run r = run_new(p, k, RUN_TILES_OF_DW);
    parts all = parts_of(&r);
    all.runs = tn__divide_up(p->images * r.rows, r.most);
    tn__long_sum dw = {.k = p->kernels,
                       .dtype = p->dtype,
                       .rows = 1,
                       .cols = p->out_channels * p->depth,
                       .to = p->dw};
    bool is_long = all.runs > 2 * RUNS;
    if (gradient_alloc(&r, &all) && (!is_long || tn__long_sum_alloc(p->ctx, &dw)))
        sum_all(&all, &dw, is_long ? RUNS : all.runs);
    tn__long_sum_free(p->ctx, &dw);
    tn__free(p->ctx, r.u.data);
    run_free(&r);
}

/* ---- where it pays --------------------------------------------------------------------------- */

/* The convolution that makes the result, for dx one of dy. */
static tn__conv2d_plan plan_of(const tn__conv2d_plan *p, tn__conv2d_product product)
{
    return product == TN__CONV2D_GRAD_INPUT ? tn__conv2d_turned(p) : *p;
}

static bool is_window(const tn__window *w, int64_t size)
{
    return w->kernel_h == size && w->kernel_w == size && w->stride_h == 1 && w->stride_w == 1 &&
           w->dilation_h == 1 && w->dilation_w == 1 && w->padding_h < size && w->padding_w < size;
}

/* Two rows or columns are left to smaller tiles than those of 4. No more channels than one product
 * adds up well. */
static bool applies_to(const tn__conv2d_plan *plan, tn__conv2d_product product, const kind *k)
{
    if (plan->groups > 1 || !is_window(&plan->window, k->r))
        return false;
    tn__conv2d_plan p = plan_of(plan, product);
    return p.window.out_h > k->m - 2 && p.window.out_w > k->m - 2 &&
           p.in_channels <= TN__GEMM_LONG && p.out_channels <= TN__GEMM_LONG;
}

/* In multiply-adds: the products, and what transforms take in the time of one; large weights, which
 * leave the cache, take more. */
static double cost_of(const tn__conv2d_plan *p, const kind *k)
{
    double in = (double)p->in_channels, out = (double)p->out_channels;
    double elements = (double)(k->n * k->n);
    double tiles = (double)p->images * (double)tn__divide_up(p->window.out_h, k->m) *
                   (double)tn__divide_up(p->window.out_w, k->m);
    double weight = COST_OF_WEIGHT + elements * in * out / ONE_MORE;
    return elements * (tiles * (in * out + COST_OF_TILE * (in + out)) + weight * in * out);
}

#define SMALL_KERNELS (&kinds[TN__WINOGRAD_4_3])

bool tn__winograd_applies(const tn__conv2d_plan *plan)
{
    return applies_to(plan, TN__CONV2D_FORWARD, SMALL_KERNELS);
}

double tn__winograd_cost(const tn__conv2d_plan *plan)
{
    return cost_of(plan, SMALL_KERNELS);
}

int64_t tn__winograd_bytes(const tn__conv2d_plan *plan)
{
    run r = run_for_y(plan, SMALL_KERNELS, false);
    return bytes_of(&r, &r.u);
}

void tn__winograd_transform(const tn__conv2d_plan *plan, char *u)
{
    run r = run_for_y(plan, SMALL_KERNELS, false);
    transform_kernels(&r, u);
}

void tn__winograd_convolve(const tn__conv2d_plan *plan, char *u)
{
    run r = run_for_y(plan, SMALL_KERNELS, false);
    convolve_by(&r, u);
}

/* Is it the least of all kinds of tiles that apply, and less than that of windows? */
static bool pays_for(const tn__conv2d_plan *plan, tn__conv2d_product product, const kind *k)
{
    tn__conv2d_plan p = plan_of(plan, product);
    double cost = cost_of(&p, k);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (applies_to(plan, product, &kinds[i]) && cost_of(&p, &kinds[i]) < cost)
            return false;
    double windows = (double)p.images * (double)p.out_points * (double)p.depth;
    return cost < windows * (double)p.out_channels;
}

#define METHOD(m, r, n)                                                                          \
    static bool applies_##m##_##r(const tn__conv2d_plan *plan, tn__conv2d_product product)       \
    {                                                                                            \
        return applies_to(plan, product, &kinds[TN__WINOGRAD_##m##_##r]);                        \
    }                                                                                            \
    static bool pays_##m##_##r(const tn__conv2d_plan *plan, tn__conv2d_product product)          \
    {                                                                                            \
        return pays_for(plan, product, &kinds[TN__WINOGRAD_##m##_##r]);                          \
    }                                                                                            \
    static void forward_##m##_##r(const tn__conv2d_plan *plan)                                   \
    {                                                                                            \
        convolve(plan, &kinds[TN__WINOGRAD_##m##_##r], false);                                   \
    }                                                                                            \
    static void grad_input_##m##_##r(const tn__conv2d_plan *plan)                                \
    {                                                                                            \
        tn__conv2d_plan p = tn__conv2d_turned(plan);                                             \
        convolve(&p, &kinds[TN__WINOGRAD_##m##_##r], true);                                      \
    }                                                                                            \
    static void grad_weight_##m##_##r(const tn__conv2d_plan *plan)                               \
    {                                                                                            \
        differentiate(plan, &kinds[TN__WINOGRAD_##m##_##r]);                                     \
    }                                                                                            \
    const tn__conv2d_method tn__conv2d_winograd_##m##_##r = {.name = "winograd_" #m "_" #r,      \
                                                             .applies = applies_##m##_##r,       \
                                                             .pays = pays_##m##_##r,             \
                                                             .mixes = true,                      \
                                                             .forward = forward_##m##_##r,       \
                                                             .grad_input = grad_input_##m##_##r, \
                                                             .grad_weight =                      \
                                                                 grad_weight_##m##_##r};
TN__WINOGRAD_KINDS(METHOD)
