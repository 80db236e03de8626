/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An XML document that is taken apart: what a reader understands it takes out of the tree, and
 * what is left at the end is what would get lost. libxml2 reads it, with nothing that reaches
 * outside the text: no network, no DTD, no entities.
 */
#ifndef MUSTER_AGENT_IMPORT_XML_H
#define MUSTER_AGENT_IMPORT_XML_H

#include "common/base/error.h"
#include "common/base/value.h"

#include <libxml/tree.h>

struct xml {
	struct mu_arena *arena;
	xmlDoc *doc;
};

/* `doc` is freed by xml_close(). */
int xml_open(struct mu_arena *a, const char *text, size_t len, struct xml *ret,
	     struct mu_error *err);
void xml_close(struct xml *x);
xmlNode *xml_root(const struct xml *x);

/* An attribute, taken; NULL when it is not there. Texts are in the arena. */
const char *xml_take_attr(struct xml *x, xmlNode *node, const char *name);
/* The text between an element's tags, taken, without blanks around it; "" when there is none. */
const char *xml_take_text(struct xml *x, xmlNode *node);
/* The first child element of that name; NULL: none, or `parent` is NULL. */
xmlNode *xml_child(xmlNode *parent, const char *name);
/* The first child element, and the next; for loops in which the one at hand may be dropped. */
xmlNode *xml_first(xmlNode *parent);
xmlNode *xml_next(xmlNode *node);
bool xml_is(const xmlNode *node, const char *name);
/* Takes an element out of the tree, if nothing that matters is left in it. NULL is fine. */
void xml_done(xmlNode *node);
/* The same, with all that is in it: it has no effect on the guest. */
void xml_drop(xmlNode *node);
/* MU_E_INVALID with the line and the name of the first thing that is left, or 0. */
int xml_check_empty(const struct xml *x, struct mu_error *err);
/* MU_E_INVALID with the element's line in front. */
int xml_invalid(struct mu_error *err, const xmlNode *node, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
