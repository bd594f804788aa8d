#include "proxy/http/certificate_files.h"

#include "common/buffer.h"
#include "common/hash.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- paths ----------------------------------------------------------------------------------- */

static char *join(const char *folder, const char *name)
{
    struct buffer path = BUFFER_EMPTY;
    buffer_printf(&path, "%s/%s", folder, name);
    char *joined = memory_duplicate_string(buffer_string(&path));
    buffer_clear(&path);
    return joined;
}

static bool exists(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0;
}

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool has_ending(const char *name, const char *ending)
{
    size_t length = strlen(name);
    size_t ending_length = strlen(ending);
    return length > ending_length && strcmp(name + length - ending_length, ending) == 0;
}

/* --- pairs ----------------------------------------------------------------------------------- */

/* Takes all paths. */
static void add(struct certificate_files *found, char *certificate, char *key, char *ocsp)
{
    found->items = memory_reallocate(found->items, (found->count + 1) * sizeof(found->items[0]));
    found->items[found->count++] = (struct certificate_file){certificate, key, ocsp};
}

/* A copy; NULL stays it. */
static char *copy(const char *path)
{
    return path == NULL ? NULL : memory_duplicate_string(path);
}

/* The file beside `certificate` with another ending; NULL when there is none. */
static char *find_beside(const char *certificate, const char *ending)
{
    struct buffer path = BUFFER_EMPTY;
    size_t stem = (size_t)(strrchr(certificate, '.') - certificate);
    buffer_printf(&path, "%.*s%s", (int)stem, certificate, ending);
    char *beside = exists(buffer_string(&path)) ? copy(buffer_string(&path)) : NULL;
    buffer_clear(&path);
    return beside;
}

/* The pair of a folder that holds one, named as certbot and Kubernetes do. */
static bool add_known_pair(struct certificate_files *found, const char *folder)
{
    static const struct {
        const char *certificate;
        const char *key;
    } known[] = {{"fullchain.pem", "privkey.pem"}, {"tls.crt", "tls.key"}};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        char *certificate = join(folder, known[i].certificate);
        char *key = join(folder, known[i].key);
        if (exists(certificate) && exists(key)) {
            add(found, certificate, key, find_beside(certificate, ".ocsp"));
            return true;
        }
        free(certificate);
        free(key);
    }
    return false;
}

static void add_file(struct certificate_files *found, const char *folder, const char *name)
{
    char *certificate = join(folder, name);
    add(found, certificate, find_beside(certificate, ".key"), find_beside(certificate, ".ocsp"));
}

/* lego puts the authority's own certificate beside those that it gets, without a key. */
static bool is_certificate(const char *name)
{
    return (has_ending(name, ".crt") || has_ending(name, ".pem")) &&
           !has_ending(name, ".issuer.crt");
}

/* What begins with a dot is half written, or how Kubernetes swaps a whole folder. */
static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool add_folder(struct certificate_files *found, const char *folder, struct error *err)
{
    if (add_known_pair(found, folder))
        return true;
    struct dirent **entries;
    int count = scandir(folder, &entries, is_visible, by_bytes);
    if (count < 0)
        return error_set_errno(err, "certificates=%s", folder);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        char *path = join(folder, name);
        if (is_folder(path))
            add_known_pair(found, path);
        else if (is_certificate(name))
            add_file(found, folder, name);
        free(path);
        free(entries[i]);
    }
    free(entries);
    return true;
}

bool certificate_files_find(const struct tls_files *tls, struct certificate_files *found,
                            struct error *err)
{
    *found = (struct certificate_files){0};
    for (size_t i = 0; i < tls->file_count; i++) {
        const struct certificate_file *file = &tls->files[i];
        add(found, copy(file->certificate), copy(file->key), copy(file->ocsp));
    }
    for (size_t i = 0; i < tls->folder_count; i++) {
        if (!add_folder(found, tls->folders[i], err)) {
            certificate_files_clear(found);
            return false;
        }
    }
    if (found->count == 0)
        return error_set(err, ERROR_NOT_FOUND, "certificates=%s holds no certificate",
                         tls->folders[0]);
    return true;
}

void certificate_files_clear(struct certificate_files *found)
{
    for (size_t i = 0; i < found->count; i++)
        certificate_file_clear(&found->items[i]);
    free(found->items);
    *found = (struct certificate_files){0};
}

/* --- what is on disk ------------------------------------------------------------------------- */

uint64_t certificate_file_state(uint64_t state, const char *path)
{
    struct {
        uint64_t device;
        uint64_t number;
        uint64_t size;
        int64_t seconds;
        int64_t nanoseconds;
    } facts = {0};
    struct stat status;
    if (path == NULL)
        return state;
    if (stat(path, &status) == 0) {
        facts.device = status.st_dev;
        facts.number = status.st_ino;
        facts.size = (uint64_t)status.st_size;
        facts.seconds = status.st_mtim.tv_sec;
        facts.nanoseconds = status.st_mtim.tv_nsec;
    }
    return hash_bytes(&facts, sizeof(facts), hash_bytes(path, strlen(path), state));
}

uint64_t certificate_files_state(const struct tls_files *tls)
{
    struct certificate_files found;
    uint64_t state =
        certificate_file_state(certificate_file_state(0, tls->client_ca), tls->client_crl);
    if (!certificate_files_find(tls, &found, NULL))
        return state;
    for (size_t i = 0; i < found.count; i++) {
        const struct certificate_file *file = &found.items[i];
        state = certificate_file_state(state, file->certificate);
        state = certificate_file_state(state, file->key);
        state = certificate_file_state(state, file->ocsp);
    }
    certificate_files_clear(&found);
    return state;
}
