#include "proxy/routing/filter.h"

#include "common/buffer.h"
#include "proxy/routing/path_value.h"

#include <stdlib.h>
#include <string.h>

enum { DEFAULT_REDIRECT_STATUS = 302, DEFAULT_MAX_AGE_S = 5, HUNDRED = 100 };

/* The list, then arrays, then text. */
struct filter_compiler {
    struct filter_list *filters;
    struct header_edit *edit;
    struct cors *cors;
    struct slice *item; /* of the lists that stay lists */
    struct mirror_target *mirror;
    struct external_auth *auth;
    char *text;
    const struct filter_context *context;
};

static size_t count_edits(const FilterMessage *message)
{
    const Pointsman__V1__HeaderModifier *modifier;
    switch ((int)message->kind_case) {
    case POINTSMAN__V1__FILTER__KIND_REQUEST_HEADER_MODIFIER:
        modifier = message->request_header_modifier;
        break;
    case POINTSMAN__V1__FILTER__KIND_RESPONSE_HEADER_MODIFIER:
        modifier = message->response_header_modifier;
        break;
    default:
        return 0;
    }
    return modifier->n_set + modifier->n_add + modifier->n_remove;
}

static struct slice copy_text(struct filter_compiler *compiler, const char *text)
{
    size_t length = strlen(text);
    struct slice copy = slice_of(compiler->text, length);
    memcpy(compiler->text, text, length);
    compiler->text += length;
    return copy;
}

static const struct slice *copy_items(struct filter_compiler *compiler, char *const *texts,
                                      size_t count)
{
    const struct slice *items = compiler->item;
    for (size_t i = 0; i < count; i++)
        *compiler->item++ = copy_text(compiler, texts[i]);
    return items;
}

/* --- header modifiers ----------------------------------------------------------------------- */

static void put_edit(struct filter_compiler *compiler, enum header_edit_kind kind, const char *name,
                     const char *value)
{
    *compiler->edit++ = (struct header_edit){
        .kind = kind,
        .name = copy_text(compiler, name),
        .value = copy_text(compiler, value),
    };
}

static struct header_edits compile_edits(struct filter_compiler *compiler,
                                         const Pointsman__V1__HeaderModifier *modifier)
{
    struct header_edits edits = {.items = compiler->edit};
    for (size_t i = 0; i < modifier->n_set; i++)
        put_edit(compiler, HEADER_SET, modifier->set[i]->name, modifier->set[i]->value);
    for (size_t i = 0; i < modifier->n_add; i++)
        put_edit(compiler, HEADER_ADD, modifier->add[i]->name, modifier->add[i]->value);
    for (size_t i = 0; i < modifier->n_remove; i++)
        put_edit(compiler, HEADER_REMOVE, modifier->remove[i], "");
    edits.count = (size_t)(compiler->edit - edits.items);
    return edits;
}

/* --- redirect and rewrite ------------------------------------------------------------------- */

static struct slice copy_path(struct filter_compiler *compiler, const char *path)
{
    size_t length = path_value_canonicalize(slice_from_string(path), compiler->text);
    struct slice copy = slice_of(compiler->text, length);
    compiler->text += length;
    return copy;
}

static struct path_edit compile_path(struct filter_compiler *compiler,
                                     const Pointsman__V1__PathModifier *path)
{
    struct path_edit edit = {.kind = PATH_KEPT};
    if (path == NULL)
        return edit;
    switch ((int)path->kind_case) {
    case POINTSMAN__V1__PATH_MODIFIER__KIND_REPLACE_FULL_PATH:
        edit.kind = PATH_REPLACED;
        edit.replacement = copy_path(compiler, path->replace_full_path);
        break;
    case POINTSMAN__V1__PATH_MODIFIER__KIND_REPLACE_PREFIX_MATCH:
        edit.kind = PATH_PREFIX_REPLACED;
        edit.replacement = path_value_prefix(copy_path(compiler, path->replace_prefix_match));
        edit.prefix_length = compiler->context->prefix.length;
        break;
    default:
        break;
    }
    return edit;
}

