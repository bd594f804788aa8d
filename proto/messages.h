/* Short names for the generated types, so that the code reads as the .proto files do.
 *
 * Threads: none. */
#ifndef PROTO_MESSAGES_H
#define PROTO_MESSAGES_H

#include "proto/grpc/health.pb-c.h"
#include "proto/grpc/reflection.pb-c.h"
#include "proto/grpc/status.pb-c.h"
#include "proto/pointsman/v1/backend.pb-c.h"
#include "proto/pointsman/v1/control.pb-c.h"
#include "proto/pointsman/v1/feed.pb-c.h"
#include "proto/pointsman/v1/history.pb-c.h"
#include "proto/pointsman/v1/route.pb-c.h"

typedef Google__Protobuf__Duration DurationMessage;

typedef Pointsman__V1__Label LabelMessage;
typedef Pointsman__V1__Route RouteMessage;
typedef Pointsman__V1__ParentRef ParentRefMessage;
typedef Pointsman__V1__RouteRule RouteRuleMessage;
typedef Pointsman__V1__RouteMatch RouteMatchMessage;
typedef Pointsman__V1__PathMatch PathMatchMessage;
typedef Pointsman__V1__HeaderMatch HeaderMatchMessage;
typedef Pointsman__V1__QueryParamMatch QueryParamMatchMessage;
typedef Pointsman__V1__Filter FilterMessage;
typedef Pointsman__V1__BackendRef BackendRefMessage;
typedef Pointsman__V1__SessionPersistence SessionPersistenceMessage;

typedef Pointsman__V1__Backend BackendMessage;
typedef Pointsman__V1__Endpoint EndpointMessage;

typedef Pointsman__V1__Mutation MutationMessage;
typedef Pointsman__V1__FeedObject FeedObjectMessage;

#endif
