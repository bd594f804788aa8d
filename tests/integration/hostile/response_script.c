#include "tests/integration/hostile/response_script.h"

#include "common/buffer.h"
#include "tests/support/escape.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

/* --- the service ----------------------------------------------------------------------------- */

static void script_end(struct fake_step *step, enum service_end end)
{
    switch (end) {
    case SERVICE_STAYS:
        step->action = FAKE_READ_TO_END;
        step[1].action = FAKE_CLOSE;
        return;
    case SERVICE_CLOSES:
        step->action = FAKE_CLOSE;
        return;
    case SERVICE_RESETS:
        step->action = FAKE_RESET;
        return;
    case SERVICE_SERVES:
        step->action = FAKE_SERVE;
        return;
    }
}

void response_script_add(struct response_scripts *scripts, struct fake_upstream *upstream,
                         const struct response_case *hostile, enum manner manner)
{
    size_t pieces = manner == BYTE_BY_BYTE ? hostile->length : hostile->length > 0;
    struct fake_step *steps = memory_allocate_zeroed(pieces + 3, sizeof(*steps));
    steps[0].action = FAKE_READ_REQUEST;
    for (size_t i = 0; i < pieces; i++)
        steps[1 + i] = (struct fake_step){.action = FAKE_SEND,
                                          .text = hostile->bytes + i,
                                          .text_length = pieces == 1 ? hostile->length : 1};
    script_end(&steps[1 + pieces], hostile->end);

    scripts->items =
        memory_reallocate(scripts->items, (scripts->count + 1) * sizeof(*scripts->items));
    scripts->items[scripts->count++] = steps;
    fake_upstream_script(upstream, steps);
}

void response_scripts_clear(struct response_scripts *scripts)
{
    for (size_t i = 0; i < scripts->count; i++)
        free(scripts->items[i]);
    free(scripts->items);
    *scripts = (struct response_scripts){0};
}

/* --- its client ------------------------------------------------------------------------------ */

enum http_outcome response_receive(struct http_connection *connection, bool is_head,
                                   struct http_message *response)
{
    for (;;) {
        enum http_outcome outcome =
            is_head ? http_connection_receive_head(connection, response, WAIT_MS)
                    : http_connection_receive(connection, response, WAIT_MS);
        if (outcome != HTTP_COMPLETE || response->status >= 200 || response->status == 101)
            return outcome;
        http_message_clear(response);
    }
}

void response_case_fail(const struct response_case *hostile, const char *why)
{
    struct buffer text = BUFFER_EMPTY;
    struct buffer reason = BUFFER_EMPTY;
    escape_bytes(&text, hostile->bytes, hostile->length);
    escape_bytes(&reason, why, strlen(why));
    fail_msg("%s, at:\n%s", buffer_string(&reason), buffer_string(&text));
}

/* The service sends no Date, so each answer has one of ours: behind its fields, in front of the
 * framing. It is left out, as it is another each time. */
static void append_head_without_date(struct buffer *to, const struct response_case *hostile,
                                     const struct http_message *response)
{
    const char *head = response->head.at;
    const char *date = strstr(head, "\r\ndate: ");
    if (date == NULL || strstr(date + 2, "\r\ndate: ") != NULL)
        response_case_fail(hostile, head);
    buffer_append(to, head, (size_t)(date - head));
    buffer_append_string(to, strstr(date + 2, "\r\n"));
}

void response_case_check(const struct response_case *hostile, enum http_outcome outcome,
                         const struct http_message *response)
{
    bool is_complete = outcome == HTTP_COMPLETE;
    struct buffer seen = BUFFER_EMPTY;
    switch (hostile->view) {
    case VIEW_BAD_GATEWAY:
        if (!is_complete || response->status != 502)
            response_case_fail(hostile, http_outcome_name(outcome));
        return;
    case VIEW_UNAVAILABLE:
        if (!is_complete || response->status != 503)
            response_case_fail(hostile, http_outcome_name(outcome));
        return;
    case VIEW_BROKEN:
        /* Nothing of the answer may have left us when it breaks: then it is a 502 still. A reset
         * may even overtake the answer. */
        if (is_complete ? response->status != 502 &&
                              (hostile->end != SERVICE_RESETS || response->status != 503)
                        : outcome != HTTP_TRUNCATED && outcome != HTTP_RESET)
            response_case_fail(hostile, http_outcome_name(outcome));
        return;
    case VIEW_COMPLETE:
        append_head_without_date(&seen, hostile, response);
        buffer_append_slice(&seen, buffer_slice(&response->body));
        buffer_append_slice(&seen, buffer_slice(&response->trailers));
        if (!is_complete)
            response_case_fail(hostile, http_outcome_name(outcome));
        if (strcmp(buffer_string(&seen), hostile->text) != 0)
            response_case_fail(hostile, buffer_string(&seen));
        buffer_clear(&seen);
        return;
    }
}
