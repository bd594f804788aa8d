#include "control/routectl/document_session.h"

#include <string.h>

bool document_session_take_old(struct document_session_old *old,
                               const ProtobufCMessageDescriptor *descriptor, const char *key,
                               const yaml_node_t *value)
{
    if (descriptor != &pointsman__v1__session_persistence__descriptor)
        return false;
    if (strcmp(key, "sessionName") == 0)
        old->name = value;
    else if (strcmp(key, "cookieConfig") == 0)
        old->cookie = value;
    else
        return false;
    return true;
}

static bool is_header(const SessionPersistenceMessage *session)
{
    return session->type ==
           POINTSMAN__V1__SESSION_PERSISTENCE_TYPE__SESSION_PERSISTENCE_TYPE_HEADER;
}

static Pointsman__V1__CookieConfig *cookie_of(struct document_decoder *decoder,
                                              SessionPersistenceMessage *session)
{
    if (session->cookie == NULL)
        session->cookie = ARENA_MESSAGE(&decoder->draft->arena, Pointsman__V1__CookieConfig,
                                        pointsman__v1__cookie_config__init);
    return session->cookie;
}

static void read_cookie(struct document_decoder *decoder, const yaml_node_t *node,
                        SessionPersistenceMessage *session)
{
    Pointsman__V1__CookieConfig *cookie = cookie_of(decoder, session);
    decoder_set_origin(decoder, node);
    decoder_read_message(decoder, node, &cookie->base);
    if (cookie->name[0] != '\0' || cookie->path[0] != '\0')
        decoder_fail(decoder, node, "has 'lifetimeType' alone; 'cookie' has 'name' and 'path' too");
}

static void read_name(struct document_decoder *decoder, const yaml_node_t *node,
                      SessionPersistenceMessage *session)
{
    struct arena *arena = &decoder->draft->arena;
    const char *text = decoder_text(decoder, node);
    if (text == NULL)
        return;
    if (*text == '\0') {
        decoder_fail(decoder, node, "must not be empty; leave it out");
        return;
    }
    decoder_set_origin(decoder, node);
    char *name = arena_string(arena, text, strlen(text));
    if (is_header(session)) {
        session->header =
            ARENA_MESSAGE(arena, Pointsman__V1__HeaderConfig, pointsman__v1__header_config__init);
        session->header->name = name;
    } else {
        cookie_of(decoder, session)->name = name;
    }
}

/* One of the keys, at the field that it is read as. */
static void read_key(struct document_decoder *decoder, const char *key, const char *field,
                     const yaml_node_t *node, SessionPersistenceMessage *session, bool is_mixed,
                     void (*read)(struct document_decoder *decoder, const yaml_node_t *node,
                                  SessionPersistenceMessage *session))
{
    if (node == NULL)
        return;
    struct document_place place = decoder_place(decoder);
    decoder_enter(decoder, key, field);
    if (is_mixed)
        decoder_fail(decoder, node,
                     "is of an older form, and excludes 'cookie' and 'header', which are given");
    else
        read(decoder, node, session);
    decoder_return(decoder, place);
}

void document_session_read_old(struct document_decoder *decoder,
                               const struct document_session_old *old,
                               SessionPersistenceMessage *session)
{
    bool is_mixed = session->cookie != NULL || session->header != NULL;
    read_key(decoder, "cookieConfig", "cookie", old->cookie, session, is_mixed, read_cookie);
    read_key(decoder, "sessionName", is_header(session) ? "header.name" : "cookie.name", old->name,
             session, is_mixed, read_name);
}
