/* Dictionaries: order, look-up, cloning, and who owns the tensors. */
#include <stdio.h>
#include <string.h>
#include "common/check_tn.h"

START_TEST(keeps_order)
{
    tn_dict *dict = tn_dict_new(ctx);
    char name[] = "t00";
    for (int i = 0; i < 100; i++) {
        name[1] = (char)('0' + i / 10), name[2] = (char)('0' + i % 10);
        ck_assert_int_eq(tn_dict_set(dict, name, tn_scalar(ctx, TN_F64, i)), TN_OK);
    }
    ck_assert_int_eq(tn_dict_count(dict), 100);
    ck_assert_str_eq(tn_dict_name(dict, 0), "t00");
    ck_assert_str_eq(tn_dict_name(dict, 73), "t73");
    ck_assert_double_eq(tn_item(ctx, tn_dict_at(dict, 73)), 73);
    ck_assert_double_eq(tn_item(ctx, tn_dict_get(dict, "t99")), 99);
}
END_TEST

START_TEST(replaces_in_place)
{
    tn_dict *dict = tn_dict_new(ctx);
    tn_dict_set(dict, "a", tn_scalar(ctx, TN_F64, 1));
    tn_dict_set(dict, "b", tn_scalar(ctx, TN_F64, 2));
    tn_dict_set(dict, "a", tn_zeros(ctx, TN_I32, TN_SHAPE(2, 3)));
    ck_assert_int_eq(tn_dict_set(dict, "b", tn_dict_get(dict, "b")), TN_OK);
    ck_assert_int_eq(tn_dict_count(dict), 2);
    ck_assert_str_eq(tn_dict_name(dict, 0), "a");
    ck_assert_int_eq(tn_numel(tn_dict_at(dict, 0)), 6);
    ck_assert_int_eq(tn_dtype_of(tn_dict_get(dict, "a")), TN_I32);
    ck_assert_double_eq(tn_item(ctx, tn_dict_get(dict, "b")), 2);
}
END_TEST

START_TEST(outlives_scopes_and_shares_data)
{
    tn_dict *dict = tn_dict_new(ctx);
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *t = tn_zeros(ctx, TN_F32, TN_SHAPE(4));
    tn_dict_set(dict, "x", t);
    tn_fill_(ctx, t, 3);
    tn_scope_end(ctx, scope);
    tn_free(tn_dict_get(dict, "x"));
    ck_assert_float_eq(tn_data_f32(tn_dict_get(dict, "x"))[3], 3);
}
END_TEST

START_TEST(holds_no_gradients)
{
    tn_dict *dict = tn_dict_new(ctx);
    tn_tensor *t = tn_zeros(ctx, TN_F32, TN_SHAPE(4));
    tn_set_requires_grad(ctx, t, true);
    tn_dict_set(dict, "x", t);
    ck_assert(!tn_requires_grad(tn_dict_get(dict, "x")));
    ck_assert_ptr_eq(tn_data(tn_dict_get(dict, "x")), tn_data(t));
}
END_TEST

START_TEST(gives_memory_back)
{
    tn_memory_stats before = tn_memory(ctx);
    tn_dict *dict = tn_dict_new(ctx);
    tn_scope scope = tn_scope_begin(ctx);
    tn_dict_set(dict, "x", tn_zeros(ctx, TN_F32, TN_SHAPE(1000)));
    tn_dict_set(dict, "x", tn_zeros(ctx, TN_F32, TN_SHAPE(2000)));
    tn_scope_end(ctx, scope);
    ck_assert_int_ge(tn_memory(ctx).live_bytes, before.live_bytes + 8000);
    tn_dict_free(dict);
    tn_dict_free(NULL);
    ck_assert_int_eq(tn_memory(ctx).tensors, before.tensors);
    ck_assert_int_le(tn_memory(ctx).live_bytes, before.live_bytes);
}
END_TEST

START_TEST(has_nothing_out_of_range)
{
    tn_dict *dict = tn_dict_new(ctx);
    tn_dict_set(dict, "x", tn_scalar(ctx, TN_F32, 0));
    ck_assert_ptr_null(tn_dict_name(dict, -1));
    ck_assert_ptr_null(tn_dict_name(dict, 1));
    ck_assert_ptr_null(tn_dict_at(dict, -1));
    ck_assert_ptr_null(tn_dict_at(dict, 1));
    ck_assert_ptr_null(tn_dict_get(dict, "y"));
    ck_assert_ptr_null(tn_dict_get(dict, NULL));
    ck_assert_int_eq(tn_dict_count(NULL), 0);
    ck_assert_ptr_null(tn_dict_name(NULL, 0));
    ck_assert_ptr_null(tn_dict_at(NULL, 0));
    ck_assert_ptr_null(tn_dict_get(NULL, "x"));
    ck_assert_int_eq(tn_error_status(ctx), TN_OK);
}
END_TEST

