#include "proxy/http/listener_spec.h"

#include "common/buffer.h"
#include "common/nearest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- addresses ------------------------------------------------------------------------------- */

static bool parse_port(const char *text, uint16_t *port)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (errno != 0 || *text < '0' || *text > '9' || *end != '\0' || number > UINT16_MAX)
        return false;
    *port = (uint16_t)number;
    return true;
}

static bool parse_ip(struct listener_address *address, const char *host, uint16_t port)
{
    if (inet_pton(AF_INET, host, &address->ipv4.sin_addr) == 1) {
        address->ipv4.sin_family = AF_INET;
        address->ipv4.sin_port = htons(port);
        address->length = sizeof(address->ipv4);
        return true;
    }
    return false;
}

static bool parse_bracketed_ip(struct listener_address *address, char *host, uint16_t port)
{
    size_t length = strlen(host);
    if (length < 2 || host[0] != '[' || host[length - 1] != ']')
        return false;
    host[length - 1] = '\0';
    if (inet_pton(AF_INET6, host + 1, &address->ipv6.sin6_addr) != 1)
        return false;
    address->ipv6.sin6_family = AF_INET6;
    address->ipv6.sin6_port = htons(port);
    address->length = sizeof(address->ipv6);
    return true;
}

static bool parse_unix(struct listener_address *address, const char *path, struct error *err)
{
    if (path[0] != '/' && path[0] != '.')
        return error_set(err, ERROR_INVALID, "'%s' is not the path of a socket", path);
    if (strlen(path) >= sizeof(address->unix_path.sun_path))
        return error_set(err, ERROR_INVALID, "the path '%s' is too long for a socket", path);
    address->unix_path.sun_family = AF_UNIX;
    memcpy(address->unix_path.sun_path, path, strlen(path) + 1);
    address->length = sizeof(address->unix_path);
    return true;
}

static bool parse_address(struct listener_address *address, const char *text, struct error *err)
{
    if (strncmp(text, "unix:", 5) == 0)
        return parse_unix(address, text + 5, err);

    char *host = memory_duplicate_string(text);
    char *colon = strrchr(host, ':');
    uint16_t port;
    bool is_valid = colon != NULL && parse_port(colon + 1, &port);
    if (is_valid) {
        *colon = '\0';
        is_valid = parse_ip(address, host, port) || parse_bracketed_ip(address, host, port);
    }
    free(host);
    if (!is_valid)
        return error_set(err, ERROR_INVALID,
                         "'%s' is not an address to listen on: ADDR:PORT, [IPV6]:PORT or "
                         "unix:PATH",
                         text);
    return true;
}

/* --- options --------------------------------------------------------------------------------- */

static bool take_once(char **to, const char *name, const char *value, struct error *err)
{
    if (*to != NULL)
        return error_set(err, ERROR_INVALID, "%s is given twice", name);
    *to = memory_duplicate_string(value);
    return true;
}

static bool take_certificate(struct listener_spec *spec, const char *value, struct error *err)
{
    (void)err;
    struct tls_files *tls = &spec->tls;
    tls->files = memory_reallocate(tls->files, (tls->file_count + 1) * sizeof(tls->files[0]));
    tls->files[tls->file_count++] =
        (struct certificate_file){.certificate = memory_duplicate_string(value)};
    return true;
}

/* NULL, and why. */
static struct certificate_file *last_certificate(struct listener_spec *spec, const char *option,
                                                 const char *value, struct error *err)
{
    const struct tls_files *tls = &spec->tls;
    if (tls->file_count > 0)
        return &tls->files[tls->file_count - 1];
    error_set(err, ERROR_INVALID, "%s=%s stands before any certificate", option, value);
    return NULL;
}

static bool take_key(struct listener_spec *spec, const char *value, struct error *err)
{
    struct certificate_file *file = last_certificate(spec, "key", value, err);
    if (file == NULL)
        return false;
    if (file->key != NULL)
        return error_set(err, ERROR_INVALID, "certificate=%s has two keys", file->certificate);
    file->key = memory_duplicate_string(value);
    return true;
}

static bool take_ocsp(struct listener_spec *spec, const char *value, struct error *err)
{
    struct certificate_file *file = last_certificate(spec, "ocsp", value, err);
    if (file == NULL)
        return false;
    if (file->ocsp != NULL)
        return error_set(err, ERROR_INVALID, "certificate=%s has ocsp twice", file->certificate);
    file->ocsp = memory_duplicate_string(value);
    return true;
}

static bool take_folder(struct listener_spec *spec, const char *value, struct error *err)
{
    (void)err;
    struct tls_files *tls = &spec->tls;
    tls->folders =
        memory_reallocate(tls->folders, (tls->folder_count + 1) * sizeof(tls->folders[0]));
    tls->folders[tls->folder_count++] = memory_duplicate_string(value);
    return true;
}

