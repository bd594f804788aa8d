#include "tests/unit/proxy/routing/random_routes.h"

#include "tests/unit/proxy/routing/route_text.h"

/* --- choices -------------------------------------------------------------------------------- */

static uint64_t random_state;

/* Seeds that follow each other must not begin alike. */
void random_seed(uint64_t seed)
{
    random_state = (seed ^ seed << 32) * UINT64_C(0x9e3779b97f4a7c15);
    random_state ^= random_state >> 29;
}

unsigned random_below(unsigned below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(random_state >> 33) % below;
}

bool random_once_in(unsigned times)
{
    return random_below(times) == 0;
}

static const char *one_of(const char *const *words, size_t count)
{
    return words[random_below((unsigned)count)];
}

/* One in each call at most: arguments have no order, and another compiler would make other routes.
 */
#define ONE_OF(words) one_of((words), sizeof(words) / sizeof((words)[0]))

/* --- words ---------------------------------------------------------------------------------- */

static const char *const hostnames[] = {"x",     "a.x",     "b.x",       "a.b.x",   "*.x",
                                        "*.b.x", "*.a.b.x", "*.c.a.b.x", "c.a.b.x", "d.c.a.b.x"};
static const char *const request_hosts[] = {
    "x", "a.x", "b.x", "a.b.x", "c.a.b.x", "d.c.a.b.x", "e.d.c.a.b.x", "d.b.x", "y", "xx", "ax"};
/* "/%7ea" is "/~a" in canonical form, "%c3" is "%C3". */
static const char *const paths[] = {"/",        "/a",    "/a/",        "/b",       "/a/b",
                                    "/a/c",     "/a/b/", "/a/b/c",     "/a/b/c/",  "/ab",
                                    "/a/%62/c", "/%7ea", "/a/b/c/d/e", "/x%c3%a9", "/x%C3%A9/"};
static const char *const request_paths[] = {
    "/",      "/a",      "/a/",      "/ab",       "/a/b",   "/a/b/",      "/a/c",
    "/a/b/c", "/a/b/c/", "/a//b",    "/a/b/c/d",  "/b/c/d", "/a/b/c/d/e", "/c",
    "/~a",    "/~a/",    "/x%C3%A9", "/x%C3%A9/", "//",     "/a/bc",      "/a/b/c/d/e/",
    "/A/b",   "/a/b//c", "/ab/",     "*"};
static const char *const expressions[] = {"/a.*", "/[a-z]+", "/a/(b|c)",  "/.*", "/a/b/c+",
                                          "/..?", "/a/b/.*", "/(~a|b).*", "/a/", ".+c"};
static const char *const methods[] = {"GET", "PUT", "POST"};
static const char *const header_names[] = {"one",  "One",  "ONE",        "two",       "three",
                                           "four", "five", "Set-Cookie", "set-cookie"};
/* "_" is a space, in values of parameters too. */
static const char *const values[] = {"1", "2", "3", "a,b", "1,_2", "2,_1", "1,_1"};
static const char *const sent_values[] = {"1", "2", "3", "a,b", "1, 2", ""};
static const char *const value_expressions[] = {"[0-9]", "1|2", ".*", "1,.2", "[^0-9]+", ".+,.+"};
static const char *const query_names[] = {"p", "q", "r", "s", "p.q"};
static const char *const query_values[] = {"1", "2", "3", "a,b", "a_b", "_", "%31"};
static const char *const queries[] = {
    "",        "p=1",       "p=2&q=1",        "q=1&p=1&q=2", "%70=1",   "r=a%2cb",
    "s=1&r=3", "p=+",       "p&q=%31&s=3",    "q=3&&r=2",    "p%2Eq=1", "p.q=a+b",
    "p=a%20b", "p=%2531",   "p=%zz&q=%4",     "P=1",         "=1&p=3",  "p=1&p=2",
    "r=2;q=1", "p=2&%70=1", "p=1&q=1&r=1&s=1"};
static const char *const attachments[] = {"on=web", "on=other on=:81", "on=third:82",  "on=web:81",
                                          "on=:80", "on=sock",         "on=web on=:82"};

