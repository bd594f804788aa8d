# cmake -DINPUT=file -DOUTPUT=file.c -DNAME=symbol -P embed_file.cmake: a file as a C array.
file(READ ${INPUT} hex HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "((0x..,){16})" "\\1\n" bytes "${bytes}")
file(WRITE ${OUTPUT} "#include <stddef.h>
extern const unsigned char ${NAME}[];
extern const size_t ${NAME}_length;
const unsigned char ${NAME}[] = {
${bytes}
};
const size_t ${NAME}_length = sizeof(${NAME});
")
