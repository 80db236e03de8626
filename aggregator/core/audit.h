/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log's records and their chain: each one's hash covers the hash before it, so that a
 * change, a removal or another order shows. PURE: the hash function is the caller's.
 * docs/formats/audit.md has the form.
 */
#ifndef MUSTER_AGGREGATOR_CORE_AUDIT_H
#define MUSTER_AGGREGATOR_CORE_AUDIT_H

#include "common/base/str.h"
#include "common/base/time.h"

enum { AUDIT_HASH_TEXT = 65 }; /* hex, with the NUL */

#define AUDIT_TRIM "audit.trim"   /* a record of older ones that were dropped */
#define AUDIT_CHAIN "audit.chain" /* a record that begins the protection of those before it */
/* The hash before the first record. */
#define AUDIT_NO_HASH "0000000000000000000000000000000000000000000000000000000000000000"

struct audit_record {
	int64_t id; /* given by the store */
	mu_msec at;
	const char *who;    /* "admin", "root (local)", "host 4c1f..." */
	const char *source; /* address it came from, "" = the aggregator itself */
	const char *action; /* "vm.start", "host.enrol", ... */
	const char *object; /* id */
	const char *result; /* "requested", "refused", "success", "failure", ... */
	const char *detail;
	const char *before; /* JSON, or "" */
	const char *after;
	const char *hash; /* given by the store */
};

/* Lower-case hex of a hash of `len` bytes. */
typedef void (*audit_digest)(const void *data, size_t len, char ret_hex[static AUDIT_HASH_TEXT]);

/* What `r` has to have as its hash behind a record with hash `previous`. */
void audit_hash(const char *previous, const struct audit_record *r, audit_digest digest,
		char ret[static AUDIT_HASH_TEXT]);

/* A place in the chain; id 0: none. */
struct audit_point {
	int64_t id;
	char hash[AUDIT_HASH_TEXT];
};

/* "ID HASH", or with a colon between. */
bool audit_point_parse(const char *text, struct audit_point *ret);

/* Going through a chain in order of ids. Embedded; nothing to free. */
struct audit_check {
	audit_digest digest;
	struct audit_point trimmed; /* up to where records were dropped */
	struct audit_point kept;    /* what somebody kept elsewhere */
	bool kept_met;
	struct audit_point said; /* what the newest record of trimming says */
	struct audit_point last;
	int64_t said_by;
	int64_t first; /* 0: there is none */
	size_t n_records;
	/* what was found */
	bool wrong;
	int64_t wrong_id; /* 0: no single record */
	char why[256];
};

/* `trimmed` and `kept` may be NULL. */
void audit_check_init(struct audit_check *c, audit_digest digest, const struct audit_point *trimmed,
		      const struct audit_point *kept);
/* False: the chain is wrong here, c->why says how; there is no going on. */
bool audit_check_step(struct audit_check *c, const struct audit_record *r);
/* Behind the last record. */
bool audit_check_end(struct audit_check *c);

#endif
