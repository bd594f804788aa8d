#include "control/change_feed.h"

#include "common/buffer.h"

#include <assert.h>
#include <stdlib.h>

struct change_feed {
    struct change_listener ring; /* its next is the first, its previous the last */
};

struct change_feed *change_feed_new(void)
{
    struct change_feed *feed = memory_allocate_zeroed(1, sizeof(*feed));
    feed->ring.next = &feed->ring;
    feed->ring.previous = &feed->ring;
    return feed;
}

void change_feed_free(struct change_feed *feed)
{
    assert(feed == NULL || feed->ring.next == &feed->ring);
    free(feed);
}

void change_feed_add(struct change_feed *feed, struct change_listener *listener,
                     void (*on_change)(struct change_listener *listener))
{
    listener->on_change = on_change;
    listener->previous = feed->ring.previous;
    listener->next = &feed->ring;
    listener->previous->next = listener;
    feed->ring.previous = listener;
}

void change_feed_remove(struct change_feed *feed, struct change_listener *listener)
{
    (void)feed;
    listener->previous->next = listener->next;
    listener->next->previous = listener->previous;
    listener->next = NULL;
    listener->previous = NULL;
}

void change_feed_announce(struct change_feed *feed)
{
    struct change_listener *next;
    for (struct change_listener *at = feed->ring.next; at != &feed->ring; at = next) {
        next = at->next;
        at->on_change(at);
    }
}
