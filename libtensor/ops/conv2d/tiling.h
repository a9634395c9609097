/* tiling.h - how the matrix of windows is cut, so that a piece of it stays in the cache of a core,
 * and so that every thread has as much to do.
 *
 *                     columns of m: points of y, image after image
 *                    block 0    block 1    block 2    block 3
 *                  +----------+----------+----------+----------+
 *     rows of m    |  tile 0  |          |          |          |
 *     (c, i, j)    +----------+----------+----------+----------+
 *                  |  tile 1  |          |          |          |
 *                  +----------+----------+----------+----------+
 *
 * A block is some rows of y of one image, or several whole images where they are small. A tile is
 * some rows of m, of a block; each row belongs to one element of the kernel in one channel, so a
 * tile may begin and end within a channel. A task makes one piece of a result out of blocks and
 * tiles, and writes what no other task writes.
 *
 * A worker is a number, which has memory of its own and does tasks as they come. What a task makes
 * does not depend on its worker, and how the work is cut follows from the sizes and the number of
 * threads of the context. Hence the same bits each time. */
#ifndef TN_OPS_CONV2D_TILING_H
#define TN_OPS_CONV2D_TILING_H

#include "ops/conv2d/plan.h"

/* Of each group alike. */
typedef struct tn__tiling {
    const tn__conv2d_plan *plan;
    int64_t image_blocks;  /* into which the images are cut, */
    int64_t row_blocks;    /* and the rows of y: their product is the number of blocks */
    int64_t tiles;         /* into which the rows of m are cut, */
    int64_t channel_tiles; /* and the channels, for dx */
    int64_t parts;         /* of the blocks, each with a dw of its own: */
    char *dw;              /* [parts, groups out_channels, depth] */
    char *memory;          /* of all workers */
    int64_t padded_bytes, tile_bytes, block_bytes, sum_bytes, product_bytes; /* of each of them */
} tn__tiling;

tn__tiling tn__tiling_new(const tn__conv2d_plan *plan);

/* Columns of a group: rows r0 .. r0 + rows of y, in images n0 .. n0 + images. */
typedef struct tn__column_block {
    int64_t group, n0, images, r0, rows, columns;
} tn__column_block;

/* Number i of image block j is number j row_blocks + i. */
int64_t tn__blocks_of(const tn__tiling *t);
tn__column_block tn__block_of(const tn__tiling *t, int64_t group, int64_t number);

/* The columns of the largest block. */
int64_t tn__most_columns(const tn__tiling *t);

/* ---- memory and tasks ------------------------------------------------------------------------ */

/* The memory of one worker. */
typedef struct tn__tile_space {
    char *padded; /* rows of x with their padding, or of dx */
    char *tile;
    char *block;   /* of y or dy, where it has several images */
    char *part;    /* of a long sum, */
    char *lost;    /* and what rounding took from it: sum_bytes each */
    char *product; /* where a product is made */
} tn__tile_space;

/* The bytes of an array of these sizes, a multiple of the alignment; more than there can be where
 * no integer holds them. */
int64_t tn__bytes_of(const tn__conv2d_plan *plan, int64_t images, int64_t planes, int64_t rows,
                     int64_t cols);

/* Sets the sizes of the space: for any tile, with the x that it is made of; for tiles of so many
 * whole channels, with all padded rows of dx. sum_bytes and product_bytes are
 * up to the caller. */
void tn__space_for_tiles(tn__tiling *t);
void tn__space_for_channels(tn__tiling *t, int64_t channels);

/* Runs tasks 0 .. count, shared out among the workers. An error is in the context. */
typedef void (*tn__task_fn)(const tn__tiling *t, int64_t task, const tn__tile_space *s);
void tn__run_tasks(tn__tiling *t, int64_t count, tn__task_fn run);

#endif
