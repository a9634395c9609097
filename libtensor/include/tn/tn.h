/* libtensor: strided tensors, reverse-mode autodiff and small networks for C programs.
 *
 *     tn_ctx    *ctx = tn_ctx_new(&(tn_ctx_opts){.seed = 1});
 *     tn_module *net = tn_sequential(ctx, tn_nn_linear(ctx, 784, 128), tn_nn_relu(ctx),
 *                                    tn_nn_linear(ctx, 128, 10));
 *     tn_optim  *opt = tn_sgd(ctx, net, (tn_sgd_opts){.lr = 0.1, .momentum = 0.9});
 *
 *     while (tn_loader_next(loader, &batch)) {
 *         tn_scope   step = tn_scope_begin(ctx);
 *         tn_tensor *out = tn_forward(ctx, net, batch.x);
 *         tn_tensor *loss = tn_cross_entropy(ctx, out, batch.y, (tn_cross_entropy_opts){0});
 *         tn_zero_grad(opt);
 *         tn_backward(ctx, loss);
 *         if (tn_step(opt) != TN_OK)
 *             return fprintf(stderr, "%s\n", tn_error(ctx)), 1;
 *         tn_scope_end(ctx, step);
 *     }
 *
 * What is not in these headers is not part of the library's interface. */
#ifndef TN_TN_H
#define TN_TN_H

#include <tn/context.h>
#include <tn/tensor.h>
#include <tn/dict.h>
#include <tn/autograd.h>
#include <tn/ops.h>
#include <tn/op.h>
#include <tn/nn.h>
#include <tn/optim.h>
#include <tn/data.h>
#include <tn/train.h>
#include <tn/io.h>
#include <tn/state.h>

#endif
