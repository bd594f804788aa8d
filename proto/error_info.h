/* Error info: what the details of a failed call say for programs, as google.rpc.ErrorInfo.
 *
 * Threads: none. */
#ifndef PROTO_ERROR_INFO_H
#define PROTO_ERROR_INFO_H

#define ERROR_INFO_TYPE "type.googleapis.com/google.rpc.ErrorInfo"
#define ERROR_INFO_DOMAIN "pointsman"

/* A change was not committed; without this, UNAVAILABLE leaves that open. */
#define ERROR_INFO_NOT_COMMITTED "NOT_COMMITTED"

#endif
