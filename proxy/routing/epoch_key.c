#include "proxy/routing/epoch_key.h"

#include <string.h>

struct hash_key epoch_key_of(const char *epoch, const char *purpose)
{
    struct hash_key key = {
        .words = {hash_stable(purpose, strlen(purpose)), hash_stable(epoch, strlen(epoch))}};
    struct hash_key made;
    for (size_t i = 0; i < 2; i++) {
        made.words[i] = hash_keyed(epoch, strlen(epoch), &key);
        key.words[0]++;
    }
    return made;
}
