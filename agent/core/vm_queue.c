/* SPDX-License-Identifier: Apache-2.0 */
/*
 *                submit / next in line
 *      +------+ -----------------------> +-----------+
 *      | IDLE |                          | RECORDING |
 *      +------+ <----------------------- +-----------+
 *        ^  ^ |   cancelled, not legal        | durable
 *        |  | | our own decision              v
 *        |  | +-------------------------> +---------+ --+ next step
 *        |  +---------------------------- | RUNNING | <-+
 *        |       last step done, failed   +---------+
 *        |                                    | cancel, or a hard operation waits
 *        |        step done, or abandoned     v
 *        +------------------------------ +------------+
 *                                        | CANCELLING |
 *                                        +------------+
 *
 * - An operation is one or two steps (table below). It is legal when it is put in, when its turn
 *   comes and again when its start record is durable, because guests do not ask before they stop.
 * - A call (common/model/call.h) waits in the same line and is one step, whatever it does.
 * - Nothing that somebody asked for starts before its start record is durable (journal.h).
 * - A hard operation goes to the head of the line and has whatever runs cancelled; should that not
 *   stop within VM_QUEUE_CANCEL_GRACE, its result is not waited for any longer. Only a hard stop
 *   that runs is not cancelled: the new one could do no better.
 * - Guests of managed VMs that stop by themselves: destroy, restart or preserve as the definition
 *   says. One that stops again and again within QUICK_STOP of its start is restarted at most
 *   QUICK_STOPS_MAX times in a row. Domains that others made are left to them, also when the VM is
 *   managed (adopted) meanwhile: xl's own daemon waits for the guest, and two must not start it.
 * - A half-built domain of our driver's that no operation is building is a leftover: destroyed.
 * - A save file beside a running domain is removed: to restore it later would put an old memory
 *   image on newer disks.
 *
 * Unresolved: a crash of the agent between the two steps of a restart by our own decision leaves
 * the VM halted; only operations that somebody asked for are journalled.
 */
#include "agent/core/vm_queue.h"

#include "common/base/assert.h"
#include "common/base/mem.h"

#include <string.h>

#define QUICK_STOP MU_SEC(10)
#define HOLD_AFTER_FAILURE MU_SEC(30)
#define SHELL_AGE MU_SEC(60)
enum { QUICK_STOPS_MAX = 3 };

#define TO(s) (1u << (s))

static const struct {
	const char *name;
	unsigned next;
} states[_VM_QUEUE_STATE_COUNT] = {
    [VM_QUEUE_IDLE] = {"idle", TO(VM_QUEUE_RECORDING) | TO(VM_QUEUE_RUNNING)},
    [VM_QUEUE_RECORDING] = {"recording", TO(VM_QUEUE_IDLE) | TO(VM_QUEUE_RUNNING)},
    [VM_QUEUE_RUNNING] = {"running",
			  TO(VM_QUEUE_RUNNING) | TO(VM_QUEUE_IDLE) | TO(VM_QUEUE_CANCELLING)},
    /* Back to running: a step that only tidies up is not left out. */
    [VM_QUEUE_CANCELLING] = {"cancelling", TO(VM_QUEUE_IDLE) | TO(VM_QUEUE_RUNNING)},
};

static const struct {
	bool needs_definition; /* it (or its way back) starts the VM from the definition */
	bool hard;
	size_t n_steps;
	enum vm_step steps[VM_QUEUE_STEPS_MAX];
} plans[_VM_OP_COUNT] = {
    [VM_OP_START] = {true, false, 1, {VM_STEP_CREATE}},
    [VM_OP_CLEAN_SHUTDOWN] = {false, false, 1, {VM_STEP_SHUTDOWN}},
    [VM_OP_HARD_SHUTDOWN] = {false, true, 1, {VM_STEP_DESTROY}},
    [VM_OP_CLEAN_REBOOT] = {true, false, 2, {VM_STEP_REBOOT, VM_STEP_CREATE}},
    [VM_OP_HARD_REBOOT] = {true, true, 2, {VM_STEP_DESTROY, VM_STEP_CREATE}},
    [VM_OP_PAUSE] = {false, false, 1, {VM_STEP_PAUSE}},
    [VM_OP_UNPAUSE] = {false, false, 1, {VM_STEP_UNPAUSE}},
    [VM_OP_SUSPEND] = {true, false, 2, {VM_STEP_SAVE, VM_STEP_KEEP_SAVE}},
    [VM_OP_RESUME] = {true, false, 2, {VM_STEP_RESTORE, VM_STEP_DROP_SAVE}},
    [VM_OP_ADOPT] = {false, false, 1, {VM_STEP_ADOPT}},
};

