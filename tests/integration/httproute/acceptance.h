/* Acceptance: routes as documents, requests as lines, and who must have got what.
 *
 * The real programs run once for all themes of this folder. Each theme applies its documents, on
 * hostnames of its own, and then checks a table of cases; what fails is told together. The rules
 * that a case proves stand in it by their ids, which tests/rules explains.
 *
 * Backends one, two and three are services that answer with the request as they received it; they
 * may be named with port 8080 or none. So is odd, for themes that make it misbehave.
 *
 * Threads: one tells the stories. */
#ifndef TESTS_INTEGRATION_HTTPROUTE_ACCEPTANCE_H
#define TESTS_INTEGRATION_HTTPROUTE_ACCEPTANCE_H

#include "common/buffer.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/pointsman.h"

#include <stddef.h>

/* Documents may hold @PORT@ and @SECOND@, the ports of the listeners "default" and "second", and
 * @ONE@, @TWO@ and @ODD@, those of the services. */
#define ROUTE(name, host)                                                                          \
    "---\n"                                                                                        \
    "apiVersion: gateway.networking.k8s.io/v1\n"                                                   \
    "kind: HTTPRoute\n"                                                                            \
    "metadata: {name: " name "}\n"                                                                 \
    "spec:\n"                                                                                      \
    "  hostnames: [" host "]\n"

/* What is NULL is not looked at. Lines of `received` and `answered` are "name: value", for the only
 * field of that name, "+name: value" for one of several, "?name" for any, or "!name" for none;
 * those of `received` may begin with "METHOD TARGET". All may hold ports as documents do. */
struct acceptance_case {
    const char *rules;
    const char *request; /* "GET /path", and header lines behind it */
    const char *answer;  /* who served it, or a status */
    const char *received;
    const char *answered;
};

void acceptance_start(void);
void acceptance_stop(void);

struct pointsman *acceptance_pointsman(void);
/* "one", "two", "three" or "odd". */
struct fake_upstream *acceptance_service(const char *name);
/* Of the listener "second". */
int acceptance_second_port(void);

/* Applies the documents; they must be accepted. */
void acceptance_apply(const char *documents);
/* The same with a file of this folder. */
void acceptance_apply_file(const char *name);
/* What routectl says to such an apply as a dry run. Free with command_clear. */
struct command acceptance_try(const char *documents);

/* Fails with all cases that do not hold. `host` is that of requests that name none. */
void acceptance_check(const char *host, const struct acceptance_case *cases, size_t count);
void acceptance_check_at(int port, const char *host, const struct acceptance_case *cases,
                         size_t count);
#define CHECK_CASES(host, cases) acceptance_check(host, cases, sizeof(cases) / sizeof(cases[0]))

/* Who served it, or the status, as in `answer`. Caller frees. */
char *acceptance_ask(const char *host, const char *request);

/* The themes: each runs its tests and returns how many failed. */
int hosts_theme(void);
int paths_theme(void);
int matches_theme(void);
int header_edits_theme(void);
int redirects_theme(void);
int rewrites_theme(void);
int mirrors_theme(void);
int cors_theme(void);
int splits_theme(void);
int timeouts_theme(void);
int retries_theme(void);
int listeners_theme(void);
int limits_theme(void);
int protocols_theme(void);

#endif
