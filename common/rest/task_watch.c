/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /tasks?watch=true&ndjson=true: each change of a task as a line, as it comes, in Xen
 * Orchestra's shape: ["update", task] and ["remove", {id}]. GET /tasks/{id} has it too (ours): the
 * task as it is, each change, and the answer ends with the task.
 *
 * There is no replay, so a peer that reads slowly may not lose lines: what it does not take is kept
 * up to HELD_MAX, then the answer is cut short, which its peer sees.
 */
#include "common/base/str.h"
#include "common/json/json.h"
#include "common/rest/access.h"
#include "common/rest/session.h"

#include <stdlib.h>
#include <string.h>

enum { WATCHES_MAX = 500, HELD_MAX = 4 << 20 };

/* In its request's arena. */
struct task_watch {
	struct mu_link link;
	struct rest *rest;
	struct rest_session session;
	struct http_out *out;
	const struct query_filter *filter; /* NULL: everything */
	bool hrefs;                        /* no `fields` */
	bool chosen[REST_FIELDS_MAX];
	bool one; /* of `task` alone */
	struct mu_uuid task;
	bool ending;        /* when all that is held is taken */
	struct mu_str held; /* what the peer has not taken */
};

static void watch_deinit(struct task_watch *w)
{
	rest_session_end(&w->session);
	mu_list_remove(&w->link);
	w->rest->n_task_watches--;
	mu_str_deinit(&w->held);
}

static void on_gone(void *ctx)
{
	watch_deinit(ctx);
}

static void cut(struct task_watch *w)
{
	struct http_out *out = w->out;

	watch_deinit(w);
	http_out_end(out);
}

static void on_session_over(struct rest_session *s, const struct mu_error *why)
{
	(void)why; /* a client that comes back is told */
	cut(MU_CONTAINER_OF(s, struct task_watch, session));
}

static void finish(struct task_watch *w)
{
	struct http_out *out = w->out;

	watch_deinit(w);
	http_out_finish(out);
}

/* Give the peer what is held, as far as it takes it. */
static void flush(struct task_watch *w)
{
	if (w->held.len > 0 && http_out_send(w->out, w->held.data, w->held.len) == HTTP_OUT_FULL) {
		if (w->held.len > HELD_MAX)
			cut(w);
		return;
	}
	mu_str_reset(&w->held);
	if (w->ending)
		finish(w);
}

static void on_writable(void *ctx)
{
	flush(ctx);
}

/* ---- changes ---- */

static struct mu_value *href_of(struct mu_arena *a, const struct model_task *t)
{
	char id[MU_UUID_TEXT];

	return mu_value_string(a,
			       mu_arena_printf(a, "/rest/v0/tasks/%s", mu_uuid_format(&t->id, id)));
}

static struct mu_value *task_value(struct task_watch *w, struct rest_render *r,
				   enum rest_change what, const struct model_task *t)
{
	struct mu_arena *a = r->arena;
	struct mu_value *v;
	char id[MU_UUID_TEXT];

	if (w->hrefs)
		return href_of(a, t);
	if (what == REST_REMOVE) {
		v = mu_value_object(a);
		mu_value_set_string(a, v, "id", mu_uuid_format(&t->id, id));
	} else {
		v = rest_render_chosen(r, &rest_type_task, t, w->chosen);
	}
	mu_value_set(a, v, "href", href_of(a, t));
	return v;
}

/* What is gone may have matched once: the filter is not asked. */
static bool is_wanted(const struct task_watch *w, struct rest_render *r, enum rest_change what,
		      const struct model_task *t)
{
	struct rest_sight sight;

	if (w->ending || (w->one && !mu_uuid_equal(&w->task, &t->id)))
		return false;
	rest_sight_init(&sight, w->rest, &w->session.user, &rest_type_task, "read", r->arena);
	if (!rest_sight_sees(&sight, r, t))
		return false;
	if (what == REST_REMOVE || !w->filter)
		return true;
	query_filter_allow(w->filter, QUERY_STEPS_OF_ONE);
	return query_filter_match(w->filter, rest_render_object(r, &rest_type_task, t, NULL));
}

static void tell(struct task_watch *w, struct mu_arena *a, enum rest_change what,
		 const struct model_task *t)
{
	struct rest_render r;
	struct mu_value *line;

	mu_arena_reset(a);
	rest_render_init(&r, w->rest, a);
	if (!is_wanted(w, &r, what, t))
		return;
	line = mu_value_list(a);
	mu_value_push(line, mu_value_string(a, what == REST_REMOVE ? "remove" : "update"));
	mu_value_push(line, task_value(w, &r, what, t));
	mu_json_write(&w->held, line, false);
	mu_str_add_char(&w->held, '\n');
	w->ending = w->one && (what == REST_REMOVE || t->status != TASK_PENDING);
	flush(w);
}

void rest_task_watches_changed(struct rest *rest, enum rest_change what, const struct model_task *t)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = NULL;

	if (mu_list_empty(&rest->task_watches))
		return;
	a = mu_arena_new();
	mu_list_each(it, &rest->task_watches)
	    tell(MU_CONTAINER_OF(it, struct task_watch, link), a, what, t);
}

/* ---- asking ---- */

static int parse(struct rest_call *c, struct task_watch *w, struct mu_error *err)
{
	const char *fields = http_request_query(c->request, "fields");
	const char *filter = http_request_query(c->request, "filter");
	struct query_fields chosen = {0};
	struct query_filter *f = NULL;
	bool ndjson = false;

	if (rest_query_bool(c, "ndjson", &ndjson, err) < 0)
		return MU_FAILED;
	if (!ndjson)
		return mu_error_set(err, MU_E_PROTOCOL, "watch=true requires ndjson=true");
	if (fields && query_fields_parse(c->arena, fields, &chosen, err) < 0)
		return MU_FAILED;
	w->hrefs = !fields;
	rest_render_choose(&rest_type_task, &chosen, w->chosen);
	if (filter && query_filter_parse(c->arena, filter, &f, err) < 0)
		return MU_FAILED;
	w->filter = f;
	return 0;
}

struct http_reply *rest_watch_tasks(struct rest_call *c, const struct model_task *one)
{
	struct task_watch *w = mu_arena_calloc(c->arena, 1, sizeof *w);
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = NULL;
	struct mu_error err = MU_ERROR_INIT;
	struct http_reply *reply;

	if (parse(c, w, &err) < 0)
		return rest_bad_list(c, &err);
	if (c->rest->n_task_watches >= WATCHES_MAX) {
		(void)mu_error_set(&err, MU_E_UNAVAILABLE,
				   "%d clients watch tasks already; hint: GET /events takes more",
				   WATCHES_MAX);
		return rest_error(c, &err);
	}
	w->rest = c->rest;
	w->session.over = on_session_over;
	if (one) {
		w->one = true;
		w->task = w->session.object = one->id;
		w->session.right = "task:read";
	}
	rest_session_begin(&w->session, c);
	mu_list_push_back(&c->rest->task_watches, &w->link);
	c->rest->n_task_watches++;
	reply = http_reply_stream(c->request, 200, "application/x-ndjson", HTTP_LENGTH_UNKNOWN,
				  on_writable, on_gone, w, &w->out);
	if (!one)
		return reply;
	a = mu_arena_new();
	tell(w, a, REST_UPDATE, one);
	return reply;
}
