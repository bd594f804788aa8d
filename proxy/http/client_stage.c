#include "proxy/http/client_stage.h"

#include "proxy/http/client_connection.h"
#include "proxy/http/worker.h"

#include <stdlib.h>

void client_stage_start(struct client_connection *connection, uint64_t timeout_ms,
                        void (*on_due)(struct timer *timer))
{
    struct client_stage *stage = memory_allocate_zeroed(1, sizeof(*stage));
    timer_init(&stage->timer, on_due, connection);
    timer_start(&connection->worker->timers, &stage->timer, timeout_ms);
    connection->state = stage;
}

void client_stage_on_due(struct timer *timer)
{
    client_connection_close(timer->context);
}

void client_stage_drain(struct client_connection *connection, bool has_begun)
{
    if (!has_begun && !connection->worker->is_patient && !client_connection_has_input(connection))
        client_connection_close(connection);
}

void client_stage_stop(struct client_connection *connection)
{
    struct client_stage *stage = connection->state;
    timer_clear(&connection->worker->timers, &stage->timer);
    buffer_clear(&stage->received);
    free(stage);
}
