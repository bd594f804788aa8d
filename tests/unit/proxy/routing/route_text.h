/* Route text: routes and requests of tests in one line each.
 *
 *   shop @3 host=shop.internal,*.shop.internal on=web:80 : exact:/a method:GET | prefix:/b -> users
 *
 * is a route of that name created at revision 3 ("@3.2": as the second of it), attached to listener
 * web on port 80, with one rule of two matches and one backendRef. More rules follow behind "; ".
 * "grpc" in front of the rules makes it a GRPCRoute.
 * Conditions are exact:, prefix:, regex:, grpc:, method:, header:NAME=VALUE, query:NAME=VALUE, and
 * header~ and query~ for expressions. "{...}" behind them are filters, as in filter_text.h. A
 * backendRef is NAME[:PORT][*WEIGHT]; more follow behind ",". "->" alone refers to nothing. Values
 * have no spaces.
 *
 *   GET shop.internal/a?x=1 tenant: one | accept: text
 *
 * is a request with two headers. */
#ifndef TESTS_UNIT_PROXY_ROUTING_ROUTE_TEXT_H
#define TESTS_UNIT_PROXY_ROUTING_ROUTE_TEXT_H

#include "common/buffer.h"
#include "proto/messages.h"
#include "proxy/routing/request_head.h"
#include "proxy/routing/route.h"

#include <stdbool.h>

/* Aborts on a text it does not understand. Free with route_text_free. */
RouteMessage *route_text_parse(const char *text);
void route_text_free(RouteMessage *message);

/* Appends `format` with the number for each "#". */
void route_text_append_numbered(struct buffer *text, const char *format, unsigned number);

/* The compiled route; its backends are numbered by the digits their names end with. */
struct route *route_text_compile(const char *text);
struct route *route_text_compile_message(const RouteMessage *message, bool is_broken);

enum { REQUEST_TEXT_HEADERS = 64 };

struct request_text {
    struct request_head head;
    char *text;
    struct header headers[REQUEST_TEXT_HEADERS];
};

void request_text_init(struct request_text *request, const char *text);
void request_text_clear(struct request_text *request);

#endif
