/* dict.h - dictionaries: named tensors in order.
 *
 * Files of several tensors are read into dictionaries and written from them, and the state of a
 * module, an optimiser, a schedule or a loader is one. A dictionary owns its tensors, which are
 * views: it shares their storage with whatever they were made from. */
#ifndef TN_DICT_H
#define TN_DICT_H

#include <tn/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Named tensors, in the order in which they were set. */
typedef struct tn_dict tn_dict;

/* An empty dictionary. It lives until tn_dict_free, or goes with the context. */
TN_API tn_dict *tn_dict_new(tn_ctx *ctx);

/* Frees the dictionary with the tensors that it owns. NULL is allowed. */
TN_API void tn_dict_free(tn_dict *dict);

/* Sets `name` to a view of t that the dictionary owns; a name that is there already is replaced. */
TN_API tn_status tn_dict_set(tn_dict *dict, const char *name, const tn_tensor *t);

/* How many entries there are; 0 for NULL. */
TN_API int64_t tn_dict_count(const tn_dict *dict);

/* The name of entry i in the order in which they were set; NULL out of range. It belongs to the
 * dictionary, and stays until the entry goes. */
TN_API const char *tn_dict_name(const tn_dict *dict, int64_t i);

/* The tensor of entry i, which belongs to the dictionary; NULL out of range. */
TN_API tn_tensor *tn_dict_at(const tn_dict *dict, int64_t i);

/* The tensor under that name, which belongs to the dictionary; NULL if there is none. */
TN_API tn_tensor *tn_dict_get(const tn_dict *dict, const char *name);

/* Sets the entries of `from`, each under its name with `prefix` in front (NULL: none). */
TN_API tn_status tn_dict_update(tn_dict *dict, const char *prefix, const tn_dict *from);

/* A new dictionary of the entries whose names begin with `prefix`, under what follows it. NULL
 * chooses all. */
TN_API tn_dict *tn_dict_select(const tn_dict *dict, const char *prefix);

/* A new dictionary with a contiguous copy of each tensor, such as the best weights so far, which
 * later steps do not change. NULL for NULL, or if memory is short. */
TN_API tn_dict *tn_dict_clone(const tn_dict *dict);

#ifdef __cplusplus
}
#endif

#endif
