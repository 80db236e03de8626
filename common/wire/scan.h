/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over packed bytes, before protobuf-c allocates anything for them; for this folder only.
 */
#ifndef MUSTER_WIRE_SCAN_H
#define MUSTER_WIRE_SCAN_H

#include "common/base/error.h"

#include <protobuf-c/protobuf-c.h>

/* Are these bytes a well-formed `d`? See scan.c for what is checked. MU_E_PROTOCOL, with the path
 * to the field and the offset of the fault. */
int wire_scan(const ProtobufCMessageDescriptor *d, const void *data, size_t len,
	      struct mu_error *err);

#endif
