/* What an endpoint answers to a health check of type GRPC: frames of HTTP/2, cut in two where the
 * first byte says. However it is cut it means the same. */
#include "proxy/http/probe_http2.h"
#include "proxy/upstream/grpc_check.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

struct outcome {
    enum probe_answer answer;
    unsigned status;
    const char *problem;
};

static struct outcome ask(struct slice bytes, size_t cut)
{
    struct buffer output = BUFFER_EMPTY;
    struct probe_http2 *probe =
        probe_http2_new_call(GRPC_CHECK_PATH, SLICE("h"), false, SLICE("\0\0\0\0\0"), &output);
    struct outcome outcome = {.answer = probe_http2_take(probe, slice_of(bytes.at, cut), &output)};
    if (outcome.answer == PROBE_ANSWER_MORE)
        outcome.answer =
            probe_http2_take(probe, slice_of(bytes.at + cut, bytes.length - cut), &output);
    outcome.status = probe_http2_status(probe);
    if (probe_http2_body(probe).length > GRPC_CHECK_ANSWER_BYTES_MAX + 1)
        abort();
    if (outcome.answer == PROBE_ANSWER_STATUS)
        outcome.problem = grpc_check_problem(probe_http2_body(probe));
    probe_http2_free(probe);
    buffer_clear(&output);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct slice bytes = slice_of((const char *)data + 1, size - 1);
    struct outcome whole = ask(bytes, bytes.length);
    struct outcome pieces = ask(bytes, data[0] % bytes.length);
    if (whole.answer == PROBE_ANSWER_STATUS &&
        (pieces.answer != whole.answer || pieces.status != whole.status))
        abort();
    return 0;
}
