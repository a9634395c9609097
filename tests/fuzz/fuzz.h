/* fuzz.h - what the fuzz targets share: contexts whose memory is counted, limited and can fail, a
 * file to read, and what must hold after every call.
 *
 * A target is a function of bytes. It ends the program if something is wrong, and leaves nothing
 * behind otherwise. The same functions are run by libFuzzer (libfuzzer.c) and, with the inputs that
 * are kept, by tests/unit/test_fuzz.c. */
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <tn/op.h>
#include <tn/tn.h>

typedef struct fuzz_target {
    const char *name;
    void (*run)(const uint8_t *data, size_t size);
} fuzz_target;

extern const fuzz_target fuzz_targets[];
extern const int fuzz_target_count, fuzz_reader_count; /* the readers of files come first */

/* Prints the place and a line of text, and aborts, unless the condition is true. */
#define FUZZ_CHECK(condition, ...)                      \
    do {                                                \
        if (!(condition))                               \
            fuzz_stop(__FILE__, __LINE__, __VA_ARGS__); \
    } while (0)
_Noreturn void fuzz_stop(const char *file, int line, const char *format, ...) TN_PRINTF(3, 4);

/* ---- contexts -------------------------------------------------------------------------------- */

typedef struct fuzz_memory {
    int64_t calls;       /* of alloc */
    int64_t failed;      /* of these */
    int64_t blocks;      /* that are not freed yet, */
    int64_t bytes, peak; /* their size, and the most that it has been */
    int64_t limit;       /* of bytes: more than this fails */
    int64_t fail_at;     /* this call fails, counted from 1, */
    bool for_good;       /* and those after it */
} fuzz_memory;

/* A context of seed 1 and this many threads, in memory. */
tn_ctx *fuzz_context(fuzz_memory *memory, int threads);

/* Frees it; everything must have been given back. */
void fuzz_context_free(tn_ctx *ctx, const fuzz_memory *memory);

/* An error has a text and success has none; memory is short only if a call of alloc failed since
 * there were `failed_before` of these, or what was asked for is beyond all memory. `ok`: what the
 * call returned says that it succeeded. */
void fuzz_check_status(const tn_ctx *ctx, const fuzz_memory *memory, int64_t failed_before,
                       bool ok);

/* Looks at every part of a tensor, and at every element of one that is not too large. */
void fuzz_check_tensor(tn_ctx *ctx, const tn_tensor *t);
void fuzz_check_dict(tn_ctx *ctx, const tn_dict *dict);

/* a and b have the same names in any order, dtypes, shapes and bits. */
void fuzz_check_same(tn_ctx *ctx, const tn_dict *a, const tn_dict *b);

/* ---- files ----------------------------------------------------------------------------------- */

/* The path of a file with these bytes, until the next call; and of another one of that name, which
 * can be written. */
const char *fuzz_file(const uint8_t *data, size_t size);
const char *fuzz_path(const char *name);
void fuzz_remove_files(void);

/* A number made of all bytes. */
uint32_t fuzz_hash(const uint8_t *data, size_t size);

/* ---- the targets ----------------------------------------------------------------------------- */

void fuzz_idx(const uint8_t *data, size_t size);
void fuzz_npy(const uint8_t *data, size_t size);
void fuzz_npz(const uint8_t *data, size_t size);
void fuzz_mat(const uint8_t *data, size_t size);
void fuzz_safetensors(const uint8_t *data, size_t size);
void fuzz_pth(const uint8_t *data, size_t size);
void fuzz_dict(const uint8_t *data, size_t size);
void fuzz_model(const uint8_t *data, size_t size);
void fuzz_checkpoint(const uint8_t *data, size_t size);
void fuzz_state(const uint8_t *data, size_t size);
void fuzz_calls(const uint8_t *data, size_t size);

/* An input of fuzz_calls is a row of calls of this many bytes each. */
#define FUZZ_CALL_SIZE 8

/* The file that fuzz_checkpoint would like to read. Returns its size, at most the size of `out`. */
size_t fuzz_save_checkpoint(uint8_t *out, size_t size);

#endif
