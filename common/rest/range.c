/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rest/range.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <string.h>
#include <strings.h>

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
	char *out = mu_arena_alloc(a, MU_BASE64_BYTES(len) + 1);
	size_t n;

	if (!mu_base64_decode(out, &n, text, len))
		return bad("a value is not base64", err);
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
	char *out = mu_arena_alloc(a, key_len + 1 + MU_BASE64_TEXT(len));

	memcpy(out, key, key_len);
	out[key_len] = ' ';
	mu_base64_encode(out + key_len + 1, value, len);
	return out;
}
