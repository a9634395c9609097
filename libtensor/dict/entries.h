/* entries.h - the state of an object as entries of a dictionary.
 *
 * Loading is done twice, by functions that change nothing unless they are told to apply what they
 * read: what has been checked first cannot fail then, so that several objects are loaded all
 * together or not at all. Functions that return bool record TN_ERR_FORMAT, with `what` and the
 * entry's name, before they return false. */
#ifndef TN_DICT_ENTRIES_H
#define TN_DICT_ENTRIES_H

#include <tn/dict.h>

typedef enum tn__field_type { TN__FIELD_F64, TN__FIELD_I64, TN__FIELD_BOOL } tn__field_type;

/* A number in a struct. */
typedef struct tn__field {
    const char *name;
    tn__field_type type;
    size_t offset;
    bool fixed;       /* the dictionary must have the same value; otherwise it is read, */
    double low, high; /* and must be in [low, high] */
} tn__field;

/* Sets prefix + the name of each field. */
void tn__put_fields(tn_dict *dict, const char *prefix, const tn__field *fields, int count,
                    const void *object);
bool tn__get_fields(const tn_dict *dict, const char *what, const char *prefix,
                    const tn__field *fields, int count, void *object, bool apply);

/* Integers, as TN_I64 [count], copied both ways. Those that are read must be in [low, high]. `out`
 * may be NULL. */
void tn__put_integers(tn_dict *dict, const char *name, int64_t count, const int64_t *values);
bool tn__get_integers(const tn_dict *dict, const char *what, const char *name, int64_t count,
                      int64_t low, int64_t high, int64_t *out);

/* Text, as TN_U8. The check fails unless the dictionary has exactly this text. */
void tn__put_text(tn_dict *dict, const char *name, const char *text);
bool tn__check_text(const tn_dict *dict, const char *what, const char *name, const char *expected);

/* The entry, which must have that dtype and shape. */
tn_tensor *tn__get_entry(const tn_dict *dict, const char *what, const char *name, tn_dtype dtype,
                         int ndim, const int64_t *shape);

/* One after the other. */
tn_text tn__name(const char *prefix, const char *name);

#endif
