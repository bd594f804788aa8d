#include "tests/support/number_from_environment.h"

#include "tests/support/check.h"

#include <stdlib.h>

uint64_t number_from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    if (text == NULL)
        return otherwise;
    char *end;
    uint64_t number = strtoull(text, &end, 10);
    CHECK(text[0] >= '0' && text[0] <= '9' && *end == '\0', "%s is not a number: %s", name, text);
    return number;
}