static const char *const step_names[_VM_STEP_COUNT] = {
    [VM_STEP_CREATE] = "create",       [VM_STEP_RESTORE] = "restore",
    [VM_STEP_SHUTDOWN] = "shutdown",   [VM_STEP_REBOOT] = "reboot",
    [VM_STEP_DESTROY] = "destroy",     [VM_STEP_PAUSE] = "pause",
    [VM_STEP_UNPAUSE] = "unpause",     [VM_STEP_SAVE] = "save",
    [VM_STEP_KEEP_SAVE] = "keep_save", [VM_STEP_DROP_SAVE] = "drop_save",
    [VM_STEP_ADOPT] = "adopt",         [VM_STEP_CALL] = "call",
};

const char *vm_queue_state_name(enum vm_queue_state s)
{
	mu_assert(s < _VM_QUEUE_STATE_COUNT);
	return states[s].name;
}

const char *vm_step_name(enum vm_step s)
{
	mu_assert(s < _VM_STEP_COUNT);
	return step_names[s];
}

bool vm_facts_equal(const struct vm_facts *a, const struct vm_facts *b)
{
	return a->kind == b->kind && a->power == b->power && a->defined == b->defined &&
	       a->saved == b->saved && a->present == b->present && a->incomplete == b->incomplete &&
	       a->ours == b->ours && a->nameless == b->nameless &&
	       a->domid.value == b->domid.value && a->stopped == b->stopped &&
	       a->on_stop == b->on_stop;
}

void vm_queue_init(struct vm_queue *q)
{
	memset(q, 0, sizeof *q);
	q->current.op = _VM_OP_COUNT;
	q->created_at = -QUICK_STOP;
}

bool vm_queue_idle(const struct vm_queue *q)
{
	return q->state == VM_QUEUE_IDLE && !q->n_waiting;
}

static const char *name_of(const struct vm_request *r)
{
	return r->call ? r->call->name : vm_op_name(r->op);
}

static bool is_hard(const struct vm_request *r)
{
	return !r->call && plans[r->op].hard;
}

static bool is_nothing(const struct vm_request *r)
{
	return !r->call && r->op == _VM_OP_COUNT;
}

static void move(struct vm_queue *q, enum vm_queue_state to)
{
	mu_assert(states[q->state].next & TO(to));
	q->state = to;
	/* Invariants */
	mu_assert(q->n_waiting <= MU_ARRAY_SIZE(q->waiting));
	mu_assert((q->state == VM_QUEUE_IDLE) == is_nothing(&q->current));
	mu_assert(q->state != VM_QUEUE_RUNNING || q->step < q->n_steps);
}

static bool is_ours(const struct vm_queue *q)
{
	return mu_uuid_is_nil(&q->current.task);
}

static struct vm_queue_action *add(const struct vm_queue *q, struct vm_queue_actions *actions,
				   enum vm_queue_action_kind kind)
{
	struct vm_queue_action *a;

	mu_assert(actions->n < VM_QUEUE_ACTIONS_MAX);
	a = &actions->items[actions->n++];
	memset(a, 0, sizeof *a);
	a->kind = kind;
	a->task = q->current.task;
	a->op = q->current.op;
	a->serial = q->serial;
	return a;
}

/* Legality */

static int check_call(const struct vm_facts *f, const struct call_method *call,
		      struct mu_error *err)
{
	char expected[64];

	if (!(call->kinds & 1u << f->kind))
		return mu_error_set(err, MU_E_STATE, "%s: not possible of a %s", call->name,
				    vm_kind_name(f->kind));
	if (!call_allowed(call, f->power))
		return mu_error_set(err, MU_E_STATE, "%s: the VM is %s; hint: it must be %s",
				    call->name, vm_power_name(f->power),
				    call_expected(call, expected, sizeof expected));
	if (!f->defined)
		return mu_error_set(err, MU_E_STATE,
				    "%s: the VM is not managed; hint: adopt it first", call->name);
	return 0;
}

