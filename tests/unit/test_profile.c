/* The profiler: calls, times and bytes of each operator. */
#include "common/check_tn.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define ALL ((tn_reduce_opts){0})

static char text[8192];

static void report(void)
{
    int64_t length = tn_profile_report(ctx, text, sizeof text);
    ck_assert_int_eq(length, (int64_t)strlen(text));
}

typedef struct line {
    long long calls, bytes;
    double forward, backward;
} line;

/* The line of an operator in the report; zeros if there is none. */
static line line_of(const char *name)
{
    line l = {0};
    char key[64];
    snprintf(key, sizeof key, "\n%s ", name);
    const char *p = strstr(text, key);
    if (p)
        ck_assert_int_eq(sscanf(p + strlen(key), "%lld %lf %lf %lld", &l.calls, &l.forward,
                                &l.backward, &l.bytes),
                         4);
    return l;
}

/* The clock of this program, in the place of the C library's: it goes by what the tests say, and by
 * a microsecond whenever it is read, so that times are the same on every machine. */
static int64_t passed; /* in nanoseconds */

int clock_gettime(clockid_t clock, struct timespec *t)
{
    (void)clock;
    passed += 1000;
    *t = (struct timespec){.tv_sec = passed / 1000000000, .tv_nsec = passed % 1000000000};
    return 0;
}

static void let_pass(int64_t ms)
{
    passed += ms * 1000000;
}

START_TEST(counts_calls_and_bytes)
{
    tn_tensor *x = leaf(tn_ones(ctx, TN_F32, TN_SHAPE(8, 4)));
    ck_assert_int_eq(tn_profile(ctx, true), TN_OK);
    for (int i = 0; i < 3; i++) {
        tn_tensor *y = tn_square(ctx, tn_reshape(ctx, x, TN_SHAPE(4, 8)));
        tn_backward(ctx, tn_sum(ctx, tn_relu(ctx, y), ALL));
    }
    bool before = tn_set_grad_enabled(ctx, false);
    tn_relu(ctx, x);
    tn_set_grad_enabled(ctx, before);
    report();
    ck_assert_int_eq(line_of("square").calls, 3);
    ck_assert_int_eq(line_of("square").bytes, 3 * 128);
    ck_assert_int_eq(line_of("relu").calls, 4);
    ck_assert_int_eq(line_of("relu").bytes, 4 * 128);
    ck_assert_int_eq(line_of("sum").bytes, 3 * 4);
    ck_assert_int_eq(line_of("reshape").calls, 3);
    ck_assert_int_eq(line_of("reshape").bytes, 0);
    ck_assert_int_eq(line_of("total").calls, 13);
    ck_assert_int_eq(line_of("total").bytes, 7 * 128 + 12);
    ck_assert_int_eq(line_of("mul").calls, 0);
}
END_TEST

/* What operators use in their backward is part of it, and no call. */
START_TEST(backward_is_time_of_the_operator_on_the_tape)
{
    tn_tensor *x = leaf(tn_ones(ctx, TN_F64, TN_SHAPE(300, 300)));
    tn_profile(ctx, true);
    tn_tensor *product = tn_matmul(ctx, x, x);
    tn_backward(ctx, tn_mean(ctx, tn_cat(ctx, TN_TENSORS(product, product), 0), ALL));
    report();
    ck_assert_int_eq(line_of("matmul").calls, 1);
    ck_assert_double_gt(line_of("matmul").backward, 0);
    ck_assert_double_gt(line_of("matmul").forward, 0);
    ck_assert_double_ge(line_of("total").backward, line_of("matmul").backward);
    ck_assert_double_ge(line_of("total").forward, line_of("matmul").forward);
    ck_assert_int_eq(line_of("mean").calls, 1);
    ck_assert_int_eq(line_of("cat").calls, 1);
    ck_assert_int_eq(line_of("narrow").calls, 0);
    ck_assert_int_eq(line_of("total").calls, 3);
}
END_TEST

static void slow_backward(tn_ctx *c, tn_node *node, const tn_tensor *dy)
{
    let_pass(20);
    tn_add_grad(c, node, 0, tn_mul_scalar(c, dy, 2));
}

static const tn_op slow_op = {.name = "slow", .backward = slow_backward};

static const tn_op inner_op = {.name = "inner", .backward = slow_backward};

/* 20 ms of its own and 100 in another slow operator. */
static tn_tensor *slow(const tn_tensor *x, bool outer)
{
    const tn_op *op = outer ? &slow_op : &inner_op;
    tn_begin(ctx, op);
    let_pass(outer ? 10 : 100);
    tn_tensor *y = outer ? slow(tn_detach(ctx, x), false) : tn_mul_scalar(ctx, x, 2);
    if (outer)
        let_pass(10);
    return tn_record(ctx, op, y, (tn_record_args){.inputs = {x}});
}

