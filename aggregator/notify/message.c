/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names in a mail are other people's text: a subject that is not plain is encoded as a whole (RFC
 * 2047), so no name can end a header, and lines of the body are cut at control characters.
 */
#include "aggregator/notify/message.h"

#include "common/json/json.h"
#include "common/os/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { DATE_TEXT = 64, WORD_BYTES = 45 };

void message_json(struct mu_str *out, struct mu_arena *a, const struct message *m)
{
	struct mu_value *v = mu_value_object(a);
	char id[MU_UUID_TEXT];

	mu_value_set_string(a, v, "event", m->event);
	mu_value_set_string(a, v, "delivery", mu_uuid_format(&m->delivery, id));
	mu_value_set_int(a, v, "time", m->at);
	mu_value_set_int(a, v, "dropped", (int64_t)m->n_dropped);
	if (m->alarm)
		mu_value_set(a, v, "alarm", mu_value_copy(a, m->alarm));
	mu_json_write(out, v, false);
}

/* --- mail --- */

static const char *member(const struct message *m, const char *name)
{
	const char *text = mu_value_as_string(mu_value_get(m->alarm, name));

	return text ? text : "";
}

static bool is_plain(const char *text)
{
	for (; *text; text++) {
		if (*text < ' ' || *text > '~')
			return false;
	}
	return true;
}

static void add_base64(struct mu_str *out, const unsigned char *p, size_t len)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		unsigned v = (unsigned)p[i] << 16;

		if (i + 1 < len)
			v |= (unsigned)p[i + 1] << 8;
		if (i + 2 < len)
			v |= p[i + 2];
		mu_str_add_char(out, digits[v >> 18]);
		mu_str_add_char(out, digits[v >> 12 & 63]);
		mu_str_add_char(out, i + 1 < len ? digits[v >> 6 & 63] : '=');
		mu_str_add_char(out, i + 2 < len ? digits[v & 63] : '=');
	}
}

/* Words of at most 75 characters, none of which cuts a character in two. */
static void add_encoded(struct mu_str *out, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		size_t len = left < WORD_BYTES ? left : WORD_BYTES;

		while (len < left && len > 1 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
		mu_str_add(out, "=?UTF-8?B?");
		add_base64(out, (const unsigned char *)text, len);
		mu_str_add(out, "?=");
		text += len;
		left -= len;
		if (left > 0)
			mu_str_add(out, "\r\n ");
	}
}

static void add_subject(struct mu_str *out, const struct message *m)
{
	struct mu_str s = MU_STR_INIT;

	if (m->alarm)
		mu_str_printf(&s, "[muster] %s %s: %s", member(m, "level"), m->event,
			      member(m, "text"));
	else
		mu_str_add(&s, "[muster] test");
	mu_str_add(out, "Subject: ");
	if (is_plain(s.data))
		mu_str_add(out, s.data);
	else
		add_encoded(out, s.data);
	mu_str_add(out, "\r\n");
	mu_str_deinit(&s);
}

/* Not strftime(): days and months are English whatever the locale. */
static void add_date(struct mu_str *out, mu_msec at)
{
	static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t seconds = (time_t)(at / 1000);
	struct tm tm;

	(void)gmtime_r(&seconds, &tm);
	mu_str_printf(out, "Date: %s, %02d %s %04d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday],
		      tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
		      tm.tm_sec);
}

static void add_line(struct mu_str *out, const char *name, const char *text)
{
	mu_str_printf(out, "%-12s ", name);
	for (; *text; text++)
		mu_str_add_char(out, (unsigned char)*text < ' ' ? ' ' : *text);
	mu_str_add(out, "\r\n");
}

static void add_body(struct mu_str *out, const struct message *m)
{
	const struct mu_value *since = mu_value_get(m->alarm, "time");
	char time[MU_CLOCK_TEXT];
	char dropped[32];

	if (!m->alarm) {
		mu_str_add(out, "This is a test: notices of alarms arrive here.\r\n");
		return;
	}
	add_line(out, m->event, member(m, "text"));
	add_line(out, "level", member(m, "level"));
	if (since && since->kind == MU_VALUE_INT)
		add_line(out, "since", mu_clock_format(since->integer, time));
	add_line(out, "alarm", member(m, "id"));
	if (m->n_dropped > 0) {
		(void)snprintf(dropped, sizeof dropped, "%zu", m->n_dropped);
		add_line(out, "not told", dropped);
	}
}

void message_mail(struct mu_str *out, const struct notify_target *t, const struct message *m)
{
	char id[MU_UUID_TEXT];

	mu_str_printf(out, "From: Muster <%s>\r\nTo: ", t->from);
	for (size_t i = 0; i < t->n_to; i++)
		mu_str_printf(out, "%s%s", i ? ",\r\n " : "", t->to[i]);
	mu_str_add(out, "\r\n");
	add_subject(out, m);
	add_date(out, m->at);
	mu_str_printf(out,
		      "Message-ID: <%s@muster>\r\n"
		      "Auto-Submitted: auto-generated\r\n"
		      "MIME-Version: 1.0\r\n"
		      "Content-Type: text/plain; charset=utf-8\r\n"
		      "Content-Transfer-Encoding: 8bit\r\n\r\n",
		      mu_uuid_format(&m->delivery, id));
	add_body(out, m);
}