static int check_op(const struct vm_facts *f, enum vm_op op, struct mu_error *err)
{
	if (f->kind != VM_KIND_VM)
		return mu_error_set(err, MU_E_STATE,
				    "%s: a %s never runs; hint: make a VM of it with vm.clone",
				    vm_op_name(op), vm_kind_name(f->kind));
	if (!vm_op_allowed(op, f->power))
		return mu_error_set(err, MU_E_STATE, "%s: the VM is %s; hint: it must be %s",
				    vm_op_name(op), vm_power_name(f->power), vm_op_expected(op));
	if (op == VM_OP_ADOPT && f->defined)
		return mu_error_set(err, MU_E_STATE, "adopt: the VM is managed already");
	if (plans[op].needs_definition && !f->defined)
		return mu_error_set(err, MU_E_STATE,
				    "%s: the VM is not managed, there is no definition to start it "
				    "from; hint: adopt it first",
				    vm_op_name(op));
	return 0;
}

static int check(const struct vm_facts *f, const struct vm_request *r, struct mu_error *err)
{
	return r->call ? check_call(f, r->call, err) : check_op(f, r->op, err);
}

int vm_queue_accepts(const struct vm_queue *q, const struct vm_facts *facts,
		     const struct vm_request *request, struct mu_error *err)
{
	size_t max = is_hard(request) ? VM_QUEUE_MAX + VM_QUEUE_HARD : VM_QUEUE_MAX;

	if (q->n_waiting >= max)
		return mu_error_set(err, MU_E_EXHAUSTED,
				    "%s: %zu operations of this VM wait already; hint: wait for "
				    "them, or abort their tasks",
				    name_of(request), q->n_waiting);
	/* Behind others, legality is a question for later. */
	return q->state == VM_QUEUE_IDLE ? check(facts, request, err) : 0;
}

/* Ending an operation, and what comes after it */

static void show(const struct vm_queue *q, struct vm_queue_actions *actions)
{
	(void)add(q, actions, VM_ACTION_SHOW);
}

static void finish(struct vm_queue *q, const struct mu_error *err, struct vm_queue_actions *actions)
{
	struct vm_queue_action *a;

	if (!is_ours(q)) {
		a = add(q, actions, VM_ACTION_FINISH);
		a->err = *err;
	} else if (err->code != MU_E_NONE && err->code != MU_E_CANCELLED) {
		a = add(q, actions, VM_ACTION_REPORT);
		a->err = *err;
	}
	memset(&q->current, 0, sizeof q->current);
	q->current.op = _VM_OP_COUNT;
	q->cancelled = false;
	q->n_steps = q->step = 0;
	move(q, VM_QUEUE_IDLE);
}

static void plan(struct vm_queue *q)
{
	enum vm_op op = q->current.op;

	q->step = 0;
	if (q->current.call) {
		q->n_steps = 1;
		q->steps[0] = VM_STEP_CALL;
		return;
	}
	q->n_steps = plans[op].n_steps;
	memcpy(q->steps, plans[op].steps, sizeof q->steps);
	if (op == VM_OP_HARD_SHUTDOWN && q->facts.saved) {
		/* Whatever was saved goes too: an old save file must not come back to life. */
		q->n_steps = 0;
		if (q->facts.present)
			q->steps[q->n_steps++] = VM_STEP_DESTROY;
		q->steps[q->n_steps++] = VM_STEP_DROP_SAVE;
	}
}

static void start_step(struct vm_queue *q, mu_msec now, struct vm_queue_actions *actions)
{
	struct vm_queue_action *a;

	q->serial++;
	move(q, VM_QUEUE_RUNNING);
	a = add(q, actions, VM_ACTION_STEP);
	a->step = q->steps[q->step];
	if (q->current.deadline_at)
		a->deadline = q->current.deadline_at > now ? q->current.deadline_at - now : 1;
}

static int check_turn(const struct vm_queue *q, mu_msec now, struct mu_error *err)
{
	if (q->cancelled)
		return mu_error_set(err, MU_E_CANCELLED, "%s: cancelled before it began",
				    name_of(&q->current));
	if (q->current.deadline_at && q->current.deadline_at <= now)
		return mu_error_set(err, MU_E_TIMEOUT,
				    "%s: its deadline passed while it waited for its turn; nothing "
				    "was done",
				    name_of(&q->current));
	return check(&q->facts, &q->current, err);
}

/* An operation by our own decision: no task, no record. */
static void start_own(struct vm_queue *q, enum vm_op op, const enum vm_step *steps, size_t n_steps,
		      mu_msec now, struct vm_queue_actions *actions)
{
	q->current.op = op;
	q->n_steps = n_steps;
	q->step = 0;
	memcpy(q->steps, steps, n_steps * sizeof *steps);
	start_step(q, now, actions);
	show(q, actions);
}

