/* core.h - the inside of the library: the structs behind the public types, and the functions that
 * the rooms share. Functions with two underscores (tn__x) are not part of the interface. */
#ifndef TN_CORE_H
#define TN_CORE_H

#include <assert.h>
#include <pthread.h>
#include <math.h>
#include <stdatomic.h>
#include <tn/autograd.h>
#include <tn/dict.h>
#include <tn/op.h>
#include <tn/ops.h>
#include <tn/tensor.h>
#include "kernels/kernels.h"

#define TN_ALIGNMENT 64
#define TN_ERROR_SIZE 512
#define TN_MAX_THREADS 1024

/* ---- options ---------------------------------------------------------------------------------
 * What an option of a struct stands for: its default where it is 0, and zero where it is
 * TN_ZERO. */

static inline double tn__real_option(double value, double otherwise)
{
    return value == 0 ? otherwise : value == (double)TN_ZERO ? 0 : value;
}

static inline int64_t tn__int_option(int64_t value, int64_t otherwise)
{
    return value == 0 ? otherwise : value == TN_ZERO ? 0 : value;
}

/* ---- memory (memory.c) ----------------------------------------------------------------------- */

typedef struct tn__block tn__block;

/* Freed blocks by size class, eight classes to each doubling. */
extern const tn_allocator tn__system_allocator; /* aligned_alloc and free */

#define TN_SIZE_CLASSES (64 * 8)

typedef struct tn__memory {
    tn_allocator allocator;
    tn__block *cache[TN_SIZE_CLASSES];
    tn_memory_stats stats;
} tn__memory;

/* `size` bytes aligned to 64, or NULL with TN_ERR_MEMORY recorded. Freed by tn__free. The second
 * records nothing; the third is zeroed; the fourth keeps the contents of `memory` (NULL allowed),
 * which stays valid on failure. */
void *tn__alloc(tn_ctx *ctx, size_t size);
void *tn__try_alloc(tn_ctx *ctx, size_t size);
void *tn__alloc_zeroed(tn_ctx *ctx, size_t size);
void *tn__realloc(tn_ctx *ctx, void *memory, size_t size);
void tn__free(tn_ctx *ctx, void *memory);

/* An array that grows: makes room for `count` elements of `size` bytes in *array, whose capacity is
 * *capacity elements. */
bool tn__reserve(tn_ctx *ctx, void *array, int64_t *capacity, int64_t count, size_t size);

char *tn__strdup(tn_ctx *ctx, const char *text);
char *tn__concat(tn_ctx *ctx, const char *a, const char *b, const char *c);

/* ---- hashes (siphash.c) ---------------------------------------------------------------------- */

/* Who does not know the key cannot choose names whose hashes are alike. */
typedef struct tn__hash_key {
    uint64_t k[2];
} tn__hash_key;

uint64_t tn__siphash(tn__hash_key key, const void *bytes, size_t size);

/* Up to 256 bytes that nobody can foresee; where the system has none to give, some that differ from
 * call to call. */
void tn__random_bytes(void *bytes, size_t size);

/* ---- threads (threads.c) --------------------------------------------------------------------- */

typedef void (*tn__range_fn)(int64_t begin, int64_t end, void *payload);

/* The helpers of a context: threads that start with the first call that has work for them, sleep
 * between calls, and end with the context. One round is one call of tn__parallel. */
typedef struct tn__pool {
    unsigned process; /* which of a line of forks made the helpers; 0: there are none */
    int spins;        /* how often to look for work before sleeping */
    int n_helpers;
    bool refused; /* the system did not give as many threads as were asked for */
    bool busy;
    pthread_t helpers[TN_MAX_THREADS - 1];
    atomic_int arrived; /* helpers that have a number */

    pthread_mutex_t lock; /* of the rest */
    pthread_cond_t wake, done;
    atomic_uint round;
    int wanted; /* helpers 0 .. wanted - 1 may enter this round */
    bool open;  /* as long as there may be parts that nobody has taken */
    bool ending;
    atomic_int working; /* helpers that have entered and not left */

    tn__range_fn fn;
    void *payload;
    int64_t n, parts;
    atomic_int_fast64_t next; /* part that nobody has taken */
} tn__pool;