/* The time of an operator is its own alone, and not that between operators. */
START_TEST(own_time)
{
    tn_tensor *x = LEAF(1, 2);
    tn_profile(ctx, true);
    tn_item(ctx, tn_sum(ctx, x, ALL));
    let_pass(200);
    tn_tensor *y = slow(x, true);
    let_pass(200);
    tn_item(ctx, tn_sum(ctx, y, ALL));
    let_pass(200);
    ck_assert_int_eq(tn_backward(ctx, tn_sum(ctx, y, ALL)), TN_OK);
    report();
    line l = line_of("slow");
    ck_assert_int_eq(l.calls, 1);
    ck_assert(l.forward >= 20 && l.forward < 21);
    ck_assert(l.backward >= 20 && l.backward < 21);
    l = line_of("inner");
    ck_assert_int_eq(l.calls, 1);
    ck_assert(l.forward >= 100 && l.forward < 101);
    ck_assert_double_eq(l.backward, 0);
    ck_assert_double_lt(line_of("sum").forward, 1);
    ck_assert_ptr_eq(strstr(text, "\ninner "), strchr(text, '\n'));
}
END_TEST

/* Operators that begin and record nothing, so that they stay on the stack of 32. */
static tn_op others[100];

static void begin_others(int count)
{
    for (int i = 0; i < count; i++) {
        others[i] = (tn_op){.name = "other", .backward = slow_backward};
        tn_begin(ctx, &others[i]);
    }
}

/* A call that fails, or one that records nothing, is not the beginning of the next one. */
START_TEST(calls_that_record_nothing)
{
    tn_tensor *x = LEAF(1, 2), *wrong = F64(1, 2, 3);
    tn_profile(ctx, true);
    ck_assert_ptr_null(tn_add(ctx, x, wrong));
    tn_clear_error(ctx);
    let_pass(200);
    tn_add(ctx, x, x);
    tn_begin(ctx, &slow_op);
    tn_add(ctx, x, x);
    let_pass(200);
    slow(x, true);
    begin_others(100);
    slow(x, true);
    report();
    ck_assert_int_eq(line_of("add").calls, 2);
    ck_assert_double_lt(line_of("add").forward, 1);
    ck_assert_double_ge(line_of("slow").forward, 2 * 20);
    ck_assert_double_lt(line_of("slow").forward, 2 * 20 + 1);
}
END_TEST

/* What had begun before an error does not end with the next record, which has no time then. */
START_TEST(what_an_error_ends)
{
    tn_tensor *x = F64(1, 2), *y = F64(1, 2);
    tn_profile(ctx, true);
    tn_begin(ctx, &slow_op);
    let_pass(20);
    tn_fail(ctx, TN_ERR_SHAPE, "wrong");
    tn_clear_error(ctx);
    tn_record(ctx, &slow_op, y, (tn_record_args){.inputs = {x}});
    report();
    ck_assert_int_eq(line_of("slow").calls, 1);
    ck_assert_double_eq(line_of("slow").forward, 0);
}
END_TEST

/* A check says nothing to the profile. */
START_TEST(checks_begin_nothing)
{
    tn_tensor *x = F64(1, 2), *y = F64(1, 2);
    tn_profile(ctx, true);
    ck_assert(tn_check_float(ctx, "slow", "input", x));
    let_pass(20);
    tn_record(ctx, &slow_op, y, (tn_record_args){.inputs = {x}});
    report();
    ck_assert_int_eq(line_of("slow").calls, 1);
    ck_assert_double_eq(line_of("slow").forward, 0);
}
END_TEST

/* One too many takes the oldest alone off the stack. */
START_TEST(operators_beyond_the_stack)
{
    tn_tensor *x = F64(1, 2), *y = F64(1, 2);
    tn_profile(ctx, true);
    tn_begin(ctx, &inner_op);
    tn_begin(ctx, &slow_op);
    begin_others(31);
    let_pass(20);
    tn_record(ctx, &slow_op, y, (tn_record_args){.inputs = {x}});
    report();
    ck_assert_int_eq(line_of("slow").calls, 1);
    ck_assert_double_ge(line_of("slow").forward, 20);
}
END_TEST

