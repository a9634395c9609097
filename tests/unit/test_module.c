/* Modules: parameters, buffers, children, their names, freezing and conversion. */
#include "common/check_tn.h"

#include <string.h>

static tn_tensor *identity(tn_ctx *c, tn_module *self, const tn_tensor *x)
{
    (void)self;
    return tn_detach(c, x);
}

static const tn_module_type plain_type = {.name = "Plain", .forward = identity};

static tn_module *plain(void)
{
    tn_module *m = tn_module_new(ctx, &plain_type, 0);
    ck_assert_ptr_nonnull(m);
    return m;
}

/* a.w, a.inner.b of [3], c.w, and w of its own that was added last */
static tn_module *family(void)
{
    tn_module *m = plain(), *a = plain(), *inner = plain(), *c = plain();
    tn_add_parameter(ctx, inner, "b", F64(1, 2, 3));
    tn_add_child(ctx, a, "inner", inner);
    tn_add_parameter(ctx, a, "w", F64(4));
    tn_add_child(ctx, m, "a", a);
    tn_add_child(ctx, m, "c", c);
    tn_add_parameter(ctx, c, "w", tn_ones(ctx, TN_F32, TN_SHAPE(2, 2)));
    tn_add_parameter(ctx, m, "w", F64(5));
    ck_tn_ok();
    return m;
}

START_TEST(parameters_have_names_and_an_order)
{
    static const char *const names[] = {"w", "a.w", "a.inner.b", "c.w"};
    tn_module *m = family();
    char name[32];
    ck_assert_int_eq(tn_parameter_count(m), 4);
    ck_assert_int_eq(tn_parameter_numel(m), 1 + 1 + 3 + 4);
    for (int i = 0; i < 4; i++) {
        tn_tensor *t = tn_parameter(m, i, name, sizeof name);
        ck_assert_str_eq(name, names[i]);
        ck_assert_ptr_eq(tn_parameter_named(m, name), t);
        ck_assert_ptr_eq(tn_parameter(m, i, NULL, 0), t);
        ck_assert(tn_requires_grad(t));
    }
    ck_assert_ptr_null(tn_parameter(m, 4, name, sizeof name));
    ck_assert_ptr_null(tn_parameter(m, -1, name, sizeof name));
    ck_assert_ptr_null(tn_parameter(NULL, 0, name, sizeof name));
    ck_assert_int_eq(tn_parameter_count(NULL), 0);
    ck_assert_int_eq(tn_parameter_numel(NULL), 0);
}
END_TEST

START_TEST(names_are_cut)
{
    tn_module *m = family();
    char name[16];
    static const char *const cut[] = {"#", "", "a", "a.", "a.i", "a.in", "a.inn"};
    for (size_t size = 0; size < 7; size++) {
        memset(name, '#', sizeof name);
        ck_assert_ptr_nonnull(tn_parameter(m, 2, name, size));
        ck_assert_int_eq(strncmp(name, cut[size], size ? strlen(cut[size]) + 1 : 1), 0);
        for (size_t i = size; i < sizeof name; i++)
            ck_assert_int_eq(name[i], '#');
    }
}
END_TEST

START_TEST(names_that_are_not_there)
{
    static const char *const names[] = {"",    ".",     "x",  "a",       "a.",
                                        "a.x", "a.w.x", ".w", "a.inner", "aa.w"};
    tn_module *m = family();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        ck_assert_ptr_null(tn_parameter_named(m, names[i]));
    ck_assert_ptr_null(tn_parameter_named(m, NULL));
    ck_assert_ptr_null(tn_parameter_named(NULL, "w"));
}
END_TEST

START_TEST(names_that_will_not_do)
{
    tn_module *m = family();
    tn_tensor *t = F64(1);
    ck_assert_ptr_null(tn_add_parameter(ctx, m, "w", t));
    ck_tn_error(TN_ERR_ARGUMENT, "add_parameter: Plain has a w already");
    ck_assert_ptr_null(tn_add_parameter(ctx, m, "a", t));
    ck_tn_error(TN_ERR_ARGUMENT, "add_parameter: Plain has a a already");
    ck_assert_ptr_null(tn_add_parameter(ctx, m, "a.b", t));
    ck_tn_error(TN_ERR_ARGUMENT, "add_parameter: a name is a text without dots");
    ck_assert_ptr_null(tn_add_parameter(ctx, m, "", t));
    ck_tn_error(TN_ERR_ARGUMENT, "add_parameter: a name is a text without dots");
    ck_assert_ptr_null(tn_add_parameter(ctx, m, NULL, t));
    ck_tn_error(TN_ERR_ARGUMENT, "add_parameter: a name is a text without dots");
    ck_assert_ptr_null(tn_add_parameter(ctx, NULL, "x", t));
    ck_tn_error(TN_ERR_ARGUMENT, "add_parameter: the module is NULL");
    ck_assert_int_eq(tn_add_child(ctx, m, "a", plain()), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "add_child: Plain has a a already");
}
END_TEST

