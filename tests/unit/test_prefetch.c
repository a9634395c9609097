/* Batches that a thread makes ahead, and transforms: the same bits whatever makes them. */
#define _GNU_SOURCE /* usleep, pthread_setattr_default_np */
#include "common/check_tn.h"
#include "common/files.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <tn/data.h>
#include <unistd.h>

enum { N = 23, SIDE = 4 };

/* What the program's functions are told, and what they tell. */
typedef struct source {
    atomic_long calls; /* of get */
    atomic_long bad;   /* the sample that fails; -1: none */
    atomic_long wait;  /* microseconds for each sample */
    atomic_bool inside;
    atomic_bool twice;     /* two calls at once */
    atomic_bool elsewhere; /* a call in another thread than the program's */
} source;

static _Atomic(pthread_t) program;

static tn_status get(int64_t sample, void *const *out, tn_text *error, void *payload)
{
    source *s = payload;
    if (atomic_exchange(&s->inside, true))
        atomic_store(&s->twice, true);
    atomic_fetch_add(&s->calls, 1);
    if (!pthread_equal(pthread_self(), atomic_load(&program)))
        atomic_store(&s->elsewhere, true);
    long wait = atomic_load(&s->wait);
    if (wait > 0)
        usleep((useconds_t)wait);
    for (int i = 0; i < SIDE * SIDE; i++)
        ((float *)out[0])[i] = (float)sample + (float)i / 16;
    *(int64_t *)out[1] = sample;
    atomic_store(&s->inside, false);
    if (sample != atomic_load(&s->bad))
        return TN_OK;
    snprintf(error->s, sizeof error->s, "it is bad");
    return TN_ERR_FILE;
}

/* Noise on the images, which it cuts to a size that is drawn. */
static tn_status augment(tn_ctx *c, int64_t count, tn_tensor **tensors, void *payload)
{
    (void)count, (void)payload;
    tn_tensor *x = tensors[0];
    double draw = tn_item(c, tn_rand(c, TN_F64, TN_SCALAR));
    x = tn_add(c, x, tn_randn(c, TN_F32, tn_ndim(x), tn_shape(x)));
    tensors[0] = tn_narrow(c, tn_exp(c, tn_mul_scalar(c, x, 0.01)), 2, 0, 1 + (int64_t)(4 * draw));
    return tn_fill_(c, tensors[1], draw);
}

static tn_status in_place(tn_ctx *c, int64_t count, tn_tensor **tensors, void *payload)
{
    (void)count, (void)payload;
    return tn_uniform_(c, tensors[0], -1, 1);
}

static source plain;

static tn_loader *images_of(tn_ctx *c, source *s, tn_loader_opts opts)
{
    tn_dataset dataset = {.size = N,
                          .count = 2,
                          .fields = {{TN_F32, TN_SHAPE(1, SIDE, SIDE)}, {TN_I64, TN_SCALAR}},
                          .get = get,
                          .payload = s};
    atomic_store(&program, pthread_self());
    atomic_store(&s->bad, -1);
    return tn_loader_from(c, dataset, opts);
}

static tn_loader *images(source *s, tn_loader_opts opts)
{
    return images_of(ctx, s, opts);
}

static tn_loader *tensors(tn_loader_opts opts)
{
    tn_tensor *x = tn_reshape(ctx, tn_arange(ctx, TN_U8, 0, 2 * N, 1), TN_SHAPE(N, 2));
    opts.scale = 1 / 255.0;
    return tn_loader_new(ctx, x, tn_arange(ctx, TN_I64, 0, N, 1), opts);
}

/* Everything that a batch has, mixed into a number. */
static uint64_t mixed(uint64_t digest, const tn_batch *b)
{
    for (int64_t i = 0; i < b->count; i++) {
        const unsigned char *bytes = tn_data(b->tensors[i]);
        size_t size = (size_t)tn_numel(b->tensors[i]) * tn_dtype_size(tn_dtype_of(b->tensors[i]));
        for (size_t j = 0; j < size; j++)
            digest = (digest ^ bytes[j]) * 0x9e3779b97f4a7c15;
        for (int d = 0; d < tn_ndim(b->tensors[i]); d++)
            digest = (digest ^ (uint64_t)tn_size(b->tensors[i], d)) * 0x9e3779b97f4a7c15;
    }
    return (digest ^ (uint64_t)b->number) * 0x9e3779b97f4a7c15;
}

