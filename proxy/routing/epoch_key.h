/* Epoch key: what all proxies of one control can make and read alike, also after a restart, and
 * nobody else can.
 *
 * The epoch is the random name of control's database; a database that is restored has a new one.
 * Each purpose has a key of its own.
 *
 * Threads: any. */
#ifndef PROXY_ROUTING_EPOCH_KEY_H
#define PROXY_ROUTING_EPOCH_KEY_H

#include "common/hash.h"

struct hash_key epoch_key_of(const char *epoch, const char *purpose);

#endif