START_TEST(tensors_that_will_not_do)
{
    tn_module *m = family();
    ck_assert_ptr_null(tn_add_parameter(ctx, m, "x", NULL));
    ck_tn_error(TN_ERR_ARGUMENT, "add_parameter: tensor is NULL");
    ck_assert_ptr_null(tn_add_parameter(ctx, m, "x", tn_zeros(ctx, TN_I64, TN_SHAPE(1))));
    ck_tn_error(TN_ERR_DTYPE,
                "add_parameter: tensor is i64 but must be f32 or f64; tn_cast converts");
    ck_assert_ptr_null(tn_add_parameter(ctx, m, "x", tn_parameter(m, 0, NULL, 0)));
    ck_tn_error(TN_ERR_ARGUMENT, "add_parameter: x belongs to something else already");
    ck_assert_ptr_null(tn_add_parameter(ctx, m, "x", tn_square(ctx, LEAF(1))));
    ck_assert_int_eq(tn_error_status(ctx), TN_ERR_STATE);
    tn_clear_error(ctx);
    ck_assert_int_eq(tn_parameter_count(m), 4);
}
END_TEST

START_TEST(children)
{
    tn_module *m = family();
    ck_assert_str_eq(tn_module_name(m), "Plain");
    ck_assert_str_eq(tn_module_name(NULL), "");
    tn_module *a = tn_child(m, 0), *c = tn_child(m, 1);
    ck_assert(a && c && a != c);
    ck_assert_ptr_null(tn_child(m, 2));
    ck_assert_ptr_null(tn_child(m, -1));
    ck_assert_ptr_null(tn_child(NULL, 0));
    ck_assert_int_eq(tn_add_child(ctx, plain(), "x", a), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "add_child: child x of Plain is part of a module already");
    ck_assert_int_eq(tn_add_child(ctx, m, "x", NULL), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "add_child: child x of Plain is NULL");
    ck_assert_int_eq(tn_add_child(ctx, NULL, "x", NULL), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "add_child: child x of NULL is NULL");
    ck_assert_int_eq(tn_add_child(ctx, NULL, "x", plain()), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "add_child: the module is NULL");
    tn_module_free(a);
    ck_assert_ptr_eq(tn_child(m, 0), c);
    ck_assert_int_eq(tn_parameter_count(m), 2);
    ck_assert_ptr_null(tn_parameter_named(m, "a.w"));
}
END_TEST

/* A module is no part of itself, however far down. */
START_TEST(no_circles)
{
    tn_module *m = family(), *inner = tn_child(tn_child(m, 0), 0);
    ck_assert_int_eq(tn_add_child(ctx, m, "x", m), TN_ERR_ARGUMENT);
    tn_clear_error(ctx);
    ck_assert_int_eq(tn_add_child(ctx, inner, "x", m), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "add_child: child x of Plain contains the module");
    ck_assert_int_eq(tn_parameter_count(m), 4);
}
END_TEST

START_TEST(freeing)
{
    int64_t live = tn_memory(ctx).live_bytes, tensors = tn_memory(ctx).tensors;
    tn_module *m = family();
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors + 4);
    tn_module_free(m);
    tn_module_free(NULL);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors);
    ck_assert_int_eq(tn_memory(ctx).live_bytes, live);
    ck_assert_ptr_null(ctx->objects);
    family();
}
END_TEST

typedef struct counter {
    int64_t calls;
    double zeros[4];
} counter;

static tn_tensor *count(tn_ctx *c, tn_module *self, const tn_tensor *x)
{
    counter *s = tn_module_state(self);
    s->calls++;
    return tn_mul(c, x, tn_parameter_named(self, "scale"));
}

