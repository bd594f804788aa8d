/* Output of changes: what becomes of objects, for people.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_OUTPUT_CHANGES_H
#define CONTROL_ROUTECTL_OUTPUT_CHANGES_H

#include "common/buffer.h"
#include "control/routectl/output.h"

void output_changes_show(const struct output_sink *sink, const struct change_result *result);
void output_changes_show_difference(const struct output_sink *sink,
                                    const struct difference *difference);

/* "route api created" */
void append_change(struct buffer *to, const Pointsman__V1__Change *change);

/* The differences of those changes that have their objects. `origins` as in struct difference. */
void print_differences(const struct output_sink *sink, Pointsman__V1__Change *const *changes,
                       size_t count, const char *const *origins);

#endif
