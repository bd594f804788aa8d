/* Endpoint lint: warns of endpoints that are listeners of a connected proxy, for what goes there
 * comes back.
 *
 * An endpoint means what it does to the proxies, which are on this host as the daemon is: loopback
 * leads to a listener on loopback and to one on every address. Whether another address is one of
 * the host's, and what a name other than "localhost" stands for, is not asked; what comes of it
 * anyhow, the proxy notices (proxy/routing/loop_mark.h).
 *
 * Threads: main. */
#ifndef CONTROL_ENDPOINT_LINT_H
#define CONTROL_ENDPOINT_LINT_H

#include "control/answer.h"

struct endpoint_lint;
struct proxy_registry;

/* The listeners of the proxies that are connected now; `proxies` outlives the lint. */
struct endpoint_lint *endpoint_lint_new(const struct proxy_registry *proxies);
/* Harmless on NULL. */
void endpoint_lint_free(struct endpoint_lint *lint);

/* Adds a warning for each such endpoint. */
void endpoint_lint_warn(const struct endpoint_lint *lint, const BackendMessage *backend,
                        AnswerMessage *answer);

#endif
