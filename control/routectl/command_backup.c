#include "common/crc32.h"
#include "control/routectl/command.h"
#include "control/routectl/refusal.h"
#include "control/routectl/say.h"
#include "control/routectl/session.h"
#include "proto/message.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The copy is written beside its place, made durable, and then takes the place of what was there.
 * Whatever goes wrong before, be it Ctrl-C, the old file stays as it is. */

struct backup {
    const char *path;
    char *temporary_path;
    int fd;
    Pointsman__V1__BackupHeader *header;
    uint64_t bytes; /* so far */
    uint32_t crc;
    bool is_whole;    /* the trailer came, and all was as it says */
    struct error err; /* what went wrong here */
};

/* --- as it comes in ------------------------------------------------------------------------- */

static bool write_all(int fd, const uint8_t *bytes, size_t length, struct error *err)
{
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return error_set_errno(err, "cannot write");
        bytes += written;
        length -= (size_t)written;
    }
    return true;
}

static bool take_header(struct backup *backup, const Pointsman__V1__BackupHeader *header)
{
    if (backup->header != NULL)
        return error_set(&backup->err, ERROR_CORRUPT, "it begins twice");
    backup->header = memory_allocate(sizeof(*header));
    *backup->header = *header;
    backup->header->epoch = memory_duplicate_string(header->epoch);
    return true;
}

static bool take_data(struct backup *backup, const ProtobufCBinaryData *data)
{
    backup->crc = crc32_add(backup->crc, data->data, data->len);
    backup->bytes += data->len;
    return write_all(backup->fd, data->data, data->len, &backup->err);
}

static bool take_trailer(struct backup *backup, const Pointsman__V1__BackupTrailer *trailer)
{
    if (backup->header == NULL || backup->bytes != backup->header->bytes)
        return error_set(&backup->err, ERROR_CORRUPT, "%" PRIu64 " bytes came, not %" PRIu64,
                         backup->bytes, backup->header == NULL ? 0 : backup->header->bytes);
    if (backup->crc != trailer->crc32)
        return error_set(&backup->err, ERROR_CORRUPT,
                         "the checksum is %08" PRIx32 ", not %08" PRIx32, backup->crc,
                         trailer->crc32);
    backup->is_whole = true;
    return true;
}

/* False ends the stream. */
static bool on_part(void *context, const ProtobufCMessage *message)
{
    const Pointsman__V1__BackupResponse *response = (const Pointsman__V1__BackupResponse *)message;
    struct backup *backup = context;
    switch (response->part_case) {
    case POINTSMAN__V1__BACKUP_RESPONSE__PART_HEADER:
        return take_header(backup, response->header);
    case POINTSMAN__V1__BACKUP_RESPONSE__PART_DATA:
        return take_data(backup, &response->data);
    case POINTSMAN__V1__BACKUP_RESPONSE__PART_TRAILER:
        return take_trailer(backup, response->trailer);
    case POINTSMAN__V1__BACKUP_RESPONSE__PART__NOT_SET:
    case _POINTSMAN__V1__BACKUP_RESPONSE__PART__CASE_IS_INT_SIZE:
        break;
    }
    return true;
}

/* --- when it is given up -------------------------------------------------------------------- */

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP};
enum { ENDING_SIGNALS = sizeof(ending_signals) / sizeof(ending_signals[0]) };

/* What a signal has to remove. */
static const char *volatile unfinished_path;

/* The signal comes once more, to its default, as soon as this returns. */
static void on_ending_signal(int number)
{
    unlink(unfinished_path);
    raise(number);
}

