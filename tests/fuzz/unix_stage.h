/* Unix stage: a stage whose client and endpoint are at Unix sockets: what is sent there is there,
 * and a connection that is made stands. With TCP even on loopback either may come later on a busy
 * machine, and an input would not always do the same.
 *
 * Threads: one. */
#ifndef TESTS_FUZZ_UNIX_STAGE_H
#define TESTS_FUZZ_UNIX_STAGE_H

#include "tests/unit/proxy/http/stage.h"

/* As long as the process runs. `app_protocol` is the endpoint's: "h2c"; NULL: HTTP/1. */
struct stage *unix_stage_start(const char *app_protocol);

struct player unix_stage_connect(struct stage *stage);

/* One turn, without waiting. */
void unix_stage_turn(struct stage *stage);

/* Whoever has come to the endpoint and was not accepted is closed. */
void unix_stage_turn_away(struct stage *stage);

#endif
