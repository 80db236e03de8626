/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent dies after any step of any command: after its restart the command has one truthful
 * result, nothing of it ran twice, and what is left behind is whole.
 *
 * A small world plays the disk and the hypervisor: journal lines become durable one by one, a
 * driver operation changes the domain in two strokes (begun, done) and then reports. "Crash after
 * n" stops the process there: memory and unreported results are gone, unwritten lines are lost, or
 * the next one is torn. The aggregator sends the command again, as it does on every new stream.
 */
#include "agent/core/journal.h"

#include <criterion/criterion.h>
#include <string.h>

enum { CRASH_NEVER = 1000, LINES_MAX = 16, EVENTS_MAX = 100 };

struct line {
	char text[512];
	bool records; /* a start record: RECORDED when it is durable */
};

struct world {
	/* on the disk and in the hypervisor: survives */
	struct mu_str disk;
	bool present, paused, incomplete, saved, partial, edited;
	enum hv_shutdown stopped;
	uint32_t domid;
	unsigned n_runs[_VM_STEP_COUNT]; /* of the command */
	/* the process */
	struct journal *journal;
	struct vm_queue queue;
	size_t n_lines;
	struct line lines[LINES_MAX];
	bool stepping;
	enum vm_step step;
	uint32_t serial;
	int stroke; /* 0 ordered, 1 begun, 2 done */
	mu_msec now;
	int budget; /* events until the crash */
};

static const struct mu_uuid command = {{1}};
static const struct vm_id vm = {{{2}}};

static struct vm_facts facts_of(const struct world *w)
{
	struct vm_facts f = {.power = VM_HALTED, .defined = true, .saved = w->saved};

	f.present = w->present;
	f.incomplete = w->present && w->incomplete;
	f.ours = w->present;
	f.domid.value = w->domid;
	f.stopped = w->present ? w->stopped : HV_SHUTDOWN_NONE;
	f.on_stop = HV_ON_PRESERVE;
	if (w->present && !w->incomplete)
		f.power = w->paused ? VM_PAUSED : VM_RUNNING;
	else if (w->saved)
		f.power = VM_SUSPENDED;
	return f;
}

static void write_line(struct world *w, struct mu_str *text, bool records)
{
	cr_assert_lt(w->n_lines, LINES_MAX);
	cr_assert_lt(text->len, sizeof w->lines[0].text);
	memcpy(w->lines[w->n_lines].text, text->data, text->len + 1);
	w->lines[w->n_lines++].records = records;
	mu_str_reset(text);
}

static void execute(struct world *w, const struct vm_queue_action *a)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct vm_facts facts = facts_of(w);

	switch (a->kind) {
	case VM_ACTION_RECORD:
		journal_start(w->journal, &a->task, &facts, "boot", w->now, &text);
		write_line(w, &text, true);
		return;
	case VM_ACTION_STEP:
		w->stepping = true;
		w->step = a->step;
		w->serial = a->serial;
		w->stroke = 0;
		if (!mu_uuid_is_nil(&a->task))
			w->n_runs[a->step]++;
		return;
	case VM_ACTION_FINISH:
		journal_done(w->journal, &a->task,
			     a->err.code == MU_E_NONE ? TASK_SUCCESS : TASK_FAILURE, &a->err, NULL,
			     w->now, &text);
		write_line(w, &text, false);
		return;
	case VM_ACTION_CANCEL_STEP:
	case VM_ACTION_ABANDON:
	case VM_ACTION_SHOW:
	case VM_ACTION_REPORT:
		return;
	}
}

static void send(struct world *w, struct vm_queue_event event)
{
	struct vm_queue_actions actions = {.n = 0};
	struct vm_facts facts = facts_of(w);

	event.now = w->now++;
	event.facts = &facts;
	vm_queue_step(&w->queue, &event, &actions);
	for (size_t i = 0; i < actions.n; i++)
		execute(w, &actions.items[i]);
}

/* The hypervisor */

static void build(struct world *w, bool begun)
{
	if (begun)
		w->domid++;
	w->present = true;
	w->paused = false;
	w->incomplete = begun;
	w->stopped = HV_SHUTDOWN_NONE;
}

