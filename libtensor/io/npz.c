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

static tn_dict *read_npz(tn__zip *zip)
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
    tn_dict *dict = tn__zip_open(&zip, &file) ? read_npz(&zip) : NULL;
    tn__zip_close(&zip);
    tn__file_close(&file);
    return dict;
}
