/* Backup service: streams a copy of the database to whoever may have it.
 *
 * The copy is made first, a little in each turn of the loop, then sent as fast as it is read. One
 * at a time; a reader that takes nothing for a minute is hung up on.
 *
 * Threads: main. */
#ifndef CONTROL_BACKUP_SERVICE_H
#define CONTROL_BACKUP_SERVICE_H

struct backup_service;
struct commit_group;
struct event_loop;
struct grpc_call;
struct store;

/* All outlive it. */
struct backup_service *backup_service_new(struct event_loop *loop, struct store *store,
                                          struct commit_group *commits);
/* No call may be open. Harmless on NULL. */
void backup_service_free(struct backup_service *service);

/* Turns the call into a stream, or fails it. */
void backup_service_start(struct backup_service *service, struct grpc_call *call);

#endif
