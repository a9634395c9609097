/* direct.c - convolutions between many channels, straight from the image.
 *
 *     y[p][o] = b[o] + sum over k = (c, i, j) of x[stride p + places[k]] w[k][o]
 *
 * is a product of matrices whose left one need not be made: number k of row p is at places[k] from
 * where the window of p begins, for every point p alike, and kernels/direct.c reads it there. What
 * is packed, once in a call, are the weights, in panels of as many output channels as a tile has
 * columns; planes are copied where they need zeros around them. A piece of y comes out with its
 * channels side by side, and is turned on the way to its place.
 *
 * The gradient of x is such a convolution of dy. With steps of s, line q of dx meets those elements
 * i of the kernel for which dilation i = q + padding modulo s, and lines of dy one after another:
 *
 *     dx[s u + f - padding] = sum over o and those i, dilation i = s e + f, of dy[u - e] w[o][i]
 *
 * So dx has a part for each f, which is a convolution with steps of one and a part of the kernel.
 *
 * Where planes are small, many elements of the kernel lie in the padding. Another order of the
 * terms leaves them out.
 *
 * Images are taken in runs that stay in the cache. The threads share the images where there are
 * many and weights are few; otherwise they share the planes of a run, then pieces of its result.
 * How an element is summed follows from the sizes. */
#include <string.h>
#include "base/integers.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/args.h"
#include "kernels/kernels.h"
#include "ops/conv2d/plan.h"
#include "ops/conv2d/planes.h"

#define MOST_TERMS 16384 /* of a sum */
#define BLOCK_BYTES 2048 /* of the terms that are added one after another */
#define PIECE 252        /* points that are made at a time: 18 tiles of 14 */
#define SHORT_ROW 14     /* points, which fit one tile */
#define MUCH_PADDING 0.04
#define BEGINNING 5.0 /* terms whose time it takes to begin with a tile */

/* One direction of a part: points, with steps between them in the result and in the planes that are
 * read, and elements of the kernel. */
typedef struct side {
    int64_t points, to, to_step, from, from_step;
    int64_t elements;
    const int64_t *element; /* in the kernel, */
    const int64_t *offset;  /* and how far from the point it reads */
} side;

typedef enum order {
    BY_CHANNELS, /* (c, i, j), as weights are */
    BY_ROWS,     /* (i, c, j), so that the terms of the rows i that meet the image are neighbours */
    BY_COLUMNS   /* (j, i, c), so that each j is multiplied by the points that it meets alone */
} order;

/* Points whose sums have k terms, from number k0 of `places` on. */
typedef struct part {
    side down, right;
    int64_t k0, k;
    order order;
} part;

/* Terms of one element of the kernel: number `first` + c `step` is of channel c. */
typedef struct tap {
    int64_t first, step;
} tap;

/* A convolution of `in` channels to `out` channels in each group. */
typedef struct conv {
    const tn__conv2d_plan *plan;
    tn__tile_size tile;
    tn__planes planes;
    int64_t in, out;
    char *to;            /* [images, groups, out, points] */
    int64_t points, row; /* elements of a plane and of a row of the result */
    int64_t panels, k;   /* of a group, and their rows */
    int64_t n_parts;     /* at most kernel_points */
    part *parts;
    int64_t *elements; /* and offsets of the parts: [2 kernel_h + 2 kernel_w] */
    tap *taps;         /* [kernel_points] */
    int64_t *places;   /* [k] */
    char *weight;      /* [groups, panels, k, tile.columns], prepared */
    char *bias;        /* [groups, panels, tile.columns], zeros without one */
    char *space;       /* of each worker: two pieces, or weights that are being packed */
    int64_t space_rows;
    int64_t makers;      /* workers with images of their own, or 1: all make them together */
    const part *current; /* of which pieces are made */
} conv;

/* ---- memory ---------------------------------------------------------------------------------- */

/* Bytes of a row of a panel or of a piece. */
static int64_t row_bytes(const conv *v)
{
    return v->tile.columns * v->plan->element_size;
}

/* Channels of panel number `panel` of a group. */
static int64_t lines_of(const conv *v, int64_t panel)
{
    return tn__min(v->tile.columns, v->out - panel * v->tile.columns);
}

