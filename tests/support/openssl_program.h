/* OpenSSL program: `openssl` of the system, as an operator would run it.
 *
 * Threads: one. */
#ifndef TESTS_SUPPORT_OPENSSL_PROGRAM_H
#define TESTS_SUPPORT_OPENSSL_PROGRAM_H

#include "tests/support/process.h"

/* Runs `openssl WORDS`, which blanks part, without the system's configuration. Gives it `input`,
 * and no end of input behind it; NULL: only the end. Free with command_clear. */
struct command openssl_run(const char *input, const char *words);

/* `openssl s_client` to 127.0.0.1:`port`, likewise. */
struct command openssl_client(int port, const char *input, const char *words);

#endif
