/* allocations.h - the functions of a public header while memory runs out: allocation 1, 2, 3... of
 * a call fails, alone or with all that follow, until the call succeeds. A call that fails records
 * TN_ERR_MEMORY, keeps nothing and changes nothing, and one that would give an object, such as a
 * module, leaves nothing in the scope that is open: the one that succeeds in the end gives the bits
 * of an undisturbed one. The rows stand in tests/unit/test_allocations_*.c; a function without a
 * row fails the test. */
#ifndef TEST_ALLOCATIONS_H
#define TEST_ALLOCATIONS_H

#include "rows/world.h"

/* CALLS: the call is disturbed. ASKS: it takes no memory. GRADIENTS: its result is made, and the
 * backward pass through it is disturbed. STEPS: a whole step, after which the parameters and the
 * optimiser's state must be as before. */
#define CALLS(function, types, ...) ROW(CALL, #function, types, came, __VA_ARGS__)
#define ASKS(function, types, ...) ROW(ASK, #function, types, came, __VA_ARGS__)
#define GRADIENTS(function, types, ...) ROW(GRADIENT, #function, types, passed, __VA_ARGS__)
#define STEPS(name, ...) ROW(STEP, name, "", came, __VA_ARGS__)

#define DIFFERENTIABLE(function, types, ...) \
    CALLS(function, types, __VA_ARGS__);     \
    GRADIENTS(function, types, __VA_ARGS__)

#define ROW(kind, function, types, came, ...)                                             \
    for (begin_row(&(const row){__LINE__, kind, function, types, #__VA_ARGS__}); running; \
         end_attempt())                                                                   \
    came(__VA_ARGS__)

#define came(...) \
    _Generic((__VA_ARGS__), bool : came_bool, double : came_number, tn_tensor * : came_tensor, const tn_tensor * : came_tensor, tn_module * : came_module, tn_optim * : came_optim, tn_schedule * : came_schedule, tn_loader * : came_loader, tn_dict * : came_dict, default : came_integer)(__VA_ARGS__)

typedef enum kind { CALL, ASK, GRADIENT, STEP } kind;

typedef struct row {
    int line;
    kind kind;
    const char *function, *types, *call;
} row;

/* The steps of a row: a new world, the call with what came of it, and whether to call again. */
extern bool running;
void begin_row(const row *r);
void end_attempt(void);

void came_bool(bool flag);
void came_number(double number);
void came_integer(int64_t number);
void came_tensor(const tn_tensor *t);
void came_module(const tn_module *m);
void came_optim(const tn_optim *o);
void came_schedule(const tn_schedule *s);
void came_loader(const tn_loader *l);
void came_dict(const tn_dict *d);
void passed(const tn_tensor *y);

/* A save to memory, `filled`, which is made for it and freed. */
#define TO_MEMORY(...) \
    (filled = tn_bytes_new(ctx), saved = (__VA_ARGS__), tn_bytes_free(filled), saved)
extern tn_bytes *filled;
extern tn_status saved;

/* The scope of the call. From arm() on the allocator may fail; a row that makes something first
 * calls it again. */
extern tn_scope scope;
void arm(void);

/* Frees the world, which must give back every byte. */
void end_world(void);

/* Runs the rows of a header such as "ops.h" in a test of their own; the status of main. */
int run_allocations(const char *header, void (*rows)(void));

#endif
