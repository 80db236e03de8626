/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Definitions out of other tools' files. All formats go through libxl's JSON form, so that a
 * setting that definitions have no field for is kept as well (docs/design/passthrough.md); what
 * cannot be kept is refused by its line or name. Any thread.
 */
#ifndef MUSTER_AGENT_IMPORT_H
#define MUSTER_AGENT_IMPORT_H

#include "agent/core/vm_spec.h"

enum { IMPORT_TEXT_MAX = 256 * 1024 };

/*
 * `format` is "xl" (xl.cfg(5)) or "libvirt" (domain XML of its libxl driver). Who has no UUID in
 * the text gets a new one. MU_E_INVALID: not in that form, or it says what would get lost;
 * MU_E_UNSUPPORTED: this build cannot read it; MU_E_TOO_LARGE.
 */
int import_text(const char *format, const char *text, size_t len, struct vm_spec *ret_spec,
		struct mu_error *err);

#endif
