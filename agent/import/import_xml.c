/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/import/import_xml.h"

#include "common/base/str.h"

#include <expat.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Text in pieces between elements is put together anew for each: that, too, ends somewhere. */
enum { DEPTH_MAX = 64, NODES_MAX = 20000, MIXED_BYTES_MAX = 4 << 20 };

static const char blanks[] = " \t\r\n";

struct reader {
	struct mu_arena *arena;
	XML_Parser parser;
	struct xml_node *root;
	struct xml_node *at;
	struct xml_node *last; /* child of `at`, to append behind */
	struct mu_str text;    /* of `at`, since its last tag */
	unsigned depth;
	unsigned n_nodes;
	size_t mixed_bytes;
	const char *refused; /* why it was stopped */
};

static void stop(struct reader *r, const char *why)
{
	r->refused = why;
	(void)XML_StopParser(r->parser, XML_FALSE);
}

/* Pieces between child elements are one text: libvirt has no mixed content. */
static void end_text(struct reader *r)
{
	const char *start;
	size_t len;

	if (!r->at || !r->text.len)
		return;
	start = r->text.data + strspn(r->text.data, blanks);
	for (len = strlen(start); len && strchr(blanks, start[len - 1]);)
		len--;
	if (len && *r->at->text)
		r->mixed_bytes += strlen(r->at->text) + len;
	if (r->mixed_bytes > MIXED_BYTES_MAX)
		stop(r, "too much text between elements");
	else if (len)
		r->at->text = mu_arena_printf(r->arena, "%s%.*s", r->at->text, (int)len, start);
	mu_str_reset(&r->text);
}

static const char *local_name(const char *name)
{
	const char *colon = strchr(name, ':');

	return colon ? colon + 1 : name;
}

static void on_start(void *ctx, const XML_Char *name, const XML_Char **attrs)
{
	struct reader *r = ctx;
	struct xml_node *node = mu_arena_calloc(r->arena, 1, sizeof *node);
	struct xml_attr **tail = &node->attrs;

	if (++r->depth > DEPTH_MAX || ++r->n_nodes > NODES_MAX) {
		stop(r, "nested too deep, or too many elements");
		return;
	}
	end_text(r);
	node->name = mu_arena_strdup(r->arena, local_name(name));
	node->text = "";
	node->line = XML_GetCurrentLineNumber(r->parser);
	for (; attrs[0]; attrs += 2) {
		/* A namespace's declaration is none of the element's. */
		if (!strcmp(attrs[0], "xmlns") || mu_str_has_prefix(attrs[0], "xmlns:"))
			continue;
		*tail = mu_arena_calloc(r->arena, 1, sizeof **tail);
		(*tail)->name = mu_arena_strdup(r->arena, attrs[0]);
		(*tail)->value = mu_arena_strdup(r->arena, attrs[1]);
		tail = &(*tail)->next;
	}
	node->parent = r->at;
	if (!r->at)
		r->root = node;
	else if (r->last)
		r->last->next = node;
	else
		r->at->children = node;
	r->at = node;
	r->last = NULL;
}

static void on_end(void *ctx, const XML_Char *name)
{
	struct reader *r = ctx;

	(void)name;
	end_text(r);
	r->last = r->at;
	r->at = r->at->parent;
	r->depth--;
}

static void on_text(void *ctx, const XML_Char *text, int len)
{
	mu_str_add_bytes(&((struct reader *)ctx)->text, text, (size_t)len);
}

static void on_doctype(void *ctx, const XML_Char *name, const XML_Char *system,
		       const XML_Char *public, int has_internal)
{
	(void)name, (void)system, (void)public, (void)has_internal;
	stop(ctx, "a document type; hint: remove the DOCTYPE");
}

int xml_parse(struct mu_arena *a, const char *text, size_t len, struct xml_node **ret_root,
	      struct mu_error *err)
{
	/* The encoding is said here, so a declaration in the text cannot change it. */
	struct reader r = {.arena = a, .parser = XML_ParserCreate("UTF-8"), .text = MU_STR_INIT};
	int r_code = 0;

	if (!r.parser)
		return mu_error_set(err, MU_E_EXHAUSTED, "no memory for an XML parser");
	XML_SetUserData(r.parser, &r);
	XML_SetElementHandler(r.parser, on_start, on_end);
	XML_SetCharacterDataHandler(r.parser, on_text);
	XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
	if (XML_Parse(r.parser, text, (int)len, XML_TRUE) != XML_STATUS_OK)
		r_code = mu_error_set(err, MU_E_INVALID, "line %lu: %s",
				      (unsigned long)XML_GetCurrentLineNumber(r.parser),
				      r.refused ? r.refused
						: XML_ErrorString(XML_GetErrorCode(r.parser)));
	XML_ParserFree(r.parser);
	mu_str_deinit(&r.text);
	if (r_code == 0)
		*ret_root = r.root;
	return r_code;
}

/* Taking apart */

const char *xml_take_attr(struct xml_node *node, const char *name)
{
	for (struct xml_attr **at = node ? &node->attrs : NULL; at && *at; at = &(*at)->next) {
		const char *value = (*at)->value;

		if (strcmp((*at)->name, name) != 0)
			continue;
		*at = (*at)->next;
		return value;
	}
	return NULL;
}

bool xml_has_attr(const struct xml_node *node, const char *name)
{
	for (const struct xml_attr *at = node ? node->attrs : NULL; at; at = at->next) {
		if (strcmp(at->name, name) == 0)
			return true;
	}
	return false;
}

const char *xml_take_text(struct xml_node *node)
{
	const char *text = node ? node->text : "";

	if (node)
		node->text = "";
	return text;
}

bool xml_is(const struct xml_node *node, const char *name)
{
	return strcmp(node->name, name) == 0;
}

struct xml_node *xml_child(const struct xml_node *parent, const char *name)
{
	struct xml_node *node = parent ? parent->children : NULL;

	while (node && !xml_is(node, name))
		node = node->next;
	return node;
}

void xml_drop(struct xml_node *node)
{
	struct xml_node **at = node && node->parent ? &node->parent->children : NULL;

	if (!at)
		return;
	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	node->parent = NULL;
}

void xml_done(struct xml_node *node)
{
	if (node && !node->attrs && !node->children && !*node->text)
		xml_drop(node);
}

int xml_invalid(struct mu_error *err, const struct xml_node *node, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return mu_error_set(err, MU_E_INVALID, "line %lu: %s", node->line, text);
}

/* What is left deepest is named: an element may be there only for what is in it. */
int xml_check_empty(const struct xml_node *root, struct mu_error *err)
{
	const struct xml_node *node = root;

	if (!root->attrs && !root->children && !*root->text)
		return 0;
	while (node->children)
		node = node->children;
	return xml_invalid(
	    err, node,
	    "<%.40s%s%.40s%s> has nothing here that it could become; hint: remove it "
	    "if the guest can do without",
	    node->name, node->attrs ? " " : "", node->attrs ? node->attrs->name : "",
	    node->attrs ? "=..." : "");
}
