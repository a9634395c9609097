/* Products by the library's own kernels: every size around the edges of tiles, blocks and pieces,
 * all four ways in which the operands can lie, rows that are further apart than they are long,
 * biases, packers, a B packed beforehand, and the same bits for every number of threads. Elements
 * are small integers where sums are compared with plain loops, so that they are exact. */
#include "common/check_tn.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "tensor/product.h"

RUNS_WITH_EACH_ISA;

enum { APART = 3 }; /* elements between the end of a row and the next one */

/* A product and how its operands lie. */
typedef struct problem {
    tn_dtype dtype;
    int64_t m, n, k;
    bool trans_a, trans_b, by_columns, adds, row_bias, column_bias, packers, packed;
    int64_t depth; /* of blocks, or 0 */
} problem;

static double get(tn_dtype dtype, const void *x, int64_t i)
{
    return dtype == TN_F32 ? ((const float *)x)[i] : ((const double *)x)[i];
}

static void put(tn_dtype dtype, void *x, int64_t i, double value)
{
    if (dtype == TN_F32)
        ((float *)x)[i] = (float)value;
    else
        ((double *)x)[i] = value;
}

static uint32_t seed;

static uint32_t bits(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 16;
}

/* Integers from -3 to 3, or fractions. */
static void *numbers(tn_dtype dtype, int64_t count, bool whole)
{
    void *x = calloc((size_t)count + 1, tn_dtype_size(dtype));
    ck_assert_ptr_nonnull(x);
    for (int64_t i = 0; i < count; i++)
        put(dtype, x, i, whole ? (double)(bits() % 7) - 3 : (double)bits() / 65536 - 0.4);
    return x;
}

/* ---- packers: a matrix that only a function can read ----------------------------------------- */

typedef struct source {
    tn_dtype dtype;
    const void *x;
    int64_t line, step, lines, numbers;
} source;

static double number_of(const source *s, int64_t line, int64_t p)
{
    if (line < 0 || line >= s->lines || p < 0 || p >= s->numbers)
        ck_abort_msg("number %d of line %d was asked for", (int)p, (int)line);
    return get(s->dtype, s->x, line * s->line + p * s->step);
}

static void pack_lines(const void *payload, tn__piece piece, int64_t pitch, void *to)
{
    const source *s = payload;
    for (int64_t l = 0; l < piece.lines; l++)
        for (int64_t p = 0; p < piece.end - piece.begin; p++)
            put(s->dtype, to, l * pitch + p, number_of(s, piece.first + l, piece.begin + p));
}

static void pack_panels(const void *payload, tn__piece piece, int64_t pitch, void *to)
{
    const source *s = payload;
    int64_t depth = piece.end - piece.begin, columns = (piece.lines + pitch - 1) / pitch * pitch;
    for (int64_t l = 0; l < columns; l++)
        for (int64_t p = 0; p < depth; p++)
            put(s->dtype, to, (l - l % pitch) * depth + p * pitch + l % pitch,
                l < piece.lines ? number_of(s, piece.first + l, piece.begin + p) : 0);
}

/* ---- a problem with its numbers -------------------------------------------------------------- */

typedef struct instance {
    problem is;
    void *a, *b, *c, *row_bias, *column_bias, *packed;
    source source_a, source_b;
    tn__product product;
} instance;

static tn__operand operand_of(const source *s, bool packer, tn__pack_fn pack)
{
    if (packer)
        return (tn__operand){.pack = pack, .payload = s};
    return (tn__operand){.data = s->x, .line = s->line, .step = s->step};
}

/* Of C as it lies: its lines, and from one to the next. */
static int64_t lines_of(const problem *is)
{
    return is->by_columns ? is->n : is->m;
}

static int64_t ldc_of(const problem *is)
{
    return (is->by_columns ? is->m : is->n) + APART;
}

