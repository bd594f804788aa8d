/* Response date: whoever answers, an answer has a Date (RFC 9110 section 6.6.1).
 *
 * A recipient that passes on an answer without one adds the time at which it has received it. So
 * does the proxy, to whatever is an answer in the end: to the 101 too, as a WebSocket may reach its
 * client as a 200. Informational heads need none.
 *
 * It is part of the answer before filters see that: what they say of Date counts, and where they
 * remove it there is none.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_RESPONSE_DATE_H
#define PROXY_HTTP_RESPONSE_DATE_H

struct exchange;

/* exchange->response has a Date from now on: its own, or the present moment. */
void response_date_add(struct exchange *exchange);

#endif
