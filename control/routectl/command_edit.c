#include "control/routectl/change.h"
#include "control/routectl/command.h"
#include "control/routectl/document_files.h"
#include "control/routectl/editor.h"
#include "control/routectl/object_list.h"
#include "control/routectl/say.h"
#include "proto/route_id.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The documents are written to a file, changed in an editor, and applied. What is wrong with them
 * comes back as a comment at the top of the file, until it is right or nothing was changed any
 * more; then the file is kept. */

struct edit {
    const char *name;                          /* of a route: its id */
    uint64_t route_revision, backend_revision; /* 0: there is none */
    char *path;
    struct buffer text;    /* the documents, without the comment on top */
    struct buffer remarks; /* what was said of them, a line each */
};

static void edit_clear(struct edit *edit)
{
    free(edit->path);
    buffer_clear(&edit->text);
    buffer_clear(&edit->remarks);
}

static const char *backend_name(const struct edit *edit)
{
    return route_id_name_text(edit->name);
}

static enum exit_code load(struct session *session, struct edit *edit)
{
    enum exit_code code;
    RouteMessage *route = object_find_route(session, edit->name, NULL, &code);
    if (route != NULL) {
        documents_write_route(&edit->text, route);
        edit->route_revision = route->revision;
        message_free(&route->base);
    }
    if (code != EXIT_OK)
        return code;
    BackendMessage *backend = object_find_backend(session, backend_name(edit), NULL, &code);
    if (backend != NULL) {
        documents_write_backend(&edit->text, backend);
        edit->backend_revision = backend->revision;
        message_free(&backend->base);
    }
    if (code == EXIT_OK && edit->text.length == 0) {
        object_say_missing(session, edit->name, NULL);
        return EXIT_NOT_FOUND;
    }
    return code;
}

/* --- the comment on top ----------------------------------------------------------------------- */

/* "FILE:7:5: spec: ..." as "# line 12:5: spec: ...", for the comment moves the text down. */
static void append_remark(struct buffer *to, const struct edit *edit, struct slice line,
                          size_t comment_lines)
{
    size_t path_length = strlen(edit->path);
    buffer_append_string(to, "# ");
    if (line.length > path_length && memcmp(line.at, edit->path, path_length) == 0 &&
        line.at[path_length] == ':') {
        char *rest;
        unsigned long number = strtoul(line.at + path_length + 1, &rest, 10);
        buffer_printf(to, "line %lu", number + comment_lines);
        line = slice_of(rest, (size_t)(line.at + line.length - rest));
    }
    buffer_append_slice(to, line);
    buffer_append_char(to, '\n');
}

static size_t count_lines(struct slice text)
{
    size_t lines = 0;
    for (size_t i = 0; i < text.length; i++)
        lines += text.at[i] == '\n';
    return lines;
}

static void append_comment(struct buffer *to, struct edit *edit)
{
    static const char hint[] = "# An empty file, or one that is left as it is, changes nothing.\n";
    buffer_string(&edit->remarks); /* so that the last number in it ends */
    struct slice rest = buffer_slice(&edit->remarks);
    size_t comment_lines = count_lines(rest) + 1;
    while (rest.length > 0) {
        size_t length = (size_t)((const char *)memchr(rest.at, '\n', rest.length) - rest.at);
        append_remark(to, edit, slice_of(rest.at, length), comment_lines);
        rest = slice_of(rest.at + length + 1, rest.length - length - 1);
    }
    buffer_append_string(to, hint);
}

/* Drops the comment lines that the text begins with. */
static void drop_comment(struct buffer *text)
{
    while (text->length > 0 && text->at[0] == '#') {
        const char *end = memchr(text->at, '\n', text->length);
        buffer_consume(text, end == NULL ? text->length : (size_t)(end - text->at) + 1);
    }
}

static bool is_blank(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (strchr(" \t\r\n", text.at[i]) == NULL || text.at[i] == '\0')
            return false;
    }
    return true;
}

/* --- one round -------------------------------------------------------------------------------- */

/* Writes the file, has it edited, and reads it back into `edited`. */
static bool run_editor(struct edit *edit, struct buffer *edited, struct error *err)
{
    struct buffer file = BUFFER_EMPTY;
    append_comment(&file, edit);
    buffer_append_slice(&file, buffer_slice(&edit->text));
    bool is_written = editor_write(edit->path, buffer_slice(&file), err);
    buffer_clear(&file);
    if (!is_written || !editor_run(edit->path, err) || !document_file_load(edit->path, edited, err))
        return false;
    drop_comment(edited);
    return true;
}

