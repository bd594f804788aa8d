/* PROXY headers: which are understood, and what is refused. That pieces make no difference is the
 * business of the fuzz target. */
#include "proxy/http/proxy_header.h"
#include "tests/unit/cmocka_all.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define IPV4 "\xc0\x00\x02\x01\xc6\x33\x64\x01\x04\xd2\x01\xbb"

static const char *source_of(const struct proxy_header *header)
{
    static char text[INET6_ADDRSTRLEN + 16];
    char host[INET6_ADDRSTRLEN];
    switch (header->source.any.sa_family) {
    case AF_UNSPEC:
        return "";
    case AF_INET:
        inet_ntop(AF_INET, &header->source.ipv4.sin_addr, host, sizeof(host));
        snprintf(text, sizeof(text), "%s:%u", host, ntohs(header->source.ipv4.sin_port));
        return text;
    case AF_INET6:
        inet_ntop(AF_INET6, &header->source.ipv6.sin6_addr, host, sizeof(host));
        snprintf(text, sizeof(text), "[%s]:%u", host, ntohs(header->source.ipv6.sin6_port));
        return text;
    default:
        return "unix";
    }
}

static void assert_source(struct slice bytes, size_t length, const char *source)
{
    struct proxy_header header;
    assert_int_equal(proxy_header_parse(bytes, &header), PARSE_DONE);
    assert_int_equal(header.length, length);
    assert_string_equal(source_of(&header), source);
}

static void assert_refused(struct slice bytes)
{
    struct proxy_header header;
    if (proxy_header_parse(bytes, &header) != PARSE_REFUSED)
        fail_msg("'%.*s' is not refused", (int)bytes.length, bytes.at);
}

