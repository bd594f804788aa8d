/* Editor: a file that a person changes in the program of their choice.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_EDITOR_H
#define CONTROL_ROUTECTL_EDITOR_H

#include "common/error.h"
#include "common/slice.h"

#include <stdbool.h>

/* Makes an empty YAML file that only we may read. Its path, caller frees; NULL with an error. */
char *editor_new_file(struct error *err);

/* Puts this in place of the file's content. */
bool editor_write(const char *path, struct slice content, struct error *err);

/* Runs VISUAL, EDITOR or vi on the file and waits for its end. False when it did not end well. */
bool editor_run(const char *path, struct error *err);

#endif