/* How many items of `cost` each are worth a thread of their own, if `work` is. Doubles, for the
 * cost is a product of sizes, which may not fit an integer. */
static inline int64_t tn__grain(double work, double cost)
{
    return (int64_t)(work / (cost + 1)) + 1;
}

/* Where part i of `parts` of [0, n) begins and the one before it ends: n i / parts, written so that
 * no product is above n, or parts^2. */
static inline int64_t tn__cut(int64_t n, int64_t parts, int64_t i)
{
    return n / parts * i + n % parts * i / parts;
}

/* Calls fn(begin, end, payload) for parts of [0, n), on several threads if n is above `grain`. */
void tn__parallel(tn_ctx *ctx, int64_t n, int64_t grain, tn__range_fn fn, void *payload);

void tn__pool_open(tn__pool *pool);
void tn__pool_close(tn__pool *pool);
int tn__default_threads(void);

/* ---- names in arrays (index.c) -----------------------------------------------------------------
 * An array of structs of `size` bytes, whose first member is their name. */

typedef struct tn__place {
    uint64_t hash;
    int64_t number; /* in the array, from 1; 0 where there is none */
} tn__place;

typedef struct tn__index {
    tn__place *table;
    int64_t size; /* a power of two, or 0 */
} tn__index;

/* The hash of a name, under the key of the context. */
uint64_t tn__hash(const tn_ctx *ctx, const char *name);

/* The number that has been added under that name; -1 if there is none. */
int64_t tn__index_find(const tn__index *index, const void *array, size_t size, const char *name,
                       uint64_t hash);

/* Makes room for `count` names; adds one that is not there, which cannot fail then. */
bool tn__index_reserve(tn_ctx *ctx, tn__index *index, int64_t count);
void tn__index_add(tn__index *index, uint64_t hash, int64_t number);
void tn__index_free(tn_ctx *ctx, tn__index *index);

/* ---- storage and tensors --------------------------------------------------------------------- */

typedef struct tn__storage {
    atomic_int refs;  /* views share a storage, across contexts too */
    uint32_t version; /* counts changes in place */
    tn_ctx *ctx;
    void *data;
    void (*release)(void *data, void *payload); /* of a blob */
    void *payload;
    bool borrowed; /* the data is the caller's */
} tn__storage;

/* A sum of gradients. */
typedef struct tn__gathered {
    tn_tensor *sum;  /* NULL: nothing yet */
    tn_tensor *lost; /* in rounding, to be added with the next one; NULL while there are few */
    int64_t additions;
} tn__gathered;

/* What the tape knows of a tensor that requires a gradient. Views of a leaf have their own. */
typedef struct tn__var {
    atomic_int refs;
    tn_ctx *ctx;
    tn_node *node; /* that made it; NULL for a leaf */
    tn__gathered grad;
    tn__gathered arriving; /* at a leaf: in the backward pass that runs */
    tn_tensor *moved;      /* at a leaf: grad.sum with elements of its own, before the delivery */
    struct tn__var *next_reached;
    tn_dtype dtype;
    int ndim;
    int64_t shape[TN_MAX_DIMS];
} tn__var;

struct tn_tensor {
    tn_ctx *ctx;
    tn__storage *storage;
    tn__var *var; /* NULL: requires no gradient */
    tn_dtype dtype;
    int ndim;
    int64_t offset; /* in elements */
    int64_t shape[TN_MAX_DIMS];
    int64_t strides[TN_MAX_DIMS];
    int64_t scope; /* that owns it; -1: something else does */
    tn_tensor *prev, *next;
};

/* A scope: its tensors, in the order they were made. */
typedef struct tn__list {
    tn_tensor *first, *last;
    uint64_t id;
} tn__list;

