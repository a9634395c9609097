/* The graph of a tensor's history, as text for Graphviz. */
#include "common/check_tn.h"

#include <stdio.h>
#include <string.h>

#define ALL ((tn_reduce_opts){0})

static char text[16384];

static const char *dot(const tn_tensor *t, const tn_module *module)
{
    int64_t length = tn_graph_dot(ctx, t, module, text, sizeof text);
    ck_assert_msg(length > 0, "%s", tn_error(ctx));
    ck_assert_int_eq(length, (int64_t)strlen(text));
    return text;
}

START_TEST(a_chain)
{
    tn_tensor *x = LEAF(1, 2, 3);
    ck_assert_str_eq(dot(tn_sum(ctx, tn_square(ctx, x), ALL), NULL),
                     "digraph tape {\n"
                     "    node [shape=box];\n"
                     "    step1 [label=\"1: sum\\n[] f64\"];\n"
                     "    step0 -> step1;\n"
                     "    step0 [label=\"0: square\\n[3] f64\"];\n"
                     "    leaf0 [label=\"leaf\\n[3] f64\", shape=ellipse];\n"
                     "    leaf0 -> step0;\n"
                     "}\n");
}
END_TEST

/* A tensor that is used twice is one box with two arrows, and inputs without a gradient have
 * none. */
START_TEST(shared_inputs)
{
    tn_tensor *x = LEAF(1, 2), *y = tn_mul(ctx, x, F64(3, 4)), *other = tn_exp(ctx, x);
    ck_assert_str_eq(dot(tn_mul(ctx, y, y), NULL),
                     "digraph tape {\n"
                     "    node [shape=box];\n"
                     "    step2 [label=\"2: mul\\n[2] f64\"];\n"
                     "    step0 -> step2;\n"
                     "    step0 -> step2;\n"
                     "    step0 [label=\"0: mul\\n[2] f64\"];\n"
                     "    leaf0 [label=\"leaf\\n[2] f64\", shape=ellipse];\n"
                     "    leaf0 -> step0;\n"
                     "}\n");
    ck_assert(tn_requires_grad(other));
}
END_TEST

START_TEST(parameters_have_names)
{
    tn_module *net = tn_sequential(ctx, tn_nn_linear(ctx, 4, 3), tn_nn_relu(ctx),
                                   tn_nn_linear_nobias(ctx, 3, 2));
    tn_tensor *x = leaf(tn_ones(ctx, TN_F32, TN_SHAPE(5, 4)));
    ck_assert_str_eq(dot(tn_forward(ctx, net, x), net),
                     "digraph tape {\n"
                     "    node [shape=box];\n"
                     "    step2 [label=\"2: linear\\n[5,2] f32\"];\n"
                     "    step1 -> step2;\n"
                     "    leaf0 [label=\"2.weight\\n[2,3] f32\", shape=ellipse];\n"
                     "    leaf0 -> step2;\n"
                     "    step1 [label=\"1: relu\\n[5,3] f32\"];\n"
                     "    step0 -> step1;\n"
                     "    step0 [label=\"0: linear\\n[5,3] f32\"];\n"
                     "    leaf1 [label=\"leaf\\n[5,4] f32\", shape=ellipse];\n"
                     "    leaf1 -> step0;\n"
                     "    leaf2 [label=\"0.weight\\n[3,4] f32\", shape=ellipse];\n"
                     "    leaf2 -> step0;\n"
                     "    leaf3 [label=\"0.bias\\n[3] f32\", shape=ellipse];\n"
                     "    leaf3 -> step0;\n"
                     "}\n");
}
END_TEST

static tn_tensor *forward(tn_ctx *c, tn_module *self, const tn_tensor *x)
{
    (void)self;
    return tn_neg(c, x);
}

START_TEST(names_are_escaped)
{
    static const tn_module_type type = {.name = "Odd", .forward = forward};
    tn_module *net = tn_module_new(ctx, &type, 0);
    tn_tensor *p = tn_add_parameter(ctx, net, "say \"a\\b\"\nplease", F64(1));
    ck_assert_ptr_nonnull(strstr(
        dot(p, net), "leaf0 [label=\"say \\\"a\\\\b\\\" please\\n[1] f64\", shape=ellipse];\n"));
    ck_assert_ptr_null(strstr(text, "->"));
}
END_TEST

