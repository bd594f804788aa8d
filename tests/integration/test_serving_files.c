/* nginx serves files, the proxy stands in front of it: what comes through is what is there. */
#include "common/buffer.h"
#include "tests/support/check.h"
#include "tests/support/http_get.h"
#include "tests/support/nginx.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

enum { LARGE_BYTES = 5 * 1024 * 1024 };

static struct temp_dir *files;
static struct nginx *nginx;
static struct pointsman *pointsman;
static char *large_content;

/* Every block of it is different, so that no part can stand for another. */
static char *make_large_content(void)
{
    struct buffer content = BUFFER_EMPTY;
    for (unsigned i = 0; content.length < LARGE_BYTES; i++)
        buffer_printf(&content, "line %u of a file that does not fit any buffer\n", i);
    content.at[LARGE_BYTES] = '\0';
    return content.at;
}

static int start(void **state)
{
    (void)state;
    large_content = make_large_content();
    files = temp_dir_new();
    free(temp_dir_write(files, "small.txt", "small\n"));
    free(temp_dir_write(files, "empty.txt", ""));
    free(temp_dir_write(files, "large.txt", large_content));
    nginx = nginx_start(files);
    pointsman = pointsman_start(NULL);
    pointsman_routectl_ok(pointsman, "add", "files", "--path-prefix", "/", "--to", nginx_url(nginx),
                          NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    nginx_free(nginx);
    temp_dir_free(files);
    free(large_content);
    return 0;
}

static int get(const char *path, struct http_message *response)
{
    return http_get(pointsman_port(pointsman), "files.internal", path, response);
}

static void a_small_file_comes_as_it_is(void **state)
{
    (void)state;
    struct http_message response = HTTP_MESSAGE_EMPTY;

    assert_int_equal(get("/small.txt", &response), 200);

    assert_string_equal(response.body.at, "small\n");
    http_message_clear(&response);
}

static void a_large_file_comes_whole(void **state)
{
    (void)state;
    struct http_message response = HTTP_MESSAGE_EMPTY;

    assert_int_equal(get("/large.txt", &response), 200);

    assert_int_equal(response.body.length, LARGE_BYTES);
    assert_memory_equal(response.body.at, large_content, LARGE_BYTES);
    http_message_clear(&response);
}

static void an_empty_file_is_an_answer_too(void **state)
{
    (void)state;
    struct http_message response = HTTP_MESSAGE_EMPTY;

    assert_int_equal(get("/empty.txt", &response), 200);

    assert_int_equal(response.body.length, 0);
    http_message_clear(&response);
}

static void a_missing_file_is_the_servers_own_404(void **state)
{
    (void)state;
    struct http_message response = HTTP_MESSAGE_EMPTY;

    assert_int_equal(get("/missing.txt", &response), 404);

    assert_non_null(strstr(response.body.at, "nginx"));
    http_message_clear(&response);
}

static void head_and_ranges_and_conditions_share_a_connection(void **state)
{
    (void)state;
    struct http_connection *connection = http_connection_open(pointsman_port(pointsman));
    struct http_message head = HTTP_MESSAGE_EMPTY;
    struct http_message range = HTTP_MESSAGE_EMPTY;
    struct http_message unchanged = HTTP_MESSAGE_EMPTY;
    struct http_message whole = HTTP_MESSAGE_EMPTY;

    http_connection_send_text(connection, "HEAD /large.txt HTTP/1.1\r\nHost: h\r\n\r\n");
    http_connection_receive_head(connection, &head, WAIT_MS);
    http_connection_send_text(connection, "GET /large.txt HTTP/1.1\r\nHost: h\r\n"
                                          "Range: bytes=5-10\r\n\r\n");
    http_connection_receive(connection, &range, WAIT_MS);
    http_connection_send_text(connection, "GET /small.txt HTTP/1.1\r\nHost: h\r\n"
                                          "If-None-Match: *\r\n\r\n");
    http_connection_receive(connection, &unchanged, WAIT_MS);
    http_connection_send_text(connection, "GET /small.txt HTTP/1.1\r\nHost: h\r\n\r\n");
    http_connection_receive(connection, &whole, WAIT_MS);

    char *length = http_message_field(&head, "content-length");
    assert_non_null(length);
    assert_int_equal(atoi(length), LARGE_BYTES);
    assert_int_equal(range.status, 206);
    assert_string_equal(range.body.at, "0 of a");
    assert_int_equal(unchanged.status, 304);
    assert_int_equal(whole.status, 200);
    assert_string_equal(whole.body.at, "small\n");
    free(length);
    http_connection_close(connection);
    http_message_clear(&head);
    http_message_clear(&range);
    http_message_clear(&unchanged);
    http_message_clear(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_file_comes_as_it_is),
        cmocka_unit_test(a_large_file_comes_whole),
        cmocka_unit_test(an_empty_file_is_an_answer_too),
        cmocka_unit_test(a_missing_file_is_the_servers_own_404),
        cmocka_unit_test(head_and_ranges_and_conditions_share_a_connection),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
