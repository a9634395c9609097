/* The loader: batches, shuffling, scaling, and errors. */
#include "common/check_tn.h"

#include <math.h>

/* Sample i is [10 i, 10 i + 1], its label i. */
static tn_tensor *samples(tn_dtype dtype, int64_t n)
{
    tn_tensor *t = tn_empty(ctx, dtype, TN_SHAPE(n, 2));
    for (int64_t i = 0; t && i < 2 * n; i++)
        tn__store_f64(dtype, (char *)tn_data_mut(t) + (size_t)i * tn_dtype_size(dtype),
                      (double)(i / 2 * 10 + i % 2));
    return t;
}

static tn_tensor *labels(int64_t n)
{
    return tn_arange(ctx, TN_I64, 0, (double)n, 1);
}

START_TEST(batches_in_order)
{
    tn_loader *l =
        tn_loader_new(ctx, samples(TN_F32, 7), labels(7), (tn_loader_opts){.batch_size = 3});
    tn_batch b;
    ck_assert_int_eq(tn_loader_batches(l), 3);
    for (int epoch = 0; epoch < 3; epoch++) {
        ck_assert(tn_loader_next(l, &b));
        ck_assert(b.size == 3 && b.number == 0);
        ck_tn_equal(b.x, 0, 1, 10, 11, 20, 21);
        ck_tn_equal(b.y, 0, 1, 2);
        ck_assert(tn_loader_next(l, &b));
        ck_assert(b.size == 3 && b.number == 1);
        ck_tn_equal(b.x, 30, 31, 40, 41, 50, 51);
        ck_assert(tn_loader_next(l, &b));
        ck_assert(b.size == 1 && b.number == 2);
        ck_tn_shape(b.x, "[1,2]");
        ck_tn_shape(b.y, "[1]");
        ck_tn_equal(b.x, 60, 61);
        ck_tn_equal(b.y, 6);
        ck_assert(tn_is_contiguous(b.x));
        ck_assert(!tn_loader_next(l, &b));
        ck_tn_ok();
    }
}
END_TEST

static int64_t count_batches(int64_t n, tn_loader_opts opts, int64_t *last)
{
    tn_loader *l = tn_loader_new(ctx, samples(TN_U8, n), NULL, opts);
    tn_batch b;
    int64_t count = 0;
    for (*last = 0; tn_loader_next(l, &b); count++) {
        ck_assert_ptr_null(b.y);
        ck_assert_int_eq(tn_size(b.x, 0), b.size);
        *last = b.size;
    }
    ck_assert_int_eq(tn_loader_batches(l), count);
    tn_loader_free(l);
    return count;
}

START_TEST(numbers_of_batches)
{
    static const struct {
        int64_t n, batch_size, count, last, full;
    } cases[] = {{7, 3, 3, 1, 2},         {6, 3, 2, 3, 2},  {6, 0, 1, 6, 1},
                 {6, 6, 1, 6, 1},         {6, 10, 1, 6, 0}, {1, 1, 1, 1, 1},
                 {5, INT64_MAX, 1, 5, 0}, {5, 1, 5, 1, 5},  {100, 7, 15, 2, 14}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t last;
        tn_loader_opts opts = {.batch_size = cases[i].batch_size};
        ck_assert_int_eq(count_batches(cases[i].n, opts, &last), cases[i].count);
        ck_assert_int_eq(last, cases[i].last);
        opts.drop_last = true;
        ck_assert_int_eq(count_batches(cases[i].n, opts, &last), cases[i].full);
        ck_assert(last == 0 || last == (cases[i].batch_size ? cases[i].batch_size : cases[i].n));
    }
    ck_assert_int_eq(tn_loader_batches(NULL), 0);
}
END_TEST

/* None is the number of one that is gone, wherever the new one lies. */
START_TEST(each_has_its_number)
{
    tn_tensor *x = tn_zeros(ctx, TN_F32, TN_SHAPE(3));
    int64_t last = 0;
    for (int i = 0; i < 4; i++) {
        tn_loader *l = tn_loader_new(ctx, x, NULL, (tn_loader_opts){0});
        ck_assert_int_gt(tn_loader_id(l), last);
        last = tn_loader_id(l);
        tn_loader_free(l);
    }
    ck_assert_int_eq(tn_loader_id(NULL), 0);
}
END_TEST

