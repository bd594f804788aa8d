/* Limits: what a document must not say, and what it may although it looks odd. */
#include "tests/integration/httproute/acceptance.h"
#include "tests/support/check.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

/* A route whose `spec` is one line. */
#define DOCUMENT                                                                                   \
    "---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: "            \
    "limit-%zu}\n"                                                                                 \
    "spec: %s\n"

#define HOSTNAME(name) "{hostnames: [" name "]}"
#define MATCH(match) "{rules: [{matches: [" match "], backendRefs: [{name: one}]}]}"
#define FILTERS(filters) "{rules: [{filters: [" filters "], backendRefs: [{name: one}]}]}"
#define REDIRECT(fields)                                                                           \
    "{rules: [{filters: [{type: RequestRedirect, requestRedirect: {" fields "}}]}]}"
#define REWRITE(fields) FILTERS("{type: URLRewrite, urlRewrite: {" fields "}}")
#define EDIT(fields) FILTERS("{type: RequestHeaderModifier, requestHeaderModifier: {" fields "}}")
#define MIRROR(fields) FILTERS("{type: RequestMirror, requestMirror: {" fields "}}")
#define CORS(fields) FILTERS("{type: CORS, cors: {" fields "}}")
#define BACKEND_REF(fields) "{rules: [{backendRefs: [{" fields "}]}]}"
#define TIMEOUTS(fields) "{rules: [{timeouts: {" fields "}}]}"
#define SESSION(session) "{rules: [{sessionPersistence: {" session "}}]}"
#define RETRY(fields) "{rules: [{retry: {" fields "}}]}"

/* `what` is part of what is said of it; NULL: it is taken. */
struct limit_case {
    const char *rules;
    const char *spec;
    const char *what;
};

static const struct limit_case host_cases[] = {
    {"HOST-6", HOSTNAME("a.b"), NULL},
    {"HOST-6", HOSTNAME("'*.a.b'"), NULL},
    {"HOST-6", HOSTNAME("localhost"), NULL},
    {"HOST-6", HOSTNAME("1a.b2"), NULL},
    {"HOST-6", HOSTNAME("a-b.c"), NULL},
    {"HOST-6", HOSTNAME("xn--bcher-kva.example"), NULL},
    {"HOST-6", HOSTNAME("'*'"), "spec.hostnames[0]: must be a DNS name"},
    {"HOST-6", HOSTNAME("a.*.b"), "spec.hostnames[0]: must be a DNS name"},
    {"HOST-6", HOSTNAME("'*a.b'"), "spec.hostnames[0]: must be a DNS name"},
    {"HOST-6", HOSTNAME("A.b"), "spec.hostnames[0]: must be a DNS name"},
    {"HOST-6", HOSTNAME("a..b"), "spec.hostnames[0]: must be a DNS name"},
    {"HOST-6", HOSTNAME("-a.b"), "spec.hostnames[0]: must be a DNS name"},
    {"HOST-6", HOSTNAME("a-.b"), "spec.hostnames[0]: must be a DNS name"},
    {"HOST-6", HOSTNAME("a.b."), "spec.hostnames[0]: must be a DNS name"},
    {"HOST-6", HOSTNAME("a_b.c"), "spec.hostnames[0]: must be a DNS name"},
    {"HOST-6", HOSTNAME("a/b"), "spec.hostnames[0]: must be a DNS name"},
    {"HOST-6", HOSTNAME("'a.b:80'"), "spec.hostnames[0]: must be a DNS name"},
    {"HOST-6", HOSTNAME("''"), "spec.hostnames[0]: must be a DNS name"},
    {"HOST-6", HOSTNAME("1.2.3.4"), "spec.hostnames[0]: must be a name, not an IP address"},
    {"HOST-6", HOSTNAME("'::1'"), "spec.hostnames[0]: must be a name, not an IP address"},
};