START_TEST(module_of_ones_own)
{
    static const tn_module_type type = {.name = "Scale", .forward = count};
    tn_module *m = tn_module_new(ctx, &type, sizeof(counter));
    counter *s = tn_module_state(m);
    ck_assert_mem_eq(s, &(counter){0}, sizeof *s);
    tn_scope scope = tn_scope_begin(ctx);
    ck_assert_ptr_nonnull(tn_add_parameter(ctx, m, "scale", F64(1, 2)));
    tn_scope_end(ctx, scope);
    tn_tensor *y = tn_forward(ctx, m, F64(3, 4));
    ck_tn_equal(y, 3, 8);
    ck_assert_int_eq(s->calls, 1);
    ck_assert_int_eq(tn_backward_with(ctx, y, F64(1, 1)), TN_OK);
    ck_tn_equal(tn_grad(tn_parameter(m, 0, NULL, 0)), 3, 4);
    ck_assert_ptr_null(tn_module_state(plain()));
    ck_assert_ptr_null(tn_module_state(NULL));
    ck_assert_ptr_null(tn_module_new(ctx, NULL, 0));
    ck_tn_error(TN_ERR_ARGUMENT, "module_new: the type has no name or no forward");
    ck_assert_ptr_null(tn_module_new(ctx, &(tn_module_type){.name = "x"}, 0));
    tn_clear_error(ctx);
    ck_assert_ptr_null(tn_forward(ctx, m, NULL));
    ck_tn_error(TN_ERR_ARGUMENT, "Scale: input is NULL");
    ck_assert_ptr_null(tn_forward(ctx, NULL, y));
    ck_tn_error(TN_ERR_ARGUMENT, "forward: the module is NULL");
    ck_assert_int_eq(s->calls, 1);
}
END_TEST

START_TEST(conversion)
{
    tn_module *m = family();
    tn_tensor *b = tn_parameter_named(m, "a.inner.b"), *w = tn_parameter_named(m, "c.w");
    tn_tensor *frozen = tn_parameter_named(m, "w");
    tn_backward_with(ctx, b, F64(1, 1, 1));
    tn_set_requires_grad(ctx, frozen, false);
    int64_t tensors = tn_memory(ctx).tensors;
    ck_assert_int_eq(tn_module_to(ctx, m, TN_F32), TN_OK);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors - 1);
    ck_assert_ptr_eq(tn_parameter_named(m, "a.inner.b"), b);
    ck_assert_int_eq(tn_dtype_of(b), TN_F32);
    ck_tn_equal(b, 1, 2, 3);
    ck_assert(tn_requires_grad(b));
    ck_assert(!tn_requires_grad(frozen));
    ck_assert_ptr_null(tn_grad(b));
    ck_assert_int_eq(tn_module_to(ctx, m, TN_F64), TN_OK);
    ck_assert_int_eq(tn_dtype_of(w), TN_F64);
    ck_tn_equal(w, 1, 1, 1, 1);
    ck_assert_int_eq(tn_backward_with(ctx, tn_mul_scalar(ctx, b, 2), F64(1, 2, 3)), TN_OK);
    ck_tn_equal(tn_grad(b), 2, 4, 6);
    ck_assert_int_eq(tn_module_to(ctx, m, TN_I64), TN_ERR_DTYPE);
    ck_tn_error(TN_ERR_DTYPE, "module_to: parameters are f32 or f64");
    ck_assert_int_eq(tn_module_to(ctx, NULL, TN_F32), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "module_to: the module is NULL");
}
END_TEST

/* Parameters may be given as views with any strides. */
START_TEST(conversion_of_strided_parameters)
{
    tn_module *m = plain();
    tn_tensor *base = tn_reshape(ctx, tn_arange(ctx, TN_F64, 0, 6, 1), TN_SHAPE(2, 3));
    tn_tensor *t = tn_slice(ctx, tn_transpose(ctx, base, 0, 1), 0, 1, 3, 1);
    ck_assert_ptr_eq(tn_add_parameter(ctx, m, "t", t), t);
    ck_assert_int_eq(tn_module_to(ctx, m, TN_F32), TN_OK);
    ck_tn_equal(t, 1, 4, 2, 5);
    ck_assert(tn_is_contiguous(t));
}
END_TEST

START_TEST(buffers)
{
    tn_module *m = family();
    char name[32];
    tn_tensor *t = tn_zeros(ctx, TN_I64, TN_SCALAR), *u = F64(1, 2);
    ck_assert_int_eq(tn_buffer_count(m), 0);
    ck_assert_ptr_eq(tn_add_buffer(ctx, tn_child(m, 0), "count", t), t);
    ck_assert_ptr_eq(tn_add_buffer(ctx, m, "mean", u), u);
    ck_assert_int_eq(tn_buffer_count(m), 2);
    ck_assert_int_eq(tn_parameter_count(m), 4);
    ck_assert_int_eq(tn_parameter_numel(m), 9);
    ck_assert_ptr_eq(tn_buffer(m, 0, name, sizeof name), u);
    ck_assert_str_eq(name, "mean");
    ck_assert_ptr_eq(tn_buffer(m, 1, name, sizeof name), t);
    ck_assert_str_eq(name, "a.count");
    ck_assert_ptr_eq(tn_buffer_named(m, "a.count"), t);
    ck_assert_ptr_null(tn_parameter_named(m, "a.count"));
    ck_assert_ptr_null(tn_buffer_named(m, "a.w"));
    ck_assert_ptr_null(tn_buffer(m, 2, NULL, 0));
    ck_assert_ptr_null(tn_buffer(NULL, 0, NULL, 0));
    ck_assert_int_eq(tn_buffer_count(NULL), 0);
    ck_assert_ptr_null(tn_buffer_named(NULL, "mean"));
    ck_assert_int_eq(tn_module_to(ctx, m, TN_F32), TN_OK);
    ck_assert_int_eq(tn_dtype_of(u), TN_F32);
    ck_assert_int_eq(tn_dtype_of(t), TN_I64);
    ck_tn_equal(u, 1, 2);
    ck_assert(!tn_requires_grad(u));
}
END_TEST