static void stroke(struct world *w, bool begun)
{
	switch (w->step) {
	case VM_STEP_CREATE:
	case VM_STEP_RESTORE:
		build(w, begun);
		return;
	case VM_STEP_SHUTDOWN:
	case VM_STEP_REBOOT:
	case VM_STEP_DESTROY:
		w->present = begun;
		return;
	case VM_STEP_PAUSE:
		w->paused = true;
		return;
	case VM_STEP_UNPAUSE:
		w->paused = false;
		w->stopped = HV_SHUTDOWN_NONE;
		return;
	case VM_STEP_SAVE:
		w->partial = true;
		w->present = begun;
		w->stopped = HV_SHUTDOWN_SUSPEND;
		return;
	case VM_STEP_KEEP_SAVE:
		w->partial = begun;
		w->saved = !begun;
		return;
	case VM_STEP_DROP_SAVE:
		w->saved = begun;
		return;
	case VM_STEP_CALL: /* a file replaced, as all of vm.edit's doing */
		w->edited = !begun;
		return;
	case VM_STEP_ADOPT:
	case _VM_STEP_COUNT:
		return;
	}
}

/* The process */

/* One event; false when nothing is under way. Journal lines first: they are in a hurry. */
static bool turn(struct world *w)
{
	struct line line;

	if (w->n_lines) {
		line = w->lines[0];
		memmove(w->lines, w->lines + 1, --w->n_lines * sizeof line);
		mu_str_add(&w->disk, line.text);
		if (line.records)
			send(w,
			     (struct vm_queue_event){.kind = VM_EVENT_RECORDED, .task = command});
		return true;
	}
	if (!w->stepping)
		return false;
	if (w->stroke < 2) {
		stroke(w, ++w->stroke == 1);
		return true;
	}
	w->stepping = false;
	send(w, (struct vm_queue_event){.kind = VM_EVENT_STEP_DONE, .serial = w->serial});
	return true;
}

static bool run(struct world *w)
{
	for (int n = 0; turn(w); n++) {
		cr_assert_lt(n, EVENTS_MAX, "it does not come to rest");
		if (--w->budget == 0)
			return false;
	}
	return true;
}

/* An operation, or (_VM_OP_COUNT) an edit. */
static void submit(struct world *w, enum vm_op op)
{
	static char arguments[] = "{\"tags\": [\"x\"]}";
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct journal_entry e = {.task = command, .op = op, .vm = vm, .accepted_at = 1};
	struct vm_request request = {.task = command, .op = op};

	if (op == _VM_OP_COUNT) {
		e.kind = JOURNAL_CALL;
		memcpy(e.method, "vm.edit", sizeof "vm.edit");
		e.object = vm.uuid;
		e.arguments = arguments;
		request.call = call_find(e.method);
	}

	if (journal_find(w->journal, &command))
		return; /* known: whatever became of it, it is not run again */
	cr_assert_eq(journal_accept(w->journal, &e, &text, NULL), 0);
	write_line(w, &text, false);
	send(w, (struct vm_queue_event){.kind = VM_EVENT_SUBMIT, .request = &request});
}

static void crash(struct world *w, bool torn)
{
	if (torn && w->n_lines) {
		w->lines[0].text[strlen(w->lines[0].text) / 2] = '\0';
		mu_str_add(&w->disk, w->lines[0].text);
	}
	w->n_lines = 0;
	w->stepping = false;
	w->journal = journal_free(w->journal);
}

static void judge(struct world *w)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	const struct journal_entry *e = journal_find(w->journal, &command);
	struct journal_world seen = {"boot", facts_of(w), w->partial};
	struct journal_verdict v;

	if (!e || e->stage == JOURNAL_DONE)
		return;
	journal_verdict(e, &seen, &v);
	/* The handler's part: a look whether it was done. Its arguments have come back for that. */
	if (e->kind == JOURNAL_CALL && e->stage == JOURNAL_STARTED) {
		cr_assert_str_eq(e->arguments, "{\"tags\": [\"x\"]}");
		cr_assert_eq(v.status, TASK_INTERRUPTED);
		v.status = w->edited ? TASK_SUCCESS : TASK_FAILURE;
	}
	if (v.follow == JOURNAL_KEEP_SAVE)
		w->saved = true;
	journal_done(w->journal, &command, v.status, &v.err, NULL, w->now, &text);
	write_line(w, &text, false);
	if (v.follow == JOURNAL_CONTINUE)
		send(w, (struct vm_queue_event){.kind = VM_EVENT_CONTINUE});
	if (v.follow == JOURNAL_START_AGAIN)
		send(w, (struct vm_queue_event){.kind = VM_EVENT_START_AGAIN});
}

