/* Loopback: sockets of what plays a part in a benchmark. They never block, and bytes leave at once.
 * Where something fails that cannot, the program says what and ends.
 *
 * Threads: one. */
#ifndef TESTS_BENCH_LOOPBACK_H
#define TESTS_BENCH_LOOPBACK_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/epoll.h>

_Noreturn void loopback_fail(const char *what);

struct sockaddr_in loopback_address(const char *port);
int loopback_listen(const char *port);

/* The next client that waits; -1: there is none. */
int loopback_accept(int listener);
/* On loopback a connect is over at once, and bytes may be sent before it is. */
int loopback_connect(const struct sockaddr_in *address);

/* `operation` as epoll_ctl has it. */
void loopback_watch(int loop, int fd, int operation, uint32_t events, epoll_data_t data);

#endif
