/* Replace service: Apply with replace_all, which reads before it commits.
 *
 * Threads: main. */
#ifndef CONTROL_REPLACE_SERVICE_H
#define CONTROL_REPLACE_SERVICE_H

#include "proto/messages.h"

struct event_loop;
struct grpc_call;
struct replace_service;
struct services;

/* Both outlive it. */
struct replace_service *replace_service_new(struct event_loop *loop,
                                            const struct services *services);
/* No call may be open. Harmless on NULL. */
void replace_service_free(struct replace_service *service);

/* Answers the call once it has read all objects, and committed. ERROR_LIMIT while many do. */
void replace_service_apply(struct replace_service *service, struct grpc_call *call,
                           const Pointsman__V1__ApplyRequest *apply);

#endif
