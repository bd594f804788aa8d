#include "common/whole_file.h"

bool whole_file_load_stream(FILE *file, const char *name, size_t most_mib, struct buffer *to,
                            struct error *err)
{
    enum { CHUNK_BYTES = 64 << 10 };
    size_t before = to->length;
    size_t got;
    do {
        got = fread(buffer_reserve(to, CHUNK_BYTES), 1, CHUNK_BYTES, file);
        buffer_extend(to, got);
        if (to->length - before > most_mib << 20)
            return error_set(err, ERROR_LIMIT, "%s: is larger than %zu MiB", name, most_mib);
    } while (got > 0);
    return ferror(file) == 0 || error_set_errno(err, "%s", name);
}

bool whole_file_load(const char *path, size_t most_mib, struct buffer *to, struct error *err)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return error_set_errno(err, "%s", path);
    bool is_read = whole_file_load_stream(file, path, most_mib, to, err);
    fclose(file);
    return is_read;
}
