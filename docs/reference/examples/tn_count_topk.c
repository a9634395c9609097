/* Accuracy, and the scores of one class. */
#include <stdio.h>
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    int64_t told[] = {0, 1, 1, 2}, right[] = {0, 1, 2, 2};
    tn_confusion *counts = tn_confusion_new(ctx, 3);
    tn_confusion_add(counts,
                     tn_from_data(ctx, TN_I64, TN_SHAPE(4), told),
                     tn_from_data(ctx, TN_I64, TN_SHAPE(4), right));
    tn_class_scores one = tn_confusion_class(counts, 1);
    printf("accuracy %.2f, precision of 1 %.2f, recall %.2f\n",
           tn_confusion_accuracy(counts), one.precision, one.recall);
    tn_ctx_free(ctx);
    return 0;
}
/* accuracy 0.75, precision of 1 0.50, recall 1.00 */
