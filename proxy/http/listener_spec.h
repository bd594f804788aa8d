/* Listener spec: what --listen says of each listener.
 *
 *   [NAME=]ADDR:PORT[,OPTION[=VALUE]]...    also [NAME=][IPV6]:PORT and [NAME=]unix:PATH
 *
 *   https=0.0.0.0:8443,certificate=/etc/pointsman/tls/site.pem,key=/etc/pointsman/tls/site.key
 *
 *   certificate=FILE           serves TLS with this chain, in PEM, the leaf first. Several may be
 *                              given; the first one is for clients that name no host, or one that
 *                              no certificate is for
 *   key=FILE                   of the certificate before it; otherwise its own file has the key
 *   ocsp=FILE                  of the certificate before it: what its authority says of it, in DER,
 *                              which is stapled while it holds: ocsp_response.h
 *   certificates=DIRECTORY     NAME.crt or NAME.pem with NAME.key beside it or in it, and folders
 *                              with tls.crt and tls.key, or fullchain.pem and privkey.pem; in the
 *                              order of their names; NAME.ocsp, also tls.ocsp, is as ocsp=FILE.
 *                              So the folders of certbot (live) and lego will do
 *   client-ca=FILE             asks clients for a certificate that one of these has signed
 *   client-crl=FILE            and that none of these lists has revoked, in PEM, one or several;
 *                              each authority needs a current one: client_authorities.h
 *   client-certificate=optional   or required, which it is otherwise
 *   proxy-protocol             every connection begins with a PROXY header, version 1 or 2
 *   proxy-protocol-from=CIDR   and comes from here, or it is closed; may be given several times
 *   http2=off                  only HTTP/1 is spoken, on a clear listener as on one with TLS
 *   mode=0660                  of a Unix socket's file
 *
 * It reads the same as flags, as one variable and as lines of a file: what stands between commas
 * is an option of the listener before it when its name is one of the above, and else the next
 * listener. So no path may hold a comma.
 *
 * Threads: used before threads start; any that only reads. */
#ifndef PROXY_HTTP_LISTENER_SPEC_H
#define PROXY_HTTP_LISTENER_SPEC_H

#include "common/error.h"
#include "proxy/http/address_set.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct listener_address {
    socklen_t length;
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
        struct sockaddr_un unix_path;
    };
};

struct certificate_file {
    char *certificate;
    char *key;  /* NULL: in the same file */
    char *ocsp; /* NULL: none, nothing is stapled */
};

enum client_certificate {
    CLIENT_CERTIFICATE_NONE, /* not asked for */
    CLIENT_CERTIFICATE_OPTIONAL,
    CLIENT_CERTIFICATE_REQUIRED,
};

/* Where a listener's certificates are; without any it is clear. */
struct tls_files {
    struct certificate_file *files;
    size_t file_count;
    char **folders;
    size_t folder_count;
    char *client_ca;  /* NULL: clients are not asked */
    char *client_crl; /* NULL: revoked or not */
    enum client_certificate client_certificate;
};

struct listener_spec {
    char *text; /* "web=127.0.0.1:8080", as it was given */
    char *name; /* "web"; "default" when none was */
    struct listener_address address;
    bool has_mode;
    uint32_t mode;
    struct tls_files tls;
    bool expects_proxy_header;
    struct address_set proxies; /* empty: whoever connects may send one */
    bool is_http2_given;
    bool is_http2_off; /* not offered to clients, nor understood */
};

struct listener_specs {
    struct listener_spec *items;
    size_t count;
};

/* `texts` together are one list, wherever it was split. At least one listener, or an error. */
bool listener_specs_parse(const char *const *texts, size_t count, struct listener_specs *specs,
                          struct error *err);
void listener_specs_clear(struct listener_specs *specs);

void certificate_file_clear(struct certificate_file *file);

static inline bool tls_files_are_given(const struct tls_files *tls)
{
    return tls->file_count > 0 || tls->folder_count > 0;
}

#endif
