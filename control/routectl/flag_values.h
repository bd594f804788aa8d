/* Flag values: the small forms that values of flags have, made into parts of messages.
 *
 * Each takes the flag's name ("--header") for the error, which is ERROR_INVALID and reads
 * "--header: 'x' is not ...".
 *
 * Threads: none shared. */
#ifndef CONTROL_ROUTECTL_FLAG_VALUES_H
#define CONTROL_ROUTECTL_FLAG_VALUES_H

#include "common/arena.h"
#include "common/error.h"
#include "common/options.h"
#include "common/slice.h"
#include "control/routectl/endpoint_scheme.h"
#include "proto/messages.h"

#include <stdbool.h>
#include <stdint.h>

/* A decimal number, at most `max`. */
bool flag_number(const char *flag, const char *text, uint32_t max, uint32_t *number,
                 struct error *err);

/* A revision: a decimal number, not 0. */
bool flag_revision(const char *flag, const char *text, uint64_t *revision, struct error *err);

/* A revision, which may be 0, the empty beginning, or a time as time_text_parse takes it. */
struct flag_moment {
    uint64_t revision;
    uint64_t time_ms; /* since 1970; 0: it is a revision */
};
bool flag_moment(const char *flag, const char *text, struct flag_moment *moment, struct error *err);

/* NULL when `text` is NULL: the flag was not given. */
bool flag_duration(const char *flag, const char *text, struct arena *arena,
                   DurationMessage **duration, struct error *err);

/* "name=value", cut at the first '='; the name is not empty. Both owned by the arena. */
bool flag_pair(const char *flag, const char *text, struct arena *arena, char **name, char **value,
               struct error *err);

/* Appends "key=value" items as labels. */
bool flag_labels(const char *flag, const struct option_list *items, struct arena *arena,
                 LabelMessage ***labels, size_t *label_count, struct error *err);

/* "[NAMESPACE/]NAME[:PORT][@SHARE]". Parts that are not there are "" and 0. */
struct flag_reference {
    char *namespace_name;
    char *name;
    uint32_t port;
    const char *share; /* behind the '@'; NULL without one */
};
bool flag_reference(const char *flag, const char *text, struct arena *arena,
                    struct flag_reference *reference, struct error *err);

/* An endpoint: "http://10.0.0.1:9000", "h2c://[::1]:80", "unix:/run/a.sock", each with "@WEIGHT"
 * behind it or not. A path may end in '@' and digits only when a weight follows. What the scheme
 * says is for its backend. */
bool flag_endpoint(const char *flag, const char *text, struct arena *arena,
                   EndpointMessage **endpoint, const struct endpoint_scheme **scheme,
                   struct error *err);

#endif