START_TEST(buffers_that_will_not_do)
{
    tn_module *m = family();
    ck_assert_ptr_null(tn_add_buffer(ctx, m, "x", NULL));
    ck_tn_error(TN_ERR_ARGUMENT, "add_buffer: tensor is NULL");
    ck_assert_ptr_null(tn_add_buffer(ctx, m, "x", LEAF(1)));
    ck_tn_error(TN_ERR_STATE, "add_buffer: x requires a gradient");
    ck_assert_ptr_null(tn_add_buffer(ctx, m, "w", F64(1)));
    ck_tn_error(TN_ERR_ARGUMENT, "add_buffer: Plain has a w already");
    ck_assert_ptr_null(tn_add_buffer(ctx, NULL, "x", F64(1)));
    ck_tn_error(TN_ERR_ARGUMENT, "add_buffer: the module is NULL");
    tn_tensor *t = tn_add_buffer(ctx, m, "x", F64(1));
    ck_assert_ptr_null(tn_add_buffer(ctx, m, "y", t));
    ck_tn_error(TN_ERR_ARGUMENT, "add_buffer: y belongs to something else already");
}
END_TEST

START_TEST(training_and_evaluation)
{
    tn_module *m = family(), *a = tn_child(m, 0), *inner = tn_child(a, 0), *c = tn_child(m, 1);
    ck_assert(tn_is_training(m) && tn_is_training(inner));
    tn_train(a, false);
    ck_assert(tn_is_training(m) && tn_is_training(c));
    ck_assert(!tn_is_training(a) && !tn_is_training(inner));
    tn_train(m, true);
    ck_assert(tn_is_training(a) && tn_is_training(inner));
    tn_train(NULL, true);
    ck_assert(!tn_is_training(NULL));
}
END_TEST

START_TEST(freezing)
{
    tn_module *m = family();
    tn_tensor *b = tn_parameter_named(m, "a.inner.b"), *w = tn_parameter_named(m, "w");
    tn_backward_with(ctx, b, F64(1, 1, 1));
    ck_assert_int_eq(tn_freeze(ctx, tn_child(m, 0), true), TN_OK);
    ck_assert(!tn_requires_grad(b) && tn_requires_grad(w));
    ck_assert_ptr_null(tn_grad(b));
    ck_assert_int_eq(tn_module_to(ctx, m, TN_F32), TN_OK);
    ck_assert(!tn_requires_grad(b) && tn_requires_grad(w));
    ck_assert_int_eq(tn_freeze(ctx, m, false), TN_OK);
    ck_assert(tn_requires_grad(b) && tn_requires_grad(w));
    ck_assert_int_eq(tn_freeze(ctx, NULL, false), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "freeze: the module is NULL");
    ck_assert_int_eq(tn_freeze(NULL, m, false), TN_ERR_ARGUMENT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("module");
    TCase *tc = tn_case(suite, "module");
    tcase_add_test(tc, parameters_have_names_and_an_order);
    tcase_add_test(tc, names_are_cut);
    tcase_add_test(tc, names_that_are_not_there);
    tcase_add_test(tc, names_that_will_not_do);
    tcase_add_test(tc, tensors_that_will_not_do);
    tcase_add_test(tc, children);
    tcase_add_test(tc, no_circles);
    tcase_add_test(tc, freeing);
    tcase_add_test(tc, module_of_ones_own);
    tcase_add_test(tc, conversion);
    tcase_add_test(tc, conversion_of_strided_parameters);
    tcase_add_test(tc, buffers);
    tcase_add_test(tc, buffers_that_will_not_do);
    tcase_add_test(tc, training_and_evaluation);
    tcase_add_test(tc, freezing);
    return tn_run(suite);
}
