/* Errors: a code for programs, a sentence for people.
 *
 * Whatever can fail for a reason someone should read returns bool and takes `struct error *`
 * last. The code becomes the gRPC status, the exit code of routectl and the log field.
 *
 * Threads: none shared; an error belongs to its caller. */
#ifndef COMMON_ERROR_H
#define COMMON_ERROR_H

#include <stdbool.h>
#include <stddef.h>

enum error_code {
    ERROR_NONE = 0,
    ERROR_INVALID,      /* the input is wrong and will stay wrong */
    ERROR_NOT_FOUND,    /* a named object is not there */
    ERROR_EXISTS,       /* a named object is there already */
    ERROR_CONFLICT,     /* a precondition on a revision does not hold any more */
    ERROR_IN_USE,       /* something else still refers to the object */
    ERROR_DENIED,       /* the peer's role does not allow it */
    ERROR_LIMIT,        /* too large or too many */
    ERROR_UNAVAILABLE,  /* the other side is not there; trying again may help */
    ERROR_TIMEOUT,      /* the deadline passed first */
    ERROR_OUT_OF_RANGE, /* a revision that is compacted or not reached yet */
    ERROR_UNSUPPORTED,  /* understood, and not supported */
    ERROR_READ_ONLY,    /* the store takes no writes: disk full, I/O error, corrupt */
    ERROR_CORRUPT,      /* stored data is damaged */
    ERROR_SYSTEM,       /* a system call failed */
    ERROR_INTERNAL,     /* a bug */
};

enum { ERROR_MESSAGE_BYTES = 512 };

struct error {
    enum error_code code;
    char message[ERROR_MESSAGE_BYTES];
};

/* Fills `err` (which may be NULL) and returns false, so that `return error_set(...)` reads well. */
bool error_set(struct error *err, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, with ": " and the text of errno behind the sentence. */
bool error_set_errno(struct error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Puts context in front: "listener web: " + what it said. Returns false. */
bool error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