/* Every box and ellipse that an arrow names is there, once, and every size of buffer does. */
START_TEST(any_size)
{
    tn_tensor *x = LEAF(1, 2), *y = LEAF(3, 4);
    for (int i = 0; i < 20; i++)
        x = i % 3 ? tn_add(ctx, x, y) : tn_mul(ctx, tn_exp(ctx, x), x);
    char *whole = strdup(dot(x, NULL));
    int64_t length = (int64_t)strlen(whole), nodes = 0, arrows = 0;
    for (char *p = whole; (p = strstr(p, " [label=")); p++)
        nodes++;
    for (char *p = whole; (p = strstr(p, " -> ")); p++) {
        int from, to;
        char kind[5], defined[32];
        char *line = p;
        while (line[-1] != '\n')
            line--;
        ck_assert_int_eq(sscanf(line, " %4[a-z]%d -> step%d;", kind, &from, &to), 3);
        snprintf(defined, sizeof defined, "    %s%d [label=", kind, from);
        ck_assert_ptr_nonnull(strstr(whole, defined));
        ck_assert_ptr_null(strstr(strstr(whole, defined) + 1, defined));
        snprintf(defined, sizeof defined, "    step%d [label=", to);
        ck_assert_ptr_nonnull(strstr(whole, defined));
        arrows++;
    }
    ck_assert_int_eq(nodes, 20 + 7 + 2);
    ck_assert_int_eq(arrows, 2 * 20 + 7);
    ck_assert_int_eq(tn_graph_dot(ctx, x, NULL, NULL, 0), length);
    ck_assert_int_eq(tn_graph_dot(ctx, x, NULL, NULL, 99), length);
    for (size_t size = 1; size < 200; size += 7) {
        char *cut = malloc(size);
        ck_assert_int_eq(tn_graph_dot(ctx, x, NULL, cut, size), length);
        ck_assert_int_eq((int64_t)strlen(cut), (int64_t)size - 1);
        ck_assert_int_eq(strncmp(cut, whole, size - 1), 0);
        free(cut);
    }
    free(whole);
}
END_TEST

START_TEST(after_backward)
{
    tn_tensor *x = LEAF(1, 2), *y = tn_sum(ctx, tn_square(ctx, x), ALL);
    char before[512];
    snprintf(before, sizeof before, "%s", dot(y, NULL));
    ck_assert_int_eq(tn_backward(ctx, y), TN_OK);
    ck_assert_str_eq(dot(y, NULL), before);
}
END_TEST

START_TEST(errors)
{
    ck_assert_int_eq(tn_graph_dot(ctx, F64(1, 2), NULL, text, sizeof text), TN_ERR_STATE);
    ck_tn_error(TN_ERR_STATE, "graph_dot: a tensor of shape [2] requires no gradient");
    tn_tensor *x = LEAF(1, 2);
    tn_backward_with(ctx, tn_square(ctx, x), F64(1, 1));
    ck_assert_int_eq(tn_graph_dot(ctx, tn_grad(x), NULL, NULL, 0), TN_ERR_STATE);
    ck_tn_error(TN_ERR_STATE, "graph_dot: a tensor of shape [2] was made of gradients, and "
                              "gradients of gradients are not supported yet");
    ck_assert_int_eq(tn_graph_dot(ctx, NULL, NULL, text, sizeof text), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "graph_dot: tensor is NULL");
    ck_assert_int_eq(tn_graph_dot(NULL, NULL, NULL, text, sizeof text), TN_ERR_ARGUMENT);
    tn_tensor *y = tn_square(ctx, LEAF(1));
    int64_t live = tn_memory(ctx).live_bytes;
    for (int k = 1; k <= 2; k++) {
        tn_empty_cache(ctx);
        memory.calls = 0;
        memory.fail_at = k;
        ck_assert_int_eq(tn_graph_dot(ctx, y, NULL, text, sizeof text), TN_ERR_MEMORY);
        memory.fail_at = 0;
        tn_clear_error(ctx);
        ck_assert_int_eq(tn_memory(ctx).live_bytes, live);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph");
    TCase *tc = tn_case(suite, "graph");
    tcase_add_test(tc, a_chain);
    tcase_add_test(tc, shared_inputs);
    tcase_add_test(tc, parameters_have_names);
    tcase_add_test(tc, names_are_escaped);
    tcase_add_test(tc, any_size);
    tcase_add_test(tc, after_backward);
    tcase_add_test(tc, errors);
    return tn_run(suite);
}
