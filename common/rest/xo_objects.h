/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Xen Orchestra's JSON-RPC method xo.getAllObjects gives: the objects that a user may see, by
 * their ids, all properties of each, as REST shows them. Made in turns of the loop, and bounded as
 * an export is. Embedded by its user.
 */
#ifndef MUSTER_REST_XO_OBJECTS_H
#define MUSTER_REST_XO_OBJECTS_H

#include "common/rest/render.h"

struct xo_objects {
	/* private */
	struct rest *rest; /* NULL: not begun */
	struct rest_render render;
	const struct mu_value *pattern; /* NULL: everything */
	size_t limit;
	size_t n_written;
	struct xo_object_row *rows; /* noted, by id */
	size_t n_rows;
	size_t rows_cap;
	size_t next;
	const struct rest_type *walked;
};

/* Of the method's parameters, which have to outlive it. MU_E_INVALID. */
int xo_objects_begin(struct xo_objects *o, struct rest *rest, const struct mu_value *params,
		     struct mu_error *err);
enum { XO_OBJECTS_MORE = 1 };
/* One turn, its text appended: 0 when that was all, or XO_OBJECTS_MORE, or MU_E_TOO_LARGE. */
int xo_objects_turn(struct xo_objects *o, const struct rest_user *user, struct mu_str *text,
		    struct mu_error *err);
/* Again and again without harm, from zero too. */
void xo_objects_end(struct xo_objects *o);

#endif