/* --- routes --------------------------------------------------------------------------------- */

unsigned world_route_count(enum world_kind world)
{
    static const unsigned counts[] = {[WORLD_MIXED] = 60,
                                      [WORLD_CROWDED] = 120,
                                      [WORLD_WIDE] = WORLD_MAX_ROUTES,
                                      [WORLD_EXPRESSIONS] = WORLD_MAX_ROUTES / 2,
                                      [WORLD_VALUES] = WORLD_MAX_ROUTES / 2};
    return counts[world];
}

static void write_wide_path(struct buffer *text)
{
    buffer_printf(text, "/p%u", random_below(60));
    if (random_once_in(2))
        buffer_printf(text, "/q%u", random_below(4));
    if (random_once_in(4))
        buffer_append_string(text, "/r");
}

static void append_path(struct buffer *text, const char *path)
{
    buffer_printf(text, " %s:%s", random_once_in(3) ? "exact" : "prefix", path);
}

static const char *const grpc_paths[] = {" exact:/a/b", " exact:/a/c", " prefix:/a", " prefix:/b",
                                         " grpc:b",     " grpc:c",     " grpc:bc",   ""};

/* # is one of many numbers. Some have long texts, some short ones, some none. */
static const char *const numbered_expressions[] = {
    "/[a-z]+/items/#",       "/.*/items/#/?",      ".*/x#",       "/(?:a|b)/items/#.*",
    "(?i)/A/ITEMS/#",        "/[ab]/(items/)?#",   "/a/items/#?", "/a(/items/#)+/?",
    "/[ab]/(items|x)/#",     "/.*/items/(#|#)",    "/[^/]+/\\d#", "/[ab]/items/#+",
    "/[ab]/it(?:em)s/\\w*#", "/[a-b]/.*/items/#/", "/[ab]/.*",    "/?[ab]?/#",
};

/* For values. */
static const char *const numbered_value_expressions[] = {
    "tenant-#",     ".*tenant-#.*",       "[a-z]+-#",    "(?i)TENANT-#", "t#",
    "1,.tenant-#",  "tenant-#,.2",        "\\w+-#",      "(tenant-#|x)", ".*nt-#,.*t#",
    "(tenant-)?#+", "(?:tenant|user)-#.", ".*(ant-#)+,", "te..nt-#",     "tenant-#(,.[0-9])*",
};

static void write_numbered_expression(struct buffer *text)
{
    unsigned number = random_below(150);
    buffer_append_string(text, " regex:");
    route_text_append_numbered(text, ONE_OF(numbered_expressions), number);
}

static void append_value_expression(struct buffer *text, enum world_kind world)
{
    if (world != WORLD_VALUES) {
        buffer_append_string(text, ONE_OF(value_expressions));
        return;
    }
    unsigned number = random_below(150);
    route_text_append_numbered(text, ONE_OF(numbered_value_expressions), number);
}

/* Mostly one item; now and then very many, or one of them again and again. */
static void write_item_path(struct buffer *text)
{
    buffer_append_string(text, random_once_in(3) ? "/a" : "/b");
    unsigned items = random_once_in(12) ? 100 : 1 + random_below(2);
    unsigned number = random_below(150);
    for (unsigned i = 0; i < items; i++) {
        buffer_printf(text, "/%s%u", random_once_in(6) ? "x" : "items/", number);
        if (random_once_in(2))
            number = random_below(150);
    }
    if (random_once_in(6))
        buffer_append_string(text, "/");
}

static void write_path(struct buffer *text, enum world_kind world)
{
    switch (world) {
    case WORLD_EXPRESSIONS:
        if (random_once_in(16))
            append_path(text, ONE_OF(paths));
        else
            write_numbered_expression(text);
        return;
    case WORLD_CROWDED:
    case WORLD_VALUES:
        buffer_append_string(text, random_once_in(4) ? " prefix:/a" : " prefix:/");
        return;
    case WORLD_WIDE:
        if (random_once_in(32))
            return;
        buffer_append_string(text, random_once_in(3) ? " exact:" : " prefix:");
        write_wide_path(text);
        return;
    case WORLD_MIXED:
    case WORLD_KINDS:
        break;
    }
    if (random_once_in(6))
        buffer_printf(text, " regex:%s", ONE_OF(expressions));
    else if (!random_once_in(16))
        append_path(text, ONE_OF(paths));
}

