/* What control, every proxy and the model say must be the same. */
#include "proto/message.h"
#include "proto/route_id.h"
#include "tests/integration/model/story.h"

#include <string.h>

unsigned story_chance(struct story *story, unsigned below)
{
    story->random = story->random * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)((story->random >> 33) % below);
}

bool story_happens(struct story *story, unsigned percent)
{
    return story_chance(story, 100) < percent;
}

/* --- agreement -------------------------------------------------------------------------------- */

static void describe_routes(struct story *story, uint64_t revision, struct buffer *to)
{
    Pointsman__V1__ListRoutesRequest request = POINTSMAN__V1__LIST_ROUTES_REQUEST__INIT;
    struct grpc_result result = {0};
    request.at_revision = revision;
    Pointsman__V1__ListRoutesResponse *list = (Pointsman__V1__ListRoutesResponse *)grpc_client_call(
        story->client, CONTROL "ListRoutes", &request.base,
        &pointsman__v1__list_routes_response__descriptor, WAIT_MS, &result);
    if (list == NULL)
        FAIL(story, "ListRoutes at %" PRIu64 ": %s", revision, result.message);
    for (size_t i = 0; i < list->n_routes; i++) {
        struct buffer bytes = BUFFER_EMPTY;
        struct arena arena = {0};
        message_pack(&list->routes[i]->base, &bytes);
        model_describe_object(POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE,
                              slice_from_string(route_id_of(list->routes[i], &arena)),
                              buffer_slice(&bytes), to);
        buffer_clear(&bytes);
        arena_clear(&arena);
    }
    message_free(&list->base);
    grpc_result_clear(&result);
}

static void describe_backends(struct story *story, uint64_t revision, struct buffer *to)
{
    Pointsman__V1__ListBackendsRequest request = POINTSMAN__V1__LIST_BACKENDS_REQUEST__INIT;
    struct grpc_result result = {0};
    request.at_revision = revision;
    Pointsman__V1__ListBackendsResponse *list =
        (Pointsman__V1__ListBackendsResponse *)grpc_client_call(
            story->client, CONTROL "ListBackends", &request.base,
            &pointsman__v1__list_backends_response__descriptor, WAIT_MS, &result);
    if (list == NULL)
        FAIL(story, "ListBackends at %" PRIu64 ": %s", revision, result.message);
    for (size_t i = 0; i < list->n_backends; i++) {
        struct buffer bytes = BUFFER_EMPTY;
        message_pack(&list->backends[i]->base, &bytes);
        model_describe_object(POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND,
                              slice_from_string(list->backends[i]->name), buffer_slice(&bytes), to);
        buffer_clear(&bytes);
    }
    message_free(&list->base);
    grpc_result_clear(&result);
}

/* What control lists at a revision (0: the head) is what the model had. */
static void check_list(struct story *story, uint64_t revision)
{
    struct buffer listed = BUFFER_EMPTY;
    struct buffer expected = BUFFER_EMPTY;
    uint64_t digest;
    describe_routes(story, revision, &listed);
    describe_backends(story, revision, &listed);
    model_describe(revision == 0 ? model_head(story->model) : model_at(story->model, revision),
                   &expected, &digest);
    if (strcmp(buffer_string(&listed), buffer_string(&expected)) != 0)
        FAIL(story, "control at %" PRIu64 ":\n%sthe model:\n%s", revision, buffer_string(&listed),
             buffer_string(&expected));
    buffer_clear(&listed);
    buffer_clear(&expected);
}

void story_check_past(struct story *story)
{
    Pointsman__V1__GetInfoResponse *info = control_client_get_info(story->client);
    uint64_t oldest = info->oldest_revision;
    uint64_t span = info->revision - oldest;
    message_free(&info->base);
    for (int i = 0; i < 3 && span > 0; i++)
        check_list(story, oldest + 1 + story_chance(story, (unsigned)span));
}

static const struct model_state *expected_of(const struct story *story,
                                             const struct proxy_of_story *proxy)
{
    return proxy->is_frozen ? model_at(story->model, proxy->frozen_at) : model_head(story->model);
}

