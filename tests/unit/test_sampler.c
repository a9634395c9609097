/* Samplers: how often samples come, and in which order. */
#include "common/check_tn.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <tn/data.h>

enum { MOST = 4096 };

/* The samples of an epoch in their order; returns how many they are. */
static int64_t epoch(tn_loader *l, int64_t *order)
{
    tn_batch b;
    int64_t n = 0;
    while (tn_loader_next(l, &b))
        for (int64_t i = 0; i < b.size; i++)
            order[n++] = tn_data_i64(b.x)[i];
    ck_tn_ok();
    return n;
}

static tn_loader *loader_of(int64_t n, tn_loader_opts opts)
{
    return tn_loader_new(ctx, tn_arange(ctx, TN_I64, 0, (double)n, 1), NULL, opts);
}

/* ---- weights --------------------------------------------------------------------------------- */

/* Of N draws, N p (1 - p) is the variance of how often one of probability p comes: five standard
 * deviations are exceeded once in 1.7 million. */
START_TEST(as_often_as_the_weights_say)
{
    const double weights[] = {0, 1, 2, 0, 5, 0.5, 0};
    int64_t order[MOST], count[7] = {0};
    tn_tensor *w = tn_from_data(ctx, TN_F64, TN_SHAPE(7), weights);
    if (_i == 1)
        w = tn_cast(ctx, w, TN_F32);
    if (_i == 2)
        w = tn_select(ctx, tn_stack(ctx, TN_TENSORS(w, tn_zeros(ctx, TN_F64, TN_SHAPE(7))), 1), 1,
                      0);
    tn_loader *l =
        loader_of(7, (tn_loader_opts){.batch_size = 100, .weights = w, .num_samples = MOST});
    ck_assert_int_eq(tn_loader_batches(l), 41);
    ck_assert_int_eq(epoch(l, order), MOST);
    for (int i = 0; i < MOST; i++)
        count[order[i]]++;
    for (int i = 0; i < 7; i++) {
        double p = weights[i] / 8.5;
        ck_assert_double_le(fabs((double)count[i] - MOST * p), 5 * sqrt(MOST * p * (1 - p)));
    }
}
END_TEST

/* The largest weights that there are, and the smallest. */
START_TEST(extreme_weights)
{
    int64_t order[MOST];
    double large[] = {0, DBL_MAX, 0}, small[] = {0, 0, 0x1p-1074, 0};
    tn_loader_opts opts = {.num_samples = MOST};
    opts.weights = tn_from_data(ctx, TN_F64, TN_SHAPE(3), large);
    epoch(loader_of(3, opts), order);
    for (int i = 0; i < MOST; i++)
        ck_assert_int_eq(order[i], 1);
    opts.weights = tn_from_data(ctx, TN_F64, TN_SHAPE(4), small);
    epoch(loader_of(4, opts), order);
    for (int i = 0; i < MOST; i++)
        ck_assert_int_eq(order[i], 2);
}
END_TEST

/* Without a number, an epoch has as many as there are samples. */
START_TEST(as_many_as_samples)
{
    int64_t first[9], second[9];
    tn_loader *l = loader_of(9, (tn_loader_opts){.weights = tn_ones(ctx, TN_F32, TN_SHAPE(9))});
    ck_assert_int_eq(epoch(l, first), 9);
    ck_assert_int_eq(epoch(l, second), 9);
    ck_assert_int_ne(memcmp(first, second, sizeof first), 0);
    tn_manual_seed(ctx, 1);
    epoch(l, second);
    ck_assert_int_eq(memcmp(first, second, sizeof first), 0);
}
END_TEST

START_TEST(balanced_weights)
{
    const int32_t labels[] = {3, 0, 3, 3, 5, 0};
    tn_tensor *t = tn_from_data(ctx, TN_I32, TN_SHAPE(6), labels);
    ck_tn_close(tn_balanced_weights(ctx, t), 1e-15, 2 / 3.0, 1, 2 / 3.0, 2 / 3.0, 2, 1);
    ck_tn_close(tn_balanced_weights(ctx, tn_slice(ctx, t, 0, 0, 6, 2)), 1e-15, 0.75, 0.75, 1.5);
    int64_t order[MOST], count[6] = {0};
    epoch(
        loader_of(6, (tn_loader_opts){.weights = tn_balanced_weights(ctx, t), .num_samples = MOST}),
        order);
    for (int i = 0; i < MOST; i++)
        count[labels[order[i]]]++;
    for (int c = 0; c < 6; c++)
        ck_assert(c % 5 && c != 3 ? count[c] == 0
                                  : fabs((double)count[c] - MOST / 3.0) < 5 * sqrt(MOST * 2 / 9.0));
}
END_TEST