static char *space_of(const conv *v, int64_t worker)
{
    return v->space + worker * v->space_rows * row_bytes(v);
}

static void copy_bias(conv *v)
{
    const tn__conv2d_plan *p = v->plan;
    for (int64_t g = 0; g < p->groups; g++)
        memcpy(v->bias + g * v->panels * row_bytes(v), p->bias + g * v->out * p->element_size,
               (size_t)(v->out * p->element_size));
}

static bool conv_new(const tn__conv2d_plan *p, const tn__planes *planes, int64_t in, int64_t out,
                     conv *v)
{
    tn_ctx *ctx = p->ctx;
    size_t points = (size_t)p->kernel_points;
    size_t lines = (size_t)(p->window.kernel_h + p->window.kernel_w);
    *v = (conv){.plan = p,
                .tile = p->kernels->product_tile(),
                .planes = *planes,
                .in = in,
                .out = out,
                .k = in * p->kernel_points,
                .space_rows = tn__max(2 * PIECE, p->kernel_points)};
    v->panels = tn__divide_up(out, v->tile.columns);
    int64_t rows = p->groups * v->panels, row = row_bytes(v);
    v->makers = tn__planes_apart(planes, rows * v->k * row) ? p->workers : 1;
    v->parts = tn__alloc(ctx, points * sizeof *v->parts);
    v->elements = tn__alloc(ctx, 2 * lines * sizeof *v->elements);
    v->taps = tn__alloc(ctx, points * sizeof *v->taps);
    v->places = tn__alloc(ctx, tn__bytes(v->k * (int64_t)sizeof *v->places));
    v->bias = tn__alloc_zeroed(ctx, tn__bytes(rows * row));
    v->space = tn__alloc(ctx, tn__bytes(p->workers * v->space_rows * row));
    return v->parts && v->elements && v->taps && v->places && v->bias && v->space;
}

static void conv_free(conv *v)
{
    tn_ctx *ctx = v->plan->ctx;
    tn__planes_free(&v->planes);
    tn__free(ctx, v->parts);
    tn__free(ctx, v->elements);
    tn__free(ctx, v->taps);
    tn__free(ctx, v->places);
    tn__free(ctx, v->bias);
    tn__free(ctx, v->space);
}

/* ---- parts ----------------------------------------------------------------------------------- */

/* The points that element number i meets in a plane of `size` with `padding` before it. */
static void points_that_meet(const side *s, int64_t i, int64_t padding, int64_t size,
                             int64_t *begin, int64_t *end)
{
    int64_t before = padding - s->from - s->offset[i], step = s->from_step;
    int64_t last = before + size;
    *begin = before > 0 ? tn__min(tn__divide_up(before, step), s->points) : 0;
    *end = last > 0 ? tn__min(tn__divide_up(last, step), s->points) : 0;
}

/* The share of the pairs of a point and an element that do not meet. */
static double share_in_padding(const side *s, int64_t padding, int64_t size)
{
    double met = 0;
    for (int64_t i = 0; i < s->elements; i++) {
        int64_t begin, end;
        points_that_meet(s, i, padding, size, &begin, &end);
        met += (double)tn__max(0, end - begin);
    }
    return 1 - met / ((double)tn__max(1, s->points) * (double)s->elements);
}

/* An order in which one may leave out what lies in the padding, where that is enough to pay for
 * reading the planes in it. A column of the kernel must have so many terms that beginning anew with
 * it costs little. */
static order order_of(const conv *v, const part *t)
{
    const tn__window *w = &v->planes.pad;
    double rows = share_in_padding(&t->down, w->padding_h, w->h);
    double columns = share_in_padding(&t->right, w->padding_w, w->w);
    double terms = (double)t->down.elements * (double)v->in;
    if (t->right.points <= SHORT_ROW && columns > MUCH_PADDING && columns * terms > BEGINNING)
        return BY_COLUMNS;
    return rows > MUCH_PADDING ? BY_ROWS : BY_CHANNELS;
}