static bool take_client_ca(struct listener_spec *spec, const char *value, struct error *err)
{
    return take_once(&spec->tls.client_ca, "client-ca", value, err);
}

static bool take_client_crl(struct listener_spec *spec, const char *value, struct error *err)
{
    return take_once(&spec->tls.client_crl, "client-crl", value, err);
}

static bool take_client_certificate(struct listener_spec *spec, const char *value,
                                    struct error *err)
{
    if (spec->tls.client_certificate != CLIENT_CERTIFICATE_NONE)
        return error_set(err, ERROR_INVALID, "client-certificate is given twice");
    if (strcmp(value, "optional") == 0)
        spec->tls.client_certificate = CLIENT_CERTIFICATE_OPTIONAL;
    else if (strcmp(value, "required") == 0)
        spec->tls.client_certificate = CLIENT_CERTIFICATE_REQUIRED;
    else
        return error_set(err, ERROR_INVALID,
                         "client-certificate must be optional or required, not '%s'", value);
    return true;
}

static bool take_proxy_protocol(struct listener_spec *spec, const char *value, struct error *err)
{
    (void)value;
    if (spec->expects_proxy_header)
        return error_set(err, ERROR_INVALID, "proxy-protocol is given twice");
    spec->expects_proxy_header = true;
    return true;
}

static bool take_proxy(struct listener_spec *spec, const char *value, struct error *err)
{
    return address_set_add(&spec->proxies, slice_from_string(value), err) ||
           error_prefix(err, "proxy-protocol-from: ");
}

static bool take_http2(struct listener_spec *spec, const char *value, struct error *err)
{
    if (spec->is_http2_given)
        return error_set(err, ERROR_INVALID, "http2 is given twice");
    spec->is_http2_given = true;
    spec->is_http2_off = strcmp(value, "off") == 0;
    if (!spec->is_http2_off && strcmp(value, "on") != 0)
        return error_set(err, ERROR_INVALID, "http2 must be on or off, not '%s'", value);
    return true;
}

static bool take_mode(struct listener_spec *spec, const char *value, struct error *err)
{
    if (spec->has_mode)
        return error_set(err, ERROR_INVALID, "mode is given twice");
    char *end;
    unsigned long mode = strtoul(value, &end, 8);
    if (value[0] < '0' || value[0] > '7' || *end != '\0' || mode > 0777)
        return error_set(err, ERROR_INVALID, "mode must be octal, 0000 to 0777, not '%s'", value);
    spec->has_mode = true;
    spec->mode = (uint32_t)mode;
    return true;
}

static const struct setting {
    const char *name;
    bool has_value;
    bool (*take)(struct listener_spec *spec, const char *value, struct error *err);
} settings[] = {
    {"certificate", true, take_certificate},
    {"key", true, take_key},
    {"ocsp", true, take_ocsp},
    {"certificates", true, take_folder},
    {"client-ca", true, take_client_ca},
    {"client-crl", true, take_client_crl},
    {"client-certificate", true, take_client_certificate},
    {"proxy-protocol", false, take_proxy_protocol},
    {"proxy-protocol-from", true, take_proxy},
    {"http2", true, take_http2},
    {"mode", true, take_mode},
};

enum { SETTING_COUNT = sizeof(settings) / sizeof(settings[0]) };

/* `text` is "key=/path" or "proxy-protocol"; `*value` is what stands behind '=', or NULL. */
static const struct setting *find_setting(const char *text, const char **value)
{
    size_t length = strcspn(text, "=");
    *value = text[length] == '=' ? text + length + 1 : NULL;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (strlen(settings[i].name) == length && memcmp(settings[i].name, text, length) == 0)
            return &settings[i];
    }
    return NULL;
}

static bool take_setting(struct listener_spec *spec, const struct setting *setting,
                         const char *value, struct error *err)
{
    if (setting->has_value && (value == NULL || value[0] == '\0'))
        return error_set(err, ERROR_INVALID, "%s needs a value", setting->name);
    if (!setting->has_value && value != NULL)
        return error_set(err, ERROR_INVALID, "%s takes no value", setting->name);
    return setting->take(spec, value, err);
}

/* --- one listener ---------------------------------------------------------------------------- */

/* "web=127.0.0.1:80": a name is what stands before '=' and holds no ':' or '/'. */
static const char *split_name(const char *spec, char **name)
{
    size_t length = strcspn(spec, "=:/");
    if (spec[length] != '=' || length == 0) {
        *name = memory_duplicate_string("default");
        return spec;
    }
    *name = memory_allocate_zeroed(1, length + 1);
    memcpy(*name, spec, length);
    return spec + length + 1;
}

