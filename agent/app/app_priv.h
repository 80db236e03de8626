/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's state, for the files of this folder only. Who writes what:
 * agent.c lifecycle, facts.c the view, objects.c what is no VM, storage.c SRs and VDIs, ops.c the
 * queues, calls*.c calls, console.c the consoles, tasks.c tasks and journal, define.c definitions,
 * startup.c what was there before.
 */
#ifndef MUSTER_AGENT_APP_APP_PRIV_H
#define MUSTER_AGENT_APP_APP_PRIV_H

#include "agent/app/app.h"
#include "agent/app/state_dir.h"
#include "agent/app/writer.h"
#include "agent/core/autostart.h"
#include "agent/core/object_view.h"
#include "agent/core/resume_list.h"
#include "agent/core/vm_queue.h"
#include "agent/core/vm_view.h"
#include "agent/hv/hv.h"
#include "agent/storage/storage.h"

struct app {
	struct mu_loop *loop;
	struct state_dir dir;
	struct host_id id;
	char boot_id[MU_UUID_TEXT];
	char name[MODEL_NAME_MAX + 1]; /* "" = the driver's */
	struct hv *hv;
	bool simulated; /* nothing of this machine counts */
	struct writer *writer;
	struct mu_link listeners;
	bool stopping;
	struct metrics *metrics; /* NULL: none yet, or no more */
	/* facts.c */
	struct model_host host;
	char address[MODEL_ADDR_MAX + 1];
	struct vm_view *view;
	struct hv_domain *domains; /* HV_DOMAINS_MAX: as listed last */
	size_t n_domains;
	bool domains_known; /* the last listing worked */
	struct hv_watch watch;
	struct mu_timer *look;
	mu_msec healed_at;
	/* objects.c */
	struct object_view *objects;
	bool objects_full; /* was logged */
	/* storage.c */
	struct storage *storage;        /* NULL: stopping */
	struct mu_timer *verdict_timer; /* verdicts that wait for the SRs are given then */
	/* transfer.c */
	struct transfer_hub *transfers;       /* NULL: stopping */
	struct mu_link archives;              /* of VMs, being made for downloads */
	struct app_listener archive_listener; /* tells when they are */
	/* disks.c */
	struct mu_link disks;     /* VDIs that VMs hold */
	struct mu_link disk_uses; /* struct disks_use that are not ended */
	struct mu_timer *disk_timer;
	/* ops.c */
	struct mu_map *vms; /* struct app_vm by id */
	struct mu_timer *wake;
	mu_msec wake_at;
	size_t n_steps; /* that run now */
	/* calls.c */
	struct mu_link calls; /* struct app_call that run */
	struct mu_link thaws; /* struct quiesce: of guests that the last run may have left frozen */
	mu_loop_cb calls_stopped;
	void *calls_stopped_arg;
	/* Deletes the disks of a VM that is deleted, as far as they are ours; NULL: no disk is, as
	 * long as definitions name paths. */
	void (*delete_disks)(struct app *app, const struct vm_spec *spec,
			     void (*done)(void *arg, const struct mu_error *err), void *arg);
	mu_loop_cb restart; /* NULL once asked for, or when nobody would start us again */
	void *restart_arg;
	/* tasks.c */
	struct journal *journal;
	struct mu_map *tasks; /* struct app_task by id */
	/* startup.c */
	struct vm_id *partials; /* partial save files found at start */
	size_t n_partials;
	size_t n_damaged_lines; /* of the journal */
	size_t n_damaged_vms;
	struct mu_uuid *late; /* tasks whose verdict waits for the SRs */
	size_t n_late;
	struct autostart_vm *autostart;
	size_t n_autostart;
	size_t next_autostart;
	mu_msec autostart_from;
	struct mu_timer *autostart_timer;
	/* host.c */
	const char *sysfs; /* where the hardware is described; NULL: nowhere, the host is a model */
	struct model_host machine; /* what never changes of it */
	/* pcis.c */
	struct host_pci_watch *pci_watch; /* NULL: stopped, or no hardware */
	struct hv_host_pci *pcis;         /* HV_HOST_PCI_MAX, as the driver told last */
	size_t n_pcis;
	/* networks.c */
	struct network *network; /* NULL: none, because of `network_err`, or stopped */
	struct mu_error network_err;
	/* host.c */
	struct mu_link reads;
	size_t n_reads;
	struct power_run *power; /* host_power.c: the host is about to go down; NULL = it is not */
	const char *power_program; /* "systemctl"; NULL: there is nothing to switch */
	struct {
		bool on;
		mu_msec since; /* 0 = unknown */
		char by[MODEL_NAME_MAX + 1];
	} maintenance;
	/* resuming.c */
	struct {
		struct resume_list list;
		struct mu_link under_way;
		struct app_listener listener;
		bool begun; /* the last run has been judged */
	} resuming;
	bool host_stopping; /* goes on when the last one has ended */
	/* console.c */
	struct console_hub *consoles;
	struct app_listener console_listener;
	/* app.c */
	mu_loop_cb stopped;
	void *stopped_arg;
};

