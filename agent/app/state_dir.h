/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's state directory (docs/formats/agent-state-dir.md): where things are, and reading
 * them at start. Blocking, on the loop thread, before the loop runs; writing is writer.h's.
 */
#ifndef MUSTER_AGENT_APP_STATE_DIR_H
#define MUSTER_AGENT_APP_STATE_DIR_H

#include "agent/core/journal.h"
#include "agent/core/vm_spec.h"
#include "common/base/error.h"
#include "common/base/id.h"

enum { STATE_PATH_MAX = 1023 };

struct state_dir {
	char path[768];
};

/* Make what is missing (mode 0700) and take the lock. MU_E_STATE: another agent has it. */
int state_dir_open(struct state_dir *dir, const char *path, struct mu_error *err);
/* The host's id; made on first use. */
int state_dir_host_id(const struct state_dir *dir, struct host_id *ret_id, struct mu_error *err);
/* This boot's id, from the kernel. */
int state_dir_boot_id(char ret_id[static MU_UUID_TEXT], struct mu_error *err);

/* Paths; `ret` is returned. */
const char *state_dir_file(const struct state_dir *dir, const char *name,
			   char ret[static STATE_PATH_MAX + 1]);
const char *state_dir_vm(const struct state_dir *dir, const struct vm_id *id,
			 char ret[static STATE_PATH_MAX + 1]);
/* The definition that a domain or save file was built from. */
const char *state_dir_built(const struct state_dir *dir, const struct vm_id *id,
			    char ret[static STATE_PATH_MAX + 1]);
const char *state_dir_save(const struct state_dir *dir, const struct vm_id *id,
			   char ret[static STATE_PATH_MAX + 1]);
/* While it is being written. */
const char *state_dir_partial_save(const struct state_dir *dir, const struct vm_id *id,
				   char ret[static STATE_PATH_MAX + 1]);
/* The memory that is part of a snapshot: in the form of a save file. */
const char *state_dir_memory(const struct state_dir *dir, const struct vm_id *id,
			     char ret[static STATE_PATH_MAX + 1]);
const char *state_dir_partial_memory(const struct state_dir *dir, const struct vm_id *id,
				     char ret[static STATE_PATH_MAX + 1]);

/* Call `each` for every good definition (`spec` is heap, taken over). A damaged file is set aside
 * and counted in *ret_n_damaged, with a warning in the log; `keep` leaves it and only tells. */
int state_dir_load_vms(const struct state_dir *dir, bool keep,
		       void (*each)(struct vm_spec *spec, void *arg), void *arg,
		       size_t *ret_n_damaged, struct mu_error *err);
/* The same of those in built/. */
int state_dir_load_built(const struct state_dir *dir, void (*each)(struct vm_spec *spec, void *arg),
			 void *arg, struct mu_error *err);
/* Call `each` for every save file; `partial`: one that was being written. */
int state_dir_load_saves(const struct state_dir *dir,
			 void (*each)(const struct vm_id *id, bool partial, void *arg), void *arg,
			 struct mu_error *err);
/* The same of snapshots' memory. */
int state_dir_load_memory(const struct state_dir *dir,
			  void (*each)(const struct vm_id *id, bool partial, void *arg), void *arg,
			  struct mu_error *err);
int state_dir_load_journal(const struct state_dir *dir, struct journal *j, size_t *ret_n_damaged,
			   struct mu_error *err);
/* A definition's text, as its file has it. */
void state_dir_vm_text(const struct vm_spec *spec, struct mu_str *out);

#endif
