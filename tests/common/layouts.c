/* layouts.c - makes an operand of every layout. */
#include "common/layouts.h"

static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
static const int64_t full_shape[3] = {2, 4, 3};

tn_tensor *numbered(int layout, double first)
{
    const int *order = orders[layout / 8 % 6];
    int64_t shape[3], step = layout < 48 ? 1 : 2;
    int back[3];
    for (int i = 0; i < 3; i++) {
        int64_t size = layout & 1 << order[i] ? 1 : full_shape[order[i]];
        shape[i] = step * size;
        back[order[i]] = i;
    }
    double n = (double)(shape[0] * shape[1] * shape[2]);
    tn_tensor *t = tn_arange(ctx, TN_F64, first, first + n, 1);
    t = tn_permute(ctx, tn_reshape(ctx, t, 3, shape), back);
    for (int i = 0; i < 3; i++)
        t = tn_slice(ctx, t, i, step - 1, INT64_MAX, step);
    return t;
}

double naive_at(const tn_tensor *t, int64_t i, int64_t j, int64_t k)
{
    int64_t index[3] = {i, j, k}, offset = 0;
    for (int d = 0; d < 3; d++)
        offset += tn_size(t, d) == 1 ? 0 : index[d] * tn_strides(t)[d];
    return tn_data_f64(t)[offset];
}
