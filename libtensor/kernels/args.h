/* args.h - what kernels are told besides pointers and sizes. */
#ifndef TN_KERNELS_ARGS_H
#define TN_KERNELS_ARGS_H

#include <stdbool.h>
#include <stdint.h>

/* The types that numbers are converted from and to, in the order of tn_dtype. */
typedef enum tn__type { TN__F32, TN__F64, TN__I64, TN__I32, TN__U8, TN__BOOL } tn__type;

/* Numbers from a stream of random bits, whose block number i is a function of the seed and of
 * position + i (base/philox.h): four of 24 bits a block, or two of 53. */
typedef enum tn__distribution { TN__UNIFORM, TN__NORMAL, TN__BERNOULLI } tn__distribution;

typedef struct tn__draw {
    uint64_t seed, position;
    int per_block;
    tn__distribution distribution;
    double a, b; /* a + b u, u uniform on [0, 1) or normal */
    double high; /* uniform numbers are below it; */
    double last; /* one that rounding lifts there is this */
    double p;    /* 1 where u < p, otherwise 0 */
} tn__draw;

typedef struct tn__cross_entropy {
    int64_t classes, ldx;  /* rows of x are ldx apart */
    const int64_t *target; /* [rows] */
    const void *weight;    /* [classes], or NULL */
    double smoothing;
    int64_t ignore;
} tn__cross_entropy;

typedef struct tn__sgd {
    double lr, momentum, dampening, weight_decay;
    bool nesterov;
    bool first; /* v is not there yet */
} tn__sgd;

typedef struct tn__adam {
    double step; /* lr / (1 - beta1^t) */
    double norm; /* 1 / sqrt(1 - beta2^t) */
    double beta1, beta2, eps;
    double l2;     /* added to the gradient, times p */
    double shrink; /* p is multiplied by it first */
} tn__adam;

typedef struct tn__rmsprop {
    double lr, alpha, eps, weight_decay, momentum;
} tn__rmsprop;

/* The rows and columns of a tile of a product, and from row to row of a packed A, in numbers: the
 * kernel is fastest where they are so far apart. */
typedef struct tn__tile_size {
    int64_t rows, columns, pitch;
} tn__tile_size;

/* C [m, n] = or += A B; its rows are c_row apart and its columns c_step, one of which is 1. Number
 * p of row i of A is a[i a_row + p a_step], or, if A lies in tiles a_tile apart, the rows of each
 * are counted from there. B lies in panels of as many columns as a tile has, b_panel apart, whose
 * rows are b_step apart. Where nothing is added to, C begins with a number for each row or with one
 * for each column, or with zeros (NULL). */
typedef struct tn__product_block {
    int64_t m, n, k;
    const void *a, *b;
    int64_t a_row, a_step, a_tile, b_panel, b_step;
    void *c;
    int64_t c_row, c_step;
    bool adds;
    const void *row_bias, *column_bias;
} tn__product_block;

/* C [m, n], rows ldc apart, = or += A B. Number p of row i of A is a[i a_row + places[p]]. B is one
 * panel as of a product, and n at most its columns; C has room for whole vectors. Where nothing is
 * added to, C begins with a number for each column, of which there are whole vectors, or with zeros
 * (NULL). */
typedef struct tn__direct {
    int64_t m, n, k;
    const void *a;
    int64_t from, a_row; /* row i counts from a[from + i a_row] on, which need not be there */
    const int64_t *places;
    const void *b;
    void *c;
    int64_t ldc;
    bool adds;
    const void *bias;
} tn__direct;

/* K(m, r, n): Winograd's convolutions F(m x m, r x r), which make m x m elements of y from a tile
 * of n x n elements of x; see kernels/winograd.h. */
#define TN__WINOGRAD_KINDS(K) \
    K(2, 3, 4)                \
    K(4, 3, 6)                \
    K(2, 5, 6)

#define TN__WINOGRAD_KIND_(m, r, n) TN__WINOGRAD_##m##_##r,
typedef enum tn__winograd_kind { TN__WINOGRAD_KINDS(TN__WINOGRAD_KIND_) } tn__winograd_kind;

/* A row of tiles of planes [h, w] with zeros around them, one after another, of as many channels as
 * a panel has columns or fewer. Transformed tiles have their channels side by side. */
typedef struct tn__winograd_row {
    tn__winograd_kind kind;
    int64_t channels, h, w, padding_h, padding_w;
    int64_t row, columns;  /* which one, and the tiles in it */
    int64_t element, tile; /* numbers from element to element, and from tile to tile */
} tn__winograd_row;

/* Rows of a panel of transformed kernels, each of them of a channel: the kernels of so many columns
 * are `right` numbers apart, those of the rows `down`. */
typedef struct tn__winograd_panel {
    tn__winograd_kind kind;
    bool turned; /* the kernels, by half a turn */
    int64_t rows, columns, down, right;
    int64_t element; /* numbers from element to element */
} tn__winograd_panel;

/* Numbers of a row, at most, that is done beside others (softmax_columns.c). */
#define TN__SHORT_ROW 31

/* A vector of any build has no more numbers. */
#define TN__LINE 16

/* So many numbers are put in order without space to sort them in; of so many or more, those are
 * chosen first that may be among the first ones. */
#define TN__FEW_SORTED 128
#define TN__CHOSEN_FROM 2048

/* What kernels may read and write past the end of an array, in bytes. */
#define TN__SLACK 64

/* How batch normalisation sees one channel: `n` rows of `size` numbers, `stride` apart. */
typedef struct tn__channel {
    int64_t n, size, stride;
} tn__channel;

/* Up to TN__CHANNELS channels of one number in each of n rows, `stride` apart. */
#define TN__CHANNELS 64

typedef struct tn__channels {
    int64_t n, count, stride;
    const double *mean, *scale, *shift;
    const double *slope; /* b of dx, shift being its a */
} tn__channels;

/* The most outputs of the thin kernels, and as many as are few for any product. */
#define TN__THIN 24
#define TN__THIN_FEW 10

#endif
