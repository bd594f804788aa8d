/* What heads put into the compression's table (RFC 7541 section 2.3.2). */
#include "common/buffer.h"
#include "proxy/http/http2_session.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/http2_pair.h"

#include <nghttp2/nghttp2.h>

/* The client asks with one field more. Returns what the table then holds, in bytes; the server has
 * `expected` as the last field. */
static size_t table_after(struct pair *pair, struct slice name, struct slice value,
                          const char *expected)
{
    const struct header own[] = {
        PAIR_FIELD(":method", "GET"),
        PAIR_FIELD(":scheme", "http"),
        PAIR_FIELD(":authority", "shop"),
        PAIR_FIELD(":path", "/"),
    };
    struct header header;
    struct header_tag tag;
    struct header_list fields = {.headers = &header, .tags = &tag, .capacity = 1};
    assert_true(header_list_add(&fields, name, value, header_name_id(name)));
    const struct stream *previous = pair->server.last;
    struct stream *request = pair_add_stream(&pair->client);
    http2_stream_send_head(&pair->client.session, &request->http2, own, 4, &fields, false);

    PAIR_WAIT(pair, pair->server.last != previous && pair->server.last->heads == 1);
    struct stream *served = pair->server.last;
    const char *received = buffer_string(&served->fields);
    const char *last = strstr(received, ":path=/\n");
    assert_non_null(last);
    assert_string_equal(last + strlen(":path=/\n"), expected);
    pair_answer(served, false);
    PAIR_WAIT(pair, request->is_closed);
    return nghttp2_session_get_hd_deflate_dynamic_table_size(pair->client.session.native);
}

static void what_comes_again_is_kept(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair);

    size_t before = table_after(&pair, SLICE("accept"), SLICE("*/*"), "accept=*/*\n");
    size_t after = table_after(&pair, SLICE("X-Tenant"), SLICE("blue"), "x-tenant=blue\n");
    assert_int_equal(after - before, strlen("x-tenant") + strlen("blue") + 32);
    assert_int_equal(table_after(&pair, SLICE("X-Tenant"), SLICE("blue"), "x-tenant=blue\n"),
                     after);
    pair_close(&pair);
}

static void what_is_another_with_each_request_is_not(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair);

    size_t before = table_after(&pair, SLICE("accept"), SLICE("*/*"), "accept=*/*\n");
    assert_int_equal(table_after(&pair, SLICE("X-Request-Id"), SLICE("a1"), "x-request-id=a1\n"),
                     before);
    assert_int_equal(table_after(&pair, SLICE("x-request-id"), SLICE("b2"), "x-request-id=b2\n"),
                     before);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_again_is_kept),
        cmocka_unit_test(what_is_another_with_each_request_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
