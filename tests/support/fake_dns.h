/* Fake DNS: a name server on loopback that says what the story wants, or nothing.
 *
 * Threads: one tells the story; the server has its own. */
#ifndef TESTS_SUPPORT_FAKE_DNS_H
#define TESTS_SUPPORT_FAKE_DNS_H

#include <stdbool.h>
#include <stddef.h>

struct fake_dns;

/* On a free UDP port of 127.0.0.1. */
struct fake_dns *fake_dns_start(void);
/* Harmless on NULL. */
void fake_dns_free(struct fake_dns *dns);

/* "127.0.0.1:PORT". Borrowed until it is freed. */
const char *fake_dns_server(const struct fake_dns *dns);

/* From now on `name` has these addresses, IPv4 and IPv6, separated by spaces, to live 0 seconds;
 * NULL: there is no such name. */
void fake_dns_set(struct fake_dns *dns, const char *name, const char *addresses);

/* Answers nothing at all any more, or again. */
void fake_dns_be_silent(struct fake_dns *dns, bool is_silent);

#endif