static bool stopped_by_itself(const struct vm_facts *f)
{
	return f->present && f->ours && f->stopped != HV_SHUTDOWN_NONE &&
	       f->stopped != HV_SHUTDOWN_SUSPEND;
}

/* By a start or a resume that died with the agent, or failed: no operation of ours runs. */
static bool left_half_built(const struct vm_facts *f)
{
	return f->present && f->incomplete && f->ours;
}

/* A create that was killed before it could mark its domain as ours leaves a shell without a name.
 * So looks, for a moment, one that somebody else is building: only an old shell is dead. */
static bool is_shell(const struct vm_facts *f)
{
	return f->present && f->defined && f->incomplete && f->nameless && !f->ours;
}

static void note_shell(struct vm_queue *q, mu_msec now)
{
	if (!is_shell(&q->facts))
		q->shell_since = 0;
	else if (!q->shell_since)
		q->shell_since = now;
}

static bool is_dead_shell(const struct vm_queue *q, mu_msec now)
{
	return q->shell_since && now - q->shell_since >= SHELL_AGE;
}

static void guest_stopped(struct vm_queue *q, mu_msec now, struct vm_queue_actions *actions)
{
	static const enum vm_step steps[] = {VM_STEP_DESTROY, VM_STEP_CREATE};
	enum hv_on_event what = q->facts.on_stop;
	struct vm_queue_action *a;

	if (what == HV_ON_RESTART) {
		q->n_quick_stops = now - q->created_at < QUICK_STOP ? q->n_quick_stops + 1 : 0;
		if (q->n_quick_stops > QUICK_STOPS_MAX) {
			a = add(q, actions, VM_ACTION_REPORT);
			(void)mu_error_set(&a->err, MU_E_STATE,
					   "the guest stopped within seconds of its start %u times "
					   "in a row and is not restarted; hint: look at its "
					   "console, then start it",
					   q->n_quick_stops);
			q->n_quick_stops = 0;
			what = HV_ON_DESTROY;
		}
	}
	if (what == HV_ON_RESTART)
		start_own(q, VM_OP_CLEAN_REBOOT, steps, 2, now, actions);
	else if (what == HV_ON_DESTROY)
		start_own(q, VM_OP_HARD_SHUTDOWN, steps, 1, now, actions);
}

/* The second half of a reboot, once what was left of its domain is gone. */
static void start_again(struct vm_queue *q, mu_msec now, struct vm_queue_actions *actions)
{
	static const enum vm_step create[] = {VM_STEP_CREATE};

	/* A domain that goes loses the mark that it is ours before it is gone: wait for that. */
	if (q->facts.present && q->facts.incomplete)
		return;
	q->start_again = false;
	if (q->facts.defined && !q->facts.present && !q->facts.saved)
		start_own(q, VM_OP_CLEAN_REBOOT, create, 1, now, actions);
}

static void decide_own(struct vm_queue *q, mu_msec now, struct vm_queue_actions *actions)
{
	static const enum vm_step drop[] = {VM_STEP_DROP_SAVE};
	static const enum vm_step destroy[] = {VM_STEP_DESTROY};

	if (now < q->hold_until)
		return;
	q->hold_until = 0;
	if (left_half_built(&q->facts) || is_dead_shell(q, now))
		start_own(q, VM_OP_HARD_SHUTDOWN, destroy, 1, now, actions);
	else if (q->start_again)
		start_again(q, now, actions);
	else if (!q->facts.defined)
		return;
	else if (stopped_by_itself(&q->facts))
		guest_stopped(q, now, actions);
	else if (q->facts.present && q->facts.saved)
		start_own(q, VM_OP_RESUME, drop, 1, now, actions);
}

static void next(struct vm_queue *q, mu_msec now, struct vm_queue_actions *actions)
{
	struct mu_error err = MU_ERROR_INIT;

	while (q->state == VM_QUEUE_IDLE && q->n_waiting) {
		q->current = q->waiting[0];
		q->n_waiting--;
		memmove(q->waiting, q->waiting + 1, q->n_waiting * sizeof *q->waiting);
		move(q, VM_QUEUE_RECORDING);
		if (check_turn(q, now, &err) < 0) {
			finish(q, &err, actions);
			continue;
		}
		(void)add(q, actions, VM_ACTION_RECORD);
		show(q, actions);
		return;
	}
	if (q->state == VM_QUEUE_IDLE)
		decide_own(q, now, actions);
}

/* Cancelling */

