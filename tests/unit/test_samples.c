/* Samples of several tensors, and those that the program makes. */
#include "common/check_tn.h"

#include <stdio.h>
#include <string.h>
#include <tn/data.h>

/* ---- of tensors ------------------------------------------------------------------------------ */

START_TEST(several_tensors)
{
    tn_tensor *x = tn_reshape(ctx, tn_arange(ctx, TN_U8, 0, 14, 1), TN_SHAPE(7, 2));
    tn_tensor *ages = tn_arange(ctx, TN_F64, 10, 17, 1);
    tn_tensor *masks = tn_zeros(ctx, TN_BOOL, TN_SHAPE(7, 2, 2));
    tn_tensor *labels =
        tn_transpose(ctx, tn_reshape(ctx, tn_arange(ctx, TN_I64, 0, 14, 1), TN_SHAPE(2, 7)), 0, 1);
    tn_loader *l = tn_loader_of(ctx, TN_TENSORS(x, ages, masks, labels),
                                (tn_loader_opts){.batch_size = 3, .scale = 0.5});
    tn_batch b;
    for (int64_t i = 0; i < 2; i++)
        ck_assert(tn_loader_next(l, &b));
    ck_assert_int_eq(b.count, 4);
    ck_assert(b.x == b.tensors[0] && b.y == b.tensors[1]);
    ck_assert_int_eq(tn_dtype_of(b.x), TN_F32);
    ck_tn_equal(b.x, 3, 3.5, 4, 4.5, 5, 5.5);
    ck_tn_equal(b.y, 13, 14, 15);
    ck_tn_shape(b.tensors[2], "[3,2,2]");
    ck_tn_equal(b.tensors[3], 3, 10, 4, 11, 5, 12);
    ck_assert(tn_loader_next(l, &b));
    ck_tn_shape(b.tensors[3], "[1,2]");
    ck_assert(b.tensors[4] == NULL && b.size == 1);
    ck_assert(!tn_loader_next(l, &b));
}
END_TEST

START_TEST(one_tensor_alone)
{
    tn_loader *l =
        tn_loader_of(ctx, TN_TENSORS(tn_arange(ctx, TN_I64, 0, 3, 1)), (tn_loader_opts){0});
    tn_batch b;
    ck_assert(tn_loader_next(l, &b));
    ck_assert(b.count == 1 && b.y == NULL);
    ck_tn_equal(b.x, 0, 1, 2);
}
END_TEST

/* ---- of the program's ------------------------------------------------------------------------ */

typedef struct source {
    int64_t calls, bad; /* `bad` is the sample that fails; -1: none */
    tn_status status;
    const char *text;
} source;

/* Image i is full of i, its age is i / 2 and its label -i. */
static tn_status get(int64_t sample, void *const *out, tn_text *error, void *payload)
{
    source *s = payload;
    float *image = out[0];
    s->calls++;
    for (int i = 0; i < 6; i++)
        image[i] = (float)sample;
    *(double *)out[1] = (double)sample / 2;
    *(int64_t *)out[2] = -sample;
    if (sample != s->bad)
        return TN_OK;
    snprintf(error->s, sizeof error->s, "%s", s->text);
    return s->status;
}

static tn_loader *loader_from(source *s, int64_t size, tn_loader_opts opts)
{
    int64_t shape[] = {2, 3};
    tn_dataset dataset = {.size = size,
                          .count = 3,
                          .fields = {{TN_F32, 2, shape}, {TN_F64, TN_SCALAR}, {TN_I64, TN_SCALAR}},
                          .get = get,
                          .payload = s};
    tn_loader *l = tn_loader_from(ctx, dataset, opts);
    shape[0] = shape[1] = -1;
    return l;
}

START_TEST(are_asked_for)
{
    source s = {.bad = -1};
    tn_loader *l = loader_from(&s, 7, (tn_loader_opts){.batch_size = 3});
    tn_batch b;
    ck_assert_int_eq(s.calls, 0);
    ck_assert_int_eq(tn_loader_batches(l), 3);
    for (int epoch = 0; epoch < 2; epoch++) {
        ck_assert(tn_loader_next(l, &b) && tn_loader_next(l, &b));
        ck_tn_shape(b.x, "[3,2,3]");
        ck_tn_equal(b.x, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5);
        ck_tn_equal(b.y, 1.5, 2, 2.5);
        ck_tn_equal(b.tensors[2], -3, -4, -5);
        ck_assert(tn_loader_next(l, &b));
        ck_tn_equal(b.x, 6, 6, 6, 6, 6, 6);
        ck_tn_shape(b.y, "[1]");
        ck_assert(!tn_loader_next(l, &b));
        ck_assert_int_eq(s.calls, 7 * (epoch + 1));
    }
}
END_TEST

START_TEST(batches_of_any_size)
{
    static const struct {
        int64_t n, batch_size, batches, last;
        bool drop_last;
    } cases[] = {{1, 1, 1, 1, false}, {1, 5, 1, 1, false}, {5, 5, 1, 5, true}, {6, 5, 1, 5, true},
                 {6, 5, 2, 1, false}, {3, 0, 1, 3, false}, {3, 4, 0, 0, true}};
    tn_batch b;
    source s = {.bad = -1};
    tn_loader *l = loader_from(&s, cases[_i].n,
                               (tn_loader_opts){.batch_size = cases[_i].batch_size,
                                                .drop_last = cases[_i].drop_last,
                                                .shuffle = true});
    int64_t batches = 0, last = 0;
    for (; tn_loader_next(l, &b); batches++)
        last = b.size;
    ck_tn_ok();
    ck_assert_int_eq(batches, cases[_i].batches);
    ck_assert_int_eq(last, cases[_i].last);
}
END_TEST

