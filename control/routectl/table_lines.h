/* Table lines: what the tables for people are made of, in the sink's colours.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_TABLE_LINES_H
#define CONTROL_ROUTECTL_TABLE_LINES_H

#include "control/routectl/output.h"
#include "control/routectl/text_table.h"

/* Prints and clears. */
void print_table(const struct output_sink *sink, struct text_table *table);

/* A cell made of several parts, which is emptied. */
void cell_from(struct text_table *table, struct buffer *text);

/* "name      value" under each other, for one object. Empties the value. */
void print_line(const struct output_sink *sink, const char *name, struct buffer *value);

/* The start of a part with lines of its own. Empties the title. */
void print_title(const struct output_sink *sink, struct buffer *title);

/* "name 10s", behind ", " unless it is the first. Nothing when it is absent. */
void append_duration(struct buffer *to, const char *name, const DurationMessage *duration);

/* "2 more, backoff 100ms, codes 500 503": how often a request is repeated, and when. */
void append_retry(struct buffer *to, const Pointsman__V1__Retry *retry);

/* "cookie shop, path /a, permanent, timeout 1h": where clients' tokens are, and how long. */
void append_session(struct buffer *to, const SessionPersistenceMessage *session);

#endif
