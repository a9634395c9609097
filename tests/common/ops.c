/* ops.c - checks an operator's values and gradients, in every layout, against plain loops. */
#include "common/ops.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the running test ------------------------------------------------------------------------ */

typedef struct block {
    struct block *next;
} block;

static block *blocks;
static uint64_t random_state;

static void setup(void)
{
    array_seed(1);
    tn_set_threads(ctx, 3);
}

static void teardown(void)
{
    while (blocks) {
        block *next = blocks->next;
        free(blocks);
        blocks = next;
    }
}

static void *allocate(size_t size)
{
    block *b = calloc(1, sizeof *b + 8 + size);
    ck_assert_ptr_nonnull(b);
    b->next = blocks;
    blocks = b;
    return (char *)b + sizeof *b;
}

/* ---- arrays ---------------------------------------------------------------------------------- */

array array_new(int ndim, const int64_t *shape)
{
    array a = {.ndim = ndim, .numel = 1};
    for (int i = 0; i < ndim; i++) {
        a.shape[i] = shape[i];
        a.numel *= shape[i];
    }
    a.data = allocate((size_t)a.numel * sizeof *a.data);
    return a;
}

/* Reads "[2,3]" and returns what follows it. */
static const char *parse_shape(const char *text, int *ndim, int64_t *shape)
{
    ck_assert_int_eq(*text, '[');
    *ndim = 0;
    for (text++; *text != ']';) {
        char *end;
        shape[(*ndim)++] = strtoll(text, &end, 10);
        ck_assert_msg(end > text && *ndim <= TN_MAX_DIMS, "no shape: %s", text);
        text = *end == ',' ? end + 1 : end;
    }
    return text + 1;
}

array array_zeros(const char *text)
{
    int ndim;
    int64_t shape[TN_MAX_DIMS];
    parse_shape(text, &ndim, shape);
    return array_new(ndim, shape);
}

void array_seed(uint64_t seed)
{
    random_state = seed;
}

