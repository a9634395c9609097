/* window.h - windows that slide over planes, as kernels see them. */
#ifndef TN_KERNELS_WINDOW_H
#define TN_KERNELS_WINDOW_H

#include <stdint.h>

/* A window that slides over planes [h, w] and gives planes [out_h, out_w]. */
typedef struct tn__window {
    int64_t h, w, out_h, out_w;
    int64_t kernel_h, kernel_w, stride_h, stride_w;
    int64_t padding_h, padding_w, dilation_h, dilation_w;
} tn__window;

/* Convolution reads padded rows in phases of as many numbers each as a row of the result needs,
 * phase f holding columns f, f + stride_w, f + 2 stride_w... of the row with its padding. A row of
 * the result then meets neighbours only, whatever the stride. */
static inline int64_t tn__window_phase(const tn__window *w)
{
    return w->out_w + (w->kernel_w - 1) * w->dilation_w / w->stride_w;
}

/* A row has `stride_w` phases. A kernel narrower than the stride touches only its first `width`
 * phases. */
static inline int64_t tn__window_phases(const tn__window *w)
{
    int64_t width = (w->kernel_w - 1) * w->dilation_w + 1;
    return width < w->stride_w ? width : w->stride_w;
}

/* The numbers of a padded row. */
static inline int64_t tn__window_line(const tn__window *w)
{
    return tn__window_phases(w) * tn__window_phase(w);
}

/* Where element [i, j] of the kernel first meets a padded plane. */
static inline int64_t tn__window_place(const tn__window *w, int64_t i, int64_t j)
{
    int64_t column = j * w->dilation_w;
    return i * w->dilation_h * tn__window_line(w) + column % w->stride_w * tn__window_phase(w) +
           column / w->stride_w;
}

/* The padded rows under `rows` rows of the result. */
static inline int64_t tn__window_rows(const tn__window *w, int64_t rows)
{
    return (rows - 1) * w->stride_h + (w->kernel_h - 1) * w->dilation_h + 1;
}

/* Rows begin .. end of a matrix of windows: row (c kernel_h + i) kernel_w + j holds what element
 * [i, j] of the kernel meets in plane c, for `out_rows` rows of the result in each of `images`
 * padded images of `planes` planes of `rows` rows. */
typedef struct tn__columns {
    int64_t begin, end;
    int64_t images, planes, rows, out_rows;
} tn__columns;

/* Of a number that says where in a plane a maximum is, all bits set for nowhere. */
static inline int64_t tn__index_bytes(const tn__window *w)
{
    return w->h * w->w <= UINT16_MAX ? 2 : 4;
}

#endif
