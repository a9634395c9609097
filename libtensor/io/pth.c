/* pth.c - PyTorch's files (PyTorch: torch.serialization) in their two formats. Both hold a pickle
 * that describes the object which was saved; its tensors are views of storages, which lie outside.
 *
 * Since PyTorch 1.6 the file is a zip archive of NAME/data.pkl and, for each storage,
 * NAME/data/KEY. The older format is a row of pickles: a magic number, a version, facts about the
 * machine, the object, the list of the storages' keys; then for each of these the count of its
 * elements in 64 bits, and the elements. */
#include <stdio.h>
#include <string.h>
#include "io/io.h"
#include "io/pickle.h"

#define MAGIC "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
#define MAGIC_SIZE 10
#define LEGACY_VERSION 1001
#define MAX_DEPTH 64
#define MAX_NAME 1024

typedef struct storage {
    const char *key;
    tn__number number;
    int64_t numel;
    int64_t offset; /* of the elements, in the older format; -1: not found */
    tn_tensor *t;   /* [numel]; NULL: not read yet */
} storage;

typedef struct reader {
    tn__file *file;
    bool big_endian;
    tn__pickle pickle; /* of the object */
    storage *storages;
    int64_t count, capacity;
    tn__index index; /* of the storages */
    tn__zip *zip;    /* NULL: the older format */
    tn__index entries;
    char *folder; /* NAME */
    tn_dict *dict;
    int64_t budget; /* of work, see walk */
    char name[MAX_NAME];
} reader;

/* ---- storages -------------------------------------------------------------------------------- */

static bool fail(const reader *r, const char *reason)
{
    return tn__file_fail(r->file, "%s", reason);
}

static const tn__value *value(const reader *r, int64_t number)
{
    return tn__pickle_value(&r->pickle, number);
}

static bool is_text(const reader *r, int64_t number)
{
    const tn__value *v = value(r, number);
    return v->kind == TN__TEXT &&
           strlen(tn__pickle_text(&r->pickle, v)) == (size_t)v->u.text.length;
}

static const char *text(const reader *r, int64_t number)
{
    return tn__pickle_text(&r->pickle, value(r, number));
}

/* What is persistent is ('storage', class, key, device, count), in the older format with what else
 * it is a part of, or None. */
static bool describe(const reader *r, const tn__value *persistent, storage *s)
{
    int64_t items[6];
    int64_t n = tn__pickle_items(&r->pickle, persistent->u.arguments, items, 6);
    if (n < 5 || n > 6 || !is_text(r, items[0]) || strcmp(text(r, items[0]), "storage") != 0 ||
        value(r, items[1])->kind != TN__CLASS || value(r, items[1])->class != TN__STORAGE ||
        !is_text(r, items[2]) || value(r, items[4])->kind != TN__INT)
        return fail(r, "a storage is not described as PyTorch does it");
    if (n == 6 && value(r, items[5])->kind != TN__NONE)
        return fail(r, "storages that are parts of others cannot be read");
    *s = (storage){.key = text(r, items[2]),
                   .number = value(r, items[1])->number,
                   .numel = value(r, items[4])->u.integer,
                   .offset = -1};
    s->number.big_endian = r->big_endian;
    return s->numel >= 0 ||
           tn__file_fail(r->file, "storage %.40s has %lld elements", s->key, (long long)s->numel);
}

static storage *find_storage(const reader *r, const char *key)
{
    uint64_t hash = tn__hash(r->file->ctx, key);
    int64_t i = tn__index_find(&r->index, r->storages, sizeof *r->storages, key, hash);
    return i >= 0 ? &r->storages[i] : NULL;
}

static bool add_storage(reader *r, const storage *s)
{
    tn_ctx *ctx = r->file->ctx;
    const storage *old = find_storage(r, s->key);
    if (old && old->numel == s->numel && old->number.kind == s->number.kind &&
        old->number.size == s->number.size)
        return true;
    if (old)
        return tn__file_fail(r->file, "storage %.40s is described in two ways", s->key);
    if (!tn__reserve(ctx, &r->storages, &r->capacity, r->count + 1, sizeof *r->storages) ||
        !tn__index_reserve(ctx, &r->index, r->count + 1))
        return false;
    r->storages[r->count++] = *s;
    tn__index_add(&r->index, tn__hash(ctx, s->key), r->count - 1);
    return true;
}

