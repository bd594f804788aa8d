/* Any objects that can be given in documents, written and read back, are the same bytes: routes of
 * both kinds and backends, of the same names. They are made at random from the descriptors of their
 * messages, so a new field is covered as soon as it is there. A failure prints the seed;
 * POINTSMAN_TEST_SEED replays it. */
#include "control/routectl/document_json.h"
#include "control/routectl/document_names.h"
#include "control/routectl/documents.h"
#include "control/routectl/message_fields.h"
#include "proto/message.h"
#include "tests/unit/cmocka_all.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OBJECTS = 2000, MAX_ITEMS = 3 };

static uint64_t random_state;
static struct arena arena;

/* splitmix64 */
static uint64_t random_next(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static uint32_t random_below(uint32_t bound)
{
    return (uint32_t)(random_next() % bound);
}

/* --- values ----------------------------------------------------------------------------------- */

static void append_code_point(struct buffer *to, uint32_t point)
{
    if (point < 0x80) {
        buffer_append_char(to, (char)point);
    } else if (point < 0x800) {
        buffer_append_char(to, (char)(0xc0 | point >> 6));
        buffer_append_char(to, (char)(0x80 | (point & 0x3f)));
    } else if (point < 0x10000) {
        buffer_append_char(to, (char)(0xe0 | point >> 12));
        buffer_append_char(to, (char)(0x80 | (point >> 6 & 0x3f)));
        buffer_append_char(to, (char)(0x80 | (point & 0x3f)));
    } else {
        buffer_append_char(to, (char)(0xf0 | point >> 18));
        buffer_append_char(to, (char)(0x80 | (point >> 12 & 0x3f)));
        buffer_append_char(to, (char)(0x80 | (point >> 6 & 0x3f)));
        buffer_append_char(to, (char)(0x80 | (point & 0x3f)));
    }
}

static uint32_t random_code_point(void)
{
    static const uint32_t bounds[] = {0x20, 0x7f, 0x100, 0x3000, 0x10000, 0x110000};
    uint32_t point;
    do
        point = random_below(bounds[random_below(6)]);
    while (point == 0 || (point >= 0xd800 && point < 0xe000));
    return point;
}

static char *random_text(void)
{
    static const char *const words[] = {"",     "true", "null", "~",   "1.5",  "0x1f",      "- a",
                                        "a: b", "# a",  "%a",   "yes", "a,b]", "<<",        "=",
                                        " a ",  "a\n",  "'\"",  "\\",  "!a",   "2026-01-01"};
    if (random_below(3) == 0) {
        const char *word = words[random_below(sizeof(words) / sizeof(words[0]))];
        return arena_string(&arena, word, strlen(word));
    }
    struct buffer text = BUFFER_EMPTY;
    for (uint32_t i = random_below(12); i > 0; i--)
        append_code_point(&text, random_code_point());
    char *copy = arena_string(&arena, buffer_string(&text), text.length);
    buffer_clear(&text);
    return copy;
}

static DurationMessage *random_duration(void)
{
    DurationMessage *duration =
        ARENA_MESSAGE(&arena, DurationMessage, google__protobuf__duration__init);
    duration->seconds = random_below(random_below(2) == 0 ? 5 : 300000);
    duration->nanos = (int32_t)(random_below(2) * random_below(1000) * 1000000);
    return duration;
}

/* --- messages --------------------------------------------------------------------------------- */

static void fill_message(ProtobufCMessage *message);

/* One that has a name in documents, or that is not given. */
static int random_enum(const ProtobufCEnumDescriptor *descriptor)
{
    char name[DOCUMENT_NAME_BYTES];
    const ProtobufCEnumValue *value;
    do {
        value = &descriptor->values[random_below(descriptor->n_values)];
        document_enum_name(descriptor, value, name);
    } while (value->value != 0 && name[0] == '\0');
    return value->value;
}

static void fill_value(const ProtobufCFieldDescriptor *field, void *to)
{
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        *(char **)to = random_text();
    } else if (field->type == PROTOBUF_C_TYPE_BOOL) {
        *(protobuf_c_boolean *)to = (protobuf_c_boolean)random_below(2);
    } else if (field->type == PROTOBUF_C_TYPE_UINT32) {
        *(uint32_t *)to = random_below(2) == 0 ? random_below(3) : (uint32_t)random_next();
    } else if (field->type == PROTOBUF_C_TYPE_ENUM) {
        const ProtobufCEnumDescriptor *descriptor = field->descriptor;
        *(int *)to = random_enum(descriptor);
    } else if (field->descriptor == &google__protobuf__duration__descriptor) {
        *(DurationMessage **)to = random_duration();
    } else {
        assert_int_equal(field->type, PROTOBUF_C_TYPE_MESSAGE);
        const ProtobufCMessageDescriptor *descriptor = field->descriptor;
        ProtobufCMessage *message = arena_allocate(&arena, descriptor->sizeof_message);
        protobuf_c_message_init(descriptor, message);
        fill_message(message);
        *(ProtobufCMessage **)to = message;
    }
}

