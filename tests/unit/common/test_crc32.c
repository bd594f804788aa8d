#include "common/crc32.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

static void it_is_the_checksum_of_zip(void **state)
{
    (void)state;
    /* The check value of the catalogues, and those of zlib. */
    assert_int_equal(crc32_add(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(crc32_add(0, "", 0), 0);
    assert_int_equal(crc32_add(0, "a", 1), 0xe8b7be43);
    assert_int_equal(crc32_add(0, "The quick brown fox jumps over the lazy dog", 43), 0x414fa339);
}

static void pieces_make_the_same_as_the_whole(void **state)
{
    (void)state;
    static const char text[] = "The quick brown fox jumps over the lazy dog";
    size_t length = strlen(text);
    for (size_t cut = 0; cut <= length; cut++) {
        uint32_t crc = crc32_add(0, text, cut);
        assert_int_equal(crc32_add(crc, text + cut, length - cut), 0x414fa339);
    }
}

static void one_bit_makes_another(void **state)
{
    (void)state;
    unsigned char bytes[64];
    memset(bytes, 7, sizeof(bytes));
    uint32_t crc = crc32_add(0, bytes, sizeof(bytes));
    for (size_t bit = 0; bit < sizeof(bytes) * 8; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_int_not_equal(crc32_add(0, bytes, sizeof(bytes)), crc);
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_checksum_of_zip),
        cmocka_unit_test(pieces_make_the_same_as_the_whole),
        cmocka_unit_test(one_bit_makes_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