/* The program's error comes with its status and the number of the sample; what failed is tried
 * again. */
START_TEST(that_fail)
{
    static const char *const texts[] = {"no photograph", "", ""};
    static const char *const lines[] = {"loader_next: sample 4: no photograph",
                                        "loader_next: sample 4: get returned -7 (TN_ERR_FORMAT)",
                                        "loader_next: sample 4: get returned -99 (unknown status)"};
    static const tn_status statuses[] = {TN_ERR_FORMAT, TN_ERR_FORMAT, (tn_status)-99};
    source s = {.bad = 4, .status = statuses[_i], .text = texts[_i]};
    tn_loader *l = loader_from(&s, 7, (tn_loader_opts){.batch_size = 2});
    tn_batch b;
    ck_assert(tn_loader_next(l, &b) && tn_loader_next(l, &b));
    for (int i = 0; i < 3; i++) {
        ck_assert(!tn_loader_next(l, &b));
        ck_tn_error(statuses[_i], lines[_i]);
    }
    s.bad = -1;
    ck_assert(tn_loader_next(l, &b));
    ck_assert_int_eq(b.number, 2);
    ck_tn_equal(b.tensors[2], -4, -5);
}
END_TEST

/* Nothing is drawn anew for an epoch that could not begin. */
START_TEST(that_fail_first)
{
    source s = {.bad = -1, .status = TN_ERR_FILE, .text = "gone"};
    tn_loader_opts opts = {.batch_size = 7, .shuffle = true};
    tn_loader *l = loader_from(&s, 7, opts), *other = loader_from(&s, 7, opts);
    tn_batch a, b;
    tn_rng_state rng = tn_get_rng_state(ctx);
    ck_assert(tn_loader_next(l, &a));
    tn_set_rng_state(ctx, rng);
    s.bad = 3;
    ck_assert(!tn_loader_next(other, &b));
    ck_tn_error(TN_ERR_FILE, "loader_next: sample 3: gone");
    ck_assert_uint_eq(tn_get_rng_state(ctx).position, rng.position);
    ck_assert_ptr_null(tn_dict_get(tn_loader_state_dict(other), "order"));
    s.bad = -1;
    ck_assert(tn_loader_next(other, &b));
    check_same_bits(a.y, b.y);
}
END_TEST

/* A line of any length is cut, and one without an end has one. */
static tn_status endless(int64_t sample, void *const *out, tn_text *error, void *payload)
{
    (void)sample, (void)out, (void)payload;
    memset(error->s, 'x', sizeof error->s);
    return TN_ERR_STATE;
}

START_TEST(a_line_without_end)
{
    tn_dataset dataset = {.size = 1, .count = 1, .fields = {{TN_F32, TN_SCALAR}}, .get = endless};
    tn_batch b;
    ck_assert(!tn_loader_next(tn_loader_from(ctx, dataset, (tn_loader_opts){0}), &b));
    ck_assert_uint_eq(strlen(tn_error(ctx)), strlen("loader_next: sample 0: ") + 175);
    ck_assert_int_eq(tn_error_status(ctx), TN_ERR_STATE);
    tn_clear_error(ctx);
}
END_TEST

/* Sizes that are refused where tensors are made. */
START_TEST(sizes_that_do_not_fit)
{
    const int64_t shapes[][2] = {{-1, 2}, {(int64_t)1 << 40, (int64_t)1 << 40}};
    source s = {.bad = -1};
    tn_dataset dataset = {.size = 2, .count = 1, .get = get, .payload = &s};
    dataset.fields[0] = (tn_field){TN_F32, 2, shapes[_i]};
    ck_assert_ptr_null(tn_loader_from(ctx, dataset, (tn_loader_opts){0}));
    ck_assert_int_lt(tn_error_status(ctx), 0);
    ck_assert_int_eq(strncmp(tn_error(ctx), "loader: ", 8), 0);
    tn_clear_error(ctx);
}
END_TEST

START_TEST(allocate_nothing)
{
    source s = {.bad = -1};
    tn_loader *l = loader_from(&s, 20, (tn_loader_opts){.batch_size = 6, .shuffle = true});
    tn_batch b;
    tn_empty_cache(ctx);
    int64_t calls = memory.calls, live = tn_memory(ctx).live_bytes;
    for (int epoch = 0; epoch < 3; epoch++)
        while (tn_loader_next(l, &b))
            ck_assert_int_eq(tn_memory(ctx).live_bytes, live);
    ck_assert_int_eq(memory.calls, calls);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("samples");
    TCase *tc = tn_case(suite, "samples");
    tcase_add_test(tc, several_tensors);
    tcase_add_test(tc, one_tensor_alone);
    tcase_add_test(tc, are_asked_for);
    tcase_add_loop_test(tc, batches_of_any_size, 0, 7);
    tcase_add_loop_test(tc, that_fail, 0, 3);
    tcase_add_test(tc, that_fail_first);
    tcase_add_test(tc, a_line_without_end);
    tcase_add_loop_test(tc, sizes_that_do_not_fit, 0, 2);
    tcase_add_test(tc, allocate_nothing);
    return tn_run(suite);
}
