/* Checkpoints: a training that resumes continues bit for bit, and a bad file changes nothing. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/check_tn.h"
#include "common/files.h"

/* ---- trainings ------------------------------------------------------------------------------- */

/* N steps, a checkpoint, and M more. An epoch has 8. */
enum { N = 11, M = 10, SAMPLES = 37 };

typedef struct training {
    tn_ctx *ctx;
    tn_dict *extra;
    tn_checkpoint parts;
    bool with_metric; /* the schedule takes the loss */
} training;

static tn_optim *sgd(training *t)
{
    return tn_sgd(t->ctx, t->parts.module,
                  (tn_sgd_opts){.lr = 0.05, .momentum = 0.9, .nesterov = true});
}

static tn_optim *plain_sgd(training *t)
{
    return tn_sgd(t->ctx, t->parts.module, (tn_sgd_opts){.lr = 0.05, .weight_decay = 0.01});
}

static tn_optim *adam(training *t)
{
    return tn_adam(t->ctx, t->parts.module, (tn_adam_opts){.lr = 0.01, .weight_decay = 0.01});
}

static tn_optim *adamw(training *t)
{
    return tn_adamw(t->ctx, t->parts.module, (tn_adamw_opts){.lr = 0.01, .beta1 = 0.8});
}

static tn_optim *rmsprop(training *t)
{
    tn_rmsprop_opts opts = {.lr = 0.001, .centered = true, .momentum = 0.5};
    return tn_rmsprop(t->ctx, t->parts.module, opts);
}

static tn_optim *two_groups(training *t)
{
    tn_optim *opt = adam(t);
    tn_add_group(opt, tn_child(t->parts.module, 5), (tn_group_opts){.lr = 0.03});
    return opt;
}

/* The first layer is learnt from step 5 on. */
static tn_optim *thawing(training *t)
{
    tn_freeze(t->ctx, tn_child(t->parts.module, 0), true);
    return adamw(t);
}

static void no_schedule(training *t)
{
    (void)t;
}

static void step_lr(training *t)
{
    t->parts.schedules[0] = tn_step_lr(t->ctx, t->parts.optim, 4, 0.5);
}

static void exponential(training *t)
{
    t->parts.schedules[0] = tn_exponential_lr(t->ctx, t->parts.optim, 0.93);
}

static void cosine(training *t)
{
    t->parts.schedules[0] = tn_cosine_annealing_lr(t->ctx, t->parts.optim, 7, 1e-3);
}

static void warm_up_and_decay(training *t)
{
    t->parts.schedules[0] = tn_linear_lr(t->ctx, t->parts.optim, 0.1, 1, 15);
    t->parts.schedules[1] = tn_exponential_lr(t->ctx, t->parts.optim, 0.9);
}

static void plateau(training *t)
{
    t->with_metric = true;
    t->parts.schedules[0] = tn_reduce_lr_on_plateau(
        t->ctx, t->parts.optim,
        (tn_plateau_opts){.patience = 1, .factor = 0.5, .cooldown = 2, .absolute = true});
}

static const struct {
    tn_optim *(*optim)(training *t);
    void (*schedules)(training *t);
    const char *file;
} cases[] = {
    {sgd, step_lr, "sgd.npz"},
    {plain_sgd, plateau, "plain_sgd.safetensors"},
    {adam, cosine, "adam.npz"},
    {adamw, warm_up_and_decay, "adamw.safetensors"},
    {rmsprop, plateau, "rmsprop.npz"},
    {two_groups, exponential, "two_groups.safetensors"},
    {thawing, no_schedule, "thawing.npz"},
};

#define CASES ((int)(sizeof cases / sizeof *cases))

static tn_module *network(tn_ctx *c, int64_t out)
{
    return tn_sequential(c, tn_nn_conv2d(c, 1, 3, 3, (tn_conv2d_opts){0}),
                         tn_nn_batch_norm2d(c, 3, (tn_batch_norm_opts){0}), tn_nn_relu(c),
                         tn_nn_flatten(c), tn_nn_dropout(c, 0.3), tn_nn_linear(c, 48, out));
}