/* splitmix64 */
uint64_t random_bits(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static void randomize(array *a)
{
    for (int64_t i = 0; i < a->numel; i++) {
        int64_t j = (int64_t)(random_bits() % (uint64_t)(i + 1));
        a->data[i] = a->data[j];
        a->data[j] = (double)(float)(0.2 + 1.5 * ((double)i + 0.5) / (double)a->numel);
    }
    for (int64_t i = 0; i < a->numel; i++)
        a->data[i] *= random_bits() & 1 ? 1 : -1;
}

array array_random(const char *text)
{
    array a = array_zeros(text);
    randomize(&a);
    return a;
}

bool next_index(int ndim, const int64_t *shape, int64_t *index)
{
    for (int i = ndim - 1; i >= 0; i--) {
        if (++index[i] < shape[i])
            return true;
        index[i] = 0;
    }
    return false;
}

double *array_at(const array *a, int ndim, const int64_t *index)
{
    int64_t at = 0;
    for (int i = 0; i < a->ndim; i++)
        at = at * a->shape[i] + (a->shape[i] == 1 ? 0 : index[ndim - a->ndim + i]);
    return a->data + at;
}

array array_broadcast(const array *a, const array *b)
{
    const array *longer = a->ndim >= b->ndim ? a : b, *other = longer == a ? b : a;
    int64_t shape[TN_MAX_DIMS];
    memcpy(shape, longer->shape, sizeof shape);
    for (int i = 0; i < other->ndim; i++) {
        int64_t *size = &shape[longer->ndim - other->ndim + i];
        *size = *size == 1 ? other->shape[i] : *size;
    }
    return array_new(longer->ndim, shape);
}

array array_of(const tn_tensor *t)
{
    ck_assert_msg(t != NULL, "%s", tn_error(ctx));
    array a = array_new(tn_ndim(t), tn_shape(t));
    int64_t index[TN_MAX_DIMS] = {0};
    bool plain = tn_is_contiguous(t);
    const float *f32 = plain ? tn_data_f32(t) : NULL;
    const double *f64 = plain ? tn_data_f64(t) : NULL;
    for (int64_t i = 0; i < a.numel; i++, next_index(a.ndim, a.shape, index))
        a.data[i] = f32 ? (double)f32[i] : f64 ? f64[i] : tn_at(ctx, t, index);
    return a;
}

/* ---- tensors --------------------------------------------------------------------------------- */

const char *layout_name(layout how)
{
    static const char *const names[] = {"contiguous", "transposed", "sliced", "expanded"};
    return names[how];
}

static tn_tensor *reversed(const tn_tensor *t)
{
    int dims[TN_MAX_DIMS];
    for (int i = 0; i < tn_ndim(t); i++)
        dims[i] = tn_ndim(t) - 1 - i;
    return tn_permute(ctx, t, dims);
}

/* Elements 1, 3, 5... of each dimension of a tensor that is NaN at the others; the last dimension
 * of that tensor has one element more, which is dropped. */
static tn_tensor *gappy(tn_dtype dtype, int ndim, const int64_t *shape)
{
    int64_t larger[TN_MAX_DIMS] = {3};
    for (int i = 0; i < ndim; i++)
        larger[i] = 2 * shape[i] + 1;
    tn_tensor *t = tn_full(ctx, dtype, ndim ? ndim : 1, larger, NAN);
    if (ndim == 0)
        return tn_select(ctx, t, 0, 1);
    for (int i = 0; i < ndim; i++)
        t = tn_slice(ctx, t, i, 1, 2 * shape[i], 2);
    return t;
}

static tn_tensor *empty_of(const array *a, tn_dtype dtype, layout how)
{
    if (how == SLICED)
        return gappy(dtype, a->ndim, a->shape);
    if (how == PLAIN)
        return tn_empty(ctx, dtype, a->ndim, a->shape);
    int64_t shape[TN_MAX_DIMS];
    for (int i = 0; i < a->ndim; i++)
        shape[i] = a->shape[a->ndim - 1 - i];
    return reversed(tn_empty(ctx, dtype, a->ndim, shape));
}

tn_tensor *tensor_of(const array *a, tn_dtype dtype, layout how)
{
    tn_tensor *plain = tn_from_data(ctx, TN_F64, a->ndim, a->shape, a->data);
    tn_tensor *t = empty_of(a, dtype, how);
    ck_assert_msg(tn_copy_(ctx, t, tn_cast(ctx, plain, dtype)) == TN_OK, "%s", tn_error(ctx));
    return tn_detach(ctx, t);
}

tn_tensor *leaf_of(const array *a, tn_dtype dtype, layout how)
{
    tn_tensor *t = tensor_of(a, dtype, how);
    tn_set_requires_grad(ctx, t, true);
    return t;
}

double tolerance(tn_dtype dtype)
{
    return dtype == TN_F64 ? 1e-12 : 1e-4;
}

static double largest_of(const array *a)
{
    double largest = 0;
    for (int64_t i = 0; i < a->numel; i++)
        if (isfinite(a->data[i]))
            largest = fmax(largest, fabs(a->data[i]));
    return largest;
}

static bool is_close(double got, double want, double rtol, double floor)
{
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got);
    if (isinf(want) || isinf(got))
        return got == want;
    return fabs(got - want) <= rtol * fmax(fabs(want), floor);
}

void check_array(const tn_tensor *t, const array *want, double rtol, const char *what, ...)
{
    char text[256];
    va_list args;
    va_start(args, what);
    vsnprintf(text, sizeof text, what, args);
    va_end(args);
    ck_assert_msg(t != NULL, "%s: NULL, %s", text, tn_error(ctx));
    array got = array_of(t);
    double floor = fmax(largest_of(want), 1) / 100;
    int64_t index[TN_MAX_DIMS] = {0};
    ck_assert_msg(got.ndim == want->ndim && memcmp(got.shape, want->shape, sizeof got.shape) == 0,
                  "%s: shape %s, not %s", text, TN_SHAPE_TEXT(t),
                  tn_shape_text(want->ndim, want->shape).s);
    for (int64_t i = 0; i < got.numel; i++, next_index(got.ndim, got.shape, index))
        if (!is_close(got.data[i], want->data[i], rtol, floor))
            ck_abort_msg("%s: %s at %s is %.17g, not %.17g", text, tn_dtype_name(tn_dtype_of(t)),
                         tn_shape_text(got.ndim, index).s, got.data[i], want->data[i]);
}

