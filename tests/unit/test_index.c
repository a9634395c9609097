/* Where a name is in an array: names that are there and that are not, with hashes of the context
 * and with hashes that collide. */
#include <stdio.h>
#include "base/index.h"
#include "common/check_tn.h"

enum { COUNT = 300 };

typedef struct item {
    const char *name;
    int64_t other; /* the name is not all of an element */
} item;

static item items[COUNT];
static char names[2 * COUNT][8];
static bool colliding;

static uint64_t hash_of(const char *name)
{
    return colliding ? 7 : tn__hash(ctx, name);
}

static int64_t find(const tn__index *index, const char *name)
{
    return tn__index_find(index, items, sizeof *items, name, hash_of(name));
}

static bool add(tn__index *index, int64_t i)
{
    snprintf(names[i], sizeof names[i], "n%d", (int)i);
    snprintf(names[i + COUNT], sizeof names[i], "n%d", (int)i + COUNT);
    items[i] = (item){names[i], -1};
    if (!tn__index_reserve(ctx, index, i + 1))
        return false;
    tn__index_add(index, hash_of(names[i]), i);
    return true;
}

START_TEST(finds_what_is_there)
{
    tn__index index = {0};
    colliding = _i == 1;
    ck_assert_int_eq(find(&index, "n0"), -1);
    for (int64_t count = 1; count <= COUNT; count++) {
        ck_assert(add(&index, count - 1));
        ck_assert_int_ge(index.size, 2 * count);
        for (int64_t i = 0; i < count; i++) {
            ck_assert_int_eq(find(&index, names[i]), i);
            ck_assert_int_eq(find(&index, names[i + COUNT]), -1);
        }
    }
    tn__index_free(ctx, &index);
    ck_assert_int_eq(find(&index, "n0"), -1);
}
END_TEST

/* The same hash alone is not the same name. */
START_TEST(compares_names_of_one_hash)
{
    tn__index index = {0};
    colliding = false;
    ck_assert(add(&index, 0));
    ck_assert_int_eq(tn__index_find(&index, items, sizeof *items, "other", hash_of("n0")), -1);
    tn__index_free(ctx, &index);
}
END_TEST

static tn_status fill(void *unused)
{
    (void)unused;
    tn__index index = {0};
    int64_t count = 0;
    while (count < 40 && add(&index, count))
        count++;
    for (int64_t i = 0; i < count; i++)
        ck_assert_int_eq(find(&index, names[i]), i);
    tn__index_free(ctx, &index);
    return tn_error_status(ctx);
}

START_TEST(stays_as_it_is_without_memory)
{
    colliding = false;
    fail_each_allocation(fill, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("index");
    TCase *tc = tn_case(suite, "index");
    tcase_add_loop_test(tc, finds_what_is_there, 0, 2);
    tcase_add_test(tc, compares_names_of_one_hash);
    tcase_add_test(tc, stays_as_it_is_without_memory);
    return tn_run(suite);
}
