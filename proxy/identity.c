#include "proxy/identity.h"

#include "common/buffer.h"
#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

static uint64_t random_number(void)
{
    uint64_t number;
    if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
        abort();
    return number;
}

bool identity_is_valid(const char *id)
{
    size_t length = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    return id[length] == '\0' && length > 0 && length < IDENTITY_ID_BYTES;
}

/* "web-3.example" becomes "web-3-1f2e3d4c"; a name with other characters, "proxy-1f2e3d4c". */
static void make_id(char id[IDENTITY_ID_BYTES])
{
    char host[64] = "";
    gethostname(host, sizeof(host) - 1);
    host[strcspn(host, ".")] = '\0';
    snprintf(id, IDENTITY_ID_BYTES, "%s-%08" PRIx32, identity_is_valid(host) ? host : "proxy",
             (uint32_t)random_number());
}

/* False without an error when there is no file. */
static bool read_id(const char *path, char id[IDENTITY_ID_BYTES], struct error *err)
{
    *err = (struct error){0};
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return errno == ENOENT ? false : error_set_errno(err, "proxy id %s", path);

    char line[IDENTITY_ID_BYTES + 1] = "";
    bool has_line = fgets(line, sizeof(line), file) != NULL;
    fclose(file);
    line[strcspn(line, "\n")] = '\0';
    if (!has_line || !identity_is_valid(line))
        return error_set(err, ERROR_CORRUPT, "%s holds no proxy id; remove it or give --id", path);
    snprintf(id, IDENTITY_ID_BYTES, "%s", line);
    return true;
}

/* Whole under its name, or not there. */
static bool write_line(const char *path, const char *line, struct error *err)
{
    struct buffer temporary = BUFFER_EMPTY;
    buffer_printf(&temporary, "%s.new", path);
    const char *temporary_path = buffer_string(&temporary);

    FILE *file = fopen(temporary_path, "we");
    bool written = file != NULL && fprintf(file, "%s\n", line) > 0 && fflush(file) == 0 &&
                   fsync(fileno(file)) == 0;
    if (file != NULL && fclose(file) != 0)
        written = false;
    if (!written || rename(temporary_path, path) != 0) {
        error_set_errno(err, "%s", path);
        written = false;
    }
    buffer_clear(&temporary);
    return written;
}

static bool keep_id(const char *local_copy, char id[IDENTITY_ID_BYTES], struct error *err)
{
    struct buffer path = BUFFER_EMPTY;
    buffer_printf(&path, "%s.id", local_copy);
    struct error read_err;
    bool kept = read_id(buffer_string(&path), id, &read_err);
    if (!kept && read_err.code == ERROR_NONE) {
        make_id(id);
        kept = write_line(buffer_string(&path), id, &read_err);
    }
    if (!kept && err != NULL)
        *err = read_err;
    buffer_clear(&path);
    return kept;
}

bool identity_init(struct identity *identity, const char *id, const char *local_copy,
                   struct error *err)
{
    *identity = (struct identity){.started_wall_ms = clock_wall_ms()};
    snprintf(identity->boot_id, sizeof(identity->boot_id), "%016" PRIx64 "%016" PRIx64,
             random_number(), random_number());

    if (id != NULL) {
        if (!identity_is_valid(id))
            return error_set(err, ERROR_INVALID,
                             "--id must be 1 to %d characters of A-Z a-z 0-9 . _ -",
                             IDENTITY_ID_BYTES - 1);
        snprintf(identity->id, sizeof(identity->id), "%s", id);
        return true;
    }
    if (local_copy != NULL)
        return keep_id(local_copy, identity->id, err);
    make_id(identity->id);
    return true;
}