static const struct limit_case match_cases[] = {
    {"PATH-5", MATCH("{path: {value: /}}"), NULL},
    {"PATH-5", MATCH("{path: {value: /a}}"), NULL},
    {"PATH-5", MATCH("{path: {value: /a/}}"), NULL},
    {"PATH-5", MATCH("{path: {value: /%C3%A9}}"), NULL},
    {"PATH-5", MATCH("{path: {value: /...}}"), NULL},
    {"PATH-5", MATCH("{path: {value: /.a}}"), NULL},
    {"PATH-5", MATCH("{path: {value: /a/..b}}"), NULL},
    {"PATH-5", MATCH("{path: {value: \"/-._~!$&'()*+,;=:@\"}}"), NULL},
    {"PATH-5", MATCH("{path: {type: Exact}}"), NULL},
    {"PATH-5", MATCH("{path: {}}"), NULL},
    {"PATH-5", MATCH("{}"), NULL},
    {"PATH-5", MATCH("{path: {value: a}}"), "must start with '/'"},
    {"PATH-5", MATCH("{path: {value: ''}}"), "must not be empty"},
    {"PATH-5", MATCH("{path: {value: /a//b}}"), "must not contain '//'"},
    {"PATH-5", MATCH("{path: {value: /a/./b}}"), "must not contain '/./'"},
    {"PATH-5", MATCH("{path: {value: /a/../b}}"), "must not contain '/./'"},
    {"PATH-5", MATCH("{path: {value: /a/..}}"), "nor end so"},
    {"PATH-5", MATCH("{path: {value: /a/.}}"), "nor end so"},
    {"PATH-5", MATCH("{path: {value: /a%2fb}}"), "%2f"},
    {"PATH-5", MATCH("{path: {value: /a%2Fb}}"), "%2f"},
    {"PATH-5", MATCH("{path: {value: '/a#b'}}"), "'#'"},
    {"PATH-5", MATCH("{path: {value: '/a?b'}}"), "only characters of a path"},
    {"PATH-5", MATCH("{path: {value: /é}}"), "only characters of a path"},
    {"PATH-5", MATCH("{path: {value: /a%2}}"), "as an escape"},
    {"PATH-5", MATCH("{path: {value: '/a b'}}"), "only characters of a path"},
    {"PATH-5", MATCH("{path: {value: '/[a]'}}"), "only characters of a path"},
    {"PATH-5", MATCH("{path: {type: Prefix, value: /a}}"),
     "'Prefix' is none of Exact, PathPrefix, RegularExpression"},
    {"METHOD-2", MATCH("{method: GET}"), NULL},
    {"METHOD-2", MATCH("{method: HEAD}"), NULL},
    {"METHOD-2", MATCH("{method: POST}"), NULL},
    {"METHOD-2", MATCH("{method: PUT}"), NULL},
    {"METHOD-2", MATCH("{method: DELETE}"), NULL},
    {"METHOD-2", MATCH("{method: CONNECT}"), NULL},
    {"METHOD-2", MATCH("{method: OPTIONS}"), NULL},
    {"METHOD-2", MATCH("{method: TRACE}"), NULL},
    {"METHOD-2", MATCH("{method: PATCH}"), NULL},
    {"METHOD-2", MATCH("{method: get}"), "matches[0].method: must be one of GET"},
    {"METHOD-2", MATCH("{method: PROPFIND}"), "matches[0].method: must be one of GET"},
    {"METHOD-2", MATCH("{method: '*'}"), "matches[0].method: must be one of GET"},
    {"METHOD-2", MATCH("{method: ''}"), "matches[0].method: must not be empty"},
    {"HDR-1", MATCH("{headers: [{name: a, value: b}, {name: A, value: c}]}"), NULL},
    {"HDR-1", MATCH("{headers: [{name: a, value: \"b\\tc\"}]}"), NULL},
    {"HDR-1", MATCH("{headers: [{name: a, value: ''}]}"), "value: must have 1 to 4096"},
    {"HDR-1", MATCH("{headers: [{name: '', value: b}]}"), "name: must not be empty"},
    {"HDR-1", MATCH("{headers: [{name: 'a b', value: b}]}"), "name: must be a header name"},
    {"HDR-1", MATCH("{headers: [{name: ':method', value: b}]}"), "name: must be a header name"},
    {"HDR-1", MATCH("{headers: [{name: a, value: \"b\\nc\"}]}"), "value: must not have control"},
    {"HDR-1", MATCH("{headers: [{name: a, value: b, type: Prefix}]}"),
     "'Prefix' is none of Exact, RegularExpression"},
    {"HDR-1", MATCH("{headers: [{value: b}]}"), "name: must not be empty"},
    {"QUERY-1", MATCH("{queryParams: [{name: a.b, value: 'é ü&='}]}"), NULL},
    {"QUERY-1", MATCH("{queryParams: [{name: a, value: ''}]}"), "value: must have 1 to 1024"},
    {"QUERY-1", MATCH("{queryParams: [{name: 'a b', value: x}]}"), "name: must be a header name"},
    {"REGEX-2", MATCH("{path: {type: RegularExpression, value: '/a/.*'}}"), NULL},
    {"REGEX-2", MATCH("{path: {type: RegularExpression, value: '^/a$'}}"), NULL},
    {"REGEX-2", MATCH("{path: {type: RegularExpression, value: '(?i)/x'}}"), NULL},
    {"REGEX-2", MATCH("{path: {type: RegularExpression, value: '(?:a|b)+'}}"), NULL},
    {"REGEX-2", MATCH("{path: {type: RegularExpression, value: '[[:alpha:]]+'}}"), NULL},
    {"REGEX-2", MATCH("{path: {type: RegularExpression, value: '/a('}}"), "path.value: "},
    {"REGEX-2", MATCH("{path: {type: RegularExpression, value: '/a(?=b)'}}"), "look-ahead"},
    {"REGEX-2", MATCH("{path: {type: RegularExpression, value: '/a(?!b)'}}"), "look-ahead"},
    {"REGEX-2", MATCH("{path: {type: RegularExpression, value: '(?<=a)b'}}"), "look-behind"},
    {"REGEX-2", MATCH("{path: {type: RegularExpression, value: '(a)\\1'}}"), "back-reference"},
    {"REGEX-2", MATCH("{path: {type: RegularExpression, value: '(?<n>a)\\k<n>'}}"),
     "back-reference"},
    {"REGEX-2", MATCH("{headers: [{name: a, type: RegularExpression, value: '(?=b)'}]}"),
     "headers[0].value: "},
};

