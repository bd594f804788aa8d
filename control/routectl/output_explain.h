/* Output of explain, as a table.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_OUTPUT_EXPLAIN_H
#define CONTROL_ROUTECTL_OUTPUT_EXPLAIN_H

#include "control/routectl/output.h"

/* An ExplainResponse. */
void output_explain_show(const struct output_sink *sink, const ProtobufCMessage *answer);

#endif
