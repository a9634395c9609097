/* context.h - the state of the library: errors, memory, threads, random numbers.
 *
 * All state lives in a tn_ctx, but for the little that a process has once: its forks and OpenBLAS
 * are counted in one place, which is guarded. The library prints nothing unless asked to and never
 * ends the program. A context belongs to one thread at a time; different contexts are independent.
 * docs/threads.md lists what several threads may do at once. */
#ifndef TN_CONTEXT_H
#define TN_CONTEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tn/literal.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- versions -------------------------------------------------------------------------------- */

/* Stand before declarations: a function that the library exports, one whose result is to be looked
 * at, and one that takes a printf format, its arguments counted from 1. */
#if defined(__GNUC__)
#define TN_API __attribute__((visibility("default")))
#define TN_USE_RESULT __attribute__((warn_unused_result))
#define TN_PRINTF(at, first) __attribute__((format(printf, at, first)))
#else
#define TN_API
#define TN_USE_RESULT
#define TN_PRINTF(at, first)
#endif

/* The version of this header, as numbers and as text. */
#define TN_VERSION_MAJOR 0
#define TN_VERSION_MINOR 1
#define TN_VERSION_PATCH 0
#define TN_VERSION "0.1.0"

/* The version of the library that is linked, to compare with TN_VERSION of the header. */
TN_API const char *tn_version(void);

/* ---- options and results --------------------------------------------------------------------- */

/* Options go in structs, where 0 stands for the default. TN_ZERO says zero where the default is
 * another number: (tn_adam_opts){.beta1 = TN_ZERO}. It works for integers and floats, and where the
 * default is zero already. */
#define TN_ZERO INT64_MIN

/* What a call may report. Negative means failure, and nothing else is negative. */
typedef enum tn_status {
    TN_OK = 0,
    TN_ERR_ARGUMENT = -1, /* a NULL, an index or an option out of range */
    TN_ERR_SHAPE = -2,    /* shapes that do not fit each other or the operator */
    TN_ERR_DTYPE = -3,    /* a data type that the operator does not take */
    TN_ERR_MEMORY = -4,   /* the allocator returned NULL, or a size does not fit 63 bits */
    TN_ERR_STATE = -5,    /* backward twice, a tensor changed in place, scopes out of order */
    TN_ERR_FILE = -6,     /* the system could not open, read or write a file */
    TN_ERR_FORMAT = -7,   /* the contents of a file are not what its format says */
    TN_ERR_GRADIENT = -8, /* tn_gradcheck found a gradient that is wrong */
    TN_ERR_NUMBER = -9    /* tn_detect_anomaly found a NaN or an infinity */
} tn_status;

/* "TN_ERR_SHAPE" and so on; "unknown status" for other values. */
TN_API const char *tn_status_name(tn_status status);

/* ---- contexts -------------------------------------------------------------------------------- */

/* A context: what tn_ctx_new makes, and every call works in. */
typedef struct tn_ctx tn_ctx;

/* A tensor of a context; tensor.h makes them. */
typedef struct tn_tensor tn_tensor;

/* Where memory comes from. `alloc` returns `size` bytes aligned to `alignment` (a power of two, at
 * most 64) or NULL; `free` gets what alloc returned and the same size. Both get `payload`. */
typedef struct tn_allocator {
    void *(*alloc)(void *payload, size_t size, size_t alignment);
    void (*free)(void *payload, void *memory, size_t size);
    void *payload;
} tn_allocator;

/* Zero means the default everywhere. */
typedef struct tn_ctx_opts {
    uint64_t seed;          /* of the random stream; 0 is a seed like any other */
    int threads;            /* 0: as many as OpenMP would use (cores, or OMP_NUM_THREADS) */
    tn_allocator allocator; /* alloc == NULL: the C library's aligned_alloc and free */
    bool keep_blas_threads; /* leave OpenBLAS's own threads as the program set them, see below */
    int64_t prepared_bytes; /* at most, in weights that are kept as kernels take them (ops.h);
                             * 0: 256 MiB, TN_ZERO: none are kept */
    bool direct_conv;       /* no method of tn_conv2d that is less accurate than sums of products */
    bool poison_freed;      /* find uses of what was freed: for a program's tests, see below */
} tn_ctx_opts;

