/* Runs a fuzz target over every file of a folder: the corpus as a test, with any compiler. */
#include "common/buffer.h"
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static bool replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return false;
    }

    struct buffer content = BUFFER_EMPTY;
    size_t got;
    do {
        char *room = buffer_reserve(&content, 65536);
        got = fread(room, 1, 65536, file);
        buffer_extend(&content, got);
    } while (got > 0);
    fclose(file);

    /* A copy of the exact size, so that a sanitizer sees every read behind the end. */
    uint8_t *exact = memory_allocate(content.length);
    if (content.length > 0)
        memcpy(exact, content.at, content.length);
    LLVMFuzzerTestOneInput(exact, content.length);
    free(exact);
    buffer_clear(&content);
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
        return 2;
    }

    DIR *folder = opendir(argv[1]);
    if (folder == NULL) {
        perror(argv[1]);
        return 1;
    }

    size_t count = 0;
    bool all_read = true;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char path[4096];
        struct stat status;
        snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
        if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
            continue;
        all_read = replay_file(path) && all_read;
        count++;
    }
    closedir(folder);

    printf("%zu inputs replayed\n", count);
    return all_read && count > 0 ? 0 : 1;
}
