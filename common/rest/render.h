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

/* All that there are: one that is in no list is not declared. First those that the body of a
 * request may name. */
#define REST_NAMED_TYPES(TYPE)                                                                     \
	TYPE(vm)                                                                                   \
	TYPE(vm_snapshot)                                                                          \
	TYPE(vm_template)                                                                          \
	TYPE(vdi)                                                                                  \
	TYPE(vdi_snapshot)                                                                         \
	TYPE(sr)                                                                                   \
	TYPE(network)                                                                              \
	TYPE(pif)                                                                                  \
	TYPE(pci)                                                                                  \
	TYPE(host)
#define REST_OTHER_TYPES(TYPE)                                                                     \
	TYPE(pool)                                                                                 \
	TYPE(vm_controller)                                                                        \
	TYPE(pbd)                                                                                  \
	TYPE(vbd)                                                                                  \
	TYPE(vif)                                                                                  \
	TYPE(task)                                                                                 \
	TYPE(alarm)                                                                                \
	TYPE(message)                                                                              \
	TYPE(server)                                                                               \
	TYPE(sm)                                                                                   \
	TYPE(pgpu) /* from here on: nothing_yet.c */                                               \
	TYPE(proxy)                                                                                \
	TYPE(schedule)                                                                             \
	TYPE(backup_job)                                                                           \
	TYPE(backup_log)                                                                           \
	TYPE(restore_log)                                                                          \
	TYPE(backup_repository)                                                                    \
	TYPE(backup_archive)
#define REST_TYPE_DECLARE(name) extern const struct rest_type rest_type_##name;
REST_NAMED_TYPES(REST_TYPE_DECLARE)
REST_OTHER_TYPES(REST_TYPE_DECLARE)

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
/* What a list's parameters are refused with. */
struct http_reply *rest_bad_list(struct rest_call *c, const struct mu_error *err);
/* GET of one. */
struct http_reply *rest_single(struct rest_call *c, const struct rest_type *type,
			       const void *object);

/* task_watch.c: the answer to `watch=true`: of all tasks, or of `one` until it has ended. */
struct http_reply *rest_watch_tasks(struct rest_call *c, const struct model_task *one);
void rest_task_watches_changed(struct rest *rest, enum rest_change what,
			       const struct model_task *t);

#endif
