/* Notify: how a daemon tells who started it how far it is: a datagram of lines, NAME=VALUE, as
 * sd_notify(3) has them. "READY=1", "STOPPING=1", "STATUS=...".
 *
 * Threads: any, after notify_open. */
#ifndef COMMON_NOTIFY_H
#define COMMON_NOTIFY_H

/* Takes NOTIFY_SOCKET out of the environment, so that nobody we start speaks in our name. Once,
 * before threads start; without the variable nothing is ever sent. The socket is connected then, so
 * that it works from where its path does not lead any more. */
void notify_open(void);

/* Sends the lines `format` makes. Does not wait, and nobody is owed an answer: what cannot be sent
 * is lost. */
void notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* We read our configuration again; "READY=1" ends it. */
void notify_send_reloading(void);

#endif