/* ---- the table of cases ---------------------------------------------------------------------- */

#define MAX_IN 6

/* The inputs of a case in one layout. Where they are expanded, dimension `expanded[i]` of input i
 * has size 1 and is expanded on the way to the operator, or -1. */
typedef struct setting {
    const op_case *c;
    layout how;
    bool copied; /* expand by copies, for reference */
    int count;
    array values[MAX_IN], full[MAX_IN];
    bool is_index[MAX_IN];
} setting;

static int expandable(const array *a)
{
    for (int i = 0; i < a->ndim; i++)
        if (a->shape[i] > 1)
            return i;
    return -1;
}

/* The values of input number `count`, from its text. */
static const char *parse_input(setting *s, const char *text)
{
    int i = s->count++;
    ck_assert_int_lt(i, MAX_IN);
    s->full[i] = array_zeros(text);
    array a = s->full[i];
    int dim = s->how == EXPANDED ? expandable(&a) : -1;
    text = strchr(text, ']') + 1;
    s->is_index[i] = *text == '<';
    if (dim >= 0 && !s->is_index[i]) {
        a.shape[dim] = 1;
        a = array_new(a.ndim, a.shape);
    }
    randomize(&a);
    long long below = s->is_index[i] ? strtoll(text + 1, NULL, 10) : 0;
    for (int64_t j = 0; j < a.numel; j++)
        a.data[j] = s->is_index[i]   ? (double)(random_bits() % (uint64_t)below)
                    : s->c->positive ? fabs(a.data[j])
                                     : a.data[j];
    s->values[i] = a;
    return text + strcspn(text, "[");
}

static setting setting_new(const op_case *c, layout how)
{
    setting s = {.c = c, .how = how};
    array_seed(3);
    for (const char *text = c->inputs; *text;)
        text = parse_input(&s, text);
    return s;
}

/* Is this layout one that the inputs can have? */
static bool applies(const setting *s)
{
    if (s->how == PLAIN || s->how == SLICED)
        return true;
    for (int i = 0; i < s->count; i++)
        if (!s->is_index[i] && (s->how == TRANSPOSED ? s->full[i].ndim > 1 && s->full[i].numel > 0
                                                     : expandable(&s->full[i]) >= 0))
            return true;
    return false;
}

static void make_inputs(const setting *s, tn_dtype dtype, layout how, tn_tensor **in)
{
    for (int i = 0; i < s->count; i++)
        in[i] = s->is_index[i] ? tensor_of(&s->values[i], TN_I64, how)
                               : leaf_of(&s->values[i], dtype, how);
}

static tn_tensor *call(tn_ctx *unused, tn_tensor *const *in, void *payload)
{
    const setting *s = payload;
    (void)unused;
    tn_tensor *full[MAX_IN] = {NULL};
    for (int i = 0; i < s->count; i++) {
        full[i] = in[i];
        if (memcmp(s->full[i].shape, s->values[i].shape, sizeof s->full[i].shape) != 0)
            full[i] = tn_expand(ctx, in[i], s->full[i].ndim, s->full[i].shape);
        if (s->copied)
            full[i] = tn_clone(ctx, full[i]);
    }
    return s->c->fn(ctx, full, NULL);
}

static layout base_layout(const setting *s)
{
    return s->how == EXPANDED ? PLAIN : s->how;
}

/* ---- gradient checks ------------------------------------------------------------------------- */

