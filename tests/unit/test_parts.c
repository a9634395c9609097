/* Batches that a loader gives in parts, all of them or some. */
#include "common/check_tn.h"

/* A loader of n samples, which are their own numbers. */
static tn_loader *numbers(int64_t n, tn_loader_opts opts)
{
    tn_loader *l = tn_loader_new(ctx, tn_arange(ctx, TN_I64, 0, (double)n, 1), NULL, opts);
    ck_tn_ok();
    return l;
}

/* Parts follow each other without a gap, and their sizes differ by one at most. */
static void check_parts(int64_t n, int64_t size, int64_t parts)
{
    tn_loader *l = numbers(n, (tn_loader_opts){.batch_size = size, .parts = parts});
    int64_t next = 0, given = 0;
    tn_batch b;
    for (; tn_loader_next(l, &b); given++) {
        int64_t whole = n - b.number * size < size ? n - b.number * size : size;
        ck_assert(b.number == given / parts && b.part == given % parts && b.parts == parts);
        ck_assert_int_eq(b.whole, whole);
        ck_assert(b.size == whole / parts || b.size == (whole - 1) / parts + 1);
        ck_assert_int_eq(tn_size(b.x, 0), b.size);
        for (int64_t i = 0; i < b.size; i++)
            ck_assert_int_eq(tn_data_i64(b.x)[i], next++);
    }
    ck_assert_int_eq(next, n);
    ck_assert_int_eq(given, tn_loader_batches(l) * parts);
    tn_loader_free(l);
}

START_TEST(of_each_size)
{
    for (int64_t n = 1; n <= 13; n++)
        for (int64_t size = 1; size <= n; size++)
            for (int64_t parts = 1; parts <= 8; parts++)
                check_parts(n, size, parts);
}
END_TEST

/* A number of its own for each element, from the stream of the part. */
static tn_status add_noise(tn_ctx *c, int64_t count, tn_tensor **tensors, void *payload)
{
    (void)payload;
    ck_assert_int_eq(count, 1);
    ck_assert_int_gt(tn_size(tensors[0], 0), 0);
    tensors[0] = tn_rand(c, TN_F32, TN_SHAPE(tn_size(tensors[0], 0)));
    return TN_OK;
}

/* Two epochs, element by element; -1 stands where a part ends. Returns how many there are. */
static int64_t gather(tn_loader_opts opts, int64_t part, double *out)
{
    tn_ctx *before = ctx;
    ctx = tn_ctx_new(&(tn_ctx_opts){.seed = 3});
    tn_loader *l = numbers(11, opts);
    int64_t count = 0;
    tn_batch b;
    for (int epoch = 0; epoch < 2; epoch++)
        while (tn_loader_next(l, &b)) {
            if (b.part != part)
                continue;
            for (int64_t i = 0; i < b.size; i++)
                out[count++] = tn_at(ctx, b.x, &i);
            out[count++] = -1;
        }
    ck_tn_ok();
    tn_ctx_free(ctx);
    ctx = before;
    return count;
}

/* A part is the same, whoever gives it: it alone, or together with others. */
START_TEST(same_from_each_loader)
{
    double all[64], some[64];
    tn_loader_opts opts = {.batch_size = 5, .shuffle = true, .parts = 4};
    opts.transform = _i & 1 ? add_noise : NULL;
    for (int64_t part = 0; part < 4; part++) {
        int64_t count = gather(opts, part, all);
        for (int64_t first = 0; first <= part; first++)
            for (int64_t given = part - first + 1; given <= 4 - first; given++) {
                tn_loader_opts own = opts;
                own.first_part = first;
                own.part_count = given;
                own.prefetch = _i & 2 ? 3 : 0;
                ck_assert_int_eq(gather(own, part, some), count);
                ck_assert_mem_eq(some, all, (size_t)count * sizeof *all);
            }
    }
}
END_TEST

static const tn_loader_opts shared = {.batch_size = 4, .shuffle = true, .parts = 4};

static tn_loader *second_half(void)
{
    tn_loader_opts opts = shared;
    opts.first_part = 2;
    return numbers(10, opts);
}

/* Between batches, a loader goes on where one of other parts was. */
START_TEST(state_between_batches)
{
    tn_loader *l = numbers(10, shared), *half = second_half();
    tn_batch b, c;
    for (int i = 0; i < 4; i++)
        ck_assert(tn_loader_next(l, &b));
    tn_dict *state = tn_loader_state_dict(l);
    ck_assert_int_eq(tn_loader_load_state_dict(half, state), TN_OK);
    while (tn_loader_next(l, &b)) {
        if (b.part < 2)
            continue;
        ck_assert(tn_loader_next(half, &c));
        ck_assert(c.number == b.number && c.part == b.part && c.size == b.size);
        ck_assert(b.size == 0 || *tn_data_i64(b.x) == *tn_data_i64(c.x));
    }
    ck_assert(!tn_loader_next(half, &c));
    ck_tn_ok();
}
END_TEST

