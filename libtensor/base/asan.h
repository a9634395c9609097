/* asan.h - TN__ASAN, with the address sanitizer's functions, where it is compiled in: gcc defines a
 * macro, clang has a feature. */
#ifndef TN_BASE_ASAN_H
#define TN_BASE_ASAN_H

#if defined(__SANITIZE_ADDRESS__)
#define TN__ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TN__ASAN
#endif
#endif

#if defined(TN__ASAN)
#include <sanitizer/asan_interface.h>
#endif

#endif
