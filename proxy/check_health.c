#include "proxy/check_health.h"

#include "common/slice.h"
#include "proxy/upstream/endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum { ANSWER_BYTES = 512 };

/* "127.0.0.1:9901", "[::1]:9901" or "unix:/run/admin.sock", with or without a name in front. */
static bool parse_address(const char *text, struct endpoint_address *address, struct error *err)
{
    static const char unix_prefix[] = "unix:";
    const char *equals = strchr(text, '=');
    const char *where = equals == NULL ? text : equals + 1;
    if (strncmp(where, unix_prefix, strlen(unix_prefix)) == 0)
        return endpoint_address_set_unix(address, where + strlen(unix_prefix), err);

    const char *colon = strrchr(where, ':');
    size_t length = colon == NULL ? 0 : (size_t)(colon - where);
    char ip[64];
    if (length == 0 || length >= sizeof(ip))
        return error_set(err, ERROR_INVALID, "--admin %s is not ADDR:PORT", text);
    bool is_bracketed = where[0] == '[' && colon[-1] == ']';
    snprintf(ip, sizeof(ip), "%.*s", (int)(is_bracketed ? length - 2 : length),
             is_bracketed ? where + 1 : where);
    unsigned long port = strtoul(colon + 1, NULL, 10);
    if (port == 0 || port > UINT16_MAX)
        return error_set(err, ERROR_INVALID, "--admin %s has no port to ask", text);
    return endpoint_address_set_ip(address, ip, (uint16_t)port) ||
           error_set(err, ERROR_INVALID, "--admin %s has no IP address", text);
}

static bool read_answer(int fd, char answer[ANSWER_BYTES], struct error *err)
{
    size_t used = 0;
    ssize_t got = 1;
    while (got > 0 && used < ANSWER_BYTES - 1) {
        got = recv(fd, answer + used, ANSWER_BYTES - 1 - used, 0);
        if (got < 0)
            return error_set_errno(err, "the proxy does not answer");
        used += (size_t)got;
    }
    answer[used] = '\0';
    return true;
}

static bool ask(int fd, const struct endpoint_address *address, struct error *err)
{
    static const char request[] = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n"
                                  "Connection: close\r\n\r\n";
    char answer[ANSWER_BYTES];
    if (connect(fd, &address->any, address->length) != 0)
        return error_set_errno(err, "the proxy does not listen");
    if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
        return error_set_errno(err, "the proxy does not listen");
    if (!read_answer(fd, answer, err))
        return false;
    if (!slice_has_prefix(slice_from_string(answer), SLICE("HTTP/1.1 200 ")))
        return error_set(err, ERROR_UNAVAILABLE, "the proxy is not ready");
    return true;
}

bool check_health(const char *admin, unsigned timeout_ms, struct error *err)
{
    struct endpoint_address address;
    if (!parse_address(admin, &address, err))
        return false;

    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_set_errno(err, "cannot make a socket");
    struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    bool is_ready = ask(fd, &address, err);
    close(fd);
    return is_ready;
}