static void list_places(conv *v, const part *t)
{
    const side *d = &t->down, *r = &t->right;
    int64_t taps = d->elements * r->elements;
    for (int64_t i = 0; i < d->elements; i++)
        for (int64_t j = 0; j < r->elements; j++) {
            tap *at = &v->taps[d->element[i] * v->plan->window.kernel_w + r->element[j]];
            at->step = t->order == BY_CHANNELS ? taps : t->order == BY_ROWS ? r->elements : 1;
            at->first = t->k0 + (t->order == BY_CHANNELS ? i * r->elements + j
                                 : t->order == BY_ROWS   ? i * r->elements * v->in + j
                                                         : (j * d->elements + i) * v->in);
            int64_t place = d->offset[i] * v->planes.row + r->offset[j];
            for (int64_t c = 0; c < v->in; c++)
                v->places[at->first + c * at->step] = c * v->planes.size + place;
        }
}

static void add_part(conv *v, side down, side right)
{
    part t = {.down = down, .right = right, .k = v->in * down.elements * right.elements};
    if (v->n_parts > 0)
        t.k0 = v->parts[v->n_parts - 1].k0 + v->parts[v->n_parts - 1].k;
    t.order = order_of(v, &t);
    v->parts[v->n_parts++] = t;
}

/* The parts are there. Where all of them leave out what lies in the padding, in both directions,
 * planes need none. */
static void complete_parts(conv *v)
{
    bool none = true;
    for (int64_t i = 0; i < v->n_parts; i++)
        none = none && v->parts[i].order == BY_COLUMNS;
    if (none)
        tn__planes_without_zeros(&v->planes);
    for (int64_t i = 0; i < v->n_parts; i++)
        list_places(v, &v->parts[i]);
}

/* ---- pieces of the result -------------------------------------------------------------------- */

/* Points begin .. end of the current part, for the channels of one panel in one image. */
typedef struct piece {
    int64_t begin, end;
    int64_t group, panel, lines, image;
    char *to; /* [points, tile.columns] */
} piece;

/* As many whole rows as there is room for, or as many points of a long one. */
static int64_t points_of_piece(const part *t)
{
    int64_t columns = t->right.points;
    return columns > PIECE ? PIECE : PIECE / columns * columns;
}

static int64_t pieces_of(const part *t)
{
    return tn__divide_up(t->down.points * t->right.points, points_of_piece(t));
}

/* Neighbours in number share the panel. */
static piece piece_of(const conv *v, int64_t number, char *to)
{
    const part *t = v->current;
    int64_t points = points_of_piece(t), parts = pieces_of(t), images = v->planes.images;
    piece e = {.begin = number % parts * points, .image = number / parts % images, .to = to};
    e.end = tn__min(t->down.points * t->right.points, e.begin + points);
    e.panel = number / parts / images % v->panels;
    e.group = number / parts / images / v->panels;
    e.lines = lines_of(v, e.panel);
    return e;
}

/* Points begin .. end of a row. */
typedef struct stretch {
    int64_t row, begin, end;
} stretch;

/* Those of the row that point `at` is in, before the end of the piece. */
static stretch stretch_at(const part *t, const piece *e, int64_t at)
{
    int64_t columns = t->right.points, begin = at % columns;
    return (stretch){at / columns, begin, tn__min(columns, begin + e->end - at)};
}

/* Terms k0 .. k1 of a stretch: the first ones, which begin with the bias, or more of them. */
static void multiply(const conv *v, const piece *e, stretch s, int64_t k0, int64_t k1, bool adds)
{
    const part *t = v->current;
    int64_t row = row_bytes(v), panel = e->group * v->panels + e->panel;
    const tn__window *pad = &v->planes.pad;
    int64_t h = t->down.from + s.row * t->down.from_step;
    int64_t w = t->right.from + s.begin * t->right.from_step;
    if (v->planes.in_place) {
        h -= pad->padding_h;
        w -= pad->padding_w;
    }
    v->plan->kernels->direct(&(tn__direct){
        .m = s.end - s.begin,
        .n = e->lines,
        .k = k1 - k0,
        .a = tn__plane(&v->planes, e->image, e->group * v->in),
        .from = h * v->planes.row + w,
        .a_row = t->right.from_step,
        .places = v->places + t->k0 + k0,
        .b = v->weight + (panel * v->k + t->k0 + k0) * row,
        .c = e->to + (s.row * t->right.points + s.begin - e->begin) * row,
        .ldc = v->tile.columns,
        .adds = adds,
        .bias = v->bias + panel * row,
    });
}