static void cancel_current(struct vm_queue *q, mu_msec now, struct vm_queue_actions *actions)
{
	if (q->cancelled)
		return;
	q->cancelled = true;
	q->cancelled_at = now;
	if (q->state != VM_QUEUE_RUNNING)
		return;
	move(q, VM_QUEUE_CANCELLING);
	(void)add(q, actions, VM_ACTION_CANCEL_STEP);
}

static bool hard_waits(const struct vm_queue *q)
{
	return q->n_waiting && is_hard(&q->waiting[0]);
}

static void abandon(struct vm_queue *q, struct vm_queue_actions *actions)
{
	struct mu_error err;

	(void)mu_error_set(&err, MU_E_CANCELLED,
			   "%s: cancelled for %s, and given up as its %s did not stop when asked",
			   name_of(&q->current), name_of(&q->waiting[0]),
			   vm_step_name(q->steps[q->step]));
	(void)add(q, actions, VM_ACTION_ABANDON);
	q->serial++; /* whatever it says later is stale */
	finish(q, &err, actions);
}

/* To a hard operation: all but what is as hard, and not yet starting the VM again. */
static bool gives_way(const struct vm_queue *q)
{
	return !is_hard(&q->current) ||
	       (q->state == VM_QUEUE_RUNNING && q->steps[q->step] == VM_STEP_CREATE);
}

/* Events */

static void submit(struct vm_queue *q, const struct vm_request *request, mu_msec now,
		   struct vm_queue_actions *actions)
{
	bool hard = is_hard(request);
	size_t at = q->n_waiting;

	mu_assert(q->n_waiting < MU_ARRAY_SIZE(q->waiting));
	if (hard) {
		for (at = 0; at < q->n_waiting && is_hard(&q->waiting[at]);)
			at++;
		memmove(q->waiting + at + 1, q->waiting + at,
			(q->n_waiting - at) * sizeof *q->waiting);
	}
	q->waiting[at] = *request;
	q->n_waiting++;
	if (hard && q->state != VM_QUEUE_IDLE && gives_way(q))
		cancel_current(q, now, actions);
}

static void recorded(struct vm_queue *q, const struct vm_queue_event *event,
		     struct vm_queue_actions *actions)
{
	struct mu_error err = MU_ERROR_INIT;

	if (q->state != VM_QUEUE_RECORDING || !mu_uuid_equal(&event->task, &q->current.task))
		return;
	if (event->err && event->err->code != MU_E_NONE) {
		err = *event->err;
		(void)mu_error_prefix(&err,
				      "%s was not begun: its journal record could not be "
				      "written",
				      name_of(&q->current));
		finish(q, &err, actions);
	} else if (check_turn(q, event->now, &err) < 0) {
		finish(q, &err, actions);
	} else {
		plan(q);
		start_step(q, event->now, actions);
	}
}

/* The step worked, but there are more and the operation was cancelled. */
static void cancelled_between(struct vm_queue *q, struct vm_queue_actions *actions)
{
	struct mu_error err;

	(void)mu_error_set(&err, MU_E_CANCELLED, "%s: cancelled after its %s, before its %s",
			   name_of(&q->current), vm_step_name(q->steps[q->step]),
			   vm_step_name(q->steps[q->step + 1]));
	finish(q, &err, actions);
}

static void step_failed(struct vm_queue *q, const struct vm_queue_event *event,
			struct vm_queue_actions *actions)
{
	struct mu_error err = *event->err;

	if (q->step > 0)
		(void)mu_error_prefix(&err, "its %s worked, but its %s failed",
				      vm_step_name(q->steps[q->step - 1]),
				      vm_step_name(q->steps[q->step]));
	(void)mu_error_prefix(&err, "%s", name_of(&q->current));
	if (is_ours(q))
		q->hold_until = event->now + HOLD_AFTER_FAILURE;
	finish(q, &err, actions);
}

/* The guest of an adopted VM was asked to reboot, and xl's daemon has started it anew: there is no
 * need, and no room, for a second one. */
static bool started_by_others(const struct vm_queue *q, enum vm_step step)
{
	return step == VM_STEP_CREATE && q->facts.present && !q->facts.ours;
}

/* Saving is over once the domain is gone: its file must be kept, whoever cancelled. */
static bool must_go_on(const struct vm_queue *q)
{
	return q->steps[q->step] == VM_STEP_SAVE || q->steps[q->step] == VM_STEP_RESTORE;
}

static void step_done(struct vm_queue *q, const struct vm_queue_event *event,
		      struct vm_queue_actions *actions)
{
	const struct mu_error done = MU_ERROR_INIT;