/* The object is what is edited, and as it was. */
static bool require_revision(const struct edit *edit, struct draft *draft, size_t index)
{
    MutationMessage *mutation = draft->request.mutations[index];
    struct draft_object object = draft_object(mutation);
    bool is_route = object.kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    uint64_t revision = is_route ? edit->route_revision : edit->backend_revision;
    const char *id = is_route ? edit->name : backend_name(edit);
    if (revision != 0 && draft_object_equals(object, draft_object_called(object.kind, id))) {
        draft_require_revision(draft, mutation, revision);
        return true;
    }
    const char *place =
        draft_find_mutation_origin(draft, index, is_route ? "put_route.name" : "put_backend.name");
    say("%s: %s '%s' is not what is edited; 'apply' makes others", place == NULL ? "" : place,
        is_route ? route_kind_name(mutation->put_route->kind) : BACKEND_KIND, object.name);
    return false;
}

static enum exit_code commit(struct session *session, const struct edit *edit)
{
    struct draft draft;
    draft_init(&draft);
    bool is_good = documents_read(edit->path, buffer_slice(&edit->text), DOCUMENT_WHOLE, &draft,
                                  document_files_say, NULL);
    for (size_t i = 0; is_good && i < draft.request.n_mutations; i++)
        is_good = require_revision(edit, &draft, i);
    enum exit_code code = is_good ? change_commit(session, &draft) : EXIT_INVALID;
    draft_clear(&draft);
    return code;
}

/* Says what was kept back. */
static void say_remarks(struct edit *edit)
{
    const char *line = buffer_string(&edit->remarks);
    for (const char *end = strchr(line, '\n'); end != NULL; end = strchr(line, '\n')) {
        say("%.*s", (int)(end - line), line);
        line = end + 1;
    }
}

/* Says why it came to nothing. The file is kept without the comment on top, so that it is as the
 * remarks say. */
static void give_up(struct edit *edit)
{
    struct error err = {0};
    if (editor_write(edit->path, buffer_slice(&edit->text), &err))
        say_remarks(edit);
    else
        say("edit: %s", err.message);
    say("what you wrote is kept in %s", edit->path);
}

enum outcome { AGAIN, DONE };

/* From the editor to the daemon; AGAIN when there was a mistake, which is kept for the comment. */
static enum outcome run_round(struct session *session, struct edit *edit, enum exit_code *code)
{
    struct error err = {0};
    struct buffer edited = BUFFER_EMPTY;
    if (!run_editor(edit, &edited, &err)) {
        say("edit: %s; the file is kept in %s", err.message, edit->path);
        buffer_clear(&edited);
        *code = EXIT_FAILED;
        return DONE;
    }
    bool is_same = slice_equals(buffer_slice(&edited), buffer_slice(&edit->text));
    if (is_same && *code == EXIT_INVALID) {
        buffer_clear(&edited);
        give_up(edit);
        return DONE;
    }
    if (is_same || is_blank(buffer_slice(&edited))) {
        buffer_clear(&edited);
        unlink(edit->path);
        say("nothing was changed");
        *code = EXIT_OK;
        return DONE;
    }
    buffer_clear(&edit->text);
    buffer_clear(&edit->remarks);
    edit->text = edited;

    say_keep(&edit->remarks);
    *code = commit(session, edit);
    say_keep(NULL);
    if (*code == EXIT_INVALID)
        return AGAIN;
    if (*code != EXIT_OK && *code != EXIT_NOT_LIVE) {
        give_up(edit);
        return DONE;
    }
    say_remarks(edit);
    unlink(edit->path);
    return DONE;
}

static enum exit_code run(struct session *session, const struct option_list *operands)
{
    struct edit edit = {.name = operands->items[0]};
    struct error err = {0};
    enum exit_code code = load(session, &edit);
    if (code == EXIT_OK) {
        edit.path = editor_new_file(&err);
        if (edit.path == NULL) {
            say("edit: %s", err.message);
            code = EXIT_FAILED;
        } else {
            while (run_round(session, &edit, &code) == AGAIN)
                ;
        }
    }
    edit_clear(&edit);
    return code;
}

const struct command command_edit = {
    .name = "edit",
    .kind = COMMAND_ROUTES,
    .operands = "NAME",
    .summary = "Change a route and its backend in an editor",
    .details =
        "Opens the documents of the route and the backend of this name in VISUAL, EDITOR or vi,\n"
        "and applies what was saved. Only when they are still as they were: when somebody else\n"
        "has changed them meanwhile, exit 4. What is wrong with them is shown at the top of the\n"
        "file, which is opened again; saved without a change it is kept, and its place told.",
    .example = "  routectl edit api\n"
               "  EDITOR='code --wait' routectl edit api",
    .min_operands = 1,
    .max_operands = 1,
    .groups = {{"Its place in the history", change_options}},
    .run = run,
};
