#include "tests/integration/httproute/acceptance.h"

#include "tests/support/check.h"
#include "tests/support/http_connection.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SERVICES = 4 };
static const char *const service_names[SERVICES] = {"one", "two", "three", "odd"};

static struct {
    struct pointsman *pointsman;
    struct fake_upstream *services[SERVICES];
    int second_port;
} world;

/* --- the programs ----------------------------------------------------------------------------- */

static int find_second_port(void)
{
    static const char event[] = "listener=second=127.0.0.1:";
    char *line = process_expect_line(pointsman_proxy(world.pointsman), event);
    int port = atoi(strstr(line, event) + sizeof(event) - 1);
    free(line);
    return port;
}

void acceptance_start(void)
{
    static const char *const arguments[] = {"--listen", "second=127.0.0.1:0", NULL};
    static const struct pointsman_options options = {.proxy_arguments = arguments};
    world.pointsman = pointsman_start(&options);
    world.second_port = find_second_port();
    for (size_t i = 0; i < SERVICES; i++) {
        char port[16];
        world.services[i] = fake_upstream_start(service_names[i]);
        snprintf(port, sizeof(port), "%d", fake_upstream_port(world.services[i]));
        struct buffer document = BUFFER_EMPTY;
        buffer_printf(&document,
                      "apiVersion: pointsman/v1\nkind: Backend\nmetadata: {name: %s}\n"
                      "spec: {endpoints: [{address: 127.0.0.1}], ports: [{port: 8080, "
                      "targetPort: %s}]}\n",
                      service_names[i], port);
        acceptance_apply(buffer_string(&document));
        buffer_clear(&document);
    }
}

void acceptance_stop(void)
{
    pointsman_free(world.pointsman);
    for (size_t i = 0; i < SERVICES; i++)
        fake_upstream_free(world.services[i]);
}

struct pointsman *acceptance_pointsman(void)
{
    return world.pointsman;
}

struct fake_upstream *acceptance_service(const char *name)
{
    for (size_t i = 0; i < SERVICES; i++) {
        if (strcmp(service_names[i], name) == 0)
            return world.services[i];
    }
    CHECK(false, "there is no service %s", name);
    return NULL;
}

int acceptance_second_port(void)
{
    return world.second_port;
}

/* --- documents -------------------------------------------------------------------------------- */

/* The text with the ports in it. Caller frees. */
static char *fill_in(const char *text)
{
    const struct {
        const char *name;
        int port;
    } ports[] = {
        {"@PORT@", pointsman_port(world.pointsman)},
        {"@SECOND@", world.second_port},
        {"@ONE@", world.services[0] == NULL ? 0 : fake_upstream_port(world.services[0])},
        {"@TWO@", world.services[1] == NULL ? 0 : fake_upstream_port(world.services[1])},
        {"@ODD@", world.services[3] == NULL ? 0 : fake_upstream_port(world.services[3])},
    };
    struct buffer filled = BUFFER_EMPTY;
    while (*text != '\0') {
        size_t taken = 0;
        for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]) && taken == 0; i++) {
            size_t length = strlen(ports[i].name);
            if (strncmp(text, ports[i].name, length) != 0)
                continue;
            buffer_printf(&filled, "%d", ports[i].port);
            taken = length;
        }
        if (taken == 0)
            buffer_append_char(&filled, text[taken++]);
        text += taken;
    }
    char *copy = memory_duplicate_string(buffer_string(&filled));
    buffer_clear(&filled);
    return copy;
}

static struct command apply(const char *documents, const char *option)
{
    char *text = fill_in(documents);
    char *path = temp_dir_write(pointsman_dir(world.pointsman), "routes.yaml", text);
    struct command command = pointsman_routectl(world.pointsman, "apply", "-f", path, option, NULL);
    free(path);
    free(text);
    return command;
}

void acceptance_apply(const char *documents)
{
    struct command command = apply(documents, NULL);
    CHECK(command.exit_code == 0, "apply ended with %d:\n%s%s", command.exit_code, command.err,
          documents);
    command_clear(&command);
}

void acceptance_apply_file(const char *name)
{
    struct buffer path = BUFFER_EMPTY;
    buffer_printf(&path, "%s/%s", HTTPROUTE_DOCUMENTS, name);
    char *documents = temp_dir_read(buffer_string(&path));
    CHECK(documents != NULL, "cannot read %s", buffer_string(&path));
    acceptance_apply(documents);
    free(documents);
    buffer_clear(&path);
}

struct command acceptance_try(const char *documents)
{
    return apply(documents, "--dry-run");
}

/* --- requests --------------------------------------------------------------------------------- */

/* "GET /a\nname: value" as it goes over the wire. */
static void write_request(struct buffer *to, const char *host, const char *request)
{
    size_t line_length = strcspn(request, "\n");
    buffer_printf(to, "%.*s HTTP/1.1\r\n", (int)line_length, request);
    if (strcasestr(request, "\nhost:") == NULL)
        buffer_printf(to, "Host: %s\r\n", host);
    for (const char *line = request + line_length; *line == '\n'; line += line_length) {
        line++;
        line_length = strcspn(line, "\n");
        buffer_printf(to, "%.*s\r\n", (int)line_length, line);
    }
    buffer_append_string(to, "Connection: close\r\n\r\n");
}

