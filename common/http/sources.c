/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/sources.h"

#include "common/base/assert.h"
#include "common/base/map.h"
#include "common/log/log.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { V4_LEN = 4, V6_LEN = 16, V6_PREFIX = 8, MAPPED_AT = 12 };

struct source {
	unsigned n;
	bool told;
};

struct http_sources {
	struct mu_map *by_key;
	unsigned max;
};

struct key {
	unsigned char bytes[V6_PREFIX];
	size_t len;
};

/* What is no address (there is none such) is a source of its own. */
static struct key key_of(const char *address)
{
	static const unsigned char mapped[MAPPED_AT] = {[10] = 0xff, [11] = 0xff};
	unsigned char v6[V6_LEN];
	struct key k = {.len = V4_LEN};

	if (inet_pton(AF_INET, address, k.bytes) == 1)
		return k;
	if (inet_pton(AF_INET6, address, v6) != 1)
		return (struct key){.len = 1};
	if (memcmp(v6, mapped, sizeof mapped) == 0) {
		memcpy(k.bytes, v6 + MAPPED_AT, V4_LEN);
		return k;
	}
	memcpy(k.bytes, v6, V6_PREFIX);
	k.len = V6_PREFIX;
	return k;
}

struct http_sources *http_sources_new(unsigned max)
{
	struct http_sources *s = mu_xcalloc(1, sizeof *s);

	s->by_key = mu_map_new();
	s->max = max;
	return s;
}

struct http_sources *http_sources_free(struct http_sources *s)
{
	struct source *source;

	if (!s)
		return NULL;
	for (size_t i = 0; (source = mu_map_next(s->by_key, &i, NULL, NULL));)
		free(source);
	mu_map_free(s->by_key);
	free(s);
	return NULL;
}

bool http_sources_enter(struct http_sources *s, const char *address)
{
	struct key k = key_of(address);
	struct source *source = mu_map_find(s->by_key, k.bytes, k.len);

	if (!source) {
		source = mu_xcalloc(1, sizeof *source);
		(void)mu_map_put(s->by_key, k.bytes, k.len, source);
	}
	if (source->n < s->max) {
		source->n++;
		return true;
	}
	if (!source->told)
		mu_log_warning("connections refused: one source has as many as it may peer=%s "
			       "connections=%u",
			       address, source->n);
	source->told = true;
	return false;
}

void http_sources_leave(struct http_sources *s, const char *address)
{
	struct key k = key_of(address);
	struct source *source = mu_map_find(s->by_key, k.bytes, k.len);

	mu_assert(source && source->n > 0);
	if (--source->n == 0)
		free(mu_map_remove(s->by_key, k.bytes, k.len));
}
