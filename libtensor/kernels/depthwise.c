/* depthwise.c - convolutions whose every plane of y comes from one plane of x, straight from its
 * padded rows: y = b + sum over the elements k of the kernel of weight[k] x[k], x[k] being the rows
 * that begin taps[k] numbers into the padding.
 *
 * A row of y is taken in runs of some vectors, which stay in registers while k passes. Planes of y
 * that have their x in common are taken OUTPUTS at a time, so that each vector that is read serves
 * them all; of a plane that has none, rows, so that a sum need not wait for the one before. */
#include <string.h>
#include "kernels/wide.h"

#if defined(TN_ISA_v4)
#define OUTPUTS 8 /* times two accumulators: 32 registers */
#else
#define OUTPUTS 4 /* 16 registers */
#endif
#define ROWS 4
#define FEW 4
#define TAPS 9   /* elements of the kernel whose gradients are gathered at a time */
#define LONG 256 /* products that are added one after another */
#define UNROLL _Pragma("GCC unroll 8")

/* ---- y --------------------------------------------------------------------------------------- */

/* What a run of y needs besides its place. */
typedef struct filter {
    int64_t count; /* elements of the kernel */
    const int64_t *taps;
    const real *weight, *bias;
    int64_t row; /* from a row of padded x to that of the next row of y */
    int64_t ldy; /* from a plane of y to the next, or from a row */
} filter;

/* `outputs` times `vectors` vectors of y that begin `apart` numbers from each other, of as many
 * planes or, with `rows`, of rows of one plane: constants after inlining, but for `apart`. */
__attribute__((always_inline)) static inline void run_of_y(const filter *f, bool rows, int outputs,
                                                           int vectors, int64_t apart,
                                                           const real *p, real *y, int64_t ldy)
{
    wide sum[OUTPUTS][2], zero = {0}, x = {0};
    UNROLL for (int o = 0; o < outputs; o++) UNROLL for (int v = 0; v < vectors; v++) sum[o][v] =
        zero + (f->bias ? f->bias[rows ? 0 : o] : 0);
    for (int64_t k = 0; k < f->count; k++) {
        const real *from = p + f->taps[k];
        UNROLL for (int v = 0; v < vectors; v++) UNROLL for (int o = 0; o < outputs; o++)
        {
            if (rows || o == 0)
                x = load_wide(from + o * f->row + v * apart);
            sum[o][v] += f->weight[rows ? k : o * f->count + k] * x;
        }
    }
    UNROLL for (int o = 0; o < outputs; o++) UNROLL for (int v = 0; v < vectors; v++)
        store_wide(y + o * ldy + v * apart, sum[o][v]);
}

/* The last run of a row begins where it ends with the row, and so does the second vector of one
 * that is shorter than a run. */
__attribute__((always_inline)) static inline void row_of_y(const filter *f, bool rows, int outputs,
                                                           int64_t n, const real *p, real *y)
{
    int64_t i = 0, run = 2 * WIDTH;
    if (n > WIDTH && n < run) {
        run_of_y(f, rows, outputs, 2, n - WIDTH, p, y, f->ldy);
        return;
    }
    for (; i + WIDTH < n; i += run) {
        i = i + run <= n ? i : n - run;
        run_of_y(f, rows, outputs, 2, WIDTH, p + i, y + i, f->ldy);
    }
    if (i < n && n >= WIDTH)
        run_of_y(f, rows, outputs, 1, 0, p + n - WIDTH, y + n - WIDTH, f->ldy);
    if (n < WIDTH) {
        real narrow[OUTPUTS * WIDTH];
        run_of_y(f, rows, outputs, 1, 0, p, narrow, WIDTH);
        for (int o = 0; o < outputs; o++)
            memcpy(y + o * f->ldy, narrow + o * WIDTH, (size_t)n * sizeof *y);
    }
}

/* `outputs` planes of y. */
__attribute__((always_inline)) static inline void
planes_of_y(const filter *f, int outputs, const tn__window *w, const real *p, real *y)
{
    for (int64_t row = 0; row < w->out_h; row++)
        row_of_y(f, false, outputs, w->out_w, p + row * f->row, y + row * w->out_w);
}

static void plane_of_y(filter f, const tn__window *w, const real *p, real *y)
{
    int64_t row = 0;
    f.ldy = w->out_w;
    for (; row + ROWS <= w->out_h; row += ROWS)
        row_of_y(&f, true, ROWS, w->out_w, p + row * f.row, y + row * w->out_w);
    for (; row < w->out_h; row++)
        row_of_y(&f, true, 1, w->out_w, p + row * f.row, y + row * w->out_w);
}

