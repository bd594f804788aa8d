#include "common/options.h"

#include "common/buffer.h"
#include "common/duration.h"
#include "common/nearest.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Each level (file, environment, command line) is first gathered as a list of what was given, then
 * applied as a whole. That is how --help and --config take effect before everything else, and how
 * a list knows that its first item on a level replaces what an earlier level said. */

struct given {
    const struct option *option;
    const char *value; /* NULL: a flag without one */
    const char *where; /* "--drain-time", "POINTSMAN_DRAIN_TIME", "proxy.conf:3: drain-time" */
};

struct level {
    struct given *items;
    size_t count;
};

/* --- memory --------------------------------------------------------------------------------- */

/* Values are promised until the process ends, so whatever is made for them is kept in one list:
 * reachable for as long, and no leak. */
struct kept {
    struct kept *next;
    char bytes[];
};

static struct kept *kept_first;

static void *keep(size_t bytes)
{
    struct kept *kept = memory_allocate(sizeof(*kept) + bytes);
    kept->next = kept_first;
    kept_first = kept;
    return kept->bytes;
}

static const char *keep_string(const char *from, size_t length)
{
    char *copy = keep(length + 1);
    memcpy(copy, from, length);
    copy[length] = '\0';
    return copy;
}

__attribute__((format(printf, 1, 2))) static const char *keep_format(const char *format, ...)
{
    char text[ERROR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return keep_string(text, strlen(text));
}

static void level_add(struct level *level, const struct option *option, const char *value,
                      const char *where)
{
    level->items = memory_reallocate(level->items, (level->count + 1) * sizeof(*level->items));
    level->items[level->count++] = (struct given){option, value, where};
}

static void level_clear(struct level *level)
{
    free(level->items);
    *level = (struct level){0};
}

/* --- values --------------------------------------------------------------------------------- */

static bool parse_flag(const char *text, bool *value, struct error *err)
{
    if (text == NULL || strcmp(text, "true") == 0 || strcmp(text, "1") == 0)
        *value = true;
    else if (strcmp(text, "false") == 0 || strcmp(text, "0") == 0)
        *value = false;
    else
        return error_set(err, ERROR_INVALID, "'%s' is neither true nor false", text);
    return true;
}

/* Digits of `base` at the start of `text`; `end` is behind them. */
static bool parse_digits(const char *text, int base, const char **end, uint64_t *value)
{
    if (*text < '0' || *text > '9')
        return false;
    char *stopped;
    errno = 0;
    unsigned long long number = strtoull(text, &stopped, base);
    *value = number;
    *end = stopped;
    return errno == 0;
}

static bool parse_unsigned(const char *text, uint64_t *value, struct error *err)
{
    const char *end;
    if (!parse_digits(text, 10, &end, value) || *end != '\0')
        return error_set(err, ERROR_INVALID, "'%s' is not a number", text);
    return true;
}

static bool parse_size(const char *text, uint64_t *value, struct error *err)
{
    static const char suffixes[] = "kmg";
    const char *end;
    uint64_t number;
    if (!parse_digits(text, 10, &end, &number))
        return error_set(err, ERROR_INVALID, "'%s' is not a size such as 4096, 64k or 10m", text);

    unsigned shift = 0;
    const char *suffix = *end == '\0' ? NULL : strchr(suffixes, ascii_lower(*end));
    if (suffix != NULL) {
        shift = 10 * (unsigned)(suffix - suffixes + 1);
        end++;
    }
    if (*end != '\0' || number > UINT64_MAX >> shift)
        return error_set(err, ERROR_INVALID, "'%s' is not a size such as 4096, 64k or 10m", text);
    *value = number << shift;
    return true;
}

static bool parse_mode(const char *text, uint64_t *value, struct error *err)
{
    const char *end;
    uint64_t mode;
    if (!parse_digits(text, 8, &end, &mode) || *end != '\0' || mode > 07777)
        return error_set(err, ERROR_INVALID, "'%s' is not an octal mode such as 0660", text);
    *value = mode;
    return true;
}

static bool set_value(const struct given *given, struct error *err)
{
    const struct option *option = given->option;
    switch (option->kind) {
    case OPTION_FLAG:
        return parse_flag(given->value, option->value, err);
    case OPTION_STRING:
        *(const char **)option->value = given->value;
        return true;
    case OPTION_UNSIGNED:
        return parse_unsigned(given->value, option->value, err);
    case OPTION_SIZE:
        return parse_size(given->value, option->value, err);
    case OPTION_DURATION:
        return duration_parse(given->value, option->value, err);
    case OPTION_MODE:
        return parse_mode(given->value, option->value, err);
    case OPTION_LIST: {
        struct option_list *list = option->value;
        list->items[list->count++] = given->value;
        return true;
    }
    }
    return true;
}

static bool is_first_of_its_option(const struct level *level, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (level->items[i].option == level->items[index].option)
            return false;
    }
    return true;
}