struct tn_node {
    const tn_op *op;
    tn__var *output;  /* owns this node */
    int64_t position; /* on the tape */
    bool done;        /* backward has passed */
    int n_inputs;
    int n_saved;
    tn__var *inputs[TN_MAX_INPUTS]; /* NULL: wants no gradient */
    tn_tensor *saved[TN_MAX_SAVED];
    uint32_t versions[TN_MAX_SAVED];
    void *data;
    tn_node *next_dead;
};

typedef struct tn__profile tn__profile;

/* Objects that live until they are freed or the context is: modules, optimisers... */
typedef struct tn__object {
    tn_ctx *ctx;
    void (*free)(struct tn__object *object);
    struct tn__object *prev, *next;
} tn__object;

struct tn_ctx {
    tn_status status;
    char error[TN_ERROR_SIZE];
    tn_error_hook hook;
    void *hook_payload;
    bool in_hook; /* a hook that fails itself is not called for it */

    tn__memory memory;
    tn__list *scopes; /* [0] is the one around all others */
    int64_t n_scopes, scopes_capacity;
    uint64_t next_scope_id;
    tn__object *objects;

    tn_node **tape; /* in the order of recording; NULL where a node has died */
    int64_t n_tape, tape_capacity;
    tn_node *dead; /* being freed */
    bool freeing;
    bool grad_enabled;
    bool detect_anomaly;
    bool profiling;
    const tn_node *passing; /* whose backward runs; NULL outside of it */
    tn__var *reached;       /* leaves at which gradients arrive, of the backward pass that runs */
    tn__profile *profile;   /* what was gathered; NULL before the first tn_profile */

    tn_rng_state rng;
    tn__hash_key hash_key; /* of names */
    int threads;
    tn__pool pool;
    int isa;
    const tn__kernels *kernels[2]; /* for TN_F32 and TN_F64 */
};

/* True, or false with TN_ERR_ARGUMENT recorded if t is NULL; false if an error is recorded. */
#define tn__check(ctx, what, t) tn_check_input(ctx, what, "input", t)

/* The error of memory that ran out. Its text is static, so that it cannot fail. */
void tn__out_of_memory(tn_ctx *ctx, size_t size);

void tn__object_add(tn_ctx *ctx, tn__object *object, void (*free)(tn__object *object));
void tn__object_remove(tn__object *object);

/* Ends `scope`; t, if it is of this scope, moves to the one around it with its place on the tape.
 * Returns t. */
tn_tensor *tn__scope_return(tn_ctx *ctx, tn_scope scope, tn_tensor *t);

/* A contiguous tensor of the innermost scope, not initialised (tensor.c). */
tn_tensor *tn__new(tn_ctx *ctx, const char *what, tn_dtype dtype, int ndim, const int64_t *shape);

/* A view of t's storage in the innermost scope, without a gradient. */
tn_tensor *tn__view(tn_ctx *ctx, const tn_tensor *t, int ndim, const int64_t *shape,
                    const int64_t *strides, int64_t offset);

/* t with two dimensions swapped; NULL gives NULL. A view without a gradient. */
tn_tensor *tn__swap_dims(tn_ctx *ctx, const tn_tensor *t, int dim0, int dim1);

/* A view of contiguous t with another shape of as many elements; NULL gives NULL. */
tn_tensor *tn__reshaped(tn_ctx *ctx, const tn_tensor *t, int ndim, const int64_t *shape);

/* A view of all of t that belongs to the caller, to be released by tn__release. It shares t's place
 * on the tape if `with_var`. */
tn_tensor *tn__alias(tn_ctx *ctx, const tn_tensor *t, bool with_var);
void tn__release(tn_tensor *t);

/* Takes t out of the scope that owns it: the caller owns it then. */
void tn__disown(tn_tensor *t);

/* Gives t to scope number `scope`; frees the tensors of one. */
void tn__own(tn_tensor *t, int64_t scope);
void tn__free_scope(tn_ctx *ctx, int64_t scope);

bool tn__same_shape(const tn_tensor *a, const tn_tensor *b);
void tn__contiguous_strides(int ndim, const int64_t *shape, int64_t *strides);

