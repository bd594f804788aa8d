#include "common/character.h"

/* What each kind of byte belongs to. */
enum {
    TARGET = CHARACTER_TARGET | CHARACTER_PATH,
    LETTER = CHARACTER_TOKEN | CHARACTER_UNRESERVED | TARGET | CHARACTER_HOST,
    HEX_LETTER = LETTER | CHARACTER_HEX,
    DIGIT = HEX_LETTER | CHARACTER_DIGIT,
    TOKEN_MARK = CHARACTER_TOKEN | TARGET,
};

const uint8_t character_classes[256] = {
    ['!'] = TOKEN_MARK,
    ['"'] = TARGET,
    ['#'] = CHARACTER_TOKEN,
    ['$'] = TOKEN_MARK,
    ['%'] = CHARACTER_TOKEN | CHARACTER_TARGET,
    ['&' ... '\''] = TOKEN_MARK,
    ['(' ... ')'] = TARGET,
    ['*' ... '+'] = TOKEN_MARK,
    [','] = TARGET,
    ['-'] = LETTER,
    ['.'] = LETTER & ~CHARACTER_PATH,
    ['/'] = TARGET,
    ['0' ... '9'] = DIGIT,
    [':' ... '>'] = TARGET,
    ['?'] = CHARACTER_TARGET,
    ['@'] = TARGET,
    ['A' ... 'F'] = HEX_LETTER,
    ['G' ... 'Z'] = LETTER,
    ['['] = TARGET,
    ['\\'] = 0,
    [']'] = TARGET,
    ['^'] = TOKEN_MARK,
    ['_'] = LETTER,
    ['`'] = TOKEN_MARK,
    ['a' ... 'f'] = HEX_LETTER,
    ['g' ... 'z'] = LETTER,
    ['{'] = TARGET,
    ['|'] = TOKEN_MARK,
    ['}'] = TARGET,
    ['~'] = TOKEN_MARK | CHARACTER_UNRESERVED,
};
