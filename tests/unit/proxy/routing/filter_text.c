#include "tests/unit/proxy/routing/filter_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef Pointsman__V1__Filter__KindCase filter_kind;

struct filter_words {
    FilterMessage ***filters;
    size_t *count;
};

static _Noreturn void refuse(const char *word)
{
    fprintf(stderr, "filter text: unknown word '%s'\n", word);
    abort();
}

static void make_filter(FilterMessage *filter, filter_kind kind)
{
    filter->kind_case = kind;
    switch ((int)kind) {
    case POINTSMAN__V1__FILTER__KIND_REQUEST_HEADER_MODIFIER:
    case POINTSMAN__V1__FILTER__KIND_RESPONSE_HEADER_MODIFIER:
        filter->request_header_modifier = memory_allocate(sizeof(*filter->request_header_modifier));
        pointsman__v1__header_modifier__init(filter->request_header_modifier);
        break;
    case POINTSMAN__V1__FILTER__KIND_URL_REWRITE:
        filter->url_rewrite = memory_allocate(sizeof(*filter->url_rewrite));
        pointsman__v1__url_rewrite__init(filter->url_rewrite);
        break;
    case POINTSMAN__V1__FILTER__KIND_REQUEST_REDIRECT:
        filter->request_redirect = memory_allocate(sizeof(*filter->request_redirect));
        pointsman__v1__request_redirect__init(filter->request_redirect);
        break;
    case POINTSMAN__V1__FILTER__KIND_EXTERNAL_AUTH:
        filter->external_auth = memory_allocate(sizeof(*filter->external_auth));
        pointsman__v1__external_auth__init(filter->external_auth);
        filter->external_auth->protocol =
            POINTSMAN__V1__EXTERNAL_AUTH_PROTOCOL__EXTERNAL_AUTH_PROTOCOL_HTTP;
        filter->external_auth->http = memory_allocate(sizeof(*filter->external_auth->http));
        pointsman__v1__http_auth__init(filter->external_auth->http);
        break;
    default:
        filter->cors = memory_allocate(sizeof(*filter->cors));
        pointsman__v1__cors__init(filter->cors);
        break;
    }
}

/* The filter of that kind; a new one when there is none. */
static FilterMessage *filter_of(struct filter_words *words, filter_kind kind)
{
    for (size_t i = 0; i < *words->count; i++) {
        if ((*words->filters)[i]->kind_case == kind)
            return (*words->filters)[i];
    }
    FilterMessage *filter = memory_allocate(sizeof(*filter));
    pointsman__v1__filter__init(filter);
    make_filter(filter, kind);
    TEXT_APPEND(*words->filters, *words->count, filter);
    return filter;
}

