/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values as YAML 1.2 block style: what yq and Ansible read back to the same value. Pure.
 */
#ifndef MUSTER_AGGREGATOR_CLI_YAML_H
#define MUSTER_AGGREGATOR_CLI_YAML_H

#include "common/base/str.h"
#include "common/base/value.h"

/* Append `v`, ended by a newline. */
void cli_yaml_write(struct mu_str *out, const struct mu_value *v);

#endif
