/* Validation: where in a message we are, and what was found wrong there.
 *
 * For the validators of this folder: they walk a message, enter and leave its fields, and report
 * as they go.
 *
 * Threads: none shared. */
#ifndef PROXY_ROUTING_VALIDATION_H
#define PROXY_ROUTING_VALIDATION_H

#include "common/slice.h"
#include "proto/messages.h"
#include "proxy/routing/route_validate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A field on the way from the message to where we are. */
struct validation_step {
    const char *field; /* lives as long as the validation */
    size_t index;
    bool is_item; /* of a repeated field */
};

/* No message of ours is nested as deeply. */
enum { VALIDATION_MAX_DEPTH = 16 };

struct validation {
    validate_report_fn *report;
    void *context;
    struct validation_step steps[VALIDATION_MAX_DEPTH]; /* only a problem makes a text of them */
    size_t depth;
    bool is_valid;
    bool is_grpc; /* the route at hand is a GRPCRoute */
};

void validation_init(struct validation *validation, validate_report_fn *report, void *context);

/* Enters a field, "path" or "rules[3]". Returns what validation_leave needs. */
size_t validation_enter(struct validation *validation, const char *field);
size_t validation_enter_item(struct validation *validation, const char *field, size_t index);
void validation_leave(struct validation *validation, size_t mark);

/* A problem with `field` of where we are; NULL: with where we are. */
void validation_problem(struct validation *validation, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- what several messages have ------------------------------------------------------------- */

void validate_object_name(struct validation *validation, const char *field, const char *name);
void validate_labels(struct validation *validation, LabelMessage *const *labels, size_t count);
/* Not negative, in whole milliseconds. NULL is fine. */
void validate_duration(struct validation *validation, const char *field,
                       const DurationMessage *duration);
/* 0 (not given) to 65535. */
void validate_port(struct validation *validation, const char *field, uint32_t port);
void validate_weight(struct validation *validation, uint32_t weight);
/* A token of RFC 9110, at most 256 characters. */
void validate_header_name(struct validation *validation, const char *field, const char *name);
/* 1 to `max` characters of UTF-8. */
void validate_length(struct validation *validation, const char *field, const char *value,
                     size_t max);
/* 1 to 4096 characters, none of them a control character but the tab. */
void validate_header_value(struct validation *validation, const char *field, const char *value);
/* What the Gateway API calls a PreciseHostname: a DNS subdomain that is no IP address. */
void validate_precise_hostname(struct validation *validation, const char *field, const char *name);

/* What a reference is to: a DNS subdomain, and letters, digits and '-'. Empty: not given. */
void validate_group_and_kind(struct validation *validation, const char *group, const char *kind);
/* The four of a reference to a Backend. */
void validate_backend_named(struct validation *validation, const char *group, const char *kind,
                            const char *namespace, const char *name);

/* The methods of the Gateway API; they are case-sensitive. */
bool is_known_method(const char *method);
#define KNOWN_METHODS "GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE, PATCH"

enum { HEADER_VALUE_MAX_LENGTH = 4096 };

/* Lower-case letters, digits and '-' in labels joined by '.' (RFC 1123), 1 to 253 characters. */
bool is_dns_subdomain(struct slice name);
bool is_dns_label(struct slice name);

/* Whole milliseconds of a duration that has passed validate_duration. */
uint64_t duration_milliseconds(const DurationMessage *duration);

#endif
