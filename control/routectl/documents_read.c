#include "control/routectl/document_decoder.h"
#include "control/routectl/documents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What one document may come to, its aliases followed. */
enum { MAX_VALUES = 200000 };

/* --- one object ------------------------------------------------------------------------------- */

/* The keys of a document, gathered before any is read: "kind" says how to read "spec". */
struct envelope {
    const yaml_node_t *api_version, *kind, *metadata, *spec;
};

static void gather(struct document_decoder *decoder, void *context, const char *key,
                   const yaml_node_t *key_node, const yaml_node_t *value)
{
    struct envelope *envelope = context;
    if (strcmp(key, "apiVersion") == 0)
        envelope->api_version = value;
    else if (strcmp(key, "kind") == 0)
        envelope->kind = value;
    else if (strcmp(key, "metadata") == 0)
        envelope->metadata = value;
    else if (strcmp(key, "spec") == 0)
        envelope->spec = value;
    else if (strcmp(key, "status") == 0)
        decoder_note(decoder, key_node, "'status' is ignored");
    else
        decoder_fail(decoder, key_node, "unknown field '%s'", key);
}

/* Where what stands in "metadata" goes. */
struct metadata {
    const char *name, *namespace_name;
    const yaml_node_t *name_node;
    LabelMessage ***labels;
    size_t *label_count;
};

static void read_label(struct document_decoder *decoder, void *context, const char *key,
                       const yaml_node_t *key_node, const yaml_node_t *value)
{
    struct metadata *metadata = context;
    struct arena *arena = &decoder->draft->arena;
    (void)key_node;
    const char *text = decoder_text(decoder, value);
    if (text == NULL)
        return;

    LabelMessage *label = arena_allocate(arena, sizeof(*label));
    pointsman__v1__label__init(label);
    label->key = arena_string(arena, key, strlen(key));
    label->value = arena_string(arena, text, strlen(text));

    struct document_place place = decoder_place(decoder);
    decoder_enter_item(decoder, *metadata->label_count);
    decoder->document_path.length = place.document_length;
    buffer_printf(&decoder->document_path, ".%s", key);
    decoder_set_origin(decoder, value);
    decoder_return(decoder, place);
    ARENA_APPEND(arena, *metadata->labels, *metadata->label_count, label);
}

static void read_metadata_key(struct document_decoder *decoder, void *context, const char *key,
                              const yaml_node_t *key_node, const yaml_node_t *value)
{
    struct metadata *metadata = context;
    struct document_place place = decoder_place(decoder);
    decoder_enter(decoder, key, key);
    if (strcmp(key, "name") == 0) {
        metadata->name_node = value;
        metadata->name = decoder_text(decoder, value);
    } else if (strcmp(key, "namespace") == 0) {
        metadata->namespace_name = decoder_text(decoder, value);
    } else if (strcmp(key, "labels") == 0) {
        decoder_each_key(decoder, value, read_label, metadata);
    } else {
        decoder_note(decoder, key_node, "is ignored");
    }
    decoder_return(decoder, place);
}

/* Reads "metadata"; the object's full name, or NULL when it has none. */
static char *read_metadata(struct document_decoder *decoder, const yaml_node_t *root,
                           const yaml_node_t *node, struct metadata *metadata)
{
    if (node == NULL) {
        decoder_fail(decoder, root, "'metadata' is missing");
        return NULL;
    }
    /* Its fields are those of the object itself: only the document's path goes down. */
    struct document_place place = decoder_place(decoder);
    buffer_append_string(&decoder->document_path, "metadata");
    bool is_mapping = decoder_each_key(decoder, node, read_metadata_key, metadata);
    if (is_mapping && metadata->name_node == NULL)
        decoder_fail(decoder, node, "'name' is missing");
    if (metadata->name == NULL) {
        decoder_return(decoder, place);
        return NULL;
    }

    struct arena *arena = &decoder->draft->arena;
    decoder_enter(decoder, "name", "name");
    decoder_set_origin(decoder, metadata->name_node);
    decoder_return(decoder, place);
    if (metadata->namespace_name == NULL)
        return arena_string(arena, metadata->name, strlen(metadata->name));
    return arena_printf(arena, "%s/%s", metadata->namespace_name, metadata->name);
}

static const char *object_name(const MutationMessage *mutation)
{
    return mutation->operation_case == POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE
               ? mutation->put_route->name
               : mutation->put_backend->name;
}

/* Two objects of one kind and name: which one would be meant? */
static void check_repeated(struct document_decoder *decoder, const yaml_node_t *node)
{
    const Pointsman__V1__ApplyRequest *request = &decoder->draft->request;
    const MutationMessage *newest = request->mutations[request->n_mutations - 1];
    bool is_route = newest->operation_case == POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE;
    for (size_t i = 0; i + 1 < request->n_mutations; i++) {
        const MutationMessage *earlier = request->mutations[i];
        if (earlier->operation_case != newest->operation_case ||
            strcmp(object_name(earlier), object_name(newest)) != 0)
            continue;
        char field[64];
        snprintf(field, sizeof(field), "mutations[%zu].%s.name", i,
                 is_route ? "put_route" : "put_backend");
        const char *place = draft_find_origin(decoder->draft, field);
        decoder_fail(decoder, node, "%s '%s' is given twice; first at %s",
                     is_route ? "HTTPRoute" : "Backend", object_name(newest),
                     place == NULL ? "another place" : place);
        return;
    }
}