/* What is no address may be an option that was mistyped. */
static bool suggest_setting(const char *text, struct error *err)
{
    char *typed = memory_duplicate_string(text);
    typed[strcspn(typed, "=")] = '\0';
    struct nearest nearest = {.typed = typed};
    for (size_t i = 0; i < SETTING_COUNT; i++)
        nearest_consider(&nearest, settings[i].name);
    if (nearest.name != NULL)
        error_set(err, ERROR_INVALID, "'%s' is not an option of a listener; did you mean '%s'?",
                  typed, nearest.name);
    free(typed);
    return false;
}

static bool parse_listener(struct listener_spec *spec, const char *text, struct error *err)
{
    spec->text = memory_duplicate_string(text);
    const char *address = split_name(text, &spec->name);
    return parse_address(&spec->address, address, err) || suggest_setting(text, err);
}

/* What only together makes sense. */
static bool check_listener(struct listener_spec *spec, struct error *err)
{
    struct tls_files *tls = &spec->tls;
    if (tls->client_ca != NULL && !tls_files_are_given(tls))
        return error_set(err, ERROR_INVALID, "client-ca needs a certificate");
    if (tls->client_crl != NULL && tls->client_ca == NULL)
        return error_set(err, ERROR_INVALID, "client-crl needs client-ca");
    if (tls->client_certificate != CLIENT_CERTIFICATE_NONE && tls->client_ca == NULL)
        return error_set(err, ERROR_INVALID, "client-certificate needs client-ca");
    if (tls->client_ca != NULL && tls->client_certificate == CLIENT_CERTIFICATE_NONE)
        tls->client_certificate = CLIENT_CERTIFICATE_REQUIRED;
    if (!address_set_is_empty(&spec->proxies) && !spec->expects_proxy_header)
        return error_set(err, ERROR_INVALID, "proxy-protocol-from needs proxy-protocol");
    if (spec->has_mode && spec->address.any.sa_family != AF_UNIX)
        return error_set(err, ERROR_INVALID, "mode is for Unix sockets");
    return true;
}

void certificate_file_clear(struct certificate_file *file)
{
    free(file->certificate);
    free(file->key);
    free(file->ocsp);
    *file = (struct certificate_file){0};
}

static void clear_listener(struct listener_spec *spec)
{
    struct tls_files *tls = &spec->tls;
    for (size_t i = 0; i < tls->file_count; i++)
        certificate_file_clear(&tls->files[i]);
    for (size_t i = 0; i < tls->folder_count; i++)
        free(tls->folders[i]);
    free(tls->files);
    free(tls->folders);
    free(tls->client_ca);
    free(tls->client_crl);
    address_set_clear(&spec->proxies);
    free(spec->name);
    free(spec->text);
}

/* --- the list -------------------------------------------------------------------------------- */

static bool parse_piece(struct listener_specs *specs, const char *text, struct error *err)
{
    const char *value;
    const struct setting *setting = find_setting(text, &value);
    if (setting != NULL && specs->count == 0)
        return error_set(err, ERROR_INVALID, "%s stands before any address", setting->name);
    if (setting != NULL) {
        struct listener_spec *spec = &specs->items[specs->count - 1];
        return take_setting(spec, setting, value, err) || error_prefix(err, "%s: ", spec->text);
    }

    specs->items = memory_reallocate(specs->items, (specs->count + 1) * sizeof(specs->items[0]));
    struct listener_spec *spec = &specs->items[specs->count++];
    *spec = (struct listener_spec){0};
    return parse_listener(spec, text, err);
}

static bool parse_text(struct listener_specs *specs, const char *text, struct error *err)
{
    char *copy = memory_duplicate_string(text);
    char *at = copy;
    bool is_valid = true;
    while (is_valid && at != NULL) {
        const char *piece = strsep(&at, ",");
        is_valid = parse_piece(specs, piece, err);
    }
    free(copy);
    return is_valid;
}

bool listener_specs_parse(const char *const *texts, size_t count, struct listener_specs *specs,
                          struct error *err)
{
    *specs = (struct listener_specs){0};
    bool is_valid = count > 0 || error_set(err, ERROR_INVALID, "there is no listener");
    for (size_t i = 0; is_valid && i < count; i++)
        is_valid = parse_text(specs, texts[i], err);
    for (size_t i = 0; is_valid && i < specs->count; i++) {
        struct listener_spec *spec = &specs->items[i];
        is_valid = check_listener(spec, err) || error_prefix(err, "%s: ", spec->text);
    }
    if (!is_valid)
        listener_specs_clear(specs);
    return is_valid;
}

void listener_specs_clear(struct listener_specs *specs)
{
    for (size_t i = 0; i < specs->count; i++)
        clear_listener(&specs->items[i]);
    free(specs->items);
    *specs = (struct listener_specs){0};
}
