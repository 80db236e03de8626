/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In: what happens to one VM, a line an event; out: each line with the orders that come of it.
 *
 *     Running domid=5 defined saved incomplete ours stopped=reboot on=restart   (the facts now)
 *     submit OP|METHOD TASK [deadline=MS] | recorded TASK [fail] | done [fail TEXT] | stale
 *     cancel TASK | facts | continue | +MS (time passes) | accepts OP|METHOD
 *
 * TASK is a digit. A line that starts with a power state sets the facts for the lines below.
 */
#include "agent/core/vm_queue.h"
#include "common/base/assert.h"
#include "tests/golden/agent/golden.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct script {
	struct vm_queue q;
	struct vm_facts facts;
	mu_msec now;
	struct mu_str *out;
};

static struct mu_uuid task_of(const char *digit)
{
	struct mu_uuid u = {{0}};

	u.bytes[15] = (uint8_t)*digit;
	return u;
}

static const char *task_name(const struct mu_uuid *u)
{
	static char name[2];

	name[0] = u->bytes[15] ? (char)u->bytes[15] : '-';
	return name;
}

static struct vm_request request_of(const char *name)
{
	struct vm_request request = {.op = _VM_OP_COUNT, .call = call_find(name)};

	mu_assert(vm_op_parse(name, &request.op) || request.call);
	return request;
}

static void print_action(struct script *s, const struct vm_queue_action *a)
{
	switch (a->kind) {
	case VM_ACTION_RECORD:
		mu_str_printf(s->out, "    record %s\n", task_name(&a->task));
		return;
	case VM_ACTION_STEP:
		mu_str_printf(s->out, "    step %s", vm_step_name(a->step));
		if (a->deadline)
			mu_str_printf(s->out, " within %" PRId64, a->deadline);
		mu_str_add(s->out, "\n");
		return;
	case VM_ACTION_CANCEL_STEP:
		mu_str_add(s->out, "    cancel step\n");
		return;
	case VM_ACTION_ABANDON:
		mu_str_add(s->out, "    abandon step\n");
		return;
	case VM_ACTION_FINISH:
		mu_str_printf(s->out, "    finish %s: %s %s\n", task_name(&a->task),
			      mu_error_name(a->err.code), a->err.text);
		return;
	case VM_ACTION_SHOW:
		mu_str_printf(s->out, "    show %s of %s\n", vm_op_name(a->op),
			      task_name(&a->task));
		return;
	case VM_ACTION_REPORT:
		mu_str_printf(s->out, "    report: %s %s\n", mu_error_name(a->err.code),
			      a->err.text);
		return;
	}
	mu_assert_unreachable();
}

static void send(struct script *s, struct vm_queue_event *event)
{
	struct vm_queue_actions actions = {.n = 0};

	event->now = s->now;
	event->facts = &s->facts;
	vm_queue_step(&s->q, event, &actions);
	for (size_t i = 0; i < actions.n; i++)
		print_action(s, &actions.items[i]);
	mu_str_printf(s->out, "  = %s, %zu waiting", vm_queue_state_name(s->q.state),
		      s->q.n_waiting);
	if (vm_queue_wake_at(&s->q) != MU_MSEC_NEVER)
		mu_str_printf(s->out, ", wake in %" PRId64, vm_queue_wake_at(&s->q) - s->now);
	mu_str_printf(s->out, "%s\n", vm_queue_idle(&s->q) ? ", idle" : "");
}

