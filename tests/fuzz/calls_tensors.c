/* calls_tensors.c - calls of context.h, tensor.h and autograd.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "calls.h"

/* ---- making ---------------------------------------------------------------------------------- */

static void call_full(machine *m)
{
    int64_t shape[TN_MAX_DIMS];
    tn_dtype type = dtype(m);
    int ndim = shape_of(m, shape);
    switch (take(m) % 4) {
    case 0:
        keep(m, tn_zeros(m->ctx, type, ndim, shape));
        break;
    case 1:
        keep(m, tn_ones(m->ctx, type, ndim, shape));
        break;
    case 2:
        keep(m, tn_full(m->ctx, type, ndim, shape, number(m)));
        break;
    default: {
        tn_tensor *t = tn_empty(m->ctx, type, ndim, shape);
        if (t)
            tn_fill_(m->ctx, t, number(m));
        keep(m, t);
    }
    }
}

static void call_random(machine *m)
{
    int64_t shape[TN_MAX_DIMS];
    tn_dtype type = dtype(m);
    int ndim = shape_of(m, shape);
    keep(m, (take(m) % 2 ? tn_rand : tn_randn)(m->ctx, type, ndim, shape));
}

static void call_randperm(machine *m)
{
    keep(m, tn_randperm(m->ctx, size_of(m)));
}

static void call_scalar(machine *m)
{
    tn_dtype type = dtype(m);
    keep(m, tn_scalar(m->ctx, type, number(m)));
}

static void call_arange(machine *m)
{
    tn_dtype type = dtype(m);
    double start = number(m), end = number(m);
    keep(m, tn_arange(m->ctx, type, start, end, number(m)));
}

static void release_blob(void *data, void *payload)
{
    ((side *)payload)->released++;
    free(data);
}

/* Indices and labels, mostly in range. */
static void call_data(machine *m)
{
    int64_t values[32], shape[2] = {take(m) % 9, 1 + take(m) % 3};
    int ndim = take(m) % 3;
    bool blob = take(m) % 2;
    for (int i = 0; i < 32; i++)
        values[i] = take(m) % 16 ? take(m) % 4 : option(m);
    int64_t *copy = blob ? malloc(sizeof values) : NULL;
    if (!blob) {
        keep(m, tn_from_data(m->ctx, TN_I64, ndim, shape, values));
        return;
    }
    memcpy(copy, values, sizeof values);
    tn_tensor *t = tn_from_blob(m->ctx, TN_I64, ndim, shape, copy, release_blob, m->s);
    m->s->blobs += t != NULL;
    if (!t)
        free(copy);
    keep(m, t);
}

static void call_leaf(machine *m)
{
    int64_t shape[TN_MAX_DIMS];
    tn_dtype type = take(m) % 2 ? TN_F32 : TN_F64;
    int ndim = shape_of(m, shape);
    tn_tensor *t = keep(m, tn_randn(m->ctx, type, ndim, shape));
    if (t)
        done(m, tn_set_requires_grad(m->ctx, t, true) == TN_OK);
}