static unsigned condition_count(enum world_kind world)
{
    switch (world) {
    case WORLD_CROWDED:
        return random_below(4);
    case WORLD_WIDE:
    case WORLD_EXPRESSIONS:
        return random_once_in(8);
    case WORLD_VALUES:
        return !random_once_in(3);
    case WORLD_MIXED:
    case WORLD_KINDS:
        break;
    }
    return random_below(7) / 4;
}

static void write_match(struct buffer *text, enum world_kind world, bool is_grpc)
{
    bool is_for_values = world == WORLD_VALUES;
    if (is_grpc && is_for_values)
        buffer_printf(text, " grpc:m%u", random_below(60));
    else if (is_grpc)
        buffer_append_string(text, ONE_OF(grpc_paths));
    else
        write_path(text, world);
    if (!is_grpc && random_once_in(world == WORLD_WIDE ? 16 : world == WORLD_EXPRESSIONS ? 6 : 4))
        buffer_printf(text, " method:%s", ONE_OF(methods));
    for (unsigned i = condition_count(world); i > 0; i--) {
        const char *name = ONE_OF(header_names);
        if (is_for_values ? !random_once_in(6) : random_once_in(4)) {
            buffer_printf(text, " header~%s=", name);
            append_value_expression(text, world);
        } else {
            buffer_printf(text, " header:%s=%s", name, ONE_OF(values));
        }
    }
    for (unsigned i = is_grpc || world == WORLD_WIDE ? 0 : random_below(6) / 4; i > 0; i--) {
        const char *name = ONE_OF(query_names);
        if (is_for_values ? !random_once_in(6) : random_once_in(4)) {
            buffer_printf(text, " query~%s=", name);
            append_value_expression(text, world);
        } else {
            buffer_printf(text, " query:%s=%s", name, ONE_OF(query_values));
        }
    }
}

static void write_hostnames(struct buffer *text, enum world_kind world)
{
    bool is_on_one_path = world == WORLD_CROWDED || world == WORLD_VALUES;
    if (is_on_one_path || random_once_in(world == WORLD_WIDE ? 40 : 8))
        return;
    if (world == WORLD_WIDE) {
        bool is_wildcard = random_once_in(3);
        buffer_printf(text, " host=%sh%u.x", is_wildcard ? "*." : "", random_below(30));
        return;
    }
    if (world == WORLD_EXPRESSIONS) {
        buffer_append_string(text, random_once_in(2) ? " host=x" : " host=*.x");
        return;
    }
    buffer_printf(text, " host=%s", ONE_OF(hostnames));
    for (unsigned i = random_below(3); i > 0; i--)
        buffer_printf(text, ",%s", ONE_OF(hostnames));
}

static void put_spaces(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '_')
            *text = ' ';
    }
}

static void put_spaces_in_match(RouteMatchMessage *match)
{
    for (size_t i = 0; i < match->n_headers; i++)
        put_spaces(match->headers[i]->value);
    for (size_t i = 0; i < match->n_query_params; i++)
        put_spaces(match->query_params[i]->value);
}

