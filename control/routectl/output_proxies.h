/* Output of proxies: who follows the routes, and how closely, as tables for people.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_OUTPUT_PROXIES_H
#define CONTROL_ROUTECTL_OUTPUT_PROXIES_H

#include "control/routectl/output.h"

/* A WaitAppliedResponse. */
void output_proxies_show_wait(const struct output_sink *sink, const ProtobufCMessage *answer);

void output_proxies_show_status(const struct output_sink *sink,
                                const Pointsman__V1__GetInfoResponse *info,
                                const Pointsman__V1__ListProxiesResponse *proxies);

#endif
