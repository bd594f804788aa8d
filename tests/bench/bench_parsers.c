/* What reading one head costs: typical ones, whole and in pieces, on one core.
 *
 *   bench_parsers [ROUNDS]
 *
 * Prints nanoseconds a head, the best of five runs. */
#include "common/clock.h"
#include "proxy/http/chunk_decoder.h"
#include "proxy/http/request_parser.h"
#include "proxy/http/response_parser.h"

#include <stdio.h>
#include <stdlib.h>

static const char small_request[] = "GET /users/7 HTTP/1.1\r\n"
                                    "Host: shop.internal\r\n"
                                    "\r\n";

static const char browser_request[] =
    "GET /wp-content/uploads/2010/03/hello-kitty-darth-vader-pink.jpg?size=large HTTP/1.1\r\n"
    "Host: www.kittyhell.example\r\n"
    "User-Agent: Mozilla/5.0 (Macintosh; Intel Mac OS X 10.6; rv:109.0) Gecko/20100101 "
    "Firefox/115.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-gb,en;q=0.7,fr;q=0.3\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Connection: keep-alive\r\n"
    "Referer: http://www.kittyhell.example/2010/03/\r\n"
    "Cookie: session=8f14e45fceea167a5a36dedd4bea2543; theme=dark; consent=1\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "\r\n";

static const char escaped_request[] = "GET /a%20b/%7euser/caf%c3%a9 HTTP/1.1\r\n"
                                      "Host: shop.internal\r\n"
                                      "\r\n";

static const char typical_response[] = "HTTP/1.1 200 OK\r\n"
                                       "Server: nginx/1.22.1\r\n"
                                       "Date: Mon, 23 Nov 2026 03:33:33 GMT\r\n"
                                       "Content-Type: text/html; charset=utf-8\r\n"
                                       "Content-Length: 128\r\n"
                                       "Last-Modified: Mon, 02 Nov 2026 10:00:00 GMT\r\n"
                                       "Connection: keep-alive\r\n"
                                       "ETag: \"65e1f0a0-80\"\r\n"
                                       "Accept-Ranges: bytes\r\n"
                                       "\r\n";

static char room[65536];
static struct header headers[RESPONSE_HEADERS_DEFAULT];
static struct header_tag tags[RESPONSE_HEADERS_DEFAULT];

static struct header_list fields(size_t capacity)
{
    return (struct header_list){.headers = headers, .tags = tags, .capacity = capacity};
}

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* `pieces`: how many times the parser is called for one head. */
static void parse_request(const char *text, size_t length, size_t pieces)
{
    static const struct request_limits limits = REQUEST_LIMITS_DEFAULT;
    struct request_parser parser;
    char host[REQUEST_HOST_BYTES];
    struct request_areas areas = {.fields = fields(REQUEST_HEADERS_DEFAULT), .host = host};
    enum parse_result result = PARSE_MORE;

    memcpy(room, text, length); /* the parser writes to it */
    request_parser_init(&parser, &limits, areas, SLICE("http"), false);
    for (size_t piece = 1; piece <= pieces; piece++)
        result = request_parser_feed(&parser, room, length * piece / pieces);
    must(result == PARSE_DONE);
}

static void parse_response(const char *text, size_t length, size_t pieces)
{
    struct response_parser parser;
    enum parse_result result = PARSE_MORE;

    memcpy(room, text, length);
    response_parser_init(&parser, RESPONSE_HEAD_BYTES_DEFAULT, fields(RESPONSE_HEADERS_DEFAULT),
                         (struct response_context){0});
    for (size_t piece = 1; piece <= pieces; piece++)
        result = response_parser_feed(&parser, room, length * piece / pieces);
    must(result == PARSE_DONE);
}

/* Sixteen chunks of 2 KB. */
static void decode_chunks(const char *text, size_t length, size_t pieces)
{
    struct chunk_decoder decoder;
    struct chunk_step step;
    size_t at = 0;
    enum chunk_result result = CHUNK_MORE;

    chunk_decoder_init(&decoder, (struct header_list){0}, 0);
    for (size_t piece = 1; piece <= pieces; piece++) {
        do {
            result = chunk_decoder_next(&decoder, text + at, length * piece / pieces - at, &step);
            at += step.used;
        } while (result == CHUNK_DATA);
    }
    must(result == CHUNK_DONE);
    chunk_decoder_clear(&decoder);
}

static void measure(const char *what, void (*run)(const char *, size_t, size_t), const char *text,
                    size_t length, size_t pieces, size_t rounds)
{
    uint64_t best_us = UINT64_MAX;
    for (int repeat = 0; repeat < 5; repeat++) {
        uint64_t start = clock_now_us();
        for (size_t i = 0; i < rounds; i++)
            run(text, length, pieces);
        uint64_t took = clock_now_us() - start;
        best_us = took < best_us ? took : best_us;
    }
    printf("%-28s %6zu bytes %9.1f ns\n", what, length, (double)best_us * 1000 / (double)rounds);
}

int main(int argc, char **argv)
{
    size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 200000;
    static char chunks[40000];
    size_t used = 0;
    for (int i = 0; i < 16; i++) {
        used += (size_t)snprintf(chunks + used, sizeof(chunks) - used, "800\r\n%*s\r\n", 2048, "");
    }
    used += (size_t)snprintf(chunks + used, sizeof(chunks) - used, "0\r\n\r\n");

    measure("request, small", parse_request, small_request, sizeof(small_request) - 1, 1, rounds);
    measure("request, browser", parse_request, browser_request, sizeof(browser_request) - 1, 1,
            rounds);
    measure("request, browser, 4 pieces", parse_request, browser_request,
            sizeof(browser_request) - 1, 4, rounds);
    measure("request, escaped path", parse_request, escaped_request, sizeof(escaped_request) - 1, 1,
            rounds);
    measure("response", parse_response, typical_response, sizeof(typical_response) - 1, 1, rounds);
    measure("16 chunks of 2 KB", decode_chunks, chunks, used, 1, rounds);
    return 0;
}