static void instance_new(instance *i, problem is, bool whole)
{
    int64_t lda = (is.trans_a ? is.m : is.k) + APART, ldb = (is.trans_b ? is.k : is.n) + APART;
    seed = 1;
    *i = (instance){.is = is,
                    .a = numbers(is.dtype, (is.trans_a ? is.k : is.m) * lda, whole),
                    .b = numbers(is.dtype, (is.trans_b ? is.n : is.k) * ldb, whole),
                    .c = numbers(is.dtype, lines_of(&is) * ldc_of(&is), whole)};
    i->row_bias = is.row_bias ? numbers(is.dtype, is.m, whole) : NULL;
    i->column_bias = is.column_bias ? numbers(is.dtype, is.n, whole) : NULL;
    i->source_a = (source){is.dtype, i->a, is.trans_a ? 1 : lda, is.trans_a ? lda : 1, is.m, is.k};
    i->source_b = (source){is.dtype, i->b, is.trans_b ? ldb : 1, is.trans_b ? 1 : ldb, is.n, is.k};
    i->product = (tn__product){.kernels = tn__kernels_of(ctx, is.dtype),
                               .dtype = is.dtype,
                               .m = is.m,
                               .n = is.n,
                               .k = is.k,
                               .depth = is.depth,
                               .a = operand_of(&i->source_a, is.packers, pack_lines),
                               .b = operand_of(&i->source_b, is.packers, pack_panels),
                               .c = i->c,
                               .ldc = ldc_of(&is),
                               .c_by_columns = is.by_columns,
                               .adds = is.adds,
                               .row_bias = i->row_bias,
                               .column_bias = i->column_bias};
}

/* B is packed beforehand, by as many threads as there are. */
static void pack_b(instance *i)
{
    size_t bytes = tn__product_packed_bytes(&i->product);
    i->packed = aligned_alloc(64, (bytes + 63) / 64 * 64);
    tn__product_pack(ctx, &i->product, i->packed);
    i->product.b.packed = i->packed;
}

static void instance_free(instance *i)
{
    free(i->packed);
    free(i->a);
    free(i->b);
    free(i->c);
    free(i->row_bias);
    free(i->column_bias);
}

/* The lines of an operand one after the other, as the sums of plain loops take them. */
static double *lines_of_operand(const source *s)
{
    double *lines = malloc((size_t)(s->lines * s->numbers + 1) * sizeof *lines);
    for (int64_t l = 0; l < s->lines; l++)
        for (int64_t p = 0; p < s->numbers; p++)
            lines[l * s->numbers + p] = number_of(s, l, p);
    return lines;
}

/* Sums of whole numbers are the same in any order. */
static double dot(const double *a, const double *b, int64_t count)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t p = 0; p < count; p++)
        sum += a[p] * b[p];
    return sum;
}

/* What element of C the sum of its products is added to. */
static double start_of(const instance *i, int64_t row, int64_t column, double before)
{
    const problem *is = &i->is;
    return is->adds          ? before
           : is->row_bias    ? get(is->dtype, i->row_bias, row)
           : is->column_bias ? get(is->dtype, i->column_bias, column)
                             : 0;
}

/* C as it must become; what is between its lines stays. */
static double *expected_of(const instance *i)
{
    const problem *is = &i->is;
    int64_t ld = ldc_of(is), count = lines_of(is) * ld;
    double *want = malloc((size_t)count * sizeof *want);
    double *a = lines_of_operand(&i->source_a), *b = lines_of_operand(&i->source_b);
    for (int64_t e = 0; e < count; e++) {
        int64_t row = is->by_columns ? e % ld : e / ld, column = is->by_columns ? e / ld : e % ld;
        want[e] = get(is->dtype, i->c, e);
        if (e % ld < ld - APART)
            want[e] =
                start_of(i, row, column, want[e]) + dot(a + row * is->k, b + column * is->k, is->k);
    }
    free(a);
    free(b);
    return want;
}

static void check(problem is, int threads)
{
    instance i;
    instance_new(&i, is, true);
    double *want = expected_of(&i);
    if (!is.adds)
        for (int64_t l = 0; l < lines_of(&is); l++)
            put(is.dtype, i.c, l * ldc_of(&is), NAN);
    tn_set_threads(ctx, threads);
    if (is.packed)
        pack_b(&i);
    tn__product_run(ctx, &i.product);
    ck_tn_ok();
    for (int64_t e = 0; e < lines_of(&is) * ldc_of(&is); e++) {
        double got = get(is.dtype, i.c, e);
        if (got != want[e])
            ck_abort_msg("%d x %d x %d, f%d, %s%s%s%s%s%s%s%s%d threads: [%d,%d] is %g, not %g",
                         (int)is.m, (int)is.n, (int)is.k, is.dtype == TN_F32 ? 32 : 64,
                         is.trans_a ? "A transposed, " : "", is.trans_b ? "B transposed, " : "",
                         is.by_columns ? "C by columns, " : "", is.adds ? "added to, " : "",
                         is.row_bias ? "row bias, " : "", is.column_bias ? "column bias, " : "",
                         is.packers ? "packers, " : "", is.packed ? "packed, " : "", threads,
                         (int)(e / ldc_of(&is)), (int)(e % ldc_of(&is)), got, want[e]);
    }
    free(want);
    instance_free(&i);
}

