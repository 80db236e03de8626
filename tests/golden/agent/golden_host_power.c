/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In: what happens while a host goes down, a line an event; out: each line with the orders that
 * come of it.
 *
 *     VMs web=1 db=0,paused old=0,foreign gpu=2,passed   (that have a domain now, with their start
 * order) policy keep|shutdown|suspend [resume] [force] [deadline=MS] begin | look | done VM [fail
 * TEXT] | cancel | host [fail TEXT] | noted [fail TEXT]
 */
#include "agent/core/host_power.h"
#include "common/base/assert.h"
#include "tests/golden/agent/golden.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VMS_MAX = 16 };

struct script {
	struct host_power p;
	struct host_power_vm vms[VMS_MAX];
	size_t n_vms;
	struct mu_str *out;
};

/* The id is the name. */
static struct vm_id id_of(const char *name)
{
	struct vm_id id = {{{0}}};

	memcpy(id.uuid.bytes, name, strnlen(name, sizeof id.uuid.bytes));
	return id;
}

static const char *name_of(const struct vm_id *id)
{
	static char name[17];

	memcpy(name, id->uuid.bytes, 16);
	return name;
}

static void set_vms(struct script *s, char *line)
{
	char *word;

	s->n_vms = 0;
	(void)strsep(&line, " ");
	while ((word = strsep(&line, " "))) {
		struct host_power_vm *vm = &s->vms[s->n_vms++];
		char *name = strsep(&word, "=");

		mu_assert(s->n_vms <= VMS_MAX);
		*vm = (struct host_power_vm){.id = id_of(name), .managed = true};
		(void)snprintf(vm->name, sizeof vm->name, "%s", name);
		vm->order = (int32_t)strtol(word, NULL, 10);
		vm->paused = strstr(word, ",paused");
		vm->managed = !strstr(word, ",foreign");
		vm->passed = strstr(word, ",passed");
	}
}

static void set_policy(struct script *s, char *line)
{
	char *word = strsep(&line, " ");

	if (!host_power_vms_parse(word, &s->p.vms))
		mu_str_add(s->out, "    no such policy\n");
	while ((word = strsep(&line, " "))) {
		s->p.force |= !strcmp(word, "force");
		s->p.resume |= !strcmp(word, "resume");
		if (mu_str_has_prefix(word, "deadline="))
			s->p.vm_deadline = strtol(word + 9, NULL, 10);
	}
}

static void print_action(struct script *s, const struct host_power_action *a)
{
	switch (a->kind) {
	case HOST_POWER_ASK_VM:
		mu_str_printf(s->out, "    %s %s", vm_op_name(a->op), name_of(&a->vm));
		if (a->deadline)
			mu_str_printf(s->out, " within %" PRId64, a->deadline);
		mu_str_add(s->out, "\n");
		return;
	case HOST_POWER_CANCEL_VM:
		mu_str_printf(s->out, "    cancel %s\n", name_of(&a->vm));
		return;
	case HOST_POWER_GO:
		mu_str_add(s->out, "    go\n");
		return;
	case HOST_POWER_PROGRESS:
		mu_str_printf(s->out, "    %d %%\n", a->percent);
		return;
	case HOST_POWER_NOTE:
		mu_str_add(s->out, "    note\n");
		return;
	case HOST_POWER_SEAL:
		mu_str_add(s->out, "    seal\n");
		return;
	case HOST_POWER_FINISH:
		mu_str_printf(s->out, "    finish: %s %s\n", mu_error_name(a->err.code),
			      a->err.text);
		return;
	}
	mu_assert_unreachable();
}

static void send(struct script *s, struct host_power_event *e, const char *fail)
{
	const struct host_power_action *actions;
	struct mu_error err = MU_ERROR_INIT;
	size_t n;

	e->vms = s->vms;
	e->n_vms = s->n_vms;
	if (fail && mu_str_has_prefix(fail, "fail")) {
		(void)mu_error_set(&err, MU_E_IO, "%s", fail[4] ? fail + 5 : "no power");
		e->err = &err;
	}
	host_power_step(&s->p, e, &actions, &n);
	for (size_t i = 0; i < n; i++)
		print_action(s, &actions[i]);
	mu_str_printf(s->out, "  = %s\n", host_power_state_name(s->p.state));
}

static void event(struct script *s, const char *verb, char *rest)
{
	static const char *const verbs[] = {"begin", "look", "done", "cancel", "host", "noted"};
	struct host_power_event e = {.kind = HOST_POWER_EV_BEGIN};
	size_t i = 0;

	while (i < MU_ARRAY_SIZE(verbs) && strcmp(verb, verbs[i]))
		i++;
	mu_assert(i < MU_ARRAY_SIZE(verbs));
	e.kind = (enum host_power_event_kind)i;
	if (e.kind == HOST_POWER_EV_VM_DONE)
		e.vm = id_of(strsep(&rest, " "));
	send(s, &e, rest);
}

void golden_case(const char *input, struct mu_str *out)
{
	struct script s = {.out = out};
	MU_CLEANUP(mu_free) char *copy = mu_xstrdup(input);
	char *rest = copy;
	char *line;

	host_power_init(&s.p);
	while ((line = strsep(&rest, "\n"))) {
		char *verb;

		if (!*line || *line == '#')
			continue;
		mu_str_printf(out, "%s\n", line);
		if (mu_str_has_prefix(line, "VMs")) {
			set_vms(&s, line);
			continue;
		}
		verb = strsep(&line, " ");
		if (!strcmp(verb, "policy")) {
			set_policy(&s, line);
			mu_str_printf(out, "  = %s\n", host_power_vms_name(s.p.vms));
		} else {
			event(&s, verb, line);
		}
	}
	host_power_deinit(&s.p);
}
