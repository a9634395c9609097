/* npz.c - NumPy's .npz format (NumPy: numpy.savez): a zip archive of .npy files, one for each
 * array.
 */
#include <string.h>
#include "io/io.h"

/* Adds the array under its name, "x.npy" without the ending. */
static bool add(tn_dict *dict, tn__file *file, const tn_tensor *t, const char *entry)
{
    size_t length = strlen(entry);
    char *name = tn__strdup(file->ctx, entry);
    if (!name)
        return false;
    if (length >= 4 && strcmp(entry + length - 4, ".npy") == 0)
        name[length - 4] = '\0';
    bool ok = tn_dict_get(dict, name) ? tn__file_fail(file, "there are two arrays of this name")
                                      : tn_dict_set(dict, name, t) == TN_OK;
    tn__free(file->ctx, name);
    return ok;
}

static bool read_entry(tn__zip *zip, const tn__zip_entry *entry, tn_dict *dict)
{
    zip->file->part = entry->name;
    tn__stream *s = tn__zip_stream(zip, entry);
    tn_tensor *t = s ? tn__read_npy(s) : NULL;
    bool ok = t && add(dict, zip->file, t, entry->name);
    tn_free(t);
    tn__stream_free(s);
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

tn_dict *tn_load_npz(tn_ctx *ctx, const char *path)
{
    tn__file file;
    tn__zip zip;
    if (!tn_ok(ctx) || !tn__file_open(&file, ctx, "load_npz", path))
        return NULL;
    tn_dict *dict = tn__zip_open(&zip, &file) ? tn__read_npz(&zip) : NULL;
    tn__zip_close(&zip);
    tn__file_close(&file);
    return dict;
}

/* ---- writing --------------------------------------------------------------------------------- */

static bool write_entry(tn__zip_writer *w, const char *name, const tn_tensor *t)
{
    char *entry = tn__concat(w->out->ctx, name, ".npy", "");
    bool ok = entry && tn__zip_begin(w, entry, tn__npy_size(t)) && tn__write_npy(w->out, t) &&
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

tn_status tn__save_npz(const tn_dict *dict, const char *what, const char *path, bool compress)
{
    tn__output out;
    tn_ctx *ctx = tn__dict_ctx(dict);
    bool ok = tn__output_open(&out, ctx, what, path) && write_npz(&out, dict, compress);
    tn__output_close(&out, ok);
    return tn_error_status(ctx);
}

tn_status tn_save_npz(const tn_dict *dict, const char *path, tn_npz_opts opts)
{
    return dict ? tn__save_npz(dict, "save_npz", path, opts.compress) : TN_ERR_ARGUMENT;
}
