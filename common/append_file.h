/* Append file: a file to which lines are added, a log.
 *
 * /dev/stdout and /dev/stderr are these descriptors themselves. To open them by that name fails
 * when they are sockets, as systemd's are, when they lead to a file outside of the write fence, and
 * for a user who is not the one that opened them.
 *
 * Threads: any. */
#ifndef COMMON_APPEND_FILE_H
#define COMMON_APPEND_FILE_H

#include "common/error.h"

/* Made when it is not there, readable by its group. -1 on error, which calls it `what`. */
int append_file_open(const char *path, const char *what, struct error *err);

#endif
