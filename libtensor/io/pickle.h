/* pickle.h - what a pickle describes, as a graph of values. Nothing is ever run: what a pickle
 * wants to have called is a value of its own. */
#ifndef TN_IO_PICKLE_H
#define TN_IO_PICKLE_H

#include "io/io.h"

/* The things that a pickle may refer to by name. All others are refused. */
typedef enum tn__class {
    TN__ORDERED_DICT, /* collections.OrderedDict */
    TN__TENSOR,       /* torch._utils._rebuild_tensor, _rebuild_tensor_v2 */
    TN__PARAMETER,    /* torch._utils._rebuild_parameter */
    TN__SIZE,         /* torch.Size */
    TN__STORAGE,      /* torch.FloatStorage and its kin */
    TN__OPAQUE        /* torch.device, torch.float32: things without numbers */
} tn__class;

typedef enum tn__value_kind {
    TN__NONE,
    TN__INT, /* and True and False */
    TN__REAL,
    TN__TEXT, /* and bytes, and integers of more than 64 bits */
    TN__TUPLE,
    TN__LIST,
    TN__DICT,
    TN__CLASS,
    TN__CALL,      /* of a class with arguments */
    TN__PERSISTENT /* what is described by a tuple, and lies outside of the pickle */
} tn__value_kind;

/* Values refer to others by their numbers. */
typedef struct tn__value {
    tn__value_kind kind;
    tn__class class;   /* of a class or a call */
    tn__number number; /* of a storage's elements */
    union {
        int64_t integer;
        double real;
        struct {
            int64_t at, length;
        } text; /* in the pickle's text, ended by a zero */
        struct {
            int64_t first, last; /* links; those of a dictionary are key, value, key, value... */
        } items;
        int64_t arguments; /* of a call, or of what is persistent: a tuple */
    } u;
} tn__value;

typedef struct tn__link {
    int64_t value;
    int64_t next; /* a link's number; -1: the last */
} tn__link;

/* A stream through a buffer: several pickles can follow each other. */
typedef struct tn__pickle_input {
    tn__stream *s;
    int64_t position; /* bytes used */
    int64_t at, filled;
    unsigned char buffer[4096];
} tn__pickle_input;

/* Memory is proportional to the bytes read. */
typedef struct tn__pickle {
    tn__pickle_input *in;
    tn__file *file;
    tn__value *values;
    tn__link *links;
    char *text;
    int64_t *stack; /* values; -1 is a mark */
    int64_t *memo;  /* values; -1 where there is none */
    int64_t n_values, values_capacity, n_links, links_capacity, n_text, text_capacity, n_stack,
        stack_capacity, n_memo, memo_capacity;
    int64_t start; /* where it begins in the input */
    int64_t size;  /* bytes, when it has been read */
    int64_t root;  /* the value that it is */
} tn__pickle;

/* Reads one pickle; to be freed in any case. */
bool tn__pickle_read(tn__pickle *p, tn__pickle_input *in);
void tn__pickle_free(tn__pickle *p);

const tn__value *tn__pickle_value(const tn__pickle *p, int64_t number);
const char *tn__pickle_text(const tn__pickle *p, const tn__value *value);

/* The first items of a tuple or list, at most `most`; returns how many there are, most + 1 standing
 * for more, or -1 if the value is something else. */
int64_t tn__pickle_items(const tn__pickle *p, int64_t number, int64_t *items, int64_t most);

#endif
