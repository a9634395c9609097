/* A table of two epochs as a file. */
#include <stdio.h>
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_history *history =
        tn_history_new(ctx, TN_NAMES("epoch", "loss"));
    tn_history_add(history, TN_VALUES(1, 0.5));
    tn_history_add(history, TN_VALUES(2, 0.25));
    tn_history_save(history, "history.csv");
    printf("%d rows, the last loss %g\n", (int)tn_history_rows(history),
           tn_history_at(history, 1, 1));
    tn_ctx_free(ctx);
    return 0;
}
/* 2 rows, the last loss 0.25 */