static const struct limit_case filter_cases[] = {
    {"FLT-1",
     FILTERS("{type: RequestMirror, requestMirror: {backendRef: {name: one}}}, {type: "
             "RequestMirror, requestMirror: {backendRef: {name: one}}}"),
     NULL},
    {"FLT-1",
     FILTERS("{type: RequestHeaderModifier, requestHeaderModifier: {}}, {type: "
             "RequestHeaderModifier, requestHeaderModifier: {}}"),
     "filters[1]: is of a kind that is there already"},
    {"FLT-1", FILTERS("{type: CORS, cors: {}}, {type: CORS, cors: {}}"),
     "filters[1]: is of a kind that is there already"},
    {"FLT-1", FILTERS("{type: URLRewrite, urlRewrite: {}}, {type: URLRewrite, urlRewrite: {}}"),
     "filters[1]: is of a kind that is there already"},
    {"FLT-3", FILTERS("{type: RateLimit}"), "unknown type 'RateLimit'"},
    {"FLT-3", FILTERS("{type: ExtensionRef, extensionRef: {group: a.b, kind: K, name: n}}"),
     "the type ExtensionRef is not supported"},
    {"FLT-AUTH-12",
     FILTERS("{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: one}, http: "
             "{}}}"),
     NULL},
    {"FLT-AUTH-12",
     FILTERS("{type: ExternalAuth, externalAuth: {protocol: GRPC, backendRef: {name: one}, grpc: "
             "{allowedHeaders: [cookie]}}}"),
     NULL},
    {"FLT-AUTH-12",
     FILTERS("{type: ExternalAuth, externalAuth: {protocol: GRPC, backendRef: {name: one}}}"),
     "filters[0].externalAuth.grpc: must be there with protocol GRPC"},
    {"FLT-AUTH-12",
     FILTERS("{type: ExternalAuth, externalAuth: {protocol: GRPC, backendRef: {name: one}, grpc: "
             "{}, http: {}}}"),
     "filters[0].externalAuth.http: does not go together with protocol GRPC"},
    {"FLT-AUTH-12",
     FILTERS("{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: one}, http: "
             "{}, grpc: {}}}"),
     "filters[0].externalAuth.grpc: does not go together with protocol HTTP"},
    {"FLT-AUTH-12",
     FILTERS("{type: ExternalAuth, externalAuth: {protocol: GRPC, backendRef: {name: one}, grpc: "
             "{allowedHeaders: [a, A]}}}"),
     "filters[0].externalAuth.grpc.allowedHeaders[1]: is given twice"},
    {"FLT-AUTH-12",
     FILTERS("{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: one}, http: "
             "{}, forwardBody: {maxSize: 1048577}}}"),
     "filters[0].externalAuth.forwardBody.maxSize: must be at most 1048576"},
    {"FLT-3", FILTERS("{type: CORS}"), "'type' is CORS, but 'cors' is missing"},
    {"FLT-3", FILTERS("{type: CORS, urlRewrite: {}}"), "'cors' is missing"},
    {"FLT-3", FILTERS("{cors: {}}"), "'type' is missing"},
    {"FLT-HEADER-5", EDIT("set: [{name: a, value: b}], add: [{name: c, value: d}], remove: [e]"),
     NULL},
    {"FLT-HEADER-5", EDIT(""), NULL},
    {"FLT-HEADER-5", EDIT("set: [{name: a, value: b}], add: [{name: A, value: c}]"),
     "is given twice"},
    {"FLT-HEADER-5", EDIT("set: [{name: a, value: b}, {name: a, value: c}]"), "is given twice"},
    {"FLT-HEADER-5", EDIT("remove: [a, A]"), "is given twice"},
    {"FLT-HEADER-5", EDIT("add: [{name: a, value: b}], remove: [A]"), "is given twice"},
    {"FLT-HEADER-6", EDIT("set: [{name: Host, value: a}]"), "the proxy sets it itself"},
    {"FLT-HEADER-6", EDIT("set: [{name: Content-Length, value: a}]"), "the proxy sets it itself"},
    {"FLT-HEADER-6", EDIT("set: [{name: Transfer-Encoding, value: a}]"),
     "the proxy sets it itself"},
    {"FLT-HEADER-6", EDIT("set: [{name: connection, value: a}]"), "the proxy sets it itself"},
    {"FLT-HEADER-6", EDIT("set: [{name: CDN-Loop, value: a}]"), "the proxy sets it itself"},
    {"FLT-HEADER-6", EDIT("set: [{name: Upgrade, value: a}]"), "the proxy sets it itself"},
    {"FLT-HEADER-6", EDIT("set: [{name: TE, value: a}]"), "the proxy sets it itself"},
    {"FLT-HEADER-6", EDIT("remove: [Host]"), "remove[0]: must not be"},
    {"FLT-HEADER-5", EDIT("set: [{name: a, value: ''}]"), "value: must have 1 to 4096"},
    {"FLT-HEADER-5", EDIT("set: [{name: a, value: \"b\\nc\"}]"),
     "must not have control characters"},
    {"FLT-HEADER-5", EDIT("remove: ['a b']"), "must be a header name"},
    {"FLT-REDIRECT-8", REDIRECT(""), NULL},
    {"FLT-REDIRECT-8", REDIRECT("scheme: https"), NULL},
    {"FLT-REDIRECT-8", REDIRECT("port: 65535"), NULL},
    {"FLT-REDIRECT-8", REDIRECT("statusCode: 308"), NULL},
    {"FLT-REDIRECT-8", REDIRECT("path: {type: ReplacePrefixMatch, replacePrefixMatch: ''}"), NULL},
    {"FLT-REDIRECT-8", REDIRECT("path: {type: ReplaceFullPath, replaceFullPath: /}"), NULL},
    {"FLT-REDIRECT-8", REDIRECT("scheme: ftp"), "must be http or https"},
    {"FLT-REDIRECT-8", REDIRECT("port: 0"), "port: must not be 0"},
    {"FLT-REDIRECT-8", REDIRECT("port: 65536"), "must be between 1 and 65535"},
    {"FLT-REDIRECT-8", REDIRECT("statusCode: 304"), "must be 301, 302, 303, 307 or 308"},
    {"FLT-REDIRECT-8", REDIRECT("statusCode: 0"), "statusCode: must not be 0"},
    {"FLT-REDIRECT-8", REDIRECT("hostname: '*.a'"), "hostname: must be a DNS name"},
    {"FLT-REDIRECT-8", REDIRECT("hostname: 1.2.3.4"), "not an IP address"},
    {"FLT-REDIRECT-8", REDIRECT("path: {type: ReplaceFullPath}"), "'replaceFullPath' is missing"},
    {"FLT-REDIRECT-8", REDIRECT("path: {type: ReplaceFullPath, replacePrefixMatch: /a}"),
     "'replaceFullPath' is missing"},
    {"FLT-REDIRECT-8",
     REDIRECT("path: {type: ReplaceFullPath, replaceFullPath: /a, replacePrefixMatch: /b}"),
     "excludes another key"},
    {"FLT-REDIRECT-8", REDIRECT("path: {type: ReplaceFullPath, replaceFullPath: a}"),
     "must start with '/'"},
    {"FLT-REDIRECT-8", FILTERS("{type: RequestRedirect, requestRedirect: {}}"),
     "does not go together with backend"},
    {"FLT-REDIRECT-8",
     FILTERS("{type: RequestRedirect, requestRedirect: {}}, {type: URLRewrite, urlRewrite: {}}"),
     "does not go together with "},
    {"FLT-REWRITE-4",
     "{rules: [{matches: [{path: {value: /a}}, {path: {value: /b}}], filters: [{type: URLRewrite, "
     "urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /x}}}]}]}",
     "needs exactly one PathPrefix match in its rule"},
    {"FLT-REWRITE-4",
     "{rules: [{matches: [{path: {value: /a}}, {path: {value: /b}}], backendRefs: [{name: one, "
     "filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, "
     "replacePrefixMatch: /x}}}]}]}]}",
     "needs exactly one PathPrefix match in its rule"},
    {"FLT-REWRITE-4",
     "{rules: [{matches: [{path: {value: /a}}, {path: {value: /b}}], filters: [{type: "
     "RequestRedirect, requestRedirect: {path: {type: ReplacePrefixMatch, replacePrefixMatch: "
     "/x}}}]}]}",
     "needs exactly one PathPrefix match in its rule"},
    {"FLT-REWRITE-4",
     "{rules: [{matches: [{path: {type: Exact, value: /a}}], filters: [{type: URLRewrite, "
     "urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /x}}}]}]}",
     "needs exactly one PathPrefix match in its rule"},
    {"FLT-REWRITE-4",
     "{rules: [{matches: [{path: {type: Exact, value: /a}}], backendRefs: [{name: one, filters: "
     "[{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: "
     "/x}}}]}]}]}",
     "needs exactly one PathPrefix match in its rule"},
    {"FLT-REWRITE-4",
     "{rules: [{matches: [{path: {type: Exact, value: /a}}], filters: [{type: RequestRedirect, "
     "requestRedirect: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /x}}}]}]}",
     "needs exactly one PathPrefix match in its rule"},
    {"FLT-REWRITE-4",
     "{rules: [{matches: [{path: {type: RegularExpression, value: /a}}], filters: [{type: "
     "URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /x}}}]}]}",
     "needs exactly one PathPrefix match in its rule"},
    {"FLT-REWRITE-4",
     "{rules: [{matches: [{path: {type: RegularExpression, value: /a}}], backendRefs: [{name: one, "
     "filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, "
     "replacePrefixMatch: /x}}}]}]}]}",
     "needs exactly one PathPrefix match in its rule"},
    {"FLT-REWRITE-4",
     "{rules: [{matches: [{path: {type: RegularExpression, value: /a}}], filters: [{type: "
     "RequestRedirect, requestRedirect: {path: {type: ReplacePrefixMatch, replacePrefixMatch: "
     "/x}}}]}]}",
     "needs exactly one PathPrefix match in its rule"},
    {"FLT-REWRITE-4",
     "{rules: [{matches: [{headers: [{name: a, value: b}]}], filters: [{type: URLRewrite, "
     "urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /x}}}]}]}",
     NULL},
    {"FLT-REWRITE-4", REWRITE("path: {type: ReplacePrefixMatch, replacePrefixMatch: /x}"), NULL},
};

