#include "tests/support/fake_dns.h"

#include "common/buffer.h"
#include "common/mutex.h"
#include "tests/support/check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    NAMES_MAX = 16,
    PACKET_BYTES = 1500,
    HEAD_BYTES = 12,
    TYPE_A = 1,
    TYPE_AAAA = 28,
    CODE_NO_SUCH_NAME = 3,
};

struct entry {
    char name[256];
    char *addresses; /* NULL: there is no such name */
};

struct fake_dns {
    /* immutable */
    int fd;
    char server[32];
    pthread_t thread;

    struct mutex mutex;
    /* guarded by mutex */
    struct entry entries[NAMES_MAX];
    size_t entry_count;
    bool is_silent;
};

/* --- one answer ------------------------------------------------------------------------------ */

static void put_16(struct buffer *to, unsigned value)
{
    buffer_append_char(to, (char)(value >> 8));
    buffer_append_char(to, (char)(value & 0xff));
}

/* The name of the question as text; returns where its type is, or 0 when it makes no sense. */
static size_t read_name(const unsigned char *packet, size_t length, char name[256])
{
    size_t at = HEAD_BYTES;
    size_t used = 0;
    while (at < length && packet[at] != 0) {
        size_t label = packet[at++];
        if (label > 63 || at + label > length || used + label + 2 > 256)
            return 0;
        if (used > 0)
            name[used++] = '.';
        memcpy(name + used, packet + at, label);
        used += label;
        at += label;
    }
    name[used] = '\0';
    return at + 5 <= length ? at + 1 : 0;
}

static unsigned put_address(struct buffer *records, const char *text, unsigned type)
{
    unsigned char binary[16];
    bool is_ipv6 = strchr(text, ':') != NULL;
    if (is_ipv6 != (type == TYPE_AAAA) ||
        inet_pton(is_ipv6 ? AF_INET6 : AF_INET, text, binary) != 1)
        return 0;
    put_16(records, 0xc000 | HEAD_BYTES); /* the name of the question */
    put_16(records, type);
    put_16(records, 1);
    put_16(records, 0); /* to live: 0 seconds */
    put_16(records, 0);
    put_16(records, is_ipv6 ? 16 : 4);
    buffer_append(records, binary, is_ipv6 ? 16 : 4);
    return 1;
}

static unsigned put_addresses(struct buffer *records, const char *addresses, unsigned type)
{
    char *copy = memory_duplicate_string(addresses);
    char *rest = NULL;
    unsigned count = 0;
    for (char *text = strtok_r(copy, " ", &rest); text != NULL; text = strtok_r(NULL, " ", &rest))
        count += put_address(records, text, type);
    free(copy);
    return count;
}

/* False when nothing is to be sent. */
static bool build_answer(struct fake_dns *dns, const unsigned char *packet, size_t length,
                         struct buffer *answer)
{
    char name[256];
    size_t type_at = length < HEAD_BYTES ? 0 : read_name(packet, length, name);
    if (type_at == 0)
        return false;
    unsigned type = (unsigned)packet[type_at] << 8 | packet[type_at + 1];
    struct buffer records = BUFFER_EMPTY;
    unsigned count = 0;
    bool is_known = false;

    mutex_lock(&dns->mutex);
    bool is_silent = dns->is_silent;
    for (size_t i = 0; i < dns->entry_count; i++) {
        const struct entry *entry = &dns->entries[i];
        if (strcasecmp(entry->name, name) != 0 || entry->addresses == NULL)
            continue;
        is_known = true;
        if (type == TYPE_A || type == TYPE_AAAA)
            count = put_addresses(&records, entry->addresses, type);
    }
    mutex_unlock(&dns->mutex);

    buffer_append(answer, packet, 2);
    put_16(answer, 0x8180 | (is_known ? 0 : CODE_NO_SUCH_NAME));
    put_16(answer, 1);
    put_16(answer, count);
    put_16(answer, 0);
    put_16(answer, 0);
    buffer_append(answer, packet + HEAD_BYTES, type_at + 4 - HEAD_BYTES);
    buffer_append_slice(answer, buffer_slice(&records));
    buffer_clear(&records);
    return !is_silent;
}

static void *run(void *context)
{
    struct fake_dns *dns = context;
    unsigned char packet[PACKET_BYTES];
    struct sockaddr_in from;
    for (;;) {
        socklen_t from_length = sizeof(from);
        ssize_t got =
            recvfrom(dns->fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &from_length);
        if (got <= 0)
            return NULL; /* an empty packet is the story's, for the end */
        struct buffer answer = BUFFER_EMPTY;
        if (build_answer(dns, packet, (size_t)got, &answer))
            sendto(dns->fd, answer.at, answer.length, 0, (struct sockaddr *)&from, from_length);
        buffer_clear(&answer);
    }
}

/* --- the story ------------------------------------------------------------------------------- */

struct fake_dns *fake_dns_start(void)
{
    struct fake_dns *dns = memory_allocate_zeroed(1, sizeof(*dns));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    mutex_init(&dns->mutex);
    dns->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK(dns->fd >= 0 && bind(dns->fd, (struct sockaddr *)&address, length) == 0 &&
              getsockname(dns->fd, (struct sockaddr *)&address, &length) == 0,
          "cannot bind");
    snprintf(dns->server, sizeof(dns->server), "127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    int failed = pthread_create(&dns->thread, NULL, run, dns);
    CHECK(failed == 0, "no thread");
    return dns;
}

void fake_dns_free(struct fake_dns *dns)
{
    if (dns == NULL)
        return;
    struct sockaddr_in address;
    socklen_t length = sizeof(address);
    getsockname(dns->fd, (struct sockaddr *)&address, &length);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sendto(fd, "", 0, 0, (struct sockaddr *)&address, length);
    close(fd);
    pthread_join(dns->thread, NULL);
    close(dns->fd);

    mutex_lock(&dns->mutex);
    for (size_t i = 0; i < dns->entry_count; i++)
        free(dns->entries[i].addresses);
    mutex_unlock(&dns->mutex);
    mutex_clear(&dns->mutex);
    free(dns);
}

const char *fake_dns_server(const struct fake_dns *dns)
{
    return dns->server;
}

void fake_dns_set(struct fake_dns *dns, const char *name, const char *addresses)
{
    mutex_lock(&dns->mutex);
    size_t i = 0;
    while (i < dns->entry_count && strcmp(dns->entries[i].name, name) != 0)
        i++;
    CHECK(i < NAMES_MAX, "more names than a story should have");
    if (i == dns->entry_count)
        snprintf(dns->entries[dns->entry_count++].name, sizeof(dns->entries[i].name), "%s", name);
    free(dns->entries[i].addresses);
    dns->entries[i].addresses = addresses == NULL ? NULL : memory_duplicate_string(addresses);
    mutex_unlock(&dns->mutex);
}

void fake_dns_be_silent(struct fake_dns *dns, bool is_silent)
{
    mutex_lock(&dns->mutex);
    dns->is_silent = is_silent;
    mutex_unlock(&dns->mutex);
}