/* A new context; `opts` may be NULL. Returns NULL if memory is short. To be freed by tn_ctx_free.
 * An option out of its range (`threads` from 0 to 1024, `prepared_bytes`) is the first error of the
 * context, TN_ERR_ARGUMENT: once it is cleared, the default stands.
 *
 * The kernels for this processor are chosen here: TN_ISA=baseline, v3 (AVX2 and FMA) or v4
 * (AVX-512) in the environment asks for less than the best; what the processor lacks is not used.
 *
 * The context's threads call BLAS in parallel, each for a part of a product. So the first context
 * of the process that is made without `keep_blas_threads` tells OpenBLAS to start no threads of its
 * own, between products of ours; later ones find it done and leave the setting alone. With it in
 * all contexts the program's setting stays.
 *
 * Convolutions of 3 x 3 and 5 x 5 between many channels, and those whose kernel is two to three
 * steps wide, take Winograd's method, which is up to 2.5 times as fast; tn_conv2d says what it
 * costs in accuracy. With `direct_conv` they do not: each element is the sum of its own products,
 * in some order.
 *
 * A tensor that was freed, as its scope has ended, is refused by every call (TN_ERR_STATE) until
 * its memory is used again, and valgrind and the address sanitizer report who reads or writes it;
 * docs/debugging.md says how. With `poison_freed` the 65536 tensors that were freed last (20 MB)
 * stay apart, so that they are refused for longer, and freed elements are filled with NaN. */
TN_API TN_USE_RESULT tn_ctx *tn_ctx_new(const tn_ctx_opts *opts);

#ifdef __cplusplus
extern "C++" {

/* The same in C++, where options in the call have no address:
 * tn_ctx_new(TN_OPTS(tn_ctx_opts, .seed = 1)). */
TN_USE_RESULT inline tn_ctx *tn_ctx_new(const tn_ctx_opts &opts)
{
    return tn_ctx_new(&opts);
}

} // extern "C++"
#endif

/* Frees the context with everything that was made in it: tensors, modules, optimisers, loaders,
 * dictionaries. Tensors that another context made from this one's must be gone. NULL is allowed.
 *
 * Another context may use this one's tensors while nobody writes to them, but not differentiate
 * with respect to them: that is TN_ERR_STATE. */
TN_API void tn_ctx_free(tn_ctx *ctx);

/* ---- errors ----------------------------------------------------------------------------------
 *
 * A failing call records its status and one line of text, and returns NULL or the status. The first
 * error stays; until tn_clear_error the context does nothing more: every call returns NULL or the
 * status at once. So calls compose, and one check at the end of a step is enough. */

/* The text of the first error, or "" if there is none: a line of UTF-8 without control characters.
 * Belongs to the context. */
TN_API const char *tn_error(const tn_ctx *ctx);

/* The status of the first error, or TN_OK. TN_ERR_ARGUMENT for a NULL context. */
TN_API tn_status tn_error_status(const tn_ctx *ctx);

/* How many errors have been recorded in the context until now: it tells two with the same words
 * apart. 0 for NULL. */
TN_API int64_t tn_error_count(const tn_ctx *ctx);

/* Forgets the error: calls work again. Inside of the hook of tn_on_error it does nothing: the call
 * that failed has not returned yet. */
TN_API void tn_clear_error(tn_ctx *ctx);

/* What tn_on_error calls: `message` is the text of tn_error, `payload` the program's own. */
typedef void (*tn_error_hook)(tn_status status, const char *message, void *payload);

/* Calls `hook` with each first error, before the failing call returns. NULL takes it away. */
TN_API void tn_on_error(tn_ctx *ctx, tn_error_hook hook, void *payload);

/* For functions that are written on top of these: */

/* True if the context can go on: it is not NULL and no error is recorded. */
TN_API bool tn_ok(const tn_ctx *ctx);

/* Records an error, if it is the first, with a printf format for one line that names the operator,
 * both sides and the numbers: "conv2d: input [8,3,32,32] has 3 channels but ...". Returns the
 * status of the first error. */
TN_API tn_status tn_fail(tn_ctx *ctx, tn_status status, const char *format, ...) TN_PRINTF(3, 4);

/* Text that is returned by value, long enough for a shape of 8 dimensions. */
typedef struct tn_text {
    char s[176];
} tn_text;

/* A shape as text, for messages: "[8,3,32,32]". */
TN_API tn_text tn_shape_text(int ndim, const int64_t *shape);

