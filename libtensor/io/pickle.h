/* pickle.h - what a pickle describes, as a graph of values. Nothing is ever run: what a pickle
 * wants to have called is a value of its own. */
#ifndef TN_IO_PICKLE_H
#define TN_IO_PICKLE_H

#include "io/file.h"
#include "io/numbers.h"
#include "io/stream.h"

/* The things that a pickle may refer to by name and that mean something here; the others are
 * opaque. */
typedef enum tn__class {
    TN__UNKNOWN,
    TN__ORDERED_DICT,    /* collections.OrderedDict */
    TN__DEFAULT_DICT,    /* collections.defaultdict */
    TN__TENSOR_V1,       /* torch._utils._rebuild_tensor */
    TN__TENSOR_V2,       /* _rebuild_tensor_v2 */
    TN__TENSOR_V3,       /* _rebuild_tensor_v3 */
    TN__PARAMETER,       /* _rebuild_parameter */
    TN__STATE_PARAMETER, /* _rebuild_parameter_with_state */
    TN__FROM_TYPE,       /* torch._tensor._rebuild_from_type_v2 */
    TN__TENSOR_TYPE,     /* torch.Tensor and torch.nn.parameter.Parameter */
    TN__SIZE,            /* torch.Size */
    TN__STORAGE,         /* torch.FloatStorage and its kin */
    TN__BYTES_STORAGE,   /* torch.storage.UntypedStorage */
    TN__DTYPE            /* torch.float32 and its kin */
} tn__class;

typedef enum tn__value_kind {
    TN__NONE,
    TN__INT, /* and True and False */
    TN__REAL,
    TN__TEXT,  /* without a zero in it, where it would seem to end */
    TN__BYTES, /* and text with a zero in it, and integers of more than 64 bits */
    TN__TUPLE,
    TN__LIST,
    TN__DICT,
    TN__CLASS,
    TN__CALL,       /* of a class that means something, with arguments */
    TN__OPAQUE,     /* what anything else was to make */
    TN__PERSISTENT, /* what is described by a tuple, and lies outside of the pickle */
} tn__value_kind;

/* Values refer to others by their numbers. There can be as many as bytes in the file, so that their
 * size matters. */
typedef struct tn__value {
    unsigned char kind; /* a tn__value_kind */
    unsigned char row;  /* of a class or a call: see tn__pickle_class */
    int32_t mark;       /* 0; for those who walk through the values */
    union {
        int64_t integer;
        double real;
        struct {
            int64_t at, length;
        } text; /* in the pickle's text, ended by a zero; and the name of a class */
        struct {
            int32_t first, last; /* links; in a dictionary key, value, key, value... */
            int32_t maker;       /* of what is opaque; -1: an opcode */
        } items;
        int32_t arguments; /* of a call, or of what is persistent: a tuple */
    } u;
} tn__value;

typedef struct tn__link {
    int32_t value;
    int32_t next; /* a link's number; -1: the last */
} tn__link;

/* A stream through a buffer: several pickles can follow each other. */
typedef struct tn__pickle_input {
    tn__stream *s;
    int64_t position; /* bytes used */
    int64_t at, filled;
    unsigned char buffer[4096];
} tn__pickle_input;

#define TN__BLOCK_VALUES 1024

/* Memory is proportional to the bytes read, and to the size of the file. */
typedef struct tn__pickle {
    tn__pickle_input *in;
    tn__file *file;
    tn__value **blocks; /* of values */
    tn__link *links;
    char *text;
    int32_t *stack; /* values; -1 is a mark */
    int32_t *memo;  /* values; -1 where there is none */
    int64_t n_values, blocks_capacity, n_links, links_capacity, n_text, text_capacity, n_stack,
        stack_capacity, n_memo, memo_capacity;
    int64_t memoized; /* places of the memo that have a value */
    int64_t start;    /* where it begins in the input */
    int32_t root;     /* the value that it is */
} tn__pickle;

/* The list of what dictionaries got for attributes. */
#define TN__ATTRIBUTES 0

/* Reads one pickle; to be freed in any case. */
bool tn__pickle_read(tn__pickle *p, tn__pickle_input *in);
void tn__pickle_free(tn__pickle *p);

tn__value *tn__pickle_value(const tn__pickle *p, int64_t number);
const char *tn__pickle_text(const tn__pickle *p, const tn__value *value);

/* Of a class or a call, and what numbers a storage or dtype has. */
tn__class tn__pickle_class(const tn__value *value);
tn__number tn__pickle_number(const tn__value *value);

/* "numpy.core.multiarray.scalar": the name of a class, or of what was to make an opaque value. */
const char *tn__pickle_name(const tn__pickle *p, const tn__value *value);

/* The first items of a tuple or list, at most `most`; returns how many there are, most + 1 standing
 * for more, or -1 if the value is something else. */
int64_t tn__pickle_items(const tn__pickle *p, int64_t number, int64_t *items, int64_t most);

#endif