/* The time inside an operator that begins anew stays that of one inside the one below it. */
START_TEST(inner_time_of_operators_that_begin_anew)
{
    tn_tensor *x = F64(1, 2), *y = F64(1, 2);
    tn_profile(ctx, true);
    tn_begin(ctx, &slow_op);
    begin_others(1);
    slow(x, false);
    begin_others(1);
    tn_record(ctx, &slow_op, y, (tn_record_args){.inputs = {x}});
    report();
    ck_assert_double_ge(line_of("inner").forward, 100);
    ck_assert_double_lt(line_of("slow").forward, line_of("inner").forward);
}
END_TEST

/* Operators that share a function and a record each have their own time. */
START_TEST(views_have_time)
{
    tn_tensor *x = F64(1, 2, 3, 4);
    tn_profile(ctx, true);
    for (int i = 0; i < 100; i++) {
        tn_narrow(ctx, x, 0, 1, 2);
        tn_transpose(ctx, tn_reshape(ctx, x, TN_SHAPE(2, 2)), 0, 1);
    }
    report();
    ck_assert_double_gt(line_of("slice").forward, 0);
    ck_assert_double_gt(line_of("permute").forward, 0);
}
END_TEST

/* Operators on x [2,2], and of planes [1,1,2,2]; `at` are indices. */
static void call_operators(const tn_tensor *x, const tn_tensor *planes, const tn_tensor *at)
{
    tn_tensor *row = F64(1, 2), *yes = tn_cast(ctx, x, TN_BOOL);
    tn_neg(ctx, x);
    tn_add(ctx, x, x);
    tn_clone(ctx, x);
    tn_contiguous(ctx, tn_transpose(ctx, x, 0, 1));
    tn_expand(ctx, row, TN_SHAPE(2, 2));
    tn_permute(ctx, x, (int[]){1, 0});
    tn_reshape(ctx, x, TN_SHAPE(4));
    tn_slice(ctx, x, 0, 0, 1, 1);
    tn_cat(ctx, TN_TENSORS(x, x), 0);
    tn_pad(ctx, x, 2, (int64_t[]){1, 1}, 0);
    tn_where(ctx, yes, x, x);
    tn_gather(ctx, x, 0, at);
    tn_index_select(ctx, x, 0, tn_select(ctx, at, 0, 0));
    tn_topk(ctx, x, 1, 0, true, NULL);
    tn_max(ctx, x, 0, false, NULL);
    tn_amax(ctx, x, ALL);
    tn_sum(ctx, x, ALL);
    tn_mean(ctx, x, ALL);
    tn_var(ctx, x, (tn_var_opts){0});
    tn_softmax(ctx, x, 0);
    tn_log_softmax(ctx, x, 0);
    tn_dropout(ctx, x, 0.5, true);
    tn_matmul(ctx, x, x);
    tn_linear(ctx, x, x, NULL);
    tn_mse_loss(ctx, x, x, (tn_mse_loss_opts){0});
    tn_binary_cross_entropy_with_logits(ctx, x, x, (tn_bce_opts){0});
    tn_cross_entropy(ctx, x, tn_select(ctx, at, 0, 0), (tn_cross_entropy_opts){0});
    tn_nll_loss(ctx, x, tn_select(ctx, at, 0, 0), (tn_nll_loss_opts){0});
    tn_batch_norm(ctx, x, NULL, NULL, NULL, NULL, (tn_batch_norm_opts){.training = true});
    tn_conv2d(ctx, planes, planes, NULL, (tn_conv2d_opts){0});
    tn_max_pool2d(ctx, planes, 2, (tn_pool2d_opts){0});
    tn_avg_pool2d(ctx, planes, 2, (tn_pool2d_opts){0});
    tn_adaptive_avg_pool2d(ctx, planes, 1, 1);
}

/* An operator without time did not say that it begins. */
START_TEST(every_operator_has_time)
{
    tn_tensor *x = tn_reshape(ctx, F64(1, 2, 3, 4), TN_SHAPE(2, 2));
    tn_tensor *planes = tn_reshape(ctx, x, TN_SHAPE(1, 1, 2, 2));
    tn_tensor *at = tn_zeros(ctx, TN_I64, TN_SHAPE(2, 2));
    tn_profile(ctx, true);
    call_operators(x, planes, at);
    ck_tn_ok();
    report();
    char *name = strchr(text, '\n') + 1;
    int count = 0;
    for (char *next; (next = strchr(name, '\n')) && strncmp(name, "total", 5) != 0; count++) {
        double forward;
        ck_assert_int_eq(sscanf(name, "%*s %*d %lf", &forward), 1);
        ck_assert_msg(forward > 0, "%.*s", (int)(next - name), name);
        name = next + 1;
    }
    ck_assert_int_eq(count, 34);
}
END_TEST

