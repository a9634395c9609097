/* The functions of <tn/nn.h> while memory runs out. */
#include "rows/allocations.h"
#include "rows/options.h"

static tn_module *sequential_of_two(void)
{
    return tn_sequential(ctx, tn_nn_gelu(ctx), tn_nn_relu(ctx));
}

static void layer_rows(void)
{
    CALLS(tn_nn_linear, "", tn_nn_linear(ctx, 3, 2));
    CALLS(tn_nn_linear_nobias, "", tn_nn_linear_nobias(ctx, 3, 2));
    CALLS(tn_nn_conv2d, "", tn_nn_conv2d(ctx, 2, 3, 2, (tn_conv2d_opts){0}));
    CALLS(tn_nn_conv2d_nobias, "", tn_nn_conv2d_nobias(ctx, 2, 3, 2, (tn_conv2d_opts){0}));
    CALLS(tn_nn_conv2d, "", tn_nn_conv2d(ctx, 2, 3, 2, (tn_conv2d_opts){.kernel_w = 1}));
    CALLS(tn_nn_batch_norm2d, "", tn_nn_batch_norm2d(ctx, 2, (tn_batch_norm_opts){0}));
    CALLS(tn_nn_max_pool2d, "", tn_nn_max_pool2d(ctx, 2, POOL(0)));
    CALLS(tn_nn_avg_pool2d, "", tn_nn_avg_pool2d(ctx, 2, POOL(0)));
    CALLS(tn_nn_adaptive_avg_pool2d, "", tn_nn_adaptive_avg_pool2d(ctx, 2, 2));
    CALLS(tn_nn_dropout, "", tn_nn_dropout(ctx, 0.5));
    CALLS(tn_nn_flatten, "", tn_nn_flatten(ctx));
    CALLS(tn_nn_relu, "", tn_nn_relu(ctx));
    CALLS(tn_nn_leaky_relu, "", tn_nn_leaky_relu(ctx, 0.1));
    CALLS(tn_nn_sigmoid, "", tn_nn_sigmoid(ctx));
    CALLS(tn_nn_tanh, "", tn_nn_tanh(ctx));
    CALLS(tn_nn_gelu, "", tn_nn_gelu(ctx));
    CALLS(tn_sequential_of, "", sequential_of_two());
    CALLS(tn_forward, "f32[2,3]", tn_forward(ctx, net, in[0]));
    CALLS(tn_forward, "=f32[2,2,3,3]", tn_forward(ctx, tn_child(cnn, 1), in[0]));
    CALLS(tn_forward, "=f32[2,3]", tn_forward(ctx, tn_child(cnn, 4), in[0]));
    CALLS(tn_forward, "=f32[2,1,6,6]", tn_forward(ctx, cnn, in[0]));
}

static tn_tensor *identity(tn_ctx *unused, tn_module *self, const tn_tensor *t)
{
    (void)unused, (void)self;
    return tn_detach(ctx, t);
}

/* The report is filled in on failure, too, and is to be freed. */
static tn_status load_reported(void)
{
    tn_load_report report;
    tn_status loaded = tn_load_state_dict(ctx, net, net_state, (tn_load_opts){.report = &report});
    tn_dict_free(report.missing);
    tn_dict_free(report.unexpected);
    tn_dict_free(report.mismatched);
    return loaded;
}

static const tn_module_type identity_type = {.name = "Identity", .forward = identity};

static void module_rows(void)
{
    ASKS(tn_module_free, "", (tn_module_free(NULL), 0));
    ASKS(tn_train, "", (tn_train(net, false), 0));
    ASKS(tn_is_training, "", tn_is_training(net));
    ASKS(tn_parameter_count, "", tn_parameter_count(net));
    ASKS(tn_parameter, "", first_parameter() != NULL);
    ASKS(tn_parameter_named, "", tn_parameter_named(net, "0.weight"));
    ASKS(tn_parameter_numel, "", tn_parameter_numel(net));
    ASKS(tn_buffer_count, "", tn_buffer_count(cnn));
    ASKS(tn_buffer, "", tn_buffer(cnn, 0, NULL, 0));
    ASKS(tn_buffer_named, "", tn_buffer_named(cnn, "1.running_mean"));
    ASKS(tn_freeze, "", tn_freeze(ctx, net, true));
    CALLS(tn_freeze, "", tn_freeze(ctx, frozen, false));
    CALLS(tn_module_to, "", tn_module_to(ctx, cnn, TN_F64));
    CALLS(tn_state_dict, "", tn_state_dict(ctx, net));
    CALLS(tn_load_state_dict, "", tn_load_state_dict(ctx, net, net_state, (tn_load_opts){0}));
    CALLS(tn_load_state_dict, "", load_reported());
    CALLS(tn_module_new, "", tn_module_new(ctx, &identity_type, 8));
    ASKS(tn_module_state, "", tn_module_state(tn_child(net, 0)) != NULL);
    CALLS(tn_add_parameter, "", tn_add_parameter(ctx, spare, "w", x));
    CALLS(tn_add_buffer, "", tn_add_buffer(ctx, spare, "w", x));
    CALLS(tn_add_child, "", tn_add_child(ctx, cnn, "more", spare));
    ASKS(tn_child, "", tn_child(net, 0) != NULL);
    ASKS(tn_module_name, "", tn_module_name(net)[0]);
    CALLS(tn_summary, "", tn_summary(ctx, cnn, TN_SHAPE(1, 1, 6, 6), NULL, 0));
    CALLS(tn_print_summary, "", tn_print_summary(ctx, net, TN_SHAPE(1, 3)));
    CALLS(tn_summary_of, "f32[1,3]",
          tn_summary_of(ctx, net, TN_TENSORS(in[0]), (tn_summary_opts){0}, NULL, 0));
    CALLS(tn_print_summary_of, "f32[1,3]",
          tn_print_summary_of(ctx, net, TN_TENSORS(in[0]), (tn_summary_opts){0}));
    CALLS(tn_graph_dot, "f32[1]", tn_graph_dot(ctx, tn_square(ctx, in[0]), net, NULL, 0));
}

static void init_rows(void)
{
    ASKS(tn_init_kaiming_uniform_, "=f32[3,2]",
         tn_init_kaiming_uniform_(ctx, in[0], (tn_init_opts){0}));
    CALLS(tn_init_kaiming_uniform_, "=f32[3,2]",
          tn_init_kaiming_uniform_(ctx, flipped(0), (tn_init_opts){0}));
    CALLS(tn_init_kaiming_normal_, "=f32[3,2]",
          tn_init_kaiming_normal_(ctx, flipped(0), (tn_init_opts){0}));
    CALLS(tn_init_xavier_uniform_, "=f32[3,2]", tn_init_xavier_uniform_(ctx, flipped(0), 1));
    CALLS(tn_init_xavier_normal_, "=f32[3,2]", tn_init_xavier_normal_(ctx, flipped(0), 1));
    ASKS(tn_init_gain, "", tn_init_gain(TN_TANH, 0));
}

static void all_rows(void)
{
    layer_rows();
    module_rows();
    init_rows();
}

int main(void)
{
    return run_allocations("nn.h", all_rows);
}
