/* product.h - products of matrices by the library's own kernels. */
#ifndef TN_TENSOR_PRODUCT_H
#define TN_TENSOR_PRODUCT_H

#include <tn/tensor.h>
#include "kernels/kernels.h"

/* A piece of an operand, as it is packed: lines first .. first + lines, of each of them the numbers
 * begin .. end. */
typedef struct tn__piece {
    int64_t first, lines, begin, end;
} tn__piece;

/* Writes number p of line l of the piece, both from 0, where the kernel looks for it: of A at
 * to[l pitch + p]; of B at to[(l - l % pitch) (end - begin) + p pitch + l % pitch], that is, in
 * panels of `pitch` columns, the last one with zeros where lines are missing. */
typedef void (*tn__pack_fn)(const void *payload, tn__piece piece, int64_t pitch, void *to);

/* One side of a product. The lines of A are its rows and those of B its columns; each has k
 * numbers. A matrix has number p of line l at data[l line + p step], where one of these is 1.
 * Whoever has no matrix gives a function that packs it instead. */
typedef struct tn__operand {
    const char *data;
    int64_t line, step;
    tn__pack_fn pack; /* or NULL */
    const void *payload;
    const char *packed;   /* of B, all of it: what tn__product_pack made; NULL: nothing */
    int64_t first, begin; /* of what `pack` is asked for: where line 0 and number 0 are */
} tn__operand;

/* C = A B or C += A B, C [m, n] with rows ldc apart, or columns if `c_by_columns`. Where nothing is
 * added to, C begins with a number for each row, or one for each column, not both, or zeros (NULL).
 *
 * Each element is a sum over p from the first to the last, in blocks whose length follows from the
 * sizes of the whole product and how B lies, and the sums of many blocks are added up without the
 * error that grows with their number: the same bits for every number of threads, every cut of C and
 * both instruction sets v3 and v4. */
typedef struct tn__product {
    const tn__kernels *kernels;
    tn_dtype dtype;
    int64_t m, n, k;
    int64_t depth; /* terms of a block, at most; 0: as is best for the sizes */
    tn__operand a, b;
    char *c;
    int64_t ldc;
    bool c_by_columns, adds;
    const char *row_bias, *column_bias;
} tn__product;

/* On the threads of the context. Records TN_ERR_MEMORY where there is no room to pack. */
void tn__product_run(tn_ctx *ctx, const tn__product *p);

/* The same on this thread alone, with memory for packing, aligned to 64, of so many bytes: no more
 * for a product that is smaller in m, n and k. */
size_t tn__product_space(const tn__product *p);
void tn__product_serial(const tn__product *p, void *space);

/* Packs B, a matrix with step 1, for every product of the same n and k: on the threads of the
 * context, to memory of so many bytes, aligned to 64. The bits of C are those without it. */
size_t tn__product_packed_bytes(const tn__product *p);
void tn__product_pack(tn_ctx *ctx, const tn__product *p, char *to);

/* Is B copied, not read where it lies? */
bool tn__product_copies_b(const tn__product *p);

/* Rows i0 .. i1 and columns j0 .. j1 of the product. */
tn__product tn__product_part(const tn__product *p, int64_t i0, int64_t i1, int64_t j0, int64_t j1);

#endif
