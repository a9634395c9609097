/* The checks of inputs that operators of a program share. */
#include "common/check_tn.h"

START_TEST(checks_of_inputs)
{
    tn_tensor *f = F64(1);
    tn_tensor *i = tn_zeros(ctx, TN_I32, TN_SHAPE(2));
    ck_assert(tn_check_input(ctx, "op", "x", i));
    ck_assert(tn_check_float(ctx, "op", "x", f));
    ck_assert(tn_check_same_dtype(ctx, "op", "a", f, "b", f));
    ck_tn_ok();
    ck_assert(!tn_check_input(ctx, "op", "x", NULL));
    ck_tn_error(TN_ERR_ARGUMENT, "op: x is NULL");
    ck_assert(!tn_check_float(ctx, "op", "x", NULL));
    ck_tn_error(TN_ERR_ARGUMENT, "op: x is NULL");
    ck_assert(!tn_check_float(ctx, "op", "x", i));
    ck_tn_error(TN_ERR_DTYPE, "op: x is i32 but must be f32 or f64; tn_cast converts");
    ck_assert(!tn_check_same_dtype(ctx, "op", "a", f, "b", i));
    ck_tn_error(TN_ERR_DTYPE, "op: a is f64 but b is i32; tn_cast converts");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("check");
    TCase *tc = tn_case(suite, "check");
    tcase_add_test(tc, checks_of_inputs);
    return tn_run(suite);
}
