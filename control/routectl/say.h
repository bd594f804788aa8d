/* Say: what routectl has to tell people, on standard error.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_SAY_H
#define CONTROL_ROUTECTL_SAY_H

struct buffer;

/* One line, "routectl: ..."; control characters are shown as '?'. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* From now on what would be said is appended to `lines` instead, without "routectl: "; NULL: it is
 * said again. */
void say_keep(struct buffer *lines);

#endif