static int64_t blocks_of(const conv *v, int64_t terms)
{
    return tn__max(1, tn__divide_up(terms, BLOCK_BYTES / v->plan->element_size));
}

static void multiply_whole(const conv *v, const piece *e)
{
    const part *t = v->current;
    int64_t blocks = blocks_of(v, t->k);
    for (int64_t i = 0, k0, k1; i < blocks; i++) {
        tn__cut_out(t->k, blocks, i, &k0, &k1);
        for (int64_t at = e->begin; at < e->end;) {
            stretch s = stretch_at(t, e, at);
            multiply(v, e, s, k0, k1, i > 0);
            at += s.end - s.begin;
        }
    }
}

/* Elements of the kernel that row number `row` meets. */
static void elements_that_meet(const conv *v, int64_t row, int64_t *begin, int64_t *end)
{
    const side *d = &v->current->down;
    *begin = *end = 0;
    for (int64_t i = 0; i < d->elements; i++) {
        int64_t at = d->from + row * d->from_step + d->offset[i] - v->planes.pad.padding_h;
        if (at >= 0 && at < v->planes.pad.h) {
            *begin = *end == 0 ? i : *begin;
            *end = i + 1;
        }
    }
}

/* Terms k0 .. k1 of column j of the kernel, where they meet the image. */
static void multiply_column(const conv *v, const piece *e, int64_t j, int64_t k0, int64_t k1)
{
    const part *t = v->current;
    const tn__window *w = &v->planes.pad;
    int64_t each = v->in * (t->order == BY_ROWS ? t->right.elements : 1);
    int64_t first = j * t->down.elements * v->in, left = 0, right = t->right.points;
    if (t->order == BY_COLUMNS)
        points_that_meet(&t->right, j, w->padding_w, w->w, &left, &right);
    for (int64_t at = e->begin; at < e->end;) {
        stretch s = stretch_at(t, e, at);
        int64_t i0, i1;
        at += s.end - s.begin;
        elements_that_meet(v, s.row, &i0, &i1);
        i0 = tn__max(i0 * each, k0);
        i1 = tn__min(i1 * each, k1);
        s.begin = tn__max(s.begin, left);
        s.end = tn__min(s.end, right);
        if (i0 < i1 && s.begin < s.end)
            multiply(v, e, s, first + i0, first + i1, true);
    }
}

static void multiply_split(const conv *v, const piece *e)
{
    const part *t = v->current;
    int64_t columns = t->order == BY_COLUMNS ? t->right.elements : 1;
    int64_t terms = t->k / columns, blocks = blocks_of(v, terms), row = row_bytes(v);
    for (int64_t i = 0; i < e->end - e->begin; i++)
        memcpy(e->to + i * row, v->bias + (e->group * v->panels + e->panel) * row, (size_t)row);
    for (int64_t j = 0; j < columns; j++)
        for (int64_t i = 0, k0, k1; i < blocks; i++) {
            tn__cut_out(terms, blocks, i, &k0, &k1);
            multiply_column(v, e, j, k0, k1);
        }
}

/* Planes of the result get the points of the turned piece, which have steps between them. */
static void spread(const conv *v, const piece *e, const char *turned, char *to)
{
    const part *t = v->current;
    int64_t size = v->plan->element_size;
    for (int64_t i = 0; i < e->lines; i++, to += v->points * size)
        for (int64_t at = e->begin; at < e->end;) {
            stretch s = stretch_at(t, e, at);
            int64_t n = s.end - s.begin;
            int64_t place = s.row * t->down.to_step * v->row + s.begin * t->right.to_step;
            v->plan->kernels->spread(n, turned, t->right.to_step, to + place * size);
            turned += n * size;
            at += n;
        }
}