static const char *skip(const char *text, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

static Pointsman__V1__HttpHeader *make_header(const char *text)
{
    Pointsman__V1__HttpHeader *header = memory_allocate(sizeof(*header));
    pointsman__v1__http_header__init(header);
    const char *value = strchr(text, '=');
    if (value == NULL)
        refuse(text);
    header->name = strndup(text, (size_t)(value - text));
    header->value = memory_duplicate_string(value + 1);
    return header;
}

static bool parse_modifier(struct filter_words *words, filter_kind kind, const char *word)
{
    const char *value;
    if ((value = skip(word, "set:")) != NULL) {
        Pointsman__V1__HeaderModifier *modifier = filter_of(words, kind)->request_header_modifier;
        TEXT_APPEND(modifier->set, modifier->n_set, make_header(value));
    } else if ((value = skip(word, "add:")) != NULL) {
        Pointsman__V1__HeaderModifier *modifier = filter_of(words, kind)->request_header_modifier;
        TEXT_APPEND(modifier->add, modifier->n_add, make_header(value));
    } else if ((value = skip(word, "remove:")) != NULL) {
        Pointsman__V1__HeaderModifier *modifier = filter_of(words, kind)->request_header_modifier;
        TEXT_APPEND(modifier->remove, modifier->n_remove, memory_duplicate_string(value));
    } else {
        return false;
    }
    return true;
}

static bool parse_path(Pointsman__V1__PathModifier **path, const char *word)
{
    const char *full = skip(word, "path:");
    const char *prefix = skip(word, "prefix:");
    if (full == NULL && prefix == NULL)
        return false;
    *path = memory_allocate(sizeof(**path));
    pointsman__v1__path_modifier__init(*path);
    if (full != NULL) {
        (*path)->kind_case = POINTSMAN__V1__PATH_MODIFIER__KIND_REPLACE_FULL_PATH;
        (*path)->replace_full_path = memory_duplicate_string(full);
    } else {
        (*path)->kind_case = POINTSMAN__V1__PATH_MODIFIER__KIND_REPLACE_PREFIX_MATCH;
        (*path)->replace_prefix_match = memory_duplicate_string(prefix);
    }
    return true;
}

static void parse_rewrite(Pointsman__V1__UrlRewrite *rewrite, const char *word)
{
    const char *value;
    if ((value = skip(word, "host:")) != NULL)
        rewrite->hostname = memory_duplicate_string(value);
    else if (!parse_path(&rewrite->path, word))
        refuse(word);
}

static void parse_redirect(Pointsman__V1__RequestRedirect *redirect, const char *word)
{
    const char *value;
    if ((value = skip(word, "scheme:")) != NULL)
        redirect->scheme = memory_duplicate_string(value);
    else if ((value = skip(word, "host:")) != NULL)
        redirect->hostname = memory_duplicate_string(value);
    else if ((value = skip(word, "port:")) != NULL)
        redirect->port = (uint32_t)strtoul(value, NULL, 10);
    else if ((value = skip(word, "code:")) != NULL)
        redirect->status_code = (uint32_t)strtoul(value, NULL, 10);
    else if (!parse_path(&redirect->path, word))
        refuse(word);
}

static void parse_cors(Pointsman__V1__Cors *cors, const char *word)
{
    const char *value;
    if ((value = skip(word, "origin:")) != NULL) {
        TEXT_APPEND(cors->allow_origins, cors->n_allow_origins, memory_duplicate_string(value));
    } else if ((value = skip(word, "method:")) != NULL) {
        TEXT_APPEND(cors->allow_methods, cors->n_allow_methods, memory_duplicate_string(value));
    } else if ((value = skip(word, "header:")) != NULL) {
        TEXT_APPEND(cors->allow_headers, cors->n_allow_headers, memory_duplicate_string(value));
    } else if ((value = skip(word, "expose:")) != NULL) {
        TEXT_APPEND(cors->expose_headers, cors->n_expose_headers, memory_duplicate_string(value));
    } else if (skip(word, "credentials") != NULL) {
        cors->allow_credentials = true;
    } else if ((value = skip(word, "max-age:")) != NULL) {
        cors->max_age_presence_case = POINTSMAN__V1__CORS__MAX_AGE_PRESENCE_MAX_AGE;
        cors->max_age = (uint32_t)strtoul(value, NULL, 10);
    } else {
        refuse(word);
    }
}

static Pointsman__V1__BackendObjectReference *make_reference(const char *text)
{
    Pointsman__V1__BackendObjectReference *reference = memory_allocate(sizeof(*reference));
    pointsman__v1__backend_object_reference__init(reference);
    reference->name = strndup(text, strcspn(text, "@"));
    return reference;
}

static void make_grpc(Pointsman__V1__ExternalAuth *auth)
{
    auth->protocol = POINTSMAN__V1__EXTERNAL_AUTH_PROTOCOL__EXTERNAL_AUTH_PROTOCOL_GRPC;
    pointsman__v1__http_auth__free_unpacked(auth->http, NULL);
    auth->http = NULL;
    auth->grpc = memory_allocate(sizeof(*auth->grpc));
    pointsman__v1__grpc_auth__init(auth->grpc);
}

static void parse_auth(Pointsman__V1__ExternalAuth *auth, const char *word)
{
    const char *value;
    Pointsman__V1__HttpAuth *http = auth->http;
    Pointsman__V1__GrpcAuth *grpc = auth->grpc;
    if ((value = skip(word, ":")) != NULL) {
        auth->backend_ref = make_reference(value);
    } else if (strcmp(word, "-grpc") == 0) {
        make_grpc(auth);
    } else if (grpc != NULL && (value = skip(word, "-allow:")) != NULL) {
        TEXT_APPEND(grpc->allowed_headers, grpc->n_allowed_headers, memory_duplicate_string(value));
    } else if (http != NULL && (value = skip(word, "-path:")) != NULL) {
        http->path = memory_duplicate_string(value);
    } else if (http != NULL && (value = skip(word, "-allow:")) != NULL) {
        TEXT_APPEND(http->allowed_headers, http->n_allowed_headers, memory_duplicate_string(value));
    } else if (http != NULL && (value = skip(word, "-take:")) != NULL) {
        TEXT_APPEND(http->allowed_response_headers, http->n_allowed_response_headers,
                    memory_duplicate_string(value));
    } else if ((value = skip(word, "-body:")) != NULL) {
        auth->forward_body = memory_allocate(sizeof(*auth->forward_body));
        pointsman__v1__forward_body__init(auth->forward_body);
        auth->forward_body->max_size = (uint32_t)strtoul(value, NULL, 10);
    } else {
        refuse(word);
    }
}

static void parse_mirror(struct filter_words *words, const char *text)
{
    Pointsman__V1__RequestMirror *mirror = memory_allocate(sizeof(*mirror));
    pointsman__v1__request_mirror__init(mirror);
    mirror->backend_ref = make_reference(text);

    const char *share = strchr(text, '@');
    const char *slash = strchr(text, '/');
    if (slash != NULL) {
        mirror->share_case = POINTSMAN__V1__REQUEST_MIRROR__SHARE_FRACTION;
        mirror->fraction = memory_allocate(sizeof(*mirror->fraction));
        pointsman__v1__fraction__init(mirror->fraction);
        mirror->fraction->numerator = (uint32_t)strtoul(share + 1, NULL, 10);
        mirror->fraction->denominator = (uint32_t)strtoul(slash + 1, NULL, 10);
    } else if (share != NULL) {
        mirror->share_case = POINTSMAN__V1__REQUEST_MIRROR__SHARE_PERCENT;
        mirror->percent = (uint32_t)strtoul(share + 1, NULL, 10);
    }
    FilterMessage *filter = memory_allocate(sizeof(*filter));
    pointsman__v1__filter__init(filter);
    filter->kind_case = POINTSMAN__V1__FILTER__KIND_REQUEST_MIRROR;
    filter->request_mirror = mirror;
    TEXT_APPEND(*words->filters, *words->count, filter);
}

static void parse_word(struct filter_words *words, const char *word)
{
    const char *rest;
    if ((rest = skip(word, "rewrite-")) != NULL)
        parse_rewrite(filter_of(words, POINTSMAN__V1__FILTER__KIND_URL_REWRITE)->url_rewrite, rest);
    else if ((rest = skip(word, "mirror:")) != NULL)
        parse_mirror(words, rest);
    else if ((rest = skip(word, "auth")) != NULL)
        parse_auth(filter_of(words, POINTSMAN__V1__FILTER__KIND_EXTERNAL_AUTH)->external_auth,
                   rest);
    else if (strcmp(word, "redirect") == 0)
        filter_of(words, POINTSMAN__V1__FILTER__KIND_REQUEST_REDIRECT);
    else if ((rest = skip(word, "redirect-")) != NULL)
        parse_redirect(
            filter_of(words, POINTSMAN__V1__FILTER__KIND_REQUEST_REDIRECT)->request_redirect, rest);
    else if (strcmp(word, "cors") == 0)
        filter_of(words, POINTSMAN__V1__FILTER__KIND_CORS);
    else if ((rest = skip(word, "cors-")) != NULL)
        parse_cors(filter_of(words, POINTSMAN__V1__FILTER__KIND_CORS)->cors, rest);
    else if ((rest = skip(word, "response-")) != NULL
                 ? !parse_modifier(words, POINTSMAN__V1__FILTER__KIND_RESPONSE_HEADER_MODIFIER,
                                   rest)
                 : !parse_modifier(words, POINTSMAN__V1__FILTER__KIND_REQUEST_HEADER_MODIFIER,
                                   word))
        refuse(word);
}

void filter_text_parse(const char *text, FilterMessage ***filters, size_t *count)
{
    struct filter_words words = {.filters = filters, .count = count};
    char *copy = memory_duplicate_string(text);
    char *state;
    for (char *word = strtok_r(copy, " ", &state); word != NULL; word = strtok_r(NULL, " ", &state))
        parse_word(&words, word);
    free(copy);
}

void filter_text_free(FilterMessage **filters, size_t count)
{
    for (size_t i = 0; i < count; i++)
        pointsman__v1__filter__free_unpacked(filters[i], NULL);
    free(filters);
}

struct filter_list *filter_text_compile(const char *text, const struct filter_context *context)
{
    static const struct filter_context no_prefix = {.prefix = {"", 0}};
    FilterMessage **messages = NULL;
    size_t count = 0;
    filter_text_parse(text, &messages, &count);
    struct filter_list *filters =
        filter_list_new(messages, count, context == NULL ? &no_prefix : context);
    filter_text_free(messages, count);
    return filters;
}
