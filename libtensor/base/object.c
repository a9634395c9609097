/* object.c - the objects that live as long as their context. */
#include "base/object.h"

void tn__object_add(tn_ctx *ctx, tn__object *object, void (*free)(tn__object *object))
{
    *object = (tn__object){.ctx = ctx, .free = free, .next = ctx->objects};
    if (ctx->objects)
        ctx->objects->prev = object;
    ctx->objects = object;
}

void tn__object_remove(tn__object *object)
{
    if (object->prev)
        object->prev->next = object->next;
    else
        object->ctx->objects = object->next;
    if (object->next)
        object->next->prev = object->prev;
}

void tn__objects_close(tn_ctx *ctx)
{
    while (ctx->objects)
        ctx->objects->free(ctx->objects);
}
