/* Session persistence in documents: the form that the Gateway API had up to version 1.4.
 *
 *   sessionName: NAME                    cookie: {name: NAME}, or with the type Header
 *                                        header: {name: NAME}
 *   cookieConfig: {lifetimeType: TYPE}   cookie: {lifetimeType: TYPE}
 *
 * It is read as the form of today, which is what is written.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_DOCUMENT_SESSION_H
#define CONTROL_ROUTECTL_DOCUMENT_SESSION_H

#include "control/routectl/document_decoder.h"
#include "proto/messages.h"

/* The values of a mapping's keys of that form; NULL: not given. Borrowed from the document. */
struct document_session_old {
    const yaml_node_t *name;
    const yaml_node_t *cookie;
};

/* Notes the value, when the key is one of them and the message a SessionPersistence; else false. */
bool document_session_take_old(struct document_session_old *old,
                               const ProtobufCMessageDescriptor *descriptor, const char *key,
                               const yaml_node_t *value);

/* Puts what was noted into the message, of which all else has been read. Together with a key of the
 * form of today it is an error. */
void document_session_read_old(struct document_decoder *decoder,
                               const struct document_session_old *old,
                               SessionPersistenceMessage *session);

#endif