static void a_line_names_the_source(void **state)
{
    (void)state;
    assert_source(SLICE("PROXY TCP4 192.0.2.1 198.51.100.1 1234 443\r\nGET"), 44, "192.0.2.1:1234");
    assert_source(SLICE("PROXY TCP6 2001:db8::1 ::2 65535 0\r\n"), 36, "[2001:db8::1]:65535");
    assert_source(SLICE("PROXY UNKNOWN\r\nGET"), 15, "");
    assert_source(SLICE("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), 35, "");
}

static void a_line_of_any_other_form_is_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "PROXY\r\n",
        "PROXY \r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP5 192.0.2.1 198.51.100.1 1234 443\r\n",
        "PROXY tcp4 192.0.2.1 198.51.100.1 1234 443\r\n",
        "proxy TCP4 192.0.2.1 198.51.100.1 1234 443\r\n",
        " PROXY TCP4 192.0.2.1 198.51.100.1 1234 443\r\n",
        "PROXY  TCP4 192.0.2.1 198.51.100.1 1234 443\r\n",
        "PROXY TCP4  192.0.2.1 198.51.100.1 1234 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1234 443 \r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1234 443 1\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1234\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 01234 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 65536 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 +1 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1234 \r\n",
        "PROXY TCP4 192.0.2.256 198.51.100.1 1234 443\r\n",
        "PROXY TCP4 192.0.2 198.51.100.1 1234 443\r\n",
        "PROXY TCP4 2001:db8::1 2001:db8::2 1234 443\r\n",
        "PROXY TCP6 192.0.2.1 198.51.100.1 1234 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1234 443\n",
        "PROXY UNKNOWN\n",
        "PROXY UNKNOWN\rx\r\n",
        "\n",
        "GET / HTTP/1.1\r\n\r\n",
        "\x16\x03\x01",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_refused(slice_from_string(lines[i]));
}

static void a_line_has_at_most_107_bytes(void **state)
{
    (void)state;
    char line[120];
    struct proxy_header header;
    memset(line, 'x', sizeof(line));
    memcpy(line, "PROXY UNKNOWN ", 14);

    memcpy(line + 105, "\r\n", 2);
    assert_source(slice_of(line, sizeof(line)), 107, "");
    memcpy(line + 105, "x\r\n", 3);
    assert_refused(slice_of(line, sizeof(line)));
    assert_int_equal(proxy_header_parse(slice_of(line, 106), &header), PARSE_MORE);
    assert_refused(slice_of(line, 107));
}

static void a_binary_header_names_the_source(void **state)
{
    (void)state;
    assert_source(SLICE(SIGNATURE "\x21\x11\x00\x0c" IPV4 "\x16\x03"), 28, "192.0.2.1:1234");
    assert_source(SLICE(SIGNATURE "\x21\x21\x00\x24"
                                  "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
                                  "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"
                                  "\x04\xd2\x01\xbb"),
                  52, "[2001:db8::1]:1234");
    char local[16 + 216] = SIGNATURE "\x21\x31\x00\xd8";
    assert_source(slice_of(local, sizeof(local)), sizeof(local), "unix");
}

static void local_and_unspecified_name_none(void **state)
{
    (void)state;
    assert_source(SLICE(SIGNATURE "\x20\x00\x00\x00"), 16, "");
    assert_source(SLICE(SIGNATURE "\x20\x11\x00\x05noise"), 21, "");
    assert_source(SLICE(SIGNATURE "\x21\x00\x00\x00"), 16, "");
}

static void fields_are_skipped_and_must_fill_the_header(void **state)
{
    (void)state;
    assert_source(SLICE(SIGNATURE "\x21\x11\x00\x11" IPV4 "\x01\x00\x02h2"), 33, "192.0.2.1:1234");
    assert_source(SLICE(SIGNATURE "\x21\x11\x00\x0f" IPV4 "\x04\x00\x00"), 31, "192.0.2.1:1234");
    assert_refused(SLICE(SIGNATURE "\x21\x11\x00\x11" IPV4 "\x01\x00\x03h2"));
    assert_refused(SLICE(SIGNATURE "\x21\x11\x00\x0e" IPV4 "\x01\x00"));
    assert_refused(SLICE(SIGNATURE "\x21\x00\x00\x01\x01"));
}

static void a_checksum_must_be_right(void **state)
{
    (void)state;
    assert_source(SLICE(SIGNATURE "\x21\x11\x00\x13" IPV4 "\x03\x00\x04\x6c\xab\x48\xd5"), 35,
                  "192.0.2.1:1234");
    assert_refused(SLICE(SIGNATURE "\x21\x11\x00\x13" IPV4 "\x03\x00\x04\x6c\xab\x48\xd4"));
    assert_refused(SLICE(SIGNATURE "\x21\x11\x00\x12" IPV4 "\x03\x00\x03\x6c\xab\x48"));
    assert_refused(SLICE(SIGNATURE "\x21\x11\x00\x1a" IPV4
                                   "\x03\x00\x04\x6c\xab\x48\xd5\x03\x00\x04\x6c\xab\x48\xd5"));
}

static void a_binary_header_of_any_other_form_is_refused(void **state)
{
    (void)state;
    assert_refused(SLICE("\r\n\r\n\0\r\nQUIT\r"));
    assert_refused(SLICE(SIGNATURE "\x11\x11\x00\x0c" IPV4));
    assert_refused(SLICE(SIGNATURE "\x22\x11\x00\x0c" IPV4));
    assert_refused(SLICE(SIGNATURE "\x21\x12\x00\x0c" IPV4));
    assert_refused(SLICE(SIGNATURE "\x21\x41\x00\x0c" IPV4));
    assert_refused(SLICE(SIGNATURE "\x21\x11\x00\x0b" IPV4));
    assert_refused(SLICE(SIGNATURE "\x21\x21\x00\x0c" IPV4));
    assert_refused(SLICE(SIGNATURE "\x21\x11\x0f\xf1"));
    struct proxy_header header;
    assert_int_equal(proxy_header_parse(SLICE(SIGNATURE "\x21\x11\x0f\xf0"), &header), PARSE_MORE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_names_the_source),
        cmocka_unit_test(a_line_of_any_other_form_is_refused),
        cmocka_unit_test(a_line_has_at_most_107_bytes),
        cmocka_unit_test(a_binary_header_names_the_source),
        cmocka_unit_test(local_and_unspecified_name_none),
        cmocka_unit_test(fields_are_skipped_and_must_fill_the_header),
        cmocka_unit_test(a_checksum_must_be_right),
        cmocka_unit_test(a_binary_header_of_any_other_form_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
