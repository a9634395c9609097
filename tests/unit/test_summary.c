/* tn_summary: the layers of a network as a table. */
#include "common/check_tn.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static tn_module *network(void)
{
    tn_module *features = tn_sequential(
        ctx, tn_nn_conv2d(ctx, 3, 8, 5, (tn_conv2d_opts){.stride = 2, .groups = 1}),
        tn_nn_batch_norm2d(ctx, 8, (tn_batch_norm_opts){0}), tn_nn_relu(ctx),
        tn_nn_conv2d_nobias(ctx, 8, 8, 3, (tn_conv2d_opts){.padding = 1, .groups = 4}));
    tn_module *head =
        tn_sequential(ctx, tn_nn_flatten(ctx), tn_nn_dropout(ctx, 0.5), tn_nn_linear(ctx, 288, 10));
    return tn_sequential(ctx, features, head);
}

static const char table[] = "layer  type         output      parameters   multiply-adds\n"
                            "0.0    Conv2d       [2,8,6,6]          608           43200\n"
                            "0.1    BatchNorm2d  [2,8,6,6]           16               0\n"
                            "0.2    ReLU         [2,8,6,6]            0               0\n"
                            "0.3    Conv2d       [2,8,6,6]          144           10368\n"
                            "1.0    Flatten      [2,288]              0               0\n"
                            "1.1    Dropout      [2,288]              0               0\n"
                            "1.2    Linear       [2,10]            2890            5760\n"
                            "total                                 3658           59328\n";

START_TEST(whole_table)
{
    char text[1024];
    tn_module *m = network();
    int64_t length = tn_summary(ctx, m, TN_SHAPE(2, 3, 15, 15), text, sizeof text);
    ck_assert_str_eq(text, table);
    ck_assert_int_eq(length, (int64_t)strlen(table));
    ck_assert_int_eq(tn_memory(ctx).prepared_bytes, 0);
    ck_assert_int_eq(tn_module_to(ctx, m, TN_F64), TN_OK);
    ck_assert_int_eq(tn_summary(ctx, m, TN_SHAPE(2, 3, 15, 15), NULL, 0), length);
    memset(text, '#', sizeof text);
    ck_assert_int_eq(tn_summary(ctx, m, TN_SHAPE(2, 3, 15, 15), text, 6), length);
    ck_assert_str_eq(text, "layer");
    ck_assert_int_eq(text[6], '#');
}
END_TEST

START_TEST(nothing_changes)
{
    tn_module *m = network();
    int64_t tensors = tn_memory(ctx).tensors, live = tn_memory(ctx).live_bytes;
    tn_rng_state before = tn_get_rng_state(ctx);
    tn_summary(ctx, m, TN_SHAPE(1, 3, 15, 15), NULL, 0);
    ck_assert(tn_is_training(m) && tn_is_training(tn_child(m, 0)) && tn_is_grad_enabled(ctx));
    ck_assert_mem_eq(&before, &(tn_rng_state[]){tn_get_rng_state(ctx)}, sizeof before);
    ck_tn_equal(tn_buffer_named(m, "0.1.num_batches_tracked"), 0);
    ck_tn_equal(tn_buffer_named(m, "0.1.running_mean"), 0, 0, 0, 0, 0, 0, 0, 0);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors);
    ck_assert_int_eq(tn_memory(ctx).live_bytes, live);
}
END_TEST

static tn_tensor *twice(tn_ctx *c, tn_module *self, const tn_tensor *x)
{
    x = tn_forward(c, tn_child(self, 0), x);
    return tn_mul(c, tn_forward(c, tn_child(self, 0), x), tn_parameter(self, 0, NULL, 0));
}

static int64_t products(const tn_module *self, const tn_tensor *x, const tn_tensor *y)
{
    (void)self, (void)x;
    return tn_numel(y);
}

/* A module that runs twice is listed twice; one of one's own counts for itself. */
START_TEST(module_of_ones_own)
{
    static const tn_module_type type = {
        .name = "Twice", .forward = twice, .multiply_adds = products};
    char text[512];
    tn_module *m = tn_module_new(ctx, &type, 0);
    tn_add_parameter(ctx, m, "scale", tn_ones(ctx, TN_F32, TN_SHAPE(3)));
    tn_add_child(ctx, m, "part", tn_nn_linear(ctx, 3, 3));
    tn_summary(ctx, m, TN_SHAPE(4, 3), text, sizeof text);
    ck_assert_str_eq(text, "layer  type    output   parameters   multiply-adds\n"
                           "part   Linear  [4,3]            12              36\n"
                           "part   Linear  [4,3]            12              36\n"
                           "       Twice   [4,3]             3              12\n"
                           "total                           15              84\n");
}
END_TEST