static const struct limit_case share_cases[] = {
    {"FLT-MIRROR-2", MIRROR("backendRef: {name: one}"), NULL},
    {"FLT-MIRROR-2", MIRROR("backendRef: {name: one}, percent: 0"), NULL},
    {"FLT-MIRROR-2", MIRROR("backendRef: {name: one}, percent: 100"), NULL},
    {"FLT-MIRROR-2", MIRROR("backendRef: {name: one}, fraction: {numerator: 0}"), NULL},
    {"FLT-MIRROR-2", MIRROR("backendRef: {name: one}, fraction: {numerator: 1, denominator: 1000}"),
     NULL},
    {"FLT-MIRROR-2", MIRROR(""), "backendRef: must name a Backend"},
    {"FLT-MIRROR-2", MIRROR("backendRef: {name: one}, percent: 101"), "must be between 0 and 100"},
    {"FLT-MIRROR-2", MIRROR("backendRef: {name: one}, percent: -1"), "is not a number"},
    {"FLT-MIRROR-2", MIRROR("backendRef: {name: one}, percent: 1, fraction: {numerator: 1}"),
     "excludes another key"},
    {"FLT-MIRROR-2", MIRROR("backendRef: {name: one}, fraction: {numerator: 3, denominator: 2}"),
     "must be at most one"},
    {"FLT-MIRROR-2", MIRROR("backendRef: {name: one}, fraction: {numerator: 1, denominator: 0}"),
     "denominator: must not be 0"},
    {"FLT-MIRROR-2", MIRROR("backendRef: {name: one}, fraction: {denominator: 2}"),
     "'numerator' is missing"},
    {"FLT-MIRROR-2", MIRROR("backendRef: {name: one, port: 0}"), "port: must not be 0"},
    {"BACKEND-5", MIRROR("backendRef: {name: one, group: 'a/b'}"),
     "backendRef.group: must be a DNS name"},
    {"FLT-CORS-10", CORS("allowOrigins: ['*']"), NULL},
    {"FLT-CORS-10", CORS("allowOrigins: ['https://*:8080']"), NULL},
    {"FLT-CORS-10", CORS("allowOrigins: ['http://*']"), NULL},
    {"FLT-CORS-10", CORS("allowOrigins: ['https://A.b']"), NULL},
    {"FLT-CORS-10", CORS("allowOrigins: ['https://*.a.b:1']"), NULL},
    {"FLT-CORS-10", CORS("allowOrigins: ['https://127.0.0.1:8080']"), NULL},
    {"FLT-CORS-10", CORS("allowOrigins: [http://localhost]"), NULL},
    {"FLT-CORS-10", CORS("allowOrigins: [ftp://a.b]"), "allowOrigins[0]: must be '*' or an origin"},
    {"FLT-CORS-10", CORS("allowOrigins: [a.b]"), "allowOrigins[0]: must be '*' or an origin"},
    {"FLT-CORS-10", CORS("allowOrigins: [https://a.b/]"),
     "allowOrigins[0]: must be '*' or an origin"},
    {"FLT-CORS-10", CORS("allowOrigins: [https://a.b:0]"),
     "allowOrigins[0]: must be '*' or an origin"},
    {"FLT-CORS-10", CORS("allowOrigins: [https://a.b:65536]"),
     "allowOrigins[0]: must be '*' or an origin"},
    {"FLT-CORS-10", CORS("allowOrigins: [https://a.*.b]"),
     "allowOrigins[0]: must be '*' or an origin"},
    {"FLT-CORS-10", CORS("allowOrigins: [https://]"), "allowOrigins[0]: must be '*' or an origin"},
    {"FLT-CORS-10", CORS("allowOrigins: [https://a..b]"),
     "allowOrigins[0]: must be '*' or an origin"},
    {"FLT-CORS-10", CORS("allowOrigins: ['**']"), "allowOrigins[0]: must be '*' or an origin"},
    {"FLT-CORS-10", CORS("allowOrigins: ['*', https://a.b]"), "'*' must stand alone"},
    {"FLT-CORS-10", CORS("exposeHeaders: ['*', a]"), NULL},
    {"FLT-CORS-10", CORS("allowOrigins: [https://a.b, https://a.c, https://a.b]"),
     "allowOrigins[2]: is given twice: 'https://a.b'"},
    {"FLT-CORS-10", CORS("allowMethods: [GET, GET]"), "allowMethods[1]: is given twice: 'GET'"},
    {"FLT-CORS-10", CORS("allowHeaders: [a, a]"), "allowHeaders[1]: is given twice: 'a'"},
    {"FLT-CORS-10", CORS("exposeHeaders: [a, A, a]"), "exposeHeaders[2]: is given twice: 'a'"},
    {"FLT-CORS-10", CORS("allowCredentials: yes, maxAge: 1"), NULL},
    {"FLT-CORS-10", CORS("allowMethods: [GET, '*']"), "'*' must stand alone"},
    {"FLT-CORS-10", CORS("allowMethods: [get]"), "must be '*' or one of GET"},
    {"FLT-CORS-10", CORS("allowHeaders: ['*', a]"), "'*' must stand alone"},
    {"FLT-CORS-10", CORS("allowHeaders: ['a b']"), "must be a header name"},
    {"FLT-CORS-10", CORS("maxAge: 0"), "maxAge: must be at least 1"},
    {"FLT-CORS-10", CORS("maxAge: -1"), "is not a number"},
    {"FLT-CORS-10", CORS("allowCredentials: 'true'"), "is neither true nor false"},
};

