/* head.c - makes, saves, loads and runs the layers that are trained on top of AlexNet. */
#include "alexnet/head.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/names.h"

enum { SHAPE_NUMBERS = 8 };

/* What the last linear layers get of one photograph. */
static int64_t inputs_of(tn_ctx *ctx, tn_module *convolutions, const head_shape *shape)
{
    const int64_t *in = shape->in;
    if (!convolutions)
        return in[0] * in[1] * in[2];
    bool enabled = tn_set_grad_enabled(ctx, false);
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *x = tn_zeros(ctx, TN_F32, 4, (const int64_t[]){1, in[0], in[1], in[2]});
    int64_t inputs = tn_numel(tn_forward(ctx, convolutions, x));
    tn_scope_end(ctx, scope);
    tn_set_grad_enabled(ctx, enabled);
    return inputs;
}

tn_module *head_make(tn_ctx *ctx, const alexnet *a, const head_shape *shape)
{
    tn_module *convolutions =
        shape->last > shape->step ? alexnet_copy_steps(ctx, a, shape->step + 1, shape->last) : NULL;
    int64_t inputs = inputs_of(ctx, convolutions, shape);
    tn_module *first = tn_nn_linear(ctx, inputs, shape->hidden);
    tn_module *last = tn_nn_linear(ctx, shape->hidden, shape->persons), *top;
    if (shape->dropout > 0)
        top = tn_sequential(ctx, tn_nn_flatten(ctx), tn_nn_dropout(ctx, shape->dropout), first,
                            tn_nn_relu(ctx), tn_nn_dropout(ctx, shape->dropout), last);
    else
        top = tn_sequential(ctx, tn_nn_flatten(ctx), first, tn_nn_relu(ctx), last);
    return convolutions ? tn_sequential(ctx, convolutions, top) : top;
}

/* ---- files ----------------------------------------------------------------------------------- */

tn_status head_save(tn_ctx *ctx, const alexnet *a, const head_shape *shape, const tn_tensor *mean,
                    double scale, tn_dict *dict)
{
    const int64_t numbers[SHAPE_NUMBERS] = {shape->step,   shape->last,   shape->input,
                                            shape->in[0],  shape->in[1],  shape->in[2],
                                            shape->hidden, shape->persons};
    const double reals[] = {shape->dropout, scale};
    int64_t length = 64;
    tn_dict_set(dict, "shape", tn_from_data(ctx, TN_I64, 1, (int64_t[]){SHAPE_NUMBERS}, numbers));
    tn_dict_set(dict, "mean", mean);
    tn_dict_set(dict, "scale", tn_from_data(ctx, TN_F64, 1, (int64_t[]){2}, reals));
    return tn_dict_set(dict, "alexnet", tn_from_data(ctx, TN_U8, 1, &length, a->hash.hex));
}

static const char TRAINER[] = "alexnet train";

static bool holds(const tn_tensor *t, tn_dtype dtype, int64_t count)
{
    return t && tn_dtype_of(t) == dtype && tn_ndim(t) == 1 && tn_numel(t) == count;
}

/* Sizes that no such network has would ask for any amount of memory. */
static bool read_shape(const tn_tensor *t, head_shape *shape)
{
    const int64_t *n = tn_data_i64(t);
    *shape = (head_shape){.step = (int)n[0],
                          .last = (int)n[1],
                          .input = (int)n[2],
                          .in = {n[3], n[4], n[5]},
                          .hidden = n[6],
                          .persons = n[7]};
    bool good = n[0] >= 0 && n[0] < NET_STEPS && n[1] >= n[0] && n[1] < NET_STEPS && n[2] >= 0 &&
                n[2] <= INPUT_224 && n[6] >= 1 && n[6] <= 100000 && n[7] >= 1 && n[7] <= 100000;
    for (int i = 3; i < 6; i++)
        good = good && n[i] >= 1 && n[i] <= 10000;
    return good && NET_NAMES[n[0]] && (n[1] == n[0] || n[1] <= alexnet_convolution(5) + 2);
}

static bool read_head(const cli_program *program, tn_ctx *ctx, const alexnet *a, const char *file,
                      const tn_dict *dict, head *h)
{
    const tn_tensor *shape = tn_dict_get(dict, "shape"), *scale = tn_dict_get(dict, "scale");
    const tn_tensor *hash = tn_dict_get(dict, "alexnet"), *mean = tn_dict_get(dict, "mean");
    int persons;
    if (!holds(shape, TN_I64, SHAPE_NUMBERS) || !holds(scale, TN_F64, 2) || !holds(hash, TN_U8, 64))
        return names_refuse(program, file, TRAINER, "'shape', 'scale' or 'alexnet' is missing");
    if (!read_shape(shape, &h->shape))
        return names_refuse(program, file, TRAINER, "'shape' is that of no network");
    if (!holds(mean, TN_F32, h->shape.in[0] * h->shape.in[1] * h->shape.in[2]))
        return names_refuse(program, file, TRAINER, "'mean' is missing or misshapen");
    if (memcmp(tn_data(hash), a->hash.hex, 64) != 0) {
        cli_error(program, "%s was trained on top of other weights (SHA-256 %.64s, these have %s)",
                  file, (const char *)tn_data(hash), a->hash.hex);
        return false;
    }
    h->shape.dropout = fmin(fmax(tn_data_f64(scale)[0], 0), 0.99);
    h->scale = tn_data_f64(scale)[1];
    h->mean = tn_clone(ctx, mean);
    if (!names_unpack(tn_dict_get(dict, "persons"), &h->text, &h->names, &persons) ||
        persons != h->shape.persons)
        return names_refuse(program, file, TRAINER, "'persons' holds no names");
    h->net = head_make(ctx, a, &h->shape);
    if (tn_load_state_dict(ctx, h->net, dict, (tn_load_opts){.prefix = "net."}) != TN_OK)
        return names_refuse(program, file, TRAINER, tn_error(ctx));
    tn_train(h->net, false);
    return true;
}

bool head_load(const cli_program *program, tn_ctx *ctx, const alexnet *a, const char *file, head *h)
{
    *h = (head){.net = NULL};
    tn_dict *dict = tn_load_dict(ctx, file);
    if (!dict)
        cli_error(program, "%s", tn_error(ctx));
    bool read = dict && read_head(program, ctx, a, file, dict, h);
    tn_dict_free(dict);
    return read;
}

void head_free(head *h)
{
    free(h->names);
    free(h->text);
    *h = (head){.net = NULL};
}

tn_tensor *head_run(tn_ctx *ctx, const head *h, const tn_tensor *x)
{
    tn_tensor *flat = tn_sub(ctx, tn_flatten(ctx, x, 1, -1), h->mean);
    tn_tensor *scaled = tn_mul_scalar(ctx, flat, h->scale);
    return tn_forward(ctx, h->net, tn_reshape(ctx, scaled, tn_ndim(x), tn_shape(x)));
}
