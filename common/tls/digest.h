/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests of what comes in pieces, as lower-case hex. Any thread, one at a time per struct.
 */
#ifndef MUSTER_TLS_DIGEST_H
#define MUSTER_TLS_DIGEST_H

#include "common/base/mem.h"

#include <stdbool.h>
#include <stddef.h>

enum tls_digest_kind { TLS_SHA1, TLS_SHA256, TLS_SHA512, _TLS_DIGEST_COUNT };
enum { TLS_DIGEST_TEXT = 129 }; /* the longest, with the NUL */

struct tls_digest;

/* "SHA1", "SHA256", "SHA512". */
const char *tls_digest_name(enum tls_digest_kind kind);
bool tls_digest_parse(const char *name, enum tls_digest_kind *ret);
/* Characters of its text. */
size_t tls_digest_chars(enum tls_digest_kind kind);

struct tls_digest *tls_digest_new(enum tls_digest_kind kind);
/* Takes NULL; returns NULL. */
struct tls_digest *tls_digest_free(struct tls_digest *d);
MU_DEFINE_CLEANUP(tls_digest_free, struct tls_digest *);
void tls_digest_add(struct tls_digest *d, const void *data, size_t len);
/* Of all that was added; nothing can be added any more. */
void tls_digest_text(struct tls_digest *d, char ret[static TLS_DIGEST_TEXT]);

#endif