static void fill_field(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    void *at = (char *)message + field->offset;
    void *quantifier = (char *)message + field->quantifier_offset;
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        fill_value(field, at);
        if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
            *(uint32_t *)quantifier = field->id;
        return;
    }
    size_t bytes = field_value_bytes(field->type);
    size_t count = random_below(MAX_ITEMS + 1);
    char *items = arena_allocate(&arena, (count + 1) * bytes);
    for (size_t i = 0; i < count; i++)
        fill_value(field, items + i * bytes);
    *(void **)at = items;
    *(size_t *)quantifier = count;
}

static bool is_chosen_already(const ProtobufCMessage *message,
                              const ProtobufCFieldDescriptor *field)
{
    return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
           *(const uint32_t *)((const char *)message + field->quantifier_offset) != 0;
}

static void fill_message(ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    /* What "type" names must be there. */
    if (document_has_type(descriptor)) {
        fill_field(message, &descriptor->fields[random_below(descriptor->n_fields)]);
        return;
    }
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (!document_is_outside_spec(descriptor, field) && random_below(2) == 0 &&
            !is_chosen_already(message, field))
            fill_field(message, field);
    }
}

static void make_grpc_path(PathMatchMessage *path)
{
    static const struct {
        Pointsman__V1__PathMatchType type;
        const char *value;
    } paths[] = {
        {POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_EXACT, "/shop.Users/Get"},
        {POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_PATH_PREFIX, "/true"},
        {POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_GRPC_METHOD, "No"},
        {POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_REGULAR_EXPRESSION, "/(?:a|b)/(?:[^/]+)"},
        {POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_REGULAR_EXPRESSION, "/(?:a)/(?:b)/(?:c)"},
    };
    size_t index = random_below(sizeof(paths) / sizeof(paths[0]));
    path->type = paths[index].type;
    path->value = (char *)paths[index].value;
}

static bool is_of_both_kinds(const FilterMessage *filter)
{
    return filter->kind_case == POINTSMAN__V1__FILTER__KIND_REQUEST_HEADER_MODIFIER ||
           filter->kind_case == POINTSMAN__V1__FILTER__KIND_RESPONSE_HEADER_MODIFIER ||
           filter->kind_case == POINTSMAN__V1__FILTER__KIND_REQUEST_MIRROR;
}

static void keep_filters_of_both_kinds(FilterMessage **filters, size_t *count)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        if (is_of_both_kinds(filters[i]))
            filters[kept++] = filters[i];
    }
    *count = kept;
}

/* Without what a GRPCRoute cannot say. */
static void make_grpc(RouteMessage *route)
{
    route->kind = POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_GRPC;
    for (size_t i = 0; i < route->n_rules; i++) {
        RouteRuleMessage *rule = route->rules[i];
        rule->timeouts = NULL;
        rule->retry = NULL;
        keep_filters_of_both_kinds(rule->filters, &rule->n_filters);
        for (size_t j = 0; j < rule->n_backend_refs; j++)
            keep_filters_of_both_kinds(rule->backend_refs[j]->filters,
                                       &rule->backend_refs[j]->n_filters);
        for (size_t j = 0; j < rule->n_matches; j++) {
            RouteMatchMessage *match = rule->matches[j];
            match->method = (char *)"";
            match->n_query_params = 0;
            if (match->path != NULL)
                make_grpc_path(match->path);
        }
    }
}

static void fill_labels(LabelMessage ***labels, size_t *count)
{
    for (uint32_t i = random_below(3); i > 0; i--) {
        LabelMessage *label = ARENA_MESSAGE(&arena, LabelMessage, pointsman__v1__label__init);
        label->key = arena_printf(&arena, "%s%u", random_text(), i);
        label->value = random_text();
        ARENA_APPEND(&arena, *labels, *count, label);
    }
}

static char *random_name(void)
{
    static const char *const names[] = {"a", "null", "1.5", "shop/users", "1/true", "a.b-c"};
    const char *name = names[random_below(6)];
    return arena_string(&arena, name, strlen(name));
}

