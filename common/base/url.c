/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/url.h"

#include <stdio.h>
#include <string.h>

struct parts {
	size_t scheme_len; /* with "://" */
	const char *host;  /* and port; without a user */
	size_t host_len;
	const char *rest;
	bool user;
};

static struct parts split(const char *url)
{
	size_t len = strcspn(url, ":/?#");
	struct parts p = {.scheme_len = strncmp(url + len, "://", 3) == 0 ? len + 3 : 0};
	const char *at;

	p.host = url + p.scheme_len;
	p.rest = p.host + strcspn(p.host, "/?#");
	/* The last one: less is told rather than more. */
	at = memrchr(p.host, '@', (size_t)(p.rest - p.host));
	p.user = at != NULL;
	if (at)
		p.host = at + 1;
	p.host_len = (size_t)(p.rest - p.host);
	return p;
}

const char *mu_url_origin(const char *url, char ret[static MU_URL_ORIGIN_TEXT])
{
	const struct parts p = split(url);

	(void)snprintf(ret, MU_URL_ORIGIN_TEXT, "%.*s%.*s", (int)p.scheme_len, url, (int)p.host_len,
		       p.host);
	return ret;
}

bool mu_url_has_path(const char *url)
{
	const struct parts p = split(url);

	return p.rest[0] && strcmp(p.rest, "/") != 0;
}

bool mu_url_has_user(const char *url)
{
	return split(url).user;
}
