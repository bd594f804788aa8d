/* Not committed: how a change ends that the database has not taken, before any of it was durable.
 *
 * A call that fails with UNAVAILABLE leaves open what has become of it: its commit may be on disk,
 * and only the answer lost. Where it is certain that nothing was committed, as with a disk that is
 * full from the start, an ErrorInfo says so.
 *
 * Threads: main. */
#ifndef CONTROL_NOT_COMMITTED_H
#define CONTROL_NOT_COMMITTED_H

struct error;
struct grpc_call;

/* Ends the call with the error's status; with UNAVAILABLE as google.rpc.ErrorInfo the reason
 * NOT_COMMITTED. */
void not_committed_fail_call(struct grpc_call *call, const struct error *err);

#endif