#define N 23

/* One epoch: every sample once, with its own label. */
static void one_epoch(tn_loader *l, int64_t order[N])
{
    tn_batch b;
    int64_t n = 0, seen = 0;
    while (tn_loader_next(l, &b))
        for (int64_t i = 0; i < b.size; i++, n++) {
            order[n] = tn_data_i64(b.y)[i];
            seen |= (int64_t)1 << order[n];
            ck_assert_double_eq(tn_at(ctx, b.x, (int64_t[]){i, 1}), (double)(10 * order[n] + 1));
        }
    ck_assert_int_eq(n, N);
    ck_assert_int_eq(seen, ((int64_t)1 << N) - 1);
}

static int64_t moved(const int64_t a[N], const int64_t b[N])
{
    int64_t count = 0;
    for (int i = 0; i < N; i++)
        count += a[i] != b[i];
    return count;
}

START_TEST(shuffles)
{
    int64_t sorted[N], first[N], second[N], again[N];
    for (int i = 0; i < N; i++)
        sorted[i] = i;
    tn_loader_opts opts = {.batch_size = 5, .shuffle = true};
    tn_loader *l = tn_loader_new(ctx, samples(TN_I32, N), labels(N), opts);
    one_epoch(l, first);
    one_epoch(l, second);
    ck_assert_int_gt(moved(first, sorted), N / 2);
    ck_assert_int_gt(moved(first, second), N / 2);
    tn_manual_seed(ctx, 1);
    one_epoch(l, again);
    ck_assert_int_eq(moved(again, first), 0);
    tn_set_threads(ctx, 5);
    tn_manual_seed(ctx, 1);
    opts.batch_size = 4;
    one_epoch(tn_loader_new(ctx, samples(TN_I32, N), labels(N), opts), again);
    ck_assert_int_eq(moved(again, first), 0);
    tn_manual_seed(ctx, 2);
    one_epoch(l, again);
    ck_assert_int_gt(moved(again, first), N / 2);
}
END_TEST

START_TEST(scales_every_dtype)
{
    tn_tensor *x = _i == TN_BOOL ? tn_ones(ctx, TN_BOOL, TN_SHAPE(3, 2)) : samples((tn_dtype)_i, 3);
    tn_loader *l = tn_loader_new(ctx, x, labels(3), (tn_loader_opts){.scale = 1 / 255.0});
    tn_batch b;
    ck_assert(tn_loader_next(l, &b));
    ck_assert_int_eq(tn_dtype_of(b.x), TN_F32);
    ck_assert_int_eq(tn_dtype_of(b.y), TN_I64);
    for (int64_t i = 0; i < 6; i++)
        ck_assert_double_eq_tol(element_of(b.x, i), element_of(x, i) / 255, 1e-7);
    l = tn_loader_new(ctx, x, x, (tn_loader_opts){.batch_size = 2});
    ck_assert(tn_loader_next(l, &b));
    ck_assert_int_eq(tn_dtype_of(b.x), _i);
    ck_assert_int_eq(tn_dtype_of(b.y), _i);
    for (int64_t i = 0; i < 4; i++)
        ck_assert_double_eq(element_of(b.x, i), element_of(x, i));
}
END_TEST

