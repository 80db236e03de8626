/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users, groups, roles, privileges, and who has what: everything that decides what a user may, in
 * memory. A change is checked, stored by the shell, and then applied: access_check() says whether
 * it may be, access_apply() makes it so, in that order and with no other change between. PURE.
 */
#ifndef MUSTER_AGGREGATOR_CORE_ACCESS_H
#define MUSTER_AGGREGATOR_CORE_ACCESS_H

#include "common/base/error.h"
#include "common/base/id.h"
#include "common/model/vm.h"
#include "common/rights/rights.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	ACCESS_USERS_MAX = 10000,
	ACCESS_GROUPS_MAX = 1000,
	ACCESS_ROLES_MAX = 1000,
	ACCESS_PRIVILEGES_MAX = 20000,
	ACCESS_LINKS_MAX = 20000,
	ACCESS_ROLE_PRIVILEGES_MAX = 256,
	ACCESS_SELECTOR_MAX = 1023,
	ACCESS_HASH_MAX = 127,
	ACCESS_OTP_MAX = 63,
	ACCESS_RECOVERY_MAX = 1023,
};

struct access_user {
	struct mu_uuid id;
	char name[MODEL_NAME_MAX + 1];
	bool admin;                         /* may do everything */
	char password[ACCESS_HASH_MAX + 1]; /* as aggregator/secret writes it; "": none */
	char otp[ACCESS_OTP_MAX + 1];       /* base32 of the secret; "": none is asked for */
	uint64_t otp_used;                  /* no code up to this one's number is taken again */
	char recovery[ACCESS_RECOVERY_MAX +
		      1]; /* SHA-256 of codes not used yet, with blanks between */
};

struct access_group {
	struct mu_uuid id;
	char name[MODEL_NAME_MAX + 1];
};

struct access_role {
	struct mu_uuid id;
	char name[MODEL_NAME_MAX + 1];
	char description[MODEL_TEXT_MAX + 1];
	bool builtin; /* cannot be changed, only copied */
};

struct access_privilege {
	struct mu_uuid id;
	struct mu_uuid role;
	char resource[RIGHTS_RESOURCE_MAX + 1];
	char action[RIGHTS_ACTION_MAX + 1];
	char selector[ACCESS_SELECTOR_MAX + 1]; /* "": all objects */
	bool deny;
};

enum access_link_kind { ACCESS_MEMBER, ACCESS_ROLE_USER, ACCESS_ROLE_GROUP, _ACCESS_LINK_COUNT };

/* A user in a group; a user or a group that has a role. */
struct access_link {
	enum access_link_kind kind;
	struct mu_uuid of; /* the group, the role */
	struct mu_uuid to; /* the user, the group */
};

enum access_verb {
	ACCESS_USER_PUT, /* make, or replace the one with the same id */
	ACCESS_USER_DELETE,
	ACCESS_GROUP_PUT,
	ACCESS_GROUP_DELETE,
	ACCESS_ROLE_PUT,
	ACCESS_ROLE_COPY, /* `role` is new, with the privileges of `id` */
	ACCESS_ROLE_DELETE,
	ACCESS_PRIVILEGE_PUT,
	ACCESS_PRIVILEGE_DELETE,
	ACCESS_LINK,
	ACCESS_UNLINK,
};

struct access_change {
	enum access_verb verb;
	struct mu_uuid id; /* to delete, to copy */
	union {
		struct access_user user;
		struct access_group group;
		struct access_role role;
		struct access_privilege privilege;
		struct access_link link;
	};
};

struct access;

struct access *access_new(void); /* with the built-in roles */
struct access *access_free(struct access *a);

/* MU_E_INVALID, NOT_FOUND, EXISTS, STATE (the last administrator, a built-in role), EXHAUSTED. */
int access_check(const struct access *a, const struct access_change *c, struct mu_error *err);
/* Of what was checked, or comes from the store. */
void access_apply(struct access *a, const struct access_change *c);
/* What a copy of the privilege is in another role. */
void access_copy(const struct access_privilege *p, const struct mu_uuid *role,
		 struct access_privilege *ret);

const struct access_user *access_user_find(const struct access *a, const struct mu_uuid *id);
const struct access_user *access_user_named(const struct access *a, const char *name);
const struct access_group *access_group_find(const struct access *a, const struct mu_uuid *id);
const struct access_role *access_role_find(const struct access *a, const struct mu_uuid *id);
const struct access_privilege *access_privilege_find(const struct access *a,
						     const struct mu_uuid *id);
/* In order of making; NULL at the end; *iter starts at 0. */
const struct access_user *access_user_next(const struct access *a, size_t *iter);
const struct access_group *access_group_next(const struct access *a, size_t *iter);
const struct access_role *access_role_next(const struct access *a, size_t *iter);
const struct access_privilege *access_privilege_next(const struct access *a, size_t *iter);
const struct access_link *access_link_next(const struct access *a, size_t *iter);

/* Does the user have the role, by himself or by a group? */
bool access_has_role(const struct access *a, const struct mu_uuid *user,
		     const struct mu_uuid *role);
/* What the user has by his roles. MU_E_TOO_LARGE: more than RIGHTS_MAX. */
int access_rights(const struct access *a, const struct mu_uuid *user, struct rights **ret,
		  struct mu_error *err);

/* roles.c: the built-in ones. */
void access_add_builtin(struct access *a);

#endif
