/* The zero of each option: 0 is its default, TN_ZERO is zero. */
#include "common/check_tn.h"

#include <math.h>
#include <tn/data.h>
#include <tn/op.h>

/* What a step with the gradient g makes of a parameter p. */
static double stepped(tn_optim *opt, tn_tensor *p, double g)
{
    tn_clear_grad(p);
    tn_backward_with(ctx, p, F64(g));
    ck_assert_int_eq(tn_step(opt), TN_OK);
    return tn_item(ctx, p);
}

/* ---- optimisers ------------------------------------------------------------------------------ */

START_TEST(learning_rates)
{
    tn_tensor *p = LEAF(1);
    tn_optim *all[] = {tn_sgd_of(ctx, 1, &p, (tn_sgd_opts){.lr = TN_ZERO}),
                       tn_adam_of(ctx, 1, &p, (tn_adam_opts){.lr = TN_ZERO}),
                       tn_adamw_of(ctx, 1, &p, (tn_adamw_opts){.lr = TN_ZERO}),
                       tn_rmsprop_of(ctx, 1, &p, (tn_rmsprop_opts){.lr = TN_ZERO})};
    for (int i = 0; i < 4; i++) {
        ck_tn_ok();
        ck_assert_double_eq(tn_lr(all[i]), 0);
        ck_assert_double_eq(stepped(all[i], p, 2), 1);
    }
}
END_TEST

/* The second of two steps, by the formulas of optim.h. */
START_TEST(beta1)
{
    tn_tensor *p = LEAF(1), *q = LEAF(1);
    tn_optim *adam = tn_adam_of(ctx, 1, &p, (tn_adam_opts){.lr = 0.5, .beta1 = TN_ZERO});
    tn_optim *adamw = tn_adamw_of(
        ctx, 1, &q, (tn_adamw_opts){.lr = 0.5, .beta1 = TN_ZERO, .weight_decay = TN_ZERO});
    double v = 0.001 * 4 / (1 - 0.999), first = 1 - 0.5 * 2 / (sqrt(v) + 1e-8);
    double w = (0.999 * 0.001 * 4 + 0.001 * 9) / (1 - 0.999 * 0.999);
    double second = first - 0.5 * -3 / (sqrt(w) + 1e-8);
    ck_assert_double_eq_tol(stepped(adam, p, 2), first, 1e-12);
    ck_assert_double_eq_tol(stepped(adam, p, -3), second, 1e-12);
    ck_assert_double_eq_tol(stepped(adamw, q, 2), first, 1e-12);
    ck_assert_double_eq_tol(stepped(adamw, q, -3), second, 1e-12);
}
END_TEST

START_TEST(beta2)
{
    tn_tensor *p = LEAF(1), *q = LEAF(1);
    tn_optim *adam = tn_adam_of(ctx, 1, &p, (tn_adam_opts){.lr = 0.5, .beta2 = TN_ZERO});
    tn_optim *adamw = tn_adamw_of(
        ctx, 1, &q, (tn_adamw_opts){.lr = 0.5, .beta2 = TN_ZERO, .weight_decay = TN_ZERO});
    double first = 1 - 0.5 * 2 / (2 + 1e-8);
    double second = first - 0.5 * (0.9 * 0.2 - 0.3) / (1 - 0.81) / (3 + 1e-8);
    ck_assert_double_eq_tol(stepped(adam, p, 2), first, 1e-12);
    ck_assert_double_eq_tol(stepped(adam, p, -3), second, 1e-12);
    ck_assert_double_eq_tol(stepped(adamw, q, 2), first, 1e-12);
    ck_assert_double_eq_tol(stepped(adamw, q, -3), second, 1e-12);
}
END_TEST

