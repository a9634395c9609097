/* npz.c - NumPy's .npz format (NumPy: numpy.savez): a zip archive of .npy files, one for each
 * array. */
#include <string.h>
#include <tn/io.h>
#include "base/memory.h"
#include "base/text.h"
#include "dict/dict.h"
#include "io/file.h"
#include "io/formats.h"
#include "io/npy.h"
#include "io/output.h"
#include "io/sink.h"
#include "io/stream.h"
#include "io/zip.h"

/* Adds the array under its name, "x.npy" without the ending. */
static bool add(tn_dict *dict, const tn__zip *zip, const tn__zip_entry *entry, const tn_tensor *t)
{
    char *name = tn__zip_name(zip, entry);
    if (!name)
        return false;
    if (tn__ends_in(name, ".npy"))
        name[strlen(name) - 4] = '\0';
    bool ok = tn_dict_get(dict, name)
                  ? tn__file_fail(zip->file, "there are two arrays of this name")
                  : tn_dict_set(dict, name, t) == TN_OK;
    tn__free(zip->file->ctx, name);
    return ok;
}

/* Text is no tensor: it is passed over, to its CRC-32. */
static bool read_array(const tn__zip *zip, const tn__zip_entry *entry, tn__stream *s, tn_dict *dict)
{
    bool is_text = false;
    tn_tensor *t = tn__read_npy(s, &is_text);
    bool ok = is_text ? tn__stream_drain(s) >= 0 : t && add(dict, zip, entry, t);
    tn_free(t);
    return ok;
}

/* As in NumPy, an entry is an array if it begins like one, whatever its name, and other entries are
 * passed over. But an entry that is named like an array is read to its end in any case: if it is an
 * array whose beginning is damaged, the CRC-32 tells. */
static bool read_contents(const tn__zip *zip, const tn__zip_entry *entry, bool named, tn_dict *dict)
{
    tn__stream *s = tn__zip_stream(zip, entry);
    int found = s ? tn__npy_begins(s) : -1;
    bool ok = found > 0 ? read_array(zip, entry, s, dict)
                        : found == 0 && (!named || tn__stream_drain(s) >= 0);
    tn__stream_free(s);
    return ok;
}

static bool read_entry(tn__zip *zip, const tn__zip_entry *entry, tn_dict *dict)
{
    bool named = tn__ends_in(entry->name, ".npy");
    if (!named && (tn__ends_in(entry->name, "/") || entry->size < TN__NPY_MAGIC))
        return true;
    zip->file->part = entry->name;
    bool ok = named || tn__zip_is_readable(entry) ? read_contents(zip, entry, named, dict)
                                                  : tn__zip_agrees(zip, entry);
    zip->file->part = NULL;
    return ok;
}

tn_dict *tn__read_npz(tn__zip *zip)
{
    tn_dict *dict = tn_dict_new(zip->file->ctx);
    bool ok = dict != NULL;
    for (int64_t i = 0; ok && i < zip->count; i++)
        ok = read_entry(zip, &zip->entries[i], dict);
    if (ok)
        return dict;
    tn_dict_free(dict);
    return NULL;
}

static tn_dict *load(tn__file *file)
{
    tn__zip zip;
    tn_dict *dict = tn__zip_open(&zip, file) ? tn__read_npz(&zip) : NULL;
    tn__zip_close(&zip);
    tn__file_close(file);
    return dict;
}

tn_dict *tn_load_npz(tn_ctx *ctx, const char *path)
{
    tn__file file;
    return tn__file_open(&file, ctx, "load_npz", path) ? load(&file) : NULL;
}

tn_dict *tn_load_npz_from(tn_ctx *ctx, tn_source source)
{
    tn__file file;
    return tn__file_from(&file, ctx, "load_npz_from", source) ? load(&file) : NULL;
}

/* ---- writing --------------------------------------------------------------------------------- */

static bool measure(tn__zip_writer *w, const tn_tensor *t)
{
    return tn__zip_begin_measure(w) && tn__write_npy(w->out, t) && tn__zip_end_measure(w);
}

static bool write_entry(tn__zip_writer *w, const char *name, const tn_tensor *t)
{
    char *entry = tn__concat(w->out->ctx, name, ".npy", "");
    bool ok = entry && (!tn__output_is_in_order(w->out) || measure(w, t)) &&
              tn__zip_begin(w, entry, tn__npy_size(t)) && tn__write_npy(w->out, t) &&
              tn__zip_end(w, entry);
    tn__free(w->out->ctx, entry);
    return ok;
}

static bool write_npz(tn__output *out, const tn_dict *dict, bool compress)
{
    tn__zip_writer w = {.out = out, .compress = compress};
    bool ok = true;
    for (int64_t i = 0; ok && i < tn_dict_count(dict); i++)
        ok = write_entry(&w, tn_dict_name(dict, i), tn_dict_at(dict, i));
    ok = ok && tn__zip_finish(&w);
    tn__free(out->ctx, w.directory);
    return ok;
}

tn_status tn__save_npz(tn_ctx *ctx, const char *what, const tn_dict *dict, tn__target target,
                       bool compress)
{
    tn__output out;
    if (!tn__check_dict(ctx, what, dict))
        return tn_error_status(ctx);
    bool ok = tn__output_open(&out, ctx, what, target) && write_npz(&out, dict, compress);
    tn__output_close(&out, ok);
    return tn_error_status(ctx);
}

tn_status tn_save_npz(tn_ctx *ctx, const tn_dict *dict, const char *path, tn_npz_opts opts)
{
    return tn__save_npz(ctx, "save_npz", dict, tn__at_path(path), opts.compress);
}

tn_status tn_save_npz_to(tn_ctx *ctx, const tn_dict *dict, tn_sink sink, tn_npz_opts opts)
{
    return tn__save_npz(ctx, "save_npz_to", dict, tn__in_sink(&sink), opts.compress);
}