static bool find_storages(reader *r)
{
    storage s;
    for (int64_t i = 0; i < r->pickle.n_values; i++)
        if (value(r, i)->kind == TN__PERSISTENT &&
            !(describe(r, value(r, i), &s) && add_storage(r, &s)))
            return false;
    return true;
}

static void free_storages(reader *r)
{
    for (int64_t i = 0; i < r->count; i++)
        tn__release(r->storages[i].t);
    tn__free(r->file->ctx, r->storages);
    tn__index_free(r->file->ctx, &r->index);
    tn__index_free(r->file->ctx, &r->entries);
}

/* ---- entries of archives --------------------------------------------------------------------- */

static const tn__zip_entry *find_entry(const reader *r, const char *inner, const char *name)
{
    char *path = tn__concat(r->file->ctx, r->folder, inner, name);
    if (!path)
        return NULL;
    int64_t i = tn__index_find(&r->entries, r->zip->entries, sizeof *r->zip->entries, path,
                               tn__hash(r->file->ctx, path));
    tn__free(r->file->ctx, path);
    return i >= 0 ? &r->zip->entries[i] : NULL;
}

static tn__stream *open_entry(const reader *r, const storage *s)
{
    const tn__zip_entry *entry = find_entry(r, "/data/", s->key);
    if (!entry && tn_ok(r->file->ctx))
        tn__file_fail(r->file, "there is no storage %.40s", s->key);
    return entry ? tn__zip_stream(r->zip, entry) : NULL;
}

static tn__stream *open_storage(const reader *r, const storage *s)
{
    if (r->zip)
        return open_entry(r, s);
    if (s->offset < 0) {
        tn__file_fail(r->file, "there is no storage %.40s", s->key);
        return NULL;
    }
    return tn__stream_new(r->file, s->offset, s->numel * s->number.size, TN__PLAIN);
}

/* The elements go straight from the file to where they stay. */
static bool load_storage(const reader *r, storage *s)
{
    if (s->t)
        return true;
    tn__stream *stream = open_storage(r, s);
    s->t = stream ? tn__read_array(stream, s->number, 1, &s->numel, false) : NULL;
    if (s->t)
        tn__disown(s->t);
    tn__stream_free(stream);
    return s->t != NULL;
}

/* ---- tensors --------------------------------------------------------------------------------- */

/* A tuple of integers, or torch.Size of one, that are at least 0; -1 if it is not that. */
static int64_t sizes_of(const reader *r, int64_t number, int64_t *sizes)
{
    int64_t items[TN_MAX_DIMS], first;
    const tn__value *v = value(r, number);
    if (v->kind == TN__CALL && v->class == TN__SIZE &&
        tn__pickle_items(&r->pickle, v->u.arguments, &first, 1) == 1)
        number = first;
    int64_t n = tn__pickle_items(&r->pickle, number, items, TN_MAX_DIMS);
    for (int64_t i = 0; i < n && i < TN_MAX_DIMS; i++) {
        if (value(r, items[i])->kind != TN__INT)
            return -1;
        sizes[i] = value(r, items[i])->u.integer;
        if (sizes[i] < 0)
            return -1;
    }
    return n;
}

/* The number of the element after the last one; -1 if that is beyond 63 bits. */
static int64_t end_of(int ndim, const int64_t *shape, const int64_t *strides, int64_t offset)
{
    int64_t last = offset, step;
    for (int i = 0; i < ndim; i++) {
        if (shape[i] == 0)
            return offset;
        if (__builtin_mul_overflow(shape[i] - 1, strides[i], &step) ||
            __builtin_add_overflow(last, step, &last))
            return -1;
    }
    return last < INT64_MAX ? last + 1 : -1;
}

