#include "control/routectl/document_check.h"
#include "control/routectl/document_composer.h"
#include "control/routectl/document_decoder.h"
#include "control/routectl/document_guess.h"
#include "control/routectl/document_json.h"
#include "control/routectl/document_names.h"
#include "control/routectl/document_syntax.h"
#include "control/routectl/documents.h"
#include "proto/object_kind.h"

#include <stdlib.h>
#include <string.h>

/* How many values aliases may add to those that stand in a document. */
enum { MAX_ALIASED_VALUES = 200000 };

/* Goes down in the document alone: "metadata" and "spec" are no fields of the object's message. */
static void enter_part(struct document_decoder *decoder, const char *key)
{
    const char *dot = decoder->document_path.length == 0 ? "" : ".";
    buffer_printf(&decoder->document_path, "%s%s", dot, key);
}

/* --- one object ------------------------------------------------------------------------------- */

/* The keys of a document, gathered before any is read: "kind" says how to read "spec". */
struct envelope {
    const yaml_node_t *api_version, *kind, *metadata, *spec;
    const yaml_node_t *spec_key, *items, *items_key;
};

static void gather(struct document_decoder *decoder, void *context, const char *key,
                   const yaml_node_t *key_node, const yaml_node_t *value)
{
    struct envelope *envelope = context;
    if (strcmp(key, "apiVersion") == 0) {
        envelope->api_version = value;
    } else if (strcmp(key, "kind") == 0) {
        envelope->kind = value;
    } else if (strcmp(key, "metadata") == 0) {
        envelope->metadata = value;
    } else if (strcmp(key, "spec") == 0) {
        envelope->spec = value;
        envelope->spec_key = key_node;
    } else if (strcmp(key, "items") == 0) {
        envelope->items = value;
        envelope->items_key = key_node;
    } else if (strcmp(key, "status") == 0) {
        decoder_note(decoder, key_node, "'status' is ignored");
    } else {
        static const char *const keys[] = {"apiVersion", "kind", "metadata", "spec", "items"};
        decoder_complain(decoder, key_node, "unknown field '%s'%s", key,
                         document_guess_name(keys, sizeof(keys) / sizeof(keys[0]), key));
    }
}

/* Where what stands in "metadata" goes. */
struct metadata {
    const char *name, *namespace_name;
    const yaml_node_t *name_node;
    LabelMessage ***labels;
    size_t *label_count;
    uint32_t *created_order; /* NULL: it has none */
    bool has_other_annotations;
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

static void read_annotation(struct document_decoder *decoder, void *context, const char *key,
                            const yaml_node_t *key_node, const yaml_node_t *value)
{
    struct metadata *metadata = context;
    (void)key_node;
    if (metadata->created_order != NULL && strcmp(key, DOCUMENT_CREATED_ORDER) == 0)
        decoder_number(decoder, value, metadata->created_order);
    else
        metadata->has_other_annotations = true;
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
    } else if (strcmp(key, "annotations") == 0 && value->type == YAML_MAPPING_NODE) {
        decoder_each_key(decoder, value, read_annotation, metadata);
        if (metadata->has_other_annotations)
            decoder_note(decoder, key_node, "is ignored");
    } else {
        decoder_note(decoder, key_node, "is ignored");
    }
    decoder_return(decoder, place);
}

/* Without a name, nothing more needs to be said of it. */
static void fail_name(struct document_decoder *decoder, const yaml_node_t *node, const char *what)
{
    struct document_place place = decoder_place(decoder);
    decoder_enter(decoder, "name", "name");
    decoder->document_path.length = place.document_length;
    decoder_fail(decoder, node, "%s", what);
    decoder_return(decoder, place);
}

