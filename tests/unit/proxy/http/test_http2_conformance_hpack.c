/* What a server of HTTP/2 makes of blocks of fields, right and wrong: RFC 7541, case by case. Each
 * that is right asks with TRACE, and only who reads that answers with 405. */
#include "tests/unit/proxy/http/http2_conformance.h"

/* Strings of section 5.2, as they are and in Huffman's code. */
#define PLAIN_METHOD "\x07:method"
#define PLAIN_TRACE "\x05TRACE"
#define HUFFMAN_METHOD "\x85\xb9\x49\x53\x39\xe4"
#define HUFFMAN_TRACE "\x85\xdf\xb6\x1b\xd8\x3f"

/* The rest of the request, in front or behind. */
#define REST "\x86\x84\x01\x04shop"
#define REST_BEFORE "\x86\x84\x01\x04shop"

#define RIGHT(section, what, block)                                                                \
    {                                                                                              \
        section, what, {HEADERS(WHOLE, 1, block), END}, ANSWERED_405, 0                            \
    }
#define WRONG(section, what, block)                                                                \
    {                                                                                              \
        section, what, {HEADERS(WHOLE, 1, block), END}, CONNECTION_ERROR, COMPRESSION_ERROR        \
    }

static const struct conformance_case cases[] = {
    {"2.3.2",
     "a field that an earlier block has put into the table",
     {HEADERS(WHOLE, 1, "\x42" PLAIN_TRACE REST), RESET(1, CANCEL_CODE),
      HEADERS(WHOLE, 3, "\xbe" REST), END},
     ANSWERED_405,
     0},
    {"2.3.2",
     "a field that is in no table, for its block did not put it there",
     {HEADERS(WHOLE, 1, "\x02" PLAIN_TRACE REST), RESET(1, CANCEL_CODE),
      HEADERS(WHOLE, 3, "\xbe" REST), END},
     CONNECTION_ERROR,
     COMPRESSION_ERROR},
    WRONG("2.3.3", "a field beyond the table", "\xc6" REST),
    WRONG("2.3.3", "a name beyond the table", "\x7e" PLAIN_TRACE REST),

    {"4.2",
     "a table made smaller, and larger again",
     {HEADERS(WHOLE, 1, "\x20\x3f\xe1\x1f\x02" PLAIN_TRACE REST), END},
     ANSWERED_405,
     0},
    {"4.3",
     "a table made empty loses its fields",
     {HEADERS(WHOLE, 1, "\x42" PLAIN_TRACE REST), RESET(1, CANCEL_CODE),
      HEADERS(WHOLE, 3, "\x20\x3f\xe1\x1f\xbe" REST), END},
     CONNECTION_ERROR,
     COMPRESSION_ERROR},
    WRONG("4.2", "a size behind a field", "\x02" PLAIN_TRACE REST "\x20"),
    WRONG("4.2", "a size beyond what was allowed", "\x3f\xe2\x1f\x02" PLAIN_TRACE REST),

    WRONG("5.1", "a number that never ends", "\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
    WRONG("5.2", "padding of more than seven bits", REST "\0\x01x\x86\xdf\xb6\x1b\xd8\x3f\xff"),
    WRONG("5.2", "padding of zeros", REST "\0\x01x\x85\xdf\xb6\x1b\xd8\x00"),
    WRONG("5.2", "the symbol that ends strings", REST "\0\x01x\x84\xff\xff\xff\xff"),
    WRONG("5.2", "a string longer than its block", REST "\0\x01x\x05TRAC"),

    WRONG("6.1", "index 0", "\x80" REST),
    RIGHT("6.2.1", "put into the table, the name by its index", "\x42" PLAIN_TRACE REST),
    RIGHT("6.2.1", "... in Huffman's code", "\x42" HUFFMAN_TRACE REST),
    RIGHT("6.2.1", "put into the table, a new name", "\x40" PLAIN_METHOD PLAIN_TRACE REST),
    RIGHT("6.2.1", "... in Huffman's code", "\x40" HUFFMAN_METHOD HUFFMAN_TRACE REST),
    RIGHT("6.2.2", "not put into it, the name by its index", "\x02" PLAIN_TRACE REST),
    RIGHT("6.2.2", "... in Huffman's code", "\x02" HUFFMAN_TRACE REST),
    RIGHT("6.2.2", "not put into it, a new name", "\0" PLAIN_METHOD PLAIN_TRACE REST),
    RIGHT("6.2.2", "... in Huffman's code", "\0" HUFFMAN_METHOD HUFFMAN_TRACE REST),
    RIGHT("6.2.3", "never put into one, the name by its index", "\x12" PLAIN_TRACE REST),
    RIGHT("6.2.3", "... in Huffman's code", "\x12" HUFFMAN_TRACE REST),
    RIGHT("6.2.3", "never put into one, a new name", "\x10" PLAIN_METHOD PLAIN_TRACE REST),
    RIGHT("6.2.3", "... in Huffman's code", "\x10" HUFFMAN_METHOD HUFFMAN_TRACE REST),
    RIGHT("6.3", "a size", "\x3f\xe1\x1f\x02" PLAIN_TRACE REST),
};

int main(void)
{
    return http2_conformance_run(cases, sizeof(cases) / sizeof(cases[0]));
}