static enum http_outcome send_request(int port, const char *host, const char *request,
                                      struct http_message *response)
{
    struct buffer head = BUFFER_EMPTY;
    char *filled = fill_in(request);
    write_request(&head, host, filled);
    free(filled);
    struct http_connection *connection = http_connection_open(port);
    CHECK(connection != NULL, "port %d refuses", port);
    http_connection_send(connection, head.at, head.length);
    enum http_outcome outcome = strncmp(request, "HEAD ", 5) == 0
                                    ? http_connection_receive_head(connection, response, WAIT_MS)
                                    : http_connection_receive(connection, response, WAIT_MS);
    http_connection_close(connection);
    buffer_clear(&head);
    return outcome;
}

/* The name of the service, or the status. */
static char *answer_of(enum http_outcome outcome, const struct http_message *response)
{
    char *server = outcome == HTTP_COMPLETE && response->status == 200
                       ? http_message_field(response, "X-Served-By")
                       : NULL;
    if (server != NULL)
        return server;
    if (outcome != HTTP_COMPLETE)
        return memory_duplicate_string(http_outcome_name(outcome));
    char status[16];
    snprintf(status, sizeof(status), "%d", response->status);
    return memory_duplicate_string(status);
}

char *acceptance_ask(const char *host, const char *request)
{
    struct http_message response = HTTP_MESSAGE_EMPTY;
    enum http_outcome outcome =
        send_request(pointsman_port(world.pointsman), host, request, &response);
    char *answer = answer_of(outcome, &response);
    http_message_clear(&response);
    return answer;
}

/* --- expectations ----------------------------------------------------------------------------- */

/* Is "name: value" a line of the head? */
static bool has_line(const struct http_message *message, const char *line)
{
    size_t name_length = strcspn(line, ":");
    for (const char *at = strchr(message->head.at, '\n'); at != NULL; at = strchr(at + 1, '\n')) {
        const char *field = at + 1;
        size_t length = strcspn(field, "\r");
        if (length == strlen(line) && strncasecmp(field, line, name_length) == 0 &&
            strncmp(field + name_length, line + name_length, length - name_length) == 0)
            return true;
    }
    return false;
}

static bool line_holds(const struct http_message *message, const char *line)
{
    char name[128];
    if (*line == '+')
        return has_line(message, line + 1);
    if (*line == '?')
        return http_message_field_count(message, line + 1) == 1;
    if (*line == '!')
        return http_message_field_count(message, line + 1) == 0;
    if (strchr(line, ':') == NULL || strcspn(line, " ") < strcspn(line, ":")) /* a start line */
        return strncmp(message->head.at, line, strlen(line)) == 0 &&
               message->head.at[strlen(line)] == ' ';
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(line, ":"), line);
    return http_message_field_count(message, name) == 1 && has_line(message, line);
}

static void expect_lines(const struct acceptance_case *expected, const struct http_message *message,
                         const char *lines, struct buffer *failures)
{
    char *text = fill_in(lines);
    char *rest = text;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        if (message->head.length == 0 || !line_holds(message, line))
            buffer_printf(failures, "%s: %s: expected '%s' in\n%s\n", expected->rules,
                          expected->request, line,
                          message->head.length == 0 ? "(nothing)\n" : message->head.at);
    }
    free(text);
}

static void check_case(int port, const char *host, const struct acceptance_case *expected,
                       struct buffer *failures)
{
    struct http_message response = HTTP_MESSAGE_EMPTY;
    enum http_outcome outcome = send_request(port, host, expected->request, &response);
    char *answer = answer_of(outcome, &response);
    if (expected->answer != NULL && strcmp(answer, expected->answer) != 0)
        buffer_printf(failures, "%s: %s: '%s' instead of '%s'\n%s\n", expected->rules,
                      expected->request, answer, expected->answer,
                      response.head.length == 0 ? "" : response.head.at);
    if (expected->received != NULL) {
        struct http_message received = HTTP_MESSAGE_EMPTY;
        http_message_take(&received, &response.body, false);
        expect_lines(expected, &received, expected->received, failures);
        http_message_clear(&received);
    }
    if (expected->answered != NULL)
        expect_lines(expected, &response, expected->answered, failures);
    free(answer);
    http_message_clear(&response);
}

void acceptance_check_at(int port, const char *host, const struct acceptance_case *cases,
                         size_t count)
{
    struct buffer failures = BUFFER_EMPTY;
    for (size_t i = 0; i < count; i++)
        check_case(port, host, &cases[i], &failures);
    if (failures.length > 0)
        print_error("%s", buffer_string(&failures));
    bool has_failed = failures.length > 0;
    buffer_clear(&failures);
    assert_false(has_failed);
}

void acceptance_check(const char *host, const struct acceptance_case *cases, size_t count)
{
    acceptance_check_at(pointsman_port(world.pointsman), host, cases, count);
}
