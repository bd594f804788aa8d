#include "common/crc32.h"

#include <pthread.h>
#include <string.h>

/* Eight bytes a step, each with a table of its own: tables[n][b] is what the byte b makes of the
 * remainder when n more bytes follow it in the step. */

enum { STEP_BYTES = 8 };

static uint32_t tables[STEP_BYTES][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void fill_tables(void)
{
    static const uint32_t polynomial = 0xedb88320;
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t remainder = byte;
        for (int bit = 0; bit < 8; bit++)
            remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? polynomial : 0);
        tables[0][byte] = remainder;
    }
    for (size_t n = 1; n < STEP_BYTES; n++) {
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint32_t before = tables[n - 1][byte];
            tables[n][byte] = (before >> 8) ^ tables[0][before & 0xff];
        }
    }
}

static uint32_t add_step(uint32_t remainder, const unsigned char *bytes)
{
    unsigned char step[STEP_BYTES];
    memcpy(step, bytes, sizeof(step));
    for (size_t i = 0; i < sizeof(remainder); i++)
        step[i] ^= (unsigned char)(remainder >> (8 * i));

    remainder = 0;
    for (size_t i = 0; i < STEP_BYTES; i++)
        remainder ^= tables[STEP_BYTES - 1 - i][step[i]];
    return remainder;
}

uint32_t crc32_add(uint32_t crc, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;
    uint32_t remainder = ~crc;
    pthread_once(&tables_once, fill_tables);
    for (; length >= STEP_BYTES; at += STEP_BYTES, length -= STEP_BYTES)
        remainder = add_step(remainder, at);
    for (; length > 0; at++, length--)
        remainder = (remainder >> 8) ^ tables[0][(remainder ^ *at) & 0xff];
    return ~remainder;
}
