#include "proxy/http/upstream.h"

#include "proxy/http/upstream_http1.h"
#include "proxy/http/upstream_http2.h"
#include "proxy/upstream/endpoint.h"

enum upstream_lease upstream_lease(struct worker *worker, struct endpoint *endpoint, bool is_fresh,
                                   uint32_t max_connections, struct upstream_place *place)
{
    *place = (struct upstream_place){0};
    switch (endpoint->protocol) {
    case ENDPOINT_HTTP1:
        return upstream_http1_lease(worker, endpoint, is_fresh, max_connections, &place->http1);
    case ENDPOINT_HTTP2:
        return upstream_http2_lease(worker, endpoint, is_fresh, max_connections, &place->http2);
    }
    return UPSTREAM_UNREACHABLE;
}

void upstream_start(struct exchange *exchange, const struct upstream_place *place)
{
    if (place->http1 != NULL)
        upstream_http1_start(exchange, place->http1);
    else
        upstream_http2_start(exchange, place->http2);
}
