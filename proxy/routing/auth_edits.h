/* Authorization edits: what an authorization service of the protocol GRPC changes about a request
 * that it allows, and about the answer to that (the OkHttpResponse of Envoy's ext_authz).
 *
 * What a request says of who it is from must not be the client's word beside the service's: a name
 * that the service writes is taken from the client in all forms that are read as it. Nothing of the
 * service's changes Host, what is of one connection, or what the proxy says itself: such names are
 * passed over, as external_auth_take does.
 *
 * Threads: none shared. */
#ifndef PROXY_ROUTING_AUTH_EDITS_H
#define PROXY_ROUTING_AUTH_EDITS_H

#include "common/arena.h"
#include "proxy/routing/header_list.h"
#include "proxy/routing/request_head.h"

#include <stdbool.h>
#include <stddef.h>

/* What becomes of the fields of that name which were there before. Of several edits of one name in
 * one answer, none undoes another. */
enum auth_edit_action {
    AUTH_EDIT_REPLACE,
    AUTH_EDIT_APPEND,
    AUTH_EDIT_ADD_IF_ABSENT,
    AUTH_EDIT_REPLACE_IF_PRESENT,
};

struct auth_edit {
    enum auth_edit_action action;
    struct header header; /* a token, and a value that may stand in a field */
};

struct auth_edit_list {
    const struct auth_edit *items;
    size_t count;
};

struct auth_edits {
    struct auth_edit_list request_headers;
    const struct slice *removed_headers; /* of any text */
    size_t removed_header_count;
    struct auth_edit_list response_headers;
    /* Names and values as they shall be read, or percent-encoded: both lead to the same. */
    const struct header *parameters;
    size_t parameter_count;
    const struct slice *removed_parameters;
    size_t removed_parameter_count;
};

/* First what is to be removed goes, so that a name that is removed and written is the service's.
 * Moves the fields where there is room for that; texts are borrowed from the edits. */
void auth_edits_apply_request(const struct auth_edits *edits, struct header_list *fields,
                              struct arena *arena);

/* The same for fields of a response, which has no client's word in it. */
void auth_edits_apply_response(const struct auth_edit_list *edits, struct header_list *fields,
                               struct arena *arena);

bool auth_edits_have_query(const struct auth_edits *edits);
/* Parameters that are set or removed are those whose decoded names are the same; what is set comes
 * last. What may not stand in a query is percent-encoded. */
void auth_edits_apply_query(const struct auth_edits *edits, struct request_head *head,
                            struct arena *arena);

#endif