/* Two epochs of the loader, which goes. */
static uint64_t epochs(tn_loader *l)
{
    tn_batch b;
    uint64_t digest = 1;
    for (int epoch = 0; epoch < 2; epoch++)
        while (tn_loader_next(l, &b))
            digest = mixed(digest, &b);
    ck_tn_ok();
    tn_loader_free(l);
    return digest;
}

static const tn_loader_opts kinds[] = {
    {.batch_size = 4},
    {.batch_size = 5, .shuffle = true},
    {.batch_size = 4, .shuffle = true, .drop_last = true},
    {.batch_size = 1, .transform = in_place},
    {.batch_size = 7, .shuffle = true, .transform = in_place},
    {.batch_size = 0, .shuffle = true},
    {.batch_size = 100, .drop_last = true},
};

#define KINDS ((int)(sizeof kinds / sizeof *kinds))

/* With any depth and any number of threads. */
START_TEST(same_bits)
{
    tn_loader_opts opts = kinds[_i % KINDS];
    bool asked = _i / KINDS;
    uint64_t expected = 0;
    for (int threads = 1; threads <= 3; threads++)
        for (int64_t prefetch = 0; prefetch <= 9; prefetch += 1 + prefetch) {
            tn_set_threads(ctx, threads);
            tn_manual_seed(ctx, 3);
            opts.prefetch = prefetch;
            uint64_t digest = epochs(asked ? images(&plain, opts) : tensors(opts));
            ck_assert(expected == 0 || digest == expected);
            expected = digest;
        }
    ck_assert(!atomic_load(&plain.twice));
}
END_TEST

/* Each batch has other sizes than the last. */
START_TEST(same_bits_of_any_size)
{
    uint64_t expected = 0;
    tn_loader_opts opts = {.batch_size = 3, .shuffle = true, .transform = augment};
    for (opts.prefetch = 0; opts.prefetch < 4; opts.prefetch++) {
        tn_manual_seed(ctx, 3);
        uint64_t digest = epochs(images(&plain, opts));
        ck_assert(expected == 0 || digest == expected);
        expected = digest;
    }
    tn_manual_seed(ctx, 4);
    ck_assert(epochs(images(&plain, opts)) != expected);
}
END_TEST

/* Batch k comes as it is, or else as doubles, as one row, twice, or as a sum. */
static tn_status as_another(tn_ctx *c, int64_t count, tn_tensor **tensors, void *payload)
{
    (void)count, (void)payload;
    tn_tensor *x = tensors[0];
    int64_t k = tn_data_i64(tensors[1])[0] / 2 % 6;
    tensors[0] = k == 1   ? tn_cast(c, x, TN_F64)
                 : k == 2 ? tn_reshape(c, x, TN_SHAPE(-1))
                 : k == 3 ? tn_cat(c, TN_TENSORS(x, x), 0)
                 : k >= 4 ? tn_sum(c, x, (tn_reduce_opts){0})
                          : x;
    return TN_OK;
}

START_TEST(batches_of_other_kinds)
{
    static const char *const shapes[] = {"[2,1,4,4]", "[2,1,4,4]", "[32]", "[4,1,4,4]", "[]", "[]"};
    tn_loader *l =
        images(&plain, (tn_loader_opts){.batch_size = 2, .prefetch = _i, .transform = as_another});
    tn_batch b;
    for (int epoch = 0; epoch < 2; epoch++)
        for (int k = 0; tn_loader_next(l, &b); k++) {
            double sum = k < 11 ? 64 * k + 31 : 359.5;
            ck_tn_shape(b.x, shapes[k % 6]);
            ck_assert_int_eq(tn_dtype_of(b.x), k % 6 == 1 ? TN_F64 : TN_F32);
            ck_assert_double_eq(element_of(b.x, 0), k % 6 >= 4 ? sum : 2 * k);
            if (k % 6 < 4)
                ck_assert_double_eq(element_of(b.x, tn_numel(b.x) - 1), 2 * k + 31 / 16.0);
        }
    ck_tn_ok();
}
END_TEST

/* The numbers of a batch are new in each batch and in each epoch, and the program's stream moves on
 * by one block in an epoch. */