static const struct limit_case rest_cases[] = {
    {"WEIGHT-4", BACKEND_REF("name: one, weight: 0"), NULL},
    {"WEIGHT-4", BACKEND_REF("name: one, weight: 1000000"), NULL},
    {"WEIGHT-4", BACKEND_REF("name: one, kind: Foo, group: bar.test"), NULL},
    {"WEIGHT-4", BACKEND_REF("name: one, namespace: other"), NULL},
    {"WEIGHT-4", BACKEND_REF("name: one, port: 65535"), NULL},
    {"WEIGHT-4", BACKEND_REF("name: one, weight: 1000001"), "must be between 0 and 1000000"},
    {"WEIGHT-4", BACKEND_REF("name: one, weight: -1"), "is not a number"},
    {"WEIGHT-4", BACKEND_REF("name: one, weight: 1.5"), "is not a number"},
    {"WEIGHT-4", BACKEND_REF("name: one, weight: '5'"), "is a text; a number"},
    {"WEIGHT-4", BACKEND_REF("name: one, weight: 99999999999999999999"), "is not a number"},
    {"BACKEND-5", BACKEND_REF("name: one, kind: Foo-2"), NULL},
    {"BACKEND-5", BACKEND_REF("name: one, kind: '*'"), "backendRefs[0].kind: must be letters"},
    {"BACKEND-5", BACKEND_REF("name: one, kind: 2Foo"), "backendRefs[0].kind: must be letters"},
    {"BACKEND-5", BACKEND_REF("name: one, kind: Foo-"), "backendRefs[0].kind: must be letters"},
    {"BACKEND-5", BACKEND_REF("name: one, group: '*'"), "backendRefs[0].group: must be a DNS"},
    {"BACKEND-1", BACKEND_REF("name: one, port: 0"), "port: must not be 0"},
    {"BACKEND-1", BACKEND_REF("name: one, port: 65536"), "must be between 1 and 65535"},
    {"BACKEND-1", BACKEND_REF("port: 80"), "name: must be the name of a Backend"},
    {"BACKEND-1", BACKEND_REF("name: One"), "name: must be the name of a Backend"},
    {"DOC-3", BACKEND_REF("name: one, wieght: 5"), "backendRefs[0]: unknown field 'wieght'"},
    {"DOC-10", TIMEOUTS("request: 10s"), NULL},
    {"DOC-10", TIMEOUTS("request: 0s"), NULL},
    {"DOC-10", TIMEOUTS("request: 1h30m"), NULL},
    {"DOC-10", TIMEOUTS("request: 250ms"), NULL},
    {"DOC-10", TIMEOUTS("request: 0s, backendRequest: 2s"), NULL},
    {"DOC-10", TIMEOUTS("request: 1s, backendRequest: 0s"), NULL},
    {"DOC-10", TIMEOUTS("backendRequest: 5m"), NULL},
    {"DOC-10", TIMEOUTS("request: 1.5s"), "timeouts.request: "},
    {"DOC-10", TIMEOUTS("request: 10"), "timeouts.request: "},
    {"DOC-10", TIMEOUTS("request: -1s"), "timeouts.request: "},
    {"DOC-10", TIMEOUTS("request: 1d"), "timeouts.request: "},
    {"DOC-10", TIMEOUTS("request: 100000s"), "timeouts.request: "},
    {"DOC-10", TIMEOUTS("request: 1us"), "timeouts.request: "},
    {"DOC-10", TIMEOUTS("request: ''"), "timeouts.request: "},
    {"DOC-10", TIMEOUTS("request: 1h1m1s1ms1s"), "timeouts.request: "},
    {"DOC-10", TIMEOUTS("request: 1 s"), "timeouts.request: "},
    {"TIMEOUT-4", TIMEOUTS("request: 1s, backendRequest: 2s"),
     "must not exceed the request timeout"},
    {"RETRY-1", RETRY(""), NULL},
    {"RETRY-1", RETRY("codes: [400, 500, 599]"), NULL},
    {"RETRY-1", RETRY("attempts: 1"), NULL},
    {"RETRY-1", RETRY("backoff: 100ms"), NULL},
    {"RETRY-1", RETRY("codes: [399]"), "must be between 400 and 599"},
    {"RETRY-1", RETRY("codes: [600]"), "must be between 400 and 599"},
    {"RETRY-1", RETRY("codes: [500, 503, 500]"), "codes[2]: is given twice: 500"},
    {"RETRY-1", RETRY("attempts: -1"), "is not a number"},
    {"RETRY-1", RETRY("backoff: soon"), "backoff: "},
    {"RETRY-1", RETRY("codes: 500"), "codes: is not a list"},
    {"LISTEN-1", "{parentRefs: [{name: gw}]}", NULL},
    {"LISTEN-1", "{parentRefs: [{name: gw, sectionName: web, port: 80}]}", NULL},
    {"LISTEN-1", "{parentRefs: [{group: '', kind: Service, name: s}]}", NULL},
    {"LISTEN-1", "{parentRefs: [{sectionName: web}]}", NULL},
    {"LISTEN-1", "{parentRefs: [{name: gw, port: 65536}]}", "must be between 1 and 65535"},
    {"LISTEN-1", "{parentRefs: [{name: gw, sectionName: 'A b'}]}",
     "must be the name of a listener"},
    {"LISTEN-1", "{parentRefs: [{name: gw, port: 0}]}", "port: must not be 0"},
    {"LISTEN-1", "{parentRefs: [{name: gw, kind: a/b}]}", "kind: must be letters"},
    {"LISTEN-6", "{parentRefs: [{name: gw}, {name: other}]}", NULL},
    {"LISTEN-6", "{parentRefs: [{name: gw}, {name: gw, namespace: other}]}", NULL},
    {"LISTEN-6", "{parentRefs: [{name: gw, sectionName: a}, {name: gw, sectionName: b}]}", NULL},
    {"LISTEN-6", "{parentRefs: [{name: gw, port: 80}, {name: gw, port: 81}]}", NULL},
    {"LISTEN-6",
     "{parentRefs: [{name: gw, sectionName: a, port: 1}, {name: gw, sectionName: a, port: 2}]}",
     NULL},
    {"LISTEN-6", "{parentRefs: [{sectionName: a}, {port: 80}]}", NULL},
    {"LISTEN-6", "{parentRefs: [{name: gw}, {name: other}, {name: gw}]}",
     "spec.parentRefs[2]: is given twice: 'gw'"},
    {"LISTEN-6", "{parentRefs: [{name: gw, port: 80}, {name: gw, port: 80}]}",
     "spec.parentRefs[1]: is given twice: 'gw'"},
    {"LISTEN-6", "{parentRefs: [{name: gw}, {name: gw, sectionName: a}]}",
     "spec.parentRefs[1]: must give what the other reference to 'gw' gives"},
    {"LISTEN-6", "{parentRefs: [{name: gw, sectionName: a}, {name: gw, port: 80}]}",
     "spec.parentRefs[1]: must give what the other reference to 'gw' gives"},
    {"DOC-3", "{rules: [{name: a}, {name: b}, {}]}", NULL},
    {"DOC-3", "{rules: [{name: a}, {name: a}]}", "name: is given twice: 'a'"},
    {"SESSION-13", SESSION(""), NULL},
    {"SESSION-13", SESSION("type: Cookie"), NULL},
    {"SESSION-13", SESSION("absoluteTimeout: 5m, cookie: {lifetimeType: Permanent}"), NULL},
    {"SESSION-13", SESSION("cookie: {lifetimeType: Permanent}"),
     "sessionPersistence.cookie.lifetimeType: is Permanent, which needs an absolute timeout"},
    {"SESSION-13", SESSION("type: Header"), "header: must be given"},
    {"SESSION-13", SESSION("type: Header, header: {name: x}, cookie: {}"),
     "sessionPersistence.cookie: goes together with the type Cookie alone"},
    {"SESSION-13", SESSION("header: {name: x}"),
     "sessionPersistence.header: goes together with the type Header alone"},
    {"SESSION-13", SESSION("type: Header, header: {}"), "header.name: must not be empty"},
    {"SESSION-13", SESSION("type: Header, header: {name: Host}"), "must not be 'Host'"},
    {"SESSION-13", SESSION("cookie: {name: 'a b'}"), "cookie.name: must be a token"},
    {"SESSION-13", SESSION("cookie: {path: a}"), "cookie.path: must start with '/'"},
    {"SESSION-13", SESSION("absoluteTimeout: 0s"), "must be longer than 0s"},
    {"SESSION-14", SESSION("sessionName: a, cookieConfig: {lifetimeType: Session}"), NULL},
    {"SESSION-14", SESSION("sessionName: 'a b'"),
     "sessionPersistence.sessionName: must be a token"},
    {"SESSION-14", SESSION("sessionName: a, cookie: {}"), "is of an older form"},
    {"DOC-3", SESSION("idleTimeout: 1h"), "'idleTimeout' is not supported"},
    {"DOC-3", "{rules: {}}", "rules: is not a list"},
    {"DOC-3", "{rules: []}", "rules: must not be empty; leave it out"},
};

