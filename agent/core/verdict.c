/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What became of a command that the agent died on: judged by what is there now, never by what is
 * likely. The wanted state is there: success. It is not: failure, with what was found and what to
 * do. Nothing is run a second time; a reboot that had stopped the VM is finished. Half-built
 * domains are removed by vm_queue.c, which the texts announce.
 */
#include "agent/core/journal.h"

#include "common/base/assert.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void failed(struct journal_verdict *v, enum journal_follow follow, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void failed(struct journal_verdict *v, enum journal_follow follow, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	v->status = TASK_FAILURE;
	v->follow = follow;
	(void)mu_error_set(&v->err, MU_E_UNAVAILABLE, "interrupted by a restart of the agent: %s",
			   text);
}

static void after_start(const struct journal_world *w, struct journal_verdict *v)
{
	if (!w->facts.present)
		failed(v, JOURNAL_LEAVE, "the VM has no domain; hint: start it again");
	else if (w->facts.incomplete)
		failed(v, JOURNAL_LEAVE,
		       "its domain %u was only half built and is removed; hint: start it again",
		       w->facts.domid.value);
}

static void after_shutdown(const struct journal_entry *e, const struct journal_world *w,
			   struct journal_verdict *v)
{
	if (w->facts.present && e->op == VM_OP_CLEAN_SHUTDOWN)
		failed(v, JOURNAL_LEAVE,
		       "domain %u still runs; its guest may have been asked, and stop later",
		       w->facts.domid.value);
	else if (w->facts.present)
		failed(v, JOURNAL_LEAVE, "domain %u is still there; hint: ask again",
		       w->facts.domid.value);
	else if (w->facts.power == VM_SUSPENDED)
		failed(v, JOURNAL_LEAVE, "the VM's save file is still there; hint: ask again");
}

/* Who asked for a reboot wants the VM to run. What is left to do is made up for, in this boot:
 * after another one, autostart decides. */
static void after_reboot(const struct journal_entry *e, const struct journal_world *w,
			 struct journal_verdict *v)
{
	bool same_boot = !strcmp(e->boot_id, w->boot_id);
	bool same =
	    same_boot && e->domid_before >= 0 && (uint32_t)e->domid_before == w->facts.domid.value;

	if (!w->facts.present && !same_boot)
		failed(v, JOURNAL_LEAVE,
		       "the VM was stopped and not started again; hint: start it");
	else if (!w->facts.present)
		failed(v, JOURNAL_START_AGAIN, "the VM was stopped; it is started now");
	else if (same)
		failed(v, JOURNAL_LEAVE,
		       "domain %u has not been replaced; its guest may have been asked, and reboot "
		       "later",
		       w->facts.domid.value);
	else if (w->facts.incomplete)
		failed(v, JOURNAL_START_AGAIN,
		       "the VM was stopped, its new domain %u was only half built and is "
		       "replaced now",
		       w->facts.domid.value);
}

static void after_pause(const struct journal_entry *e, const struct journal_world *w,
			struct journal_verdict *v)
{
	if (w->facts.power != vm_op_target(e->op))
		failed(v, JOURNAL_LEAVE, "the VM is %s", vm_power_name(w->facts.power));
}

static void after_suspend(const struct journal_entry *e, const struct journal_world *w,
			  struct journal_verdict *v)
{
	if (w->facts.present && w->facts.stopped == HV_SHUTDOWN_SUSPEND)
		failed(v, JOURNAL_CONTINUE,
		       "the guest stood still in the middle of being saved and goes on; hint: "
		       "suspend it again");
	else if (w->facts.present)
		failed(v, JOURNAL_LEAVE, "the VM is %s, nothing was saved",
		       vm_power_name(w->facts.power));
	else if (w->facts.saved)
		return;
	else if (w->partial_save && !strcmp(e->boot_id, w->boot_id))
		v->follow = JOURNAL_KEEP_SAVE; /* the domain goes only after all is written */
	else
		failed(v, JOURNAL_LEAVE,
		       "the domain is gone and there is no complete save file; hint: start the VM");
}

static void after_resume(const struct journal_world *w, struct journal_verdict *v)
{
	if (w->facts.present && w->facts.incomplete)
		failed(v, JOURNAL_LEAVE,
		       "its domain %u was only half restored and is removed, the save file is "
		       "kept; hint: resume it again",
		       w->facts.domid.value);
	else if (!w->facts.present)
		failed(v, JOURNAL_LEAVE, "the VM is %s", vm_power_name(w->facts.power));
}

static void judge(const struct journal_entry *e, const struct journal_world *w,
		  struct journal_verdict *v)
{
	switch (e->op) {
	case VM_OP_START:
		after_start(w, v);
		return;
	case VM_OP_CLEAN_SHUTDOWN:
	case VM_OP_HARD_SHUTDOWN:
		after_shutdown(e, w, v);
		return;
	case VM_OP_CLEAN_REBOOT:
	case VM_OP_HARD_REBOOT:
		after_reboot(e, w, v);
		return;
	case VM_OP_PAUSE:
	case VM_OP_UNPAUSE:
		after_pause(e, w, v);
		return;
	case VM_OP_SUSPEND:
		after_suspend(e, w, v);
		return;
	case VM_OP_RESUME:
		after_resume(w, v);
		return;
	case VM_OP_ADOPT:
		if (!w->facts.defined)
			failed(v, JOURNAL_LEAVE, "no definition was written; hint: adopt it again");
		return;
	/* GCOVR_EXCL_START: an action has an operation */
	case _VM_OP_COUNT:
		break;
	}
	mu_assert_unreachable();
	/* GCOVR_EXCL_STOP */
}

void journal_verdict(const struct journal_entry *e, const struct journal_world *world,
		     struct journal_verdict *ret_verdict)
{
	struct journal_verdict v = {.status = TASK_SUCCESS, .follow = JOURNAL_LEAVE};

	mu_assert(e->stage != JOURNAL_DONE);
	if (e->stage == JOURNAL_ACCEPTED) {
		failed(&v, JOURNAL_LEAVE, "it had not begun, nothing was done; hint: ask again");
	} else if (e->kind == JOURNAL_CALL) {
		failed(&v, JOURNAL_LEAVE,
		       "how far it had come is not known; hint: look at the object before asking "
		       "again");
		v.status = TASK_INTERRUPTED;
	} else if (e->kind != JOURNAL_ACTION) {
		failed(&v, JOURNAL_LEAVE,
		       "the definition may or may not have been changed; hint: send it again, "
		       "which is harmless");
		v.status = TASK_INTERRUPTED;
	} else {
		judge(e, world, &v);
	}
	*ret_verdict = v;
}