/* ---- strata ---------------------------------------------------------------------------------- */

enum { SAMPLES = 997, CLASSES = 4 };

/* The largest difference between how many of a class a run of `length` samples has and how many it
 * would have if classes could be cut. */
static double unevenness(const int64_t *order, const int64_t *labels, int64_t length)
{
    int64_t whole[CLASSES] = {0};
    double most = 0;
    for (int i = 0; i < SAMPLES; i++)
        whole[labels[i]]++;
    for (int64_t at = 0; at + length <= SAMPLES; at += length) {
        int64_t count[CLASSES] = {0};
        for (int64_t i = at; i < at + length; i++)
            count[labels[order[i]]]++;
        for (int c = 0; c < CLASSES; c++)
            most = fmax(most, fabs((double)count[c] - (double)length * (double)whole[c] / SAMPLES));
    }
    return most;
}

/* Half of the samples are of class 0, a quarter of class 1; class 2 is rare and class 3 is there
 * once. A shuffle of 50 has a standard deviation of 3.5 in class 0 alone. */
START_TEST(batches_have_the_proportions)
{
    int64_t labels[SAMPLES], order[SAMPLES], other[SAMPLES];
    bool seen[SAMPLES] = {false};
    for (int i = 0; i < SAMPLES; i++)
        labels[i] = i == 500 ? 3 : i < 500 ? 0 : i < 750 ? 1 : 2;
    tn_tensor *t = tn_from_data(ctx, TN_I64, TN_SHAPE(SAMPLES), labels);
    tn_loader *l = loader_of(SAMPLES, (tn_loader_opts){.batch_size = 50, .stratify = t});
    ck_assert_int_eq(epoch(l, order), SAMPLES);
    ck_assert_double_le(unevenness(order, labels, 50), 2.5);
    ck_assert_double_le(unevenness(order, labels, 10), 2.5);
    for (int i = 0; i < SAMPLES; i++) {
        ck_assert(!seen[order[i]]);
        seen[order[i]] = true;
    }
    ck_assert_int_eq(epoch(l, other), SAMPLES);
    ck_assert_double_le(unevenness(other, labels, 50), 2.5);
    int64_t same = 0;
    for (int i = 0; i < SAMPLES; i++)
        same += order[i] == other[i];
    ck_assert_int_lt(same, 20);
}
END_TEST

/* Where the only sample of a class comes, each epoch draws. */
START_TEST(rare_samples_come_anywhere)
{
    int64_t labels[20] = {1}, order[20], places = 0;
    tn_tensor *t = tn_from_data(ctx, TN_I64, TN_SHAPE(20), labels);
    tn_loader *l = loader_of(20, (tn_loader_opts){.stratify = t});
    for (int i = 0; i < 50; i++) {
        epoch(l, order);
        for (int k = 0; k < 20; k++)
            places |= order[k] == 0 ? (int64_t)1 << k : 0;
    }
    ck_assert_int_ge(__builtin_popcountll((unsigned long long)places), 12);
}
END_TEST

/* Classes of one size take turns. */
START_TEST(equal_classes_take_turns)
{
    int64_t labels[60], order[60];
    for (int i = 0; i < 60; i++)
        labels[i] = i / 20;
    tn_tensor *t = tn_from_data(ctx, TN_I64, TN_SHAPE(60), labels);
    epoch(loader_of(60, (tn_loader_opts){.batch_size = 3, .stratify = t}), order);
    for (int i = 0; i < 60; i += 3)
        ck_assert_int_eq(
            (1 << labels[order[i]]) + (1 << labels[order[i + 1]]) + (1 << labels[order[i + 2]]), 7);
}
END_TEST

/* No class but one, one sample, a class for each sample, numbers of classes far apart. */
START_TEST(few_and_many_classes)
{
    int64_t order[20], seen = 0;
    uint8_t apart[20] = {0, 255, 255};
    tn_tensor *labels[] = {tn_zeros(ctx, TN_I32, TN_SHAPE(20)), tn_arange(ctx, TN_I64, 0, 20, 1),
                           tn_from_data(ctx, TN_U8, TN_SHAPE(20), apart)};
    tn_loader *l = loader_of(20, (tn_loader_opts){.batch_size = 3, .stratify = labels[_i]});
    ck_assert_int_eq(epoch(l, order), 20);
    for (int i = 0; i < 20; i++)
        seen |= (int64_t)1 << order[i];
    ck_assert_int_eq(seen, (1 << 20) - 1);
    l = loader_of(1, (tn_loader_opts){.stratify = tn_zeros(ctx, TN_I32, TN_SHAPE(1))});
    ck_assert_int_eq(epoch(l, order), 1);
}
END_TEST