START_TEST(finds_every_one_of_many)
{
    enum { N = 5000 };
    tn_dict *dict = tn_dict_new(ctx);
    tn_tensor *t = tn_arange(ctx, TN_F64, 0, N, 1);
    for (int i = 0; i < N; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i * 7 % N);
        tn_dict_set(dict, name, tn_select(ctx, t, 0, i * 7 % N));
    }
    for (int i = 0; i < N; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        ck_assert_double_eq(tn_item(ctx, tn_dict_get(dict, name)), i);
    }
    ck_assert_ptr_null(tn_dict_get(dict, "5000"));
    ck_assert_ptr_null(tn_dict_get(dict, ""));
}
END_TEST

/* ---- names that somebody chose --------------------------------------------------------------- */

/* Names of 17 parts, of which each can be one of two that take FNV-1a from its state after the
 * parts before to the same 20 bits: there are 2^17 such names, and a table of up to 2^20 places
 * that is addressed by this hash finds all of them in one place. */
enum { PARTS = 17, BITS = 20, PART = 6, COLLIDING = 100000 };

static uint32_t fnv(uint32_t h, const char *s)
{
    for (int i = 0; i < PART; i++)
        h = ((h ^ (unsigned char)s[i]) * 0x1b3U) & ((1U << BITS) - 1);
    return h;
}

static void part_of(uint32_t number, char *out)
{
    for (int i = PART; i-- > 0; number /= 10)
        out[i] = (char)('0' + number % 10);
    out[PART] = '\0';
}

static uint32_t find_two(uint32_t h, char parts[2][PART + 1])
{
    static uint32_t seen[1U << BITS];
    memset(seen, 0, sizeof seen);
    for (uint32_t i = 0;; i++) {
        part_of(i, parts[1]);
        uint32_t next = fnv(h, parts[1]);
        if (seen[next]) {
            part_of(seen[next] - 1, parts[0]);
            return next;
        }
        seen[next] = i + 1;
    }
}

/* How far all names together are from the places that their hashes say. */
static int64_t steps_in(const tn__index *index)
{
    int64_t steps = 0;
    for (int64_t i = 0; i < index->size; i++)
        if (index->table[i].number)
            steps += (i - (int64_t)index->table[i].hash) & (index->size - 1);
    return steps;
}

/* In a table that is half full, names are half a place off on average, whoever chose them (Knuth,
 * volume 3, 6.4). Their order is that in which they came, whatever the key of the hash. */
START_TEST(is_not_slowed_by_names_that_collide)
{
    char parts[PARTS][2][PART + 1], name[PARTS * PART + 1];
    tn_dict *dict = tn_dict_new(ctx);
    tn_tensor *t = tn_scalar(ctx, TN_U8, 1);
    tn__index index = {0};
    ck_assert(tn__index_reserve(ctx, &index, COLLIDING));
    uint32_t h = 0xcbf29ce484222325U & ((1U << BITS) - 1);
    for (int i = 0; i < PARTS; i++)
        h = find_two(h, parts[i]);
    for (int i = 0; i < COLLIDING; i++) {
        for (int k = 0; k < PARTS; k++)
            memcpy(name + k * PART, parts[k][i >> k & 1], PART + 1);
        tn__index_add(&index, tn__hash(ctx, name), i);
        if (i % 1000 == 999)
            ck_assert_int_lt(steps_in(&index), i);
        ck_assert_int_eq(tn_dict_set(dict, name, t), TN_OK);
    }
    tn__index_free(ctx, &index);
    ck_assert_int_eq(tn_dict_count(dict), COLLIDING);
    ck_assert_str_eq(tn_dict_name(dict, COLLIDING - 1), name);
    ck_assert_ptr_eq(tn_dict_get(dict, name), tn_dict_at(dict, COLLIDING - 1));
}
END_TEST

static tn_dict *pair(const char *first, const char *second)
{
    tn_dict *dict = tn_dict_new(ctx);
    tn_dict_set(dict, first, tn_scalar(ctx, TN_F64, 1));
    tn_dict_set(dict, second, tn_scalar(ctx, TN_F64, 2));
    return dict;
}

START_TEST(joins_and_takes_apart)
{
    tn_dict *dict = pair("m.a", "x");
    ck_assert_int_eq(tn_dict_update(dict, "m.", pair("b", "a")), TN_OK);
    ck_assert_int_eq(tn_dict_count(dict), 3);
    ck_assert_str_eq(tn_dict_name(dict, 0), "m.a");
    ck_assert_str_eq(tn_dict_name(dict, 2), "m.b");
    ck_assert_double_eq(tn_item(ctx, tn_dict_get(dict, "m.a")), 2);
    ck_assert_double_eq(tn_item(ctx, tn_dict_get(dict, "m.b")), 1);
    tn_dict *part = tn_dict_select(dict, "m.");
    ck_assert_int_eq(tn_dict_count(part), 2);
    ck_assert_str_eq(tn_dict_name(part, 1), "b");
    ck_assert_ptr_eq(tn_data(tn_dict_get(part, "b")), tn_data(tn_dict_get(dict, "m.b")));
    ck_assert_int_eq(tn_dict_count(tn_dict_select(dict, NULL)), 3);
    ck_assert_int_eq(tn_dict_count(tn_dict_select(dict, "m.a.")), 0);
    ck_assert_int_eq(tn_dict_update(dict, NULL, dict), TN_OK);
    ck_assert_int_eq(tn_dict_update(part, "again.", part), TN_OK);
    ck_assert_int_eq(tn_dict_count(dict), 3);
    ck_assert_int_eq(tn_dict_count(part), 4);
}
END_TEST