/* A gradient that is no larger than the default eps shows it. */
START_TEST(eps)
{
    tn_tensor *p = LEAF(0), *q = LEAF(0), *r = LEAF(0);
    tn_optim *adam = tn_adam_of(ctx, 1, &p, (tn_adam_opts){.lr = 1, .eps = TN_ZERO});
    tn_optim *adamw = tn_adamw_of(ctx, 1, &q, (tn_adamw_opts){.lr = 1, .eps = TN_ZERO});
    tn_optim *rmsprop =
        tn_rmsprop_of(ctx, 1, &r, (tn_rmsprop_opts){.lr = 1, .alpha = TN_ZERO, .eps = TN_ZERO});
    ck_assert_double_eq_tol(stepped(adam, p, 1e-8), -1, 1e-12);
    ck_assert_double_eq_tol(stepped(adamw, q, 1e-8), -1, 1e-12);
    ck_assert_double_eq_tol(stepped(rmsprop, r, 1e-8), -1, 1e-12);
}
END_TEST

START_TEST(weight_decay)
{
    tn_tensor *p[] = {LEAF(1), LEAF(1), LEAF(1), LEAF(1)};
    tn_optim *adamw = tn_adamw_of(ctx, 1, p, (tn_adamw_opts){.lr = 1, .weight_decay = TN_ZERO});
    ck_assert_double_eq(stepped(adamw, p[0], 0), 1);
    tn_optim *all[] = {
        tn_sgd_of(ctx, 1, p + 1, (tn_sgd_opts){.lr = 1, .weight_decay = TN_ZERO}),
        tn_adam_of(ctx, 1, p + 2, (tn_adam_opts){.lr = 1, .weight_decay = TN_ZERO}),
        tn_rmsprop_of(ctx, 1, p + 3, (tn_rmsprop_opts){.lr = 1, .weight_decay = TN_ZERO})};
    for (int i = 0; i < 3; i++) {
        ck_tn_ok();
        ck_assert_double_eq(stepped(all[i], p[i + 1], 0), 1);
    }
}
END_TEST

START_TEST(alpha)
{
    tn_tensor *p = LEAF(1);
    tn_optim *opt = tn_rmsprop_of(ctx, 1, &p, (tn_rmsprop_opts){.lr = 0.5, .alpha = TN_ZERO});
    ck_assert_double_eq_tol(stepped(opt, p, 4), 0.5, 1e-8);
    ck_assert_double_eq_tol(stepped(opt, p, 1e3), 0, 1e-8);
}
END_TEST

/* Momentum that is zero needs no moment. */
START_TEST(momentum)
{
    tn_tensor *p = LEAF(0), *q = LEAF(0);
    tn_optim *sgd =
        tn_sgd_of(ctx, 1, &p, (tn_sgd_opts){.lr = 0.5, .momentum = TN_ZERO, .dampening = TN_ZERO});
    tn_optim *rmsprop = tn_rmsprop_of(ctx, 1, &q, (tn_rmsprop_opts){.momentum = TN_ZERO});
    ck_tn_ok();
    ck_assert_double_eq(stepped(sgd, p, 1), -0.5);
    ck_assert_double_eq(stepped(sgd, p, 1), -1);
    stepped(rmsprop, q, 1);
    tn_dict *state = tn_optim_state_dict(sgd), *other = tn_optim_state_dict(rmsprop);
    ck_assert_double_eq(tn_item(ctx, tn_dict_get(state, "momentum")), 0);
    ck_assert_double_eq(tn_item(ctx, tn_dict_get(state, "dampening")), 0);
    ck_assert_ptr_null(tn_dict_get(state, "state.0.momentum_buffer"));
    ck_assert_ptr_null(tn_dict_get(other, "state.0.momentum_buffer"));
}
END_TEST

START_TEST(groups)
{
    tn_tensor *p[] = {LEAF(1), LEAF(1), LEAF(1)};
    tn_optim *opt = tn_sgd_of(ctx, 1, p, (tn_sgd_opts){.lr = 0.25, .weight_decay = 0.5});
    ck_assert_int_eq(tn_add_group_of(opt, 1, p + 1, (tn_group_opts){.lr = TN_ZERO}), 1);
    ck_assert_int_eq(tn_add_group_of(opt, 1, p + 2, (tn_group_opts){.weight_decay = TN_ZERO}), 2);
    ck_assert_double_eq(tn_group_lr(opt, 1), 0);
    for (int i = 0; i < 3; i++)
        tn_backward_with(ctx, p[i], F64(1));
    ck_assert_int_eq(tn_step(opt), TN_OK);
    ck_tn_equal(p[0], 1 - 0.25 * 1.5);
    ck_tn_equal(p[1], 1);
    ck_tn_equal(p[2], 1 - 0.25);
}
END_TEST

