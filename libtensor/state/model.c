/* model.c - modules from and to files of any format. */
#include <stdio.h>
#include <tn/state.h>
#include "base/error.h"
#include "io/formats.h"
#include "nn/nn.h"

tn_status tn_load(tn_ctx *ctx, tn_module *module, const char *path, tn_load_opts opts)
{
    char what[TN_ERROR_SIZE / 2];
    tn__state_load load = {0};
    tn_dict *dict = tn__load_dict(ctx, "load", path);
    if (opts.report)
        *opts.report = (tn_load_report){0};
    if (!dict)
        return tn_error_status(ctx);
    snprintf(what, sizeof what, "load: %s", path);
    if (tn__state_begin(&load, ctx, what, module, dict, opts))
        tn__state_apply(&load);
    tn__state_end(&load);
    tn_dict_free(dict);
    return tn_error_status(ctx);
}

tn_status tn_save(tn_ctx *ctx, const tn_module *module, const char *path)
{
    tn_dict *dict = tn_state_dict(ctx, module);
    if (dict)
        tn__save_dict(ctx, "save", dict, path);
    tn_dict_free(dict);
    return tn_error_status(ctx);
}
