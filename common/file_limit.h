/* File limit: how many descriptors a daemon may have.
 *
 * Threads: main, at start. */
#ifndef COMMON_FILE_LIMIT_H
#define COMMON_FILE_LIMIT_H

/* To as many as the system allows us. Where it says no, the limit stays. */
void file_limit_raise(void);

#endif