typedef struct view {
    storage *s;
    int ndim;
    int64_t shape[TN_MAX_DIMS], strides[TN_MAX_DIMS], offset;
} view;

static bool check_view(const reader *r, const view *v)
{
    tn_text shape = tn_shape_text(v->ndim, v->shape), strides = tn_shape_text(v->ndim, v->strides);
    int64_t end = end_of(v->ndim, v->shape, v->strides, v->offset);
    if (tn__numel_of(v->ndim, v->shape, 8) < 0)
        return tn__file_fail(r->file, "its size %s is too large", shape.s);
    return (end >= 0 && end <= v->s->numel) ||
           tn__file_fail(r->file,
                         "shape %s with strides %s at %lld does not fit a storage of %lld elements",
                         shape.s, strides.s, (long long)v->offset, (long long)v->s->numel);
}

/* A stride along which there is no second element may be anything in the file. It becomes that of a
 * contiguous tensor, so that no product of strides overflows: all others are inside of the storage.
 */
static void tame_strides(view *v)
{
    int64_t contiguous[TN_MAX_DIMS];
    bool empty = tn__numel_of(v->ndim, v->shape, 1) == 0;
    tn__contiguous_strides(v->ndim, v->shape, contiguous);
    for (int i = 0; i < v->ndim; i++)
        if (empty || (v->shape[i] == 1 && v->strides[i] > v->s->numel))
            v->strides[i] = contiguous[i];
}

/* The arguments of _rebuild_tensor: storage, offset, size, strides, and others that do not matter.
 */
static bool parse_view(const reader *r, const tn__value *call, view *v)
{
    storage described;
    int64_t items[4], n = tn__pickle_items(&r->pickle, call->u.arguments, items, 4);
    if (n < 4 || value(r, items[0])->kind != TN__PERSISTENT || value(r, items[1])->kind != TN__INT)
        return fail(r, "a tensor is not described as PyTorch does it");
    int64_t ndim = sizes_of(r, items[2], v->shape), n_strides = sizes_of(r, items[3], v->strides);
    v->offset = value(r, items[1])->u.integer;
    if (ndim < 0 || n_strides != ndim || v->offset < 0)
        return fail(r, "its shape, strides or offset are none");
    if (ndim > TN_MAX_DIMS)
        return tn__file_fail(r->file, "it has more than %d dimensions", TN_MAX_DIMS);
    v->ndim = (int)ndim;
    if (!describe(r, value(r, items[0]), &described))
        return false;
    v->s = find_storage(r, described.key);
    if (!check_view(r, v))
        return false;
    tame_strides(v);
    return true;
}

/* Views of one storage stay views of one. */
static bool add_tensor(reader *r, const tn__value *call)
{
    view v;
    r->file->part = r->name;
    bool ok = parse_view(r, call, &v) && load_storage(r, v.s);
    if (ok && tn_dict_get(r->dict, r->name))
        ok = tn__file_fail(r->file, "there are two tensors of this name");
    tn_tensor *t = ok ? tn__view(r->file->ctx, v.s->t, v.ndim, v.shape, v.strides, v.offset) : NULL;
    ok = t && tn_dict_set(r->dict, r->name, t) == TN_OK;
    tn_free(t);
    r->file->part = NULL;
    return ok;
}

/* ---- the object ------------------------------------------------------------------------------ */

static bool walk(reader *r, int64_t number, size_t length, int depth);

/* Writes a dot and the key behind the first `length` bytes of the name; returns its new length, or
 * -1. */
static int64_t add_key(reader *r, size_t length, const char *key)
{
    int n = snprintf(r->name + length, MAX_NAME - length, "%s%s", length ? "." : "", key);
    if (n < (int)(MAX_NAME - length))
        return (int64_t)length + n;
    tn__file_fail(r->file, "a name has more than %d bytes", MAX_NAME - 1);
    return -1;
}

static bool walk_item(reader *r, const char *key, int64_t number, size_t length, int depth)
{
    int64_t n = add_key(r, length, key);
    return n >= 0 && walk(r, number, (size_t)n, depth);
}

