/* nn.h - modules: layers that own parameters, networks made of them, initialisers.
 *
 * A module belongs to the context, not to a scope: it lives until tn_module_free, or goes with the
 * context. A module given to another one as a child belongs to that one. Parameters require a
 * gradient, are TN_F32 unless the module is converted, and carry PyTorch's state-dict names:
 * "0.weight", "features.3.bias". A failing constructor returns NULL and records the error. Options
 * of convolution, pooling and normalisation are looked at when the module runs, as in PyTorch. */
#ifndef TN_NN_H
#define TN_NN_H

#include <tn/dict.h>
#include <tn/ops.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- layers ---------------------------------------------------------------------------------- */

/* A layer, or a network of layers. */
typedef struct tn_module tn_module;

/* x [..., in] -> [..., out], y = x weight^T + bias; weight and bias uniform on
 * [-1/sqrt(in), 1/sqrt(in)), as torch.nn.Linear. */
TN_API tn_module *tn_nn_linear(tn_ctx *ctx, int64_t in, int64_t out);

/* The same without a bias. */
TN_API tn_module *tn_nn_linear_nobias(tn_ctx *ctx, int64_t in, int64_t out);

/* tn_conv2d: [n, in, h, w] -> [n, out, ...]. weight [out, in/groups, kernel_h, kernel_w], both
 * kernel_size unless the options say otherwise, and bias [out] uniform on [-1/sqrt(k), 1/sqrt(k)),
 * k = in/groups kernel_h kernel_w, as torch.nn.Conv2d. */
TN_API tn_module *tn_nn_conv2d(tn_ctx *ctx, int64_t in, int64_t out, int64_t kernel_size,
                               tn_conv2d_opts opts);

/* The same without a bias. */
TN_API tn_module *tn_nn_conv2d_nobias(tn_ctx *ctx, int64_t in, int64_t out, int64_t kernel_size,
                                      tn_conv2d_opts opts);

/* tn_batch_norm of [n, channels, h, w], training when the module is: weight 1 and bias 0, the
 * buffers running_mean 0, running_var 1 and num_batches_tracked (TN_I64). opts.training is
 * ignored. torch.nn.BatchNorm2d. */
TN_API tn_module *tn_nn_batch_norm2d(tn_ctx *ctx, int64_t channels, tn_batch_norm_opts opts);

/* tn_max_pool2d. torch.nn.MaxPool2d. */
TN_API tn_module *tn_nn_max_pool2d(tn_ctx *ctx, int64_t kernel_size, tn_pool2d_opts opts);

/* tn_avg_pool2d. torch.nn.AvgPool2d. */
TN_API tn_module *tn_nn_avg_pool2d(tn_ctx *ctx, int64_t kernel_size, tn_pool2d_opts opts);

/* tn_adaptive_avg_pool2d. torch.nn.AdaptiveAvgPool2d. */
TN_API tn_module *tn_nn_adaptive_avg_pool2d(tn_ctx *ctx, int64_t out_h, int64_t out_w);

/* tn_dropout with probability p, when the module is training. */
TN_API tn_module *tn_nn_dropout(tn_ctx *ctx, double p);

TN_API tn_module *tn_nn_flatten(tn_ctx *ctx); /* [n, ...] -> [n, the product of the others] */

TN_API tn_module *tn_nn_relu(tn_ctx *ctx);                              /* tn_relu */
TN_API tn_module *tn_nn_leaky_relu(tn_ctx *ctx, double negative_slope); /* tn_leaky_relu */
TN_API tn_module *tn_nn_sigmoid(tn_ctx *ctx);                           /* tn_sigmoid */
TN_API tn_module *tn_nn_tanh(tn_ctx *ctx);                              /* tn_tanh */
TN_API tn_module *tn_nn_gelu(tn_ctx *ctx);                              /* tn_gelu */

/* ---- networks -------------------------------------------------------------------------------- */

