#include "control/listener_choice.h"

#include "common/buffer.h"
#include "control/proxy_registry.h"

#include <stdlib.h>
#include <string.h>

static bool is_candidate(const Pointsman__V1__Listener *listener, const char *name)
{
    return *name == '\0' || strcmp(listener->name, name) == 0;
}

/* The only listener of that name ("": of any) that connected proxies have; NULL when there is
 * none. `*is_only` is false when there are several that differ. */
static const Pointsman__V1__Listener *find_listener(const struct proxy_registry *proxies,
                                                    const char *name, bool *is_only)
{
    const Pointsman__V1__Listener *found = NULL;
    *is_only = true;
    for (size_t i = 0; i < proxy_registry_count(proxies); i++) {
        const struct proxy *proxy = proxy_registry_at(proxies, i);
        for (size_t j = 0; proxy->watcher != NULL && j < proxy->listener_count; j++) {
            const Pointsman__V1__Listener *listener = proxy->listeners[j];
            if (!is_candidate(listener, name))
                continue;
            if (found == NULL)
                found = listener;
            else if (strcmp(found->name, listener->name) != 0 || found->port != listener->port)
                *is_only = false;
        }
    }
    return found;
}

void listener_choice_init(struct listener_choice *choice, const struct proxy_registry *proxies,
                          const char *name)
{
    bool is_only;
    const Pointsman__V1__Listener *listener = find_listener(proxies, name, &is_only);
    *choice = (struct listener_choice){.is_known = listener != NULL};
    if (*name == '\0' && (listener == NULL || !is_only))
        return;
    choice->is_chosen = true;
    choice->name = memory_duplicate_string(*name == '\0' ? listener->name : name);
    choice->identity.name = slice_from_string(choice->name);
    choice->identity.port = listener == NULL ? 0 : (uint16_t)listener->port;
}

void listener_choice_clear(struct listener_choice *choice)
{
    free(choice->name);
    *choice = (struct listener_choice){0};
}
