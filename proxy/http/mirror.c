#include "proxy/http/mirror.h"

#include "common/buffer.h"
#include "proxy/http/exchange.h"
#include "proxy/http/forwarder.h"
#include "proxy/http/worker.h"
#include "proxy/routing/filter_apply.h"
#include "proxy/routing/route_table.h"
#include "proxy/upstream/backend.h"

#include <stdlib.h>
#include <string.h>

/* Copies that may run at once in a worker. Each holds a head and BODY_PIPE_HIGH_BYTES at most. */
enum { MAX_MIRRORS = 256 };

struct mirror {
    struct backend *backend;   /* held, until the copy begins; NULL: there is none */
    struct exchange *copy;     /* NULL before it begins */
    struct exchange *original; /* NULL once that is over */
    struct mirror *next_of_original;
    uint64_t copied_bytes; /* of the original's body */
    struct mirror *next;   /* of the worker, once the copy has begun */
    struct mirror *previous;
};

/* --- beginning and end ----------------------------------------------------------------------- */

static void leave_original(struct mirror *mirror)
{
    if (mirror->original == NULL)
        return;
    struct mirror **link = &mirror->original->mirrors;
    while (*link != mirror)
        link = &(*link)->next_of_original;
    *link = mirror->next_of_original;
    mirror->original = NULL;
}

/* The copy has not begun. */
static void forget(struct mirror *mirror)
{
    leave_original(mirror);
    backend_release(&mirror->backend);
    free(mirror);
}

static void end(struct mirror *mirror)
{
    struct worker *worker = mirror->copy->worker;
    leave_original(mirror);
    if (mirror->next != NULL)
        mirror->next->previous = mirror->previous;
    if (mirror->previous != NULL)
        mirror->previous->next = mirror->next;
    else
        worker->mirrors = mirror->next;
    worker->mirror_count--;
    exchange_end(mirror->copy);
    free(mirror);
}

static void drop(struct mirror *mirror)
{
    counter_add(&mirror->copy->worker->counters->mirrors_dropped, 1);
    end(mirror);
}

/* --- what the copy's exchange tells its front ------------------------------------------------ */

/* Interim heads alike. */
static void on_head(struct exchange *copy)
{
    (void)copy;
}

static void on_data(struct exchange *copy)
{
    struct body_pipe *body = &copy->response_body;
    if (body->is_ended) {
        end(copy->front);
        return;
    }
    body_pipe_take(body, body_pipe_waiting(body).length);
    exchange_mark(copy, EXCHANGE_RESPONSE_ROOM);
}

static void on_abort(struct exchange *copy)
{
    end(copy->front);
}

/* The original's body comes as it comes. */
static void on_room(struct exchange *copy)
{
    (void)copy;
}

static const struct front_operations operations = {
    .head = on_head,
    .interim = on_head,
    .data = on_data,
    .abort = on_abort,
    .room = on_room,
};

/* --- copying --------------------------------------------------------------------------------- */

static struct slice copy_text(char **at, struct slice text)
{
    struct slice copy = slice_of(*at, text.length);
    if (text.length > 0)
        memcpy(*at, text.at, text.length);
    *at += text.length;
    return copy;
}

/* The head as it is forwarded; the original may be over before the copy is sent. */
static void copy_head(struct exchange *copy, const struct parsed_request *request,
                      struct slice client_address)
{
    const struct request_head *head = &request->head;
    size_t bytes = head->method.length + head->authority.length + head->path.length +
                   head->query.length + client_address.length;
    char *at = arena_allocate(&copy->arena, bytes);
    struct header_list copied = header_list_copy(&request->fields, &copy->arena);

    copy->client_address = copy_text(&at, client_address);
    copy->request = *request;
    copy->request.fields = copied;
    copy->request.head = (struct request_head){
        .method = copy_text(&at, head->method),
        .scheme = head->scheme,
        .authority = copy_text(&at, head->authority),
        .path = copy_text(&at, head->path),
        .query = copy_text(&at, head->query),
        .has_query = head->has_query,
        .headers = copied.headers,
        .header_count = copied.count,
        .listener = head->listener,
    };
}

