/* driver.c - runs the cases that differential.py sends and compares the results with those that
 * come with them.
 *
 * A request on standard input is a length in bytes and that many bytes, which are words of 64 bits
 * and arrays padded to them (Case.request in cases.py writes it). Each case is run for each
 * instruction set that the processor has, by one thread and by two. The answer on standard output
 * is a length and lines of text: one for each run that failed, and the largest error, as a part of
 * what is tolerated and for itself; or, where results are asked for, the results. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "driver.h"

enum { MAX_OUTPUTS = 16, MAX_LEAVES = 32, MAX_TENSORS = 64, MAX_NUMBERS = 1024, THREADS = 2 };
enum { ABSENT, PRESENT, AGAIN };             /* kinds of tensors, */
enum { NO_LEAF, AFTER_VIEWS, BEFORE_VIEWS }; /* of leaves, */
enum { PERMUTE, SLICE, EXPAND };             /* of views, */
enum { COMPARE, COMPARE_ERROR, GIVE_BACK };  /* and of requests */

static const char *const isas[] = {"baseline", "v3", "v4"};
#define ISAS ((int)(sizeof isas / sizeof *isas))

tn_ctx *ctx;
tn_dtype dtype;
tn_module *module;
tn_optim *optim;
tn_schedule *schedule;
tn_dict *state;

static tn_ctx *contexts[ISAS];
static const int64_t *words; /* of the request, not read yet */

/* An argument: the tensor that the operator sees, a view of `base`, which has to keep its bytes. */
typedef struct argument {
    tn_tensor *t, *base;
    const void *bytes;
    bool changes;
} argument;

static argument arguments[MAX_TENSORS];
static tn_tensor *lists[MAX_TENSORS], *outputs[MAX_OUTPUTS], *leaves[MAX_LEAVES];
static int argument_count, list_count, output_count, leaf_count, number_count;
static int numbers[MAX_NUMBERS];

/* ---- the answer ------------------------------------------------------------------------------ */

static char *answer;
static size_t answer_size, answer_room;

static void answer_bytes(const void *bytes, size_t n)
{
    if (answer_size + n > answer_room) {
        answer_room = 2 * (answer_size + n);
        answer = realloc(answer, answer_room);
        if (!answer)
            exit(3);
    }
    memcpy(answer + answer_size, bytes, n);
    answer_size += n;
}

static void answer_word(int64_t word)
{
    answer_bytes(&word, sizeof word);
}

static void send_answer(void)
{
    int64_t size = (int64_t)answer_size;
    if (fwrite(&size, sizeof size, 1, stdout) != 1 ||
        fwrite(answer, 1, answer_size, stdout) != answer_size || fflush(stdout) != 0)
        exit(3);
    answer_size = 0;
}

/* ---- arguments ------------------------------------------------------------------------------- */

int64_t take_whole(void)
{
    return *words++;
}

double take_real(void)
{
    double value;
    memcpy(&value, words++, sizeof value);
    return value;
}

const int64_t *take_sizes(int *count)
{
    const int64_t *sizes = words + 1;
    *count = (int)words[0];
    words += 1 + *count;
    return sizes;
}

const double *take_reals(int *count)
{
    return (const double *)take_sizes(count);
}

const int *take_ints(int *count)
{
    const int64_t *sizes = take_sizes(count);
    int *ints = numbers + number_count;
    number_count += *count;
    for (int i = 0; i < *count; i++)
        ints[i] = (int)sizes[i];
    return ints;
}

static tn_tensor *take_view(tn_tensor *t)
{
    int count;
    int64_t kind = take_whole();
    if (kind == PERMUTE)
        return tn_permute(ctx, t, take_ints(&count));
    const int64_t *sizes = take_sizes(&count);
    if (kind == EXPAND)
        return tn_expand(ctx, t, count, sizes);
    return tn_slice(ctx, t, (int)sizes[0], sizes[1], sizes[2], sizes[3]);
}

static void make_leaf(tn_tensor *t)
{
    tn_set_requires_grad(ctx, t, true);
    leaf(t);
}

static tn_tensor *take_new_tensor(void)
{
    int ndim;
    tn_dtype type = (tn_dtype)take_whole();
    int64_t requires_grad = take_whole();
    bool changes = take_whole();
    const int64_t *shape = take_sizes(&ndim);
    int64_t bytes = take_whole();
    argument a = {.bytes = words, .changes = changes};
    a.t = a.base = tn_from_data(ctx, type, ndim, shape, words);
    words += (bytes + 7) / 8;
    if (requires_grad == BEFORE_VIEWS)
        make_leaf(a.t);
    for (int64_t views = take_whole(); views > 0; views--)
        a.t = take_view(a.t);
    if (requires_grad == AFTER_VIEWS)
        make_leaf(a.t);
    arguments[argument_count++] = a;
    return a.t;
}

