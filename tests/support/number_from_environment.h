/* Number from environment: how large a test is, and where its chance starts.
 *
 * Threads: any. */
#ifndef TESTS_SUPPORT_NUMBER_FROM_ENVIRONMENT_H
#define TESTS_SUPPORT_NUMBER_FROM_ENVIRONMENT_H

#include <stdint.h>

/* `otherwise` when there is none of that name; must be digits. */
uint64_t number_from_environment(const char *name, uint64_t otherwise);

#endif