/* A forward pass has no steps between the points of y. */
static void store(const conv *v, const piece *e)
{
    const part *t = v->current;
    int64_t size = v->plan->element_size, n = e->end - e->begin, columns = v->tile.columns;
    int64_t image = (v->planes.n0 + e->image) * v->plan->groups + e->group;
    int64_t plane = image * v->out + e->panel * columns;
    char *to = v->to + (plane * v->points + t->down.to * v->row + t->right.to) * size;
    char *turned = e->to + PIECE * row_bytes(v);
    if (t->right.to_step == 1 && t->down.to_step * v->row == t->right.points) {
        to += e->begin * size;
        v->plan->kernels->transpose(e->lines, n, e->to, columns, to, v->points);
        for (int64_t i = 0, o = e->group * v->out + e->panel * columns; i < e->lines; i++)
            tn__conv2d_end(v->plan, o + i, n, to + i * v->points * size);
    } else {
        v->plan->kernels->transpose(e->lines, n, e->to, columns, turned, n);
        spread(v, e, turned, to);
    }
}

static void make_pieces(int64_t worker, int64_t begin, int64_t end, void *payload)
{
    const conv *v = payload;
    for (int64_t i = begin; i < end; i++) {
        piece e = piece_of(v, i, space_of(v, worker));
        if (v->current->order != BY_CHANNELS)
            multiply_split(v, &e);
        else
            multiply_whole(v, &e);
        store(v, &e);
    }
}

/* Images begin .. end; where there is another maker, this one makes them by itself. */
static void make_images(int64_t worker, int64_t begin, int64_t end, void *payload)
{
    conv v = *(const conv *)payload;
    const tn__conv2d_plan *p = v.plan;
    int64_t panels = p->groups * v.panels, workers = v.makers > 1 ? 1 : p->workers;
    v.planes = tn__planes_of_worker(&v.planes, worker);
    v.space = space_of(&v, worker);
    for (int64_t n0 = begin; n0 < end; n0 += v.planes.run) {
        tn__planes_read(&v.planes, n0, end);
        for (int64_t i = 0; i < v.n_parts; i++) {
            v.current = &v.parts[i];
            if (v.current->down.points > 0 && v.current->right.points > 0)
                tn__share(p->ctx, panels * v.planes.images * pieces_of(v.current), workers,
                          make_pieces, &v);
        }
    }
}

/* Workers pack the panels of weights by `pack` where these are not there yet. */
static void convolve(conv *v, const tn__form *form, tn__worker_fn pack)
{
    const tn__conv2d_plan *p = v->plan;
    int64_t panels = p->groups * v->panels;
    tn__prepared weight;
    complete_parts(v);
    if (!tn__planes_alloc(&v->planes, v->makers) ||
        !tn__prepare(p->ctx, form, tn__bytes(panels * v->k * row_bytes(v)), &weight))
        return;
    v->weight = weight.data;
    if (!weight.ready)
        tn__share(p->ctx, panels, p->workers, pack, v);
    tn__share(p->ctx, p->images, v->makers, make_images, v);
    tn__prepared_done(p->ctx, &weight);
}

/* ---- forward --------------------------------------------------------------------------------- */

static side side_of_y(int64_t points, int64_t stride, int64_t kernel, int64_t dilation,
                      int64_t *elements)
{
    for (int64_t i = 0; i < kernel; i++) {
        elements[i] = i;
        elements[kernel + i] = i * dilation;
    }
    return (side){.points = points,
                  .to_step = 1,
                  .from_step = stride,
                  .elements = kernel,
                  .element = elements,
                  .offset = elements + kernel};
}

static void plan_y(conv *v)
{
    const tn__window *w = &v->plan->window;
    v->to = v->plan->y;
    v->points = v->plan->out_points;
    v->row = w->out_w;
    side down = side_of_y(w->out_h, w->stride_h, w->kernel_h, w->dilation_h, v->elements);
    side right =
        side_of_y(w->out_w, w->stride_w, w->kernel_w, w->dilation_w, v->elements + 2 * w->kernel_h);
    add_part(v, down, right);
}