static bool level_apply(const struct level *level, struct error *err)
{
    for (size_t i = 0; i < level->count; i++) {
        const struct given *given = &level->items[i];
        bool is_first = is_first_of_its_option(level, i);

        if (given->option->kind == OPTION_LIST && is_first)
            *(struct option_list *)given->option->value =
                (struct option_list){.items = keep(level->count * sizeof(const char *))};
        if (given->option->kind != OPTION_LIST && given->option->kind != OPTION_FLAG && !is_first)
            return error_set(err, ERROR_INVALID, "%s: given twice", given->where);
        if (!set_value(given, err))
            return error_prefix(err, "%s: ", given->where);
    }
    return true;
}

/* --- the command line ----------------------------------------------------------------------- */

static const char *dashes(const char *name)
{
    return strlen(name) == 1 ? "-" : "--";
}

static const struct option *find_option(const struct option *const *tables, const char *name,
                                        size_t length)
{
    for (; *tables != NULL; tables++) {
        for (const struct option *option = *tables; option->name != NULL; option++) {
            if (strlen(option->name) == length && memcmp(option->name, name, length) == 0)
                return option;
        }
    }
    return NULL;
}

static bool fail_unknown(const struct option *const *tables, const char *dash, const char *name,
                         struct error *err)
{
    struct nearest nearest = {.typed = name};
    for (; *tables != NULL; tables++) {
        for (const struct option *option = *tables; option->name != NULL; option++)
            nearest_consider(&nearest, option->name);
    }
    if (nearest.name == NULL)
        return error_set(err, ERROR_INVALID, "unknown option %s%s", dash, name);
    return error_set(err, ERROR_INVALID, "unknown option %s%s; did you mean %s%s?", dash, name,
                     dashes(nearest.name), nearest.name);
}

/* One option at argv[*index]; its value may be the argument behind it. */
static bool read_option(const struct option *const *tables, int argc, char **argv, int *index,
                        struct level *level, struct error *err)
{
    const char *argument = argv[*index];
    bool is_long = argument[1] == '-';
    const char *name = argument + (is_long ? 2 : 1);
    size_t name_length = is_long ? strcspn(name, "=") : 1;
    const char *value = name[name_length] == '\0' ? NULL : name + name_length;
    if (is_long && value != NULL)
        value++;

    const struct option *option = find_option(tables, name, name_length);
    if (option == NULL || is_long != (name_length > 1))
        return fail_unknown(tables, is_long ? "--" : "-", keep_string(name, name_length), err);

    const char *where = keep_format("%s%s", dashes(option->name), option->name);
    if (option->kind != OPTION_FLAG && value == NULL) {
        /* What looks like the next option is not taken for a value; --name=--value says it is. */
        if (*index + 1 >= argc || strncmp(argv[*index + 1], "--", 2) == 0)
            return error_set(err, ERROR_INVALID, "%s: needs a value, %s", where, option->argument);
        value = argv[++*index];
    }
    level_add(level, option, value, where);
    return true;
}

static bool is_option(const char *argument)
{
    return argument[0] == '-' && argument[1] != '\0';
}

static bool read_command_line(const struct option *const *tables, int argc, char **argv,
                              struct level *level, struct option_list *operands, struct error *err)
{
    bool only_operands = false;
    operands->items = keep((size_t)(argc < 0 ? 0 : argc) * sizeof(const char *));
    operands->count = 0;

