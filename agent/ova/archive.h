/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OVA archives: a tar of an OVF descriptor, disks, and a manifest (DSP0243). Nothing is unpacked:
 * members lie one behind the other, so a disk is a part of the file. Blocking; any thread.
 */
#ifndef MUSTER_AGENT_OVA_ARCHIVE_H
#define MUSTER_AGENT_OVA_ARCHIVE_H

#include "agent/ova/manifest.h"
#include "agent/storage/copy.h"

enum { OVA_MEMBERS_MAX = 64, OVA_DESCRIPTOR_MAX = 1 << 20 };

struct ova_member {
	char name[OVA_NAME_MAX + 1];
	int64_t offset; /* in the file */
	int64_t length;
	bool checked; /* against the manifest */
};

struct ova {
	size_t n_members;
	struct ova_member members[OVA_MEMBERS_MAX]; /* no two of a name */
	struct mu_str descriptor;
	bool has_manifest;
	bool is_signed; /* which is not looked at */
};

/* What is in it, and that its digests are right where it has a manifest: then all of it is read.
 * MU_E_INVALID. */
int ova_open(const char *path, const struct copy_watch *w, struct ova *ret_ova,
	     struct mu_error *err);
/* Takes one that was never opened (zero). */
void ova_deinit(struct ova *ova);
const struct ova_member *ova_find(const struct ova *ova, const char *name);

/* Writing: the descriptor comes first but is known last, so it gets room; blanks behind it fill
 * that up. */
struct ova_writer {
	char *path;
	int fd;
	char descriptor[OVA_NAME_MAX + 1];
	int64_t room;
	int64_t at;
	struct mu_str manifest;
};

/* A new file; MU_E_EXISTS. `name` is the VM's part of the names. */
int ova_writer_begin(struct ova_writer *w, const char *path, const char *name, size_t room,
		     struct mu_error *err);
/* What a file has becomes a member; *ret_size: its bytes. */
int ova_writer_add(struct ova_writer *w, const char *name, const char *file,
		   const struct copy_watch *watch, int64_t *ret_size, struct mu_error *err);
/* Descriptor and manifest; then it is durable. MU_E_TOO_LARGE: there is no room for it. */
int ova_writer_end(struct ova_writer *w, const struct mu_str *descriptor, struct mu_error *err);
/* Closes; the file stays. Takes one that was never begun (zero). */
void ova_writer_deinit(struct ova_writer *w);

#endif