START_TEST(schedules)
{
    tn_tensor *p = LEAF(1);
    tn_optim *opt = tn_sgd_of(ctx, 1, &p, (tn_sgd_opts){.lr = 0.5});
    tn_schedule *s = tn_step_lr(ctx, opt, 1, TN_ZERO);
    ck_tn_ok();
    tn_schedule_step(s);
    ck_assert_double_eq(tn_lr(opt), 0);
}
END_TEST

/* The rate after as many steps whose metric, 1 and then 1 - 1e-5, gets better a little. */
static double plateaued(tn_plateau_opts opts, double lr, int steps)
{
    tn_tensor *p = LEAF(1);
    tn_optim *opt = tn_sgd_of(ctx, 1, &p, (tn_sgd_opts){.lr = lr});
    tn_schedule *s = tn_reduce_lr_on_plateau(ctx, opt, opts);
    for (int i = 0; i < steps; i++)
        ck_assert_int_eq(tn_schedule_step_with(s, i == 0 ? 1 : 1 - 1e-5), TN_OK);
    return tn_lr(opt);
}

START_TEST(plateaus)
{
    tn_plateau_opts none = {.patience = TN_ZERO};
    ck_assert_double_eq(plateaued(none, 1, 1), 1);
    ck_assert_double_eq_tol(plateaued(none, 1, 2), 0.1, 1e-15);
    none.factor = TN_ZERO;
    ck_assert_double_eq(plateaued(none, 1, 2), 0);
    ck_assert_double_eq(plateaued((tn_plateau_opts){.factor = TN_ZERO}, 1, 11), 1);
    ck_assert_double_eq(plateaued((tn_plateau_opts){.factor = TN_ZERO}, 1, 12), 0);
    tn_plateau_opts exact = {.patience = TN_ZERO, .threshold = TN_ZERO};
    ck_assert_double_eq(plateaued(exact, 1, 2), 1);
    ck_assert_double_eq_tol(plateaued(exact, 1, 3), 0.1, 1e-15);
    tn_plateau_opts small = {.patience = TN_ZERO, .cooldown = TN_ZERO, .min_lr = TN_ZERO};
    ck_assert_double_eq(plateaued(small, 1e-8, 2), 1e-8);
    small.eps = TN_ZERO;
    ck_assert_double_eq_tol(plateaued(small, 1e-8, 2), 1e-9, 1e-20);
    ck_assert_double_eq_tol(plateaued(small, 1e-8, 3), 1e-10, 1e-20);
}
END_TEST

/* ---- operators ------------------------------------------------------------------------------- */

START_TEST(correction)
{
    tn_tensor *x = F64(1, 2, 3, 6);
    ck_tn_close(tn_var(ctx, x, (tn_var_opts){0}), 1e-15, 14.0 / 3);
    ck_tn_equal(tn_var(ctx, x, (tn_var_opts){.correction = TN_ZERO}), 3.5);
}
END_TEST

static const char *padded(tn_conv2d_opts opts)
{
    static tn_text text;
    tn_tensor *x = tn_ones(ctx, TN_F64, TN_SHAPE(1, 1, 3, 3));
    tn_tensor *w = tn_ones(ctx, TN_F64, TN_SHAPE(1, 1, 3, 3));
    tn_tensor *y = tn_conv2d(ctx, x, w, NULL, opts);
    text = tn_shape_text(tn_ndim(y), tn_shape(y));
    return text.s;
}

