/* Sanitizers: which of them watches this build; 1 or 0, for code and for #if.
 *
 * Threads: any. */
#ifndef COMMON_SANITIZERS_H
#define COMMON_SANITIZERS_H

#ifdef __has_feature /* clang */
#define IS_ADDRESS_SANITIZED __has_feature(address_sanitizer)
#define IS_THREAD_SANITIZED __has_feature(thread_sanitizer)
#else /* gcc */
#ifdef __SANITIZE_ADDRESS__
#define IS_ADDRESS_SANITIZED 1
#else
#define IS_ADDRESS_SANITIZED 0
#endif
#ifdef __SANITIZE_THREAD__
#define IS_THREAD_SANITIZED 1
#else
#define IS_THREAD_SANITIZED 0
#endif
#endif

#endif
