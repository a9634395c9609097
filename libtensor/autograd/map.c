/* map.c - formulas over broadcast, strided operands, and the operators made of them (op.h). */
#include <assert.h>
#include <string.h>
#include <tn/op.h>
#include "autograd/tape.h"
#include "base/integers.h"
#include "base/isa.h"
#include "tensor/broadcast.h"
#include "tensor/iter.h"
#include "tensor/tensor.h"

static_assert(TN_MAX_OPERANDS <= TN__MAX_OPERANDS, "a walk has room for a formula's operands");

enum { BLOCK_BYTES = 2048 };

typedef struct map_args {
    tn_ctx *ctx;
    tn_dtype dtype;
    tn_loop loop;
    int operands;
    double c[TN_MAX_CONSTANTS];
} map_args;

#define GATHER(type)                                        \
    for (int64_t i = 0; i < n; i++) {                       \
        ((type *)to)[i] = ((const type *)from)[i * stride]; \
    }

static void gather(int64_t n, size_t size, const void *from, int64_t stride, void *to)
{
    if (size == sizeof(uint32_t))
        GATHER(uint32_t)
    else
        GATHER(uint64_t)
}

/* A formula's loop takes contiguous operands. Others are copied to blocks that stay in the first
 * cache: an element that stands for the whole row once, strided ones block by block. */
static void map_blocks(int64_t n, void *const *p, const int64_t *strides, const map_args *args)
{
    _Alignas(64) char blocks[TN_MAX_OPERANDS][BLOCK_BYTES];
    int64_t size = (int64_t)tn_dtype_size(args->dtype), most = BLOCK_BYTES / size;
    int64_t block = tn__min(n, most);
    for (int j = 1; j <= args->operands; j++)
        if (strides[j] == 0)
            tn__kernels_of(args->ctx, args->dtype)->fill(block, p[j], blocks[j]);
    for (int64_t i = 0; i < n; i += block) {
        int64_t count = tn__min(n - i, block);
        void *at[TN_MAX_OPERANDS] = {(char *)p[0] + i * size};
        for (int j = 1; j <= args->operands; j++) {
            char *from = (char *)p[j] + i * strides[j] * size;
            at[j] = strides[j] == 1 ? from : blocks[j];
            if (strides[j] != 0 && strides[j] != 1)
                gather(count, (size_t)size, from, strides[j], at[j]);
        }
        args->loop(count, at, args->c);
    }
}

static void map_row(int64_t n, void *const *p, const int64_t *strides, void *payload)
{
    const map_args *args = payload;
    bool contiguous = true;
    for (int j = 1; j <= args->operands; j++)
        contiguous = contiguous && strides[j] == 1;
    if (contiguous || n == 1)
        args->loop(n, p, args->c);
    else
        map_blocks(n, p, strides, args);
}

/* The operands may be of any shapes that broadcast; they are named by their place in messages. */
static bool broadcast_all(tn_ctx *ctx, const char *what, int count,
                          const tn_tensor *const *operands, int *ndim, int64_t *shape)
{
    *ndim = 0;
    for (int i = 0; i < count; i++) {
        if (!tn_check_float(ctx, what, i ? "other" : "input", operands[i]) ||
            !tn_check_same_dtype(ctx, what, "input", operands[0], "other", operands[i]))
            return false;
        int64_t before[TN_MAX_DIMS];
        memcpy(before, shape, sizeof before);
        if (!tn__broadcast(ctx, what, *ndim, before, operands[i]->ndim, operands[i]->shape, ndim,
                           shape))
            return false;
    }
    return true;
}

static bool check_formula(tn_ctx *ctx, const char *what, const tn_formula *formula,
                          const tn_tensor *const *operands)
{
    if (tn_ok(ctx) && (!what || !formula || !operands || formula->operands < 1 ||
                       formula->operands >= TN_MAX_OPERANDS || !formula->loops[0][ctx->isa] ||
                       !formula->loops[1][ctx->isa]))
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: no formula, or one without loops or operands",
                what ? what : "map");
    return tn_ok(ctx);
}