/* Reads "metadata"; the object's full name, or NULL when it has none. */
static char *read_metadata(struct document_decoder *decoder, const yaml_node_t *root,
                           const yaml_node_t *node, struct metadata *metadata)
{
    if (node == NULL) {
        fail_name(decoder, root, "'metadata' is missing");
        return NULL;
    }
    /* Its fields are those of the object itself: only the document's path goes down. */
    struct document_place place = decoder_place(decoder);
    enter_part(decoder, "metadata");
    bool is_mapping = decoder_each_key(decoder, node, read_metadata_key, metadata);
    if (is_mapping && metadata->name_node == NULL)
        fail_name(decoder, node, "'name' is missing");
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

/* Two objects of one kind and name: which one would be meant? */
static void claim_name(struct document_decoder *decoder, const yaml_node_t *node)
{
    size_t earlier;
    if (draft_claim(decoder->draft, &earlier))
        return;
    struct draft_object object = draft_object(decoder->draft->request.mutations[earlier]);
    bool is_route = object.kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    const char *place = draft_find_mutation_origin(
        decoder->draft, earlier, is_route ? "put_route.name" : "put_backend.name");
    const char *kind = decoder->is_grpc ? GRPC_ROUTE_KIND
                       : is_route       ? HTTP_ROUTE_KIND
                                        : BACKEND_KIND;
    decoder_complain(decoder, node, "%s '%s' is given twice; first at %s", kind, object.name,
                     place == NULL ? "another place" : place);
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
        claim_name(decoder, metadata->name_node);
    }
    if (decoder->extent == DOCUMENT_NAME)
        return;
    if (envelope->spec == NULL) {
        decoder_complain(decoder, root, "'spec' is missing");
        return;
    }
    enter_part(decoder, "spec");
    decoder_read_message(decoder, envelope->spec, message);
}

static void read_route(struct document_decoder *decoder, const yaml_node_t *root,
                       const struct envelope *envelope)
{
    MutationMessage *mutation = draft_add_mutation(decoder->draft);
    RouteMessage *route =
        ARENA_MESSAGE(&decoder->draft->arena, RouteMessage, pointsman__v1__route__init);
    struct metadata metadata = {.labels = &route->labels,
                                .label_count = &route->n_labels,
                                .created_order = &route->created_order};
    mutation->operation_case = POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE;
    mutation->put_route = route;
    if (decoder->is_grpc)
        route->kind = POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_GRPC;
    read_object(decoder, root, envelope, &route->base, "put_route", &metadata, &route->name);
}

static void read_grpc_route(struct document_decoder *decoder, const yaml_node_t *root,
                            const struct envelope *envelope)
{
    decoder->is_grpc = true;
    read_route(decoder, root, envelope);
    decoder->is_grpc = false;
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
    {"gateway.networking.k8s.io/v1", HTTP_ROUTE_KIND, read_route},
    {"gateway.networking.k8s.io/v1beta1", HTTP_ROUTE_KIND, read_route},
    {"gateway.networking.k8s.io/v1", GRPC_ROUTE_KIND, read_grpc_route},
    {"pointsman/v1", BACKEND_KIND, read_backend},
};

/* Lists, as kubectl prints them. */
static const struct {
    const char *api_version, *kind;
} list_kinds[] = {
    {"v1", "List"},
    {"gateway.networking.k8s.io/v1", HTTP_ROUTE_KIND "List"},
    {"gateway.networking.k8s.io/v1beta1", HTTP_ROUTE_KIND "List"},
    {"gateway.networking.k8s.io/v1", GRPC_ROUTE_KIND "List"},
    {"pointsman/v1", BACKEND_KIND "List"},
};

static bool is_list(const char *api_version, const char *kind)
{
    for (size_t i = 0; i < sizeof(list_kinds) / sizeof(list_kinds[0]); i++) {
        if (strcmp(list_kinds[i].api_version, api_version) == 0 &&
            strcmp(list_kinds[i].kind, kind) == 0)
            return true;
    }
    return false;
}

static void read_document(struct document_decoder *decoder, const yaml_node_t *root, bool is_item);

static void read_items(struct document_decoder *decoder, const yaml_node_t *root,
                       const struct envelope *envelope)
{
    if (envelope->spec_key != NULL)
        decoder_complain(decoder, envelope->spec_key, "unknown field 'spec'");
    if (envelope->items == NULL)
        return;
    const yaml_node_t *items = envelope->items;
    if (items->type != YAML_SEQUENCE_NODE) {
        decoder_fail(decoder, root, "'items' is not a list");
        return;
    }
    const yaml_node_item_t *start = items->data.sequence.items.start;
    size_t count = (size_t)(items->data.sequence.items.top - start);
    for (size_t i = 0; i < count && !decoder->is_exhausted; i++) {
        enter_part(decoder, "items");
        decoder_enter_item(decoder, i);
        decoder->message_path.length = 0;
        read_document(decoder, yaml_document_get_node(decoder->yaml, start[i]), true);
        decoder_return(decoder, (struct document_place){0});
    }
}

/* Reads an object, and looks at what it means. */
static void read_kind(struct document_decoder *decoder, const yaml_node_t *root,
                      const struct envelope *envelope, size_t kind)
{
    decoder->unread_count = 0;
    if (envelope->items_key != NULL)
        decoder_complain(decoder, envelope->items_key, "unknown field 'items'");
    kinds[kind].read(decoder, root, envelope);
    if (decoder->extent == DOCUMENT_WHOLE && envelope->spec != NULL && !decoder->is_exhausted)
        document_check(decoder);
}