/* False with an error if a tensor cannot have so many dimensions, or shape is NULL for some. */
bool tn__check_dims(tn_ctx *ctx, const char *what, int ndim, const int64_t *shape);

/* The product of the sizes; -1 if it, times `size`, does not fit 63 bits. */
int64_t tn__numel_of(int ndim, const int64_t *shape, size_t size);

/* `dim`, counted from the end if negative, in [0, ndim); -1 with an error otherwise. */
int tn__dim(tn_ctx *ctx, const char *what, int dim, int ndim);

/* The same for x, where 0 and -1 are dimension 0 of a tensor that has none, as in PyTorch. */
int tn__dim_of(tn_ctx *ctx, const char *what, int dim, const tn_tensor *x);

/* False if t is expanded, so that several elements are one number in memory. */
bool tn__has_own_elements(const tn_tensor *t);

bool tn__is_float(tn_dtype dtype);
bool tn__is_index(tn_dtype dtype); /* TN_I64, TN_I32 or TN_U8 */

/* The address of the first element. */
static inline void *tn__ptr(const tn_tensor *t)
{
    return (char *)t->storage->data + (size_t)t->offset * tn_dtype_size(t->dtype);
}

/* May t be changed in place? False with TN_ERR_STATE if the tape forbids it, and with
 * TN_ERR_ARGUMENT if its elements share memory (change.c). The second counts a change. */
bool tn__check_change(tn_ctx *ctx, const char *what, const tn_tensor *t);
void tn__count_change(const tn_tensor *t);

/* One element as a double or an int64_t, and back. */
double tn__load_f64(tn_dtype dtype, const void *p);
int64_t tn__load_i64(tn_dtype dtype, const void *p);
void tn__store_f64(tn_dtype dtype, void *p, double value);
void tn__store_i64(tn_dtype dtype, void *p, int64_t value);

/* A contiguous tensor with t's elements: a view of t, or a copy. No gradient flows. */
tn_tensor *tn__contiguous(tn_ctx *ctx, const tn_tensor *t);

/* Every element = value. */
void tn__fill(const tn_tensor *t, double value);

/* dst[...] = src[...], src broadcast to dst; same dtype, any strides, no memory shared. */
void tn__copy(tn_ctx *ctx, const tn_tensor *dst, const tn_tensor *src);

/* A sum in double that loses nothing on the way (Neumaier, 1974): what each addition rounds off is
 * summed beside it. Start with zeros. */
typedef struct tn__exact_sum {
    double sum, lost;
} tn__exact_sum;

static inline void tn__exact_add(tn__exact_sum *s, double x)
{
    double sum = s->sum + x;
    s->lost += fabs(s->sum) >= fabs(x) ? (s->sum - sum) + x : (x - sum) + s->sum;
    s->sum = sum;
}

/* Where the sum is not finite, what was lost is NaN. */
static inline double tn__exact_total(const tn__exact_sum *s)
{
    return isfinite(s->sum) ? s->sum + s->lost : s->sum;
}

/* ---- iteration (iter.c) ---------------------------------------------------------------------- */

/* Walks operands over one shape: dimensions of size 1 are dropped and neighbours that are laid out
 * alike are joined, so that the innermost loop is as long as it can be. */
typedef struct tn__iter {
    int n; /* operands */
    int ndim;
    int64_t shape[TN_MAX_DIMS];
    int64_t strides[TN_MAX_OPERANDS][TN_MAX_DIMS]; /* in elements; 0 where it is broadcast */
    char *data[TN_MAX_OPERANDS];
    size_t size[TN_MAX_OPERANDS]; /* of an element */
} tn__iter;

/* Operands broadcast to `shape`; each one's shape must allow it. */
tn__iter tn__iter_new(int ndim, const int64_t *shape, int n, const tn_tensor *const *operands);

/* Calls `loop` for each innermost row, on several threads if there is enough to do. */
typedef void (*tn__row_fn)(int64_t n, void *const *p, const int64_t *strides, void *payload);
void tn__iter_run(tn_ctx *ctx, const tn__iter *it, tn__row_fn fn, void *payload);

