/* 01_tensors.c - introduces tensors, views of their memory, and errors.
 *
 * Run it in the root of the repository:  make lessons && build/bin/01_tensors
 *
 * It prints:
 *
 *     x, six numbers of type float in two rows:
 *     tensor([[0., 1., 2.],
 *             [3., 4., 5.]], f32)
 *
 *     The transpose has shape [3,2] and strides [1,3].
 *     Its memory is that of x: yes
 *     x after filling its column 0 with 9:
 *     tensor([[9., 1., 2.],
 *             [9., 4., 5.]], f32)
 *     x after filling a copy of its columns 1 and 2 with 0:
 *     tensor([[9., 1., 2.],
 *             [9., 4., 5.]], f32)
 *
 *     x plus the row 100, 200, 300:
 *     tensor([[109., 201., 302.],
 *             [109., 204., 305.]], f32)
 *     x plus the column 100, 200:
 *     tensor([[109., 101., 102.],
 *             [209., 204., 205.]], f32)
 *     the sum of each row of x:
 *     tensor([12., 18.], f32)
 *     the matrix product of x and its transpose:
 *     tensor([[ 86.,  95.],
 *             [ 95., 122.]], f32)
 *
 *     The first element is 9, x[1, 2] is 5, the mean is 5.
 *
 *     The result of a mistake is NULL, and the error is
 *     matmul: input [2,3] has 3 columns but other [2,3] has 2 rows */
#include <stdio.h>
#include <tn/tn.h>

static void show(tn_ctx *ctx, const char *what, const tn_tensor *t)
{
    printf("%s:\n", what);
    tn_print(ctx, t);
}

/* A view shares the memory of the tensor that it was made from. Nothing is copied: a view has a
 * shape of its own, and strides, which say how far it is in memory from one element to the next. */
static void views(tn_ctx *ctx, tn_tensor *x)
{
    tn_tensor *t = tn_transpose(ctx, x, 0, 1);
    printf("\nThe transpose has shape %s and strides %s.\n", TN_SHAPE_TEXT(t),
           tn_shape_text(tn_ndim(t), tn_strides(t)).s);
    printf("Its memory is that of x: %s\n", tn_data(t) == tn_data(x) ? "yes" : "no");

    /* A change through one is seen through the other. Functions whose names end in _ change the
     * tensor that they are given. */
    tn_fill_(ctx, tn_select(ctx, x, 1, 0), 9);
    show(ctx, "x after filling its column 0 with 9", x);

    tn_tensor *copy = tn_clone(ctx, tn_slice(ctx, x, 1, 1, 3, 1)); /* x[:, 1:3] in Python */
    tn_fill_(ctx, copy, 0);
    show(ctx, "x after filling a copy of its columns 1 and 2 with 0", x);
}

/* Operators make new tensors. Shapes broadcast as in NumPy: a size of 1 is stretched. */
static void operators(tn_ctx *ctx, const tn_tensor *x)
{
    const float numbers[] = {100, 200, 300};
    tn_tensor *row = tn_from_data(ctx, TN_F32, TN_SHAPE(3), numbers);
    tn_tensor *column = tn_from_data(ctx, TN_F32, TN_SHAPE(2, 1), numbers);
    printf("\n");
    show(ctx, "x plus the row 100, 200, 300", tn_add(ctx, x, row));
    show(ctx, "x plus the column 100, 200", tn_add(ctx, x, column));
    show(ctx, "the sum of each row of x", tn_sum(ctx, x, TN_DIMS(1)));
    show(ctx, "the matrix product of x and its transpose",
         tn_matmul(ctx, x, tn_transpose(ctx, x, 0, 1)));
}

/* A program reads all elements through a pointer, or one of them as a double. Options are in a
 * struct, where 0 stands for the default: here the mean is over all dimensions. */
static void reading(tn_ctx *ctx, const tn_tensor *x)
{
    const float *elements = tn_data_f32(x);
    const int64_t index[] = {1, 2};
    printf("\nThe first element is %g, x[1, 2] is %g, the mean is %g.\n", elements[0],
           tn_at(ctx, x, index), tn_item(ctx, tn_mean(ctx, x, (tn_reduce_opts){0})));
}

/* The first error stays in the context, and calls after it return NULL and do nothing. So a program
 * looks once, when some work is done: the other lessons do it at the end of main. */
static void errors(tn_ctx *ctx, const tn_tensor *x)
{
    tn_tensor *y = tn_relu(ctx, tn_matmul(ctx, x, x));
    printf("\nThe result of a mistake is %s, and the error is\n%s\n", y ? "a tensor" : "NULL",
           tn_error(ctx));
    tn_clear_error(ctx);
}

int main(void)
{
    /* A context holds everything: memory, the first error, the stream of random numbers. */
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_tensor *x = tn_reshape(ctx, tn_arange(ctx, TN_F32, 0, 6, 1), TN_SHAPE(2, 3));
    show(ctx, "x, six numbers of type float in two rows", x);
    views(ctx, x);
    operators(ctx, x);
    reading(ctx, x);
    errors(ctx, x);

    int failed = tn_error_status(ctx) != TN_OK;
    if (failed)
        fprintf(stderr, "%s\n", tn_error(ctx));
    /* What is printed is the result: where it is lost, on a full disk, the program has failed. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("standard output");
        failed = 1;
    }
    tn_ctx_free(ctx); /* frees the tensors, too */
    return failed;
}
