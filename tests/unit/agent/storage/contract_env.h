/* SPDX-License-Identifier: Apache-2.0 */
/* What the cases stand on: an SR of their own, and disks with patterns in them. */
#ifndef MUSTER_TESTS_STORAGE_CONTRACT_ENV_H
#define MUSTER_TESTS_STORAGE_CONTRACT_ENV_H

#include "tests/unit/agent/storage/contract.h"

struct env {
	const struct sr_contract *c;
	struct sr *sr;
	struct sr_config config;
};

#define MIB ((int64_t)1 << 20)
#define DISK_SIZE (16 * MIB) /* a multiple of every driver's granularity */

#define EXPECT(cond, ...)                                                                          \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			mu_error_set(err, MU_E_INTERNAL, __VA_ARGS__);                             \
			return mu_error_prefix(err, "line %d: %s", __LINE__, #cond);               \
		}                                                                                  \
	} while (0)
/* `call` must fail with `code_` and say something. */
#define REFUSED(code_, call)                                                                       \
	do {                                                                                       \
		EXPECT((call) < 0, "should have been refused with %s", mu_error_name(code_));      \
		EXPECT(err->code == (code_) && err->text[0], "not %s", mu_error_name(code_));      \
		mu_error_clear(err);                                                               \
	} while (0)

int env_open(struct env *e, const struct sr_contract *c, struct mu_error *err);
/* Removes the disks that the case left, destroys the SR, looks for leaks. */
int env_close(struct env *e, struct mu_error *err);
/* As after a restart: another object for the same SR, attached. */
int env_reopen(struct env *e, struct mu_error *err);
/* The SR again, with one more parameter. */
int env_reopen_with(struct env *e, const char *name, const char *value, struct mu_error *err);

/* A disk of DISK_SIZE to be made, whole, with a name. */
struct sr_vdi env_vdi(const char *name);
/* The same, made. */
int env_disk(struct env *e, const char *name, struct sr_vdi *ret_vdi, struct mu_error *err);
/* Write `seed`'s pattern at each MiB of [from, to), or check that it is there; seed 0: zeroes. */
int env_write(struct env *e, const struct sr_vdi *vdi, int64_t from, int64_t to, unsigned seed,
	      struct mu_error *err);
int env_expect(struct env *e, const struct sr_vdi *vdi, int64_t from, int64_t to, unsigned seed,
	       struct mu_error *err);
/* A snapshot (read-only) or clone in all its steps. */
int env_clone(struct env *e, const struct sr_vdi *source, bool snapshot, struct sr_vdi *ret_vdi,
	      struct mu_error *err);

#endif