static void fail_kind(struct document_decoder *decoder, const yaml_node_t *node,
                      const char *api_version, const char *kind)
{
    const char *names[sizeof(kinds) / sizeof(kinds[0])];
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        names[i] = kinds[i].kind;
        if (strcmp(kinds[i].kind, kind) == 0) {
            decoder_fail(decoder, node, "unknown apiVersion '%s' of kind '%s'; it is '%s'",
                         api_version, kind, kinds[i].api_version);
            return;
        }
    }
    const char *guess = document_guess_name(names, sizeof(names) / sizeof(names[0]), kind);
    if (strcmp(kind, "Service") == 0)
        guess = "; what a Service is there, a " BACKEND_KIND " of 'pointsman/v1' is here";
    else if (*guess == '\0')
        guess = "; known are " HTTP_ROUTE_KIND ", " GRPC_ROUTE_KIND " and " BACKEND_KIND;
    decoder_fail(decoder, node, "unknown kind '%s' of apiVersion '%s'%s", kind, api_version, guess);
}

static void read_document(struct document_decoder *decoder, const yaml_node_t *root, bool is_item)
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
            read_kind(decoder, root, &envelope, i);
            return;
        }
    }
    if (!is_item && is_list(api_version, kind))
        read_items(decoder, root, &envelope);
    else
        fail_kind(decoder, envelope.kind, api_version, kind);
}

static void fail_syntax(struct document_decoder *decoder, const struct document_text *text,
                        const yaml_parser_t *parser)
{
    struct buffer sentence = BUFFER_EMPTY;
    document_syntax_append(&sentence, decoder->file, text, parser);
    decoder->report(decoder->context, DOCUMENT_ERROR, buffer_string(&sentence));
    decoder->has_failed = true;
    buffer_clear(&sentence);
}

/* False when it has no node: it stands for the end of the text. */
static bool read_composed(struct document_decoder *decoder, yaml_document_t *yaml)
{
    const yaml_node_t *root = yaml_document_get_root_node(yaml);
    if (root != NULL && !decoder_is_null(root)) {
        decoder->yaml = yaml;
        decoder->values_left = MAX_ALIASED_VALUES + (size_t)(yaml->nodes.top - yaml->nodes.start);
        decoder->is_exhausted = false;
        decoder->document_path.length = decoder->message_path.length = 0;
        read_document(decoder, root, false);
    }
    return root != NULL;
}

/* Reads the next document; false when there is none. */
static bool read_next(struct document_decoder *decoder, const struct document_text *text,
                      yaml_parser_t *parser)
{
    yaml_document_t yaml;
    struct arena arena = {0};
    bool goes_on = false;
    if (document_compose(parser, &yaml, &arena)) {
        goes_on = read_composed(decoder, &yaml);
        yaml_document_delete(&yaml);
    } else {
        fail_syntax(decoder, text, parser);
    }
    arena_clear(&arena);
    return goes_on;
}

/* False when it is no YAML. */
static bool read_yaml(struct document_decoder *decoder, const struct document_text *text)
{
    yaml_parser_t parser;
    if (yaml_parser_initialize(&parser) == 0)
        abort();
    const char *bytes = text->bytes.length == 0 ? "" : text->bytes.at; /* libyaml wants no NULL */
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, text->bytes.length);
    parser.mark = text->start;
    parser.offset = text->offset;
    while (read_next(decoder, text, &parser))
        ;
    bool is_yaml = parser.error == YAML_NO_ERROR;
    yaml_parser_delete(&parser);
    return is_yaml;
}

bool documents_read(const char *file, struct slice text, enum document_extent extent,
                    struct draft *draft, document_report_fn *report, void *context)
{
    struct document_decoder decoder = {
        .file = file, .extent = extent, .draft = draft, .report = report, .context = context};
    struct buffer json = BUFFER_EMPTY;
    struct slice rest = document_json_as_yaml(text, &json);
    struct document_text part = {0};
    bool goes_on;
    do {
        part.bytes = document_json_take(&rest);
        goes_on = read_yaml(&decoder, &part) && rest.length > 0;
        part.start = document_text_end(&part);
        part.offset += part.bytes.length;
    } while (goes_on);

    buffer_clear(&json);
    buffer_clear(&decoder.document_path);
    buffer_clear(&decoder.message_path);
    return !decoder.has_failed;
}
