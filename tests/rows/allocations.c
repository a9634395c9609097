/* allocations.c - calls each function of a header with failing allocations. */
#include "rows/allocations.h"
#include "common/functions.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

static row now;
bool running;
static enum { UNDISTURBED, FAILING } phase;
static int64_t k; /* the allocation that fails, */
static bool for_good;

/* The state before the call, the outcome of the call, and the outcome of the undisturbed one. */
static uint64_t before;
static tn_memory_stats memory_before;
tn_scope scope;
tn_bytes *filled;
tn_status saved;
static tn_status status;
static bool failed;
static bool left;            /* something in the scope of the call, though it failed */
static int64_t shots, calls; /* allocations that failed, and all */
static struct {
    uint64_t result, state;
} got, wanted;

static int wrong;

/* What a failure must leave as it was. */
static uint64_t digest_of_state(void)
{
    return now.kind == STEP       ? digest_of_values()
           : now.kind == GRADIENT ? digest_of_gradients()
                                  : digest_of_world();
}

/* A step that fails after the backward pass leaves its gradients. */
static void clear_gradients(void)
{
    tn_tensor *t;
    for (int64_t i = 0; (t = tn_parameter(net, i, NULL, 0)); i++)
        tn_clear_grad(t);
    for (int64_t i = 0; (t = tn_parameter(cnn, i, NULL, 0)); i++)
        tn_clear_grad(t);
}

void arm(void)
{
    if (now.kind == STEP)
        clear_gradients();
    if (phase == UNDISTURBED || writing)
        before = digest_of_state();
    scope = tn_scope_begin(ctx);
    tn_empty_cache(ctx);
    memory_before = tn_memory(ctx);
    left = false;
    memory.calls = memory.failed = 0;
    memory.for_good = for_good;
    memory.fail_at = phase == FAILING ? k : 0;
}

static void disarm(bool call_failed)
{
    memory.fail_at = 0;
    shots = memory.failed;
    calls = memory.calls;
    status = tn_error_status(ctx);
    failed = call_failed;
    tn_clear_error(ctx);
    digest = 1;
}

static void begin_attempt(void)
{
    static const double running_values[] = {0, 1, 0};
    tn_set_rng_state(ctx, (tn_rng_state){.seed = 5});
    for (int i = 0; now.kind == STEP && i < 3; i++)
        tn_fill_(ctx, tn_buffer(cnn, i, NULL, 0), running_values[i]);
    if (now.kind != GRADIENT)
        arm();
}

void begin_row(const row *r)
{
    now = *r;
    see_function(r->function, 1);
    running = true;
    phase = UNDISTURBED;
    k = 0;
    for_good = true;
    make_world(now.types);
    begin_attempt();
}

void came_bool(bool flag)
{
    disarm(!flag);
}

void came_number(double number)
{
    disarm(number < 0 || isnan(number));
    mix_number(number);
}

void came_integer(int64_t number)
{
    disarm(number < 0);
    mix(&number, sizeof number);
}

void came_tensor(const tn_tensor *t)
{
    disarm(t == NULL);
    mix_tensor(t);
}

/* Where no object comes, nothing is in the scope of the call: operators alone have temporaries
 * there. */
static void disarm_object(const void *object)
{
    disarm(object == NULL);
    tn_memory_stats m = tn_memory(ctx), b = memory_before;
    left = !object && (m.live_bytes != b.live_bytes || m.tensors != b.tensors);
}

void came_module(const tn_module *m)
{
    disarm_object(m);
    if (m)
        mix_module(m);
}

void came_optim(const tn_optim *o)
{
    disarm_object(o);
    mix_optim(o);
}

void came_schedule(const tn_schedule *s)
{
    disarm_object(s);
    mix_schedule(s);
}

void came_loader(const tn_loader *l)
{
    disarm_object(l);
    mix_loader(l);
}

void came_dict(const tn_dict *d)
{
    disarm_object(d);
    mix_dict(d);
}