static tn_tensor *look_up(tn_ctx *c, tn_module *self, const tn_tensor *x)
{
    return tn_index_select(c, tn_parameter(self, 0, NULL, 0), 0, x);
}

/* 10 rows of 4 numbers, which integers choose from. */
static tn_module *embedding(void)
{
    static const tn_module_type type = {.name = "Embedding", .forward = look_up};
    tn_module *m = tn_module_new(ctx, &type, 0);
    tn_add_parameter(ctx, m, "weight", tn_ones(ctx, TN_F32, TN_SHAPE(10, 4)));
    return m;
}

static tn_tensor *indices(void)
{
    return tn_from_data(ctx, TN_I64, TN_SHAPE(3), (int64_t[]){1, 9, 1});
}

/* A network that begins with integers takes an example: zeros would be floats. */
START_TEST(example_of_integers)
{
    char text[512];
    tn_module *m = tn_sequential(ctx, embedding(), tn_nn_linear(ctx, 4, 2));
    ck_assert_int_eq(tn_summary(ctx, m, TN_SHAPE(3), NULL, 0), TN_ERR_DTYPE);
    ck_tn_error(TN_ERR_DTYPE, "index_select: index is f32 but must be i64, i32 or u8; it ran on "
                              "zeros of f32, tn_summary_of takes another input");
    ck_assert_int_eq(tn_print_summary(ctx, m, TN_SHAPE(3)), TN_ERR_DTYPE);
    ck_tn_error(TN_ERR_DTYPE, "index_select: index is f32 but must be i64, i32 or u8; it ran on "
                              "zeros of f32, tn_print_summary_of takes another input");
    tn_summary_of(ctx, m, TN_TENSORS(F64(1)), (tn_summary_opts){0}, NULL, 0);
    ck_tn_error(TN_ERR_DTYPE, "index_select: index is f64 but must be i64, i32 or u8");
    int64_t length =
        tn_summary_of(ctx, m, TN_TENSORS(indices()), (tn_summary_opts){0}, text, sizeof text);
    ck_assert_str_eq(text, "layer  type       output   parameters   multiply-adds\n"
                           "0      Embedding  [3,4]            40               0\n"
                           "1      Linear     [3,2]            10              24\n"
                           "total                              50              24\n");
    ck_assert_int_eq(length, (int64_t)strlen(text));
}
END_TEST

/* The words, and a place for each of the three, which another number of words would not fit. */
static tn_tensor *words_and_places(tn_ctx *c, const tn_tensor *const *in, void *payload)
{
    tn_module *m = payload;
    tn_tensor *words = tn_forward(c, tn_child(m, 0), in[0]);
    return tn_forward(c, tn_child(m, 1), tn_add(c, words, in[1]));
}

START_TEST(several_examples)
{
    char text[512];
    tn_module *m = tn_sequential(ctx, embedding(), tn_nn_linear(ctx, 4, 2));
    tn_summary_opts opts = {.forward = words_and_places, .payload = m};
    tn_tensor *places = tn_ones(ctx, TN_F32, TN_SHAPE(3, 4));
    tn_summary_of(ctx, m, TN_TENSORS(indices(), places), opts, text, sizeof text);
    ck_assert_str_eq(text, "layer  type       output   parameters   multiply-adds\n"
                           "0      Embedding  [3,4]            40               0\n"
                           "1      Linear     [3,2]            10              24\n"
                           "total                              50              24\n");
    ck_assert(tn_is_training(m) && tn_is_grad_enabled(ctx));
    ck_assert_int_eq(tn_summary_of(ctx, m, TN_TENSORS(indices(), F64(1)), opts, NULL, 0),
                     TN_ERR_DTYPE);
    ck_tn_error(TN_ERR_DTYPE, "add: input is f32 but other is f64; tn_cast converts");
}
END_TEST

static tn_tensor *of_ones(tn_ctx *c, const tn_tensor *const *in, void *payload)
{
    (void)in;
    return tn_forward(c, payload, tn_ones(c, TN_F32, TN_SHAPE(2, 4)));
}

START_TEST(no_example)
{
    char text[512];
    tn_module *m = tn_sequential(ctx, tn_nn_linear(ctx, 4, 2));
    tn_summary_opts opts = {.forward = of_ones, .payload = m};
    tn_summary_of(ctx, m, 0, NULL, opts, text, sizeof text);
    ck_assert_str_eq(text, "layer  type    output   parameters   multiply-adds\n"
                           "0      Linear  [2,2]            10              16\n"
                           "total                           10              16\n");
}
END_TEST

