/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ova/manifest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static int invalid(unsigned line, const char *what, struct mu_error *err)
{
	return mu_error_set(err, MU_E_INVALID, "the manifest's line %u: %s", line, what);
}

static int read_hex(unsigned line, const char *at, const char *end, struct ova_digest *d,
		    struct mu_error *err)
{
	size_t n = tls_digest_chars(d->kind);

	while (at < end && *at == ' ')
		at++;
	while (end > at && (end[-1] == ' ' || end[-1] == '\r'))
		end--;
	if ((size_t)(end - at) != n)
		return invalid(line, "no digest of that kind", err);
	for (size_t i = 0; i < n; i++) {
		if (!isxdigit((unsigned char)at[i]))
			return invalid(line, "no digest of that kind", err);
		d->hex[i] = (char)tolower((unsigned char)at[i]);
	}
	d->hex[n] = '\0';
	return 0;
}

/* "KIND(NAME)= HEX"; a blank may stand before the bracket. */
static int read_line(unsigned line, const char *at, const char *end, struct ova_digest *d,
		     struct mu_error *err)
{
	const char *open = memchr(at, '(', (size_t)(end - at));
	const char *close = NULL;
	char kind[16];
	size_t len;

	/* The last one: a name may have brackets of its own. */
	for (const char *p = open; p && p + 1 < end; p++) {
		if (p[0] == ')' && p[1] == '=')
			close = p;
	}
	if (!close)
		return invalid(line, "not of the form SHA256(NAME)= DIGEST", err);
	len = (size_t)(open - at);
	while (len > 0 && at[len - 1] == ' ')
		len--;
	(void)snprintf(kind, sizeof kind, "%.*s", (int)(len < sizeof kind ? len : 0), at);
	if (!tls_digest_parse(kind, &d->kind))
		return invalid(line, "its digest is none of SHA1, SHA256, SHA512", err);
	len = (size_t)(close - open - 1);
	if (len == 0 || len > OVA_NAME_MAX)
		return invalid(line, "a name of 1 to 100 bytes is expected", err);
	memcpy(d->name, open + 1, len);
	d->name[len] = '\0';
	return read_hex(line, close + 2, end, d, err);
}

int ova_manifest_read(const char *text, size_t len,
		      int (*each)(void *ctx, const struct ova_digest *d, struct mu_error *err),
		      void *ctx, struct mu_error *err)
{
	const char *stop = text + len;
	unsigned line = 0;

	if (!mu_utf8_valid(text, len))
		return mu_error_set(err, MU_E_INVALID, "the manifest is not text");
	while (text < stop) {
		const char *end = memchr(text, '\n', (size_t)(stop - text));
		struct ova_digest d;

		end = end ? end : stop;
		line++;
		if (end > text && !(end == text + 1 && *text == '\r') &&
		    (read_line(line, text, end, &d, err) < 0 || each(ctx, &d, err) < 0))
			return MU_FAILED;
		text = end + 1;
	}
	return 0;
}

void ova_manifest_add(struct mu_str *text, const struct ova_digest *d)
{
	mu_str_printf(text, "%s(%s)= %s\n", tls_digest_name(d->kind), d->name, d->hex);
}