    for (int i = 0; i < argc; i++) {
        if (!only_operands && strcmp(argv[i], "--") == 0)
            only_operands = true;
        else if (only_operands || !is_option(argv[i]))
            operands->items[operands->count++] = argv[i];
        else if (!read_option(tables, argc, argv, &i, level, err))
            return false;
    }
    return true;
}

bool options_parse_arguments(const struct option *const *tables, int argc, char **argv,
                             struct option_list *operands, struct error *err)
{
    struct level level = {0};
    bool ok =
        read_command_line(tables, argc, argv, &level, operands, err) && level_apply(&level, err);
    level_clear(&level);
    return ok;
}

bool options_parse_leading(const struct option *const *tables, int argc, char **argv, int *used,
                           struct error *err)
{
    struct level level = {0};
    bool ok = true;
    int i = 0;
    for (; ok && i < argc && is_option(argv[i]); i++)
        ok = read_option(tables, argc, argv, &i, &level, err);
    *used = i;

    ok = ok && level_apply(&level, err);
    level_clear(&level);
    return ok;
}

/* --- the environment ------------------------------------------------------------------------ */

static const char *variable_name(const char *option_name)
{
    char name[64];
    size_t used = (size_t)snprintf(name, sizeof(name), "POINTSMAN_");
    for (const char *at = option_name; *at != '\0' && used + 1 < sizeof(name); at++)
        name[used++] = (char)(*at == '-' ? '_' : ascii_upper(*at));
    return keep_string(name, used);
}

static struct slice trim(struct slice text)
{
    while (text.length > 0 && strchr(" \t\r\n", text.at[0]) != NULL) {
        text.at++;
        text.length--;
    }
    while (text.length > 0 && strchr(" \t\r\n", text.at[text.length - 1]) != NULL)
        text.length--;
    return text;
}

static bool read_variable_list(const struct option *option, const char *name, const char *text,
                               struct level *level, struct error *err)
{
    for (;;) {
        size_t length = strcspn(text, ",");
        struct slice item = trim(slice_of(text, length));
        if (item.length == 0)
            return error_set(err, ERROR_INVALID, "%s: an item of the list is empty", name);
        level_add(level, option, keep_string(item.at, item.length), name);
        if (text[length] == '\0')
            return true;
        text += length + 1;
    }
}

static bool read_environment(const struct option *options, struct level *level, struct error *err)
{
    for (const struct option *option = options; option->name != NULL; option++) {
        const char *name = variable_name(option->name);
        const char *text = getenv(name);
        if (text == NULL || *text == '\0')
            continue;
        if (option->kind != OPTION_LIST)
            level_add(level, option, keep_string(text, strlen(text)), name);
        else if (!read_variable_list(option, name, text, level, err))
            return false;
    }
    return true;
}

/* --- the file ------------------------------------------------------------------------------- */

/* The line without its comment: a '#' at the start or behind white space. */
static struct slice without_comment(struct slice line)
{
    for (size_t i = 0; i < line.length; i++) {
        if (line.at[i] == '#' && (i == 0 || strchr(" \t", line.at[i - 1]) != NULL))
            return trim(slice_of(line.at, i));
    }
    return trim(line);
}

static bool read_line(const struct option *options, struct slice line, const char *place,
                      struct level *level, struct error *err)
{
    if (memchr(line.at, '\0', line.length) != NULL)
        return error_set(err, ERROR_INVALID, "%s: the line holds a NUL byte", place);
    line = without_comment(line);
    if (line.length == 0)
        return true;

    const char *equals = memchr(line.at, '=', line.length);
    if (equals == NULL)
        return error_set(err, ERROR_INVALID, "%s: expected a line like 'name = value'", place);
    struct slice name = trim(slice_of(line.at, (size_t)(equals - line.at)));
    struct slice value = trim(slice_of(equals + 1, line.length - (size_t)(equals + 1 - line.at)));

    const struct option *const tables[] = {options, NULL};
    const struct option *option = find_option(tables, name.at, name.length);
    if (option == NULL) {
        fail_unknown(tables, "", keep_string(name.at, name.length), err);
        return error_prefix(err, "%s: ", place);
    }
    if (value.length == 0)
        return error_set(err, ERROR_INVALID, "%s: %s: needs a value", place, option->name);
    level_add(level, option, keep_string(value.at, value.length),
              keep_format("%s: %s", place, option->name));
    return true;
}

