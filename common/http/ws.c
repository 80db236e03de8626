/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/ws.h"

#include "common/base/assert.h"

#include <stdlib.h>
#include <string.h>

/* What a queued message takes beside its bytes: many small ones must count too. */
enum { MESSAGE_COST = sizeof(struct http_ws_message) + 16 };

struct http_ws *http_ws_new(const struct http_ws_transport *transport,
			    const struct http_ws_limits *limits, const struct http_ws_ops *ops,
			    void *ctx)
{
	struct http_ws *ws = mu_xcalloc(1, sizeof *ws);

	mu_assert(ops->on_message && ops->on_writable && ops->on_close);
	mu_assert(limits->message_max > 0 && limits->send_max > 0);
	ws->transport = transport;
	ws->limits = *limits;
	ws->ops = ops;
	ws->ctx = ctx;
	ws->code = HTTP_WS_ABNORMAL;
	mu_link_init(&ws->queue);
	return ws;
}

/* Out */

int http_ws_send(struct http_ws *ws, const void *data, size_t len, bool text)
{
	struct http_ws_message *m;

	if (ws->closing)
		return 0;
	if (ws->queued_bytes > 0 && ws->queued_bytes + len + MESSAGE_COST > ws->limits.send_max) {
		ws->full = true;
		return HTTP_WS_FULL;
	}
	m = mu_xmalloc(sizeof *m + len);
	mu_link_init(&m->link);
	m->len = len;
	m->sent = 0;
	m->text = text;
	if (len > 0)
		memcpy(m->data, data, len);
	mu_list_push_back(&ws->queue, &m->link);
	ws->queued_bytes += len + MESSAGE_COST;
	if (len > ws->limits.send_max)
		ws->full = true;
	ws->transport->changed(ws);
	return 0;
}

const char *http_ws_next(const struct http_ws *ws, size_t max, size_t *ret_len, bool *ret_text,
			 bool *ret_first, bool *ret_last)
{
	const struct http_ws_message *m = mu_list_first(&ws->queue, struct http_ws_message, link);

	if (!m)
		return NULL;
	*ret_len = m->len - m->sent < max ? m->len - m->sent : max;
	*ret_text = m->text;
	*ret_first = m->sent == 0;
	*ret_last = m->sent + *ret_len == m->len;
	return m->data + m->sent;
}

void http_ws_sent(struct http_ws *ws, size_t len)
{
	struct http_ws_message *m = mu_list_first(&ws->queue, struct http_ws_message, link);

	m->sent += len;
	if (m->sent < m->len)
		return;
	mu_list_remove(&m->link);
	ws->queued_bytes -= m->len + MESSAGE_COST;
	free(m);
	if (!ws->full || ws->queued_bytes > ws->limits.send_max / 2 || ws->closing)
		return;
	ws->full = false;
	ws->ops->on_writable(ws, ws->ctx);
}

/* In */

bool http_ws_received(struct http_ws *ws, const void *data, size_t len, bool text, bool first,
		      bool last)
{
	if (ws->closing)
		return true;
	if (first) {
		mu_str_reset(&ws->incoming);
		ws->text = text;
	}
	if (len > ws->limits.message_max - ws->incoming.len)
		return false;
	mu_str_add_bytes(&ws->incoming, data, len);
	if (last) {
		mu_str_add_char(&ws->incoming, '\0');
		ws->ops->on_message(ws, ws->incoming.data, ws->incoming.len - 1, ws->text, ws->ctx);
		mu_str_reset(&ws->incoming);
	}
	return true;
}

void http_ws_pause(struct http_ws *ws, bool paused)
{
	if (ws->paused == paused)
		return;
	ws->paused = paused;
	ws->transport->changed(ws);
}

/* End */

void http_ws_close(struct http_ws *ws, int code, const char *reason)
{
	if (ws->closing)
		return;
	mu_assert(code >= HTTP_WS_NORMAL && code < 5000 && code != HTTP_WS_NO_CODE &&
		  code != HTTP_WS_ABNORMAL);
	ws->closing = true;
	ws->code = code;
	mu_utf8_sanitize(ws->reason, HTTP_WS_REASON_MAX, reason, strlen(reason));
	ws->transport->changed(ws);
}

void http_ws_peer_closes(struct http_ws *ws, int code, const void *reason, size_t len)
{
	if (ws->closing)
		return;
	ws->closing = true;
	ws->code = code;
	mu_utf8_sanitize(ws->reason, HTTP_WS_REASON_MAX, reason, len);
}

void http_ws_over(struct http_ws *ws)
{
	ws->closing = true;
	mu_list_each(it, &ws->queue)
	{
		mu_list_remove(it);
		free(MU_CONTAINER_OF(it, struct http_ws_message, link));
	}
	ws->ops->on_close(ws, ws->code, ws->reason, ws->ctx);
	mu_str_deinit(&ws->incoming);
	free(ws);
}
