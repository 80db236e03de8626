/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many connections each source has, so that one alone cannot take all there are. A source is an
 * IPv4 address, or the first 64 bits of an IPv6 one, which one customer has all of. Loop thread.
 */
#ifndef MUSTER_HTTP_SOURCES_H
#define MUSTER_HTTP_SOURCES_H

#include <stdbool.h>

struct http_sources;

struct http_sources *http_sources_new(unsigned max);
/* Takes NULL; returns NULL. */
struct http_sources *http_sources_free(struct http_sources *s);
/* One more from here; false: it has as many as it may. */
bool http_sources_enter(struct http_sources *s, const char *address);
/* One that entered is over. */
void http_sources_leave(struct http_sources *s, const char *address);

#endif
