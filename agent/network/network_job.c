/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One operation after the other, in steps:
 *
 *	create:	LOOK > WRITE > UP > AWAIT > KEEP ------------------------------> over
 *	           |      |     |     |       |  fails, or is cancelled
 *	           |      +-----+-----+-------+--> DOWN > REMOVE > RELOAD > CLEAN > over
 *	delete:	LOOK > MARK ---------------------> DOWN > REMOVE > RELOAD > CLEAN > SETTLE > over
 *	sweep:	LOOK ----------------------------> DOWN > REMOVE > RELOAD > CLEAN > over
 *
 * WRITE begins with the record (stage "creating"), MARK writes it ("deleting"): from then on a
 *crash leaves a record that says what to undo. KEEP makes it "made", CLEAN ends with removing it.
 *So a network is as it was before, or as it was asked for, at every moment that survives.
 *
 * DOWN is allowed to fail: the network may never have come up. What counts is that CLEAN finds and
 * removes what is left. If undoing itself fails (a read-only disk), the record stays, and it is
 * tried again at the next start or when the network is deleted.
 */
#include "agent/network/network.h"

#include "agent/network/core/net_check.h"
#include "agent/network/core/net_plan.h"
#include "agent/network/net_links.h"
#include "agent/network/net_store.h"
#include "agent/network/network_priv.h"
#include "common/base/assert.h"
#include "common/log/log.h"
#include "common/loop/process.h"

#include <stdlib.h>
#include <string.h>

enum {
	COMMAND_MS = 60 * 1000,
	AWAIT_MS = 30 * 1000,
	OUTPUT_BYTES = 4096,
	SAID_BYTES = 160,
};

enum job_kind { JOB_CREATE, JOB_DELETE, JOB_SWEEP };

enum job_step {
	STEP_WAIT, /* for its turn */
	STEP_LOOK,
	STEP_WRITE,
	STEP_UP,
	STEP_AWAIT,
	STEP_KEEP,
	STEP_MARK,
	STEP_DOWN,
	STEP_REMOVE,
	STEP_RELOAD,
	STEP_CLEAN,
	STEP_SETTLE,
	STEP_OVER,
};

struct network_job {
	struct mu_link link;
	struct network *n;
	struct network_op *op; /* NULL: a sweep */
	enum job_kind kind;
	enum job_step step;
	struct mu_arena *arena; /* what was asked for, and the plan */
	struct net_request request;
	const char *bridge;
	const char **in_use;
	size_t n_in_use;
	struct net_record rec;
	struct net_plan plan;
	uint64_t reading; /* the number of the one that LOOK, SETTLE wait for */
	bool cancelled;
	bool failed; /* undoing, because of `err` */
	struct mu_error err;
	/* the step that runs */
	struct mu_work work;
	struct mu_error work_err;
	struct mu_process process;
	bool running; /* the process */
	size_t next_command;
	struct mu_timer *deadline; /* AWAIT */
};

static void step_look(struct network_job *job);
static void undo(struct network_job *job);

/* ---- records in memory ---- */

static void records_put(struct net_records *r, const struct net_record *rec)
{
	for (size_t i = 0; i < r->n; i++) {
		if (!strcmp(r->items[i].bridge, rec->bridge)) {
			r->items[i] = *rec;
			return;
		}
	}
	r->items = mu_xrealloc(r->items, r->n + 1, sizeof *r->items);
	r->items[r->n++] = *rec;
}

static void records_remove(struct net_records *r, const char *bridge)
{
	for (size_t i = 0; i < r->n; i++) {
		if (!strcmp(r->items[i].bridge, bridge)) {
			memmove(&r->items[i], &r->items[i + 1], (r->n - i - 1) * sizeof *r->items);
			r->n--;
			return;
		}
	}
}

/* ---- life ---- */

static struct network_job *job_new(struct network *n, struct network_op *op, enum job_kind kind)
{
	struct network_job *job = mu_xcalloc(1, sizeof *job);

	job->n = n;
	job->op = op;
	job->kind = kind;
	job->arena = mu_arena_new();
	mu_link_init(&job->link);
	return job;
}

static void job_free(struct network_job *job)
{
	mu_list_remove(&job->link);
	job->deadline = mu_timer_free(job->deadline);
	mu_process_deinit(&job->process);
	(void)mu_arena_free(job->arena);
	free(job);
}

static void run_first(void *ctx)
{
	struct network *n = ctx;
	struct network_job *job = mu_list_first(&n->jobs, struct network_job, link);

	if (job && job->step == STEP_WAIT)
		step_look(job);
}