static void call_free(machine *m)
{
    free_slot(&m->s->slots[take(m) % SLOTS]);
    done_void(m);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void call_read(machine *m)
{
    int64_t index[TN_MAX_DIMS];
    tn_tensor *t = any(m);
    char text[300];
    for (int i = 0; i < TN_MAX_DIMS; i++)
        index[i] = take(m) % 4 ? take(m) % 3 : option(m);
    size_t size = take(m) % sizeof text;
    int64_t length = tn_format(t, text, size);
    FUZZ_CHECK(!t || length > 0, "a tensor of no text");
    FUZZ_CHECK(!t || size == 0 || strlen(text) == (size_t)length ||
                   (strlen(text) == size - 1 && (size_t)length >= size),
               "a text of %lld bytes in %zu", (long long)length, size);
    tn_dtype type = tn_dtype_of(t);
    FUZZ_CHECK((!tn_data_f32(t) || type == TN_F32) && (!tn_data_f64(t) || type == TN_F64) &&
                   (!tn_data_i64(t) || type == TN_I64),
               "%s as another type", tn_dtype_name(type));
    FUZZ_CHECK(!t || tn_shape_text(tn_ndim(t), tn_strides(t)).s[0] == '[', "strides of no text");
    if (take(m) % 2)
        tn_item(m->ctx, t);
    else
        tn_at(m->ctx, t, index);
    done_void(m);
}

/* ---- changing in place ----------------------------------------------------------------------- */

static void call_fill(machine *m)
{
    tn_tensor *t = own(m);
    done(m, tn_fill_(m->ctx, t, number(m)) == TN_OK);
}

static void call_copy(machine *m)
{
    tn_tensor *dst = own(m);
    done(m, tn_copy_(m->ctx, dst, small(m)) == TN_OK);
}

static void call_draw(machine *m)
{
    tn_tensor *t = own(m);
    double a = number(m), b = number(m);
    int kind = take(m) % 3;
    done(m, (kind == 0   ? tn_uniform_(m->ctx, t, a, b)
             : kind == 1 ? tn_normal_(m->ctx, t, a, b)
                         : tn_bernoulli_(m->ctx, t, a)) == TN_OK);
}

static void call_write(machine *m)
{
    tn_tensor *t = own(m);
    unsigned char *data = t && tn_numel(t) > 0 ? tn_data_mut(t) : NULL;
    if (data)
        memset(data, tn_dtype_of(t) == TN_BOOL ? 1 : 0, tn_dtype_size(tn_dtype_of(t)));
    done_void(m);
}

/* ---- gradients ------------------------------------------------------------------------------- */

static void call_requires_grad(machine *m)
{
    tn_tensor *t = own(m);
    done(m, tn_set_requires_grad(m->ctx, t, take(m) % 4 > 0) == TN_OK);
}

static void call_backward(machine *m)
{
    tn_tensor *loss = own(m);
    done(m, tn_backward(m->ctx, loss) == TN_OK);
}

static void call_backward_with(machine *m)
{
    tn_tensor *t = own(m);
    tn_tensor *grad = take(m) % 4 || !t ? small(m) : NULL;
    if (t && !grad && tn_ok(m->ctx))
        grad = tn_ones(m->ctx, tn_dtype_of(t), tn_ndim(t), tn_shape(t));
    done(m, tn_backward_with(m->ctx, t, grad) == TN_OK);
}

/* The loss of what is there, from the sum on. */
static void call_differentiate(machine *m)
{
    tn_tensor *sum = tn_sum(m->ctx, own(m), (tn_reduce_opts){0});
    done(m, tn_backward(m->ctx, sum) == TN_OK);
    tn_free(sum);
}

static void call_grad(machine *m)
{
    tn_tensor *t = own(m);
    if (!t || !tn_grad(t))
        return;
    fuzz_check_tensor(m->ctx, tn_grad(t));
    if (take(m) % 2)
        keep(m, tn_detach(m->ctx, tn_grad(t)));
    else
        tn_clear_grad(t);
}

static void call_grad_mode(machine *m)
{
    uint8_t byte = take(m);
    if (byte % 8 == 0)
        tn_detect_anomaly(m->ctx, take(m) % 2);
    else
        tn_set_grad_enabled(m->ctx, byte % 8 > 3);
    done_void(m);
}

static void call_profile(machine *m)
{
    char text[200];
    if (take(m) % 2)
        done(m, tn_profile(m->ctx, take(m) % 4) == TN_OK);
    else
        tn_profile_report(m->ctx, text, take(m) % sizeof text);
    done_void(m);
}

static tn_tensor *smooth(tn_ctx *ctx, tn_tensor *const *inputs, void *payload)
{
    tn_tensor *y = tn_tanh(ctx, tn_mul(ctx, inputs[0], inputs[1]));
    switch (*(uint8_t *)payload % 8) {
    case 0:
        return tn_softmax(ctx, y, 0);
    case 1:
        return tn_mean(ctx, tn_exp(ctx, y), (tn_reduce_opts){0});
    case 2:
        return tn_gelu(ctx, tn_transpose(ctx, y, 0, 1));
    case 3:
        return tn_matmul(ctx, y, tn_transpose(ctx, inputs[1], 0, 1));
    case 4:
        return tn_var(ctx, y, (tn_var_opts){.correction = TN_ZERO});
    case 5:
        return tn_log_softmax(ctx, tn_cat(ctx, TN_TENSORS(y, inputs[0]), 0), 0);
    case 6:
        return tn_softplus(ctx, tn_slice(ctx, y, 0, 0, INT64_MAX, 2));
    default:
        return tn_sigmoid(ctx, tn_expand(ctx, tn_unsqueeze(ctx, y, 0), TN_SHAPE(2, -1, -1)));
    }
}

static void call_gradcheck(machine *m)
{
    const int64_t shape[2] = {1 + take(m) % 2, 1 + take(m) % 3};
    uint8_t which = take(m);
    tn_tensor *inputs[2];
    if (m->in_error)
        return;
    tn_scope scope = tn_scope_begin(m->ctx);
    for (int i = 0; i < 2; i++) {
        inputs[i] = tn_rand(m->ctx, TN_F64, 2, shape);
        tn_set_requires_grad(m->ctx, inputs[i], true);
    }
    if (tn_ok(m->ctx))
        tn_gradcheck(m->ctx, smooth, &which, 2, inputs, (tn_gradcheck_opts){0}, NULL);
    FUZZ_CHECK(tn_error_status(m->ctx) != TN_ERR_GRADIENT || !tn_is_grad_enabled(m->ctx), "%s",
               tn_error(m->ctx));
    end_scope(m, scope);
}

/* ---- scopes ---------------------------------------------------------------------------------- */

static void call_scope_begin(machine *m)
{
    side *s = m->s;
    if (s->depth == SCOPES - 1)
        return;
    s->scopes[s->depth + 1] = tn_scope_begin(m->ctx);
    s->depth += s->scopes[s->depth + 1].depth > 0;
    m->in_error = false;
    done_void(m);
}

static void forget(side *s)
{
    for (int i = 0; i < SLOTS; i++)
        if (s->slots[i].depth > s->depth)
            s->slots[i] = (slot){0};
}

static void call_scope_end(machine *m)
{
    side *s = m->s;
    uint8_t byte = take(m);
    if (s->depth == 0 || byte >= 250) {
        FUZZ_CHECK(tn_scope_end(m->ctx, s->ended) < 0, "a scope ends twice");
        done_void(m);
        return;
    }
    int depth = byte % 4 ? s->depth : 1 + byte / 4 % s->depth;
    s->ended = s->scopes[depth];
    tn_status status = tn_scope_end(m->ctx, s->scopes[depth]);
    s->depth = depth - 1;
    forget(s);
    m->in_error = false;
    done(m, status == TN_OK);
}

static void call_scope_keep(machine *m)
{
    side *s = m->s;
    slot *at = &s->slots[take(m) % SLOTS];
    uint8_t byte = take(m);
    int depth = s->depth == 0 ? 0 : byte % 4 ? s->depth : 1 + byte / 4 % s->depth;
    tn_scope scope = depth ? s->scopes[depth] : s->ended;
    if (at->pinned)
        return;
    tn_tensor *t = tn_scope_keep(m->ctx, scope, at->t);
    done(m, t != NULL);
    FUZZ_CHECK(!t || (t == at->t && at->depth >= depth && depth > 0), "another tensor is kept");
    if (t)
        at->depth = depth - 1;
}

/* ---- the context ----------------------------------------------------------------------------- */

static void call_random_state(machine *m)
{
    tn_rng_state state = tn_get_rng_state(m->ctx);
    if (m->in_error)
        return;
    if (take(m) % 2)
        tn_manual_seed(m->ctx, take(m));
    state.position += take(m) ? take(m) : UINT64_MAX / 2;
    if (take(m) % 2)
        tn_set_rng_state(m->ctx, state);
    done_void(m);
}

static void call_threads(machine *m)
{
    done(m, tn_set_threads(m->ctx, take(m) % 8 ? 1 + take(m) % 2 : (int)option(m)) == TN_OK);
}

static void call_cache(machine *m)
{
    tn_empty_cache(m->ctx);
    tn_memory_reset_peak(m->ctx);
    done_void(m);
}

static void call_fail_alloc(machine *m)
{
    m->s->memory.for_good = flag(m);
    m->s->memory.fail_at = m->s->memory.calls + 1 + take(m) % 32;
    done_void(m);
}

static void call_clear_error(machine *m)
{
    m->s->memory.fail_at = 0;
    tn_clear_error(m->ctx);
    FUZZ_CHECK(tn_ok(m->ctx) && tn_error(m->ctx)[0] == '\0', "an error stays");
}

static void call_own_error(machine *m)
{
    tn_fail(m->ctx, (tn_status)(-(take(m) % 9) - 1), "one of the program's: %d\n", take(m));
    m->s->failed = -1;
    m->s->patience = take(m) % 4;
    done_void(m);
}

const call_fn tensor_calls[] = {
    call_full,          call_full,        call_random,        call_randperm,
    call_scalar,        call_arange,      call_data,          call_data,
    call_leaf,          call_leaf,        call_free,          call_read,
    call_fill,          call_copy,        call_draw,          call_write,
    call_requires_grad, call_backward,    call_backward_with, call_differentiate,
    call_differentiate, call_grad,        call_grad_mode,     call_profile,
    call_gradcheck,     call_scope_begin, call_scope_end,     call_scope_keep,
    call_random_state,  call_threads,     call_cache,         call_fail_alloc,
    call_clear_error,   call_own_error,
};
const int tensor_call_count = sizeof tensor_calls / sizeof *tensor_calls;