tn_tensor *take_tensor(void)
{
    int64_t kind = take_whole();
    if (kind == ABSENT)
        return NULL;
    return kind == AGAIN ? arguments[take_whole()].t : take_new_tensor();
}

tn_tensor *const *take_tensors(int *count)
{
    tn_tensor **list = lists + list_count;
    *count = (int)take_whole();
    list_count += *count;
    for (int i = 0; i < *count; i++)
        list[i] = take_tensor();
    return list;
}

void out(tn_tensor *t)
{
    outputs[output_count++] = t;
}

void leaf(tn_tensor *t)
{
    leaves[leaf_count++] = t;
}

/* ---- comparing ------------------------------------------------------------------------------- */

/* What a run is told: its name, how many failures were listed for it, and the largest errors. */
static struct {
    int isa, threads, failures;
    double ratio, error;
} run;

static void TN_PRINTF(1, 2) failed(const char *format, ...)
{
    char line[512];
    va_list list;
    if (run.failures++ > 0)
        return;
    int n = snprintf(line, sizeof line, "%s %d\t", isas[run.isa], run.threads);
    va_start(list, format);
    n += vsnprintf(line + n, sizeof line - (size_t)n, format, list);
    va_end(list);
    if (n > (int)sizeof line - 2)
        n = (int)sizeof line - 2;
    line[n++] = '\n';
    answer_bytes(line, (size_t)n);
}

static double element(const tn_tensor *t, int64_t i)
{
    const void *data = tn_data(t);
    switch (tn_dtype_of(t)) {
    case TN_F32:
        return ((const float *)data)[i];
    case TN_F64:
        return ((const double *)data)[i];
    case TN_I64:
        return (double)((const int64_t *)data)[i];
    case TN_I32:
        return ((const int32_t *)data)[i];
    default:
        return ((const uint8_t *)data)[i];
    }
}

/* NaN is NaN and inf is inf; other numbers may be `tolerance` away. An infinite one allows all. */
static bool close_enough(double got, double want, double tolerance)
{
    if (isinf(tolerance))
        return true;
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got);
    if (isinf(want) || isinf(got))
        return got == want;
    double error = fabs(got - want);
    double ratio = error == 0 ? 0 : error / tolerance;
    run.ratio = ratio > run.ratio ? ratio : run.ratio;
    run.error = error > run.error ? error : run.error;
    return error <= tolerance;
}

/* The expected array: a dtype, a shape, values and tolerances. A gradient that was never made is
 * one of zeros. */
static void compare(const char *what, int number, const tn_tensor *t)
{
    int ndim, count;
    tn_dtype type = (tn_dtype)take_whole();
    const int64_t *shape = take_sizes(&ndim);
    const double *values = take_reals(&count);
    const double *tolerances = take_reals(&count);
    if (t && (tn_dtype_of(t) != type || tn_ndim(t) != ndim ||
              (ndim > 0 && memcmp(tn_shape(t), shape, (size_t)ndim * sizeof *shape) != 0))) {
        failed("%s %d is %s %s, not %s %s", what, number, tn_dtype_name(tn_dtype_of(t)),
               TN_SHAPE_TEXT(t), tn_dtype_name(type), tn_shape_text(ndim, shape).s);
        return;
    }
    const tn_tensor *flat = t ? tn_contiguous(ctx, t) : NULL;
    for (int64_t i = 0; i < count; i++) {
        double got = t ? element(flat, i) : 0;
        double want = type == TN_F32 ? (double)(float)values[i] : values[i];
        if (!close_enough(got, want, tolerances[i]))
            failed("%s %d of shape %s, element %lld: %.9g, right is %.9g, tolerance %.2g", what,
                   number, tn_shape_text(ndim, shape).s, (long long)i, got, want, tolerances[i]);
    }
}

static void compare_outputs(void)
{
    int64_t count = take_whole();
    if (count != output_count)
        failed("%d results, not %lld", output_count, (long long)count);
    bool before = tn_set_grad_enabled(ctx, false);
    for (int i = 0; i < output_count && !run.failures; i++)
        compare("result", i, outputs[i]);
    tn_set_grad_enabled(ctx, before);
}

static void compare_gradients(void)
{
    for (int i = 0; i < output_count; i++) {
        bool differentiable = take_whole();
        if (tn_requires_grad(outputs[i]) != differentiable)
            failed("result %d %s a gradient", i, differentiable ? "requires no" : "requires");
        if (differentiable)
            tn_backward_with(ctx, outputs[i], take_tensor());
    }
    if (*tn_error(ctx))
        failed("backward: %s", tn_error(ctx));
    int64_t count = take_whole();
    if (count != leaf_count)
        failed("%d leaves, not %lld", leaf_count, (long long)count);
    for (int i = 0; i < leaf_count && !run.failures; i++)
        compare("gradient", i, tn_grad(leaves[i]));
}