/* Packed rows of `channels` channels from c on, each with all elements, to where the terms are. */
static void place_rows(const conv *v, const char *from, int64_t c, int64_t channels, char *panel)
{
    int64_t row = row_bytes(v);
    for (int64_t end = c + channels; c < end; c++)
        for (int64_t i = 0; i < v->plan->kernel_points; i++, from += row)
            memcpy(panel + (v->taps[i].first + c * v->taps[i].step) * row, from, (size_t)row);
}

/* Rows of a panel are channels of x with their elements of the kernel. */
static void pack_for_y(int64_t worker, int64_t begin, int64_t end, void *payload)
{
    const conv *v = payload;
    const tn__conv2d_plan *p = v->plan;
    int64_t most = v->space_rows / p->kernel_points;
    for (int64_t i = begin; i < end; i++) {
        int64_t o = i / v->panels * v->out + i % v->panels * v->tile.columns;
        for (int64_t c = 0; c < v->in; c += most) {
            int64_t channels = tn__min(most, v->in - c);
            const char *from = p->weight + (o * v->k + c * p->kernel_points) * p->element_size;
            char *panel = v->weight + i * v->k * row_bytes(v);
            bool ordered = v->parts->order == BY_CHANNELS;
            char *to = ordered ? panel + c * p->kernel_points * row_bytes(v) : space_of(v, worker);
            p->kernels->pack_columns(channels * p->kernel_points, lines_of(v, i % v->panels), from,
                                     v->k, to);
            if (!ordered)
                place_rows(v, to, c, channels, panel);
        }
    }
}

static void forward(const tn__conv2d_plan *p)
{
    conv v;
    tn__window reach = tn__reach_of_y(&p->window);
    tn__planes x = tn__planes_new(p, p->x, p->groups * p->in_channels, &reach);
    if (conv_new(p, &x, p->in_channels, p->out_channels, &v)) {
        if (p->bias)
            copy_bias(&v);
        plan_y(&v);
        tn__form form = p->form;
        form.layout[1] = v.parts->order;
        convolve(&v, &form, pack_for_y);
    }
    conv_free(&v);
}

/* ---- the gradient of x ----------------------------------------------------------------------- */

/* One direction of the window: lines of dx and of dy, and the kernel between them. */
typedef struct direction {
    int64_t size, out, kernel, stride, padding, dilation;
    int64_t before; /* zeros before dy: the largest e */
} direction;

static direction down_of(const tn__window *w)
{
    return (direction){w->h,
                       w->out_h,
                       w->kernel_h,
                       w->stride_h,
                       w->padding_h,
                       w->dilation_h,
                       (w->kernel_h - 1) * w->dilation_h / w->stride_h};
}

static direction right_of(const tn__window *w)
{
    return (direction){w->w,
                       w->out_w,
                       w->kernel_w,
                       w->stride_w,
                       w->padding_w,
                       w->dilation_w,
                       (w->kernel_w - 1) * w->dilation_w / w->stride_w};
}

/* Lines of dy with the zeros before them, and with those after them: u goes up to where dx ends. */
static int64_t lines_of_dy(const direction *d)
{
    return d->before + tn__max(d->out, (d->size - 1 + d->padding) / d->stride + 1);
}

static tn__window reach_of_dx(const tn__window *w)
{
    direction h = down_of(w), v = right_of(w);
    return tn__padded_planes(w->out_h, w->out_w, h.before, v.before, lines_of_dy(&h),
                             lines_of_dy(&v));
}

/* f of element i. */
static int64_t remainder_of(const direction *d, int64_t i)
{
    return i * d->dilation % d->stride;
}

/* The elements of a kernel, those with the same f side by side, and how far before dy[u] the zeros
 * begin from which dy[u - e] is counted. */
static void sort_elements(const direction *d, int64_t *elements)
{
    int64_t n = 0;
    for (int64_t i = 0; i < d->kernel; i++) {
        bool known = false;
        for (int64_t j = 0; j < n; j++)
            known = known || elements[j] == i;
        for (int64_t j = i; !known && j < d->kernel; j++)
            if (remainder_of(d, j) == remainder_of(d, i)) {
                elements[n] = j;
                elements[d->kernel + n] = d->before - j * d->dilation / d->stride;
                n++;
            }
    }
}

