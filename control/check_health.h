/* Check health: asks a running daemon whether it is well, for containers without a shell.
 *
 * Threads: main. */
#ifndef CONTROL_CHECK_HEALTH_H
#define CONTROL_CHECK_HEALTH_H

#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>

/* True when grpc.health.v1 on that socket says SERVING within `timeout_ms`. */
bool check_health(const char *socket_path, uint64_t timeout_ms, struct error *err);

#endif
