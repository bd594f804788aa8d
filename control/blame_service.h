/* Blame service: which commit made each part of an object what it is.
 *
 * The object's versions are walked from the newest to the oldest, a little at a time. A part (a
 * field, or one item of a list) belongs to the commit before which the object did not have it,
 * wherever in its list it stood. Parts are compared as bytes, so every field there will ever be is
 * covered.
 *
 * Threads: main. */
#ifndef CONTROL_BLAME_SERVICE_H
#define CONTROL_BLAME_SERVICE_H

#include "proto/messages.h"

struct blame_service;
struct event_loop;
struct grpc_call;
struct store;

/* Both outlive it. */
struct blame_service *blame_service_new(struct event_loop *loop, struct store *store);
/* No call may be open. Harmless on NULL. */
void blame_service_free(struct blame_service *service);

/* Answers the call, soon. */
void blame_service_blame(struct blame_service *service, struct grpc_call *call,
                         const Pointsman__V1__BlameRequest *request);

#endif
