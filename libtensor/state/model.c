/* model.c - modules from and to files of any format. */
#include <stdio.h>
#include <tn/state.h>
#include "base/error.h"
#include "io/file.h"
#include "io/formats.h"
#include "io/sink.h"
#include "nn/nn.h"

/* Takes what a file or a source held, and frees it; NULL if it could not be read. */
static tn_status load(tn_ctx *ctx, const char *what, tn_module *module, tn_dict *dict,
                      tn_load_opts opts)
{
    tn__state_load load = {0};
    if (opts.report)
        *opts.report = (tn_load_report){0};
    if (!dict)
        return tn_error_status(ctx);
    if (tn__state_begin(&load, ctx, what, module, dict, opts))
        tn__state_apply(&load);
    tn__state_end(&load);
    tn_dict_free(dict);
    return tn_error_status(ctx);
}

tn_status tn_load(tn_ctx *ctx, tn_module *module, const char *path, tn_load_opts opts)
{
    char what[TN_ERROR_SIZE / 2];
    snprintf(what, sizeof what, "load: %s", path ? path : "");
    return load(ctx, what, module, tn__load_dict(ctx, "load", path), opts);
}

tn_status tn_load_from(tn_ctx *ctx, tn_module *module, tn_source source, tn_load_opts opts)
{
    char what[TN_ERROR_SIZE / 2];
    snprintf(what, sizeof what, "load_from: %s", tn__source_name(source));
    return load(ctx, what, module, tn__load_dict_from(ctx, "load_from", source), opts);
}

static tn_status save(tn_ctx *ctx, const char *what, const tn_module *module, tn__target target)
{
    tn_dict *dict = tn_state_dict(ctx, module);
    if (dict)
        tn__save_dict(ctx, what, dict, target);
    tn_dict_free(dict);
    return tn_error_status(ctx);
}

tn_status tn_save(tn_ctx *ctx, const tn_module *module, const char *path)
{
    return save(ctx, "save", module, tn__at_path(path));
}

tn_status tn_save_to(tn_ctx *ctx, const tn_module *module, tn_sink sink)
{
    return save(ctx, "save_to", module, tn__in_sink(&sink));
}
