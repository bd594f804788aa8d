/* Authorization stage: a stage whose first endpoint serves, and whose second is asked before. */
#ifndef TESTS_UNIT_PROXY_HTTP_AUTHORIZATION_STAGE_H
#define TESTS_UNIT_PROXY_HTTP_AUTHORIZATION_STAGE_H

#include "tests/unit/proxy/http/stage.h"

enum { SERVICE, GATE };

extern const char authorization_get[];     /* of /page?a=1 at a.example, with headers to look for */
extern const char authorization_allowed[]; /* an answer that allows, and says nothing else */

/* cmocka's fixture: *state is the stage, not started; "auth:gate" are the filters of its rule. */
int authorization_set_up(void **state);

/* Starts it with these filters of its rule. */
struct stage *authorization_start(void **state, const char *filters);

/* The client asks, and the gate has read the head of the question. */
struct player authorization_ask_about(struct stage *stage, struct player *client,
                                      const char *request);

uint64_t authorization_refused(struct stage *stage, enum denial denial);

/* The head that comes to an endpoint, whole. Good until the player is used again. */
const char *authorization_read_head(struct player *player);
void assert_has(const char *text, const char *part);
void assert_lacks(const char *text, const char *part);

void authorization_close(struct player *client, struct player *gate, struct player *service);

#endif