/* --- the claim -------------------------------------------------------------------------------- */

static void on_remark(void *context, enum document_remark remark, const char *text)
{
    (void)remark;
    buffer_printf(context, "%s\n", text);
}

/* Both kinds of routes and a backend, of one name. */
enum { SET = 3 };

struct object_set {
    const ProtobufCMessage *messages[SET];
    struct buffer documents[SET];
};

static const ProtobufCMessage *message_of(const MutationMessage *mutation)
{
    return mutation->operation_case == POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE
               ? &mutation->put_route->base
               : &mutation->put_backend->base;
}

static void assert_reads_back(uint64_t seed, const struct object_set *set,
                              const struct buffer *text)
{
    struct draft draft;
    struct buffer remarks = BUFFER_EMPTY, given = BUFFER_EMPTY, got = BUFFER_EMPTY;
    draft_init(&draft);
    if (!documents_read("random", buffer_slice(text), DOCUMENT_FORM, &draft, on_remark, &remarks))
        fail_msg("seed %" PRIu64 ": %s%s", seed, buffer_string(&remarks),
                 buffer_string((struct buffer *)text));

    assert_int_equal(draft.request.n_mutations, SET);
    for (size_t i = 0; i < SET; i++) {
        buffer_reset(&given);
        buffer_reset(&got);
        message_pack(set->messages[i], &given);
        message_pack(message_of(draft.request.mutations[i]), &got);
        if (!slice_equals(buffer_slice(&given), buffer_slice(&got)))
            fail_msg("seed %" PRIu64 ": object %zu reads back as another:\n%s", seed, i,
                     buffer_string((struct buffer *)text));
    }
    buffer_clear(&remarks);
    buffer_clear(&given);
    buffer_clear(&got);
    draft_clear(&draft);
}

static void check_yaml(uint64_t seed, const struct object_set *set)
{
    struct buffer text = BUFFER_EMPTY;
    for (size_t i = 0; i < SET; i++)
        buffer_append_slice(&text, buffer_slice(&set->documents[i]));
    assert_reads_back(seed, set, &text);
    buffer_clear(&text);
}

/* A list, as export prints it. */
static void check_json(uint64_t seed, const struct object_set *set)
{
    struct json_writer writer = {0};
    json_writer_begin_object(&writer, NULL);
    json_writer_string(&writer, "apiVersion", "v1");
    json_writer_string(&writer, "kind", "List");
    json_writer_begin_list(&writer, "items");
    for (size_t i = 0; i < SET; i++)
        document_json_write(&writer, buffer_slice(&set->documents[i]));
    json_writer_end_list(&writer);
    json_writer_end_object(&writer);
    assert_reads_back(seed, set, &writer.text);
    json_writer_clear(&writer);
}

static RouteMessage *random_route(char *name)
{
    RouteMessage *route = ARENA_MESSAGE(&arena, RouteMessage, pointsman__v1__route__init);
    fill_message(&route->base);
    fill_labels(&route->labels, &route->n_labels);
    route->name = name;
    return route;
}

static BackendMessage *random_backend(char *name)
{
    BackendMessage *backend = ARENA_MESSAGE(&arena, BackendMessage, pointsman__v1__backend__init);
    fill_message(&backend->base);
    fill_labels(&backend->labels, &backend->n_labels);
    backend->name = name;
    return backend;
}

static void check_set(uint64_t seed)
{
    char *name = random_name();
    RouteMessage *route = random_route(name), *grpc_route = random_route(name);
    BackendMessage *backend = random_backend(name);
    make_grpc(grpc_route);
    struct object_set set = {.messages = {&route->base, &grpc_route->base, &backend->base}};
    documents_write_route(&set.documents[0], route);
    documents_write_route(&set.documents[1], grpc_route);
    documents_write_backend(&set.documents[2], backend);
    check_yaml(seed, &set);
    check_json(seed, &set);
    for (size_t i = 0; i < SET; i++)
        buffer_clear(&set.documents[i]);
}

static void any_objects_are_the_same_after_writing_and_reading_yaml_and_json(void **state)
{
    (void)state;
    const char *given = getenv("POINTSMAN_TEST_SEED");
    uint64_t first = given == NULL ? 1 : strtoull(given, NULL, 10);
    uint64_t last = given == NULL ? OBJECTS : first;
    for (uint64_t seed = first; seed <= last; seed++) {
        random_state = seed;
        check_set(seed);
        arena_clear(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_objects_are_the_same_after_writing_and_reading_yaml_and_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