void passed(const tn_tensor *y)
{
    ck_assert_msg(y != NULL, "%s: %s", now.call, tn_error(ctx));
    tn_tensor *dy = tn_empty(ctx, tn_dtype_of(y), tn_ndim(y), tn_shape(y));
    for (int64_t i = 0; i < tn_numel(y); i++)
        tn__store_f64(tn_dtype_of(y),
                      (char *)tn_data_mut(dy) + (size_t)i * tn_dtype_size(tn_dtype_of(y)),
                      value_of(0, i, false));
    arm();
    came_integer(tn_backward_with(ctx, y, dy));
    digest_of_gradients();
}

/* ---- what must be so ------------------------------------------------------------------------- */

void end_world(void)
{
    tn_ctx_free(ctx);
    if (memory.blocks != 0)
        printf("%d: %s leaks %lld blocks: %s\n", now.line, now.function, (long long)memory.blocks,
               now.call);
    wrong += memory.blocks != 0;
}

static void next_attempt(void)
{
    end_world();
    phase = FAILING;
    k++;
    make_world(now.types);
    begin_attempt();
}

static bool complain(const char *what)
{
    static const char *const phases[] = {"", ", failing"};
    printf("%d: %s %s%s, allocation %lld%s: %s\n", now.line, now.function, what, phases[phase],
           (long long)k, for_good ? " and those that follow" : "", now.call);
    wrong++;
    return false;
}

static bool same_as_wanted(void)
{
    if (failed || status != TN_OK)
        return complain(failed ? "fails" : "succeeds with an error");
    if (got.result != wanted.result)
        return complain("gives other bits");
    return got.state == wanted.state ? true : complain("leaves other bits");
}

/* A backward pass that fails has used up the record, and so may have less than before. */
static bool nothing_kept(void)
{
    if (now.kind == STEP)
        clear_gradients();
    tn_memory_stats m = tn_memory(ctx), b = memory_before;
    if (now.kind == GRADIENT)
        return m.live_bytes <= b.live_bytes && m.tensors <= b.tensors && m.nodes <= b.nodes;
    return m.live_bytes == b.live_bytes && m.tensors == b.tensors && m.nodes == b.nodes;
}

static bool check_undisturbed(void)
{
    wanted.result = got.result;
    wanted.state = got.state;
    if (failed || status != TN_OK)
        return complain("fails");
    if ((calls > 0) == (now.kind == ASK))
        return complain(now.kind == ASK ? "allocates" : "does not allocate");
    return true;
}

static bool check_failure(void)
{
    if (status != TN_ERR_MEMORY)
        return complain(status == TN_OK ? "fails without an error" : "fails with another error");
    if (got.state != before)
        return complain("changes something");
    if (left)
        return complain("leaves something in the scope");
    return nothing_kept() ? true : complain("keeps something");
}

/* After the undisturbed call come calls in which all allocations from number k on fail, and then
 * calls in which number k alone fails. A call that failed is repeated with k + 1 until it succeeds,
 * on the same objects, which failures have not changed. */
static void advance(void)
{
    bool survived = phase == FAILING && shots == 0;
    if (phase == FAILING && failed) {
        k++;
        begin_attempt();
    } else if (now.kind == ASK || (survived && !for_good)) {
        running = false;
    } else {
        for_good = for_good && !survived;
        k = survived ? 0 : k;
        next_attempt();
    }
}

void end_attempt(void)
{
    got.result = digest;
    tn_scope_end(ctx, scope);
    got.state = digest_of_state();
    bool right = phase == UNDISTURBED         ? check_undisturbed()
                 : phase == FAILING && failed ? check_failure()
                                              : same_as_wanted();
    running = right;
    if (right)
        advance();
    if (!running)
        end_world();
}

/* ---- all rows of a header -------------------------------------------------------------------- */

static void (*rows)(void);

static int run_disturbed(void)
{
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 1); /* saving waits for the disk */
    rows();
    return wrong + unseen_functions(1, "");
}

int run_allocations(const char *header, void (*all_rows)(void))
{
    rows = all_rows;
    return run_header("allocations", header, run_disturbed);
}
