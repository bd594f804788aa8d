/* Certificates by ACME (RFC 8555), with no code of ours: a client of it listens at a port of its
 * own while it is asked for proof (HTTP-01), a route leads there, and what it writes is served from
 * the folder where it does. The authority that asks and the client that answers are played here;
 * names of files are those of certbot and of lego. */
#include "common/buffer.h"
#include "tests/support/certificates.h"
#include "tests/support/check.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/support/tls_probe.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHALLENGE "/.well-known/acme-challenge/evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define PROOF                                                                                      \
    "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.nP1qzpXGymHBrUEepNY9HCsQk7K8KhOypzEt62jcerQ"

static struct temp_dir *folder;
static struct certificate authority;
static struct certificate own; /* from before there is any other */
static struct fake_upstream *service;
static struct fake_upstream *client; /* of ACME */
static struct pointsman *pointsman;
static int clear_port;
static int secure_port;

/* --- the programs ---------------------------------------------------------------------------- */

static void make_folder(const char *name)
{
    char *path = temp_dir_file(folder, name);
    CHECK(mkdir(path, 0700) == 0, "%s", path);
    free(path);
}

static int start(void **state)
{
    (void)state;
    folder = temp_dir_new();
    authority = certificate_make_authority(folder, "authority");
    own = certificate_make(folder, "own", "DNS:own.internal", &authority);
    make_folder("live");
    make_folder("archive");
    make_folder("lego");
    service = fake_upstream_start("service");
    client = fake_upstream_start("client");
    fake_upstream_refuse(client);

    struct buffer listen = BUFFER_EMPTY;
    buffer_printf(&listen,
                  "web=127.0.0.1:0,https=127.0.0.1:0,certificate=%s,key=%s,certificates=%s/live,"
                  "certificates=%s/lego",
                  own.certificate, own.key, temp_dir_path(folder), temp_dir_path(folder));
    const char *const arguments[] = {"--listen", buffer_string(&listen), NULL};
    pointsman = pointsman_start(&(struct pointsman_options){.proxy_arguments = arguments});
    clear_port = pointsman_listener_port(pointsman, "web");
    secure_port = pointsman_listener_port(pointsman, "https");
    buffer_clear(&listen);

    pointsman_routectl_ok(pointsman, "add", "site", "--listener", "https", "--path-prefix", "/",
                          "--to", fake_upstream_url(service), NULL);
    pointsman_routectl_ok(pointsman, "add", "secure", "--listener", "web", "--path-prefix", "/",
                          "--redirect-scheme", "https", NULL);
    pointsman_routectl_ok(pointsman, "add", "acme", "--path-prefix", "/.well-known/acme-challenge/",
                          "--to", fake_upstream_url(client), NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(service);
    fake_upstream_free(client);
    certificate_clear(&authority);
    certificate_clear(&own);
    temp_dir_free(folder);
    return 0;
}

/* --- the authority and the client of ACME ---------------------------------------------------- */

/* Whether somebody proves to have the key, for the authority that asks at port 80. */
static bool is_proven(void *host)
{
    struct http_message answer = {0};
    bool is_proven = http_get(clear_port, host, CHALLENGE, &answer) == 200 &&
                     slice_equals(buffer_slice(&answer.body), SLICE(PROOF));
    http_message_clear(&answer);
    return is_proven;
}

/* As long as it is asked for proof, the client listens. */
static void prove(const char *host)
{
    fake_upstream_answer(client, "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
                                 "Content-Length: 87\r\nConnection: close\r\n\r\n" PROOF);
    fake_upstream_accept(client);
    assert_true(wait_until(is_proven, (void *)(uintptr_t)host, WAIT_MS));
    fake_upstream_refuse(client);
}

static void move(const char *from, const char *to)
{
    char *from_path = temp_dir_file(folder, from);
    char *to_path = temp_dir_file(folder, to);
    CHECK(rename(from_path, to_path) == 0, "%s to %s", from, to);
    free(from_path);
    free(to_path);
}

/* Also in place of another link, with a moment in which there is none. */
static void point(const char *link, const char *to)
{
    char *path = temp_dir_file(folder, link);
    unlink(path);
    CHECK(symlink(to, path) == 0, "%s", path);
    free(path);
}

/* One for the host, called `name`, at ARCHIVE/NAME.pem and .key. */
static void issue(const char *host, const char *name)
{
    struct buffer alternative = BUFFER_EMPTY;
    buffer_printf(&alternative, "DNS:%s", host);
    struct certificate issued =
        certificate_make(folder, name, buffer_string(&alternative), &authority);
    certificate_clear(&issued);
    buffer_clear(&alternative);
}

/* --- anybody --------------------------------------------------------------------------------- */

struct wanted {
    const char *host;
    const char *subject;
};

static bool is_served(void *context)
{
    const struct wanted *wanted = context;
    struct tls_probe *probe =
        tls_probe_connect(secure_port, &(struct tls_probe_options){.server_name = wanted->host});
    bool is_it = strcmp(tls_probe_subject(probe), wanted->subject) == 0 &&
                 tls_probe_get(probe, wanted->host, NULL);
    tls_probe_close(probe);
    return is_it;
}

static bool is_soon_served(const char *host, const char *subject)
{
    return wait_until(is_served, &(struct wanted){host, subject}, WAIT_MS);
}

/* --- stories --------------------------------------------------------------------------------- */

static void only_the_proof_is_not_redirected(void **state)
{
    (void)state;
    assert_int_equal(http_get_status(clear_port, "site.example", "/"), 302);
    assert_int_equal(http_get_status(clear_port, "site.example", CHALLENGE), 503);
    assert_true(is_soon_served("site.example", "own"));

    prove("site.example");
}

static void what_certbot_gets_and_renews_is_served_without_a_restart(void **state)
{
    (void)state;
    prove("site.example");
    make_folder("archive/site.example");
    issue("site.example", "first");
    move("first.pem", "archive/site.example/fullchain1.pem");
    move("first.key", "archive/site.example/privkey1.pem");
    free(temp_dir_write(folder, "live/README", "WARNING: DO NOT MOVE OR RENAME THESE FILES!\n"));
    make_folder("live/site.example");
    point("live/site.example/privkey.pem", "../../archive/site.example/privkey1.pem");
    point("live/site.example/fullchain.pem", "../../archive/site.example/fullchain1.pem");
    assert_true(is_soon_served("site.example", "first"));
    assert_true(is_soon_served("other.example", "own"));

    struct tls_probe *before = tls_probe_connect(secure_port, NULL);
    prove("site.example");
    issue("site.example", "second");
    move("second.pem", "archive/site.example/fullchain2.pem");
    move("second.key", "archive/site.example/privkey2.pem");
    point("live/site.example/privkey.pem", "../../archive/site.example/privkey2.pem");
    point("live/site.example/fullchain.pem", "../../archive/site.example/fullchain2.pem");
    assert_true(is_soon_served("site.example", "second"));
    assert_true(tls_probe_get(before, "site.example", NULL));
    tls_probe_close(before);
}

static void what_lego_gets_and_renews_is_served_likewise(void **state)
{
    (void)state;
    prove("lego.example");
    issue("lego.example", "third");
    char *issuer =
        certificate_file_join(folder, "lego/lego.example.issuer.crt", authority.certificate, NULL);
    free(temp_dir_write(folder, "lego/lego.example.json", "{\"domain\": \"lego.example\"}\n"));
    move("third.key", "lego/lego.example.key");
    move("third.pem", "lego/lego.example.crt");
    assert_true(is_soon_served("lego.example", "third"));

    prove("lego.example");
    issue("lego.example", "fourth");
    move("fourth.pem", "lego/lego.example.crt");
    move("fourth.key", "lego/lego.example.key");
    assert_true(is_soon_served("lego.example", "fourth"));
    free(issuer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_proof_is_not_redirected),
        cmocka_unit_test(what_certbot_gets_and_renews_is_served_without_a_restart),
        cmocka_unit_test(what_lego_gets_and_renews_is_served_likewise),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
