#include "proxy/http/character.h"

/* What each kind of byte belongs to. */
enum {
    DIGIT = CHARACTER_TOKEN | CHARACTER_DIGIT | CHARACTER_HEX | CHARACTER_UNRESERVED |
            CHARACTER_TARGET | CHARACTER_HOST,
    HEX_LETTER =
        CHARACTER_TOKEN | CHARACTER_HEX | CHARACTER_UNRESERVED | CHARACTER_TARGET | CHARACTER_HOST,
    LETTER = CHARACTER_TOKEN | CHARACTER_UNRESERVED | CHARACTER_TARGET | CHARACTER_HOST,
    NAME_MARK = LETTER,                                                /* - . _ */
    TILDE = CHARACTER_TOKEN | CHARACTER_UNRESERVED | CHARACTER_TARGET, /* ~ */
    TOKEN_MARK = CHARACTER_TOKEN | CHARACTER_TARGET,                   /* ! $ % & ' * + ^ ` | */
    OTHER = CHARACTER_TARGET,
};

const uint8_t character_classes[256] = {
    ['!'] = TOKEN_MARK,
    ['"'] = OTHER,
    ['#'] = CHARACTER_TOKEN,
    ['$' ... '\''] = TOKEN_MARK,
    ['(' ... ')'] = OTHER,
    ['*' ... '+'] = TOKEN_MARK,
    [','] = OTHER,
    ['-' ... '.'] = NAME_MARK,
    ['/'] = OTHER,
    ['0' ... '9'] = DIGIT,
    [':' ... '@'] = OTHER,
    ['A' ... 'F'] = HEX_LETTER,
    ['G' ... 'Z'] = LETTER,
    ['['] = OTHER,
    ['\\'] = 0,
    [']'] = OTHER,
    ['^'] = TOKEN_MARK,
    ['_'] = NAME_MARK,
    ['`'] = TOKEN_MARK,
    ['a' ... 'f'] = HEX_LETTER,
    ['g' ... 'z'] = LETTER,
    ['{'] = OTHER,
    ['|'] = TOKEN_MARK,
    ['}'] = OTHER,
    ['~'] = TILDE,
};
