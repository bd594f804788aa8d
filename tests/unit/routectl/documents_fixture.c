#include "tests/unit/routectl/documents_fixture.h"

#include "tests/unit/cmocka_all.h"

struct draft documents_draft;
struct buffer documents_remarks;

int documents_reset(void **state)
{
    (void)state;
    draft_clear(&documents_draft);
    buffer_clear(&documents_remarks);
    return 0;
}

void documents_on_remark(void *context, enum document_remark remark, const char *text)
{
    (void)context;
    buffer_printf(&documents_remarks, "%s%s\n", remark == DOCUMENT_NOTE ? "note " : "", text);
}

bool documents_are_read(const char *text)
{
    return documents_read("a.yaml", slice_from_string(text), DOCUMENT_FORM, &documents_draft,
                          documents_on_remark, NULL);
}

void documents_read_ok(const char *text)
{
    if (!documents_are_read(text))
        fail_msg("%s", buffer_string(&documents_remarks));
}

void assert_documents_refused(const char *text, const char *expected)
{
    documents_reset(NULL);
    assert_false(documents_read("a.yaml", slice_from_string(text), DOCUMENT_WHOLE, &documents_draft,
                                documents_on_remark, NULL));
    assert_string_equal(buffer_string(&documents_remarks), expected);
}

const char documents_example[] =
    "apiVersion: gateway.networking.k8s.io/v1\n"
    "kind: HTTPRoute\n"
    "metadata: {name: users, namespace: shop, labels: {team: accounts}}\n"
    "spec:\n"
    "  parentRefs: [{name: gw, sectionName: web, port: 80}]\n"
    "  hostnames: [shop.internal, \"*.shop.internal\"]\n"
    "  rules:\n"
    "  - matches:\n"
    "    - path: {type: PathPrefix, value: /users}\n"
    "      method: GET\n"
    "      headers: [{name: version, value: two}]\n"
    "      queryParams: [{type: RegularExpression, name: q, value: '.*'}]\n"
    "    filters:\n"
    "    - type: RequestHeaderModifier\n"
    "      requestHeaderModifier: {set: [{name: x, value: '1'}], remove: [y]}\n"
    "    - type: URLRewrite\n"
    "      urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: ''}}\n"
    "    backendRefs:\n"
    "    - {name: users-v1, port: 8080, weight: 90}\n"
    "    - {name: users-v2, port: 8080, weight: 0}\n"
    "    timeouts: {request: 10s, backendRequest: 250ms}\n"
    "    retry: {codes: [503], attempts: 2, backoff: 100ms}\n"
    "---\n"
    "apiVersion: pointsman/v1\n"
    "kind: Backend\n"
    "metadata: {name: users-v1}\n"
    "spec:\n"
    "  endpoints: [{address: 10.0.0.7, port: 8080}, {unix: /run/u.sock, weight: 2}]\n"
    "  loadBalancing: {policy: RoundRobin}\n"
    "  healthCheck: {type: HTTP, path: /healthz, interval: 5s, unhealthy: 3}\n";
