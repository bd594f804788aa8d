#include "tests/unit/proxy/http/http2_conformance.h"

#include "common/buffer.h"
#include "tests/unit/cmocka_all.h"

#include <stdbool.h>
#include <string.h>

struct verdict {
    bool has_goaway;
    bool has_reset;
    bool has_ping_ack;
    bool has_405;
    uint32_t goaway_code;
    uint32_t reset_code;
};

static const char last_ping[] = "the last";

static bool is_405(struct http2_coder *coder, const struct http2_frame *frame)
{
    struct buffer fields = BUFFER_EMPTY;
    assert_true(http2_read_head(coder, frame, &fields));
    bool is_it = strstr(buffer_string(&fields), ":status: 405\n") != NULL;
    buffer_clear(&fields);
    return is_it;
}

static void note_frames(struct player *player, struct http2_coder *coder, struct verdict *verdict)
{
    struct http2_frame frame;
    while (http2_look_at_frame(&player->received, &frame)) {
        if (frame.type == HTTP2_FRAME_GOAWAY) {
            verdict->has_goaway = true;
            verdict->goaway_code = http2_frame_number(&frame);
        } else if (frame.type == HTTP2_FRAME_RST_STREAM && http2_frame_number(&frame) != NO_ERROR) {
            verdict->has_reset = true;
            verdict->reset_code = http2_frame_number(&frame);
        } else if (frame.type == HTTP2_FRAME_PING && (frame.flags & HTTP2_FLAG_ACK) != 0 &&
                   slice_equals(frame.payload, SLICE(last_ping))) {
            verdict->has_ping_ack = true;
        } else if (frame.type == HTTP2_FRAME_HEADERS) {
            verdict->has_405 |= is_405(coder, &frame);
        }
        http2_drop_frame(&player->received, &frame);
    }
}

/* What was put, and a PING, until that is answered. */
static void play_bytes(struct player *client, struct http2_coder *coder, struct buffer *bytes,
                       struct verdict *verdict)
{
    http2_put_frame(bytes, HTTP2_FRAME_PING, 0, 0, SLICE(last_ping));
    assert_int_equal(player_send_some(client, bytes->at, bytes->length), bytes->length);
    buffer_clear(bytes);
    verdict->has_ping_ack = false;
    for (int i = 0; i < 2000 && !client->has_ended && !verdict->has_ping_ack; i++) {
        stage_turn(client->stage);
        player_read(client);
        note_frames(client, coder, verdict);
    }
    assert_true(verdict->has_ping_ack || client->has_ended);
}

static struct verdict play(struct stage *stage, const struct conformance_case *this)
{
    struct buffer bytes = BUFFER_EMPTY;
    http2_put_preface(&bytes);

    struct player client = stage_connect(stage);
    struct http2_coder coder;
    http2_coder_init(&coder);
    struct verdict verdict = {0};
    for (const struct sent_frame *sent = this->frames; sent->type != END_OF_FRAMES; sent++) {
        if (sent->type == ALL_ANSWERED)
            play_bytes(&client, &coder, &bytes, &verdict);
        else
            http2_put_frame(&bytes, sent->type, sent->flags, sent->stream, sent->payload);
    }
    play_bytes(&client, &coder, &bytes, &verdict);
    http2_coder_clear(&coder);
    player_close(&client);
    return verdict;
}

static bool is_as_expected(const struct conformance_case *this, const struct verdict *verdict)
{
    switch (this->expected) {
    case CONNECTION_ERROR:
        return verdict->has_goaway && !verdict->has_ping_ack && verdict->goaway_code == this->code;
    case STREAM_ERROR:
        return !verdict->has_goaway && verdict->has_reset && verdict->has_ping_ack &&
               verdict->reset_code == this->code;
    case FINE:
    case ANSWERED_405:
        break;
    }
    return !verdict->has_goaway && !verdict->has_reset && verdict->has_ping_ack &&
           (verdict->has_405 || this->expected == FINE);
}

static const struct conformance_case *table;
static size_t table_rows;

static void every_rule_is_kept(void **state)
{
    unsigned failures = 0;
    for (size_t i = 0; i < table_rows; i++) {
        const struct conformance_case *this = &table[i];
        struct verdict verdict = play(*state, this);
        if (is_as_expected(this, &verdict))
            continue;
        failures++;
        print_error("%s, %s: goaway %d (%u), reset %d (%u), goes on %d, 405 %d\n", this->section,
                    this->what, verdict.has_goaway, verdict.goaway_code, verdict.has_reset,
                    verdict.reset_code, verdict.has_ping_ack, verdict.has_405);
    }
    assert_int_equal(failures, 0);
}

int http2_conformance_run(const struct conformance_case *cases, size_t count)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_rule_is_kept, stage_set_up_and_start,
                                        stage_tear_down),
    };
    table = cases;
    table_rows = count;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
