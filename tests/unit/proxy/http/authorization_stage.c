#include "tests/unit/proxy/http/authorization_stage.h"

#include "tests/unit/cmocka_all.h"

#include <string.h>

enum { PATIENCE_TURNS = 2000 };

const char authorization_get[] =
    "GET /page?a=1 HTTP/1.1\r\nHost: a.example\r\nAuthorization: Basic eA==\r\nCookie: c=1\r\n"
    "X-User: evil\r\nX-Other: mine\r\n\r\n";

const char authorization_allowed[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

int authorization_set_up(void **state)
{
    struct stage *stage = stage_new();
    stage->route.filters = "auth:gate";
    stage->route.gate_port = stage->endpoint_ports[GATE];
    *state = stage;
    return 0;
}

struct stage *authorization_start(void **state, const char *filters)
{
    struct stage *stage = *state;
    stage->route.filters = filters;
    stage_start(stage);
    return stage;
}

struct player authorization_ask_about(struct stage *stage, struct player *client,
                                      const char *request)
{
    player_send(client, request);
    struct player gate = stage_accept(stage, GATE);
    player_expect(&gate, "\r\n\r\n");
    return gate;
}

uint64_t authorization_refused(struct stage *stage, enum denial denial)
{
    return counter_read(&stage->worker->counters->refused[denial]);
}

const char *authorization_read_head(struct player *player)
{
    for (int i = 0; i < PATIENCE_TURNS; i++) {
        player_read(player);
        if (strstr(buffer_string(&player->received), "\r\n\r\n") != NULL)
            return buffer_string(&player->received);
        stage_turn(player->stage);
    }
    fail_msg("no end of the head: %s", buffer_string(&player->received));
    return NULL;
}

void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("no '%s' in: %s", part, text);
}

void assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        fail_msg("'%s' in: %s", part, text);
}

void authorization_close(struct player *client, struct player *gate, struct player *service)
{
    player_close(service);
    player_close(gate);
    player_close(client);
}
