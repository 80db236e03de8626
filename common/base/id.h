/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identities. A VM is its libxl UUID, never its domid or its name; a host is the UUID in its
 * host-id file. Distinct structs, so that mixing them does not compile. Text form: RFC 4122,
 * lower case, 36 characters. Values; any thread.
 */
#ifndef MUSTER_BASE_ID_H
#define MUSTER_BASE_ID_H

#include <stdbool.h>
#include <stdint.h>

enum { MU_UUID_TEXT = 37 }; /* with the NUL */

struct mu_uuid {
	uint8_t bytes[16];
};

struct vm_id {
	struct mu_uuid uuid;
};

struct host_id {
	struct mu_uuid uuid;
};

/* Accepts upper case; refuses anything but the 8-4-4-4-12 form. *ret untouched on failure. */
bool mu_uuid_parse(const char *text, struct mu_uuid *ret);
/* Returns `buf`. */
const char *mu_uuid_format(const struct mu_uuid *u, char buf[static MU_UUID_TEXT]);
bool mu_uuid_equal(const struct mu_uuid *a, const struct mu_uuid *b);
bool mu_uuid_is_nil(const struct mu_uuid *u);
/* Version 4 from 16 random bytes. */
struct mu_uuid mu_uuid_from_random(const uint8_t bytes[static 16]);
/* A stable id for a part of something: version 8 (RFC 9562), a hash of the parent's id and a name.
 * The same on every machine and in every release. */
struct mu_uuid mu_uuid_derive(const struct mu_uuid *parent, const char *name);
/* The same for what there is one of, by which the parent can be found: the twin's twin. `mark` is
 * not 0, and another for each kind of thing. */
struct mu_uuid mu_uuid_twin(const struct mu_uuid *of, uint8_t mark);

#endif
