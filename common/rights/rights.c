/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Privileges are few and looked at in order; a check picks those that concern it once, so that the
 * walk over a list evaluates selectors and compares no names.
 */
#include "common/rights/rights.h"

#include "common/base/assert.h"
#include "common/query/query.h"

#include <stdlib.h>
#include <string.h>

struct privilege {
	const char *resource;
	const char *action;
	const struct query_filter *selector; /* NULL: all objects */
	bool deny;
};

struct rights {
	struct mu_arena *arena;
	size_t n;
	struct privilege privileges[];
};

const struct rights *rights_nothing(void)
{
	static const struct rights nothing;

	return &nothing;
}

/* Is `action` the same as `part`, or a group that it is in? */
static bool covers(const char *action, const char *part)
{
	size_t len = strlen(action);

	if (strcmp(action, "*") == 0)
		return true;
	return strncmp(action, part, len) == 0 && (part[len] == '\0' || part[len] == ':');
}

static bool concerns(const struct privilege *p, const char *resource, const char *action)
{
	if (strcmp(p->resource, "*") != 0 && strcmp(p->resource, resource) != 0)
		return false;
	/* To deny a part denies the whole. */
	return covers(p->action, action) || (p->deny && covers(action, p->action));
}

static const struct rights_resource *resource_find(const char *name)
{
	for (const struct rights_resource *r = rights_resources; r->name; r++)
		if (strcmp(r->name, name) == 0)
			return r;
	return NULL;
}

int rights_known(const char *resource, const char *action, struct mu_error *err)
{
	const struct rights_resource *r = resource_find(resource);

	if (strcmp(action, "*") == 0 && (r || strcmp(resource, "*") == 0))
		return 0;
	if (!r)
		return mu_error_set(
		    err, MU_E_INVALID, "resource: \"%.40s\" is not known%s", resource,
		    strcmp(resource, "*") == 0 ? " with another action than *" : "");
	for (const char *const *known = r->actions; *known; known++)
		if (covers(action, *known))
			return 0;
	return mu_error_set(err, MU_E_INVALID, "action: \"%.70s\" is none of %s's", action,
			    resource);
}

void rights_split(const char *text, char resource[RIGHTS_RESOURCE_MAX + 1], const char **ret_action)
{
	size_t len = strcspn(text, ":");

	mu_assert(len <= RIGHTS_RESOURCE_MAX && text[len] == ':');
	memcpy(resource, text, len);
	resource[len] = '\0';
	*ret_action = text + len + 1;
}

static int add(struct rights *r, const struct rights_privilege *in, struct mu_error *err)
{
	struct privilege *p = &r->privileges[r->n];
	struct query_filter *selector = NULL;

	if (in->selector && *in->selector &&
	    query_filter_parse(r->arena, in->selector, &selector, err) < 0)
		return mu_error_prefix(err, "selector");
	*p = (struct privilege){
	    .resource = mu_arena_strdup(r->arena, in->resource),
	    .action = mu_arena_strdup(r->arena, in->action),
	    .selector = selector,
	    .deny = in->deny,
	};
	r->n++;
	return 0;
}

int rights_new(const struct rights_privilege *privileges, size_t n_privileges,
	       struct rights **ret_rights, struct mu_error *err)
{
	struct rights *r;

	if (n_privileges > RIGHTS_MAX)
		return mu_error_set(err, MU_E_TOO_LARGE,
				    "%zu privileges; hint: at most %d for one user", n_privileges,
				    RIGHTS_MAX);
	r = mu_xcalloc(1, sizeof *r + n_privileges * sizeof r->privileges[0]);
	r->arena = mu_arena_new();
	for (size_t i = 0; i < n_privileges; i++) {
		if (add(r, &privileges[i], err) < 0) {
			rights_free(r);
			return MU_FAILED;
		}
	}
	*ret_rights = r;
	return 0;
}

struct rights *rights_free(struct rights *r)
{
	if (!r)
		return NULL;
	mu_arena_free(r->arena);
	free(r);
	return NULL;
}

static enum rights_verdict verdict_of(const struct rights_check *c, bool denied)
{
	if (denied || (!c->allowed && c->n_allow == 0))
		return RIGHTS_NONE;
	return c->allowed && c->n_deny == 0 ? RIGHTS_ALL : RIGHTS_SOME;
}

void rights_check_init(struct rights_check *c, const struct rights *r, const char *resource,
		       const char *action, struct mu_arena *a)
{
	bool denied = false;

	*c = (struct rights_check){.verdict = RIGHTS_ALL, .allowed = true};
	if (!r)
		return;
	c->allowed = false;
	c->allow = mu_arena_calloc(a, r->n + 1, sizeof *c->allow);
	c->deny = mu_arena_calloc(a, r->n + 1, sizeof *c->deny);
	for (size_t i = 0; i < r->n; i++) {
		const struct privilege *p = &r->privileges[i];

		if (!concerns(p, resource, action))
			continue;
		if (!p->selector)
			*(p->deny ? &denied : &c->allowed) = true;
		else
			*(p->deny ? &c->deny[c->n_deny++] : &c->allow[c->n_allow++]) = p->selector;
		if (p->selector)
			query_filter_allow(p->selector, QUERY_STEPS_MAX);
	}
	c->verdict = verdict_of(c, denied);
}

static bool any_uses(const struct query_filter **filters, size_t n, const char *property)
{
	for (size_t i = 0; i < n; i++)
		if (query_filter_uses(filters[i], property, NULL))
			return true;
	return false;
}

bool rights_check_uses(const struct rights_check *c, const char *property)
{
	return any_uses(c->allow, c->n_allow, property) || any_uses(c->deny, c->n_deny, property);
}

/* `gave_up`: what is taken for the answer of one that takes too long. */
static bool any_matches(const struct query_filter **filters, size_t n,
			const struct mu_value *object, bool gave_up)
{
	for (size_t i = 0; i < n; i++) {
		bool matches = query_filter_match(filters[i], object);

		if (query_filter_check(filters[i], NULL) < 0)
			matches = gave_up;
		if (matches)
			return true;
	}
	return false;
}

bool rights_check_object(const struct rights_check *c, const struct mu_value *object)
{
	if (c->verdict != RIGHTS_SOME)
		return c->verdict == RIGHTS_ALL;
	if (!object)
		return c->allowed && c->n_deny == 0;
	if (any_matches(c->deny, c->n_deny, object, true))
		return false;
	return c->allowed || any_matches(c->allow, c->n_allow, object, false);
}

enum rights_verdict rights_look(const struct rights *r, const char *resource, const char *action)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct rights_check c;

	rights_check_init(&c, r, resource, action, a);
	return c.verdict;
}