static bool walk_list(reader *r, const tn__value *list, size_t length, int depth)
{
    int64_t i = 0;
    for (int64_t at = list->u.items.first; at >= 0; at = r->pickle.links[at].next, i++) {
        char key[24];
        snprintf(key, sizeof key, "%lld", (long long)i);
        if (!walk_item(r, key, r->pickle.links[at].value, length, depth))
            return false;
    }
    return true;
}

static bool walk_dict(reader *r, const tn__value *dict, size_t length, int depth)
{
    const tn__link *links = r->pickle.links;
    for (int64_t at = dict->u.items.first; at >= 0; at = links[links[at].next].next) {
        int64_t key = links[at].value;
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)value(r, key)->u.integer);
        if (value(r, key)->kind != TN__INT && !is_text(r, key))
            return fail(r, "a key is neither text nor an integer");
        if (!walk_item(r, value(r, key)->kind == TN__INT ? number : text(r, key),
                       links[links[at].next].value, length, depth))
            return false;
    }
    return true;
}

static bool walk_call(reader *r, const tn__value *call, size_t length, int depth)
{
    int64_t data;
    if (call->class == TN__TENSOR)
        return add_tensor(r, call);
    if (call->class != TN__PARAMETER)
        return true;
    if (tn__pickle_items(&r->pickle, call->u.arguments, &data, 1) < 1)
        return fail(r, "a parameter is not described as PyTorch does it");
    return walk(r, data, length, depth + 1);
}

/* Adds the tensors in a value, whose name has `length` bytes. What holds no tensors is passed over.
 * A pickle can say of a few bytes that they are everywhere: the work is limited by its size. */
static bool walk(reader *r, int64_t number, size_t length, int depth)
{
    const tn__value *v = value(r, number);
    r->budget -= 1 + (v->kind == TN__CALL ? (int64_t)length : 0);
    r->name[length] = '\0';
    if (depth > MAX_DEPTH)
        return tn__file_fail(r->file, "it is nested more than %d deep", MAX_DEPTH);
    if (r->budget < 0)
        return fail(r, "it uses the same values too often");
    switch (v->kind) {
    case TN__TUPLE:
    case TN__LIST:
        return walk_list(r, v, length, depth + 1);
    case TN__DICT:
        return walk_dict(r, v, length, depth + 1);
    case TN__CALL:
        return walk_call(r, v, length, depth);
    default:
        return true;
    }
}

static bool add_tensors(reader *r)
{
    r->budget = 4096 + 8 * r->pickle.size;
    r->dict = tn_dict_new(r->file->ctx);
    return r->dict && walk(r, r->pickle.root, 0, 0);
}

/* ---- the newer format ------------------------------------------------------------------------ */

#define OBJECT "/data.pkl"

static bool is_object(const char *name)
{
    const char *slash = strchr(name, '/');
    return slash && strcmp(slash, OBJECT) == 0;
}

bool tn__zip_is_pth(const tn__zip *zip)
{
    for (int64_t i = 0; i < zip->count; i++)
        if (is_object(zip->entries[i].name))
            return true;
    return false;
}

/* Every name is in the archive once, and one is that of the object. */
static bool index_entries(reader *r)
{
    const tn__zip *zip = r->zip;
    size_t size = sizeof *zip->entries;
    if (!tn__index_reserve(r->file->ctx, &r->entries, zip->count))
        return false;
    for (int64_t i = 0; i < zip->count; i++) {
        const char *name = zip->entries[i].name;
        uint64_t hash = tn__hash(r->file->ctx, name);
        if (tn__index_find(&r->entries, zip->entries, size, name, hash) >= 0)
            return tn__file_fail(r->file, "there are two entries '%.60s'", name);
        tn__index_add(&r->entries, hash, i);
    }
    return true;
}