static tn_tensor *nothing(tn_ctx *c, const tn_tensor *const *in, void *payload)
{
    (void)c, (void)in, (void)payload;
    return NULL;
}

START_TEST(errors_of_examples)
{
    tn_module *m = embedding();
    tn_tensor *x = indices();
    ck_assert_int_eq(tn_summary_of(ctx, m, TN_TENSORS(x, x), (tn_summary_opts){0}, NULL, 0),
                     TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "summary: 2 inputs, of which a module takes 1; the option forward "
                                 "takes others");
    ck_assert_int_eq(tn_summary_of(ctx, m, 1, NULL, (tn_summary_opts){0}, NULL, 0),
                     TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "summary: inputs is NULL");
    ck_assert_int_eq(
        tn_summary_of(ctx, m, -1, &(const tn_tensor *){x}, (tn_summary_opts){0}, NULL, 0),
        TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "summary: -1 inputs");
    ck_assert_int_eq(
        tn_print_summary_of(ctx, m, TN_TENSORS(x, NULL), (tn_summary_opts){.forward = nothing}),
        TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "summary: input 1 is NULL");
    ck_assert_int_eq(
        tn_print_summary_of(ctx, m, TN_TENSORS(x), (tn_summary_opts){.forward = nothing}),
        TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "summary: the function returned NULL");
}
END_TEST

START_TEST(errors)
{
    tn_module *m = network();
    ck_assert_int_eq(tn_summary(ctx, m, TN_SHAPE(1, 4, 15, 15), NULL, 0), TN_ERR_SHAPE);
    ck_tn_error(TN_ERR_SHAPE,
                "conv2d: input [1,4,15,15] has 4 channels but weight [8,3,5,5] expects 3");
    ck_assert(tn_is_training(m));
    ck_assert_int_eq(tn_summary(ctx, NULL, TN_SHAPE(1), NULL, 0), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "summary: the module is NULL");
    ck_assert_int_eq(tn_print_summary(ctx, NULL, TN_SHAPE(1)), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "summary: the module is NULL");
    ck_assert_int_eq(tn_summary(NULL, m, TN_SHAPE(1), NULL, 0), TN_ERR_ARGUMENT);
}
END_TEST

START_TEST(out_of_memory)
{
    tn_module *m = network();
    for (int64_t i = 1;; i++) {
        char text[1024] = "";
        tn_empty_cache(ctx);
        memory.calls = memory.failed = 0;
        memory.fail_at = i;
        memory.for_good = true;
        int64_t length = tn_summary(ctx, m, TN_SHAPE(2, 3, 15, 15), text, sizeof text);
        memory.fail_at = 0;
        ck_assert(tn_is_training(m));
        if (!memory.failed) {
            ck_assert_str_eq(text, table);
            break;
        }
        ck_assert_int_eq(length, TN_ERR_MEMORY);
        tn_clear_error(ctx);
    }
}
END_TEST

/* In a child, whose standard output is a device that is always full. */
static bool cannot_write(void)
{
    if (!freopen("/dev/full", "w", stdout) || setvbuf(stdout, NULL, _IONBF, 0) != 0)
        return false;
    bool right = tn_print_summary(ctx, network(), TN_SHAPE(2, 3, 15, 15)) == TN_ERR_FILE &&
                 strcmp(tn_error(ctx), "print_summary: standard output cannot be written") == 0;
    tn_clear_error(ctx);
    return tn_print(ctx, tn_ones(ctx, TN_F32, TN_SHAPE(3))) == TN_ERR_FILE && right &&
           strcmp(tn_error(ctx), "print: standard output cannot be written") == 0;
}

START_TEST(output_that_cannot_be_written)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        leave_child(cannot_write() ? 0 : 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("summary");
    TCase *tc = tn_case(suite, "summary");
    tcase_add_test(tc, whole_table);
    tcase_add_test(tc, nothing_changes);
    tcase_add_test(tc, module_of_ones_own);
    tcase_add_test(tc, example_of_integers);
    tcase_add_test(tc, several_examples);
    tcase_add_test(tc, no_example);
    tcase_add_test(tc, errors_of_examples);
    tcase_add_test(tc, errors);
    tcase_add_test(tc, out_of_memory);
    tcase_add_test(tc, output_that_cannot_be_written);
    return tn_run(suite);
}
