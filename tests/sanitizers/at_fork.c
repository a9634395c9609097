/* at_fork.c - a child of fork finds the address sanitizer's allocator at rest.
 *
 * The C library's malloc takes its locks before a fork. That of the sanitizer, as gcc 12 has it,
 * does not: a child that was forked while another thread was inside waits for that thread's lock
 * for ever. So here every call of it holds a lock that fork waits for. */
#include "base/asan.h"

#ifdef TN__ASAN
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

/* The sanitizer's own, behind which those of this file stand. */
void *__interceptor_malloc(size_t size);
void *__interceptor_calloc(size_t count, size_t size);
void *__interceptor_realloc(void *p, size_t size);
void *__interceptor_aligned_alloc(size_t alignment, size_t size);
void __interceptor_free(void *p);

static pthread_rwlock_t inside = PTHREAD_RWLOCK_INITIALIZER;
static _Thread_local bool forks; /* holds the lock, and may allocate */

static void enter(void)
{
    if (!forks)
        pthread_rwlock_rdlock(&inside);
}

static void *leave(void *p)
{
    if (!forks)
        pthread_rwlock_unlock(&inside);
    return p;
}

void *malloc(size_t size)
{
    enter();
    return leave(__interceptor_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    enter();
    return leave(__interceptor_calloc(count, size));
}

void *realloc(void *p, size_t size)
{
    enter();
    return leave(__interceptor_realloc(p, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    enter();
    return leave(__interceptor_aligned_alloc(alignment, size));
}

void free(void *p)
{
    enter();
    __interceptor_free(p);
    leave(NULL);
}

static void before_fork(void)
{
    pthread_rwlock_wrlock(&inside);
    forks = true;
}

static void after_fork_in_parent(void)
{
    forks = false;
    pthread_rwlock_unlock(&inside);
}

static void after_fork_in_child(void)
{
    inside = (pthread_rwlock_t)PTHREAD_RWLOCK_INITIALIZER;
    forks = false;
}

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* Whose handlers are known first comes last before a fork, and who waits for other threads there
 * needs them to be able to allocate. So this comes before the constructors of all libraries. */
__attribute__((section(".preinit_array"), used)) static void (*const first)(void) = watch_forks;
#endif