static struct redirect compile_redirect(struct filter_compiler *compiler,
                                        const Pointsman__V1__RequestRedirect *message)
{
    return (struct redirect){
        .status =
            message->status_code == 0 ? DEFAULT_REDIRECT_STATUS : (uint16_t)message->status_code,
        .port = (uint16_t)message->port,
        .scheme = copy_text(compiler, message->scheme),
        .hostname = copy_text(compiler, message->hostname),
        .path = compile_path(compiler, message->path),
    };
}

/* --- CORS ----------------------------------------------------------------------------------- */

/* "*" has the others in it. "one, two": no longer than in the serialized form, where each has a tag
 * and a length. */
static struct slice copy_list(struct filter_compiler *compiler, char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(texts[i], "*") == 0)
            return copy_text(compiler, texts[i]);
    }
    char *start = compiler->text;
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            copy_text(compiler, ", ");
        copy_text(compiler, texts[i]);
    }
    return slice_of(start, (size_t)(compiler->text - start));
}

static const struct cors *compile_cors(struct filter_compiler *compiler,
                                       const Pointsman__V1__Cors *message)
{
    bool has_max_age =
        message->max_age_presence_case == POINTSMAN__V1__CORS__MAX_AGE_PRESENCE_MAX_AGE;
    struct cors *cors = compiler->cors++;
    *cors = (struct cors){
        .origins = copy_items(compiler, message->allow_origins, message->n_allow_origins),
        .origin_count = message->n_allow_origins,
        .allows_credentials = message->allow_credentials,
        .max_age_s = has_max_age ? message->max_age : DEFAULT_MAX_AGE_S,
        .allow_methods = copy_list(compiler, message->allow_methods, message->n_allow_methods),
        .allow_headers = copy_list(compiler, message->allow_headers, message->n_allow_headers),
        .expose_headers = copy_list(compiler, message->expose_headers, message->n_expose_headers),
    };
    return cors;
}

/* --- mirrors -------------------------------------------------------------------------------- */

static void compile_mirror(struct filter_compiler *compiler,
                           const Pointsman__V1__RequestMirror *message)
{
    const struct filter_context *context = compiler->context;
    struct mirror_target *mirror = compiler->mirror++;
    *mirror = (struct mirror_target){
        .backend_index = context->backend_index(context->context, message->backend_ref),
        .numerator = 1,
        .denominator = 1,
    };
    switch ((int)message->share_case) {
    case POINTSMAN__V1__REQUEST_MIRROR__SHARE_PERCENT:
        mirror->numerator = message->percent;
        mirror->denominator = HUNDRED;
        break;
    case POINTSMAN__V1__REQUEST_MIRROR__SHARE_FRACTION:
        mirror->numerator = message->fraction->numerator;
        mirror->denominator =
            message->fraction->denominator == 0 ? HUNDRED : message->fraction->denominator;
        break;
    default:
        break;
    }
    compiler->filters->mirror_count++;
}

/* --- authorization -------------------------------------------------------------------------- */

static const struct external_auth *compile_auth(struct filter_compiler *compiler,
                                                const Pointsman__V1__ExternalAuth *message)
{
    const struct filter_context *context = compiler->context;
    const struct filter_list *before = compiler->filters;
    const Pointsman__V1__HttpAuth *http = message->http;
    const Pointsman__V1__GrpcAuth *grpc = message->grpc;
    struct external_auth *auth = compiler->auth++;
    *auth = (struct external_auth){
        .backend_index = context->backend_index(context->context, message->backend_ref),
        .max_body_bytes = message->forward_body == NULL ? 0 : message->forward_body->max_size,
        .sees_edits = before->request_headers.count > 0,
        .sees_rewrite =
            before->rewrite.hostname.length > 0 || before->rewrite.path.kind != PATH_KEPT,
    };
    if (grpc != NULL) {
        auth->is_grpc = true;
        auth->allowed_headers =
            copy_items(compiler, grpc->allowed_headers, grpc->n_allowed_headers);
        auth->allowed_header_count = grpc->n_allowed_headers;
        return auth;
    }
    auth->path = path_value_prefix(copy_path(compiler, http->path));
    auth->allowed_headers = copy_items(compiler, http->allowed_headers, http->n_allowed_headers);
    auth->allowed_header_count = http->n_allowed_headers;
    auth->answer_headers =
        copy_items(compiler, http->allowed_response_headers, http->n_allowed_response_headers);
    auth->answer_header_count = http->n_allowed_response_headers;
    return auth;
}

/* --- the list ------------------------------------------------------------------------------- */

