/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Declarations: documents that say how an object of the API should be, for `apply` and `edit`.
 *
 *     kind: vm
 *     name: web-1
 *     host: host-1             where it is made; which one is meant, where names are not enough
 *     spec: {cpus: 2, ...}     what should hold, also of one that is there; what is left out may be
 *     create: {template: ...}  what is only needed to make it
 *
 * Pure: values in, values out. All live in the arena that is passed in.
 */
#ifndef MUSTER_AGGREGATOR_CLI_DOCUMENT_H
#define MUSTER_AGGREGATOR_CLI_DOCUMENT_H

#include "common/base/error.h"
#include "common/base/value.h"

enum cli_field_kind {
	CLI_FIELD_PLAIN,
	CLI_FIELD_SIZE,    /* bytes in the object, "2GiB" for people */
	CLI_FIELD_CPUS,    /* [0, 1, 2, 8] in the object, "0-2,8" in the spec */
	CLI_FIELD_RELATED, /* not a member that is changed: each of its texts comes or goes by
			      itself */
	_CLI_FIELD_KIND_COUNT,
};

struct cli_field {
	const char *name; /* in the spec, as PATCH takes it; NULL ends a table */
	const char *path; /* in the object: "CPUs.number" */
	const char
	    *create; /* what takes it when the object is made; NULL: it is changed afterwards */
	enum cli_field_kind kind;
};

struct cli_kind {
	const char *noun;       /* "vm" */
	const char *collection; /* "vms" */
	const char *label;      /* member with the name: "name_label" */
	const char *rename;     /* what changes that: "nameLabel" */
	bool on_host;           /* a document may have a `host` */
	bool fixed;             /* what is there cannot be changed */
	bool tagged;            /* objects have ETags */
	const struct cli_field *fields;
};

struct cli_document {
	const struct cli_kind *kind;
	const char *name;
	const char *host; /* NULL: anywhere */
	const struct mu_value *spec;
	const struct mu_value *create;
};

/* In the order in which they need each other; a kind without noun ends it. */
extern const struct cli_kind cli_kinds[];
/* NULL when there is none. */
const struct cli_kind *cli_kind_find(const char *noun);

enum { CLI_DOCUMENTS_MAX = 1000 };

/* Check and order what mu_yaml_read() gave. Of two that mean the same object the second is refused.
 */
int cli_documents_read(struct mu_arena *a, const struct mu_value *list,
		       struct cli_document **ret_documents, size_t *ret_n, struct mu_error *err);
/* An object's spec as it is now; what it does not have is null. Related texts are the caller's to
 * add: they are of other objects. */
struct mu_value *cli_spec_of(struct mu_arena *a, const struct cli_kind *kind,
			     const struct mu_value *object);
/* The document that describes an object of that spec, without what is null. */
struct mu_value *cli_document_of(struct mu_arena *a, const struct cli_kind *kind, const char *name,
				 const struct mu_value *spec);

#endif