/* False if the layout does not apply. */
static bool gradcheck(const op_case *c, layout how, tn_gradcheck_report *report)
{
    setting s = setting_new(c, how);
    tn_tensor *in[MAX_IN];
    if (!applies(&s))
        return false;
    make_inputs(&s, TN_F64, base_layout(&s), in);
    tn_gradcheck(ctx, call, &s, s.count, in,
                 (tn_gradcheck_opts){.rtol = GRADCHECK_RTOL, .samples = 150}, report);
    return true;
}

/* ---- layouts and types ----------------------------------------------------------------------- */

/* What becomes of the result, for its gradient to arrive in different layouts. */
typedef enum consumer { USED_AS_IT_IS, USED_REVERSED, USED_IN_SUM, CONSUMERS } consumer;

typedef struct outcome {
    array y, grads[MAX_IN];
} outcome;

static void run_backward(const tn_tensor *y, const array *dy, consumer use)
{
    tn_tensor *g = tensor_of(dy, tn_dtype_of(y), PLAIN);
    if (use == USED_AS_IT_IS)
        tn_backward_with(ctx, y, g);
    else if (use == USED_REVERSED)
        tn_backward_with(ctx, reversed(y), reversed(g));
    else
        tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
}

static array gradient_of_result(const tn_tensor *y, consumer use)
{
    array dy = array_new(tn_ndim(y), tn_shape(y));
    array_seed(5);
    randomize(&dy);
    for (int64_t i = 0; use == USED_IN_SUM && i < dy.numel; i++)
        dy.data[i] = 1;
    return dy;
}

static void compare(const setting *s, tn_dtype dtype, const tn_tensor *y, tn_tensor *const *in,
                    const outcome *want, int only)
{
    const char *how = layout_name(s->how);
    check_array(y, &want->y, tolerance(dtype), "%s %s %s", s->c->name, s->c->inputs, how);
    for (int i = 0; i < s->count; i++)
        if (tn_requires_grad(in[i])) {
            ck_assert_int_eq(tn_dtype_of(tn_grad(in[i])), dtype);
            check_array(tn_grad(in[i]), &want->grads[i], tolerance(dtype),
                        "%s %s %s: gradient %d%s", s->c->name, s->c->inputs, how, i,
                        only >= 0 ? " alone" : "");
        }
}

/* A second backward adds to what the first one gathered. */
static void check_accumulation(setting *s, tn_tensor *const *in, const array *dy, consumer use)
{
    array once[MAX_IN];
    for (int i = 0; i < s->count; i++)
        if (tn_requires_grad(in[i]))
            once[i] = array_of(tn_grad(in[i]));
    run_backward(call(ctx, in, s), dy, use);
    for (int i = 0; i < s->count; i++) {
        if (!tn_requires_grad(in[i]))
            continue;
        for (int64_t j = 0; j < once[i].numel; j++)
            once[i].data[j] *= 2;
        check_array(tn_grad(in[i]), &once[i], 1e-6, "%s %s: gradient %d of two backwards",
                    s->c->name, s->c->inputs, i);
    }
}

/* Programs read results by tn_data: what is no view of an input has no gaps. */
static void check_contiguous(const setting *s, const tn_tensor *y, tn_tensor *const *in)
{
    bool is_view = false;
    for (int i = 0; i < s->count; i++)
        is_view = is_view || y->storage == in[i]->storage;
    ck_assert_msg(is_view || tn_is_contiguous(y), "%s %s %s: the result has gaps", s->c->name,
                  s->c->inputs, layout_name(s->how));
}

