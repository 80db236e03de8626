/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/object_view.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const struct host_id host = {{{9}}};

static struct model_object object(enum object_kind kind, unsigned n, const char *name)
{
	struct model_object o;

	model_object_init(&o, kind);
	memcpy(o.id.bytes, &n, sizeof n);
	(void)snprintf(o.name, sizeof o.name, "%s", name);
	return o;
}

/* The names of a kind, in order. */
static const char *names(const struct object_view *view, enum object_kind kind)
{
	static char text[256];
	const struct model_object *o;
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; (o = object_view_next(view, kind, &i));)
		at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", at ? " " : "", o->name);
	return text;
}

Test(object_view, says_what_is_news)
{
	MU_CLEANUP(object_view_free) struct object_view *view = object_view_new(&host);
	struct model_object sr = object(OBJECT_SR, 1, "disks"), removed;
	const struct model_object *o;

	cr_assert_null(object_view_find(view, &sr.id));
	cr_assert_eq(object_view_set(view, &sr), OBJECT_VIEW_ADDED);
	cr_assert_eq(object_view_set(view, &sr), OBJECT_VIEW_SAME);
	sr.host.uuid.bytes[0] = 77;
	cr_assert_eq(object_view_set(view, &sr), OBJECT_VIEW_SAME, "the host is the view's");
	sr.sr.used_bytes = 5;
	cr_assert_eq(object_view_set(view, &sr), OBJECT_VIEW_CHANGED);
	o = object_view_find(view, &sr.id);
	cr_assert(o && o->sr.used_bytes == 5 && o->host.uuid.bytes[0] == 9);
	cr_assert(object_view_remove(view, &sr.id, &removed));
	cr_assert_str_eq(removed.name, "disks");
	cr_assert_not(object_view_remove(view, &sr.id, &removed));
	cr_assert_null(object_view_find(view, &sr.id));
}

Test(object_view, is_walked_by_kind_and_as_a_whole)
{
	MU_CLEANUP(object_view_free) struct object_view *view = object_view_new(&host);
	struct model_object a = object(OBJECT_VDI, 1, "a"), b = object(OBJECT_PIF, 2, "b"),
			    c = object(OBJECT_VDI, 3, "c");

	object_view_set(view, &a);
	object_view_set(view, &b);
	object_view_set(view, &c);
	cr_assert_str_eq(names(view, OBJECT_VDI), "a c");
	cr_assert_str_eq(names(view, OBJECT_PIF), "b");
	cr_assert_str_eq(names(view, OBJECT_SR), "");
	cr_assert_str_eq(names(view, _OBJECT_KIND_COUNT), "a b c");
}

Test(object_view, is_bounded)
{
	MU_CLEANUP(object_view_free) struct object_view *view = object_view_new(&host);
	struct model_object o = object(OBJECT_VDI, 0, "a"), removed;

	for (unsigned n = 0; n < OBJECT_VIEW_MAX; n++) {
		memcpy(o.id.bytes, &n, sizeof n);
		cr_assert_eq(object_view_set(view, &o), OBJECT_VIEW_ADDED);
	}
	(void)snprintf(o.name, sizeof o.name, "changed");
	cr_assert_eq(object_view_set(view, &o), OBJECT_VIEW_CHANGED, "what is there may change");
	o.id.bytes[15] = 1;
	cr_assert_eq(object_view_set(view, &o), OBJECT_VIEW_FULL);
	cr_assert_null(object_view_find(view, &o.id));
	o.id.bytes[15] = 0;
	cr_assert(object_view_remove(view, &o.id, &removed));
	o.id.bytes[15] = 1;
	cr_assert_eq(object_view_set(view, &o), OBJECT_VIEW_ADDED);
}

Test(object_view, nothing_is_freed_too)
{
	cr_assert_null(object_view_free(NULL));
}
