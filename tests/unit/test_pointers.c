/* A list of pointers that knows the place of each. */
#include "base/pointers.h"
#include "common/check_tn.h"

enum { COUNT = 1000 };

static char there[COUNT], elsewhere[COUNT];

/* Of these the first `count` are in the list, in order, and no others. */
static void check_list(const tn__pointers *list, int64_t count)
{
    ck_assert_int_eq(list->count, count);
    for (int64_t i = 0; i < COUNT; i++) {
        ck_assert_int_eq(tn__place_of(list, &there[i]), i < count ? i : -1);
        ck_assert_int_eq(tn__place_of(list, &elsewhere[i]), -1);
        if (i < count)
            ck_assert_ptr_eq(list->items[i], &there[i]);
    }
}

START_TEST(finds_every_one_at_any_count)
{
    tn__pointers list = {0};
    check_list(&list, 0);
    for (int64_t i = 0; i < COUNT; i++) {
        ck_assert(tn__add_pointer(ctx, &list, &there[i]));
        if (i < 70 || i == COUNT - 1)
            check_list(&list, i + 1);
    }
    tn__free_pointers(ctx, &list);
    check_list(&list, 0);
}
END_TEST

/* What was added first is found all the same, and what was cut can be added again. */
START_TEST(is_cut_to_any_count)
{
    tn__pointers list = {0};
    for (int64_t count = 0; count <= 40; count++) {
        for (int64_t i = list.count; i < 40; i++)
            ck_assert(tn__add_pointer(ctx, &list, &there[i]));
        check_list(&list, 40);
        tn__cut_pointers(&list, count);
        check_list(&list, count);
    }
    tn__free_pointers(ctx, &list);
}
END_TEST

static tn_status fill(void *unused)
{
    (void)unused;
    tn__pointers list = {0};
    int64_t count = 0;
    while (count < 40 && tn__add_pointer(ctx, &list, &there[count]))
        count++;
    check_list(&list, count);
    tn__free_pointers(ctx, &list);
    return tn_error_status(ctx);
}

START_TEST(stays_as_it_is_without_memory)
{
    fail_each_allocation(fill, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pointers");
    TCase *tc = tn_case(suite, "pointers");
    tcase_add_test(tc, finds_every_one_at_any_count);
    tcase_add_test(tc, is_cut_to_any_count);
    tcase_add_test(tc, stays_as_it_is_without_memory);
    return tn_run(suite);
}