/* A direction without padding where there is one for both. */
START_TEST(padding)
{
    ck_assert_str_eq(padded((tn_conv2d_opts){.padding = 1}), "[1,1,3,3]");
    ck_assert_str_eq(padded((tn_conv2d_opts){.padding = 1, .padding_h = TN_ZERO}), "[1,1,1,3]");
    ck_assert_str_eq(padded((tn_conv2d_opts){.padding = 1, .padding_w = TN_ZERO}), "[1,1,3,1]");
    ck_assert_str_eq(padded((tn_conv2d_opts){.padding = TN_ZERO}), "[1,1,1,1]");
    tn_tensor *x = tn_ones(ctx, TN_F64, TN_SHAPE(1, 2, 2));
    tn_pool2d_opts wide = {.stride = 1, .padding = 1, .padding_h = TN_ZERO};
    ck_assert_str_eq(TN_SHAPE_TEXT(tn_max_pool2d(ctx, x, 2, wide)), "[1,1,3]");
    tn_pool2d_opts tall = {.stride = 1, .padding = 1, .padding_w = TN_ZERO};
    ck_assert_str_eq(TN_SHAPE_TEXT(tn_avg_pool2d(ctx, x, 2, tall)), "[1,3,1]");
}
END_TEST

#define REFUSED(call, text)                 \
    do {                                    \
        ck_assert(!(call));                 \
        ck_tn_error(TN_ERR_ARGUMENT, text); \
    } while (0)

/* Steps, groups and divisors of zero mean nothing. */
START_TEST(windows)
{
    tn_tensor *x = tn_ones(ctx, TN_F64, TN_SHAPE(1, 1, 3, 3));
    tn_tensor *w = tn_ones(ctx, TN_F64, TN_SHAPE(1, 1, 2, 2));
    REFUSED(tn_conv2d(ctx, x, w, NULL, (tn_conv2d_opts){.stride = TN_ZERO}),
            "conv2d: stride [0,0] is not between 1 and 2147483647");
    REFUSED(tn_conv2d(ctx, x, w, NULL, (tn_conv2d_opts){.stride = 2, .stride_w = TN_ZERO}),
            "conv2d: stride [2,0] is not between 1 and 2147483647");
    REFUSED(tn_conv2d(ctx, x, w, NULL, (tn_conv2d_opts){.dilation_h = TN_ZERO}),
            "conv2d: dilation [0,1] is not between 1 and 2147483647");
    REFUSED(tn_conv2d(ctx, x, w, NULL, (tn_conv2d_opts){.groups = TN_ZERO}),
            "conv2d: 0 groups do not divide the 1 channels of input [1,1,3,3] and the 1 of weight "
            "[1,1,2,2]");
    REFUSED(tn_max_pool2d(ctx, x, 2, (tn_pool2d_opts){.stride = TN_ZERO}),
            "max_pool2d: stride [0,0] is not between 1 and 2147483647");
    REFUSED(tn_max_pool2d(ctx, x, 2, (tn_pool2d_opts){.kernel_h = TN_ZERO}),
            "max_pool2d: kernel [0,2] is not between 1 and 2147483647");
    REFUSED(tn_avg_pool2d(ctx, x, 2, (tn_pool2d_opts){.divisor = TN_ZERO}),
            "avg_pool2d: the divisor 0 is not positive");
}
END_TEST

START_TEST(batch_norm)
{
    tn_tensor *x = tn_reshape(ctx, F64(-1e-9, 1e-9), TN_SHAPE(2, 1));
    tn_tensor *mean = F64(1), *var = F64(2);
    tn_tensor *y =
        tn_batch_norm(ctx, x, mean, var, NULL, NULL,
                      (tn_batch_norm_opts){.training = true, .momentum = TN_ZERO, .eps = TN_ZERO});
    ck_tn_close(y, 1e-14, -1, 1);
    ck_tn_equal(mean, 1);
    ck_tn_equal(var, 2);
}
END_TEST

START_TEST(losses)
{
    tn_tensor *x = tn_log_softmax(ctx, tn_reshape(ctx, F64(1, 2, 4, 3), TN_SHAPE(2, 2)), 1);
    tn_tensor *target = tn_from_data(ctx, TN_I64, TN_SHAPE(2), (int64_t[]){0, 1});
    double second = -tn_at(ctx, x, (int64_t[]){1, 1});
    tn_cross_entropy_opts o = {.ignore_index = TN_ZERO, .label_smoothing = TN_ZERO};
    ck_tn_close(tn_cross_entropy(ctx, x, target, o), 1e-15, second);
    ck_tn_close(tn_nll_loss(ctx, x, target, (tn_nll_loss_opts){.ignore_index = TN_ZERO}), 1e-15,
                second);
}
END_TEST

