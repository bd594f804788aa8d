/* HTTP/2 scene: a client of HTTP/2 in front of a stage, whose endpoints the test plays.
 *
 * Threads: one. */
#ifndef TESTS_UNIT_PROXY_HTTP_HTTP2_SCENE_H
#define TESTS_UNIT_PROXY_HTTP_HTTP2_SCENE_H

#include "common/buffer.h"
#include "tests/unit/proxy/http/http2_pair.h"

struct scene {
    struct stage *stage;
    struct pair pair;
};

/* cmocka's fixtures: *state is the scene. Prepared, its stage may still be changed before it
 * begins; set up, the client is connected. */
int scene_prepare(void **state);
void scene_begin(struct scene *scene);
int scene_set_up(void **state);
/* The same with an endpoint that speaks HTTP/2. */
int scene_set_up_http2(void **state);
int scene_tear_down(void **state);

/* A bodiless request, as an endpoint got it. */
struct player scene_forward(struct scene *scene, struct stream **request, const char *fields);

void assert_contains(struct buffer *bytes, const char *expected);

#endif