/* Both types, the four ways of lying; what else there is by turns. */
static void check_ways(int64_t m, int64_t n, int64_t k)
{
    for (int way = 0; way < 8; way++) {
        problem is = {.dtype = way % 2 ? TN_F32 : TN_F64,
                      .m = m,
                      .n = n,
                      .k = k,
                      .trans_a = way / 2 % 2,
                      .trans_b = way / 4};
        int64_t turn = m + n + k + way / 2;
        is.adds = turn % 4 == 1;
        is.row_bias = turn % 4 == 2;
        is.column_bias = turn % 4 == 3;
        is.packers = turn % 5 == 0;
        is.by_columns = turn % 7 == 0;
        check(is, (int)(turn % 3) + 1);
        is.packed = is.trans_b && !is.packers;
        if (is.packed)
            check(is, (int)(turn % 3) + 1);
    }
}

/* ---- sizes ----------------------------------------------------------------------------------- */

static tn__tile_size tile_of(tn_dtype dtype)
{
    return tn__kernels_of(ctx, dtype)->product_tile();
}

/* Up to two tiles and one more, down and to the right. */
START_TEST(tiles)
{
    tn__tile_size tile = tile_of(TN_F32);
    for (int64_t m = 1; m <= 2 * tile.rows + 1; m++)
        for (int64_t n = 1; n <= 2 * tile.columns + 1; n++)
            check_ways(m, n, (m * 3 + n) % 7);
}
END_TEST

/* Both operands by lines and C wider than high, with so many terms that the product is turned. */
START_TEST(wide_products)
{
    for (int64_t m = 1; m <= 36; m += 5)
        for (int64_t n = 2 * m; n <= 5 * m + 3; n += 3 * m + 3)
            for (int way = 0; way < 16; way++)
                check((problem){.dtype = way % 2 ? TN_F32 : TN_F64,
                                .m = m,
                                .n = n,
                                .k = 8 * m + way,
                                .trans_b = true,
                                .adds = way / 2 % 4 == 1,
                                .row_bias = way / 2 % 4 == 2,
                                .column_bias = way / 2 % 4 == 3,
                                .by_columns = way / 8},
                      way % 3 + 1);
}
END_TEST

/* Terms around one, two and four blocks of each type. */
START_TEST(depths)
{
    static const int64_t edges[] = {16, 32, 256, 512, 768, 1024, 2048};
    for (int e = 0; e < 7; e++)
        for (int64_t k = edges[e] - 1; k <= edges[e] + 1; k++) {
            check_ways(3, 5, k);
            check_ways(17, 33, k);
        }
}
END_TEST

/* Blocks that are deeper than the kernel's pitch, of an A that is packed by rows. */
START_TEST(deep_blocks)
{
    for (int threads = 1; threads <= 2; threads++)
        for (int64_t depth = 250; depth <= 1250; depth += 125) {
            check((problem){.dtype = TN_F32, .m = 40, .n = 800, .k = 1300, .depth = depth},
                  threads);
            check((problem){.dtype = TN_F64, .m = 40, .n = 800, .k = 1300, .depth = depth},
                  threads);
        }
}
END_TEST

/* Rows around the number to which B stays in place, and around blocks of A. */
START_TEST(rows)
{
    int64_t block = 24 * tile_of(TN_F32).rows;
    for (int64_t m = 63; m <= 66; m++)
        check_ways(m, 1100, 61);
    for (int64_t m = block - 1; m <= block + 1; m++)
        check_ways(m, 70, 9);
    check_ways(2 * block + 1, 800, 5);
}
END_TEST

/* Columns around the number to which A stays in place, and around blocks of B; rows of B that are a
 * large power of two apart; few rows and many columns, whose roles are exchanged. */
START_TEST(columns)
{
    for (int64_t n = 766; n <= 770; n++)
        check_ways(15, n, 19);
    for (int64_t n = 2047; n <= 2050; n++)
        check_ways(67, n, 33);
    check_ways(65, 4099, 17);
    check_ways(400, 67, 257);
    check_ways(31, 4096 - APART, 33);
    for (int64_t m = 127; m <= 129; m++)
        check_ways(m, 2 * m, 65);
    check_ways(37, 300, 1030);
}
END_TEST

