/* face_net.c - makes and loads the network, and prepares photographs as its input. */
#include "faces/face_net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/names.h"

tn_module *face_net_make(tn_ctx *ctx, int side, int64_t hidden, double dropout, int persons)
{
    int64_t inputs = 3 * (int64_t)side * side;
    tn_module *first = tn_nn_linear(ctx, inputs, hidden);
    tn_module *last = tn_nn_linear(ctx, hidden, persons);
    if (dropout > 0)
        return tn_sequential(ctx, first, tn_nn_relu(ctx), tn_nn_dropout(ctx, dropout), last);
    return tn_sequential(ctx, first, tn_nn_relu(ctx), last);
}

/* ---- files ----------------------------------------------------------------------------------- */

static const char TRAINER[] = "faces train";

static bool is_cube(const tn_tensor *t)
{
    return t && tn_dtype_of(t) == TN_F32 && tn_ndim(t) == 3 && tn_size(t, 0) == 3 &&
           tn_size(t, 1) == tn_size(t, 2) && tn_size(t, 1) > 0 && tn_size(t, 1) <= FACE_MOST_SIDE;
}

/* The last layer's number depends on whether there is dropout, so the file
 * says its name, and loading checks the sizes. */
static bool read_net(const cli_program *program, tn_ctx *ctx, const char *file, const tn_dict *dict,
                     face_net *f)
{
    const tn_tensor *names = tn_dict_get(dict, "persons");
    const tn_tensor *first = tn_dict_get(dict, "net.0.weight");
    f->mean = tn_dict_get(dict, "mean");
    f->deviation = tn_dict_get(dict, "deviation");
    if (!names || !first || tn_ndim(first) != 2)
        return names_refuse(program, file, TRAINER, "'persons' or 'net.0.weight' is missing");
    if (!is_cube(f->mean) || !is_cube(f->deviation) ||
        tn_size(f->mean, 1) != tn_size(f->deviation, 1))
        return names_refuse(program, file, TRAINER,
                            "'mean' or 'deviation' is missing or misshapen");
    if (!names_unpack(names, &f->text, &f->names, &f->persons))
        return names_refuse(program, file, TRAINER, "'persons' holds no names");
    f->side = (int)tn_size(f->mean, 1);
    f->hidden = (int)tn_size(first, 0);
    double dropout = tn_dict_get(dict, "net.3.weight") ? 0.5 : 0;
    f->net = face_net_make(ctx, f->side, f->hidden, dropout, f->persons);
    if (tn_load_state_dict(ctx, f->net, dict, (tn_load_opts){.prefix = "net."}) != TN_OK)
        return names_refuse(program, file, TRAINER, tn_error(ctx));
    tn_train(f->net, false);
    return true;
}

bool face_net_load(const cli_program *program, tn_ctx *ctx, const char *file, face_net *f)
{
    *f = (face_net){.net = NULL};
    tn_dict *dict = tn_load_dict(ctx, file);
    if (!dict) {
        cli_error(program, "%s", tn_error(ctx));
        return false;
    }
    return read_net(program, ctx, file, dict, f);
}

void face_net_free(face_net *f)
{
    free(f->names);
    free(f->text);
    *f = (face_net){.net = NULL};
}

/* ---- inputs ---------------------------------------------------------------------------------- */

void face_net_input(const face_net *f, const uint8_t *pixels, face_move move, float *input)
{
    const float *mean = tn_data_f32(f->mean), *deviation = tn_data_f32(f->deviation);
    int side = f->side, from[FACE_MOST_SIDE];
    for (int column = 0; column < side; column++) {
        int x = image_clamp(column - move.right, side);
        from[column] = move.mirrored ? side - 1 - x : x;
    }
    for (int row = 0; row < 3 * side; row++) {
        const uint8_t *line =
            pixels + (row / side * side + image_clamp(row % side - move.down, side)) * side;
        for (int column = 0; column < side; column++, input++)
            *input = (line[from[column]] - *mean++) / *deviation++;
    }
}
