/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this host has besides its VMs, as one set of struct model_object. Whoever finds something
 * out (storage, networks, devices) sets it whole; the view says whether that is news. Owned by
 * the app; pure.
 */
#ifndef MUSTER_AGENT_CORE_OBJECT_VIEW_H
#define MUSTER_AGENT_CORE_OBJECT_VIEW_H

#include "common/base/mem.h"
#include "common/model/object.h"

enum { OBJECT_VIEW_MAX = 16384 }; /* what the protocol has room for: WIRE_OBJECTS_MAX */

enum object_view_set {
	OBJECT_VIEW_SAME,
	OBJECT_VIEW_ADDED,
	OBJECT_VIEW_CHANGED,
	OBJECT_VIEW_FULL, /* not taken */
};

struct object_view;

struct object_view *object_view_new(const struct host_id *host);
/* Takes NULL; returns NULL. */
struct object_view *object_view_free(struct object_view *view);
MU_DEFINE_CLEANUP(object_view_free, struct object_view *);

/* `o` is copied; its `host` does not count. The id is its identity over all kinds: one that comes
 * back as another kind has to be removed first. */
enum object_view_set object_view_set(struct object_view *view, const struct model_object *o);
/* false: there is no such object. *ret_removed is it as it was. */
bool object_view_remove(struct object_view *view, const struct mu_uuid *id,
			struct model_object *ret_removed);
/* NULL when unknown. Valid until that object changes. */
const struct model_object *object_view_find(const struct object_view *view,
					    const struct mu_uuid *id);
/* Next of a kind, or of all kinds (_OBJECT_KIND_COUNT), in order of arrival; NULL at the end; *iter
 * starts at 0. Removing the current one is allowed. */
const struct model_object *object_view_next(const struct object_view *view, enum object_kind kind,
					    size_t *iter);

#endif
