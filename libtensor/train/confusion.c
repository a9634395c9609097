/* confusion.c - counts of answers by their targets, and the scores of classes. */
#include <math.h>
#include <string.h>
#include <tn/train.h>
#include "base/memory.h"
#include "base/object.h"
#include "tensor/dtype.h"
#include "tensor/copy.h"
#include "tensor/shape.h"
#include "tensor/tensor.h"

struct tn_confusion {
    tn__object object;
    tn_ctx *ctx;
    int64_t classes;
    int64_t *counts; /* [classes, classes], a row for each target */
};

static void free_object(tn__object *object)
{
    tn_confusion_free((tn_confusion *)(void *)object);
}

void tn_confusion_free(tn_confusion *confusion)
{
    if (!confusion)
        return;
    tn_ctx *ctx = confusion->ctx;
    tn__object_remove(&confusion->object);
    tn__free(ctx, confusion->counts);
    tn__free(ctx, confusion);
}

/* More classes than this have counts that no memory holds. */
#define MOST_CLASSES ((int64_t)1 << 30)

tn_confusion *tn_confusion_new(tn_ctx *ctx, int64_t classes)
{
    if (!tn_ok(ctx))
        return NULL;
    if (classes < 1 || classes > MOST_CLASSES) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "confusion: %lld classes", (long long)classes);
        return NULL;
    }
    tn_confusion *c = tn__alloc_zeroed(ctx, sizeof *c);
    if (!c)
        return NULL;
    tn__object_add(ctx, &c->object, free_object);
    c->ctx = ctx;
    c->classes = classes;
    c->counts = tn__alloc_zeroed(ctx, (size_t)(classes * classes) * sizeof *c->counts);
    if (c->counts)
        return c;
    tn_confusion_free(c);
    return NULL;
}

void tn_confusion_clear(tn_confusion *confusion)
{
    if (confusion)
        memset(confusion->counts, 0,
               (size_t)(confusion->classes * confusion->classes) * sizeof *confusion->counts);
}

/* ---- counting -------------------------------------------------------------------------------- */

static bool check(tn_ctx *ctx, const char *name, const tn_tensor *t)
{
    if (!tn_check_input(ctx, "confusion_add", name, t))
        return false;
    if (!tn__is_index(t->dtype))
        tn_fail(ctx, TN_ERR_DTYPE, "confusion_add: %s are %s, not i64, i32 or u8", name,
                tn_dtype_name(t->dtype));
    return tn_ok(ctx);
}

static int64_t class_at(const tn_tensor *t, int64_t i)
{
    return tn__load_i64(t->dtype, (const char *)tn__ptr(t) + (size_t)i * tn_dtype_size(t->dtype));
}

static bool check_classes(const tn_confusion *c, const char *name, const tn_tensor *t)
{
    for (int64_t i = 0; tn_ok(c->ctx) && i < tn_numel(t); i++) {
        int64_t number = class_at(t, i);
        if (number < 0 || number >= c->classes)
            tn_fail(c->ctx, TN_ERR_ARGUMENT, "confusion_add: %s have %lld, with %lld classes", name,
                    (long long)number, (long long)c->classes);
    }
    return tn_ok(c->ctx);
}

tn_status tn_confusion_add(tn_confusion *confusion, const tn_tensor *answers,
                           const tn_tensor *targets)
{
    if (!confusion)
        return TN_ERR_ARGUMENT;
    tn_ctx *ctx = confusion->ctx;
    if (!check(ctx, "answers", answers) || !check(ctx, "targets", targets))
        return tn_error_status(ctx);
    if (!tn__same_shape(answers, targets))
        return tn_fail(ctx, TN_ERR_SHAPE, "confusion_add: answers %s and targets %s differ",
                       TN_SHAPE_TEXT(answers), TN_SHAPE_TEXT(targets));
    tn_scope scope = tn_scope_begin(ctx);
    answers = tn__contiguous(ctx, answers);
    targets = tn__contiguous(ctx, targets);
    if (tn_ok(ctx) && check_classes(confusion, "answers", answers) &&
        check_classes(confusion, "targets", targets))
        for (int64_t i = 0; i < tn_numel(targets); i++)
            confusion->counts[class_at(targets, i) * confusion->classes + class_at(answers, i)]++;
    tn_scope_end(ctx, scope);
    return tn_error_status(ctx);
}

/* ---- what the counts say --------------------------------------------------------------------- */

int64_t tn_confusion_at(const tn_confusion *confusion, int64_t target, int64_t answer)
{
    int64_t classes = confusion ? confusion->classes : 0;
    bool there = target >= 0 && target < classes && answer >= 0 && answer < classes;
    return there ? confusion->counts[target * classes + answer] : 0;
}

tn_tensor *tn_confusion_matrix(const tn_confusion *confusion)
{
    return confusion
               ? tn_from_data(confusion->ctx, TN_I64,
                              TN_SHAPE(confusion->classes, confusion->classes), confusion->counts)
               : NULL;
}

double tn_confusion_accuracy(const tn_confusion *confusion)
{
    int64_t right = 0, all = 0, classes = confusion ? confusion->classes : 0;
    for (int64_t i = 0; i < classes * classes; i++) {
        all += confusion->counts[i];
        right += i % (classes + 1) == 0 ? confusion->counts[i] : 0;
    }
    return all > 0 ? (double)right / (double)all : NAN;
}

static double share(int64_t part, int64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : 0;
}

/* f1 = 2 right / (support + answers) is the harmonic mean of precision and recall. */
tn_class_scores tn_confusion_class(const tn_confusion *confusion, int64_t number)
{
    tn_class_scores s = {0};
    int64_t right = tn_confusion_at(confusion, number, number);
    for (int64_t other = 0; confusion && other < confusion->classes; other++) {
        s.support += tn_confusion_at(confusion, number, other);
        s.answers += tn_confusion_at(confusion, other, number);
    }
    s.precision = share(right, s.answers);
    s.recall = share(right, s.support);
    s.f1 = share(2 * right, s.support + s.answers);
    return s;
}

tn_class_scores tn_confusion_macro(const tn_confusion *confusion)
{
    tn_running_mean precision = {0}, recall = {0}, f1 = {0};
    tn_class_scores all = {0};
    for (int64_t c = 0; confusion && c < confusion->classes; c++) {
        tn_class_scores s = tn_confusion_class(confusion, c);
        if (s.support + s.answers == 0)
            continue;
        tn_running_mean_add(&precision, s.precision, 1);
        tn_running_mean_add(&recall, s.recall, 1);
        tn_running_mean_add(&f1, s.f1, 1);
        all.support += s.support;
        all.answers += s.answers;
    }
    if (all.support > 0) {
        all.precision = tn_running_mean_value(&precision);
        all.recall = tn_running_mean_value(&recall);
        all.f1 = tn_running_mean_value(&f1);
    }
    return all;
}
