/* Check health: asks a running proxy whether it is ready, for containers without a shell.
 *
 * Threads: main. */
#ifndef PROXY_CHECK_HEALTH_H
#define PROXY_CHECK_HEALTH_H

#include "common/error.h"

#include <stdbool.h>

/* True when /readyz of the admin listener (ADDR:PORT or unix:PATH) answers 200 within
 * `timeout_ms`. */
bool check_health(const char *admin, unsigned timeout_ms, struct error *err);

#endif