START_TEST(clones)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_dict *dict = pair("a", "b");
    tn_tensor *grid = tn_reshape(ctx, tn_arange(ctx, TN_I32, 0, 6, 1), TN_SHAPE(2, 3));
    tn_dict_set(dict, "c", tn_transpose(ctx, grid, 0, 1));
    int64_t tensors = tn_memory(ctx).tensors;
    tn_dict *copy = tn_dict_clone(dict);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors + 3);
    tn_fill_(ctx, tn_dict_get(dict, "a"), 7);
    tn_fill_(ctx, grid, 7);
    tn_dict_free(dict);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors);
    tn_scope_end(ctx, scope);
    ck_assert_int_eq(tn_dict_count(copy), 3);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(tn_dict_name(copy, i)[0], 'a' + i);
    ck_assert_double_eq(tn_item(ctx, tn_dict_get(copy, "a")), 1);
    ck_assert_double_eq(tn_item(ctx, tn_dict_get(copy, "b")), 2);
    tn_tensor *c = tn_dict_get(copy, "c");
    ck_assert_int_eq(tn_dtype_of(c), TN_I32);
    ck_assert(tn_ndim(c) == 2 && tn_size(c, 0) == 3 && tn_size(c, 1) == 2 && tn_is_contiguous(c));
    ck_assert_double_eq(tn_at(ctx, c, (int64_t[]){2, 1}), 5);
    ck_assert_int_eq(tn_dict_count(tn_dict_clone(tn_dict_new(ctx))), 0);
}
END_TEST

static tn_status clone_once(void *payload)
{
    tn_dict *copy = tn_dict_clone(payload);
    ck_assert_int_eq(tn_dict_count(copy), tn_error_status(ctx) == TN_OK ? 2 : 0);
    tn_dict_free(copy);
    return tn_error_status(ctx);
}

START_TEST(clones_all_or_nothing)
{
    fail_each_allocation(clone_once, pair("a", "b"));
}
END_TEST

static tn_status update_once(void *payload)
{
    tn_dict *const *dicts = payload;
    tn_dict *copy = tn_dict_select(dicts[0], NULL);
    tn_status status = copy ? tn_dict_update(copy, "m.", dicts[1]) : tn_error_status(ctx);
    ck_assert_int_eq(tn_dict_count(copy), status == TN_OK ? 4 : copy ? 2 : 0);
    tn_dict_free(copy);
    return status;
}

START_TEST(survives_without_memory)
{
    fail_each_allocation(update_once, (tn_dict *[]){pair("a", "b"), pair("a", "b")});
}
END_TEST

START_TEST(reports_errors)
{
    tn_dict *dict = tn_dict_new(ctx);
    tn_tensor *t = tn_scalar(ctx, TN_F32, 0);
    ck_assert_int_eq(tn_dict_set(NULL, "x", t), TN_ERR_ARGUMENT);
    ck_assert_int_eq(tn_dict_set(dict, NULL, t), TN_ERR_ARGUMENT);
    ck_assert_str_eq(tn_error(ctx), "dict_set: name is NULL");
    ck_assert_int_eq(tn_dict_set(dict, "x", t), TN_ERR_ARGUMENT);
    ck_assert_ptr_null(tn_dict_new(ctx));
    tn_clear_error(ctx);
    ck_assert_int_eq(tn_dict_set(dict, "x", NULL), TN_ERR_ARGUMENT);
    ck_assert_str_eq(tn_error(ctx), "dict_set: input is NULL");
    ck_assert_int_eq(tn_dict_count(dict), 0);
    ck_assert_ptr_null(tn_dict_new(NULL));
    tn_clear_error(ctx);
    ck_assert_int_eq(tn_dict_update(dict, NULL, NULL), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "dict_update: from is NULL");
    ck_assert(!tn__check_dict(ctx, "test", NULL));
    ck_tn_error(TN_ERR_ARGUMENT, "test: the dictionary is NULL");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dict");
    TCase *tc = tn_case(suite, "dict");
    tcase_add_test(tc, keeps_order);
    tcase_add_test(tc, replaces_in_place);
    tcase_add_test(tc, outlives_scopes_and_shares_data);
    tcase_add_test(tc, holds_no_gradients);
    tcase_add_test(tc, gives_memory_back);
    tcase_add_test(tc, has_nothing_out_of_range);
    tcase_add_test(tc, finds_every_one_of_many);
    tcase_add_test(tc, joins_and_takes_apart);
    tcase_add_test(tc, clones);
    tcase_add_test(tc, clones_all_or_nothing);
    tcase_add_test(tc, survives_without_memory);
    tcase_add_test(tc, reports_errors);
    tc = tn_case(suite, "chosen names");
    tcase_add_test(tc, is_not_slowed_by_names_that_collide);
    return tn_run(suite);
}