/* The same on this thread alone, for functions that use threads themselves. */
void tn__iter_run_serial(const tn__iter *it, tn__row_fn fn, void *payload);

/* The shape that a and b broadcast to; false with TN_ERR_SHAPE that names `what`. */
bool tn__broadcast(tn_ctx *ctx, const char *what, int ndim_a, const int64_t *a, int ndim_b,
                   const int64_t *b, int *ndim, int64_t *shape);

/* Does t broadcast to `shape`? A view of t that does. */
bool tn__broadcasts_to(const tn_tensor *t, int ndim, const int64_t *shape);
tn_tensor *tn__broadcast_to(tn_ctx *ctx, const tn_tensor *t, int ndim, const int64_t *shape);

/* t summed to `shape`, which broadcasts to t's: t itself if it has that shape. */
const tn_tensor *tn__sum_to(tn_ctx *ctx, const tn_tensor *t, int ndim, const int64_t *shape);

/* ---- reductions (reduce.c) ------------------------------------------------------------------- */

/* How a tensor is reduced over some of its dimensions: as it lies in memory. What stride 0 repeats
 * is there once, dimensions are in the order of their strides, and neighbours that are both reduced
 * or both kept are one. One dimension is reduced, possibly of size 1, or more are. */
typedef struct tn__axes {
    int ndim;
    int64_t shape[TN_MAX_DIMS + 1], strides[TN_MAX_DIMS + 1];
    bool reduce[TN_MAX_DIMS + 1];
} tn__axes;

/* A step reduces one of them: from each of `count` places, which are those of `outer`, to `cols`
 * numbers side by side, of n terms each that are `step` apart. */
typedef struct tn__step {
    tn__axes outer;
    int64_t count, n, step, cols;
} tn__step;

/* x [n, cols] with rows `step` apart becomes the numbers of the result from number `to` on. */
typedef void (*tn__slab_fn)(const tn__step *s, const char *x, int64_t to, void *payload);

/* t, which has elements, or a copy of what it repeats where no loop would find neighbours, and its
 * axes; the innermost step, whose result is contiguous, taken off the axes (false after the last);
 * fn called for each slab of one; and y, what all the steps have made of t, in the shape of t with
 * the dimensions marked of size 1, contiguous. */
const tn_tensor *tn__axes_of(tn_ctx *ctx, const tn_tensor *t, const bool *reduce, tn__axes *a);
bool tn__next_step(tn__axes *a, tn__step *s);
void tn__run_step(tn_ctx *ctx, const tn__step *s, const tn_tensor *x, tn__slab_fn fn,
                  void *payload);
tn_tensor *tn__reduced(tn_ctx *ctx, const tn_tensor *y, const tn_tensor *t, const bool *reduce);

/* x, seen or left by the steps before, summed by one. */
tn_tensor *tn__sum_step(tn_ctx *ctx, const tn_tensor *x, const tn__step *s);

/* t summed over the dimensions marked, which stay with size 1. */
tn_tensor *tn__sum_dims(tn_ctx *ctx, const tn_tensor *t, const bool *reduce);

/* Marks the dimensions of x that opts reduces; false if one is out of range or listed twice. */
bool tn__reduced_dims(tn_ctx *ctx, const char *what, const tn_tensor *x, tn_reduce_opts opts,
                      bool *reduce);

/* A view of t without the dimensions marked, which have size 1. */
tn_tensor *tn__drop_dims(tn_ctx *ctx, const tn_tensor *t, const bool *drop);

/* A view of t, which may lack the dimensions marked, with them: `ndim` dimensions. */
tn_tensor *tn__keep_dims(tn_ctx *ctx, const tn_tensor *t, int ndim, const bool *keep);

/* The shape that t and u, of as many dimensions, broadcast to, where what both repeat is once. */
void tn__shape_once(const tn_tensor *t, const tn_tensor *u, int64_t *shape);

