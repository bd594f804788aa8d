#include "tests/unit/proxy/routing/session_text.h"

#include "common/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *skip(const char *word, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(word, prefix, length) == 0 ? word + length : NULL;
}

static Pointsman__V1__CookieConfig *cookie_of(SessionPersistenceMessage *session)
{
    if (session->cookie == NULL) {
        session->cookie = memory_allocate(sizeof(*session->cookie));
        pointsman__v1__cookie_config__init(session->cookie);
    }
    return session->cookie;
}

static DurationMessage *duration_of(const char *milliseconds)
{
    DurationMessage *duration = memory_allocate(sizeof(*duration));
    google__protobuf__duration__init(duration);
    long long given = strtoll(milliseconds, NULL, 10);
    duration->seconds = given / 1000;
    duration->nanos = (int32_t)(given % 1000) * 1000000;
    return duration;
}

static void read_type(SessionPersistenceMessage *session, const char *type)
{
    session->type = strcmp(type, "Header") == 0
                        ? POINTSMAN__V1__SESSION_PERSISTENCE_TYPE__SESSION_PERSISTENCE_TYPE_HEADER
                        : POINTSMAN__V1__SESSION_PERSISTENCE_TYPE__SESSION_PERSISTENCE_TYPE_COOKIE;
}

static void read_word(SessionPersistenceMessage *session, const char *word)
{
    const char *value;
    if (strcmp(word, "kept") == 0)
        return;
    if (strcmp(word, "cookie") == 0) {
        cookie_of(session);
    } else if ((value = skip(word, "cookie:")) != NULL) {
        cookie_of(session)->name = memory_duplicate_string(value);
    } else if ((value = skip(word, "path:")) != NULL) {
        cookie_of(session)->path = memory_duplicate_string(value);
    } else if (strcmp(word, "permanent") == 0) {
        cookie_of(session)->lifetime_type =
            POINTSMAN__V1__COOKIE_LIFETIME_TYPE__COOKIE_LIFETIME_TYPE_PERMANENT;
    } else if (strcmp(word, "session") == 0) {
        cookie_of(session)->lifetime_type =
            POINTSMAN__V1__COOKIE_LIFETIME_TYPE__COOKIE_LIFETIME_TYPE_SESSION;
    } else if ((value = skip(word, "header:")) != NULL) {
        session->header = memory_allocate(sizeof(*session->header));
        pointsman__v1__header_config__init(session->header);
        session->header->name = memory_duplicate_string(value);
    } else if ((value = skip(word, "type:")) != NULL) {
        read_type(session, value);
    } else if ((value = skip(word, "timeout:")) != NULL) {
        session->absolute_timeout = duration_of(value);
    } else {
        fprintf(stderr, "session text: unknown word: '%s'\n", word);
        abort();
    }
}

SessionPersistenceMessage *session_text_parse(const char *text)
{
    SessionPersistenceMessage *session = memory_allocate(sizeof(*session));
    pointsman__v1__session_persistence__init(session);
    char *copy = memory_duplicate_string(text);
    char *state;
    for (char *word = strtok_r(copy, " ", &state); word != NULL; word = strtok_r(NULL, " ", &state))
        read_word(session, word);
    free(copy);
    return session;
}
