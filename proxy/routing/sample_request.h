/* Sample request: the request head of a request that was only described, by a URL and headers.
 *
 * Read as the proxy reads a request that came in: the same canonical path and host, and without
 * the fields that the proxy lets nobody behind its parser see. A client that is no trusted peer
 * is assumed.
 *
 * Threads: none shared. */
#ifndef PROXY_ROUTING_SAMPLE_REQUEST_H
#define PROXY_ROUTING_SAMPLE_REQUEST_H

#include "common/error.h"
#include "proxy/routing/header_list.h"
#include "proxy/routing/request_target.h"

#include <stdbool.h>
#include <stddef.h>

/* A Host, and what is added to what is forwarded. */
enum { SAMPLE_ADDED_HEADERS = 8 };

struct sample_request {
    struct request_head head;  /* without listener */
    struct header_list fields; /* the head's headers, with room for those of SAMPLE_ADDED_HEADERS */
    struct header *dropped;    /* given, but the proxy acts as if they were not there */
    size_t dropped_count;

    char *text; /* what the head and the headers point into */
    size_t text_bytes;
    char host[REQUEST_HOST_BYTES];
    bool has_host;
};

/* What a request is described by. */
struct sample_description {
    struct slice method;          /* empty: GET */
    struct slice url;             /* "http://shop.internal/users/7?x=1", or "/users/7", or "*" */
    const struct header *headers; /* a Host among them takes the place of the URL's, as sent */
    size_t header_count;
};

/* ERROR_INVALID when the proxy would refuse such a request: the error begins with the field,
 * "url: " or "headers[2]: ". Copies. Clear it in any case. */
bool sample_request_init(struct sample_request *sample,
                         const struct sample_description *description, struct error *err);
void sample_request_clear(struct sample_request *sample);

#endif
