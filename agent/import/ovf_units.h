/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, units and addresses as OVF descriptors have them (DSP0004, "Programmatic Units"). Pure.
 */
#ifndef MUSTER_AGENT_IMPORT_OVF_UNITS_H
#define MUSTER_AGENT_IMPORT_OVF_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#define OVF_DISK_MAX (INT64_C(1) << 46)   /* 64 TiB */
#define OVF_MEMORY_MAX (INT64_C(1) << 44) /* 16 TiB */

/* "byte", "byte * 2^20", "byte*1024", "MegaBytes", "GB": bytes; false: it is none, or over 64 TiB.
 */
bool ovf_units(const char *text, int64_t *ret);
/* A whole number of `unit`s, the product at most `max`. */
bool ovf_quantity(const char *text, int64_t unit, int64_t max, int64_t *ret);
/* "080027AABBCC" or with colons or hyphens -> "08:00:27:aa:bb:cc"; false leaves "". */
bool ovf_mac(const char *text, char ret[static 18]);

#endif