/* Runs the case; `only`: the one input that requires a gradient, or -1. */
static void run(setting *s, tn_dtype dtype, consumer use, int only, const outcome *want)
{
    tn_tensor *in[MAX_IN];
    make_inputs(s, dtype, base_layout(s), in);
    for (int i = 0; i < s->count; i++)
        if (only >= 0 && i != only)
            tn_set_requires_grad(ctx, in[i], false);
    tn_tensor *y = call(ctx, in, s);
    ck_assert_msg(y != NULL, "%s %s %s: %s", s->c->name, s->c->inputs, layout_name(s->how),
                  tn_error(ctx));
    if (only >= 0 && s->is_index[only])
        return;
    array dy = gradient_of_result(y, use);
    run_backward(y, &dy, use);
    check_contiguous(s, y, in);
    compare(s, dtype, y, in, want, only);
    check_accumulation(s, in, &dy, use);
}

/* In f64, from contiguous inputs. */
static outcome reference(const setting *layout_of, consumer use)
{
    setting s = *layout_of;
    tn_tensor *in[MAX_IN];
    outcome o;
    s.copied = true;
    make_inputs(&s, TN_F64, PLAIN, in);
    tn_tensor *y = call(ctx, in, &s);
    ck_assert_msg(y != NULL, "%s %s: %s", s.c->name, s.c->inputs, tn_error(ctx));
    o.y = array_of(y);
    array dy = gradient_of_result(y, use);
    run_backward(y, &dy, USED_AS_IT_IS);
    for (int i = 0; i < s.count; i++)
        if (!s.is_index[i])
            o.grads[i] = array_of(tn_grad(in[i]));
    return o;
}

static void compare_layout(const op_case *c, layout how)
{
    setting s = setting_new(c, how);
    for (int use = 0; applies(&s) && use < CONSUMERS; use++) {
        outcome want = reference(&s, (consumer)use);
        run(&s, TN_F64, (consumer)use, -1, &want);
        run(&s, TN_F32, (consumer)use, -1, &want);
        for (int i = 0; how == PLAIN && i < s.count; i++)
            run(&s, TN_F64, (consumer)use, i, &want);
    }
}

/* ---- failing allocations --------------------------------------------------------------------- */

/* The case and its backward, where allocation k fails, and those after it; none if k is 0. Returns
 * whether one has failed; then no input has a gradient, and the context says why. */
static bool run_failing(setting *s, const array *dy, int64_t k)
{
    tn_tensor *in[MAX_IN];
    tn_scope scope = tn_scope_begin(ctx);
    make_inputs(s, TN_F32, base_layout(s), in);
    tn_tensor *g = tensor_of(dy, TN_F32, SLICED);
    tn_empty_cache(ctx);
    memory.calls = memory.failed = 0;
    memory.fail_at = k;
    memory.for_good = true;
    tn_tensor *y = call(ctx, in, s);
    tn_status status = tn_backward_with(ctx, y, g);
    memory.fail_at = 0;
    ck_assert_int_eq(status, memory.failed ? TN_ERR_MEMORY : TN_OK);
    tn_clear_error(ctx);
    for (int i = 0; i < s->count; i++)
        ck_assert_msg(s->is_index[i] || !memory.failed == (tn_grad(in[i]) != NULL),
                      "%s %s %s: allocation %lld: gradient %d", s->c->name, s->c->inputs,
                      layout_name(s->how), (long long)k, i);
    tn_scope_end(ctx, scope);
    return memory.failed > 0;
}

/* Each allocation of the case fails in turn. */
static void check_failing_allocations(const op_case *c, layout how)
{
    setting s = setting_new(c, how);
    if (!applies(&s))
        return;
    outcome want = reference(&s, USED_AS_IT_IS);
    array dy = array_new(want.y.ndim, want.y.shape);
    randomize(&dy);
    run_failing(&s, &dy, 0); /* then what the context keeps for the next call is there */
    int64_t live = tn_memory(ctx).live_bytes;
    for (int64_t k = 1; run_failing(&s, &dy, k); k++)
        ck_assert_int_eq(tn_memory(ctx).live_bytes, live);
}

/* ---- element-wise operators ------------------------------------------------------------------ */

