#include "tests/bench/programs.h"

#include "tests/support/check.h"

#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

void programs_find(void)
{
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    CHECK(length > 0, "/proc is not there");
    self[length] = '\0';
    setenv("POINTSMAN_BIN", dirname(self), 0);
}
