/* The functions of <tn/nn.h>, given what does not fit. */
#include "rows/refusals.h"
#include "rows/options.h"

#include <math.h>
#include <string.h>

static char text[200];

static void layer_rows(void)
{
    REFUSES(tn_nn_linear, TN_ERR_ARGUMENT, "Linear: 0 inputs and 2 outputs",
            tn_nn_linear(ctx, 0, 2));
    REFUSES(tn_nn_linear, TN_ERR_ARGUMENT, "Linear: 3 inputs and -2 outputs",
            tn_nn_linear(ctx, 3, -2));
    REFUSES(tn_nn_linear, TN_ERR_MEMORY,
            "Linear: [1099511627776,1099511627776] of f32 does not fit 63 bits",
            tn_nn_linear(ctx, 1LL << 40, 1LL << 40));
    WORKS(tn_nn_linear, tn_nn_linear(ctx, 3, 2));
    REFUSES(tn_nn_linear_nobias, TN_ERR_ARGUMENT, "Linear: 3 inputs and 0 outputs",
            tn_nn_linear_nobias(ctx, 3, 0));
    WORKS(tn_nn_linear_nobias, tn_nn_linear_nobias(ctx, 3, 2));
    REFUSES(tn_nn_conv2d, TN_ERR_ARGUMENT, "Conv2d: 0 channels to 4 in 1 groups, kernel [3,3]",
            tn_nn_conv2d(ctx, 0, 4, 3, CONV(0)));
    REFUSES(tn_nn_conv2d, TN_ERR_ARGUMENT, "Conv2d: 3 channels to 4 in 1 groups, kernel [0,0]",
            tn_nn_conv2d(ctx, 3, 4, 0, CONV(0)));
    REFUSES(tn_nn_conv2d, TN_ERR_ARGUMENT, "Conv2d: 3 channels to 4 in 2 groups, kernel [3,3]",
            tn_nn_conv2d(ctx, 3, 4, 3, CONV(.groups = 2)));
    REFUSES(tn_nn_conv2d, TN_ERR_ARGUMENT, "Conv2d: 3 channels to 4 in -1 groups, kernel [3,3]",
            tn_nn_conv2d(ctx, 3, 4, 3, CONV(.groups = -1)));
    REFUSES(tn_nn_conv2d, TN_ERR_MEMORY,
            "Conv2d: [4294967296,4294967296,3,3] of f32 does not fit 63 bits",
            tn_nn_conv2d(ctx, 1LL << 32, 1LL << 32, 3, CONV(0)));
    WORKS(tn_nn_conv2d, tn_nn_conv2d(ctx, 3, 4, 3, CONV(0)));
    REFUSES(tn_nn_conv2d_nobias, TN_ERR_ARGUMENT,
            "Conv2d: 3 channels to 0 in 1 groups, kernel [3,3]",
            tn_nn_conv2d_nobias(ctx, 3, 0, 3, CONV(0)));
    WORKS(tn_nn_conv2d_nobias, tn_nn_conv2d_nobias(ctx, 3, 4, 3, CONV(0)));
    REFUSES(tn_nn_conv2d, TN_ERR_ARGUMENT, "Conv2d: 3 channels to 4 in 1 groups, kernel [3,-1]",
            tn_nn_conv2d(ctx, 3, 4, 3, CONV(.kernel_w = -1)));
    WORKS(tn_nn_conv2d, tn_nn_conv2d(ctx, 3, 4, 3, CONV(.kernel_w = 1)));
    REFUSES(tn_nn_batch_norm2d, TN_ERR_ARGUMENT, "BatchNorm2d: 0 channels",
            tn_nn_batch_norm2d(ctx, 0, NORM(0)));
    WORKS(tn_nn_batch_norm2d, tn_nn_batch_norm2d(ctx, 3, NORM(0)));
}