/* x in that shape; t, whose sizes are those of x before, or 1, in that of x; and the way back: y
 * repeated to `shape`, contiguous. What has the shape already is returned itself. */
const tn_tensor *tn__once(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *u);
const tn_tensor *tn__within(tn_ctx *ctx, const tn_tensor *t, const tn_tensor *x);

/* dx of such an x in the whole shape of x: itself, so that nobody else refers to its elements, or a
 * view where it is smaller. */
const tn_tensor *tn__as_large(tn_ctx *ctx, const tn_tensor *dx, const tn_tensor *x);
tn_tensor *tn__repeat(tn_ctx *ctx, tn_tensor *y, const int64_t *shape);

/* How many elements of x go into one of the result. */
double tn__count_reduced(const tn_tensor *x, const bool *reduce);

/* ---- the tape (tape.c) ----------------------------------------------------------------------- */

tn__var *tn__var_new(tn_ctx *ctx, const tn_tensor *t);
void tn__var_retain(tn__var *var);
void tn__var_release(tn__var *var);

/* Adds g to what var has gathered, or to what arrives at it if it is a leaf. */
void tn__accumulate(tn_ctx *ctx, tn__var *var, const tn_tensor *g);

/* ---- looking inside (anomaly.c, profile.c) --------------------------------------------------- */

/* True if every element is finite; otherwise the error that describes where the first other one
 * came from. */
bool tn__check_result(tn_ctx *ctx, const tn_op *op, const tn_tensor *y, const tn_record_args *args);
bool tn__check_gradient(tn_ctx *ctx, const tn_node *node, int i, const tn_tensor *dx);

/* To be called while profiling: a function checks an input, an operator has a result, a backward
 * that started at `start` has ended, whatever has begun will not end. False if memory ran out. */
void tn__profile_begin(tn_ctx *ctx, const char *name);
bool tn__profile_end(tn_ctx *ctx, const tn_op *op, const tn_tensor *y, const tn_record_args *args);
void tn__profile_backward(tn_ctx *ctx, const tn_op *op, int64_t start);
void tn__profile_forget(tn_ctx *ctx);
void tn__profile_free(tn_ctx *ctx);
int64_t tn__now(void); /* in nanoseconds, of a clock that is never set back */

/* ---- dictionaries (dict.c) ------------------------------------------------------------------- */

tn_ctx *tn__dict_ctx(const tn_dict *dict);

/* False with TN_ERR_ARGUMENT recorded for NULL; false if an error is recorded. */
bool tn__check_dict(tn_ctx *ctx, const char *what, const tn_dict *dict);

/* tn_dict_set of prefix + name. */
tn_status tn__dict_set_in(tn_dict *dict, const char *prefix, const char *name, const tn_tensor *t);

/* Each gets the entries of the other. */
void tn__dict_swap(tn_dict *a, tn_dict *b);

/* ---- state (state.c) --------------------------------------------------------------------------
 * The state of an object as entries of a dictionary. Loading is done twice, by functions that
 * change nothing unless they are told to apply what they read: what has been checked first cannot
 * fail then, so that several objects are loaded all together or not at all. Functions that return
 * bool record TN_ERR_FORMAT, with `what` and the entry's name, before they return false. */

typedef enum tn__field_type { TN__FIELD_F64, TN__FIELD_I64, TN__FIELD_BOOL } tn__field_type;

/* A number in a struct. */
typedef struct tn__field {
    const char *name;
    tn__field_type type;
    size_t offset;
    bool fixed; /* must be in the dictionary what it is in the struct; otherwise it is read, */
    double low, high; /* and must be in [low, high] */
} tn__field;

/* Sets prefix + the name of each field. */
void tn__put_fields(tn_dict *dict, const char *prefix, const tn__field *fields, int count,
                    const void *object);
bool tn__get_fields(const tn_dict *dict, const char *what, const char *prefix,
                    const tn__field *fields, int count, void *object, bool apply);

/* Integers, TN_I64 [count], copied on both ways; the ones that are read must be in [low, high].
 * `out` may be NULL. */
