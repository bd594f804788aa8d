#include "common/crc32.h"
#include "control/backup_service.h"
#include "control/store.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/control/services_fixture.h"

#include <string.h>

static Pointsman__V1__BackupResponse *pull(struct grpc_call *call)
{
    return (Pointsman__V1__BackupResponse *)fake_call_pull(
        call, &pointsman__v1__backup_response__descriptor);
}

static void backup_is_a_header_the_file_and_its_checksum(void **state)
{
    struct services_fixture *fixture = *state;
    struct grpc_call *call = fake_call_new();
    uint32_t crc32 = 0;
    uint64_t bytes = 0;
    apply_ok(fixture, make_apply(put_route("a", ""), NULL));

    backup_service_start(fixture->services.backup, call);
    assert_null(pull(call));
    while (!fake_call_was_resumed(call))
        services_fixture_pass(fixture, 1);
    Pointsman__V1__BackupResponse *header = pull(call);
    assert_int_equal(header->part_case, POINTSMAN__V1__BACKUP_RESPONSE__PART_HEADER);
    assert_int_equal(header->header->revision, 1);
    assert_string_equal(header->header->epoch, store_epoch(fixture->services.store));
    Pointsman__V1__BackupResponse *part = pull(call);
    while (part->part_case == POINTSMAN__V1__BACKUP_RESPONSE__PART_DATA) {
        if (bytes == 0)
            assert_memory_equal(part->data.data, "SQLite format 3", 15);
        bytes += part->data.len;
        crc32 = crc32_add(crc32, part->data.data, part->data.len);
        message_free(&part->base);
        part = pull(call);
    }
    assert_int_equal(part->part_case, POINTSMAN__V1__BACKUP_RESPONSE__PART_TRAILER);
    assert_int_equal(part->trailer->crc32, crc32);
    assert_int_equal(bytes, header->header->bytes);
    assert_null(pull(call));

    message_free(&header->base);
    message_free(&part->base);
    fake_call_free(call);
}

static void one_backup_is_made_at_a_time(void **state)
{
    struct services_fixture *fixture = *state;
    struct grpc_call *first = fake_call_new();
    struct grpc_call *second = fake_call_new();
    struct grpc_call *third = fake_call_new();

    backup_service_start(fixture->services.backup, first);
    backup_service_start(fixture->services.backup, second);
    assert_int_equal(fake_call_status(second), GRPC_RESOURCE_EXHAUSTED);
    fake_call_cancel(first);
    backup_service_start(fixture->services.backup, third);
    assert_false(fake_call_has_ended(third));

    fake_call_cancel(third);
    fake_call_free(first);
    fake_call_free(second);
    fake_call_free(third);
}

static void reader_that_stalls_makes_room_for_another(void **state)
{
    struct services_fixture *fixture = *state;
    struct grpc_call *call = fake_call_new();
    backup_service_start(fixture->services.backup, call);
    while (!fake_call_was_resumed(call))
        services_fixture_pass(fixture, 1);
    message_free((ProtobufCMessage *)pull(call));

    services_fixture_pass(fixture, 59999);
    assert_false(fake_call_has_ended(call));
    services_fixture_pass(fixture, 2);

    assert_int_equal(fake_call_status(call), GRPC_DEADLINE_EXCEEDED);
    fake_call_free(call);
}

#define test(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, services_fixture_set_up, services_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(backup_is_a_header_the_file_and_its_checksum),
        test(one_backup_is_made_at_a_time),
        test(reader_that_stalls_makes_room_for_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
