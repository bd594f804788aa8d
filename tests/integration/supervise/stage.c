#include "tests/integration/supervise/stage.h"

#include "common/buffer.h"
#include "tests/support/check.h"
#include "tests/support/http_get.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { ARGUMENTS_MAX = 16 };

/* --- the program ----------------------------------------------------------------------------- */

static void copy_program(const char *to)
{
    char *from = pointsman_program("pointsman-proxy");
    const char *const arguments[] = {"cp", "--reflink=auto", from, to, NULL};
    command_expect(command_run(arguments, NULL), 0, NULL, NULL);
    free(from);
}

void stage_replace_program(struct stage *stage, const char *content)
{
    char *other;
    if (content != NULL) {
        other = temp_dir_write(pointsman_dir(stage->pointsman), "proxy.new", content);
        CHECK(chmod(other, 0755) == 0, "cannot make %s a program", other);
    } else {
        other = temp_dir_file(pointsman_dir(stage->pointsman), "proxy.new");
        copy_program(other);
    }
    CHECK(rename(other, stage->program) == 0, "cannot replace %s", stage->program);
    free(other);
}

/* --- start and stop -------------------------------------------------------------------------- */

void stage_start(struct stage *stage, const char *const *more)
{
    static const char *arguments[ARGUMENTS_MAX + 1];
    static struct pointsman_options options;
    size_t count = 0;
    arguments[count++] = "--supervise";
    for (; more != NULL && *more != NULL && count < ARGUMENTS_MAX; more++)
        arguments[count++] = *more;
    arguments[count] = NULL;
    options = (struct pointsman_options){.proxy_arguments = arguments};

    stage->upstream = fake_upstream_start("upstream");
    stage->pointsman = pointsman_new(&options);
    stage->program = temp_dir_file(pointsman_dir(stage->pointsman), "proxy");
    pointsman_set_proxy_program(stage->pointsman, stage->program);
    copy_program(stage->program);
    pointsman_start_control(stage->pointsman);
    pointsman_start_proxy(stage->pointsman);
    pointsman_wait_ready(stage->pointsman);
    pointsman_routectl_ok(stage->pointsman, "add", "page", "--path-prefix", "/page", "--to",
                          fake_upstream_url(stage->upstream), NULL);
}

void stage_stop(struct stage *stage)
{
    pointsman_free(stage->pointsman);
    fake_upstream_free(stage->upstream);
    free(stage->program);
}

/* --- questions ------------------------------------------------------------------------------- */

pid_t stage_wait_serving(struct stage *stage, unsigned generation)
{
    char text[64];
    snprintf(text, sizeof(text), " generation=%u took_ms=", generation);
    char *line = process_expect_line(pointsman_proxy(stage->pointsman), text);
    const char *pid = strstr(line, " pid=");
    CHECK(pid != NULL, "no pid in '%s'", line);
    pid_t number = atoi(pid + strlen(" pid="));
    free(line);
    return number;
}

void stage_upgrade(struct stage *stage, unsigned generation)
{
    process_signal(pointsman_proxy(stage->pointsman), SIGUSR2);
    stage_wait_serving(stage, generation);
}

void stage_assert_undisturbed(struct load_tally tally)
{
    CHECK(tally.refused + tally.unanswered + tally.broken + tally.failed == 0,
          "%zu answered, %zu refused, %zu unanswered, %zu broken, %zu failed (last with %d)",
          tally.answered, tally.refused, tally.unanswered, tally.broken, tally.failed,
          tally.last_status);
}

int stage_get(const struct stage *stage, const char *path)
{
    return http_get_status(pointsman_port(stage->pointsman), "h", path);
}

size_t stage_count_lines(struct stage *stage, const char *text)
{
    char *output = process_output(pointsman_proxy(stage->pointsman), PROCESS_STDERR);
    size_t count = 0;
    for (const char *at = strstr(output, text); at != NULL; at = strstr(at, text)) {
        count++;
        at += strcspn(at, "\n");
    }
    free(output);
    return count;
}
