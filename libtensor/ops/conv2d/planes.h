/* planes.h - planes of x or dy with zeros around them, of a run of images that stays in the
 * cache. */
#ifndef TN_OPS_CONV2D_PLANES_H
#define TN_OPS_CONV2D_PLANES_H

#include "ops/conv2d/plan.h"

/* Planes that need no zeros are read where they are. */
typedef struct tn__planes {
    const tn__conv2d_plan *plan;
    const char *data;  /* [images, count, h, w] */
    int64_t count;     /* in an image */
    tn__window pad;    /* h, w and padding; what is read of them: out_h rows of out_w numbers */
    int64_t row, size; /* elements from row to row, and from plane to plane */
    bool in_place;
    int64_t run;        /* images in a run, at most */
    char *padded;       /* their planes */
    int64_t n0, images; /* which ones are there */
} tn__planes;

tn__planes tn__planes_new(const tn__conv2d_plan *plan, const char *data, int64_t count,
                          const tn__window *pad);

/* Nobody asks for the zeros: planes are read where they are, and have none. */
void tn__planes_without_zeros(tn__planes *p);

/* Planes with zeros around them, of which so many rows and columns are read; what windows reach of
 * x. */
tn__window tn__padded_planes(int64_t h, int64_t w, int64_t padding_h, int64_t padding_w,
                             int64_t rows, int64_t columns);
tn__window tn__reach_of_y(const tn__window *w);

/* Is what is read not much more than what there is, so that zeros take neither time nor memory? */
bool tn__planes_fit(const tn__window *pad);

/* Is it best to multiply by numbers read from where they are, which makes so many channels side by
 * side? They should fill vectors, and points be enough to pay for packing weights or writing dw.
 * Where x is the matrix of windows, packing it costs little. */
bool tn__pays_in_place(const tn__conv2d_plan *plan, int64_t channels);

/* Should workers have images of their own? What one of them writes then stays in its cache, and
 * nobody waits between runs. There must be images for all, and a run of each worker must fit the
 * cache, with `bytes` of weights. */
bool tn__planes_apart(const tn__planes *p, int64_t bytes);

/* Memory for a run of each worker, which has no more images than a worker; false with an error, to
 * be freed all the same. */
bool tn__planes_alloc(tn__planes *p, int64_t workers);
void tn__planes_free(tn__planes *p);

/* The same planes, in the memory of a worker. */
tn__planes tn__planes_of_worker(const tn__planes *p, int64_t worker);

/* Makes the planes of a run that begins with image n0 and ends before image `end`, on the threads
 * of the context. */
void tn__planes_read(tn__planes *p, int64_t n0, int64_t end);

/* Plane c of image n, counted from the first one of the run. */
const char *tn__plane(const tn__planes *p, int64_t n, int64_t c);

#endif
