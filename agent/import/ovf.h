/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OVF descriptors (DSP0243): VMs as VirtualBox, VMware, Xen Orchestra and we ourselves write them
 * down. Reading takes what a Xen guest can have and notes what it cannot; planning makes a
 * definition of that. Bytes from outside: no document type, everything counted and bounded.
 * No I/O; any thread.
 */
#ifndef MUSTER_AGENT_IMPORT_OVF_H
#define MUSTER_AGENT_IMPORT_OVF_H

#include "agent/core/vm_spec.h"
#include "common/base/str.h"

enum {
	OVF_NAME_MAX = 99,
	OVF_TEXT_MAX = 1 << 20,
	OVF_NOTES_MAX = 24,
	OVF_NOTE_BYTES = 160,
};

enum ovf_format { OVF_VMDK, OVF_VHD, OVF_QCOW2 };

struct ovf_disk {
	char id[MODEL_NAME_MAX + 1];
	char href[OVF_NAME_MAX + 1]; /* "" = an empty disk */
	enum ovf_format format;
	int64_t capacity_bytes;
	int64_t file_bytes; /* writing: of the image */
};

struct ovf_nic {
	char network[MODEL_NAME_MAX + 1];
	char mac[18];
	bool e1000;
};

/* What was left out, or is other than it was, for a person. */
struct ovf_notes {
	size_t n; /* all of them; those that fit are here */
	char texts[OVF_NOTES_MAX][OVF_NOTE_BYTES];
};

struct ovf {
	char name[MODEL_NAME_MAX + 1];
	char description[MODEL_TEXT_MAX + 1];
	uint32_t vcpus;
	int64_t memory_bytes;
	bool uefi;
	bool windows;
	bool has_cd;
	size_t n_disks; /* in their order; no two of one file */
	struct ovf_disk disks[HV_DISKS_MAX];
	size_t n_nics;
	struct ovf_nic nics[HV_NICS_MAX];
	const char *definition; /* our own section: JSON text, in the arena; NULL = none */
	struct ovf_notes notes;
};

void ovf_note(struct ovf_notes *notes, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* MU_E_INVALID with the line; MU_E_UNSUPPORTED for what is well-formed but not for us. */
int ovf_read(struct mu_arena *a, const char *text, size_t len, struct ovf *ret_ovf,
	     struct mu_error *err);

/* The definition in the archive: it comes from outside, and may name files, programs and devices
 * of this host. */
enum ovf_trust {
	OVF_SAFE,   /* take it if it names none, else refuse it */
	OVF_TRUST,  /* take it as it is */
	OVF_IGNORE, /* only what OVF itself says counts */
	_OVF_TRUST_COUNT,
};
bool ovf_trust_parse(const char *name, enum ovf_trust *ret);

struct ovf_request {
	struct vm_id id;
	const char *name;        /* NULL: as it says */
	const char *description; /* the same */
	enum ovf_trust trust;
	bool keep_macs;
	const struct mu_uuid *vdis; /* which the descriptor's disks will be */
	/* The bridge for a card: `network` is the name that it says, `had` the bridge that it had
	 * where our definition comes from ("" = none said). "" = the host's default; NULL: refuse,
	 * with *err. */
	const char *(*bridge)(const char *network, const char *had, void *ctx,
			      struct mu_error *err);
	void *ctx;
};

struct ovf_plan {
	struct vm_spec spec;
	char vdevs[HV_DISKS_MAX][16]; /* of the descriptor's disks */
};

/* Adds to the notes. MU_E_UNSUPPORTED: the definition reaches out into the host. */
int ovf_plan(struct ovf *ovf, const struct ovf_request *rq, struct ovf_plan *ret_plan,
	     struct mu_error *err);

/* The descriptor of a VM. `disks`: the ids are VDIs that `spec` names, with file_bytes filled in;
 * `networks`: of its cards. */
void ovf_write(struct mu_str *out, const struct vm_spec *spec, const struct ovf_disk *disks,
	       size_t n_disks, const char *const *networks);

#endif