/* A VM that was operated, or stopped by itself. */
struct app_vm {
	struct vm_id id;
	struct vm_queue queue;
	/* The step that runs, to be cancelled; NULL = none or one of ours on files. */
	struct app_step *step;
};

struct app_task {
	struct model_task model;
	struct task_lines lines;
	bool local;
};

/* facts.c */
void facts_init(struct app *app);
void facts_deinit(struct app *app);
/* Begin the slow full listing. */
void facts_start(struct app *app);
/* List the domains now and tell everybody what changed. */
void facts_relist(struct app *app);
/* After a change of the view: tell everybody. */
void facts_publish(struct app *app);

/* objects.c */
void objects_init(struct app *app);
void objects_deinit(struct app *app);

/* storage.c */
int app_storage_open(struct app *app, struct mu_error *err);
/* Plug; then what waits for that: verdicts, disks. */
void app_storage_start(struct app *app);
/* All its callbacks have come before done(arg). */
void app_storage_close(struct app *app, mu_loop_cb done, void *arg);

/* transfer.c */
struct transfer_hub;
/* `dir` NULL: in the state directory. */
int transfers_open(struct app *app, const char *dir, struct mu_error *err);
/* Uploads stay. */
void transfers_close(struct app *app, mu_loop_cb done, void *arg);

/* ops.c */
void ops_init(struct app *app);
void ops_deinit(struct app *app);
/* May it be put in? The task is then journalled as accepted by the caller, and submitted. */
int ops_check(struct app *app, const struct vm_id *id, const struct vm_request *request,
	      struct mu_error *err);
void ops_submit(struct app *app, const struct vm_id *id, const struct vm_request *request);
void ops_cancel(struct app *app, const struct vm_id *id, const struct mu_uuid *task);
/* Has it begun what goes on to its end whoever asks it to stop? */
bool ops_goes_on(const struct app *app, const struct vm_id *id, const struct mu_uuid *task);
/* The VM changed. */
void ops_facts(struct app *app, const struct vm_id *id);
/* What the last run died on goes on: VM_EVENT_CONTINUE or VM_EVENT_START_AGAIN. */
void ops_continue(struct app *app, const struct vm_id *id, enum vm_queue_event_kind how);
/* Nothing runs and nothing waits. */
bool ops_idle(const struct app *app, const struct vm_id *id);

/* tasks.c */
void tasks_init(struct app *app);
void tasks_deinit(struct app *app);
/* Journal and show a new task; `accepted` (may be NULL) when it is durable. */
int tasks_accept(struct app *app, const struct journal_entry *e, mu_msec deadline,
		 writer_done accepted, void *arg, struct mu_error *err);
/* Write the start record, then `recorded`. */
void tasks_start(struct app *app, const struct mu_uuid *task, const struct vm_facts *facts,
		 writer_done recorded, void *arg);
void tasks_progress(struct app *app, const struct mu_uuid *task, int percent);
/* Note something of it, for people; it is told with the result, and is gone after a crash. */
void tasks_say(struct app *app, const struct mu_uuid *task, bool warning, const char *text);
/* What a call gives back, before its tasks_finish(). */
void tasks_set_value(struct app *app, const struct mu_uuid *task, const char *value);
/* Write the result, then show it. `err` NULL or code MU_E_NONE: success. */
void tasks_finish(struct app *app, const struct mu_uuid *task, enum task_status status,
		  const struct mu_error *err);
/* Show what the journal had at start. */
void tasks_load(struct app *app);
/* Is the id known? If its result is, tell it again. */
bool tasks_tell_known(struct app *app, const struct mu_uuid *task);

/* define.c */
/* JSON's tree -> spec, or why not; also checks that the name is free on this host. */
int define_decode(struct app *app, const struct mu_value *definition, struct vm_spec *ret_spec,
		  struct mu_error *err);