static tn_loader *loader(tn_ctx *c, int64_t batch_size)
{
    tn_rng_state rng = tn_get_rng_state(c);
    tn_manual_seed(c, 123);
    tn_tensor *x = tn_randn(c, TN_F32, TN_SHAPE(SAMPLES, 1, 6, 6));
    tn_tensor *y = tn_zeros(c, TN_I64, TN_SHAPE(SAMPLES));
    for (int64_t i = 0; i < SAMPLES; i++)
        ((int64_t *)tn_data_mut(y))[i] = i % 4;
    tn_set_rng_state(c, rng);
    return tn_loader_new(c, x, y, (tn_loader_opts){.batch_size = batch_size, .shuffle = true});
}

/* What depends on the seed is what a checkpoint restores. */
static training training_new(tn_ctx *c, int i)
{
    training t = {.ctx = c, .extra = tn_dict_new(c)};
    t.parts = (tn_checkpoint){.module = network(c, 4), .loader = loader(c, 5), .extra = t.extra};
    t.parts.optim = cases[i].optim(&t);
    cases[i].schedules(&t);
    ck_assert_str_eq(tn_error(c), "");
    return t;
}

static void next_batch(training *t, tn_batch *batch)
{
    if (!tn_loader_next(t->parts.loader, batch))
        ck_assert(tn_loader_next(t->parts.loader, batch));
}

static void advance_schedules(const training *t, double loss)
{
    for (int i = 0; i < TN_MAX_SCHEDULES && t->parts.schedules[i]; i++)
        if (t->with_metric)
            tn_schedule_step_with(t->parts.schedules[i], loss);
        else
            tn_schedule_step(t->parts.schedules[i]);
}

static void train(training *t, int from, int to)
{
    tn_batch batch;
    for (int i = from; i < to; i++) {
        if (i == 5)
            tn_freeze(t->ctx, tn_child(t->parts.module, 0), false);
        next_batch(t, &batch);
        tn_scope scope = tn_scope_begin(t->ctx);
        tn_tensor *out = tn_forward(t->ctx, t->parts.module, batch.x);
        tn_tensor *loss = tn_cross_entropy(t->ctx, out, batch.y, (tn_cross_entropy_opts){0});
        tn_zero_grad(t->parts.optim);
        tn_backward(t->ctx, loss);
        tn_step(t->parts.optim);
        advance_schedules(t, tn_item(t->ctx, loss));
        tn_scope_end(t->ctx, scope);
    }
    tn_dict_set(t->extra, "steps", tn_scalar(t->ctx, TN_I64, to));
    ck_assert_str_eq(tn_error(t->ctx), "");
}

static void save(const training *t, const char *path)
{
    tn_status status = tn_save_checkpoint(t->ctx, t->parts, path);
    ck_assert_msg(status == TN_OK, "%s", tn_error(t->ctx));
}

static void check_same_files(const char *a, const char *b, bool same)
{
    size_t size_a, size_b;
    unsigned char *bytes_a = read_bytes(a, &size_a), *bytes_b = read_bytes(b, &size_b);
    ck_assert_uint_gt(size_a, 1000);
    ck_assert_int_eq(size_a == size_b && memcmp(bytes_a, bytes_b, size_a) == 0, same);
    free(bytes_a);
    free(bytes_b);
}

/* ---- in another process ---------------------------------------------------------------------- */

typedef enum part { NONE, MODULE, OPTIM, SCHEDULES, LOADER, RNG, PARTS } part;

static tn_checkpoint without(tn_checkpoint parts, part left_out)
{
    if (left_out == MODULE)
        parts.module = NULL;
    if (left_out == OPTIM)
        parts.optim = NULL;
    if (left_out == SCHEDULES)
        memset(parts.schedules, 0, sizeof parts.schedules);
    if (left_out == LOADER)
        parts.loader = NULL;
    parts.no_rng = left_out == RNG;
    return parts;
}

