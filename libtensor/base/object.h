/* object.h - what lives until it is freed or its context is: modules, optimisers, dictionaries. */
#ifndef TN_BASE_OBJECT_H
#define TN_BASE_OBJECT_H

#include "base/context.h"

/* The first member of each. */
struct tn__object {
    tn_ctx *ctx;
    void (*free)(tn__object *object);
    tn__object *prev, *next;
};

void tn__object_add(tn_ctx *ctx, tn__object *object, void (*free)(tn__object *object));
void tn__object_remove(tn__object *object);
void tn__objects_close(tn_ctx *ctx); /* frees all that are left */

#endif