static void compare_arguments(void)
{
    for (int i = 0; i < argument_count; i++) {
        const argument *a = &arguments[i];
        size_t bytes = (size_t)tn_numel(a->base) * tn_dtype_size(tn_dtype_of(a->base));
        if (!a->changes && bytes > 0 && memcmp(tn_data(a->base), a->bytes, bytes) != 0)
            failed("argument %d was changed", i);
    }
}

static void give_back(void)
{
    answer_word(*tn_error(ctx) ? -1 : output_count);
    if (*tn_error(ctx))
        answer_bytes(tn_error(ctx), strlen(tn_error(ctx)));
    for (int i = 0; i < output_count && !*tn_error(ctx); i++) {
        const tn_tensor *t = tn_contiguous(ctx, outputs[i]);
        answer_word((int64_t)tn_dtype_of(t));
        answer_word(tn_ndim(t));
        answer_bytes(tn_shape(t), (size_t)tn_ndim(t) * sizeof(int64_t));
        answer_bytes(tn_data(t), (size_t)tn_numel(t) * tn_dtype_size(tn_dtype_of(t)));
    }
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void free_objects(void)
{
    tn_schedule_free(schedule);
    tn_optim_free(optim);
    tn_module_free(module);
    tn_dict_free(state);
    schedule = NULL;
    optim = NULL;
    module = NULL;
    state = NULL;
}

static void check_case(const row *r, int64_t mode)
{
    r->run();
    if (mode == GIVE_BACK) {
        give_back();
        return;
    }
    if (mode == COMPARE_ERROR) {
        if (!*tn_error(ctx))
            failed("no error, although PyTorch refuses this");
        return;
    }
    if (*tn_error(ctx)) {
        failed("%s", tn_error(ctx));
        return;
    }
    compare_outputs();
    if (!run.failures)
        compare_gradients();
    compare_arguments();
    if (*tn_error(ctx))
        failed("%s", tn_error(ctx));
}

static void run_case(const int64_t *request, int isa, int threads)
{
    words = request;
    run.isa = isa;
    run.threads = threads;
    run.failures = 0;
    argument_count = list_count = output_count = leaf_count = number_count = 0;
    ctx = contexts[isa];
    const row *r = &rows[take_whole()];
    int64_t mode = take_whole();
    dtype = (tn_dtype)take_whole();
    take_whole();
    tn_set_threads(ctx, threads);
    int64_t tensors = tn_memory(ctx).tensors;
    tn_scope scope = tn_scope_begin(ctx);
    state = tn_dict_new(ctx);
    check_case(r, mode);
    free_objects();
    tn_clear_error(ctx);
    tn_scope_end(ctx, scope);
    if (tn_memory(ctx).tensors != tensors && mode != GIVE_BACK)
        failed("%lld tensors are left", (long long)(tn_memory(ctx).tensors - tensors));
}

/* The runs that word 3 of the request asks for: bit THREADS isa + threads - 1. */
static void run_request(const int64_t *request)
{
    char last[64];
    run.ratio = run.error = 0;
    for (int isa = 0; isa < ISAS; isa++)
        for (int threads = 1; threads <= THREADS; threads++)
            if (contexts[isa] && request[3] >> (THREADS * isa + threads - 1) & 1)
                run_case(request, isa, threads);
    if (request[1] == GIVE_BACK)
        return;
    int n = snprintf(last, sizeof last, "%.9g %.9g\n", run.ratio, run.error);
    answer_bytes(last, (size_t)n);
}

/* A context for each instruction set that the processor has. */
static void make_contexts(void)
{
    for (int isa = 0; isa < ISAS; isa++) {
        setenv("TN_ISA", isas[isa], 1);
        contexts[isa] = tn_ctx_new(&(tn_ctx_opts){.seed = 1, .threads = THREADS});
        if (!contexts[isa])
            exit(3);
        if (strcmp(tn_isa(contexts[isa]), isas[isa]) != 0) {
            tn_ctx_free(contexts[isa]);
            contexts[isa] = NULL;
        }
    }
}

int main(void)
{
    int64_t size, room = 0, *request = NULL;
    make_contexts();
    while (fread(&size, sizeof size, 1, stdin) == 1) {
        if (size > room) {
            room = 2 * size;
            request = realloc(request, (size_t)room);
        }
        if (!request || fread(request, 1, (size_t)size, stdin) != (size_t)size)
            return 3;
        run_request(request);
        send_answer();
    }
    for (int isa = 0; isa < ISAS; isa++)
        tn_ctx_free(contexts[isa]);
    free(request);
    free(answer);
    return 0;
}
