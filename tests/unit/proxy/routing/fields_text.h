/* Fields text: the fields of a list, but for those that are dropped, as "name=value;name=value;".
 */
#ifndef TESTS_UNIT_PROXY_ROUTING_FIELDS_TEXT_H
#define TESTS_UNIT_PROXY_ROUTING_FIELDS_TEXT_H

#include "proxy/routing/header_list.h"

void fields_assert(const struct header_list *fields, const char *expected);

#endif
