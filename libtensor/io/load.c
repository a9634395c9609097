/* load.c - dictionaries from and to files of any format. */
#include <stdio.h>
#include <string.h>
#include <tn/io.h>
#include "base/text.h"
#include "io/file.h"
#include "io/formats.h"
#include "io/numbers.h"
#include "io/sink.h"
#include "io/zip.h"

/* PyTorch's files and NumPy's are both zip archives. */
static tn_dict *read_zip(tn__file *file)
{
    tn__zip zip;
    tn_dict *dict = NULL;
    if (tn__zip_open(&zip, file))
        dict = tn__zip_is_pth(&zip) ? tn__read_pth(file, &zip) : tn__read_npz(&zip);
    tn__zip_close(&zip);
    return dict;
}

/* A length that the file can hold, and the brace behind it. No archive begins so: it would be one
 * of version 0 whose first entry is compressed by method 123, which does not exist. A pickle of
 * PyTorch has no brace there, either. */
static bool is_safetensors(const unsigned char *p, int64_t size)
{
    return p[8] == '{' && tn__load_bytes(p, 8, false) <= (uint64_t)size - 8;
}

/* The first entry, or the end of an empty archive. */
static bool is_zip(const unsigned char *p)
{
    return memcmp(p, "PK\3\4", 4) == 0 || memcmp(p, "PK\5\6", 4) == 0;
}

/* A pickle of protocol 2 to 5. */
static bool is_pickle(const unsigned char *p)
{
    return p[0] == 0x80 && p[1] >= 2 && p[1] <= 5;
}

/* Says how it begins, as far as there is something. */
static void fail_unknown(tn__file *file, const unsigned char *p, int known)
{
    char bytes[16] = "";
    int count = known < 4 ? known : 4;
    for (int i = 0; i < count; i++)
        snprintf(bytes + 3 * i, sizeof bytes - 3 * (size_t)i, " %02x", p[i]);
    tn__file_fail(file, "neither .npz nor safetensors nor .pth: it %s%s",
                  count > 0 ? "begins with" : "is empty", bytes);
}

static tn_dict *read_any(tn__file *file)
{
    unsigned char p[9] = {0};
    int known = file->size < 9 ? (int)file->size : 9;
    if (!tn__file_read(file, 0, p, known))
        return NULL;
    if (is_safetensors(p, file->size))
        return tn__read_safetensors(file);
    if (is_zip(p))
        return read_zip(file);
    if (is_pickle(p))
        return tn__read_pth(file, NULL);
    if (p[8] == '{')
        return tn__read_safetensors(file); /* which says what is wrong with the length */
    fail_unknown(file, p, known);
    return NULL;
}

static tn_dict *load(tn__file *file)
{
    tn_dict *dict = read_any(file);
    tn__file_close(file);
    return dict;
}

tn_dict *tn__load_dict(tn_ctx *ctx, const char *what, const char *path)
{
    tn__file file;
    return tn__file_open(&file, ctx, what, path) ? load(&file) : NULL;
}

tn_dict *tn__load_dict_from(tn_ctx *ctx, const char *what, tn_source source)
{
    tn__file file;
    return tn__file_from(&file, ctx, what, source) ? load(&file) : NULL;
}

tn_dict *tn_load_dict(tn_ctx *ctx, const char *path)
{
    return tn__load_dict(ctx, "load_dict", path);
}

tn_dict *tn_load_dict_from(tn_ctx *ctx, tn_source source)
{
    return tn__load_dict_from(ctx, "load_dict_from", source);
}

tn_status tn__save_dict(tn_ctx *ctx, const char *what, const tn_dict *dict, tn__target target)
{
    if (tn__target_is_nameless(target) || tn__target_ends_in(target, ".safetensors"))
        return tn__save_safetensors(ctx, what, dict, target, NULL);
    if (!target.path || tn__target_ends_in(target, ".npz"))
        return tn__save_npz(ctx, what, dict, target, false);
    return tn_fail(ctx, TN_ERR_ARGUMENT, "%s: %s: it ends in neither .npz nor .safetensors", what,
                   target.path);
}

tn_status tn_save_dict(tn_ctx *ctx, const tn_dict *dict, const char *path)
{
    return tn__save_dict(ctx, "save_dict", dict, tn__at_path(path));
}

tn_status tn_save_dict_to(tn_ctx *ctx, const tn_dict *dict, tn_sink sink)
{
    return tn__save_dict(ctx, "save_dict_to", dict, tn__in_sink(&sink));
}
