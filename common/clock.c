#include "common/clock.h"

#include <stdatomic.h>
#include <time.h>

static _Atomic uint64_t frozen_ms;
static _Atomic uint64_t frozen_wall_ms;

static uint64_t read_us(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_now_ms(void)
{
    uint64_t frozen = atomic_load_explicit(&frozen_ms, memory_order_relaxed);
    return frozen != 0 ? frozen : read_us(CLOCK_MONOTONIC) / 1000;
}

uint64_t clock_now_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

uint64_t clock_wall_ms(void)
{
    uint64_t frozen = atomic_load_explicit(&frozen_wall_ms, memory_order_relaxed);
    return frozen != 0 ? frozen : read_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_wall_s(void)
{
    return (int64_t)(clock_wall_ms() / 1000);
}

void clock_set_for_test(uint64_t now_ms)
{
    atomic_store_explicit(&frozen_ms, now_ms, memory_order_relaxed);
}

void clock_set_wall_for_test(uint64_t wall_ms)
{
    atomic_store_explicit(&frozen_wall_ms, wall_ms, memory_order_relaxed);
}