static void start_process(struct world *w)
{
	size_t n_damaged;

	w->journal = journal_new();
	journal_load(w->journal, w->disk.data ? w->disk.data : "", w->disk.len, &n_damaged);
	cr_assert_leq(n_damaged, 1);
	if (n_damaged) { /* the agent rewrites it then */
		mu_str_reset(&w->disk);
		journal_encode(w->journal, &w->disk);
	}
	vm_queue_init(&w->queue);
	judge(w);
	w->partial = false;
	send(w, (struct vm_queue_event){.kind = VM_EVENT_FACTS});
}

static void set_power(struct world *w, enum vm_power power)
{
	w->present = power == VM_RUNNING || power == VM_PAUSED;
	w->paused = power == VM_PAUSED;
	w->saved = power == VM_SUSPENDED;
	w->domid = 5;
}

static void check_end(const struct world *w, enum vm_op op, enum vm_power before, int n, bool torn)
{
	const struct journal_entry *e = journal_find(w->journal, &command);
	enum vm_power now = facts_of(w).power;

	cr_assert(e && e->stage == JOURNAL_DONE, "%s, crash after %d: no result", vm_op_name(op),
		  n);
	for (int s = 0; s < _VM_STEP_COUNT; s++)
		cr_assert_leq(w->n_runs[s], 1, "%s, crash after %d: %s ran twice", vm_op_name(op),
			      n, vm_step_name((enum vm_step)s));
	if (op == _VM_OP_COUNT) {
		cr_assert_eq(now, before);
		cr_assert_eq(w->edited, e->status == TASK_SUCCESS, "crash after %d: %s", n,
			     e->err.text);
		return;
	}
	if (e->status == TASK_SUCCESS)
		cr_assert_eq(now, vm_op_target(op), "%s, crash after %d (%d): success, but %s",
			     vm_op_name(op), n, torn, vm_power_name(now));
	else
		cr_assert(*e->err.text, "a failure says why");
	cr_assert(now == before || now == vm_op_target(op) || now == VM_HALTED);
	if (op == VM_OP_SUSPEND || op == VM_OP_RESUME || op == VM_OP_PAUSE || op == VM_OP_UNPAUSE)
		cr_assert_neq(now, VM_HALTED, "%s, crash after %d: the guest's memory is lost",
			      vm_op_name(op), n);
	cr_assert_not(w->present && w->incomplete, "a half-built domain is left");
	cr_assert_not(w->present && w->saved, "an old save file is left");
	cr_assert_not(w->present && w->stopped == HV_SHUTDOWN_SUSPEND, "the guest stands still");
	cr_assert_not(w->partial);
}

/* Crash after n events, and, when `again`, after as many of the restart's. Returns whether the
 * command ended before the crash came. */
static bool scenario(enum vm_op op, enum vm_power before, int n, bool torn, bool again)
{
	struct world w = {.budget = n};
	bool ended;

	set_power(&w, before);
	start_process(&w);
	submit(&w, op);
	ended = run(&w);
	for (int i = 0; i < (again ? 2 : 1) && !ended; i++) {
		crash(&w, torn);
		w.budget = again && i == 0 ? n : CRASH_NEVER;
		start_process(&w);
		submit(&w, op);
		if (run(&w))
			break;
	}
	check_end(&w, op, before, n, torn);
	journal_free(w.journal);
	mu_str_deinit(&w.disk);
	return ended;
}

static void all_crashes(enum vm_op op, enum vm_power before)
{
	int n = 1;

	while (!scenario(op, before, n, false, false)) {
		(void)scenario(op, before, n, true, false);
		(void)scenario(op, before, n, false, true);
		(void)scenario(op, before, n, true, true);
		n++;
	}
	cr_assert_gt(n, 4, "%s: too few moments to crash at", vm_op_name(op));
}

Test(crash, after_every_step_of_every_operation)
{
	for (int op = 0; op < _VM_OP_COUNT; op++) {
		for (int power = 0; power < VM_UNKNOWN; power++) {
			if (op != VM_OP_ADOPT &&
			    vm_op_allowed((enum vm_op)op, (enum vm_power)power))
				all_crashes((enum vm_op)op, (enum vm_power)power);
		}
	}
}

Test(crash, after_every_step_of_a_call)
{
	for (int power = 0; power < VM_UNKNOWN; power++)
		all_crashes(_VM_OP_COUNT, (enum vm_power)power);
}
