/* Session text: the session persistence of tests, as words with spaces between them.
 *
 *   cookie cookie:NAME path:P permanent session type:Cookie type:Header header:NAME timeout:MS
 *
 * "header:" and "cookie:" say nothing of the type; it is unspecified without "type:". "kept" says
 * nothing at all. Values have no spaces. */
#ifndef TESTS_UNIT_PROXY_ROUTING_SESSION_TEXT_H
#define TESTS_UNIT_PROXY_ROUTING_SESSION_TEXT_H

#include "proto/messages.h"

/* Aborts on a word it does not know. Free with pointsman__v1__session_persistence__free_unpacked,
 * or with the rule it stands in. */
SessionPersistenceMessage *session_text_parse(const char *text);

#endif
