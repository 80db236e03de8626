/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rest/credentials.h"

#include "common/base/str.h"

#include <string.h>
#include <strings.h>

static const char *cookie_value(struct mu_arena *a, const char *cookies, const char *name)
{
	size_t name_len = strlen(name);

	while (*cookies) {
		size_t len = strcspn(cookies, ";");

		if (len > name_len && strncmp(cookies, name, name_len) == 0 &&
		    cookies[name_len] == '=')
			return mu_arena_strndup(a, cookies + name_len + 1, len - name_len - 1);
		cookies += len;
		cookies += strspn(cookies, "; ");
	}
	return NULL;
}

/* NULL when it is not base64 of a text. */
static char *base64_decode(struct mu_arena *a, const char *text)
{
	size_t len = strlen(text);
	char *out = mu_arena_alloc(a, MU_BASE64_BYTES(len) + 1);
	size_t n;

	if (!mu_base64_decode(out, &n, text, len) || memchr(out, '\0', n))
		return NULL;
	out[n] = '\0';
	return out;
}

static int of_header(struct mu_arena *a, const char *header, struct rest_credentials *ret,
		     struct mu_error *err)
{
	size_t scheme = strcspn(header, " ");
	const char *rest = header + scheme + strspn(header + scheme, " ");
	char *decoded;
	char *colon;

	if (!*rest)
		return mu_error_set(
		    err, MU_E_PROTOCOL,
		    "Authorization: nothing behind the scheme; hint: \"Bearer TOKEN\" "
		    "or \"Basic ...\"");
	ret->token = "";
	if (scheme == 6 && strncasecmp(header, "Bearer", scheme) == 0)
		ret->token = rest;
	if (scheme != 5 || strncasecmp(header, "Basic", scheme) != 0)
		return 0;
	decoded = base64_decode(a, rest);
	colon = decoded ? strchr(decoded, ':') : NULL;
	if (!colon)
		return 0;
	*colon = '\0';
	ret->name = decoded;
	ret->token = colon + 1;
	return 0;
}

int rest_credentials_read(struct mu_arena *a, const char *authorization, const char *cookies,
			  struct rest_credentials *ret, struct mu_error *err)
{
	struct rest_credentials found = {.token = NULL};

	if (cookies)
		found.token = cookie_value(a, cookies, "authenticationToken");
	if (cookies && !found.token)
		found.token = cookie_value(a, cookies, "token");
	if (authorization && found.token)
		return mu_error_set(err, MU_E_PROTOCOL,
				    "both Authorization and a cookie say who asks; hint: send one");
	if (authorization && of_header(a, authorization, &found, err) < 0)
		return MU_FAILED;
	*ret = found;
	return 0;
}
