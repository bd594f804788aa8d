/* Output of the history: who changed what, when and why, for people.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_OUTPUT_HISTORY_H
#define CONTROL_ROUTECTL_OUTPUT_HISTORY_H

#include "control/routectl/output.h"

/* A Commit, with what it changed. */
void output_history_show_commit(const struct output_sink *sink, const ProtobufCMessage *answer);

/* A ListCommitsResponse. */
void output_history_show_commits(const struct output_sink *sink, const ProtobufCMessage *answer);

/* A BlameResponse. */
void output_history_show_blame(const struct output_sink *sink, const ProtobufCMessage *answer);

/* A WatchCommitsResponse, whole: a line for each change. */
void output_history_show_event(const struct output_sink *sink, const ProtobufCMessage *answer);

#endif
