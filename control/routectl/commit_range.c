#include "control/routectl/commit_range.h"

#include "proto/message.h"

void commit_range_init(struct commit_range *range)
{
    *range = (struct commit_range){.diff = POINTSMAN__V1__DIFF_RESPONSE__INIT};
}

void commit_range_clear(struct commit_range *range)
{
    for (size_t i = 0; i < range->page_count; i++)
        message_free(range->pages[i]);
    arena_clear(&range->arena);
}

enum exit_code commit_range_read(struct commit_range *range, struct session *session, uint64_t from,
                                 uint64_t to)
{
    Pointsman__V1__DiffRequest request = POINTSMAN__V1__DIFF_REQUEST__INIT;
    Pointsman__V1__DiffResponse *all = &range->diff;
    enum exit_code code = EXIT_OK;
    request.from_revision = from;
    request.to_revision = to;
    do {
        Pointsman__V1__DiffResponse *page = (Pointsman__V1__DiffResponse *)session_call(
            session, "/pointsman.v1.RouteControl/Diff", &request.base,
            &pointsman__v1__diff_response__descriptor, session_options.timeout_ms, NULL, &code);
        if (page == NULL)
            return code;
        ARENA_APPEND(&range->arena, range->pages, range->page_count, &page->base);
        for (size_t i = 0; i < page->n_changes; i++)
            ARENA_APPEND(&range->arena, all->changes, all->n_changes, page->changes[i]);
        all->from_revision = page->from_revision;
        all->to_revision = page->to_revision;
        request.page_token = page->next_page_token;
    } while (*request.page_token != '\0');
    return EXIT_OK;
}