/* From now on a signal that ends the program removes the file; one that was ignored stays so. */
static void remove_at_end(const char *path)
{
    struct sigaction action = {.sa_handler = on_ending_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    unfinished_path = path;
    for (size_t i = 0; i < ENDING_SIGNALS; i++) {
        struct sigaction before;
        if (sigaction(ending_signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(ending_signals[i], &action, NULL);
    }
}

static void keep_at_end(void)
{
    for (size_t i = 0; i < ENDING_SIGNALS; i++) {
        struct sigaction before;
        if (sigaction(ending_signals[i], NULL, &before) == 0 &&
            before.sa_handler == on_ending_signal)
            signal(ending_signals[i], SIG_DFL);
    }
}

/* No signal comes between the file and what removes it. */
static int open_temporary(char *path)
{
    sigset_t ending, before;
    sigemptyset(&ending);
    for (size_t i = 0; i < ENDING_SIGNALS; i++)
        sigaddset(&ending, ending_signals[i]);
    sigprocmask(SIG_BLOCK, &ending, &before);
    int fd = mkostemp(path, O_CLOEXEC); /* for nobody else to read: mode 0600 */
    if (fd >= 0)
        remove_at_end(path);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return fd;
}

/* --- the file ------------------------------------------------------------------------------- */

static bool backup_open(struct backup *backup, const char *path, struct error *err)
{
    struct buffer name = BUFFER_EMPTY;
    *backup = (struct backup){.path = path};
    buffer_printf(&name, "%s.XXXXXX", path);
    backup->temporary_path = memory_duplicate_string(buffer_string(&name));
    buffer_clear(&name);
    backup->fd = open_temporary(backup->temporary_path);
    if (backup->fd < 0)
        return error_set_errno(err, "%s", path);
    return true;
}

/* Drops what was written, unless it has its name. */
static void backup_clear(struct backup *backup)
{
    if (backup->fd >= 0) {
        unlink(backup->temporary_path);
        close(backup->fd);
    }
    keep_at_end();
    free(backup->temporary_path);
    if (backup->header != NULL)
        free(backup->header->epoch);
    free(backup->header);
}

static bool sync_folder(const char *path, struct error *err)
{
    char *copy = memory_duplicate_string(path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(copy);
    bool is_synced = fd >= 0 && fsync(fd) == 0;
    if (!is_synced)
        error_set_errno(err, "%s: its folder cannot be synced", path);
    if (fd >= 0)
        close(fd);
    return is_synced;
}

/* From now on it is there, also after a crash. */
static bool backup_keep(struct backup *backup, struct error *err)
{
    if (fsync(backup->fd) != 0 || rename(backup->temporary_path, backup->path) != 0)
        return error_set_errno(err, "%s", backup->path);
    close(backup->fd);
    backup->fd = -1;
    return sync_folder(backup->path, err);
}

/* --- the verb ------------------------------------------------------------------------------- */

/* Says why, when there is no whole copy. */
static enum exit_code receive(struct session *session, struct backup *backup)
{
    Pointsman__V1__BackupRequest request = POINTSMAN__V1__BACKUP_REQUEST__INIT;
    struct grpc_result result;
    bool has_ended =
        session_stream(session, "/pointsman.v1.RouteControl/Backup", &request.base,
                       &pointsman__v1__backup_response__descriptor, on_part, backup, &result);
    enum exit_code code = EXIT_OK;
    if (!session->has_connected) {
        code = EXIT_UNREACHABLE;
    } else if (!has_ended) {
        code = refusal_exit_code(result.status);
        refusal_tell(&result, NULL);
    } else if (!backup->is_whole) {
        code = EXIT_FAILED;
        say("backup: %s: %s", backup->path,
            backup->err.code == ERROR_NONE ? "it has no end" : backup->err.message);
    }
    grpc_result_clear(&result);
    return code;
}

static enum exit_code run(struct session *session, const struct option_list *operands)
{
    struct backup backup;
    struct error err = {0};
    enum exit_code code = EXIT_FAILED;
    if (backup_open(&backup, operands->items[0], &err))
        code = receive(session, &backup);
    if (code == EXIT_OK && !backup_keep(&backup, &err))
        code = EXIT_FAILED;
    if (err.code != ERROR_NONE)
        say("backup: %s", err.message);
    if (code == EXIT_OK)
        session->output->show(&session->sink, &backup.header->base);
    backup_clear(&backup);
    return code;
}

const struct command command_backup = {
    .name = "backup",
    .kind = COMMAND_STATE,
    .operands = "FILE",
    .summary = "Copy the database, as it is at one revision, to a file",
    .details =
        "The daemon goes on meanwhile. The file is whole, checked and on disk before it gets its\n"
        "name; only its owner can read it. 'pointsman-control --restore FILE' takes it back.",
    .example = "  routectl backup /var/backups/pointsman.db",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