static bool find_folder(reader *r)
{
    const char *found = NULL;
    for (int64_t i = 0; i < r->zip->count; i++) {
        const char *name = r->zip->entries[i].name;
        if (is_object(name) && found)
            return fail(r, "there are two entries data.pkl");
        found = is_object(name) ? name : found;
    }
    if (!found)
        return fail(r, "not a PyTorch file: there is no entry data.pkl");
    r->folder = tn__strdup(r->file->ctx, found);
    if (r->folder)
        *strchr(r->folder, '/') = '\0';
    return r->folder != NULL;
}

/* Files that do not say so are of machines that store the least significant byte first. */
static bool read_byte_order(reader *r)
{
    char order[8] = "";
    const tn__zip_entry *entry = find_entry(r, "/byteorder", "");
    tn__stream *s = entry ? tn__zip_stream(r->zip, entry) : NULL;
    int64_t n = s ? tn__stream_read(s, order, sizeof order - 1) : -1;
    bool ok = !entry || (n >= 0 && tn__stream_drain(s) >= 0);
    tn__stream_free(s);
    r->big_endian = strcmp(order, "big") == 0;
    return ok && tn_ok(r->file->ctx);
}

/* The pickle is all that the stream holds. */
static bool read_object(reader *r, tn__stream *s)
{
    tn__pickle_input in = {.s = s};
    if (!tn__pickle_read(&r->pickle, &in))
        return false;
    int64_t rest = tn__stream_drain(s);
    if (rest < 0)
        return false;
    rest += in.filled - in.at;
    return rest == 0 || tn__file_fail(r->file, "%lld bytes follow the pickle", (long long)rest);
}

static bool read_archive(reader *r)
{
    if (!index_entries(r) || !find_folder(r) || !read_byte_order(r))
        return false;
    const tn__zip_entry *entry = find_entry(r, OBJECT, "");
    tn__stream *s = entry ? tn__zip_stream(r->zip, entry) : NULL;
    bool ok = s && read_object(r, s);
    tn__stream_free(s);
    return ok;
}

/* ---- the older format ------------------------------------------------------------------------ */

static bool check_magic(tn__pickle *p)
{
    const tn__value *v = tn__pickle_value(p, p->root);
    return (v->kind == TN__TEXT && v->u.text.length == MAGIC_SIZE &&
            memcmp(tn__pickle_text(p, v), MAGIC, MAGIC_SIZE) == 0) ||
           tn__file_fail(p->file, "not a PyTorch file: the magic number is another one");
}

static bool check_version(tn__pickle *p)
{
    const tn__value *v = tn__pickle_value(p, p->root);
    return (v->kind == TN__INT && v->u.integer == LEGACY_VERSION) ||
           tn__file_fail(p->file, "not version %d of the older PyTorch files", LEGACY_VERSION);
}

/* Of the facts about the machine, the byte order. */
static bool find_byte_order(reader *r, const tn__pickle *p)
{
    const tn__value *dict = tn__pickle_value(p, p->root);
    if (dict->kind != TN__DICT)
        return fail(r, "the facts about the machine are missing");
    for (int64_t at = dict->u.items.first; at >= 0; at = p->links[p->links[at].next].next) {
        const tn__value *key = tn__pickle_value(p, p->links[at].value);
        const tn__value *v = tn__pickle_value(p, p->links[p->links[at].next].value);
        if (key->kind == TN__TEXT && strcmp(tn__pickle_text(p, key), "little_endian") == 0)
            r->big_endian = v->kind == TN__INT && v->u.integer == 0;
    }
    return true;
}

static bool read_preamble(reader *r, tn__pickle_input *in)
{
    tn__pickle p;
    bool ok = tn__pickle_read(&p, in) && check_magic(&p);
    tn__pickle_free(&p);
    if (!ok)
        return false;
    ok = tn__pickle_read(&p, in) && check_version(&p);
    tn__pickle_free(&p);
    if (!ok)
        return false;
    ok = tn__pickle_read(&p, in) && find_byte_order(r, &p);
    tn__pickle_free(&p);
    return ok;
}