/* Labels beside those that are used take neither memory nor time, and the order is that which they
 * always had. */
START_TEST(labels_far_apart)
{
    static const int32_t labels[] = {1 << 24, 0, 1 << 24, 1 << 23, 0, 5, 5, 0};
    int64_t order[8];
    tn_tensor *t = tn_from_data(ctx, TN_I32, TN_SHAPE(8), labels);
    tn_memory_reset_peak(ctx);
    int64_t before = tn_memory(ctx).peak_bytes;
    ck_tn_close(tn_balanced_weights(ctx, t), 1e-15, 1, 2 / 3.0, 1, 2, 2 / 3.0, 1, 1, 2 / 3.0);
    tn_loader *l = loader_of(8, (tn_loader_opts){.stratify = t});
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(epoch(l, order), 8);
    ck_assert_int_lt(tn_memory(ctx).peak_bytes - before, 10000);
}
END_TEST

/* More labels than memory has bytes, by a view of one. */
START_TEST(labels_beyond_memory)
{
    tn_tensor *one = tn_zeros(ctx, TN_U8, TN_SHAPE(1));
    tn_tensor *all = tn_expand(ctx, one, TN_SHAPE((int64_t)1 << (60 + _i)));
    ck_assert_ptr_nonnull(all);
    ck_assert_ptr_null(tn_balanced_weights(ctx, all));
    ck_assert_int_eq(tn_error_status(ctx), TN_ERR_MEMORY);
    tn_clear_error(ctx);
}
END_TEST

/* The orders of two epochs, as version 0.1 drew them, and where its stream was then. */
START_TEST(orders_of_labels_with_gaps)
{
    static const uint8_t labels[] = {9, 0, 200, 9, 0, 0, 200, 9, 3, 0};
    static const int64_t expected[] = {8, 5, 7, 6, 1, 0, 9, 2, 4, 3, 3, 9, 2, 4, 7, 1, 0, 8, 5, 6};
    int64_t order[20];
    tn_loader *l =
        loader_of(10, (tn_loader_opts){.stratify = tn_from_data(ctx, TN_U8, TN_SHAPE(10), labels)});
    epoch(l, order);
    epoch(l, order + 10);
    ck_assert_mem_eq(order, expected, sizeof expected);
    ck_assert_uint_eq(tn_get_rng_state(ctx).position, 422);
}
END_TEST

START_TEST(allocates_nothing)
{
    int64_t order[100];
    tn_tensor *labels = tn_zeros(ctx, TN_I64, TN_SHAPE(100));
    tn_tensor *weights = tn_ones(ctx, TN_F64, TN_SHAPE(100));
    tn_loader *l = loader_of(100, _i ? (tn_loader_opts){.batch_size = 8, .stratify = labels}
                                     : (tn_loader_opts){.batch_size = 8, .weights = weights});
    tn_empty_cache(ctx);
    int64_t calls = memory.calls, live = tn_memory(ctx).live_bytes;
    for (int i = 0; i < 3; i++)
        epoch(l, order);
    ck_assert_int_eq(memory.calls, calls);
    ck_assert_int_eq(tn_memory(ctx).live_bytes, live);
}
END_TEST

/* ---- state ----------------------------------------------------------------------------------- */

static tn_loader *sampled(int kind)
{
    tn_loader_opts opts = {.batch_size = 3};
    opts.weights = kind == 0 ? tn_ones(ctx, TN_F64, TN_SHAPE(20)) : NULL;
    opts.num_samples = kind == 0 ? 31 : 0;
    opts.stratify = kind == 1 ? tn_zeros(ctx, TN_I64, TN_SHAPE(20)) : NULL;
    opts.shuffle = kind == 2;
    return loader_of(20, opts);
}

