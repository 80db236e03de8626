/* SPDX-License-Identifier: Apache-2.0 */
/* What is served, as OpenAPI: proto/rest/openapi.yaml, where Xen Orchestra's clients look for it.
 */
#ifndef MUSTER_AGGREGATOR_REST_CONTRACT_H
#define MUSTER_AGGREGATOR_REST_CONTRACT_H

#include "common/rest/rest.h"

/* Made by proto/rest/embed.py. ASCII, and a NUL behind it. */
extern const char contract_json[];
extern const size_t contract_len;

void contract_routes_add(struct rest *rest);

#endif
