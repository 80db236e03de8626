/* SPDX-License-Identifier: Apache-2.0 */
/* A WebSocket's queue and messages without a transport; who may ask for one. */
#include "common/http/testing.h"
#include "common/http/ws.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct {
	unsigned n_changed;
	unsigned n_writable;
	unsigned n_messages;
	char message[64];
	size_t len;
	bool text;
	int code;
	char reason[HTTP_WS_REASON_MAX + 1];
} seen;

static void on_changed(struct http_ws *ws)
{
	(void)ws;
	seen.n_changed++;
}

static void on_message(struct http_ws *ws, const void *data, size_t len, bool text, void *ctx)
{
	(void)ws, (void)ctx;
	seen.n_messages++;
	seen.len = len;
	seen.text = text;
	cr_assert_eq(((const char *)data)[len], '\0');
	memcpy(seen.message, data, len < sizeof seen.message ? len : sizeof seen.message);
}

static void on_writable(struct http_ws *ws, void *ctx)
{
	(void)ws, (void)ctx;
	seen.n_writable++;
}

static void on_close(struct http_ws *ws, int code, const char *reason, void *ctx)
{
	(void)ws, (void)ctx;
	seen.code = code;
	(void)snprintf(seen.reason, sizeof seen.reason, "%s", reason);
}

static const struct http_ws_transport transport = {.changed = on_changed};
static const struct http_ws_ops ops = {
    .on_message = on_message, .on_writable = on_writable, .on_close = on_close};
static const struct http_ws_limits limits = {.message_max = 50, .send_max = 1000};

static struct http_ws *ws;

static void setup(void)
{
	memset(&seen, 0, sizeof seen);
	ws = http_ws_new(&transport, &limits, &ops, NULL);
}

TestSuite(websocket, .init = setup);

/* Take everything that waits; the bytes are put together. */
static size_t drain(char *buf, size_t max_piece)
{
	bool text, first, last;
	const char *data;
	size_t n = 0, len;

	while ((data = http_ws_next(ws, max_piece, &len, &text, &first, &last))) {
		memcpy(buf + n, data, len);
		n += len;
		http_ws_sent(ws, len);
	}
	return n;
}

Test(websocket, pieces_of_messages)
{
	bool text, first, last;
	size_t len;

	cr_expect_null(http_ws_next(ws, 10, &len, &text, &first, &last));
	cr_assert_eq(http_ws_send(ws, "0123456789abc", 13, true), 0);
	cr_assert_eq(http_ws_send(ws, "", 0, false), 0);
	cr_expect_eq(seen.n_changed, 2);
	cr_expect_eq(memcmp(http_ws_next(ws, 10, &len, &text, &first, &last), "0123456789", 10), 0);
	cr_expect(text && first && !last && len == 10);
	http_ws_sent(ws, 10);
	(void)http_ws_next(ws, 10, &len, &text, &first, &last);
	cr_expect(text && !first && last && len == 3);
	http_ws_sent(ws, 3);
	cr_expect(http_ws_next(ws, 10, &len, &text, &first, &last));
	cr_expect(!text && first && last && len == 0);
	http_ws_sent(ws, 0);
	cr_expect_null(http_ws_next(ws, 10, &len, &text, &first, &last));
	http_ws_over(ws);
	cr_expect_eq(seen.code, HTTP_WS_ABNORMAL);
}

Test(websocket, the_queue_is_bounded_by_bytes_and_by_messages)
{
	char buf[2000], large[2000] = {0};
	unsigned n = 0;

	cr_assert_eq(http_ws_send(ws, large, sizeof large, false), 0); /* alone it may be large */
	cr_assert_eq(http_ws_send(ws, "x", 1, false), HTTP_WS_FULL);
	cr_expect_eq(seen.n_writable, 0);
	cr_expect_eq(drain(buf, 100), 2000);
	cr_expect_eq(seen.n_writable, 1);
	while (http_ws_send(ws, "x", 1, false) == 0)
		n++;
	cr_expect(n >= 2 && n < 50, "%u small messages", n);
	cr_expect_eq(drain(buf, 100), n);
	cr_expect_eq(seen.n_writable, 2);
	http_ws_over(ws);
}

