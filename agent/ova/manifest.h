/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest of an OVA: a digest for each of its files, a line each (DSP0243, "Manifest"):
 *
 *   SHA256(disk1.vmdk)= 0123...
 *
 * Bytes from outside; bounded, no I/O.
 */
#ifndef MUSTER_AGENT_OVA_MANIFEST_H
#define MUSTER_AGENT_OVA_MANIFEST_H

#include "common/base/error.h"
#include "common/base/str.h"
#include "common/tls/digest.h"

enum { OVA_NAME_MAX = 100, OVA_MANIFEST_MAX = 64 << 10 };

struct ova_digest {
	char name[OVA_NAME_MAX + 1];
	enum tls_digest_kind kind;
	char hex[TLS_DIGEST_TEXT]; /* lower case */
};

/* `each` for every line; its failure ends it. MU_E_INVALID names the line. */
int ova_manifest_read(const char *text, size_t len,
		      int (*each)(void *ctx, const struct ova_digest *d, struct mu_error *err),
		      void *ctx, struct mu_error *err);
void ova_manifest_add(struct mu_str *text, const struct ova_digest *d);

#endif
