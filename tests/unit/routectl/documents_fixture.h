/* Documents fixture: texts read as documents, what they made, and what was remarked.
 *
 * Threads: main. */
#ifndef TESTS_UNIT_ROUTECTL_DOCUMENTS_FIXTURE_H
#define TESTS_UNIT_ROUTECTL_DOCUMENTS_FIXTURE_H

#include "common/buffer.h"
#include "control/routectl/documents.h"

#include <stdbool.h>

/* What the last text made, and what was said to it: a line each; notes begin with "note ". */
extern struct draft documents_draft;
extern struct buffer documents_remarks;

/* A route and a backend with something of everything. */
extern const char documents_example[];

/* Forgets both. cmocka's set-up and tear-down. */
int documents_reset(void **state);
#define DOCUMENT_TEST(name) cmocka_unit_test_setup_teardown(name, documents_reset, documents_reset)

/* Keeps what is remarked; the context is nobody's. */
void documents_on_remark(void *context, enum document_remark remark, const char *text);

bool documents_are_read(const char *text);
void documents_read_ok(const char *text);
/* `expected`: every remark, in order. */
void assert_documents_refused(const char *text, const char *expected);

#define ROUTE_HEAD                                                                                 \
    "apiVersion: gateway.networking.k8s.io/v1\n"                                                   \
    "kind: HTTPRoute\n"                                                                            \
    "metadata: {name: users}\n"
#define BACKEND_HEAD                                                                               \
    "apiVersion: pointsman/v1\n"                                                                   \
    "kind: Backend\n"                                                                              \
    "metadata: {name: users-v1}\n"

#endif
