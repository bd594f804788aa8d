/* Document decoder: nodes of YAML to fields of messages, by their descriptors.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_DOCUMENT_DECODER_H
#define CONTROL_ROUTECTL_DOCUMENT_DECODER_H

#include "common/buffer.h"
#include "control/routectl/documents.h"
#include "control/routectl/draft.h"

#include <stdbool.h>
#include <stddef.h>

#include <yaml.h>

struct document_decoder {
    const char *file;
    enum document_extent extent;
    bool is_grpc; /* the object at hand is a GRPCRoute */
    yaml_document_t *yaml;
    struct draft *draft;
    document_report_fn *report;
    void *context;
    bool has_failed;
    /* Fields of the object at hand that could not be read, as paths from its mutation on. */
    const char **unread;
    size_t unread_count;
    size_t values_left; /* what aliases may multiply is bounded */
    bool is_exhausted;
    unsigned depth;
    /* Where we are: "spec.rules[0]" in the document, "put_route.rules[0]" in the draft's newest
     * mutation. */
    struct buffer document_path;
    struct buffer message_path;
};

/* How long both paths are; to come back to. */
struct document_place {
    size_t document_length;
    size_t message_length;
};

struct document_place decoder_place(const struct document_decoder *decoder);
/* Goes down to a key (and its field, which may be the same). */
void decoder_enter(struct document_decoder *decoder, const char *key, const char *field_name);
void decoder_enter_item(struct document_decoder *decoder, size_t index);
void decoder_return(struct document_decoder *decoder, struct document_place place);

/* What stands in the node is no value of the field we are at, of which nothing more needs to be
 * said. Returns false, so that `return decoder_fail(...)` reads well. */
bool decoder_fail(struct document_decoder *decoder, const yaml_node_t *node, const char *format,
                  ...) __attribute__((format(printf, 3, 4)));
/* The node is wrong, and says nothing of the fields around it: a key that is not known. */
void decoder_complain(struct document_decoder *decoder, const yaml_node_t *node, const char *format,
                      ...) __attribute__((format(printf, 3, 4)));
void decoder_note(struct document_decoder *decoder, const yaml_node_t *node, const char *format,
                  ...) __attribute__((format(printf, 3, 4)));

/* Has this field of the object at hand, or one within, or the one around it, not been read? */
bool decoder_is_unread(const struct document_decoder *decoder, const char *message_path);

/* Records that the field we are at came from this node. */
void decoder_set_origin(struct document_decoder *decoder, const yaml_node_t *node);

/* The text of a scalar that holds no NUL byte; NULL, and a remark, when the node is none. Borrowed
 * from the document. */
const char *decoder_text(struct document_decoder *decoder, const yaml_node_t *node);
/* Nothing, "~" or "null", unquoted: as if it were not there. */
bool decoder_is_null(const yaml_node_t *node);

/* A number, unquoted or not. False, and a remark, when the node is none. */
bool decoder_number(struct document_decoder *decoder, const yaml_node_t *node, uint32_t *number);

/* Counts a value. False, and a remark, when it is one too many: a few aliases can stand for more
 * than any memory holds. */
bool decoder_may_go_on(struct document_decoder *decoder, const yaml_node_t *node);

/* Calls `visit` for each key of a mapping, merged ones too, with its value; null ones are left out.
 * A key that is no text or comes twice is remarked. */
typedef void decoder_visit_fn(struct document_decoder *decoder, void *context, const char *key,
                              const yaml_node_t *key_node, const yaml_node_t *value);
bool decoder_each_key(struct document_decoder *decoder, const yaml_node_t *node,
                      decoder_visit_fn *visit, void *context);

/* Reads a mapping into the message. Of routes and backends, what stands outside of "spec" or is
 * the daemon's is no field here. */
void decoder_read_message(struct document_decoder *decoder, const yaml_node_t *node,
                          ProtobufCMessage *message);

#endif
