/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/import/import_xml.h"

#include "common/base/str.h"

#include <libxml/parser.h>
#include <libxml/xmlerror.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const xmlChar *in(const char *text)
{
	return (const xmlChar *)text;
}

static const char *out(const xmlChar *text)
{
	return (const char *)text;
}

/* libxml2 would print them otherwise; the last one is asked for. */
static void silent(void *ctx, xmlErrorPtr error)
{
	(void)ctx, (void)error;
}

static int parse_failed(struct mu_error *err)
{
	const xmlError *e = xmlGetLastError();
	const char *what = e && e->message ? e->message : "not XML";

	return mu_error_set(err, MU_E_INVALID, "line %d: %.*s", e ? e->line : 0,
			    (int)strcspn(what, "\n"), what);
}

int xml_open(struct mu_arena *a, const char *text, size_t len, struct xml *ret,
	     struct mu_error *err)
{
	xmlDoc *doc;

	xmlSetStructuredErrorFunc(NULL, silent);
	xmlResetLastError();
	/* A declaration of another encoding would have it read bytes that are no UTF-8. */
	doc = xmlReadMemory(text, (int)len, NULL, "UTF-8", XML_PARSE_NONET | XML_PARSE_NOCDATA);
	if (!doc)
		return parse_failed(err);
	if (doc->intSubset || doc->extSubset || !xmlDocGetRootElement(doc)) {
		xmlFreeDoc(doc);
		return mu_error_set(err, MU_E_INVALID,
				    "a document type declaration; hint: remove the DOCTYPE");
	}
	ret->arena = a;
	ret->doc = doc;
	return 0;
}

void xml_close(struct xml *x)
{
	xmlFreeDoc(x->doc);
	x->doc = NULL;
}

xmlNode *xml_root(const struct xml *x)
{
	return xmlDocGetRootElement(x->doc);
}

const char *xml_take_attr(struct xml *x, xmlNode *node, const char *name)
{
	xmlAttr *attr = node ? xmlHasProp(node, in(name)) : NULL;
	xmlChar *value;
	const char *copy;

	if (!attr)
		return NULL;
	value = xmlNodeListGetString(x->doc, attr->children, 1);
	copy = mu_arena_strdup(x->arena, value ? out(value) : "");
	xmlFree(value);
	(void)xmlRemoveProp(attr);
	return copy;
}

static bool is_text(const xmlNode *node)
{
	return node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE;
}

const char *xml_take_text(struct xml *x, xmlNode *node)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	const char *start;
	size_t len;
	xmlNode *next;

	for (xmlNode *child = node ? node->children : NULL; child; child = next) {
		next = child->next;
		if (!is_text(child))
			continue;
		mu_str_add(&text, child->content ? out(child->content) : "");
		xmlUnlinkNode(child);
		xmlFreeNode(child);
	}
	if (!text.len)
		return "";
	start = text.data + strspn(text.data, " \t\r\n");
	for (len = strlen(start); len && strchr(" \t\r\n", start[len - 1]);)
		len--;
	return mu_arena_strndup(x->arena, start, len);
}

bool xml_is(const xmlNode *node, const char *name)
{
	return strcmp(out(node->name), name) == 0;
}

xmlNode *xml_first(xmlNode *parent)
{
	return parent ? xmlFirstElementChild(parent) : NULL;
}

xmlNode *xml_next(xmlNode *node)
{
	return xmlNextElementSibling(node);
}

xmlNode *xml_child(xmlNode *parent, const char *name)
{
	for (xmlNode *node = xml_first(parent); node; node = xml_next(node)) {
		if (xml_is(node, name))
			return node;
	}
	return NULL;
}

static bool blank(const xmlNode *node)
{
	const char *text = node->content ? out(node->content) : "";

	return !text[strspn(text, " \t\r\n")];
}

/* Text that is left in an element counts as well. */
static const xmlNode *left_text(const xmlNode *node)
{
	for (const xmlNode *child = node->children; child; child = child->next) {
		if (child->type == XML_ENTITY_REF_NODE || (is_text(child) && !blank(child)))
			return child;
	}
	return NULL;
}

void xml_drop(xmlNode *node)
{
	if (!node)
		return;
	xmlUnlinkNode(node);
	xmlFreeNode(node);
}

void xml_done(xmlNode *node)
{
	if (node && !node->properties && !xml_first(node) && !left_text(node))
		xml_drop(node);
}

int xml_invalid(struct mu_error *err, const xmlNode *node, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return mu_error_set(err, MU_E_INVALID, "line %ld: %s", xmlGetLineNo(node), text);
}

/* An element whose content was taken is left behind empty; what is left deepest is named. */
static int check_node(const xmlNode *node, struct mu_error *err)
{
	for (const xmlNode *child = node->children; child; child = child->next) {
		if (child->type == XML_ELEMENT_NODE)
			return check_node(child, err);
	}
	if (node->properties)
		return xml_invalid(err, node,
				   "<%.40s %.40s=...> has nothing here that it could become; hint: "
				   "remove it if the guest can do without",
				   out(node->name), out(node->properties->name));
	return xml_invalid(err, node,
			   "<%.40s> has nothing here that it could become; hint: remove it if the "
			   "guest can do without",
			   out(node->name));
}

int xml_check_empty(const struct xml *x, struct mu_error *err)
{
	const xmlNode *root = xml_root(x);

	if (root->properties || left_text(root) || xml_first(xml_root(x)))
		return check_node(root, err);
	return 0;
}