/* ---- memory: scopes that grow, and are reused -------------------------------------------------
 *
 * A tensor belongs to the innermost scope that is open when it is made; tn_scope_end frees it with
 * its part of the tape. What is made outside any scope goes with the context. Parameters, modules,
 * optimisers, loaders and dictionaries belong to no scope. Freed memory is kept for reuse by size,
 * so that a training step in its steady state allocates nothing. */

/* A scope that tn_scope_begin has opened. What it holds is the library's. */
typedef struct tn_scope {
    int64_t depth; /* how many are open with it */
    uint64_t id;   /* of no other scope of the context */
} tn_scope;

/* Opens a scope inside the innermost one. */
TN_API tn_scope tn_scope_begin(tn_ctx *ctx);

/* Ends `scope` and those begun inside it. It works while an error is recorded, too.
 * TN_ERR_STATE if the scope has ended already, or a backward runs in it, which a hook or an
 * operator's backward function would cut short. */
TN_API tn_status tn_scope_end(tn_ctx *ctx, tn_scope scope);

/* Moves `tensor` out of `scope` to the one around it, and detaches it from the tape.
 * Returns `tensor`; NULL with TN_ERR_ARGUMENT if it is not of this scope or one inside it. */
TN_API tn_tensor *tn_scope_keep(tn_ctx *ctx, tn_scope scope, tn_tensor *tensor);

/* What tn_memory tells. */
typedef struct tn_memory_stats {
    int64_t live_bytes;     /* in tensors, nodes and everything else that is in use */
    int64_t peak_bytes;     /* the most that live_bytes has been since tn_memory_reset_peak */
    int64_t cached_bytes;   /* freed, and kept for reuse */
    int64_t prepared_bytes; /* of the live ones, in weights that are kept as kernels take them */
    int64_t tensors;        /* tensor objects, the library's own included */
    int64_t nodes;          /* of the tape */
    int64_t allocations;    /* calls of the allocator so far */
} tn_memory_stats;

/* What the context holds at this moment; zeros for NULL. */
TN_API tn_memory_stats tn_memory(const tn_ctx *ctx);

/* Makes what is live now the peak. */
TN_API void tn_memory_reset_peak(tn_ctx *ctx);

/* Gives the memory that is kept for reuse back to the allocator. */
TN_API void tn_empty_cache(tn_ctx *ctx);

/* ---- threads and instruction sets --------------------------------------------------------------
 *
 * A context starts its threads with the first call that has work for them, and joins them when it
 * is freed: free all contexts before dlclose. If the system gives fewer threads, they do the
 * same work, with the same bits. Signals are left to the program's own threads.
 *
 * After fork the child may go on with the contexts that no other thread was inside of, and make new
 * ones: each starts threads of its own in the child, and gives the same bits as in the parent. A
 * call inside of an OpenMP parallel region of the program keeps to its own thread. */

/* The number of threads that one call may use; at least 1. Results of float operators may differ in
 * the last bits between thread counts, never between runs with the same one. */
TN_API tn_status tn_set_threads(tn_ctx *ctx, int threads);

/* The number of threads that one call may use; 0 for NULL. */
TN_API int tn_threads(const tn_ctx *ctx);

/* The instruction set of the kernels in use: "baseline", "v3" or "v4". */
TN_API const char *tn_isa(const tn_ctx *ctx);

/* The processor whose kernels OpenBLAS has picked, by its own name ("SkylakeX", "Prescott"); "" for
 * NULL, or if that is another BLAS. Only with the baseline's kernels do products go there: those of
 * v3 and v4 multiply matrices themselves, so that speed and bits depend on tn_isa alone. */
TN_API const char *tn_blas_core(const tn_ctx *ctx);

/* ---- random numbers ---------------------------------------------------------------------------
 *
 * One stream per context: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as
 * easy as 1, 2, 3, SC 2011). The stream is a function of seed and position alone: it does not
 * depend on threads or instruction sets. */

/* A place in a stream. */
typedef struct tn_rng_state {
    uint64_t seed;     /* which stream it is */
    uint64_t position; /* in blocks of 128 bits */
} tn_rng_state;

/* Starts the stream of `seed` at its beginning. */
TN_API void tn_manual_seed(tn_ctx *ctx, uint64_t seed);

/* Where the stream is. */
TN_API tn_rng_state tn_get_rng_state(const tn_ctx *ctx);

/* Goes there: the numbers that came after tn_get_rng_state come again. */
TN_API void tn_set_rng_state(tn_ctx *ctx, tn_rng_state state);

#ifdef __cplusplus
}
#endif

#endif
