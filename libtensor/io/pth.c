/* pth.c - PyTorch's files (PyTorch: torch.serialization) in their two formats. Both hold a pickle
 * that describes the object which was saved; its tensors are views of storages, which lie outside.
 *
 * Since PyTorch 1.6 the file is a zip archive of NAME/data.pkl and, for each storage,
 * NAME/data/KEY. The older format is a row of pickles: a magic number, a version, facts about the
 * machine, the object, the list of the storages' keys; then for each of these the count of its
 * elements in 64 bits, and the elements. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tn/io.h>
#include "base/index.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "io/file.h"
#include "io/formats.h"
#include "io/numbers.h"
#include "io/pickle.h"
#include "io/stream.h"
#include "io/zip.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"
#include "tensor/tensor.h"

#define MAGIC "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
#define MAGIC_TEXT "119547037146038801333356L" /* in protocol 1 */
#define LEGACY_VERSION 1001
#define MAX_DEPTH 64
#define TOO_DEEP "it is nested more than 64 deep"
#define MAX_NAME 1024

/* Limits of the walk through the object, in units of roughly a byte of memory: the work allowed for
 * each byte of the file and in any case, and the work for a value, for a layer of what makes a
 * tensor, and for a tensor. */
enum { WORK = 256, FIXED_WORK = 32768, VALUE_WORK = 16, LAYER_WORK = 128, TENSOR_WORK = 512 };

#define ALL_THAT_IS_READ \
    "tensors of real numbers in dictionaries, lists and tuples are all that is read"

typedef struct storage {
    const char *key;
    tn__number number;
    bool untyped; /* bytes; the tensor that uses them says what they are */
    int64_t numel;
    int64_t offset; /* of the elements, in the older format; 0: not found */
    /* A tensor of the dictionary that has it, as it is and with other signs; NULL: none yet. */
    const tn_tensor *t[2];
} storage;

typedef struct reader {
    tn__file *file;
    bool big_endian;   /* the elements in an archive */
    tn__pickle pickle; /* of the object */
    storage *storages;
    int64_t count, capacity;
    tn__index index; /* of the storages */
    tn__zip *zip;    /* NULL: the older format */
    tn__index entries;
    char *folder; /* NAME */
    tn_dict *dict;
    int64_t budget; /* of work */
    char name[MAX_NAME];
} reader;

/* ---- storages -------------------------------------------------------------------------------- */

static bool fail(const reader *r, const char *reason)
{
    tn__file_fail(r->file, "%s", reason);
    return false;
}

/* A pickle can use a few bytes in many places, so the size of the file limits the work. */
static bool charge(reader *r, int64_t work)
{
    r->budget -= work;
    if (r->budget >= 0)
        return true;
    r->file->part = NULL;
    return fail(r, "it uses the same values too often");
}

static const tn__value *value(const reader *r, int64_t number)
{
    return tn__pickle_value(&r->pickle, number);
}

static const char *text(const reader *r, int64_t number)
{
    return tn__pickle_text(&r->pickle, value(r, number));
}

static bool is_text(const reader *r, int64_t number)
{
    return value(r, number)->kind == TN__TEXT;
}

static bool is_flag(const reader *r, int64_t number)
{
    const tn__value *v = value(r, number);
    return v->kind == TN__INT && (v->u.integer == 0 || v->u.integer == 1);
}

static bool is_storage_class(const tn__value *v)
{
    tn__class class = tn__pickle_class(v);
    return v->kind == TN__CLASS && (class == TN__STORAGE || class == TN__BYTES_STORAGE);
}

static int64_t find_key(const reader *r, const char *key)
{
    return tn__index_find(&r->index, r->storages, sizeof *r->storages, key,
                          tn__hash(r->file->ctx, key));
}

/* The number of the storage whose key is this value; -1 if there is none. A text is looked up once,
 * however often it is used. */
static int64_t find_storage(reader *r, int64_t key)
{
    tn__value *v = tn__pickle_value(&r->pickle, key);
    if (!v->mark)
        v->mark = 1 + (int32_t)find_key(r, text(r, key));
    return v->mark - 1;
}

