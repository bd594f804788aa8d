/* HTTPRoutes as documents, through the real programs: every rule of routing as people meet it. */
#include "tests/integration/httproute/acceptance.h"

static int (*const themes[])(void) = {
    hosts_theme,    paths_theme,     matches_theme, header_edits_theme, redirects_theme,
    rewrites_theme, mirrors_theme,   cors_theme,    splits_theme,       timeouts_theme,
    retries_theme,  listeners_theme, limits_theme,  protocols_theme,
};

int main(void)
{
    int failed = 0;
    acceptance_start();
    for (size_t i = 0; i < sizeof(themes) / sizeof(themes[0]); i++)
        failed += themes[i]();
    acceptance_stop();
    return failed;
}