/* Runs its children in order; takes them over, on failure too. A Conv2d, Linear or BatchNorm2d and
 * the ReLU behind it run as one, with the same bits, in the memory of one result, and so do, in
 * evaluation and where nothing is recorded, a Conv2d and the BatchNorm2d behind it, with its ReLU.
 * A MaxPool2d without dilation behind that ReLU runs before it, with the same numbers (a zero may
 * have the other sign). All this unless tn_profile or tn_detect_anomaly looks at each. Children are
 * named "0", "1", ...
 * tn_sequential(ctx, a, b, c) is the convenient form of tn_sequential_of. */
TN_API tn_module *tn_sequential_of(tn_ctx *ctx, int64_t count, tn_module *const *children);
#define tn_sequential(ctx, ...) tn_sequential_of(ctx, TN_LIST_(tn_module *, __VA_ARGS__))

/* Runs the module on x. The result belongs to the innermost scope; NULL with what the first failing
 * operator recorded. A pass that fails changes nothing: the buffers, such as running statistics, of
 * every module that ran in it while training are as before, and so is the random stream; what it
 * had made is freed. To make that possible, a pass in training keeps copies of the buffers until it
 * ends. */
TN_API tn_tensor *tn_forward(tn_ctx *ctx, tn_module *module, const tn_tensor *x);

/* Frees the module, its children and its parameters. NULL is allowed. */
TN_API void tn_module_free(tn_module *module);

/* Sets the module and its children to training, which they are when they are made, or to
 * evaluation: dropout and batch normalisation differ. torch.nn.Module.train, .eval. */
TN_API void tn_train(tn_module *module, bool training);

/* Is the module training? False for NULL. */
TN_API bool tn_is_training(const tn_module *module);

/* ---- parameters ------------------------------------------------------------------------------ */

/* How many parameters the module and its children have; 0 for NULL. */
TN_API int64_t tn_parameter_count(const tn_module *module);

/* Parameter number i in the order of PyTorch's named_parameters(), which belongs to the module;
 * NULL for an i out of range. Its name is written to `name`, cut to `size`; NULL and 0 ask for
 * none. */
TN_API tn_tensor *tn_parameter(const tn_module *module, int64_t i, char *name, size_t size);

/* The parameter of that name, or NULL (nothing is recorded). */
TN_API tn_tensor *tn_parameter_named(const tn_module *module, const char *name);

/* The numbers in all parameters. */
TN_API int64_t tn_parameter_numel(const tn_module *module);

/* How many buffers there are: tensors that belong to the state of a module but are not trained,
 * such as the running statistics of batch normalisation. */
TN_API int64_t tn_buffer_count(const tn_module *module);

/* Buffer number i, and its name, as tn_parameter. */
TN_API tn_tensor *tn_buffer(const tn_module *module, int64_t i, char *name, size_t size);

/* The buffer of that name, or NULL (nothing is recorded). */
TN_API tn_tensor *tn_buffer_named(const tn_module *module, const char *name);

/* Freezes every parameter, or thaws it: a frozen one requires no gradient, is not recorded, and is
 * left alone by optimisers. Gradients of frozen parameters are dropped. */
TN_API tn_status tn_freeze(tn_ctx *ctx, tn_module *module, bool frozen);

/* Converts every parameter, and every buffer of floats, to TN_F32 or TN_F64, or none if memory runs
 * out. Gradients are cleared. Make optimisers after it. TN_ERR_ARGUMENT for a module of another
 * context. */
TN_API tn_status tn_module_to(tn_ctx *ctx, tn_module *module, tn_dtype dtype);

/* ---- state ----------------------------------------------------------------------------------- */

/* The parameters and buffers by name, in the order of PyTorch's state_dict(), as views: what the
 * module learns later is seen. A dictionary to be freed, or to go with the context. */
TN_API tn_dict *tn_state_dict(tn_ctx *ctx, const tn_module *module);

/* What did not fit, each a dictionary to be freed, or to go with the context. They may be NULL if
 * memory is short. */
