/* Mutex: a pthread mutex carrying Clang's capability attributes, so that -Wthread-safety checks
 * at compile time what a comment could only ask for.
 *
 * Threads: any. */
#ifndef COMMON_MUTEX_H
#define COMMON_MUTEX_H

#include <pthread.h>

#if defined(__clang__)
#define THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define THREAD_ATTRIBUTE(x)
#endif

#define CAPABILITY(name) THREAD_ATTRIBUTE(capability(name))
#define GUARDED_BY(mutex) THREAD_ATTRIBUTE(guarded_by(mutex))
#define REQUIRES(mutex) THREAD_ATTRIBUTE(requires_capability(mutex))
#define ACQUIRES(mutex) THREAD_ATTRIBUTE(acquire_capability(mutex))
#define RELEASES(mutex) THREAD_ATTRIBUTE(release_capability(mutex))
#define NO_THREAD_SAFETY_ANALYSIS THREAD_ATTRIBUTE(no_thread_safety_analysis)

struct CAPABILITY("mutex") mutex {
    pthread_mutex_t native;
};

static inline void mutex_init(struct mutex *mutex)
{
    pthread_mutex_init(&mutex->native, NULL);
}

static inline void mutex_clear(struct mutex *mutex)
{
    pthread_mutex_destroy(&mutex->native);
}

static inline void mutex_lock(struct mutex *mutex) ACQUIRES(*mutex) NO_THREAD_SAFETY_ANALYSIS
{
    pthread_mutex_lock(&mutex->native);
}

static inline void mutex_unlock(struct mutex *mutex) RELEASES(*mutex) NO_THREAD_SAFETY_ANALYSIS
{
    pthread_mutex_unlock(&mutex->native);
}

#endif
