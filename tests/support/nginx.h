/* nginx: a real server of files, as an upstream.
 *
 * Threads: main. */
#ifndef TESTS_SUPPORT_NGINX_H
#define TESTS_SUPPORT_NGINX_H

#include "tests/support/temp_dir.h"

struct nginx;

/* Serves the files of `root` on a free port of 127.0.0.1, and answers already. `root` outlives
 * it. */
struct nginx *nginx_start(const struct temp_dir *root);
/* The same over HTTP/2 without TLS, with more for its server block. */
struct nginx *nginx_start_http2(const struct temp_dir *root, const char *directives);
/* Harmless on NULL. */
void nginx_free(struct nginx *nginx);

int nginx_port(const struct nginx *nginx);
/* "http://127.0.0.1:PORT", "h2c://" for HTTP/2. Borrowed until it is freed. */
const char *nginx_url(const struct nginx *nginx);

#endif
