/* JSON: the one part of writing it that is easy to get wrong.
 *
 * Threads: any. */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include "common/buffer.h"

/* Appends `text` as a JSON string, quotes included. It may hold anything: bytes that are not ASCII
 * need not be UTF-8, so they stand for Latin-1. */
void json_append_string(struct buffer *to, struct slice text);

#endif