void KERNEL(depthwise)(const tn__window *w, const int64_t *taps, int64_t outputs, const void *p,
                       const void *weight, const void *bias, void *py)
{
    real *y = py;
    filter f = {.count = w->kernel_h * w->kernel_w,
                .taps = taps,
                .weight = weight,
                .bias = bias,
                .row = w->stride_h * tn__window_line(w),
                .ldy = w->out_h * w->out_w};
    for (int64_t done = 0, n; done < outputs; done += n) {
        n = outputs - done >= OUTPUTS ? OUTPUTS : outputs - done >= 3 ? 3 : 1;
        if (n == OUTPUTS)
            planes_of_y(&f, OUTPUTS, w, p, y);
        else if (n == 3)
            planes_of_y(&f, 3, w, p, y);
        else
            plane_of_y(f, w, p, y);
        y += n * f.ldy;
        f.weight += n * f.count;
        f.bias = f.bias ? f.bias + n : NULL;
    }
}

/* ---- dx -------------------------------------------------------------------------------------- */

/* Neighbours in p come from neighbours in dy, and rows of p from one row of dy at a time. */
void KERNEL(depthwise_input)(const tn__window *w, const int64_t *taps, const void *pdy,
                             const void *pweight, void *pp)
{
    int64_t step = w->stride_h * tn__window_line(w), count = w->kernel_h * w->kernel_w;
    const real *dy = pdy, *weight = pweight;
    for (int64_t row = 0; row < w->out_h; row++, dy += w->out_w)
        for (int64_t k = 0; k < count; k++) {
            real *restrict p = (real *)pp + row * step + taps[k];
            for (int64_t i = 0; i < w->out_w; i++)
                p[i] += weight[k] * dy[i];
        }
}

/* ---- dw -------------------------------------------------------------------------------------- */

#if defined(TN_REAL_f32)
typedef int32_t lane;
#else
typedef int64_t lane;
#endif
typedef lane lanes __attribute__((vector_size(TN_VECTOR_BYTES)));

/* The first n of LANES numbers that may be read, and zeros. */
static inline vec load_first(int64_t n, const real *p)
{
    lanes keep = {0};
    for (int64_t i = 0; i < LANES; i++)
        keep[i] = i < n ? -1 : 0;
    return (vec)((lanes)load(p) & keep);
}

/* dw[k] += sum over `rows` rows of `width` numbers of dy and x, for `taps` elements, which is a
 * constant after inlining. */
__attribute__((always_inline)) static inline void rows_of_dw(const tn__window *w, int taps,
                                                             const int64_t *tap, int64_t rows,
                                                             int64_t width, const real *p,
                                                             const real *dy, real *dw, real *lost)
{
    int64_t step = w->stride_h * tn__window_line(w), whole = width / LANES * LANES;
    vec sum[TAPS] = {{0}};
    for (int64_t row = 0; row < rows; row++, p += step, dy += w->out_w) {
        for (int64_t i = 0; i < whole; i += LANES) {
            vec d = load(dy + i);
            UNROLL for (int k = 0; k < taps; k++) sum[k] += d * load(p + tap[k] + i);
        }
        if (whole < width) {
            int64_t rest = width - whole;
            real last[LANES] = {0};
            memcpy(last, dy + whole, (size_t)rest * sizeof *last);
            vec d = load(last);
            UNROLL for (int k = 0; k < taps; k++) sum[k] +=
                d * load_first(rest, p + tap[k] + whole);
        }
    }
    UNROLL for (int k = 0; k < taps; k++) dw[k] = add_exactly(dw[k], add_lanes(sum[k]), lost + k);
}

static void block_of_dw(const tn__window *w, const int64_t *taps, int64_t rows, int64_t width,
                        const real *p, const real *dy, real *dw, real *lost)
{
    int64_t count = w->kernel_h * w->kernel_w, k = 0;
    for (; k + TAPS <= count; k += TAPS)
        rows_of_dw(w, TAPS, taps + k, rows, width, p, dy, dw + k, lost + k);
    for (; k + FEW <= count; k += FEW)
        rows_of_dw(w, FEW, taps + k, rows, width, p, dy, dw + k, lost + k);
    for (; k < count; k++)
        rows_of_dw(w, 1, taps + k, rows, width, p, dy, dw + k, lost + k);
}

void KERNEL(depthwise_weight)(const tn__window *w, const int64_t *taps, const void *pp,
                              const void *pdy, void *dw, void *lost)
{
    const real *p = pp, *dy = pdy;
    int64_t step = w->stride_h * tn__window_line(w), most = LONG * LANES;
    for (int64_t i = 0; i < w->out_w; i += most) {
        int64_t width = w->out_w - i < most ? w->out_w - i : most, height = most / width;
        for (int64_t row = 0; row < w->out_h; row += height) {
            int64_t rows = w->out_h - row < height ? w->out_h - row : height;
            block_of_dw(w, taps, rows, width, p + row * step + i, dy + row * w->out_w + i, dw,
                        lost);
        }
    }
}