START_TEST(streams_of_transforms)
{
    tn_loader *l = images(&plain, (tn_loader_opts){.batch_size = 10, .transform = in_place});
    tn_batch b;
    float first[6];
    uint64_t position = tn_get_rng_state(ctx).position;
    for (int epoch = 0; epoch < 2; epoch++)
        for (int i = 0; tn_loader_next(l, &b); i++)
            first[3 * epoch + i] = tn_data_f32(b.x)[0];
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < i; j++)
            ck_assert(first[i] != first[j]);
    ck_assert_uint_eq(tn_get_rng_state(ctx).position, position + 2);
}
END_TEST

/* ---- what goes wrong ------------------------------------------------------------------------- */

/* An error comes with its batch, not before, and then nothing goes on in the background. */
START_TEST(errors_come_with_their_batch)
{
    source s = {0};
    tn_loader *l = images(&s, (tn_loader_opts){.batch_size = 4, .prefetch = _i});
    tn_batch b;
    atomic_store(&s.bad, 10);
    ck_assert(tn_loader_next(l, &b) && tn_loader_next(l, &b));
    for (int i = 0; i < 2; i++) {
        ck_assert(!tn_loader_next(l, &b));
        ck_tn_error(TN_ERR_FILE, "loader_next: sample 10: it is bad");
        long calls = atomic_load(&s.calls);
        usleep(2000);
        ck_assert_int_eq(atomic_load(&s.calls), calls);
    }
    atomic_store(&s.bad, -1);
    for (int64_t number = 2; number < 6; number++) {
        ck_assert(tn_loader_next(l, &b));
        ck_assert_int_eq(b.number, number);
        ck_assert_int_eq(tn_data_i64(b.y)[0], 4 * number);
    }
    ck_assert(!tn_loader_next(l, &b));
    ck_tn_ok();
}
END_TEST

/* Behind the batch that fails nothing is made, however deep the thread may go. */
START_TEST(nothing_is_made_behind_an_error)
{
    source s = {0};
    tn_loader *l = images(&s, (tn_loader_opts){.batch_size = 4, .prefetch = _i});
    tn_batch b;
    atomic_store(&s.bad, 10);
    ck_assert(tn_loader_next(l, &b) && tn_loader_next(l, &b));
    while (atomic_load(&s.calls) < 11)
        usleep(1000);
    usleep(20000);
    ck_assert_int_eq(atomic_load(&s.calls), 11);
    ck_assert(!tn_loader_next(l, &b));
    ck_tn_error(TN_ERR_FILE, "loader_next: sample 10: it is bad");
    ck_assert_int_eq(atomic_load(&s.calls), 11);
}
END_TEST

/* While the program's context has an error, nothing is taken, and what is made ahead stays. */
START_TEST(an_error_of_the_program)
{
    source s = {0};
    tn_loader *l = images(&s, (tn_loader_opts){.batch_size = 4, .prefetch = 2});
    tn_batch b;
    ck_assert(tn_loader_next(l, &b));
    tn_fail(ctx, TN_ERR_STATE, "stop");
    ck_assert(!tn_loader_next(l, &b));
    ck_tn_error(TN_ERR_STATE, "stop");
    ck_assert(tn_loader_next(l, &b));
    ck_assert_int_eq(b.number, 1);
    tn_loader_free(l);
}
END_TEST

/* ---- ends ------------------------------------------------------------------------------------ */

/* Freed before, during and after an epoch, in the middle of a sample, by itself or by its context;
 * at most the sample that is being made is waited for. */
START_TEST(freed_early)
{
    static source s; /* the context goes after this function */
    atomic_store(&s.wait, 0);
    tn_loader *l = images(&s, (tn_loader_opts){.batch_size = 10, .prefetch = 2});
    tn_batch b;
    for (int i = 0; i < _i / 2; i++)
        tn_loader_next(l, &b);
    atomic_store(&s.wait, 2000);
    usleep(1000);
    if (_i % 2)
        tn_loader_free(l);
}
END_TEST

START_TEST(frees_within_a_sample)
{
    source s = {0};
    tn_loader *l = images(&s, (tn_loader_opts){.batch_size = 1, .prefetch = 1});
    tn_batch b;
    ck_assert(tn_loader_next(l, &b));
    tn_loader_free(l);
    l = images(&s, (tn_loader_opts){.batch_size = N, .prefetch = 1});
    atomic_store(&s.calls, 0);
    atomic_store(&s.bad, 0);
    ck_assert(!tn_loader_next(l, &b));
    tn_clear_error(ctx);
    tn_loader_free(l);
    ck_assert_int_eq(atomic_load(&s.calls), 1);
}
END_TEST

