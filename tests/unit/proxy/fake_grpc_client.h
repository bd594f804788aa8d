/* Fake gRPC client: stands in for the connection to control, so that a test plays control itself.
 *
 * One client at a time. What is sent is kept; what is received, the test hands in.
 *
 * Threads: the test's. */
#ifndef TESTS_UNIT_PROXY_FAKE_GRPC_CLIENT_H
#define TESTS_UNIT_PROXY_FAKE_GRPC_CLIENT_H

#include "proto/grpc_client.h"

/* Forgets everything; opening works again. */
void fake_grpc_reset(void);
/* Opening fails from now on, as when nobody listens. */
void fake_grpc_refuse(void);

/* What each Watch is answered with from now on, on the session's own loop: for tests whose session
 * has a thread of its own. Copies. */
void fake_grpc_script(const Pointsman__V1__WatchResponse *response);
/* The feed ends behind the script. */
void fake_grpc_script_end(void);

bool fake_grpc_is_open(void);

/* The Watch that was started; NULL: none. Borrowed until the reset. */
const Pointsman__V1__WatchRequest *fake_grpc_watch(void);
/* The last Report, and how many there were. Borrowed until the next one. */
const Pointsman__V1__ReportRequest *fake_grpc_report(void);
size_t fake_grpc_report_count(void);

/* Control says something on the feed. */
void fake_grpc_say(const Pointsman__V1__WatchResponse *response);
void fake_grpc_say_bytes(struct slice bytes);
/* Control ends the feed, or fails the last report, or the connection goes. */
void fake_grpc_end_watch(enum grpc_status status, const char *message);
void fake_grpc_end_report(enum grpc_status status, const char *message);
void fake_grpc_close(void);

#endif