/* Adds the storage of this key, or finds it again; returns its number or -1. */
static int64_t add_storage(reader *r, int64_t key, const storage *s)
{
    tn_ctx *ctx = r->file->ctx;
    int64_t i = find_storage(r, key);
    const storage *old = i >= 0 ? &r->storages[i] : NULL;
    if (old && old->numel == s->numel && old->number.kind == s->number.kind &&
        old->number.size == s->number.size && old->untyped == s->untyped)
        return i;
    if (old) {
        tn__file_fail(r->file, "storage %.40s is described in two ways", s->key);
        return -1;
    }
    if (!tn__reserve(ctx, &r->storages, &r->capacity, r->count + 1, sizeof *r->storages) ||
        !tn__index_reserve(ctx, &r->index, r->count + 1))
        return -1;
    r->storages[r->count++] = *s;
    tn__index_add(&r->index, tn__hash(ctx, s->key), r->count - 1);
    tn__pickle_value(&r->pickle, key)->mark = (int32_t)r->count;
    return r->count - 1;
}

/* A persistent value is ('storage', class, key, device, count), followed in the older format by the
 * storage that it is a part of, or None; or it is a class with its source, which is passed over. */
static bool describe(reader *r, tn__value *persistent)
{
    int64_t items[6];
    int64_t n = tn__pickle_items(&r->pickle, persistent->u.arguments, items, 6);
    if (n > 0 && is_text(r, items[0]) && strcmp(text(r, items[0]), "module") == 0)
        return true;
    if (n < 5 || n > 6 || !is_text(r, items[0]) || strcmp(text(r, items[0]), "storage") != 0 ||
        !is_storage_class(value(r, items[1])) || !is_text(r, items[2]) ||
        value(r, items[4])->kind != TN__INT)
        return fail(r, "a storage is not described as PyTorch does it");
    if (n == 6 && value(r, items[5])->kind != TN__NONE)
        return fail(r, "storages that are parts of others cannot be read");
    storage s = {.key = text(r, items[2]),
                 .number = tn__pickle_number(value(r, items[1])),
                 .untyped = tn__pickle_class(value(r, items[1])) == TN__BYTES_STORAGE,
                 .numel = value(r, items[4])->u.integer};
    s.number.big_endian = r->big_endian;
    if (s.numel < 0)
        return tn__file_fail(r->file, "storage %.40s has %lld elements", s.key, (long long)s.numel);
    persistent->mark = 1 + (int32_t)add_storage(r, items[2], &s);
    return persistent->mark > 0;
}

static bool find_storages(reader *r)
{
    for (int64_t i = 0; i < r->pickle.n_values; i++)
        if (value(r, i)->kind == TN__PERSISTENT && !describe(r, tn__pickle_value(&r->pickle, i)))
            return false;
    return true;
}

static void free_storages(reader *r)
{
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
    if (!s->offset) {
        tn__file_fail(r->file, "there is no storage %.40s", s->key);
        return NULL;
    }
    return tn__stream_new(r->file, s->offset, s->numel * s->number.size, TN__PLAIN);
}

/* A tensor with the whole storage: one that the dictionary has already, or a new one in *made. The
 * elements go straight from the file to where they stay. */
static const tn_tensor *load_storage(const reader *r, const storage *s, bool negative,
                                     tn_tensor **made)
{
    if (s->t[negative])
        return s->t[negative];
    tn__stream *stream = open_storage(r, s);
    tn_tensor *t = stream ? tn__read_array(stream, s->number, 1, &s->numel, false) : NULL;
    tn__stream_free(stream);
    for (int64_t i = 0; t && negative && i < s->numel; i++) {
        char *p = (char *)tn__ptr(t) + (size_t)i * tn_dtype_size(t->dtype);
        tn__store_f64(t->dtype, p, -tn__load_f64(t->dtype, p));
    }
    return *made = t;
}

/* ---- tensors --------------------------------------------------------------------------------- */