typedef struct tn_load_report {
    tn_dict *missing;    /* of the module, but not in the dictionary */
    tn_dict *unexpected; /* in the dictionary, but not of the module */
    tn_dict *mismatched; /* in the dictionary, with another shape or dtype than in the module */
} tn_load_report;

typedef struct tn_load_opts {
    bool lenient;           /* allow missing and unexpected names: strict=False */
    const char *prefix;     /* take only names that begin so, and take it off: "model." */
    tn_load_report *report; /* filled in, on failure too, if it is not NULL */
} tn_load_opts;

/* Copies a dictionary's tensors into the parameters and buffers of the same names: all of them, or
 * nothing if the names or shapes (TN_ERR_SHAPE) or only the dtypes (TN_ERR_DTYPE, tn_module_to
 * converts) do not fit; the error lists them. A batch norm's num_batches_tracked may be missing, as
 * in what PyTorch saved before 0.4.1: it stays as it is. torch.nn.Module.load_state_dict. */
TN_API tn_status tn_load_state_dict(tn_ctx *ctx, tn_module *module, const tn_dict *dict,
                                    tn_load_opts opts);

/* ---- initial values ---------------------------------------------------------------------------
 * As torch.nn.init. A weight is [out, in, kernel...]: fan_in is in times the kernel's elements,
 * fan_out is out times them. Gradients may be enabled. TN_ERR_SHAPE for less than two dimensions,
 * TN_ERR_ARGUMENT for a gain that is negative or not finite. */

typedef enum tn_nonlinearity {
    TN_LEAKY_RELU = 0, /* gain sqrt(2 / (1 + slope^2)) */
    TN_RELU = 1,       /* sqrt(2) */
    TN_LINEAR = 2,     /* 1, also of convolutions and sigmoid */
    TN_TANH = 3,       /* 5/3 */
    TN_SELU = 4        /* 3/4 */
} tn_nonlinearity;

typedef struct tn_init_opts {
    double slope; /* of TN_LEAKY_RELU, 0: PyTorch's `a` */
    bool fan_out; /* mode="fan_out" */
    tn_nonlinearity nonlinearity;
    double gain; /* 0: what suits the nonlinearity; TN_ZERO: 0 */
} tn_init_opts;

/* Uniform on [-sqrt(3) std, sqrt(3) std), std = gain / sqrt(fan) (He and others: Delving deep into
 * rectifiers, ICCV 2015). */
TN_API tn_status tn_init_kaiming_uniform_(tn_ctx *ctx, tn_tensor *t, tn_init_opts opts);

/* The same std, normal. */
TN_API tn_status tn_init_kaiming_normal_(tn_ctx *ctx, tn_tensor *t, tn_init_opts opts);

/* The same with std = gain sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio: Understanding the
 * difficulty of training deep feedforward neural networks, AISTATS 2010); a gain of 0 means 1, and
 * TN_ZERO 0. */
TN_API tn_status tn_init_xavier_uniform_(tn_ctx *ctx, tn_tensor *t, double gain);

/* The same std, normal. */
TN_API tn_status tn_init_xavier_normal_(tn_ctx *ctx, tn_tensor *t, double gain);

/* torch.nn.init.calculate_gain; NaN for a value that is no nonlinearity. */
TN_API double tn_init_gain(tn_nonlinearity nonlinearity, double slope);

/* ---- a module of one's own ------------------------------------------------------------------- */

typedef struct tn_module_type {
    const char *name; /* "Linear" */
    tn_tensor *(*forward)(tn_ctx *ctx, tn_module *self, const tn_tensor *x);

    /* For tn_summary: the multiply-adds that turned x into y. May be NULL: none. */
    int64_t (*multiply_adds)(const tn_module *self, const tn_tensor *x, const tn_tensor *y);
} tn_module_type;

/* A module of `type`, which must outlive it, with `size` bytes of zeroed state of its own. */
TN_API tn_module *tn_module_new(tn_ctx *ctx, const tn_module_type *type, size_t size);

