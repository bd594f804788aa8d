/* Change feed: "something follows revision N". Wakes those who listen; holds no data.
 *
 * Threads: main. */
#ifndef CONTROL_CHANGE_FEED_H
#define CONTROL_CHANGE_FEED_H

struct change_feed;

/* Embedded in who listens. */
struct change_listener {
    struct change_listener *previous;
    struct change_listener *next;
    void (*on_change)(struct change_listener *listener);
};

struct change_feed *change_feed_new(void);
/* Nobody may listen any more. Harmless on NULL. */
void change_feed_free(struct change_feed *feed);

void change_feed_add(struct change_feed *feed, struct change_listener *listener,
                     void (*on_change)(struct change_listener *listener));
void change_feed_remove(struct change_feed *feed, struct change_listener *listener);

/* There is a new head. A listener may remove itself meanwhile, and no other. */
void change_feed_announce(struct change_feed *feed);

#endif
