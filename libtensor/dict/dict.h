/* dict.h - what other rooms do with dictionaries beyond <tn/dict.h>. */
#ifndef TN_DICT_DICT_H
#define TN_DICT_DICT_H

#include <tn/dict.h>

tn_ctx *tn__dict_ctx(const tn_dict *dict);

/* False with TN_ERR_ARGUMENT recorded for NULL; false if an error is recorded. */
bool tn__check_dict(tn_ctx *ctx, const char *what, const tn_dict *dict);

/* tn_dict_set of prefix + name. */
tn_status tn__dict_set_in(tn_dict *dict, const char *prefix, const char *name, const tn_tensor *t);

/* Each gets the entries of the other. */
void tn__dict_swap(tn_dict *a, tn_dict *b);

#endif