static void set_facts(struct script *s, char *line)
{
	static const char *const why[] = {"none",    "poweroff", "reboot",
					  "suspend", "crash",    "watchdog"};
	static const char *const what[] = {"destroy", "restart", "preserve"};
	char *word = strsep(&line, " ");

	memset(&s->facts, 0, sizeof s->facts);
	s->facts.on_stop = HV_ON_PRESERVE;
	mu_assert(vm_power_parse(word, &s->facts.power));
	while ((word = strsep(&line, " "))) {
		s->facts.defined |= !strcmp(word, "defined");
		s->facts.saved |= !strcmp(word, "saved");
		s->facts.incomplete |= !strcmp(word, "incomplete");
		s->facts.ours |= !strcmp(word, "ours");
		s->facts.nameless |= !strcmp(word, "nameless");
		if (!strcmp(word, "template"))
			s->facts.kind = VM_KIND_TEMPLATE;
		if (mu_str_has_prefix(word, "domid=")) {
			s->facts.present = true;
			s->facts.domid.value = (uint32_t)strtoul(word + 6, NULL, 10);
		}
		for (size_t i = 0; i < MU_ARRAY_SIZE(why); i++)
			if (mu_str_has_prefix(word, "stopped=") && !strcmp(word + 8, why[i]))
				s->facts.stopped = (enum hv_shutdown)i;
		for (size_t i = 0; i < MU_ARRAY_SIZE(what); i++)
			if (mu_str_has_prefix(word, "on=") && !strcmp(word + 3, what[i]))
				s->facts.on_stop = (enum hv_on_event)i;
	}
}

static void submit(struct script *s, char *line)
{
	struct vm_request request = request_of(strsep(&line, " "));
	struct vm_queue_event event = {.kind = VM_EVENT_SUBMIT, .request = &request};

	request.task = task_of(strsep(&line, " "));
	if (line && mu_str_has_prefix(line, "deadline="))
		request.deadline_at = s->now + strtol(line + 9, NULL, 10);
	send(s, &event);
}

static void accepts(struct script *s, const char *name)
{
	struct vm_request request = request_of(name);
	struct mu_error err = MU_ERROR_INIT;

	if (vm_queue_accepts(&s->q, &s->facts, &request, &err) == 0)
		mu_str_add(s->out, "  = yes\n");
	else
		mu_str_printf(s->out, "  = %s %s\n", mu_error_name(err.code), err.text);
}

static void with_result(struct script *s, struct vm_queue_event *event, const char *fail)
{
	struct mu_error err = MU_ERROR_INIT;

	if (fail && mu_str_has_prefix(fail, "fail")) {
		(void)mu_error_set(&err, MU_E_IO, "%s", fail[4] ? fail + 5 : "disk full");
		event->err = &err;
	}
	send(s, event);
}

static void event(struct script *s, const char *verb, char *rest)
{
	struct vm_queue_event e = {.kind = VM_EVENT_FACTS, .serial = s->q.serial};

	if (!strcmp(verb, "submit")) {
		submit(s, rest);
	} else if (!strcmp(verb, "accepts")) {
		accepts(s, rest);
	} else if (!strcmp(verb, "recorded")) {
		e.kind = VM_EVENT_RECORDED;
		e.task = task_of(strsep(&rest, " "));
		with_result(s, &e, rest);
	} else if (!strcmp(verb, "done")) {
		e.kind = VM_EVENT_STEP_DONE;
		with_result(s, &e, rest);
	} else if (!strcmp(verb, "stale")) {
		e.kind = VM_EVENT_STEP_DONE;
		e.serial--;
		send(s, &e);
	} else if (!strcmp(verb, "cancel")) {
		e.kind = VM_EVENT_CANCEL;
		e.task = task_of(rest);
		send(s, &e);
	} else {
		if (!strcmp(verb, "continue"))
			e.kind = VM_EVENT_CONTINUE;
		else if (!strcmp(verb, "again"))
			e.kind = VM_EVENT_START_AGAIN;
		else if (*verb == '+')
			s->now += strtol(verb + 1, NULL, 10);
		else
			mu_assert(!strcmp(verb, "facts"));
		send(s, &e);
	}
}

void golden_case(const char *input, struct mu_str *out)
{
	struct script s = {.now = 1000000, .out = out};
	MU_CLEANUP(mu_free) char *copy = mu_xstrdup(input);
	char *rest = copy;
	char *line;

	vm_queue_init(&s.q);
	while ((line = strsep(&rest, "\n"))) {
		if (!*line || *line == '#')
			continue;
		mu_str_printf(out, "%s\n", line);
		if (*line >= 'A' && *line <= 'Z') {
			set_facts(&s, line);
		} else {
			char *verb = strsep(&line, " ");

			event(&s, verb, line);
		}
	}
}