/* Reads an object into the draft's newest mutation. */
static void read_object(struct document_decoder *decoder, const yaml_node_t *root,
                        const struct envelope *envelope, ProtobufCMessage *message,
                        const char *operation, struct metadata *metadata, char **name)
{
    buffer_append_string(&decoder->message_path, operation);
    char *full_name = read_metadata(decoder, root, envelope->metadata, metadata);
    if (full_name != NULL) {
        *name = full_name;
        check_repeated(decoder, metadata->name_node);
    }
    if (envelope->spec == NULL) {
        decoder_fail(decoder, root, "'spec' is missing");
        return;
    }
    buffer_append_string(&decoder->document_path, "spec");
    decoder_read_message(decoder, envelope->spec, message);
}

static void read_route(struct document_decoder *decoder, const yaml_node_t *root,
                       const struct envelope *envelope)
{
    MutationMessage *mutation = draft_add_mutation(decoder->draft);
    RouteMessage *route =
        ARENA_MESSAGE(&decoder->draft->arena, RouteMessage, pointsman__v1__route__init);
    struct metadata metadata = {.labels = &route->labels, .label_count = &route->n_labels};
    mutation->operation_case = POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE;
    mutation->put_route = route;
    read_object(decoder, root, envelope, &route->base, "put_route", &metadata, &route->name);
}

static void read_backend(struct document_decoder *decoder, const yaml_node_t *root,
                         const struct envelope *envelope)
{
    MutationMessage *mutation = draft_add_mutation(decoder->draft);
    BackendMessage *backend =
        ARENA_MESSAGE(&decoder->draft->arena, BackendMessage, pointsman__v1__backend__init);
    struct metadata metadata = {.labels = &backend->labels, .label_count = &backend->n_labels};
    mutation->operation_case = POINTSMAN__V1__MUTATION__OPERATION_PUT_BACKEND;
    mutation->put_backend = backend;
    read_object(decoder, root, envelope, &backend->base, "put_backend", &metadata, &backend->name);
}

/* --- one document ----------------------------------------------------------------------------- */

static const struct {
    const char *api_version, *kind;
    void (*read)(struct document_decoder *decoder, const yaml_node_t *root,
                 const struct envelope *envelope);
} kinds[] = {
    {"gateway.networking.k8s.io/v1", "HTTPRoute", read_route},
    {"gateway.networking.k8s.io/v1beta1", "HTTPRoute", read_route},
    {"pointsman/v1", "Backend", read_backend},
};

static void read_document(struct document_decoder *decoder, const yaml_node_t *root)
{
    struct envelope envelope = {0};
    if (!decoder_each_key(decoder, root, gather, &envelope))
        return;
    if (envelope.api_version == NULL || envelope.kind == NULL) {
        decoder_fail(decoder, root, "'%s' is missing",
                     envelope.api_version == NULL ? "apiVersion" : "kind");
        return;
    }
    const char *api_version = decoder_text(decoder, envelope.api_version);
    const char *kind = decoder_text(decoder, envelope.kind);
    if (api_version == NULL || kind == NULL)
        return;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].api_version, api_version) == 0 && strcmp(kinds[i].kind, kind) == 0) {
            kinds[i].read(decoder, root, &envelope);
            return;
        }
    }
    decoder_fail(decoder, envelope.kind, "unknown kind '%s' of apiVersion '%s'", kind, api_version);
}

static void fail_syntax(struct document_decoder *decoder, const yaml_parser_t *parser)
{
    struct buffer text = BUFFER_EMPTY;
    bool has_place = parser->error != YAML_READER_ERROR && parser->error != YAML_MEMORY_ERROR;
    if (has_place)
        buffer_printf(&text, "%s:%zu:%zu: ", decoder->file, parser->problem_mark.line + 1,
                      parser->problem_mark.column + 1);
    else
        buffer_printf(&text, "%s: ", decoder->file);
    buffer_append_string(&text, parser->problem == NULL ? "is not YAML" : parser->problem);
    if (parser->context != NULL)
        buffer_printf(&text, " (%s)", parser->context);
    if (parser->error == YAML_READER_ERROR)
        buffer_printf(&text, " at byte %zu", parser->problem_offset);
    decoder->report(decoder->context, DOCUMENT_ERROR, buffer_string(&text));
    decoder->has_failed = true;
    buffer_clear(&text);
}

/* Reads the next document; false when there is none. */
static bool read_next(struct document_decoder *decoder, yaml_parser_t *parser)
{
    yaml_document_t yaml;
    if (yaml_parser_load(parser, &yaml) == 0) {
        fail_syntax(decoder, parser);
        return false;
    }
    const yaml_node_t *root = yaml_document_get_root_node(&yaml);
    if (root != NULL && !decoder_is_null(root)) {
        decoder->yaml = &yaml;
        decoder->values_left = MAX_VALUES;
        decoder->is_exhausted = false;
        decoder->document_path.length = decoder->message_path.length = 0;
        read_document(decoder, root);
    }
    yaml_document_delete(&yaml);
    return root != NULL;
}

bool documents_read(const char *file, struct slice text, struct draft *draft,
                    document_report_fn *report, void *context)
{
    struct document_decoder decoder = {
        .file = file, .draft = draft, .report = report, .context = context};
    yaml_parser_t parser;
    if (yaml_parser_initialize(&parser) == 0)
        abort();
    const char *bytes = text.length == 0 ? "" : text.at; /* libyaml wants no NULL */
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, text.length);
    while (read_next(&decoder, &parser))
        ;

    yaml_parser_delete(&parser);
    buffer_clear(&decoder.document_path);
    buffer_clear(&decoder.message_path);
    return !decoder.has_failed;
}