static void job_add(struct network_job *job)
{
	bool first = mu_list_empty(&job->n->jobs);

	mu_list_push_back(&job->n->jobs, &job->link);
	if (first)
		mu_loop_post(job->n->loop, run_first, job->n);
}

static void tell(struct network_job *job)
{
	struct network_op *op = job->op;

	if (!op)
		return;
	op->job = NULL;
	op->err = job->err;
	if (*job->rec.bridge)
		op->id = object_network_id(job->rec.bridge);
	op->system = job->rec.system;
	op->done(op);
}

/* How far one that is being made, or deleted, has come. */
static void enter(struct network_job *job, enum job_step step)
{
	static const int percents[] = {
	    [STEP_WRITE] = 10, [STEP_UP] = 20,     [STEP_AWAIT] = 50,  [STEP_KEEP] = 90,
	    [STEP_MARK] = 10,  [STEP_DOWN] = 20,   [STEP_REMOVE] = 50, [STEP_RELOAD] = 60,
	    [STEP_CLEAN] = 80, [STEP_SETTLE] = 90, [STEP_OVER] = 0,
	};

	job->step = step;
	if (job->op && job->op->progress && !job->failed && percents[step])
		job->op->progress(job->op, percents[step]);
}

/* The last thing that happens to a job. */
static void over(struct network_job *job)
{
	struct network *n = job->n;

	enter(job, STEP_OVER);
	tell(job);
	job_free(job);
	if (!mu_list_empty(&n->jobs))
		mu_loop_post(n->loop, run_first, n);
	network_job_gone(n);
}

/* ---- a step on a work thread, a step of programs ---- */

static void work_start(struct network_job *job, enum job_step step, void (*run)(struct mu_work *),
		       void (*done)(struct mu_work *))
{
	enter(job, step);
	mu_error_clear(&job->work_err);
	job->work = (struct mu_work){.run = run, .done = done};
	mu_work_start(&job->work, job->n->loop);
}

static struct network_job *job_of(struct mu_work *w)
{
	return MU_CONTAINER_OF(w, struct network_job, work);
}

static bool fail(struct network_job *job)
{
	if (job->work_err.code != MU_E_NONE && !job->failed) {
		job->failed = true;
		job->err = job->work_err;
	}
	return job->work_err.code != MU_E_NONE;
}

static bool fail_if_cancelled(struct network_job *job)
{
	if (!job->cancelled)
		return false;
	(void)mu_error_set(&job->work_err, MU_E_CANCELLED, "cancelled");
	return fail(job);
}

static void run_next_command(struct network_job *job);

/* Why it failed is usually the last thing that a program says. */
static void add_what_was_said(struct mu_process *p)
{
	struct mu_str *said = p->errout.len ? &p->errout : &p->out;
	char text[SAID_BYTES + 1];
	const char *from;

	while (said->len && said->data[said->len - 1] == '\n')
		said->data[--said->len] = '\0';
	if (!said->len)
		return;
	from = memrchr(said->data, '\n', said->len);
	from = from ? from + 1 : said->data;
	mu_utf8_sanitize(text, SAID_BYTES, from, strlen(from));
	(void)mu_error_prefix(&p->err, "%s", text);
}

static void command_done(struct mu_process *p)
{
	struct network_job *job = MU_CONTAINER_OF(p, struct network_job, process);

	job->running = false;
	if (p->exit_code != 0) {
		add_what_was_said(p);
		job->work_err = p->err;
	}
	run_next_command(job);
}

/* The step's commands in order; `finished` with work_err of the last that failed. */
static void commands_start(struct network_job *job, enum job_step step)
{
	enter(job, step);
	job->next_command = 0;
	mu_error_clear(&job->work_err);
	run_next_command(job);
}

static const struct net_commands *commands_of(const struct network_job *job)
{
	return job->step == STEP_UP     ? &job->plan.up
	       : job->step == STEP_DOWN ? &job->plan.down
					: &job->plan.reload;
}

static void commands_over(struct network_job *job);

static void run_next_command(struct network_job *job)
{
	const struct net_commands *list = commands_of(job);

	/* Bringing up stops at the first that fails, taking down goes on. */
	if (job->next_command == list->n ||
	    (job->step == STEP_UP && (job->work_err.code != MU_E_NONE || job->cancelled))) {
		commands_over(job);
		return;
	}
	mu_process_deinit(&job->process);
	job->process = (struct mu_process){.argv = list->items[job->next_command++].argv,
					   .deadline = COMMAND_MS,
					   .output_max = OUTPUT_BYTES,
					   .done = command_done};
	job->running = true;
	mu_process_start(&job->process, job->n->loop);
}