static void plain_layer_rows(void)
{
    REFUSES(tn_nn_max_pool2d, TN_ERR_ARGUMENT,
            "max_pool2d: kernel [0,0] is not between 1 and 2147483647",
            tn_forward(ctx, tn_nn_max_pool2d(ctx, 0, POOL(0)), T("f32[1,5,5]")));
    WORKS(tn_nn_max_pool2d, tn_nn_max_pool2d(ctx, 2, POOL(0)));
    REFUSES(tn_nn_avg_pool2d, TN_ERR_ARGUMENT,
            "avg_pool2d: padding [2,2] is more than half of kernel [2,2]",
            tn_forward(ctx, tn_nn_avg_pool2d(ctx, 2, POOL(.padding = 2)), T("f32[1,5,5]")));
    WORKS(tn_nn_avg_pool2d, tn_nn_avg_pool2d(ctx, 2, POOL(0)));
    REFUSES(tn_nn_adaptive_avg_pool2d, TN_ERR_ARGUMENT,
            "adaptive_avg_pool2d: output size [-1,6] is not between 0 and 2147483647",
            tn_forward(ctx, tn_nn_adaptive_avg_pool2d(ctx, -1, 6), T("f32[1,5,5]")));
    WORKS(tn_nn_adaptive_avg_pool2d, tn_nn_adaptive_avg_pool2d(ctx, 6, 6));
    REFUSES(tn_nn_dropout, TN_ERR_ARGUMENT, "Dropout: p = 1.5 is not between 0 and 1",
            tn_nn_dropout(ctx, 1.5));
    REFUSES(tn_nn_dropout, TN_ERR_ARGUMENT, "Dropout: p = nan is not between 0 and 1",
            tn_nn_dropout(ctx, NAN));
    WORKS(tn_nn_dropout, tn_nn_dropout(ctx, 0.5));
    HOLDS(tn_nn_flatten, !tn_nn_flatten(NULL));
    WORKS(tn_nn_flatten, tn_nn_flatten(ctx));
    HOLDS(tn_nn_relu, !tn_nn_relu(NULL));
    WORKS(tn_nn_relu, tn_nn_relu(ctx));
    HOLDS(tn_nn_leaky_relu, !tn_nn_leaky_relu(NULL, 0.1));
    WORKS(tn_nn_leaky_relu, tn_nn_leaky_relu(ctx, 0.1));
    HOLDS(tn_nn_sigmoid, !tn_nn_sigmoid(NULL));
    WORKS(tn_nn_sigmoid, tn_nn_sigmoid(ctx));
    HOLDS(tn_nn_tanh, !tn_nn_tanh(NULL));
    WORKS(tn_nn_tanh, tn_nn_tanh(ctx));
    HOLDS(tn_nn_gelu, !tn_nn_gelu(NULL));
    WORKS(tn_nn_gelu, tn_nn_gelu(ctx));
}

static void sequential_rows(void)
{
    REFUSES(tn_sequential_of, TN_ERR_ARGUMENT, "Sequential: 1 children, and the list is NULL",
            tn_sequential_of(ctx, 1, NULL));
    REFUSES(tn_sequential_of, TN_ERR_ARGUMENT, "Sequential: -1 children",
            tn_sequential_of(ctx, -1, &net));
    REFUSES(tn_sequential_of, TN_ERR_ARGUMENT, "add_child: child 1 of Sequential is NULL",
            tn_sequential(ctx, spare(), NULL));
    REFUSES(tn_sequential_of, TN_ERR_ARGUMENT,
            "add_child: child 1 of Sequential is part of a module already",
            tn_sequential(ctx, net, net));
    WORKS(tn_sequential_of, tn_sequential(ctx, spare()));
}

