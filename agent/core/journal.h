/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command journal: what makes a command run at most once, whatever crashes. An entry is
 * accepted, started, done and finally forgotten; each change is one line that the caller appends
 * to the file, durably, before it acts on it (docs/formats/agent-state-dir.md). After a crash
 * journal_verdict() says what became of what was not done. Pure; owned by the loop thread.
 */
#ifndef MUSTER_AGENT_CORE_JOURNAL_H
#define MUSTER_AGENT_CORE_JOURNAL_H

#include "agent/core/vm_queue.h"
#include "common/base/str.h"
#include "common/model/task.h"

enum {
	JOURNAL_ENTRIES_MAX = 1024,   /* more are refused: the aggregator acknowledges too slowly */
	JOURNAL_LOCAL_DONE_MAX = 128, /* finished local ones kept for being asked about */
	JOURNAL_ARGUMENTS_MAX = 4 << 20, /* bytes of all that is not done */
	JOURNAL_TEXT_MAX = 32 << 20,     /* a file that was not rewritten when it wanted to be */
};

enum journal_kind {
	JOURNAL_ACTION, /* a VM operation */
	JOURNAL_DEFINE,
	JOURNAL_UNDEFINE,
	JOURNAL_CALL,
	_JOURNAL_KIND_COUNT,
};

enum journal_stage {
	JOURNAL_ACCEPTED, /* it exists; nothing was done */
	JOURNAL_STARTED,  /* something may have been done */
	JOURNAL_DONE,     /* its result is known */
	_JOURNAL_STAGE_COUNT,
};

struct journal_entry {
	struct mu_uuid task; /* the command's id */
	enum journal_kind kind;
	enum vm_op op;   /* JOURNAL_ACTION, else _VM_OP_COUNT */
	struct vm_id vm; /* that it is about; nil: a call on something else */
	/* JOURNAL_CALL */
	char method[CALL_METHOD_MAX + 1];
	struct mu_uuid object;
	char *arguments;               /* JSON text, the journal's own copy; NULL once it is DONE */
	bool local;                    /* asked for on this host: nobody acknowledges it */
	char user[MODEL_NAME_MAX + 1]; /* who asked */
	mu_msec accepted_at;           /* wall clock, as all times here */
	enum journal_stage stage;
	/* STARTED */
	mu_msec started_at;
	enum vm_power power_before;
	int64_t domid_before; /* -1 = no domain */
	char boot_id[MU_UUID_TEXT];
	/* DONE */
	mu_msec finished_at;
	enum task_status status;
	struct mu_error err;
	char
	    value[CALL_VALUE_MAX + 1]; /* JOURNAL_CALL, success: what it gives back, "" = nothing */
};

struct journal;

struct journal *journal_new(void);
/* Takes NULL; returns NULL. */
struct journal *journal_free(struct journal *j);
MU_DEFINE_CLEANUP(journal_free, struct journal *);

/* Read a file's text. Lines that are damaged are left out and counted: each stands for itself, and
 * the last one may have been cut by the crash. Entries over the bound are dropped, oldest first. */
void journal_load(struct journal *j, const char *text, size_t len, size_t *ret_n_damaged);

/* Each appends its line to `out`. */

/* A new entry (stage and what follows are set here; `arguments` are copied). MU_E_EXISTS,
 * MU_E_EXHAUSTED. */
int journal_accept(struct journal *j, const struct journal_entry *e, struct mu_str *out,
		   struct mu_error *err);
/* The entry must be ACCEPTED. */
void journal_start(struct journal *j, const struct mu_uuid *task, const struct vm_facts *before,
		   const char *boot_id, mu_msec now, struct mu_str *out);
/* The entry must not be DONE. `err` NULL or code MU_E_NONE: success. `value` NULL: none. */
void journal_done(struct journal *j, const struct mu_uuid *task, enum task_status status,
		  const struct mu_error *err, const char *value, mu_msec now, struct mu_str *out);
/* Unknown ids are fine. */
void journal_forget(struct journal *j, const struct mu_uuid *task, struct mu_str *out);

const struct journal_entry *journal_find(const struct journal *j, const struct mu_uuid *task);
/* In order of acceptance; *iter starts at 0. */
const struct journal_entry *journal_next(const struct journal *j, size_t *iter);
size_t journal_size(const struct journal *j);
/* The file holds mostly dead lines: replace it by journal_encode()'s text. */
bool journal_wants_rewrite(const struct journal *j);
void journal_encode(struct journal *j, struct mu_str *out);

/* After a crash */

struct journal_world {
	const char *boot_id;
	struct vm_facts facts;
	bool partial_save; /* there is a partial save file */
};

/* What has to be done about it besides writing the verdict down. */
enum journal_follow {
	JOURNAL_LEAVE,
	JOURNAL_CONTINUE,    /* the guest that stands still in the middle of a save */
	JOURNAL_KEEP_SAVE,   /* the partial save file is complete */
	JOURNAL_START_AGAIN, /* the reboot has stopped the VM: start it, as was asked */
};

struct journal_verdict {
	enum task_status status;
	struct mu_error err;
	enum journal_follow follow;
	char value[CALL_VALUE_MAX + 1]; /* success of a call */
};

/* `e` is not DONE. Of a call that had begun it says that nothing is known: its handler may know
 * better. */
void journal_verdict(const struct journal_entry *e, const struct journal_world *world,
		     struct journal_verdict *ret_verdict);

#endif
