/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a URL may be told. A path and a query can be all that keeps strangers out
 * ("https://hooks.example.org/T/B/KEY"), and a user's password stands in front of the host: none of
 * them goes to a log or an answer. Any thread.
 */
#ifndef MUSTER_BASE_URL_H
#define MUSTER_BASE_URL_H

#include <stdbool.h>
#include <stddef.h>

enum { MU_URL_ORIGIN_TEXT = 280 }; /* a name of DNS, a scheme and a port */

/* Where it leads, "scheme://host:port", cut to `ret`, which is returned. */
const char *mu_url_origin(const char *url, char ret[static MU_URL_ORIGIN_TEXT]);
/* More than that, and than "/". */
bool mu_url_has_path(const char *url);
/* "scheme://user@..." or "scheme://user:password@..." */
bool mu_url_has_user(const char *url);

#endif