START_TEST(every_byte_is_scaled_rightly)
{
    uint8_t bytes[256];
    for (int i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    tn_tensor *x = tn_from_data(ctx, TN_U8, TN_SHAPE(1, 256), bytes);
    tn_loader *l = tn_loader_new(ctx, x, NULL, (tn_loader_opts){.scale = 1 / 255.0});
    tn_batch b;
    ck_assert(tn_loader_next(l, &b));
    for (int i = 0; i < 256; i++)
        ck_assert_double_eq_tol(tn_data_f32(b.x)[i], i / 255.0, 1.2e-7);
    ck_assert_float_eq(tn_data_f32(b.x)[0], 0);
}
END_TEST

START_TEST(shares_the_data)
{
    tn_tensor *x = samples(TN_F32, 4);
    tn_scope scope = tn_scope_begin(ctx);
    tn_loader *l =
        tn_loader_new(ctx, tn_slice(ctx, x, 0, 1, 4, 1), tn_narrow(ctx, labels(4), 0, 1, 3),
                      (tn_loader_opts){.batch_size = 3});
    tn_loader *strided =
        tn_loader_new(ctx, tn_slice(ctx, x, 0, 1, 4, 2), NULL, (tn_loader_opts){0});
    tn_scope_end(ctx, scope);
    tn_batch b;
    ck_assert(tn_loader_next(strided, &b));
    ck_tn_equal(b.x, 10, 11, 30, 31);
    tn_fill_(ctx, x, 5);
    tn_free(x);
    ck_assert(tn_loader_next(l, &b));
    ck_tn_equal(b.x, 5, 5, 5, 5, 5, 5);
    ck_tn_equal(b.y, 1, 2, 3);
}
END_TEST

START_TEST(allocates_nothing)
{
    tn_loader *l = tn_loader_new(ctx, samples(TN_U8, 1000), labels(1000),
                                 (tn_loader_opts){.batch_size = 64, .shuffle = true, .scale = 2});
    tn_empty_cache(ctx);
    int64_t calls = memory.calls, live = tn_memory(ctx).live_bytes;
    tn_batch b;
    for (int epoch = 0; epoch < 3; epoch++)
        while (tn_loader_next(l, &b))
            ck_assert_int_eq(tn_memory(ctx).live_bytes, live);
    ck_assert_int_eq(memory.calls, calls);
}
END_TEST

/* A batch that was saved for backward and then filled anew is noticed. */
START_TEST(next_batch_is_a_change_in_place)
{
    tn_loader *l = tn_loader_new(ctx, samples(TN_F64, 4), NULL,
                                 (tn_loader_opts){.batch_size = 2, .prefetch = _i});
    tn_tensor *w = leaf(tn_ones(ctx, TN_F64, TN_SHAPE(2)));
    tn_batch b;
    tn_loader_next(l, &b);
    tn_tensor *loss = tn_sum(ctx, tn_mul(ctx, b.x, w), (tn_reduce_opts){0});
    tn_loader_next(l, &b);
    ck_assert_int_eq(tn_backward(ctx, loss), TN_ERR_STATE);
    tn_clear_error(ctx);
}
END_TEST

/* A leaf for which there is no memory: the same batch comes again, and requires its gradient. */
START_TEST(leaf_without_memory)
{
    tn_loader *l = tn_loader_new(ctx, samples(TN_F32, 12), NULL,
                                 (tn_loader_opts){.batch_size = 4, .prefetch = _i});
    tn_batch b;
    ck_assert(tn_loader_next(l, &b));
    tn_set_requires_grad(ctx, b.x, true);
    tn_tensor *loss = tn_sum(ctx, tn_square(ctx, b.x), (tn_reduce_opts){0});
    ck_assert_ptr_nonnull(loss);
    tn_empty_cache(ctx);
    memory.calls = 0;
    memory.fail_at = 1;
    ck_assert(!tn_loader_next(l, &b));
    memory.fail_at = 0;
    ck_assert_int_eq(tn_error_status(ctx), TN_ERR_MEMORY);
    tn_clear_error(ctx);
    ck_assert(tn_loader_next(l, &b));
    ck_assert_int_eq(b.number, 1);
    ck_assert(tn_requires_grad(b.x));
    ck_assert_float_eq(tn_data_f32(b.x)[0], 40);
}
END_TEST

START_TEST(more_dimensions)
{
    tn_tensor *x = tn_reshape(ctx, tn_arange(ctx, TN_U8, 0, 24, 1), TN_SHAPE(3, 2, 1, 4));
    tn_tensor *y = tn_zeros(ctx, TN_F32, TN_SHAPE(3, 0));
    tn_loader *l = tn_loader_new(ctx, x, y, (tn_loader_opts){.batch_size = 2});
    tn_batch b;
    ck_assert(tn_loader_next(l, &b));
    ck_tn_shape(b.x, "[2,2,1,4]");
    ck_tn_shape(b.y, "[2,0]");
    ck_assert(tn_loader_next(l, &b));
    ck_tn_equal(b.x, 16, 17, 18, 19, 20, 21, 22, 23);
}
END_TEST

START_TEST(errors)
{
    tn_loader_opts opts = {.batch_size = 2};
    tn_batch b;
    int64_t live = tn_memory(ctx).live_bytes;
    ck_assert_ptr_null(tn_loader_new(ctx, NULL, NULL, opts));
    ck_tn_error(TN_ERR_ARGUMENT, "loader: x is NULL");
    ck_assert_int_eq(tn_memory(ctx).live_bytes, live);
    ck_assert_ptr_null(tn_loader_new(ctx, samples(TN_F32, 3), labels(4), opts));
    ck_tn_error(TN_ERR_SHAPE,
                "loader: x [3,2] and y [4]; expected as many samples in each, and at least one");
    ck_assert_ptr_null(tn_loader_new(ctx, samples(TN_F32, 0), NULL, opts));
    ck_tn_error(TN_ERR_SHAPE,
                "loader: x [0,2] and y NULL; expected as many samples in each, and at least one");
    ck_assert_ptr_null(tn_loader_new(ctx, tn_scalar(ctx, TN_F32, 1), NULL, opts));
    ck_assert_int_eq(tn_error_status(ctx), TN_ERR_SHAPE);
    tn_clear_error(ctx);
    opts.batch_size = -1;
    ck_assert_ptr_null(tn_loader_new(ctx, labels(3), NULL, opts));
    ck_tn_error(TN_ERR_ARGUMENT, "loader: batch size -1");
    ck_assert_ptr_null(tn_loader_new(ctx, labels(3), NULL, (tn_loader_opts){.scale = INFINITY}));
    ck_tn_error(TN_ERR_ARGUMENT, "loader: scale inf");
    ck_assert(!tn_loader_next(NULL, &b));
    tn_loader *l = tn_loader_new(ctx, labels(3), NULL, (tn_loader_opts){0});
    ck_assert(!tn_loader_next(l, NULL));
    tn_fail(ctx, TN_ERR_STATE, "stop");
    ck_assert(!tn_loader_next(l, &b));
    tn_clear_error(ctx);
    ck_assert(tn_loader_next(l, &b));
    ck_tn_equal(b.x, 0, 1, 2);
    tn_loader_free(l);
    tn_loader_free(NULL);
}
END_TEST

/* The shorter batch is a leaf of its own size, with a gradient of its own. */
START_TEST(batches_that_require_gradients)
{
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(5, 2));
    tn_loader *loader =
        tn_loader_new(ctx, x, NULL, (tn_loader_opts){.batch_size = 3, .prefetch = _i});
    tn_batch batch;
    for (int64_t size = 3; tn_loader_next(loader, &batch); size = 2) {
        leaf(batch.x);
        ck_assert_ptr_null(tn_grad(batch.x));
        tn_backward(ctx, tn_sum(ctx, tn_square(ctx, batch.x), (tn_reduce_opts){0}));
        ck_tn_ok();
        ck_assert_int_eq(tn_size(tn_grad(batch.x), 0), size);
        ck_assert_double_eq(element_of(tn_grad(batch.x), 2 * size - 1), 2);
    }
    tn_loader_free(loader);
}
END_TEST