static void reference_elementwise(const elementwise *e, const array *x, const array *dy, array *y,
                                  array *dx)
{
    int64_t index[TN_MAX_DIMS] = {0};
    for (int64_t i = 0; i < y->numel; i++, next_index(y->ndim, y->shape, index)) {
        double values[2] = {0};
        for (int j = 0; j < e->operands; j++)
            values[j] = *array_at(&x[j], y->ndim, index);
        y->data[i] = e->y(values);
        for (int j = 0; j < e->operands; j++)
            *array_at(&dx[j], y->ndim, index) += dy->data[i] * e->dx(values, j);
    }
}

static void check_operands(const elementwise *e, const array *x, tn_dtype dtype, layout how)
{
    tn_scope scope = tn_scope_begin(ctx);
    array y = e->operands > 1 ? array_broadcast(&x[0], &x[1]) : array_new(x->ndim, x->shape), dx[2];
    tn_tensor *in[2] = {NULL};
    for (int i = 0; i < e->operands; i++) {
        dx[i] = array_new(x[i].ndim, x[i].shape);
        in[i] = leaf_of(&x[i], dtype, how);
    }
    array dy = array_new(y.ndim, y.shape);
    randomize(&dy);
    reference_elementwise(e, x, &dy, &y, dx);
    tn_tensor *got = e->fn(ctx, in, NULL);
    check_array(got, &y, tolerance(dtype), "%s of %s %s", e->name, TN_SHAPE_TEXT(in[0]),
                layout_name(how));
    run_backward(got, &dy, USED_AS_IT_IS);
    for (int i = 0; i < e->operands; i++)
        check_array(tn_grad(in[i]), &dx[i], tolerance(dtype), "%s of %s %s: gradient %d", e->name,
                    TN_SHAPE_TEXT(in[0]), layout_name(how), i);
    tn_scope_end(ctx, scope);
}

static void check_shapes(const elementwise *e, const char *a, const char *b)
{
    array x[2] = {array_random(a), array_random(b)};
    for (int i = 0; e->positive && i < 2; i++)
        for (int64_t j = 0; j < x[i].numel; j++)
            x[i].data[j] = fabs(x[i].data[j]);
    for (int how = PLAIN; how <= SLICED; how++) {
        check_operands(e, x, TN_F64, (layout)how);
        check_operands(e, x, TN_F32, (layout)how);
    }
}

static const char *const shapes[][2] = {
    {"[]", "[]"},           {"[0]", "[1]"},       {"[1]", "[]"},
    {"[5]", "[1]"},         {"[2,3,4]", "[4]"},   {"[3,0,2]", "[3,1,2]"},
    {"[2,1,4]", "[3,1]"},   {"[1,6]", "[6,1]"},   {"[0,3]", "[0,3]"},
    {"[1,5,1]", "[2,1,3]"}, {"[3,4]", "[2,3,4]"}, {"[2,1,2,1,2,1,2,3]", "[1,2,1,2,1,2,1,3]"},
    {"[7,9]", "[7,1]"},     {"[1,9]", "[7,9]"},   {"[40013]", "[40013]"},
    {"[3,16411]", "[]"},    {"[257,1]", "[193]"}};

void check_elementwise(const elementwise *e)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        check_shapes(e, shapes[i][0], shapes[i][1]);
    for (int n = 1; n <= 67; n++) {
        char text[16];
        snprintf(text, sizeof text, "[%d]", n);
        check_shapes(e, text, text);
        check_shapes(e, text, "[1]");
    }
}

static void check_elementwise_message(const elementwise *e, tn_tensor *a, tn_tensor *b,
                                      tn_status status, const char *message)
{
    char text[256];
    tn_tensor *in[] = {a, b};
    snprintf(text, sizeof text, "%s: %s", e->name, message);
    check_fails(e->fn(ctx, in, NULL), status, text);
}

static void check_without_ctx(const elementwise *e, tn_tensor *x)
{
    tn_ctx *before = ctx;
    ctx = NULL;
    ck_assert_ptr_null(e->fn(NULL, (tn_tensor *[]){x, x}, NULL));
    ctx = before;
}

