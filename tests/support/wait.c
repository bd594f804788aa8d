#include "tests/support/wait.h"

#include "common/clock.h"

#include <time.h>

bool wait_until(bool (*condition)(void *context), void *context, uint64_t timeout_ms)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    uint64_t deadline_ms = clock_now_ms() + timeout_ms;

    while (!condition(context)) {
        if (clock_now_ms() >= deadline_ms)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

int wait_left_ms(uint64_t deadline_ms)
{
    uint64_t now_ms = clock_now_ms();
    return deadline_ms <= now_ms ? 0 : (int)(deadline_ms - now_ms);
}
