/* Error info: what the details of a failed call say for programs: google.rpc.BadRequest names each
 * bad field, google.rpc.ErrorInfo has a reason.
 *
 * Threads: none. */
#ifndef PROTO_ERROR_INFO_H
#define PROTO_ERROR_INFO_H

#define BAD_REQUEST_TYPE "type.googleapis.com/google.rpc.BadRequest"

#define ERROR_INFO_TYPE "type.googleapis.com/google.rpc.ErrorInfo"
#define ERROR_INFO_DOMAIN "pointsman"

/* A change was not committed; without this, UNAVAILABLE leaves that open. */
#define ERROR_INFO_NOT_COMMITTED "NOT_COMMITTED"

#endif