	if (event->serial != q->serial ||
	    (q->state != VM_QUEUE_RUNNING && q->state != VM_QUEUE_CANCELLING))
		return; /* of an abandoned step */
	if (event->err && event->err->code != MU_E_NONE) {
		if (q->step > 0 && started_by_others(q, q->steps[q->step]))
			finish(q, &done, actions);
		else
			step_failed(q, event, actions);
		return;
	}
	if (q->steps[q->step] == VM_STEP_CREATE || q->steps[q->step] == VM_STEP_RESTORE)
		q->created_at = event->now;
	if (q->step + 1 == q->n_steps || started_by_others(q, q->steps[q->step + 1])) {
		finish(q, &done, actions);
	} else if (q->cancelled && !must_go_on(q)) {
		cancelled_between(q, actions);
	} else {
		q->step++;
		start_step(q, event->now, actions);
	}
}

static void cancel(struct vm_queue *q, const struct vm_queue_event *event,
		   struct vm_queue_actions *actions)
{
	struct vm_queue_action *a;

	if (q->state != VM_QUEUE_IDLE && mu_uuid_equal(&q->current.task, &event->task)) {
		cancel_current(q, event->now, actions);
		return;
	}
	for (size_t i = 0; i < q->n_waiting; i++) {
		if (!mu_uuid_equal(&q->waiting[i].task, &event->task))
			continue;
		a = add(q, actions, VM_ACTION_FINISH);
		a->task = event->task;
		a->op = q->waiting[i].op;
		(void)mu_error_set(&a->err, MU_E_CANCELLED, "%s: cancelled before it began",
				   name_of(&q->waiting[i]));
		q->n_waiting--;
		memmove(q->waiting + i, q->waiting + i + 1,
			(q->n_waiting - i) * sizeof *q->waiting);
		return;
	}
}

/* After a crash in the middle of a save, when nothing else has begun meanwhile. */
static void let_go_on(struct vm_queue *q, mu_msec now, struct vm_queue_actions *actions)
{
	static const enum vm_step unpause[] = {VM_STEP_UNPAUSE};

	if (q->state == VM_QUEUE_IDLE && q->facts.present)
		start_own(q, VM_OP_UNPAUSE, unpause, 1, now, actions);
}

void vm_queue_step(struct vm_queue *q, const struct vm_queue_event *event,
		   struct vm_queue_actions *actions)
{
	bool busy = q->state != VM_QUEUE_IDLE;

	q->facts = *event->facts;
	note_shell(q, event->now);
	switch (event->kind) {
	case VM_EVENT_SUBMIT:
		submit(q, event->request, event->now, actions);
		break;
	case VM_EVENT_RECORDED:
		recorded(q, event, actions);
		break;
	case VM_EVENT_STEP_DONE:
		step_done(q, event, actions);
		break;
	case VM_EVENT_CANCEL:
		cancel(q, event, actions);
		break;
	case VM_EVENT_FACTS:
		break;
	case VM_EVENT_CONTINUE:
		let_go_on(q, event->now, actions);
		break;
	case VM_EVENT_START_AGAIN:
		q->start_again = true;
		break;
	}
	if (q->state == VM_QUEUE_CANCELLING && hard_waits(q) &&
	    event->now - q->cancelled_at >= VM_QUEUE_CANCEL_GRACE)
		abandon(q, actions);
	if (q->state == VM_QUEUE_IDLE)
		next(q, event->now, actions);
	if (busy && q->state == VM_QUEUE_IDLE)
		show(q, actions);
}

static mu_msec sooner(mu_msec a, mu_msec b)
{
	return a < b ? a : b;
}

mu_msec vm_queue_wake_at(const struct vm_queue *q)
{
	mu_msec at = MU_MSEC_NEVER;

	if (q->state == VM_QUEUE_CANCELLING && hard_waits(q))
		at = sooner(at, q->cancelled_at + VM_QUEUE_CANCEL_GRACE);
	if (q->state == VM_QUEUE_IDLE && q->hold_until && q->facts.present &&
	    (left_half_built(&q->facts) || q->facts.saved || stopped_by_itself(&q->facts)))
		at = sooner(at, q->hold_until);
	if (q->state == VM_QUEUE_IDLE && q->shell_since)
		at = sooner(at, q->hold_until > q->shell_since + SHELL_AGE
				    ? q->hold_until
				    : q->shell_since + SHELL_AGE);
	return at;
}
