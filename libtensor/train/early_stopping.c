/* early_stopping.c - when a metric gets no better. */
#include <math.h>
#include <tn/train.h>
#include "dict/dict.h"
#include "dict/entries.h"

bool tn_early_stopping_step(tn_early_stopping *stopping, double metric)
{
    if (!stopping)
        return false;
    double gain = stopping->maximize ? metric - stopping->best : stopping->best - metric;
    bool better = stopping->best_step == 0 ? !isnan(metric) : gain > fabs(stopping->min_delta);
    stopping->steps++;
    if (better) {
        stopping->best = metric;
        stopping->best_step = stopping->steps;
    }
    return better;
}

bool tn_early_stopping_over(const tn_early_stopping *stopping)
{
    return stopping && stopping->patience > 0 &&
           stopping->steps - stopping->best_step >= stopping->patience;
}

static const tn__field fields[] = {
    {"steps", TN__FIELD_I64, offsetof(tn_early_stopping, steps), false, 0, 0x1p53},
    {"best_step", TN__FIELD_I64, offsetof(tn_early_stopping, best_step), false, 0, 0x1p53},
    {"best", TN__FIELD_F64, offsetof(tn_early_stopping, best), false, -INFINITY, INFINITY},
};

#define FIELDS ((int)(sizeof fields / sizeof *fields))

tn_dict *tn_early_stopping_state_dict(tn_ctx *ctx, const tn_early_stopping *stopping)
{
    if (tn_ok(ctx) && !stopping)
        tn_fail(ctx, TN_ERR_ARGUMENT, "early_stopping_state_dict: it is NULL");
    tn_dict *dict = tn_dict_new(ctx);
    if (!dict)
        return NULL;
    tn__put_fields(dict, "", fields, FIELDS, stopping);
    if (tn_ok(ctx))
        return dict;
    tn_dict_free(dict);
    return NULL;
}

tn_status tn_early_stopping_load_state_dict(tn_ctx *ctx, tn_early_stopping *stopping,
                                            const tn_dict *dict)
{
    const char *what = "early_stopping_load_state_dict";
    if (tn_ok(ctx) && !stopping)
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: it is NULL", what);
    tn_early_stopping to = stopping ? *stopping : (tn_early_stopping){0};
    if (!tn__check_dict(ctx, what, dict) ||
        !tn__get_fields(dict, what, "", fields, FIELDS, &to, true))
        return tn_error_status(ctx);
    if (to.best_step > to.steps)
        return tn_fail(ctx, TN_ERR_FORMAT, "%s: best_step is %lld of %lld steps", what,
                       (long long)to.best_step, (long long)to.steps);
    *stopping = to;
    return TN_OK;
}
