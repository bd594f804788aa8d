/* Privileges: what a daemon may do besides what its user may, and how it lets go of that.
 *
 *   start as root ──▶ privileges_become: the user, with the one capability the start needs
 *                 ──▶ privileges_drop:   no capability at all, and no way to get one
 *
 * Everything but what needs that capability is done as the user from the start, so that what could
 * be opened can be opened again.
 *
 * Threads: before any other is started; capabilities belong to a thread, and threads inherit them.
 */
#ifndef COMMON_PRIVILEGES_H
#define COMMON_PRIVILEGES_H

#include "common/error.h"

#include <stdbool.h>

/* Becomes `user`, NAME[:GROUP], names or numbers, with the groups it is in, and keeps of root's
 * capabilities `capability` (CAP_... of linux/capability.h) for itself and the programs it runs,
 * and CAP_SETPCAP, which is needed to give away the rest. Without a group it is the user's own.
 * NULL stays who we are. An error when there is no such user, or when we are neither root nor that
 * user. */
bool privileges_become(const char *user, unsigned capability, struct error *err);

/* Gives up every capability, for good: those in force, the bounding set and the ambient ones, and
 * no program that we might run gets any (PR_SET_NO_NEW_PRIVS). */
bool privileges_drop(struct error *err);

/* No program that we run gets any privilege that we have not. */
bool privileges_forbid_new(struct error *err);

/* What is in memory comes into no core file, and no other process of the same user may look at it.
 */
void privileges_hide_memory(void);

#endif
