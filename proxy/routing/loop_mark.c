#include "proxy/routing/loop_mark.h"

#include "common/hex.h"
#include "proxy/routing/epoch_key.h"
#include "proxy/routing/route.h"

#include <string.h>

struct hash_key loop_mark_key_of(const char *epoch)
{
    return epoch_key_of(epoch, "loop mark");
}

void loop_mark_write(const struct rule *rule, const struct hash_key *key,
                     char to[static LOOP_MARK_LENGTH])
{
    struct slice route = rule_route_id(rule);
    const struct hash_key of_rule = {.words = {key->words[0] ^ rule->index, key->words[1]}};
    memcpy(to, LOOP_MARK_START, sizeof(LOOP_MARK_START) - 1);
    hex_write_word(to + sizeof(LOOP_MARK_START) - 1, hash_keyed(route.at, route.length, &of_rule));
}

static unsigned count_in(struct slice value, const char *mark)
{
    const char *end = value.at + value.length;
    unsigned count = 0;
    for (const char *at = value.at;
         (at = memmem(at, (size_t)(end - at), mark, LOOP_MARK_LENGTH)) != NULL;
         at += LOOP_MARK_LENGTH)
        count++;
    return count;
}

/* Whoever is on the way may have made one line of several, so they are looked for in all of each.
 */
bool loop_mark_is_spent(const struct header_list *fields, const char mark[static LOOP_MARK_LENGTH])
{
    unsigned rounds = 0;
    for (size_t i = 0; i < fields->count; i++) {
        if (fields->tags[i].id == HEADER_CDN_LOOP)
            rounds += count_in(fields->headers[i].value, mark);
    }
    return rounds >= LOOP_ROUNDS_MAX;
}

void loop_mark_add(struct header_list *fields, const char mark[static LOOP_MARK_LENGTH])
{
    header_list_add(fields, SLICE("cdn-loop"), slice_of(mark, LOOP_MARK_LENGTH), HEADER_CDN_LOOP);
}
