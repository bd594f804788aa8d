#include "common/crc32.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/routectl/fake_client.h"
#include "tests/unit/routectl/verb_runner.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct temp_dir *dir;
static char *path;

static int setup(void **state)
{
    dir = temp_dir_new();
    path = temp_dir_file(dir, "copy.db");
    return verb_runner_reset(state);
}

static int teardown(void **state)
{
    (void)state;
    free(path);
    temp_dir_free(dir);
    return 0;
}

/* A stream of "content", cut in two, with a header and a trailer that say these. */
static void send_backup(uint64_t bytes, uint32_t crc, size_t message_count)
{
    static char first[] = "con", second[] = "tent", epoch[] = "e1";
    Pointsman__V1__BackupHeader header = POINTSMAN__V1__BACKUP_HEADER__INIT;
    Pointsman__V1__BackupTrailer trailer = POINTSMAN__V1__BACKUP_TRAILER__INIT;
    Pointsman__V1__BackupResponse parts[4];
    const ProtobufCMessage *messages[4];
    for (size_t i = 0; i < 4; i++) {
        pointsman__v1__backup_response__init(&parts[i]);
        messages[i] = &parts[i].base;
    }
    header.epoch = epoch;
    header.revision = 41;
    header.bytes = bytes;
    trailer.crc32 = crc;
    parts[0].part_case = POINTSMAN__V1__BACKUP_RESPONSE__PART_HEADER;
    parts[0].header = &header;
    parts[1].part_case = parts[2].part_case = POINTSMAN__V1__BACKUP_RESPONSE__PART_DATA;
    parts[1].data = (ProtobufCBinaryData){strlen(first), (uint8_t *)first};
    parts[2].data = (ProtobufCBinaryData){strlen(second), (uint8_t *)second};
    parts[3].part_case = POINTSMAN__V1__BACKUP_RESPONSE__PART_TRAILER;
    parts[3].trailer = &trailer;
    fake_client_stream(GRPC_OK, messages, message_count);
}

static void run_backup(const char *to)
{
    char line[512];
    snprintf(line, sizeof(line), "backup %s", to);
    run(line);
}

static size_t count_files(void)
{
    size_t count = 0;
    DIR *files = opendir(temp_dir_path(dir));
    assert_non_null(files);
    for (const struct dirent *entry = readdir(files); entry != NULL; entry = readdir(files))
        count += entry->d_name[0] != '.';
    closedir(files);
    return count;
}

static void assert_content(const char *expected)
{
    char *content = temp_dir_read(path);
    assert_non_null(content);
    assert_string_equal(content, expected);
    free(content);
}

/* The verb fails, and the file that was there is as it was. */
static void assert_old_file_stays(const char *message)
{
    free(temp_dir_write(dir, "copy.db", "old"));
    run_backup(path);
    assert_int_equal(ran.code, 1);
    assert_has(ran.err, message);
    assert_string_equal(ran.out, "");
    assert_content("old");
    assert_int_equal(count_files(), 1);
}

static void a_backup_is_the_bytes_that_came_for_its_owner_alone(void **state)
{
    (void)state;
    struct stat status;
    send_backup(7, crc32_add(0, "content", 7), 4);
    run_backup(path);
    assert_int_equal(ran.code, 0);
    assert_string_equal(ran.out, "revision 41 in epoch e1, 7 bytes\n");
    assert_content("content");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(count_files(), 1);
}

static void an_older_backup_is_replaced(void **state)
{
    (void)state;
    free(temp_dir_write(dir, "copy.db", "old"));
    send_backup(7, crc32_add(0, "content", 7), 4);
    run_backup(path);
    assert_int_equal(ran.code, 0);
    assert_content("content");
}

static void a_wrong_checksum_is_no_backup(void **state)
{
    (void)state;
    send_backup(7, 1, 4);
    assert_old_file_stays("the checksum is ");
}

static void a_wrong_length_is_no_backup(void **state)
{
    (void)state;
    send_backup(8, crc32_add(0, "content", 7), 4);
    assert_old_file_stays("7 bytes came, not 8");
}

static void a_stream_without_its_end_is_no_backup(void **state)
{
    (void)state;
    send_backup(7, crc32_add(0, "content", 7), 3);
    assert_old_file_stays("it has no end");
}

static void a_daemon_that_is_lost_leaves_no_file(void **state)
{
    (void)state;
    fake_client_stream(GRPC_UNAVAILABLE, NULL, 0);
    run_backup(path);
    assert_int_equal(ran.code, 7);
    assert_int_equal(count_files(), 0);
}

static void nobody_there_leaves_no_file(void **state)
{
    (void)state;
    fake_client_refuse();
    run_backup(path);
    assert_int_equal(ran.code, 7);
    assert_has(ran.err, "is pointsman-control running?");
    assert_int_equal(count_files(), 0);
}

static void a_folder_that_is_not_there_is_said_before_anything_is_asked(void **state)
{
    (void)state;
    run_backup("/nowhere/copy.db");
    assert_int_equal(ran.code, 1);
    assert_string_equal(ran.err, "routectl: backup: /nowhere/copy.db: No such file or directory\n");
    assert_int_equal(fake_client_connect_count(), 0);
}

#define BACKUP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BACKUP_TEST(a_backup_is_the_bytes_that_came_for_its_owner_alone),
        BACKUP_TEST(an_older_backup_is_replaced),
        BACKUP_TEST(a_wrong_checksum_is_no_backup),
        BACKUP_TEST(a_wrong_length_is_no_backup),
        BACKUP_TEST(a_stream_without_its_end_is_no_backup),
        BACKUP_TEST(a_daemon_that_is_lost_leaves_no_file),
        BACKUP_TEST(nobody_there_leaves_no_file),
        BACKUP_TEST(a_folder_that_is_not_there_is_said_before_anything_is_asked),
    };
    return cmocka_run_group_tests(tests, verb_runner_save, verb_runner_reset);
}
