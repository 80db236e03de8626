/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passwords, hashed with Argon2id: 19 MiB and two passes, as OWASP asks for at least; some 30 ms on
 * a thread of the pool. The text that is kept says with what it was made, so that other costs can
 * follow. Embedded in its user, which must outlive it. Loop thread.
 */
#ifndef MUSTER_AGGREGATOR_SECRET_PASSWORD_H
#define MUSTER_AGGREGATOR_SECRET_PASSWORD_H

#include "common/loop/work.h"

#include <stdbool.h>
#include <stddef.h>

enum { PASSWORD_MIN = 8, PASSWORD_MAX = 256, PASSWORD_HASH_MAX = 127 };

struct password_op {
	/* inputs */
	void (*done)(struct password_op *op); /* from the loop, once */
	/* results */
	bool ok;                          /* it was the password; the hash was made */
	char hash[PASSWORD_HASH_MAX + 1]; /* made, or compared with; "": compared with nothing */
	/* private */
	struct mu_work work;
	unsigned char salt[16];
	char password[PASSWORD_MAX + 1];
};

/* `password` is copied, and wiped before done(); what is longer than PASSWORD_MAX is no password.
 */
void password_hash_start(struct password_op *op, struct mu_loop *loop, const char *password);
/* Against op->hash. With "" it takes as long and is wrong. */
void password_verify_start(struct password_op *op, struct mu_loop *loop, const char *password);

#endif
