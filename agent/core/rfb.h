/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a VNC viewer sends (RFC 6143), followed message by message, so that a viewer who may only
 * look cannot type: its keys, pointer, clipboard, and whatever else would change something, are
 * left out of the stream. The server's side is passed on unseen.
 *
 * A message that is not known here has no known length: the stream ends with an error. Versions 3.7
 * and 3.8, security types None and VNC authentication, the extensions that QEMU has.
 */
#ifndef MUSTER_AGENT_CORE_RFB_H
#define MUSTER_AGENT_CORE_RFB_H

#include "common/base/error.h"
#include "common/base/str.h"

enum rfb_state {
	RFB_VERSION,
	RFB_SECURITY,
	RFB_PASSWORD,
	RFB_INIT,
	RFB_MESSAGE,
	RFB_REST, /* of a message whose length is known */
	_RFB_STATE_COUNT,
};

enum { RFB_HEAD_MAX = 12 };

struct rfb {
	enum rfb_state state;
	unsigned char head[RFB_HEAD_MAX]; /* until it is known how long the message is */
	size_t n_head;
	uint64_t left; /* RFB_REST */
	bool drop;     /* RFB_REST: leave it out */
};

/* All zero is the start. Appends to `out` what goes on to the server; `may_type` counts for the
 * messages that begin in this piece. MU_E_UNSUPPORTED. */
int rfb_step(struct rfb *rfb, const void *data, size_t len, bool may_type, struct mu_str *out,
	     struct mu_error *err);

#endif