/* The storage at *position, which moves on behind it. */
static bool place_storage(reader *r, const char *key, int64_t *position)
{
    unsigned char bytes[8];
    storage *s = find_storage(r, key);
    if (!s || s->offset >= 0)
        return tn__file_fail(r->file, "storage %.40s is listed %s", key,
                             s ? "twice" : "but not described");
    if (!tn__file_read(r->file, *position, bytes, sizeof bytes))
        return false;
    uint64_t numel = tn__load_bytes(bytes, 8, r->big_endian);
    if (numel != (uint64_t)s->numel)
        return tn__file_fail(r->file, "storage %.40s has %llu elements, but is described with %lld",
                             key, (unsigned long long)numel, (long long)s->numel);
    int64_t left = r->file->size - *position - 8;
    if (s->numel > left / s->number.size)
        return tn__file_fail(r->file,
                             "storage %.40s has %lld elements of %s, but %lld bytes follow", key,
                             (long long)s->numel, tn__number_name(s->number), (long long)left);
    s->offset = *position + 8;
    *position = s->offset + s->numel * s->number.size;
    return true;
}

static bool place_storages(reader *r, const tn__pickle *keys, int64_t position)
{
    const tn__value *list = tn__pickle_value(keys, keys->root);
    if (list->kind != TN__LIST)
        return fail(r, "the list of storages is missing");
    for (int64_t at = list->u.items.first; at >= 0; at = keys->links[at].next) {
        const tn__value *key = tn__pickle_value(keys, keys->links[at].value);
        if (key->kind != TN__TEXT)
            return fail(r, "the key of a storage is no text");
        if (!place_storage(r, tn__pickle_text(keys, key), &position))
            return false;
    }
    return position == r->file->size || tn__file_fail(r->file, "%lld bytes follow the last storage",
                                                      (long long)(r->file->size - position));
}

static bool read_pickles(reader *r, tn__stream *s)
{
    tn__pickle keys = {0};
    tn__pickle_input in = {.s = s};
    bool ok = read_preamble(r, &in) && tn__pickle_read(&r->pickle, &in) && find_storages(r) &&
              tn__pickle_read(&keys, &in) && place_storages(r, &keys, in.position);
    tn__pickle_free(&keys);
    return ok;
}

static bool read_legacy(reader *r)
{
    tn__stream *s = tn__stream_new(r->file, 0, r->file->size, TN__PLAIN);
    bool ok = s && read_pickles(r, s);
    tn__stream_free(s);
    return ok;
}

/* ---- the file -------------------------------------------------------------------------------- */

static tn_dict *read_file(reader *r)
{
    bool ok = r->zip ? read_archive(r) && find_storages(r) : read_legacy(r);
    ok = ok && add_tensors(r);
    free_storages(r);
    tn__pickle_free(&r->pickle);
    tn__free(r->file->ctx, r->folder);
    if (ok)
        return r->dict;
    tn_dict_free(r->dict);
    return NULL;
}

tn_dict *tn__read_pth(tn__file *file, tn__zip *zip)
{
    reader *r = tn__alloc_zeroed(file->ctx, sizeof *r);
    if (!r)
        return NULL;
    r->file = file;
    r->zip = zip;
    tn_dict *dict = read_file(r);
    tn__free(file->ctx, r);
    return dict;
}

static tn_dict *read_zip(tn__file *file)
{
    tn__zip zip;
    tn_dict *dict = tn__zip_open(&zip, file) ? tn__read_pth(file, &zip) : NULL;
    tn__zip_close(&zip);
    return dict;
}

tn_dict *tn_load_pth(tn_ctx *ctx, const char *path)
{
    tn__file file;
    char start[2] = "";
    tn_dict *dict = NULL;
    if (!tn_ok(ctx) || !tn__file_open(&file, ctx, "load_pth", path))
        return NULL;
    if (file.size < 2 || tn__file_read(&file, 0, start, 2))
        dict = memcmp(start, "PK", 2) == 0 ? read_zip(&file) : tn__read_pth(&file, NULL);
    tn__file_close(&file);
    return dict;
}