static void module_rows(void)
{
    REFUSES(tn_forward, TN_ERR_ARGUMENT, "forward: the module is NULL",
            tn_forward(ctx, NULL, T("f32[4,3]")));
    REFUSES(tn_forward, TN_ERR_ARGUMENT, "Linear: input is NULL", tn_forward(ctx, net, NULL));
    REFUSES(tn_forward, TN_ERR_SHAPE,
            "linear: input [4,2] and weight [2,3]; expected [...,in] and [out,in]",
            tn_forward(ctx, net, T("f32[4,2]")));
    REFUSES(tn_forward, TN_ERR_DTYPE, "linear: input is f64 but weight is f32; tn_cast converts",
            tn_forward(ctx, net, T("f64[4,3]")));
    REFUSES(tn_forward, TN_ERR_DTYPE,
            "linear: input is u8 but must be f32 or f64; tn_cast converts",
            tn_forward(ctx, net, T("u8[4,3]")));
    WORKS(tn_forward, shaped("[0,2]", tn_forward(ctx, net, T("f32[0,3]"))));
    HOLDS(tn_module_free, (tn_module_free(NULL), true));
    HOLDS(tn_train, (tn_train(NULL, true), true));
    HOLDS(tn_is_training, !tn_is_training(NULL));
    HOLDS(tn_parameter_count, tn_parameter_count(NULL) == 0);
    HOLDS(tn_parameter, !tn_parameter(NULL, 0, text, sizeof text));
    HOLDS(tn_parameter, !tn_parameter(net, 2, text, 0) && !tn_parameter(net, -1, NULL, 0));
    HOLDS(tn_parameter_named, !tn_parameter_named(NULL, "weight"));
    HOLDS(tn_parameter_named, !tn_parameter_named(net, "none") && !tn_parameter_named(net, NULL));
    HOLDS(tn_parameter_numel, tn_parameter_numel(NULL) == 0);
    HOLDS(tn_buffer_count, tn_buffer_count(NULL) == 0);
    HOLDS(tn_buffer, !tn_buffer(NULL, 0, text, sizeof text) && !tn_buffer(net, 0, NULL, 0));
    HOLDS(tn_buffer, !tn_buffer(net, -1, NULL, 0));
    HOLDS(tn_buffer_named, !tn_buffer_named(NULL, "x") && !tn_buffer_named(net, NULL));
    REFUSES(tn_freeze, TN_ERR_ARGUMENT, "freeze: the module is NULL", tn_freeze(ctx, NULL, true));
    WORKS(tn_freeze, tn_freeze(ctx, net, true));
    REFUSES(tn_module_to, TN_ERR_ARGUMENT, "module_to: the module is NULL",
            tn_module_to(ctx, NULL, TN_F64));
    REFUSES(tn_module_to, TN_ERR_DTYPE, "module_to: parameters are f32 or f64",
            tn_module_to(ctx, net, TN_I64));
    REFUSES(tn_module_to, TN_ERR_ARGUMENT, "module_to: the module belongs to another context",
            tn_module_to(ctx, tn_nn_linear(maker, 3, 2), TN_F64));
    WORKS(tn_module_to, tn_module_to(ctx, net, TN_F64));
}

static void state_dict_rows(void)
{
    REFUSES(tn_state_dict, TN_ERR_ARGUMENT, "state_dict: the module is NULL",
            tn_state_dict(ctx, NULL));
    WORKS(tn_state_dict, tn_state_dict(ctx, net));
    REFUSES(tn_load_state_dict, TN_ERR_ARGUMENT, "load_state_dict: the module is NULL",
            tn_load_state_dict(ctx, NULL, dict, (tn_load_opts){0}));
    REFUSES(tn_load_state_dict, TN_ERR_ARGUMENT, "load_state_dict: the dictionary is NULL",
            tn_load_state_dict(ctx, net, NULL, (tn_load_opts){0}));
    REFUSES(tn_load_state_dict, TN_ERR_SHAPE, "load_state_dict: missing weight, bias; unexpected a",
            tn_load_state_dict(ctx, net, dict, (tn_load_opts){0}));
    REFUSES(tn_load_state_dict, TN_ERR_SHAPE,
            "load_state_dict: missing weight, bias; no name begins with model.",
            tn_load_state_dict(ctx, net, dict, (tn_load_opts){.prefix = "model."}));
    WORKS(tn_load_state_dict, tn_load_state_dict(ctx, net, dict, (tn_load_opts){.lenient = true}));
    WORKS(tn_load_state_dict, tn_load_state_dict(ctx, net, net_state, (tn_load_opts){0}));
}

