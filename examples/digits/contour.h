/* contour.h - the loss over two weights, and two ways down to its minimum. */
#ifndef EXAMPLES_DIGITS_CONTOUR_H
#define EXAMPLES_DIGITS_CONTOUR_H

#include "digits/sets.h"

enum { CONTOUR_GRID = 61 };
enum { VANILLA, MOMENTUM, METHODS };

typedef struct weight_at {
    int pixel, digit;
} weight_at;

/* [[aa, ab], [ab, bb]], its eigenvalues and the direction of the first, an angle. */
typedef struct hessian {
    double aa, ab, bb;
    double high, low, angle;
} hessian;

typedef struct visit {
    double w[2], loss;
} visit;

/* The loss as a function of two weights; all others are as in the trained network. */
typedef struct landscape {
    const char *name; /* of its files */
    weight_at at[2];
    hessian trained, best_curve; /* at the trained weights, and at the minimum */
    int column[2], columns;      /* of `rest`: of the digit of each weight; how many there are */
    tn_tensor *rest;             /* [n, columns] logits without what the two weights add, */
    tn_tensor *ink, *where;      /* which is ink (w where): [n, 2] and [2, columns] */
    tn_tensor *targets;          /* [n], columns of `rest` */
    double constant;             /* what the loss is more than their cross-entropy */
    visit best, start;
    double lr, momentum;
    int64_t steps;
    visit *path[METHODS]; /* steps + 1 visits each */
    double needed[METHODS];
    double low[2], high[2]; /* the part that is drawn */
    double grid[CONTOUR_GRID][CONTOUR_GRID];
} landscape;

/* The share of the excess loss of the start that counts as having arrived. */
extern const double CONTOUR_ARRIVED;

/* NAME.csv, NAME_paths.csv and the picture. False with a line on standard error. */
bool contour_write(const run *s, const landscape *l);

void contour_print(const landscape *l);

#endif
