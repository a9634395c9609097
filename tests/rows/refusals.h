/* refusals.h - the functions of a public header, given what does not fit: the status and the line
 * of text that each promises; and without a context, or with one in error: that it does nothing.
 * The rows of tests/unit/test_refusals_*.c stand as in the headers; a function without rows fails
 * the test. */
#ifndef TEST_REFUSALS_H
#define TEST_REFUSALS_H

#include "common/check_tn.h"

/* REFUSES: the call fails with this status and text. WORKS: it succeeds. Both must fail, and do
 * nothing, while an error is recorded, and without a context. HOLDS: the condition is true, and no
 * error is recorded; for what cannot fail, or has no context to record it in. */
#define REFUSES(function, status, text, ...) \
    ROW(#function, REFUSED, status, text, #__VA_ARGS__, FAILED(__VA_ARGS__))
#define WORKS(function, ...) ROW(#function, WORKED, TN_OK, "", #__VA_ARGS__, FAILED(__VA_ARGS__))
#define HOLDS(function, ...) ROW(#function, HELD, TN_OK, "", #__VA_ARGS__, !(__VA_ARGS__))

#define ROW(function, kind, status, text, call, failed)               \
    do {                                                              \
        begin_row();                                                  \
        const row r = {__LINE__, function, kind, status, text, call}; \
        end_row(&r, failed);                                          \
    } while (0)

/* clang-format off */
#define FAILED(call)            \
    _Generic((call),            \
        bool: is_false,         \
        int: is_negative,       \
        int64_t: is_negative,   \
        double: is_nan,         \
        default: is_null)(call)
/* clang-format on */

typedef struct row {
    int line;
    const char *function;
    enum { REFUSED = 1, WORKED = 2, HELD = REFUSED | WORKED } kind; /* bits of see_function */
    tn_status status;
    const char *text, *call;
} row;

void begin_row(void);
void end_row(const row *r, bool failed);

bool is_false(bool flag);
bool is_negative(int64_t number);
bool is_nan(double number);
bool is_null(const void *pointer);

/* Runs the rows of a header such as "ops.h" in a test of their own; the status of main. */
int run_refusals(const char *header, void (*rows)(void));

/* ---- what the calls find --------------------------------------------------------------------- */

/* Made anew for each row in `own`. The tensors of T are of another context, `maker`, so that they
 * are there without one and while one is in error. */
extern tn_ctx *own, *maker;
extern tn_tensor *x, *ints; /* f32 [2,3], i64 [2] */
extern tn_tensor *p, *y;    /* f64 [2] and its squares, which require a gradient */
extern tn_module *net;      /* Linear(3, 2) */
extern tn_optim *opt;
extern tn_schedule *schedule, *plateau;
extern tn_loader *loader;
extern tn_dict *dict; /* "a" */
extern tn_dict *net_state, *opt_state, *schedule_state, *loader_state;
extern tn_scope inner, ended;

/* A tensor of zeros, "f32[2,3]"; of another value. */
tn_tensor *T(const char *type);
tn_tensor *T_OF(const char *type, double value);

/* t, if it has this shape. */
tn_tensor *shaped(const char *shape, tn_tensor *t);

/* A type of module that gives what it is given, and a module of it, made in `own` while that
 * could. */
extern const tn_module_type same_type;
tn_module *spare(void);

/* ---- rows of several headers ----------------------------------------------------------------- */

/* A function of files that takes something besides the path. */
#define FILE_ROWS_OF(function, name, thing)                                                \
    REFUSES(function, TN_ERR_ARGUMENT, name ": path is NULL", function(ctx, thing, NULL)); \
    REFUSES(function, TN_ERR_FILE, name ": no/such/file: No such file or directory",       \
            function(ctx, thing, "no/such/file"));                                         \
    REFUSES(function, TN_ERR_FILE, name ": tests: Is a directory", function(ctx, thing, "tests"))

#endif