/* Terms around the number from which sums are made in pieces. */
START_TEST(pieces)
{
    for (int64_t k = 16383; k <= 16386; k++)
        check_ways(5, 7, k);
    check_ways(31, 65, 3 * 8192 + 1);
}
END_TEST

START_TEST(nothing_to_add)
{
    check_ways(3, 4, 0);
    tn__product none = {.kernels = tn__kernels_of(ctx, TN_F32), .k = 5};
    none.m = 7;
    tn__product_run(ctx, &none);
    none.m = 0;
    none.n = 7;
    tn__product_run(ctx, &none);
    tn__product_serial(&none, NULL);
    float c[21] = {7};
    char space[TN_ALIGNMENT];
    none.m = 3;
    none.k = 0;
    none.c = (char *)c;
    none.ldc = none.n;
    tn__product_serial(&none, space);
    ck_assert_double_eq(c[0], 0);
}
END_TEST

/* ---- space ----------------------------------------------------------------------------------- */

/* Smaller products in the space of the whole, behind which nothing is written: of any rows, columns
 * and terms, for others of these are small enough to be used in place, or to be cut deeper. */
static void check_space(problem is)
{
    enum { GUARD = 65536 };
    instance i;
    instance_new(&i, is, false);
    size_t bytes = tn__product_space(&i.product);
    unsigned char *space = aligned_alloc(64, (bytes + 63) / 64 * 64 + GUARD);
    memset(space + bytes, 0x5a, GUARD);
    for (int64_t m = is.m; m > 0; m = m / 2)
        for (int64_t n = is.n; n > 0; n = n > 40 ? n / 2 : n - 3)
            for (int64_t k = is.k; k > is.k / 3; k -= is.k / 4) {
                tn__product smaller = i.product;
                smaller.m = m;
                smaller.n = n;
                smaller.k = k;
                tn__product_serial(&smaller, space);
            }
    for (int64_t j = 0; j < GUARD; j++)
        if (space[bytes + (size_t)j] != 0x5a)
            ck_abort_msg("%d x %d x %d: byte %d behind the space", (int)is.m, (int)is.n, (int)is.k,
                         (int)j);
    free(space);
    instance_free(&i);
}

START_TEST(space_of_smaller_products)
{
    static const int64_t sizes[][3] = {{3, 18, 1900},  {14, 33, 2100}, {14, 70, 1000},
                                       {15, 40, 1900}, {70, 18, 1900}, {20, 800, 300}};
    for (int i = 0; i < 6; i++)
        for (int how = 0; how < 8; how++)
            check_space((problem){.dtype = how % 2 ? TN_F64 : TN_F32,
                                  .m = sizes[i][0],
                                  .n = sizes[i][1],
                                  .k = sizes[i][2],
                                  .trans_a = how & 2,
                                  .trans_b = how & 4});
}
END_TEST

/* ---- bits ------------------------------------------------------------------------------------ */

/* The bits of C for so many threads; 0: on this thread, in parts, with the space of the whole. */
static void *bits_of(problem is, int threads)
{
    instance i;
    instance_new(&i, is, false);
    if (threads > 0) {
        tn_set_threads(ctx, threads);
        if (is.packed)
            pack_b(&i);
        tn__product_run(ctx, &i.product);
    } else {
        void *space = aligned_alloc(64, tn__product_space(&i.product));
        for (int64_t r = 0; r < is.m; r += 19)
            for (int64_t s = 0; s < is.n; s += 37) {
                int64_t r1 = r + 19 < is.m ? r + 19 : is.m, s1 = s + 37 < is.n ? s + 37 : is.n;
                tn__product part = tn__product_part(&i.product, r, r1, s, s1);
                tn__product_serial(&part, space);
            }
        free(space);
    }
    void *c = i.c;
    i.c = NULL;
    instance_free(&i);
    return c;
}

/* Threads, parts, packers and a B that is packed beforehand change no bit; the last B is cut into
 * blocks as matrices alone are. */
