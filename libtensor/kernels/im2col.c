/* im2col.c - convolution as a product of matrices: the matrix of windows, and back.
 *
 * kernels.h says how padded rows are laid out. Copies run over the end of a row by less than a
 * vector; the row after it is written later. */
#include <string.h>
#include "kernels/real.h"

/* The columns of phase f that lie inside a row of x: lo .. hi, from column lo stride + f - padding;
 * lo <= hi, as no phase is shorter than the padding. Divisions would take longer than a short
 * row. */
static void inside(const tn__window *w, int64_t f, int64_t *lo, int64_t *hi)
{
    int64_t phase = tn__window_phase(w), s = w->stride_w;
    *lo = w->padding_w > f ? w->padding_w - f : 0;
    *hi = w->padding_w + w->w > f ? w->padding_w + w->w - f : 0;
    if (s > 1) {
        *lo = (*lo + s - 1) / s;
        *hi = (*hi + s - 1) / s;
    }
    *hi = *hi < phase ? *hi : phase;
}

static void zero(int64_t n, real *x)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = 0;
}

/* Whole vectors, the last one of which ends with the row. */
static void copy_row(int64_t n, const real *x, real *p)
{
    if (n < LANES) {
        for (int64_t i = 0; i < n; i++)
            p[i] = x[i];
        return;
    }
    for (int64_t i = 0; i < n - LANES; i += LANES)
        *(vec_unaligned *)(p + i) = *(const vec_unaligned *)(x + i);
    *(vec_unaligned *)(p + n - LANES) = *(const vec_unaligned *)(x + n - LANES);
}

static void pad_row(const tn__window *w, const real *x, real *p)
{
    int64_t phase = tn__window_phase(w), phases = tn__window_phases(w), s = w->stride_w;
    for (int64_t f = 0; f < phases; f++, p += phase) {
        int64_t lo, hi;
        inside(w, f, &lo, &hi);
        zero(lo, p);
        for (int64_t q = lo; q < hi; q++)
            p[q] = x[q * s + f - w->padding_w];
        zero(phase - hi, p + hi);
    }
}

/* The same of stride 1: numbers lo .. hi of a line are those of x, side by side. */
static void pad_line(int64_t line, int64_t lo, int64_t hi, const real *x, real *p)
{
    zero(lo, p);
    copy_row(hi - lo, x, p + lo);
    zero(line - hi, p + hi);
}

void KERNEL(pad_planes)(const tn__window *w, int64_t planes, int64_t first, int64_t rows,
                        const void *px, void *pp)
{
    int64_t line = tn__window_line(w), lo, hi;
    const real *x = px;
    real *p = pp;
    inside(w, 0, &lo, &hi);
    for (int64_t plane = 0; plane < planes; plane++, x += w->h * w->w)
        for (int64_t row = 0; row < rows; row++, p += line) {
            int64_t h = first + row - w->padding_h;
            if (h < 0 || h >= w->h)
                zero(line, p);
            else if (w->stride_w == 1 && lo < hi)
                pad_line(line, lo, hi, x + h * w->w + lo - w->padding_w, p);
            else
                pad_row(w, x + h * w->w, p);
        }
}

static void unpad_row(const tn__window *w, const real *p, real *x)
{
    int64_t phase = tn__window_phase(w), phases = tn__window_phases(w), s = w->stride_w;
    for (int64_t f = 0; f < phases; f++, p += phase) {
        int64_t lo, hi;
        inside(w, f, &lo, &hi);
        for (int64_t q = lo; q < hi; q++)
            x[q * s + f - w->padding_w] = p[q];
    }
}

void KERNEL(unpad_planes)(const tn__window *w, int64_t planes, int64_t rows, const void *pp,
                          void *px)
{
    int64_t line = tn__window_line(w);
    const real *p = pp;
    real *x = px;
    zero(planes * w->h * w->w, x);
    for (int64_t plane = 0; plane < planes; plane++, x += w->h * w->w, p += rows * line)
        for (int64_t h = 0; h < w->h && h + w->padding_h < rows; h++)
            unpad_row(w, p + (h + w->padding_h) * line, x + h * w->w);
}

/* Where row k of the matrix begins in padded image number `image`. */
static int64_t origin(const tn__window *w, const tn__columns *c, int64_t image, int64_t k)
{
    int64_t i = k / w->kernel_w % w->kernel_h, plane = k / w->kernel_w / w->kernel_h;
    return (image * c->planes + plane) * c->rows * tn__window_line(w) +
           tn__window_place(w, i, k % w->kernel_w);
}

void KERNEL(im2col)(const tn__window *w, const tn__columns *c, const void *pp, void *pm)
{
    int64_t line = tn__window_line(w);
    real *to = pm;
    for (int64_t k = c->begin; k < c->end; k++)
        for (int64_t image = 0; image < c->images; image++) {
            const real *first = (const real *)pp + origin(w, c, image, k);
            for (int64_t row = 0; row < c->out_rows; row++, to += w->out_w) {
                const real *from = first + row * w->stride_h * line;
                for (int64_t i = 0; i < w->out_w; i += LANES)
                    *(vec_unaligned *)(to + i) = *(const vec_unaligned *)(from + i);
            }
        }
}

void KERNEL(col2im)(const tn__window *w, const tn__columns *c, const void *pm, void *pp)
{
    int64_t line = tn__window_line(w);
    const real *from = pm;
    for (int64_t k = c->begin; k < c->end; k++)
        for (int64_t image = 0; image < c->images; image++) {
            real *first = (real *)pp + origin(w, c, image, k);
            for (int64_t row = 0; row < c->out_rows; row++, from += w->out_w) {
                real *to = first + row * w->stride_h * line;
                for (int64_t i = 0; i < w->out_w; i++)
                    to[i] += from[i];
            }
        }
}