/* The most time first, however it is shared between forward and backward. */
START_TEST(slow_operators_come_first)
{
    static const tn_op slow = {.name = "slow"}, quick = {.name = "quick"};
    tn_profile(ctx, true);
    tn__profile_backward(ctx, _i ? &quick : &slow, tn__now() - (_i ? 1 : 2) * 1000000);
    tn__profile_backward(ctx, _i ? &slow : &quick, tn__now() - (_i ? 2 : 1) * 1000000);
    report();
    ck_assert(strstr(text, "\nslow ") < strstr(text, "\nquick "));
}
END_TEST

START_TEST(switching)
{
    tn_tensor *x = LEAF(1, 2);
    report();
    ck_assert_str_eq(text,
                     "operator                 calls   forward ms  backward ms          bytes\n"
                     "total                        0        0.000        0.000              0\n");
    tn_square(ctx, x);
    tn_profile(ctx, true);
    tn_square(ctx, x);
    tn_profile(ctx, false);
    tn_square(ctx, x);
    report();
    ck_assert_int_eq(line_of("square").calls, 1);
    tn_profile(ctx, false);
    report();
    ck_assert_int_eq(line_of("square").calls, 1);
    tn_profile(ctx, true);
    report();
    ck_assert_int_eq(line_of("square").calls, 0);
    int64_t length = tn_profile_report(ctx, NULL, 0);
    ck_assert_int_eq(tn_profile_report(ctx, NULL, 5), length);
    ck_assert_int_eq(tn_profile_report(ctx, text, 10), length);
    ck_assert_str_eq(text, "operator ");
    ck_assert_int_eq(tn_profile(NULL, true), TN_ERR_ARGUMENT);
    ck_assert_int_eq(tn_profile_report(NULL, NULL, 0), 2 * 72);
    tn_fail(ctx, TN_ERR_SHAPE, "wrong");
    ck_assert_int_eq(tn_profile(ctx, true), TN_ERR_SHAPE);
    ck_assert_int_gt(tn_profile_report(ctx, NULL, 0), 0);
    tn_clear_error(ctx);
}
END_TEST

START_TEST(memory_of_the_profile)
{
    tn_tensor *x = LEAF(1, 2);
    int64_t live = tn_memory(ctx).live_bytes;
    memory.calls = 0;
    memory.fail_at = 1;
    tn_empty_cache(ctx);
    ck_assert_int_eq(tn_profile(ctx, true), TN_ERR_MEMORY);
    memory.fail_at = 0;
    tn_clear_error(ctx);
    tn_square(ctx, x);
    report();
    ck_assert_int_eq(line_of("square").calls, 0);
    tn_profile(ctx, true);
    tn_empty_cache(ctx);
    memory.calls = 0;
    for (int k = 1; k < 3; k++) {
        tn_empty_cache(ctx);
        memory.calls = 0;
        memory.fail_at = k;
        tn_scope scope = tn_scope_begin(ctx);
        ck_assert_ptr_null(tn_square(ctx, x));
        memory.fail_at = 0;
        ck_assert_int_eq(tn_error_status(ctx), TN_ERR_MEMORY);
        tn_clear_error(ctx);
        tn_scope_end(ctx, scope);
    }
    for (int i = 0; i < 5; i++) {
        int64_t calls = memory.calls;
        tn_scope scope = tn_scope_begin(ctx);
        tn_backward(ctx, tn_sum(ctx, tn_square(ctx, x), ALL));
        tn_scope_end(ctx, scope);
        ck_assert(i < 2 || memory.calls == calls);
    }
    ck_assert_int_gt(tn_memory(ctx).live_bytes, live);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("profile");
    TCase *tc = tn_case(suite, "profile");
    tcase_add_test(tc, counts_calls_and_bytes);
    tcase_add_test(tc, backward_is_time_of_the_operator_on_the_tape);
    tcase_add_test(tc, own_time);
    tcase_add_test(tc, calls_that_record_nothing);
    tcase_add_test(tc, what_an_error_ends);
    tcase_add_test(tc, checks_begin_nothing);
    tcase_add_test(tc, operators_beyond_the_stack);
    tcase_add_test(tc, inner_time_of_operators_that_begin_anew);
    tcase_add_test(tc, views_have_time);
    tcase_add_test(tc, every_operator_has_time);
    tcase_add_loop_test(tc, slow_operators_come_first, 0, 2);
    tcase_add_test(tc, switching);
    tcase_add_test(tc, memory_of_the_profile);
    return tn_run(suite);
}
