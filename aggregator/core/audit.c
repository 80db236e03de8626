/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/core/audit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FORM "1"

static void add_text(struct mu_str *s, const char *text)
{
	mu_str_printf(s, "%zu:", strlen(text));
	mu_str_add(s, text);
	mu_str_add_char(s, ',');
}

static void add_number(struct mu_str *s, int64_t n)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%" PRId64, n);
	add_text(s, text);
}

void audit_hash(const char *previous, const struct audit_record *r, audit_digest digest,
		char ret[static AUDIT_HASH_TEXT])
{
	MU_CLEANUP(mu_str_deinit) struct mu_str s = MU_STR_INIT;

	add_text(&s, FORM);
	add_text(&s, previous);
	add_number(&s, r->id);
	add_number(&s, r->at);
	add_text(&s, r->who);
	add_text(&s, r->source);
	add_text(&s, r->action);
	add_text(&s, r->object);
	add_text(&s, r->result);
	add_text(&s, r->detail);
	add_text(&s, r->before);
	add_text(&s, r->after);
	digest(s.data, s.len, ret);
}

bool audit_point_parse(const char *text, struct audit_point *ret)
{
	size_t len = strcspn(text, " :");
	unsigned char bytes[(AUDIT_HASH_TEXT - 1) / 2];
	struct audit_point p;
	char number[24];

	if (len == 0 || len >= sizeof number || !text[len] ||
	    strlen(text + len + 1) != AUDIT_HASH_TEXT - 1 ||
	    !mu_hex_decode(bytes, sizeof bytes, text + len + 1))
		return false;
	memcpy(number, text, len);
	number[len] = '\0';
	if (!mu_parse_i64(number, &p.id) || p.id < 1)
		return false;
	mu_hex_encode(p.hash, bytes, sizeof bytes); /* in lower case */
	*ret = p;
	return true;
}

/* --- going through a chain --- */

void audit_check_init(struct audit_check *c, audit_digest digest, const struct audit_point *trimmed,
		      const struct audit_point *kept)
{
	*c = (struct audit_check){.digest = digest, .last = {.hash = AUDIT_NO_HASH}};
	if (trimmed)
		c->last = c->trimmed = *trimmed;
	if (kept)
		c->kept = *kept;
}

__attribute__((format(printf, 3, 4))) static bool fail(struct audit_check *c, int64_t id,
						       const char *fmt, ...)
{
	va_list args;

	c->wrong = true;
	c->wrong_id = id;
	va_start(args, fmt);
	(void)vsnprintf(c->why, sizeof c->why, fmt, args);
	va_end(args);
	return false;
}

static bool same_hash(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static bool wrong_hash(struct audit_check *c, const struct audit_record *r)
{
	if (r->id != c->last.id + 1 && c->n_records > 0)
		return fail(c, r->id,
			    "record %" PRId64 ": does not follow record %" PRId64
			    "; what was between is gone",
			    r->id, c->last.id);
	if (c->n_records == 0)
		return fail(c, r->id,
			    "record %" PRId64 ": has been changed, or the first records are gone",
			    r->id);
	return fail(c, r->id, "record %" PRId64 ": has been changed", r->id);
}

/* What records say of the log itself. */
static bool take_note(struct audit_check *c, const struct audit_record *r)
{
	if (mu_str_equal(r->action, AUDIT_CHAIN)) {
		c->said = (struct audit_point){0};
	} else if (mu_str_equal(r->action, AUDIT_TRIM)) {
		if (!audit_point_parse(r->detail, &c->said))
			return fail(c, r->id,
				    "record %" PRId64 ": says of no record that it was dropped",
				    r->id);
		c->said_by = r->id;
	}
	return true;
}

bool audit_check_step(struct audit_check *c, const struct audit_record *r)
{
	char hash[AUDIT_HASH_TEXT];

	audit_hash(c->last.hash, r, c->digest, hash);
	if (r->id <= c->last.id || !same_hash(hash, r->hash))
		return wrong_hash(c, r);
	if (r->id == c->kept.id && !same_hash(hash, c->kept.hash))
		return fail(c, r->id,
			    "record %" PRId64
			    ": is not the one whose hash was kept; this record or "
			    "one before it was replaced",
			    r->id);
	if (!take_note(c, r))
		return false;
	c->kept_met |= r->id == c->kept.id;
	if (c->n_records++ == 0)
		c->first = r->id;
	c->last.id = r->id;
	memcpy(c->last.hash, hash, sizeof hash);
	return true;
}

static bool check_trimmed(struct audit_check *c)
{
	if (c->said.id == c->trimmed.id && same_hash(c->said.hash, c->trimmed.hash))
		return true;
	if (!c->said.id)
		return fail(c, 0,
			    "records up to %" PRId64 " are gone, and no record says that they were "
			    "dropped",
			    c->trimmed.id);
	return fail(c, c->said_by,
		    "record %" PRId64 ": says that records up to %" PRId64
		    " were dropped, but the log begins behind %" PRId64,
		    c->said_by, c->said.id, c->trimmed.id);
}

/* The hash that was kept is of a record that was not met. */
static bool check_kept(struct audit_check *c)
{
	int64_t id = c->kept.id;

	if (!id || c->kept_met)
		return true;
	if (id < c->trimmed.id)
		return fail(c, id,
			    "record %" PRId64 ": was dropped long ago, its hash proves nothing any "
			    "more; hint: use a newer one",
			    id);
	if (id > c->trimmed.id)
		return fail(
		    c, id, "record %" PRId64 ": is gone, its hash was kept; the newest is %" PRId64,
		    id, c->last.id);
	if (!same_hash(c->kept.hash, c->trimmed.hash))
		return fail(c, id,
			    "record %" PRId64 ": was dropped, and was not the one whose hash was "
			    "kept",
			    id);
	return true;
}

bool audit_check_end(struct audit_check *c)
{
	return check_trimmed(c) && check_kept(c);
}