Test(websocket, messages_come_whole)
{
	cr_expect(http_ws_received(ws, "ab", 2, true, true, false));
	cr_expect_eq(seen.n_messages, 0);
	cr_expect(http_ws_received(ws, "c", 1, true, false, true));
	cr_expect(seen.n_messages == 1 && seen.len == 3 && seen.text);
	cr_expect(http_ws_received(ws, "", 0, false, true, true));
	cr_expect(seen.n_messages == 2 && seen.len == 0 && !seen.text);
	http_ws_over(ws);
}

Test(websocket, a_message_has_an_end)
{
	char data[60] = {0};

	cr_expect(http_ws_received(ws, data, 50, false, true, true));
	cr_expect_not(http_ws_received(ws, data, 51, false, true, true));
	cr_expect(http_ws_received(ws, data, 30, false, true, false));
	cr_expect_not(http_ws_received(ws, data, 21, false, false, true));
	cr_expect_eq(seen.n_messages, 1);
	http_ws_over(ws);
}

Test(websocket, the_end_from_here)
{
	char buf[16];

	cr_assert_eq(http_ws_send(ws, "last", 4, false), 0);
	http_ws_close(ws, 4409, "gone");
	http_ws_close(ws, 1000, "again");
	cr_expect_eq(http_ws_send(ws, "more", 4, false), 0); /* dropped */
	cr_expect(http_ws_received(ws, "late", 4, false, true, true));
	cr_expect_eq(seen.n_messages, 0);
	cr_expect_eq(drain(buf, 16), 4);
	http_ws_peer_closes(ws, 1001, "theirs", 6);
	http_ws_over(ws);
	cr_expect_eq(seen.code, 4409);
	cr_expect_str_eq(seen.reason, "gone");
}

Test(websocket, the_end_from_there)
{
	http_ws_peer_closes(ws, 1001, "going\naway", 10);
	http_ws_over(ws);
	cr_expect_eq(seen.code, 1001);
	cr_expect_null(strchr(seen.reason, '\n'));
}

Test(websocket, a_long_reason_is_cut_at_a_character)
{
	char reason[300];

	for (size_t i = 0; i < sizeof reason - 2; i += 2)
		memcpy(reason + i, "\xc3\xa4", 2);
	reason[298] = '\0';
	http_ws_close(ws, 1000, reason);
	http_ws_over(ws);
	cr_expect_eq(strlen(seen.reason), 122);
	cr_expect(mu_utf8_valid(seen.reason, strlen(seen.reason)));
}

Test(origin, only_the_server_s_own_pages)
{
	static const struct {
		const char *origin;
		const char *host;
		bool same;
	} table[] = {
	    {NULL, "a:1", true},
	    {NULL, NULL, true},
	    {"https://a:1", "a:1", true},
	    {"https://A:1", "a:1", true},
	    {"https://a", "a", true},
	    {"https://a:2", "a:1", false},
	    {"https://b:1", "a:1", false},
	    {"https://a:1.evil", "a:1", false},
	    {"https://evil/a:1", "a:1", false},
	    {"null", "a:1", false},
	    {"", "a:1", false},
	    {"https://a:1", NULL, false},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(table); i++) {
		struct http_request *r = http_request_for_test(HTTP_GET, "/", NULL);

		if (table[i].origin)
			http_request_for_test_header(r, "origin", table[i].origin);
		if (table[i].host)
			http_request_for_test_header(r, "host", table[i].host);
		cr_expect_eq(http_request_is_same_origin(r), table[i].same, "%s at %s",
			     table[i].origin, table[i].host);
		cr_expect_not(http_request_wants_websocket(r));
		http_request_for_test_free(r);
	}
}