START_TEST(state_within_a_batch)
{
    tn_loader *l = numbers(10, shared), *same = numbers(10, shared), *half = second_half();
    tn_batch b, c;
    for (int i = 0; i < 7; i++)
        ck_assert(tn_loader_next(l, &b));
    tn_dict *state = tn_loader_state_dict(l);
    ck_assert_int_eq(tn_loader_load_state_dict(same, state), TN_OK);
    ck_assert(tn_loader_next(l, &b) && tn_loader_next(same, &c));
    ck_assert(c.number == 1 && c.part == 3 && *tn_data_i64(b.x) == *tn_data_i64(c.x));
    ck_assert_int_eq(tn_loader_load_state_dict(half, state), TN_ERR_FORMAT);
    ck_tn_error(TN_ERR_FORMAT, "loader_load_state_dict: next_part is 3 of 2 parts");
    tn_loader *whole = numbers(10, (tn_loader_opts){.batch_size = 4, .shuffle = true});
    ck_assert_int_eq(tn_loader_load_state_dict(whole, state), TN_ERR_FORMAT);
    ck_tn_error(TN_ERR_FORMAT, "loader_load_state_dict: its batches are in parts, but there are "
                               "none here");
    tn_dict *other = tn_loader_state_dict(whole);
    ck_assert_int_eq(tn_loader_load_state_dict(l, other), TN_ERR_FORMAT);
    ck_tn_error(TN_ERR_FORMAT, "loader_load_state_dict: next_part is missing");
    tn_loader_opts fewer = shared;
    fewer.parts = 5;
    ck_assert_int_eq(tn_loader_load_state_dict(numbers(10, fewer), state), TN_ERR_FORMAT);
    ck_tn_error(TN_ERR_FORMAT, "loader_load_state_dict: parts is 4, but 5 here");
}
END_TEST

/* Before a whole batch was given, too, an epoch goes on in its order and with its numbers. */
START_TEST(state_within_the_first_batch)
{
    tn_loader_opts opts = {.batch_size = 4, .parts = 4, .shuffle = _i == 0};
    opts.transform = _i == 1 ? add_noise : NULL;
    tn_loader *l = numbers(10, opts), *same = numbers(10, opts);
    tn_batch b, c;
    ck_assert(tn_loader_next(l, &b));
    ck_assert_int_eq(tn_loader_load_state_dict(same, tn_loader_state_dict(l)), TN_OK);
    while (tn_loader_next(l, &b)) {
        ck_assert(tn_loader_next(same, &c));
        ck_assert(b.number == c.number && b.part == c.part);
        check_same_bits(b.x, c.x);
    }
    ck_assert(!tn_loader_next(same, &c));
    ck_tn_ok();
}
END_TEST

/* The first batch of an epoch that has ended is asked for next. */
START_TEST(state_after_an_epoch)
{
    tn_loader *l = numbers(10, shared), *half = second_half();
    tn_batch b;
    for (int i = 0; i < 12; i++)
        ck_assert(tn_loader_next(l, &b));
    ck_assert_int_eq(tn_loader_load_state_dict(half, tn_loader_state_dict(l)), TN_OK);
    ck_assert(!tn_loader_next(l, &b));
    ck_assert(!tn_loader_next(half, &b));
    ck_assert(tn_loader_next(half, &b));
    ck_assert(b.number == 0 && b.part == 2);
    ck_tn_ok();
}
END_TEST

static tn_status no_sample(int64_t sample, void *const *out, tn_text *error, void *payload)
{
    (void)sample, (void)out, (void)error, (void)payload;
    return TN_ERR_FILE;
}

START_TEST(more_parts_than_can_be_counted)
{
    tn_dataset many = {.size = INT64_MAX / 2, .count = 1, .get = no_sample};
    many.fields[0] = (tn_field){TN_F32, TN_SCALAR};
    ck_assert_ptr_null(tn_loader_from(ctx, many, (tn_loader_opts){.batch_size = 1, .parts = 4}));
    ck_tn_error(TN_ERR_ARGUMENT, "loader: 4611686018427387903 batches in 4 parts each");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("parts");
    TCase *tc = tn_case(suite, "parts");
    tcase_add_test(tc, of_each_size);
    tcase_add_loop_test(tc, same_from_each_loader, 0, 4);
    tcase_add_test(tc, state_between_batches);
    tcase_add_test(tc, state_within_a_batch);
    tcase_add_loop_test(tc, state_within_the_first_batch, 0, 2);
    tcase_add_test(tc, state_after_an_epoch);
    tcase_add_test(tc, more_parts_than_can_be_counted);
    return tn_run(suite);
}