RouteMessage *random_route(enum world_kind world, unsigned number)
{
    struct buffer text = BUFFER_EMPTY;
    unsigned created = random_below(5);
    /* It has the name of the HTTPRoute before it. */
    bool is_grpc = world != WORLD_WIDE && number % 8 == 1;
    number -= is_grpc;
    buffer_printf(&text, "%s%u @%u.%u", number % 3 == 0 ? "ns/r" : "r", number, created,
                  random_below(3));
    write_hostnames(&text, world);
    if (random_once_in(6))
        buffer_printf(&text, " %s", ONE_OF(attachments));

    if (is_grpc)
        buffer_append_string(&text, " grpc");

    /* Without rules: one that takes everything. */
    unsigned rules = random_once_in(100) ? 0 : 1 + random_below(3);
    if (rules > 0)
        buffer_append_string(&text, " :");
    for (; rules > 0; rules--) {
        write_match(&text, world, is_grpc);
        while (random_once_in(3)) {
            buffer_append_string(&text, " | ");
            write_match(&text, world, is_grpc);
        }
        if (rules > 1)
            buffer_append_string(&text, "; ");
    }
    RouteMessage *message = route_text_parse(buffer_string(&text));
    for (size_t i = 0; i < message->n_rules; i++) {
        for (size_t j = 0; j < message->rules[i]->n_matches; j++)
            put_spaces_in_match(message->rules[i]->matches[j]);
    }
    buffer_clear(&text);
    return message;
}

/* --- requests ------------------------------------------------------------------------------- */

static void write_target(struct buffer *text, enum world_kind world)
{
    if (world == WORLD_WIDE) {
        bool is_deep = random_once_in(3);
        buffer_printf(text, "%sh%u.x", is_deep ? "a.b." : "", random_below(32));
        write_wide_path(text);
        if (random_once_in(4))
            buffer_append_string(text, random_once_in(2) ? "/" : "/more/of/it");
        return;
    }
    if (world == WORLD_EXPRESSIONS) {
        buffer_append_string(text, random_once_in(2) ? "x" : "a.x");
        write_item_path(text);
        return;
    }
    buffer_append_string(text, ONE_OF(request_hosts));
    if (world == WORLD_VALUES && random_once_in(4))
        buffer_printf(text, "/s/m%u", random_below(60));
    else if (world == WORLD_CROWDED || world == WORLD_VALUES)
        buffer_append_string(text, random_once_in(2) ? "/" : "/a/b");
    else
        buffer_append_string(text, ONE_OF(request_paths));
}

static const char *const numbered_queries[] = {
    "p=tenant-#",     "q=%74en%61nt-#",          "p=1&p=tenant-#",
    "%71=user-#&r=1", "p=tenant-#&q=x,t#&s=a+#", "r=1,+tenant-#&q=t#",
};
static const char *const numbered_values[] = {
    "tenant-#", "tenant-#,", "tenant-#, t#", "Tenant-#", "1, tenant-#",
    "t#",       "user-#x",   "a-#",          "#",        "tenant-#, 1, 2"};

/* Mostly one; now and then very many. */
static void append_sent_value(struct buffer *text, enum world_kind world)
{
    if (world != WORLD_VALUES || random_once_in(6)) {
        buffer_append_string(text, ONE_OF(sent_values));
        return;
    }
    for (unsigned i = random_once_in(20) ? 100 : 1; i > 0; i--) {
        unsigned number = random_below(150);
        route_text_append_numbered(text, ONE_OF(numbered_values), number);
    }
}

static void append_query(struct buffer *text, enum world_kind world)
{
    if (world != WORLD_VALUES || random_once_in(6)) {
        buffer_append_string(text, ONE_OF(queries));
        return;
    }
    unsigned number = random_below(150);
    route_text_append_numbered(text, ONE_OF(numbered_queries), number);
}

void random_request(enum world_kind world, struct buffer *text)
{
    buffer_reset(text);
    buffer_printf(text, "%s ", ONE_OF(methods));
    write_target(text, world);
    if (random_once_in(2)) {
        buffer_append_char(text, '?');
        append_query(text, world);
    }
    const char *separator = " ";
    for (unsigned i = random_below(world == WORLD_CROWDED ? 8 : 4); i > 0; i--) {
        const char *name = ONE_OF(header_names);
        buffer_printf(text, "%s%s: ", separator, name);
        append_sent_value(text, world);
        separator = " | ";
    }
}

const struct listener_identity *random_listener(void)
{
    static const struct listener_identity listeners[] = {
        {SLICE("web"), 80}, {SLICE("other"), 81}, {SLICE("third"), 82}, {SLICE("sock"), 0}};
    return &listeners[random_below(4)];
}