/* The part with the f of element number i. */
static side side_of_dx(const direction *d, const int64_t *elements, int64_t i)
{
    int64_t f = remainder_of(d, elements[i]), last = d->size - 1 + d->padding - f;
    int64_t u = f < d->padding ? tn__divide_up(d->padding - f, d->stride) : 0;
    side s = {.points = last < 0 ? 0 : tn__max(0, last / d->stride + 1 - u),
              .to = d->stride * u + f - d->padding,
              .to_step = d->stride,
              .from = u,
              .from_step = 1,
              .element = elements + i,
              .offset = elements + d->kernel + i};
    while (i + s.elements < d->kernel && remainder_of(d, elements[i + s.elements]) == f)
        s.elements++;
    return s;
}

static void plan_dx(conv *v)
{
    const tn__conv2d_plan *p = v->plan;
    direction h = down_of(&p->window), w = right_of(&p->window);
    int64_t *of_h = v->elements, *of_w = v->elements + 2 * h.kernel;
    v->to = p->dx;
    v->points = p->in_points;
    v->row = w.size;
    sort_elements(&h, of_h);
    sort_elements(&w, of_w);
    for (int64_t i = 0; i < h.kernel;) {
        side down = side_of_dx(&h, of_h, i);
        for (int64_t j = 0; j < w.kernel;) {
            side right = side_of_dx(&w, of_w, j);
            add_part(v, down, right);
            j += right.elements;
        }
        i += down.elements;
    }
}

/* Rows of a panel are channels of y with their elements, and columns are channels of x. */
static void pack_for_dx(int64_t worker, int64_t begin, int64_t end, void *payload)
{
    const conv *v = payload;
    const tn__conv2d_plan *p = v->plan;
    for (int64_t i = begin; i < end; i++)
        for (int64_t o = 0; o < v->in; o++) {
            int64_t c = i % v->panels * v->tile.columns;
            int64_t at = (i / v->panels * v->in + o) * p->depth + c * p->kernel_points;
            p->kernels->pack_columns(p->kernel_points, lines_of(v, i % v->panels),
                                     p->weight + at * p->element_size, p->kernel_points,
                                     space_of(v, worker));
            place_rows(v, space_of(v, worker), o, 1, v->weight + i * v->k * row_bytes(v));
        }
}

/* Lines of dx that no window meets stay zero. */
static void grad_input(const tn__conv2d_plan *p)
{
    conv v;
    tn__window reach = reach_of_dx(&p->window);
    tn__planes dy = tn__planes_new(p, p->dy, p->groups * p->out_channels, &reach);
    int64_t numel = p->images * p->groups * p->in_channels * p->in_points;
    if (conv_new(p, &dy, p->out_channels, p->in_channels, &v)) {
        if (p->window.stride_h > 1 || p->window.stride_w > 1)
            memset(p->dx, 0, (size_t)(numel * p->element_size));
        plan_dx(&v);
        convolve(&v, &(tn__form){0}, pack_for_dx);
    }
    conv_free(&v);
}

/* ---- where it pays --------------------------------------------------------------------------- */

static bool applies(const tn__conv2d_plan *p, tn__conv2d_product product)
{
    bool back = product == TN__CONV2D_GRAD_INPUT;
    double terms = (double)(back ? p->out_channels : p->in_channels) * (double)p->kernel_points;
    tn__window reach = back ? reach_of_dx(&p->window) : tn__reach_of_y(&p->window);
    return product != TN__CONV2D_GRAD_WEIGHT && terms <= MOST_TERMS && tn__planes_fit(&reach);
}

static bool pays(const tn__conv2d_plan *p, tn__conv2d_product product)
{
    return tn__pays_in_place(p,
                             product == TN__CONV2D_GRAD_INPUT ? p->in_channels : p->out_channels);
}

const tn__conv2d_method tn__conv2d_direct = {.name = "direct",
                                             .applies = applies,
                                             .pays = pays,
                                             .forward = forward,
                                             .grad_input = grad_input};
