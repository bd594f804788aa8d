#include "tests/support/temp_dir.h"

#include "common/buffer.h"
#include "tests/support/check.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct temp_dir {
    char path[64];
    struct temp_dir *next; /* in `all` */
};

/* What a test that fails has left. */
static struct temp_dir *all;

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    remove(path);
    return 0;
}

static void remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void remove_all(void)
{
    while (all != NULL)
        temp_dir_free(all);
}

struct temp_dir *temp_dir_new(void)
{
    static bool is_registered;
    if (!is_registered) {
        atexit(remove_all);
        is_registered = true;
    }

    struct temp_dir *dir = memory_allocate_zeroed(1, sizeof(*dir));
    snprintf(dir->path, sizeof(dir->path), "/tmp/pointsman-test-XXXXXX");
    CHECK(mkdtemp(dir->path) != NULL, "cannot make a folder like %s", dir->path);
    dir->next = all;
    all = dir;
    return dir;
}

void temp_dir_free(struct temp_dir *dir)
{
    if (dir == NULL)
        return;
    for (struct temp_dir **at = &all; *at != NULL; at = &(*at)->next) {
        if (*at == dir) {
            *at = dir->next;
            break;
        }
    }
    remove_tree(dir->path);
    free(dir);
}

const char *temp_dir_path(const struct temp_dir *dir)
{
    return dir->path;
}

char *temp_dir_file(const struct temp_dir *dir, const char *name)
{
    struct buffer path = BUFFER_EMPTY;
    buffer_printf(&path, "%s/%s", dir->path, name);
    char *copy = memory_duplicate_string(buffer_string(&path));
    buffer_clear(&path);
    return copy;
}

char *temp_dir_write(const struct temp_dir *dir, const char *name, const char *content)
{
    char *path = temp_dir_file(dir, name);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL, "cannot write %s", path);
    fputs(content, file);
    CHECK(fclose(file) == 0, "cannot write %s", path);
    return path;
}

char *temp_dir_read(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return NULL;

    struct buffer content = BUFFER_EMPTY;
    enum { ROOM = 65536 };
    size_t got;
    do {
        got = fread(buffer_reserve(&content, ROOM), 1, ROOM, file);
        buffer_extend(&content, got);
    } while (got > 0);
    fclose(file);

    buffer_string(&content);
    for (size_t i = 0; i < content.length; i++) {
        if (content.at[i] == '\0')
            content.at[i] = ' ';
    }
    return content.at;
}