static bool read_file(const struct option *options, const char *path, struct level *level,
                      struct error *err)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return error_set_errno(err, "configuration file %s", path);

    char *line = NULL;
    size_t line_bytes = 0;
    ssize_t length;
    bool ok = true;
    for (unsigned number = 1; ok && (length = getline(&line, &line_bytes, file)) >= 0; number++)
        ok = read_line(options, slice_of(line, (size_t)length), keep_format("%s:%u", path, number),
                       level, err);
    if (ok && ferror(file))
        ok = error_set_errno(err, "configuration file %s", path);

    free(line);
    fclose(file);
    return ok;
}

/* --- all three levels ----------------------------------------------------------------------- */

/* What every program understands without having it in its table. */
struct built_in {
    const char *config_path;
    bool help;
    bool version;
};

static bool apply_file(const struct option *options, const char *path, struct error *err)
{
    struct level level = {0};
    bool ok = read_file(options, path, &level, err) && level_apply(&level, err);
    level_clear(&level);
    return ok;
}

static bool apply_environment(const struct option *options, struct error *err)
{
    struct level level = {0};
    bool ok = read_environment(options, &level, err) && level_apply(&level, err);
    level_clear(&level);
    return ok;
}

/* Takes out of `level` what belongs to `options` and applies it. */
static bool split_and_apply(struct level *level, const struct option *options, struct error *err)
{
    struct level taken = {0};
    size_t left = 0;
    for (size_t i = 0; i < level->count; i++) {
        const struct option *option = options;
        while (option->name != NULL && option != level->items[i].option)
            option++;
        if (option->name != NULL)
            level_add(&taken, option, level->items[i].value, level->items[i].where);
        else
            level->items[left++] = level->items[i];
    }
    level->count = left;

    bool ok = level_apply(&taken, err);
    level_clear(&taken);
    return ok;
}

static void print_help(const struct program *program, const struct option *built_in)
{
    printf("Usage: %s [OPTION]...\n\n%s\n\nOptions:\n", program->name, program->summary);
    options_print(program->options, stdout);
    printf("\n");
    options_print(built_in, stdout);
    printf("\nEvery option can also be given as a variable of the environment (--%s as %s;\n"
           "lists separated by commas) or as a line 'name = value' of the file that --config\n"
           "names. The command line wins over the environment, the environment over the file.\n",
           program->options->name, variable_name(program->options->name));
}

enum options_result options_parse(const struct program *program, int argc, char **argv,
                                  struct error *err)
{
    struct built_in built_in = {0};
    const struct option built_in_options[] = {
        {"config", OPTION_STRING, &built_in.config_path, "FILE", "Read options from this file."},
        {"help", OPTION_FLAG, &built_in.help, NULL, "Print this and exit."},
        {"version", OPTION_FLAG, &built_in.version, NULL, "Print the version and exit."},
        {0},
    };
    const struct option *const tables[] = {program->options, built_in_options, NULL};
    struct level command_line = {0};
    struct option_list operands;
    enum options_result result = OPTIONS_USAGE;

    if (!read_command_line(tables, argc - 1, argv + 1, &command_line, &operands, err) ||
        !split_and_apply(&command_line, built_in_options, err))
        goto done;
    if (built_in.help || built_in.version) {
        if (built_in.help)
            print_help(program, built_in_options);
        else
            printf("%s %s\n", program->name, POINTSMAN_VERSION);
        result = OPTIONS_EXIT_0;
        goto done;
    }
    if (operands.count > 0) {
        error_set(err, ERROR_INVALID, "unexpected argument '%s'", operands.items[0]);
        goto done;
    }

    const char *config_variable = getenv("POINTSMAN_CONFIG");
    if (built_in.config_path == NULL && config_variable != NULL && *config_variable != '\0')
        built_in.config_path = config_variable;
    if (built_in.config_path != NULL && !apply_file(program->options, built_in.config_path, err))
        goto done;
    if (!apply_environment(program->options, err) || !level_apply(&command_line, err))
        goto done;
    result = OPTIONS_RUN;

done:
    level_clear(&command_line);
    return result;
}
