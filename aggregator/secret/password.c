/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/secret/password.h"

#include "common/base/list.h"
#include "common/os/random.h"

#include <argon2.h>
#include <stdio.h>
#include <string.h>

enum { PASSES = 2, MEMORY_KIB = 19456, LANES = 1, HASH_BYTES = 32 };

/* Of no password: what is compared when there is no user of that name, or he has none. */
static const char nobody[] = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
			     "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

static void run_hash(struct mu_work *w)
{
	struct password_op *op = MU_CONTAINER_OF(w, struct password_op, work);

	op->ok = argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, op->password,
				       strlen(op->password), op->salt, sizeof op->salt, HASH_BYTES,
				       op->hash, sizeof op->hash) == ARGON2_OK;
}

static void run_verify(struct mu_work *w)
{
	struct password_op *op = MU_CONTAINER_OF(w, struct password_op, work);
	const char *hash = op->hash[0] ? op->hash : nobody;

	op->ok = argon2id_verify(hash, op->password, strlen(op->password)) == ARGON2_OK;
	op->ok = op->ok && op->hash[0] && op->password[0];
}

static void on_done(struct mu_work *w)
{
	struct password_op *op = MU_CONTAINER_OF(w, struct password_op, work);

	explicit_bzero(op->password, sizeof op->password);
	op->done(op);
}

static void start(struct password_op *op, struct mu_loop *loop, const char *password)
{
	op->ok = false;
	op->password[0] = '\0';
	if (strlen(password) <= PASSWORD_MAX)
		(void)snprintf(op->password, sizeof op->password, "%s", password);
	op->work.done = on_done;
	mu_work_start(&op->work, loop);
}

void password_hash_start(struct password_op *op, struct mu_loop *loop, const char *password)
{
	mu_random_bytes(op->salt, sizeof op->salt);
	op->work.run = run_hash;
	start(op, loop, password);
}

void password_verify_start(struct password_op *op, struct mu_loop *loop, const char *password)
{
	op->work.run = run_verify;
	start(op, loop, password);
}
