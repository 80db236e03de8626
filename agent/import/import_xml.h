/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An XML document as a tree that is taken apart: what a reader understands it takes out, and what
 * is left at the end is what would get lost. Expat reads it, with nothing that reaches outside the
 * text: no document type, so no entities. The tree lives in the arena.
 */
#ifndef MUSTER_AGENT_IMPORT_XML_H
#define MUSTER_AGENT_IMPORT_XML_H

#include "common/base/arena.h"
#include "common/base/error.h"

#include <stdbool.h>

struct xml_attr {
	const char *name;
	const char *value;
	struct xml_attr *next;
};

struct xml_node {
	const char *name; /* without its namespace's prefix */
	const char *text; /* what stands in it directly, without blanks around it; "" = nothing */
	unsigned long line;
	struct xml_attr *attrs;
	struct xml_node *parent; /* NULL: the root, or taken out */
	struct xml_node *children;
	struct xml_node *next;
};

int xml_parse(struct mu_arena *a, const char *text, size_t len, struct xml_node **ret_root,
	      struct mu_error *err);

/* NULL is fine as a node, below: it has nothing. */

/* An attribute, taken; NULL when it is not there. */
const char *xml_take_attr(struct xml_node *node, const char *name);
bool xml_has_attr(const struct xml_node *node, const char *name);
/* The text, taken; "" when there is none. */
const char *xml_take_text(struct xml_node *node);
/* The first child element of that name, or NULL. */
struct xml_node *xml_child(const struct xml_node *parent, const char *name);
bool xml_is(const struct xml_node *node, const char *name);
/* Takes an element out of the tree, if nothing is left in it. */
void xml_done(struct xml_node *node);
/* The same, with all that is in it: it has no effect on the guest. */
void xml_drop(struct xml_node *node);
/* MU_E_INVALID with the line and the name of the first thing that is left, or 0. */
int xml_check_empty(const struct xml_node *root, struct mu_error *err);
/* MU_E_INVALID with the element's line in front. */
int xml_invalid(struct mu_error *err, const struct xml_node *node, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
