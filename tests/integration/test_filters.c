/* Filters, from the command line to both ends: what the service receives and what the client is
 * answered. */
#include "tests/support/check.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fake_upstream *service;
static struct pointsman *pointsman;

static int start(void **state)
{
    (void)state;
    service = fake_upstream_start("service");
    pointsman = pointsman_start(NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(service);
    return 0;
}

/* The service answers with the request as it received it. */
static void expect_received(const struct http_message *response, const char *text)
{
    CHECK(strstr(response->body.at, text) != NULL, "no '%s' in:\n%s", text, response->body.at);
}

static void expect_field(const struct http_message *response, const char *name, const char *value)
{
    char *actual = http_message_field(response, name);
    if (value == NULL)
        assert_null(actual);
    else
        CHECK(actual != NULL && strcmp(actual, value) == 0, "%s: %s", name,
              actual == NULL ? "(none)" : actual);
    free(actual);
}

static void headers_are_edited_in_both_directions(void **state)
{
    (void)state;
    struct http_message response = HTTP_MESSAGE_EMPTY;
    pointsman_routectl_ok(pointsman, "add", "headers", "--path-prefix", "/headers", "--to",
                          fake_upstream_url(service), "--set-header", "X-Set=new", "--add-header",
                          "X-Add=more", "--remove-header", "X-Remove", "--set-response-header",
                          "X-Served-By=us", "--add-response-header", "X-Answer=yes", NULL);

    http_exchange(pointsman_port(pointsman),
                  "GET /headers HTTP/1.1\r\nHost: h\r\nx-set: old\r\nx-add: some\r\n"
                  "x-remove: this\r\n",
                  "", &response);

    assert_int_equal(response.status, 200);
    expect_received(&response, "X-Set: new\r\n");
    expect_received(&response, "x-add: some,more\r\n");
    assert_null(strstr(response.body.at, "x-remove"));
    expect_field(&response, "X-Served-By", "us");
    expect_field(&response, "X-Answer", "yes");
    http_message_clear(&response);
}

static void urls_are_rewritten(void **state)
{
    (void)state;
    struct http_message response = HTTP_MESSAGE_EMPTY;
    pointsman_routectl_ok(pointsman, "add", "rewrite", "--path-prefix", "/old", "--to",
                          fake_upstream_url(service), "--rewrite-prefix", "/new", "--rewrite-host",
                          "inner.example", NULL);

    http_get(pointsman_port(pointsman), "outer.example", "/old/page?x=1", &response);

    expect_received(&response, "GET /new/page?x=1 HTTP/1.1\r\nhost: inner.example\r\n");
    expect_received(&response, "x-forwarded-host: outer.example\r\n");
    http_message_clear(&response);
}

static void redirects_are_answered_with_the_listeners_port(void **state)
{
    (void)state;
    struct http_message response = HTTP_MESSAGE_EMPTY;
    char location[128];
    snprintf(location, sizeof(location), "http://there.example:%d/there/page?x=1",
             pointsman_port(pointsman));
    pointsman_routectl_ok(pointsman, "add", "redirect", "--path-prefix", "/here", "--redirect-host",
                          "there.example", "--redirect-prefix", "/there", "--redirect-code", "308",
                          NULL);

    http_get(pointsman_port(pointsman), "here.example:9", "/here/page?x=1", &response);

    assert_int_equal(response.status, 308);
    expect_field(&response, "Location", location);
    assert_int_equal(response.body.length, 0);
    http_message_clear(&response);
}

static void preflights_are_answered_and_requests_are_marked(void **state)
{
    (void)state;
    struct http_message response = HTTP_MESSAGE_EMPTY;
    pointsman_routectl_ok(pointsman, "add", "cors", "--path-prefix", "/cors", "--to",
                          fake_upstream_url(service), "--cors-origin", "https://*.example",
                          "--cors-method", "PUT", "--cors-max-age", "60s", NULL);
    size_t requests = fake_upstream_request_count(service);

    http_exchange(pointsman_port(pointsman),
                  "OPTIONS /cors HTTP/1.1\r\nHost: h\r\nOrigin: https://app.example\r\n"
                  "Access-Control-Request-Method: PUT\r\n",
                  "", &response);
    assert_int_equal(response.status, 200);
    expect_field(&response, "Access-Control-Allow-Origin", "https://app.example");
    expect_field(&response, "Access-Control-Allow-Methods", "PUT");
    expect_field(&response, "Access-Control-Max-Age", "60");
    assert_int_equal(fake_upstream_request_count(service), requests);

    http_exchange(pointsman_port(pointsman),
                  "PUT /cors HTTP/1.1\r\nHost: h\r\nOrigin: https://app.example\r\n"
                  "Content-Length: 4\r\n",
                  "body", &response);
    assert_int_equal(response.status, 200);
    expect_field(&response, "Access-Control-Allow-Origin", "https://app.example");

    http_exchange(pointsman_port(pointsman),
                  "GET /cors HTTP/1.1\r\nHost: h\r\nOrigin: https://example\r\n", "", &response);
    assert_int_equal(response.status, 200);
    expect_field(&response, "Access-Control-Allow-Origin", NULL);
    http_message_clear(&response);
}

static void copies_are_sent_to_another_backend(void **state)
{
    (void)state;
    struct fake_upstream *shadow = fake_upstream_start("shadow");
    struct http_message response = HTTP_MESSAGE_EMPTY;
    pointsman_routectl_ok(pointsman, "backend", "add", "shadow", "--to", fake_upstream_url(shadow),
                          NULL);
    pointsman_routectl_ok(pointsman, "add", "mirrored", "--path-prefix", "/mirrored", "--to",
                          fake_upstream_url(service), "--mirror", "shadow", NULL);

    http_exchange(pointsman_port(pointsman),
                  "POST /mirrored HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n", "body", &response);

    expect_field(&response, "X-Served-By", "service");
    assert_true(fake_upstream_wait_requests(shadow, 1, WAIT_MS));
    const struct http_message *copy = fake_upstream_request(shadow, 0);
    assert_non_null(strstr(copy->head.at, "POST /mirrored HTTP/1.1\r\n"));
    assert_string_equal(copy->body.at, "body");
    http_message_clear(&response);
    fake_upstream_free(shadow);
}

static void filters_come_and_go_with_their_route(void **state)
{
    (void)state;
    struct http_message response = HTTP_MESSAGE_EMPTY;
    struct http_connection *connection = http_connection_open(pointsman_port(pointsman));
    static const char *const paths[] = {"/one", "/two", "/three"};

    for (size_t i = 0; i < 3; i++) {
        char line[64];
        snprintf(line, sizeof(line), "GET %s HTTP/1.1\r\n", paths[i]);
        pointsman_routectl_ok(pointsman, "add", "changing", "--replace", "--path-prefix", "/change",
                              "--to", fake_upstream_url(service), "--rewrite-path", paths[i], NULL);
        http_connection_send_text(connection, "GET /change HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_int_equal(http_connection_receive(connection, &response, WAIT_MS), HTTP_COMPLETE);
        expect_received(&response, line);
        http_message_clear(&response);
    }

    http_connection_close(connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_edited_in_both_directions),
        cmocka_unit_test(urls_are_rewritten),
        cmocka_unit_test(redirects_are_answered_with_the_listeners_port),
        cmocka_unit_test(preflights_are_answered_and_requests_are_marked),
        cmocka_unit_test(copies_are_sent_to_another_backend),
        cmocka_unit_test(filters_come_and_go_with_their_route),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