static bool has_view(struct story *story, const struct proxy_of_story *proxy)
{
    const struct model_state *expected = expected_of(story, proxy);
    struct live_view view;
    struct buffer objects = BUFFER_EMPTY;
    uint64_t digest;
    live_proxy_view(proxy->live, &view);
    model_describe(expected, &objects, &digest);
    bool agrees = view.objects != NULL && view.revision == expected->revision;
    if (!agrees)
        (void)DIFFERS(story, "proxy %s is at revision %" PRIu64 ", not %" PRIu64, proxy->id,
                      view.objects == NULL ? 0 : view.revision, expected->revision);
    else if (view.digest != digest || strcmp(view.objects, buffer_string(&objects)) != 0)
        agrees = DIFFERS(story, "proxy %s:\n%sthe model:\n%s", proxy->id, view.objects,
                         buffer_string(&objects));
    live_view_clear(&view);
    buffer_clear(&objects);
    return agrees;
}

static void check_requests(struct story *story, const struct proxy_of_story *proxy)
{
    const struct model_state *expected = expected_of(story, proxy);
    for (unsigned host = 0; host <= MODEL_HOSTS; host++) {
        for (unsigned path = 0; path < MODEL_PREFIXES; path++) {
            unsigned answer = live_proxy_answer(proxy->live, model_host(host), model_path(path));
            if (answer != model_answer(expected, host, path))
                FAIL(story, "proxy %s answers http://%s%s with %u, the model with %u", proxy->id,
                     model_host(host), model_path(path), answer,
                     model_answer(expected, host, path));
        }
    }
}

/* What control says of a proxy. */
static bool is_told(struct story *story, const struct proxy_of_story *proxy,
                    const Pointsman__V1__Proxy *told)
{
    uint64_t head = model_head(story->model)->revision;
    uint64_t revision = expected_of(story, proxy)->revision;
    if (!told->connected)
        return DIFFERS(story, "control says that proxy %s is not connected", proxy->id);
    /* Of a frozen one the digest may be too old to be compared. */
    if (told->revision != revision || !(told->digest_matches || proxy->is_frozen))
        return DIFFERS(story, "control says that proxy %s is at %" PRIu64 ", not %" PRIu64,
                       proxy->id, told->revision, revision);
    if (proxy->is_frozen &&
        (told->last_rejection == NULL || told->last_rejection->revision != head))
        return DIFFERS(story, "control does not say that proxy %s rejected the head", proxy->id);
    return true;
}

static bool are_told(struct story *story)
{
    Pointsman__V1__ListProxiesRequest request = POINTSMAN__V1__LIST_PROXIES_REQUEST__INIT;
    struct grpc_result result = {0};
    bool agrees = true;
    Pointsman__V1__ListProxiesResponse *list =
        (Pointsman__V1__ListProxiesResponse *)grpc_client_call(
            story->client, CONTROL "ListProxies", &request.base,
            &pointsman__v1__list_proxies_response__descriptor, WAIT_MS, &result);
    if (list == NULL)
        FAIL(story, "ListProxies: %s", result.message);
    for (size_t i = 0; i < PROXIES && agrees; i++) {
        const struct proxy_of_story *proxy = &story->proxies[i];
        size_t at = 0;
        while (at < list->n_proxies && strcmp(list->proxies[at]->id, proxy->id) != 0)
            at++;
        if (proxy->live == NULL)
            continue;
        agrees = at < list->n_proxies ? is_told(story, proxy, list->proxies[at])
                                      : DIFFERS(story, "control does not know proxy %s", proxy->id);
    }
    message_free(&list->base);
    grpc_result_clear(&result);
    return agrees;
}

static bool has_settled(void *context)
{
    struct story *story = context;
    for (size_t i = 0; i < PROXIES; i++) {
        if (story->proxies[i].live != NULL && !has_view(story, &story->proxies[i]))
            return false;
    }
    return are_told(story);
}

void story_check(struct story *story)
{
    if (!wait_until(has_settled, story, WAIT_MS))
        FAIL(story, "they do not come to agree: %s", story->difference);
    check_list(story, 0);
    for (size_t i = 0; i < PROXIES; i++) {
        if (story->proxies[i].live != NULL)
            check_requests(story, &story->proxies[i]);
    }
}
