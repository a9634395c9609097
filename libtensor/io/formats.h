/* formats.h - dictionaries from and to files, under any function's name. */
#ifndef TN_IO_FORMATS_H
#define TN_IO_FORMATS_H

#include <tn/io.h>
#include "io/file.h"
#include "io/sink.h"
#include "io/zip.h"

tn_dict *tn__read_npz(tn__zip *zip);
tn_dict *tn__read_safetensors(tn__file *file);

/* Of an archive, if there is one; otherwise of the older format. */
tn_dict *tn__read_pth(tn__file *file, tn__zip *zip);
bool tn__zip_is_pth(const tn__zip *zip);

/* tn_load_dict and tn_load_dict_from; tn_save_dict and tn_save_dict_to, and so on. */
tn_dict *tn__load_dict(tn_ctx *ctx, const char *what, const char *path);
tn_dict *tn__load_dict_from(tn_ctx *ctx, const char *what, tn_source source);
tn_status tn__save_dict(tn_ctx *ctx, const char *what, const tn_dict *dict, tn__target target);
tn_status tn__save_npz(tn_ctx *ctx, const char *what, const tn_dict *dict, tn__target target,
                       bool compress);
tn_status tn__save_safetensors(tn_ctx *ctx, const char *what, const tn_dict *dict,
                               tn__target target, const char *const *metadata);

#endif