void tn__put_integers(tn_dict *dict, const char *name, int64_t count, const int64_t *values);
bool tn__get_integers(const tn_dict *dict, const char *what, const char *name, int64_t count,
                      int64_t low, int64_t high, int64_t *out);

/* Text, as TN_U8; the one that is found must be the one expected. */
void tn__put_text(tn_dict *dict, const char *name, const char *text);
bool tn__check_text(const tn_dict *dict, const char *what, const char *name, const char *expected);

/* The entry, which must have that dtype and shape. */
tn_tensor *tn__get_entry(const tn_dict *dict, const char *what, const char *name, tn_dtype dtype,
                         int ndim, const int64_t *shape);

/* One after the other. */
tn_text tn__name(const char *prefix, const char *name);

/* ---- text (text.c) --------------------------------------------------------------------------- */

/* Text that is written piece by piece, as by snprintf: cut to `size`, `length` goes on. */
typedef struct tn__text {
    char *buffer;
    size_t size;
    int64_t length;
} tn__text;
void tn__append(tn__text *text, const char *format, ...) TN_PRINTF(2, 3);

/* ---- instruction sets (isa.c) ---------------------------------------------------------------- */

int tn__choose_isa(void);
const tn__kernels *tn__kernel_table(tn_dtype dtype, int isa);

/* ---- random numbers (random.c) --------------------------------------------------------------- */

/* The bijection of Philox 4x32-10. */
void tn__philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* An integer below `bound` (> 0), every one equally likely, from one block of the stream or
 * more. */
uint64_t tn__random_below(tn_ctx *ctx, uint64_t bound);

/* Fills with a random order of 0 .. n-1. */
void tn__random_permutation(tn_ctx *ctx, int64_t n, int64_t *out);

/* ---- sums of many matrices (long_sum.c) ------------------------------------------------------ */

/* `to` [rows, cols], rows `ld` apart, is the sum of what stands in `part` each time it is added;
 * `lost` is what rounding took from it, at first zeros. Both are [rows, cols]. */
typedef struct tn__long_sum {
    const tn__kernels *k;
    tn_dtype dtype;
    int64_t rows, cols, ld;
    char *to, *part, *lost;
} tn__long_sum;

/* Memory for part and lost; false with an error, to be freed all the same. */
bool tn__long_sum_alloc(tn_ctx *ctx, tn__long_sum *s);
void tn__long_sum_free(tn_ctx *ctx, tn__long_sum *s);

/* Adds columns begin .. end of part. What the last addition loses is less than rounding keeps. */
void tn__long_sum_add(const tn__long_sum *s, int64_t begin, int64_t end);

/* ---- BLAS (blas.c) --------------------------------------------------------------------------- */

/* C = alpha op(A) op(B) + beta C, row-major; op transposes where trans is true; [m,k] [k,n] ->
 * [m,n]; lda, ldb, ldc: elements from row to row as stored. */
typedef struct tn__gemm_args {
    tn_dtype dtype;
    bool trans_a, trans_b;
    int64_t m, n, k;
    double alpha, beta;
    const void *a, *b;
    void *c;
    int64_t lda, ldb, ldc;
} tn__gemm_args;

/* Products of more than some thousand columns of A are summed in parts. Records TN_ERR_MEMORY where
 * there is no room for them, or for BLAS to work in. */
void tn__gemm(tn_ctx *ctx, const tn__gemm_args *g);

/* The same on this thread alone, for functions that use threads themselves. Before they begin they
 * ask whether BLAS has room: false, with TN_ERR_MEMORY recorded, if not. */
void tn__gemm_serial(const tn__gemm_args *g);
bool tn__gemm_ready(tn_ctx *ctx);

/* Before the first product. A single thread is asked for once for the process: BLAS is called by
 * threads of ours, it need not start its own. */
void tn__blas_open(bool single_thread);

static inline const tn__kernels *tn__kernels_of(const tn_ctx *ctx, tn_dtype dtype)
{
    return ctx->kernels[dtype];
}

#endif
