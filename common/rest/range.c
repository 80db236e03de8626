/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rest/range.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <string.h>
#include <strings.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* "123" of text[0..len) */
static bool number_at(const char *text, size_t len, uint64_t *ret)
{
	char copy[24];

	if (len == 0 || len >= sizeof copy)
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return mu_parse_u64(copy, ret);
}

/* "-500": the last ones */
static enum range_kind parse_suffix(const char *text, uint64_t size, uint64_t *ret_offset,
				    uint64_t *ret_length)
{
	uint64_t n;

	if (!number_at(text, strlen(text), &n))
		return RANGE_WHOLE;
	if (n == 0 || size == 0)
		return RANGE_NONE;
	*ret_length = n < size ? n : size;
	*ret_offset = size - *ret_length;
	return RANGE_PART;
}

enum range_kind range_parse(const char *text, uint64_t size, uint64_t *ret_offset,
			    uint64_t *ret_length)
{
	uint64_t first, last;
	const char *dash;

	*ret_offset = 0;
	*ret_length = size;
	if (!text || strncasecmp(text, "bytes=", 6) != 0)
		return RANGE_WHOLE;
	text += 6;
	if (*text == '-')
		return parse_suffix(text + 1, size, ret_offset, ret_length);
	dash = strchr(text, '-');
	if (!dash || !number_at(text, (size_t)(dash - text), &first))
		return RANGE_WHOLE;
	last = UINT64_MAX;
	if (dash[1] && (!number_at(dash + 1, strlen(dash + 1), &last) || last < first))
		return RANGE_WHOLE;
	if (first >= size)
		return RANGE_NONE;
	if (last >= size)
		last = size - 1;
	*ret_offset = first;
	*ret_length = last - first + 1;
	return RANGE_PART;
}

/* Metadata */

static int bad(const char *what, struct mu_error *err)
{
	return mu_error_set(err, MU_E_PROTOCOL,
			    "Upload-Metadata: %s; hint: \"key base64,key base64\"", what);
}

/* Text of text[0..len), whose padding may be missing. */
static int decode(struct mu_arena *a, const char *text, size_t len, const char **ret,
		  struct mu_error *err)
{
	char *out = mu_arena_alloc(a, len + 1);
	unsigned bits = 0, n_bits = 0;
	size_t n = 0;

	while (len > 0 && text[len - 1] == '=')
		len--;
	for (size_t i = 0; i < len; i++) {
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

		if (!digit)
			return bad("a value is not base64", err);
		bits = (bits << 6 | (unsigned)(digit - digits)) & 0xffffu;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			out[n++] = (char)(unsigned char)(bits >> n_bits);
		}
	}
	out[n] = '\0';
	if (!mu_utf8_valid(out, n))
		return bad("a value is not UTF-8 text", err);
	*ret = out;
	return 0;
}

int upload_metadata(struct mu_arena *a, const char *header, const char *key, const char **ret,
		    struct mu_error *err)
{
	const char *found = NULL;

	for (const char *p = header ? header : ""; *p;) {
		size_t item, name;

		p += strspn(p, " ,");
		item = strcspn(p, ",");
		name = strcspn(p, " ,");
		if (name == strlen(key) && strncmp(p, key, name) == 0) {
			size_t begin = name + strspn(p + name, " ");
			size_t end = begin + strcspn(p + begin, " ,");

			if (decode(a, p + begin, end - begin, &found, err) < 0)
				return MU_FAILED;
			if (end < item && p[end + strspn(p + end, " ")] != ',' &&
			    p[end + strspn(p + end, " ")] != '\0')
				return bad("a value has more than one word", err);
		}
		p += item;
	}
	*ret = found;
	return 0;
}

const char *upload_metadata_item(struct mu_arena *a, const char *key, const char *value)
{
	size_t key_len = strlen(key), len = strlen(value);
	char *out = mu_arena_alloc(a, key_len + 1 + (len + 2) / 3 * 4 + 1);
	char *p = out + key_len + 1;

	memcpy(out, key, key_len);
	out[key_len] = ' ';
	for (size_t i = 0; i < len; i += 3) {
		unsigned char b[3] = {0};
		size_t n = len - i < 3 ? len - i : 3;

		memcpy(b, value + i, n);
		*p++ = digits[b[0] >> 2];
		*p++ = digits[(b[0] & 3) << 4 | b[1] >> 4];
		*p++ = n > 1 ? digits[(b[1] & 15) << 2 | b[2] >> 6] : '=';
		*p++ = n > 2 ? digits[b[2] & 63] : '=';
	}
	*p = '\0';
	return out;
}
