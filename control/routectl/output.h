/* Output: how results are shown. One of these for each format of -o.
 *
 * Results go to standard output and nothing else does; what routectl has to say about them goes to
 * standard error.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_OUTPUT_H
#define CONTROL_ROUTECTL_OUTPUT_H

#include "common/error.h"
#include "proto/messages.h"

#include <stdbool.h>
#include <stdio.h>

struct output_sink {
    FILE *to;
    bool has_colour;
    bool is_wide; /* more columns */
};

/* What became of a change. */
struct change_result {
    const Pointsman__V1__ApplyResponse *response;
    const Pointsman__V1__WaitAppliedResponse *applied; /* NULL: nobody waited */
    bool is_dry_run;
};

/* What makes one state another. */
struct difference {
    const Pointsman__V1__DiffResponse *diff;
    /* Where the new object of each change is from; NULL: from its revision. */
    const char *const *origins;
};

struct output {
    const char *name;
    bool is_wide;
    /* An answer of the daemon that is shown as it is. */
    void (*show)(const struct output_sink *sink, const ProtobufCMessage *answer);
    void (*show_change)(const struct output_sink *sink, const struct change_result *result);
    void (*show_difference)(const struct output_sink *sink, const struct difference *difference);
    void (*show_status)(const struct output_sink *sink, const Pointsman__V1__GetInfoResponse *info,
                        const Pointsman__V1__ListProxiesResponse *proxies);
};

extern const struct output output_table;
extern const struct output output_wide;
extern const struct output output_json;
extern const struct output output_yaml;

/* NULL with an error that lists the formats. */
const struct output *output_find(const char *name, struct error *err);

#endif
