#include "tests/unit/proxy/http/http2_scene.h"

#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

int scene_prepare(void **state)
{
    struct scene *scene = memory_allocate_zeroed(1, sizeof(*scene));
    scene->stage = stage_new();
    *state = scene;
    return 0;
}

void scene_begin(struct scene *scene)
{
    stage_start(scene->stage);
    pair_connect(&scene->pair, scene->stage);
}

int scene_set_up(void **state)
{
    scene_prepare(state);
    scene_begin(*state);
    return 0;
}

int scene_set_up_http2(void **state)
{
    scene_prepare(state);
    struct scene *scene = *state;
    scene->stage->route.app_protocol = "h2c";
    scene_begin(scene);
    return 0;
}

int scene_tear_down(void **state)
{
    struct scene *scene = *state;
    pair_close(&scene->pair);
    stage_free(scene->stage);
    free(scene);
    return 0;
}

struct player scene_forward(struct scene *scene, struct stream **request, const char *fields)
{
    *request = pair_request(&scene->pair, fields, false);
    struct player endpoint = stage_accept(scene->stage, 0);
    player_expect(&endpoint, "\r\n\r\n");
    return endpoint;
}

void assert_contains(struct buffer *bytes, const char *expected)
{
    if (strstr(buffer_string(bytes), expected) == NULL)
        fail_msg("no '%s' in '%s'", expected, buffer_string(bytes));
}