START_TEST(same_bits)
{
    static const int64_t sizes[][3] = {
        {350, 90, 1100}, {33, 1500, 600}, {64, 64, 64}, {900, 31, 257}, {9, 70, 20000}};
    for (int s = 0; s < 5; s++)
        for (int way = 0; way < 8; way++) {
            problem is = {.dtype = way % 2 ? TN_F32 : TN_F64,
                          .m = sizes[s][0],
                          .n = sizes[s][1],
                          .k = sizes[s][2],
                          .trans_a = way / 2 % 2,
                          .trans_b = way / 4,
                          .column_bias = s == 1};
            void *want = bits_of(is, 1);
            size_t bytes = (size_t)(is.m * ldc_of(&is)) * tn_dtype_size(is.dtype);
            for (int threads = 0; threads <= 7; threads++) {
                is.packers = s < 4 && (threads == 3 || (threads == 0 && s == 1));
                is.packed = is.trans_b && (threads == 1 || threads == 5);
                void *got = bits_of(is, threads);
                ck_assert_msg(memcmp(got, want, bytes) == 0, "size %d, way %d, %d threads", s, way,
                              threads);
                free(got);
            }
            free(want);
        }
}
END_TEST

/* Next to a sum in long double: k terms below 1 whose sum is rounded in blocks, with an error that
 * grows with the square root of their number. */
START_TEST(near_the_sum)
{
    static const int64_t terms[] = {1, 64, 1000, 9000, 100000};
    for (int d = 0; d < 10; d++) {
        problem is = {.dtype = d % 2 ? TN_F32 : TN_F64, .m = 3, .n = 35, .k = terms[d / 2]};
        instance i;
        instance_new(&i, is, false);
        tn__product_run(ctx, &i.product);
        double unit = is.dtype == TN_F32 ? 0x1p-24 : 0x1p-53;
        for (int64_t e = 0; e < is.m * is.n; e++) {
            long double sum = 0, size = 0;
            for (int64_t p = 0; p < is.k; p++) {
                long double term = (long double)number_of(&i.source_a, e / is.n, p) *
                                   (long double)number_of(&i.source_b, e % is.n, p);
                sum += term;
                size += fabsl(term);
            }
            long double got = get(is.dtype, i.c, e / is.n * ldc_of(&is) + e % is.n);
            long double bound = 4 * unit * size * (1 + sqrtl(fminl(512, (long double)is.k)) / 8);
            if (!(fabsl(got - sum) <= bound))
                ck_abort_msg("k = %d: off by %Lg, more than %Lg", (int)is.k, fabsl(got - sum),
                             bound);
        }
        instance_free(&i);
    }
}
END_TEST

START_TEST(special_values)
{
    float a[] = {0, 1, NAN, 2, 0, 0}, b[] = {INFINITY, 1, 1, 1}, c[6];
    for (int i = 0; i < 6; i++)
        c[i] = NAN;
    tn__product p = {.kernels = tn__kernels_of(ctx, TN_F32),
                     .dtype = TN_F32,
                     .m = 3,
                     .n = 2,
                     .k = 2,
                     .a = {.data = (const char *)a, .line = 2, .step = 1},
                     .b = {.data = (const char *)b, .line = 1, .step = 2},
                     .c = (char *)c,
                     .ldc = 2};
    tn__product_run(ctx, &p);
    ck_assert(isnan(c[0]) && c[1] == 1 && isnan(c[2]) && isnan(c[3]) && isnan(c[4]) && c[5] == 0);
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------- */

static tn_status multiply(void *payload)
{
    tn__product_run(ctx, payload);
    return tn_error_status(ctx);
}

START_TEST(short_memory)
{
    instance i;
    instance_new(&i, (problem){.m = 100, .n = 800, .k = 300, .trans_b = true}, true);
    fail_each_allocation(multiply, &i.product);
    instance_free(&i);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("product");
    TCase *tc = tn_case(suite, "product");
    tcase_add_test(tc, tiles);
    tcase_add_test(tc, wide_products);
    tcase_add_test(tc, depths);
    tcase_add_test(tc, deep_blocks);
    tcase_add_test(tc, rows);
    tcase_add_test(tc, columns);
    tcase_add_test(tc, pieces);
    tcase_add_test(tc, nothing_to_add);
    tcase_add_test(tc, space_of_smaller_products);
    tcase_add_test(tc, same_bits);
    tcase_add_test(tc, near_the_sum);
    tcase_add_test(tc, special_values);
    tcase_add_test(tc, short_memory);
    return tn_run(suite);
}