void check_elementwise_errors(const elementwise *e)
{
    tn_tensor *f32 = tn_ones(ctx, TN_F32, TN_SHAPE(2, 3));
    tn_tensor *f64 = tn_ones(ctx, TN_F64, TN_SHAPE(2, 3));
    tn_tensor *i64 = tn_ones(ctx, TN_I64, TN_SHAPE(2, 3));
    check_elementwise_message(e, NULL, f32, TN_ERR_ARGUMENT, "input is NULL");
    check_elementwise_message(e, i64, f32, TN_ERR_DTYPE,
                              "input is i64 but must be f32 or f64; tn_cast converts");
    check_without_ctx(e, f32);
    if (e->operands < 2)
        return;
    check_elementwise_message(e, f32, NULL, TN_ERR_ARGUMENT, "other is NULL");
    check_elementwise_message(e, f32, i64, TN_ERR_DTYPE,
                              "other is i64 but must be f32 or f64; tn_cast converts");
    check_elementwise_message(e, f32, f64, TN_ERR_DTYPE,
                              "input is f32 but other is f64; tn_cast converts");
    check_elementwise_message(e, f32, tn_ones(ctx, TN_F32, TN_SHAPE(2)), TN_ERR_SHAPE,
                              "shapes [2,3] and [2] do not broadcast");
}

/* ---- the program ----------------------------------------------------------------------------- */

static const op_case *table;

START_TEST(test_gradients)
{
    tn_gradcheck_report report;
    const op_case *c = &table[_i / LAYOUTS];
    layout how = (layout)(_i % LAYOUTS);
    gradcheck(c, how, &report);
    ck_assert_msg(tn_error_status(ctx) == TN_OK, "%s %s %s: %s", c->name, c->inputs,
                  layout_name(how), tn_error(ctx));
}
END_TEST

/* A line for `make gradcheck`. */
START_TEST(print_gradients)
{
    tn_gradcheck_report report;
    const op_case *c = &table[_i / LAYOUTS];
    layout how = (layout)(_i % LAYOUTS);
    if (!gradcheck(c, how, &report))
        return;
    printf("%-24s %-42s %-11s %6lld %9.1e\n", c->name, c->inputs, layout_name(how),
           (long long)report.checked, report.worst);
    fflush(stdout);
    if (tn_error_status(ctx) != TN_OK)
        fprintf(stderr, "%s %s %s: %s\n", c->name, c->inputs, layout_name(how), tn_error(ctx));
}
END_TEST

START_TEST(test_layouts_and_types)
{
    compare_layout(&table[_i / LAYOUTS], (layout)(_i % LAYOUTS));
}
END_TEST

START_TEST(test_failing_allocations)
{
    check_failing_allocations(&table[_i / LAYOUTS], (layout)(_i % LAYOUTS));
}
END_TEST

static int run_silently(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

TCase *op_tcase(Suite *suite, const char *name)
{
    TCase *tcase = tn_case(suite, name);
    tcase_add_checked_fixture(tcase, setup, teardown);
    return tcase;
}

int run_op_tests(int argc, char **argv, const char *name, const op_case *cases, int n_cases,
                 const TTest *const *tests, int n_tests)
{
    Suite *suite = suite_create(name);
    TCase *tcase = op_tcase(suite, name);
    table = cases;
    if (argc == 2 && strcmp(argv[1], "--gradcheck") == 0) {
        tcase_add_loop_test(tcase, print_gradients, 0, n_cases * LAYOUTS);
        return run_silently(suite);
    }
    for (int i = 0; i < n_tests; i++)
        tcase_add_test(tcase, tests[i]);
    tcase_add_loop_test(tcase, test_gradients, 0, n_cases * LAYOUTS);
    tcase_add_loop_test(tcase, test_layouts_and_types, 0, n_cases * LAYOUTS);
    tcase_add_loop_test(tcase, test_failing_allocations, 0, n_cases * LAYOUTS);
    return tn_run(suite);
}