/* ---- create ---- */

static void write_run(struct mu_work *w)
{
	struct network_job *job = job_of(w);

	if (net_store_save(job->n->dir, &job->rec, &job->work_err) < 0 ||
	    net_store_write_files(&job->plan, &job->work_err) < 0)
		return;
	if (job->n->model)
		(void)net_model_make(job->n->model, &job->rec, &job->work_err);
	else if (job->plan.by_hand)
		(void)net_links_make(&job->rec, &job->work_err);
}

static void await_facts(struct network_job *job);
static void keep_done(struct mu_work *w);

static void write_done(struct mu_work *w)
{
	struct network_job *job = job_of(w);

	if (fail(job) || fail_if_cancelled(job))
		undo(job);
	else
		commands_start(job, STEP_UP);
}

static void await_too_long(void *ctx)
{
	struct network_job *job = ctx;

	job->failed = true;
	(void)net_check_made(&job->n->facts, &job->rec, &job->err);
	(void)mu_error_prefix(&job->err, "%s: not after %d s", net_system_name(job->rec.system),
			      AWAIT_MS / 1000);
	undo(job);
}

/* The programs have said that they are done; now the kernel has to. */
static void up_over(struct network_job *job)
{
	if (fail(job) || fail_if_cancelled(job)) {
		undo(job);
		return;
	}
	enter(job, STEP_AWAIT);
	job->deadline = mu_timer_new(job->n->loop, await_too_long, job);
	mu_timer_set(job->deadline, AWAIT_MS);
	job->reading = network_read(job->n);
}

static void keep_run(struct mu_work *w)
{
	struct network_job *job = job_of(w);
	struct net_record made = job->rec;

	made.stage = NET_STAGE_MADE;
	(void)net_store_save(job->n->dir, &made, &job->work_err);
}

static void await_facts(struct network_job *job)
{
	if (fail_if_cancelled(job)) {
		undo(job);
		return;
	}
	if (job->n->facts_err.code != MU_E_NONE ||
	    net_check_made(&job->n->facts, &job->rec, NULL) < 0)
		return;
	mu_timer_cancel(job->deadline);
	work_start(job, STEP_KEEP, keep_run, keep_done);
}

static void keep_done(struct mu_work *w)
{
	struct network_job *job = job_of(w);

	/* Too late for cancelling: it is made, and will be after a crash. */
	if (fail(job)) {
		undo(job);
		return;
	}
	job->rec.stage = NET_STAGE_MADE;
	records_put(&job->n->records, &job->rec);
	network_publish(job->n);
	mu_log_info("network made bridge=%s system=%s", job->rec.bridge,
		    net_system_name(job->rec.system));
	over(job);
}

/* ---- delete, and undoing ---- */

static void mark_run(struct mu_work *w)
{
	struct network_job *job = job_of(w);

	(void)net_store_save(job->n->dir, &job->rec, &job->work_err);
}

static void mark_done(struct mu_work *w)
{
	struct network_job *job = job_of(w);

	if (fail(job)) {
		over(job);
		return;
	}
	records_put(&job->n->records, &job->rec);
	undo(job);
}

static void undo(struct network_job *job)
{
	if (job->deadline)
		mu_timer_cancel(job->deadline);
	commands_start(job, STEP_DOWN);
}

static void remove_run(struct mu_work *w)
{
	struct network_job *job = job_of(w);

	(void)net_store_remove_files(&job->plan, &job->work_err);
}

static void undo_failed(struct network_job *job)
{
	/* The record stays, in memory as on the disk, so that deleting can be tried again. */
	mu_log_warning("network cannot be undone bridge=%s err=\"%s\"", job->rec.bridge,
		       job->work_err.text);
	records_put(&job->n->records, &job->rec);
	network_publish(job->n);
	over(job);
}

static void remove_done(struct mu_work *w)
{
	struct network_job *job = job_of(w);

	if (fail(job))
		undo_failed(job);
	else
		commands_start(job, STEP_RELOAD);
}

static void clean_run(struct mu_work *w)
{
	struct network_job *job = job_of(w);

	if (job->n->model)
		net_model_remove(job->n->model, &job->rec);
	if (job->n->model || net_links_remove(&job->rec, &job->work_err) == 0)
		(void)net_store_forget(job->n->dir, job->rec.bridge, &job->work_err);
}

