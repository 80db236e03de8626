/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From model structs to REST objects. A resource is a table of fields; only the fields that a
 * request asks for, or that its filter reads, are built, one object at a time in an arena that is
 * reused for the next, so that a list costs no memory but its text.
 */
#ifndef MUSTER_REST_RENDER_H
#define MUSTER_REST_RENDER_H

#include "common/query/query.h"
#include "common/rest/call.h"

enum { REST_FIELDS_MAX = 96 }; /* of a type */

struct rest_render {
	struct mu_arena *arena; /* values are built here */
	struct rest *rest;
	struct rest_pool pool;
	char pool_id[MU_UUID_TEXT];
	const struct rest_type *type; /* of the object at hand */
};

/* What a field's texts and numbers are made of, as query_filter_uses() wants it, so that a search
 * for a word need not build those that it cannot be in. */
#define REST_NOTHING "" /* truth values, null, what is always empty */
#define REST_AGAIN ""   /* the same as the field that it is an other name of */
#define REST_NUMBERS "0123456789.-"
#define REST_IDS "0123456789abcdef-"
#define REST_REFS REST_IDS "muster:"
#define REST_PCIS "0123456789abcdef:."

struct rest_field {
	const char *name;
	/* NULL: the object has no such property now. */
	struct mu_value *(*value)(struct rest_render *r, const void *object);
	const char *letters; /* NULL: any */
};

struct rest_type {
	const char *name;       /* "VM" */
	const char *collection; /* "vms" */
	const struct rest_field *fields;
	size_t n_fields;
	const struct mu_uuid *(*id)(const void *object);
	void (*each)(const struct rest_backend *backend,
		     bool (*each)(const void *object, void *arg), void *arg);
	/* Call `found` with the object of this id, if there is one. */
	void (*find)(struct rest *rest, const struct mu_uuid *id,
		     void (*found)(const void *object, void *arg), void *arg);
};

extern const struct rest_type rest_type_vm;
extern const struct rest_type rest_type_vm_snapshot;
extern const struct rest_type rest_type_vm_template;
extern const struct rest_type rest_type_sr;
extern const struct rest_type rest_type_vdi;
extern const struct rest_type rest_type_vdi_snapshot;
extern const struct rest_type rest_type_network;
extern const struct rest_type rest_type_pif;
extern const struct rest_type rest_type_pci;
extern const struct rest_type rest_type_pbd;
extern const struct rest_type rest_type_vbd;
extern const struct rest_type rest_type_vif;
extern const struct rest_type rest_type_host;
extern const struct rest_type rest_type_pool;
extern const struct rest_type rest_type_task;
extern const struct rest_type rest_type_alarm;
extern const struct rest_type rest_type_message;
extern const struct rest_type rest_type_server;
extern const struct rest_type rest_type_sm;
/* nothing_yet.c */
extern const struct rest_type rest_type_pgpu;
extern const struct rest_type rest_type_proxy;
extern const struct rest_type rest_type_schedule;
extern const struct rest_type rest_type_backup_job;
extern const struct rest_type rest_type_backup_log;
extern const struct rest_type rest_type_restore_log;
extern const struct rest_type rest_type_backup_repository;
extern const struct rest_type rest_type_backup_archive;

/* What these two types take. */
struct rest_server {
	struct mu_uuid id;
	const struct model_host *host;
};
struct sm;
struct rest_sm {
	struct mu_uuid id;
	const struct sm *sm;
};

/* What a call gave back, NULL if nothing. */
struct mu_value *rest_task_value(struct mu_arena *a, const struct model_task *t);

void rest_render_init(struct rest_render *r, struct rest *rest, struct mu_arena *a);

/* All fields when `fields` is NULL. */
struct mu_value *rest_render_object(struct rest_render *r, const struct rest_type *type,
				    const void *object, const struct query_fields *fields);

/* The fields of the table that `chosen` marks, for who asks often; NULL `fields`: all. */
void rest_render_choose(const struct rest_type *type, const struct query_fields *fields,
			bool chosen[static REST_FIELDS_MAX]);
/* Those that the filter can depend on. */
void rest_render_choose_for(const struct rest_type *type, const struct query_filter *filter,
			    bool chosen[static REST_FIELDS_MAX]);
struct mu_value *rest_render_chosen(struct rest_render *r, const struct rest_type *type,
				    const void *object, const bool *chosen);

/* list.c: GET of a collection: hrefs, or objects as `fields`, `filter`, `sort`, `cursor`, `limit`
 * and `ndjson` say. `keep` (NULL: all) narrows it to a sub-collection. */
struct http_reply *rest_list(struct rest_call *c, const struct rest_type *type,
			     bool (*keep)(const void *object, const void *arg), const void *arg);
/* The same of several collections, one after the other. */
struct http_reply *rest_list_all(struct rest_call *c, const struct rest_type *const *types,
				 size_t n_types, bool (*keep)(const void *object, const void *arg),
				 const void *arg);
/* GET of one. */
struct http_reply *rest_single(struct rest_call *c, const struct rest_type *type,
			       const void *object);

#endif
