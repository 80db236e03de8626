/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/rfb.h"

#include "common/base/assert.h"

#include <string.h>

enum { SECURITY_NONE = 1, SECURITY_VNC = 2, PASSWORD_BYTES = 16, VERSION_BYTES = 12 };

/* A count in the message's head that its length depends on. */
struct count {
	size_t at;
	size_t bytes;
	size_t unit; /* length of one */
};

static const struct {
	unsigned char type;
	unsigned char subtype; /* of type 255, at offset 1 */
	bool changes;          /* something in the guest, so a reader may not send it */
	size_t head;           /* bytes until the length is known; without a count all of it */
	struct count count;
} messages[] = {
    {0, 0, false, 12, {0, 0, 0}},   /* SetPixelFormat: 20 bytes, see rest_of() */
    {2, 0, false, 4, {2, 2, 4}},    /* SetEncodings */
    {3, 0, false, 10, {0, 0, 0}},   /* FramebufferUpdateRequest */
    {4, 0, true, 8, {0, 0, 0}},     /* KeyEvent */
    {5, 0, true, 6, {0, 0, 0}},     /* PointerEvent */
    {6, 0, true, 8, {4, 4, 1}},     /* ClientCutText */
    {150, 0, false, 10, {0, 0, 0}}, /* EnableContinuousUpdates */
    {248, 0, false, 9, {8, 1, 1}},  /* ClientFence */
    {250, 0, true, 4, {0, 0, 0}},   /* xvp: shut down, reboot, reset */
    {251, 0, true, 8, {6, 1, 16}},  /* SetDesktopSize */
    {255, 0, true, 12, {0, 0, 0}},  /* QEMU: key with its scan code */
    {255, 1, false, 4, {0, 0, 0}},  /* QEMU: audio on, off, format; see rest_of() */
};

static int find_message(const struct rfb *rfb)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(messages); i++)
		if (messages[i].type == rfb->head[0] &&
		    (rfb->head[0] != 255 || messages[i].subtype == rfb->head[1]))
			return (int)i;
	return -1;
}

/* How many bytes of the message come behind its head. */
static uint64_t rest_of(const struct rfb *rfb, size_t i)
{
	enum { PIXEL_FORMAT_REST = 8, AUDIO_FORMAT = 2, AUDIO_FORMAT_REST = 6 };
	const struct count *count = &messages[i].count;
	uint32_t n = 0;

	if (messages[i].type == 0)
		return PIXEL_FORMAT_REST;
	if (messages[i].type == 255 && messages[i].subtype == 1)
		return rfb->head[3] == AUDIO_FORMAT ? AUDIO_FORMAT_REST : 0;
	for (size_t k = 0; k < count->bytes; k++)
		n = n << 8 | rfb->head[count->at + k];
	/* A clipboard of the extended kind says its length as a negative number. */
	if (messages[i].type == 6 && n > INT32_MAX)
		n = 0u - n;
	return (uint64_t)n * count->unit;
}

static void next(struct rfb *rfb, enum rfb_state state)
{
	rfb->state = state;
	rfb->n_head = 0;
}

static int end_version(struct rfb *rfb, struct mu_error *err)
{
	if (memcmp(rfb->head, "RFB 003.008\n", VERSION_BYTES) != 0 &&
	    memcmp(rfb->head, "RFB 003.007\n", VERSION_BYTES) != 0)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "this VNC viewer speaks neither version 3.7 nor 3.8");
	next(rfb, RFB_SECURITY);
	return 0;
}

static int end_security(struct rfb *rfb, struct mu_error *err)
{
	if (rfb->head[0] != SECURITY_NONE && rfb->head[0] != SECURITY_VNC)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "VNC security type %d is not passed on; hint: None, or VNC "
				    "authentication",
				    rfb->head[0]);
	next(rfb, rfb->head[0] == SECURITY_VNC ? RFB_PASSWORD : RFB_INIT);
	return 0;
}

/* The message's head is whole as far as its length needs it: pass it on, or leave it out. */
static void end_head(struct rfb *rfb, size_t i, bool may_type, struct mu_str *out)
{
	rfb->left = rest_of(rfb, i);
	rfb->drop = messages[i].changes && !may_type;
	if (!rfb->drop)
		mu_str_add_bytes(out, rfb->head, rfb->n_head);
	next(rfb, rfb->left > 0 ? RFB_REST : RFB_MESSAGE);
}

static int message_byte(struct rfb *rfb, bool may_type, struct mu_str *out, struct mu_error *err)
{
	int i;

	if (rfb->head[0] == 255 && rfb->n_head < 2)
		return 0;
	i = find_message(rfb);
	if (i < 0)
		return mu_error_set(err, MU_E_UNSUPPORTED, "VNC message %d is not known here",
				    rfb->head[0]);
	if (rfb->n_head == messages[i].head)
		end_head(rfb, (size_t)i, may_type, out);
	return 0;
}

static int take_byte(struct rfb *rfb, unsigned char byte, bool may_type, struct mu_str *out,
		     struct mu_error *err)
{
	rfb->head[rfb->n_head++] = byte;
	switch (rfb->state) {
	case RFB_VERSION:
		mu_str_add_char(out, (char)byte);
		return rfb->n_head == VERSION_BYTES ? end_version(rfb, err) : 0;
	case RFB_SECURITY:
		mu_str_add_char(out, (char)byte);
		return end_security(rfb, err);
	case RFB_PASSWORD:
		mu_str_add_char(out, (char)byte);
		rfb->n_head = 0;
		if (++rfb->left == PASSWORD_BYTES)
			next(rfb, RFB_INIT);
		return 0;
	case RFB_INIT: /* "shared", whatever it said: others look as well */
		mu_str_add_char(out, 1);
		next(rfb, RFB_MESSAGE);
		return 0;
	case RFB_MESSAGE:
		return message_byte(rfb, may_type, out, err);
	case RFB_REST: /* GCOVR_EXCL_LINE: rfb_step() takes the rest of a message itself */
	case _RFB_STATE_COUNT:
		break; /* GCOVR_EXCL_LINE */
	}
	mu_assert_unreachable();
}

int rfb_step(struct rfb *rfb, const void *data, size_t len, bool may_type, struct mu_str *out,
	     struct mu_error *err)
{
	const unsigned char *p = data;

	while (len > 0) {
		size_t n = 1;

		if (rfb->state == RFB_REST) {
			n = rfb->left < len ? (size_t)rfb->left : len;
			if (!rfb->drop)
				mu_str_add_bytes(out, p, n);
			rfb->left -= n;
			if (rfb->left == 0)
				next(rfb, RFB_MESSAGE);
		} else if (take_byte(rfb, *p, may_type, out, err) < 0) {
			return MU_FAILED;
		}
		p += n;
		len -= n;
	}
	return 0;
}