static void clean_done(struct mu_work *w)
{
	struct network_job *job = job_of(w);

	if (fail(job)) {
		undo_failed(job);
		return;
	}
	records_remove(&job->n->records, job->rec.bridge);
	mu_log_info("network removed bridge=%s", job->rec.bridge);
	/* The listener hears that it is gone before the user hears that it is done. */
	enter(job, STEP_SETTLE);
	job->reading = network_read(job->n);
}

static void commands_over(struct network_job *job)
{
	if (job->step == STEP_UP)
		up_over(job);
	else if (job->step == STEP_DOWN)
		work_start(job, STEP_REMOVE, remove_run, remove_done);
	else
		work_start(job, STEP_CLEAN, clean_run, clean_done);
}

/* ---- the beginning ---- */

static void step_look(struct network_job *job)
{
	job->step = STEP_LOOK;
	if (fail_if_cancelled(job)) {
		over(job);
		return;
	}
	job->reading = network_read(job->n);
}

static int check(struct network_job *job, struct mu_error *err)
{
	struct net_check_input in = network_check_input(job->n);

	switch (job->kind) {
	case JOB_CREATE:
		return net_check_create(&in, &job->request, &job->rec, err);
	case JOB_DELETE:
		return net_check_delete(&in, job->bridge, job->in_use, job->n_in_use, &job->rec,
					err);
	case JOB_SWEEP:
		return 0;
	}
	mu_assert_unreachable();
}

static void looked(struct network_job *job)
{
	struct network *n = job->n;

	if (n->facts_err.code != MU_E_NONE && job->kind != JOB_SWEEP)
		job->work_err = n->facts_err;
	else
		(void)check(job, &job->work_err);
	if (fail(job) || fail_if_cancelled(job)) {
		over(job);
		return;
	}
	net_plan_make(job->arena, &job->rec, n->records.items, n->records.n, &job->plan);
	if (job->kind == JOB_CREATE)
		work_start(job, STEP_WRITE, write_run, write_done);
	else if (job->kind == JOB_SWEEP)
		undo(job);
	else {
		job->rec.stage = NET_STAGE_DELETING;
		work_start(job, STEP_MARK, mark_run, mark_done);
	}
}

void network_jobs_facts(struct network *n, uint64_t number)
{
	struct network_job *job = mu_list_first(&n->jobs, struct network_job, link);

	if (!job)
		return;
	if (job->step == STEP_AWAIT)
		await_facts(job);
	else if (number < job->reading)
		return;
	else if (job->step == STEP_LOOK)
		looked(job);
	else if (job->step == STEP_SETTLE)
		over(job);
}

/* ---- the outside ---- */

static const char *copy(struct network_job *job, const char *text)
{
	return mu_arena_strdup(job->arena, text ? text : "");
}

void network_create_start(struct network *n, struct network_op *op)
{
	struct network_job *job = job_new(n, op, JOB_CREATE);

	mu_assert(op->done && !op->job);
	job->request = (struct net_request){.name = copy(job, op->name),
					    .description = copy(job, op->description),
					    .bridge = copy(job, op->bridge),
					    .pif = copy(job, op->pif),
					    .vlan = op->vlan ? op->vlan : -1,
					    .mtu = op->mtu};
	op->job = job;
	job_add(job);
}

void network_delete_start(struct network *n, struct network_op *op)
{
	struct network_job *job = job_new(n, op, JOB_DELETE);

	mu_assert(op->done && !op->job);
	job->bridge = copy(job, op->bridge);
	job->in_use = mu_arena_calloc(job->arena, op->n_in_use + 1, sizeof *job->in_use);
	for (size_t i = 0; i < op->n_in_use; i++)
		job->in_use[job->n_in_use++] = copy(job, op->in_use[i]);
	op->job = job;
	job_add(job);
}

void network_job_sweep(struct network *n, const struct net_record *rec)
{
	struct network_job *job = job_new(n, NULL, JOB_SWEEP);

	job->rec = *rec;
	job_add(job);
}

static void job_cancel(struct network_job *job)
{
	job->cancelled = true;
	if (job->step == STEP_UP && job->running)
		mu_process_cancel(&job->process);
	if (job->step == STEP_AWAIT)
		job->reading = network_read(job->n);
}

void network_cancel(struct network_op *op)
{
	if (op->job)
		job_cancel(op->job);
}

void network_jobs_cancel_all(struct network *n)
{
	mu_list_each(it, &n->jobs) job_cancel(MU_CONTAINER_OF(it, struct network_job, link));
}