/* All of them at once: what is said of each stands on the lines of its document. */
static void check_limits(const struct limit_case *cases, size_t count)
{
    struct buffer good = BUFFER_EMPTY, failures = BUFFER_EMPTY;
    for (size_t i = 0; i < count; i++) {
        struct buffer document = BUFFER_EMPTY;
        buffer_printf(&document, DOCUMENT, i, cases[i].spec);
        if (cases[i].what == NULL) {
            buffer_append_slice(&good, buffer_slice(&document));
        } else {
            struct command tried = acceptance_try(buffer_string(&document));
            if (tried.exit_code != 5 || strstr(tried.err, cases[i].what) == NULL)
                buffer_printf(&failures, "%s: %s: expected '%s', got %d: %s\n", cases[i].rules,
                              cases[i].spec, cases[i].what, tried.exit_code, tried.err);
            command_clear(&tried);
        }
        buffer_clear(&document);
    }
    if (good.length > 0) {
        struct command tried = acceptance_try(buffer_string(&good));
        if (tried.exit_code != 0)
            buffer_append_string(&failures, tried.err);
        command_clear(&tried);
    }
    if (failures.length > 0)
        print_error("%s", buffer_string(&failures));
    bool has_failed = failures.length > 0;
    buffer_clear(&good);
    buffer_clear(&failures);
    assert_false(has_failed);
}

#define LIMIT_TEST(name, cases)                                                                    \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        check_limits(cases, sizeof(cases) / sizeof(cases[0]));                                     \
    }

LIMIT_TEST(hostnames_are_dns_names, host_cases)
LIMIT_TEST(matches_are_what_requests_can_be, match_cases)
LIMIT_TEST(filters_are_complete_and_go_together, filter_cases)
LIMIT_TEST(mirrors_and_permissions_are_in_range, share_cases)
LIMIT_TEST(references_times_and_attachments_are_in_range, rest_cases)

int limits_theme(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostnames_are_dns_names),
        cmocka_unit_test(matches_are_what_requests_can_be),
        cmocka_unit_test(filters_are_complete_and_go_together),
        cmocka_unit_test(mirrors_and_permissions_are_in_range),
        cmocka_unit_test(references_times_and_attachments_are_in_range),
    };
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
