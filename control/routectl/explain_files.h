/* Explain files: what the routes of documents alone would do with a request, asked with the
 * proxy's own matcher, without a daemon.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_EXPLAIN_FILES_H
#define CONTROL_ROUTECTL_EXPLAIN_FILES_H

#include "control/routectl/draft.h"
#include "proxy/routing/explain_report.h"

#include <stdbool.h>

/* Fills the report (cleared by the caller, with explain_report_clear), from the objects that the
 * draft puts. False with an error when the proxy would refuse such a request. What the request
 * says of revisions and mutations does not count. */
bool explain_files(const Pointsman__V1__ExplainRequest *request, const struct draft *draft,
                   struct explain_report *report, struct error *err);

#endif
