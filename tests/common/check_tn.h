/* check_tn.h - what the unit tests of the core share: a context for each test, with an allocator
 * that counts and can fail, and assertions about tensors and errors. */
#ifndef TEST_CHECK_TN_H
#define TEST_CHECK_TN_H

#include <check.h>
#include <stdlib.h>
#include <time.h>
#include <tn/tn.h>
#include "autograd/accumulate.h"
#include "autograd/observer.h"
#include "autograd/tape.h"
#include "base/asan.h"
#include "base/context.h"
#include "base/error.h"
#include "base/exact_sum.h"
#include "base/index.h"
#include "base/isa.h"
#include "base/memory.h"
#include "base/object.h"
#include "base/options.h"
#include "base/philox.h"
#include "base/pointers.h"
#include "base/siphash.h"
#include "base/text.h"
#include "base/threads.h"
#include "dict/dict.h"
#include "dict/entries.h"
#include "inspect/inspect.h"
#include "tensor/blas.h"
#include "tensor/broadcast.h"
#include "tensor/change.h"
#include "tensor/copy.h"
#include "tensor/decimal.h"
#include "tensor/dtype.h"
#include "tensor/iter.h"
#include "tensor/long_sum.h"
#include "tensor/random.h"
#include "tensor/reduce.h"
#include "tensor/scope.h"
#include "tensor/shape.h"
#include "tensor/tensor.h"
#include "tensor/view.h"

/* Check writes the place of each assertion that holds into a pipe, to say where a test was when it
 * crashed. In loops, these calls of the system would take more time than what is tested: a line is
 * written again only after some others. */
#define _mark_point mark_line
void mark_line(const char *file, int line);

/* An allocator that counts; call number `fail_at` returns NULL, and those after it if
 * `for_good`. */
typedef struct counting {
    int64_t calls;  /* of alloc, since it was last set to 0 */
    int64_t failed; /* of these */
    int64_t blocks; /* not freed yet */
    int64_t bytes;  /* in these */
    int64_t fail_at;
    size_t largest; /* block that it gives, and NULL for larger ones; 0: any */
    bool for_good;
} counting;

tn_allocator counting_allocator(counting *payload);

/* Each test of a tn_case finds a new context of seed 1 and two threads over a counting allocator;
 * at its end no error may be recorded in the context, and freeing it must give back every byte. */
extern tn_ctx *ctx;
extern counting memory;

TCase *tn_case(Suite *suite, const char *name);

/* Seconds after which a test is taken for stuck: none takes as long under any tool. */
enum { PATIENCE = 600 };

/* The processor time since then, as the megabytes that are hashed in that time: slow machines and
 * tools meet the same bound. */
double effort(clock_t since);

/* In a test whose results depend on the kernels: `make check` runs it once more for each
 * instruction set. Tests that include common/ops.h need not say so. */
#define RUNS_WITH_EACH_ISA struct runs_with_each_isa

/* Do the address sanitizer or valgrind watch memory? They end the process, or change what it
 * returns, when freed memory is touched, and have allocators of their own. */
bool is_watched(void);

/* Runs and frees the suite; the status of main. */
int tn_run(Suite *suite);

/* The path of this program, which starts itself again. By /proc/self/exe it would start valgrind,
 * where that runs it. */
const char *this_program(void);

/* For the child of a fork beside a thread that was inside of a context: that one is left alone for
 * ever (docs/threads.md), and valgrind takes it for lost. */
void look_for_no_leaks(void);

/* Ends the child of a fork as _exit does. `make coverage` keeps what the child has run. */
_Noreturn void leave_child(int status);

/* What a size is that fits no memory. */
#if defined(__LP64__)
#define TOO_MANY "18446744073709551615"
#else
#define TOO_MANY "4294967295"
#endif

/* No error is recorded; exactly this one is, which is then cleared. */
#define ck_tn_ok() ck_assert_str_eq(tn_error(ctx), "")
#define ck_tn_error(expected_status, text)                         \
    do {                                                           \
        ck_assert_str_eq(tn_error(ctx), text);                     \
        ck_assert_int_eq(tn_error_status(ctx), (expected_status)); \
        tn_clear_error(ctx);                                       \
    } while (0)

/* t has these elements in row-major order, to a tolerance relative to max(1, |expected|). */
#define ck_tn_close(t, tolerance, ...)                                        \
    check_elements(__FILE__, __LINE__, t, tolerance, (double[]){__VA_ARGS__}, \
                   (int64_t)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)))
#define ck_tn_equal(t, ...) ck_tn_close(t, 0, __VA_ARGS__)
#define ck_tn_shape(t, text) ck_assert_str_eq(TN_SHAPE_TEXT(t), text)

void check_elements(const char *file, int line, const tn_tensor *t, double tolerance,
                    const double *expected, int64_t count);

/* a and b have the same shape, dtype and bits. */
void check_same_bits(const tn_tensor *a, const tn_tensor *b);

/* Element i of t in row-major order. */
double element_of(const tn_tensor *t, int64_t i);

/* Whole numbers from -most to most, the same for the same seed. */
tn_tensor *whole_numbers(tn_dtype dtype, int ndim, const int64_t *shape, int most, uint32_t seed);

/* A float64 tensor of these numbers, of one dimension; the same as a leaf. */
#define F64(...)                                                                                 \
    tn_from_data(ctx, TN_F64, 1,                                                                 \
                 (const int64_t[]){(int64_t)(sizeof((double[]){__VA_ARGS__}) / sizeof(double))}, \
                 (double[]){__VA_ARGS__})
#define LEAF(...) leaf(F64(__VA_ARGS__))

/* The sum of all elements, for a loss. */
tn_tensor *sum_of(const tn_tensor *t);

/* Calls `run` while call k of the allocator and those after it fail, for k = 1, 2... until it
 * succeeds. Each other call must end with TN_ERR_MEMORY and leave nothing behind; there must be
 * one. */
typedef tn_status (*attempt_fn)(void *payload);
void fail_each_allocation(attempt_fn run, void *payload);

/* Makes t require a gradient and returns it. */
tn_tensor *leaf(tn_tensor *t);

#endif