START_TEST(samples_without_elements)
{
    tn_tensor *x = tn_zeros(ctx, TN_F32, TN_SHAPE((int64_t)1 << 40, 0));
    tn_loader *loader = tn_loader_new(ctx, x, NULL, (tn_loader_opts){0});
    tn_batch batch;
    ck_assert(tn_loader_next(loader, &batch));
    ck_assert_int_eq(batch.size, (int64_t)1 << 40);
    tn_loader_free(loader);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loader");
    TCase *tc = tn_case(suite, "loader");
    tcase_add_test(tc, batches_in_order);
    tcase_add_test(tc, numbers_of_batches);
    tcase_add_test(tc, each_has_its_number);
    tcase_add_loop_test(tc, leaf_without_memory, 0, 2);
    tcase_add_test(tc, shuffles);
    tcase_add_loop_test(tc, scales_every_dtype, 0, TN_DTYPES);
    tcase_add_test(tc, every_byte_is_scaled_rightly);
    tcase_add_test(tc, shares_the_data);
    tcase_add_test(tc, allocates_nothing);
    tcase_add_loop_test(tc, next_batch_is_a_change_in_place, 0, 2);
    tcase_add_test(tc, more_dimensions);
    tcase_add_test(tc, errors);
    tcase_add_loop_test(tc, batches_that_require_gradients, 0, 2);
    tcase_add_test(tc, samples_without_elements);
    return tn_run(suite);
}
