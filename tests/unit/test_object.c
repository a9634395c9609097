/* Objects, which belong to no scope and go with the context. */
#include "common/check_tn.h"

/* Modules, optimisers and loaders made inside a scope outlive it; freeing their tensors is refused
 * without a word. */
START_TEST(objects_belong_to_no_scope)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_module *net = tn_sequential(ctx, tn_nn_linear(ctx, 2, 3), tn_nn_relu(ctx));
    tn_optim *opt = tn_sgd(ctx, net, (tn_sgd_opts){.momentum = 0.9});
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(4, 2));
    tn_loader *loader = tn_loader_new(ctx, x, NULL, (tn_loader_opts){.batch_size = 2});
    tn_scope_end(ctx, scope);
    tn_batch batch;
    scope = tn_scope_begin(ctx);
    ck_assert(tn_loader_next(loader, &batch));
    tn_backward(ctx, tn_sum(ctx, tn_forward(ctx, net, batch.x), (tn_reduce_opts){0}));
    tn_free(batch.x);
    tn_free(tn_grad(tn_parameter(net, 0, NULL, 0)));
    tn_free(tn_parameter(net, 0, NULL, 0));
    ck_assert_int_eq(tn_step(opt), TN_OK);
    ck_tn_equal(batch.x, 1, 1, 1, 1);
    tn_scope_end(ctx, scope);
}
END_TEST

static void hook(tn__object *object)
{
    tn__object_remove(object);
    (*(int *)(void *)(object + 1))++;
}

START_TEST(objects_go_with_the_context)
{
    struct {
        tn__object object;
        int freed;
    } objects[3] = {0};
    tn_ctx *other = tn_ctx_new(NULL);
    for (int i = 0; i < 3; i++)
        tn__object_add(other, &objects[i].object, hook);
    objects[1].object.free(&objects[1].object);
    ck_assert_int_eq(objects[1].freed, 1);
    tn_ctx_free(other);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(objects[i].freed, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("object");
    TCase *tc = tn_case(suite, "object");
    tcase_add_test(tc, objects_belong_to_no_scope);
    tcase_add_test(tc, objects_go_with_the_context);
    return tn_run(suite);
}
