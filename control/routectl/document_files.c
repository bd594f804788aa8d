#include "control/routectl/document_files.h"

#include "common/whole_file.h"
#include "control/routectl/say.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>

/* More than any change may hold. */
enum { FILE_MIB_MAX = 1024 };

struct option_list document_files;

const struct option document_file_options[] = {
    {"f", OPTION_LIST, &document_files, "FILE|FOLDER|-",
     "Documents to read; - is standard input. May be given more than once."},
    {0},
};

/* --- one file --------------------------------------------------------------------------------- */

bool document_file_load(const char *path, struct buffer *to, struct error *err)
{
    return whole_file_load(path, FILE_MIB_MAX, to, err);
}

void document_files_say(void *context, enum document_remark remark, const char *text)
{
    (void)context;
    say("%s%s", remark == DOCUMENT_NOTE ? "note: " : "", text);
}

/* --- all of them ------------------------------------------------------------------------------ */

/* What reading has come to. */
struct reading {
    enum document_extent extent;
    struct draft *draft;
    bool is_unreadable, is_invalid;
};

static void read_text(struct reading *reading, const char *name, bool is_loaded,
                      const struct buffer *text, const struct error *err)
{
    if (!is_loaded) {
        say("%s", err->message);
        reading->is_unreadable = true;
    } else if (!documents_read(name, buffer_slice(text), reading->extent, reading->draft,
                               document_files_say, NULL)) {
        reading->is_invalid = true;
    }
}

static void read_file(struct reading *reading, const char *path)
{
    struct error err = {0};
    struct buffer text = BUFFER_EMPTY;
    bool is_loaded = document_file_load(path, &text, &err);
    read_text(reading, path, is_loaded, &text, &err);
    buffer_clear(&text);
}

static void read_standard_input(struct reading *reading)
{
    struct error err = {0};
    struct buffer text = BUFFER_EMPTY;
    bool is_loaded = whole_file_load_stream(stdin, "standard input", FILE_MIB_MAX, &text, &err);
    read_text(reading, "stdin", is_loaded, &text, &err);
    buffer_clear(&text);
}

static bool has_document_name(const char *name)
{
    static const char *const endings[] = {".yaml", ".yml", ".json"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        size_t ending = strlen(endings[i]);
        if (length > ending && strcmp(name + length - ending, endings[i]) == 0)
            return true;
    }
    return false;
}

static void fail_entry(struct reading *reading, const char *path, const char *why)
{
    say("%s: %s", path, why);
    reading->is_unreadable = true;
}

static void read_entry(struct reading *reading, FTS *tree, FTSENT *entry)
{
    bool is_given = entry->fts_level == FTS_ROOTLEVEL;
    bool is_hidden = !is_given && entry->fts_name[0] == '.';
    switch (entry->fts_info) {
    case FTS_D:
        if (is_hidden)
            fts_set(tree, entry, FTS_SKIP);
        return;
    case FTS_DP:
        return;
    case FTS_DC:
        fail_entry(reading, entry->fts_path, "holds itself");
        return;
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        fail_entry(reading, entry->fts_path, strerror(entry->fts_errno));
        return;
    case FTS_SLNONE:
        if (is_given || (!is_hidden && has_document_name(entry->fts_name)))
            fail_entry(reading, entry->fts_path, "points to nothing");
        return;
    default:
        if (is_given || (!is_hidden && has_document_name(entry->fts_name)))
            read_file(reading, entry->fts_accpath);
    }
}

static int compare_names(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* A file, or a folder and all below it, in the order of the names. */
static void read_tree(struct reading *reading, const char *path)
{
    char *const paths[] = {(char *)path, NULL};
    FTS *tree = fts_open(paths, FTS_LOGICAL | FTS_NOCHDIR, compare_names);
    if (tree == NULL) {
        fail_entry(reading, path, strerror(errno));
        return;
    }
    for (FTSENT *entry = fts_read(tree); entry != NULL; entry = fts_read(tree))
        read_entry(reading, tree, entry);
    fts_close(tree);
}

enum exit_code document_files_read(const char *verb, enum document_extent extent,
                                   struct draft *draft)
{
    struct reading reading = {.extent = extent, .draft = draft};
    if (document_files.count == 0) {
        say("%s: needs -f FILE", verb);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < document_files.count; i++) {
        if (strcmp(document_files.items[i], "-") == 0)
            read_standard_input(&reading);
        else
            read_tree(&reading, document_files.items[i]);
    }

    if (reading.is_invalid)
        return EXIT_INVALID;
    if (reading.is_unreadable)
        return EXIT_USAGE;
    if (draft->request.n_mutations > 0)
        return EXIT_OK;
    say("%s: there are no documents in what -f names", verb);
    return EXIT_INVALID;
}
