/* world.h - the objects that a call with failing allocations works on, and a digest of everything
 * that can be seen of them. */
#ifndef TEST_WORLD_H
#define TEST_WORLD_H

#include "common/check_tn.h"

enum { INPUTS = 6 };

extern tn_tensor *in[INPUTS];
extern int n_inputs;
extern int64_t worlds;                 /* that have been made */
extern tn_tensor *x, *images, *pixels; /* f32 [4,3], f32 [2,1,6,6], u8 [5,3] */
extern tn_tensor *turned;              /* u8 [3,5], not contiguous */
extern tn_tensor *p;                   /* f64 [2], with a gradient, in group 1 of opt */
extern tn_module *net, *cnn, *spare, *frozen;
extern tn_optim *opt, *plain_opt, *thawed;
extern tn_schedule *schedule, *plateau;
extern tn_loader *loader, *fresh_loader; /* `fresh_loader` is NULL until a row makes one */
extern tn_dict *dict, *net_state, *opt_state, *schedule_state, *loader_state;

/* Makes all of them anew in a new `ctx`. The types are written in `in`: "f32[2,3]" is a leaf that
 * requires a gradient, "=f32[2]" one that does not, "+f32[2]" one of positive numbers, and integers
 * are below 3. The first of them has a gradient already. */
void make_world(const char *types);

/* Numbers of either sign, or positive ones. */
double value_of(int input, int64_t i, bool positive);

/* in[i] with its first two dimensions exchanged; the first parameter of net. */
tn_tensor *flipped(int i);
tn_tensor *first_parameter(void);

/* ---- a number for all that can be seen of it ------------------------------------------------- */

/* What is mixed into it decides its value. */
extern uint64_t digest;

void mix(const void *bytes, size_t size);
void mix_number(double number);
void mix_tensor(const tn_tensor *t);
void mix_dict(const tn_dict *d);
void mix_module(const tn_module *m);
void mix_optim(const tn_optim *o);
void mix_schedule(const tn_schedule *s);
void mix_loader(const tn_loader *l);

/* The rows write files, which belong to the world, too. */
extern bool writing;

/* The digest of the parameters and the optimiser's state, without gradients; of the gradients of
 * `in`; of all. */
uint64_t digest_of_values(void);
uint64_t digest_of_gradients(void);
uint64_t digest_of_world(void);

#endif