static bool check_op(tn_ctx *ctx, const char *what, const void *op)
{
    if (tn_ok(ctx) && !op)
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: the operator is NULL", what);
    return tn_ok(ctx);
}

tn_tensor *tn_map(tn_ctx *ctx, const char *what, const tn_formula *formula, const double *c,
                  const tn_tensor *const *operands)
{
    int ndim;
    int64_t shape[TN_MAX_DIMS] = {0};
    if (!check_formula(ctx, what, formula, operands) ||
        !broadcast_all(ctx, what, formula->operands, operands, &ndim, shape))
        return NULL;
    tn_tensor *y = tn__new(ctx, what, operands[0]->dtype, ndim, shape);
    if (!y)
        return NULL;
    const tn_tensor *all[TN_MAX_OPERANDS] = {y};
    memcpy(all + 1, operands, (size_t)formula->operands * sizeof *operands);
    map_args args = {.ctx = ctx,
                     .dtype = y->dtype,
                     .loop = formula->loops[y->dtype][ctx->isa],
                     .operands = formula->operands};
    if (c)
        memcpy(args.c, c, sizeof args.c);
    tn__iter it = tn__iter_new(ndim, shape, formula->operands + 1, all);
    tn__iter_run_joined(ctx, &it, map_row, &args);
    return y;
}

tn_tensor *tn_unary(tn_ctx *ctx, const tn_unary_op *op, const tn_tensor *x, const double *c)
{
    if (!check_op(ctx, "unary", op))
        return NULL;
    tn_begin(ctx, &op->op);
    tn_tensor *y = tn_map(ctx, op->op.name, &op->y, c, (const tn_tensor *[]){x});
    tn_record_args args = {.inputs = {x}};
    if (op->save & TN_SAVE_X)
        args.saved[0] = x;
    if (op->save & TN_SAVE_Y)
        args.saved[1] = y;
    if (c) {
        args.data = c;
        args.size = TN_MAX_CONSTANTS * sizeof *c;
    }
    return tn_record(ctx, &op->op, y, args);
}

/* The gradient of input i by its formula. That of a sum is dy itself, which is not written again:
 * inputs share it, and tn_add_grad copies where somebody may change it. */
static void add_derivative(tn_ctx *ctx, tn_node *node, int i, const tn_formula *formula,
                           const double *c, const tn_tensor *const *operands)
{
    if (!tn_wants_grad(node, i))
        return;
    bool is_dy = formula->text && strcmp(formula->text, "dy") == 0;
    tn_add_grad(ctx, node, i,
                is_dy ? operands[2] : tn_map(ctx, node->op->name, formula, c, operands));
}

void tn_unary_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    if (!node)
        return;
    const tn_unary_op *op = (const tn_unary_op *)(const void *)node->op;
    const tn_tensor *x = tn_saved(node, 0), *y = tn_saved(node, 1);
    const tn_tensor *operands[] = {x ? x : dy, y ? y : dy, dy};
    add_derivative(ctx, node, 0, &op->dx, node->data, operands);
}

tn_tensor *tn_binary(tn_ctx *ctx, const tn_binary_op *op, const tn_tensor *a, const tn_tensor *b)
{
    if (!check_op(ctx, "binary", op))
        return NULL;
    tn_begin(ctx, &op->op);
    tn_tensor *y = tn_map(ctx, op->op.name, &op->y, NULL, (const tn_tensor *[]){a, b});
    tn_record_args args = {.inputs = {a, b}};
    if (op->save & TN_SAVE_A)
        args.saved[0] = a;
    if (op->save & TN_SAVE_B)
        args.saved[1] = b;
    return tn_record(ctx, &op->op, y, args);
}

void tn_binary_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    if (!node)
        return;
    const tn_binary_op *op = (const tn_binary_op *)(const void *)node->op;
    const tn_tensor *a = tn_saved(node, 0), *b = tn_saved(node, 1);
    const tn_tensor *operands[] = {a ? a : dy, b ? b : dy, dy};
    add_derivative(ctx, node, 0, &op->da, NULL, operands);
    add_derivative(ctx, node, 1, &op->db, NULL, operands);
}
