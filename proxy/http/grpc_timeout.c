#include "proxy/http/grpc_timeout.h"

#include "common/character.h"
#include "common/decimal.h"
#include "proxy/http/exchange.h"
#include "proxy/http/worker.h"

#include <string.h>

/* The longest: 99999999H. */
enum { MOST_DIGITS = 8, VALUE_BYTES = MOST_DIGITS + 1, MOST_COUNT = 99999999 };

/* Of those that we write each is a multiple of the one before. */
static const struct unit {
    char letter;
    uint64_t us; /* 0: less than one */
} units[] = {
    {'n', 0},
    {'u', 1},
    {'m', 1000},
    {'S', 1000000},
    {'M', 60 * 1000000},
    {'H', UINT64_C(3600) * 1000000},
};
enum { UNIT_COUNT = sizeof(units) / sizeof(units[0]) };

static const struct unit *unit_of(char letter)
{
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        if (units[i].letter == letter)
            return &units[i];
    }
    return NULL;
}

static bool parse(struct slice value, uint64_t *us)
{
    if (value.length < 2 || value.length > VALUE_BYTES)
        return false;
    const struct unit *unit = unit_of(value.at[value.length - 1]);
    uint64_t count = 0;
    for (size_t i = 0; i < value.length - 1; i++) {
        if (!character_is(value.at[i], CHARACTER_DIGIT))
            return false;
        count = count * 10 + (uint64_t)(value.at[i] - '0');
    }
    if (unit == NULL)
        return false;
    *us = unit->us == 0 ? count / 1000 : count * unit->us;
    return true;
}

/* In the smallest unit that has room for it, from microseconds on. */
static struct slice write_value(uint64_t us, struct arena *arena)
{
    const struct unit *unit = &units[1];
    while (us / unit->us > MOST_COUNT)
        unit++;
    char digits[DECIMAL_BYTES];
    struct slice count = decimal_write(digits, us / unit->us);
    char *text = arena_allocate(arena, count.length + 1);
    memcpy(text, count.at, count.length);
    text[count.length] = unit->letter;
    return slice_of(text, count.length + 1);
}

/* The value that the service would be told now; NULL: there is none that could be understood. */
static struct slice *find_left(const struct exchange *exchange, uint64_t *left_us)
{
    const struct header_list *fields = &exchange->request.fields;
    uint64_t told_ms = exchange->forwarding.timeout_told_ms;
    uint64_t spent_us = (timers_now_ms(&exchange->worker->timers) - told_ms) * 1000;
    for (size_t i = 0; i < fields->count; i++) {
        struct header *field = &fields->headers[i];
        if (!slice_equals_ignoring_case(field->name, SLICE("grpc-timeout")))
            continue;
        uint64_t us;
        if (!parse(field->value, &us))
            return NULL;
        *left_us = us > spent_us ? us - spent_us : 0;
        return &field->value;
    }
    return NULL;
}

void grpc_timeout_start(struct exchange *exchange)
{
    exchange->forwarding.timeout_told_ms = timers_now_ms(&exchange->worker->timers);
}

bool grpc_timeout_is_over(const struct exchange *exchange)
{
    uint64_t left_us;
    return find_left(exchange, &left_us) != NULL && left_us == 0;
}

void grpc_timeout_renew(struct exchange *exchange)
{
    uint64_t left_us;
    struct slice *value = find_left(exchange, &left_us);
    if (value == NULL)
        return;
    *value = write_value(left_us, &exchange->arena);
    exchange->forwarding.timeout_told_ms = timers_now_ms(&exchange->worker->timers);
}