static void parameter_rows(void)
{
    REFUSES(tn_module_new, TN_ERR_ARGUMENT, "module_new: the type has no name or no forward",
            tn_module_new(ctx, NULL, 0));
    REFUSES(tn_module_new, TN_ERR_ARGUMENT, "module_new: the type has no name or no forward",
            tn_module_new(ctx, &(tn_module_type){0}, 0));
    REFUSES(tn_module_new, TN_ERR_MEMORY, "out of memory: no " TOO_MANY " bytes",
            tn_module_new(ctx, &same_type, SIZE_MAX));
    WORKS(tn_module_new, tn_module_new(ctx, &same_type, 8));
    HOLDS(tn_module_state, tn_module_state(NULL) == NULL);
    REFUSES(tn_add_parameter, TN_ERR_ARGUMENT, "add_parameter: the module is NULL",
            tn_add_parameter(ctx, NULL, "w", x));
    REFUSES(tn_add_parameter, TN_ERR_ARGUMENT,
            "add_parameter: the module belongs to another context",
            tn_add_parameter(ctx, tn_nn_relu(maker), "w", x));
    REFUSES(tn_add_parameter, TN_ERR_ARGUMENT, "add_parameter: a name is a text without dots",
            tn_add_parameter(ctx, net, NULL, x));
    REFUSES(tn_add_parameter, TN_ERR_ARGUMENT, "add_parameter: a name is a text without dots",
            tn_add_parameter(ctx, net, "", x));
    REFUSES(tn_add_parameter, TN_ERR_ARGUMENT, "add_parameter: a name is a text without dots",
            tn_add_parameter(ctx, net, "a.b", x));
    REFUSES(tn_add_parameter, TN_ERR_ARGUMENT, "add_parameter: Linear has a bias already",
            tn_add_parameter(ctx, net, "bias", x));
    REFUSES(tn_add_parameter, TN_ERR_ARGUMENT, "add_parameter: tensor is NULL",
            tn_add_parameter(ctx, net, "w", NULL));
    REFUSES(tn_add_parameter, TN_ERR_DTYPE,
            "add_parameter: tensor is i64 but must be f32 or f64; tn_cast converts",
            tn_add_parameter(ctx, net, "w", T("i64[2]")));
    REFUSES(tn_add_parameter, TN_ERR_STATE,
            "set_requires_grad: a tensor of shape [2] that square made is not a leaf; tn_detach "
            "makes one of it",
            tn_add_parameter(ctx, net, "w", y));
    REFUSES(tn_add_parameter, TN_ERR_STATE,
            "set_requires_grad: a tensor of shape [2] belongs to another context",
            tn_add_parameter(ctx, net, "w", T("f32[2]")));
    REFUSES(tn_add_parameter, TN_ERR_ARGUMENT,
            "add_parameter: the tensor belongs to something else already",
            tn_add_parameter(ctx, net, NULL, tn_parameter(net, 0, NULL, 0)));
    WORKS(tn_add_parameter, tn_add_parameter(ctx, net, "w", x));
}