/* Goes on from a checkpoint in a context of another seed. */
static void resume(int i, const char *from, const char *to, part left_out)
{
    tn_ctx *c = tn_ctx_new(&(tn_ctx_opts){.seed = 999, .threads = 2});
    training t = training_new(c, i);
    tn_status status = tn_load_checkpoint(c, without(t.parts, left_out), from);
    ck_assert_msg(status == TN_OK, "%s", tn_error(c));
    ck_assert_double_eq(tn_item(c, tn_dict_get(t.extra, "steps")), N);
    tn_freeze(c, t.parts.module, false);
    train(&t, N, N + M);
    save(&t, to);
    tn_ctx_free(c);
}

static char **arguments;

START_TEST(resumes)
{
    resume(atoi(arguments[0]), arguments[1], arguments[2], NONE);
}
END_TEST

/* Starts this program again with --resume CASE FROM TO. */
static void resume_elsewhere(int i, const char *from, const char *to)
{
    char number[16];
    snprintf(number, sizeof number, "%d", i);
    fflush(NULL);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        ck_assert_ptr_nonnull(freopen("/dev/null", "w", stdout));
        execl(this_program(), "test_checkpoint", "--resume", number, from, to, (char *)NULL);
        _exit(127);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static char *make_path(const char *kind, int i)
{
    char name[64];
    snprintf(name, sizeof name, "%s_%s", kind, cases[i].file);
    return strdup(folder_path(name));
}

START_TEST(continues_bit_for_bit)
{
    char *half = make_path("half", _i), *whole = make_path("whole", _i);
    char *resumed = make_path("resumed", _i);
    training t = training_new(ctx, _i);
    train(&t, 0, N);
    save(&t, half);
    train(&t, N, N + M);
    save(&t, whole);
    resume_elsewhere(_i, half, resumed);
    check_same_files(whole, resumed, true);
    check_same_files(whole, half, false);
    free(half);
    free(whole);
    free(resumed);
}
END_TEST

/* The test would see what a checkpoint lacked. */
START_TEST(needs_every_part)
{
    char *half = make_path("half", 0), *whole = make_path("whole", 0);
    char *resumed = make_path("resumed", 0);
    training t = training_new(ctx, 0);
    train(&t, 0, N);
    save(&t, half);
    train(&t, N, N + M);
    save(&t, whole);
    for (int left_out = NONE; left_out < PARTS; left_out++) {
        resume(0, half, resumed, (part)left_out);
        check_same_files(whole, resumed, left_out == NONE);
    }
    free(half);
    free(whole);
    free(resumed);
}
END_TEST

/* ---- what is in the file --------------------------------------------------------------------- */

START_TEST(has_names_that_others_can_read)
{
    static const char *const names[] = {
        "checkpoint",
        "model.0.weight",
        "model.1.num_batches_tracked",
        "optim.name",
        "optim.param_groups.0.lr",
        "optim.param_groups.1.params",
        "optim.state.0.step",
        "optim.state.5.exp_avg_sq",
        "schedules.0.last_epoch",
        "loader.order",
        "loader.next",
        "extra.steps",
        "rng",
    };
    const char *path = folder_path("x.npz");
    training t = training_new(ctx, 5);
    train(&t, 0, 2);
    save(&t, path);
    tn_dict *dict = tn_load_npz(ctx, path);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        ck_assert_msg(tn_dict_get(dict, names[i]) != NULL, "no %s", names[i]);
    ck_tn_shape(tn_dict_get(dict, "loader.order"), "[37]");
    ck_assert_double_eq(tn_item(ctx, tn_dict_get(dict, "loader.next")), 2);
    ck_tn_equal(tn_dict_get(dict, "optim.param_groups.1.params"), 4, 5);
}
END_TEST

/* Parts can be left out, and a model alone read from a checkpoint. */
START_TEST(reads_some_of_the_parts)
{
    const char *path = folder_path("x.safetensors");
    training t = training_new(ctx, 0);
    train(&t, 0, 3);
    save(&t, path);
    tn_module *net = network(ctx, 4);
    tn_rng_state rng = tn_get_rng_state(ctx);
    ck_assert_int_eq(tn_load_checkpoint(ctx, (tn_checkpoint){.module = net, .no_rng = true}, path),
                     TN_OK);
    ck_assert_uint_eq(tn_get_rng_state(ctx).position, rng.position);
    check_same_bits(tn_parameter(net, 0, NULL, 0), tn_parameter(t.parts.module, 0, NULL, 0));
    tn_module *other = network(ctx, 4);
    ck_assert_int_eq(tn_load(ctx, other, path, (tn_load_opts){.prefix = "model."}), TN_OK);
    check_same_bits(tn_parameter(other, 4, NULL, 0), tn_parameter(net, 4, NULL, 0));
    ck_assert_int_eq(tn_save_checkpoint(ctx, (tn_checkpoint){0}, path), TN_OK);
    ck_assert_int_eq(tn_dict_count(tn_load_safetensors(ctx, path)), 2);
    ck_assert_int_eq(tn_load_checkpoint(ctx, (tn_checkpoint){0}, path), TN_OK);
}
END_TEST

START_TEST(adds_to_what_is_extra)
{
    const char *path = folder_path("x.npz");
    tn_dict *saved = tn_dict_new(ctx), *loaded = tn_dict_new(ctx);
    tn_dict_set(saved, "epoch", tn_scalar(ctx, TN_I64, 7));
    tn_dict_set(saved, "best", tn_scalar(ctx, TN_F64, 0.1));
    tn_dict_set(loaded, "epoch", tn_scalar(ctx, TN_I64, 0));
    tn_dict_set(loaded, "mine", tn_scalar(ctx, TN_I64, 3));
    ck_assert_int_eq(tn_save_checkpoint(ctx, (tn_checkpoint){.extra = saved}, path), TN_OK);
    ck_assert_int_eq(tn_load_checkpoint(ctx, (tn_checkpoint){.extra = loaded}, path), TN_OK);
    ck_assert_int_eq(tn_dict_count(loaded), 3);
    ck_assert_double_eq(tn_item(ctx, tn_dict_get(loaded, "epoch")), 7);
    ck_assert_double_eq(tn_item(ctx, tn_dict_get(loaded, "best")), 0.1);
    ck_assert_double_eq(tn_item(ctx, tn_dict_get(loaded, "mine")), 3);
}
END_TEST

/* Seeds and positions use all of their 64 bits. */
START_TEST(keeps_the_whole_random_state)
{
    const char *path = folder_path("x.npz");
    tn_rng_state rng = {.seed = 0xfedcba9876543210U, .position = 0x8000000000000001U};
    tn_set_rng_state(ctx, rng);
    ck_assert_int_eq(tn_save_checkpoint(ctx, (tn_checkpoint){0}, path), TN_OK);
    tn_manual_seed(ctx, 5);
    ck_assert_int_eq(tn_load_checkpoint(ctx, (tn_checkpoint){0}, path), TN_OK);
    ck_assert_uint_eq(tn_get_rng_state(ctx).seed, rng.seed);
    ck_assert_uint_eq(tn_get_rng_state(ctx).position, rng.position);
}
END_TEST

/* ---- what does not fit ----------------------------------------------------------------------- */

static void other_network(training *t)
{
    t->parts.module = network(t->ctx, 6);
}

static void other_optim(training *t)
{
    t->parts.optim = rmsprop(t);
}

static void other_options(training *t)
{
    t->parts.optim = tn_sgd(t->ctx, t->parts.module, (tn_sgd_opts){.momentum = 0.8});
}

static void fewer_parameters(training *t)
{
    t->parts.optim = tn_sgd(t->ctx, tn_child(t->parts.module, 5),
                            (tn_sgd_opts){.momentum = 0.9, .nesterov = true});
}

static void more_groups(training *t)
{
    tn_add_group(t->parts.optim, tn_child(t->parts.module, 5), (tn_group_opts){0});
}

static void other_schedule(training *t)
{
    exponential(t);
}

static void another_schedule(training *t)
{
    t->parts.schedules[1] = tn_exponential_lr(t->ctx, t->parts.optim, 0.5);
}

static void other_period(training *t)
{
    t->parts.schedules[0] = tn_step_lr(t->ctx, t->parts.optim, 5, 0.5);
}

static void other_batches(training *t)
{
    t->parts.loader = loader(t->ctx, 6);
}

static const struct {
    void (*change)(training *t);
    tn_status status;
    const char *error;
} misfits[] = {
    {other_network, TN_ERR_SHAPE,
     "load_checkpoint: %: model: 5.weight is f32 [4,48] but f32 [6,48] here, 5.bias is f32 [4] but "
     "f32 [6] here"},
    {other_optim, TN_ERR_FORMAT, "load_checkpoint: %: optim: name is 'sgd', but 'rmsprop' here"},
    {other_options, TN_ERR_FORMAT, "load_checkpoint: %: optim: momentum is 0.9, but 0.8 here"},
    {fewer_parameters, TN_ERR_FORMAT,
     "load_checkpoint: %: optim: param_groups.0.params is i64 [6], but should be i64 [2]"},
    {more_groups, TN_ERR_FORMAT,
     "load_checkpoint: %: optim: param_groups.0.params is i64 [6], but should be i64 [4]"},
    {other_schedule, TN_ERR_FORMAT,
     "load_checkpoint: %: schedules.0: name is 'step_lr', but 'exponential_lr' here"},
    {another_schedule, TN_ERR_FORMAT, "load_checkpoint: %: schedules.1: name is missing"},
    {other_period, TN_ERR_FORMAT, "load_checkpoint: %: schedules.0: period is 4, but 5 here"},
    {other_batches, TN_ERR_FORMAT, "load_checkpoint: %: loader: batch_size is 5, but 6 here"},
};

START_TEST(changes_nothing_unless_all_fits)
{
    const char *path = folder_path("x.npz");
    training t = training_new(ctx, 0);
    train(&t, 0, N);
    save(&t, path);
    training other = training_new(ctx, 0);
    misfits[_i].change(&other);
    tn_dict_set(other.extra, "steps", tn_scalar(ctx, TN_I64, 1000));
    save(&other, folder_path("before.npz"));
    ck_assert_int_eq(tn_load_checkpoint(ctx, other.parts, path), misfits[_i].status);
    check_error(misfits[_i].status, misfits[_i].error, path);
    save(&other, folder_path("after.npz"));
    check_same_files(folder_path("before.npz"), folder_path("after.npz"), true);
}
END_TEST

static void refuses_version(training t, const char *path, int version, const char *why)
{
    tn_dict *dict = tn_dict_new(ctx);
    tn_dict_set(dict, "checkpoint", tn_full(ctx, TN_I64, TN_SHAPE(1), version));
    ck_assert_int_eq(tn_save_dict(ctx, dict, path), TN_OK);
    ck_assert_int_eq(tn_load_checkpoint(ctx, t.parts, path), TN_ERR_FORMAT);
    check_error(TN_ERR_FORMAT, why, path);
}

START_TEST(refuses_other_files)
{
    training t = training_new(ctx, 0);
    const char *path = folder_path("x.npz");
    ck_assert_int_eq(tn_save(ctx, t.parts.module, path), TN_OK);
    ck_assert_int_eq(tn_load_checkpoint(ctx, t.parts, path), TN_ERR_FORMAT);
    check_error(TN_ERR_FORMAT,
                "load_checkpoint: %: no checkpoint, for it has no entry of that name", path);
    refuses_version(t, path, 0, "load_checkpoint: %: checkpoint[0] is 0");
    refuses_version(t, path, 2, "load_checkpoint: %: checkpoint[0] is 2");
    ck_assert_int_eq(tn_load_checkpoint(ctx, t.parts, "no/such/file"), TN_ERR_FILE);
    check_error(TN_ERR_FILE, "load_checkpoint: %: No such file or directory", "no/such/file");
    ck_assert_int_eq(tn_load_checkpoint(ctx, t.parts, NULL), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "load_checkpoint: path is NULL");
    ck_assert_int_eq(tn_save_checkpoint(ctx, t.parts, NULL), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "save_checkpoint: path is NULL");
    ck_assert_int_eq(tn_save_checkpoint(ctx, t.parts, "x.txt"), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT,
                "save_checkpoint: x.txt: it ends in neither .npz nor .safetensors");
    ck_assert_int_eq(tn_save_checkpoint(NULL, t.parts, path), TN_ERR_ARGUMENT);
    ck_assert_int_eq(tn_load_checkpoint(NULL, t.parts, path), TN_ERR_ARGUMENT);
}
END_TEST

/* A training as small as can be. */
static training small(tn_ctx *c)
{
    training t = {.ctx = c, .extra = tn_dict_new(c)};
    tn_tensor *x = tn_rand(c, TN_F32, TN_SHAPE(6, 2));
    t.parts.module = tn_nn_linear(c, 2, 4);
    t.parts.extra = t.extra;
    t.parts.optim = adam(&t);
    t.parts.loader = tn_loader_new(c, x, tn_zeros(c, TN_I64, TN_SHAPE(6)),
                                   (tn_loader_opts){.batch_size = 2, .shuffle = true});
    cosine(&t);
    return t;
}

START_TEST(changes_nothing_if_it_is_cut)
{
    static const char *const names[] = {"x.npz", "x.safetensors"};
    size_t size;
    training t = small(ctx), other = small(ctx);
    train(&t, 0, 2);
    save(&t, folder_path(names[_i]));
    unsigned char *bytes = read_bytes(folder_path(names[_i]), &size);
    save(&other, folder_path("before.npz"));
    for (size_t cut = 0; cut < size; cut++) {
        const char *path = write_temporary(bytes, cut);
        ck_assert_int_eq(tn_load_checkpoint(ctx, other.parts, path), TN_ERR_FORMAT);
        tn_clear_error(ctx);
    }
    save(&other, folder_path("after.npz"));
    check_same_files(folder_path("before.npz"), folder_path("after.npz"), true);
    ck_assert_int_eq(tn_load_checkpoint(ctx, t.parts, write_temporary(bytes, size)), TN_OK);
    remove_temporary();
    free(bytes);
}
END_TEST

/* ---- without memory -------------------------------------------------------------------------- */

static tn_status save_once(void *payload)
{
    const training *t = payload;
    tn_status status = tn_save_checkpoint(ctx, t->parts, folder_path("x.npz"));
    ck_assert_int_eq(files_in_folder(), status == TN_OK);
    return status;
}

static tn_status load_once(void *payload)
{
    const training *t = payload;
    double rate = tn_lr(t->parts.optim);
    tn_manual_seed(ctx, 77);
    tn_status status = tn_load_checkpoint(ctx, t->parts, folder_path("x.npz"));
    ck_assert_int_eq(tn_lr(t->parts.optim) == rate, status != TN_OK);
    ck_assert_int_eq(tn_get_rng_state(ctx).seed == 77, status != TN_OK);
    tn_tensor *steps = tn_dict_get(t->extra, "steps");
    ck_assert_int_eq(*tn_data_i64(steps), status == TN_OK ? 2 : 1000);
    return status;
}

START_TEST(survives_without_memory)
{
    training t = small(ctx), other = small(ctx);
    train(&t, 0, 2);
    fail_each_allocation(save_once, &t);
    tn_tensor *steps = tn_scalar(ctx, TN_I64, 1000);
    tn_dict_set(other.extra, "steps", steps);
    tn_free(steps);
    fail_each_allocation(load_once, &other);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("checkpoint");
    TCase *tc = tn_case(suite, "checkpoint");
    if (argc == 5 && strcmp(argv[1], "--resume") == 0) {
        arguments = argv + 2;
        tcase_add_test(tc, resumes);
        return tn_run(suite);
    }
    tcase_add_checked_fixture(tc, make_folder, remove_folder);
    tcase_add_loop_test(tc, continues_bit_for_bit, 0, CASES);
    tcase_add_test(tc, needs_every_part);
    tcase_add_test(tc, has_names_that_others_can_read);
    tcase_add_test(tc, reads_some_of_the_parts);
    tcase_add_test(tc, adds_to_what_is_extra);
    tcase_add_test(tc, keeps_the_whole_random_state);
    tcase_add_loop_test(tc, changes_nothing_unless_all_fits, 0,
                        (int)(sizeof misfits / sizeof *misfits));
    tcase_add_test(tc, refuses_other_files);
    tcase_add_loop_test(tc, changes_nothing_if_it_is_cut, 0, 2);
    tcase_add_test(tc, survives_without_memory);
    return tn_run(suite);
}
