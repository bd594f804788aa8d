/* Temp dir: a folder of one test, removed with all that is in it; also when the test fails.
 *
 * Threads: main. */
#ifndef TESTS_SUPPORT_TEMP_DIR_H
#define TESTS_SUPPORT_TEMP_DIR_H

struct temp_dir;

struct temp_dir *temp_dir_new(void);
/* Harmless on NULL. */
void temp_dir_free(struct temp_dir *dir);

/* Short enough for a Unix socket in it. Borrowed until the folder is freed. */
const char *temp_dir_path(const struct temp_dir *dir);

/* The path of `name` in it. Caller frees. */
char *temp_dir_file(const struct temp_dir *dir, const char *name);

/* Writes a file of that name and content. Returns its path; caller frees. */
char *temp_dir_write(const struct temp_dir *dir, const char *name, const char *content);

/* The content of a file with NUL bytes as spaces, so that it can be searched as a string; NULL when
 * it is not there. Caller frees. */
char *temp_dir_read(const char *path);

#endif
