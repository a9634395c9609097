/* data.h - what the files of this room share, and what others know beyond <tn/data.h>. */
#ifndef TN_DATA_ROOM_H
#define TN_DATA_ROOM_H

#include <stdatomic.h>
#include <tn/data.h>
#include "base/error.h"
#include "base/object.h"

/* Why a batch could not be made: what becomes the error of tn_loader_next. */
typedef struct tn__fault {
    tn_status status;
    char text[TN_ERROR_SIZE];
} tn__fault;

/* ---- samples.c: where they come from --------------------------------------------------------- */

typedef struct tn__samples {
    int64_t n, count;                           /* samples, and the tensors of each */
    tn_tensor *tensors[TN_MAX_FIELDS];          /* contiguous, shared; NULL: `get` makes them */
    double scale;                               /* of the first tensor; 0: bytes are copied */
    int64_t elements[TN_MAX_FIELDS];            /* of a sample */
    tn_dtype dtypes[TN_MAX_FIELDS];             /* in a batch */
    int ndims[TN_MAX_FIELDS];                   /* of a batch */
    int64_t shapes[TN_MAX_FIELDS][TN_MAX_DIMS]; /* of a batch, without its size in [0] */
    tn_status (*get)(int64_t sample, void *const *out, tn_text *error, void *payload);
    void *payload;
} tn__samples;

bool tn__samples_of(tn__samples *s, tn_ctx *ctx, int64_t count, const tn_tensor *const *tensors,
                    double scale);
bool tn__samples_from(tn__samples *s, tn_ctx *ctx, const tn_dataset *dataset);
void tn__samples_close(tn__samples *s);

/* Room for a batch's tensor number i, of the caller's own. */
tn_tensor *tn__samples_batch(const tn__samples *s, tn_ctx *ctx, int64_t i, int64_t size);

/* Fills `out` with samples order[first]..., or first, first + 1... if there is no order, on the
 * threads of ctx. False with the fault, or when *stop becomes true (NULL: never). */
bool tn__samples_fill(const tn__samples *s, tn_ctx *ctx, const int64_t *order, int64_t first,
                      int64_t size, tn_tensor *const *out, atomic_bool *stop, tn__fault *fault);

/* ---- sampler.c: which samples an epoch has --------------------------------------------------- */

typedef enum tn__sampler_kind {
    TN__IN_ORDER,
    TN__SHUFFLED,
    TN__WEIGHTED,
    TN__STRATIFIED
} tn__sampler_kind;

/* Labels that occur, in ascending order, and how many samples have each. */
typedef struct tn__classes {
    int64_t count;
    int64_t *labels, *sizes; /* [count] */
} tn__classes;

typedef struct tn__sampler {
    int64_t kind;                          /* of these */
    int64_t n, drawn;                      /* samples that there are; in an epoch */
    int64_t *order;                        /* [drawn]; NULL: 0, 1, 2... */
    double *cumulative;                    /* [n], of weights */
    int64_t *class_of, *shuffled, *starts; /* [n], [n], [n + 1], of strata, */
    tn__classes classes;
    int64_t *seen;  /* [classes], */
    double *shifts; /* [classes] */
} tn__sampler;

bool tn__sampler_open(tn__sampler *s, tn_ctx *ctx, int64_t n, const tn_loader_opts *opts);
void tn__sampler_close(tn__sampler *s, tn_ctx *ctx);

/* A new order, from the random stream of ctx. */
void tn__sampler_draw(tn__sampler *s, tn_ctx *ctx);

/* ---- the loader ------------------------------------------------------------------------------ */

/* Batches that are made elsewhere than in the loader's own tensors. */
typedef struct tn__batch_slot tn__batch_slot;
typedef struct tn__prefetch tn__prefetch;

struct tn_loader {
    tn__object object;
    tn_ctx *ctx;
    int64_t id;
    tn_loader_opts opts; /* without tensors */
    tn__samples samples;
    tn__sampler sampler;
    tn__prefetch *prefetch; /* NULL: batches are made where they are given */
    tn_tensor *batch[TN_MAX_FIELDS];
    int64_t room[TN_MAX_FIELDS]; /* of each, along its first dimension */
    int64_t batches;
    int64_t items, next; /* parts that are given in an epoch, and those that were */
    bool begun;          /* the epoch has its order */
    int64_t seed;        /* of the transform in this epoch */
};

/* tn_loader_load_state_dict for those who load more than one thing, see dict/entries.h: called
 * twice, `apply` the second time. Errors begin with `what`. */
bool tn__loader_load(tn_loader *loader, const char *what, const tn_dict *dict, bool apply);

/* ---- parts.c: which samples a part of a batch has ------------------------------------------ */

/* Item number i of an epoch: a part of a batch. */
typedef struct tn__item {
    int64_t batch, part; /* their numbers */
    int64_t whole;       /* samples in the batch */
    int64_t first, size; /* samples of the part, `first` among those of the epoch */
} tn__item;

tn__item tn__item_of(const tn_loader *l, int64_t i);

/* The most samples of a part: floor((i + 1) n / parts) - floor(i n / parts) is at most
 * ceil(n / parts). */
int64_t tn__most_samples(const tn_loader *l);

/* ---- slot.c: a batch in a context of its own ------------------------------------------------- */

struct tn__batch_slot {
    tn_ctx *ctx;                       /* NULL: not open */
    tn_scope scope;                    /* of what the transform has made */
    tn_tensor *targets[TN_MAX_FIELDS]; /* that are filled, */
    tn_tensor *made[TN_MAX_FIELDS];    /* and what the transform has left in their places */
    tn__fault fault;                   /* TN_OK: the batch is there */
};

/* False with TN_ERR_MEMORY in the loader's context. */
bool tn__slot_open(tn__batch_slot *slot, const tn_loader *l);
void tn__slot_close(tn__batch_slot *slot);

/* Makes a batch, in any thread. */
void tn__slot_make(tn__batch_slot *slot, const tn_loader *l, int64_t number, atomic_bool *stop);

/* ---- prefetch.c: slots that are filled ahead ------------------------------------------------- */

/* One slot that is filled when it is asked for, unless the loader's options ask for more. */
tn__prefetch *tn__prefetch_new(const tn_loader *l);
void tn__prefetch_free(tn__prefetch *p);

/* The slot with that batch, which follows the one taken last, if any since the halt; NULL with
 * TN_ERR_MEMORY. The slot is to be given back. */
const tn__batch_slot *tn__prefetch_take(tn__prefetch *p, int64_t number);
void tn__prefetch_give_back(tn__prefetch *p);

/* Forgets what was made ahead; nothing is made until the next batch is taken. */
void tn__prefetch_halt(tn__prefetch *p);

#endif
