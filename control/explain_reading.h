/* Explain reading: the routes that one explanation is made of, read a few at a time.
 *
 * Where few routes serve the host, these alone are read. Which they are at the head, the shadow
 * index knows. At a revision of the past they are those of the head, and those that were changed
 * since: the log is walked for routes that served the host before one of the changes. Each is then
 * read as it was at that revision. Where very many routes serve the host, or more was changed since
 * than there are routes, all of them are read through.
 *
 * What is to be shown of other hosts is read in order of name until that is enough.
 *
 * Threads: main. */
#ifndef CONTROL_EXPLAIN_READING_H
#define CONTROL_EXPLAIN_READING_H

#include "common/error.h"
#include "control/explain_candidates.h"
#include "control/routes_of_host.h"
#include "control/store.h"
#include "proxy/routing/route_explain.h"

struct shadow_index;

/* How far it has come. */
enum reading_step {
    READING_LOG,      /* for names */
    READING_SHOWN,    /* in order of name, as long as other hosts are shown */
    READING_REPLACED, /* what the candidates take the place of */
    READING_NAMED,    /* what may serve the host */
    READING_ALL,      /* in order of name */
    READING_CANDIDATES,
    READING_DONE,
};

struct explain_reading {
    struct store *store;
    const struct request_head *head;
    struct explain_candidates *candidates;
    struct route_explain *explain;
    uint64_t revision;
    enum reading_step step;

    uint64_t head_revision; /* when it began */
    uint64_t sequence;      /* of the last change that was looked at */
    uint64_t changes_left;
    uint64_t route_count; /* at the revision, when the log has been walked */
    struct routes_of_host named;
    struct store_cursor cursor;
    size_t next; /* in the list of the step */

    uint64_t counted; /* routes of the revision that the explanation knows of */
    uint64_t read_count;

    /* The piece at hand. */
    uint64_t piece_end_us;
    size_t piece_count;
};

/* What is read goes to `explain`. All are borrowed until it is cleared, which is to be done in any
 * case. False with ERROR_OUT_OF_RANGE when the revision cannot be read. */
bool explain_reading_init(struct explain_reading *reading, struct store *store,
                          const struct shadow_index *shadows, const struct request_head *head,
                          struct explain_candidates *candidates, struct route_explain *explain,
                          uint64_t revision, struct error *err);
void explain_reading_clear(struct explain_reading *reading);

/* Reads on until clock_now_us is past `end_us`, at least one thing. Done when the step is
 * READING_DONE. False when the store fails. */
bool explain_reading_go_on(struct explain_reading *reading, uint64_t end_us, struct error *err);

#endif