/* A scope that ends has nothing of the loader. */
START_TEST(outlives_scopes)
{
    tn_batch b;
    tn_scope scope = tn_scope_begin(ctx);
    tn_loader *l =
        images(&plain, (tn_loader_opts){.batch_size = 4, .prefetch = 2, .transform = augment});
    ck_assert(tn_loader_next(l, &b));
    tn_scope_end(ctx, scope);
    scope = tn_scope_begin(ctx);
    ck_assert(tn_loader_next(l, &b));
    tn_scope_end(ctx, scope);
    ck_assert_int_eq(tn_size(b.y, 0), 4);
    tn_free(b.x);
    ck_assert(tn_loader_next(l, &b));
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------- */

START_TEST(allocates_nothing)
{
    tn_loader_opts opts = {.batch_size = 5, .shuffle = true};
    opts.prefetch = _i / 2;
    opts.transform = _i % 2 ? in_place : NULL;
    tn_loader *l = images(&plain, opts);
    tn_batch b;
    for (int epoch = 0; epoch < 2; epoch++)
        while (tn_loader_next(l, &b))
            continue;
    int64_t calls = memory.calls;
    for (int epoch = 0; epoch < 3; epoch++)
        while (tn_loader_next(l, &b))
            continue;
    ck_assert_int_eq(memory.calls, calls);
}
END_TEST

/* ---- state ----------------------------------------------------------------------------------- */

/* Saved after `_i` batches, and gone on with by a loader that is somewhere else and has another
 * depth. */
START_TEST(goes_on_where_it_was)
{
    tn_loader_opts opts = {.batch_size = 4, .shuffle = true, .transform = augment, .prefetch = 2};
    tn_loader *l = images(&plain, opts);
    opts.prefetch = _i % 4;
    tn_loader *other = images(&plain, opts);
    tn_batch b;
    for (int i = 0; i < _i; i++)
        tn_loader_next(l, &b);
    ck_assert(tn_loader_next(other, &b) && tn_loader_next(other, &b));
    tn_dict *state = tn_loader_state_dict(l);
    tn_rng_state rng = tn_get_rng_state(ctx);
    uint64_t expected = epochs(l);
    ck_assert_int_eq(tn_loader_load_state_dict(other, state), TN_OK);
    tn_set_rng_state(ctx, rng);
    ck_assert_uint_eq(epochs(other), expected);
}
END_TEST

/* A checkpoint in the middle of an epoch, gone on with in another context, without a thread. */
START_TEST(through_a_checkpoint)
{
    static source s;
    tn_loader_opts opts = {.batch_size = 4, .shuffle = true, .transform = augment, .prefetch = 3};
    tn_loader *l = images(&s, opts);
    tn_batch b;
    make_folder();
    for (int i = 0; i < 3; i++)
        ck_assert(tn_loader_next(l, &b));
    tn_save_checkpoint(ctx, (tn_checkpoint){.loader = l}, folder_path("c.npz"));
    uint64_t expected = epochs(l);
    tn_ctx *other = tn_ctx_new(&(tn_ctx_opts){.seed = 9, .threads = 1}), *own = ctx;
    opts.prefetch = 0;
    l = images_of(other, &s, opts);
    tn_load_checkpoint(other, (tn_checkpoint){.loader = l}, folder_path("c.npz"));
    ctx = other;
    ck_assert_uint_eq(epochs(l), expected);
    ctx = own;
    tn_ctx_free(other);
    remove_folder();
}
END_TEST

START_TEST(wants_the_same_transform)
{
    tn_loader_opts opts = {.batch_size = 4, .transform = in_place}, none = {.batch_size = 4};
    tn_loader *l = images(&plain, opts), *other = images(&plain, none);
    tn_batch b;
    ck_assert(tn_loader_next(l, &b) && tn_loader_next(other, &b));
    tn_loader_load_state_dict(other, tn_loader_state_dict(l));
    ck_tn_error(TN_ERR_FORMAT,
                "loader_load_state_dict: it has a transform, but there is none here");
    tn_loader_load_state_dict(l, tn_loader_state_dict(other));
    ck_tn_error(TN_ERR_FORMAT, "loader_load_state_dict: transform_seed is missing");
}
END_TEST

/* ---- processes ------------------------------------------------------------------------------- */

/* The child of a fork goes on with the loader, while the parent's thread is in the middle of a
 * sample or, from run 4 on, has made all that it may, and ends with the same bits as the parent. */
START_TEST(goes_on_in_a_child)
{
    source s = {0};
    int taken = _i % 4;
    bool rests = _i >= 4;
    tn_loader *l = images(&s, (tn_loader_opts){.batch_size = 2, .shuffle = true, .prefetch = 3});
    tn_batch b;
    for (int i = 0; i < taken; i++) {
        atomic_store(&s.wait, rests || i + 1 < taken ? 0 : 100000);
        ck_assert(tn_loader_next(l, &b));
    }
    int ends[2], status = -1;
    ck_assert_int_eq(pipe(ends), 0);
    for (int i = 0; !rests && taken > 0 && i < 1000 && !atomic_load(&s.inside); i++)
        usleep(100);
    if (rests)
        usleep(20000);
    pid_t child = fork();
    atomic_store(&s.wait, 0);
    if (child == 0) {
        if (!rests)
            look_for_no_leaks();
        uint64_t digest = epochs(l);
        leave_child(write(ends[1], &digest, sizeof digest) == sizeof digest ? 0 : 1);
    }
    uint64_t expected = epochs(l), digest = 0;
    ck_assert(waitpid(child, &status, 0) == child && status == 0);
    ck_assert(read(ends[0], &digest, sizeof digest) == sizeof digest);
    ck_assert_uint_eq(digest, expected);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

/* Where the system gives no thread, having no stacks of 2^60 bytes, the program's own makes the
 * batches. */
START_TEST(without_a_thread)
{
    source s = {0};
    tn_loader_opts opts = {.batch_size = 3, .shuffle = true, .prefetch = 2};
    pthread_attr_t before, huge;
    uint64_t expected = epochs(images(&s, opts));
    ck_assert(atomic_load(&s.elsewhere));
    atomic_store(&s.elsewhere, false);
    pthread_getattr_default_np(&before);
    pthread_getattr_default_np(&huge);
    pthread_attr_setstacksize(&huge, (size_t)1 << 60);
    ck_assert_int_eq(pthread_setattr_default_np(&huge), 0);
    tn_manual_seed(ctx, 1);
    ck_assert_uint_eq(epochs(images(&s, opts)), expected);
    ck_assert(!atomic_load(&s.elsewhere));
    pthread_setattr_default_np(&before);
}
END_TEST

/* ---- several loaders ------------------------------------------------------------------------- */

START_TEST(side_by_side)
{
    source sources[3] = {{0}, {0}, {0}};
    tn_loader *l[3];
    tn_batch b;
    for (int i = 0; i < 3; i++)
        l[i] = images(&sources[i], (tn_loader_opts){.batch_size = 2, .prefetch = 1 + i});
    for (int64_t k = 0; k < 12; k++)
        for (int i = 0; i < 3; i++) {
            ck_assert(tn_loader_next(l[i], &b));
            ck_assert_int_eq(tn_data_i64(b.y)[0], 2 * k);
        }
    for (int i = 0; i < 3; i++)
        ck_assert(!tn_loader_next(l[i], &b) && !atomic_load(&sources[i].twice));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("prefetch");
    TCase *tc = tn_case(suite, "threads"), *forks = tn_case(suite, "forks");
    tcase_add_loop_test(tc, same_bits, 0, 2 * KINDS);
    tcase_add_test(tc, same_bits_of_any_size);
    tcase_add_loop_test(tc, batches_of_other_kinds, 0, 3);
    tcase_add_test(tc, streams_of_transforms);
    tcase_add_loop_test(tc, errors_come_with_their_batch, 0, 8);
    tcase_add_loop_test(tc, nothing_is_made_behind_an_error, 2, 7);
    tcase_add_test(tc, an_error_of_the_program);
    tcase_add_loop_test(tc, freed_early, 0, 8);
    tcase_add_test(tc, frees_within_a_sample);
    tcase_add_test(tc, outlives_scopes);
    tcase_add_loop_test(tc, allocates_nothing, 0, 6);
    tcase_add_loop_test(tc, goes_on_where_it_was, 0, 8);
    tcase_add_test(tc, through_a_checkpoint);
    tcase_add_test(tc, wants_the_same_transform);
    tcase_add_test(tc, side_by_side);
    tcase_add_loop_test(forks, goes_on_in_a_child, 0, 8);
    tcase_add_test(tc, without_a_thread);
    return tn_run(suite);
}
