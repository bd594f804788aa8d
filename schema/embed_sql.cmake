# Run at build time: writes OUTPUT, a C file with SOURCES (in order, ";"-separated) as
# schema_files of control/store_migrate.h. A file's number is its version.

set(arrays "")
set(entries "")
foreach(source IN LISTS SOURCES)
  get_filename_component(name ${source} NAME_WE)
  string(REGEX MATCH "^0*([0-9]+)_" unused ${name})
  set(version ${CMAKE_MATCH_1})
  file(READ ${source} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND arrays "static const char file_${version}[] = {${bytes}0};\n")
  string(APPEND entries "    {.version = ${version}, .name = \"${name}\", .sql = file_${version}},\n")
endforeach()

file(WRITE ${OUTPUT}.new
"/* Generated from schema/ by embed_sql.cmake. */
#include \"control/store_migrate.h\"

${arrays}
const struct schema_file schema_files[] = {
${entries}};
const size_t schema_file_count = sizeof(schema_files) / sizeof(schema_files[0]);
")
file(RENAME ${OUTPUT}.new ${OUTPUT})
