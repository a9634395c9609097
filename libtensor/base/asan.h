/* asan.h - TN__ASAN, with the address sanitizer's functions, where it is compiled in: gcc defines a
 * macro, clang has a feature. */
#ifndef TN_BASE_ASAN_H
#define TN_BASE_ASAN_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define TN__ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TN__ASAN
#endif
#endif

#if defined(TN__ASAN)
#include <sanitizer/asan_interface.h>
#elif defined(__GNUC__)
/* A program that is compiled with the sanitizer may use a library that is not: then these are there
 * when it runs, and NULL otherwise. A name that is hidden, as all of libtensor.c is, would always
 * be NULL. */
extern void __asan_poison_memory_region(void const volatile *memory, size_t size)
    __attribute__((weak, visibility("default")));
extern void __asan_unpoison_memory_region(void const volatile *memory, size_t size)
    __attribute__((weak, visibility("default")));
#endif

#endif
