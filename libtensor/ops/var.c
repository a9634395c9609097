/* var(x):  y = sum (x - m)^2 / (n - correction) over some dimensions, m the mean of the n elements;
 * dx = 2 (x - m) dy / (n - correction). */
#include "core/core.h"

TN_FORMULA2(squared, x, m, (x - m) * (x - m))
TN_FORMULA3(var_dx, x, m, dy, c[0] * (x - m) * dy)

static const tn_formula squared = TN_FORMULA_INIT(squared, 2);
static const tn_formula var_dx = TN_FORMULA_INIT(var_dx, 3);

typedef struct var_data {
    bool reduce[TN_MAX_DIMS];
    double scale; /* 1 / (n - correction) */
} var_data;

static void var_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    const var_data *data = tn_node_data(node);
    const tn_tensor *x = tn_saved(node, 0), *mean = tn_saved(node, 1);
    const double c[TN_MAX_CONSTANTS] = {2 * data->scale};
    dy = tn__keep_dims(ctx, dy, x->ndim, data->reduce);
    if (dy)
        tn_add_grad(ctx, node, 0,
                    tn_map(ctx, "var", &var_dx, c, (const tn_tensor *[]){x, mean, dy}));
}

static const tn_op var_op = {.name = "var", .backward = var_backward};

static tn_tensor *variance(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *mean,
                           const var_data *data)
{
    tn_tensor *squares = tn_map(ctx, "var", &squared, NULL, (const tn_tensor *[]){x, mean});
    tn_tensor *sum = squares ? tn__sum_dims(ctx, squares, data->reduce) : NULL;
    return sum ? tn_mul_scalar(ctx, sum, data->scale) : NULL;
}

tn_tensor *tn_var(tn_ctx *ctx, const tn_tensor *x, tn_var_opts opts)
{
    var_data data = {{false}, 0};
    tn_reduce_opts over = {.dims = opts.dims, .ndims = opts.ndims, .keepdim = true};
    if (!tn_check_float(ctx, "var", "input", x) ||
        !tn__reduced_dims(ctx, "var", x, over, data.reduce))
        return NULL;
    double correction = (double)tn__int_option(opts.correction, 1);
    double n = tn__count_reduced(x, data.reduce);
    data.scale = 1 / (n > correction ? n - correction : 0);
    bool before = tn_set_grad_enabled(ctx, false);
    tn_tensor *mean = tn_mean(ctx, x, over);
    tn_tensor *y = mean ? variance(ctx, x, mean, &data) : NULL;
    tn_set_grad_enabled(ctx, before);
    if (y && !opts.keepdim)
        y = tn__drop_dims(ctx, y, data.reduce);
    return tn_record(
        ctx, &var_op, y,
        (tn_record_args){.inputs = {x}, .saved = {x, mean}, .data = &data, .size = sizeof data});
}