static void part_rows(void)
{
    REFUSES(tn_add_buffer, TN_ERR_ARGUMENT, "add_buffer: the module is NULL",
            tn_add_buffer(ctx, NULL, "b", x));
    REFUSES(tn_add_buffer, TN_ERR_ARGUMENT, "add_buffer: a name is a text without dots",
            tn_add_buffer(ctx, net, "a.b", x));
    REFUSES(tn_add_buffer, TN_ERR_ARGUMENT, "add_buffer: tensor is NULL",
            tn_add_buffer(ctx, net, "b", NULL));
    REFUSES(tn_add_buffer, TN_ERR_STATE, "add_buffer: b requires a gradient",
            tn_add_buffer(ctx, net, "b", p));
    REFUSES(tn_add_buffer, TN_ERR_STATE, "add_buffer: the tensor requires a gradient",
            tn_add_buffer(ctx, net, NULL, p));
    REFUSES(tn_add_buffer, TN_ERR_ARGUMENT, "add_buffer: b belongs to another context",
            tn_add_buffer(ctx, net, "b", T("f32[2]")));
    WORKS(tn_add_buffer, tn_add_buffer(ctx, net, "b", x));
    REFUSES(tn_add_child, TN_ERR_ARGUMENT, "add_child: the module is NULL",
            tn_add_child(ctx, NULL, "c", net));
    REFUSES(tn_add_child, TN_ERR_ARGUMENT, "add_child: child c of Same is NULL",
            tn_add_child(ctx, spare(), "c", NULL));
    REFUSES(tn_add_child, TN_ERR_ARGUMENT, "add_child: child c of Linear contains the module",
            tn_add_child(ctx, net, "c", net));
    REFUSES(tn_add_child, TN_ERR_ARGUMENT, "add_child: Linear has a weight already",
            tn_add_child(ctx, net, "weight", spare()));
    REFUSES(tn_add_child, TN_ERR_ARGUMENT,
            "add_child: child c of Linear belongs to another context",
            tn_add_child(ctx, net, "c", tn_nn_relu(maker)));
    WORKS(tn_add_child, tn_add_child(ctx, net, "c", spare()));
    HOLDS(tn_child, !tn_child(NULL, 0) && !tn_child(net, 0) && !tn_child(net, -1));
    HOLDS(tn_module_name, strcmp(tn_module_name(NULL), "") == 0);
}

#define NO_OPTIONS ((tn_summary_opts){0})

static void summary_of_rows(void)
{
    REFUSES(tn_summary_of, TN_ERR_ARGUMENT, "summary: the module is NULL",
            tn_summary_of(ctx, NULL, TN_TENSORS(T("f32[1,3]")), NO_OPTIONS, NULL, 0));
    REFUSES(tn_summary_of, TN_ERR_ARGUMENT, "summary: inputs is NULL",
            tn_summary_of(ctx, net, 1, NULL, NO_OPTIONS, NULL, 0));
    REFUSES(tn_summary_of, TN_ERR_ARGUMENT, "summary: input 0 is NULL",
            tn_summary_of(ctx, net, TN_TENSORS(NULL), NO_OPTIONS, NULL, 0));
    REFUSES(tn_summary_of, TN_ERR_ARGUMENT,
            "summary: 2 inputs, of which a module takes 1; the option forward takes others",
            tn_summary_of(ctx, net, TN_TENSORS(x, x), NO_OPTIONS, NULL, 0));
    REFUSES(tn_summary_of, TN_ERR_SHAPE,
            "linear: input [1,2] and weight [2,3]; expected [...,in] and [out,in]",
            tn_summary_of(ctx, net, TN_TENSORS(T("f32[1,2]")), NO_OPTIONS, NULL, 0));
    WORKS(tn_summary_of, tn_summary_of(ctx, net, TN_TENSORS(T("f32[0,3]")), NO_OPTIONS, NULL, 0));
    REFUSES(tn_print_summary_of, TN_ERR_ARGUMENT, "summary: the module is NULL",
            tn_print_summary_of(ctx, NULL, TN_TENSORS(x), NO_OPTIONS));
    HOLDS(tn_print_summary_of,
          tn_print_summary_of(NULL, net, TN_TENSORS(x), NO_OPTIONS) == TN_ERR_ARGUMENT);
}