/* A tuple of integers, or torch.Size of one, that are at least 0; -1 if it is not that. */
static int64_t sizes_of(const reader *r, int64_t number, int64_t *sizes)
{
    int64_t items[TN_MAX_DIMS], first;
    const tn__value *v = value(r, number);
    if (tn__pickle_class(v) == TN__SIZE && v->kind == TN__CALL &&
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

/* The number of the element after the last one, where there are elements; -1 if that is beyond 63
 * bits. */
static int64_t end_of(int ndim, const int64_t *shape, const int64_t *strides, int64_t offset)
{
    int64_t last = offset, step;
    for (int i = 0; i < ndim; i++)
        if (__builtin_mul_overflow(shape[i] - 1, strides[i], &step) ||
            __builtin_add_overflow(last, step, &last))
            return -1;
    return last < INT64_MAX ? last + 1 : -1;
}

typedef struct view {
    storage *s;
    bool negative; /* the numbers have other signs than in the storage */
    int ndim;
    int64_t shape[TN_MAX_DIMS], strides[TN_MAX_DIMS], offset;
} view;

static bool check_view(const reader *r, const view *v)
{
    tn_text shape = tn_shape_text(v->ndim, v->shape), strides = tn_shape_text(v->ndim, v->strides);
    int64_t numel = tn__numel_of(v->ndim, v->shape, 8);
    if (numel < 0)
        return tn__file_fail(r->file, "its size %s is too large", shape.s);
    if (numel == 0)
        return true;
    int64_t end = end_of(v->ndim, v->shape, v->strides, v->offset);
    return (end >= 0 && end <= v->s->numel) ||
           tn__file_fail(r->file,
                         "shape %s with strides %s at %lld does not fit a storage of %lld elements",
                         shape.s, strides.s, (long long)v->offset, (long long)v->s->numel);
}

/* A file may give any stride along a dimension without a second element, and any offset of a tensor
 * without elements. This replaces strides beyond the storage, and both of a tensor without
 * elements, by the values of a contiguous tensor: no product of strides overflows then. */
static void tame_view(view *v)
{
    int64_t contiguous[TN_MAX_DIMS];
    bool empty = tn__numel_of(v->ndim, v->shape, 1) == 0;
    tn__contiguous_strides(v->ndim, v->shape, contiguous);
    v->offset = empty ? 0 : v->offset;
    for (int i = 0; i < v->ndim; i++)
        if (empty || (v->shape[i] == 1 && v->strides[i] > v->s->numel))
            v->strides[i] = contiguous[i];
}

/* Storage, offset, size and strides: what all kinds of tensors begin with. */
static bool parse_view(const reader *r, const int64_t *items, view *v)
{
    const tn__value *persistent = value(r, items[0]);
    if (persistent->kind != TN__PERSISTENT || persistent->mark == 0 ||
        value(r, items[1])->kind != TN__INT)
        return fail(r, "a tensor is not described as PyTorch does it");
    int64_t ndim = sizes_of(r, items[2], v->shape), n_strides = sizes_of(r, items[3], v->strides);
    v->offset = value(r, items[1])->u.integer;
    if (ndim < 0 || n_strides != ndim || v->offset < 0)
        return fail(r, "its shape, strides or offset are none");
    if (ndim > TN_MAX_DIMS)
        return tn__file_fail(r->file, "it has more than %d dimensions", TN_MAX_DIMS);
    v->ndim = (int)ndim;
    v->s = &r->storages[persistent->mark - 1];
    return true;
}

/* A dictionary's tensors require no gradients, so that it does not matter whether this one did; a
 * hook would be a function. */
static bool check_training(const reader *r, int64_t requires_grad, int64_t hooks)
{
    const tn__value *v = value(r, hooks);
    if (!is_flag(r, requires_grad))
        return fail(r, "its requires_grad is neither True nor False");
    return v->kind == TN__NONE || (v->kind == TN__DICT && v->u.items.first < 0) ||
           fail(r, "it has backward hooks, which cannot be read");
}

/* Flags of a tensor: {'neg': True} says that its numbers have other signs than in the storage. */
static bool parse_metadata(reader *r, int64_t number, view *v)
{
    const tn__value *dict = value(r, number);
    const tn__link *links = r->pickle.links;
    if (dict->kind == TN__NONE)
        return true;
    if (dict->kind != TN__DICT)
        return fail(r, "its metadata is no dictionary");
    for (int32_t at = dict->u.items.first; at >= 0; at = links[links[at].next].next) {
        int32_t key = links[at].value, flag = links[links[at].next].value;
        bool is_neg = is_text(r, key) && strcmp(text(r, key), "neg") == 0;
        bool is_conj = is_text(r, key) && strcmp(text(r, key), "conj") == 0;
        if (!charge(r, VALUE_WORK))
            return false;
        if (!(is_neg || is_conj) || !is_flag(r, flag) || (is_conj && value(r, flag)->u.integer))
            return tn__file_fail(r->file, "its metadata '%.40s' cannot be read",
                                 is_text(r, key) ? text(r, key) : "");
        v->negative = is_neg ? value(r, flag)->u.integer : v->negative;
    }
    return !v->negative || v->s->number.kind == TN__FLOAT || v->s->number.kind == TN__BFLOAT ||
           tn__file_fail(r->file, "its metadata 'neg' cannot be read for %s",
                         tn__number_name(v->s->number));
}

/* Bytes become numbers by the first tensor that says what they are. */
static bool set_type(const reader *r, int64_t dtype, storage *s)
{
    const tn__value *class = value(r, dtype);
    if (class->kind != TN__CLASS || tn__pickle_class(class) != TN__DTYPE)
        return tn__file_fail(r->file, "its dtype %s cannot be read",
                             class->kind == TN__CLASS || class->kind == TN__OPAQUE
                                 ? tn__pickle_name(&r->pickle, class)
                                 : "is none and");
    tn__number number = tn__pickle_number(class);
    if (!s->untyped)
        return (number.kind == s->number.kind && number.size == s->number.size) ||
               tn__file_fail(r->file, "storage %.40s is of %s and of %s", s->key,
                             tn__number_name(s->number), tn__number_name(number));
    if (s->numel % number.size != 0)
        return tn__file_fail(r->file, "storage %.40s of %lld bytes cannot be of %s", s->key,
                             (long long)s->numel, tn__number_name(number));
    number.big_endian = s->number.big_endian;
    s->number = number;
    s->numel /= number.size;
    s->untyped = false;
    return true;
}

/* _rebuild_tensor(storage, offset, size, strides), with requires_grad, backward hooks and perhaps
 * metadata in v2; v3 has a dtype in front of the metadata. */
static bool parse_tensor(reader *r, tn__class class, int64_t arguments, view *v)
{
    int64_t items[8], n = tn__pickle_items(&r->pickle, arguments, items, 8);
    int64_t least = class == TN__TENSOR_V1 ? 4 : class == TN__TENSOR_V2 ? 6 : 7;
    if (n < least || n > (class == TN__TENSOR_V1 ? least : least + 1))
        return fail(r, "a tensor is not described as PyTorch does it");
    if (!parse_view(r, items, v) ||
        (class != TN__TENSOR_V1 && !check_training(r, items[4], items[5])) ||
        (class == TN__TENSOR_V3 && !set_type(r, items[6], v->s)))
        return false;
    if (v->s->untyped)
        return fail(r, "its storage has no type");
    if ((n > least && !parse_metadata(r, items[least], v)) || !check_view(r, v))
        return false;
    tame_view(v);
    return true;
}

/* Views of one storage stay views of one. */
static bool set_tensor(reader *r, const view *v)
{
    tn_tensor *made = NULL;
    if (tn_dict_get(r->dict, r->name))
        return fail(r, "there are two tensors of this name");
    const tn_tensor *all = load_storage(r, v->s, v->negative, &made);
    tn_tensor *t =
        all ? tn__view(r->file->ctx, all, v->ndim, v->shape, v->strides, v->offset) : NULL;
    bool ok = t && tn_dict_set(r->dict, r->name, t) == TN_OK;
    tn_free(t);
    tn_free(made);
    if (ok)
        v->s->t[v->negative] = tn_dict_at(r->dict, tn_dict_count(r->dict) - 1);
    return ok;
}

static bool add_tensor(reader *r, tn__class class, int64_t arguments)
{
    view v = {0};
    return charge(r, TENSOR_WORK + (int64_t)strlen(r->name)) &&
           parse_tensor(r, class, arguments, &v) && set_tensor(r, &v);
}

/* ---- what holds tensors ---------------------------------------------------------------------- */

/* The mark of a value that holds others: a tensor or a storage can be reached from it, it is being
 * walked through, or was. */
enum { HOLDS = 1, OPEN, WALKED };

static bool is_tensor(const tn__value *v)
{
    tn__class class = tn__pickle_class(v);
    return v->kind == TN__CALL && class >= TN__TENSOR_V1 && class <= TN__FROM_TYPE;
}

static bool is_container(const tn__value *v)
{
    return v->kind == TN__TUPLE || v->kind == TN__LIST || v->kind == TN__DICT ||
           v->kind == TN__OPAQUE;
}

static bool holds_tensors(const tn__value *v)
{
    return is_tensor(v) || ((v->kind == TN__PERSISTENT || is_container(v)) && v->mark != 0);
}

/* Of a link: the container that it belongs to, and another link to the same value; -1: none. */
typedef struct use {
    int32_t container, next;
} use;

/* The uses of each value, from `first` on. */
static void list_uses(const tn__pickle *p, int32_t *first, use *uses)
{
    for (int64_t i = 0; i < p->n_values; i++)
        first[i] = -1;
    for (int64_t i = 0; i < p->n_values; i++) {
        const tn__value *v = tn__pickle_value(p, i);
        for (int32_t at = is_container(v) ? v->u.items.first : -1; at >= 0;
             at = p->links[at].next) {
            uses[at] = (use){(int32_t)i, first[p->links[at].value]};
            first[p->links[at].value] = at;
        }
    }
}

/* Marks what holds tensors, what holds that, and so on. Each value is on the pile once. */
static void mark_holders(const tn__pickle *p, const int32_t *first, const use *uses, int32_t *pile)
{
    int64_t piled = 0;
    for (int64_t i = 0; i < p->n_values; i++)
        if (holds_tensors(tn__pickle_value(p, i)))
            pile[piled++] = (int32_t)i;
    while (piled > 0)
        for (int32_t at = first[pile[--piled]]; at >= 0; at = uses[at].next) {
            tn__value *container = tn__pickle_value(p, uses[at].container);
            if (container->mark == 0)
                pile[piled++] = uses[at].container;
            container->mark = HOLDS;
        }
}

static bool find_holders(reader *r)
{
    const tn__pickle *p = &r->pickle;
    tn_ctx *ctx = r->file->ctx;
    int32_t *first = tn__alloc(ctx, (size_t)p->n_values * sizeof *first);
    int32_t *pile = tn__alloc(ctx, (size_t)p->n_values * sizeof *pile);
    use *uses = tn__alloc(ctx, (size_t)p->n_links * sizeof *uses);
    bool ok = first && pile && uses;
    if (ok) {
        list_uses(p, first, uses);
        mark_holders(p, first, uses, pile);
    }
    tn__free(ctx, uses);
    tn__free(ctx, pile);
    tn__free(ctx, first);
    return ok;
}

/* ---- the object ------------------------------------------------------------------------------ */

static bool walk(reader *r, int64_t number, size_t length, int depth);

/* The name ends after `length` bytes, and errors tell it. */
static void set_name(reader *r, size_t length)
{
    r->name[length] = '\0';
    r->file->part = length ? r->name : NULL;
}

static bool refuse(const reader *r, const char *why)
{
    return tn__file_fail(r->file, "%s; " ALL_THAT_IS_READ, why);
}

/* A value in which a tensor would have no name, for a reason. */
static bool pass_over(reader *r, int64_t number, size_t length, const char *why)
{
    set_name(r, length);
    return !holds_tensors(value(r, number)) || refuse(r, why);
}

/* Writes a key behind the first *length bytes of the name, with a dot between them but for the keys
 * of the object itself, at depth 1; false if that is too long. */
static bool add_key(reader *r, size_t *length, const char *key, int depth)
{
    size_t room = MAX_NAME - *length;
    int n = snprintf(r->name + *length, room, "%s%s", depth > 1 ? "." : "", key);
    *length += n < (int)room ? (size_t)n : 0;
    return n < (int)room;
}

#define LONG_NAME "it has a name of more than 1023 bytes"
#define NO_NAME "it has a key that is neither text nor an integer"

static bool walk_item(reader *r, const char *key, int64_t number, size_t length, int depth)
{
    return add_key(r, &length, key, depth) ? walk(r, number, length, depth)
                                           : pass_over(r, number, length, LONG_NAME);
}

static bool walk_list(reader *r, const tn__value *list, size_t length, int depth)
{
    int64_t i = 0;
    for (int32_t at = list->u.items.first; at >= 0; at = r->pickle.links[at].next, i++) {
        char key[24];
        int32_t item = r->pickle.links[at].value;
        if (!charge(r, VALUE_WORK))
            return false;
        if (!holds_tensors(value(r, item)))
            continue;
        snprintf(key, sizeof key, "%lld", (long long)i);
        if (!walk_item(r, key, item, length, depth))
            return false;
    }
    return true;
}

/* Text is a name if it is UTF-8. */
static bool walk_named(reader *r, const tn__value *key, int64_t number, size_t length, int depth)
{
    const char *name = tn__pickle_text(&r->pickle, key);
    if (key->u.text.length >= MAX_NAME)
        return pass_over(r, number, length, LONG_NAME);
    if (!charge(r, key->u.text.length))
        return false;
    return tn__utf8_length(name, key->u.text.length) == key->u.text.length
               ? walk_item(r, name, number, length, depth)
               : pass_over(r, number, length, NO_NAME);
}

static bool walk_pair(reader *r, int32_t key, int32_t number, size_t length, int depth)
{
    char digits[24];
    const tn__value *v = value(r, key);
    if (!holds_tensors(v) && !holds_tensors(value(r, number)))
        return true;
    if (v->kind == TN__TEXT)
        return walk_named(r, v, number, length, depth);
    if (v->kind != TN__INT)
        return pass_over(r, key, length, "it is a part of a key") &&
               pass_over(r, number, length, NO_NAME);
    snprintf(digits, sizeof digits, "%lld", (long long)v->u.integer);
    return walk_item(r, digits, number, length, depth);
}

/* A key as what orders it: text, or NULL and an integer. */
typedef struct dict_key {
    const char *text;
    int64_t integer;
} dict_key;

static int compare_keys(const void *a, const void *b)
{
    const dict_key *x = a, *y = b;
    if (x->text && y->text)
        return strcmp(x->text, y->text);
    if (x->text || y->text)
        return x->text ? 1 : -1;
    return (x->integer > y->integer) - (x->integer < y->integer);
}

/* The keys of a dictionary that may be names; returns how many, with or without an array for
 * them. */
static int64_t list_keys(const reader *r, const tn__value *dict, dict_key *keys)
{
    const tn__link *links = r->pickle.links;
    int64_t count = 0;
    for (int32_t at = dict->u.items.first; at >= 0; at = links[links[at].next].next) {
        const tn__value *v = value(r, links[at].value);
        if (v->kind != TN__INT && (v->kind != TN__TEXT || v->u.text.length >= MAX_NAME))
            continue;
        if (keys)
            keys[count] = v->kind == TN__INT ? (dict_key){.integer = v->u.integer}
                                             : (dict_key){.text = tn__pickle_text(&r->pickle, v)};
        count++;
    }
    return count;
}

static bool fail_key(const reader *r, const dict_key *key)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%lld", (long long)key->integer);
    return tn__file_fail(r->file, "there are two values of the key '%.40s'",
                         key->text ? key->text : digits);
}

/* Python would keep the last of two values of a key, and never writes two. */
static bool check_keys(const reader *r, const tn__value *dict)
{
    int64_t count = list_keys(r, dict, NULL);
    dict_key *keys = tn__alloc(r->file->ctx, (size_t)count * sizeof *keys);
    const dict_key *twice = NULL;
    if (!keys)
        return false;
    list_keys(r, dict, keys);
    qsort(keys, (size_t)count, sizeof *keys, compare_keys);
    for (int64_t i = 1; i < count && !twice; i++)
        twice = compare_keys(&keys[i - 1], &keys[i]) == 0 ? &keys[i] : NULL;
    bool ok = !twice || fail_key(r, twice);
    tn__free(r->file->ctx, keys);
    return ok;
}

static bool walk_dict(reader *r, const tn__value *dict, size_t length, int depth)
{
    const tn__link *links = r->pickle.links;
    for (int32_t at = dict->u.items.first; at >= 0; at = links[links[at].next].next)
        if (!charge(r, VALUE_WORK) ||
            !walk_pair(r, links[at].value, links[links[at].next].value, length, depth))
            return false;
    return true;
}

static bool rebuild(reader *r, tn__class class, int64_t arguments, size_t length, int depth);

/* _rebuild_parameter(data, requires_grad, backward hooks), and perhaps its attributes. */
static bool rebuild_parameter(reader *r, int64_t most, int64_t arguments, size_t length, int depth)
{
    int64_t items[4], n = tn__pickle_items(&r->pickle, arguments, items, 4);
    if (n != most || !is_tensor(value(r, items[0])))
        return fail(r, "a parameter is not described as PyTorch does it");
    const tn__value *data = value(r, items[0]);
    return check_training(r, items[1], items[2]) &&
           rebuild(r, tn__pickle_class(data), data->u.arguments, length, depth + 1) &&
           (n == 3 || pass_over(r, items[3], length, "it is a tensor's attribute"));
}

/* _rebuild_from_type_v2(function, type, arguments, attributes) calls the function, and then makes
 * what it got one of the type. */
static bool rebuild_from_type(reader *r, int64_t arguments, size_t length, int depth)
{
    int64_t items[4];
    if (tn__pickle_items(&r->pickle, arguments, items, 4) != 4 ||
        value(r, items[0])->kind != TN__CLASS || value(r, items[1])->kind != TN__CLASS ||
        value(r, items[2])->kind != TN__TUPLE)
        return fail(r, "a tensor with attributes is not described as PyTorch does it");
    if (tn__pickle_class(value(r, items[1])) != TN__TENSOR_TYPE)
        return tn__file_fail(r->file, "it is a %s; " ALL_THAT_IS_READ,
                             tn__pickle_name(&r->pickle, value(r, items[1])));
    tn__class function = tn__pickle_class(value(r, items[0]));
    if (function < TN__TENSOR_V1 || function > TN__FROM_TYPE)
        return tn__file_fail(r->file, "it is made by %s; " ALL_THAT_IS_READ,
                             tn__pickle_name(&r->pickle, value(r, items[0])));
    return rebuild(r, function, items[2], length, depth + 1) &&
           pass_over(r, items[3], length, "it is a tensor's attribute");
}

/* A tensor, or what one is made of: `depth` counts these alone. */
static bool rebuild(reader *r, tn__class class, int64_t arguments, size_t length, int depth)
{
    if (depth > MAX_DEPTH)
        return refuse(r, TOO_DEEP);
    if (!charge(r, LAYER_WORK))
        return false;
    switch (class) {
    case TN__PARAMETER:
        return rebuild_parameter(r, 3, arguments, length, depth);
    case TN__STATE_PARAMETER:
        return rebuild_parameter(r, 4, arguments, length, depth);
    case TN__FROM_TYPE:
        return rebuild_from_type(r, arguments, length, depth);
    default:
        return add_tensor(r, class, arguments);
    }
}

/* Nothing that an opaque value is made of has a name. */
static bool refuse_opaque(const reader *r, const tn__value *v)
{
    char why[256];
    snprintf(why, sizeof why, "it is a part of %s", tn__pickle_name(&r->pickle, v));
    return refuse(r, why);
}

/* One that is met again in itself is passed over there: its tensors have names already. */
static bool walk_container(reader *r, tn__value *v, size_t length, int depth)
{
    if (v->mark == OPEN)
        return true;
    if (depth > MAX_DEPTH)
        return refuse(r, TOO_DEEP);
    bool ok = v->kind != TN__DICT || v->mark == WALKED || check_keys(r, v);
    v->mark = OPEN;
    ok = ok &&
         (v->kind == TN__DICT ? walk_dict(r, v, length, depth) : walk_list(r, v, length, depth));
    v->mark = WALKED;
    return ok;
}

/* Adds the tensors in a value, whose name has `length` bytes. */
static bool walk(reader *r, int64_t number, size_t length, int depth)
{
    tn__value *v = tn__pickle_value(&r->pickle, number);
    set_name(r, length);
    if (!holds_tensors(v) || v->kind == TN__PERSISTENT)
        return true;
    if (v->kind == TN__OPAQUE)
        return refuse_opaque(r, v);
    return v->kind == TN__CALL ? rebuild(r, tn__pickle_class(v), v->u.arguments, length, 0)
                               : walk_container(r, v, length, depth + 1);
}

static bool add_tensors(reader *r)
{
    const tn__value *root = value(r, r->pickle.root);
    r->budget = tn__file_bound(r->file, FIXED_WORK, WORK);
    r->dict = tn_dict_new(r->file->ctx);
    if (!r->dict)
        return false;
    if (root->kind == TN__OPAQUE || root->kind == TN__CLASS)
        return tn__file_fail(r->file, "it is %s; " ALL_THAT_IS_READ,
                             tn__pickle_name(&r->pickle, root));
    return find_holders(r) && walk(r, r->pickle.root, 0, 0) &&
           pass_over(r, TN__ATTRIBUTES, 0, "it is an attribute of a dictionary");
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

/* Checks that no name is in the archive twice, and that one entry is the object. */
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
    if (!entry)
        return tn_ok(r->file->ctx);
    tn__stream *s = tn__zip_stream(r->zip, entry);
    int64_t n = s ? tn__stream_read(s, order, sizeof order - 1) : -1;
    bool ok = n >= 0 && tn__stream_drain(s) >= 0;
    tn__stream_free(s);
    r->big_endian = n == 3 && memcmp(order, "big", 3) == 0;
    return ok && (r->big_endian || (n == 6 && memcmp(order, "little", 6) == 0) ||
                  tn__file_fail(r->file, "the byte order '%s' is unknown", order));
}

/* Ignores what follows the pickle, as PyTorch does, but reads it, which checks the CRC-32 of the
 * entry. */
static bool read_object(reader *r, tn__stream *s)
{
    tn__pickle_input in = {.s = s};
    return tn__pickle_read(&r->pickle, &in) && tn__stream_drain(s) >= 0;
}

static bool read_archive(reader *r)
{
    if (r->zip->shift != 0)
        return tn__file_fail(r->file, "%lld bytes are in front of the archive",
                             (long long)r->zip->shift);
    if (!index_entries(r) || !find_folder(r) || !read_byte_order(r))
        return false;
    const tn__zip_entry *entry = find_entry(r, OBJECT, "");
    tn__stream *s = entry ? tn__zip_stream(r->zip, entry) : NULL;
    bool ok = s && read_object(r, s);
    tn__stream_free(s);
    return ok;
}

/* ---- the older format ------------------------------------------------------------------------ */

static bool is_bytes(const tn__pickle *p, const tn__value *v, const char *bytes, int64_t length)
{
    return v->kind == TN__BYTES && v->u.text.length == length &&
           memcmp(tn__pickle_text(p, v), bytes, (size_t)length) == 0;
}

static bool check_magic(tn__pickle *p)
{
    const tn__value *v = tn__pickle_value(p, p->root);
    return is_bytes(p, v, MAGIC, sizeof MAGIC - 1) ||
           is_bytes(p, v, MAGIC_TEXT, sizeof MAGIC_TEXT - 1) ||
           tn__file_fail(p->file, "not a PyTorch file: the magic number is another one");
}

static bool check_version(tn__pickle *p)
{
    const tn__value *v = tn__pickle_value(p, p->root);
    return (v->kind == TN__INT && v->u.integer == LEGACY_VERSION) ||
           tn__file_fail(p->file, "not version %d of the older PyTorch files", LEGACY_VERSION);
}

/* The magic number, the version, and facts about the machine that wrote the file, which PyTorch
 * passes over: counts and elements have the least significant byte first on every machine. */
static bool read_preamble(tn__pickle_input *in)
{
    bool (*const checks[])(tn__pickle * p) = {check_magic, check_version, NULL};
    bool ok = true;
    for (int i = 0; ok && i < 3; i++) {
        tn__pickle p;
        ok = tn__pickle_read(&p, in) && (!checks[i] || checks[i](&p));
        tn__pickle_free(&p);
    }
    return ok;
}

/* The storage at *position, which moves on behind it. */
static bool place_storage(reader *r, const char *key, int64_t *position)
{
    unsigned char bytes[8];
    int64_t i = find_key(r, key);
    storage *s = i >= 0 ? &r->storages[i] : NULL;
    if (!s || s->offset)
        return tn__file_fail(r->file, "storage %.40s is listed %s", key,
                             s ? "twice" : "but not described");
    if (!tn__file_read(r->file, *position, bytes, sizeof bytes))
        return false;
    uint64_t numel = tn__load_bytes(bytes, 8, false);
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
    for (int32_t at = list->u.items.first; at >= 0; at = keys->links[at].next) {
        const tn__value *key = tn__pickle_value(keys, keys->links[at].value);
        if (key->kind != TN__TEXT)
            return fail(r, "the key of a storage is no text");
        if (!place_storage(r, tn__pickle_text(keys, key), &position))
            return false;
    }
    return true;
}

static bool read_pickles(reader *r, tn__stream *s)
{
    tn__pickle keys = {0};
    tn__pickle_input in = {.s = s};
    bool ok = read_preamble(&in) && tn__pickle_read(&r->pickle, &in) && find_storages(r) &&
              tn__pickle_read(&keys, &in) && place_storages(r, &keys, in.position);
    tn__pickle_free(&keys);
    return ok;
}

static bool is_tar(const reader *r)
{
    char magic[5] = "";
    return r->file->size >= 512 && tn__file_read(r->file, 257, magic, sizeof magic) &&
           memcmp(magic, "ustar", sizeof magic) == 0;
}

static bool read_legacy(reader *r)
{
    if (is_tar(r))
        return fail(r, "the tar format of PyTorch before 0.1.10 cannot be read");
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
    file->part = NULL;
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

static tn_dict *load(tn__file *file)
{
    char start[4] = "";
    tn_dict *dict = NULL;
    if (file->size < 4 || tn__file_read(file, 0, start, sizeof start))
        dict = memcmp(start, "PK\3\4", 4) == 0 ? read_zip(file) : tn__read_pth(file, NULL);
    tn__file_close(file);
    return dict;
}

tn_dict *tn_load_pth(tn_ctx *ctx, const char *path)
{
    tn__file file;
    return tn__file_open(&file, ctx, "load_pth", path) ? load(&file) : NULL;
}

tn_dict *tn_load_pth_from(tn_ctx *ctx, tn_source source)
{
    tn__file file;
    return tn__file_from(&file, ctx, "load_pth_from", source) ? load(&file) : NULL;
}
