#include "control/routectl/waiting.h"

#include "common/buffer.h"
#include "common/duration.h"
#include "control/routectl/object_text.h"
#include "control/routectl/say.h"

#include <inttypes.h>
#include <string.h>

/* The daemon answers by itself when the time is over; a little later it counts as gone. */
enum { ANSWER_GRACE_MS = 2000 };

static void append_ids(struct buffer *to, char *const *ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buffer_printf(to, "%s%s", i == 0 ? "" : ", ", ids[i]);
}

static void tell_ids(const char *sentence, char *const *ids, size_t count)
{
    if (count == 0)
        return;
    struct buffer text = BUFFER_EMPTY;
    append_ids(&text, ids, count);
    say("%s: %s", sentence, buffer_string(&text));
    buffer_clear(&text);
}

static void tell_rejection(const Pointsman__V1__Rejection *rejection)
{
    say("proxy %s rejected revision %" PRIu64 ": %s", rejection->proxy_id, rejection->revision,
        rejection->message);
    for (size_t i = 0; i < rejection->n_errors; i++) {
        const Pointsman__V1__ObjectError *error = rejection->errors[i];
        say("  %s %s: %s%s%s", object_kind_word(error->kind), error->name, error->field,
            *error->field == '\0' ? "" : ": ", error->message);
    }
}

/* True when every proxy has it. */
static bool tell(const Pointsman__V1__WaitAppliedResponse *applied)
{
    size_t lacking = applied->n_pending + applied->n_rejected + applied->n_disconnected;
    char text[DURATION_BYTES];
    struct buffer sentence = BUFFER_EMPTY;

    if (applied->n_applied + lacking == 0)
        say("note: no proxy is known, so revision %" PRIu64 " waits for the first one",
            applied->revision);

    buffer_printf(&sentence, "revision %" PRIu64 " is live on", applied->revision);
    tell_ids(buffer_string(&sentence), applied->applied, applied->n_applied);
    buffer_reset(&sentence);
    buffer_printf(&sentence, "revision %" PRIu64 " is not applied after %s by", applied->revision,
                  duration_format(session_options.timeout_ms, text));
    tell_ids(buffer_string(&sentence), applied->pending, applied->n_pending);
    buffer_reset(&sentence);
    buffer_printf(&sentence, "revision %" PRIu64 " is not applied by proxies that are gone",
                  applied->revision);
    tell_ids(buffer_string(&sentence), applied->disconnected, applied->n_disconnected);
    for (size_t i = 0; i < applied->n_rejected; i++)
        tell_rejection(applied->rejected[i]);

    buffer_clear(&sentence);
    return lacking == 0;
}

enum exit_code waiting_for(struct session *session, uint64_t revision,
                           Pointsman__V1__WaitAppliedResponse **applied)
{
    DurationMessage timeout = GOOGLE__PROTOBUF__DURATION__INIT;
    Pointsman__V1__WaitAppliedRequest request = POINTSMAN__V1__WAIT_APPLIED_REQUEST__INIT;
    timeout.seconds = (int64_t)(session_options.timeout_ms / 1000);
    timeout.nanos = (int32_t)(session_options.timeout_ms % 1000) * 1000000;
    request.revision = revision;
    request.timeout = &timeout;

    enum exit_code code = EXIT_OK;
    *applied = (Pointsman__V1__WaitAppliedResponse *)session_call(
        session, "/pointsman.v1.RouteControl/WaitApplied", &request.base,
        &pointsman__v1__wait_applied_response__descriptor,
        session_options.timeout_ms + ANSWER_GRACE_MS, NULL, &code);
    if (*applied == NULL)
        return code;
    return tell(*applied) ? EXIT_OK : EXIT_NOT_LIVE;
}
