/* state.h - models and whole trainings from and to files; io.h tells how these are read and
 * written. */
#ifndef TN_STATE_H
#define TN_STATE_H

#include <tn/data.h>
#include <tn/io.h>
#include <tn/nn.h>
#include <tn/optim.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- models ---------------------------------------------------------------------------------- */

/* tn_load_dict and tn_load_state_dict in one, with the errors of both:
 *
 *     tn_load(ctx, net, "checkpoint.pth", (tn_load_opts){.prefix = "model."}); */
TN_API tn_status tn_load(tn_ctx *ctx, tn_module *module, const char *path, tn_load_opts opts);

/* The same from a source. */
TN_API tn_status tn_load_from(tn_ctx *ctx, tn_module *module, tn_source source, tn_load_opts opts);

/* tn_state_dict and tn_save_dict in one. */
TN_API tn_status tn_save(tn_ctx *ctx, const tn_module *module, const char *path);

/* The same to a sink, with tn_save_dict_to. */
TN_API tn_status tn_save_to(tn_ctx *ctx, const tn_module *module, tn_sink sink);

/* ---- checkpoints ------------------------------------------------------------------------------
 * Everything that the rest of a training depends on. N steps, saving, loading in another process
 * and M steps give the same bits as N + M steps, on the same machine with as many threads. */

#define TN_MAX_SCHEDULES 4 /* of a checkpoint */

/* What belongs to a checkpoint; what is NULL does not. */
typedef struct tn_checkpoint {
    tn_module *module;
    tn_optim *optim;
    tn_schedule *schedules[TN_MAX_SCHEDULES]; /* in the order in which they were made */
    tn_loader *loader;
    tn_dict *extra; /* anything else: epochs done, the best loss. Loading adds to it */
    bool no_rng;    /* leave out the state of the context's random stream */
} tn_checkpoint;

/* One file of these, whose names begin with "model.", "optim.", "schedules.0.", "loader.",
 * "extra."; the ending of the path tells the format, as for tn_save_dict. */
TN_API tn_status tn_save_checkpoint(tn_ctx *ctx, tn_checkpoint parts, const char *path);

/* The same to a sink; its name tells the format, as for tn_save_dict_to. */
TN_API tn_status tn_save_checkpoint_to(tn_ctx *ctx, tn_checkpoint parts, tn_sink sink);

/* Loads what is asked for into things made as they were when it was saved. If anything does not
 * fit, nothing changes, and the status is as from tn_load_state_dict, or TN_ERR_FORMAT. What the
 * file holds besides is passed over. */
TN_API tn_status tn_load_checkpoint(tn_ctx *ctx, tn_checkpoint parts, const char *path);

/* The same from a source. */
TN_API tn_status tn_load_checkpoint_from(tn_ctx *ctx, tn_checkpoint parts, tn_source source);

#ifdef __cplusplus
}
#endif

#endif