/* Is its name free on this host? */
int define_check_name(const struct app *app, const struct vm_spec *spec, struct mu_error *err);
/* And the addresses that it says? Not for what runs already, or keeps them on purpose. */
int define_check_macs(const struct app *app, const struct vm_spec *spec, struct mu_error *err);
/* May it be undefined now? */
int define_removable(struct app *app, const struct vm_id *id, struct mu_error *err);
/* Remove the file, then the definition from the view. */
void define_remove(struct app *app, const struct vm_id *id, app_defined done, void *arg);
/* Write `spec`'s file, then take it into the view. What a domain or a save file was built from is
 * kept beside it, as long as that is something else. */
void define_store(struct app *app, const struct vm_spec *spec, app_defined done, void *arg);
/* The same after a live change: `built` is what the domain is by now. */
void define_store_changed(struct app *app, const struct vm_spec *spec, const struct vm_spec *built,
			  app_defined done, void *arg);
/* A live change of which the definition takes no part: it stays as it is now. */
void define_note(struct app *app, const struct vm_id *id, const struct vm_spec *built,
		 app_defined done, void *arg);
/* Is it the definition? Somebody may have replaced that while a domain was being changed. */
bool define_is(const struct app *app, const struct vm_spec *spec);
/* A domain is about to be built from the definition: nothing else is to be remembered. false: there
 * is nothing else, and done() does not come. */
bool define_build(struct app *app, const struct vm_id *id, app_defined done, void *arg);
/* The definition as JSON; of a domain that has none, what its configuration comes to. */
int define_text(struct app *app, const struct vm_id *id, struct mu_str *out, struct mu_error *err);
/* Read a domain's configuration and store it as its definition. */
void define_adopt(struct app *app, const struct vm_id *id, app_defined done, void *arg);

/* console.c */
void consoles_init(struct app *app);
void consoles_deinit(struct app *app);

/* startup.c */
/* Definitions, save files, journal. */
int startup_load(struct app *app, struct mu_error *err);
/* With the driver: the domains, then what the last run left undone, then autostart. */
void startup_resume(struct app *app);
/* The verdicts that waited for the SRs; `anyway`: they were waited for long enough. */
void startup_judge_late(struct app *app, bool anyway);
void startup_deinit(struct app *app);

/* host.c */
/* Once, when the driver is there. */
void host_learn(struct app *app);
/* What the driver does not say of the host. */
void host_add_facts(const struct app *app, struct model_host *h);
/* networks.c: with an error in the log, and without networks, if they cannot be had. */
void networks_init(struct app *app, uint64_t seed);
/* Our own address may be another one. */
void networks_set_address(struct app *app);
/* host_check_stopped() when they are gone. */
void networks_stop(struct app *app);
/* pcis.c */
void pcis_init(struct app *app);
void pcis_deinit(struct app *app);
/* Domains or their devices changed: who has what now? */
void pcis_look(struct app *app);
/* host_check_stopped() when it is over. */
void pcis_stop(struct app *app);
/* controller.c: what has domain 0 now? */
void controller_look(struct app *app);
/* resuming.c: VMs that were suspended for a reboot of the host */
void resuming_init(struct app *app);
void resuming_deinit(struct app *app);
void resuming_load(struct app *app);
/* Could VMs go on after a reboot that begins now? */
int resuming_check(const struct app *app, struct mu_error *err);
/* Durably, before the first one is suspended, and before the host goes. */
void resuming_note(struct app *app, const struct host_power_vm *vms, size_t n, const char *user,
		   void (*done)(void *arg, const struct mu_error *err), void *arg);
void resuming_seal(struct app *app, void (*done)(void *arg, const struct mu_error *err), void *arg);
/* The host stays up: those that were suspended go on now. */
void resuming_now(struct app *app);
/* In a start of the agent, when it is time: what cannot go on is let go. */
void resuming_begin(struct app *app);
/* Is it to go on, in this boot? */
bool resuming_has(const struct app *app, const struct vm_id *id);
void resuming_go(struct app *app, const struct vm_id *id);
/* maintenance.c */
void maintenance_load(struct app *app);
/* May a VM be started, resumed now? Other operations always may. `anyway`: maintenance does not
 * count. */
int maintenance_admits(const struct app *app, enum vm_op op, bool anyway, struct mu_error *err);
/* host_power.c */
void host_power_free(struct app *app);
/* End the readings; app_host_stopped() when there are none. */
void host_stop(struct app *app);
void host_check_stopped(struct app *app);
/* agent.c */
void app_host_stopped(struct app *app);

#define app_each_listener(it, app) mu_list_each(it, &(app)->listeners)

#endif
