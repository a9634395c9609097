/* 06_own_data.c - introduces data of one's own: a table of numbers as tensors.
 *
 * The table is a CSV file of penguins of three species: the length and depth of the bill, the
 * length of the flipper, and the mass of each. The program reads it with the C library, brings the
 * columns to one scale, and learns to tell the species. Pictures, sounds or the readings of a
 * sensor come in the same way: whatever is in an array becomes a tensor by tn_from_data.
 *
 * Run it in the root of the repository:  make lessons && build/bin/06_own_data
 *
 * It prints:
 *
 *     342 penguins, of which 100 are kept for the test
 *     98 of 100 are recognised
 *     the new one is of species Adelie with probability 0.29
 *     the new one is of species Chinstrap with probability 0.71
 *     the new one is of species Gentoo with probability 0.00 */
#include <stdio.h>
#include <string.h>
#include <tn/tn.h>

#define TABLE "examples/data/penguins/penguins.csv"

enum { MOST = 400, COLUMNS = 4, SPECIES = 3, TEST = 100 };

static const char *const species[SPECIES] = {"Adelie", "Chinstrap", "Gentoo"};

/* The number of a species; SPECIES, which the loss refuses, if it is none. */
static int64_t species_of(const char *name)
{
    int64_t i = 0;
    while (i < SPECIES && strcmp(name, species[i]) != 0)
        i++;
    return i;
}

/* Reads the table into two arrays and returns how many penguins there are. Lines without numbers
 * are left out: the names of the columns, and the penguins that were not measured ("NA"). */
static int read_table(FILE *file, float x[MOST][COLUMNS], int64_t y[MOST])
{
    char line[256], name[32];
    int count = 0;
    while (count < MOST && fgets(line, sizeof line, file)) {
        float *row = x[count];
        if (sscanf(line, "%31[^,],%*[^,],%f,%f,%f,%f", name, row, row + 1, row + 2, row + 3) == 5)
            y[count++] = species_of(name);
    }
    return count;
}

/* Gradient descent on all rows at once. */
static void train(tn_ctx *ctx, tn_module *net, const tn_tensor *x, const tn_tensor *y)
{
    tn_optim *opt = tn_adam(ctx, net, (tn_adam_opts){.lr = 0.1});
    for (int step = 0; step < 100; step++) {
        tn_scope scope = tn_scope_begin(ctx);
        tn_tensor *scores = tn_forward(ctx, net, x);
        tn_tensor *loss = tn_cross_entropy(ctx, scores, y, (tn_cross_entropy_opts){0});
        tn_zero_grad(opt);
        tn_backward(ctx, loss);
        tn_step(opt);
        tn_scope_end(ctx, scope);
    }
    tn_optim_free(opt);
}

int main(void)
{
    static float rows[MOST][COLUMNS];
    static int64_t numbers[MOST];
    FILE *file = fopen(TABLE, "r");
    if (!file) {
        perror(TABLE);
        return 1;
    }
    int count = read_table(file, rows, numbers);
    fclose(file);
    printf("%d penguins, of which %d are kept for the test\n", count, TEST);

    /* The table is sorted by species: a random order, the same for both arrays, mixes them. */
    tn_ctx *ctx = tn_ctx_new(&(tn_ctx_opts){.seed = 1});
    tn_tensor *order = tn_randperm(ctx, count);
    tn_tensor *x = tn_from_data(ctx, TN_F32, TN_SHAPE(count, COLUMNS), rows);
    tn_tensor *y = tn_from_data(ctx, TN_I64, TN_SHAPE(count), numbers);
    x = tn_index_select(ctx, x, 0, order);
    y = tn_index_select(ctx, y, 0, order);
    tn_tensor *test_x = tn_narrow(ctx, x, 0, 0, TEST), *test_y = tn_narrow(ctx, y, 0, 0, TEST);
    x = tn_narrow(ctx, x, 0, TEST, count - TEST);
    y = tn_narrow(ctx, y, 0, TEST, count - TEST);

    /* Masses are thousands of grams and bills tens of millimetres. In each column the mean of the
     * training rows becomes 0 and their standard deviation 1; test rows are moved along. */
    tn_tensor *mean = tn_mean(ctx, x, TN_DIMS(0));
    tn_tensor *std = tn_sqrt(ctx, tn_mean(ctx, tn_square(ctx, tn_sub(ctx, x, mean)), TN_DIMS(0)));
    tn_module *net = tn_nn_linear(ctx, COLUMNS, SPECIES);
    train(ctx, net, tn_div(ctx, tn_sub(ctx, x, mean), std), y);

    /* Those of the test, and one that was just measured. */
    tn_set_grad_enabled(ctx, false);
    tn_tensor *scores = tn_forward(ctx, net, tn_div(ctx, tn_sub(ctx, test_x, mean), std));
    int64_t right = tn_count_equal(ctx, tn_argmax(ctx, scores, 1), test_y);
    const float measured[COLUMNS] = {45, 18.5F, 196, 3800};
    tn_tensor *one = tn_from_data(ctx, TN_F32, TN_SHAPE(COLUMNS), measured);
    scores = tn_forward(ctx, net, tn_div(ctx, tn_sub(ctx, one, mean), std));
    const float *p = tn_data_f32(tn_softmax(ctx, scores, 0));
    if (tn_ok(ctx))
        printf("%d of %d are recognised\n", (int)right, TEST);
    for (int i = 0; p && i < SPECIES; i++)
        printf("the new one is of species %s with probability %.2f\n", species[i], p[i]);

    int failed = tn_error_status(ctx) != TN_OK;
    if (failed)
        fprintf(stderr, "%s\n", tn_error(ctx));
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("standard output");
        failed = 1;
    }
    tn_ctx_free(ctx);
    return failed;
}