/* False when it does not fit. The last bytes of the original's pipe are those not seen yet. */
static bool copy_body(struct mirror *mirror)
{
    const struct body_pipe *from = &mirror->original->request_body;
    struct body_pipe *to = &mirror->copy->request_body;
    size_t fresh = (size_t)(from->total - mirror->copied_bytes);
    if (fresh > body_pipe_room(to))
        return false;

    if (fresh > 0)
        body_pipe_append(to, slice_of(from->bytes.at + from->bytes.length - fresh, fresh));
    mirror->copied_bytes = from->total;
    if (from->is_ended) {
        buffer_append_slice(&to->trailers, buffer_slice(&from->trailers));
        to->is_ended = true;
        leave_original(mirror);
    }
    exchange_mark(mirror->copy, EXCHANGE_REQUEST_DATA);
    return true;
}

static void link_to_worker(struct mirror *mirror, struct worker *worker)
{
    mirror->next = worker->mirrors;
    if (worker->mirrors != NULL)
        worker->mirrors->previous = mirror;
    worker->mirrors = mirror;
    worker->mirror_count++;
}

static void begin(struct mirror *mirror)
{
    struct exchange *original = mirror->original;
    struct worker *worker = original->worker;
    if (mirror->backend == NULL || worker->mirror_count == MAX_MIRRORS) {
        counter_add(&worker->counters->mirrors_dropped, 1);
        forget(mirror);
        return;
    }
    const struct forwarding *forwarding = &original->forwarding;
    mirror->copy = exchange_new(worker, &operations, mirror);
    mirror->copy->is_mirror = true;
    forwarder_set_rule(mirror->copy, forwarding->rule);
    forwarder_set_backend(mirror->copy, forwarding->choice, mirror->backend);
    backend_release(&mirror->backend);
    link_to_worker(mirror, worker);

    copy_head(mirror->copy, &original->request, original->client_address);
    if (!copy_body(mirror)) {
        drop(mirror);
        return;
    }
    counter_add(&worker->counters->mirrors_started, 1);
    forwarder_start(mirror->copy);
}

static void choose(struct exchange *exchange, struct backend *backend)
{
    struct mirror *mirror = memory_allocate_zeroed(1, sizeof(*mirror));
    if (backend != NULL)
        backend_acquire(backend);
    mirror->backend = backend;
    mirror->original = exchange;
    struct mirror **link = &exchange->mirrors;
    while (*link != NULL)
        link = &(*link)->next_of_original;
    *link = mirror;
}

static void choose_each(struct exchange *exchange, const struct filter_list *filters,
                        const struct route_table *table)
{
    for (size_t i = 0; i < filters->mirror_count; i++) {
        const struct mirror_target *target = &filters->mirrors[i];
        if (mirror_target_wants(target, balancer_random_next(&exchange->worker->random)))
            choose(exchange, route_table_backend(table, target->backend_index));
    }
}

/* --- what the original tells ----------------------------------------------------------------- */

/* What follows a WebSocket handshake answers what the endpoint says: nothing to be copied. */
void mirror_choose(struct exchange *exchange, const struct route_table *table)
{
    const struct filter_list *of_rule = exchange->forwarding.rule->policy->filters;
    const struct filter_list *of_choice = exchange->forwarding.choice->filters;
    if (exchange->request.wants_websocket)
        return;
    if (of_rule != NULL)
        choose_each(exchange, of_rule, table);
    if (of_choice != NULL)
        choose_each(exchange, of_choice, table);
}

void mirror_request(struct exchange *exchange)
{
    struct mirror *next;
    for (struct mirror *mirror = exchange->mirrors; mirror != NULL; mirror = next) {
        next = mirror->next_of_original;
        begin(mirror);
    }
}

void mirror_request_body(struct exchange *exchange)
{
    struct mirror *next;
    for (struct mirror *mirror = exchange->mirrors; mirror != NULL; mirror = next) {
        next = mirror->next_of_original;
        if (mirror->copy != NULL && !copy_body(mirror))
            drop(mirror);
    }
}

void mirror_leave(struct exchange *exchange)
{
    while (exchange->mirrors != NULL) {
        if (exchange->mirrors->copy == NULL)
            forget(exchange->mirrors);
        else
            drop(exchange->mirrors);
    }
}

void mirrors_clear(struct worker *worker)
{
    while (worker->mirrors != NULL)
        end(worker->mirrors);
}
