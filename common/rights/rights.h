/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what to which objects: Xen Orchestra's model. A privilege allows or denies an action
 * on a resource ("vm", "shutdown:clean"), of all its objects or of those that a selector (a filter,
 * common/query) matches. Denied by default; one privilege that denies counts more than any that
 * allow. Actions form a hierarchy: "shutdown" is both "shutdown:clean" and "shutdown:hard", "*" is
 * all. docs/design/access.md. PURE.
 */
#ifndef MUSTER_RIGHTS_RIGHTS_H
#define MUSTER_RIGHTS_RIGHTS_H

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/value.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	RIGHTS_MAX = 1024, /* privileges that one subject has */
	RIGHTS_RESOURCE_MAX = 31,
	RIGHTS_ACTION_MAX = 63,
	RIGHTS_TEXT_MAX = RIGHTS_RESOURCE_MAX + RIGHTS_ACTION_MAX + 2,
};

/* The table (table.c): resources and their actions, "update" with the properties that can be
 * changed. The last has a NULL name, the last action is NULL. */
struct rights_resource {
	const char *name;
	const char *const *actions;
};
extern const struct rights_resource rights_resources[];

/* Is it an action of the table, a group of them ("shutdown"), or "*"? With MU_E_INVALID. */
int rights_known(const char *resource, const char *action, struct mu_error *err);
/* "vm:shutdown:clean": the resource is what stands before the first colon. */
void rights_split(const char *text, char resource[RIGHTS_RESOURCE_MAX + 1],
		  const char **ret_action);

struct rights_privilege {
	const char *resource; /* "*": all */
	const char *action;
	const char *selector; /* NULL or "": all objects */
	bool deny;
};

/* What one subject has got; copied and parsed. NULL in place of it, in all functions: everything.
 */
struct rights;
/* Of whom nothing is known. */
const struct rights *rights_nothing(void);
int rights_new(const struct rights_privilege *privileges, size_t n_privileges,
	       struct rights **ret_rights, struct mu_error *err);
struct rights *rights_free(struct rights *r);

enum rights_verdict {
	RIGHTS_NONE, /* of no object */
	RIGHTS_SOME, /* it depends on the object */
	RIGHTS_ALL,
};

/* One question, to be asked of many objects within a turn of the loop. In `a`, with references to
 * `r`. Regular expressions of selectors that take too long for that allow nothing from there on,
 * and deny everything. */
struct rights_check {
	enum rights_verdict verdict;
	/* private */
	bool allowed; /* if nothing denies */
	size_t n_allow;
	size_t n_deny;
	const struct query_filter **allow;
	const struct query_filter **deny;
};
void rights_check_init(struct rights_check *c, const struct rights *r, const char *resource,
		       const char *action, struct mu_arena *a);
/* Can the answer depend on this property? */
bool rights_check_uses(const struct rights_check *c, const char *property);
/* NULL: an object that is not there yet. What only selectors allow is refused, what any denies
 * too. */
bool rights_check_object(const struct rights_check *c, const struct mu_value *object);

/* The same without objects. */
enum rights_verdict rights_look(const struct rights *r, const char *resource, const char *action);

#endif