/* ---- the rest -------------------------------------------------------------------------------- */

static tn_tensor *cubed(tn_ctx *unused, tn_tensor *const *in, void *payload)
{
    (void)unused, (void)payload;
    return tn_pow_scalar(ctx, in[0], 3);
}

/* The differences of a cube are wrong by eps^2, which a tolerance of zero shows. */
START_TEST(gradient_checks)
{
    tn_tensor *p = LEAF(1, 2);
    tn_gradcheck_opts exact = {.rtol = TN_ZERO};
    ck_assert_int_eq(tn_gradcheck(ctx, cubed, NULL, 1, &p, (tn_gradcheck_opts){0}, NULL), TN_OK);
    ck_assert_int_eq(tn_gradcheck(ctx, cubed, NULL, 1, &p, exact, NULL), TN_ERR_GRADIENT);
    tn_clear_error(ctx);
    static const struct {
        tn_gradcheck_opts opts;
        const char *text;
    } none[] = {
        {{.eps = TN_ZERO}, "gradcheck: eps 0"},
        {{.samples = TN_ZERO}, "gradcheck: 0 samples"},
        {{.projections = TN_ZERO}, "gradcheck: 0 projections"},
    };
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(tn_gradcheck(ctx, cubed, NULL, 1, &p, none[i].opts, NULL),
                         TN_ERR_ARGUMENT);
        ck_tn_error(TN_ERR_ARGUMENT, none[i].text);
    }
}
END_TEST

START_TEST(loaders)
{
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(4, 1));
    REFUSED(tn_loader_new(ctx, x, NULL, (tn_loader_opts){.batch_size = TN_ZERO}),
            "loader: batch size 0");
    REFUSED(tn_loader_new(ctx, x, NULL, (tn_loader_opts){.scale = TN_ZERO}), "loader: scale 0");
}
END_TEST

/* Weights that start at zero. */
START_TEST(gains)
{
    tn_tensor *w = tn_ones(ctx, TN_F64, TN_SHAPE(2, 2)), *v = tn_clone(ctx, w);
    tn_manual_seed(ctx, 3);
    tn_init_kaiming_normal_(ctx, v, (tn_init_opts){0});
    tn_manual_seed(ctx, 3);
    tn_init_kaiming_normal_(ctx, w, (tn_init_opts){.slope = TN_ZERO});
    ck_tn_ok();
    check_same_bits(v, w);
    tn_init_kaiming_uniform_(ctx, w, (tn_init_opts){.gain = TN_ZERO});
    ck_tn_equal(w, 0, 0, 0, 0);
    tn_init_kaiming_normal_(ctx, v, (tn_init_opts){.gain = TN_ZERO});
    ck_tn_equal(v, 0, 0, 0, 0);
    tn_fill_(ctx, w, 1);
    tn_init_xavier_uniform_(ctx, w, TN_ZERO);
    ck_tn_equal(w, 0, 0, 0, 0);
    tn_fill_(ctx, w, 1);
    tn_init_xavier_normal_(ctx, w, TN_ZERO);
    ck_tn_equal(w, 0, 0, 0, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("options");
    TCase *tc = tn_case(suite, "zero");
    tcase_add_test(tc, learning_rates);
    tcase_add_test(tc, beta1);
    tcase_add_test(tc, beta2);
    tcase_add_test(tc, eps);
    tcase_add_test(tc, weight_decay);
    tcase_add_test(tc, alpha);
    tcase_add_test(tc, momentum);
    tcase_add_test(tc, groups);
    tcase_add_test(tc, schedules);
    tcase_add_test(tc, plateaus);
    tcase_add_test(tc, correction);
    tcase_add_test(tc, padding);
    tcase_add_test(tc, windows);
    tcase_add_test(tc, batch_norm);
    tcase_add_test(tc, losses);
    tcase_add_test(tc, gradient_checks);
    tcase_add_test(tc, loaders);
    tcase_add_test(tc, gains);
    return tn_run(suite);
}
