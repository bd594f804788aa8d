/* Session validation: what makes the session persistence of a rule acceptable, the rules of the
 * Gateway API's types included.
 *
 * Threads: any. */
#ifndef PROXY_ROUTING_SESSION_VALIDATE_H
#define PROXY_ROUTING_SESSION_VALIDATE_H

#include "proxy/routing/validation.h"

void validate_session_persistence(struct validation *validation,
                                  const SessionPersistenceMessage *session);

#endif
