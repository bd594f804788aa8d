#include "proxy/certificate_report.h"

#include "common/json.h"
#include "proxy/http/certificate_set.h"
#include "proxy/http/client_authorities.h"
#include "proxy/http/http_server.h"
#include "proxy/http/tls_server.h"
#include "proxy/metrics/prometheus.h"

#include <inttypes.h>

/* One listener's, with what its TLS is like right now. */
typedef void write_listener(struct buffer *to, const struct listener *listener,
                            const struct tls_server_status *status);

static void each_listener(struct buffer *to, const struct http_server *server,
                          write_listener *write)
{
    for (size_t i = 0; i < http_server_listener_count(server); i++) {
        const struct listener *listener = http_server_listener(server, i);
        if (listener_tls(listener) == NULL)
            continue;
        struct tls_server_status status;
        tls_server_status(listener_tls(listener), &status);
        write(to, listener, &status);
        certificate_set_release(&status.certificates);
    }
}

static const struct revocation_lists *lists_of(const struct tls_server_status *status)
{
    return client_authorities_lists(certificate_set_authorities(status->certificates));
}

/* --- JSON ------------------------------------------------------------------------------------ */

static void append_text(struct buffer *to, const char *text)
{
    json_append_string(to, slice_from_string(text));
}

static void write_ocsp_json(struct buffer *to, const struct certificate_facts *facts)
{
    if (facts->ocsp_file == NULL)
        return;
    buffer_append_string(to, ", \"ocsp\": {\"file\": ");
    append_text(to, facts->ocsp_file);
    buffer_printf(to, ", \"next_update_ms\": %" PRId64 ", \"problem\": ", facts->ocsp_end_s * 1000);
    append_text(to, facts->ocsp_problem == NULL ? "" : facts->ocsp_problem);
    buffer_append_char(to, '}');
}

static void write_json(struct buffer *to, const struct listener *listener,
                       const struct tls_server_status *status)
{
    buffer_append_string(to, to->at[to->length - 1] == '[' ? "\n" : ",\n");
    buffer_append_string(to, "    {\"listener\": ");
    append_text(to, listener_description(listener));
    buffer_printf(to, ", \"reloads\": %" PRIu64 ", \"failed_reloads\": %" PRIu64 ", \"problem\": ",
                  status->reloads, status->failures);
    append_text(to, status->problem);
    buffer_append_string(to, ", \"certificates\": [");
    for (size_t i = 0; i < certificate_set_count(status->certificates); i++) {
        const struct certificate_facts *facts = certificate_set_facts(status->certificates, i);
        buffer_append_string(to, i == 0 ? "{\"file\": " : ", {\"file\": ");
        append_text(to, facts->file);
        buffer_append_string(to, ", \"name\": ");
        append_text(to, facts->name);
        buffer_printf(to, ", \"not_after_ms\": %" PRId64, facts->not_after_s * 1000);
        write_ocsp_json(to, facts);
        buffer_append_char(to, '}');
    }
    buffer_append_string(to, "], \"client_crl\": [");
    const struct revocation_lists *lists = lists_of(status);
    for (size_t i = 0; i < lists->count; i++) {
        buffer_append_string(to, i == 0 ? "{\"issuer\": " : ", {\"issuer\": ");
        append_text(to, lists->items[i].issuer);
        buffer_printf(to, ", \"next_update_ms\": %" PRId64 "}",
                      lists->items[i].next_update_s * 1000);
    }
    buffer_append_string(to, "]}");
}

void certificate_report_write_json(struct buffer *to, const struct http_server *server)
{
    buffer_append_char(to, '[');
    each_listener(to, server, write_json);
    buffer_append_char(to, ']');
}

/* --- metrics --------------------------------------------------------------------------------- */

static void write_not_after(struct buffer *to, const struct listener *listener,
                            const struct tls_server_status *status)
{
    for (size_t i = 0; i < certificate_set_count(status->certificates); i++) {
        const struct certificate_facts *facts = certificate_set_facts(status->certificates, i);
        prometheus_write_labelled(to, "pointsman_certificate_not_after_timestamp_seconds",
                                  "listener", listener_spec(listener)->name);
        prometheus_write_label(to, "file", facts->file);
        prometheus_write_label(to, "name", facts->name);
        buffer_printf(to, "} %" PRId64 "\n", facts->not_after_s);
    }
}

static void write_ocsp(struct buffer *to, const struct listener *listener,
                       const struct tls_server_status *status)
{
    for (size_t i = 0; i < certificate_set_count(status->certificates); i++) {
        const struct certificate_facts *facts = certificate_set_facts(status->certificates, i);
        if (facts->ocsp_file == NULL)
            continue;
        prometheus_write_labelled(to, "pointsman_ocsp_response_next_update_timestamp_seconds",
                                  "listener", listener_spec(listener)->name);
        prometheus_write_label(to, "file", facts->ocsp_file);
        prometheus_write_label(to, "name", facts->name);
        buffer_printf(to, "} %" PRId64 "\n", facts->ocsp_end_s);
    }
}

static void write_next_update(struct buffer *to, const struct listener *listener,
                              const struct tls_server_status *status)
{
    const struct revocation_lists *lists = lists_of(status);
    for (size_t i = 0; i < lists->count; i++) {
        prometheus_write_labelled(to, "pointsman_client_crl_next_update_timestamp_seconds",
                                  "listener", listener_spec(listener)->name);
        prometheus_write_label(to, "file", listener_spec(listener)->tls.client_crl);
        prometheus_write_label(to, "issuer", lists->items[i].issuer);
        /* There may be several of one issuer. */
        buffer_printf(to, ",list=\"%zu\"} %" PRId64 "\n", i + 1, lists->items[i].next_update_s);
    }
}

static void write_reloads(struct buffer *to, const struct listener *listener,
                          const struct tls_server_status *status)
{
    static const char metric[] = "pointsman_certificate_reloads_total";
    prometheus_write_labelled(to, metric, "listener", listener_spec(listener)->name);
    buffer_printf(to, ",result=\"success\"} %" PRIu64 "\n", status->reloads);
    prometheus_write_labelled(to, metric, "listener", listener_spec(listener)->name);
    buffer_printf(to, ",result=\"failure\"} %" PRIu64 "\n", status->failures);
}

static void write_problem(struct buffer *to, const struct listener *listener,
                          const struct tls_server_status *status)
{
    prometheus_write_labelled(to, "pointsman_certificates_outdated", "listener",
                              listener_spec(listener)->name);
    buffer_printf(to, "} %d\n", status->problem[0] != '\0');
}

void certificate_report_write_metrics(struct buffer *to, const struct http_server *server)
{
    prometheus_write_head(to, "pointsman_certificate_not_after_timestamp_seconds", "gauge",
                          "When a certificate that is served ends.");
    each_listener(to, server, write_not_after);
    prometheus_write_head(to, "pointsman_ocsp_response_next_update_timestamp_seconds", "gauge",
                          "When an OCSP response ends that is stapled; 0 when it cannot be.");
    each_listener(to, server, write_ocsp);
    prometheus_write_head(to, "pointsman_client_crl_next_update_timestamp_seconds", "gauge",
                          "When a list of revoked client certificates ends.");
    each_listener(to, server, write_next_update);
    prometheus_write_head(to, "pointsman_certificate_reloads_total", "counter",
                          "Times the certificates of a listener were read again.");
    each_listener(to, server, write_reloads);
    prometheus_write_head(to, "pointsman_certificates_outdated", "gauge",
                          "1 while the files on disk cannot be used and the old ones are served.");
    each_listener(to, server, write_problem);
}
