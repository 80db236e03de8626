/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the storage service share. An operation is a task: it waits in the queue of its
 * SR, runs on a thread (touching only the task and the SR's struct sr, which has its own lock), and
 * its results are taken over on the loop, which alone touches slots, entries and holds.
 */
#ifndef MUSTER_AGENT_STORAGE_PRIV_H
#define MUSTER_AGENT_STORAGE_PRIV_H

#include "agent/storage/disk.h"
#include "agent/storage/sr_file.h"
#include "agent/storage/storage.h"
#include "common/base/list.h"
#include "common/base/map.h"
#include "common/loop/job.h"

#include <stdatomic.h>

enum {
	STORAGE_SLOT_THREADS = 4, /* at once in one SR; what a hung server can hold up */
	STORAGE_SLOT_COPIES = 2,  /* of them, those that take long */
	STORAGE_SLOT_GIVEN = 8,   /* disks being read by somebody outside, at his speed */
	STORAGE_QUEUE_MAX = 256,  /* waiting, per SR */
	STORAGE_USES_MAX = STORAGE_SNAPSHOTS_MAX,
};

/* An SR. */
struct slot {
	struct mu_link link;
	struct storage *s;
	struct sr *sr;
	struct sr_file file;
	struct sr_caps caps;
	struct sr_usage usage;
	bool attached;
	bool visible;     /* told to the listener: not while it is being made */
	bool leaving;     /* its last task frees it */
	unsigned n_tasks; /* that name it, in whatever state */
	char trouble[MODEL_TEXT_MAX + 1];
	struct model_object shown; /* as told last */
	/* tasks */
	struct mu_link waiting;
	unsigned n_waiting;
	unsigned n_running;   /* also those of other slots that touch this one */
	unsigned n_snapshots; /* disks between prepare and end: no thread, but nobody is alone */
	unsigned n_copying;
	unsigned n_given;   /* counted in none of those */
	bool exclusive;     /* the one that runs wants to be alone */
	mu_msec look_since; /* of the look that is under way; 0 = none */
	/* scans: a newer one that was taken over makes an older one worthless */
	atomic_ullong scan_seq;
	unsigned long long scan_taken;
};

/* A VDI that a scan has shown. */
struct entry {
	struct slot *slot;
	struct sr_vdi vdi;
	struct model_object shown;
	unsigned n_reads;             /* tasks that read its data */
	unsigned long long n_writers; /* that there have been, VMs and tasks */
	bool changing;                /* a task changes it */
	bool long_task;   /* one of these takes long: who comes is refused, not kept waiting */
	const char *what; /* "vdi.export": for messages */
	bool seen;        /* by the scan that is being taken over */
};

/* Who uses a VDI; kept by id, so that a claim can come before the SR. */
struct hold {
	struct mu_link link;
	struct mu_uuid vdi;
	struct mu_uuid holder;
	bool readonly;
};

enum use_mode { USE_READ, USE_CHANGE };

struct scan_result {
	bool valid;
	struct mu_error err; /* why not */
	unsigned long long seq;
	struct sr_vdis vdis;
	struct sr_usage usage;
	struct sr_caps caps;
};

struct storage_task {
	struct mu_link link; /* in slot->waiting or storage->running */
	struct storage *s;
	const struct task_rule *rule;
	struct storage_op in;  /* a copy of the user's; path is ours */
	struct storage_op *op; /* the user's; NULL: internal, or answered already */
	struct slot *slot;
	struct slot *other; /* a second SR, or NULL */
	struct mu_timer *deadline;
	struct mu_job job;
	bool running;
	bool refused; /* its answer is on its way */
	bool cancelled;
	/* set when it begins to run */
	size_t n_uses;
	struct {
		struct mu_uuid vdi;
		enum use_mode mode;
	} uses[STORAGE_USES_MAX];
	struct sr_vdi vdi;                /* the one it is about, or the new one */
	struct sr_vdi source;             /* what is copied, the snapshot */
	struct sr_file file;              /* SR_*: as it is to be written */
	bool writes;                      /* SNAPSHOT: a VM writes the source */
	bool last_use;                    /* RELEASE: nobody else, deactivate */
	struct storage_snapshot_run *run; /* a step of it */
	bool copies;                      /* takes long: who comes meanwhile is refused */
	int64_t took_us;                  /* snapshots: the step for which a VM stands still */
	/* results of the thread */
	int r;
	struct mu_error err;
	char tag[STORAGE_TAG_MAX + 1]; /* GIVE */
	struct sr_path path;
	struct scan_result scans[2]; /* slot, other */
};

/* What the kinds of tasks differ in. */
struct task_rule {
	const char *name;
	mu_msec deadline; /* 0: none */
	bool exclusive;   /* alone in its SR */
	bool quiet;       /* changes nothing that a scan shows */
	bool urgent;      /* a VM waits for it: no queue */
	bool given;       /* as fast as somebody outside takes it: takes no place of others */
	/* Loop, when its turn comes: may it? Names its uses. NULL: always. */
	int (*check)(struct storage_task *t, struct mu_error *err);
	/* Its thread. */
	int (*run)(struct storage_task *t, struct mu_error *err);
	/* Loop, when run succeeded. May be NULL. */
	void (*apply)(struct storage_task *t);
	/* Loop, in the end, however it went, also when it never ran. May be NULL. */
	void (*end)(struct storage_task *t);
};

struct storage {
	struct mu_loop *loop;
	char *state_dir;
	struct host_id host;
	struct mu_uuid run; /* of the agent: its tags are no later one's */
	const struct sr_ops *const *drivers;
	struct storage_listener listener;
	mu_msec interval;
	struct mu_timer *tick;
	struct mu_link slots;
	struct mu_map *entries; /* by VDI id */
	struct mu_link holds;
	struct mu_link running;
	unsigned n_snapshot_runs; /* between prepare and end */
	bool closing;
	bool ending; /* closed() is on its way */
	mu_loop_cb closed;
	void *closed_ctx;
};

/* storage.c: what is known */
struct slot *slot_new(struct storage *s, const struct sr_file *file, struct sr *sr);
/* It is no more: tell the listener, refuse what waits. The last task frees it. */
void slot_leave(struct slot *slot);
void slot_free(struct slot *slot);
struct slot *slot_find(const struct storage *s, const struct mu_uuid *id);
struct entry *entry_find(const struct storage *s, const struct mu_uuid *id);
/* Tell the listener if the SR reads differently now. */
void slot_show(struct slot *slot);
void slot_take_over(struct slot *slot, struct scan_result *scan);
void slot_detached(struct slot *slot, const char *trouble);
bool storage_is_held(const struct storage *s, const struct mu_uuid *vdi, bool *ret_written);
struct hold *hold_find(const struct storage *s, const struct mu_uuid *vdi,
		       const struct mu_uuid *holder);
/* MU_E_STATE when others use it in a way that excludes this. */
int hold_check(const struct storage *s, const struct mu_uuid *vdi, const struct mu_uuid *holder,
	       bool readonly, struct mu_error *err);
void hold_add(struct storage *s, const struct mu_uuid *vdi, const struct mu_uuid *holder,
	      bool readonly);
void hold_remove(struct hold *h);

/* storage_queue.c */
struct storage_task *task_new(struct storage *s, const struct task_rule *rule);
/* What an object's tags become. They stay as they are when that were too many. */
int text_apply_tags(const struct storage_text *text, size_t *n_tags,
		    char (*tags)[MODEL_TAG_MAX + 1], struct mu_error *err);
/* Queue it; takes it over. */
void task_submit(struct storage_task *t);
void task_use(struct storage_task *t, const struct mu_uuid *vdi, enum use_mode mode);
void queue_kick(struct slot *slot);
void slot_unref(struct slot *slot);
void queue_refuse_all(struct slot *slot, const struct mu_error *err);
void storage_close_if_idle(struct storage *s);

/* storage_sr.c, storage_vdi.c: the rules */
extern const struct task_rule storage_sr_rules[];  /* SR_CREATE .. SR_DESTROY */
extern const struct task_rule storage_vdi_rules[]; /* from VDI_CREATE on */
extern const struct task_rule storage_look_rule;   /* a periodic look */
extern const struct task_rule storage_rest_rule;   /* deactivate what nobody uses */
struct disk_env task_env(struct storage_task *t);
/* Where an op goes: fills slot and other. Makes the slot of a new SR. */
int storage_route(struct storage_task *t, struct mu_error *err);
/* The VDI of that id, in an SR that is plugged. */
int entry_get(const struct storage *s, const struct mu_uuid *id, struct entry **ret,
	      struct mu_error *err);

#endif