static void compile_filter(struct filter_compiler *compiler, const FilterMessage *message)
{
    struct filter_list *filters = compiler->filters;
    switch ((int)message->kind_case) {
    case POINTSMAN__V1__FILTER__KIND_REQUEST_HEADER_MODIFIER:
        filters->request_headers = compile_edits(compiler, message->request_header_modifier);
        break;
    case POINTSMAN__V1__FILTER__KIND_RESPONSE_HEADER_MODIFIER:
        filters->response_headers = compile_edits(compiler, message->response_header_modifier);
        break;
    case POINTSMAN__V1__FILTER__KIND_REQUEST_REDIRECT:
        filters->redirect = compile_redirect(compiler, message->request_redirect);
        break;
    case POINTSMAN__V1__FILTER__KIND_URL_REWRITE:
        filters->rewrite.hostname = copy_text(compiler, message->url_rewrite->hostname);
        filters->rewrite.path = compile_path(compiler, message->url_rewrite->path);
        break;
    case POINTSMAN__V1__FILTER__KIND_CORS:
        filters->cors = compile_cors(compiler, message->cors);
        filters->cors_is_last = filters->response_headers.count > 0;
        break;
    case POINTSMAN__V1__FILTER__KIND_REQUEST_MIRROR:
        compile_mirror(compiler, message->request_mirror);
        break;
    case POINTSMAN__V1__FILTER__KIND_EXTERNAL_AUTH:
        filters->auth = compile_auth(compiler, message->external_auth);
        break;
    default:
        break;
    }
}

/* How much of everything. */
struct filter_extent {
    size_t edits, cors, items, mirrors, auths, text_bytes;
};

static size_t count_auth_items(const Pointsman__V1__ExternalAuth *message)
{
    return message->grpc != NULL
               ? message->grpc->n_allowed_headers
               : message->http->n_allowed_headers + message->http->n_allowed_response_headers;
}

static struct filter_extent measure(FilterMessage *const *messages, size_t count)
{
    struct filter_extent extent = {0};
    for (size_t i = 0; i < count; i++) {
        const FilterMessage *message = messages[i];
        extent.edits += count_edits(message);
        if (message->kind_case == POINTSMAN__V1__FILTER__KIND_CORS) {
            extent.cors++;
            extent.items += message->cors->n_allow_origins;
        }
        if (message->kind_case == POINTSMAN__V1__FILTER__KIND_EXTERNAL_AUTH) {
            extent.auths++;
            extent.items += count_auth_items(message->external_auth);
        }
        extent.mirrors += message->kind_case == POINTSMAN__V1__FILTER__KIND_REQUEST_MIRROR;
        /* Every text stands in the serialized form as it is. */
        extent.text_bytes += protobuf_c_message_get_packed_size(&message->base);
    }
    return extent;
}

struct filter_list *filter_list_new(FilterMessage *const *messages, size_t count,
                                    const struct filter_context *context)
{
    if (count == 0)
        return NULL;

    const struct filter_extent extent = measure(messages, count);
    size_t edits_at = sizeof(struct filter_list);
    size_t cors_at = edits_at + extent.edits * sizeof(struct header_edit);
    size_t auths_at = cors_at + extent.cors * sizeof(struct cors);
    size_t items_at = auths_at + extent.auths * sizeof(struct external_auth);
    size_t mirrors_at = items_at + extent.items * sizeof(struct slice);
    size_t text_at = mirrors_at + extent.mirrors * sizeof(struct mirror_target);
    char *base = memory_allocate(text_at + extent.text_bytes);
    memset(base, 0, text_at);
    struct filter_compiler compiler = {
        .filters = (struct filter_list *)base,
        .edit = (struct header_edit *)(base + edits_at),
        .cors = (struct cors *)(base + cors_at),
        .auth = (struct external_auth *)(base + auths_at),
        .item = (struct slice *)(base + items_at),
        .mirror = (struct mirror_target *)(base + mirrors_at),
        .text = base + text_at,
        .context = context,
    };
    compiler.filters->mirrors = compiler.mirror;
    for (size_t i = 0; i < count; i++)
        compile_filter(&compiler, messages[i]);
    return compiler.filters;
}

void filter_list_free(const struct filter_list *filters)
{
    free((struct filter_list *)filters);
}
