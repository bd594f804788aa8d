/* Document files: what -f names, read into a draft.
 *
 * A file of any name, a folder with all that is in and below it (*.yaml, *.yml and *.json; names
 * that begin with a dot are left out), or "-" for standard input.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_DOCUMENT_FILES_H
#define CONTROL_ROUTECTL_DOCUMENT_FILES_H

#include "common/options.h"
#include "control/routectl/documents.h"
#include "control/routectl/exit_code.h"

/* The -f of every verb that reads documents. */
extern struct option_list document_files;
extern const struct option document_file_options[];

/* Adds a put mutation for every object of the files. All that is wrong with any of them is told on
 * standard error. EXIT_OK, EXIT_USAGE (no -f, or a file that cannot be read), or EXIT_INVALID.
 * `verb` is who asks. */
enum exit_code document_files_read(const char *verb, enum document_extent extent,
                                   struct draft *draft);

/* Reads a file whole. False with an error. */
bool document_file_load(const char *path, struct buffer *to, struct error *err);

/* The document_report_fn that says each remark. */
void document_files_say(void *context, enum document_remark remark, const char *text);

#endif
