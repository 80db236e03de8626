/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Close frames are written here, not left to the library: as Debian builds it, on libuv, it closes
 * a connection twice to see whether that is harmless, and the second time no close frame leaves.
 */
#include "common/http/ws_lws.h"

#include <string.h>

/* The library's own LWS_WRITE_CLOSE, which its public headers mention and do not define. */
enum { WRITE_CLOSE = 4 };

int http_ws_write_piece(struct http_ws *ws, struct lws *wsi, unsigned char *buf)
{
	unsigned char *start = buf + LWS_PRE;
	bool text, first, last;
	const char *data;
	size_t len;
	int flags;

	data = http_ws_next(ws, HTTP_WS_PIECE_MAX, &len, &text, &first, &last);
	if (!data)
		return HTTP_WS_NOTHING;
	memcpy(start, data, len);
	flags = lws_write_ws_flags(text ? LWS_WRITE_TEXT : LWS_WRITE_BINARY, first, last);
	if (lws_write(wsi, start, len, (enum lws_write_protocol)flags) < (int)len)
		return MU_FAILED;
	(void)lws_callback_on_writable(wsi);
	http_ws_sent(ws, len);
	return 0;
}

int http_ws_write_ping(struct lws *wsi)
{
	unsigned char buf[LWS_PRE + 1];

	/* The library does not tell of an answer without payload. */
	buf[LWS_PRE] = '.';
	return lws_write(wsi, buf + LWS_PRE, 1, LWS_WRITE_PING) < 0 ? MU_FAILED : 0;
}

int http_ws_write_close(const struct http_ws *ws, struct lws *wsi)
{
	unsigned char buf[LWS_PRE + 2 + HTTP_WS_REASON_MAX];
	size_t len = strlen(ws->reason);
	int rc;

	buf[LWS_PRE] = (unsigned char)(ws->code >> 8);
	buf[LWS_PRE + 1] = (unsigned char)(ws->code & 0xff);
	memcpy(buf + LWS_PRE + 2, ws->reason, len);
	rc = lws_write(wsi, buf + LWS_PRE, len + 2, (enum lws_write_protocol)WRITE_CLOSE);
	return rc < 0 ? MU_FAILED : 0;
}

void http_ws_take_piece(struct http_ws *ws, struct lws *wsi, const void *data, size_t len)
{
	if (!http_ws_received(ws, data, len, !lws_frame_is_binary(wsi), lws_is_first_fragment(wsi),
			      lws_is_final_fragment(wsi)))
		http_ws_close(ws, HTTP_WS_TOO_LARGE, "the message is too long");
}

void http_ws_take_close(struct http_ws *ws, const unsigned char *data, size_t len)
{
	if (len < 2)
		http_ws_peer_closes(ws, HTTP_WS_NO_CODE, "", 0);
	else
		http_ws_peer_closes(ws, data[0] << 8 | data[1], data + 2, len - 2);
}