START_TEST(goes_on_where_it_was)
{
    int64_t rest[MOST], again[MOST];
    tn_batch b;
    tn_loader *l = sampled(_i), *other = sampled(_i);
    epoch(l, rest);
    ck_assert(tn_loader_next(l, &b) && tn_loader_next(l, &b));
    tn_dict *state = tn_loader_state_dict(l);
    tn_rng_state rng = tn_get_rng_state(ctx);
    int64_t n = epoch(l, rest);
    n += epoch(l, rest + n);
    tn_loader_next(other, &b);
    ck_assert_int_eq(tn_loader_load_state_dict(other, state), TN_OK);
    tn_set_rng_state(ctx, rng);
    int64_t m = epoch(other, again);
    m += epoch(other, again + m);
    ck_assert_int_eq(n, m);
    ck_assert_int_eq(memcmp(rest, again, (size_t)n * sizeof *rest), 0);
}
END_TEST

START_TEST(wants_the_same_sampler)
{
    static const char *const texts[3][3] = {
        {NULL, "sampler is 2, but 3 here", "shuffle is 0, but 1 here"},
        {"sampler is 3, but 2 here", NULL, "shuffle is 0, but 1 here"},
        {"shuffle is 1, but 0 here", "shuffle is 1, but 0 here", NULL}};
    for (int to = 0; to < 3; to++) {
        char text[128];
        if (!texts[_i][to])
            continue;
        snprintf(text, sizeof text, "loader_load_state_dict: %s", texts[_i][to]);
        tn_loader_load_state_dict(sampled(to), tn_loader_state_dict(sampled(_i)));
        ck_tn_error(TN_ERR_FORMAT, text);
    }
    tn_loader *plain = loader_of(20, (tn_loader_opts){.batch_size = 3});
    ck_assert_int_eq(tn_loader_load_state_dict(plain, tn_loader_state_dict(sampled(_i))),
                     TN_ERR_FORMAT);
    ck_tn_error(TN_ERR_FORMAT, _i == 2 ? "loader_load_state_dict: shuffle is 1, but 0 here"
                                       : "loader_load_state_dict: it has a sampler, but there is "
                                         "none here");
}
END_TEST

/* A draw with replacement may have a sample twice, but none that is not there. */
START_TEST(refuses_samples_that_are_not_there)
{
    tn_batch b;
    tn_loader *l = sampled(0);
    tn_loader_next(l, &b);
    tn_dict *state = tn_dict_clone(tn_loader_state_dict(l));
    tn_fill_(ctx, tn_dict_get(state, "order"), 19);
    ck_assert_int_eq(tn_loader_load_state_dict(l, state), TN_OK);
    tn_fill_(ctx, tn_dict_get(state, "order"), 20);
    ck_assert_int_eq(tn_loader_load_state_dict(l, state), TN_ERR_FORMAT);
    ck_tn_error(TN_ERR_FORMAT, "loader_load_state_dict: order[0] is 20");
    ck_assert(tn_loader_next(l, &b));
    ck_tn_equal(b.x, 19, 19, 19);
}
END_TEST

/* More samples than memory has bytes: an order of them does not fit, whatever its size modulo
 * 2^64 may be. */
START_TEST(order_that_does_not_fit)
{
    tn_tensor *x = tn_zeros(ctx, TN_U8, TN_SHAPE(((int64_t)1 << 61) + 1, 0));
    ck_assert_ptr_null(
        tn_loader_new(ctx, x, NULL, (tn_loader_opts){.batch_size = 1, .shuffle = true}));
    ck_assert_int_eq(tn_error_status(ctx), TN_ERR_MEMORY);
    tn_clear_error(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sampler");
    TCase *tc = tn_case(suite, "sampler");
    tcase_add_loop_test(tc, as_often_as_the_weights_say, 0, 3);
    tcase_add_test(tc, extreme_weights);
    tcase_add_test(tc, as_many_as_samples);
    tcase_add_test(tc, balanced_weights);
    tcase_add_test(tc, batches_have_the_proportions);
    tcase_add_test(tc, rare_samples_come_anywhere);
    tcase_add_test(tc, equal_classes_take_turns);
    tcase_add_loop_test(tc, few_and_many_classes, 0, 3);
    tcase_add_test(tc, labels_far_apart);
    tcase_add_loop_test(tc, labels_beyond_memory, 0, 3);
    tcase_add_test(tc, orders_of_labels_with_gaps);
    tcase_add_loop_test(tc, allocates_nothing, 0, 2);
    tcase_add_loop_test(tc, goes_on_where_it_was, 0, 3);
    tcase_add_loop_test(tc, wants_the_same_sampler, 0, 3);
    tcase_add_test(tc, refuses_samples_that_are_not_there);
    tcase_add_test(tc, order_that_does_not_fit);
    return tn_run(suite);
}