static void summary_rows(void)
{
    REFUSES(tn_summary, TN_ERR_ARGUMENT, "summary: the module is NULL",
            tn_summary(ctx, NULL, TN_SHAPE(1, 3), NULL, 0));
    REFUSES(tn_summary, TN_ERR_SHAPE,
            "linear: input [1,2] and weight [2,3]; expected [...,in] and [out,in]",
            tn_summary(ctx, net, TN_SHAPE(1, 2), NULL, 0));
    REFUSES(tn_summary, TN_ERR_SHAPE, "zeros: shape [1,-3] has a negative size",
            tn_summary(ctx, net, TN_SHAPE(1, -3), NULL, 0));
    REFUSES(tn_summary, TN_ERR_ARGUMENT, "zeros: shape is NULL for 2 dimensions",
            tn_summary(ctx, net, 2, NULL, NULL, 0));
    WORKS(tn_summary, tn_summary(ctx, net, TN_SHAPE(0, 3), NULL, 0));
    REFUSES(tn_print_summary, TN_ERR_ARGUMENT, "summary: the module is NULL",
            tn_print_summary(ctx, NULL, TN_SHAPE(1, 3)));
    HOLDS(tn_print_summary, tn_print_summary(NULL, net, TN_SHAPE(1, 3)) == TN_ERR_ARGUMENT);
    summary_of_rows();
    REFUSES(tn_graph_dot, TN_ERR_ARGUMENT, "graph_dot: tensor is NULL",
            tn_graph_dot(ctx, NULL, net, NULL, 0));
    REFUSES(tn_graph_dot, TN_ERR_STATE, "graph_dot: a tensor of shape [2,3] requires no gradient",
            tn_graph_dot(ctx, x, net, NULL, 0));
    WORKS(tn_graph_dot, tn_graph_dot(ctx, y, NULL, NULL, 0));
}

#define INIT(...)   \
    (tn_init_opts)  \
    {               \
        __VA_ARGS__ \
    }

#define INIT_ROWS(function, name, opts)                                                     \
    REFUSES(function, TN_ERR_ARGUMENT, name ": tensor is NULL", function(ctx, NULL, opts)); \
    REFUSES(function, TN_ERR_DTYPE,                                                         \
            name ": tensor is i64 but must be f32 or f64; tn_cast converts",                \
            function(ctx, T("i64[2,3]"), opts));                                            \
    REFUSES(function, TN_ERR_SHAPE, name ": tensor [2]; expected [out,in,...]",             \
            function(ctx, T("f32[2]"), opts));                                              \
    WORKS(function, function(ctx, x, opts))

static void init_rows(void)
{
    INIT_ROWS(tn_init_kaiming_uniform_, "init_kaiming_uniform_", INIT(0));
    INIT_ROWS(tn_init_kaiming_normal_, "init_kaiming_normal_", INIT(0));
    INIT_ROWS(tn_init_xavier_uniform_, "init_xavier_uniform_", 1);
    INIT_ROWS(tn_init_xavier_normal_, "init_xavier_normal_", 1);
    REFUSES(tn_init_kaiming_normal_, TN_ERR_ARGUMENT, "init_kaiming_normal_: gain nan",
            tn_init_kaiming_normal_(ctx, x, INIT(.nonlinearity = (tn_nonlinearity)9)));
    REFUSES(tn_init_kaiming_normal_, TN_ERR_ARGUMENT, "init_kaiming_normal_: gain nan",
            tn_init_kaiming_normal_(ctx, x, INIT(.slope = NAN)));
    REFUSES(tn_init_xavier_normal_, TN_ERR_ARGUMENT, "init_xavier_normal_: gain inf",
            tn_init_xavier_normal_(ctx, x, INFINITY));
    REFUSES(tn_init_xavier_normal_, TN_ERR_ARGUMENT, "init_xavier_normal_: gain -1",
            tn_init_xavier_normal_(ctx, x, -1));
    HOLDS(tn_init_gain, isnan(tn_init_gain((tn_nonlinearity)9, 0)));
}

static void all_rows(void)
{
    layer_rows();
    plain_layer_rows();
    sequential_rows();
    module_rows();
    state_dict_rows();
    parameter_rows();
    part_rows();
    summary_rows();
    init_rows();
}

int main(void)
{
    return run_refusals("nn.h", all_rows);
}