/* The state that the module was made with; NULL for NULL, or if it has none. */
TN_API void *tn_module_state(const tn_module *module);

/* Gives the module a parameter: takes `t` out of its scope and makes it require a gradient; the
 * module owns it. Returns t, or NULL. Names have no dots. */
TN_API tn_tensor *tn_add_parameter(tn_ctx *ctx, tn_module *module, const char *name, tn_tensor *t);

/* The same for a buffer, of any dtype, which requires no gradient. */
TN_API tn_tensor *tn_add_buffer(tn_ctx *ctx, tn_module *module, const char *name, tn_tensor *t);

/* Gives the module a child, which it owns from then on. */
TN_API tn_status tn_add_child(tn_ctx *ctx, tn_module *module, const char *name, tn_module *child);

/* Child number i in the order they were added, or NULL. */
TN_API tn_module *tn_child(const tn_module *module, int i);

TN_API const char *tn_module_name(const tn_module *module); /* of its type */

/* ---- a table of the layers ------------------------------------------------------------------- */

/* Writes a line for each module that computes something on its own, in the order in which they
 * run, and one of sums: name, type, shape of the result, parameters, multiply-adds. The network
 * runs once, on zeros of the shape given, as in evaluation and without gradients; running
 * statistics and the random stream stay as they are. Written into `buffer`, cut to `size` bytes
 * with the terminating zero; `buffer` may be NULL if `size` is 0. Returns the length of the whole
 * text, as snprintf does, or the status of the error; TN_ERR_DTYPE if the network begins with
 * integers, for the zeros have the dtype of its parameters: tn_summary_of takes others.
 *
 *     layer  type    output         parameters   multiply-adds
 *     0      Conv2d  [1,64,55,55]        23296        70276800 */
TN_API int64_t tn_summary(tn_ctx *ctx, tn_module *module, int ndim, const int64_t *shape,
                          char *buffer, size_t size);

/* Prints that on standard output. */
TN_API tn_status tn_print_summary(tn_ctx *ctx, tn_module *module, int ndim, const int64_t *shape);

/* How tn_summary_of runs a network. */
typedef struct tn_summary_opts {
    /* Runs the module, or parts of it, on the inputs; NULL: tn_forward on the only one. */
    tn_tensor *(*forward)(tn_ctx *ctx, const tn_tensor *const *inputs, void *payload);
    void *payload; /* handed to it */
} tn_summary_opts;

/* The same table, of a run on examples in place of zeros: integers for a network that begins with
 * an embedding, or several inputs whose sizes belong together. They have any dtype, and stay as
 * they are: tn_summary_of(ctx, net, TN_TENSORS(x), (tn_summary_opts){0}, text, sizeof text). */
TN_API int64_t tn_summary_of(tn_ctx *ctx, tn_module *module, int64_t count,
                             const tn_tensor *const *inputs, tn_summary_opts opts, char *buffer,
                             size_t size);

/* Prints that on standard output. */
TN_API tn_status tn_print_summary_of(tn_ctx *ctx, tn_module *module, int64_t count,
                                     const tn_tensor *const *inputs, tn_summary_opts opts);

/* ---- drawing --------------------------------------------------------------------------------- */

/* Writes the part of the tape that made `t`, from the leaves to t, as a graph for Graphviz (dot
 * -Tsvg) into `buffer`, cut to `size` bytes with the terminating zero; `buffer` may be NULL if
 * `size` is 0. A box is an operator with its step on the tape and the shape and dtype of its
 * result; an ellipse is a leaf, with its name if it is a parameter of `module`, which may be NULL.
 * What requires no gradient is not on the tape, and so not in the graph. Returns the length of the
 * whole text, as snprintf does; TN_ERR_STATE if t requires no gradient, or the status of another
 * error. */
TN_API int64_t tn_graph_dot(tn_ctx *ctx, const tn_tensor *t, const tn_module *module, char *buffer,
                            size_t size);

#ifdef __cplusplus
}
#endif

#endif
